//! What an engine owns, and the way of a load and of a call through it.

use crate::exchange::{Call, Taken, answer, call_request, failed};
use crate::loaded::{Loaded, LoadedProgram, distinct_sources, entries_of, inspection, json_text};
use crate::lockdown::Protections;
use crate::session::{Body, Entry, Place, Session};
use crate::worker::{Lost, OUTSIDE_KILLS, Worker};
use crate::zygote::{Role, Zygote};
use crate::{
    CallOutcome, EngineOptions, EngineStatistics, ErrorKind, Program, PythonInfo, SandboxError, ToolError,
};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Memory that one call may leave behind in a shared worker before its program becomes private.
pub(crate) const KEPT_BYTES: u64 = 32 << 20;
/// Sources whose reading is kept, until there are so many.
const KEPT_READINGS: usize = 8192;

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) options: EngineOptions,
    pub(crate) python: PythonInfo,
    pub(crate) protections: Protections,
    // Workers before the zygote: they are dropped in this order.
    pub(crate) gate: Mutex<Option<Worker>>,
    /// What the gate said of sources, by their hash: programs of one set often share sources.
    pub(crate) readings: Mutex<HashMap<blake3::Hash, Arc<RawValue>>>,
    pub(crate) slots: Vec<Mutex<Slot>>,
    pub(crate) pool: Mutex<Vec<Worker>>,
    pub(crate) refilling: AtomicBool,
    pub(crate) zygote: Arc<Zygote>,
    /// Programs so far.
    pub(crate) loads: AtomicU64,
    /// Sessions so far. A count of their own, so that they fill the slots in turns whatever is loaded in between.
    pub(crate) opens: AtomicU64,
    pub(crate) sessions: AtomicUsize,
    pub(crate) respawns: AtomicU64,
    pub(crate) rebuilds: AtomicU64,
    pub(crate) recycles: AtomicU64,
    /// CPU nanoseconds of workers that are gone, and of private ones as they go along.
    pub(crate) spent: AtomicU64,
}

/// A place for a shared worker, and what is in it.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    pub(crate) worker: Option<Worker>,
    pub(crate) generation: u64,
    pub(crate) sessions: usize,
    pub(crate) calls: u32,
    pub(crate) recycled: u32,
    /// Programs that its worker holds.
    pub(crate) loaded: HashMap<u64, Weak<Loaded>>,
    /// The most resident memory that its worker was seen to have had.
    pub(crate) peak: u64,
    /// Size of `loaded` at which it is looked through.
    pub(crate) sweep_at: usize,
    /// Address space that its worker may use at the moment.
    pub(crate) room: u64,
}

/// Does something again as long as it failed because somebody else killed its worker.
pub(crate) fn not_from_outside<T, E>(
    mut action: impl FnMut() -> Result<T, E>,
    is_outside: impl Fn(&E) -> bool,
) -> Result<T, E> {
    for _ in 1..OUTSIDE_KILLS {
        match action() {
            Err(error) if is_outside(&error) => {}
            done => return done,
        }
    }
    action()
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere leaves nothing half-written here that a rebuild does not mend.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Core {
    pub(crate) fn check_own(self: &Arc<Self>, session: &Session) -> Result<(), SandboxError> {
        if Arc::ptr_eq(self, &session.core) { Ok(()) } else { Err(SandboxError::ForeignSession) }
    }

    pub(crate) fn load(&self, program: &Program) -> Result<LoadedProgram, SandboxError> {
        check_inputs(program)?;
        let parts = distinct_sources(program);
        let report = self.readings_of(program, &parts).map_err(|failed| match failed {
            Failed::Ours(error) => error,
            Failed::Lost(lost) if lost.outside => {
                SandboxError::Worker { doing: "reading sources", reason: lost.message }
            }
            Failed::Lost(lost) => SandboxError::Compile {
                tool: program.tools.first().map_or_else(String::new, |tool| tool.name.clone()),
                line: 0,
                message: lost.message,
            },
        })?;
        let key = self.loads.fetch_add(1, Ordering::Relaxed);
        Loaded::new(key, program, parts, &report, self.python.clone())
            .map(|loaded| LoadedProgram(Arc::new(loaded)))
    }

    /// A program that an engine of the same interpreter has read already.
    pub(crate) fn adopt(&self, program: &LoadedProgram) -> Result<LoadedProgram, SandboxError> {
        let key = self.loads.fetch_add(1, Ordering::Relaxed);
        match program.0.again(key, &self.python) {
            Some(loaded) => Ok(LoadedProgram(Arc::new(loaded))),
            None => self.load(program.0.program()),
        }
    }

    /// What the gate says of each source; it is asked only about those that it has not read lately.
    fn readings_of(
        &self,
        program: &Program,
        parts: &(Vec<Arc<str>>, Vec<usize>),
    ) -> Result<Vec<Arc<RawValue>>, Failed> {
        let entries = entries_of(program, parts);
        let hashes: Vec<blake3::Hash> = (parts.0.iter().zip(&entries))
            .map(|(source, entries)| blake3::hash(json_text(&(source.as_ref(), entries)).as_bytes()))
            .collect();
        let mut found: Vec<Option<Arc<RawValue>>> = {
            let known = lock(&self.readings);
            hashes.iter().map(|hash| known.get(hash).cloned()).collect()
        };
        let missing: Vec<usize> = (0..found.len()).filter(|&place| found[place].is_none()).collect();
        if !missing.is_empty() {
            let sources: Vec<&str> = missing.iter().map(|&place| parts.0[place].as_ref()).collect();
            let wanted: Vec<&[&str]> = missing.iter().map(|&place| entries[place].as_slice()).collect();
            let request = inspection(&sources, &wanted);
            let report = not_from_outside(|| self.inspect(&request), Failed::is_outside)?;
            let bad =
                |reason: String| Failed::Ours(SandboxError::Worker { doing: "reading sources", reason });
            let read: Vec<Box<RawValue>> =
                serde_json::from_str(&report).map_err(|error| bad(error.to_string()))?;
            if read.len() != missing.len() {
                return Err(bad("the gate answered for another number of sources".to_owned()));
            }
            let mut known = lock(&self.readings);
            if known.len() >= KEPT_READINGS {
                known.clear();
            }
            for (&place, reading) in missing.iter().zip(read) {
                let reading: Arc<RawValue> = reading.into();
                known.insert(hashes[place], Arc::clone(&reading));
                found[place] = Some(reading);
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// Has the gate read sources. A gate worker that dies of them is replaced at the next load.
    fn inspect(&self, request: &str) -> Result<String, Failed> {
        let mut gate = lock(&self.gate);
        let mut worker = match gate.take() {
            Some(worker) => worker,
            None => Worker::spawn(&self.zygote, Role::Gate, &self.options.limits).map_err(Failed::Ours)?,
        };
        let reply = worker.request(request).map_err(Failed::Lost)?;
        let read = match (&reply.report, reply.kind) {
            (Some(report), None) => Ok(report.get().to_owned()),
            (_, kind) => Err(Failed::Lost(Lost::new(
                kind.unwrap_or(ErrorKind::Protocol),
                reply.message.as_deref().unwrap_or("no report came"),
            ))),
        };
        *gate = Some(worker);
        read
    }

    pub(crate) fn call(
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
        let mut attempt = || -> Result<_, SandboxError> {
            self.settle(session, &mut body)?;
            Ok(self.with_worker(&mut body, |worker| answer(worker, &request)))
        };
        let answered =
            not_from_outside(|| attempt().map_err(Failed::Ours)?.map_err(Failed::Lost), Failed::is_outside);
        let (taken, growth) = match answered {
            Ok(answered) => answered,
            Err(Failed::Ours(error)) => return Err(error),
            Err(Failed::Lost(lost)) if lost.outside => {
                return Err(SandboxError::Worker { doing: "calling", reason: lost.message });
            }
            Err(Failed::Lost(lost)) => {
                session.program.0.demote();
                return Ok(failed(lost.kind, lost.message, began));
            }
        };
        Ok(self.conclude(session, &mut body, Call { index, arguments, taken, growth, began }))
    }

    /// Books a call that was answered.
    pub(crate) fn conclude(&self, session: &Session, body: &mut Body, call: Call) -> CallOutcome {
        let Taken { mut outcome, state, hash, refused } = call.taken;
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
            && (refused || error.kind.rolls_back())
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

    pub(crate) fn account(&self, cpu: Duration) {
        let nanoseconds = u64::try_from(cpu.as_nanos()).unwrap_or(u64::MAX);
        self.spent.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    pub(crate) fn forget(&self, session: &Session) {
        self.leave(session.number, &mut lock(&session.body));
        self.sessions.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn statistics(&self) -> EngineStatistics {
        let mut statistics = EngineStatistics {
            pids: self.zygote.pids(),
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
            }
        }
        statistics.pooled_workers = lock(&self.pool).len();
        statistics
    }
}

/// Why a request was not answered.
enum Failed {
    /// Infrastructure.
    Ours(SandboxError),
    /// Its worker was lost.
    Lost(Lost),
}

impl Failed {
    fn is_outside(&self) -> bool {
        match self {
            Self::Ours(_) => false,
            Self::Lost(lost) => lost.outside,
        }
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
