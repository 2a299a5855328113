//! Learning: forward, backward and steps of a decoder, on the CPU, in f32, or with large products in bfloat16.
//!
//! A [`Learner`] owns everything that learning needs: weights, gradients, moments and a workspace that is allocated
//! once. The same calls serve supervised learning and reinforcement learning: the loss is a function of each token's
//! log-probability that the caller gives. Same weights, batches and settings give the same bytes; the number of threads
//! does not matter to sums of ours, and not to those of the matrix kernels as far as their tests show.

mod batch;
mod decoder;
mod linear;
mod workspace;

pub use crate::ops::family::Family;
pub use batch::{Batch, CrossEntropy, LossOutput, TokenLoss};

use crate::lora::{Lora, LoraOptions};
pub use crate::ops::matmul::Precision;
use crate::ops::rope::Angles;
use crate::ops::{embedding, grow};
use crate::optim::{AdamW, LearnedScale, Moments, Step, StepStats};
use crate::{ModelError, Weights};
use decoder::{Backward, Decoder};
use rayon::prelude::*;
use std::ops::Range;
use workspace::Workspace;

/// How to learn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LearnOptions {
    /// Threads; 0 takes one for each core.
    pub threads: usize,
    /// Keep only the input of each block and make the rest again in backward: a third more time, a fraction of the
    /// memory, the same bytes.
    pub checkpointing: bool,
    /// Of the products with weights. Gradients, moments and weights are f32 in any case.
    pub precision: Precision,
    /// Learn adapters instead of the weights.
    pub lora: Option<LoraOptions>,
    /// Learn the scale of the logits too, as one number, at so many times the learning rate of each step. It is the
    /// gain of the last norm, which adapters leave as it is, so the two do not go together.
    pub logit_scale: Option<f64>,
}

/// Gradients of what is trained: of all weights, or of adapters only.
pub(crate) struct Gradients<'a> {
    /// Shaped like the weights, or like the adapters.
    pub(crate) data: &'a mut [f32],
    /// Whether they are the weights'.
    full: bool,
}

impl Gradients<'_> {
    /// The gradient of some of the weights, unless they are frozen.
    pub(crate) fn of_weight(&mut self, range: &Range<usize>) -> Option<&mut [f32]> {
        self.full.then(|| &mut self.data[range.clone()])
    }
}

/// A model that learns.
pub struct Learner {
    weights: Weights,
    lora: Option<Lora>,
    checkpointing: bool,
    precision: Precision,
    /// Empty until the first backward pass, so that evaluation does not pay for them.
    gradients: Vec<f32>,
    moments: Moments,
    /// Which numbers decay.
    segments: Vec<(Range<usize>, bool)>,
    logit_scale: Option<f64>,
    angles: Angles,
    workspace: Workspace,
    pool: rayon::ThreadPool,
}

/// What a checkpoint must hold besides the weights so that learning goes on as if it had not stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct LearnerState<'a> {
    /// Steps taken.
    pub steps: u64,
    /// Names and numbers: moments, and adapters where there are any.
    pub tensors: Vec<(&'static str, &'a [f32])>,
}

const FIRST: &str = "adamw.first";
const SECOND: &str = "adamw.second";
const ADAPTERS: &str = "lora";

impl Learner {
    /// Takes weights in, to learn.
    pub fn new(weights: Weights, options: LearnOptions) -> Result<Self, ModelError> {
        if let (Some(_), Some(scale)) = (&options.lora, options.logit_scale) {
            return Err(ModelError::Unsupported {
                field: "logit_scale",
                value: scale.to_string(),
                why: "adapters leave the last norm as it is".to_owned(),
            });
        }
        if !options.precision.is_available() {
            return Err(ModelError::Unsupported {
                field: "precision",
                value: "bf16".to_owned(),
                why: "this processor has no AVX-512 BF16".to_owned(),
            });
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(options.threads)
            .thread_name(|thread| format!("learn-{thread}"))
            .build()
            .map_err(|error| ModelError::Threads { count: options.threads, why: error.to_string() })?;
        let config = weights.config();
        let angles = Angles::new(config.rope.inverse_frequencies(config.head_dim));
        let lora = options.lora.map(|options| Lora::new(config, options)).transpose()?;
        let tensors = lora.as_ref().map_or_else(|| weights.layout().tensors(), Lora::tensors);
        let segments = tensors.iter().map(|tensor| (tensor.range.clone(), tensor.decays())).collect();
        Ok(Self {
            lora,
            checkpointing: options.checkpointing,
            precision: options.precision,
            gradients: Vec::new(),
            moments: Moments::default(),
            segments,
            logit_scale: options.logit_scale,
            angles,
            workspace: Workspace::default(),
            pool,
            weights,
        })
    }

    /// The loss of a batch; its gradients are added to those that are there.
    pub fn forward_backward(
        &mut self,
        batch: &Batch,
        loss: &dyn TokenLoss,
    ) -> Result<LossOutput, ModelError> {
        batch.check(self.weights.config())?;
        let trained = self.lora.as_ref().map_or(self.weights.data().len(), |lora| lora.data().len());
        self.gradients.resize(trained, 0.0);
        let Self { weights, lora, gradients, workspace, angles, checkpointing, precision, pool, .. } = self;
        prepare(workspace, angles, batch);
        batch.targets(loss, &mut workspace.targets);
        let mut gradients = Gradients { data: gradients, full: lora.is_none() };
        let (lora, checkpointing) = (lora.as_ref(), *checkpointing);
        Ok(pool.install(|| {
            let layers = weights.config().layers;
            workspace.reserve(layers + 1, if checkpointing { 1 } else { layers });
            let Workspace { positions, targets, residuals, slots, scratch, tail, d_residual } = workspace;
            let decoder = Decoder { weights, lora, batch, precision: *precision, positions, angles };
            let rows = batch.ids.len() * weights.config().hidden_size;
            embed(weights, batch, grow(&mut residuals[0], rows));
            for layer in 0..layers {
                let (before, after) = residuals.split_at_mut(layer + 1);
                let (x, y) = (&before[layer][..rows], grow(&mut after[0], rows));
                let slot = &mut slots[if checkpointing { 0 } else { layer }];
                decoder.block(layer, x, Some(y), slot, scratch);
            }
            let dx = grow(d_residual, rows);
            dx.fill(0.0);
            let x = &residuals[layers][..rows];
            let backward = Some((&mut *dx, &mut gradients, &mut scratch.partials));
            let output = decoder.tail(x, targets, loss, tail, backward);
            for layer in (0..layers).rev() {
                let x = &residuals[layer][..rows];
                let slot = &mut slots[if checkpointing { 0 } else { layer }];
                if checkpointing && layer + 1 < layers {
                    decoder.block(layer, x, None, slot, scratch);
                }
                let into = &mut gradients;
                decoder.block_backward(
                    layer,
                    x,
                    Backward { dx: &mut *dx, slot, scratch: &mut *scratch, into },
                );
            }
            if let Some(table) = gradients.of_weight(&weights.layout().embedding()) {
                embedding::backward(table, dx, &batch.ids, weights.config().hidden_size);
            }
            output
        }))
    }

    /// The loss of a batch, without gradients.
    pub fn forward(&mut self, batch: &Batch, loss: &dyn TokenLoss) -> Result<LossOutput, ModelError> {
        batch.check(self.weights.config())?;
        let mut targets = std::mem::take(&mut self.workspace.targets);
        batch.targets(loss, &mut targets);
        let output = self.evaluate(batch, |decoder, x, tail| decoder.tail(x, &targets, loss, tail, None));
        self.workspace.targets = targets;
        Ok(output)
    }

    /// Logits of every token, `[tokens, vocab]`. For tests and small batches: the loss never holds them all.
    pub fn logits(&mut self, batch: &Batch) -> Result<Vec<f32>, ModelError> {
        batch.check(self.weights.config())?;
        let mut all = Vec::new();
        self.evaluate(batch, |decoder, x, tail| {
            decoder.all_logits(x, tail, |logits| all.extend_from_slice(logits));
        });
        Ok(all)
    }

    /// Runs all blocks, keeping nothing, and gives what is left of the batch to `end`.
    fn evaluate<T: Send>(
        &mut self,
        batch: &Batch,
        end: impl FnOnce(&Decoder<'_>, &[f32], &mut workspace::Tail) -> T + Send,
    ) -> T {
        let Self { weights, lora, workspace, angles, precision, pool, .. } = self;
        prepare(workspace, angles, batch);
        let lora = lora.as_ref();
        pool.install(|| {
            workspace.reserve(2, 1);
            let Workspace { positions, residuals, slots, scratch, tail, .. } = workspace;
            let decoder = Decoder { weights, lora, batch, precision: *precision, positions, angles };
            let rows = batch.ids.len() * weights.config().hidden_size;
            let (first, second) = residuals.split_at_mut(1);
            let (mut x, mut y) = (grow(&mut first[0], rows), grow(&mut second[0], rows));
            embed(weights, batch, x);
            for layer in 0..weights.config().layers {
                decoder.block(layer, x, Some(&mut *y), &mut slots[0], scratch);
                std::mem::swap(&mut x, &mut y);
            }
            end(&decoder, x, tail)
        })
    }

    /// One step of AdamW on `scale` times the gradients that were added up, which are zero afterwards. `clip` limits
    /// their global norm after scaling. Gradients that are no numbers are dropped, see [`StepStats::applied`].
    pub fn step(&mut self, rate: f64, options: &AdamW, clip: Option<f64>, scale: f64) -> StepStats {
        let Self { weights, lora, gradients, moments, segments, logit_scale, pool, .. } = self;
        let last_norm = weights.layout().final_norm();
        let scale_of = logit_scale.map(|faster| LearnedScale { of: &last_norm, rate: rate * faster });
        let trained = match lora {
            Some(lora) => lora.data_mut(),
            None => weights.data_mut(),
        };
        gradients.resize(trained.len(), 0.0);
        let step = Step { rate, options, clip, scale, segments, scale_of };
        pool.install(|| step.take(trained, gradients, moments))
    }

    /// The weights; frozen ones where adapters learn.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// The weights, to be replaced by those of a checkpoint.
    pub fn weights_mut(&mut self) -> &mut Weights {
        &mut self.weights
    }

    /// The weights with adapters folded in; a copy in any case.
    pub fn merged(&self) -> Weights {
        self.lora.as_ref().map_or_else(|| self.weights.clone(), |lora| lora.merge(&self.weights))
    }

    /// The adapters, where there are any.
    pub fn lora(&self) -> Option<&Lora> {
        self.lora.as_ref()
    }

    /// Gradients added up so far, in the order of the weights' layout or of the adapters' tensors; empty before the
    /// first.
    pub fn gradients(&self) -> &[f32] {
        &self.gradients
    }

    /// Whether everything that is trained is a finite number. A step may overflow where loss and gradients do not.
    pub fn is_finite(&self) -> bool {
        let trained = self.lora.as_ref().map_or(self.weights.data(), Lora::data);
        self.pool.install(|| trained.par_iter().all(|number| number.is_finite()))
    }

    /// Everything besides the weights that a resumed run needs.
    pub fn state(&self) -> LearnerState<'_> {
        let mut tensors = vec![(FIRST, &self.moments.first[..]), (SECOND, &self.moments.second[..])];
        tensors.extend(self.lora.as_ref().map(|lora| (ADAPTERS, lora.data())));
        LearnerState { steps: self.moments.steps, tensors }
    }

    /// Takes a state back that a learner of the same shape gave; gradients are cleared.
    pub fn restore(&mut self, state: &LearnerState<'_>) -> Result<(), ModelError> {
        let wrong = |name: &str, what: String| ModelError::Tensor { name: name.to_owned(), what };
        let trained = self.lora.as_ref().map_or(self.weights.data().len(), |lora| lora.data().len());
        let kept = trained + usize::from(self.logit_scale.is_some());
        let find = |name: &'static str| match state.tensors.iter().find(|(given, _)| *given == name) {
            None => Err(wrong(name, "the state has none".to_owned())),
            // No step was taken yet: there are no moments.
            Some((_, data)) if data.is_empty() && name != ADAPTERS && state.steps == 0 => Ok(*data),
            Some((_, data)) if data.len() == if name == ADAPTERS { trained } else { kept } => Ok(*data),
            Some((_, data)) => Err(wrong(name, format!("{} numbers, expected {kept}", data.len()))),
        };
        let (first, second) = (find(FIRST)?.to_vec(), find(SECOND)?.to_vec());
        if let Some(lora) = &mut self.lora {
            lora.data_mut().copy_from_slice(find(ADAPTERS)?);
        }
        self.moments = Moments { first, second, steps: state.steps };
        self.gradients.fill(0.0);
        Ok(())
    }
}

fn prepare(workspace: &mut Workspace, angles: &mut Angles, batch: &Batch) {
    batch.positions(&mut workspace.positions);
    angles.reserve(batch.furthest());
}

fn embed(weights: &Weights, batch: &Batch, into: &mut [f32]) {
    let table = &weights.data()[weights.layout().embedding()];
    embedding::forward(into, table, &batch.ids, weights.config().hidden_size);
}
