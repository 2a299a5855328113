//! Calls that a lazy or guessing policy would make: defaults, empty, wildcard and maximal arguments, each enum
//! member, and random schema-valid ones. They are drawn from the tool documents alone, never from an arena's data.

use crate::arena::{properties, required};
use astra_protocol::{ToolDoc, draw_below, seeded_rng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value as Json, json};

/// Random calls a tool in `fuzz` and `dump`.
pub(crate) const RANDOM_CALLS: usize = 32;

/// Strings that a guesser would try. Fixed, so that no arena's data can be among them by construction.
const WORDS: [&str; 40] = [
    "test", "example", "item", "hello", "sample", "apple", "blue", "green", "north", "river", "alpha",
    "beta", "data", "user", "name", "value", "default", "none", "first", "last", "best", "new", "open",
    "main", "book", "city", "1", "2", "10", "100", "001", "A1", "id-1", "ID001", "x", "foo", "bar", "测试",
    "你好", "数据",
];

/// Texts that a search may take for "everything".
pub(crate) const WILDCARDS: [&str; 5] = ["*", "%", "", ".*", "all"];

/// What an integer or number without a maximum is pushed to.
const LARGE: i64 = 1_000_000;

/// The calls of the `default` policy for a tool: only what the schema demands, at its defaults.
pub fn default_calls(doc: &ToolDoc) -> Vec<Map<String, Json>> {
    doc.schema().map(|schema| vec![default_call(&schema)]).unwrap_or_default()
}

/// The calls of the `dump` policy for a tool: defaults, each enum member, wildcards, maximal limits.
pub fn dump_calls(doc: &ToolDoc) -> Vec<Map<String, Json>> {
    doc.schema().map(|schema| fixed_calls(&schema)).unwrap_or_default()
}

/// A schema-valid call at random.
pub fn random_call(doc: &ToolDoc, seed: u64, ordinal: usize) -> Map<String, Json> {
    let mut rng = seeded_rng(seed, &format!("random call {} {ordinal}", doc.name));
    doc.schema().map(|schema| random_object(&schema, &mut rng, 0)).unwrap_or_default()
}

/// Default, empty, wildcard, maximal and enum calls of a schema, without repeats.
pub(crate) fn fixed_calls(schema: &Json) -> Vec<Map<String, Json>> {
    let mut calls = vec![default_call(schema), Map::new(), filled(schema, Everything::Required, empty_value)];
    calls.extend(enum_calls(schema));
    for wildcard in WILDCARDS {
        for which in [Everything::Required, Everything::All] {
            calls.push(filled(schema, which, |property| wildcard_value(property, wildcard)));
        }
        calls.push(filled(schema, Everything::All, |property| maximal_value(property, wildcard)));
    }
    let mut distinct: Vec<Map<String, Json>> = Vec::new();
    for call in calls {
        if !distinct.contains(&call) {
            distinct.push(call);
        }
    }
    distinct
}

/// Seeded random calls of a schema.
pub(crate) fn random_calls(schema: &Json, seed: u64, key: &str) -> Vec<Map<String, Json>> {
    let mut rng = seeded_rng(seed, &format!("random calls {key}"));
    (0..RANDOM_CALLS).map(|_| random_object(schema, &mut rng, 0)).collect()
}

/// Only what the schema requires, at its defaults.
pub(crate) fn default_call(schema: &Json) -> Map<String, Json> {
    let mut call = filled(schema, Everything::Required, default_value);
    // Optional arguments keep the tool's own defaults, but a documented default is part of "default arguments".
    for (name, property) in properties(schema) {
        if let Some(default) = property.get("default").filter(|default| !default.is_null()) {
            call.insert(name.clone(), default.clone());
        }
    }
    call
}

/// Each member of each enum, with the rest at defaults.
fn enum_calls(schema: &Json) -> Vec<Map<String, Json>> {
    let base = default_call(schema);
    let mut calls = Vec::new();
    for (name, property) in properties(schema) {
        let members: Vec<Json> = match kind(property) {
            "boolean" => vec![json!(true), json!(false)],
            _ => property.get("enum").and_then(Json::as_array).cloned().unwrap_or_default(),
        };
        for member in members {
            let mut call = base.clone();
            call.insert(name.clone(), member);
            calls.push(call);
        }
    }
    calls
}

#[derive(Clone, Copy, PartialEq)]
enum Everything {
    Required,
    All,
}

fn filled(schema: &Json, which: Everything, value: impl Fn(&Json) -> Json) -> Map<String, Json> {
    let names: Vec<&str> = required(schema).collect();
    properties(schema)
        .filter(|(name, _)| which == Everything::All || names.contains(&name.as_str()))
        .map(|(name, property)| (name.clone(), value(property)))
        .collect()
}

/// The (first) JSON type of a property; `""` when it has none.
pub(crate) fn kind(property: &Json) -> &str {
    match property.get("type") {
        Some(Json::String(kind)) => kind,
        Some(Json::Array(kinds)) => {
            kinds.iter().filter_map(Json::as_str).find(|kind| *kind != "null").unwrap_or_default()
        }
        _ => "",
    }
}

fn first_choice(property: &Json) -> Option<Json> {
    property.get("const").cloned().or_else(|| property.get("enum")?.as_array()?.first().cloned())
}

fn default_value(property: &Json) -> Json {
    property
        .get("default")
        .cloned()
        .or_else(|| first_choice(property))
        .unwrap_or_else(|| empty_value(property))
}

fn empty_value(property: &Json) -> Json {
    if let Some(choice) = first_choice(property) {
        return choice;
    }
    match kind(property) {
        "integer" => json!(lower_bound(property).max(0)),
        "number" => json!(lower_bound(property).max(0) as f64),
        "boolean" => json!(false),
        "array" => json!([]),
        "object" => Json::Object(filled(property, Everything::Required, empty_value)),
        _ => json!(""),
    }
}

fn wildcard_value(property: &Json, wildcard: &str) -> Json {
    match kind(property) {
        _ if property.get("enum").is_some() => default_value(property),
        "array" => json!([wildcard]),
        "string" | "" => json!(wildcard),
        _ => default_value(property),
    }
}

fn maximal_value(property: &Json, wildcard: &str) -> Json {
    match kind(property) {
        _ if property.get("enum").is_some() => default_value(property),
        "integer" => json!(upper_bound(property)),
        "number" => json!(upper_bound(property) as f64),
        "boolean" => json!(true),
        _ => wildcard_value(property, wildcard),
    }
}

fn bound(property: &Json, inclusive: &str, exclusive: &str, step: i64) -> Option<i64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a bound beyond 2^63 saturates, which is the bound meant"
    )]
    let whole = |name: &str| property.get(name).and_then(Json::as_f64).map(|value| value as i64);
    whole(inclusive).or_else(|| whole(exclusive).map(|value| value.saturating_add(step)))
}

fn lower_bound(property: &Json) -> i64 {
    bound(property, "minimum", "exclusiveMinimum", 1).unwrap_or(0)
}

fn upper_bound(property: &Json) -> i64 {
    bound(property, "maximum", "exclusiveMaximum", -1).unwrap_or(LARGE)
}

fn random_object(schema: &Json, rng: &mut ChaCha8Rng, depth: usize) -> Map<String, Json> {
    let names: Vec<String> = required(schema).map(str::to_owned).collect();
    properties(schema)
        .filter_map(|(name, property)| {
            let wanted = names.contains(name) || draw_below(rng, 2) == 0;
            wanted.then(|| (name.clone(), random_value(property, rng, depth)))
        })
        .collect()
}

fn random_value(property: &Json, rng: &mut ChaCha8Rng, depth: usize) -> Json {
    if let Some(members) = property.get("enum").and_then(Json::as_array).filter(|members| !members.is_empty())
    {
        return members[draw_below(rng, members.len())].clone();
    }
    match kind(property) {
        "integer" => json!(random_integer(property, rng)),
        "number" => json!(random_integer(property, rng) as f64 + draw_below(rng, 4) as f64 / 4.0),
        "boolean" => json!(draw_below(rng, 2) == 0),
        "array" if depth < 3 => {
            let least = property.get("minItems").and_then(Json::as_u64).unwrap_or(0).min(4) as usize;
            let count = least + draw_below(rng, 3);
            let items = property.get("items").cloned().unwrap_or_else(|| json!({"type": "string"}));
            Json::Array((0..count).map(|_| random_value(&items, rng, depth + 1)).collect())
        }
        "object" if depth < 3 => Json::Object(random_object(property, rng, depth + 1)),
        _ => match property.get("format").and_then(Json::as_str) {
            Some("date") => json!(format!(
                "20{:02}-{:02}-{:02}",
                10 + draw_below(rng, 20),
                1 + draw_below(rng, 12),
                1 + draw_below(rng, 28)
            )),
            _ => json!(WORDS[draw_below(rng, WORDS.len())]),
        },
    }
}

fn random_integer(property: &Json, rng: &mut ChaCha8Rng) -> i64 {
    let least = lower_bound(property);
    let most =
        bound(property, "maximum", "exclusiveMaximum", -1).unwrap_or(least.saturating_add(100)).max(least);
    let span = usize::try_from(most.saturating_sub(least)).unwrap_or(0).min(1_000_000);
    least.saturating_add(i64::try_from(draw_below(rng, span + 1)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Json {
        json!({"type": "object", "required": ["city", "unit"], "properties": {
            "city": {"type": "string"},
            "unit": {"type": "string", "enum": ["c", "f"]},
            "limit": {"type": "integer", "minimum": 1, "maximum": 50, "default": 5},
            "tags": {"type": "array", "items": {"type": "string"}},
        }})
    }

    #[test]
    fn every_probe_fits_the_schema() {
        let validator = jsonschema::validator_for(&schema()).unwrap();
        let calls = fixed_calls(&schema()).into_iter().filter(|call| !call.is_empty()).chain(random_calls(
            &schema(),
            1,
            "t",
        ));
        for call in calls {
            let call = Json::Object(call);
            assert!(validator.is_valid(&call), "{call}");
        }
    }

    #[test]
    fn the_lazy_calls_are_all_there() {
        let calls = fixed_calls(&schema());
        let has = |call: Json| calls.contains(call.as_object().unwrap());
        assert!(has(json!({"city": "", "unit": "c", "limit": 5})), "default");
        assert!(has(json!({})), "empty");
        assert!(has(json!({"city": "", "unit": "f", "limit": 5})), "each enum member");
        assert!(has(json!({"city": "*", "unit": "c"})), "wildcard");
        assert!(has(json!({"city": "*", "unit": "c", "limit": 50, "tags": ["*"]})), "maximal limit");
    }

    #[test]
    fn random_calls_repeat_by_seed_only() {
        assert_eq!(random_calls(&schema(), 1, "t"), random_calls(&schema(), 1, "t"));
        assert_ne!(random_calls(&schema(), 1, "t"), random_calls(&schema(), 2, "t"));
        assert_eq!(random_calls(&schema(), 1, "t").len(), RANDOM_CALLS);
    }
}
