//! Values as models write them: flat, with every field there, so that strict schemas can ask for them.

use astra_protocol::Value;
use serde_json::{Value as Json, json};

/// The JSON Schema of a value.
pub(super) fn schema() -> Json {
    let scalar = json!(["string", "number"]);
    json!({
        "type": "object", "additionalProperties": false, "required": ["type", "value", "unit"],
        "properties": {
            "type": {"type": "string", "enum": ["text", "number", "bool", "date", "list", "set"]},
            "value": {"anyOf": [
                {"type": "string"}, {"type": "number"}, {"type": "boolean"},
                {"type": "array", "items": {"type": scalar}, "minItems": 1},
            ]},
            "unit": {"type": ["string", "null"]},
        },
    })
}

/// The typed value; the error says what does not fit together.
pub(super) fn read(json: &Json) -> Result<Value, String> {
    let kind = json["type"].as_str().unwrap_or_default();
    let mismatch = || format!("a value of type `{kind}` cannot be {}", json["value"]);
    let value = match (kind, &json["value"]) {
        ("text", Json::String(text)) => Value::text(text.trim()),
        ("number", Json::Number(number)) => Value::Number {
            value: number.clone(),
            tolerance: 0.0,
            unit: json["unit"].as_str().map(str::trim).filter(|unit| !unit.is_empty()).map(str::to_owned),
        },
        ("bool", Json::Bool(value)) => Value::Bool { value: *value },
        ("date", Json::String(text)) => Value::Date { value: text.trim().to_owned() },
        ("list", Json::Array(items)) => Value::List { items: items.iter().map(Value::from_json).collect() },
        ("set", Json::Array(items)) => Value::Set { items: items.iter().map(Value::from_json).collect() },
        _ => return Err(mismatch()),
    };
    match value.defect() {
        None => Ok(value),
        Some(defect) => Err(defect),
    }
}

/// The value as people read it.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Number { value, unit: Some(unit), .. } => format!("{value} {unit}"),
        Value::Text { value } | Value::Date { value } => value.clone(),
        Value::Number { .. }
        | Value::Bool { .. }
        | Value::Set { .. }
        | Value::List { .. }
        | Value::Record { .. } => value.to_json().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_values_have_to_fit_together() {
        let value = |kind: &str, value: Json| read(&json!({"type": kind, "value": value, "unit": "km"}));
        assert_eq!(shown(&value("number", json!(12.5)).unwrap()), "12.5 km");
        assert!(value("set", json!(["a", 2])).unwrap().matches(&json!([2, "A"])));
        for (kind, wrong) in [
            ("number", json!("12")),
            ("bool", json!("false")),
            ("text", json!(7)),
            ("text", json!(" ")),
            ("date", json!("tomorrow")),
            ("list", json!("a")),
        ] {
            assert!(value(kind, wrong.clone()).is_err(), "{kind} {wrong}");
        }
    }
}
