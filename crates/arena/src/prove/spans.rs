//! What a prompt, a tool's code and a result offer as argument values.
//!
//! Nothing is understood here. Spans are cut generously and ranked by how likely a person means them as an argument:
//! quoted and capitalised ones, numbers and dates first, any other run of one to four words last.

use astra_protocol::value::text::is_cjk;
use astra_protocol::value::{Mention, date, mentions};
use serde_json::{Number, Value as Json};

/// Longest n-gram, in words.
const WORDS: usize = 4;
/// Longest run of Chinese characters taken as one value.
const CHARACTERS: usize = 6;
/// Literals of one source that are looked at; a larger table is not searched through by guessing.
const LITERALS: usize = 4000;
/// Longest literal of code that is tried as an argument.
const LITERAL: usize = 80;

/// Spans of a text.
#[derive(Debug, Default)]
pub(super) struct Spans {
    /// Quoted spans, capitalised runs, dates as ISO 8601.
    pub(super) strong: Vec<String>,
    /// Every other run of words or characters.
    pub(super) weak: Vec<String>,
    /// Numbers.
    pub(super) numbers: Vec<Number>,
    /// Numbers that are listed one after the other.
    pub(super) series: Vec<Vec<Number>>,
}

impl Spans {
    /// Cuts a text.
    pub(super) fn of(text: &str) -> Self {
        let mut out = Self::default();
        quoted(text, &mut out.strong);
        for mention in mentions(text) {
            match mention {
                Mention::Date(written) => {
                    out.strong.extend(date::parse(&written).map(|moment| moment.date.to_string()));
                }
                Mention::Number(written) => out.numbers.extend(number(&written)),
            }
        }
        let words = words(text);
        for count in (1..=WORDS).rev() {
            for run in words.windows(count) {
                // A sentence ends a run; a comma need not ("Paris, France").
                if run[..count - 1].iter().any(|word| word.ends_sentence) {
                    continue;
                }
                let span = &text[run[0].start..run[count - 1].end];
                if span.chars().any(is_cjk) {
                    continue;
                }
                let name = |word: &Word| {
                    text[word.start..].starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit())
                };
                let list =
                    if name(&run[0]) && name(&run[count - 1]) { &mut out.strong } else { &mut out.weak };
                list.push(span.to_owned());
                if let Some(owner) = span.strip_suffix("'s").or_else(|| span.strip_suffix("’s")) {
                    list.push(owner.to_owned());
                }
            }
        }
        characters(text, &mut out.weak);
        dedup(&mut out.strong);
        dedup(&mut out.weak);
        out.numbers.dedup();
        out.series = series(text);
        out
    }
}

/// A number as written in a text.
fn number(written: &str) -> Option<Number> {
    serde_json::from_str(&written.replace(',', "")).ok()
}

/// Runs of at least two numbers with nothing but commas, spaces and "and" between them.
fn series(text: &str) -> Vec<Vec<Number>> {
    let mut out: Vec<Vec<Number>> = Vec::new();
    let mut run: Vec<Number> = Vec::new();
    let mut end = 0;
    for (start, digits) in number_spans(text) {
        let between = text[end..start]
            .trim_matches(|c: char| c.is_whitespace() || matches!(c, ',' | '、' | '，' | ';'));
        if !matches!(between, "" | "and" | "和") {
            out.push(std::mem::take(&mut run));
        }
        run.extend(serde_json::from_str::<Number>(digits).ok());
        end = start + digits.len();
    }
    out.push(run);
    out.retain(|run| run.len() > 1);
    out
}

/// Where plain numbers (sign, digits, one point) stand in a text.
fn number_spans(text: &str) -> Vec<(usize, &str)> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find(|c: char| c.is_ascii_digit()) {
        let digits = at + found;
        let signed = text[..digits].ends_with('-') && !text[..digits - 1].ends_with(char::is_alphanumeric);
        let start = digits - usize::from(signed);
        let length =
            text[digits..].find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len() - digits);
        at = digits + length;
        out.push((start, text[start..at].trim_end_matches('.')));
    }
    out
}

fn dedup(list: &mut Vec<String>) {
    let mut seen = std::collections::BTreeSet::new();
    list.retain(|text| !text.trim().is_empty() && seen.insert(text.clone()));
}

/// Texts between quotation marks of all kinds.
fn quoted(text: &str, out: &mut Vec<String>) {
    const MARKS: [(char, char); 8] = [
        ('"', '"'),
        ('“', '”'),
        ('‘', '’'),
        ('`', '`'),
        ('《', '》'),
        ('「', '」'),
        ('\'', '\''),
        ('(', ')'),
    ];
    for (open, close) in MARKS {
        let mut rest = text;
        while let Some(start) = rest.find(open) {
            let inner = &rest[start + open.len_utf8()..];
            let Some(end) = inner.find(close) else { break };
            if (1..=LITERAL).contains(&end) && !inner[..end].contains('\n') {
                out.push(inner[..end].trim().to_owned());
            }
            rest = &inner[end + close.len_utf8()..];
        }
    }
}

struct Word {
    start: usize,
    end: usize,
    ends_sentence: bool,
}

/// Words without the punctuation around them.
fn words(text: &str) -> Vec<Word> {
    let mut out = Vec::new();
    let mut at = 0;
    for piece in text.split(char::is_whitespace) {
        let core = piece.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '+' | '#' | '%'));
        if !core.is_empty() {
            let start = at + piece.find(core).unwrap_or(0);
            let tail = &text[start + core.len()..at + piece.len()];
            let ends_sentence = tail.contains(['.', '?', '!', ';', ':']);
            out.push(Word { start, end: start + core.len(), ends_sentence });
        }
        at += piece.len() + text[at + piece.len()..].chars().next().map_or(0, char::len_utf8);
    }
    out
}

/// Runs of Chinese characters, longer ones first.
fn characters(text: &str, out: &mut Vec<String>) {
    let letters: Vec<char> = text.chars().collect();
    for length in (1..=CHARACTERS).rev() {
        for run in letters.windows(length) {
            if run.iter().all(|c| is_cjk(*c)) {
                out.push(run.iter().collect());
            }
        }
    }
}

/// String and number literals of Python source.
#[derive(Debug, Default)]
pub(super) struct Literals {
    pub(super) texts: Vec<String>,
    pub(super) numbers: Vec<Number>,
}

impl Literals {
    /// Scans source. Comments are skipped, long texts (docstrings) left out, escapes kept as the character they name.
    pub(super) fn of(code: &str) -> Self {
        let mut out = Self::default();
        let letters: Vec<char> = code.chars().collect();
        let mut at = 0;
        while at < letters.len() {
            match letters[at] {
                '#' => at += letters[at..].iter().position(|c| *c == '\n').unwrap_or(letters.len() - at),
                '"' | '\'' => {
                    let (text, next) = string(&letters, at);
                    if (1..=LITERAL).contains(&text.chars().count()) {
                        out.texts.push(text);
                    }
                    at = next;
                }
                c if c.is_alphanumeric() || c == '_' => {
                    let length = letters[at..]
                        .iter()
                        .position(|c| !(c.is_alphanumeric() || matches!(c, '_' | '.')))
                        .unwrap_or(letters.len() - at);
                    let word: String = letters[at..at + length].iter().filter(|c| **c != '_').collect();
                    if c.is_ascii_digit() {
                        out.numbers.extend(serde_json::from_str::<Number>(&word).ok());
                    }
                    at += length;
                }
                _ => at += 1,
            }
        }
        dedup(&mut out.texts);
        let mut seen = std::collections::BTreeSet::new();
        out.numbers.retain(|number| seen.insert(number.to_string()));
        out.texts.truncate(LITERALS);
        out.numbers.truncate(LITERALS);
        out
    }
}

/// A Python string that opens at `at`: its text and where it ends.
fn string(letters: &[char], at: usize) -> (String, usize) {
    let quote = letters[at];
    let triple = letters[at..].starts_with(&[quote; 3]);
    let width = if triple { 3 } else { 1 };
    let mut text = String::new();
    let mut next = at + width;
    while next < letters.len() {
        match letters[next] {
            '\\' => {
                text.extend(letters.get(next + 1).map(|c| match c {
                    'n' => '\n',
                    't' => '\t',
                    other => *other,
                }));
                next += 2;
            }
            '\n' if !triple => return (text, next),
            c if c == quote && (!triple || letters[next..].starts_with(&[quote; 3])) => {
                return (text, next + width);
            }
            c => {
                text.push(c);
                next += 1;
            }
        }
    }
    (text, letters.len())
}

/// Every part of a result with its JSON Pointer: containers before what they hold.
pub(super) fn parts(result: &Json) -> Vec<(String, &Json)> {
    let mut out = vec![(String::new(), result)];
    let mut at = 0;
    while let Some((pointer, part)) = out.get(at).cloned() {
        match part {
            Json::Array(items) => {
                out.extend(
                    items.iter().enumerate().map(|(index, item)| (format!("{pointer}/{index}"), item)),
                );
            }
            Json::Object(fields) => out.extend(fields.iter().map(|(name, field)| {
                (format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")), field)
            })),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
        at += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_numbers_and_dates_are_strong() {
        let spans = Spans::of(
            "What is France's GDP on March 5, 2024 for \"blue whales\" in New York? 1,250 of them.",
        );
        for wanted in ["France", "blue whales", "New York", "2024-03-05"] {
            assert!(spans.strong.iter().any(|span| span == wanted), "{wanted}: {:?}", spans.strong);
        }
        assert!(spans.weak.iter().any(|span| span == "of them"));
        assert!(!spans.strong.iter().any(|span| span.contains("York? 1,250")));
        assert_eq!(spans.numbers, [Number::from(1250)]);
    }

    #[test]
    fn numbers_in_a_row_are_a_series() {
        let spans = Spans::of("Readings of 6.42, -6.1, 7 and 5.96. In 3 labs: 1 2");
        let series: Vec<String> = spans.series.iter().map(|run| json!(run).to_string()).collect();
        assert_eq!(series, ["[6.42,-6.1,7,5.96]", "[1,2]"]);
    }

    #[test]
    fn chinese_runs_are_cut() {
        let spans = Spans::of("查询北京市的人口，《红楼梦》");
        assert!(spans.weak.iter().any(|span| span == "北京市"));
        assert!(spans.strong.iter().any(|span| span == "红楼梦"));
    }

    #[test]
    fn literals_of_code_are_found() {
        let code = "\"\"\"A docstring that is rather long, so long that nobody would pass it as an argument to a tool.\"\"\"\n\
                    RATES = {'usd': 1.25, \"e\\'ur\": 3}  # 'not this' 77\nname2 = f\"x{1}\"\n";
        let literals = Literals::of(code);
        assert_eq!(literals.texts, ["usd", "e'ur", "x{1}"]);
        assert_eq!(literals.numbers.iter().map(Number::to_string).collect::<Vec<_>>(), ["1.25", "3"]);
        assert_eq!(Literals::of("x = 'open").texts, ["open"]);
    }

    #[test]
    fn parts_have_pointers() {
        let result = json!({"a/b": [1, {"c": "x"}]});
        let pointers: Vec<String> = parts(&result).into_iter().map(|(pointer, _)| pointer).collect();
        assert_eq!(pointers, ["", "/a~1b", "/a~1b/0", "/a~1b/1", "/a~1b/1/c"]);
        for (pointer, part) in parts(&result) {
            assert_eq!(result.pointer(&pointer), Some(part));
        }
    }
}
