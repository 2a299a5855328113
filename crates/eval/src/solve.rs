//! Playing a policy over arenas, and summing up what came of it.

use crate::player::{PlayError, Player};
use crate::record::EpisodeRecord;
use crate::statistics::{Bootstrap, Estimate, bootstrap_mean, group_by};
use astra_agent::{EpisodePlan, run_episode};
use astra_arena::distractors::{BandCounts, DistractorPool};
use astra_arena::{
    Arena, ArenaError, CallRecord, Episode, EpisodeLimits, EpisodeOptions, EpisodeScore, RewardVariant,
    Runtime,
};
use astra_protocol::{Policy, Topology, Trace};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

/// How arenas are played.
#[derive(Clone, Debug)]
pub struct SolveOptions {
    /// Seed of the run; each episode's seed follows from it, the arena's id and the sample.
    pub seed: u64,
    /// Episodes an arena.
    pub samples: usize,
    /// Episodes played at a time; a player may ask for more.
    pub threads: usize,
    /// Share of calls that fail by injection.
    pub failure_rate: f64,
    /// Bounds of an episode.
    pub limits: EpisodeLimits,
    /// Which reward is reported.
    pub variant: RewardVariant,
    /// Assistant turns at most.
    pub max_turns: usize,
    /// Irrelevant tools mixed in, a band.
    pub bands: Option<BandCounts>,
}

impl Default for SolveOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            samples: 1,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            failure_rate: 0.0,
            limits: EpisodeLimits::default(),
            variant: RewardVariant::default(),
            max_turns: 32,
            bands: None,
        }
    }
}

/// One episode that was played.
#[derive(Clone, Debug)]
pub struct Played {
    /// The arena.
    pub arena: Arc<Arena>,
    /// Which episode of this arena, from 0.
    pub sample: usize,
    /// What happened.
    pub trace: Trace,
    /// What it was worth.
    pub score: EpisodeScore,
    /// The calls, from the control side.
    pub log: Vec<CallRecord>,
}

/// Plays one episode.
pub fn play(
    runtime: &Runtime,
    arena: &Arc<Arena>,
    policy: &dyn Policy,
    options: EpisodeOptions,
    max_turns: usize,
) -> Result<Played, ArenaError> {
    let mut plan = EpisodePlan::new(arena.id().0.clone(), arena.spec().prompt.clone(), options.seed);
    plan.max_turns = max_turns;
    let episode = Episode::open(runtime, arena, options)?;
    let trace = pollster::block_on(run_episode(policy, &episode.agent(), plan));
    let log = episode.log();
    let score = episode.finish(&trace.messages, &trace.stop)?;
    Ok(Played { arena: Arc::clone(arena), sample: 0, trace, score, log })
}

/// What accompanies a run.
pub struct Company<'a> {
    /// Where irrelevant tools come from, when the options ask for any.
    pub pool: Option<&'a DistractorPool>,
    /// Ends the run early: episodes under way finish, the rest are left out.
    pub stop: &'a AtomicBool,
    /// Is told of every episode, in the order they finish.
    pub on_done: &'a mut dyn FnMut(&Played),
}

/// Lets a player play all arenas. The result is in order of arenas, then samples, whatever finished first.
pub fn solve(
    runtime: &Runtime,
    arenas: &[Arc<Arena>],
    player: &dyn Player,
    options: &SolveOptions,
    company: Company<'_>,
) -> Result<Vec<Played>, PlayError> {
    let Company { pool, stop, on_done } = company;
    let total = arenas.len() * options.samples;
    let threads = player.concurrency().map_or(options.threads, |wanted| wanted.get().max(options.threads));
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let mut played: Vec<Option<Played>> = (0..total).map(|_| None).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, total.max(1)) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(arena) = arenas.get(at / options.samples.max(1)) else { return };
                    let outcome = play_sample(runtime, arena, player, options, pool, at % options.samples);
                    let failed = outcome.is_err();
                    if sender.send((at, outcome)).is_err() || failed {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (at, outcome) in receiver {
            let outcome = outcome?;
            on_done(&outcome);
            played[at] = Some(outcome);
        }
        Ok::<(), PlayError>(())
    })?;
    Ok(played.into_iter().flatten().collect())
}

/// Plays one of an arena's episodes: its seed and its distractors follow from the options, the arena and the sample.
pub fn play_sample(
    runtime: &Runtime,
    arena: &Arc<Arena>,
    player: &dyn Player,
    options: &SolveOptions,
    pool: Option<&DistractorPool>,
    sample: usize,
) -> Result<Played, PlayError> {
    use rand_chacha::rand_core::Rng;
    let seed =
        astra_protocol::seeded_rng(options.seed, &format!("episode {} {sample}", arena.id())).next_u64();
    let distractors = match (pool, options.bands) {
        (Some(pool), Some(bands)) => pool.sample(runtime, arena, bands, seed)?.distractors,
        (Some(_) | None, _) => Vec::new(),
    };
    let episode = EpisodeOptions {
        seed,
        failure_rate: options.failure_rate,
        limits: options.limits,
        variant: options.variant,
        distractors,
    };
    let attempt = || {
        // A policy may remember its episode, so every attempt has one of its own.
        let policy = player.policy(runtime, arena, seed)?;
        Ok::<Played, PlayError>(play(runtime, arena, policy.as_ref(), episode.clone(), options.max_turns)?)
    };
    let mut played = attempt()?;
    // A masked episode says nothing about the policy; it is played once more, and counted if that fails too.
    if played.score.f1.measured().is_none() {
        played = attempt()?;
    }
    Ok(Played { sample, ..played })
}

/// Means with 95 % bootstrap intervals over episodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Trajectory-level F1 (the refusal reward where the arena is unanswerable).
    pub f1: Option<Estimate>,
    /// Recall over goals; answerable arenas only.
    pub recall: Option<Estimate>,
    /// Precision over calls; answerable arenas only.
    pub precision: Option<Estimate>,
    /// Share of episodes whose final message gives the answer; answerable arenas only.
    pub answer: Option<Estimate>,
    /// Tool calls an episode.
    pub calls: Option<Estimate>,
    /// Episodes scored.
    pub n: usize,
    /// Episodes masked because something other than the policy broke.
    pub masked: usize,
}

/// Sums up episodes.
pub fn summarise<'a>(episodes: impl IntoIterator<Item = &'a EpisodeRecord>) -> Summary {
    let episodes: Vec<&EpisodeRecord> = episodes.into_iter().collect();
    let mean = |value: &dyn Fn(&EpisodeRecord) -> Option<f64>| {
        let values: Vec<f64> = episodes.iter().filter_map(|one| value(one)).collect();
        bootstrap_mean(&values, Bootstrap::default()).ok().flatten()
    };
    let masked = episodes.iter().filter(|one| one.is_masked()).count();
    Summary {
        f1: mean(&|one| one.score.f1.measured()),
        recall: mean(&|one| one.score.recall.measured()),
        precision: mean(&|one| one.score.precision.measured()),
        answer: mean(&|one| one.score.answer.measured()),
        calls: mean(&|one| (!one.is_masked()).then_some(one.score.components.calls as f64)),
        n: episodes.len() - masked,
        masked,
    }
}

/// Sums up episodes by topology and hops; unanswerable arenas have no hops and stand under 0.
pub fn summarise_by(episodes: &[EpisodeRecord]) -> BTreeMap<(Topology, usize), Summary> {
    let groups = group_by(episodes, |one| (one.topology, one.hops));
    groups.into_iter().map(|(key, members)| (key, summarise(members))).collect()
}
