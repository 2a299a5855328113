//! The backend on this machine: `astra-model`'s learner, and its generator with a copy of the weights.
//!
//! Data that begin alike are learned together, their beginning once. Which do is found anew in every pass, since a pass may
//! be given any data.

use super::siblings::siblings;
use super::{Datum, Objective, OptimStep, PassOutput, TrainBackend};
use crate::TrainError;
use crate::checkpoint::{LearnerFile, read_json, write_json, write_learner};
use crate::grpo::loss::{Clipped, Flat};
use crate::order::pieces;
use astra_model::{
    CrossEntropy, Engine, EngineOptions, Generator, LearnOptions, Learner, Sampler, StepStats, Weights,
};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

/// How the native backend uses the machine.
#[derive(Clone, Debug)]
pub struct NativeOptions {
    /// Of the learner.
    pub learn: LearnOptions,
    /// Of the generator.
    pub engine: EngineOptions,
    /// Tokens that go through the learner at once; bounds the memory.
    pub tokens_at_once: usize,
}

/// Learner and generator side by side.
pub struct NativeBackend {
    learner: Learner,
    generator: Arc<Generator>,
    tokens_at_once: usize,
    /// Steps that were applied; the version of the weights.
    steps: u64,
}

impl std::fmt::Debug for NativeBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NativeBackend").field("steps", &self.steps).finish_non_exhaustive()
    }
}

/// File of a checkpoint beside the learner's.
const SAVED: &str = "backend.json";

/// What it says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    steps: u64,
}

impl NativeBackend {
    /// Takes weights in, to sample from and to learn.
    pub fn new(weights: Weights, options: NativeOptions) -> Result<Self, TrainError> {
        let NativeOptions { learn, engine, tokens_at_once } = options;
        let generator = Arc::new(Generator::new(Engine::new(&weights, engine)?, 0)?);
        Ok(Self { learner: Learner::new(weights, learn)?, generator, tokens_at_once, steps: 0 })
    }

    /// The learner, for its weights.
    pub fn learner(&self) -> &Learner {
        &self.learner
    }

    fn share(&self) -> Result<(), TrainError> {
        Ok(self.generator.set_weights(Arc::new(self.learner.merged()), self.steps)?)
    }
}

impl TrainBackend for NativeBackend {
    fn sampler(&self) -> Arc<dyn Sampler> {
        Arc::clone(&self.generator) as Arc<dyn Sampler>
    }

    fn forward_backward(&mut self, data: &[Datum], objective: Objective) -> Result<PassOutput, TrainError> {
        // A sequence on which nothing was sampled has nothing to teach, and may be empty.
        let data: Vec<&Datum> = data.iter().filter(|datum| datum.sampled_tokens() > 0).collect();
        let families = siblings(&data, self.tokens_at_once);
        let lengths: Vec<usize> = families.iter().map(|family| family.tokens(&data)).collect();
        let mut sum = PassOutput::default();
        for piece in pieces(&lengths, self.tokens_at_once) {
            let flat = Flat::of(&data, &families[piece])?;
            let output = match objective {
                Objective::CrossEntropy => {
                    let weights: Vec<f32> = flat.sampled.iter().map(|is| f32::from(u8::from(*is))).collect();
                    self.learner.forward_backward(&flat.batch, &CrossEntropy { weights: &weights })?
                }
                Objective::ClippedRatio { below, above, temperature } => {
                    let loss = Clipped { flat: &flat, below, above, temperature };
                    self.learner.forward_backward(&flat.batch, &loss)?
                }
            };
            sum += flat.measure(&output, objective);
        }
        Ok(sum)
    }

    fn optim_step(&mut self, step: &OptimStep) -> Result<StepStats, TrainError> {
        let OptimStep { lr, adam, clip, scale } = step;
        let stats = self.learner.step(*lr, adam, Some(*clip), *scale);
        if stats.applied {
            self.steps += 1;
            self.share()?;
        }
        Ok(stats)
    }

    fn save(&self, folder: &Path) -> Result<(), TrainError> {
        write_learner(folder, &self.learner)?;
        write_json(&folder.join(SAVED), &Saved { steps: self.steps })
    }

    fn load(&mut self, folder: &Path) -> Result<(), TrainError> {
        let saved: Saved = read_json(&folder.join(SAVED))?;
        LearnerFile::read(folder, saved.steps)?.restore(&mut self.learner)?;
        self.steps = saved.steps;
        self.share()
    }
}
