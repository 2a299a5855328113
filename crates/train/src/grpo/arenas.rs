//! Arenas as an environment: an episode is a rollout, its reward the trajectory's.
//!
//! Irrelevant tools are drawn anew on every reset, that is for every group: all rollouts of a group see the same tools
//! in the same order, the same clock and the same injected failures. A masked episode is played once more before it
//! counts as masked, as everywhere.

use super::rollouts::{Environment, Outcome, Rollout, World};
use astra_agent::{EpisodePlan, run_episode};
use astra_arena::distractors::{BandCounts, DistractorPool};
use astra_arena::{Arena, ArenaError, Episode, EpisodeLimits, EpisodeOptions, RewardVariant, Runtime};
use astra_model::{Chat, ModelPolicy, PolicySettings, Sampler};
use astra_protocol::{Message, Stop};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How episodes are played.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaySettings {
    /// Assistant turns at most; the paper allows 32.
    pub max_turns: usize,
    /// Tokens that an episode writes at most; none is the model's context.
    pub max_output_tokens: Option<u64>,
    /// Share of tool calls that fail by injection; the paper trains with 0.2.
    pub failure_rate: f64,
    /// Other bounds.
    pub limits: EpisodeLimits,
    /// Which reward is learned from.
    pub reward: RewardVariant,
    /// Irrelevant tools mixed in, a band.
    pub distractors: Option<BandCounts>,
}

impl Default for PlaySettings {
    fn default() -> Self {
        Self {
            max_turns: 32,
            max_output_tokens: None,
            failure_rate: 0.0,
            limits: EpisodeLimits::default(),
            reward: RewardVariant::default(),
            distractors: None,
        }
    }
}

/// Arenas and what it takes to play them.
pub struct ArenaEnvironment<'a> {
    /// What they run on.
    pub runtime: Runtime,
    /// The arenas.
    pub arenas: &'a [Arc<Arena>],
    /// Where irrelevant tools come from, when the settings ask for any.
    pub pool: Option<&'a DistractorPool>,
    /// How conversations become tokens.
    pub chat: Arc<Chat>,
    /// How turns are written.
    pub policy: PolicySettings,
    /// How episodes are played.
    pub play: PlaySettings,
}

impl std::fmt::Debug for ArenaEnvironment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ArenaEnvironment({} arenas, {:?})", self.arenas.len(), self.play)
    }
}

impl Environment for ArenaEnvironment<'_> {
    fn tasks(&self) -> usize {
        self.arenas.len()
    }

    fn name(&self, task: usize) -> &str {
        &self.arenas[task].id().0
    }

    fn world(&self, task: usize, seed: u64) -> Result<Box<dyn World + '_>, String> {
        let arena = &self.arenas[task];
        let distractors = match (self.pool, self.play.distractors) {
            (Some(pool), Some(bands)) => {
                let drawn =
                    pool.sample(&self.runtime, arena, bands, seed).map_err(|error| error.to_string())?;
                drawn.distractors
            }
            (Some(_) | None, _) => Vec::new(),
        };
        let options = EpisodeOptions {
            seed,
            failure_rate: self.play.failure_rate,
            limits: self.play.limits,
            variant: self.play.reward,
            distractors,
        };
        Ok(Box::new(ArenaWorld { environment: self, arena, options }))
    }
}

struct ArenaWorld<'a> {
    environment: &'a ArenaEnvironment<'a>,
    arena: &'a Arc<Arena>,
    options: EpisodeOptions,
}

impl World for ArenaWorld<'_> {
    fn play(&self, seed: u64, sampler: &Arc<dyn Sampler>) -> Rollout {
        let rollout = self.once(seed, sampler);
        if rollout.outcome.is_ok() { rollout } else { self.once(seed, sampler) }
    }
}

impl ArenaWorld<'_> {
    fn once(&self, seed: u64, sampler: &Arc<dyn Sampler>) -> Rollout {
        self.episode(seed, sampler).unwrap_or_else(|error| Rollout {
            segments: Vec::new(),
            outcome: Err(error.to_string()),
            turns: 0,
            answered: false,
        })
    }

    fn episode(&self, seed: u64, sampler: &Arc<dyn Sampler>) -> Result<Rollout, ArenaError> {
        let ArenaEnvironment { runtime, chat, policy, play, .. } = self.environment;
        let policy = ModelPolicy::new("policy", Arc::clone(sampler), Arc::clone(chat), *policy);
        let prompt = self.arena.spec().prompt.clone();
        let before = prompt.len();
        let plan = EpisodePlan {
            max_turns: play.max_turns,
            max_output_tokens: play.max_output_tokens,
            ..EpisodePlan::new(self.arena.id().0.clone(), prompt, seed)
        };
        let episode = Episode::open(runtime, self.arena, self.options.clone())?;
        let player = policy.player();
        let trace = pollster::block_on(run_episode(&player, &episode.agent(), plan));
        let score = episode.finish(&trace.messages, &trace.stop)?;
        let outcome = match (score.reward.measured(), &trace.stop) {
            (Some(reward), _) => Ok(Outcome {
                reward,
                f1: score.f1.measured(),
                recall: score.recall.measured(),
                precision: score.precision.measured(),
                answer: score.answer.measured(),
                calls: score.components.calls,
                irrelevant: score.components.irrelevant,
                invalid: score.components.invalid,
            }),
            (None, Stop::Failed { boundary, error }) => Err(format!("{boundary}: {error}")),
            (None, Stop::Answered | Stop::TurnLimit | Stop::TokenLimit) => {
                Err("the episode could not be scored".to_owned())
            }
        };
        let turns =
            trace.messages[before..].iter().filter(|one| matches!(one, Message::Assistant { .. })).count();
        Ok(Rollout { segments: trace.segments, outcome, turns, answered: trace.stop == Stop::Answered })
    }
}
