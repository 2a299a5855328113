//! Models from GGUF files: numbers back to f32, names and row order back to Hugging Face's, metadata to a [`Config`].
//!
//! The container is parsed in `file`, the tokenizer rebuilt in `tokenizer`. Whatever the file says and this decoder
//! does not do (another architecture, another rotary scaling, a tensor without a place) is an error.

mod file;
mod tokenizer;

use super::save::Unfinished;
use super::{SaveOptions, Weights, load};
use crate::{Config, ModelError, Rope, RopeScaling};
use file::{Gguf, Value};
use std::path::Path;
use std::sync::Arc;

/// Frequencies that a file divides by, one a pair of a head's numbers; how GGUF stores Llama 3's scaling.
const ROPE_FACTORS: &str = "rope_freqs.weight";

impl Weights {
    /// Reads a GGUF file (version 2 or 3, little-endian; F32, F16, BF16, `Q8_0`, `Q4_1`, `Q6_K`).
    pub fn load_gguf(path: &Path) -> Result<Self, ModelError> {
        read(&mut Gguf::open(path)?)
    }
}

/// Writes what a GGUF file holds as a plain model folder: weights, configuration, tokenizer, chat template.
pub fn convert_gguf(path: &Path, dir: &Path) -> Result<Config, ModelError> {
    let mut gguf = Gguf::open(path)?;
    let tokenizer = tokenizer::rebuild(&gguf)?;
    let weights = read(&mut gguf)?;
    std::fs::create_dir_all(dir).map_err(|source| ModelError::Io { path: dir.to_owned(), source })?;
    // The tokenizer first: `save` puts config.json, which makes the folder a model, last.
    let mut folder = Unfinished::new(dir);
    folder.write("tokenizer.json", tokenizer.tokenizer_json.as_bytes())?;
    folder.write("tokenizer_config.json", tokenizer.tokenizer_config.as_bytes())?;
    folder.finish()?;
    weights.save(dir, &SaveOptions::default())?;
    Ok((**weights.config()).clone())
}

fn read(gguf: &mut Gguf) -> Result<Weights, ModelError> {
    let config = config(gguf)?;
    let names: Vec<(String, String)> = gguf
        .tensors
        .keys()
        .filter(|name| *name != ROPE_FACTORS)
        .map(|name| (name.clone(), hugging_face_name(name).unwrap_or_else(|| name.clone())))
        .collect();
    let offered = names
        .iter()
        .map(|(name, renamed)| (renamed.as_str(), gguf.tensors[name].shape.as_slice(), gguf.path.as_path()));
    load::agree(&config, offered)?;
    let unpermute = (config.model_type == "llama").then_some(config.head_dim);
    let mut weights = Weights::zeros(config);
    let layout = Arc::clone(&weights.layout);
    for (name, renamed) in names {
        let Some(tensor) = layout.tensor(&renamed) else { continue };
        let out = &mut weights.data[tensor.range.clone()];
        gguf.read(&name, out)?;
        if let Some(head_dim) = unpermute
            && (renamed.ends_with("q_proj.weight") || renamed.ends_with("k_proj.weight"))
        {
            halves_from_pairs(out, head_dim, tensor.shape[1]);
        }
    }
    Ok(weights)
}

/// Llama files hold a head's rows in pairs that are rotated together (0, d/2, 1, d/2 + 1, …), for the interleaved form
/// of `RoPE`; here the two halves of a head are rotated together, so its rows go back to 0, 1, … d/2, ….
fn halves_from_pairs(matrix: &mut [f32], head_dim: usize, columns: usize) {
    let mut head = vec![0.0; head_dim * columns];
    for rows in matrix.chunks_exact_mut(head_dim * columns) {
        head.copy_from_slice(rows);
        for (at, row) in head.chunks_exact(columns).enumerate() {
            let to = at / 2 + at % 2 * (head_dim / 2);
            rows[to * columns..(to + 1) * columns].copy_from_slice(row);
        }
    }
}

fn hugging_face_name(name: &str) -> Option<String> {
    let whole = match name {
        "token_embd.weight" => Some("model.embed_tokens.weight"),
        "output_norm.weight" => Some("model.norm.weight"),
        "output.weight" => Some("lm_head.weight"),
        _ => None,
    };
    if let Some(whole) = whole {
        return Some(whole.to_owned());
    }
    let (layer, rest) = name.strip_prefix("blk.")?.split_once('.')?;
    let (part, kind) = rest.rsplit_once('.')?;
    let part = match part {
        "attn_norm" => "input_layernorm",
        "attn_q" => "self_attn.q_proj",
        "attn_k" => "self_attn.k_proj",
        "attn_v" => "self_attn.v_proj",
        "attn_q_norm" => "self_attn.q_norm",
        "attn_k_norm" => "self_attn.k_norm",
        "attn_output" => "self_attn.o_proj",
        "ffn_norm" => "post_attention_layernorm",
        "ffn_gate" => "mlp.gate_proj",
        "ffn_up" => "mlp.up_proj",
        "ffn_down" => "mlp.down_proj",
        _ => return None,
    };
    Some(format!("model.layers.{layer}.{part}.{kind}"))
}

fn config(gguf: &mut Gguf) -> Result<Config, ModelError> {
    let family = gguf.text("general.architecture").unwrap_or_default().to_owned();
    if !matches!(family.as_str(), "llama" | "qwen2" | "qwen3") {
        let what = format!("`general.architecture` is `{family}`, expected llama, qwen2 or qwen3");
        return Err(gguf.malformed(what));
    }
    let vocab = match (gguf.metadata.get("tokenizer.ggml.tokens"), gguf.tensors.get("token_embd.weight")) {
        (_, Some(embedding)) => embedding.shape[0] as usize,
        (Some(Value::Texts(tokens)), None) => tokens.len(),
        _ => return Err(gguf.malformed("tensor `token_embd.weight` is missing".to_owned())),
    };
    let key = |name: &str| format!("{family}.{name}");
    let size = |name: &str| -> Result<usize, ModelError> {
        let key = key(name);
        gguf.whole(&key)?.ok_or_else(|| gguf.malformed(format!("`{key}` is missing")))
    };
    let (hidden_size, heads) = (size("embedding_length")?, size("attention.head_count")?);
    let head_dim = gguf.whole(&key("attention.key_length"))?.unwrap_or(hidden_size / heads.max(1));
    for (name, expected) in [("rope.dimension_count", head_dim), ("attention.value_length", head_dim)] {
        if let Some(found) = gguf.whole::<usize>(&key(name))?.filter(|found| *found != expected) {
            let what =
                format!("`{}` is {found}; only the width of a head, {expected}, is implemented", key(name));
            return Err(gguf.malformed(what));
        }
    }
    let eps = key("attention.layer_norm_rms_epsilon");
    let eps = gguf.number(&eps)?.ok_or_else(|| gguf.malformed(format!("`{eps}` is missing")))?;
    let config = Config {
        vocab_size: vocab,
        hidden_size,
        intermediate_size: size("feed_forward_length")?,
        layers: size("block_count")?,
        heads,
        kv_heads: gguf.whole(&key("attention.head_count_kv"))?.unwrap_or(heads),
        head_dim,
        rms_norm_eps: eps as f32,
        rope: Rope {
            theta: gguf.number(&key("rope.freq_base"))?.unwrap_or(10_000.0),
            scaling: RopeScaling::Default,
        },
        qkv_bias: family == "qwen2",
        qk_norm: family == "qwen3",
        tie_embeddings: !gguf.tensors.contains_key("output.weight"),
        max_positions: gguf.whole(&key("context_length"))?.unwrap_or(2048),
        bos_token_id: gguf.whole("tokenizer.ggml.bos_token_id")?,
        eos_token_ids: gguf.whole("tokenizer.ggml.eos_token_id")?.into_iter().collect(),
        model_type: family.clone(),
    };
    // What makes a configuration impossible is written down in one place only.
    let config = Config::from_json(&config.to_json())?;
    let scaling = scaling(gguf, &config)?;
    Ok(Config { rope: Rope { scaling, ..config.rope }, ..config })
}

fn scaling(gguf: &mut Gguf, config: &Config) -> Result<RopeScaling, ModelError> {
    let key = |name: &str| format!("{}.rope.scaling.{name}", config.model_type);
    if let Some(entry) = gguf.tensors.get(ROPE_FACTORS) {
        if entry.shape != [config.head_dim as u64 / 2] {
            return Err(gguf.malformed(format!("tensor `{ROPE_FACTORS}` has shape {:?}", entry.shape)));
        }
        let mut factors = vec![0.0; config.head_dim / 2];
        gguf.read(ROPE_FACTORS, &mut factors)?;
        return llama3(&config.rope, config.head_dim, &factors).ok_or_else(|| {
            gguf.malformed(format!(
                "tensor `{ROPE_FACTORS}` is not the rotary scaling of Llama 3, the only one known"
            ))
        });
    }
    match gguf.text(&key("type")) {
        None | Some("none") => Ok(RopeScaling::Default),
        Some("linear") => Ok(RopeScaling::Linear { factor: gguf.number(&key("factor"))?.unwrap_or(1.0) }),
        Some(other) => {
            Err(gguf.malformed(format!("`{}` is `{other}`, expected none or linear", key("type"))))
        }
    }
}

/// The parameters behind a table of divisors. Every published Llama 3 has the same ramp and context of pretraining; the
/// factor is the divisor of the lowest frequency. The table must come out again, or it is something else.
fn llama3(rope: &Rope, head_dim: usize, factors: &[f32]) -> Option<RopeScaling> {
    let factor = f64::from(*factors.last()?);
    let scaling =
        RopeScaling::Llama3 { factor, low_freq_factor: 1.0, high_freq_factor: 4.0, original: 8192.0 };
    let plain = Rope { theta: rope.theta, scaling: RopeScaling::Default }.inverse_frequencies(head_dim);
    let scaled = Rope { theta: rope.theta, scaling }.inverse_frequencies(head_dim);
    let same = factors.iter().zip(plain.iter().zip(scaled)).all(|(factor, (plain, scaled))| {
        let expected = plain / scaled;
        (f64::from(*factor) - expected).abs() <= 1e-4 * expected
    });
    same.then_some(scaling)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_rows_become_halves_of_a_head() {
        // Two heads of width 4, one column: rows numbered in the order that they should have.
        let mut matrix = [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0];
        halves_from_pairs(&mut matrix, 4, 1);
        assert_eq!(matrix.map(|row| row as i32), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn a_table_of_divisors_is_llama_3_or_nothing() {
        let scaling = RopeScaling::Llama3 {
            factor: 32.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original: 8192.0,
        };
        let plain = Rope { theta: 500_000.0, scaling: RopeScaling::Default };
        let scaled = Rope { scaling, ..plain }.inverse_frequencies(64);
        let mut factors: Vec<f32> = plain
            .inverse_frequencies(64)
            .iter()
            .zip(scaled)
            .map(|(plain, scaled)| (plain / scaled) as f32)
            .collect();
        assert_eq!(llama3(&plain, 64, &factors), Some(scaling));
        factors[20] *= 1.01;
        assert_eq!(llama3(&plain, 64, &factors), None);
    }
}
