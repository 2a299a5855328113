//! What kind of values a column holds, from its distinct texts.
//!
//! A type is believed when every filled cell agrees. A few texts among many numbers are more likely a mistake than a
//! column of texts, and either guess would make false answers, so that is refused; below that share it is text.
//! Numbers with percent signs, one currency sign, decimal commas or grouped thousands are read where a column writes
//! them without ambiguity; `1,234` alone may mean two things and stays text.

use super::Kind;
use super::raw::{RawColumn, RawTable};
use crate::error::Error;

/// From this many filled cells on, a share of numbers as large as this makes the rest look like mistakes.
const MIXED_FROM: usize = 200;
const MIXED_SHARE: f64 = 0.98;
/// Digits that a 64-bit float keeps.
const MAX_DIGITS: usize = 17;

/// How a column writes its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notation {
    Plain,
    Percent,
    DecimalComma,
    Thousands,
    Currency(char),
}

const NOTATIONS: [Notation; 8] = [
    Notation::Plain,
    Notation::Percent,
    Notation::DecimalComma,
    Notation::Thousands,
    Notation::Currency('$'),
    Notation::Currency('€'),
    Notation::Currency('£'),
    Notation::Currency('¥'),
];

/// A column's type and how its cells are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Type {
    pub(super) kind: Kind,
    pub(super) notation: Notation,
    /// Whether `NA` is a missing value rather than a code.
    pub(super) na_is_nothing: bool,
}

impl Type {
    /// Whether a cell of this column says that nothing is known.
    pub(super) fn says_nothing(self, text: &str) -> bool {
        match text {
            "NA" => self.na_is_nothing || self.kind != Kind::Text,
            _ => says_nothing(self.kind, text),
        }
    }
}

impl Notation {
    /// The unit that stands in every cell.
    pub(super) fn unit(self) -> Option<&'static str> {
        match self {
            Self::Plain | Self::DecimalComma | Self::Thousands => None,
            Self::Percent => Some("percent"),
            Self::Currency('$') => Some("US dollars"),
            Self::Currency('€') => Some("euros"),
            Self::Currency('£') => Some("pounds sterling"),
            Self::Currency(_) => Some("yuan"),
        }
    }

    /// The numeral without what this notation adds; nothing for a cell in another notation.
    pub(super) fn plain(self, text: &str) -> Option<String> {
        let plain = match self {
            Self::Plain => text.to_owned(),
            Self::Percent => text.strip_suffix('%')?.trim_end().to_owned(),
            Self::DecimalComma => {
                let lone = text.matches(',').count() <= 1 && !text.contains('.');
                lone.then(|| text.replacen(',', ".", 1))?
            }
            Self::Thousands => {
                let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
                let groups: Vec<&str> = whole.trim_start_matches('-').split(',').collect();
                let grouped = groups.len() == 1
                    || (groups[0].len() <= 3 && groups[1..].iter().all(|group| group.len() == 3));
                (grouped && !fraction.contains(',')).then(|| text.replace(',', ""))?
            }
            Self::Currency(sign) => {
                let (minus, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
                let rest = rest.strip_prefix(sign).or_else(|| rest.strip_suffix(sign))?.trim();
                format!("{minus}{}", Self::Thousands.plain(rest)?)
            }
        };
        numeral(&plain).then_some(plain)
    }

    /// Whether a cell can be read in no other way than in this one.
    fn is_plain_from(self, text: &str) -> bool {
        match self {
            Self::Plain | Self::Percent | Self::Currency(_) => true,
            Self::DecimalComma => text
                .split_once(',')
                .is_some_and(|(whole, fraction)| fraction.len() != 3 || whole.trim_start_matches('-') == "0"),
            Self::Thousands => text.contains(',') && (text.contains('.') || text.matches(',').count() > 1),
        }
    }
}

/// Type of a column from the cells that say something.
pub(super) fn type_of(column: &RawColumn) -> Type {
    let of = |kind, notation| Type { kind, notation, na_is_nothing: false };
    let plain = |kind| of(kind, Notation::Plain);
    let flag =
        column.hint == Some(Kind::Bool) || column.name.starts_with("is_") || column.name.starts_with("has_");
    let filled = || column.texts.iter().map(AsRef::as_ref).filter(|cell| !says_nothing(Kind::Integer, cell));
    if filled().next().is_none() {
        return plain(Kind::Text);
    }
    if filled().all(|cell| truth(cell, flag).is_some()) {
        return plain(Kind::Bool);
    }
    if filled().all(|cell| date(cell, false).is_some()) {
        return plain(Kind::Date);
    }
    if column.hint == Some(Kind::Text) {
        return plain(Kind::Text);
    }
    for notation in NOTATIONS {
        let read = || filled().map(|cell| notation.plain(cell));
        if !read().all(|numeral| numeral.is_some()) || !filled().any(|cell| notation.is_plain_from(cell)) {
            continue;
        }
        if read().flatten().all(|numeral| numeral.parse::<i64>().is_ok()) {
            return of(Kind::Integer, notation);
        }
        // Programs that know no missing integers write `7.0` for the number of something.
        if names_something(&column.name) && read().flatten().all(|numeral| whole(&numeral).is_some()) {
            return of(Kind::Integer, notation);
        }
        // A whole number that does not fit is an identifier; as a float it would lose digits.
        let fits = |numeral: String| {
            numeral.contains(['.', 'e', 'E'])
                || numeral.bytes().filter(u8::is_ascii_digit).count() <= MAX_DIGITS
        };
        return if read().flatten().all(fits) { of(Kind::Real, notation) } else { plain(Kind::Text) };
    }
    plain(Kind::Text)
}

fn names_something(column: &str) -> bool {
    column == "id" || ["_id", "_no", "_number", "_code", "_key"].iter().any(|end| column.ends_with(end))
}

/// The integer that a numeral means, with or without `.0` behind it.
pub(super) fn whole(numeral: &str) -> Option<i64> {
    numeral.strip_suffix(".0").unwrap_or(numeral).parse().ok()
}

/// Refuses a column of numbers with a few texts among them.
pub(super) fn refuse_mixed(table: &RawTable, column: &RawColumn) -> Result<(), Error> {
    if column.hint == Some(Kind::Text) {
        return Ok(());
    }
    let mut counts = vec![0_usize; column.texts.len()];
    for id in &column.ids {
        counts[*id as usize] += 1;
    }
    let (mut numbers, mut texts, mut odd) = (0, 0, None);
    for ((id, text), count) in column.texts.iter().enumerate().zip(counts) {
        if says_nothing(Kind::Integer, text) {
            continue;
        }
        if numeral(text) {
            numbers += count;
        } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
            // A leading zero makes a code, and the column one of codes.
            return Ok(());
        } else {
            texts += count;
            odd = odd.or(Some(id));
        }
    }
    let filled = numbers + texts;
    let Some(id) = odd else { return Ok(()) };
    if filled < MIXED_FROM || (numbers as f64) < filled as f64 * MIXED_SHARE {
        return Ok(());
    }
    let row = column.row_of(id);
    let place = table.origin.row(row);
    let value = shown(column.text(row));
    Err(Error::MixedTypes { place, column: column.name.clone(), value, numbers, filled })
}

/// A value as it fits into a message.
pub(super) fn shown(value: &str) -> String {
    let mut short: String = value.chars().take(40).collect();
    if short.len() < value.len() {
        short.push('…');
    }
    short
}

/// Whether a cell is a number as programs write it. A leading zero is part of a code, not of a number.
pub(super) fn numeral(cell: &str) -> bool {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let leads = digits.starts_with(|c: char| c.is_ascii_digit())
        || (digits.starts_with('.') && digits[1..].starts_with(|c: char| c.is_ascii_digit()));
    let coded = digits.len() > 1
        && digits.starts_with('0')
        && digits.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    leads && !coded && cell.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Whether a cell of this kind says that nothing is known. `NA` does so among numbers; as text it is also a code.
pub(super) fn says_nothing(kind: Kind, cell: &str) -> bool {
    match cell {
        "" | "NULL" | "null" | "N/A" | "n/a" | "#N/A" | "NaN" | "nan" | "None" => true,
        "NA" | "-" | "?" | "." => kind != Kind::Text,
        _ => false,
    }
}

/// The truth value that a cell spells; `0` and `1` only in columns that are named like a flag.
pub(super) fn truth(cell: &str, flag: bool) -> Option<bool> {
    match cell {
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "是" => Some(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "否" => Some(false),
        "1" if flag => Some(true),
        "0" if flag => Some(false),
        _ => None,
    }
}

/// The date that a cell spells as `yyyy-mm-dd`. A midnight behind it says nothing; another time is dropped only where
/// a person asked for a date.
pub(super) fn date(cell: &str, drop_time: bool) -> Option<&str> {
    let day = cell.get(..10)?;
    let rest = &cell[10..];
    let clock = rest.strip_prefix(['T', ' ']);
    let midnight = |clock: &str| matches!(clock, "00:00" | "00:00:00" | "00:00:00Z");
    let fits = rest.is_empty() || clock.is_some_and(|clock| drop_time || midnight(clock));
    (fits && day.parse::<jiff::civil::Date>().is_ok()).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(cells: &[&str]) -> (Kind, Notation) {
        let mut column = RawColumn::new("x");
        for cell in cells {
            column.push(cell);
        }
        let found = type_of(&column);
        (found.kind, found.notation)
    }

    #[test]
    fn numbers_are_read_in_the_notation_of_their_column() {
        assert_eq!(typed(&["1", "-2", "NA"]), (Kind::Integer, Notation::Plain));
        assert_eq!(typed(&["1", ".5", "1e3"]), (Kind::Real, Notation::Plain));
        assert_eq!(typed(&["12%", "3.5 %"]), (Kind::Real, Notation::Percent));
        assert_eq!(typed(&["12,5", "3"]), (Kind::Real, Notation::DecimalComma));
        assert_eq!(typed(&["1,234.50", "3"]), (Kind::Real, Notation::Thousands));
        assert_eq!(typed(&["1,234,567", "12"]), (Kind::Integer, Notation::Thousands));
        assert_eq!(typed(&["$1,234.50", "-$3"]), (Kind::Real, Notation::Currency('$')));
        assert_eq!(Notation::Currency('$').plain("-$1,234.50").as_deref(), Some("-1234.50"));
    }

    #[test]
    fn numbers_of_things_are_integers_however_they_are_written() {
        let mut column = RawColumn::new("shop_id");
        for cell in ["7.0", "", "8.0"] {
            column.push(cell);
        }
        assert_eq!(type_of(&column).kind, Kind::Integer);
        assert_eq!((whole("7.0"), whole("7"), whole("7.5")), (Some(7), Some(7), None));
        assert_eq!(typed(&["7.0", "8.0"]).0, Kind::Real);
    }

    #[test]
    fn what_may_mean_two_things_stays_text() {
        assert_eq!(typed(&["1,234", "2,345"]).0, Kind::Text);
        assert_eq!(typed(&["007", "12"]).0, Kind::Text);
        assert_eq!(typed(&["123456789012345678901", "1"]).0, Kind::Text);
        assert_eq!(typed(&["$5", "€5"]).0, Kind::Text);
        assert_eq!(typed(&["0", "1"]).0, Kind::Integer);
        assert_eq!(typed(&["2020-02-30", "2020-02-03"]).0, Kind::Text);
    }

    #[test]
    fn a_time_is_dropped_only_on_request() {
        assert_eq!(date("2020-02-03 10:00", false), None);
        assert_eq!(date("2020-02-03 00:00:00", false), Some("2020-02-03"));
        assert_eq!(date("2020-02-03T10:00", true), Some("2020-02-03"));
        assert_eq!(date("2020年2月3日", true), None);
    }
}
