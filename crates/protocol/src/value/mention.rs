//! Finding values in free text: final answers, prompts, tool outputs.

use super::{Value, date, number::Quantity, text};
use serde_json::Value as Json;

/// A number or date that stands in a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Mention {
    /// A number, as written.
    Number(String),
    /// A date, as written.
    Date(String),
}

impl Mention {
    /// The text as written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Number(text) | Self::Date(text) => text,
        }
    }

    /// Whether two mentions mean the same number or day.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Date(a), Self::Date(b)) => {
                Value::Date { value: a.clone() }.matches(&Json::String(b.clone()))
            }
            (Self::Number(a), Self::Number(b)) => match (Quantity::parse(a), Quantity::parse(b)) {
                (Some(a), Some(b)) => a == b,
                _ => a == b,
            },
            (Self::Date(_), Self::Number(_)) | (Self::Number(_), Self::Date(_)) => false,
        }
    }
}

/// The dates and numbers of a text, dates first taken so that their parts are not numbers again.
pub fn mentions(source: &str) -> Vec<Mention> {
    let normal = text::normalise(source);
    let tokens = tokens(&normal);
    let mut out = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        // The longest run of up to five tokens that is a date wins.
        let dated = (at..tokens.len().min(at + 5)).rev().find(|end| {
            let span = &normal[tokens[at].0..tokens[*end].1];
            span.chars().any(|c| c.is_ascii_digit()) && date::parse(span).is_some()
        });
        if let Some(end) = dated {
            out.push(Mention::Date(normal[tokens[at].0..tokens[end].1].to_owned()));
            at = end + 1;
            continue;
        }
        let token = &normal[tokens[at].0..tokens[at].1];
        out.extend(numbers_in(token).map(Mention::Number));
        at += 1;
    }
    out
}

/// Byte ranges of the tokens, without brackets and sentence marks at their ends.
///
/// White space and the marks of Chinese sentences separate tokens, and so does the border between Chinese characters
/// and anything else, for Chinese sets no spaces: `共有42个` is three tokens, `到2004年3月12日归还` is three too.
fn tokens(text: &str) -> Vec<(usize, usize)> {
    let mut out = Vec::new();
    let mut start: Option<usize> = None;
    let mut before: Option<(char, bool)> = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        // Within a date, these count as part of the digits before them.
        let of_date = matches!(c, '年' | '月' | '日' | '号')
            && before.is_some_and(|(previous, _)| previous.is_ascii_digit());
        let chinese = is_chinese(c) && !of_date;
        let separator = c.is_whitespace() || is_chinese_mark(c);
        let border = before.is_some_and(|(_, earlier)| earlier != chinese);
        if (separator || border)
            && let Some(from) = start.take()
        {
            let word = &text[from..at];
            let inner = word.trim_matches(|c: char| {
                matches!(c, '(' | ')' | '[' | ']' | '"' | '\'' | ';' | '!' | '?' | '*' | '`')
            });
            let inner_start = from + word.find(inner).unwrap_or(0);
            let unmarked = inner.trim_start_matches([',', ':']);
            let inner_start = inner_start + inner.len() - unmarked.len();
            let inner = unmarked.trim_end_matches(['.', ',', ':']);
            if !inner.is_empty() {
                out.push((inner_start, inner_start + inner.len()));
            }
        }
        if separator {
            before = None;
        } else {
            start = start.or(Some(at));
            before = Some((c, chinese));
        }
    }
    out
}

fn is_chinese(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// Sentence marks that normalisation leaves as they are.
fn is_chinese_mark(c: char) -> bool {
    matches!(c, '。' | '、' | '“' | '”' | '《' | '》' | '「' | '」' | '【' | '】' | '…')
}

/// Runs of digits with their separators inside one token.
fn numbers_in(token: &str) -> impl Iterator<Item = String> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + token[at..].find(|c: char| c.is_ascii_digit())?;
        let end = token[start..]
            .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',')))
            .map_or(token.len(), |length| start + length);
        let digits = token[start..end].trim_end_matches(['.', ',']);
        let exponent = exponent(&token[end..]);
        at = end + exponent.map_or(0, |(length, _)| length);
        let digits = match exponent {
            Some((_, power)) => format!("{digits}e{power}"),
            None => digits.to_owned(),
        };
        let mut before = token[..start].chars().rev();
        // A dash between two things is a range or a compound, not a sign.
        let negative = before.next() == Some('-') && before.next().is_none_or(|c| !c.is_alphanumeric());
        Some(if negative { format!("-{digits}") } else { digits })
    })
}

/// Length and power of an exponent at the start of `rest`: `e-6`, `×10^-6`, `x10-6`, `*10**-6`.
fn exponent(rest: &str) -> Option<(usize, i32)> {
    let after = if let Some(after) = rest.strip_prefix('e') {
        after
    } else {
        let after = rest.strip_prefix(['×', 'x', '*'])?.strip_prefix("10")?;
        after.strip_prefix("**").or_else(|| after.strip_prefix('^')).unwrap_or(after)
    };
    let sign = usize::from(after.starts_with(['-', '+']));
    let digits = after[sign..].bytes().take_while(u8::is_ascii_digit).count();
    let power = after[..sign + digits].parse().ok().filter(|_| digits > 0)?;
    Some((rest.len() - after.len() + sign + digits, power))
}

impl Value {
    /// Whether a text says this value: by whole token, number or date; for records, sets and lists, every part.
    pub fn mentioned_in(&self, source: &str) -> bool {
        match self {
            Self::Text { value } => text::has_span(&text::normalise(source), &text::normalise(value)),
            Self::Number { value, tolerance, unit } => {
                let bare = Self::Number { value: value.clone(), tolerance: *tolerance, unit: None };
                let whole = Json::String(source.to_owned());
                self.matches(&whole)
                    || mentions(source).iter().any(|mention| match mention {
                        Mention::Number(text) => bare.matches(&Json::String(text.clone())),
                        Mention::Date(_) => false,
                    })
                    || unit.is_some() && converted_mention(self, source)
            }
            Self::Bool { .. } => text::normalise(source)
                .split(|c: char| !c.is_alphanumeric())
                .any(|word| self.matches(&Json::String(word.to_owned()))),
            Self::Date { .. } => mentions(source).iter().any(|mention| match mention {
                Mention::Date(text) => self.matches(&Json::String(text.clone())),
                Mention::Number(_) => false,
            }),
            Self::Set { items } | Self::List { items } => {
                !items.is_empty() && items.iter().all(|item| item.mentioned_in(source))
            }
            Self::Record { fields } => fields.values().all(|field| field.mentioned_in(source)),
        }
    }
}

/// A number with its unit word behind it (`12,500 m` for 12.5 km).
fn converted_mention(value: &Value, source: &str) -> bool {
    let normal = text::normalise(source);
    let tokens = tokens(&normal);
    tokens.iter().enumerate().any(|(at, (start, end))| {
        let joined = tokens.get(at + 1).map(|(_, next)| &normal[*start..*next]);
        [Some(&normal[*start..*end]), joined]
            .into_iter()
            .flatten()
            .any(|span| value.matches(&Json::String(span.to_owned())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn dates_are_not_numbers_again() {
        let found = mentions("On March 5, 2024 there were 1,250 visitors (12.5% more), from 2024-01-01.");
        assert_eq!(
            found,
            [
                Mention::Date("march 5, 2024".into()),
                Mention::Number("1,250".into()),
                Mention::Number("12.5".into()),
                Mention::Date("2024-01-01".into()),
            ]
        );
    }

    #[test]
    fn values_are_found_in_sentences() {
        let number = |n: f64| Value::Number {
            value: serde_json::Number::from_f64(n).unwrap(),
            tolerance: 0.0,
            unit: None,
        };
        assert!(number(1250.0).mentioned_in("It had 1,250 visitors."));
        assert!(
            !number(125.0).mentioned_in("It had 1,250 visitors.")
                && !number(2024.0).mentioned_in("in March 5, 2024")
        );
        assert!(number(-3.0).mentioned_in("it was -3 degrees") && !number(-3.0).mentioned_in("pages 2-3"));
        assert!(Value::Date { value: "2024-03-05".into() }.mentioned_in("see you on 5 March 2024!"));
        assert!(Value::text("São Paulo").mentioned_in("The answer is SÃO PAULO."));
        assert!(Value::Bool { value: false }.mentioned_in("No, it is not."));
        let km: Value =
            serde_json::from_value(json!({"type": "number", "value": 12.5, "unit": "km"})).unwrap();
        assert!(km.mentioned_in("about 12,500 m away") && km.mentioned_in("12.5 km"));
        assert!(number(42.0).mentioned_in("共有42个城市") && number(-3.0).mentioned_in("气温为-3度。"));
        let day = Value::Date { value: "2004-03-12".into() };
        for text in
            ["答案是：2004-03-12。", "应在2004年3月12日归还", "日期为2004-03-12，请核对", "（2004-03-12）"]
        {
            assert!(day.mentioned_in(text), "{text}");
        }
        assert!(!day.mentioned_in("应在2004年3月13日归还") && !number(12.0).mentioned_in("2004年3月12日"));
        for text in ["it is 5.6e-6.", "about 5.6×10⁻⁶ mg/l", "5.6x10^-6", "0.0000056"] {
            assert!(number(5.6e-6).mentioned_in(text), "{text}");
        }
        assert!(!number(5.6).mentioned_in("5.6e-6") && number(3.0).mentioned_in("3 eggs"));
    }
}
