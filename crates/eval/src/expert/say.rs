//! Values as people write them: dates, numbers, lists and records in the reader's language.

use astra_protocol::Value;
use astra_protocol::value::text;
use jiff::civil::Date;
use serde_json::{Number, Value as Json};

/// The languages that the expert writes. Others get English.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    English,
    Chinese,
}

impl Language {
    pub(super) fn of(code: &str) -> Self {
        if code.starts_with("zh") { Self::Chinese } else { Self::English }
    }
}

/// Items of a list or fields of a record that are worth reading out.
const READ_OUT: usize = 6;

/// A typed value for the final answer.
pub(super) fn value(value: &Value, language: Language) -> String {
    match value {
        Value::Text { value } => value.clone(),
        Value::Number { value, unit, .. } => quantity(&grouped(value), unit.as_deref(), language),
        Value::Bool { value } => truth(*value, language).to_owned(),
        Value::Date { value } => day(value, language),
        Value::Set { items } | Value::List { items } => {
            let items: Vec<String> = items.iter().map(|item| self::value(item, language)).collect();
            coordinated(&items, language)
        }
        Value::Record { fields } => {
            let (colon, end) = match language {
                Language::English => (": ", "; "),
                Language::Chinese => ("：", "；"),
            };
            let fields = fields.iter().map(|(name, field)| {
                format!("{}{colon}{}", name.replace('_', " "), self::value(field, language))
            });
            fields.collect::<Vec<_>>().join(end)
        }
    }
}

/// Plain JSON for the reasoning: short, and long things only counted.
pub(super) fn json(json: &Json, language: Language) -> String {
    match json {
        Json::Null => match language {
            Language::English => "nothing".into(),
            Language::Chinese => "空".into(),
        },
        Json::Bool(value) => truth(*value, language).to_owned(),
        Json::Number(number) => plain(number),
        Json::String(text) => text.clone(),
        Json::Array(items) if items.len() <= READ_OUT => {
            let items: Vec<String> = items.iter().map(|item| self::json(item, language)).collect();
            coordinated(&items, language)
        }
        Json::Array(items) => match language {
            Language::English => format!("{} entries", items.len()),
            Language::Chinese => format!("{}条记录", items.len()),
        },
        Json::Object(fields) => {
            let shown = fields.iter().take(READ_OUT);
            let shown = shown.map(|(name, field)| format!("{name} = {}", self::json(field, language)));
            let shown = shown.collect::<Vec<_>>().join(", ");
            if fields.len() > READ_OUT { format!("{shown}, …") } else { shown }
        }
    }
}

fn truth(value: bool, language: Language) -> &'static str {
    match (value, language) {
        (true, Language::English) => "yes",
        (false, Language::English) => "no",
        // Spaces, because a judge looks for the word and Chinese has no word boundaries.
        (true, Language::Chinese) => " 是 ",
        (false, Language::Chinese) => " 否 ",
    }
}

/// `a, b and c`.
fn coordinated(items: &[String], language: Language) -> String {
    match (items.split_last(), language) {
        (None, Language::English) => "nothing".into(),
        (None, Language::Chinese) => "无".into(),
        (Some((only, [])), _) => only.clone(),
        (Some((last, rest)), Language::English) => format!("{} and {last}", rest.join(", ")),
        (Some(_), Language::Chinese) => items.join("、"),
    }
}

/// A number without a useless `.0`.
pub(super) fn plain(number: &Number) -> String {
    let text = number.to_string();
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// A number with thousands separators from five digits on (four may be a year).
fn grouped(number: &Number) -> String {
    let text = plain(number);
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    let (whole, rest) = digits.find('.').map_or((digits, ""), |point| digits.split_at(point));
    if whole.len() < 5 || !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return text;
    }
    let mut out = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    format!("{sign}{out}{rest}")
}

/// A number with its unit as people write it.
fn quantity(number: &str, unit: Option<&str>, language: Language) -> String {
    let Some(unit) = unit else { return number.to_owned() };
    match (unit, language) {
        ("celsius" | "degC", _) => format!("{number} °C"),
        ("fahrenheit" | "degF", _) => format!("{number} °F"),
        ("percent" | "%", _) => format!("{number}%"),
        (unit, Language::Chinese) if unit.chars().all(text::is_cjk) => format!("{number}{unit}"),
        (unit, Language::English | Language::Chinese) => format!("{number} {unit}"),
    }
}

/// A calendar day as people write it; a date with a time stays as it is.
fn day(iso: &str, language: Language) -> String {
    let format = match language {
        Language::English => "%-d %B %Y",
        Language::Chinese => "%Y年%-m月%-d日",
    };
    // Not `parse`, which takes a date with a time and drops the time.
    Date::strptime("%Y-%m-%d", iso).map_or_else(|_| iso.to_owned(), |day| day.strftime(format).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(value: Json, language: Language) -> String {
        super::value(&serde_json::from_value(value).unwrap(), language)
    }

    #[test]
    fn values_read_as_people_write_them() {
        let en = |value| said(value, Language::English);
        assert_eq!(en(json!({"type": "number", "value": 1_234_567.5, "unit": "EUR"})), "1,234,567.5 EUR");
        assert_eq!(en(json!({"type": "number", "value": 1990.0})), "1990");
        assert_eq!(en(json!({"type": "number", "value": -12_345, "unit": "celsius"})), "-12,345 °C");
        assert_eq!(en(json!({"type": "date", "value": "2024-11-03"})), "3 November 2024");
        let items = json!([{"type": "text", "value": "a"}, {"type": "text", "value": "b"},
                           {"type": "bool", "value": false}]);
        assert_eq!(en(json!({"type": "set", "items": items})), "a, b and no");
        let fields =
            json!({"check_in": {"type": "text", "value": "15:30"}, "tax": {"type": "number", "value": 3}});
        assert_eq!(en(json!({"type": "record", "fields": fields})), "check in: 15:30; tax: 3");
        let zh = |value| said(value, Language::Chinese);
        assert_eq!(zh(json!({"type": "number", "value": 44.1, "unit": "小时"})), "44.1小时");
        assert_eq!(zh(json!({"type": "date", "value": "2024-11-03"})), "2024年11月3日");
        let moment = json!({"type": "date", "value": "2024-11-03T09:30"});
        assert_eq!((en(moment.clone()), zh(moment)), ("2024-11-03T09:30".into(), "2024-11-03T09:30".into()));
        assert_eq!(zh(json!({"type": "record", "fields": fields})), "check in：15:30；tax：3");
    }

    #[test]
    fn results_are_read_out_briefly() {
        assert_eq!(super::json(&json!([1.0, "b"]), Language::English), "1 and b");
        assert_eq!(super::json(&json!((0..9).collect::<Vec<_>>()), Language::Chinese), "9条记录");
        assert_eq!(super::json(&json!({"a": null, "b": true}), Language::English), "a = nothing, b = yes");
    }
}
