//! Tokenizer and template of a model together: the only way in which conversations become ids.
//!
//! The first prompt is rendered; after each assistant turn only what follows it is rendered and appended to the ids
//! that are there. A training example is made by the same three steps, so training and rollout see the same ids.

use super::compact::Compact;
use super::example::Example;
use super::grammar::{AnswerSchema, CallCount, Grammars, TurnGrammar};
use super::jinja::{Guard, Jinja};
use super::parse::{AssistantTurn, Calls, Grammar, Parser};
use super::probe::{self, Probed};
use super::source::{self, Source};
use super::tokenizer::{Piece, Tokenizer};
use crate::ModelError;
use astra_protocol::{Message, ToolCall, ToolDoc};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

/// Which template to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TemplateChoice {
    /// The one that the folder names as `astra_template`; else the model's own where it has one that knows tools
    /// (refused when it is not append-only); else ours, as `Hermes`.
    #[default]
    Auto,
    /// The model's own.
    Model,
    /// Ours: `ChatML` with tools in the system turn and calls as tagged JSON.
    Hermes,
    /// Ours: few tokens, for small models.
    Compact,
}

/// Which template is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateKind {
    /// The model's own.
    Model,
    /// Our Hermes-style one.
    Hermes,
    /// Our compact one.
    Compact,
}

/// What happens to reasoning in conversations that are rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reasoning {
    /// It is written.
    Keep,
    /// It is left out.
    Drop,
}

pub(crate) enum Template {
    Jinja(Box<Jinja>, TemplateKind, Probed),
    Compact(Compact),
}

/// Conversations to ids and back.
pub struct Chat {
    tokenizer: Tokenizer,
    template: Template,
    parser: Parser,
    reasoning: Reasoning,
    /// The token that ends a turn comes first.
    stop_ids: Vec<u32>,
    /// Made when the first grammar is asked for.
    grammars: OnceLock<Grammars>,
}

impl std::fmt::Debug for Chat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chat({:?}, {:?}, {:?})", self.template_kind(), self.reasoning, self.tokenizer)
    }
}

impl Chat {
    /// Reads tokenizer and template of a model's folder.
    pub fn load(dir: &Path) -> Result<Self, ModelError> {
        Self::load_with(dir, TemplateChoice::Auto)
    }

    /// The same with a template of one's choice.
    pub fn load_with(dir: &Path, choice: TemplateChoice) -> Result<Self, ModelError> {
        let source = Source::load(dir)?;
        let tokenizer = Tokenizer::load(&dir.join("tokenizer.json"))?;
        let (template, grammar, opened) = choose(&tokenizer, &source, choice)?;
        let end = match &template {
            Template::Compact(compact) => compact.end(),
            Template::Jinja(_, _, probed) => probed.end_id,
        };
        let mut stop_ids = vec![end];
        let named = source.eos.as_deref().and_then(|eos| tokenizer.control(eos));
        for id in source.eos_ids.iter().copied().chain(named) {
            if !stop_ids.contains(&id) && (id as usize) < tokenizer.vocab_size() {
                stop_ids.push(id);
            }
        }
        let default = match template {
            Template::Compact(_) => Reasoning::Drop,
            Template::Jinja(..) => Reasoning::Keep,
        };
        let parser = Parser::new(&tokenizer, grammar, opened);
        let reasoning = source.reasoning.unwrap_or(default);
        Ok(Self { tokenizer, template, parser, reasoning, stop_ids, grammars: OnceLock::new() })
    }

    /// The same chat with reasoning kept or left out.
    #[must_use]
    pub fn with_reasoning(mut self, reasoning: Reasoning) -> Self {
        self.reasoning = reasoning;
        self
    }

    /// Which template is in use.
    pub fn template_kind(&self) -> TemplateKind {
        match &self.template {
            Template::Jinja(_, kind, _) => *kind,
            Template::Compact(_) => TemplateKind::Compact,
        }
    }

    /// Writes into a model's folder that it is used with this template, so that whoever opens it later renders
    /// conversations as it learned them.
    pub fn record(&self, dir: &Path) -> Result<(), ModelError> {
        source::record(dir, self.template_kind())
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Ids that end an assistant turn; the one that the template writes comes first.
    pub fn stop_ids(&self) -> &[u32] {
        &self.stop_ids
    }

    /// What to append, unsampled, to an assistant turn that ended without a stop token, before its continuation.
    pub fn end_of_turn(&self) -> &[u32] {
        &self.stop_ids[..1]
    }

    /// Ids of a conversation up to where the assistant speaks.
    pub fn prompt(&self, tools: &[ToolDoc], messages: &[Message]) -> Result<Vec<u32>, ModelError> {
        let messages = self.visible(messages);
        let rendering = self.rendering(tools, &messages)?;
        self.tokenizer.encode(&rendering.prompt(tools, &messages)?.pieces)
    }

    /// What follows an assistant turn that ended with its stop token, up to where the assistant speaks again.
    pub fn continuation(&self, new: &[Message]) -> Result<Vec<u32>, ModelError> {
        let new = self.visible(new);
        self.tokenizer.encode(&self.rendering(&[], &new)?.continuation(&new)?.pieces)
    }

    /// Ids of what the assistant writes for a message, with the token that ends its turn.
    pub fn turn(&self, message: &Message) -> Result<Vec<u32>, ModelError> {
        let message = self.visible(std::slice::from_ref(message));
        let rendering = self.rendering(&[], &message)?;
        message
            .first()
            .map_or(Ok(Vec::new()), |message| self.tokenizer.encode(&rendering.turn(message)?.pieces))
    }

    /// Assistant turns in which every call is one of `tools` with arguments that its schema accepts. Without tools, or
    /// with a schema that is beyond grammars, it is an error that names the tool.
    pub fn turn_grammar(&self, tools: &[ToolDoc], count: CallCount) -> Result<TurnGrammar, ModelError> {
        if tools.is_empty() {
            return Err(ModelError::Conversation {
                field: "tools".to_owned(),
                what: "there are none that calls could be kept to".to_owned(),
            });
        }
        self.grammars()?.turns(&self.parser, tools, count, None)
    }

    /// Assistant turns that are either calls, as in [`Chat::turn_grammar`], or an answer in JSON. Tools may be none; where
    /// `count` demands calls there are no answers.
    pub fn answer_grammar(
        &self,
        answer: AnswerSchema<'_>,
        tools: &[ToolDoc],
        count: CallCount,
    ) -> Result<TurnGrammar, ModelError> {
        self.grammars()?.turns(&self.parser, tools, count, Some(answer))
    }

    fn grammars(&self) -> Result<&Grammars, ModelError> {
        if let Some(grammars) = self.grammars.get() {
            return Ok(grammars);
        }
        let made = Grammars::new(&self.tokenizer, &self.stop_ids)?;
        Ok(self.grammars.get_or_init(|| made))
    }

    /// A training example: the ids that a rollout would have, and which of them the assistant wrote.
    ///
    /// Messages after the last assistant turn are left out; without an assistant turn it is an error.
    pub fn example(&self, tools: &[ToolDoc], messages: &[Message]) -> Result<Example, ModelError> {
        self.example_without(tools, messages, &BTreeSet::new())
    }

    /// The same, with the turns at the indices `unlearned` not marked.
    pub fn example_without(
        &self,
        tools: &[ToolDoc],
        messages: &[Message],
        unlearned: &BTreeSet<usize>,
    ) -> Result<Example, ModelError> {
        let messages = self.visible(messages);
        let is_turn = |message: &Message| matches!(message, Message::Assistant { .. });
        let Some(last) = messages.iter().rposition(is_turn) else {
            return Err(ModelError::Conversation {
                field: "messages".to_owned(),
                what: "no assistant turn to learn from".to_owned(),
            });
        };
        let messages = &messages[..=last];
        let rendering = self.rendering(tools, messages)?;
        let mut example = Example::default();
        let mut text = String::new();
        let mut rest = messages;
        while !rest.is_empty() {
            let outside = rest.iter().position(is_turn).unwrap_or(rest.len());
            let (said, after) = rest.split_at(outside);
            let said = if example.ids.is_empty() && rest.len() == messages.len() {
                rendering.prompt(tools, said)?
            } else {
                rendering.continuation(said)?
            };
            let Some((turn, after)) = after.split_first() else { break };
            let written = rendering.turn(turn)?;
            example.push(&self.tokenizer.encode(&said.pieces)?, false);
            let index = messages.len() - after.len() - 1;
            example.push(&self.tokenizer.encode(&written.pieces)?, !unlearned.contains(&index));
            text.push_str(&said.text);
            text.push_str(&written.text);
            rest = after;
        }
        rendering.check_whole(tools, messages, &text)?;
        Ok(example)
    }

    /// Reads what the assistant wrote; a stop token at the end is taken off.
    pub fn parse(&self, ids: &[u32]) -> AssistantTurn {
        self.parse_with(ids, Calls::Read)
    }

    /// The same, with calls read or left as text.
    pub fn parse_with(&self, ids: &[u32], calls: Calls) -> AssistantTurn {
        let ids = match ids {
            [written @ .., last] if self.stop_ids.contains(last) => written,
            all => all,
        };
        self.parser.ids(&self.tokenizer, ids, calls)
    }

    /// See [`Parser::settled`].
    pub(super) fn settled<'a>(&self, text: &'a str) -> &'a str {
        self.parser.settled(text)
    }

    /// Reads text in which control tokens are spelled out, without the one that ends the turn.
    pub fn parse_text(&self, text: &str) -> AssistantTurn {
        self.parser.text(text)
    }

    fn visible(&self, messages: &[Message]) -> Vec<Message> {
        let mut messages = messages.to_vec();
        for message in &mut messages {
            if let Message::Assistant { reasoning, .. } = message {
                // Empty reasoning is none: templates test for text.
                if self.reasoning == Reasoning::Drop || reasoning.as_deref() == Some("") {
                    *reasoning = None;
                }
            }
        }
        messages
    }

    fn rendering(&self, tools: &[ToolDoc], messages: &[Message]) -> Result<Rendering<'_>, ModelError> {
        let guard = Guard::new(tools, messages)?;
        Ok(Rendering { tokenizer: &self.tokenizer, template: &self.template, guard })
    }
}

/// Text of a part of a conversation (with marks; empty where the template has no text form) and its pieces.
pub(crate) struct Rendered {
    pub(crate) text: String,
    pub(crate) pieces: Vec<Piece>,
}

/// One conversation's way through the template.
struct Rendering<'a> {
    tokenizer: &'a Tokenizer,
    template: &'a Template,
    guard: Guard,
}

impl Rendering<'_> {
    fn prompt(&self, tools: &[ToolDoc], messages: &[Message]) -> Result<Rendered, ModelError> {
        match self.template {
            Template::Compact(compact) => Ok(untold(compact.prompt(tools, messages)?)),
            Template::Jinja(jinja, kind, probed) => {
                if !tools.is_empty() && !probed.knows_tools {
                    return Err(probe::refused(*kind, "it does not show tools or their calls"));
                }
                Ok(self.told(jinja.render(self.tokenizer, self.guard, tools, messages, true)?))
            }
        }
    }

    fn turn(&self, message: &Message) -> Result<Rendered, ModelError> {
        match self.template {
            Template::Compact(compact) => Ok(untold(compact.turn(message))),
            Template::Jinja(jinja, kind, probed) => {
                let render = |messages: &[Message], generate| {
                    jinja.render(self.tokenizer, self.guard, &[], messages, generate)
                };
                let question = probe::question();
                let before = render(std::slice::from_ref(&question), true)?;
                let after = render(&[question, message.clone()], false)?;
                let written =
                    after.strip_prefix(&before).and_then(|written| probed.through_end(written)).ok_or_else(
                        || probe::refused(*kind, "it changes what stands before an assistant turn"),
                    )?;
                Ok(self.told(written.to_owned()))
            }
        }
    }

    fn continuation(&self, new: &[Message]) -> Result<Rendered, ModelError> {
        match self.template {
            Template::Compact(compact) => Ok(untold(compact.continuation(new))),
            Template::Jinja(jinja, kind, probed) => {
                let render = |messages: &[Message], generate| {
                    jinja.render(self.tokenizer, self.guard, &[], messages, generate)
                };
                // Any turn would do before what is new; results need the calls that they answer.
                let results = new.iter().map_while(|message| match message {
                    Message::Tool { tool_call_id, .. } => Some(ToolCall {
                        id: tool_call_id.clone(),
                        name: probe::TOOL.to_owned(),
                        arguments: "{}".to_owned(),
                    }),
                    Message::System { .. } | Message::User { .. } | Message::Assistant { .. } => None,
                });
                let calls: Vec<ToolCall> = results.collect();
                let turn =
                    if calls.is_empty() { Message::answer(probe::ANSWER) } else { Message::calls(calls) };
                let mut messages = vec![probe::question(), turn];
                let before = render(&messages, false)?;
                messages.extend_from_slice(new);
                let after = render(&messages, true)?;
                let added =
                    probed.through_end(&before).and_then(|before| after.strip_prefix(before)).ok_or_else(
                        || probe::refused(*kind, "it changes an assistant turn when the talk goes on"),
                    )?;
                Ok(self.told(added.to_owned()))
            }
        }
    }

    /// The whole conversation rendered at once must be what its parts were.
    fn check_whole(&self, tools: &[ToolDoc], messages: &[Message], parts: &str) -> Result<(), ModelError> {
        match self.template {
            Template::Compact(_) => Ok(()),
            Template::Jinja(jinja, kind, _) => {
                let whole = jinja.render(self.tokenizer, self.guard, tools, messages, false)?;
                if whole.starts_with(parts) {
                    return Ok(());
                }
                Err(probe::refused(*kind, "this conversation at once is not the sum of its turns"))
            }
        }
    }

    fn told(&self, text: String) -> Rendered {
        Rendered { pieces: self.guard.pieces(self.tokenizer, &text), text }
    }
}

fn untold(pieces: Vec<Piece>) -> Rendered {
    Rendered { text: String::new(), pieces }
}

fn choose(
    tokenizer: &Tokenizer,
    source: &Source,
    choice: TemplateChoice,
) -> Result<(Template, Grammar, bool), ModelError> {
    let hermes = || probed(tokenizer, source, super::source::HERMES, TemplateKind::Hermes);
    let compact = || Ok((Template::Compact(Compact::new(tokenizer)?), Grammar::Compact, false));
    let own = || match &source.template {
        Some(template) => probed(tokenizer, source, template, TemplateKind::Model),
        None => Err(ModelError::Template {
            what: "the model's folder has none; choose hermes, or compact for a small model".to_owned(),
        }),
    };
    match (choice, source.recorded) {
        (TemplateChoice::Hermes, _) | (TemplateChoice::Auto, Some(TemplateKind::Hermes)) => hermes(),
        (TemplateChoice::Compact, _) | (TemplateChoice::Auto, Some(TemplateKind::Compact)) => compact(),
        (TemplateChoice::Model, _) | (TemplateChoice::Auto, Some(TemplateKind::Model)) => own(),
        (TemplateChoice::Auto, None) if source.template.is_none() => hermes(),
        (TemplateChoice::Auto, None) => {
            let own = own()?;
            let knows_tools = match &own.0 {
                Template::Jinja(_, _, probed) => probed.knows_tools,
                Template::Compact(_) => true,
            };
            if knows_tools { Ok(own) } else { hermes() }
        }
    }
}

fn probed(
    tokenizer: &Tokenizer,
    source: &Source,
    template: &str,
    kind: TemplateKind,
) -> Result<(Template, Grammar, bool), ModelError> {
    let jinja = source.compile(template, kind)?;
    let probed = probe::probe(tokenizer, &jinja, kind)?;
    let opened = probed.opens_reasoning;
    Ok((Template::Jinja(Box::new(jinja), kind, probed), Grammar::Hermes, opened))
}
