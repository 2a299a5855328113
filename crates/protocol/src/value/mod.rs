//! Typed expected values: one normaliser and one comparator per type.
//!
//! A comparator answers one question: is this JSON, which a tool returned, the expected value? It never searches:
//! "1" does not match "10" or "2011", and a row that contains the value is not the value. Searching (is the value
//! said somewhere in this text?) is [`Value::mentioned_in`] and [`Value::contained_in`], with rules of their own.

pub mod date;
pub mod number;
pub mod text;

mod mention;

pub use mention::{Mention, mentions};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A typed expected value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Value {
    /// Text, compared after Unicode (NFKC), case and white-space normalisation.
    Text {
        /// The text.
        value: String,
    },
    /// A number, compared exactly or within `tolerance`.
    Number {
        /// The number.
        value: serde_json::Number,
        /// Largest absolute difference that still matches.
        #[serde(default, skip_serializing_if = "is_zero")]
        tolerance: f64,
        /// Unit; an observed unit must be the same or convertible.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unit: Option<String>,
    },
    /// A truth value.
    Bool {
        /// The truth value.
        value: bool,
    },
    /// A calendar date `YYYY-MM-DD`, or a date with time `YYYY-MM-DDTHH:MM[:SS]`.
    Date {
        /// ISO 8601 text.
        value: String,
    },
    /// Items in any order, each once.
    Set {
        /// The items.
        items: Vec<Value>,
    },
    /// Items in this order.
    List {
        /// The items.
        items: Vec<Value>,
    },
    /// Exactly these fields.
    Record {
        /// Field name → value.
        fields: indexmap::IndexMap<String, Value>,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

impl Value {
    /// A text value.
    pub fn text(value: impl Into<String>) -> Self {
        Self::Text { value: value.into() }
    }

    /// An exact number.
    pub fn number(value: impl Into<serde_json::Number>) -> Self {
        Self::Number { value: value.into(), tolerance: 0.0, unit: None }
    }

    /// The value that plain JSON stands for: text that is an ISO date stays text, arrays are lists.
    pub fn from_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::text(""),
            Json::Bool(value) => Self::Bool { value: *value },
            Json::Number(value) => Self::number(value.clone()),
            Json::String(value) => Self::text(value.clone()),
            Json::Array(items) => Self::List { items: items.iter().map(Self::from_json).collect() },
            Json::Object(fields) => Self::Record {
                fields: fields.iter().map(|(name, value)| (name.clone(), Self::from_json(value))).collect(),
            },
        }
    }

    /// Plain JSON of the value, without type, unit or tolerance.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Text { value } | Self::Date { value } => Json::String(value.clone()),
            Self::Number { value, .. } => Json::Number(value.clone()),
            Self::Bool { value } => Json::Bool(*value),
            Self::Set { items } | Self::List { items } => {
                Json::Array(items.iter().map(Self::to_json).collect())
            }
            Self::Record { fields } => {
                Json::Object(fields.iter().map(|(name, value)| (name.clone(), value.to_json())).collect())
            }
        }
    }

    /// Name of the type, as in files.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Number { .. } => "number",
            Self::Bool { .. } => "bool",
            Self::Date { .. } => "date",
            Self::Set { .. } => "set",
            Self::List { .. } => "list",
            Self::Record { .. } => "record",
        }
    }

    /// What is wrong with the value itself, in words; `None` when it can be compared.
    pub fn defect(&self) -> Option<String> {
        match self {
            Self::Text { value } if text::normalise(value).is_empty() => Some("text is empty".into()),
            Self::Number { tolerance, .. } if !tolerance.is_finite() || *tolerance < 0.0 => {
                Some(format!("tolerance `{tolerance}` is not a finite number ≥ 0"))
            }
            Self::Date { value } if date::parse(value).is_none() => {
                Some(format!("`{value}` is not an ISO 8601 date"))
            }
            Self::Text { .. } | Self::Number { .. } | Self::Bool { .. } | Self::Date { .. } => None,
            Self::Set { items } | Self::List { items } => items.iter().find_map(Self::defect),
            Self::Record { fields } if fields.is_empty() => Some("record has no fields".into()),
            Self::Record { fields } => fields.values().find_map(Self::defect),
        }
    }

    /// Whether `observed` is this value.
    pub fn matches(&self, observed: &Json) -> bool {
        match self {
            Self::Text { value } => match observed {
                Json::String(text) => text::normalise(text) == text::normalise(value),
                Json::Number(number) => number.to_string() == value.trim(),
                Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => false,
            },
            Self::Number { value, tolerance, unit } => number::Quantity::observed(observed)
                .is_some_and(|seen| seen.equals(value, *tolerance, unit.as_deref())),
            Self::Bool { value } => text::truth(observed) == Some(*value),
            Self::Date { value } => match (date::parse(value), observed) {
                (Some(expected), Json::String(text)) => {
                    date::parse(text).is_some_and(|seen| expected.admits(&seen))
                }
                _ => false,
            },
            Self::Set { items } => observed.as_array().is_some_and(|seen| same_set(items, seen)),
            Self::List { items } => observed.as_array().is_some_and(|seen| {
                seen.len() == items.len() && items.iter().zip(seen).all(|(want, got)| want.matches(got))
            }),
            Self::Record { fields } => observed.as_object().is_some_and(|seen| {
                seen.len() == fields.len()
                    && fields.iter().all(|(name, want)| seen.get(name).is_some_and(|got| want.matches(got)))
            }),
        }
    }

    /// Whether some leaf of `observed`, or a whole token span of a text leaf, is this value.
    ///
    /// The comparator of arenas without gold calls, where nobody said at which path the value stands.
    pub fn contained_in(&self, observed: &Json) -> bool {
        if self.matches(observed) {
            return true;
        }
        match observed {
            Json::Array(items) => items.iter().any(|item| self.contained_in(item)),
            Json::Object(fields) => fields.values().any(|field| self.contained_in(field)),
            Json::String(text) => self.mentioned_in(text),
            Json::Null | Json::Bool(_) | Json::Number(_) => false,
        }
    }
}

/// Whether arguments mean the same: numbers by amount, text after normalisation, dates by day.
pub fn same_argument(gold: &Json, seen: &Json) -> bool {
    match gold {
        Json::Null => seen.is_null(),
        Json::String(text) if date::parse(text).is_some() => {
            Value::Date { value: text.clone() }.matches(seen) || Value::text(text.clone()).matches(seen)
        }
        Json::Array(items) => seen.as_array().is_some_and(|seen| {
            seen.len() == items.len() && items.iter().zip(seen).all(|(want, got)| same_argument(want, got))
        }),
        Json::Object(fields) => seen.as_object().is_some_and(|seen| {
            seen.len() == fields.len()
                && fields
                    .iter()
                    .all(|(name, want)| seen.get(name).is_some_and(|got| same_argument(want, got)))
        }),
        Json::Bool(_) | Json::Number(_) | Json::String(_) => Value::from_json(gold).matches(seen),
    }
}

/// A one-to-one assignment between expected and observed items (augmenting paths: tolerances can overlap).
fn same_set(expected: &[Value], observed: &[Json]) -> bool {
    if expected.len() != observed.len() {
        return false;
    }
    let mut owner: Vec<Option<usize>> = vec![None; observed.len()];
    (0..expected.len())
        .all(|item| assign(item, expected, observed, &mut owner, &mut vec![false; observed.len()]))
}

fn assign(
    item: usize,
    expected: &[Value],
    observed: &[Json],
    owner: &mut [Option<usize>],
    visited: &mut [bool],
) -> bool {
    for place in 0..observed.len() {
        if visited[place] || !expected[item].matches(&observed[place]) {
            continue;
        }
        visited[place] = true;
        let free = match owner[place] {
            None => true,
            Some(other) => assign(other, expected, observed, owner, visited),
        };
        if free {
            owner[place] = Some(item);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn value(json: Json) -> Value {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn one_is_not_ten_or_2011() {
        let one = Value::number(1);
        assert!(one.matches(&json!(1)) && one.matches(&json!(1.0)) && one.matches(&json!("1")));
        for wrong in
            [json!(10), json!("10"), json!("2011"), json!([1]), json!({"n": 1}), json!(true), json!(null)]
        {
            assert!(!one.matches(&wrong), "{wrong}");
        }
    }

    #[test]
    fn records_have_exactly_their_fields() {
        let record = value(json!({"type": "record", "fields": {
            "name": {"type": "text", "value": "Oslo"}, "population": {"type": "number", "value": 700_000}}}));
        assert!(record.matches(&json!({"population": "700,000", "name": "OSLO"})));
        assert!(!record.matches(&json!({"name": "Oslo"})));
        assert!(!record.matches(&json!({"name": "Oslo", "population": 700_000, "country": "NO"})));
    }

    #[test]
    fn sets_ignore_order_and_count_each_item_once() {
        let set = value(json!({"type": "set", "items": [
            {"type": "number", "value": 1, "tolerance": 1.0}, {"type": "number", "value": 2}]}));
        assert!(set.matches(&json!([2, 1])) && set.matches(&json!([2, 2])), "tolerance needs an assignment");
        assert!(!set.matches(&json!([1, 1])) && !set.matches(&json!([1, 2, 2])));
        let list = value(
            json!({"type": "list", "items": [{"type": "text", "value": "a"}, {"type": "text", "value": "b"}]}),
        );
        assert!(list.matches(&json!(["A", "b"])) && !list.matches(&json!(["b", "a"])));
    }

    #[test]
    fn truth_has_words_in_both_languages_but_is_no_number() {
        let yes = Value::Bool { value: true };
        assert!(yes.matches(&json!(true)) && yes.matches(&json!("Yes")) && yes.matches(&json!("是")));
        assert!(!yes.matches(&json!(1)) && !yes.matches(&json!(false)) && !yes.matches(&json!("yes, but")));
    }

    #[test]
    fn contains_means_a_leaf_or_a_whole_span() {
        let five = Value::number(5);
        assert!(five.contained_in(&json!({"rows": [{"n": 5}]})));
        assert!(five.contained_in(&json!("There are 5 of them.")));
        assert!(!five.contained_in(&json!("There are 15 of them, or 5.5.")));
        let name = Value::text("New York");
        assert!(name.contained_in(&json!("in new york, today")));
        assert!(!name.contained_in(&json!("in New Yorkshire")));
        assert!(Value::text("北京").contained_in(&json!("目的地是北京市")));
    }

    #[test]
    fn arguments_compare_by_meaning() {
        assert!(same_argument(&json!("2024-03-05"), &json!("March 5, 2024")));
        assert!(same_argument(&json!(" Oslo "), &json!("oslo")));
        assert!(same_argument(&json!({"a": [1, 2.0]}), &json!({"a": ["1", 2]})));
        assert!(!same_argument(&json!({"a": 1}), &json!({"a": 1, "b": 2})));
        assert!(!same_argument(&json!(null), &json!("")));
    }

    #[test]
    fn defects_are_named() {
        assert!(Value::text(" ").defect().is_some());
        assert!(Value::Date { value: "soon".into() }.defect().unwrap().contains("soon"));
        assert!(Value::Set { items: vec![Value::text("")] }.defect().is_some());
        assert!(Value::number(3).defect().is_none());
    }
}
