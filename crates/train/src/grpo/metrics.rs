//! What a step of GRPO says of itself: `metrics.jsonl`, one object a line; everything that the paper's figures show.
//!
//! Rewards, turns and calls are means over the measured rollouts of the step, whether their group was valid or not:
//! means over the batch alone would show only what the filling picked. Everything but [`StepTime`] is the same in
//! every run of the same settings.

use super::rollouts::{Outcome, Rollout};
use crate::backend::sampled_tokens;
use crate::metrics::Line;
use serde::{Deserialize, Serialize};

/// One step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GrpoMetrics {
    /// Steps done, from 1.
    pub step: u64,
    /// Passes over the tasks.
    pub epoch: f64,
    /// What was rolled out.
    #[serde(flatten)]
    pub rollouts: RolloutMetrics,
    /// Groups rolled out.
    pub groups: usize,
    /// Of these, groups with two different rewards.
    pub valid_groups: usize,
    /// Their share.
    pub valid_ratio: f64,
    /// Groups in the batch.
    pub batch_groups: usize,
    /// Of these, groups that were rolled out in an earlier step.
    pub carried: usize,
    /// Mean age of the batch's groups, in steps.
    pub age: f64,
    /// Groups that wait for the next step.
    pub waiting: usize,
    /// Groups dropped because they had waited too long.
    pub dropped: usize,
    /// What was learned; absent where there was no batch.
    #[serde(flatten)]
    pub update: Option<UpdateMetrics>,
    /// How long it took.
    #[serde(flatten)]
    pub time: StepTime,
}

impl Line for GrpoMetrics {
    fn step(&self) -> u64 {
        self.step
    }

    fn group(field: &str) -> Option<&'static str> {
        Some(match field {
            "step" => return None,
            "reward" | "f1" | "recall" | "precision" | "answer" => "reward",
            "turns" | "calls" | "irrelevant_calls" | "invalid_calls" | "response_tokens" | "answered"
            | "rollouts" | "masked" => "episodes",
            "groups" | "valid_groups" | "valid_ratio" | "batch_groups" | "carried" | "age" | "waiting"
            | "dropped" => "groups",
            "epoch"
            | "seconds"
            | "generation_share"
            | "tools_share"
            | "learning_share"
            | "tokens_per_second"
            | "episodes_per_second" => "progress",
            _ => "update",
        })
    }
}

/// Means over the measured rollouts of a step; absent where nothing was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RolloutMetrics {
    /// Rollouts.
    pub rollouts: usize,
    /// Of these, masked ones: something other than the policy broke.
    pub masked: usize,
    /// What is learned from.
    pub reward: Option<f64>,
    /// Trajectory-level F1, whatever the reward is.
    pub f1: Option<f64>,
    /// Recall over goals.
    pub recall: Option<f64>,
    /// Precision over calls.
    pub precision: Option<f64>,
    /// Share of episodes whose final message gives the answer.
    pub answer: Option<f64>,
    /// Assistant turns.
    pub turns: Option<f64>,
    /// Tool calls.
    pub calls: Option<f64>,
    /// Calls to irrelevant tools.
    pub irrelevant_calls: Option<f64>,
    /// Calls that were wrong in themselves.
    pub invalid_calls: Option<f64>,
    /// Tokens that the policy wrote in an episode.
    pub response_tokens: Option<f64>,
    /// Share of episodes that the policy ended, rather than a limit.
    pub answered: Option<f64>,
}

/// What the batch taught; means over its sampled tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UpdateMetrics {
    /// The clipped objective, negated.
    pub loss: f64,
    /// Global norm of the gradient before it was limited.
    pub grad_norm: f64,
    /// Learning rate.
    pub lr: f64,
    /// Share of tokens whose ratio was clipped.
    pub clip_fraction: f64,
    /// Entropy of the distributions that the tokens were drawn from, in nats, at the sampling temperature.
    pub entropy: f64,
    /// Estimated KL divergence from the policies that sampled the batch to the one before the update.
    pub drift: f64,
    /// Tokens learned from.
    pub learned_tokens: usize,
}

/// Where the time of a step went. Shares are of the step's wall time; what is missing to 1 is bookkeeping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepTime {
    /// The whole step.
    pub seconds: f64,
    /// Rollouts, as far as they waited for the model.
    pub generation_share: f64,
    /// Rollouts, the rest: tools, resets, templates, scoring.
    pub tools_share: f64,
    /// Forward, backward and the step of the optimiser.
    pub learning_share: f64,
    /// Tokens that were sampled, a second of the whole step.
    pub tokens_per_second: f64,
    /// Episodes a second of the whole step.
    pub episodes_per_second: f64,
}

/// Adds rollouts up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    rollouts: usize,
    measured: usize,
    /// Sums and counts, as [`numbers`] names them.
    sums: [(f64, usize); 11],
    /// Tokens that were sampled in all, masked rollouts included.
    pub(crate) sampled_tokens: usize,
    /// Why the first masked rollout was masked.
    pub(crate) masked_why: Option<String>,
}

fn numbers(rollout: &Rollout, outcome: &Outcome) -> [Option<f64>; 11] {
    let count = |number: usize| Some(number as f64);
    [
        Some(outcome.reward),
        outcome.f1,
        outcome.recall,
        outcome.precision,
        outcome.answer,
        count(rollout.turns),
        count(outcome.calls),
        count(outcome.irrelevant),
        count(outcome.invalid),
        count(sampled_tokens(&rollout.segments)),
        count(usize::from(rollout.answered)),
    ]
}

impl Tally {
    pub(crate) fn add(&mut self, rollout: &Rollout) {
        self.rollouts += 1;
        self.sampled_tokens += sampled_tokens(&rollout.segments);
        match &rollout.outcome {
            Ok(outcome) => {
                self.measured += 1;
                for ((sum, count), number) in self.sums.iter_mut().zip(numbers(rollout, outcome)) {
                    *sum += number.unwrap_or(0.0);
                    *count += usize::from(number.is_some());
                }
            }
            Err(why) => drop(self.masked_why.get_or_insert_with(|| why.clone())),
        }
    }

    pub(crate) fn masked(&self) -> usize {
        self.rollouts - self.measured
    }

    pub(crate) fn metrics(&self) -> RolloutMetrics {
        let mean = |(sum, count): (f64, usize)| (count > 0).then(|| sum / count as f64);
        let [reward, f1, recall, precision, answer, turns, calls, irrelevant, invalid, tokens, answered] =
            self.sums.map(mean);
        RolloutMetrics {
            rollouts: self.rollouts,
            masked: self.masked(),
            reward,
            f1,
            recall,
            precision,
            answer,
            turns,
            calls,
            irrelevant_calls: irrelevant,
            invalid_calls: invalid,
            response_tokens: tokens,
            answered,
        }
    }
}
