//! The shape of a model, as Hugging Face's `config.json` states it.
//!
//! One decoder serves the Llama, Qwen2 and Qwen3 families; what tells them apart is three switches (biases on the
//! attention projections, norms on queries and keys, tied embeddings). A field that would change the arithmetic and
//! is not implemented is an error, never ignored.

use crate::ModelError;
use serde_json::{Map, Value as Json, json};

/// Shape and constants of a decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `model_type` as written: `llama`, `qwen2` or `qwen3`.
    pub model_type: String,
    /// Number of token ids.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Added to the mean square in RMSNorm.
    pub rms_norm_eps: f32,
    /// Rotary position embedding.
    pub rope: Rope,
    /// Biases on the query, key and value projections (Qwen2).
    pub qkv_bias: bool,
    /// RMSNorm over each query and key head (Qwen3).
    pub qk_norm: bool,
    /// The output projection is the embedding matrix.
    pub tie_embeddings: bool,
    /// Longest sequence that the model was made for.
    pub max_positions: usize,
    /// Begin-of-sequence id, where the model has one.
    pub bos_token_id: Option<u32>,
    /// Ids that end a sequence.
    pub eos_token_ids: Vec<u32>,
}

/// Rotary position embedding, half-rotation form.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rope {
    /// Base of the frequencies.
    pub theta: f64,
    /// How frequencies are stretched beyond the original context.
    pub scaling: RopeScaling,
}

/// Stretching of rotary frequencies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RopeScaling {
    /// None.
    Default,
    /// Positions divided by `factor`.
    Linear {
        /// Divisor.
        factor: f64,
    },
    /// Llama 3: low frequencies divided by `factor`, high ones kept, a ramp between.
    Llama3 {
        /// Divisor of low frequencies.
        factor: f64,
        /// Wavelengths above `original / low_freq_factor` are divided.
        low_freq_factor: f64,
        /// Wavelengths below `original / high_freq_factor` are kept.
        high_freq_factor: f64,
        /// Context of pretraining.
        original: f64,
    },
}

impl Rope {
    /// Inverse frequencies, `head_dim / 2` of them, in f64.
    pub fn inverse_frequencies(&self, head_dim: usize) -> Vec<f64> {
        (0..head_dim / 2)
            .map(|i| self.theta.powf(-2.0 * i as f64 / head_dim as f64))
            .map(|frequency| match self.scaling {
                RopeScaling::Default => frequency,
                RopeScaling::Linear { factor } => frequency / factor,
                RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original } => {
                    let wavelength = std::f64::consts::TAU / frequency;
                    if wavelength > original / low_freq_factor {
                        frequency / factor
                    } else if wavelength < original / high_freq_factor {
                        frequency
                    } else {
                        let smooth =
                            (original / wavelength - low_freq_factor) / (high_freq_factor - low_freq_factor);
                        (1.0 - smooth) * frequency / factor + smooth * frequency
                    }
                }
            })
            .collect()
    }
}

impl Config {
    /// Reads the text of a `config.json`.
    pub fn from_json(text: &str) -> Result<Self, ModelError> {
        let json: Map<String, Json> = serde_json::from_str(text)
            .map_err(|error| unsupported("(whole file)", "…", error.to_string()))?;
        let fields = Fields(&json);
        let model_type = json.get("model_type").and_then(Json::as_str).unwrap_or_default().to_owned();
        let (bias_by_family, qk_norm) = match model_type.as_str() {
            "llama" => (false, false),
            "qwen2" => (true, false),
            "qwen3" => (false, true),
            other => {
                return Err(unsupported("model_type", other, "expected llama, qwen2 or qwen3".to_owned()));
            }
        };
        fields.refuse_unknown_arithmetic(&model_type)?;
        let hidden_size = fields.size("hidden_size")?;
        let heads = fields.size("num_attention_heads")?;
        let config = Self {
            vocab_size: fields.size("vocab_size")?,
            hidden_size,
            intermediate_size: fields.size("intermediate_size")?,
            layers: fields.size("num_hidden_layers")?,
            heads,
            kv_heads: fields.size_or("num_key_value_heads", heads)?,
            head_dim: fields
                .size_or("head_dim", if model_type == "qwen3" { 128 } else { hidden_size / heads.max(1) })?,
            rms_norm_eps: fields.number_or("rms_norm_eps", 1e-6)? as f32,
            rope: fields.rope()?,
            qkv_bias: bias_by_family,
            qk_norm,
            tie_embeddings: json.get("tie_word_embeddings").and_then(Json::as_bool).unwrap_or(false),
            max_positions: fields.size_or("max_position_embeddings", 2048)?,
            bos_token_id: json
                .get("bos_token_id")
                .and_then(Json::as_u64)
                .and_then(|id| u32::try_from(id).ok()),
            eos_token_ids: ids(json.get("eos_token_id")),
            model_type,
        };
        config.check()?;
        Ok(config)
    }

    /// The text of a `config.json` that `transformers` and vLLM open.
    pub fn to_json(&self) -> String {
        let architecture = match self.model_type.as_str() {
            "qwen2" => "Qwen2ForCausalLM",
            "qwen3" => "Qwen3ForCausalLM",
            _ => "LlamaForCausalLM",
        };
        let eos = match self.eos_token_ids.as_slice() {
            [] => Json::Null,
            [one] => json!(one),
            many => json!(many),
        };
        let mut json = json!({
            "architectures": [architecture],
            "model_type": self.model_type,
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_dim,
            "hidden_act": "silu",
            "rms_norm_eps": f64::from(self.rms_norm_eps),
            "rope_theta": self.rope.theta,
            "max_position_embeddings": self.max_positions,
            "attention_bias": self.qkv_bias,
            "tie_word_embeddings": self.tie_embeddings,
            "bos_token_id": self.bos_token_id,
            "eos_token_id": eos,
            "torch_dtype": "float32",
        });
        match self.rope.scaling {
            RopeScaling::Default => {}
            RopeScaling::Linear { factor } => {
                json["rope_scaling"] = json!({"rope_type": "linear", "factor": factor});
            }
            RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original } => {
                json["rope_scaling"] = json!({"rope_type": "llama3", "factor": factor,
                    "low_freq_factor": low_freq_factor, "high_freq_factor": high_freq_factor,
                    "original_max_position_embeddings": original});
            }
        }
        // serde_json cannot fail on a value that it built itself; the empty text would be refused on reading.
        serde_json::to_string_pretty(&json).unwrap_or_default()
    }

    /// Columns of queries, keys and values side by side: `(heads + 2 · kv_heads) · head_dim`.
    pub fn qkv_size(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head_dim
    }

    fn check(&self) -> Result<(), ModelError> {
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.layers),
            ("num_attention_heads", self.heads),
            ("num_key_value_heads", self.kv_heads),
            ("head_dim", self.head_dim),
        ];
        // 2^24 in any dimension is far above every model of the family, and keeps products of two within 64 bits.
        if let Some((field, value)) = sizes.into_iter().find(|(_, value)| *value == 0 || *value > 1 << 24) {
            return Err(unsupported(field, &value.to_string(), "must be between 1 and 2^24".to_owned()));
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            let why = format!("must divide num_attention_heads, which is {}", self.heads);
            return Err(unsupported("num_key_value_heads", &self.kv_heads.to_string(), why));
        }
        if !(self.rms_norm_eps.is_finite() && self.rms_norm_eps >= 0.0) {
            return Err(unsupported(
                "rms_norm_eps",
                &self.rms_norm_eps.to_string(),
                "must be 0 or more".to_owned(),
            ));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(unsupported(
                "head_dim",
                &self.head_dim.to_string(),
                "must be even for RoPE".to_owned(),
            ));
        }
        Ok(())
    }
}

fn unsupported(field: &'static str, value: &str, why: String) -> ModelError {
    ModelError::Unsupported { field, value: value.to_owned(), why }
}

fn ids(json: Option<&Json>) -> Vec<u32> {
    let one = |id: &Json| id.as_u64().and_then(|id| u32::try_from(id).ok());
    match json {
        Some(Json::Array(many)) => many.iter().filter_map(one).collect(),
        Some(single) => one(single).into_iter().collect(),
        None => Vec::new(),
    }
}

struct Fields<'a>(&'a Map<String, Json>);

impl Fields<'_> {
    fn size(&self, field: &'static str) -> Result<usize, ModelError> {
        let value = self.0.get(field).unwrap_or(&Json::Null);
        value
            .as_u64()
            .and_then(|size| usize::try_from(size).ok())
            .ok_or_else(|| unsupported(field, &value.to_string(), "expected a whole number".to_owned()))
    }

    fn size_or(&self, field: &'static str, default: usize) -> Result<usize, ModelError> {
        match self.0.get(field) {
            None | Some(Json::Null) => Ok(default),
            Some(_) => self.size(field),
        }
    }

    fn number_or(&self, field: &'static str, default: f64) -> Result<f64, ModelError> {
        number_or(self.0, field, default)
    }

    /// `rope_theta` and `rope_scaling`, or both inside `rope_parameters` as newer files have it.
    fn rope(&self) -> Result<Rope, ModelError> {
        let newer = self.object("rope_parameters")?;
        let scaling = newer.or(self.object("rope_scaling")?);
        // A file may name the parameters and leave the base where it used to be.
        let holder = newer.filter(|map| map.contains_key("rope_theta")).unwrap_or(self.0);
        let theta = positive(holder, "rope_theta", 10_000.0)?;
        for map in [Some(self.0), scaling].into_iter().flatten() {
            let factor = number_or(map, "partial_rotary_factor", 1.0)?;
            if (factor - 1.0).abs() > f64::EPSILON {
                let value = factor.to_string();
                let why = "only whole heads are rotated".to_owned();
                return Err(unsupported("partial_rotary_factor", &value, why));
            }
        }
        let Some(scaling) = scaling else { return Ok(Rope { theta, scaling: RopeScaling::Default }) };
        if let Some((name, _)) = scaling.iter().find(|(_, value)| value.is_object()) {
            let why = "one set of parameters for all layers is implemented".to_owned();
            return Err(unsupported("rope_parameters", name, why));
        }
        let kind = scaling.get("rope_type").or_else(|| scaling.get("type")).and_then(Json::as_str);
        let scaling = match kind.unwrap_or("default") {
            "default" => RopeScaling::Default,
            "linear" => RopeScaling::Linear { factor: positive(scaling, "factor", 1.0)? },
            "llama3" => {
                let low_freq_factor = positive(scaling, "low_freq_factor", 1.0)?;
                let high_freq_factor = positive(scaling, "high_freq_factor", 4.0)?;
                if high_freq_factor <= low_freq_factor {
                    let why = format!("must be above low_freq_factor, which is {low_freq_factor}");
                    return Err(unsupported("high_freq_factor", &high_freq_factor.to_string(), why));
                }
                RopeScaling::Llama3 {
                    factor: positive(scaling, "factor", 8.0)?,
                    low_freq_factor,
                    high_freq_factor,
                    original: positive(scaling, "original_max_position_embeddings", 8192.0)?,
                }
            }
            other => {
                return Err(unsupported(
                    "rope_scaling",
                    other,
                    "expected default, linear or llama3".to_owned(),
                ));
            }
        };
        Ok(Rope { theta, scaling })
    }

    /// An object that may be absent or null.
    fn object(&self, field: &'static str) -> Result<Option<&Map<String, Json>>, ModelError> {
        match self.0.get(field) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Object(map)) => Ok(Some(map)),
            Some(other) => Err(unsupported(field, &other.to_string(), "expected an object".to_owned())),
        }
    }

    fn refuse_unknown_arithmetic(&self, model_type: &str) -> Result<(), ModelError> {
        let on = |field: &str| self.0.get(field).and_then(Json::as_bool).unwrap_or(false);
        if let Some(act) = self.0.get("hidden_act").and_then(Json::as_str).filter(|act| *act != "silu") {
            return Err(unsupported("hidden_act", act, "expected silu".to_owned()));
        }
        if on("use_sliding_window") {
            return Err(unsupported(
                "use_sliding_window",
                "true",
                "only full attention is implemented".to_owned(),
            ));
        }
        if on("mlp_bias") {
            return Err(unsupported(
                "mlp_bias",
                "true",
                "biases stand on queries, keys and values only".to_owned(),
            ));
        }
        if on("attention_bias") && model_type != "qwen2" {
            let why = "this family would have a bias on the output projection too, which is not implemented";
            return Err(unsupported("attention_bias", "true", why.to_owned()));
        }
        Ok(())
    }
}

fn number_or(map: &Map<String, Json>, field: &'static str, default: f64) -> Result<f64, ModelError> {
    match map.get(field) {
        None | Some(Json::Null) => Ok(default),
        Some(value) => value
            .as_f64()
            .ok_or_else(|| unsupported(field, &value.to_string(), "expected a number".to_owned())),
    }
}

fn positive(map: &Map<String, Json>, field: &'static str, default: f64) -> Result<f64, ModelError> {
    let number = number_or(map, field, default)?;
    if number > 0.0 && number.is_finite() {
        return Ok(number);
    }
    Err(unsupported(field, &number.to_string(), "must be above 0".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMOL: &str = r#"{"model_type":"llama","vocab_size":49152,"hidden_size":576,"intermediate_size":1536,
        "num_hidden_layers":30,"num_attention_heads":9,"num_key_value_heads":3,"rms_norm_eps":1e-5,
        "rope_theta":100000,"tie_word_embeddings":true,"max_position_embeddings":8192,"hidden_act":"silu",
        "bos_token_id":1,"eos_token_id":2}"#;

    #[test]
    fn a_config_survives_writing_and_reading() {
        let config = Config::from_json(SMOL).unwrap();
        assert_eq!((config.head_dim, config.qkv_size()), (64, 960));
        assert_eq!(Config::from_json(&config.to_json()).unwrap(), config);
        let mut scaled = config;
        let scaling = RopeScaling::Llama3 {
            factor: 32.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original: 8192.0,
        };
        scaled.rope = Rope { theta: 500_000.0, scaling };
        scaled.eos_token_ids = vec![7, 8];
        assert_eq!(Config::from_json(&scaled.to_json()).unwrap(), scaled);
    }

    #[test]
    fn arithmetic_that_is_not_implemented_is_refused_by_field() {
        for (from, to, field) in [
            (r#""silu""#, r#""gelu""#, "hidden_act"),
            (r#""llama""#, r#""gemma2""#, "model_type"),
            (r#""num_key_value_heads":3"#, r#""num_key_value_heads":2"#, "num_key_value_heads"),
            (r#""rope_theta":100000"#, r#""rope_scaling":{"rope_type":"yarn"}"#, "rope_scaling"),
            (r#""hidden_act""#, r#""mlp_bias":true,"hidden_act""#, "mlp_bias"),
            (r#""vocab_size":49152"#, r#""vocab_size":-1"#, "vocab_size"),
            (r#""rope_theta":100000"#, r#""rope_theta":0"#, "rope_theta"),
            (r#""rope_theta":100000"#, r#""rope_scaling":{"rope_type":"linear","factor":0}"#, "factor"),
            (
                r#""rope_theta":100000"#,
                r#""rope_scaling":{"rope_type":"llama3","high_freq_factor":1}"#,
                "high_freq_factor",
            ),
            (r#""rope_theta":100000"#, r#""rope_scaling":"linear""#, "rope_scaling"),
            (r#""rope_theta":100000"#, r#""rope_parameters":{"full":{"rope_theta":1}}"#, "rope_parameters"),
            (r#""hidden_act""#, r#""partial_rotary_factor":0.5,"hidden_act""#, "partial_rotary_factor"),
            (r#""rms_norm_eps":1e-5"#, r#""rms_norm_eps":-1e-5"#, "rms_norm_eps"),
        ] {
            let error = Config::from_json(&SMOL.replace(from, to)).unwrap_err();
            assert!(
                matches!(&error, ModelError::Unsupported { field: named, .. } if *named == field),
                "{error}"
            );
        }
    }
    #[test]
    fn the_base_of_the_frequencies_is_found_beside_or_inside_the_newer_parameters() {
        let theta = |more: &str| {
            let text = SMOL.replace(r#""hidden_act""#, &format!("{more},\"hidden_act\""));
            Config::from_json(&text).unwrap().rope.theta
        };
        assert!(
            (theta(r#""rope_parameters":{"rope_type":"default","rope_theta":500000}"#) - 5e5).abs() < 1e-9
        );
        assert!((theta(r#""rope_parameters":{"rope_type":"default"}"#) - 1e5).abs() < 1e-9);
        assert!((theta(r#""rope_parameters":null"#) - 1e5).abs() < 1e-9);
    }
}
