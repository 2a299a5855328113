//! Numbers with thousands separators, units and tolerance.

use rust_decimal::Decimal;
use serde_json::Value as Json;
use std::str::FromStr;

/// An observed amount with its unit, if it had one.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    amount: Amount,
    unit: Option<String>,
}

/// Exact where 28 digits suffice, floating point beyond.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Amount {
    Exact(Decimal),
    Float(f64),
}

impl Amount {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(exact) = Decimal::from_str_exact(text) {
            return Some(Self::Exact(exact));
        }
        let float = f64::from_str(text).ok().filter(|value| value.is_finite())?;
        Some(Decimal::from_scientific(&text.to_lowercase()).map_or(Self::Float(float), Self::Exact))
    }

    fn as_f64(self) -> f64 {
        match self {
            Self::Exact(value) => f64::try_from(value).unwrap_or(f64::NAN),
            Self::Float(value) => value,
        }
    }

    fn scaled(self, factor: f64) -> Self {
        match (self, Decimal::from_str_exact(&factor.to_string())) {
            (Self::Exact(value), Ok(exact)) => {
                value.checked_mul(exact).map_or(Self::Float(self.as_f64() * factor), Self::Exact)
            }
            _ => Self::Float(self.as_f64() * factor),
        }
    }

    fn within(self, other: Self, tolerance: f64) -> bool {
        if let (Self::Exact(a), Self::Exact(b)) = (self, other) {
            if a == b || (tolerance == 0.0 && a.is_integer() && b.is_integer()) {
                return a == b;
            }
            if let Some(allowed) =
                Decimal::from_str_exact(&tolerance.to_string()).ok().filter(|_| tolerance > 0.0)
            {
                return a.checked_sub(b).is_some_and(|difference| difference.abs() <= allowed);
            }
        }
        let (a, b) = (self.as_f64(), other.as_f64());
        // Two spellings of one double differ by rounding only (0.1 + 0.2 against 0.3).
        let rounding = 4.0 * f64::EPSILON * a.abs().max(b.abs());
        (a - b).abs() <= tolerance.max(rounding)
    }
}

impl Quantity {
    /// The amount in a JSON number, or in a text that is nothing but one number with an optional unit.
    pub fn observed(json: &Json) -> Option<Self> {
        match json {
            Json::Number(number) => Some(Self { amount: Amount::parse(&number.to_string())?, unit: None }),
            Json::String(text) => Self::parse(text),
            Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
        }
    }

    /// Parses `1,234.5 km`, `12 %`, `$3.50`, `1 234`, `１２个`; the whole text must be the quantity.
    pub fn parse(text: &str) -> Option<Self> {
        let text = super::text::normalise(text);
        let (sign, rest) = match text.strip_prefix(['-', '+']) {
            Some(rest) => (if text.starts_with('-') { "-" } else { "" }, rest.trim_start()),
            None => ("", text.as_str()),
        };
        let prefix: String = rest.chars().take_while(|c| !c.is_ascii_digit() && *c != '.').collect();
        if !prefix.is_empty() && !is_currency(prefix.trim()) {
            return None;
        }
        let rest = &rest[prefix.len()..];
        let end = number_end(rest);
        let digits = strip_separators(&rest[..end])?;
        let suffix = rest[end..].trim();
        let unit = match (prefix.trim(), suffix) {
            ("", "") => None,
            ("", unit) => Some(unit),
            (currency, "") => Some(currency),
            _ => return None,
        };
        if unit.is_some_and(|unit| unit.chars().any(|c| c.is_ascii_digit()) || unit.split(' ').count() > 3) {
            return None;
        }
        Some(Self { amount: Amount::parse(&format!("{sign}{digits}"))?, unit: unit.map(str::to_owned) })
    }

    /// Whether this is `value` within `tolerance`, after converting this one's unit to `unit`.
    pub fn equals(&self, value: &serde_json::Number, tolerance: f64, unit: Option<&str>) -> bool {
        let Some(expected) = Amount::parse(&value.to_string()) else { return false };
        let factor = match (self.unit.as_deref(), unit) {
            (None, _) => 1.0,
            // An expected bare number says nothing of units: a percentage or amount of money is another thing.
            (Some(_), None) => return false,
            (Some(seen), Some(wanted)) => match conversion(seen, wanted) {
                Some(factor) => factor,
                None => return false,
            },
        };
        self.amount.scaled(factor).within(expected, tolerance)
    }
}

/// Byte length of the leading number, separators and exponent included.
fn number_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut end = 0;
    while end < bytes.len() {
        let digit_at = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        let within = match bytes[end] {
            b'0'..=b'9' => true,
            b'.' | b',' | b'\'' | b'_' => digit_at(end + 1),
            b' ' => (1..=3).all(|step| digit_at(end + step)) && !digit_at(end + 4) && end > 0,
            b'e' | b'E' => {
                let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
                end > 0 && digit_at(end + 1 + sign)
            }
            b'+' | b'-' => end > 0 && matches!(bytes[end - 1], b'e' | b'E'),
            _ => false,
        };
        if !within {
            break;
        }
        end += 1;
    }
    end
}

/// Removes thousands separators; `None` when their places are wrong (`12,34`).
fn strip_separators(text: &str) -> Option<String> {
    let (mantissa, exponent) = match text.find('e') {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let european = mantissa.matches('.').count() > 1
        || matches!((mantissa.rfind('.'), mantissa.rfind(',')), (Some(dot), Some(comma)) if comma > dot);
    let (thousands, point) = if european { ('.', ',') } else { (',', '.') };
    let (whole, fraction) = match mantissa.split_once(point) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    if fraction.is_some_and(|digits| !digits.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    let separators = [thousands, ' ', '\'', '_'];
    let groups: Vec<&str> = whole.split(separators).collect();
    let grouped = groups.len() == 1
        || (groups[1..].iter().all(|group| group.len() == 3) && (1..=3).contains(&groups[0].len()));
    if !grouped || (whole.is_empty() && fraction.is_none()) {
        return None;
    }
    let whole = if whole.is_empty() { "0".to_owned() } else { groups.concat() };
    Some(match fraction {
        Some(fraction) => format!("{whole}.{fraction}{exponent}"),
        None => format!("{whole}{exponent}"),
    })
}

fn is_currency(text: &str) -> bool {
    matches!(
        canonical_unit(text),
        Some(("money:usd" | "money:eur" | "money:gbp" | "money:cny" | "money:jpy", _))
    )
}

/// Factor from `seen` to `wanted`; `None` when they measure different things.
fn conversion(seen: &str, wanted: &str) -> Option<f64> {
    let wanted = super::text::normalise(wanted);
    if seen == wanted {
        return Some(1.0);
    }
    let (dimension, factor) = canonical_unit(seen)?;
    let (wanted_dimension, wanted_factor) = canonical_unit(&wanted)?;
    (dimension == wanted_dimension).then(|| factor / wanted_factor)
}

/// Dimension and factor to its base unit, for units with a purely multiplicative conversion.
fn canonical_unit(unit: &str) -> Option<(&'static str, f64)> {
    let unit = unit.trim_end_matches('.');
    Some(match unit {
        "m" | "meter" | "meters" | "metre" | "metres" | "米" => ("length", 1.0),
        "km" | "kilometer" | "kilometers" | "kilometre" | "kilometres" | "公里" | "千米" => {
            ("length", 1000.0)
        }
        "cm" | "centimeter" | "centimeters" | "centimetre" | "centimetres" | "厘米" => ("length", 0.01),
        "mm" | "millimeter" | "millimeters" | "millimetre" | "millimetres" | "毫米" => ("length", 0.001),
        "mi" | "mile" | "miles" | "英里" => ("length", 1609.344),
        "ft" | "foot" | "feet" | "英尺" => ("length", 0.3048),
        "g" | "gram" | "grams" | "克" => ("mass", 1.0),
        "kg" | "kilogram" | "kilograms" | "公斤" | "千克" => ("mass", 1000.0),
        "mg" | "milligram" | "milligrams" | "毫克" => ("mass", 0.001),
        "t" | "tonne" | "tonnes" | "吨" => ("mass", 1_000_000.0),
        "lb" | "lbs" | "pound" | "pounds" => ("mass", 453.592_37),
        "s" | "sec" | "secs" | "second" | "seconds" | "秒" | "秒钟" => ("time", 1.0),
        "ms" | "millisecond" | "milliseconds" | "毫秒" => ("time", 0.001),
        "min" | "mins" | "minute" | "minutes" | "分钟" => ("time", 60.0),
        "h" | "hr" | "hrs" | "hour" | "hours" | "小时" => ("time", 3600.0),
        "d" | "day" | "days" | "天" => ("time", 86_400.0),
        "week" | "weeks" | "周" => ("time", 604_800.0),
        "%" | "percent" | "per cent" | "pct" => ("percent", 1.0),
        "l" | "liter" | "liters" | "litre" | "litres" | "升" => ("volume", 1.0),
        "ml" | "milliliter" | "milliliters" | "毫升" => ("volume", 0.001),
        "b" | "byte" | "bytes" => ("data", 1.0),
        "kb" => ("data", 1000.0),
        "mb" => ("data", 1_000_000.0),
        "gb" => ("data", 1_000_000_000.0),
        "°c" | "celsius" | "degrees celsius" | "摄氏度" => ("celsius", 1.0),
        "°f" | "fahrenheit" | "degrees fahrenheit" => ("fahrenheit", 1.0),
        "k" | "kelvin" => ("kelvin", 1.0),
        "$" | "usd" | "us$" | "dollar" | "dollars" | "美元" => ("money:usd", 1.0),
        "€" | "eur" | "euro" | "euros" | "欧元" => ("money:eur", 1.0),
        "£" | "gbp" | "英镑" => ("money:gbp", 1.0),
        "¥" | "cny" | "rmb" | "yuan" | "元" | "人民币" => ("money:cny", 1.0),
        "jpy" | "yen" | "日元" => ("money:jpy", 1.0),
        "km²" | "km2" | "square kilometers" | "square kilometres" | "平方公里" => ("area", 1_000_000.0),
        "m²" | "m2" | "square meters" | "square metres" | "平方米" => ("area", 1.0),
        "个" | "items" | "item" | "pcs" => ("count", 1.0),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::Value;
    use serde_json::json;

    fn km(value: f64) -> Value {
        serde_json::from_value(json!({"type": "number", "value": value, "tolerance": 0.05, "unit": "km"}))
            .unwrap()
    }

    #[test]
    fn separators_in_their_places() {
        let n = Value::number(1_234_567);
        for text in [
            "1,234,567",
            "1 234 567",
            "1_234_567",
            "1'234'567",
            "１２３４５６７",
            "1234567.0",
            "1.234567e6",
            "1.234.567",
        ] {
            assert!(n.matches(&json!(text)), "{text}");
        }
        for text in ["12,34567", "1,23,4567", "1234567 apples", "a 1234567", "1234567 8"] {
            assert!(!n.matches(&json!(text)), "{text}");
        }
        assert!(
            serde_json::from_value::<Value>(json!({"type": "number", "value": 1234.5}))
                .unwrap()
                .matches(&json!("1.234,5"))
        );
    }

    #[test]
    fn units_convert_or_refuse() {
        assert!(km(12.5).matches(&json!("12.5 km")) && km(12.5).matches(&json!("12,500 m")));
        assert!(km(12.5).matches(&json!(12.52)) && !km(12.5).matches(&json!(12.6)));
        assert!(!km(12.5).matches(&json!("12.5 kg")) && !km(12.5).matches(&json!("12.5 %")));
        assert!(!Value::number(12).matches(&json!("12 %")), "a bare number has no unit");
        let money: Value =
            serde_json::from_value(json!({"type": "number", "value": 3.5, "unit": "USD"})).unwrap();
        assert!(money.matches(&json!("$3.50")) && !money.matches(&json!("€3.50")));
    }

    #[test]
    fn exact_beyond_double_precision() {
        let n: Value = serde_json::from_str(r#"{"type":"number","value":12345678901234567}"#).unwrap();
        assert!(n.matches(&json!("12345678901234567")) && !n.matches(&json!("12345678901234568")));
        assert!(
            Value::Number { value: serde_json::Number::from_f64(0.3).unwrap(), tolerance: 0.0, unit: None }
                .matches(&json!(0.1 + 0.2))
        );
        assert!(!Value::number(-5).matches(&json!(5)) && Value::number(-5).matches(&json!("−5")));
    }
}
