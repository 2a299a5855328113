//! Settings, resolved once: flag > `-c key=value` > `ASTRA_*` > file > default. After that only [`Settings`] travels.
//!
//! What exists is in `catalogue`; where a value came from is kept, so that `--show-settings` can say it. An unknown
//! key or an impossible value is an error that names its place, never a warning: a typo must not run for a night.

mod catalogue;
mod error;
mod file;
mod models;

pub(crate) use error::SettingsError;
pub(crate) use models::{Models, Role};

use catalogue::{CATALOGUE, Key, Kind};
use serde_json::{Map, Value as Json, json};
use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything that a command needs to know beyond its own arguments.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Python that runs tool code; absent searches the PATH.
    pub(crate) python: Option<PathBuf>,
    /// Worker threads.
    pub(crate) threads: NonZeroUsize,
    /// Seed of everything drawn.
    pub(crate) seed: u64,
    /// Whether to run although protections are missing.
    pub(crate) accept_missing_protections: bool,
    /// Limits of tool calls.
    pub(crate) sandbox: SandboxSettings,
    /// Bounds of episodes.
    pub(crate) episode: EpisodeSettings,
    /// File in which answers of models are kept.
    pub(crate) journal: PathBuf,
    /// Models that can be asked.
    pub(crate) models: Models,
    entries: Vec<Entry>,
}

/// Limits of one tool call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SandboxSettings {
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
    pub(crate) memory_bytes: u64,
    pub(crate) output_bytes: usize,
}

/// Bounds of an episode and its reward.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct EpisodeSettings {
    pub(crate) max_turns: usize,
    pub(crate) max_calls: usize,
    pub(crate) failure_rate: f64,
    pub(crate) reward: String,
}

/// Where the layers come from.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    /// Setting, value, the flag that gave it.
    pub(crate) flags: Vec<(&'static str, String, &'static str)>,
    /// `key=value` texts of `-c`.
    pub(crate) pairs: Vec<String>,
    /// `ASTRA_*` variables.
    pub(crate) environment: Vec<(String, String)>,
    /// `--config`.
    pub(crate) file: Option<PathBuf>,
    /// Folder whose `astra.toml` is read when no file is named.
    pub(crate) folder: Option<PathBuf>,
}

/// A value of some kind.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Number(f64),
    Flag(bool),
}

#[derive(Clone, Debug)]
struct Entry {
    key: &'static Key,
    value: Value,
    origin: String,
}

/// Puts a layer on top.
fn lay(entries: &mut [Entry], layer: impl IntoIterator<Item = Entry>) {
    for found in layer {
        if let Some(entry) = entries.iter_mut().find(|entry| entry.key.name == found.key.name) {
            *entry = found;
        }
    }
}

impl Settings {
    /// Merges the layers.
    pub(crate) fn resolve(layers: &Layers) -> Result<Self, SettingsError> {
        let mut entries = Vec::with_capacity(CATALOGUE.len());
        for key in CATALOGUE {
            let value = checked(key, key.default.trim_matches('"'), "default")?;
            entries.push(Entry { key, value, origin: "default".to_owned() });
        }
        let (file, models) = file::layer(layers)?;
        for layer in [file, environment(&layers.environment)?, pairs(&layers.pairs)?, flags(&layers.flags)?] {
            lay(&mut entries, layer);
        }
        Ok(Self::build(entries, models))
    }

    /// These settings with some given by flags on top.
    pub(crate) fn with(&self, given: &[(&'static str, String, &'static str)]) -> Result<Self, SettingsError> {
        let mut entries = self.entries.clone();
        lay(&mut entries, flags(given)?);
        Ok(Self::build(entries, self.models.clone()))
    }

    fn build(entries: Vec<Entry>, models: Models) -> Self {
        let find = |name: &str| entries.iter().find(|entry| entry.key.name == name).map(|entry| &entry.value);
        let text = |name: &str| match find(name) {
            Some(Value::Text(text)) => text.clone(),
            Some(Value::Integer(_) | Value::Number(_) | Value::Flag(_)) | None => String::new(),
        };
        // Kinds were checked on the way in, so the stand-ins below are never used.
        let whole = |name: &str| match find(name) {
            Some(Value::Integer(number)) => u64::try_from(*number).unwrap_or(0),
            Some(Value::Text(_) | Value::Number(_) | Value::Flag(_)) | None => 0,
        };
        let size = |name: &str| usize::try_from(whole(name)).unwrap_or(usize::MAX);
        let share = match find("episode.failure_rate") {
            Some(Value::Number(number)) => *number,
            Some(Value::Text(_) | Value::Integer(_) | Value::Flag(_)) | None => 0.0,
        };
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            python: Some(text("python")).filter(|path| !path.is_empty()).map(PathBuf::from),
            threads: NonZeroUsize::new(size("threads")).unwrap_or(cores),
            seed: whole("seed"),
            accept_missing_protections: find("accept_missing_protections") == Some(&Value::Flag(true)),
            sandbox: SandboxSettings {
                cpu: Duration::from_millis(whole("sandbox.cpu_ms")),
                wall: Duration::from_millis(whole("sandbox.wall_ms")),
                memory_bytes: whole("sandbox.memory_mib") << 20,
                output_bytes: size("sandbox.output_kib") << 10,
            },
            episode: EpisodeSettings {
                max_turns: size("episode.max_turns"),
                max_calls: size("episode.max_calls"),
                failure_rate: share,
                reward: text("episode.reward"),
            },
            journal: PathBuf::from(text("journal")),
            models,
            entries,
        }
    }

    /// The settings as a file that would give them again, each with where its value came from.
    pub(crate) fn to_toml(&self) -> String {
        let mut out = String::new();
        let mut section = "";
        for Entry { key, value, origin } in &self.entries {
            let (table, name) = key.name.split_once('.').unwrap_or(("", key.name));
            if table != section {
                section = table;
                let _ = writeln!(out, "\n[{table}]");
            }
            let _ = writeln!(out, "# {}; {}", key.help, key.variable);
            let _ = writeln!(out, "{name} = {}  # from {origin}", value.to_toml());
        }
        let models = self.models.to_toml();
        if !models.is_empty() {
            let _ = write!(out, "\n{models}");
        }
        out
    }

    /// Name → value, for manifests and summaries.
    pub(crate) fn to_json(&self) -> Json {
        let fields: Map<String, Json> =
            self.entries.iter().map(|entry| (entry.key.name.to_owned(), entry.value.to_json())).collect();
        Json::Object(fields)
    }
}

impl Value {
    fn to_toml(&self) -> String {
        match self {
            Self::Text(text) => toml::Value::String(text.clone()).to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Number(number) => format!("{number:?}"),
            Self::Flag(flag) => flag.to_string(),
        }
    }

    fn to_json(&self) -> Json {
        match self {
            Self::Text(text) => json!(text),
            Self::Integer(number) => json!(number),
            Self::Number(number) => json!(number),
            Self::Flag(flag) => json!(flag),
        }
    }
}

/// The value of a text for this key.
fn checked(key: &'static Key, text: &str, place: &str) -> Result<Value, SettingsError> {
    let refused = |expected: String| SettingsError::BadValue {
        place: place.to_owned(),
        key: key.name,
        value: text.to_owned(),
        expected,
    };
    match key.kind {
        Kind::Path => Ok(Value::Text(text.to_owned())),
        Kind::Integer(least, most) => match text.parse() {
            Ok(number) if (least..=most).contains(&number) => Ok(Value::Integer(number)),
            Ok(_) | Err(_) => Err(refused(format!("a whole number from {least} to {most}"))),
        },
        Kind::Share => match text.parse() {
            Ok(number) if (0.0..=1.0).contains(&number) => Ok(Value::Number(number)),
            Ok(_) | Err(_) => Err(refused("a number from 0 to 1".to_owned())),
        },
        Kind::Flag => match text {
            "true" | "1" => Ok(Value::Flag(true)),
            "false" | "0" => Ok(Value::Flag(false)),
            _ => Err(refused("`true` or `false`".to_owned())),
        },
        Kind::Choice(words) => {
            if words.contains(&text) {
                Ok(Value::Text(text.to_owned()))
            } else {
                Err(refused(format!("one of {}", words.join(", "))))
            }
        }
    }
}

fn known(name: &str, place: &str) -> Result<&'static Key, SettingsError> {
    catalogue::find(name).ok_or_else(|| SettingsError::UnknownKey {
        place: place.to_owned(),
        key: name.to_owned(),
        nearest: nearest(name, CATALOGUE.iter().map(|key| key.name)),
    })
}

fn environment(variables: &[(String, String)]) -> Result<Vec<Entry>, SettingsError> {
    let mut layer = Vec::new();
    for (variable, text) in variables.iter().filter(|(variable, _)| variable != crate::env::CONFIG) {
        let Some(key) = CATALOGUE.iter().find(|key| key.variable == variable) else {
            return Err(SettingsError::UnknownKey {
                place: "environment".to_owned(),
                key: variable.clone(),
                nearest: nearest(variable, CATALOGUE.iter().map(|key| key.variable)),
            });
        };
        layer.push(Entry { key, value: checked(key, text, variable)?, origin: variable.clone() });
    }
    Ok(layer)
}

fn pairs(texts: &[String]) -> Result<Vec<Entry>, SettingsError> {
    let mut layer = Vec::new();
    for pair in texts {
        let Some((name, text)) = pair.split_once('=') else {
            return Err(SettingsError::NotAPair { text: pair.clone() });
        };
        let place = format!("-c {pair}");
        let key = known(name.trim(), &place)?;
        let value = checked(key, text.trim().trim_matches('"'), &place)?;
        layer.push(Entry { key, value, origin: "-c".to_owned() });
    }
    Ok(layer)
}

fn flags(given: &[(&'static str, String, &'static str)]) -> Result<Vec<Entry>, SettingsError> {
    let mut layer = Vec::new();
    for (name, text, flag) in given {
        let key = known(name, flag)?;
        layer.push(Entry { key, value: checked(key, text, flag)?, origin: (*flag).to_owned() });
    }
    Ok(layer)
}

/// The known name that a person most likely meant.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let (distance, best) =
        known.map(|other| (strsim::levenshtein(name, other), other)).min_by_key(|(at, _)| *at)?;
    (distance <= 2.max(name.chars().count() / 3)).then(|| best.to_owned())
}

/// The settings file of a folder, when there is one.
fn default_file(folder: Option<&Path>) -> Option<PathBuf> {
    folder.map(|folder| folder.join("astra.toml")).filter(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn each_layer_beats_the_ones_below() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("astra.toml"),
            "threads = 2\nseed = 2\n[episode]\nmax_turns = 2\nmax_calls = 2\n",
        )
        .unwrap();
        let layers = Layers {
            flags: vec![("threads", "5".to_owned(), "--threads")],
            pairs: vec!["threads=4".into(), "seed=4".into()],
            environment: vec![
                pair("ASTRA_THREADS", "3"),
                pair("ASTRA_SEED", "3"),
                pair("ASTRA_EPISODE_MAX_TURNS", "3"),
            ],
            file: None,
            folder: Some(folder.path().to_owned()),
        };
        let settings = Settings::resolve(&layers).unwrap();
        assert_eq!(settings.threads.get(), 5);
        assert_eq!((settings.seed, settings.episode.max_turns, settings.episode.max_calls), (4, 3, 2));
        assert_eq!(settings.episode.reward, "f1");
        let shown = settings.to_toml();
        for line in [
            "threads = 5  # from --threads",
            "seed = 4  # from -c",
            "max_turns = 3  # from ASTRA_EPISODE_MAX_TURNS",
            "astra.toml:5",
            "reward = \"f1\"  # from default",
        ] {
            assert!(shown.contains(line), "{line} is not in\n{shown}");
        }
    }

    #[test]
    fn what_is_shown_can_be_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let pairs =
            vec!["python=/a \"b\"/python".into(), "episode.failure_rate=0.25".into(), "threads=7".into()];
        let first = Settings::resolve(&Layers { pairs, ..Layers::default() }).unwrap();
        let file = folder.path().join("again.toml");
        std::fs::write(&file, first.to_toml()).unwrap();
        let second = Settings::resolve(&Layers { file: Some(file), ..Layers::default() }).unwrap();
        assert_eq!(first.to_json(), second.to_json());
    }

    #[test]
    fn unknown_names_and_impossible_values_say_where_they_stand() {
        let refused = |pairs: &[&str]| {
            let pairs = pairs.iter().map(|pair| (*pair).to_owned()).collect();
            Settings::resolve(&Layers { pairs, ..Layers::default() }).unwrap_err()
        };
        let error = refused(&["thread=2"]);
        assert_eq!(error.to_string(), "-c thread=2: there is no setting `thread`");
        assert_eq!(error.hints()[0], "did you mean `threads`?");
        assert!(refused(&["threads"]).to_string().contains("`threads` is no `key=value`"));
        assert!(refused(&["episode.failure_rate=2"]).to_string().contains("a number from 0 to 1"));
        let environment = vec![pair("ASTRA_SEEED", "1")];
        let error = Settings::resolve(&Layers { environment, ..Layers::default() }).unwrap_err();
        assert_eq!(error.hints()[0], "did you mean `ASTRA_SEED`?");
    }

    #[test]
    fn files_are_refused_by_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.toml");
        for (text, expected) in [
            ("seed = 1\n\n[episode]\nmax_turn = 3\n", "x.toml:4: there is no setting `episode.max_turn`"),
            ("seed = 1\nthreads = \"many\"\n", "x.toml:2: `threads` cannot be `many`"),
            ("seed = 1\nthreads = [1]\n", "x.toml:2: `threads` cannot be"),
            ("seed = 1\nthreads = = 2\n", "x.toml:2: "),
            ("[nonsense]\na = 1\n", "x.toml:2: there is no setting `nonsense.a`"),
        ] {
            std::fs::write(&file, text).unwrap();
            let error =
                Settings::resolve(&Layers { file: Some(file.clone()), ..Layers::default() }).unwrap_err();
            assert!(error.to_string().contains(expected), "{error} lacks {expected}");
        }
    }

    #[test]
    fn a_name_is_meant_that_few_edits_lead_to() {
        assert_eq!(
            nearest("epsiode.max_turns", CATALOGUE.iter().map(|key| key.name)).unwrap(),
            "episode.max_turns"
        );
        assert_eq!(nearest("zzz", CATALOGUE.iter().map(|key| key.name)), None);
    }
}
