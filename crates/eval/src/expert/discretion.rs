//! What may be said: the expert knows the gold, so its words are held to what the trace has already shown.
//!
//! The generator's sub-questions often name what an earlier step discovers ("Which series does the element Yttrium
//! belong to?"). Such a question may be quoted only once those names have been seen. What counts as a name: values of
//! goals, answer and references, named entities, texts of the arena's data and state, and words that look like names
//! or numbers. A question that fails is not repaired; the caller says something plainer.

use astra_arena::Arena;
use astra_protocol::value::text;
use astra_protocol::{ArenaSpec, GoalKind, Message, Reference, ToolDoc, Value};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Texts longer than this are prose, not names.
const LONGEST_NAME: usize = 80;

/// Everything that an arena could give away, normalised.
#[derive(Debug)]
pub(super) struct Secrets {
    texts: BTreeSet<String>,
}

impl Secrets {
    pub(super) fn of(arena: &Arena) -> Self {
        let mut secrets = Self { texts: BTreeSet::new() };
        let spec = arena.spec();
        secrets.add_solution(spec);
        for file in &arena.program().data {
            // Data that is not JSON cannot be loaded by the tools either.
            secrets.add(&serde_json::from_slice(&file.json).unwrap_or(Json::Null));
        }
        for field in spec.state.iter().flat_map(serde_json::Map::values) {
            secrets.add(field);
        }
        secrets
    }

    fn add_solution(&mut self, spec: &ArenaSpec) {
        let goals = spec.goals.iter().filter_map(|goal| match &goal.kind {
            GoalKind::Returns { value, .. } => Some(value),
            GoalKind::StateEquals { .. } => None,
        });
        goals.chain([&spec.answer]).chain(&spec.withheld).for_each(|value| self.add_value(value));
        for argument in spec.gold.iter().flat_map(|call| call.arguments.values()) {
            if let Some(Ok(Reference { value: Some(value), .. })) = Reference::of(argument) {
                self.add_value(&Value::from_json(&value));
            }
        }
        if let Some(entities) = spec.provenance.extra.get("entities") {
            self.add(entities);
        }
    }

    /// Numbers too: those of the solution are few.
    fn add_value(&mut self, value: &Value) {
        match value {
            Value::Text { value } | Value::Date { value } => self.add_text(value),
            Value::Number { value, .. } => self.add_text(&super::say::plain(value)),
            // Every "no" in a sentence would be one.
            Value::Bool { .. } => {}
            Value::Set { items } | Value::List { items } => {
                for item in items {
                    self.add_value(item);
                }
            }
            Value::Record { fields } => fields.values().for_each(|field| self.add_value(field)),
        }
    }

    fn add(&mut self, json: &Json) {
        match json {
            Json::String(text) => self.add_text(text),
            Json::Array(items) => items.iter().for_each(|item| self.add(item)),
            Json::Object(fields) => fields.values().for_each(|field| self.add(field)),
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }

    fn add_text(&mut self, text: &str) {
        if text.len() <= LONGEST_NAME {
            self.texts.insert(text::normalise(text));
        }
    }

    /// What a sentence names that must have been seen before it may be said.
    pub(super) fn named_in(&self, sentence: &str) -> Vec<String> {
        let normal = text::normalise(sentence);
        let known = self.texts.iter().filter(|secret| text::has_span(&normal, secret)).cloned();
        let mut named: Vec<String> = known.collect();
        named.extend(name_like(sentence));
        named
    }
}

/// Words that look like names: with a digit, or with a capital that no sentence beginning explains.
fn name_like(sentence: &str) -> impl Iterator<Item = String> + '_ {
    let words = sentence.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')' | '"'));
    words.filter(|word| !word.is_empty()).enumerate().filter_map(|(at, word)| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        let word = word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word);
        let ascii = word.is_ascii();
        let digit = word.chars().any(|c| c.is_ascii_digit());
        let capital = at > 0 && word.chars().any(char::is_uppercase);
        (ascii && !word.is_empty() && (digit || capital)).then(|| text::normalise(word))
    })
}

/// What the agent has seen, normalised: the conversation and the tool documents.
#[derive(Debug)]
pub(super) struct Seen(String);

impl Seen {
    pub(super) fn of(messages: &[Message], tools: &[ToolDoc]) -> Self {
        let mut all = String::new();
        for message in messages {
            // Our own words prove nothing.
            if !matches!(message, Message::Assistant { .. }) {
                all.push_str(message.content());
                all.push('\n');
            }
        }
        for tool in tools {
            all.push_str(&tool.description);
            all.push_str(tool.parameters.get());
        }
        Self(text::normalise(&all))
    }

    /// Whether all of these were seen.
    pub(super) fn all(&self, named: &[String]) -> bool {
        named.iter().all(|name| text::has_span(&self.0, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_must_have_been_seen() {
        let secrets = Secrets { texts: BTreeSet::from(["warm springs".to_owned(), "钇".to_owned()]) };
        let seen = |text: &str| Seen::of(&[Message::User { content: text.into() }], &[]);
        let named = secrets.named_in("Which series does the element Yttrium belong to?");
        assert_eq!(named, ["yttrium"]);
        assert!(!seen("which series?").all(&named) && seen("it is Yttrium!").all(&named));
        assert_eq!(secrets.named_in("Is it near warm springs?"), ["warm springs"]);
        assert_eq!(secrets.named_in("元素钇属于哪个系列？"), ["钇"]);
        assert_eq!(secrets.named_in("What is Oslo's code in 2024 (QB-71)?"), ["oslo", "2024", "qb-71"]);
        assert!(secrets.named_in("Which code has it?").is_empty());
    }
}
