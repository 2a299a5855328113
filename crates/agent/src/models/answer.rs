//! An endpoint's response, read.
//!
//! Reads what OpenAI, vLLM, `SGLang`, llama.cpp and others send. A response that is not a chat completion with at least one
//! choice is an error of the provider. What the model said is not judged here: an empty answer is an answer.

use astra_protocol::{ToolCall, Usage};
use serde_json::Value as Json;

/// What a model answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Its text.
    pub content: String,
    /// What it thought, where the endpoint tells.
    pub reasoning: Option<String>,
    /// Tools that it calls.
    pub tool_calls: Vec<ToolCall>,
    /// Whether it was cut at its token limit.
    pub cut: bool,
    /// Tokens read and written.
    pub usage: Usage,
    /// Of the tokens read, those from the provider's cache.
    pub cached_tokens: u64,
    /// Whether the journal knew it, so that it cost nothing now.
    pub replayed: bool,
}

impl Answer {
    /// Reads a chat completion; the error says what it lacks.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let body: Json = serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))?;
        if let Some(error) = body.get("error").filter(|error| !error.is_null()) {
            let said = error["message"].as_str().map_or_else(|| error.to_string(), str::to_owned);
            return Err(format!("an error in a response of success: {said}"));
        }
        let choice = body["choices"].get(0).ok_or("no `choices`")?;
        let message = choice["message"].as_object().ok_or("no `choices[0].message`")?;
        let content = match message.get("content") {
            None | Some(Json::Null) => String::new(),
            Some(Json::String(text)) => text.clone(),
            Some(Json::Array(parts)) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
            Some(_) => return Err("`content` is no text".to_owned()),
        };
        let reasoning = ["reasoning_content", "reasoning"]
            .into_iter()
            .find_map(|name| message.get(name)?.as_str())
            .filter(|text| !text.is_empty())
            .map(str::to_owned);
        let (reasoning, content) = match (reasoning, thought(&content)) {
            (None, Some((thought, rest))) => (Some(thought.to_owned()), rest.to_owned()),
            (reasoning, _) => (reasoning, content),
        };
        let calls = message.get("tool_calls").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        let tool_calls = calls.iter().enumerate().map(call).collect::<Result<_, _>>()?;
        let count = |pointer: &str| body.pointer(pointer).and_then(Json::as_u64).unwrap_or(0);
        Ok(Self {
            content,
            reasoning,
            tool_calls,
            cut: choice["finish_reason"] == "length",
            usage: Usage {
                input_tokens: count("/usage/prompt_tokens"),
                output_tokens: count("/usage/completion_tokens"),
            },
            cached_tokens: count("/usage/prompt_tokens_details/cached_tokens"),
            replayed: false,
        })
    }
}

/// A leading block of thoughts, which some endpoints leave in the text.
fn thought(content: &str) -> Option<(&str, &str)> {
    let (thought, rest) = content.trim_start().strip_prefix("<think>")?.split_once("</think>")?;
    Some((thought.trim(), rest.trim_start()))
}

fn call((at, call): (usize, &Json)) -> Result<ToolCall, String> {
    let function = &call["function"];
    let name = function["name"].as_str().ok_or_else(|| format!("no name in `tool_calls[{at}]`"))?;
    let arguments = match &function["arguments"] {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other @ (Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_)) => other.to_string(),
    };
    let id = call["id"].as_str().map_or_else(|| format!("call_{at}"), str::to_owned);
    Ok(ToolCall { id, name: name.to_owned(), arguments })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completions_of_several_servers_are_read() {
        let answer = Answer::read(
            r#"{"choices":[{"finish_reason":"length","message":{"role":"assistant","content":"<think>hm</think>\nyes",
                "tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]}}],
                "usage":{"prompt_tokens":7,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4}}}"#,
        )
        .unwrap();
        assert_eq!((answer.content.as_str(), answer.reasoning.as_deref()), ("yes", Some("hm")));
        assert_eq!((answer.usage.input_tokens, answer.usage.output_tokens, answer.cached_tokens), (7, 3, 4));
        assert!(answer.cut && answer.tool_calls[0].name == "f");
        let parts = r#"{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"text":"b"}],"reasoning":"r"}}]}"#;
        let answer = Answer::read(parts).unwrap();
        assert_eq!(
            (answer.content.as_str(), answer.reasoning.as_deref(), answer.cut),
            ("ab", Some("r"), false)
        );
    }

    #[test]
    fn everything_else_is_refused() {
        for (text, why) in [
            ("", "no JSON"),
            ("<html>", "no JSON"),
            ("{}", "no `choices`"),
            (r#"{"choices":[]}"#, "no `choices`"),
            (r#"{"choices":[{"text":"old"}]}"#, "no `choices[0].message`"),
            (r#"{"choices":[{"message":{"content":7}}]}"#, "no text"),
            (r#"{"error":{"message":"overloaded"}}"#, "overloaded"),
            (r#"{"choices":[{"message":{"tool_calls":[{"function":{}}]}}]}"#, "no name"),
        ] {
            assert!(Answer::read(text).unwrap_err().contains(why), "{text}");
        }
    }
}
