//! Running untrusted Python tool code in real CPython, fast and held tight.
//!
//! A *zygote* is started once with an empty environment; workers are forked from it and lock themselves down
//! (namespaces, rlimits, Landlock without a single rule, a seccomp allow-list) before they see any tool code. A
//! program whose sources the static gate admits shares a worker with others (`Shared`); every other one gets a
//! process per session (`Private`). Calls are structured JSON; limits are soft in the worker and hard outside.
//!
//! Sessions outlive workers: each keeps a log of its calls, and when its worker is gone it is built again by
//! replaying the log and comparing every outcome. A call that met a limit is undone as if it had not been made.
//!
//! ```no_run
//! use astra_sandbox::{EngineOptions, Isolation, Program, PythonEngine, ToolEngine, ToolSource};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = PythonEngine::start(EngineOptions::default())?;
//! let tool = ToolSource {
//!     name: "add".into(),
//!     code: "def add(a, b):\n    return a + b\n".into(),
//!     entry: "add".into(),
//!     isolation: Isolation::Shared,
//! };
//! let program = engine.load(&Program { tools: vec![tool], ..Program::default() })?;
//! let session = engine.open(&program, 7)?;
//! let arguments = serde_json::from_str(r#"{"a": 1, "b": 2}"#)?;
//! assert_eq!(engine.call(&session, "add", &arguments)?.result?, 3);
//! # Ok(())
//! # }
//! ```

mod batch;
mod core;
mod engine;
mod error;
mod exchange;
mod loaded;
mod lockdown;
mod placement;
mod program;
mod python;
mod seat;
mod session;
mod worker;
mod zygote;

pub use batch::Try;
pub use engine::{EngineStatistics, PythonEngine, ToolEngine};
pub use error::SandboxError;
pub use loaded::LoadedProgram;
pub use lockdown::{Protection, Protections};
pub use program::{
    CallOutcome, DataFile, EngineOptions, ErrorKind, Isolation, Limits, Parameter, ParameterKind, Program,
    Rejection, Requirement, ToolError, ToolFacts, ToolSource,
};
pub use python::{PythonInfo, find_python};
pub use session::Session;
