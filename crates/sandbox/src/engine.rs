//! The engine: a zygote, a few shared workers, private ones as needed, and sessions that outlive all of them.

use crate::loaded::{Loaded, LoadedProgram, distinct_sources, inspection};
use crate::lockdown::{Protection, Protections};
use crate::session::{Body, Entry, Place, Session, hash_reply};
use crate::worker::{Lost, Reply, Worker};
use crate::zygote::{Role, Zygote};
use crate::{
    CallOutcome, EngineOptions, ErrorKind, Program, PythonInfo, Requirement, SandboxError, ToolError,
    find_python,
};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Memory that one call may leave behind in a shared worker before its program becomes private.
const KEPT_BYTES: u64 = 32 << 20;
/// Calls of a shared worker between two garbage collections.
const CALLS_PER_COLLECTION: u32 = 4096;
/// Calls of a shared worker between two looks at its memory; divides the above.
const CALLS_PER_LOOK: u32 = 256;
/// Change of address space that is worth a request.
const ROOM_STEP: u64 = 8 << 20;

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

#[derive(Debug)]
pub(crate) struct Core {
    options: EngineOptions,
    python: PythonInfo,
    protections: Protections,
    // Workers before the zygote: they are dropped in this order.
    gate: Mutex<Option<Worker>>,
    slots: Vec<Mutex<Slot>>,
    pool: Mutex<Vec<Worker>>,
    refilling: AtomicBool,
    zygote: Zygote,
    next: AtomicU64,
    sessions: AtomicUsize,
    respawns: AtomicU64,
    rebuilds: AtomicU64,
    recycles: AtomicU64,
    /// CPU nanoseconds of workers that are gone, and of private ones as they go along.
    spent: AtomicU64,
}

/// A place for a shared worker, and what is in it.
#[derive(Debug, Default)]
struct Slot {
    worker: Option<Worker>,
    generation: u64,
    sessions: usize,
    calls: u32,
    recycled: u32,
    loaded: HashSet<u64>,
    /// Address space that its worker may use at the moment.
    room: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere leaves nothing half-written here that a rebuild does not mend.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PythonEngine {
    /// Finds Python, starts the zygote and one worker, and checks what that worker could lock.
    pub fn start(options: EngineOptions) -> Result<Self, SandboxError> {
        let python = find_python(options.python.as_deref())?;
        let zygote = Zygote::start(&python, &options)?;
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
            slots,
            pool: Mutex::new(Vec::new()),
            refilling: AtomicBool::new(false),
            zygote,
            next: AtomicU64::new(1),
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
        let number = self.core.next.fetch_add(1, Ordering::Relaxed);
        let state = program.0.initial_state().map(Arc::from);
        let body = Body { place: Place::Nowhere, log: Vec::new(), state, calls: 0, growth: 0 };
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
}

impl Core {
    fn check_own(self: &Arc<Self>, session: &Session) -> Result<(), SandboxError> {
        if Arc::ptr_eq(self, &session.core) { Ok(()) } else { Err(SandboxError::ForeignSession) }
    }

    fn load(&self, program: &Program) -> Result<LoadedProgram, SandboxError> {
        check_inputs(program)?;
        let parts = distinct_sources(program);
        let request = inspection(program, &parts.0, &parts.1);
        let report = match self.inspect(&request) {
            Err(lost) if lost.kind == ErrorKind::Crash => self.inspect(&request),
            other => other,
        };
        let report = report.map_err(|lost| SandboxError::Compile {
            tool: program.tools.first().map_or_else(String::new, |tool| tool.name.clone()),
            line: 0,
            message: lost.message,
        })?;
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        Loaded::new(key, program, parts, &report).map(|loaded| LoadedProgram(Arc::new(loaded)))
    }

    /// Has the gate read sources. A gate worker that dies of them is replaced at the next load.
    fn inspect(&self, request: &str) -> Result<String, Lost> {
        let mut gate = lock(&self.gate);
        let mut worker = match gate.take() {
            Some(worker) => worker,
            None => Worker::spawn(&self.zygote, Role::Gate, &self.options.limits)
                .map_err(|error| Lost { kind: ErrorKind::Crash, message: error.to_string() })?,
        };
        let reply = worker.request(request)?;
        let read = match (&reply.report, reply.kind) {
            (Some(report), None) => Ok(report.get().to_owned()),
            (_, kind) => Err(Lost {
                kind: kind.unwrap_or(ErrorKind::Protocol),
                message: reply.message.as_deref().unwrap_or("no report came").to_owned(),
            }),
        };
        *gate = Some(worker);
        read
    }

    fn call(
        self: &Arc<Self>,
        session: &Session,
        tool: &str,
        arguments: &Map<String, Value>,
    ) -> Result<CallOutcome, SandboxError> {
        let began = Instant::now();
        self.check_own(session)?;
        let Some(index) = session.program.0.tool_index(tool) else {
            return Err(SandboxError::UnknownTool { tool: tool.to_owned() });
        };
        let mut body = lock(&session.body);
        if body.calls >= self.options.limits.calls_per_session {
            let message = format!("the session made its {} calls", body.calls);
            return Ok(failed(ErrorKind::CallLimit, message, began));
        }
        body.calls += 1;
        let arguments = serde_json::to_string(arguments).unwrap_or_else(|_| "{}".to_owned());
        let request = call_request(session.number, tool, &arguments);
        let mut attempts = 0;
        let (taken, growth) = loop {
            self.settle(session, &mut body)?;
            attempts += 1;
            match self.with_worker(&mut body, |worker| answer(worker, &request)) {
                Ok(taken) => break taken,
                // Whoever killed that worker, it need not have been this call: the second time it was.
                Err(lost) if lost.kind == ErrorKind::Crash && attempts == 1 => {}
                Err(lost) => {
                    session.program.0.demote();
                    return Ok(failed(lost.kind, lost.message, began));
                }
            }
        };
        Ok(self.conclude(session, &mut body, Call { index, arguments, taken, growth, began }))
    }

    /// Books a call that was answered.
    fn conclude(&self, session: &Session, body: &mut Body, call: Call) -> CallOutcome {
        let Taken { mut outcome, state, hash } = call.taken;
        if matches!(body.place, Place::Shared { .. }) {
            body.growth += call.growth;
            if call.growth > KEPT_BYTES {
                session.program.0.demote();
            }
            if body.growth > self.options.limits.memory_bytes {
                session.program.0.demote();
                let message = "the session used its memory".to_owned();
                outcome.result = Err(ToolError { kind: ErrorKind::MemoryLimit, message });
            }
        }
        outcome.wall = call.began.elapsed();
        if let Err(error) = &outcome.result
            && error.kind.rolls_back()
        {
            self.leave(session.number, body);
            return outcome;
        }
        if let Some(state) = state {
            body.state = Some(state);
            outcome.state_changed = true;
        }
        body.log.push(Entry { tool: call.index, arguments: call.arguments.into_boxed_str(), hash });
        outcome
    }

    /// Makes sure that the session is in a worker, with everything that its log says.
    fn settle(&self, session: &Session, body: &mut Body) -> Result<(), SandboxError> {
        match self.try_settle(session, body) {
            // The worker was killed by somebody else in the meantime: once more, in another one.
            Err((_, Fate::Died)) => Ok(self.try_settle(session, body).map_err(|(error, _)| error)?),
            other => Ok(other.map_err(|(error, _)| error)?),
        }
    }

    fn try_settle(&self, session: &Session, body: &mut Body) -> Result<(), (SandboxError, Fate)> {
        match &body.place {
            Place::Private(_) => return Ok(()),
            Place::Shared { slot, generation } => {
                if lock(&self.slots[*slot]).generation == *generation {
                    return Ok(());
                }
                body.place = Place::Nowhere;
            }
            Place::Nowhere => {}
        }
        if session.program.0.is_private() {
            self.settle_privately(session, body)?;
        } else {
            self.settle_shared(session, body)?;
        }
        if body.log.is_empty() {
            return Ok(());
        }
        self.rebuilds.fetch_add(1, Ordering::Relaxed);
        self.replay(session, body)
    }

    fn settle_privately(&self, session: &Session, body: &mut Body) -> Result<(), (SandboxError, Fate)> {
        let pooled = lock(&self.pool).pop();
        let mut worker = match pooled {
            Some(worker) => worker,
            None => Worker::spawn(&self.zygote, Role::Private, &self.options.limits).map_err(Fate::lives)?,
        };
        let load = session.program.0.load_request().map_err(Fate::lives)?;
        check_loaded(worker.request(&load), session)?;
        check_opened(worker.request(&open_request(session)), session)?;
        self.account(worker.total_cpu);
        body.place = Place::Private(Box::new(worker));
        refill(&session.core);
        Ok(())
    }

    fn settle_shared(&self, session: &Session, body: &mut Body) -> Result<(), (SandboxError, Fate)> {
        // By number and not by load, so that where a session lives follows from the order of opening alone.
        let index = usize::try_from(session.number).unwrap_or(0) % self.slots.len();
        let mut slot = lock(&self.slots[index]);
        let slot = &mut *slot;
        if slot.worker.is_none() {
            let worker =
                Worker::spawn(&self.zygote, Role::Shared, &self.options.limits).map_err(Fate::lives)?;
            slot.worker = Some(worker);
            slot.room = 0;
        }
        match self.open_in(slot, session) {
            Ok(()) => {
                slot.sessions += 1;
                body.place = Place::Shared { slot: index, generation: slot.generation };
                Ok(())
            }
            Err((error, fate)) => {
                match fate {
                    Fate::Lives => {}
                    Fate::Died => self.lose(slot),
                    Fate::Killed => {
                        self.lose(slot);
                        session.program.0.demote();
                    }
                }
                Err((error, fate))
            }
        }
    }

    fn open_in(&self, slot: &mut Slot, session: &Session) -> Result<(), (SandboxError, Fate)> {
        let died = |lost: Lost| (SandboxError::Worker { doing: "opening", reason: lost.message }, Fate::Died);
        self.make_room(slot).map_err(died)?;
        let Some(worker) = slot.worker.as_mut() else { return Ok(()) };
        let key = session.program.0.key;
        if !slot.loaded.contains(&key) {
            let load = session.program.0.load_request().map_err(Fate::lives)?;
            check_loaded(worker.request(&load), session)?;
            slot.loaded.insert(key);
        }
        check_opened(worker.request(&open_request(session)), session)?;
        // What opening took is not to be charged to the next call.
        worker.resident_before = worker.resident();
        Ok(())
    }

    /// Forgets a shared worker: whoever lived there is built again at its next use.
    fn lose(&self, slot: &mut Slot) {
        if let Some(worker) = slot.worker.take() {
            self.account(worker.total_cpu);
        }
        slot.generation += 1;
        slot.sessions = 0;
        slot.calls = 0;
        slot.loaded.clear();
        self.respawns.fetch_add(1, Ordering::Relaxed);
    }

    fn account(&self, cpu: Duration) {
        let nanoseconds = u64::try_from(cpu.as_nanos()).unwrap_or(u64::MAX);
        self.spent.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    fn replay(&self, session: &Session, body: &mut Body) -> Result<(), (SandboxError, Fate)> {
        for number in 0..body.log.len() {
            let entry = &body.log[number];
            let (tool, expected) = (session.program.0.tool_name(entry.tool).to_owned(), entry.hash);
            let request = call_request(session.number, &tool, &entry.arguments);
            let got =
                self.with_worker(body, |worker| worker.request(&request).map(|reply| hash_reply(&reply)));
            if got == Ok(expected) {
                continue;
            }
            self.leave(session.number, body);
            let fate = match got {
                Err(lost) if lost.kind == ErrorKind::Crash => Fate::Died,
                Ok(_) | Err(_) => Fate::Lives,
            };
            return Err((SandboxError::RebuildMismatch { call: number, tool }, fate));
        }
        Ok(())
    }

    /// Does something with the session's worker; when that kills the worker, all of its sessions lose it.
    fn with_worker<T>(
        &self,
        body: &mut Body,
        action: impl FnOnce(&mut Worker) -> Result<T, Lost>,
    ) -> Result<T, Lost> {
        let gone = || Lost { kind: ErrorKind::Crash, message: "the worker died".to_owned() };
        match &mut body.place {
            Place::Nowhere => Err(gone()),
            Place::Private(worker) => {
                let before = worker.total_cpu;
                let done = action(worker);
                self.account(worker.total_cpu.saturating_sub(before));
                if done.is_err() {
                    self.respawns.fetch_add(1, Ordering::Relaxed);
                    body.place = Place::Nowhere;
                }
                done
            }
            Place::Shared { slot, generation } => {
                let mut slot = lock(&self.slots[*slot]);
                if slot.generation != *generation {
                    return Err(gone());
                }
                let done = slot.worker.as_mut().ok_or_else(gone).and_then(action);
                if done.is_err() {
                    self.lose(&mut slot);
                    body.place = Place::Nowhere;
                } else {
                    self.tend(&mut slot);
                }
                done
            }
        }
    }

    /// Now and then: room for what is to come, garbage collection, and a fresh worker for one that grew too large.
    fn tend(&self, slot: &mut Slot) {
        slot.calls += 1;
        if slot.calls % CALLS_PER_LOOK != 0 {
            return;
        }
        let kept = self.make_room(slot).is_ok();
        let Some(worker) = slot.worker.as_mut() else { return };
        let collected =
            kept && (slot.calls % CALLS_PER_COLLECTION != 0 || worker.request("\"op\":\"gc\"").is_ok());
        if !collected {
            self.lose(slot);
        } else if worker.resident() > self.options.recycle_bytes.saturating_mul(1 << slot.recycled.min(8)) {
            // Each time twice as much: when the sessions really need it, rebuilding them for ever would not help.
            slot.recycled += 1;
            self.recycles.fetch_add(1, Ordering::Relaxed);
            self.lose(slot);
        }
    }

    /// Keeps a call's worth of address space free above what the sessions of a shared worker already use.
    fn make_room(&self, slot: &mut Slot) -> Result<(), Lost> {
        let Some(worker) = slot.worker.as_mut() else { return Ok(()) };
        let wanted = worker.address_space() + self.options.limits.memory_bytes;
        if wanted > slot.room + ROOM_STEP || wanted + ROOM_STEP < slot.room {
            worker.request(&format!("\"op\":\"room\",\"bytes\":{wanted}"))?;
            slot.room = wanted;
        }
        Ok(())
    }

    /// Takes a session out of its worker.
    fn leave(&self, number: u64, body: &mut Body) {
        match std::mem::replace(&mut body.place, Place::Nowhere) {
            Place::Nowhere | Place::Private(_) => {}
            Place::Shared { slot, generation } => {
                let mut slot = lock(&self.slots[slot]);
                if slot.generation != generation {
                    return;
                }
                slot.sessions = slot.sessions.saturating_sub(1);
                let request = format!("\"op\":\"close\",\"session\":{number}");
                let closed = slot.worker.as_mut().is_none_or(|worker| worker.request(&request).is_ok());
                if !closed {
                    self.lose(&mut slot);
                }
            }
        }
    }

    pub(crate) fn forget(&self, session: &Session) {
        self.leave(session.number, &mut lock(&session.body));
        self.sessions.fetch_sub(1, Ordering::Relaxed);
    }

    fn statistics(&self) -> EngineStatistics {
        let mut statistics = EngineStatistics {
            pids: vec![self.zygote.pid()],
            sessions: self.sessions.load(Ordering::Relaxed),
            respawns: self.respawns.load(Ordering::Relaxed),
            rebuilds: self.rebuilds.load(Ordering::Relaxed),
            recycles: self.recycles.load(Ordering::Relaxed),
            worker_cpu: Duration::from_nanos(self.spent.load(Ordering::Relaxed)),
            ..EngineStatistics::default()
        };
        for slot in &self.slots {
            if let Some(worker) = &lock(slot).worker {
                statistics.shared_workers += 1;
                statistics.resident_bytes += worker.resident();
                statistics.worker_cpu += worker.total_cpu;
                statistics.pids.extend(u32::try_from(worker.pid));
            }
        }
        for worker in lock(&self.gate).iter().chain(lock(&self.pool).iter()) {
            statistics.pids.extend(u32::try_from(worker.pid));
        }
        statistics.pooled_workers = lock(&self.pool).len();
        statistics
    }
}

/// A call that was answered, on its way into the log.
struct Call {
    index: usize,
    arguments: String,
    taken: Taken,
    growth: u64,
    began: Instant,
}

/// A reply, taken out of the worker's buffer.
struct Taken {
    outcome: CallOutcome,
    state: Option<Arc<str>>,
    hash: [u8; 32],
}

fn take(reply: &Reply<'_>) -> Taken {
    let hash = hash_reply(reply);
    let result = match (reply.kind, reply.result) {
        (Some(kind), _) => {
            Err(ToolError { kind, message: reply.message.as_deref().unwrap_or_default().to_owned() })
        }
        // What Python writes and serde does not read: numbers out of range, nesting beyond 128.
        (None, Some(text)) => serde_json::from_str(text.get())
            .map_err(|error| ToolError { kind: ErrorKind::NotJson, message: error.to_string() }),
        (None, None) => Err(ToolError {
            kind: ErrorKind::Protocol,
            message: "the worker sent neither a result nor an error".to_owned(),
        }),
    };
    let outcome = CallOutcome {
        result,
        stdout: reply.stdout.as_deref().unwrap_or_default().to_owned(),
        state_changed: false,
        text: reply.text.as_deref().map(ToOwned::to_owned),
        cpu: Duration::from_nanos(reply.cpu),
        wall: Duration::ZERO,
    };
    Taken { outcome, state: reply.state.as_deref().map(Arc::from), hash }
}

fn failed(kind: ErrorKind, message: String, began: Instant) -> CallOutcome {
    CallOutcome {
        result: Err(ToolError { kind, message }),
        stdout: String::new(),
        state_changed: false,
        text: None,
        cpu: Duration::ZERO,
        wall: began.elapsed(),
    }
}

fn call_request(session: u64, tool: &str, arguments: &str) -> String {
    let tool = Value::from(tool);
    format!("\"op\":\"call\",\"session\":{session},\"tool\":{tool},\"arguments\":{arguments}")
}

fn open_request(session: &Session) -> String {
    let (number, key, seed) = (session.number, session.program.0.key, session.seed);
    format!("\"op\":\"open\",\"session\":{number},\"program\":{key},\"seed\":{seed}")
}

/// Brings the pool of private workers back to its size, beside whoever took one.
fn refill(core: &Arc<Core>) {
    if lock(&core.pool).len() >= core.options.private_pool || core.refilling.swap(true, Ordering::AcqRel) {
        return;
    }
    let weak = Arc::downgrade(core);
    std::thread::spawn(move || {
        while let Some(core) = weak.upgrade() {
            let full = lock(&core.pool).len() >= core.options.private_pool;
            let worker = (!full).then(|| Worker::spawn(&core.zygote, Role::Private, &core.options.limits));
            // Without a worker the next session forks its own, and reports why that fails.
            let Some(Ok(worker)) = worker else {
                core.refilling.store(false, Ordering::Release);
                return;
            };
            lock(&core.pool).push(worker);
        }
    });
}

/// What became of the worker in which something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It goes on.
    Lives,
    /// It met a limit and was killed.
    Killed,
    /// It died, perhaps of something else.
    Died,
}

impl Fate {
    fn lives(error: SandboxError) -> (SandboxError, Self) {
        (error, Self::Lives)
    }

    fn of(lost: &Lost) -> Self {
        if lost.kind == ErrorKind::Crash { Self::Died } else { Self::Killed }
    }
}

fn answer(worker: &mut Worker, request: &str) -> Result<(Taken, u64), Lost> {
    let before = worker.resident_before;
    let taken = take(&worker.request(request)?);
    worker.resident_before = worker.resident();
    Ok((taken, worker.resident_before.saturating_sub(before)))
}

fn check_loaded(reply: Result<Reply<'_>, Lost>, session: &Session) -> Result<(), (SandboxError, Fate)> {
    let compile = |message: String| SandboxError::Compile {
        tool: session.program.0.tool_of_source(0).to_owned(),
        line: 0,
        message,
    };
    match reply {
        Ok(Reply { kind: None, .. }) => Ok(()),
        Ok(reply) => Err((compile(reply.message.unwrap_or_default().into_owned()), Fate::Lives)),
        Err(lost) => Err((compile(lost.message.clone()), Fate::of(&lost))),
    }
}

fn check_opened(reply: Result<Reply<'_>, Lost>, session: &Session) -> Result<(), (SandboxError, Fate)> {
    let body = |source: usize, message: String| SandboxError::Body {
        tool: session.program.0.tool_of_source(source).to_owned(),
        message,
    };
    match reply {
        Ok(Reply { kind: None, .. }) => Ok(()),
        Ok(reply) => Err((body(reply.source, reply.message.unwrap_or_default().into_owned()), Fate::Lives)),
        Err(lost) => Err((body(0, lost.message.clone()), Fate::of(&lost))),
    }
}

/// Data and state must be JSON before a worker sees them.
fn check_inputs(program: &Program) -> Result<(), SandboxError> {
    for file in &program.data {
        serde_json::from_slice::<serde::de::IgnoredAny>(&file.json).map_err(|error| SandboxError::Input {
            what: format!("data file `{}`", file.name),
            reason: error.to_string(),
        })?;
    }
    if let Some(state) = &program.state {
        serde_json::from_str::<Map<String, Value>>(state).map_err(|error| SandboxError::Input {
            what: "the state".to_owned(),
            reason: error.to_string(),
        })?;
    }
    Ok(())
}
