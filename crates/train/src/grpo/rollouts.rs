//! Rollouts of a step: many episodes at a time, so that their turns are written together.
//!
//! A group shares its world (prompt, tools offered, injected failures): its rollouts differ in the sampled tokens
//! alone, so what differs in reward is the policy's. Seeds are functions of (seed, step, task, sample), never of who
//! finished first; results come in the order of the plans.

use astra_model::{Limits, ModelError, Sampler, Sampling, Sequence, Turn};
use astra_protocol::{BoxFuture, Segment};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Tasks that a policy can be trained on.
pub trait Environment: Sync {
    /// How many there are.
    fn tasks(&self) -> usize;

    /// A name of the task that outlives its place among others; seeds depend on it.
    fn name(&self, task: usize) -> &str;

    /// The world of one group. The same seed gives the same world. A failure that is nobody's merit or fault masks
    /// the group.
    fn world(&self, task: usize, seed: u64) -> Result<Box<dyn World + '_>, String>;
}

/// What the rollouts of a group share.
pub trait World: Send + Sync {
    /// Plays one episode from its beginning; its tokens are drawn from `seed`.
    fn play(&self, seed: u64, sampler: &Arc<dyn Sampler>) -> Rollout;
}

/// One episode that was played.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    /// Exactly what the model read and wrote.
    pub segments: Vec<Segment>,
    /// What it was worth, or why that could not be said: such a rollout is masked and never in a gradient.
    pub outcome: Result<Outcome, String>,
    /// Assistant turns.
    pub turns: usize,
    /// Whether the policy ended it, rather than a limit.
    pub answered: bool,
}

/// What an episode was worth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// What is learned from.
    pub reward: f64,
    /// Trajectory-level F1, where the task has one.
    pub f1: Option<f64>,
    /// Recall over goals.
    pub recall: Option<f64>,
    /// Precision over calls.
    pub precision: Option<f64>,
    /// Whether the final message gives the answer, 1 or 0.
    pub answer: Option<f64>,
    /// Tool calls that count.
    pub calls: usize,
    /// Of these, calls to tools that were mixed in.
    pub irrelevant: usize,
    /// Of these, calls that were wrong in themselves.
    pub invalid: usize,
}

/// A group to roll out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) task: usize,
    /// How often the task was planned before in this step.
    pub(crate) occurrence: usize,
}

/// How groups are rolled out.
pub(crate) struct Rolling<'a> {
    pub(crate) environment: &'a dyn Environment,
    pub(crate) sampler: Arc<dyn Sampler>,
    pub(crate) seed: u64,
    pub(crate) step: u64,
    pub(crate) group_size: usize,
    /// Episodes at a time.
    pub(crate) concurrency: usize,
}

/// Wall time of rollouts, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    /// Waiting for the model's turns.
    pub(crate) generation: f64,
    /// The rest.
    pub(crate) tools: f64,
}

impl Rolling<'_> {
    /// Rolls out all plans; nothing when `stop` was raised before the end.
    pub(crate) fn roll_out(&self, plans: &[Plan], stop: &AtomicBool) -> Option<(Vec<Vec<Rollout>>, Spent)> {
        let began = Instant::now();
        let worlds = together(plans, self.concurrency, stop, |plan| {
            let name = self.environment.name(plan.task);
            let seed = self.draw(&format!("world {} {name} {}", self.step, plan.occurrence));
            self.environment.world(plan.task, seed)
        })?;
        let opening = began.elapsed().as_secs_f64();
        let samples: Vec<(usize, usize)> = (0..plans.len())
            .flat_map(|group| (0..self.group_size).map(move |sample| (group, sample)))
            .collect();
        let rollouts = together(&samples, self.concurrency, stop, |(group, sample)| {
            let started = Instant::now();
            let timed = Timed { inner: Arc::clone(&self.sampler), nanos: Arc::default() };
            let nanos = Arc::clone(&timed.nanos);
            let plan = plans[*group];
            let name = self.environment.name(plan.task);
            let sample = plan.occurrence * self.group_size + sample;
            let seed = self.draw(&format!("tokens {} {name} {sample}", self.step));
            let rollout = match &worlds[*group] {
                Ok(world) => world.play(seed, &(Arc::new(timed) as Arc<dyn Sampler>)),
                Err(why) => {
                    Rollout { segments: Vec::new(), outcome: Err(why.clone()), turns: 0, answered: false }
                }
            };
            (rollout, nanos.load(Ordering::Relaxed) as f64 * 1e-9, started.elapsed().as_secs_f64())
        })?;
        let playing = began.elapsed().as_secs_f64() - opening;
        let mut groups: Vec<Vec<Rollout>> = plans.iter().map(|_| Vec::new()).collect();
        let (mut model, mut all) = (0.0, 0.0);
        for ((group, _), (rollout, waited, lasted)) in samples.iter().zip(rollouts) {
            model += waited;
            all += lasted;
            groups[*group].push(rollout);
        }
        // Episodes overlap: the wall time is divided as their own time was.
        let generation = playing * (model / f64::max(all, 1e-9)).min(1.0);
        Some((groups, Spent { generation, tools: opening + playing - generation }))
    }

    fn draw(&self, what: &str) -> u64 {
        use rand_chacha::rand_core::Rng;
        astra_protocol::seeded_rng(self.seed, what).next_u64()
    }
}

/// Applies `work` to all items, `threads` at a time; nothing when `stop` was raised before all were begun.
fn together<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    stop: &AtomicBool,
    work: impl Fn(&T) -> R + Sync,
) -> Option<Vec<R>> {
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, items.len().max(1)) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let (Some(item), Some(result)) = (items.get(at), results.get(at)) else { return };
                    let done = work(item);
                    *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
                }
            });
        }
    });
    results.into_iter().map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}

/// A sampler that counts how long an episode waited for its turns.
struct Timed {
    inner: Arc<dyn Sampler>,
    nanos: Arc<AtomicU64>,
}

struct TimedSequence {
    inner: Box<dyn Sequence>,
    nanos: Arc<AtomicU64>,
}

impl Sampler for Timed {
    fn open(&self, seed: u64) -> Box<dyn Sequence> {
        Box::new(TimedSequence { inner: self.inner.open(seed), nanos: Arc::clone(&self.nanos) })
    }
}

impl Sequence for TimedSequence {
    fn turn(
        &self,
        suffix: Vec<u32>,
        limits: Limits,
        sampling: Sampling,
    ) -> BoxFuture<'_, Result<Turn, ModelError>> {
        Box::pin(async move {
            let started = Instant::now();
            let turn = self.inner.turn(suffix, limits, sampling).await;
            let nanos = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.nanos.fetch_add(nanos, Ordering::Relaxed);
            turn
        })
    }
}
