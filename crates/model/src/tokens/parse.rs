//! What the assistant wrote, read back: reasoning, text and tool calls.
//!
//! Calls are read by their JSON, not by searching for the closing tag, so any argument text round-trips. Where the
//! vocabulary has a marker as a control token, only that token counts; the same letters written as text are text.
//! A call that is not exact is never repaired: it becomes a call that every host refuses, so that it counts, the
//! model is told, and the episode goes on. Does not look at which tools are offered; the host does that.

use super::tokenizer::Tokenizer;
use astra_protocol::{Message, ToolCall, parse_arguments};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::ops::Range;

/// Name of a call that could not be read. No tool can have it, because tool names have no spaces.
pub const MALFORMED_CALL: &str = "malformed call";

/// An assistant turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssistantTurn {
    /// Text around reasoning and calls.
    pub content: String,
    /// Reasoning, when the turn began with it.
    pub reasoning: Option<String>,
    /// Calls in the order written, without ids. A malformed one has arguments that no host accepts: under the name
    /// that was written where that could be read, else under [`MALFORMED_CALL`] with its whole text as arguments.
    pub calls: Vec<ToolCall>,
    /// What is wrong with the malformed calls, each with its text.
    pub malformed: Vec<String>,
}

impl From<AssistantTurn> for Message {
    fn from(turn: AssistantTurn) -> Self {
        Self::Assistant { content: turn.content, reasoning: turn.reasoning, tool_calls: turn.calls }
    }
}

/// What becomes of calls in what the assistant wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// They are read.
    Read,
    /// They stay text, markers and all: nobody offered tools.
    AsText,
}

/// How calls are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grammar {
    /// `<tool_call>\n{"name": …, "arguments": {…}}\n</tool_call>`
    Hermes,
    /// `<tool_call>name{…}`, up to the next call or the end.
    Compact,
}

/// A marker, as token where the vocabulary has it, else as text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marker {
    pub(super) text: &'static str,
    pub(super) id: Option<u32>,
}

/// Reads assistant turns in one grammar.
#[derive(Clone, Debug)]
pub(crate) struct Parser {
    pub(super) grammar: Grammar,
    /// The turn's header has already opened the reasoning.
    pub(super) opened: bool,
    pub(super) think: Marker,
    pub(super) think_end: Marker,
    pub(super) call: Marker,
    pub(super) call_end: Marker,
}

/// Written text with the control tokens in it.
struct Written {
    text: String,
    /// `(offset, id)`; `None` where only text is known.
    controls: Option<Vec<(usize, u32)>>,
    /// Stretches that are no UTF-8.
    broken: Vec<Range<usize>>,
}

impl Parser {
    pub(crate) fn new(tokenizer: &Tokenizer, grammar: Grammar, opened: bool) -> Self {
        let marker = |text| Marker { text, id: tokenizer.control(text) };
        Self {
            grammar,
            opened,
            think: marker("<think>"),
            think_end: marker("</think>"),
            call: marker("<tool_call>"),
            call_end: marker("</tool_call>"),
        }
    }

    /// Reads sampled ids, without the token that ended the turn.
    pub(crate) fn ids(&self, tokenizer: &Tokenizer, ids: &[u32], calls: Calls) -> AssistantTurn {
        self.written(&Written::new(tokenizer, ids), calls)
    }

    /// Reads text in which control tokens are spelled out.
    pub(crate) fn text(&self, text: &str) -> AssistantTurn {
        self.written(&Written { text: text.to_owned(), controls: None, broken: Vec::new() }, Calls::Read)
    }

    /// How much of a text that is still being written stays as it is, whatever follows: its end may be the beginning
    /// of a character, of a marker, or the line break that frames one.
    pub(crate) fn settled<'a>(&self, text: &'a str) -> &'a str {
        if text.trim().is_empty() {
            return "";
        }
        let text = text.strip_suffix(char::REPLACEMENT_CHARACTER).unwrap_or(text);
        let markers = [self.think, self.think_end, self.call, self.call_end];
        let opened = text.rfind('<').filter(|at| {
            markers
                .iter()
                .any(|marker| marker.text.starts_with(&text[*at..]) && marker.text.len() > text.len() - at)
        });
        let text = &text[..opened.unwrap_or(text.len())];
        text.strip_suffix('\n').unwrap_or(text)
    }

    fn written(&self, written: &Written, calls: Calls) -> AssistantTurn {
        let mut turn = AssistantTurn::default();
        let mut at = self.reasoning(written, &mut turn);
        let mut texts = Vec::new();
        while calls == Calls::Read
            && let Some(start) = written.find(self.call, at)
        {
            texts.push(&written.text[at..start]);
            at = self.call(written, start, &mut turn);
        }
        texts.push(&written.text[at..]);
        turn.content = around_calls(self.grammar, &texts);
        turn
    }

    /// Takes leading reasoning; gives where the rest begins.
    fn reasoning(&self, written: &Written, turn: &mut AssistantTurn) -> usize {
        let text = &written.text;
        let begin = text.len() - text.trim_start().len();
        let inside = match written.is_at(self.think, begin) {
            true => begin + self.think.text.len(),
            false if self.opened => 0,
            false => return 0,
        };
        let end = written.find(self.think_end, inside);
        let reasoning = &text[inside..end.unwrap_or(text.len())];
        let reasoning = reasoning.strip_prefix('\n').unwrap_or(reasoning);
        turn.reasoning = Some(reasoning.strip_suffix('\n').unwrap_or(reasoning).to_owned());
        // Reasoning that was cut off is reasoning still: a call in it was not made.
        let Some(end) = end else { return text.len() };
        let rest = &text[end + self.think_end.text.len()..];
        let rest = rest.strip_prefix("\n\n").or_else(|| rest.strip_prefix('\n')).unwrap_or(rest);
        text.len() - rest.len()
    }

    /// Reads the call whose marker stands at `start`; gives where the rest begins.
    fn call(&self, written: &Written, start: usize, turn: &mut AssistantTurn) -> usize {
        let body = start + self.call.text.len();
        let (end, read) = match self.grammar {
            Grammar::Hermes => self.hermes_call(written, body),
            Grammar::Compact => self.compact_call(written, body),
        };
        let raw = written.text[body..end].trim();
        let raw = raw.strip_suffix(self.call_end.text).unwrap_or(raw).trim_end();
        let read = if written.is_broken(body..end) { Err("it is not UTF-8".to_owned()) } else { read };
        let call = match read {
            Ok(call) => {
                // The name was read and the arguments are not an object: the host says so to the model.
                if let Err(why) = parse_arguments(&call.arguments) {
                    turn.malformed.push(format!("{why}: {raw}"));
                }
                call
            }
            Err(why) => {
                turn.malformed.push(format!("{why}: {raw}"));
                new_call(MALFORMED_CALL, raw)
            }
        };
        turn.calls.push(call);
        end
    }

    fn hermes_call(&self, written: &Written, body: usize) -> (usize, Result<ToolCall, String>) {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Form<'a> {
            name: String,
            #[serde(borrow)]
            arguments: &'a RawValue,
        }
        let rest = &written.text[body..];
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Form<'_>>();
        let read = stream.next();
        match read {
            Some(Ok(form)) => {
                let after = body + stream.byte_offset();
                let close = after + leading_space(&written.text[after..]);
                if written.is_at(self.call_end, close) {
                    return (
                        close + self.call_end.text.len(),
                        Ok(new_call(&form.name, form.arguments.get())),
                    );
                }
                (
                    self.call_region(written, body),
                    Err(format!("expected `{}` after the call", self.call_end.text)),
                )
            }
            Some(Err(error)) => (
                self.call_region(written, body),
                Err(format!("expected an object with `name` and `arguments` ({error})")),
            ),
            None => (self.call_region(written, body), Err("the call is empty".to_owned())),
        }
    }

    /// Where a call ends that could not be read: after its closing tag, or where the next one begins.
    fn call_region(&self, written: &Written, body: usize) -> usize {
        let close = written.find(self.call_end, body).map(|at| at + self.call_end.text.len());
        let next = written.find(self.call, body);
        match (close, next) {
            (Some(close), Some(next)) => close.min(next),
            (Some(end), None) | (None, Some(end)) => end,
            (None, None) => written.text.len(),
        }
    }

    fn compact_call(&self, written: &Written, body: usize) -> (usize, Result<ToolCall, String>) {
        let next = |from| written.find(self.call, from).unwrap_or(written.text.len());
        let region = &written.text[body..next(body)];
        let Some(brace) = region.find('{') else {
            return (next(body), Err("expected `{` after the tool's name".to_owned()));
        };
        let name = &region[..brace];
        if name.is_empty() || name.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
            return (next(body), Err("expected a tool's name before `{`".to_owned()));
        }
        let arguments = body + brace;
        let mut stream =
            serde_json::Deserializer::from_str(&written.text[arguments..]).into_iter::<&RawValue>();
        // Complete arguments may hold the marker as text, so the end is looked for behind them.
        let complete = matches!(stream.next(), Some(Ok(_)));
        let end = next(arguments + if complete { stream.byte_offset() } else { 0 });
        (end, Ok(new_call(name, written.text[arguments..end].trim_end())))
    }
}

impl Written {
    fn new(tokenizer: &Tokenizer, ids: &[u32]) -> Self {
        let mut written = Self { text: String::new(), controls: Some(Vec::new()), broken: Vec::new() };
        let mut bytes = Vec::new();
        for id in ids {
            match tokenizer.control_name(*id) {
                None => bytes.extend_from_slice(tokenizer.bytes_of(*id)),
                Some(name) => {
                    written.push_bytes(&mut bytes);
                    if let Some(controls) = &mut written.controls {
                        controls.push((written.text.len(), *id));
                    }
                    written.text.push_str(name);
                }
            }
        }
        written.push_bytes(&mut bytes);
        written
    }

    fn push_bytes(&mut self, bytes: &mut Vec<u8>) {
        for chunk in bytes.utf8_chunks() {
            self.text.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                let at = self.text.len();
                self.text.push(char::REPLACEMENT_CHARACTER);
                self.broken.push(at..self.text.len());
            }
        }
        bytes.clear();
    }

    fn find(&self, marker: Marker, from: usize) -> Option<usize> {
        match (&self.controls, marker.id) {
            (Some(controls), Some(id)) => {
                let first = controls.partition_point(|(at, _)| *at < from);
                controls[first..].iter().find(|(_, there)| *there == id).map(|(at, _)| *at)
            }
            _ => self.text[from..].find(marker.text).map(|at| from + at),
        }
    }

    fn is_at(&self, marker: Marker, at: usize) -> bool {
        match (&self.controls, marker.id) {
            (Some(controls), Some(id)) => controls.binary_search(&(at, id)).is_ok(),
            _ => self.text[at..].starts_with(marker.text),
        }
    }

    fn is_broken(&self, range: Range<usize>) -> bool {
        self.broken.iter().any(|broken| broken.start < range.end && range.start < broken.end)
    }
}

/// The text around calls, without the line breaks that frame them.
fn around_calls(grammar: Grammar, texts: &[&str]) -> String {
    let last = texts.len() - 1;
    let unframed = texts.iter().enumerate().map(|(index, text)| {
        let text = if index == 0 { text } else { text.strip_prefix('\n').unwrap_or(text) };
        match grammar {
            Grammar::Hermes if index < last => text.strip_suffix('\n').unwrap_or(text),
            Grammar::Hermes | Grammar::Compact => text,
        }
    });
    let mut all = unframed.enumerate().filter(|(index, text)| *index == 0 || !text.trim().is_empty());
    let mut content = all.next().map(|(_, text)| text.to_owned()).unwrap_or_default();
    for (_, text) in all {
        if !content.is_empty() {
            content.push('\n');
        }
        content.push_str(text);
    }
    content
}

fn new_call(name: &str, arguments: &str) -> ToolCall {
    ToolCall { id: String::new(), name: name.to_owned(), arguments: arguments.to_owned() }
}

fn leading_space(text: &str) -> usize {
    text.len() - text.trim_start().len()
}
