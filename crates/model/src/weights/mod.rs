//! A model's parameters in one block of memory, and where each tensor lies in it.
//!
//! One block makes everything that is done to all parameters (gradients, AdamW moments, clipping, checkpoints) a loop
//! over slices. Inside a block the order is chosen so that matrices which are multiplied with the same input stand
//! one below the other: queries, keys and values; gate and up. They keep their Hugging Face names and shapes
//! (`[out, in]`, row-major), and are one matrix to whoever multiplies.

mod copying;
mod encoding;
mod gguf;
mod load;
mod numbers;
mod safetensors;
mod save;

pub use gguf::convert_gguf;
pub(crate) use load::{INDEX, SINGLE, read_text};
pub use numbers::{read_tensors, write_tensors};
pub(crate) use save::{COMPANIONS, UNFINISHED, Unfinished, is_shard, remove_model};
pub use save::{SaveOptions, StoredAs};

use crate::{Config, ModelError};
use astra_protocol::ContentId;
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Numbers that are turned into bytes at a time.
const HASHED_AT_ONCE: usize = 1 << 16;

/// One tensor of a [`Layout`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Name in the Hugging Face convention.
    pub name: String,
    /// `[out, in]` for matrices, `[n]` for norms and biases.
    pub shape: Vec<usize>,
    /// Where its numbers lie.
    pub range: Range<usize>,
}

impl Tensor {
    /// Whether weight decay applies: to matrices, not to norms and biases.
    pub fn decays(&self) -> bool {
        self.shape.len() > 1
    }
}

/// Ranges of one block's parameters; matrices that share an input are one range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerRanges {
    /// RMSNorm before attention, `[hidden]`.
    pub attention_norm: Range<usize>,
    /// Queries, keys, values: `[(heads + 2 · kv_heads) · head_dim, hidden]`.
    pub qkv: Range<usize>,
    /// Their biases; empty without.
    pub qkv_bias: Range<usize>,
    /// RMSNorm of query heads, `[head_dim]`; empty without.
    pub query_norm: Range<usize>,
    /// RMSNorm of key heads, `[head_dim]`; empty without.
    pub key_norm: Range<usize>,
    /// Output projection of attention, `[hidden, heads · head_dim]`.
    pub output: Range<usize>,
    /// RMSNorm before the feed-forward layer, `[hidden]`.
    pub mlp_norm: Range<usize>,
    /// Gate and up: `[2 · intermediate, hidden]`.
    pub gate_up: Range<usize>,
    /// Down projection, `[hidden, intermediate]`.
    pub down: Range<usize>,
}

/// Where every parameter of a model lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    tensors: Vec<Tensor>,
    by_name: HashMap<String, usize>,
    layers: Vec<LayerRanges>,
    embedding: Range<usize>,
    final_norm: Range<usize>,
    head: Range<usize>,
    len: usize,
}

impl Layout {
    /// The layout of a shape.
    pub fn of(config: &Config) -> Self {
        let mut builder = Builder::default();
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let (queries, keys) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
        let embedding = builder.add("model.embed_tokens.weight", &[config.vocab_size, hidden]);
        let layers = (0..config.layers)
            .map(|layer| {
                let mut add =
                    |name: &str, shape: &[usize]| builder.add(&format!("model.layers.{layer}.{name}"), shape);
                let attention_norm = add("input_layernorm.weight", &[hidden]);
                let query = add("self_attn.q_proj.weight", &[queries, hidden]);
                add("self_attn.k_proj.weight", &[keys, hidden]);
                let value = add("self_attn.v_proj.weight", &[keys, hidden]);
                let mut qkv_bias = value.end..value.end;
                if config.qkv_bias {
                    qkv_bias = add("self_attn.q_proj.bias", &[queries]);
                    add("self_attn.k_proj.bias", &[keys]);
                    qkv_bias.end = add("self_attn.v_proj.bias", &[keys]).end;
                }
                let (mut query_norm, mut key_norm) = (qkv_bias.end..qkv_bias.end, qkv_bias.end..qkv_bias.end);
                if config.qk_norm {
                    query_norm = add("self_attn.q_norm.weight", &[config.head_dim]);
                    key_norm = add("self_attn.k_norm.weight", &[config.head_dim]);
                }
                let output = add("self_attn.o_proj.weight", &[hidden, queries]);
                let mlp_norm = add("post_attention_layernorm.weight", &[hidden]);
                let gate = add("mlp.gate_proj.weight", &[inner, hidden]);
                let up = add("mlp.up_proj.weight", &[inner, hidden]);
                let down = add("mlp.down_proj.weight", &[hidden, inner]);
                LayerRanges {
                    attention_norm,
                    qkv: query.start..value.end,
                    qkv_bias,
                    query_norm,
                    key_norm,
                    output,
                    mlp_norm,
                    gate_up: gate.start..up.end,
                    down,
                }
            })
            .collect();
        let final_norm = builder.add("model.norm.weight", &[hidden]);
        let head = if config.tie_embeddings {
            embedding.clone()
        } else {
            builder.add("lm_head.weight", &[config.vocab_size, hidden])
        };
        let Builder { tensors, by_name, len } = builder;
        Self { tensors, by_name, layers, embedding, final_norm, head, len }
    }

    /// All tensors, in order of their place.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// A tensor by its Hugging Face name.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.by_name.get(name).map(|at| &self.tensors[*at])
    }

    /// The blocks' parameters.
    pub fn layers(&self) -> &[LayerRanges] {
        &self.layers
    }

    /// Token embeddings, `[vocab, hidden]`.
    pub fn embedding(&self) -> Range<usize> {
        self.embedding.clone()
    }

    /// The last RMSNorm, `[hidden]`.
    pub fn final_norm(&self) -> Range<usize> {
        self.final_norm.clone()
    }

    /// The output projection, `[vocab, hidden]`; the embedding's range where they are tied.
    pub fn head(&self) -> Range<usize> {
        self.head.clone()
    }

    /// Number of parameters.
    #[expect(clippy::len_without_is_empty, reason = "a layout is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }
}

#[derive(Default)]
struct Builder {
    tensors: Vec<Tensor>,
    by_name: HashMap<String, usize>,
    len: usize,
}

impl Builder {
    fn add(&mut self, name: &str, shape: &[usize]) -> Range<usize> {
        let range = self.len..self.len + shape.iter().product::<usize>();
        self.len = range.end;
        self.by_name.insert(name.to_owned(), self.tensors.len());
        self.tensors.push(Tensor { name: name.to_owned(), shape: shape.to_vec(), range: range.clone() });
        range
    }
}

/// The parameters of a model.
#[derive(Clone, Debug)]
pub struct Weights {
    config: Arc<Config>,
    layout: Arc<Layout>,
    data: Vec<f32>,
}

impl Weights {
    /// All zero; for loaders, which then fill every tensor.
    pub fn zeros(config: Config) -> Self {
        let layout = Layout::of(&config);
        let data = vec![0.0; layout.len()];
        Self { config: Arc::new(config), layout: Arc::new(layout), data }
    }

    /// Fresh weights: norms 1, biases 0, matrices normal with standard deviation 0.02, and those that write into the
    /// residual stream scaled down by `sqrt(2 · layers)` (GPT-2, section 2.3), so that its variance does not grow with
    /// depth. Each tensor has a stream of its own, so that the bytes depend on seed and name only.
    pub fn init(config: Config, seed: u64) -> Self {
        let mut weights = Self::zeros(config);
        let residual = 1.0 / (2.0 * weights.config.layers as f32).sqrt();
        let layout = Arc::clone(&weights.layout);
        for tensor in layout.tensors() {
            let data = &mut weights.data[tensor.range.clone()];
            if tensor.decays() {
                let writes =
                    tensor.name.ends_with("o_proj.weight") || tensor.name.ends_with("down_proj.weight");
                let deviation = 0.02 * if writes { residual } else { 1.0 };
                fill_normal(data, deviation, &mut astra_protocol::seeded_rng(seed, &tensor.name));
            } else if tensor.name.ends_with("norm.weight") {
                data.fill(1.0);
            }
        }
        weights
    }

    /// Shape and constants.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Where tensors lie.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// All parameters.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// All parameters, to be changed.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// Hash of shape and numbers.
    pub fn id(&self) -> ContentId {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.config.to_json().as_bytes());
        let mut bytes = Vec::with_capacity(4 * HASHED_AT_ONCE);
        for numbers in self.data.chunks(HASHED_AT_ONCE) {
            bytes.clear();
            bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            hasher.update(&bytes);
        }
        ContentId(hasher.finalize().to_hex().to_string())
    }

    /// A tensor's numbers by its Hugging Face name.
    pub fn tensor(&self, name: &str) -> Result<&[f32], ModelError> {
        match self.layout.tensor(name) {
            Some(tensor) => Ok(&self.data[tensor.range.clone()]),
            None => Err(ModelError::Tensor { name: name.to_owned(), what: "this model has none".to_owned() }),
        }
    }
}

/// Normal numbers by Box and Muller.
fn fill_normal(data: &mut [f32], deviation: f32, rng: &mut ChaCha8Rng) {
    let mut uniform = || astra_protocol::draw_unit(rng);
    for pair in data.chunks_mut(2) {
        let (radius, angle) = ((-2.0 * (1.0 - uniform()).ln()).sqrt(), std::f64::consts::TAU * uniform());
        pair[0] = (radius * angle.cos()) as f32 * deviation;
        if let Some(second) = pair.get_mut(1) {
            *second = (radius * angle.sin()) as f32 * deviation;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_tile_the_block_and_merged_ranges_hold_their_parts() {
        let text = r#"{"model_type":"qwen2","vocab_size":11,"hidden_size":8,"intermediate_size":12,
            "num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2}"#;
        let weights = Weights::init(Config::from_json(text).unwrap(), 3);
        let layout = weights.layout();
        let mut end = 0;
        for tensor in layout.tensors() {
            assert_eq!(tensor.range.start, end, "{}", tensor.name);
            end = tensor.range.end;
        }
        assert_eq!(end, layout.len());
        let layer = &layout.layers()[1];
        assert_eq!(layer.qkv.len(), weights.config().qkv_size() * 8);
        assert_eq!(
            layer.qkv.start,
            layout.tensor("model.layers.1.self_attn.q_proj.weight").unwrap().range.start
        );
        assert_eq!(layer.qkv_bias.len(), weights.config().qkv_size());
        assert!(layer.query_norm.is_empty());
        assert_ne!(layout.head(), layout.embedding());
        assert_eq!(weights.data(), Weights::init((**weights.config()).clone(), 3).data());
        assert!(weights.tensor("model.norm.weight").unwrap().iter().all(|x| (x - 1.0).abs() < f32::EPSILON));
        assert!(weights.tensor("nope").is_err());
    }
}
