//! What can go wrong on our side: Python is not there, a protection is missing, code does not load, a rebuild
//! differs. What a *tool* does wrong is not here but in [`crate::ToolError`]: it is an answer, not a failure.

use std::path::PathBuf;

/// Infrastructure and load-time failures.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// No interpreter of that name on the PATH, or at the given place.
    #[error("no Python interpreter found: tried {}", .tried.join(", "))]
    PythonMissing {
        /// Names or paths that were tried.
        tried: Vec<String>,
    },
    /// The newest interpreter found is too old.
    #[error("`{}` is Python {found}, and 3.11 or newer is needed", .path.display())]
    PythonTooOld {
        /// The interpreter.
        path: PathBuf,
        /// Its version.
        found: String,
    },
    /// The interpreter does not start or is not a usable CPython.
    #[error("`{}` cannot be used: {reason}", .path.display())]
    PythonUnusable {
        /// The interpreter.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
    /// This kernel does not enforce a layer that was asked for.
    #[error("this system does not enforce {}", .missing.join("; "))]
    ProtectionMissing {
        /// `layer: why`, one each.
        missing: Vec<String>,
    },
    /// A tool's source does not compile.
    #[error("tool `{tool}` does not compile: line {line}: {message}")]
    Compile {
        /// The tool.
        tool: String,
        /// Line in its source, from 1; 0 when the compiler gave none.
        line: u32,
        /// What the compiler said.
        message: String,
    },
    /// A tool's source does not define its entry function.
    #[error("tool `{tool}` does not define `{entry}`")]
    EntryMissing {
        /// The tool.
        tool: String,
        /// The name looked for.
        entry: String,
    },
    /// The body of a tool's source failed or ran out of its limits when a session was opened.
    #[error("tool `{tool}` does not load: {message}")]
    Body {
        /// The tool.
        tool: String,
        /// What happened.
        message: String,
    },
    /// A data file or the initial state is not JSON, or too large.
    #[error("{what} is not usable: {reason}")]
    Input {
        /// Which part of the program.
        what: String,
        /// Why.
        reason: String,
    },
    /// The session's program has no such tool.
    #[error("no tool `{tool}` in this program")]
    UnknownTool {
        /// The name asked for.
        tool: String,
    },
    /// A session could not be rebuilt: replaying its log gave something else.
    #[error("replaying call {call} (`{tool}`) of a lost session gave another outcome")]
    RebuildMismatch {
        /// Index into the session's log.
        call: usize,
        /// Tool of that call.
        tool: String,
    },
    /// The session's worker is gone, and it may not be built again.
    #[error(
        "the session lost its worker and was built again {rebuilds} times already, which is as often as allowed"
    )]
    NotRebuilt {
        /// How often it was.
        rebuilds: u32,
    },
    /// The session belongs to another engine.
    #[error("the session belongs to another engine")]
    ForeignSession,
    /// A worker could not be started or answered nonsense outside a call.
    #[error("the sandbox worker failed while {doing}: {reason}")]
    Worker {
        /// What was being done.
        doing: &'static str,
        /// What happened.
        reason: String,
    },
    /// The operating system refused something.
    #[error("{doing} failed: {source}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        source: std::io::Error,
    },
}

impl SandboxError {
    /// Next steps for a person, one line each.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::PythonMissing { .. } => {
                vec!["install CPython 3.11 or newer, or name an interpreter in the settings".to_owned()]
            }
            Self::PythonTooOld { .. } => {
                vec![
                    "install a newer CPython beside it; `python3.11` to `python3.14` are found by themselves"
                        .to_owned(),
                ]
            }
            Self::PythonUnusable { .. } => {
                vec!["try `python3 -c 'import ctypes, socket'`: both modules are needed".to_owned()]
            }
            Self::ProtectionMissing { .. } => vec![
                "run `astra doctor` to see every layer".to_owned(),
                "accept weaker isolation explicitly if the tools are trusted".to_owned(),
            ],
            Self::Compile { .. } | Self::EntryMissing { .. } | Self::Body { .. } | Self::Input { .. } => {
                vec!["mend or drop this tool".to_owned()]
            }
            Self::RebuildMismatch { .. } => {
                vec!["the tool is not deterministic; check it with the `determinism` gate".to_owned()]
            }
            Self::NotRebuilt { .. } => {
                vec!["find out who kills the sandbox's workers, or raise `max_rebuilds`".to_owned()]
            }
            Self::UnknownTool { .. } | Self::ForeignSession | Self::Worker { .. } | Self::System { .. } => {
                Vec::new()
            }
        }
    }

    pub(crate) fn system(doing: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::System { doing, source }
    }
}
