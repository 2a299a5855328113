//! What a Jinja template does, found out by rendering a few small conversations when it is loaded.
//!
//! Ids are minted once and only appended to, so a template is usable only when rendering a longer conversation extends
//! the rendering of a shorter one, when it writes what the assistant said unchanged, and when calls that it writes are
//! read back by our parser. Everything else (dropping earlier reasoning, trimming, moving tools) is refused here, with
//! the way out named. Conversations that only differ later are checked again when they are made into examples.

use super::chat::TemplateKind;
use super::jinja::{Guard, Jinja};
use super::parse::{Grammar, Parser};
use super::tokenizer::{Piece, Tokenizer};
use crate::ModelError;
use astra_protocol::{Message, ToolCall, ToolDoc, parse_arguments};

/// Name of the tool of probes.
pub(crate) const TOOL: &str = "probe_tool";
/// What the assistant says in probes.
pub(crate) const ANSWER: &str = "Probe answer.";

/// What was found out.
#[derive(Clone, Debug)]
pub(crate) struct Probed {
    /// The control token that ends a turn.
    pub(crate) end: String,
    pub(crate) end_id: u32,
    /// Tools are shown and calls are written and read.
    pub(crate) knows_tools: bool,
    /// The header of a turn opens the reasoning.
    pub(crate) opens_reasoning: bool,
}

impl Probed {
    /// A rendered text up to its last end of turn.
    pub(crate) fn through_end<'a>(&self, text: &'a str) -> Option<&'a str> {
        text.rfind(&self.end).map(|at| &text[..at + self.end.len()])
    }
}

/// The user's turn of probes.
pub(crate) fn question() -> Message {
    Message::User { content: "Probe question?".to_owned() }
}

/// The error for a template that cannot be used.
pub(crate) fn refused(kind: TemplateKind, why: &str) -> ModelError {
    let what = match kind {
        TemplateKind::Model => {
            format!("the model's own cannot be used, because {why}; choose hermes, which only appends")
        }
        TemplateKind::Hermes => format!("hermes cannot be used, because {why}"),
        TemplateKind::Compact => format!("compact cannot be used, because {why}"),
    };
    ModelError::Template { what }
}

struct Probe<'a> {
    tokenizer: &'a Tokenizer,
    jinja: &'a Jinja,
    kind: TemplateKind,
}

/// Tries a template.
pub(crate) fn probe(tokenizer: &Tokenizer, jinja: &Jinja, kind: TemplateKind) -> Result<Probed, ModelError> {
    let probe = Probe { tokenizer, jinja, kind };
    let header = probe.render(&[], &[question()], true)?;
    let opens_reasoning = header.trim_end().ends_with("<think>");
    let (end, end_id) = probe.end_of_turn(&header)?;
    let mut probed = Probed { end, end_id, knows_tools: false, opens_reasoning };
    // Reasoning that the template is never given cannot be lost; a header that opens it expects it in every turn.
    let plain = [answer(" \n Padded answer.\n ", None), answer(ANSWER, None)];
    let reasoned = [answer(ANSWER, Some("First thought.")), answer(ANSWER, Some("Second thought."))];
    if !opens_reasoning {
        probe.extends(&probed, &[], &[question(), plain[0].clone(), question(), plain[1].clone()])?;
    }
    if probe.shows(&reasoned[0], "First thought.")? {
        probe.extends(&probed, &[], &[question(), reasoned[0].clone(), question(), reasoned[1].clone()])?;
    }
    probed.knows_tools = probe.knows_tools(&probed)?;
    Ok(probed)
}

impl Probe<'_> {
    fn render(&self, tools: &[ToolDoc], messages: &[Message], generate: bool) -> Result<String, ModelError> {
        let guard = Guard::new(tools, messages)?;
        self.jinja.render(self.tokenizer, guard, tools, messages, generate)
    }

    /// The first control token after an answer.
    fn end_of_turn(&self, header: &str) -> Result<(String, u32), ModelError> {
        let turn = self.render(&[], &[question(), answer(ANSWER, None)], false)?;
        let shown =
            turn.find(ANSWER).ok_or_else(|| refused(self.kind, "it does not show what was answered"))?;
        let guard = Guard::new(&[], &[])?;
        let after = guard.pieces(self.tokenizer, &turn[shown + ANSWER.len()..]);
        let first = after.iter().find_map(|piece| match piece {
            Piece::Control(id) => Some(*id),
            Piece::Text(_) => None,
        });
        let end = first.and_then(|id| self.tokenizer.control_name(id).map(|name| (name.to_owned(), id)));
        // A header that holds it is fine, but without any there would be no end to sampling.
        end.ok_or_else(|| {
            let why = format!(
                "no control token of this vocabulary ends an assistant turn (its header is {header:?})"
            );
            refused(self.kind, &why)
        })
    }

    fn shows(&self, turn: &Message, text: &str) -> Result<bool, ModelError> {
        Ok(self.render(&[], &[question(), turn.clone()], false)?.contains(text))
    }

    /// Each longer rendering begins with the shorter ones, and says what the assistant said.
    fn extends(&self, probed: &Probed, tools: &[ToolDoc], messages: &[Message]) -> Result<(), ModelError> {
        let mut before = String::new();
        for (index, message) in messages.iter().enumerate() {
            let Message::Assistant { content, .. } = message else { continue };
            let header = self.render(tools, &messages[..index], true)?;
            let whole = self.render(tools, &messages[..=index], false)?;
            if !header.starts_with(&before) {
                return Err(refused(self.kind, "a longer conversation changes its earlier turns"));
            }
            let written = whole.strip_prefix(&header).and_then(|written| probed.through_end(written));
            let Some(written) = written else {
                return Err(refused(
                    self.kind,
                    "an assistant turn does not continue the header that asks for it",
                ));
            };
            if !written.contains(content.as_str()) {
                return Err(refused(self.kind, "it changes the white space of what the assistant wrote"));
            }
            before = header + written;
        }
        Ok(())
    }

    /// Whether tools are shown and calls are written so that we read them. A template that shows tools and fails
    /// otherwise is refused; one that ignores or refuses tools is merely one without.
    fn knows_tools(&self, probed: &Probed) -> Result<bool, ModelError> {
        let schema = serde_json::value::to_raw_value(&serde_json::json!({"type": "object",
            "properties": {"probe_argument": {"type": "string"}}, "required": ["probe_argument"]}))
        .map_err(|error| ModelError::Template { what: error.to_string() })?;
        let tools =
            [ToolDoc { name: TOOL.to_owned(), description: "A probe.".to_owned(), parameters: schema }];
        match self.render(&tools, &[question()], true) {
            Ok(prompt) if prompt.contains(TOOL) => {}
            Ok(_) | Err(_) => return Ok(false),
        }
        let calls: Vec<ToolCall> = ["a", "b"].map(call).to_vec();
        let turn =
            Message::Assistant { content: ANSWER.to_owned(), reasoning: None, tool_calls: calls.clone() };
        let results = calls.iter().map(|call| Message::Tool {
            tool_call_id: call.id.clone(),
            content: format!("result {}", call.id),
        });
        let mut messages = vec![question(), turn];
        messages.extend(results);
        messages.push(answer(ANSWER, None));
        self.extends(probed, &tools, &messages)?;
        let header = self.render(&tools, &messages[..1], true)?;
        let whole = self.render(&tools, &messages[..2], false)?;
        let written = whole
            .strip_prefix(&header)
            .and_then(|written| written.find(&probed.end).map(|at| &written[..at]));
        let read =
            Parser::new(self.tokenizer, Grammar::Hermes, probed.opens_reasoning).text(written.unwrap_or(""));
        let same = read.malformed.is_empty()
            && read.calls.len() == calls.len()
            && read.calls.iter().zip(&calls).all(|(read, call)| {
                read.name == call.name && parse_arguments(&read.arguments) == parse_arguments(&call.arguments)
            });
        if !same {
            return Err(refused(self.kind, "its way of writing calls is not one that is read here"));
        }
        Ok(true)
    }
}

fn answer(content: &str, reasoning: Option<&str>) -> Message {
    Message::Assistant {
        content: content.to_owned(),
        reasoning: reasoning.map(str::to_owned),
        tool_calls: Vec::new(),
    }
}

fn call(id: &str) -> ToolCall {
    ToolCall {
        // Some templates insist on nine letters or digits.
        id: format!("probecal{id}"),
        name: TOOL.to_owned(),
        arguments: format!("{{\"probe_argument\": \"{id}\"}}"),
    }
}
