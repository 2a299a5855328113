//! LoRA: low-rank adapters beside frozen matrices, `y = x Wᵀ + (alpha / rank) · x Aᵀ Bᵀ` (Hu et al. 2021, section 4.1).
//!
//! The product W + B A is never formed while learning, and no gradient of W either: that is where the time goes
//! otherwise. Adapters that read the same input (queries, keys and values; gate and up) have their A side by side, so
//! that they are one product. Does not adapt embeddings, norms or biases.

use crate::{Config, ModelError, Tensor, Weights};
use std::fmt;
use std::ops::Range;

/// A matrix that an adapter can stand beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoraTarget {
    /// `self_attn.q_proj`
    Query,
    /// `self_attn.k_proj`
    Key,
    /// `self_attn.v_proj`
    Value,
    /// `self_attn.o_proj`
    Output,
    /// `mlp.gate_proj`
    Gate,
    /// `mlp.up_proj`
    Up,
    /// `mlp.down_proj`
    Down,
}

impl LoraTarget {
    /// All of them: adapters beside every matrix learn more than the same number of parameters in attention alone.
    pub const ALL: [Self; 7] =
        [Self::Query, Self::Key, Self::Value, Self::Output, Self::Gate, Self::Up, Self::Down];

    /// Name of the module, in the Hugging Face convention.
    pub fn module(self) -> &'static str {
        match self {
            Self::Query => "self_attn.q_proj",
            Self::Key => "self_attn.k_proj",
            Self::Value => "self_attn.v_proj",
            Self::Output => "self_attn.o_proj",
            Self::Gate => "mlp.gate_proj",
            Self::Up => "mlp.up_proj",
            Self::Down => "mlp.down_proj",
        }
    }
}

impl fmt::Display for LoraTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.module().rsplit('.').next().unwrap_or_default())
    }
}

impl std::str::FromStr for LoraTarget {
    type Err = ModelError;

    /// By the last part of the module's name, like `q_proj`.
    fn from_str(name: &str) -> Result<Self, ModelError> {
        Self::ALL.into_iter().find(|target| target.to_string() == name).ok_or_else(|| {
            ModelError::Unsupported {
                field: "target_modules",
                value: name.to_owned(),
                why: format!("expected one of {}", Self::ALL.map(|target| target.to_string()).join(", ")),
            }
        })
    }
}

/// Settings of adapters.
#[derive(Clone, Debug, PartialEq)]
pub struct LoraOptions {
    /// Inner dimension.
    pub rank: usize,
    /// The product of the adapter is multiplied by `alpha / rank`.
    pub alpha: f64,
    /// Which matrices have adapters.
    pub targets: Vec<LoraTarget>,
    /// Seed of the A matrices; B starts at zero.
    pub seed: u64,
}

impl Default for LoraOptions {
    fn default() -> Self {
        Self { rank: 16, alpha: 32.0, targets: LoraTarget::ALL.to_vec(), seed: 0 }
    }
}

/// Adapters of matrices that share an input.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    /// All A matrices, `[adapters · rank, in]`.
    pub(crate) a: Range<usize>,
    /// Columns of the merged output that an adapter writes to, and its B, `[columns, rank]`.
    pub(crate) parts: Vec<(Range<usize>, Range<usize>)>,
}

/// Adapters of one block.
#[derive(Clone, Debug, Default)]
pub(crate) struct LayerAdapters {
    pub(crate) qkv: Group,
    pub(crate) output: Group,
    pub(crate) gate_up: Group,
    pub(crate) down: Group,
}

/// All adapters of a model.
#[derive(Clone, Debug)]
pub struct Lora {
    options: LoraOptions,
    tensors: Vec<Tensor>,
    layers: Vec<LayerAdapters>,
    data: Vec<f32>,
}

struct Builder {
    rank: usize,
    tensors: Vec<Tensor>,
    len: usize,
}

impl Builder {
    fn add(&mut self, name: String, shape: [usize; 2]) -> Range<usize> {
        let range = self.len..self.len + shape[0] * shape[1];
        self.len = range.end;
        self.tensors.push(Tensor { name, shape: shape.to_vec(), range: range.clone() });
        range
    }

    /// `outputs`: the wanted targets of the group, and their columns of the merged output.
    fn group(&mut self, layer: usize, inputs: usize, outputs: &[(LoraTarget, Range<usize>)]) -> Group {
        let name = |target: &LoraTarget, which| {
            format!("model.layers.{layer}.{}.lora_{which}.weight", target.module())
        };
        let start = self.len;
        for (target, _) in outputs {
            self.add(name(target, 'A'), [self.rank, inputs]);
        }
        let a = start..self.len;
        let parts = outputs
            .iter()
            .map(|(target, columns)| {
                (columns.clone(), self.add(name(target, 'B'), [columns.len(), self.rank]))
            })
            .collect();
        Group { a, parts }
    }
}

impl Lora {
    /// Fresh adapters, which change nothing yet: A uniform in ±1/sqrt(in), as PEFT starts it, and B zero.
    pub fn new(config: &Config, options: LoraOptions) -> Result<Self, ModelError> {
        if options.rank == 0 || options.targets.is_empty() {
            return Err(ModelError::Unsupported {
                field: if options.rank == 0 { "r" } else { "target_modules" },
                value: if options.rank == 0 { "0" } else { "[]" }.to_owned(),
                why: "an adapter needs a rank of at least 1 and a matrix to stand beside".to_owned(),
            });
        }
        let mut builder = Builder { rank: options.rank, tensors: Vec::new(), len: 0 };
        let (queries, keys) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let wanted = |side_by_side: &[(LoraTarget, usize)]| {
            let mut end = 0;
            let mut columns = Vec::new();
            for (target, width) in side_by_side {
                end += width;
                if options.targets.contains(target) {
                    columns.push((*target, end - width..end));
                }
            }
            columns
        };
        let qkv = wanted(&[(LoraTarget::Query, queries), (LoraTarget::Key, keys), (LoraTarget::Value, keys)]);
        let output = wanted(&[(LoraTarget::Output, hidden)]);
        let gate_up = wanted(&[(LoraTarget::Gate, inner), (LoraTarget::Up, inner)]);
        let down = wanted(&[(LoraTarget::Down, hidden)]);
        let layers = (0..config.layers)
            .map(|layer| LayerAdapters {
                qkv: builder.group(layer, hidden, &qkv),
                output: builder.group(layer, queries, &output),
                gate_up: builder.group(layer, hidden, &gate_up),
                down: builder.group(layer, inner, &down),
            })
            .collect();
        let mut data = vec![0.0; builder.len];
        for tensor in builder.tensors.iter().filter(|tensor| tensor.name.ends_with("lora_A.weight")) {
            use rand_chacha::rand_core::Rng;
            let mut rng = astra_protocol::seeded_rng(options.seed, &tensor.name);
            let bound = 1.0 / (tensor.shape[1] as f32).sqrt();
            for x in &mut data[tensor.range.clone()] {
                *x = ((rng.next_u32() >> 8) as f32 / (1u32 << 23) as f32 - 1.0) * bound;
            }
        }
        Ok(Self { options, tensors: builder.tensors, layers, data })
    }

    /// Settings.
    pub fn options(&self) -> &LoraOptions {
        &self.options
    }

    /// Names (`model.layers.0.self_attn.q_proj.lora_A.weight`), shapes and places of the adapters' matrices.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// All adapters' numbers.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// All adapters' numbers, to be changed.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// What the adapters' product is multiplied by.
    pub(crate) fn scale(&self) -> f32 {
        (self.options.alpha / self.options.rank as f64) as f32
    }

    pub(crate) fn layers(&self) -> &[LayerAdapters] {
        &self.layers
    }

    /// The weights with the adapters folded in: `W + (alpha / rank) · B A`, summed in f64.
    pub fn merge(&self, weights: &Weights) -> Weights {
        let mut merged = weights.clone();
        let scale = self.options.alpha / self.options.rank as f64;
        let rank = self.options.rank;
        for b in self.tensors.iter().filter(|tensor| tensor.name.ends_with("lora_B.weight")) {
            let module = b.name.trim_end_matches("lora_B.weight");
            let a = self.tensors.iter().find(|tensor| tensor.name == format!("{module}lora_A.weight"));
            let target = weights.layout().tensor(&format!("{module}weight"));
            let (Some(a), Some(target)) = (a, target) else { continue };
            let (a_data, inputs) = (&self.data[a.range.clone()], a.shape[1]);
            let rows = merged.data_mut()[target.range.clone()].chunks_mut(inputs);
            for (row, b) in rows.zip(self.data[b.range.clone()].chunks(rank)) {
                for (column, w) in row.iter_mut().enumerate() {
                    let change: f64 =
                        (0..rank).map(|k| f64::from(b[k]) * f64::from(a_data[k * inputs + column])).sum();
                    *w = (f64::from(*w) + scale * change) as f32;
                }
            }
        }
        merged
    }
}
