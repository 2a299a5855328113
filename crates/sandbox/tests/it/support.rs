//! Engines and programs for the tests.

use astra_sandbox::{
    CallOutcome, EngineOptions, Isolation, Limits, LoadedProgram, Program, PythonEngine, SandboxError,
    Session, ToolEngine, ToolSource,
};
use serde_json::{Map, Value};
use std::time::Duration;

pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Short limits, one shared worker: what one session does to it, the others feel.
pub(crate) fn options() -> EngineOptions {
    EngineOptions {
        shared_workers: 1,
        limits: Limits {
            wall: Duration::from_millis(1500),
            cpu: Duration::from_millis(600),
            ..Limits::default()
        },
        ..EngineOptions::default()
    }
}

pub(crate) fn engine() -> Result<PythonEngine, SandboxError> {
    PythonEngine::start(options())
}

pub(crate) fn tool(name: &str, code: &str, isolation: Isolation) -> ToolSource {
    ToolSource { name: name.to_owned(), code: code.into(), entry: name.to_owned(), isolation }
}

/// A program of one source whose entries are `entries`.
pub(crate) fn program(code: &str, entries: &[&str], isolation: Isolation) -> Program {
    Program {
        tools: entries.iter().map(|entry| tool(entry, code, isolation)).collect(),
        ..Program::default()
    }
}

pub(crate) fn load(
    engine: &PythonEngine,
    code: &str,
    entries: &[&str],
    isolation: Isolation,
) -> Result<LoadedProgram, SandboxError> {
    engine.load(&program(code, entries, isolation))
}

pub(crate) fn arguments(text: &str) -> Outcome<Map<String, Value>> {
    Ok(serde_json::from_str(text)?)
}

pub(crate) fn call(
    engine: &PythonEngine,
    session: &Session,
    tool: &str,
    given: &str,
) -> Outcome<CallOutcome> {
    Ok(engine.call(session, tool, &arguments(given)?)?)
}

/// The value of a call that must succeed.
pub(crate) fn value(engine: &PythonEngine, session: &Session, tool: &str, given: &str) -> Outcome<Value> {
    Ok(call(engine, session, tool, given)?.result?)
}
