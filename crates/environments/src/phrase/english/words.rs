//! The smallest pieces of a sentence: numbers with units, dates, plurals, comparatives, lists.
//!
//! Rules that hold for any column, so that tables nobody has seen read well too; what a table's owner says of a column
//! (`most`, `least`, words for values) comes first. Nothing here draws.

use crate::question::units::{Unit, of_symbol};
use crate::tables::{Cell, Column, Kind};

/// How the values of a column, or a result, are compared in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// later, earlier
    Time,
    /// larger, smaller
    Size,
    /// higher, lower
    Level,
}

/// Columns whose values are sizes: never negative, and "high" would sound odd.
const SIZES: &[&str] = &[
    "mass",
    "weight",
    "area",
    "size",
    "volume",
    "population",
    "radius",
    "length",
    "distance",
    "amount",
    "quantity",
    "width",
    "diameter",
];
const IRREGULAR: &[(&str, &str)] = &[
    ("radius", "radii"),
    ("index", "indices"),
    ("half-life", "half-lives"),
    ("analysis", "analyses"),
    ("series", "series"),
    ("species", "species"),
    ("person", "people"),
    ("child", "children"),
];
const ORDINALS: &[&str] =
    &["", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];

impl Scale {
    pub(super) fn of(column: &Column) -> Self {
        let head = head(&column.words);
        if column.kind == Kind::Date || is_year(column) {
            Self::Time
        } else if ["highest ", "lowest "].iter().any(|start| column.words.starts_with(start)) {
            // "the highest lowest voltage" would be a riddle.
            Self::Size
        } else if SIZES.contains(&head.rsplit(' ').next().unwrap_or(head)) {
            Self::Size
        } else {
            Self::Level
        }
    }

    pub(super) fn superlative(self, largest: bool) -> &'static str {
        match (self, largest) {
            (Self::Time, true) => "latest",
            (Self::Time, false) => "earliest",
            (Self::Size, true) => "largest",
            (Self::Size, false) => "smallest",
            (Self::Level, true) => "highest",
            (Self::Level, false) => "lowest",
        }
    }

    pub(super) fn comparative(self, larger: bool) -> &'static str {
        match (self, larger) {
            (Self::Time, true) => "later",
            (Self::Time, false) => "earlier",
            (Self::Size, true) => "larger",
            (Self::Size, false) => "smaller",
            (Self::Level, true) => "higher",
            (Self::Level, false) => "lower",
        }
    }

    /// "high", as in "at least as high as"
    pub(super) fn positive(self, high: bool) -> &'static str {
        match (self, high) {
            (Self::Time, true) => "late",
            (Self::Time, false) => "early",
            (Self::Size, true) => "large",
            (Self::Size, false) => "small",
            (Self::Level, true) => "high",
            (Self::Level, false) => "low",
        }
    }
}

/// What the first words of a name are about, and the rest: "date" and " of birth".
fn split(words: &str) -> (&str, &str) {
    let links = [" of ", " in ", " at ", " for ", " per ", " from ", " to ", " by ", " on "];
    let at = links.iter().filter_map(|link| words.find(link)).min().unwrap_or(words.len());
    words.split_at(at)
}

fn head(words: &str) -> &str {
    split(words).0
}

/// Whether a column holds years.
pub(super) fn is_year(column: &Column) -> bool {
    column.kind == Kind::Integer
        && column.unit.is_none()
        && (column.words == "year" || column.words.ends_with(" year"))
}

/// Whether a column's words are a plural: "sales", but not "radius".
pub(super) fn is_plural(words: &str) -> bool {
    let last = head(words).rsplit(' ').next().unwrap_or_default();
    last.len() > 3
        && last.ends_with('s')
        && !["ss", "us", "is"].iter().any(|end| last.ends_with(end))
        && !["series", "species", "lens", "news"].contains(&last)
}

/// "what mass" or "how many seats": the start of a question for a value.
pub(super) fn what(words: &str) -> String {
    words
        .strip_prefix("number of ")
        .map_or_else(|| format!("what {words}"), |things| format!("how many {things}"))
}

/// What has the most of it: "the higher melting point", "more seats"; `more` is the comparative or superlative.
pub(super) fn most(words: &str, two: bool, largest: bool, more: &str) -> String {
    let Some(things) = words.strip_prefix("number of ") else { return format!("the {more} {words}") };
    match (two, largest) {
        (true, true) => format!("more {things}"),
        (true, false) => format!("fewer {things}"),
        (false, true) => format!("the most {things}"),
        (false, false) => format!("the fewest {things}"),
    }
}

/// The plural of a column's words: "melting points", "dates of birth".
pub(super) fn plural(words: &str) -> String {
    if is_plural(words) {
        return words.to_owned();
    }
    let (head, rest) = split(words);
    let (before, last) =
        head.rsplit_once(' ').map_or((String::new(), head), |(before, last)| (format!("{before} "), last));
    let irregular = IRREGULAR.iter().find(|(one, _)| *one == last).map(|(_, many)| (*many).to_owned());
    let many = irregular.unwrap_or_else(|| {
        if let Some(stem) = last.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u'])) {
            format!("{stem}ies")
        } else if ["s", "x", "ch", "sh", "z"].iter().any(|end| last.ends_with(end)) {
            format!("{last}es")
        } else {
            format!("{last}s")
        }
    });
    format!("{before}{many}{rest}")
}

/// "a" or "an": acronyms are spelled out, "a UTC offset", "an ISO code".
pub(super) fn article(words: &str) -> &'static str {
    let first = words.split([' ', '-']).next().unwrap_or_default();
    let spelled = first.chars().count() > 1 && first.chars().all(char::is_uppercase);
    match first.chars().next() {
        Some(letter) if spelled => {
            if "AEFHILMNORSX".contains(letter) {
                "an"
            } else {
                "a"
            }
        }
        Some(_) | None => crate::tables::article(words),
    }
}

/// "is" or "are" after a column's words.
pub(super) fn is_are(words: &str) -> &'static str {
    if is_plural(words) { "are" } else { "is" }
}

/// A unit after a value that is asked for: "in kelvin", "per km²".
pub(super) fn in_unit(symbol: &str) -> String {
    if symbol.starts_with("per ") {
        return symbol.to_owned();
    }
    format!("in {}", of_symbol(symbol).map_or(symbol, |unit| unit.en))
}

/// The same for a unit that it is converted to.
pub(super) fn in_other(unit: &Unit) -> String {
    format!("in {}", unit.en)
}

/// A number as people write it: plain digits, as many as the data has.
pub(super) fn number(cell: &Cell) -> String {
    match cell {
        Cell::Number(number) => {
            let text = number.to_string();
            let plain = match number.as_f64() {
                Some(value) if text.contains(['e', 'E']) => format!("{value}"),
                Some(_) | None => text,
            };
            plain.strip_suffix(".0").map_or_else(|| plain.clone(), str::to_owned)
        }
        Cell::Text(text) => text.to_string(),
        Cell::Bool(value) => value.to_string(),
        Cell::Empty => String::new(),
    }
}

/// A number with its unit: "120 Da", "1 hour".
pub(super) fn amount(cell: &Cell, unit: Option<&str>) -> String {
    let digits = number(cell);
    match unit {
        None => digits,
        Some(unit) if digits == "1" || digits == "-1" => {
            let one = match unit {
                "feet" => "foot",
                "inches" => "inch",
                "degrees" | "hours" | "minutes" | "seconds" | "days" | "weeks" | "years" | "miles"
                | "pounds" | "ounces" | "tonnes" | "bytes" | "euros" => &unit[..unit.len() - 1],
                "US dollars" => "US dollar",
                _ => unit,
            };
            format!("{digits} {one}")
        }
        Some("percent") => format!("{digits}%"),
        Some(unit) => format!("{digits} {unit}"),
    }
}

/// A date as it is written in full, or as in the data where it is none.
pub(super) fn date(text: &str, written: bool) -> String {
    match text.parse::<jiff::civil::Date>() {
        Ok(day) if written => day.strftime("%-d %B %Y").to_string(),
        Ok(_) | Err(_) => text.to_owned(),
    }
}

/// A category as in the data, quoted where it has spaces.
pub(super) fn category(cell: &Cell) -> String {
    let source = number(cell);
    if source.contains(char::is_whitespace) { format!("\"{source}\"") } else { source }
}

/// "second-highest", "second most populous"
pub(super) fn ranked(rank: usize, superlative: &str) -> String {
    let ordinal = ORDINALS.get(rank).map_or_else(|| format!("{rank}th"), |word| (*word).to_owned());
    match (rank, superlative.contains(' ')) {
        (1, _) => superlative.to_owned(),
        (_, true) => format!("{ordinal} {superlative}"),
        (_, false) => format!("{ordinal}-{superlative}"),
    }
}

/// "a, b and c"
pub(super) fn list(items: &[String], and: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [before @ .., last] => format!("{} {and} {last}", before.join(", ")),
    }
}

/// "two", "three", as long as a person would write it so.
pub(super) fn small(count: usize) -> String {
    ["zero", "one", "two", "three", "four"]
        .get(count)
        .map_or_else(|| count.to_string(), |word| (*word).to_owned())
}

/// The text with a capital at its start.
pub(super) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Whether `'s` can follow.
pub(super) fn takes_genitive(name: &str) -> bool {
    name.ends_with(char::is_alphanumeric) && !name.ends_with('s')
}
