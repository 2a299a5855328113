//! The one stage runner: bounded concurrency, output in input order, nothing lost to a crash.
//!
//! The calling thread draws inputs and writes results; workers only compute. Results wait until everything before them
//! is written, so the files depend on the inputs and not on timing, and a run that was killed and resumed leaves the
//! bytes of an unbroken one. The same engine maps a list of inputs ([`run_stage`]) and draws candidates until enough
//! are accepted ([`generate`]). Talking to a person is left to [`Progress`]; what a failed record costs is not known
//! here.

use crate::engine::{Next, Source, drive};
use crate::output::{Key, Layout, Output, Recovered};
use crate::session::Session;
use crate::{Manifest, Stage, StageOptions, StoreError};
use astra_protocol::Boundary;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// What a worker says about one input.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<T> {
    /// It became this record.
    Accepted(T),
    /// It became this record, which names these data files (`data/<blake3>.json.zst`).
    AcceptedWithData {
        /// The record.
        record: T,
        /// Uncompressed content of the data files.
        data: Vec<Vec<u8>>,
    },
    /// It will never become one. The words before the first colon are counted as the reason.
    Rejected {
        /// Why not.
        why: String,
    },
    /// Something else broke; a resumed run tries it again.
    Failed {
        /// Whose failure it is.
        boundary: Boundary,
        /// What happened.
        error: String,
    },
}

/// An input with the id by which a resumed run knows it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input<T> {
    /// Content id or another stable name.
    pub id: String,
    /// The input.
    pub value: T,
}

/// How many inputs met which end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// Became records.
    pub accepted: u64,
    /// Will never become records.
    pub rejected: u64,
    /// Failed and are tried again on resume.
    pub failed: u64,
}

impl Tally {
    /// All inputs that met an end.
    pub fn done(&self) -> u64 {
        self.accepted + self.rejected + self.failed
    }
}

/// Hears how far a stage is. Rate and time left are the hearer's to compute: the runner has no clock.
pub trait Progress {
    /// The stage begins: so many inputs in all (records wanted, for a generator), so many done by an earlier run.
    fn begin(&mut self, total: Option<u64>, resumed: &Tally);

    /// One more input met its end.
    fn update(&mut self, tally: &Tally);
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&mut self, _total: Option<u64>, _resumed: &Tally) {}

    fn update(&mut self, _tally: &Tally) {}
}

/// How a run ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Everything asked for is done.
    Complete,
    /// The stop flag was set; resume continues.
    Stopped,
    /// A generator drew its limit of candidates, or too many in a row in vain, before it had enough.
    Exhausted,
}

/// What a run did.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// All that is done in the folder, by this run and earlier ones.
    pub tally: Tally,
    /// What earlier runs had done.
    pub resumed: Tally,
    /// Inputs whose earlier results a crash had torn and that were done again.
    pub redone: u64,
    /// Reasons for rejection → how many.
    pub rejected_by: BTreeMap<String, u64>,
    /// How it ended.
    pub ended: Ended,
    /// The manifest; absent when the run was stopped.
    pub manifest: Option<Manifest>,
}

/// What a run would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Inputs of this shard, within the limit.
    pub inputs: u64,
    /// Of these, what an earlier run has decided.
    pub decided: u64,
    /// Of these, what is left to do.
    pub to_do: u64,
}

/// How many records a generator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Stop when so many are accepted (over all shards).
    pub count: u64,
    /// Stop when so many candidates in a row were not accepted.
    pub give_up_after: u64,
}

/// Runs `worker` over `inputs` and writes what it accepts to `options.out`, in input order.
///
/// `worker` must be a function of its input: that is what makes a resumed run equal an unbroken one. An input whose id
/// came before is rejected without calling it. An error among `inputs` ends the run when everything before it is
/// written.
pub fn run_stage<I, O, W>(
    inputs: impl IntoIterator<Item = Result<Input<I>, StoreError>>,
    stage: &Stage,
    options: &StageOptions<'_>,
    progress: &mut dyn Progress,
    worker: W,
) -> Result<Summary, StoreError>
where
    I: Send,
    O: Serialize,
    W: Fn(&I) -> Outcome<O> + Sync,
{
    let mut session = Session::begin(stage, options)?;
    let selection = Selection::new(inputs.into_iter(), options);
    progress.begin(selection.total(), &session.output.state.tally);
    let ended = drive(&mut session.output, options, progress, selection, &worker);
    session.end(ended)
}

/// Draws candidates 0, 1, 2, … through `worker` until `generation.count` are accepted, and writes them in index order.
///
/// Stops at exactly `count`; a few candidates behind the last may have been computed in vain. A shard `i/N` draws the
/// indices `i, i+N, …` until it has its share of the count. `count` may grow between a run and its resumption.
pub fn generate<O, W>(
    generation: Generation,
    stage: &Stage,
    options: &StageOptions<'_>,
    progress: &mut dyn Progress,
    worker: W,
) -> Result<Summary, StoreError>
where
    O: Serialize,
    W: Fn(u64) -> Outcome<O> + Sync,
{
    let mut session = Session::begin(stage, options)?;
    let (first, step, wanted) = match options.shard {
        Some(shard) => (u64::from(shard.index()), u64::from(shard.of()), shard.share(generation.count)),
        None => (0, 1, generation.count),
    };
    progress.begin(Some(wanted), &session.output.state.tally);
    let draws = Draws {
        wanted,
        give_up_after: generation.give_up_after,
        workers: options.concurrency.get() as u64,
        indices: (0..options.limit.unwrap_or(u64::MAX)).map(|draw| first + draw * step),
    };
    let ended = drive(&mut session.output, options, progress, draws, &|index: &u64| worker(*index));
    let accepted = session.output.state.tally.accepted;
    session.end(ended.map(|ended| match ended {
        Ended::Complete if accepted < wanted => Ended::Exhausted,
        Ended::Complete | Ended::Stopped | Ended::Exhausted => ended,
    }))
}

/// Says what [`run_stage`] would do; reads all inputs and changes nothing.
pub fn plan_stage<I>(
    inputs: impl IntoIterator<Item = Result<Input<I>, StoreError>>,
    options: &StageOptions<'_>,
) -> Result<Plan, StoreError> {
    let recovered = Recovered::read(&Layout::new(&options.out, options.shard))?;
    let mut plan = Plan { inputs: 0, decided: 0, to_do: 0 };
    for selected in Selection::new(inputs.into_iter(), options) {
        let (input, repeat) = selected?;
        plan.inputs += 1;
        if recovered.is_decided(Key::new(&input.id, repeat)) {
            plan.decided += 1;
        } else {
            plan.to_do += 1;
        }
    }
    Ok(plan)
}

/// The inputs of a shard within the limit, each with how many of its id came before.
struct Selection<'a, 'b, S> {
    inputs: S,
    options: &'a StageOptions<'b>,
    taken: u64,
    seen: HashMap<Key, u32>,
}

impl<'a, 'b, S, I> Selection<'a, 'b, S>
where
    S: Iterator<Item = Result<Input<I>, StoreError>>,
{
    fn new(inputs: S, options: &'a StageOptions<'b>) -> Self {
        Self { inputs, options, taken: 0, seen: HashMap::new() }
    }

    /// How many there will be, where that is known without looking.
    fn total(&self) -> Option<u64> {
        let (least, most) = self.inputs.size_hint();
        let known = most.filter(|most| *most == least && self.options.shard.is_none())? as u64;
        Some(self.options.limit.map_or(known, |limit| limit.min(known)))
    }
}

impl<S, I> Iterator for Selection<'_, '_, S>
where
    S: Iterator<Item = Result<Input<I>, StoreError>>,
{
    type Item = Result<(Input<I>, u32), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.options.limit.is_some_and(|limit| self.taken >= limit) {
            return None;
        }
        loop {
            let input = match self.inputs.next()? {
                Ok(input) => input,
                Err(error) => return Some(Err(error)),
            };
            if self.options.shard.is_some_and(|shard| !shard.holds(&input.id)) {
                continue;
            }
            self.taken += 1;
            let count = self.seen.entry(Key::new(&input.id, 0)).or_default();
            let repeat = *count;
            *count += 1;
            return Some(Ok((input, repeat)));
        }
    }
}

impl<S, I> Source<I> for Selection<'_, '_, S>
where
    S: Iterator<Item = Result<Input<I>, StoreError>>,
{
    fn next(&mut self, output: &Output, _in_flight: u64) -> Result<Next<I>, StoreError> {
        for selected in self {
            let (Input { id, value }, repeat) = selected?;
            if !output.state.is_decided(Key::new(&id, repeat)) {
                return Ok(if repeat == 0 {
                    Next::Job { id, input: value }
                } else {
                    Next::Repeated { id, repeat }
                });
            }
        }
        Ok(Next::End)
    }

    fn enough(&self, _output: &Output) -> Option<Ended> {
        None
    }
}

/// The candidates of a generator, by index.
struct Draws<S> {
    wanted: u64,
    give_up_after: u64,
    workers: u64,
    indices: S,
}

impl<S: Iterator<Item = u64>> Source<u64> for Draws<S> {
    fn next(&mut self, output: &Output, in_flight: u64) -> Result<Next<u64>, StoreError> {
        // With no more in flight than are missing, nothing is computed in vain; but keep every worker busy.
        let missing = self.wanted.saturating_sub(output.state.tally.accepted);
        if in_flight >= missing.max(self.workers) {
            return Ok(Next::Later);
        }
        for draw in &mut self.indices {
            let id = draw.to_string();
            if !output.state.is_decided(Key::new(&id, 0)) {
                return Ok(Next::Job { id, input: draw });
            }
        }
        Ok(Next::End)
    }

    fn enough(&self, output: &Output) -> Option<Ended> {
        if output.state.tally.accepted >= self.wanted {
            Some(Ended::Complete)
        } else {
            (output.state.misses >= self.give_up_after).then_some(Ended::Exhausted)
        }
    }
}
