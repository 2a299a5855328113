//! The loop of GRPO: roll out, fill the batch, learn, write down.
//!
//! As in the paper (sections 3.3 and 4): groups of G rollouts, advantages within a group, the mean over all sampled
//! tokens of the batch, ratios clipped at 0.2 on both sides, no KL term and no entropy term. Knows its engine as a
//! [`TrainBackend`] and its tasks as an [`Environment`], nothing else of either.
//!
//! Numbered differences from the paper:
//! 1) the batch is one mini-batch: a batch gives one step of the optimiser;
//! 2) surplus groups are carried for a bounded number of steps, with the log-probabilities that they were sampled with.

use super::advantage::{advantages, judge};
use super::filling::{BARREN, Filling, FillingRules, Held};
use super::metrics::{GrpoMetrics, StepTime, Tally, UpdateMetrics};
use super::rollouts::{Environment, Plan, Rolling, Rollout, Spent};
use crate::TrainError;
use crate::backend::{Datum, Objective, OptimStep, TrainBackend};
use crate::checkpoint::{Checkpoints, read_json, write_json};
use crate::metrics::{self, MetricsFile, io};
use crate::order::Order;
use crate::sft::Ended;
use astra_model::AdamW;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Files of a checkpoint beside the backend's.
const PROGRESS: &str = "progress.json";
const FILLING: &str = "filling.json";

/// Everything that shapes a run besides model and tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrpoSettings {
    /// Steps.
    pub steps: u64,
    /// Valid groups a batch.
    pub groups: usize,
    /// Rollouts a group.
    pub group_size: usize,
    /// Whether a step rolls out until its batch is full. Without it, it rolls out `groups` groups and learns from
    /// what they are.
    pub filling: bool,
    /// Steps that a surplus group may wait; 0 is strictly on-policy.
    pub max_staleness: u64,
    /// Learning rate, after the warm-up.
    pub lr: f64,
    /// Steps of linear warm-up.
    pub warmup: u64,
    /// Decoupled weight decay, on matrices only.
    pub weight_decay: f64,
    /// AdamW's second-moment decay.
    pub beta2: f64,
    /// Largest global norm of the gradient.
    pub clip: f64,
    /// How far below 1 a ratio counts.
    pub ratio_below: f32,
    /// How far above 1.
    pub ratio_above: f32,
    /// Temperature at which turns are sampled; the environment must sample at it.
    pub temperature: f32,
    /// Episodes at a time; changes nothing but the speed.
    pub concurrency: usize,
    /// Seed of tasks, worlds and tokens.
    pub seed: u64,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// Checkpoints that are kept.
    pub keep: usize,
}

impl Default for GrpoSettings {
    fn default() -> Self {
        Self {
            steps: 100,
            groups: 8,
            group_size: 8,
            filling: true,
            max_staleness: 1,
            lr: 1e-5,
            warmup: 0,
            weight_decay: 0.0,
            beta2: 0.999,
            clip: 1.0,
            ratio_below: 0.2,
            ratio_above: 0.2,
            temperature: 1.0,
            concurrency: 64,
            seed: 0,
            checkpoint_every: 10,
            keep: 2,
        }
    }
}

impl GrpoSettings {
    fn check(&self, tasks: usize) -> Result<(), TrainError> {
        let wrong = |setting, value: String, expected| Err(TrainError::Setting { setting, value, expected });
        let above_zero = |x: f64| x.is_finite() && x > 0.0;
        if tasks == 0 {
            return wrong("tasks", "0".to_owned(), "at least one");
        }
        if self.groups == 0 {
            return wrong("groups", "0".to_owned(), "at least one group a batch");
        }
        if self.group_size < 2 {
            let expected = "at least 2: a rollout is compared with others of its group";
            return wrong("group_size", self.group_size.to_string(), expected);
        }
        if !above_zero(self.temperature.into()) {
            return wrong(
                "temperature",
                self.temperature.to_string(),
                "above 0: greedy rollouts are all the same",
            );
        }
        if !above_zero(self.lr) || !above_zero(self.clip) {
            let (setting, value) = if above_zero(self.lr) { ("clip", self.clip) } else { ("lr", self.lr) };
            return wrong(setting, value.to_string(), "a number above 0");
        }
        Ok(())
    }

    fn rules(&self) -> FillingRules {
        FillingRules { groups: self.groups, max_staleness: self.max_staleness, adaptive: self.filling }
    }

    fn optim_step(&self, step: u64, tokens: usize) -> OptimStep {
        let warm = (step as f64 / self.warmup.max(1) as f64).min(1.0);
        let adam = AdamW { weight_decay: self.weight_decay, beta2: self.beta2, ..AdamW::default() };
        OptimStep { lr: self.lr * warm, adam, clip: self.clip, scale: 1.0 / tokens as f64 }
    }
}

/// Hears how a run goes.
pub trait GrpoWatch {
    /// The run begins, or continues after `done` steps.
    fn began(&mut self, done: u64, steps: u64);
    /// A round of rollouts of the step under way ended: how many groups there are, and how many of these are valid.
    fn rolled_out(&mut self, groups: usize, valid: usize);
    /// A step was made.
    fn stepped(&mut self, metrics: &GrpoMetrics);
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Progress {
    /// Steps done.
    step: u64,
    /// Groups rolled out; says which task is next.
    groups: u64,
}

/// A run.
pub struct Grpo<'a> {
    settings: &'a GrpoSettings,
    environment: &'a dyn Environment,
    backend: &'a mut dyn TrainBackend,
    checkpoints: Checkpoints,
    metrics: MetricsFile<GrpoMetrics>,
    progress: Progress,
    filling: Filling<Vec<Datum>>,
    order: Order,
}

impl std::fmt::Debug for Grpo<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grpo").field("progress", &self.progress).finish_non_exhaustive()
    }
}

/// What a step rolled out.
struct RolledOut {
    tally: Tally,
    spent: Spent,
}

impl<'a> Grpo<'a> {
    /// Prepares a run in `folder`, from its newest checkpoint where it has one.
    pub fn open(
        settings: &'a GrpoSettings,
        environment: &'a dyn Environment,
        backend: &'a mut dyn TrainBackend,
        folder: &Path,
    ) -> Result<Self, TrainError> {
        settings.check(environment.tasks())?;
        std::fs::create_dir_all(folder).map_err(io("create", folder))?;
        let checkpoints = Checkpoints::under(folder, settings.keep);
        let (mut progress, mut filling) = (Progress::default(), Filling::new(settings.rules()));
        if let Some((_, newest)) = checkpoints.newest()? {
            progress = read_json(&newest.join(PROGRESS))?;
            filling = read_json(&newest.join(FILLING))?;
            backend.load(&newest)?;
        }
        let metrics = MetricsFile::open(folder, progress.step)?;
        let order = Order::new(environment.tasks(), 1, settings.seed);
        Ok(Self { settings, environment, backend, checkpoints, metrics, progress, filling, order })
    }

    /// Learns until all steps are made, `stop` is raised or a step fails, and leaves a checkpoint of the steps made in any
    /// case. A step that was under way then is given up, and made again by the run that continues.
    pub fn run(&mut self, stop: &AtomicBool, watch: &mut dyn GrpoWatch) -> Result<Ended, TrainError> {
        let steps = self.settings.steps;
        watch.began(self.progress.step, steps);
        let mut saved = self.progress.step;
        while self.progress.step < steps && !stop.load(Ordering::Relaxed) {
            let before = (self.progress, self.filling.clone());
            let metrics = match self.step(stop, watch) {
                Ok(Some(metrics)) => metrics,
                Ok(None) => {
                    (self.progress, self.filling) = before;
                    break;
                }
                Err(error) => {
                    (self.progress, self.filling) = before;
                    // The steps before it are not lost; that this failed as well would say less than the error does.
                    let _ = if saved == self.progress.step { Ok(()) } else { self.save() };
                    return Err(error);
                }
            };
            self.metrics.write(&metrics)?;
            watch.stepped(&metrics);
            if self.progress.step.is_multiple_of(self.settings.checkpoint_every.max(1)) {
                self.save()?;
                saved = self.progress.step;
            }
        }
        if saved != self.progress.step {
            self.save()?;
        }
        Ok(if self.progress.step < steps { Ended::Stopped } else { Ended::Complete })
    }

    /// Removes the checkpoints of the run in `folder`, once the weights are stored elsewhere.
    pub fn clear_checkpoints(folder: &Path) -> Result<(), TrainError> {
        Checkpoints::under(folder, 1).clear()
    }

    /// All metrics of the run in `folder`, those before a resumption too.
    pub fn history(folder: &Path) -> Result<Vec<GrpoMetrics>, TrainError> {
        metrics::read(folder)
    }

    fn save(&self) -> Result<(), TrainError> {
        self.checkpoints.save(self.progress.step, |folder| {
            self.backend.save(folder)?;
            write_json(&folder.join(FILLING), &self.filling)?;
            write_json(&folder.join(PROGRESS), &self.progress)
        })
    }

    /// One step; nothing when `stop` was raised before its batch was there.
    fn step(
        &mut self,
        stop: &AtomicBool,
        watch: &mut dyn GrpoWatch,
    ) -> Result<Option<GrpoMetrics>, TrainError> {
        let started = Instant::now();
        let step = self.progress.step + 1;
        self.filling.begin(step);
        let Some(RolledOut { tally, spent }) = self.fill(step, stop, watch) else { return Ok(None) };
        let counts = self.filling.counts();
        let batch = self.filling.take();
        let learning = Instant::now();
        let update = if batch.is_empty() { None } else { Some(self.learn(step, &batch)?) };
        let learned = learning.elapsed().as_secs_f64();
        if self.filling.barren() >= BARREN {
            return Err(TrainError::Barren {
                step,
                steps: BARREN,
                rolled: counts.rolled,
                masked: tally.masked(),
                masked_why: tally.masked_why,
            });
        }
        self.progress.step = step;
        let seconds = started.elapsed().as_secs_f64().max(1e-9);
        let ages: Vec<f64> = batch.iter().map(|held| (step - held.born) as f64).collect();
        let rollouts = tally.metrics();
        Ok(Some(GrpoMetrics {
            step,
            epoch: self.order.epochs(self.progress.groups),
            groups: counts.rolled,
            valid_groups: counts.valid,
            valid_ratio: counts.valid as f64 / counts.rolled.max(1) as f64,
            batch_groups: batch.len(),
            carried: ages.iter().filter(|age| **age > 0.0).count(),
            age: ages.iter().sum::<f64>() / ages.len().max(1) as f64,
            waiting: self.filling.waiting(),
            dropped: counts.dropped,
            update,
            time: StepTime {
                seconds,
                generation_share: spent.generation / seconds,
                tools_share: spent.tools / seconds,
                learning_share: learned / seconds,
                tokens_per_second: tally.sampled_tokens as f64 / seconds,
                episodes_per_second: rollouts.rollouts as f64 / seconds,
            },
            rollouts,
        }))
    }

    /// Rolls out, round by round, until the filling has enough.
    fn fill(&mut self, step: u64, stop: &AtomicBool, watch: &mut dyn GrpoWatch) -> Option<RolledOut> {
        let mut seen: BTreeMap<usize, usize> = BTreeMap::new();
        let (mut tally, mut spent) = (Tally::default(), Spent::default());
        loop {
            let wanted = self.filling.wanted();
            if wanted == 0 {
                return Some(RolledOut { tally, spent });
            }
            let plans: Vec<Plan> = (0..wanted).map(|_| self.plan(&mut seen)).collect();
            let rolling = Rolling {
                environment: self.environment,
                sampler: self.backend.sampler(),
                seed: self.settings.seed,
                step,
                group_size: self.settings.group_size,
                concurrency: self.settings.concurrency,
            };
            let (groups, took) = rolling.roll_out(&plans, stop)?;
            spent.generation += took.generation;
            spent.tools += took.tools;
            for group in groups {
                for rollout in &group {
                    tally.add(rollout);
                }
                let rewards: Vec<Option<f64>> =
                    group.iter().map(|rollout| rollout.outcome.as_ref().ok().map(|one| one.reward)).collect();
                self.filling.offer(data(group, &rewards), judge(&rewards));
            }
            let counts = self.filling.counts();
            watch.rolled_out(counts.rolled, counts.valid);
        }
    }

    /// The next task, and how often this step had it before.
    fn plan(&mut self, seen: &mut BTreeMap<usize, usize>) -> Plan {
        let task = self.order.step(self.progress.groups).first().copied().unwrap_or_default();
        self.progress.groups += 1;
        let occurrences = seen.entry(task).or_default();
        let occurrence = *occurrences;
        *occurrences += 1;
        Plan { task, occurrence }
    }

    /// One update on a batch.
    fn learn(&mut self, step: u64, batch: &[Held<Vec<Datum>>]) -> Result<UpdateMetrics, TrainError> {
        let data: Vec<Datum> = batch.iter().flat_map(|held| held.group.iter().cloned()).collect();
        let GrpoSettings { ratio_below: below, ratio_above: above, temperature, .. } = *self.settings;
        let objective = Objective::ClippedRatio { below, above, temperature };
        let pass = self.backend.forward_backward(&data, objective)?;
        let tokens = pass.tokens.max(1);
        let optim = self.settings.optim_step(step, tokens);
        let stats = self.backend.optim_step(&optim)?;
        let mean = |sum: f64| sum / tokens as f64;
        if !pass.loss.is_finite() || !stats.applied {
            return Err(TrainError::Diverged { step, loss: mean(pass.loss), grad_norm: stats.grad_norm });
        }
        Ok(UpdateMetrics {
            loss: mean(pass.loss),
            grad_norm: stats.grad_norm,
            lr: optim.lr,
            clip_fraction: mean(pass.clipped as f64),
            entropy: mean(pass.entropy),
            drift: mean(pass.drift),
            learned_tokens: pass.tokens,
        })
    }
}

/// What a group teaches: its measured rollouts with their advantages. Masked ones are nowhere in it.
fn data(group: Vec<Rollout>, rewards: &[Option<f64>]) -> Vec<Datum> {
    group
        .into_iter()
        .zip(advantages(rewards))
        .filter_map(|(rollout, advantage)| Some(Datum { segments: rollout.segments, advantage: advantage? }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpo::rollouts::Outcome;
    use astra_protocol::Segment;

    fn rollout(reward: Option<f64>, id: u32) -> Rollout {
        let segment = Segment { ids: vec![id], sampled: true, logprobs: Some(vec![-1.0]), policy_version: 3 };
        let outcome = reward
            .map(|reward| Outcome { reward, ..Outcome::default() })
            .ok_or_else(|| "fell over".to_owned());
        Rollout { segments: vec![segment], outcome, turns: 1, answered: true }
    }

    #[test]
    fn masked_rollouts_are_in_no_batch_and_the_others_keep_their_tokens_and_log_probabilities() {
        let rewards = [Some(1.0), None, Some(0.0), Some(1.0)];
        let group: Vec<Rollout> = (0..).zip(rewards).map(|(id, reward)| rollout(reward, id)).collect();
        let data = data(group.clone(), &rewards);
        let kept: Vec<&Vec<Segment>> = [0, 2, 3].map(|at| &group[at].segments).into();
        assert_eq!(data.iter().map(|datum| &datum.segments).collect::<Vec<_>>(), kept);
        assert!(data[0].advantage > 0.0 && data[1].advantage < 0.0);
    }

    #[test]
    fn the_rate_climbs_and_stays_and_the_gradient_is_a_mean_over_tokens() {
        let settings = GrpoSettings { lr: 4.0, warmup: 4, ..GrpoSettings::default() };
        let rates: Vec<f64> = [1, 2, 4, 9].map(|step| settings.optim_step(step, 8).lr).into();
        assert!(
            rates.iter().zip([1.0, 2.0, 4.0, 4.0]).all(|(rate, expected)| (rate - expected).abs() < 1e-12)
        );
        assert!((settings.optim_step(1, 8).scale - 0.125).abs() < 1e-12);
        let plain = GrpoSettings { lr: 4.0, ..GrpoSettings::default() };
        assert!((plain.optim_step(1, 1).lr - 4.0).abs() < 1e-12, "without a warm-up it begins at once");
    }
}
