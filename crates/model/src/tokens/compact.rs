//! A template of few tokens, for models of a few million parameters.
//!
//! ```text
//! <|im_start|>system
//! {system text}
//! name(required optional? count?# choice=first|second limit=8) What it does > returned fields
//! <|im_end|><|im_start|>user
//! {question}<|im_end|><tool_call>name{"required":"x"}<tool_call>…<|im_end|><tool_response>{…}<tool_response>{…}<|im_end|>{answer}<|im_end|>
//! ```
//!
//! Turns have no header of their own: after `<|im_end|>` the assistant speaks unless `<|im_start|>` or
//! `<tool_response>` stands there. A tool's schema becomes a line: a type is named only when it is not a string (`#` is
//! a number, whole or not), choices are listed (the default first, after `=`), of the description stays what tells
//! tools apart: its first clause and the names in backticks. No commas, because a word takes the space before it into
//! its token. Calls and results stay exact; what a schema says beyond its line is lost.

use super::tokenizer::{Piece, Tokenizer};
use crate::ModelError;
use astra_protocol::{Message, ToolDoc};
use serde_json::{Map, Value as Json};
use std::fmt::Write;

/// Control tokens of the template.
pub(crate) struct Compact {
    start: u32,
    end: u32,
    call: u32,
    response: u32,
    think: Option<(u32, u32)>,
}

impl Compact {
    /// Finds the control tokens in a vocabulary.
    pub(crate) fn new(tokenizer: &Tokenizer) -> Result<Self, ModelError> {
        let control = |name: &str| {
            tokenizer.control(name).ok_or_else(|| ModelError::Template {
                what: format!(
                    "compact needs the control token `{name}`, which this vocabulary has not; choose hermes"
                ),
            })
        };
        Ok(Self {
            start: control("<|im_start|>")?,
            end: control("<|im_end|>")?,
            call: control("<tool_call>")?,
            response: control("<tool_response>")?,
            think: tokenizer.control("<think>").zip(tokenizer.control("</think>")),
        })
    }

    /// The token that ends a turn.
    pub(crate) fn end(&self) -> u32 {
        self.end
    }

    /// Everything up to the first assistant turn.
    pub(crate) fn prompt(&self, tools: &[ToolDoc], messages: &[Message]) -> Result<Vec<Piece>, ModelError> {
        let mut head = String::from("system\n");
        let rest = match messages {
            [Message::System { content }, rest @ ..] => {
                head.push_str(content);
                head.push('\n');
                rest
            }
            all => all,
        };
        for tool in tools {
            head.push_str(&tool_line(tool)?);
            head.push('\n');
        }
        let mut pieces = Vec::new();
        if !tools.is_empty() || rest.len() < messages.len() {
            pieces.extend([Piece::Control(self.start), Piece::Text(head), Piece::Control(self.end)]);
        }
        for message in by_speaker(rest) {
            self.push(message, &mut pieces);
        }
        Ok(pieces)
    }

    /// What the outside says after an assistant turn.
    pub(crate) fn continuation(&self, new: &[Message]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for group in by_speaker(new) {
            self.push(group, &mut pieces);
        }
        pieces
    }

    /// An assistant turn with its end.
    pub(crate) fn turn(&self, message: &Message) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if let Message::Assistant { content, reasoning, tool_calls } = message {
            if let (Some(reasoning), Some((open, close))) = (reasoning, self.think) {
                pieces.extend([Piece::Control(open), Piece::Text(reasoning.clone()), Piece::Control(close)]);
            }
            pieces.push(Piece::Text(content.clone()));
            for call in tool_calls {
                let arguments = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
                pieces.extend([Piece::Control(self.call), Piece::Text(format!("{}{arguments}", call.name))]);
            }
        }
        pieces.push(Piece::Control(self.end));
        pieces.retain(|piece| *piece != Piece::Text(String::new()));
        pieces
    }

    fn push(&self, group: &[Message], pieces: &mut Vec<Piece>) {
        let mut results = false;
        for message in group {
            match message {
                Message::Assistant { .. } => pieces.extend(self.turn(message)),
                Message::Tool { content, .. } => {
                    results = true;
                    pieces.extend([Piece::Control(self.response), Piece::Text(content.clone())]);
                }
                Message::System { content } => self.push_said("system", content, pieces),
                Message::User { content } => self.push_said("user", content, pieces),
            }
        }
        if results {
            pieces.push(Piece::Control(self.end));
        }
    }

    fn push_said(&self, role: &str, content: &str, pieces: &mut Vec<Piece>) {
        let text = Piece::Text(format!("{role}\n{content}"));
        pieces.extend([Piece::Control(self.start), text, Piece::Control(self.end)]);
    }
}

/// Runs of tool results together, every other message alone.
fn by_speaker(messages: &[Message]) -> impl Iterator<Item = &[Message]> {
    messages.chunk_by(|a, b| matches!((a, b), (Message::Tool { .. }, Message::Tool { .. })))
}

/// A tool as one line.
pub(crate) fn tool_line(tool: &ToolDoc) -> Result<String, ModelError> {
    let schema = tool.schema().map_err(|error| ModelError::Conversation {
        field: format!("tool `{}`: parameters", tool.name),
        what: format!("not JSON: {error}"),
    })?;
    let mut line = format!("{}({})", tool.name, properties(&schema));
    let (clause, fields) = short(&tool.description);
    if !clause.is_empty() {
        line.push(' ');
        line.push_str(&clause);
    }
    if !fields.is_empty() {
        line.push_str(" > ");
        line.push_str(&fields.join(" "));
    }
    Ok(line)
}

fn properties(schema: &Json) -> String {
    let none = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    let is_required =
        |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    let all: Vec<String> =
        properties.iter().map(|(name, property)| parameter(name, property, is_required(name))).collect();
    all.join(" ")
}

/// `name`, `name?`, `name#`, `name?:bool`, `name=8`, `name=first|second`: what is after `=` is optional, the default first.
fn parameter(name: &str, property: &Json, required: bool) -> String {
    let mut text = name.to_owned();
    let default = property.get("default").filter(|default| !default.is_null() && !required);
    let choices = property["enum"].as_array().filter(|choices| !choices.is_empty());
    match (default, choices) {
        (Some(default), Some(choices)) => {
            let others = choices.iter().filter(|choice| *choice != default);
            let all: Vec<String> = std::iter::once(default).chain(others).map(literal).collect();
            let _ = write!(text, "={}", all.join("|"));
        }
        (Some(default), None) => {
            let _ = write!(text, "={}", literal(default));
        }
        (None, choices) => {
            if !required {
                text.push('?');
            }
            let kind = match choices {
                Some(choices) => choices.iter().map(literal).collect::<Vec<_>>().join("|"),
                None => kind(property),
            };
            if !kind.is_empty() && kind != "#" {
                text.push(':');
            }
            text.push_str(&kind);
        }
    }
    text
}

/// A value without quotes where that cannot be misread.
fn literal(value: &Json) -> String {
    match value {
        Json::String(text)
            if !text.is_empty()
                && !text.contains(|letter: char| "|()\"".contains(letter) || letter.is_whitespace()) =>
        {
            text.clone()
        }
        Json::String(_) | Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
            value.to_string()
        }
    }
}

/// Nothing for a string; else the type, with what is inside.
fn kind(property: &Json) -> String {
    let name = match &property["type"] {
        Json::String(name) => name.as_str(),
        Json::Array(names) => {
            names.iter().filter_map(Json::as_str).find(|name| *name != "null").unwrap_or("any")
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => "any",
    };
    match name {
        "string" => String::new(),
        "integer" | "number" => "#".to_owned(),
        "boolean" => "bool".to_owned(),
        "array" => format!("[{}]", property.get("items").map(kind).unwrap_or_default()),
        "object" if property["properties"].is_object() => format!("{{{}}}", properties(property)),
        other => other.to_owned(),
    }
}

/// The first clause of a description, and the names in backticks in order.
fn short(description: &str) -> (String, Vec<String>) {
    let mut fields: Vec<String> = Vec::new();
    for name in description.split('`').skip(1).step_by(2) {
        let is_name =
            !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
        // Every tool may answer `error`, so it tells nothing apart.
        if is_name && name != "error" && !fields.iter().any(|field| field == name) {
            fields.push(name.to_owned());
        }
    }
    let mut end = description.len();
    for (at, letter) in description.char_indices() {
        let next = description[at + letter.len_utf8()..].chars().next();
        let stops = match letter {
            '。' | '；' | '：' | '\n' | '(' | '（' => true,
            '.' | ';' | ':' => next.is_none_or(char::is_whitespace),
            // What follows the comma of a longer clause is detail; "Given a city, …" is not a clause yet.
            ',' => description[..at].split_whitespace().count() > 3,
            _ => false,
        };
        if stops {
            end = at;
            break;
        }
    }
    (description[..end].trim().replace('`', ""), fields)
}
