//! Chat messages in the OpenAI shape.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "role", rename_all = "snake_case", deny_unknown_fields)]
pub enum Message {
    /// Instructions to the model.
    System {
        /// Text.
        content: String,
    },
    /// What the user says.
    User {
        /// Text.
        content: String,
    },
    /// What the policy says: text, tool calls, or both.
    Assistant {
        /// Text shown to the user; empty when the turn only calls tools.
        #[serde(default)]
        content: String,
        /// Reasoning text, kept apart from the answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reasoning: Option<String>,
        /// Tool calls of this turn, run in parallel.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<ToolCall>,
    },
    /// The result of one tool call.
    Tool {
        /// The call that this answers.
        tool_call_id: String,
        /// What the tool returned, as text.
        content: String,
    },
}

impl Message {
    /// A final answer without tool calls.
    pub fn answer(content: impl Into<String>) -> Self {
        Self::Assistant { content: content.into(), reasoning: None, tool_calls: Vec::new() }
    }

    /// An assistant turn that only calls tools.
    pub fn calls(tool_calls: Vec<ToolCall>) -> Self {
        Self::Assistant { content: String::new(), reasoning: None, tool_calls }
    }

    /// The OpenAI wire form. Reasoning stands in `reasoning_content`, where chat templates look for it.
    pub fn to_openai(&self) -> Json {
        match self {
            Self::System { content } => json!({"role": "system", "content": content}),
            Self::User { content } => json!({"role": "user", "content": content}),
            Self::Tool { tool_call_id, content } => {
                json!({"role": "tool", "tool_call_id": tool_call_id, "content": content})
            }
            Self::Assistant { content, reasoning, tool_calls } => {
                let mut turn = json!({"role": "assistant", "content": content});
                if let Some(reasoning) = reasoning {
                    turn["reasoning_content"] = json!(reasoning);
                }
                if !tool_calls.is_empty() {
                    turn["tool_calls"] = tool_calls.iter().map(ToolCall::to_openai).collect();
                }
                turn
            }
        }
    }

    /// The text of the message.
    pub fn content(&self) -> &str {
        match self {
            Self::System { content }
            | Self::User { content }
            | Self::Assistant { content, .. }
            | Self::Tool { content, .. } => content,
        }
    }
}

/// A tool call as the model wrote it. `arguments` is the model's text, valid JSON or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// Unique in a trace; links the result to the call.
    pub id: String,
    /// Tool name.
    pub name: String,
    /// JSON text of the arguments object.
    pub arguments: String,
}

impl ToolCall {
    /// The OpenAI wire form; arguments stay the model's text.
    pub fn to_openai(&self) -> Json {
        let Self { id, name, arguments } = self;
        json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
    }
}

/// The arguments of a call as a JSON object, or what is wrong with them in words for the model.
///
/// An empty text means no arguments. Nothing is repaired.
pub fn parse_arguments(text: &str) -> Result<serde_json::Map<String, Json>, String> {
    if text.trim().is_empty() {
        return Ok(serde_json::Map::new());
    }
    match serde_json::from_str::<Json>(text) {
        Ok(Json::Object(map)) => Ok(map),
        Ok(other) => Err(format!("arguments must be a JSON object, not {}", json_kind(&other))),
        Err(error) => Err(format!("arguments are not valid JSON: {error}")),
    }
}

fn json_kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_an_object_or_an_error() {
        assert!(parse_arguments("").unwrap().is_empty());
        assert_eq!(parse_arguments(r#"{"a":1}"#).unwrap()["a"], 1);
        assert!(parse_arguments("[1]").unwrap_err().contains("an array"));
        assert!(parse_arguments("{a:1}").unwrap_err().contains("not valid JSON"));
    }

    #[test]
    fn messages_keep_the_openai_shape() {
        let call = ToolCall { id: "c1".into(), name: "f".into(), arguments: "{}".into() };
        let json = serde_json::to_value(Message::calls(vec![call])).unwrap();
        assert_eq!(json["role"], "assistant");
        assert_eq!(json["tool_calls"][0]["name"], "f");
        assert!(serde_json::from_str::<Message>(r#"{"role":"user","content":"x","extra":1}"#).is_err());
    }

    #[test]
    fn assistant_turns_keep_reasoning_and_calls_apart() {
        let turn = Message::Assistant {
            content: String::new(),
            reasoning: Some("why".into()),
            tool_calls: vec![ToolCall { id: "c".into(), name: "f".into(), arguments: "{\"x\":1}".into() }],
        };
        let expected = json!({"role": "assistant", "content": "", "reasoning_content": "why", "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}}]});
        assert_eq!(turn.to_openai(), expected);
        assert_eq!(Message::answer("a").to_openai(), json!({"role": "assistant", "content": "a"}));
    }
}
