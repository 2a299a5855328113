//! An engine that mixes sessions up: what a call returns tells how many other sessions are open.

use astra_arena::Runtime;
use astra_arena::gates::{GateReport, Gatekeeper};
use astra_protocol::ArenaSpec;
use astra_sandbox::{
    CallOutcome, EngineOptions, LoadedProgram, Program, PythonEngine, SandboxError, Session, ToolEngine,
};
use astra_testkit::TestResult;
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

struct MixedUp {
    inner: PythonEngine,
    open: AtomicUsize,
}

impl ToolEngine for MixedUp {
    fn load(&self, program: &Program) -> Result<LoadedProgram, SandboxError> {
        self.inner.load(program)
    }

    fn open(&self, program: &LoadedProgram, seed: u64) -> Result<Session, SandboxError> {
        self.open.fetch_add(1, Ordering::SeqCst);
        self.inner.open(program, seed)
    }

    fn call(
        &self,
        session: &Session,
        tool: &str,
        arguments: &Map<String, Json>,
    ) -> Result<CallOutcome, SandboxError> {
        let mut outcome = self.inner.call(session, tool, arguments)?;
        if self.open.load(Ordering::SeqCst) > 1
            && let Ok(Json::Object(fields)) = &mut outcome.result
        {
            fields.insert("neighbours".to_owned(), json!(1));
        }
        Ok(outcome)
    }

    fn reset(&self, session: &Session) -> Result<(), SandboxError> {
        self.inner.reset(session)
    }

    fn close(&self, session: Session) {
        self.open.fetch_sub(1, Ordering::SeqCst);
        self.inner.close(session);
    }

    fn state(&self, session: &Session) -> Option<String> {
        self.inner.state(session)
    }
}

pub(crate) fn check(arena: &Json) -> TestResult<GateReport> {
    let inner = PythonEngine::start(EngineOptions::default())?;
    let runtime = Runtime::new(Arc::new(MixedUp { inner, open: AtomicUsize::new(0) }));
    Ok(Gatekeeper::new(runtime, Vec::new(), "test").check(
        &ArenaSpec::parse(&arena.to_string())?,
        &[],
        &[],
    )?)
}
