//! Argument values to try, for one tool, in the order in which they are tried.
//!
//! Ground that a person could stand on comes first: members of an enum and keys of the code that the prompt names,
//! results of calls already found, names and numbers of the prompt. Then what only the tool knows (other enum
//! members, defaults, literals of its code), then any words of the prompt.

use super::spans::{Literals, Spans, parts};
use crate::arena::{properties, required};
use astra_protocol::Value;
use astra_protocol::value::text::{has_span, normalise};
use serde_json::{Map, Value as Json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Values tried for one parameter.
const PER_PARAMETER: usize = 300;
/// Elements of which a list is built.
const LIST_ELEMENTS: usize = 12;

/// What the prompt says, cut once.
pub(super) struct Ground {
    text: String,
    normal: String,
    spans: Spans,
}

impl Ground {
    /// `text` is the whole prompt; `asked` is what the user said, of which values are cut.
    pub(super) fn new(text: String, asked: &str) -> Self {
        Self { normal: normalise(&text), text, spans: Spans::of(asked) }
    }

    /// Whether a value stands in the prompt. Truth values and nothing stand everywhere.
    pub(super) fn holds(&self, value: &Json) -> bool {
        match value {
            Json::Null | Json::Bool(_) => true,
            Json::Number(_) => Value::from_json(value).mentioned_in(&self.text),
            Json::String(text) => {
                has_span(&self.normal, &normalise(text))
                    || (Value::Date { value: text.clone() }).mentioned_in(&self.text)
                    || text.parse::<f64>().is_ok()
                        && serde_json::from_str(text).is_ok_and(|number: serde_json::Number| {
                            Value::number(number).mentioned_in(&self.text)
                        })
            }
            Json::Array(items) => items.iter().all(|item| self.holds(item)),
            Json::Object(fields) => fields.values().all(|field| self.holds(field)),
        }
    }
}

/// A parameter with the values to try; `None` leaves it out.
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) values: Vec<Option<Json>>,
}

/// The parameters of a tool with what to try for each.
pub(super) fn parameters(
    schema: &Json,
    code: &Literals,
    ground: &Ground,
    results: &[Arc<Json>],
) -> Vec<Parameter> {
    let needed: BTreeSet<&str> = required(schema).collect();
    properties(schema)
        .map(|(name, property)| {
            let mut values: Vec<Option<Json>> = Vec::new();
            if !needed.contains(name.as_str()) {
                values.push(None);
            }
            let list = Values::new(property, code, ground, results).ordered();
            values.extend(list.into_iter().take(PER_PARAMETER).map(Some));
            Parameter { name: name.clone(), values }
        })
        .collect()
}

/// Everything that the values of one parameter come from.
struct Values<'a> {
    property: &'a Json,
    code: &'a Literals,
    ground: &'a Ground,
    results: &'a [Arc<Json>],
    out: Vec<Json>,
    seen: BTreeSet<String>,
}

impl<'a> Values<'a> {
    fn new(property: &'a Json, code: &'a Literals, ground: &'a Ground, results: &'a [Arc<Json>]) -> Self {
        Self { property, code, ground, results, out: Vec::new(), seen: BTreeSet::new() }
    }

    fn push(&mut self, value: Json) {
        if self.seen.insert(value.to_string()) {
            self.out.push(value);
        }
    }

    fn ordered(mut self) -> Vec<Json> {
        match kind(self.property).as_deref() {
            Some("boolean") => [Json::Bool(true), Json::Bool(false)].map(|value| self.push(value)).len(),
            Some("integer" | "number") => self.numbers(),
            Some("array") => self.lists(),
            Some("object") => self.objects(),
            Some("string") => self.texts(),
            // Untyped: whatever fits anywhere.
            Some(_) | None => self.texts() + self.numbers(),
        };
        self.out
    }

    /// Enum members, default and examples of the schema, those that the prompt names first.
    fn schema(&mut self, named: bool) {
        let listed =
            ["enum", "examples"].into_iter().filter_map(|key| self.property.get(key)?.as_array()).flatten();
        let single = ["const", "default"].into_iter().filter_map(|key| self.property.get(key));
        let values: Vec<Json> =
            listed.chain(single).filter(|value| self.ground.holds(value) == named).cloned().collect();
        for value in values {
            self.push(value);
        }
    }

    fn texts(&mut self) -> usize {
        self.schema(true);
        if self.property.get("enum").is_some() {
            self.schema(false);
            return self.out.len();
        }
        let ground = self.ground;
        let named = |text: &&String| ground.holds(&Json::String((*text).clone()));
        for text in self.code.texts.iter().filter(named) {
            self.push(Json::String(text.clone()));
        }
        for result in self.results {
            for (_, part) in parts(result) {
                match part {
                    Json::String(text) => self.push(Json::String(text.clone())),
                    Json::Number(number) => self.push(Json::String(number.to_string())),
                    Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => {}
                }
            }
        }
        for text in &ground.spans.strong {
            self.push(Json::String(text.clone()));
        }
        for number in &ground.spans.numbers {
            self.push(Json::String(number.to_string()));
        }
        // Values that must be read out of a sentence that a tool returned.
        for result in self.results {
            for (_, part) in parts(result) {
                if let Json::String(text) = part {
                    Spans::of(text).strong.into_iter().for_each(|span| self.push(Json::String(span)));
                }
            }
        }
        self.schema(false);
        for text in self.code.texts.iter().filter(|text| !named(text)) {
            self.push(Json::String(text.clone()));
        }
        for text in &ground.spans.weak {
            self.push(Json::String(text.clone()));
        }
        self.out.len()
    }

    fn numbers(&mut self) -> usize {
        let whole = kind(self.property).as_deref() == Some("integer");
        let fits = |number: &serde_json::Number| !whole || number.is_i64() || number.is_u64();
        self.schema(true);
        let ground = self.ground;
        for number in ground.spans.numbers.iter().filter(|number| fits(number)) {
            self.push(Json::Number(number.clone()));
        }
        for result in self.results {
            for (_, part) in parts(result) {
                match part {
                    Json::Number(number) if fits(number) => self.push(Json::Number(number.clone())),
                    Json::String(text) => {
                        for number in Spans::of(text).numbers.into_iter().filter(&fits) {
                            self.push(Json::Number(number));
                        }
                    }
                    Json::Number(_) | Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => {}
                }
            }
        }
        self.schema(false);
        for number in self.code.numbers.iter().filter(|number| fits(number)) {
            self.push(Json::Number(number.clone()));
        }
        self.out.len()
    }

    fn lists(&mut self) -> usize {
        self.schema(true);
        for result in self.results {
            let lists: Vec<Json> = parts(result)
                .into_iter()
                .filter(|(_, part)| part.is_array())
                .map(|(_, part)| part.clone())
                .collect();
            for list in lists {
                self.push(list);
            }
        }
        let item = self.property.get("items").cloned().unwrap_or(Json::Null);
        let mut elements = Values::new(&item, self.code, self.ground, self.results).ordered();
        elements.truncate(PER_PARAMETER);
        let named: Vec<Json> = elements.iter().filter(|value| self.ground.holds(value)).cloned().collect();
        if matches!(kind(&item).as_deref(), Some("integer" | "number")) {
            let listed = |numbers: &[serde_json::Number]| {
                Json::Array(numbers.iter().cloned().map(Json::Number).collect())
            };
            for series in &self.ground.spans.series {
                self.push(listed(series));
            }
            self.push(listed(&self.ground.spans.numbers));
        }
        // All keys of the code, or enum members, that the prompt names, as one list.
        let known: Vec<Json> = named.iter().filter(|value| self.known(&item, value)).cloned().collect();
        if known.len() > 1 {
            self.push(Json::Array(known));
        }
        elements.into_iter().take(LIST_ELEMENTS).for_each(|value| self.push(Json::Array(vec![value])));
        self.schema(false);
        self.out.len()
    }

    fn known(&self, item: &Json, value: &Json) -> bool {
        let member = item.get("enum").and_then(Json::as_array).is_some_and(|members| members.contains(value));
        member || value.as_str().is_some_and(|text| self.code.texts.iter().any(|known| known == text))
    }

    fn objects(&mut self) -> usize {
        self.schema(true);
        for result in self.results {
            let objects: Vec<Json> = parts(result)
                .into_iter()
                .filter(|(_, part)| part.is_object())
                .map(|(_, part)| part.clone())
                .collect();
            for object in objects {
                self.push(object);
            }
        }
        self.schema(false);
        self.push(Json::Object(Map::new()));
        self.out.len()
    }
}

/// The type of a property; of several, the first that is not null.
fn kind(property: &Json) -> Option<String> {
    let named = |value: &Json| value.as_str().filter(|name| *name != "null").map(str::to_owned);
    match property.get("type") {
        Some(Json::Array(types)) => types.iter().find_map(named),
        Some(one) => named(one),
        None => ["anyOf", "oneOf"]
            .into_iter()
            .filter_map(|key| property.get(key)?.as_array())
            .flatten()
            .find_map(kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn first(property: &Json, count: usize) -> Vec<Json> {
        let code = Literals::of("D = {'tokyo': 3, 'oslo': 5, 'lima': 7}");
        let asked = "How many trams ran in Oslo and Lima on 4 lines in March 2023?";
        let ground = Ground::new(asked.into(), asked);
        let results = [Arc::new(json!({"code": "NO-1", "lines": 4}))];
        let mut values = Values::new(property, &code, &ground, &results).ordered();
        values.truncate(count);
        values
    }

    #[test]
    fn what_the_prompt_names_comes_first() {
        assert_eq!(first(&json!({"type": "string"}), 3), [json!("oslo"), json!("lima"), json!("NO-1")]);
        assert_eq!(first(&json!({"type": "string", "enum": ["lima", "bern", "oslo"]}), 9).len(), 3);
        assert_eq!(first(&json!({"type": "string", "enum": ["bern", "oslo"]}), 1), [json!("oslo")]);
        assert_eq!(first(&json!({"type": ["null", "integer"]}), 1), [json!(4)]);
        assert_eq!(
            first(&json!({"type": "array", "items": {"type": "string"}}), 1),
            [json!(["oslo", "lima"])]
        );
    }

    #[test]
    fn values_stand_in_the_prompt_by_meaning() {
        let ground = Ground::new("On March 5, 2024 in OSLO: 1,250 trams".into(), "");
        for held in [
            json!("oslo"),
            json!("2024-03-05"),
            json!(1250),
            json!("1250"),
            json!(true),
            json!(["Oslo", 1250]),
        ] {
            assert!(ground.holds(&held), "{held}");
        }
        for other in [json!("slo"), json!("2024-03-06"), json!(125), json!(["Oslo", 7])] {
            assert!(!ground.holds(&other), "{other}");
        }
    }
}
