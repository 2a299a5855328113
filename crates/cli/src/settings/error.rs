//! What can be wrong with settings.

use std::path::PathBuf;

/// Why settings cannot be resolved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The name is not in the catalogue.
    #[error("{place}: there is no setting `{key}`")]
    UnknownKey {
        /// File and line, `-c …` or `environment`.
        place: String,
        /// The name.
        key: String,
        /// The name that was probably meant.
        nearest: Option<String>,
    },
    /// The value does not fit.
    #[error("{place}: `{key}` cannot be `{value}`: it is {expected}")]
    BadValue {
        /// File and line, variable or flag.
        place: String,
        /// The setting.
        key: &'static str,
        /// The value.
        value: String,
        /// What would fit.
        expected: String,
    },
    /// `-c` without `=`.
    #[error("-c: `{text}` is no `key=value`")]
    NotAPair {
        /// What was given.
        text: String,
    },
    /// The file cannot be read.
    #[error("{}: cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{}:{line}: {message}", path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
}

impl SettingsError {
    /// What to do about it.
    pub(crate) fn hints(&self) -> Vec<String> {
        let list = "`astra --show-settings` lists them all".to_owned();
        match self {
            Self::UnknownKey { nearest, .. } => {
                nearest.iter().map(|name| format!("did you mean `{name}`?")).chain([list]).collect()
            }
            Self::BadValue { .. } => Vec::new(),
            Self::NotAPair { .. } => vec!["for example `-c episode.max_turns=16`".to_owned(), list],
            Self::Unreadable { .. } => vec!["check `--config` and ASTRA_CONFIG".to_owned()],
            Self::BadFile { .. } => vec!["the file is TOML; strings stand in quotes".to_owned()],
        }
    }
}
