//! What makes two arenas alike: their source, the things they are about, and the question up to names.
//!
//! Generators say so in `provenance.extra`: `entities` (names that the arena is about) and `shape` (its question with
//! names masked). Where they do not, both are read off the arena itself, less exactly: entities are the free texts of
//! gold arguments and of the answer, the shape is the prompt with those masked, with topology and kinds of calls.
//! Numbers are never masked: "the three largest" and "the five largest" are different questions.

use astra_protocol::value::{date, text};
use astra_protocol::{ArenaSpec, GoalKind, Reference, Value};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// What stands for a name.
const MASK: char = '□';

/// The source of an arena: its subject area, which for generated ones is the group of tables.
pub fn source(spec: &ArenaSpec) -> &str {
    &spec.domain
}

/// Names of the things that an arena is about, normalised.
pub fn entities(spec: &ArenaSpec) -> BTreeSet<String> {
    let recorded = spec.provenance.extra.get("entities").and_then(Json::as_array);
    let names = match recorded {
        Some(names) => names.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        None => read_off(spec),
    };
    names.iter().map(|name| text::normalise(name)).filter(|name| !name.is_empty()).collect()
}

fn read_off(spec: &ArenaSpec) -> Vec<String> {
    let mut names = Vec::new();
    for call in &spec.gold {
        let schema = spec.tool(&call.tool).and_then(|tool| tool.doc.schema().ok()).unwrap_or_default();
        for (name, argument) in &call.arguments {
            let Json::String(text) = argument else { continue };
            // One word of a fixed list, or a day, is not what the arena is about.
            let is_choice = schema["properties"][name].get("enum").is_some();
            if Reference::of(argument).is_none() && !is_choice && date::parse(text).is_none() {
                names.push(text.clone());
            }
        }
    }
    texts_of(&spec.answer, &mut names);
    spec.withheld.iter().for_each(|value| texts_of(value, &mut names));
    names
}

fn texts_of(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Text { value } => names.push(value.clone()),
        Value::Number { .. } | Value::Bool { .. } | Value::Date { .. } => {}
        Value::Set { items } | Value::List { items } => items.iter().for_each(|item| texts_of(item, names)),
        Value::Record { fields } => fields.values().for_each(|field| texts_of(field, names)),
    }
}

/// The prompt with the names of [`entities`] masked, normalised.
pub fn masked_prompt(spec: &ArenaSpec) -> String {
    mask(&text::normalise(&spec.prompt_text()), &entities(spec))
}

/// The question up to names: what the generator recorded, else topology, kinds of calls and the masked prompt.
pub fn shape(spec: &ArenaSpec) -> String {
    if let Some(shape) = recorded_shape(spec) {
        return shape.to_owned();
    }
    let mut shape = spec.topology.to_string();
    for call in &spec.gold {
        let references = call.arguments.values().filter(|argument| Reference::of(argument).is_some()).count();
        let given = spec.goals.iter().filter_map(|goal| match &goal.kind {
            GoalKind::Returns { gold, value, .. } if gold.as_ref() == Some(&call.id) => Some(value.kind()),
            GoalKind::StateEquals { gold } if gold.contains(&call.id) => Some("state"),
            GoalKind::Returns { .. } | GoalKind::StateEquals { .. } => None,
        });
        let given: Vec<&str> = given.collect();
        let literals = call.arguments.len() - references;
        shape = format!("{shape} {literals}+{references}>{}", given.join("&"));
    }
    shape.push('\n');
    shape + &masked_prompt(spec)
}

/// The shape that the generator recorded.
pub fn recorded_shape(spec: &ArenaSpec) -> Option<&str> {
    spec.provenance.extra.get("shape").and_then(Json::as_str)
}

/// Replaces whole-word occurrences of the names, the longest first. Both sides are normalised.
fn mask(prompt: &str, names: &BTreeSet<String>) -> String {
    let mut longest_first: Vec<&str> = names.iter().map(String::as_str).collect();
    longest_first.sort_by_key(|name| std::cmp::Reverse(name.len()));
    let mut out = String::with_capacity(prompt.len());
    let mut rest = prompt;
    let mut before: Option<char> = None;
    while let Some(letter) = rest.chars().next() {
        let found = longest_first.iter().find(|name| {
            let after = rest.strip_prefix(**name).map(|after| after.chars().next());
            after.is_some_and(|after| {
                is_boundary(before, name.chars().next()) && is_boundary(name.chars().next_back(), after)
            })
        });
        let length = found.map_or(letter.len_utf8(), |name| name.len());
        out.push(if found.is_some() { MASK } else { letter });
        before = rest[..length].chars().next_back();
        rest = &rest[length..];
    }
    out
}

/// Whether a word may end between two letters: always next to a script without spaces.
fn is_boundary(left: Option<char>, right: Option<char>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => {
            text::is_cjk(left) || text::is_cjk(right) || !(left.is_alphanumeric() && right.is_alphanumeric())
        }
        (None, _) | (_, None) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(prompt: &str, name: &str, extra: &Json) -> ArenaSpec {
        let json = json!({
            "version": 1, "language": "en", "domain": "test", "topology": "single_hop",
            "prompt": [{"role": "user", "content": prompt}], "answer": {"type": "text", "value": "Harbour"},
            "tools": [{"doc": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {
                "x": {"type": "string"}, "kind": {"enum": ["tall", "wide"]}}}}, "code": "", "entry": "f"}],
            "gold": [{"id": "c", "tool": "f", "arguments": {"x": name, "kind": "tall", "day": "2024-01-02"}}],
            "goals": [{"id": "g", "question": "q", "kind": {"type": "returns", "tool": "f", "gold": "c",
                       "value": {"type": "text", "value": "Harbour"}}}],
            "provenance": {"extra": extra},
        });
        ArenaSpec::parse(&json.to_string()).unwrap()
    }

    #[test]
    fn questions_that_differ_in_names_only_have_one_shape() {
        let one = spec("How tall is Oslo Tower?", "Oslo Tower", &json!({}));
        let other = spec("How tall is The Needle?", "The Needle", &json!({}));
        assert_eq!(shape(&one), shape(&other));
        assert_eq!(masked_prompt(&one), "how tall is □?");
        assert_eq!(entities(&one), BTreeSet::from(["harbour".to_owned(), "oslo tower".to_owned()]));
        let three = spec("Name the 3 towers near Oslo Tower.", "Oslo Tower", &json!({}));
        let five = spec("Name the 5 towers near Oslo Tower.", "Oslo Tower", &json!({}));
        assert_ne!(shape(&three), shape(&five), "numbers are part of the question");
    }

    #[test]
    fn what_the_generator_recorded_wins() {
        let extra = json!({"entities": ["Oslo", "H"], "shape": "height of □"});
        let arena = spec("Oslo H Tower of Oslonia, Ohio", "Oslo Tower", &extra);
        assert_eq!(masked_prompt(&arena), "□ □ tower of oslonia, ohio");
        assert_eq!(shape(&arena), "height of □");
    }

    #[test]
    fn chinese_names_are_masked_inside_sentences() {
        let names = BTreeSet::from(["北京".to_owned(), "北京大学".to_owned()]);
        assert_eq!(mask("北京大学在北京吗?", &names), "□在□吗?");
    }
}
