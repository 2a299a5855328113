//! The files of a model's folder that say how it talks.
//!
//! `tokenizer_config.json` (`chat_template`, `eos_token`, `bos_token`, and our keys `astra_template` and
//! `astra_reasoning`), `chat_template.jinja`, and the end-of-sequence ids of `config.json` and
//! `generation_config.json`. All are optional. Does not read `tokenizer.json`.

use super::chat::{Reasoning, TemplateKind};
use super::jinja::{Arguments, Jinja};
use crate::ModelError;
use crate::weights::read_text;
use serde_json::{Value as Json, json};
use std::path::Path;

/// Our Hermes-style template; append-only, and readable by `transformers` and vLLM.
pub(crate) const HERMES: &str = include_str!("hermes.jinja");

/// What the files say.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(crate) template: Option<String>,
    pub(crate) recorded: Option<TemplateKind>,
    pub(crate) reasoning: Option<Reasoning>,
    pub(crate) bos: Option<String>,
    pub(crate) eos: Option<String>,
    pub(crate) eos_ids: Vec<u32>,
}

/// Keys to put into `tokenizer_config.json` so that a model's template is known: ours, and `chat_template` for
/// other programs where the template can be said in Jinja.
pub fn template_config(kind: TemplateKind) -> serde_json::Map<String, Json> {
    let pairs = match kind {
        TemplateKind::Model => vec![("astra_template", json!("model"))],
        TemplateKind::Hermes => vec![("astra_template", json!("hermes")), ("chat_template", json!(HERMES))],
        TemplateKind::Compact => vec![("astra_template", json!("compact"))],
    };
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Writes into a model's folder which template it is used with. What else its `tokenizer_config.json` says stays.
pub(crate) fn record(dir: &Path, kind: TemplateKind) -> Result<(), ModelError> {
    let path = dir.join("tokenizer_config.json");
    let mut config = match read(&path)? {
        Some(text) => parsed(&path, &text)?,
        None => json!({}),
    };
    for (key, value) in template_config(kind) {
        config[key] = value;
    }
    write(&path, &format!("{config:#}\n"))?;
    // This file is looked at before the key, so it must not say something else.
    let jinja = dir.join("chat_template.jinja");
    if kind == TemplateKind::Hermes && jinja.exists() { write(&jinja, HERMES) } else { Ok(()) }
}

fn write(path: &Path, text: &str) -> Result<(), ModelError> {
    let io = |source| ModelError::Io { path: path.to_owned(), source };
    let temporary = path.with_extension("part");
    std::fs::write(&temporary, text).map_err(io)?;
    std::fs::rename(&temporary, path).map_err(io)
}

impl Source {
    pub(crate) fn load(dir: &Path) -> Result<Self, ModelError> {
        let mut source = Self::default();
        let path = dir.join("tokenizer_config.json");
        if let Some(text) = read(&path)? {
            source.read_tokenizer_config(&path, &text)?;
        }
        if let Some(text) = read(&dir.join("chat_template.jinja"))? {
            source.template = Some(text);
        }
        for file in ["config.json", "generation_config.json"] {
            let path = dir.join(file);
            let Some(text) = read(&path)? else { continue };
            let ids = &parsed(&path, &text)?["eos_token_id"];
            let ids = ids.as_array().map_or(std::slice::from_ref(ids), Vec::as_slice);
            let ids = ids.iter().filter_map(Json::as_u64).filter_map(|id| u32::try_from(id).ok());
            source.eos_ids.extend(ids);
        }
        Ok(source)
    }

    pub(crate) fn compile(&self, template: &str, kind: TemplateKind) -> Result<Jinja, ModelError> {
        let arguments = match kind {
            TemplateKind::Model => Arguments::Parsed,
            TemplateKind::Hermes | TemplateKind::Compact => Arguments::Verbatim,
        };
        let word = |word: &Option<String>| word.clone().unwrap_or_default();
        Jinja::new(template, &word(&self.bos), &word(&self.eos), arguments)
    }

    fn read_tokenizer_config(&mut self, path: &Path, text: &str) -> Result<(), ModelError> {
        let json = parsed(path, text)?;
        let wrong = |what: String| ModelError::Malformed { path: path.to_owned(), what };
        self.recorded = match json["astra_template"].as_str() {
            Some("compact") => Some(TemplateKind::Compact),
            Some("hermes") => Some(TemplateKind::Hermes),
            Some("model") => Some(TemplateKind::Model),
            None if json["astra_template"].is_null() => None,
            Some(_) | None => {
                let what = &json["astra_template"];
                return Err(wrong(format!(
                    "field `astra_template` is {what}: expected compact, hermes or model"
                )));
            }
        };
        self.reasoning = match json["astra_reasoning"].as_str() {
            Some("keep") => Some(Reasoning::Keep),
            Some("drop") => Some(Reasoning::Drop),
            None if json["astra_reasoning"].is_null() => None,
            Some(_) | None => {
                let what = &json["astra_reasoning"];
                return Err(wrong(format!("field `astra_reasoning` is {what}: expected keep or drop")));
            }
        };
        self.template = match &json["chat_template"] {
            Json::Null => None,
            Json::String(template) => Some(template.clone()),
            // Several templates by name: the one for tools is meant for us.
            Json::Array(all) => {
                let named = |name: &str| all.iter().find(|one| one["name"] == name);
                let template = named("tool_use").or_else(|| named("default"));
                let text = template.and_then(|one| one["template"].as_str());
                Some(
                    text.ok_or_else(|| wrong("field `chat_template`: none is named default".to_owned()))?
                        .to_owned(),
                )
            }
            other @ (Json::Bool(_) | Json::Number(_) | Json::Object(_)) => {
                return Err(wrong(format!("field `chat_template` is {other}: expected text")));
            }
        };
        let word = |json: &Json| json.as_str().or_else(|| json["content"].as_str()).map(str::to_owned);
        self.bos = word(&json["bos_token"]);
        self.eos = word(&json["eos_token"]);
        Ok(())
    }
}

fn read(path: &Path) -> Result<Option<String>, ModelError> {
    match read_text(path) {
        Ok(text) => Ok(Some(text)),
        Err(ModelError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(other) => Err(other),
    }
}

fn parsed(path: &Path, text: &str) -> Result<Json, ModelError> {
    serde_json::from_str(text)
        .map_err(|error| ModelError::Malformed { path: path.to_owned(), what: error.to_string() })
}
