//! Answers of a given shape: found in what the model wrote, checked, and asked for again with what was wrong.
//!
//! Tolerant is only the search: prose and code fences around the JSON are passed over. Nothing is repaired and no value
//! is taken for another (`"false"` is a text). After the last try the record is rejected, with the last problem as reason.

use super::client::{Model, ModelError};
use super::request::{AnswerSchema, Request};
use astra_protocol::Message;
use serde_json::Value as Json;
use std::sync::Arc;

/// Longest answer that is searched for JSON.
const LONGEST: usize = 1 << 20;
/// How much of a bad answer is repeated to the model.
const REPEATED: usize = 4000;

/// Why there is no usable answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// The model answered, and never usably.
    #[error("{why} (after {tries} tries)")]
    Rejected {
        /// The last problem.
        why: String,
        /// How often it was asked.
        tries: usize,
    },
    /// It did not answer.
    #[error(transparent)]
    Failed(#[from] ModelError),
}

/// How answers of one shape are asked for.
#[derive(Clone, Debug)]
pub struct Structured {
    /// The shape.
    pub schema: Arc<AnswerSchema>,
    /// Times that a model is asked at most.
    pub tries: usize,
}

impl Structured {
    /// Asks until an answer has the shape and passes `check`, which says in words for the model what is wrong.
    pub fn ask<T>(
        &self,
        model: &Model,
        stage: &str,
        request: &Request,
        check: &dyn Fn(Json) -> Result<T, String>,
    ) -> Result<T, Unanswered> {
        let mut request = Request { schema: Some(Arc::clone(&self.schema)), ..request.clone() };
        let mut why = "was not asked".to_owned();
        for _ in 0..self.tries {
            let answer = model.ask(stage, &request)?;
            let found = if answer.content.trim().is_empty() {
                Err("the answer is empty".to_owned())
            } else {
                find_json(&answer.content).map_err(|what| {
                    if answer.cut { format!("{what}; it was cut at the token limit") } else { what }
                })
            };
            let usable = found.and_then(|json| match self.schema.problem(&json) {
                Some(problem) => Err(problem),
                None => check(json),
            });
            why = match usable {
                Ok(usable) => return Ok(usable),
                Err(why) => why,
            };
            let said: String = answer.content.chars().take(REPEATED).collect();
            request.messages.push(Message::answer(if said.trim().is_empty() {
                "(nothing)".to_owned()
            } else {
                said
            }));
            request.messages.push(Message::User {
                content: format!(
                    "This answer cannot be used: {why}\nAnswer again, completely, with the JSON and nothing else."
                ),
            });
        }
        Err(Unanswered::Rejected { why, tries: self.tries })
    }
}

/// The JSON document in a text: the whole, else what stands in the last code fence that holds one, else the last object or
/// array that stands in the prose.
pub fn find_json(text: &str) -> Result<Json, String> {
    if text.len() > LONGEST {
        return Err(format!("the answer is longer than {LONGEST} bytes"));
    }
    let text = text.trim();
    let whole = serde_json::from_str::<Json>(text);
    if let Ok(json @ (Json::Object(_) | Json::Array(_))) = whole {
        return Ok(json);
    }
    let fenced = text.split("```").skip(1).step_by(2).filter_map(|block| {
        // The first line may name the language.
        let block = block.split_once('\n').map_or(block, |(first, rest)| {
            if first.trim().chars().all(char::is_alphanumeric) { rest } else { block }
        });
        serde_json::from_str::<Json>(block.trim()).ok().filter(|json| json.is_object() || json.is_array())
    });
    if let Some(json) = fenced.last() {
        return Ok(json);
    }
    let (mut found, mut rest) = (None, text);
    while let Some(open) = rest.find(['{', '[']) {
        rest = &rest[open..];
        let mut documents = serde_json::Deserializer::from_str(rest).into_iter::<Json>();
        if let Some(Ok(json)) = documents.next() {
            let end = documents.byte_offset();
            found = Some(json);
            rest = &rest[end..];
        } else {
            rest = &rest[1..];
        }
    }
    found.ok_or_else(|| match whole {
        Err(error) => format!("the answer holds no JSON object or array ({error})"),
        Ok(_) => "the answer is no JSON object or array".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_is_found_and_not_repaired() {
        for text in [
            r#"{"a": 1}"#,
            "```json\n{\"a\": 1}\n```",
            "Here it is:\n```\n{\"a\": 1}\n```\nGood luck!",
            "Draft {\"b\": 2}, better: {\"a\": 1}. [Done]",
            "```json\n{\"b\": 2}\n```\nNo:\n```json\n{\"a\": 1}\n```",
            "{broken {\"a\": 1}",
        ] {
            assert_eq!(find_json(text).unwrap(), json!({"a": 1}), "{text}");
        }
        for text in ["", "7", "\"yes\"", "{'a': 1}", "{\"a\": 1", "no"] {
            assert!(find_json(text).is_err(), "{text}");
        }
        assert!(find_json(&"[".repeat(LONGEST + 1)).unwrap_err().contains("longer"));
    }
}
