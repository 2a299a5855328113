//! Many short sessions in few exchanges, for checks that try hundreds of calls, each from a fresh start.
//!
//! A frame holds tries; the worker opens, calls and closes a session for each and answers them together. Whatever is
//! out of the ordinary (a limit, memory, a death, a body that fails) is not judged here: such a try is made again by
//! itself, the ordinary way, so that a batch never says anything else than single sessions would.

use crate::core::{Core, KEPT_BYTES, Slot, lock};
use crate::exchange::{Fate, take};
use crate::loaded::{LoadedProgram, json_text};
use crate::worker::Reply;
use crate::{CallOutcome, SandboxError, ToolEngine};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Tries in a frame, and characters after which no further one is put into it.
const TRIES: usize = 128;
const FRAME: usize = 256 << 10;
/// How far a frame may raise a worker's memory, at its highest, without being looked at call by call.
const MARGIN: u64 = KEPT_BYTES / 4;

/// Calls to be made in a session of their own.
#[derive(Clone, Debug)]
pub struct Try<'a> {
    /// Seed of the session.
    pub seed: u64,
    /// Tool and arguments of each call, in order.
    pub calls: Vec<(&'a str, &'a Map<String, Value>)>,
}

/// Makes one try in an ordinary session.
pub(crate) fn try_alone(
    engine: &(impl ToolEngine + ?Sized),
    program: &LoadedProgram,
    one: &Try<'_>,
) -> Result<CallOutcome, SandboxError> {
    let session = engine.open(program, one.seed)?;
    let mut last = Err(SandboxError::UnknownTool { tool: String::new() });
    for (tool, arguments) in &one.calls {
        last = engine.call(&session, tool, arguments);
        if last.is_err() {
            break;
        }
    }
    engine.close(session);
    last
}

impl Core {
    /// Makes some of the tries, at least the first; `None` stands for one that must be made by itself.
    pub(crate) fn try_some(&self, program: &LoadedProgram, tries: &[Try<'_>]) -> Vec<Option<CallOutcome>> {
        if program.0.is_private() {
            return vec![None; tries.len()];
        }
        let (frame, count, calls) = self.frame(program, tries);
        if count == 0 {
            return vec![None];
        }
        let index = self.slot_of(program, self.opens.fetch_add(1, Ordering::Relaxed));
        let mut slot = lock(&self.slots[index]);
        let answered = self.exchange_tries(&mut slot, program, &frame, count);
        if answered.is_some() {
            self.tend(&mut slot, calls);
        }
        answered.filter(|answered| !answered.is_empty()).unwrap_or_else(|| vec![None; count])
    }

    /// A frame of the first tries, how many there are in it, and how many calls.
    fn frame(&self, program: &LoadedProgram, tries: &[Try<'_>]) -> (String, usize, u32) {
        let mut frame = format!("\"op\":\"try\",\"program\":{},\"tries\":[", program.0.key);
        let (mut count, mut calls) = (0, 0);
        for one in tries.iter().take(TRIES) {
            let made = u32::try_from(one.calls.len()).unwrap_or(u32::MAX);
            let is_known = one.calls.iter().all(|(tool, _)| program.0.tool_index(tool).is_some());
            if !is_known || made == 0 || made > self.options.limits.calls_per_session || frame.len() > FRAME {
                break;
            }
            let separator = if count == 0 { "" } else { "," };
            let _ = write!(frame, "{separator}[{},{}]", one.seed, json_text(&one.calls));
            count += 1;
            calls += made;
        }
        frame.push(']');
        (frame, count, calls)
    }

    /// Has the slot's worker make the tries; `None` when nothing can be said of any of them.
    fn exchange_tries(
        &self,
        slot: &mut Slot,
        program: &LoadedProgram,
        frame: &str,
        count: usize,
    ) -> Option<Vec<Option<CallOutcome>>> {
        let worker = match self.bring(slot, program) {
            Ok(worker) => worker,
            Err((_, Fate::Lives)) => return None,
            Err((_, Fate::Killed | Fate::Outside)) => {
                self.lose(slot);
                return None;
            }
        };
        let usual = worker.resident() + MARGIN;
        if slot.peak > usual {
            // What it had once would hide what a call takes now.
            if slot.sessions == 0 {
                self.recycles.fetch_add(1, Ordering::Relaxed);
                self.lose(slot);
            }
            return None;
        }
        let worker = slot.worker.as_mut()?;
        let began = Instant::now();
        let Ok(reply) = worker.request(frame) else {
            self.lose(slot);
            return None;
        };
        let read = reply.tries.map(|text| read_tries(text, count));
        worker.weigh();
        slot.peak = worker.peak()?;
        let mut read = read?.ok()?;
        if slot.peak > usual {
            return None;
        }
        let share = began.elapsed() / u32::try_from(read.len().max(1)).unwrap_or(1);
        read.iter_mut().flatten().for_each(|outcome| outcome.wall = share);
        Some(read)
    }
}

/// The last outcome of each try. A session in which a call is undone is no matter for a batch.
fn read_tries(text: &RawValue, most: usize) -> Result<Vec<Option<CallOutcome>>, serde_json::Error> {
    let tries: Vec<Option<Vec<Reply<'_>>>> = serde_json::from_str(text.get())?;
    let outcome = |replies: Vec<Reply<'_>>| {
        let mut last = None;
        for reply in replies {
            let taken = take(&reply);
            let is_undone =
                taken.refused || taken.outcome.result.as_ref().is_err_and(|error| error.kind.rolls_back());
            if is_undone {
                return None;
            }
            last = Some(CallOutcome {
                state_changed: taken.state.is_some(),
                cpu: Duration::from_nanos(reply.total),
                ..taken.outcome
            });
        }
        last
    };
    Ok(tries.into_iter().take(most).map(|replies| outcome(replies?)).collect())
}
