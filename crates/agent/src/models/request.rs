//! What is asked, in the OpenAI chat form, and the key by which its answer is known again.

use super::settings::{ModelSettings, Structure};
use astra_protocol::{ContentId, Message, ToolDoc, content_id};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// How a model samples. What is absent is the endpoint's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// Temperature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Nucleus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Tokens of an answer at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Seed, for endpoints that take one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl Sampling {
    /// These values, and `others` where they are silent.
    fn or(self, others: Self) -> Self {
        Self {
            temperature: self.temperature.or(others.temperature),
            top_p: self.top_p.or(others.top_p),
            max_tokens: self.max_tokens.or(others.max_tokens),
            seed: self.seed.or(others.seed),
        }
    }
}

/// The shape of an answer, compiled.
#[derive(Debug)]
pub struct AnswerSchema {
    name: String,
    schema: Json,
    validator: jsonschema::Validator,
}

impl AnswerSchema {
    /// Compiles a JSON Schema; the error says what is wrong with it.
    pub fn new(name: impl Into<String>, schema: Json) -> Result<Self, String> {
        let validator = jsonschema::validator_for(&schema).map_err(|error| error.to_string())?;
        Ok(Self { name: name.into(), schema, validator })
    }

    /// What in an answer does not fit, the first few problems with their places; `None` when all does.
    pub fn problem(&self, answer: &Json) -> Option<String> {
        const NAMED: usize = 4;
        let problems: Vec<String> = self
            .validator
            .iter_errors(answer)
            .take(NAMED)
            .map(|error| format!("{} at `{}`", error, error.instance_path()))
            .collect();
        (!problems.is_empty()).then(|| problems.join("; "))
    }
}

/// What is asked of a model. Everything here shapes the answer and is part of its key.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The conversation.
    pub messages: Vec<Message>,
    /// Tools offered.
    pub tools: Vec<ToolDoc>,
    /// Shape of the answer.
    pub schema: Option<Arc<AnswerSchema>>,
    /// How to sample; the model's settings fill in what is absent.
    pub sampling: Sampling,
    /// Which of several answers to an equal request, from 0.
    pub sample: u32,
}

impl Request {
    /// One message of the user.
    pub fn of(prompt: impl Into<String>) -> Self {
        Self { messages: vec![Message::User { content: prompt.into() }], ..Self::default() }
    }

    /// The body of the HTTP request.
    pub fn body(&self, settings: &ModelSettings) -> Json {
        let mut body = json!({
            "model": settings.model,
            "messages": self.messages.iter().map(Message::to_openai).collect::<Vec<_>>(),
        });
        if !self.tools.is_empty() {
            body["tools"] = self.tools.iter().map(ToolDoc::to_openai).collect();
        }
        match (&self.schema, settings.structure) {
            (Some(schema), Structure::JsonSchema) => {
                let shape = json!({"name": schema.name, "schema": schema.schema, "strict": true});
                body["response_format"] = json!({"type": "json_schema", "json_schema": shape});
            }
            (Some(_), Structure::JsonObject) => body["response_format"] = json!({"type": "json_object"}),
            (Some(_), Structure::Prompt) | (None, _) => {}
        }
        let Sampling { temperature, top_p, max_tokens, seed } = self.sampling.or(settings.sampling);
        let fields = [
            ("temperature", temperature.map(Json::from)),
            ("top_p", top_p.map(Json::from)),
            ("max_tokens", max_tokens.map(Json::from)),
            ("seed", seed.map(Json::from)),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                body[name] = value;
            }
        }
        for (name, value) in &settings.extra_body {
            body[name] = value.clone();
        }
        body
    }

    /// Hash of everything that shapes the answer: the body and the sample's number, but not the address.
    pub fn key(&self, body: &Json) -> ContentId {
        content_id(&json!({"body": body, "sample": self.sample}))
    }
}
