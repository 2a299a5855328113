//! The nouns of the crate: what is loaded, under which limits, and what a call gives back.

use serde::Deserialize;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How far a program's sessions are kept apart from those of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// A namespace in a worker that serves many sessions; only for code that the static gate admits.
    Shared,
    /// A process per session.
    Private,
}

/// One tool's code.
#[derive(Clone, Debug)]
pub struct ToolSource {
    /// Name that calls use.
    pub name: String,
    /// Python source. Tools of equal source share a namespace within a session.
    pub code: Arc<str>,
    /// Function in `code` that a call runs.
    pub entry: String,
    /// Class asked for; a program is private as soon as one tool asks for it.
    pub isolation: Isolation,
}

/// A data file that tools read with `data(name)` of the `astra` module.
#[derive(Clone, Debug)]
pub struct DataFile {
    /// Its name.
    pub name: String,
    /// Its JSON text, uncompressed.
    pub json: Arc<[u8]>,
}

/// Everything a session starts from.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// The tools.
    pub tools: Vec<ToolSource>,
    /// Their data.
    pub data: Vec<DataFile>,
    /// Initial state: the text of a JSON object.
    pub state: Option<String>,
}

/// What one call, and one session, may use.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Wall time of a call.
    pub wall: Duration,
    /// CPU time of a call.
    pub cpu: Duration,
    /// Memory that a session may add to its worker.
    pub memory_bytes: u64,
    /// Size of a call's standard output, and of its result.
    pub output_bytes: usize,
    /// Calls of one session.
    pub calls_per_session: u32,
    /// Python frames.
    pub recursion: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(3),
            cpu: Duration::from_secs(1),
            memory_bytes: 256 << 20,
            output_bytes: 256 << 10,
            calls_per_session: 100_000,
            recursion: 1000,
        }
    }
}

/// What to do when this kernel does not enforce a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// Refuse to start.
    All,
    /// Start with what there is; [`crate::Protections`] says what is missing.
    AcceptMissing,
}

/// How an engine is started.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Interpreter to use instead of searching the PATH.
    pub python: Option<PathBuf>,
    /// Limits of every call.
    pub limits: Limits,
    /// `PYTHONHASHSEED` of the workers.
    pub hash_seed: u32,
    /// Shared workers; one per core is right.
    pub shared_workers: usize,
    /// Private workers kept ready.
    pub private_pool: usize,
    /// Resident memory at which a shared worker is replaced, and its sessions rebuilt.
    pub recycle_bytes: u64,
    /// How often a session is built again after its worker was lost (killed by somebody else, brought down by another
    /// session, replaced because of its size); beyond that it fails. A call of its own that is undone does not count.
    /// `None` is without bound.
    pub max_rebuilds: Option<u32>,
    /// What to do about missing protections.
    pub require: Requirement,
    /// Whether calls also give `str(result)`, what `print(call)` would show.
    pub return_text: bool,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            python: None,
            limits: Limits::default(),
            hash_seed: 0,
            shared_workers: std::thread::available_parallelism().map_or(1, usize::from),
            private_pool: 2,
            recycle_bytes: 1 << 30,
            max_rebuilds: None,
            require: Requirement::All,
            return_text: false,
        }
    }
}

/// Why a tool was not admitted to the shared class.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Rejection {
    /// The tool.
    pub tool: String,
    /// Line in its source, from 1.
    pub line: u32,
    /// What is not admitted.
    pub reason: String,
}

/// How a parameter takes its argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterKind {
    /// Only by position: cannot be called by name, so only `state` may be one.
    PositionalOnly,
    /// By position or name.
    Ordinary,
    /// Only by name.
    KeywordOnly,
    /// `*args`.
    VariablePositional,
    /// `**kwargs`.
    VariableKeyword,
}

/// A parameter of a tool's entry, without the leading `state`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Whether it may be left out.
    pub has_default: bool,
    /// How it is passed.
    pub kind: ParameterKind,
}

/// What reading a tool's source tells.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ToolFacts {
    /// The tool.
    pub name: String,
    /// Parameters of its entry; empty when the entry is not a plain function.
    pub parameters: Vec<Parameter>,
    /// Whether the entry takes the session's state first.
    pub takes_state: bool,
    /// Whether the source mentions the clock, `random`, `uuid` or `secrets`.
    pub reads_clock_or_entropy: bool,
}

/// What a call came to.
#[derive(Clone, Debug)]
pub struct CallOutcome {
    /// The returned value as JSON, or why there is none.
    pub result: Result<Value, ToolError>,
    /// What the tool printed.
    pub stdout: String,
    /// Whether the session's state is another than before.
    pub state_changed: bool,
    /// `str()` of the returned value, when the engine was asked for it.
    pub text: Option<String>,
    /// CPU time of the worker.
    pub cpu: Duration,
    /// Wall time seen by the caller, with everything.
    pub wall: Duration,
}

/// A call that did not return a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ToolError {
    /// The boundary that it met.
    pub kind: ErrorKind,
    /// One line without host paths and addresses; exceptions read `Type: message`.
    pub message: String,
}

/// The boundary that a call met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum ErrorKind {
    /// The tool raised.
    Exception,
    /// Wall time.
    TimeLimit,
    /// CPU time.
    CpuLimit,
    /// Memory.
    MemoryLimit,
    /// Standard output or result too long.
    OutputLimit,
    /// Too many frames.
    RecursionLimit,
    /// The session made all its calls.
    CallLimit,
    /// The returned value has no JSON form.
    NotJson,
    /// The state has no JSON form.
    BadState,
    /// The arguments do not fit the entry's signature.
    Arguments,
    /// The worker died.
    Crash,
    /// Something that the sandbox refuses.
    Denied,
    /// The worker broke the protocol.
    Protocol,
}

impl ErrorKind {
    /// Whether the call is undone as if it had never been made.
    pub fn rolls_back(self) -> bool {
        match self {
            Self::TimeLimit
            | Self::CpuLimit
            | Self::MemoryLimit
            | Self::OutputLimit
            | Self::Crash
            | Self::Protocol => true,
            Self::Exception
            | Self::RecursionLimit
            | Self::CallLimit
            | Self::NotJson
            | Self::BadState
            | Self::Arguments
            | Self::Denied => false,
        }
    }
}
