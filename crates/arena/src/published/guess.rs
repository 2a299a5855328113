//! Which typed value an untyped expected answer stands for.
//!
//! Published answers are mostly text. A type is guessed only where text would compare worse: a number may come back
//! as `1250` or `1,250`, a date in another spelling. Where in doubt it stays text, which demands the whole span.

use astra_protocol::{Value, value::date};
use serde_json::{Number, Value as Json};

/// Units that are split off a number. An unknown word behind a number leaves the answer a text.
const UNITS: [&str; 30] = [
    "%",
    "km",
    "m",
    "cm",
    "mm",
    "kg",
    "g",
    "mg",
    "km²",
    "m²",
    "公里",
    "千米",
    "米",
    "公斤",
    "千克",
    "克",
    "平方公里",
    "平方米",
    "°C",
    "°F",
    "USD",
    "EUR",
    "GBP",
    "CNY",
    "dollars",
    "euros",
    "元",
    "美元",
    "欧元",
    "人民币",
];

/// The value that an expected answer stands for.
pub(crate) fn guess_value(expected: &Json) -> Value {
    match expected {
        Json::String(text) => guess_text(text),
        Json::Array(items) => Value::List { items: items.iter().map(guess_value).collect() },
        Json::Object(fields) => Value::Record {
            fields: fields.iter().map(|(name, value)| (name.clone(), guess_value(value))).collect(),
        },
        Json::Null | Json::Bool(_) | Json::Number(_) => Value::from_json(expected),
    }
}

fn guess_text(text: &str) -> Value {
    let trimmed = text.trim();
    match trimmed {
        // What Python and JSON print for truth values; "yes" and "no" stay words, they stand in too many sentences.
        "true" | "True" => return Value::Bool { value: true },
        "false" | "False" => return Value::Bool { value: false },
        _ => {}
    }
    if let Some(number) = guess_number(trimmed) {
        return number;
    }
    // A bare run of digits is a number or an id, never a date.
    if trimmed.contains(|c: char| !c.is_ascii_digit()) && date::parse(trimmed).is_some() {
        return Value::Date { value: trimmed.to_owned() };
    }
    match list_literal(trimmed) {
        Some(items) => Value::List { items: items.iter().map(guess_value).collect() },
        None => Value::text(text),
    }
}

/// A number with an optional known unit. Codes such as `007` and digits beyond 64 bits stay text.
fn guess_number(text: &str) -> Option<Value> {
    let (sign, rest) = match text.strip_prefix(['-', '+', '−']) {
        Some(rest) => (if text.starts_with('+') { "" } else { "-" }, rest),
        None => ("", text),
    };
    let (currency, rest) = match rest.strip_prefix(['$', '€', '£', '¥']) {
        Some(after) => (rest.chars().next().map(String::from), after.trim_start()),
        None => (None, rest),
    };
    let end = rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ','))).unwrap_or(rest.len());
    let (digits, suffix) = (&rest[..end], rest[end..].trim());
    let unit = match (currency, suffix) {
        (None, "") => None,
        (Some(currency), "") => Some(currency),
        (None, unit) => {
            Some(UNITS.iter().find(|known| known.eq_ignore_ascii_case(unit)).map(|_| unit.to_owned())?)
        }
        (Some(_), _) => return None,
    };
    let plain = digits.replace(',', "");
    let leading_zero = plain.len() > 1 && plain.starts_with('0') && !plain.starts_with("0.");
    if leading_zero || !plain.starts_with(|c: char| c.is_ascii_digit()) || plain.ends_with('.') {
        return None;
    }
    let value: Number = serde_json::from_str(&format!("{sign}{plain}")).ok()?;
    let exact = value.to_string() == format!("{sign}{plain}") || plain.contains('.');
    let guess = Value::Number { value, tolerance: 0.0, unit };
    // The comparator has the last word on separators: `12,34` is no number.
    (exact && guess.matches(&Json::String(text.to_owned()))).then_some(guess)
}

/// A list written as JSON or as a Python literal of plain strings and numbers.
fn list_literal(text: &str) -> Option<Vec<Json>> {
    if !(text.starts_with('[') && text.ends_with(']')) {
        return None;
    }
    serde_json::from_str(text).ok().or_else(|| {
        let quoted = !text.contains(['"', '\\']);
        quoted.then(|| serde_json::from_str(&text.replace('\'', "\"")).ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_types_are_seen() {
        for (expected, kind) in [
            (json!("1,250"), "number"),
            (json!("-3.5"), "number"),
            (json!("12 %"), "number"),
            (json!("$3.50"), "number"),
            (json!("12.5 km"), "number"),
            (json!(7), "number"),
            (json!("True"), "bool"),
            (json!(false), "bool"),
            (json!("2024-03-05"), "date"),
            (json!("March 5, 2024"), "date"),
            (json!("2024年3月5日"), "date"),
            (json!(["a", "b"]), "list"),
            (json!("['a', 'b']"), "list"),
            (json!("Oslo"), "text"),
            (json!("yes"), "text"),
            (json!("007"), "text"),
            (json!("12,34"), "text"),
            (json!("3 apples"), "text"),
            (json!("TXN-8F3A91"), "text"),
            (json!("20240305"), "number"),
            (json!("123456789012345678901234567890"), "text"),
            (json!("1.2.3"), "text"),
        ] {
            assert_eq!(guess_value(&expected).kind(), kind, "{expected}");
        }
    }

    #[test]
    fn a_guess_stands_for_its_own_answer() {
        for text in ["1,250", "-3.5", "12 %", "€3.50", "0.5", "2024-03-05", "True", "Oslo", "1.2.3"] {
            assert!(guess_value(&json!(text)).matches(&json!(text)), "{text}");
        }
        assert!(!guess_value(&json!("5")).contained_in(&json!("15")));
    }
}
