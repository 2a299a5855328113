//! The runner's inside: worker threads that compute, and one loop that draws, reorders and writes.
//!
//! Queues are bounded by a window between the last written and the last drawn input, so one slow record holds up
//! memory for a few others and no more. Knows nothing of where inputs come from ([`Source`]) or how files look
//! ([`Output`]).

use crate::lines::to_line;
use crate::output::Output;
use crate::runner::{Ended, Outcome, Progress};
use crate::{StageOptions, StoreError};
use astra_protocol::Boundary;
use serde::Serialize;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};

/// Inputs in flight per worker: enough that a slow record does not starve the others, few enough to bound memory.
const LOOK_AHEAD: u64 = 4;

/// A worker's result, ready to be written.
#[derive(Debug)]
pub(crate) enum Verdict {
    Accepted { line: Vec<u8>, data: Vec<Vec<u8>> },
    Rejected { why: String },
    Failed { boundary: Boundary, error: String },
}

/// What to do next.
pub(crate) enum Next<I> {
    /// Give this to a worker.
    Job { id: String, input: I },
    /// Reject this in its place: its id came before.
    Repeated { id: String, repeat: u32 },
    /// Nothing now; ask again when a result is written.
    Later,
    /// No more inputs; what is in flight counts.
    End,
}

/// Where inputs come from and when there were enough of them.
pub(crate) trait Source<I> {
    /// The next input, given what is written and how many are drawn but not written.
    fn next(&mut self, output: &Output, in_flight: u64) -> Result<Next<I>, StoreError>;

    /// Asked before anything is drawn and after each result is written: whether to stop right here and throw away
    /// what is in flight.
    fn enough(&self, output: &Output) -> Option<Ended>;
}

struct Job<I> {
    sequence: u64,
    id: String,
    input: I,
}

struct Done {
    sequence: u64,
    id: String,
    repeat: u32,
    /// `None` when the run ended before a worker took it.
    verdict: Option<Verdict>,
}

/// Runs the engine: starts the workers, feeds them, writes in order, and joins them whatever happens.
pub(crate) fn drive<I, O, W>(
    output: &mut Output,
    options: &StageOptions<'_>,
    progress: &mut dyn Progress,
    source: impl Source<I>,
    worker: &W,
) -> Result<Ended, StoreError>
where
    I: Send,
    O: Serialize,
    W: Fn(&I) -> Outcome<O> + Sync,
{
    let quit = AtomicBool::new(false);
    let stopped = || quit.load(Ordering::Relaxed) || is_stopped(options);
    let (jobs, queue) = mpsc::channel::<Job<I>>();
    let queue = Mutex::new(queue);
    let (results, done) = mpsc::channel::<Done>();
    std::thread::scope(|scope| {
        for at in 0..options.concurrency.get() {
            let results = results.clone();
            let (queue, stopped) = (&queue, &stopped);
            let thread = std::thread::Builder::new().name(format!("stage-{at}"));
            if let Err(source) = thread.spawn_scoped(scope, move || work(queue, &results, stopped, worker)) {
                drop(jobs);
                return Err(StoreError::Thread { source });
            }
        }
        drop(results);
        let window = options.concurrency.get() as u64 * LOOK_AHEAD;
        let mut engine =
            Engine { output, progress, jobs, window, fed: 0, written: 0, out: 0, ready: BTreeMap::new() };
        let ended = engine.run(source, &done, || is_stopped(options));
        // On an error, or with enough accepted, workers finish what they are at and leave the queue alone.
        quit.store(true, Ordering::Relaxed);
        drop(engine);
        ended
    })
}

fn is_stopped(options: &StageOptions<'_>) -> bool {
    options.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
}

/// A worker thread: takes jobs until there are none.
fn work<I, O: Serialize>(
    queue: &Mutex<Receiver<Job<I>>>,
    results: &Sender<Done>,
    stopped: &impl Fn() -> bool,
    worker: &impl Fn(&I) -> Outcome<O>,
) {
    loop {
        let (job, skip) = {
            let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
            let Ok(job) = queue.recv() else { return };
            // Asked under the queue's lock: once one job is skipped all later ones are, so what was computed is a
            // prefix of what was drawn and can be written.
            (job, stopped())
        };
        let verdict = (!skip).then(|| judge(&job, worker));
        let done = Done { sequence: job.sequence, id: job.id, repeat: 0, verdict };
        if results.send(done).is_err() {
            return;
        }
    }
}

/// Calls the worker and makes its answer writable; a panic or an unwritable record is that record's failure.
fn judge<I, O: Serialize>(job: &Job<I>, worker: &impl Fn(&I) -> Outcome<O>) -> Verdict {
    let ours = |error: String| Verdict::Failed { boundary: Boundary::Us, error };
    let written = |record: &O, data| match to_line(record) {
        Ok(line) => Verdict::Accepted { line, data },
        Err(error) => ours(format!("the record cannot be written as JSON: {error}")),
    };
    match catch_unwind(AssertUnwindSafe(|| worker(&job.input))) {
        Ok(Outcome::Accepted(record)) => written(&record, Vec::new()),
        Ok(Outcome::AcceptedWithData { record, data }) => written(&record, data),
        Ok(Outcome::Rejected { why }) => Verdict::Rejected { why },
        Ok(Outcome::Failed { boundary, error }) => Verdict::Failed { boundary, error },
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            ours(format!("the worker panicked: {text}"))
        }
    }
}

/// The calling thread's side: feeds, reorders, writes.
struct Engine<'a, I> {
    output: &'a mut Output,
    progress: &'a mut dyn Progress,
    jobs: Sender<Job<I>>,
    /// Most inputs between the last written and the last drawn.
    window: u64,
    fed: u64,
    written: u64,
    /// Jobs whose results have not come back.
    out: u64,
    ready: BTreeMap<u64, Done>,
}

impl<I> Engine<'_, I> {
    fn run(
        &mut self,
        mut source: impl Source<I>,
        done: &Receiver<Done>,
        stopped: impl Fn() -> bool,
    ) -> Result<Ended, StoreError> {
        if let Some(ended) = source.enough(self.output) {
            return Ok(ended);
        }
        // `Some` once nothing more is drawn.
        let mut end: Option<Result<Ended, StoreError>> = None;
        loop {
            while end.is_none() && self.fed - self.written < self.window {
                if stopped() {
                    end = Some(Ok(Ended::Stopped));
                    break;
                }
                match source.next(self.output, self.fed - self.written) {
                    Ok(Next::Job { id, input }) => self.feed(id, input),
                    Ok(Next::Repeated { id, repeat }) => self.reject_repeated(id, repeat),
                    Ok(Next::Later) => break,
                    Ok(Next::End) => end = Some(Ok(Ended::Complete)),
                    Err(error) => end = Some(Err(error)),
                }
                if let Some(ended) = self.write_ready(&source)? {
                    return Ok(ended);
                }
            }
            if self.out == 0 {
                // A gap: jobs that no worker took any more. They are left for the next run.
                let gap = self.written < self.fed;
                match end {
                    Some(Ok(Ended::Complete)) | None if gap => return Ok(Ended::Stopped),
                    Some(ended) => return ended,
                    // All is written, so there is room to draw again.
                    None => continue,
                }
            }
            let Ok(result) = done.recv() else { return Ok(Ended::Stopped) };
            self.out -= 1;
            self.ready.insert(result.sequence, result);
            if let Some(ended) = self.write_ready(&source)? {
                return Ok(ended);
            }
        }
    }

    fn feed(&mut self, id: String, input: I) {
        // Sending fails only when every worker is gone, and then receiving fails too.
        if self.jobs.send(Job { sequence: self.fed, id, input }).is_ok() {
            self.out += 1;
        }
        self.fed += 1;
    }

    fn reject_repeated(&mut self, id: String, repeat: u32) {
        let why = "repeated id: an earlier input has the same id".to_owned();
        let verdict = Some(Verdict::Rejected { why });
        self.ready.insert(self.fed, Done { sequence: self.fed, id, repeat, verdict });
        self.fed += 1;
    }

    /// Writes results as long as none before them is missing.
    fn write_ready(&mut self, source: &impl Source<I>) -> Result<Option<Ended>, StoreError> {
        while let Some(done) = self.ready.remove(&self.written) {
            let Some(verdict) = done.verdict else {
                // Skipped: nothing behind it may be written either.
                self.ready.clear();
                return Ok(None);
            };
            self.output.commit(done.id, done.repeat, verdict)?;
            self.written += 1;
            self.progress.update(&self.output.state.tally);
            if let Some(ended) = source.enough(self.output) {
                return Ok(Some(ended));
            }
        }
        Ok(None)
    }
}
