//! `leak`: what must be found stands nowhere in sight.

use super::Measurements;
use super::measure::discovered;
use super::oracle::brief;
use crate::arena::Arena;
use crate::reward::gold_of;
use astra_protocol::value::text;
use astra_protocol::{GoalKind, Value};
use serde_json::{Map, Value as Json};

/// Enums this long are choices, not hints.
const FAIR_ENUM: usize = 5;

pub(crate) fn nothing_in_sight(arena: &Arena, measured: &Measurements) -> Vec<String> {
    let spec = &arena.spec;
    let prompt = spec.prompt_text();
    let mut places = vec![("the prompt".to_owned(), prompt.clone())];
    for tool in &spec.tools {
        let mut schema = tool.doc.schema().unwrap_or_default();
        drop_fair_enums(&mut schema);
        let document = format!("{} {} {}", tool.doc.name, tool.doc.description, words_of(&schema));
        places.push((format!("the document of `{}`", tool.doc.name), document));
    }
    for tried in &measured.probes {
        if let Err(error) = &tried.result {
            places.push((format!("an error text of `{}`", tried.tool), error.clone()));
        }
    }
    let mut failures = Vec::new();
    for secret in secrets(arena, measured) {
        let found =
            places.iter().find(|(_, text)| secret.value.mentioned_in(text) && !secret.is_choice_in(text));
        if let Some((place, _)) = found {
            failures.push(format!("{} {} stands in {place}", secret.what, brief(&secret.value.to_json())));
        }
    }
    let normal = text::normalise(&prompt);
    for tool in &spec.tools {
        let words = name_words(&tool.doc.name);
        let spelled = [text::normalise(&tool.doc.name), words.join(" ")];
        if words.len() >= 2 && spelled.iter().any(|name| text::has_span(&normal, name)) {
            failures.push(format!("the tool name `{}` stands in the prompt", tool.doc.name));
        }
    }
    failures
}

/// A value that must not be seen before it is found.
struct Secret {
    what: String,
    value: Value,
    /// Values that stand in its place under other arguments: when all of them are in sight too, it is a choice.
    others: Vec<Value>,
}

impl Secret {
    fn is_choice_in(&self, text: &str) -> bool {
        !self.others.is_empty() && self.others.iter().all(|other| other.mentioned_in(text))
    }
}

fn secrets(arena: &Arena, measured: &Measurements) -> Vec<Secret> {
    let mut out = Vec::new();
    if !arena.spec.answerable {
        let hidden = std::iter::once(&arena.spec.answer).chain(&arena.spec.withheld);
        for value in hidden {
            add_leaves(&mut out, "the withheld value", value, &[]);
        }
    }
    for goal in &arena.spec.goals {
        let GoalKind::Returns { path, value, tool, .. } = &goal.kind else { continue };
        let alternatives = measured
            .alternatives
            .iter()
            .filter(|alternative| gold_of(goal).is_some_and(|id| arena.spec.gold[alternative.gold].id == id));
        let siblings = arena.spec.goals.iter().filter_map(|other| match &other.kind {
            GoalKind::Returns { tool: same, path: place, value, .. } if same == tool && place == path => {
                Some(value.clone())
            }
            GoalKind::Returns { .. } | GoalKind::StateEquals { .. } => None,
        });
        let mut others: Vec<Value> = alternatives
            .filter_map(|alternative| alternative.tried.result.as_ref().ok()?.pointer(path))
            .filter(|seen| is_scalar(seen))
            .map(Value::from_json)
            .chain(siblings)
            .filter(|other| !value.matches(&other.to_json()))
            .collect();
        others.dedup();
        add_leaves(&mut out, &format!("the value of goal `{}`", goal.id), value, &others);
    }
    for (call, name, value) in discovered(arena, &measured.replay) {
        let what = format!("argument `{name}` of `{}`, which must be discovered,", call.id);
        // Branch arguments of one tool are choices when a comparison picks among them.
        let others: Vec<Value> = measured
            .replay
            .steps
            .iter()
            .filter_map(|step| step.arguments.as_ref().ok()?.get(name))
            .filter(|other| *other != value)
            .map(Value::from_json)
            .collect();
        add_leaves(&mut out, &what, &Value::from_json(value), &others);
    }
    out
}

fn is_scalar(value: &Json) -> bool {
    matches!(value, Json::String(_) | Json::Number(_))
}

/// The parts of a value that are long enough to be told from coincidence: 4 characters or 3 digits.
fn add_leaves(out: &mut Vec<Secret>, what: &str, value: &Value, others: &[Value]) {
    match value {
        Value::Set { items } | Value::List { items } => {
            for item in items {
                add_leaves(out, what, item, others);
            }
        }
        Value::Record { fields } => {
            for field in fields.values() {
                add_leaves(out, what, field, others);
            }
        }
        Value::Bool { .. } => {}
        Value::Text { value: said } if text::normalise(said).chars().count() < 4 => {}
        Value::Number { value: number, .. }
            if number.to_string().chars().filter(char::is_ascii_digit).count() < 3 => {}
        Value::Text { .. } | Value::Number { .. } | Value::Date { .. } => {
            out.push(Secret { what: what.to_owned(), value: value.clone(), others: others.to_vec() });
        }
    }
}

/// Removes enums that are long enough to be fair choices.
fn drop_fair_enums(schema: &mut Json) {
    match schema {
        Json::Object(fields) => {
            if fields.get("enum").and_then(Json::as_array).is_some_and(|members| members.len() >= FAIR_ENUM) {
                fields.remove("enum");
            }
            fields.values_mut().for_each(drop_fair_enums);
        }
        Json::Array(items) => items.iter_mut().for_each(drop_fair_enums),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// All names and texts of a schema; structural numbers (bounds) are not hints about a value.
fn words_of(schema: &Json) -> String {
    match schema {
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(words_of).collect::<Vec<_>>().join(" ; "),
        Json::Object(fields) => object_words(fields),
        Json::Number(number) => number.to_string(),
        Json::Null | Json::Bool(_) => String::new(),
    }
}

fn object_words(fields: &Map<String, Json>) -> String {
    const BOUNDS: [&str; 8] = [
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
    ];
    fields
        .iter()
        .filter(|(name, value)| !(BOUNDS.contains(&name.as_str()) && value.is_number()))
        .map(|(name, value)| format!("{name} : {}", words_of(value)))
        .collect::<Vec<_>>()
        .join(" ; ")
}

/// Words of an identifier: `get_cityName` → get, city, name.
fn name_words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut previous_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() {
            previous_lower = false;
            words.push(String::new());
            continue;
        }
        if (c.is_uppercase() && previous_lower) || words.is_empty() {
            words.push(String::new());
        }
        previous_lower = c.is_lowercase();
        if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_split_into_words() {
        assert_eq!(name_words("get_cityName"), ["get", "city", "name"]);
        assert_eq!(name_words("search"), ["search"]);
        assert_eq!(name_words("getHTTP2-page"), ["get", "http2", "page"]);
    }

    #[test]
    fn long_enums_are_no_hint() {
        let mut schema = serde_json::json!({"properties": {
            "a": {"enum": ["v1", "v2"]}, "b": {"enum": ["w1", "w2", "w3", "w4", "w5"], "maximum": 300}}});
        drop_fair_enums(&mut schema);
        let words = words_of(&schema);
        assert!(words.contains("v2") && !words.contains("w2") && !words.contains("300"));
    }
}
