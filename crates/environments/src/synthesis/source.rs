//! What a question is made from: a domain, a text about it, a question, a question with its answer, a leaf of a taxonomy.

use crate::Language;
use astra_protocol::{ContentId, content_id};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

/// What a source gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// The name of a domain, perhaps with a description.
    Domain,
    /// A text of what is known.
    Knowledge,
    /// A question.
    Question,
    /// A question with its answer.
    QuestionAnswer,
    /// A leaf of a taxonomy: a description, perhaps with an example.
    Taxonomy,
}

/// One source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What it gives.
    pub kind: SourceKind,
    /// The domain's name.
    pub domain: String,
    /// Language to write in.
    pub language: String,
    /// What the domain is about.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub knowledge: String,
    /// The question.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub question: String,
    /// Its answer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub answer: String,
    /// Where it comes from, for provenance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Its licence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
}

impl Source {
    /// A domain by its name.
    pub fn domain(domain: impl Into<String>, language: Language) -> Self {
        Self {
            kind: SourceKind::Domain,
            domain: domain.into(),
            language: language.code().to_owned(),
            description: String::new(),
            knowledge: String::new(),
            question: String::new(),
            answer: String::new(),
            origin: None,
            license: None,
        }
    }

    /// Hash of what shapes the question.
    pub fn id(&self) -> ContentId {
        let Self { kind, domain, language, description, knowledge, question, answer, .. } = self;
        content_id(&json!([kind, domain, language, description, knowledge, question, answer]))
    }

    /// Reads a record with `domain` and, where there are any, `knowledge_corpus`, `question`, `answer`, `description`,
    /// `language`, `source`, `license`. The error names the field.
    pub fn read(record: &Map<String, Json>, language: Option<Language>) -> Result<Self, (String, String)> {
        let text = |name: &str| match record.get(name) {
            None | Some(Json::Null) => Ok(String::new()),
            Some(Json::String(text)) => Ok(text.trim().to_owned()),
            Some(_) => Err((name.to_owned(), "expected text".to_owned())),
        };
        let domain = text("domain")?;
        if domain.is_empty() {
            return Err(("domain".to_owned(), "is missing or empty".to_owned()));
        }
        let (knowledge, question, answer) = (text("knowledge_corpus")?, text("question")?, text("answer")?);
        let kind = match (question.is_empty(), answer.is_empty(), knowledge.is_empty()) {
            (false, false, _) => SourceKind::QuestionAnswer,
            (false, true, _) => SourceKind::Question,
            (true, false, _) => {
                return Err(("answer".to_owned(), "there is an answer without a question".to_owned()));
            }
            (true, true, false) => SourceKind::Knowledge,
            (true, true, true) => SourceKind::Domain,
        };
        let named = text("language")?;
        let language = match (language, named.as_str()) {
            (Some(language), _) => language,
            (None, "en") => Language::English,
            (None, "zh") => Language::Chinese,
            (None, "") => language_of(&format!("{domain}{knowledge}{question}")),
            (None, other) => return Err(("language".to_owned(), format!("is `{other}`: expected en or zh"))),
        };
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        Ok(Self {
            kind,
            description: text("description")?,
            knowledge,
            question,
            answer,
            origin: some(text("source")?),
            license: some(text("license")?),
            ..Self::domain(domain, language)
        })
    }

    /// The leaves of a taxonomy: nested objects, in which a node with `description` and `examples` (texts, or objects with a
    /// `query`) is a leaf. The domain of
    /// a leaf is the base with the path to it.
    pub fn taxonomy(base: &str, tree: &Json, language: Option<Language>) -> Vec<Self> {
        let mut leaves = Vec::new();
        walk(base, tree, language, &mut leaves);
        leaves
    }
}

fn walk(path: &str, node: &Json, language: Option<Language>, leaves: &mut Vec<Source>) {
    let Some(fields) = node.as_object() else { return };
    if let Some(description) = fields.get("description").and_then(Json::as_str) {
        let examples = match fields.get("examples") {
            Some(Json::Array(examples)) => {
                let said = |example: &'_ Json| {
                    example.as_str().or_else(|| example["query"].as_str()).map(str::to_owned)
                };
                examples.iter().filter_map(said).collect::<Vec<_>>()
            }
            Some(Json::String(example)) => vec![example.clone()],
            Some(Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_)) | None => Vec::new(),
        };
        let examples: Vec<String> =
            examples.iter().map(|example| format!("Asked, for instance: {example}")).collect();
        let language = language.unwrap_or_else(|| language_of(description));
        leaves.push(Source {
            kind: SourceKind::Taxonomy,
            description: format!("{description}\n{}", examples.join("\n")).trim().to_owned(),
            ..Source::domain(path, language)
        });
        return;
    }
    for (name, child) in fields {
        walk(&format!("{path} - {name}"), child, language, leaves);
    }
}

/// Chinese where Chinese characters stand, else English.
fn language_of(text: &str) -> Language {
    if text.chars().any(astra_protocol::value::text::is_cjk) { Language::Chinese } else { Language::English }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &Json) -> Result<Source, (String, String)> {
        Source::read(json.as_object().unwrap(), None)
    }

    #[test]
    fn a_record_is_what_its_fields_make_it() {
        for (json, kind, language) in [
            (json!({"domain": "天气", "knowledge_corpus": ""}), SourceKind::Domain, "zh"),
            (json!({"domain": "weather", "knowledge_corpus": "It rains."}), SourceKind::Knowledge, "en"),
            (json!({"domain": "weather", "question": "Will it rain?"}), SourceKind::Question, "en"),
            (
                json!({"domain": "x", "question": "a?", "answer": "b", "language": "zh"}),
                SourceKind::QuestionAnswer,
                "zh",
            ),
        ] {
            let source = read(&json).unwrap();
            assert_eq!((source.kind, source.language.as_str()), (kind, language));
        }
        for (json, field) in [
            (json!({"knowledge_corpus": "x"}), "domain"),
            (json!({"domain": "x", "question": 7}), "question"),
            (json!({"domain": "x", "answer": "b"}), "answer"),
            (json!({"domain": "x", "language": "fr"}), "language"),
        ] {
            assert_eq!(read(&json).unwrap_err().0, field);
        }
    }

    #[test]
    fn leaves_of_a_taxonomy_carry_their_path() {
        let tree = json!({"forecast": {"daily": {"description": "d", "examples": [{"query": "e?"}]}, "hourly": {"description": "h", "examples": []}}});
        let leaves = Source::taxonomy("weather", &tree, None);
        let domains: Vec<&str> = leaves.iter().map(|leaf| leaf.domain.as_str()).collect();
        assert_eq!(domains, ["weather - forecast - daily", "weather - forecast - hourly"]);
        assert!(leaves[0].description.contains("e?") && leaves[0].id() != leaves[1].id());
    }
}
