//! Supervised fine-tuning: the loop.
//!
//! Full conversations, loss on what the assistant wrote (DESIGN section 10 and the paper's recipe), the mean taken over
//! the learned tokens of a whole step, so that cutting a step into pieces changes nothing but the memory. Linear
//! warm-up, then cosine. Samples stand side by side without padding and do not see each other.
//!
//! Does not choose hyper-parameters, and does not know how its words reach a person: that is [`Watch`].

use crate::TrainError;
use crate::checkpoint::{Checkpoints, LearnerFile, read_json, write_json, write_learner};
use crate::metrics::{self, MetricsFile, StepMetrics, io};
use crate::order::{Order, pieces};
use crate::samples::{Sample, Samples};
use astra_model::{
    AdamW, Batch, CrossEntropy, LearnOptions, Learner, LoraOptions, Precision, Schedule, Weights,
};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// File of a checkpoint that says how far the run was.
const PROGRESS: &str = "progress.json";

/// Low-rank adapters on every projection of the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraSettings {
    /// Inner dimension.
    pub rank: usize,
    /// The adapters' product is multiplied by `alpha / rank`.
    pub alpha: f64,
}

/// Everything that shapes a run besides model and data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SftSettings {
    /// Optimiser steps.
    pub steps: u64,
    /// Samples a step.
    pub batch: usize,
    /// Tokens that go through the model at once; bounds the memory.
    pub tokens_at_once: usize,
    /// Highest learning rate.
    pub lr: f64,
    /// Steps of linear warm-up.
    pub warmup: u64,
    /// Learning rate at the end, as a share of the highest.
    pub final_lr: f64,
    /// Decoupled weight decay, on matrices only.
    pub weight_decay: f64,
    /// AdamW's second-moment decay.
    pub beta2: f64,
    /// Largest global norm of the gradient.
    pub clip: f64,
    /// Weight of the loss on tokens that the assistant did not write; 0 learns from the assistant only.
    pub context_loss: f32,
    /// Low-rank adapters instead of all weights.
    pub lora: Option<LoraSettings>,
    /// Recompute activations instead of keeping them.
    pub checkpointing: bool,
    /// Large products from numbers rounded to bfloat16, where the processor has instructions for that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bf16: bool,
    /// Seed of the order of samples and of fresh adapters.
    pub seed: u64,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// Checkpoints that are kept.
    pub keep: usize,
    /// Steps between measurements on the validation traces.
    pub validate_every: u64,
}

impl Default for SftSettings {
    fn default() -> Self {
        Self {
            steps: 1000,
            batch: 16,
            tokens_at_once: 8192,
            lr: 1e-3,
            warmup: 50,
            final_lr: 0.1,
            weight_decay: 0.01,
            beta2: 0.999,
            clip: 1.0,
            context_loss: 0.0,
            lora: None,
            checkpointing: false,
            bf16: false,
            seed: 0,
            checkpoint_every: 100,
            keep: 2,
            validate_every: 100,
        }
    }
}

/// Hears how a run goes.
pub trait Watch {
    /// The run begins, or continues after `done` steps.
    fn began(&mut self, done: u64, steps: u64);
    /// A step was made.
    fn stepped(&mut self, metrics: &StepMetrics);
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All steps were made.
    Complete,
    /// It was asked to stop; the checkpoint holds everything.
    Stopped,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Progress {
    /// Steps done.
    step: u64,
    /// Tokens read.
    tokens: u64,
    /// Tokens learned from.
    learned_tokens: u64,
    /// Numbers of the last step where they are not in the metrics yet: it is still to be measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unfinished: Option<StepMetrics>,
}

/// A run.
pub struct Sft<'a> {
    settings: &'a SftSettings,
    samples: &'a Samples,
    validation: Option<&'a Samples>,
    learner: Learner,
    checkpoints: Checkpoints,
    metrics: MetricsFile<StepMetrics>,
    progress: Progress,
    order: Order,
}

impl std::fmt::Debug for Sft<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sft").field("progress", &self.progress).finish_non_exhaustive()
    }
}

impl<'a> Sft<'a> {
    /// Prepares a run in `folder`, from its newest checkpoint where it has one.
    pub fn open(
        weights: Weights,
        samples: &'a Samples,
        validation: Option<&'a Samples>,
        settings: &'a SftSettings,
        threads: usize,
        folder: &Path,
    ) -> Result<Self, TrainError> {
        std::fs::create_dir_all(folder).map_err(io("create", folder))?;
        let checkpoints = Checkpoints::under(folder, settings.keep);
        let lora = settings.lora.map(|LoraSettings { rank, alpha }| LoraOptions {
            rank,
            alpha,
            seed: settings.seed,
            ..LoraOptions::default()
        });
        let options = LearnOptions {
            threads,
            checkpointing: settings.checkpointing,
            precision: if settings.bf16 { Precision::Bf16 } else { Precision::F32 },
            lora,
            logit_scale: None,
        };
        let mut learner = Learner::new(weights, options)?;
        let mut progress = Progress::default();
        if let Some((_, newest)) = checkpoints.newest()? {
            progress = read_json(&newest.join(PROGRESS))?;
            LearnerFile::read(&newest, progress.step)?.restore(&mut learner)?;
        }
        let written = progress.step.saturating_sub(u64::from(progress.unfinished.is_some()));
        let metrics = MetricsFile::open(folder, written)?;
        let order = Order::new(samples.samples.len(), settings.batch, settings.seed);
        Ok(Self { settings, samples, validation, learner, checkpoints, metrics, progress, order })
    }

    /// Learns until all steps are made or `stop` is raised, and leaves a checkpoint either way.
    pub fn run(&mut self, stop: &AtomicBool, watch: &mut dyn Watch) -> Result<Ended, TrainError> {
        let steps = self.settings.steps;
        watch.began(self.progress.step, steps);
        let mut saved = self.progress.step;
        while !self.is_complete() && !stop.load(Ordering::Relaxed) {
            if self.progress.unfinished.is_none() {
                self.progress.unfinished = Some(self.step()?);
                // Before it is measured, which may take longer than the steps since the last one.
                if self.progress.step.is_multiple_of(self.settings.checkpoint_every.max(1)) {
                    saved = self.checkpoint()?;
                }
            }
            if let Some(metrics) = self.measured(stop)? {
                self.metrics.write(&metrics)?;
                watch.stepped(&metrics);
                self.progress.unfinished = None;
            }
        }
        if saved != self.progress.step {
            self.checkpoint()?;
        }
        Ok(if self.is_complete() { Ended::Complete } else { Ended::Stopped })
    }

    /// Whether all steps were made and measured.
    fn is_complete(&self) -> bool {
        self.progress.step >= self.settings.steps && self.progress.unfinished.is_none()
    }

    /// Keeps where the run is; its step.
    fn checkpoint(&self) -> Result<u64, TrainError> {
        let step = self.progress.step;
        self.metrics.sync()?;
        self.checkpoints.save(step, |folder| {
            write_learner(folder, &self.learner)?;
            write_json(&folder.join(PROGRESS), &self.progress)
        })?;
        Ok(step)
    }

    /// The learner, for its weights.
    pub fn learner(&self) -> &Learner {
        &self.learner
    }

    /// Removes the checkpoints, once the weights are stored elsewhere.
    pub fn clear_checkpoints(&self) -> Result<(), TrainError> {
        self.checkpoints.clear()
    }

    /// All metrics of the run, those before a resumption too.
    pub fn history(folder: &Path) -> Result<Vec<StepMetrics>, TrainError> {
        metrics::read(folder)
    }

    fn step(&mut self) -> Result<StepMetrics, TrainError> {
        let started = Instant::now();
        let step = self.progress.step + 1;
        let samples: Vec<&Sample> =
            self.order.step(self.progress.step).into_iter().map(|at| &self.samples.samples[at]).collect();
        let mut sums = Sums::default();
        for piece in self.pieces(&samples) {
            self.pass(&samples[piece], Pass::Learn, &mut sums)?;
        }
        let Sums { weight, tokens, .. } = sums;
        let learned_tokens = samples.iter().map(|sample| sample.learned_tokens()).sum::<usize>();
        let mean = sums.loss / weight;
        let schedule = Schedule {
            warmup: self.settings.warmup,
            total: self.settings.steps,
            peak: self.settings.lr,
            floor: self.settings.lr * self.settings.final_lr,
        };
        let lr = schedule.at(self.progress.step);
        let adam = AdamW {
            weight_decay: self.settings.weight_decay,
            beta2: self.settings.beta2,
            ..AdamW::default()
        };
        let grad_norm = self.learner.step(lr, &adam, Some(self.settings.clip), 1.0 / weight).grad_norm;
        if !mean.is_finite() || !grad_norm.is_finite() {
            return Err(TrainError::Diverged { step, loss: mean, grad_norm });
        }
        self.progress.step = step;
        self.progress.tokens += tokens as u64;
        self.progress.learned_tokens += learned_tokens as u64;
        let tokens_per_second = tokens as f64 / started.elapsed().as_secs_f64().max(1e-9);
        Ok(StepMetrics {
            step,
            epoch: self.order.epochs(step),
            loss: mean,
            lr,
            grad_norm,
            tokens,
            learned_tokens,
            tokens_per_second,
            validation_loss: None,
        })
    }

    /// The numbers of the last step with its loss on the validation traces, where that is due; nothing when `stop`
    /// was raised meanwhile. A resumed run measures again, from the beginning, so that the sum has the same bits.
    fn measured(&mut self, stop: &AtomicBool) -> Result<Option<StepMetrics>, TrainError> {
        let (Some(mut metrics), step) = (self.progress.unfinished, self.progress.step) else {
            return Ok(None);
        };
        let due = step.is_multiple_of(self.settings.validate_every.max(1)) || step == self.settings.steps;
        let Some(validation) = self.validation.filter(|_| due) else { return Ok(Some(metrics)) };
        let samples: Vec<&Sample> = validation.samples.iter().collect();
        let mut sums = Sums::default();
        for piece in self.pieces(&samples) {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            self.pass(&samples[piece], Pass::Measure, &mut sums)?;
        }
        let loss = sums.loss / sums.weight;
        if !loss.is_finite() {
            return Err(TrainError::NotFinite { step, what: "the loss on the validation traces" });
        }
        metrics.validation_loss = Some(loss);
        Ok(Some(metrics))
    }

    /// Samples that go through the model at once.
    fn pieces(&self, samples: &[&Sample]) -> Vec<Range<usize>> {
        let lengths: Vec<usize> = samples.iter().map(|sample| sample.ids.len()).collect();
        pieces(&lengths, self.settings.tokens_at_once)
    }

    /// Adds up what one piece gives.
    fn pass(&mut self, samples: &[&Sample], pass: Pass, sums: &mut Sums) -> Result<(), TrainError> {
        let context = match pass {
            Pass::Learn => self.settings.context_loss,
            Pass::Measure => 0.0,
        };
        let (batch, weights) = side_by_side(samples, context);
        let entropy = CrossEntropy { weights: &weights };
        let output = match pass {
            Pass::Learn => self.learner.forward_backward(&batch, &entropy)?,
            Pass::Measure => self.learner.forward(&batch, &entropy)?,
        };
        sums.loss += output.loss;
        sums.weight += weights.iter().map(|weight| f64::from(*weight)).sum::<f64>();
        sums.tokens += batch.ids.len();
        Ok(())
    }
}

/// What passes add up to.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    loss: f64,
    /// Of the tokens' losses.
    weight: f64,
    /// Tokens read.
    tokens: usize,
}

/// Whether gradients are wanted.
#[derive(Clone, Copy, Debug)]
enum Pass {
    Learn,
    Measure,
}

/// Samples as one batch, with the weight of each token's loss. A sequence's first token has no prediction.
fn side_by_side(samples: &[&Sample], context: f32) -> (Batch, Vec<f32>) {
    let mut batch = Batch::default();
    let mut weights = Vec::new();
    for sample in samples {
        let start = batch.push(&sample.ids).start;
        weights.extend(sample.learned.iter().map(|learned| if *learned { 1.0 } else { context }));
        if let Some(first) = weights.get_mut(start) {
            *first = 0.0;
        }
    }
    (batch, weights)
}
