//! What a training loop asks of an engine: [`TrainBackend`], shaped like the Tinker API.
//!
//! Sample, forward and backward, one step of the optimiser, save and load: all that a loop needs, and what engines on
//! clusters offer too. Losses are data ([`Objective`]), not code, so that they can be sent somewhere. Tokens go in and
//! out as they were minted; a backend never sees text. `tests/it/conformance.rs` is what every backend must pass.

mod native;
pub(crate) mod siblings;

pub use native::{NativeBackend, NativeOptions};

use crate::TrainError;
use astra_model::{AdamW, Sampler, StepStats};
use astra_protocol::Segment;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

/// One sequence to learn from: what was read and written, and how much better than expected it went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Datum {
    /// Tokens in order. Loss is taken on sampled ones only, whose log-probabilities are there.
    pub segments: Vec<Segment>,
    /// Advantage of every sampled token of the sequence.
    pub advantage: f32,
}

impl Datum {
    /// Tokens that were sampled.
    pub fn sampled_tokens(&self) -> usize {
        sampled_tokens(&self.segments)
    }

    /// All tokens.
    pub fn tokens(&self) -> usize {
        self.segments.iter().map(|segment| segment.ids.len()).sum()
    }
}

/// Tokens of some segments that were sampled.
pub(crate) fn sampled_tokens(segments: &[Segment]) -> usize {
    segments.iter().filter(|segment| segment.sampled).map(|segment| segment.ids.len()).sum()
}

/// What is minimised: the sum over sampled tokens, never their mean, so that batches can be cut anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Objective {
    /// Negative log-likelihood. Advantages are not looked at.
    CrossEntropy,
    /// `-min(ρ·A, clip(ρ, 1 - below, 1 + above)·A)`, ρ the ratio of a token's probability now to when it was sampled.
    ClippedRatio {
        /// How far below 1 the ratio counts.
        below: f32,
        /// How far above 1.
        above: f32,
        /// Temperature at which the tokens were sampled.
        temperature: f32,
    },
}

/// What a pass over some data found; sums over sampled tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PassOutput {
    /// Sum of losses.
    pub loss: f64,
    /// Sampled tokens.
    pub tokens: usize,
    /// Of these, tokens whose ratio was clipped, so that they gave no gradient.
    pub clipped: usize,
    /// Sum of the entropies, in nats, of the distributions that the tokens were drawn from.
    pub entropy: f64,
    /// Sum of `ρ - 1 - ln ρ`, an estimate of how far the policy has moved from the one that sampled (KL divergence).
    pub drift: f64,
}

impl std::ops::AddAssign for PassOutput {
    fn add_assign(&mut self, other: Self) {
        self.loss += other.loss;
        self.tokens += other.tokens;
        self.clipped += other.clipped;
        self.entropy += other.entropy;
        self.drift += other.drift;
    }
}

/// One step of the optimiser over the gradients that were added up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptimStep {
    /// Learning rate.
    pub lr: f64,
    /// Constants of AdamW.
    pub adam: AdamW,
    /// Largest global norm of the scaled gradient.
    pub clip: f64,
    /// Multiplies gradients before clipping: 1 over the number of tokens makes a mean of the sum.
    pub scale: f64,
}

/// An engine that samples and learns with the same weights.
pub trait TrainBackend {
    /// Writes sequences under the newest weights: a step of the optimiser is seen by every turn asked for after it.
    fn sampler(&self) -> Arc<dyn Sampler>;

    /// Adds the gradients of the objective over `data` to those that are there.
    fn forward_backward(&mut self, data: &[Datum], objective: Objective) -> Result<PassOutput, TrainError>;

    /// Applies the gradients, forgets them, and gives the new weights to the sampler.
    fn optim_step(&mut self, step: &OptimStep) -> Result<StepStats, TrainError>;

    /// Writes everything that learning depends on into a folder that is there.
    fn save(&self, folder: &Path) -> Result<(), TrainError>;

    /// Goes back to what was saved: from there on, the same calls give the same bits. Gradients are forgotten.
    fn load(&mut self, folder: &Path) -> Result<(), TrainError>;
}
