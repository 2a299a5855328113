//! Conversations of other people's data, in the OpenAI form, as our nouns.
//!
//! Accepts what is seen in the wild and means one thing: arguments as text or object, content that is null or a list
//! of text parts, `developer` for `system`, reasoning in `reasoning_content`, `reasoning` or a leading `<think>` block,
//! results without the id of their call (they answer the open calls in order), tools with or without the `function`
//! shell. A turn of the assistant with `weight` 0 is read and not learned. Everything else is an error that names the field. Does not judge whether a conversation is good.

use crate::ModelError;
use astra_protocol::{Message, ToolCall, ToolDoc};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeSet, VecDeque};

/// Tools and messages of one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversation {
    /// Tools offered.
    pub tools: Vec<ToolDoc>,
    /// Messages.
    pub messages: Vec<Message>,
    /// Which of them have the weight 0: turns of the assistant that are not learned.
    pub unlearned: BTreeSet<usize>,
}

impl Conversation {
    /// Reads one record with `messages` and, where there are any, `tools`; other fields are not looked at.
    pub fn from_openai(record: &Json) -> Result<Self, ModelError> {
        // Table formats cannot hold free schemas, so data sets keep some columns as text.
        let mut messages = &record["messages"];
        let parsed;
        if let Json::String(text) = messages {
            parsed = serde_json::from_str(text)
                .map_err(|error| wrong("messages", format!("not JSON: {error}")))?;
            messages = &parsed;
        }
        let messages = messages
            .as_array()
            .filter(|messages| !messages.is_empty())
            .ok_or_else(|| wrong("messages", "expected an array of one message or more"))?;
        let tools = match &record["tools"] {
            Json::Null => Vec::new(),
            Json::String(text) => read_tools(
                &serde_json::from_str(text).map_err(|error| wrong("tools", format!("not JSON: {error}")))?,
            )?,
            tools @ (Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_)) => {
                read_tools(tools)?
            }
        };
        let mut open = VecDeque::new();
        let mut unlearned = BTreeSet::new();
        for (index, message) in messages.iter().enumerate() {
            if message["role"] == "assistant"
                && !is_learned(&format!("messages[{index}]"), &message["weight"])?
            {
                unlearned.insert(index);
            }
        }
        let messages = messages
            .iter()
            .enumerate()
            .map(|(index, message)| read_message(&format!("messages[{index}]"), message, index, &mut open))
            .collect::<Result<_, _>>()?;
        Ok(Self { tools, messages, unlearned })
    }
}

fn is_learned(field: &str, weight: &Json) -> Result<bool, ModelError> {
    match weight.as_f64() {
        None if weight.is_null() => Ok(true),
        Some(1.0) => Ok(true),
        Some(0.0) => Ok(false),
        Some(_) | None => Err(wrong(format!("{field}.weight"), "expected 0 or 1")),
    }
}

fn read_tools(json: &Json) -> Result<Vec<ToolDoc>, ModelError> {
    let all = json.as_array().ok_or_else(|| wrong("tools", "expected an array"))?;
    all.iter().enumerate().map(|(index, tool)| read_tool(&format!("tools[{index}]"), tool)).collect()
}

fn read_tool(field: &str, tool: &Json) -> Result<ToolDoc, ModelError> {
    let (field, function) = match tool.get("function") {
        Some(function) => (format!("{field}.function"), function),
        None => (field.to_owned(), tool),
    };
    let none = json!({"type": "object", "properties": {}});
    let parameters = match &function["parameters"] {
        Json::Null => &none,
        object @ Json::Object(_) => object,
        Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
            return Err(wrong(format!("{field}.parameters"), "expected a JSON Schema object"));
        }
    };
    let description = optional_text(function, &field, "description")?.unwrap_or_default();
    Ok(ToolDoc {
        name: text(function, &field, "name")?,
        description,
        parameters: serde_json::value::to_raw_value(parameters)
            .map_err(|error| wrong(format!("{field}.parameters"), error.to_string()))?,
    })
}

/// `open` holds the ids of calls that wait for their results.
fn read_message(
    field: &str,
    message: &Json,
    index: usize,
    open: &mut VecDeque<String>,
) -> Result<Message, ModelError> {
    let object = message.as_object().ok_or_else(|| wrong(field, "expected an object"))?;
    let content = read_content(field, object.get("content"))?;
    let needed = |content: Option<String>| {
        content.ok_or_else(|| wrong(format!("{field}.content"), "expected text or a list of text parts"))
    };
    match text(message, field, "role")?.as_str() {
        "system" | "developer" => Ok(Message::System { content: needed(content)? }),
        "user" => Ok(Message::User { content: needed(content)? }),
        "tool" => {
            let id = match optional_text(message, field, "tool_call_id")? {
                None => open.pop_front().ok_or_else(|| {
                    wrong(format!("{field}.tool_call_id"), "is missing, and no call waits for its result")
                })?,
                Some(id) => {
                    open.retain(|waiting| *waiting != id);
                    id
                }
            };
            Ok(Message::Tool { tool_call_id: id, content: needed(content)? })
        }
        "assistant" => {
            let tool_calls = read_calls(field, object, index)?;
            open.clear();
            open.extend(tool_calls.iter().map(|call| call.id.clone()));
            if content.is_none() && tool_calls.is_empty() {
                return Err(wrong(format!("{field}.content"), "is missing in a turn without calls"));
            }
            let (reasoning, content) = read_reasoning(field, message, content.unwrap_or_default())?;
            Ok(Message::Assistant { content, reasoning, tool_calls })
        }
        other => Err(wrong(
            format!("{field}.role"),
            format!("is `{other}`: expected system, developer, user, assistant or tool"),
        )),
    }
}

fn read_content(field: &str, content: Option<&Json>) -> Result<Option<String>, ModelError> {
    match content {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.clone())),
        Some(Json::Array(parts)) => {
            let mut whole = String::new();
            for (index, part) in parts.iter().enumerate() {
                let text = part.as_str().or_else(|| part["text"].as_str());
                whole.push_str(text.ok_or_else(|| {
                    wrong(format!("{field}.content[{index}]"), "expected a part of type text")
                })?);
            }
            Ok(Some(whole))
        }
        Some(_) => Err(wrong(format!("{field}.content"), "expected text or a list of text parts")),
    }
}

fn read_reasoning(
    field: &str,
    message: &Json,
    content: String,
) -> Result<(Option<String>, String), ModelError> {
    for key in ["reasoning_content", "reasoning"] {
        if let Some(reasoning) = optional_text(message, field, key)? {
            return Ok((Some(reasoning), content));
        }
    }
    let block = content.trim_start().strip_prefix("<think>").and_then(|rest| rest.split_once("</think>"));
    match block {
        None => Ok((None, content)),
        Some((reasoning, rest)) => {
            let reasoning = reasoning.trim();
            let reasoning = (!reasoning.is_empty()).then(|| reasoning.to_owned());
            Ok((reasoning, rest.trim_start_matches('\n').to_owned()))
        }
    }
}

fn read_calls(field: &str, message: &Map<String, Json>, index: usize) -> Result<Vec<ToolCall>, ModelError> {
    let calls = match message.get("tool_calls") {
        None | Some(Json::Null) => return Ok(Vec::new()),
        Some(Json::Array(calls)) => calls,
        Some(_) => return Err(wrong(format!("{field}.tool_calls"), "expected an array")),
    };
    let read = |(number, call): (usize, &Json)| {
        let field = format!("{field}.tool_calls[{number}]");
        let (inner, function) = match call.get("function") {
            Some(function) => (format!("{field}.function"), function),
            None => (field.clone(), call),
        };
        let id = optional_text(call, &field, "id")?.unwrap_or_else(|| format!("call_{index}_{number}"));
        let arguments = match &function["arguments"] {
            Json::String(text) => text.clone(),
            object @ Json::Object(_) => object.to_string(),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) => {
                return Err(wrong(format!("{inner}.arguments"), "expected an object or its JSON text"));
            }
        };
        Ok(ToolCall { id, name: text(function, &inner, "name")?, arguments })
    };
    calls.iter().enumerate().map(read).collect()
}

fn text(json: &Json, field: &str, key: &str) -> Result<String, ModelError> {
    let text = json[key].as_str().filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| wrong(format!("{field}.{key}"), "expected text"))
}

fn optional_text(json: &Json, field: &str, key: &str) -> Result<Option<String>, ModelError> {
    match &json[key] {
        Json::Null => Ok(None),
        Json::String(text) => Ok(Some(text.clone())),
        Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
            Err(wrong(format!("{field}.{key}"), "expected text"))
        }
    }
}

fn wrong(field: impl Into<String>, what: impl Into<String>) -> ModelError {
    ModelError::Conversation { field: field.into(), what: what.into() }
}
