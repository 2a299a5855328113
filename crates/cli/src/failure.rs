//! How a command ends: exit statuses with meanings, errors with hints as data.
//!
//! Inside the binary errors are `anyhow`; at the end the chain is searched for the libraries' own error types, which
//! know what a person can do and whose fault it was.

use crate::settings::SettingsError;
use astra_agent::models::ModelError as AskError;
use astra_arena::ArenaError;
use astra_arena::published::PublishedError;
use astra_eval::PlayError;
use astra_model::ModelError;
use astra_sandbox::SandboxError;
use astra_serve::ServeError;
use astra_store::StoreError;
use astra_train::TrainError;

/// What a command's end means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    /// Done.
    Done,
    /// The input failed: an argument, a file, an arena.
    InputFailed,
    /// We failed.
    WeFailed,
    /// Answers are awaited in batch files; what was done is kept.
    Waiting,
    /// Stopped by Ctrl-C; what was done is kept.
    Interrupted,
}

impl ExitStatus {
    /// The process exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::InputFailed => 1,
            Self::WeFailed => 2,
            Self::Waiting => 3,
            Self::Interrupted => 130,
        }
    }

    /// Done, or failed input.
    pub(crate) fn of_input(is_good: bool) -> Self {
        if is_good { Self::Done } else { Self::InputFailed }
    }
}

/// Next steps that an error can name.
pub(crate) trait Hint {
    /// One line each.
    fn hints(&self) -> Vec<String>;

    /// Whose fault it is.
    fn status(&self) -> ExitStatus;
}

/// Something that the user gave and that cannot be used, with what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct InputError {
    message: String,
    hints: Vec<String>,
}

impl InputError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hints: Vec::new() }
    }

    /// Adds a next step.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

/// Nobody reads our output any more (`astra … | head`). That is success: the reader had enough.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads the output any more")]
pub(crate) struct OutputClosed;

impl Hint for InputError {
    fn hints(&self) -> Vec<String> {
        self.hints.clone()
    }

    fn status(&self) -> ExitStatus {
        ExitStatus::InputFailed
    }
}

impl Hint for SettingsError {
    fn hints(&self) -> Vec<String> {
        self.hints()
    }

    fn status(&self) -> ExitStatus {
        ExitStatus::InputFailed
    }
}

impl Hint for StoreError {
    fn hints(&self) -> Vec<String> {
        self.hints()
    }

    fn status(&self) -> ExitStatus {
        match self {
            Self::Unserialisable { .. } | Self::Thread { .. } => ExitStatus::WeFailed,
            // A path that cannot be read or written is one that the user gave.
            Self::Io { .. }
            | Self::Record { .. }
            | Self::NotUtf8 { .. }
            | Self::CutOff { .. }
            | Self::BlankLine { .. }
            | Self::LineTooLong { .. }
            | Self::EmptyFile { .. }
            | Self::Document { .. }
            | Self::CodeFile { .. }
            | Self::NoRecords { .. }
            | Self::UnknownKind { .. }
            | Self::BadContentId { .. }
            | Self::MissingData { .. }
            | Self::CorruptData { .. }
            | Self::DataMismatch { .. }
            | Self::DataTooLarge { .. }
            | Self::BadShard { .. }
            | Self::OutputExists { .. }
            | Self::FolderNotEmpty { .. }
            | Self::SettingsChanged { .. }
            | Self::Busy { .. } => ExitStatus::InputFailed,
        }
    }
}

impl Hint for SandboxError {
    fn hints(&self) -> Vec<String> {
        let mut hints = self.hints();
        match self {
            Self::PythonMissing { .. } | Self::PythonTooOld { .. } | Self::PythonUnusable { .. } => {
                hints.push("name the interpreter with `--python PATH` or ASTRA_PYTHON".to_owned());
            }
            Self::ProtectionMissing { .. } => {
                hints.push("`--accept-missing-protections` runs without them".to_owned());
            }
            Self::Compile { .. }
            | Self::EntryMissing { .. }
            | Self::Body { .. }
            | Self::Input { .. }
            | Self::UnknownTool { .. }
            | Self::RebuildMismatch { .. }
            | Self::NotRebuilt { .. }
            | Self::ForeignSession
            | Self::Worker { .. }
            | Self::System { .. } => {}
        }
        hints
    }

    fn status(&self) -> ExitStatus {
        match self {
            Self::PythonMissing { .. }
            | Self::PythonTooOld { .. }
            | Self::PythonUnusable { .. }
            | Self::ProtectionMissing { .. }
            | Self::Compile { .. }
            | Self::EntryMissing { .. }
            | Self::Body { .. }
            | Self::Input { .. }
            | Self::UnknownTool { .. }
            | Self::RebuildMismatch { .. } => ExitStatus::InputFailed,
            Self::NotRebuilt { .. } | Self::ForeignSession | Self::Worker { .. } | Self::System { .. } => {
                ExitStatus::WeFailed
            }
        }
    }
}

impl Hint for ArenaError {
    fn hints(&self) -> Vec<String> {
        match self {
            Self::Sandbox(error) => Hint::hints(error),
            Self::Spec(_) | Self::Schema { .. } => {
                vec!["`astra arenas check FILE` names every problem of a file".to_owned()]
            }
            Self::MissingData { .. } => {
                vec!["copy the `data` folder together with the file that names it".to_owned()]
            }
            Self::Embed(_) => vec!["`astra doctor --models` tries every model".to_owned()],
        }
    }

    fn status(&self) -> ExitStatus {
        match self {
            Self::Sandbox(error) => error.status(),
            Self::Spec(_) | Self::Schema { .. } | Self::MissingData { .. } | Self::Embed(_) => {
                ExitStatus::InputFailed
            }
        }
    }
}

impl Hint for PlayError {
    fn hints(&self) -> Vec<String> {
        match self {
            Self::Arena(error) => error.hints(),
            Self::Player { .. } => Vec::new(),
        }
    }

    fn status(&self) -> ExitStatus {
        match self {
            Self::Arena(error) => error.status(),
            Self::Player { .. } => ExitStatus::InputFailed,
        }
    }
}

/// The error type of the chain that knows most, outermost first.
fn known(error: &anyhow::Error) -> Option<&dyn Hint> {
    error.chain().find_map(|cause| {
        None.or_else(|| cause.downcast_ref::<InputError>().map(|known| known as &dyn Hint))
            .or_else(|| cause.downcast_ref::<SettingsError>().map(|known| known as &dyn Hint))
            .or_else(|| cause.downcast_ref::<StoreError>().map(|known| known as &dyn Hint))
            .or_else(|| cause.downcast_ref::<SandboxError>().map(|known| known as &dyn Hint))
            .or_else(|| cause.downcast_ref::<ArenaError>().map(|known| known as &dyn Hint))
            .or_else(|| cause.downcast_ref::<PlayError>().map(|known| known as &dyn Hint))
            .or_else(|| cause.downcast_ref::<PublishedError>().map(|known| known as &dyn Hint))
            .or_else(|| cause.downcast_ref::<ModelError>().map(|known| known as &dyn Hint))
            .or_else(|| cause.downcast_ref::<astra_environments::Error>().map(|known| known as &dyn Hint))
            .or_else(|| cause.downcast_ref::<TrainError>().map(|known| known as &dyn Hint))
            .or_else(|| cause.downcast_ref::<AskError>().map(|known| known as &dyn Hint))
            .or_else(|| cause.downcast_ref::<ServeError>().map(|known| known as &dyn Hint))
    })
}

impl Hint for ModelError {
    fn hints(&self) -> Vec<String> {
        self.hints()
    }

    fn status(&self) -> ExitStatus {
        match self {
            Self::Cancelled => ExitStatus::Interrupted,
            Self::GeneratorEnded => ExitStatus::WeFailed,
            Self::BrokenLogits
            | Self::Guide { .. }
            | Self::Io { .. }
            | Self::Malformed { .. }
            | Self::Unsupported { .. }
            | Self::Tensor { .. }
            | Self::Batch { .. }
            | Self::Threads { .. }
            | Self::Encode { .. }
            | Self::Template { .. }
            | Self::Conversation { .. }
            | Self::OtherShape
            | Self::EngineBounds { .. }
            | Self::Token { .. }
            | Self::Sequence { .. }
            | Self::Sampling { .. }
            | Self::Fetch { .. } => ExitStatus::InputFailed,
        }
    }
}

impl Hint for astra_environments::Error {
    fn hints(&self) -> Vec<String> {
        self.hints()
    }

    fn status(&self) -> ExitStatus {
        ExitStatus::InputFailed
    }
}

impl Hint for TrainError {
    fn hints(&self) -> Vec<String> {
        self.hints()
    }

    fn status(&self) -> ExitStatus {
        match self {
            Self::Store(error) => error.status(),
            Self::Model(error) => error.status(),
            Self::Io { .. }
            | Self::NoData { .. }
            | Self::Parquet { .. }
            | Self::Row { .. }
            | Self::NothingToLearn { .. }
            | Self::Datum { .. }
            | Self::Setting { .. }
            | Self::Barren { .. }
            | Self::Diverged { .. }
            | Self::NotFinite { .. }
            | Self::Checkpoint { .. } => ExitStatus::InputFailed,
        }
    }
}

impl Hint for AskError {
    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Settings { .. } => "`docs/endpoints.md` describes the settings of a model",
            Self::NoKey { .. } => "set it, or take `api_key_env` out of the model's settings",
            Self::Provider { .. } => "`astra doctor --models` tries every model",
            Self::Waiting => "answer the batch files, then run the same command again",
            Self::Unknown { .. } => "without `--offline` it would be asked",
            Self::Budget { .. } => {
                "raise `max_tokens` or `max_cost` of the model; the same command with `--resume` continues"
            }
            Self::Journal { .. } => "the setting `journal` (ASTRA_JOURNAL) names another file",
            Self::Stopped => return Vec::new(),
        };
        vec![hint.to_owned()]
    }

    fn status(&self) -> ExitStatus {
        match self {
            Self::Waiting => ExitStatus::Waiting,
            Self::Stopped => ExitStatus::Interrupted,
            Self::Settings { .. }
            | Self::NoKey { .. }
            | Self::Provider { .. }
            | Self::Unknown { .. }
            | Self::Budget { .. }
            | Self::Journal { .. } => ExitStatus::InputFailed,
        }
    }
}

impl Hint for ServeError {
    fn hints(&self) -> Vec<String> {
        Vec::new()
    }

    fn status(&self) -> ExitStatus {
        match self {
            Self::Socket { .. } | Self::Thread { .. } | Self::Ended { .. } => ExitStatus::WeFailed,
        }
    }
}

impl Hint for PublishedError {
    fn hints(&self) -> Vec<String> {
        match self {
            Self::Arena(error) => error.hints(),
            Self::Io { .. }
            | Self::File { .. }
            | Self::Record { .. }
            | Self::Column { .. }
            | Self::Refused { .. } => self.hints(),
        }
    }

    fn status(&self) -> ExitStatus {
        match self {
            Self::Arena(error) => error.status(),
            Self::Io { .. }
            | Self::File { .. }
            | Self::Record { .. }
            | Self::Column { .. }
            | Self::Refused { .. } => ExitStatus::InputFailed,
        }
    }
}

/// Next steps of an error, without repetition.
pub(crate) fn hints(error: &anyhow::Error) -> Vec<String> {
    let mut hints = known(error).map(Hint::hints).unwrap_or_default();
    hints.dedup();
    hints
}

/// What an error means for the exit status.
pub(crate) fn status(error: &anyhow::Error) -> ExitStatus {
    if error.is::<OutputClosed>() {
        return ExitStatus::Done;
    }
    known(error).map_or(ExitStatus::WeFailed, Hint::status)
}

/// The messages of the chain, outermost first; a cause that its parent already quotes is left out.
pub(crate) fn messages(error: &anyhow::Error) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if !messages.iter().any(|said| said.contains(&text)) {
            messages.push(text);
        }
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn the_chain_is_searched_for_hints_and_for_whose_fault_it_is() {
        let error = Err::<(), _>(InputError::new("no").hint("try yes")).context("while asking").unwrap_err();
        assert_eq!(hints(&error), ["try yes"]);
        assert_eq!(status(&error).code(), 1);
        assert_eq!(messages(&error), ["while asking", "no"]);
        assert_eq!(status(&anyhow::anyhow!("what")).code(), 2);
        assert_eq!(status(&anyhow::Error::new(OutputClosed)).code(), 0);
    }

    #[test]
    fn a_cause_that_was_quoted_is_not_said_twice() {
        let source = std::io::Error::other("disk on fire");
        let error = anyhow::Error::new(StoreError::Io { action: "open", path: "x".into(), source });
        assert_eq!(messages(&error), ["could not open `x`: disk on fire"]);
    }
}
