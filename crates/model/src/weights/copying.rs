//! Fresh weights that copy: what small models need a large part of their training to find.
//!
//! A model of a few million parameters learns the forms of a text in minutes and then spends hours on a plateau until
//! two attention heads find each other: one that looks at the token before, and one that looks for the place where the
//! present token stood before and repeats what followed (an induction head; Olsson et al., 2022). Tool calls are made
//! of nothing else: names and ids go from the question and from results into arguments. So these heads are laid here,
//! as a beginning that training is free to change:
//!
//! - The residual stream is parted: tokens stand in its first part, the last `head_dim` places are empty.
//! - Block 0, head 0 looks one place back, by biases of queries and keys that the rotation turns against each other,
//!   and writes a random projection of that token into the empty part.
//! - Block 1 has one head for each `head_dim` places of the first part. Its query is the same projection of the present
//!   token, its key what block 0 wrote; it adds its share of the token that it finds. Both use only those dimensions
//!   that the rotation hardly turns, so that distance does not matter.
//!
//! The rest is drawn as in [`Weights::init`](super::Weights::init), smaller where it would drown the heads.

use super::{Weights, fill_normal};
use crate::{Config, ModelError};
use std::ops::Range;

/// A dimension turns less than this angle from one position to the next where contents are compared.
const STILL: f64 = 2e-3;
/// Pairs of dimensions, the fastest ones, that tell the place before from others.
const FAST: usize = 12;
/// Strength of the look one place back: each pair's share of the score, before the division by `sqrt(head_dim)`.
const BACK: f64 = 75.0;
/// How strongly block 0 writes, block 1 compares, and block 1 writes.
const WRITTEN: f32 = 0.35;
const COMPARED: f32 = 2.0;
const REPEATED: f32 = 2.0;
/// Deviation of the tokens' first part, and of what is left of the empty one.
const TOKENS: f32 = 0.06;
const EMPTY: f32 = 0.003;

impl Weights {
    /// Random weights of which two blocks copy; see the module.
    ///
    /// # Errors
    /// When the shape has no room for the heads: it needs biases of queries and keys, two blocks, and a `head_dim` of at
    /// least 64 in which both fast and slow dimensions exist.
    pub fn init_copying(config: Config, seed: u64) -> Result<Self, ModelError> {
        let plan = Plan::new(&config)?;
        let mut weights = Self::init(config, seed);
        plan.lay(&mut weights, seed);
        Ok(weights)
    }

    /// Whether a shape has room for the heads.
    pub(crate) fn check_copying(config: &Config) -> Result<(), ModelError> {
        Plan::new(config).map(drop)
    }
}

/// Where everything stands.
struct Plan {
    hidden: usize,
    head_dim: usize,
    /// Query heads that share keys.
    group: usize,
    /// Heads of block 1 that copy.
    copying: usize,
    /// Angles from one position to the next, `[head_dim / 2]`.
    angles: Vec<f64>,
    /// Dimensions of a head that hardly turn.
    still: Vec<usize>,
}

impl Plan {
    fn new(config: &Config) -> Result<Self, ModelError> {
        let (hidden, head_dim) = (config.hidden_size, config.head_dim);
        let half = head_dim / 2;
        let angles = config.rope.inverse_frequencies(head_dim);
        let slow: Vec<usize> = (0..half).filter(|pair| angles[*pair] < STILL).collect();
        let still: Vec<usize> = slow.iter().copied().chain(slow.iter().map(|pair| pair + half)).collect();
        let unsuited = |field: &'static str, value: usize, why: &str| {
            Err(ModelError::Unsupported {
                field,
                value: value.to_string(),
                why: format!("{why}, for heads that copy"),
            })
        };
        if !config.qkv_bias {
            return unsuited("attention_bias", 0, "must be true");
        }
        if config.layers < 2 {
            return unsuited("num_hidden_layers", config.layers, "must be at least 2");
        }
        if hidden < 2 * head_dim {
            return unsuited("hidden_size", hidden, "must be at least two heads wide");
        }
        if head_dim < 32 || still.len() < 12 || angles[FAST.min(half) - 1] < STILL {
            return unsuited(
                "head_dim",
                head_dim,
                "must be at least 32, with a `rope_theta` of about a million",
            );
        }
        let copying = ((hidden - head_dim) / head_dim).min(config.kv_heads);
        Ok(Self { hidden, head_dim, group: config.heads / config.kv_heads, copying, angles, still })
    }

    /// Width of the part in which tokens stand.
    fn tokens(&self) -> usize {
        self.hidden - self.head_dim
    }

    fn lay(&self, weights: &mut Weights, seed: u64) {
        let (tokens, hidden) = (self.tokens(), self.hidden);
        let mut rng = astra_protocol::seeded_rng(seed, "heads that copy");
        let embedding = weights.layout.embedding();
        let mut row = vec![0.0; hidden];
        for token in weights.data[embedding].chunks_exact_mut(hidden) {
            fill_normal(&mut row, 1.0, &mut rng);
            for (at, (to, number)) in token.iter_mut().zip(&row).enumerate() {
                *to = number * if at < tokens { TOKENS } else { EMPTY };
            }
        }
        let mut projection = vec![0.0; self.still.len() * tokens];
        fill_normal(&mut projection, 1.0 / (tokens as f32).sqrt(), &mut rng);
        for layer in 0..weights.config.layers {
            for (part, factor) in [("self_attn.o_proj", 0.5), ("mlp.down_proj", 0.25)] {
                Matrix::of(weights, layer, part).scale(factor);
            }
        }
        self.look_back(weights, &projection);
        self.repeat(weights, &projection);
    }

    /// Block 0, head 0.
    fn look_back(&self, weights: &mut Weights, projection: &[f32]) {
        let (half, tokens) = (self.head_dim / 2, self.tokens());
        for part in ["self_attn.q_proj", "self_attn.k_proj"] {
            Matrix::of(weights, 0, part).rows(0..self.head_dim).iter_mut().for_each(|weight| *weight *= 0.1);
        }
        let strength = BACK.sqrt();
        let query = bias(weights, 0, "q_proj");
        for (pair, angle) in self.angles.iter().enumerate() {
            query[pair] = (strength * angle.cos()) as f32;
            query[pair + half] = (-strength * angle.sin()) as f32;
        }
        bias(weights, 0, "k_proj")[..FAST].fill(strength as f32);
        let mut value = Matrix::of(weights, 0, "self_attn.v_proj");
        value.rows(0..self.head_dim).fill(0.0);
        for (at, row) in projection.chunks_exact(tokens).enumerate() {
            value.rows(at..at + 1)[..tokens].copy_from_slice(row);
        }
        let mut output = Matrix::of(weights, 0, "self_attn.o_proj");
        for at in 0..self.still.len() {
            output.rows(tokens + at..tokens + at + 1)[at] = WRITTEN;
        }
    }

    /// Block 1, the first head of each of the first groups.
    fn repeat(&self, weights: &mut Weights, projection: &[f32]) {
        let (width, tokens) = (self.head_dim, self.tokens());
        for copying in 0..self.copying {
            let head = copying * self.group;
            let mut query = Matrix::of(weights, 1, "self_attn.q_proj");
            query.rows(head * width..(head + 1) * width).iter_mut().for_each(|weight| *weight *= 0.1);
            for (dimension, row) in self.still.iter().zip(projection.chunks_exact(tokens)) {
                let to = query.rows(head * width + dimension..head * width + dimension + 1);
                to.fill(0.0);
                to.iter_mut().zip(row).for_each(|(to, number)| *to = COMPARED * number);
            }
            let mut key = Matrix::of(weights, 1, "self_attn.k_proj");
            key.rows(copying * width..(copying + 1) * width).iter_mut().for_each(|weight| *weight *= 0.1);
            for (at, dimension) in self.still.iter().enumerate() {
                let to = key.rows(copying * width + dimension..copying * width + dimension + 1);
                to.fill(0.0);
                to[tokens + at] = COMPARED;
            }
            let mut value = Matrix::of(weights, 1, "self_attn.v_proj");
            for at in 0..width {
                let row = value.rows(copying * width + at..copying * width + at + 1);
                row.fill(0.0);
                row[copying * width + at] = 1.0;
            }
            let mut output = Matrix::of(weights, 1, "self_attn.o_proj");
            for at in 0..width {
                output.rows(copying * width + at..copying * width + at + 1)[head * width + at] = REPEATED;
            }
        }
    }
}

/// A matrix of a block, `[out, in]`.
struct Matrix<'a> {
    data: &'a mut [f32],
    columns: usize,
}

impl<'a> Matrix<'a> {
    fn of(weights: &'a mut Weights, layer: usize, part: &str) -> Self {
        let (range, shape) = place(weights, layer, &format!("{part}.weight"));
        Self { data: &mut weights.data[range], columns: shape.last().copied().unwrap_or(1) }
    }

    fn rows(&mut self, rows: Range<usize>) -> &mut [f32] {
        &mut self.data[rows.start * self.columns..rows.end * self.columns]
    }

    fn scale(&mut self, factor: f32) {
        self.data.iter_mut().for_each(|weight| *weight *= factor);
    }
}

fn bias<'a>(weights: &'a mut Weights, layer: usize, part: &str) -> &'a mut [f32] {
    let (range, _) = place(weights, layer, &format!("self_attn.{part}.bias"));
    &mut weights.data[range]
}

/// Where a tensor of a block lies; nowhere if the model has none such, which [`Plan::new`] has excluded.
fn place(weights: &Weights, layer: usize, part: &str) -> (Range<usize>, Vec<usize>) {
    let tensor = weights.layout.tensor(&format!("model.layers.{layer}.{part}"));
    tensor.map_or((0..0, Vec::new()), |tensor| (tensor.range.clone(), tensor.shape.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, CrossEntropy, LearnOptions, Learner};
    use rand_chacha::rand_core::Rng;

    fn shape(head_dim: usize, kv_heads: usize) -> Config {
        let text = format!(
            r#"{{"model_type":"qwen2","vocab_size":512,"hidden_size":192,"intermediate_size":256,"rope_theta":1e6,
            "num_hidden_layers":3,"num_attention_heads":{},"num_key_value_heads":{kv_heads},"head_dim":{head_dim},
            "max_position_embeddings":1024,"tie_word_embeddings":true}}"#,
            192 / head_dim
        );
        Config::from_json(&text).unwrap()
    }

    #[test]
    fn what_stood_before_is_repeated_without_any_training() {
        for (head_dim, kv_heads) in [(64, 3), (64, 1), (96, 2)] {
            let weights = Weights::init_copying(shape(head_dim, kv_heads), 7).unwrap();
            let mut learner = Learner::new(weights, LearnOptions::default()).unwrap();
            for length in [30, 200] {
                let mut rng = astra_protocol::seeded_rng(length as u64, "tokens");
                let mut ids: Vec<u32> = (0..length).map(|_| rng.next_u32() % 512).collect();
                ids.extend(ids.clone());
                let batch = Batch::of([&ids]);
                let mut loss = |counted: Range<usize>| {
                    let weights: Vec<f32> =
                        (0..2 * length).map(|at| if counted.contains(&at) { 1.0 } else { 0.0 }).collect();
                    learner.forward(&batch, &CrossEntropy { weights: &weights }).unwrap().loss
                        / counted.len() as f64
                };
                let (new, repeated) = (loss(1..length), loss(length + 1..2 * length));
                assert!(new > 5.5 && repeated < 3.0, "{head_dim}, {length}: {new}, then {repeated}");
            }
        }
    }

    #[test]
    fn shapes_without_room_are_refused() {
        let one = Config { layers: 1, ..shape(64, 3) };
        assert!(Weights::init_copying(one, 0).unwrap_err().to_string().contains("num_hidden_layers"));
        let llama = Config { qkv_bias: false, ..shape(64, 3) };
        assert!(Weights::init_copying(llama, 0).unwrap_err().to_string().contains("attention_bias"));
        let fast = Config { rope: crate::Rope { theta: 100.0, ..shape(64, 3).rope }, ..shape(64, 3) };
        assert!(Weights::init_copying(fast, 0).unwrap_err().to_string().contains("rope_theta"));
    }
}
