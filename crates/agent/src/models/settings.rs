//! What a person says about a model, as it stands under `[models.NAME]`.

use super::request::Sampling;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use std::path::PathBuf;

/// Fields of a request that bound its answer, in tokens.
pub(super) const LENGTHS: [&str; 2] = ["max_tokens", "max_completion_tokens"];

/// Who answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// An OpenAI-compatible endpoint.
    #[default]
    Http,
    /// Files in OpenAI's batch format, which somebody has answered.
    Batch,
    /// Only what the journal holds.
    Journal,
}

/// How the endpoint is told the shape of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Structure {
    /// `response_format` with the JSON Schema.
    #[default]
    JsonSchema,
    /// `response_format` that asks for any JSON object.
    JsonObject,
    /// Not at all: the prompt has to say it.
    Prompt,
}

/// What a million tokens cost, in the currency of the budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Tokens read.
    #[serde(default)]
    pub input: f64,
    /// Tokens written.
    #[serde(default)]
    pub output: f64,
    /// Tokens read from the provider's cache; as `input` where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<f64>,
}

/// A model and how it is reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSettings {
    /// Who answers.
    #[serde(default)]
    pub provider: Provider,
    /// The endpoint up to and with `/v1`.
    #[serde(default)]
    pub base_url: String,
    /// The model's name there.
    pub model: String,
    /// Environment variable with the key; none is sent without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
    /// Folder of the batch files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// Fields that every request gets beside ours.
    #[serde(default)]
    pub extra_body: Map<String, Json>,
    /// How the shape of an answer is asked for.
    #[serde(default)]
    pub structure: Structure,
    /// How the model samples, where a request does not say.
    #[serde(default)]
    pub sampling: Sampling,
    /// Longest wait for one answer, in seconds.
    #[serde(default = "defaults::timeout_s")]
    pub timeout_s: u64,
    /// Attempts at one request.
    #[serde(default = "defaults::attempts")]
    pub attempts: usize,
    /// Requests at a time at most; how many there are follows from how the endpoint takes them.
    #[serde(default = "defaults::concurrency")]
    pub concurrency: usize,
    /// What tokens cost.
    #[serde(default)]
    pub price: Price,
    /// Tokens that a run may read and write with this model. A cap needs answers of bounded length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// Money that a run may spend on this model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost: Option<f64>,
}

mod defaults {
    pub(super) fn timeout_s() -> u64 {
        600
    }

    pub(super) fn attempts() -> usize {
        6
    }

    pub(super) fn concurrency() -> usize {
        64
    }
}

impl ModelSettings {
    /// A model of this name at an endpoint, everything else as by default.
    pub fn at(base_url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            provider: Provider::Http,
            base_url: base_url.into(),
            model: model.into(),
            api_key_env: None,
            folder: None,
            extra_body: Map::new(),
            structure: Structure::default(),
            sampling: Sampling::default(),
            timeout_s: defaults::timeout_s(),
            attempts: defaults::attempts(),
            concurrency: defaults::concurrency(),
            price: Price::default(),
            max_tokens: None,
            max_cost: None,
        }
    }

    /// What is wrong with them: the field and what it should be.
    pub fn problem(&self) -> Option<(&'static str, String)> {
        let is_url = self.base_url.starts_with("http://") || self.base_url.starts_with("https://");
        let prices = [self.price.input, self.price.output, self.price.cached.unwrap_or(0.0)];
        match self.provider {
            Provider::Http if !is_url => {
                Some(("base_url", format!("`{}` is no http(s) address", self.base_url)))
            }
            Provider::Batch if self.folder.is_none() => {
                Some(("folder", "is missing: where the batch files are".to_owned()))
            }
            _ if self.model.is_empty() => Some(("model", "is empty".to_owned())),
            _ if self.attempts == 0 => Some(("attempts", "0 means that nothing is ever asked".to_owned())),
            _ if self.concurrency == 0 => {
                Some(("concurrency", "0 means that nothing is ever asked".to_owned()))
            }
            _ if self.timeout_s == 0 => Some(("timeout_s", "0 leaves no time to answer".to_owned())),
            _ if (self.max_tokens.is_some() || self.max_cost.is_some()) && !self.bounds_answers() => Some((
                "sampling.max_tokens",
                "is missing: a cap can be held only where answers are bounded".to_owned(),
            )),
            _ if prices.iter().any(|price| !price.is_finite() || *price < 0.0) => {
                Some(("price", "a price is a number of 0 or more".to_owned()))
            }
            Provider::Http | Provider::Batch | Provider::Journal => None,
        }
    }

    /// Whether every answer has a greatest length.
    fn bounds_answers(&self) -> bool {
        self.sampling.max_tokens.is_some() || LENGTHS.iter().any(|name| self.extra_body.contains_key(*name))
    }
}
