//! The engine's front: the trait that arenas use, starting, and what can be asked about it.

use crate::batch::{Try, try_alone};
use crate::core::{Core, Slot, lock};
use crate::loaded::LoadedProgram;
use crate::lockdown::{Protection, Protections};
use crate::session::{Body, Place, Session};
use crate::worker::Worker;
use crate::zygote::{Role, Zygote};
use crate::{CallOutcome, EngineOptions, Program, Requirement, SandboxError, find_python};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Runs tools. Blocking; may be used from many threads at once.
pub trait ToolEngine: Send + Sync {
    /// Reads a program: compiles it, asks the gate, finds its entries. Runs none of it.
    fn load(&self, program: &Program) -> Result<LoadedProgram, SandboxError>;

    /// Opens a session: runs the bodies of the sources in a new namespace.
    fn open(&self, program: &LoadedProgram, seed: u64) -> Result<Session, SandboxError>;

    /// Calls a tool. A tool that fails or meets a limit is an `Ok` outcome with an error in it.
    fn call(
        &self,
        session: &Session,
        tool: &str,
        arguments: &Map<String, Value>,
    ) -> Result<CallOutcome, SandboxError>;

    /// Takes the session back to where `open` left it.
    fn reset(&self, session: &Session) -> Result<(), SandboxError>;

    /// Closes the session; dropping it does the same.
    fn close(&self, session: Session);

    /// The session's state as JSON text, when its program has one.
    fn state(&self, session: &Session) -> Option<String>;

    /// A program that another engine has read, for this one. It need not be read again by an equal interpreter.
    fn adopt(&self, program: &LoadedProgram) -> Result<LoadedProgram, SandboxError> {
        self.load(program.0.program())
    }

    /// Opens the program's sessions close together from now on, where that saves loading it in several places.
    fn gather(&self, _program: &LoadedProgram) {}

    /// What the last call of each try comes to, each in a session of its own. The same as to open a session, make the
    /// calls and close it, try by try, but in few exchanges.
    fn try_all(&self, program: &LoadedProgram, tries: &[Try<'_>]) -> Result<Vec<CallOutcome>, SandboxError> {
        tries.iter().map(|one| try_alone(self, program, one)).collect()
    }
}

/// What an engine has been doing.
#[derive(Clone, Debug, Default)]
pub struct EngineStatistics {
    /// Numbers of the processes that it runs, the launcher first.
    pub pids: Vec<u32>,
    /// Shared workers alive.
    pub shared_workers: usize,
    /// Private workers waiting for a session.
    pub pooled_workers: usize,
    /// Sessions open.
    pub sessions: usize,
    /// Workers started in place of ones that were killed or died.
    pub respawns: u64,
    /// Sessions built again from their logs.
    pub rebuilds: u64,
    /// Shared workers replaced because of their size.
    pub recycles: u64,
    /// Resident memory of the shared workers.
    pub resident_bytes: u64,
    /// CPU time of all workers, up to their last replies.
    pub worker_cpu: Duration,
}

/// The engine over real CPython.
#[derive(Debug)]
pub struct PythonEngine {
    core: Arc<Core>,
}

impl PythonEngine {
    /// Finds Python, starts the zygote and one worker, and checks what that worker could lock.
    pub fn start(options: EngineOptions) -> Result<Self, SandboxError> {
        let python = find_python(options.python.as_deref())?;
        let zygote = Arc::new(Zygote::start(&python, &options)?);
        let gate = Worker::spawn(&zygote, Role::Gate, &options.limits)?;
        let protections = protections_of(&zygote.hello, &gate.report);
        if options.require == Requirement::All && !protections.complete() {
            return Err(SandboxError::ProtectionMissing { missing: protections.missing() });
        }
        let slots = (0..options.shared_workers.max(1)).map(|_| Mutex::new(Slot::default())).collect();
        let core = Core {
            python,
            protections,
            gate: Mutex::new(Some(gate)),
            readings: Mutex::new(HashMap::new()),
            slots,
            pool: Mutex::new(Vec::new()),
            refilling: AtomicBool::new(false),
            zygote,
            loads: AtomicU64::new(1),
            opens: AtomicU64::new(1),
            sessions: AtomicUsize::new(0),
            respawns: AtomicU64::new(0),
            rebuilds: AtomicU64::new(0),
            recycles: AtomicU64::new(0),
            spent: AtomicU64::new(0),
            options,
        };
        Ok(Self { core: Arc::new(core) })
    }

    /// Version of the interpreter.
    pub fn python_version(&self) -> &str {
        &self.core.python.version
    }

    /// What is enforced here.
    pub fn protections(&self) -> &Protections {
        &self.core.protections
    }

    /// What it has been doing.
    pub fn statistics(&self) -> EngineStatistics {
        self.core.statistics()
    }
}

/// Layers from the zygote's and a worker's reports.
fn protections_of(zygote: &Value, worker: &Value) -> Protections {
    let mut layers = Vec::new();
    for (prefix, report) in [("namespace ", &zygote["namespaces"]), ("", &worker["enforced"])] {
        for (layer, why) in report.as_object().into_iter().flatten() {
            let why = why.as_str().unwrap_or("unknown");
            let missing = (!why.is_empty()).then(|| why.to_owned());
            layers.push(Protection { layer: format!("{prefix}{layer}"), missing });
        }
    }
    Protections { layers }
}

impl ToolEngine for PythonEngine {
    fn load(&self, program: &Program) -> Result<LoadedProgram, SandboxError> {
        self.core.load(program)
    }

    fn open(&self, program: &LoadedProgram, seed: u64) -> Result<Session, SandboxError> {
        let number = self.core.opens.fetch_add(1, Ordering::Relaxed);
        let state = program.0.initial_state().map(Arc::from);
        let body = Body { place: Place::Nowhere, log: Vec::new(), state, calls: 0, rebuilds: 0, growth: 0 };
        self.core.sessions.fetch_add(1, Ordering::Relaxed);
        let session = Session {
            core: Arc::clone(&self.core),
            number,
            program: program.clone(),
            seed,
            body: Mutex::new(body),
        };
        self.core.settle(&session, &mut lock(&session.body))?;
        Ok(session)
    }

    fn call(
        &self,
        session: &Session,
        tool: &str,
        arguments: &Map<String, Value>,
    ) -> Result<CallOutcome, SandboxError> {
        self.core.call(session, tool, arguments)
    }

    fn reset(&self, session: &Session) -> Result<(), SandboxError> {
        self.core.check_own(session)?;
        let mut body = lock(&session.body);
        self.core.leave(session.number, &mut body);
        body.log.clear();
        body.calls = 0;
        body.rebuilds = 0;
        body.growth = 0;
        body.state = session.program.0.initial_state().map(Arc::from);
        self.core.settle(session, &mut body)
    }

    fn close(&self, session: Session) {
        drop(session);
    }

    fn state(&self, session: &Session) -> Option<String> {
        lock(&session.body).state.as_deref().map(ToOwned::to_owned)
    }

    fn adopt(&self, program: &LoadedProgram) -> Result<LoadedProgram, SandboxError> {
        self.core.adopt(program)
    }

    fn gather(&self, program: &LoadedProgram) {
        self.core.gather(program);
    }

    fn try_all(&self, program: &LoadedProgram, tries: &[Try<'_>]) -> Result<Vec<CallOutcome>, SandboxError> {
        let mut outcomes = Vec::with_capacity(tries.len());
        while let Some(rest) = tries.get(outcomes.len()..).filter(|rest| !rest.is_empty()) {
            for (one, answered) in rest.iter().zip(self.core.try_some(program, rest)) {
                // A try that made the program private did so before the ones behind it.
                outcomes.push(match answered {
                    Some(outcome) if !program.0.is_private() => outcome,
                    Some(_) | None => try_alone(self, program, one)?,
                });
            }
        }
        Ok(outcomes)
    }
}
