//! Dates in the formats that tools and people use.

use jiff::civil::{Date, Time};

/// A calendar date, with a time of day when one was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The day.
    pub date: Date,
    /// The time of day.
    pub time: Option<Time>,
}

impl Moment {
    /// Whether `seen` is this moment. A date without time admits any time of that day; a time zone is ignored.
    pub fn admits(&self, seen: &Self) -> bool {
        self.date == seen.date && (self.time.is_none() || self.time == seen.time)
    }
}

/// Parses ISO 8601, `2024/3/5`, `20240305`, `5 March 2024`, `Mar 5, 2024`, `2024年3月5日`, `13/02/2024`.
///
/// A slash date whose day and month could be swapped (`03/05/2024`) is not a date: guessing would credit one of two
/// different days.
pub fn parse(text: &str) -> Option<Moment> {
    let text = super::text::normalise(text).to_uppercase();
    let (day, time) = split_time(&text);
    let time = match time {
        Some(time) => Some(parse_time(time)?),
        None => None,
    };
    let numbers: Vec<&str> =
        day.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
    let letters: String = day.chars().filter(|c| !c.is_ascii_digit()).collect();
    let date = match (letters.as_str(), numbers.as_slice()) {
        ("--" | "//" | ".." | "年月日" | "年月", [year, month, rest]) if year.len() == 4 => {
            ymd(year, month, rest)?
        }
        ("", [all]) if all.len() == 8 => ymd(&all[..4], &all[4..6], &all[6..])?,
        ("//" | ".." | "--", [a, b, year]) if year.len() == 4 => unambiguous(a, b, year)?,
        _ => named_month(day)?,
    };
    Some(Moment { date, time })
}

fn ymd(year: &str, month: &str, day: &str) -> Option<Date> {
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

fn unambiguous(a: &str, b: &str, year: &str) -> Option<Date> {
    match (ymd(year, a, b), ymd(year, b, a)) {
        (Some(one), Some(two)) => (one == two).then_some(one),
        (one, two) => one.or(two),
    }
}

/// `5 MARCH 2024`, `MARCH 5, 2024`, `TUESDAY, 5TH OF MARCH 2024`.
fn named_month(text: &str) -> Option<Date> {
    let (mut day, mut month, mut year) = (None, None, None);
    for word in text
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | '.' | '-' | '/'))
        .filter(|w| !w.is_empty())
    {
        let ordinal =
            ["ST", "ND", "RD", "TH"].iter().find_map(|ending| word.strip_suffix(ending)).unwrap_or(word);
        let number: Option<i16> = ordinal.parse().ok();
        let slot = match number {
            Some(number) if ordinal.len() <= 2 => day.replace(i8::try_from(number).ok()?).is_none(),
            Some(number) if ordinal.len() == 4 => year.replace(number).is_none(),
            Some(_) => false,
            None if word == "OF" || weekday(word) => true,
            None => month.replace(month_number(word)?).is_none(),
        };
        if !slot {
            return None;
        }
    }
    Date::new(year?, month?, day?).ok()
}

fn month_number(word: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
        "JANUARY",
        "FEBRUARY",
        "MARCH",
        "APRIL",
        "MAY",
        "JUNE",
        "JULY",
        "AUGUST",
        "SEPTEMBER",
        "OCTOBER",
        "NOVEMBER",
        "DECEMBER",
    ];
    let at = MONTHS
        .iter()
        .position(|name| *name == word || name[..3] == *word || (word == "SEPT" && *name == "SEPTEMBER"))?;
    i8::try_from(at + 1).ok()
}

fn weekday(word: &str) -> bool {
    const DAYS: [&str; 7] = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"];
    DAYS.iter().any(|name| *name == word || name[..3] == *word)
}

/// Splits `2024-03-05T10:00:00Z` or `2024-03-05 10:00` at the time.
fn split_time(text: &str) -> (&str, Option<&str>) {
    let Some(colon) = text.find(':') else { return (text, None) };
    match text[..colon].rfind(['T', ' ']) {
        Some(at) => (text[..at].trim(), Some(text[at + 1..].trim())),
        None => (text, None),
    }
}

fn parse_time(text: &str) -> Option<Time> {
    let text = text.trim_end_matches('Z');
    let (clock, shift) = match text.strip_suffix("PM").map(str::trim_end) {
        Some(rest) => (rest, Some(12)),
        None => match text.strip_suffix("AM").map(str::trim_end) {
            Some(rest) => (rest, Some(0)),
            None => (text.split(['+', '-']).next().unwrap_or(text).trim_end(), None),
        },
    };
    let mut parts = clock.split(':');
    let hour: i8 = parts.next()?.parse().ok()?;
    let minute: i8 = parts.next()?.parse().ok()?;
    let second: i8 = match parts.next() {
        Some(text) => text.split('.').next()?.parse().ok()?,
        None => 0,
    };
    if parts.next().is_some() {
        return None;
    }
    let hour = match shift {
        Some(shift) if (1..=12).contains(&hour) => hour % 12 + shift,
        Some(_) => return None,
        None => hour,
    };
    Time::new(hour, minute, second, 0).ok()
}

#[cfg(test)]
mod tests {
    use crate::Value;
    use serde_json::json;

    #[test]
    fn common_formats_of_one_day() {
        let day = Value::Date { value: "2024-03-05".into() };
        for text in [
            "2024-03-05",
            "2024-3-5",
            "2024/03/05",
            "2024.03.05",
            "20240305",
            "March 5, 2024",
            "5 March 2024",
            "Mar 5 2024",
            "5th of March, 2024",
            "Tuesday, March 5, 2024",
            "2024年3月5日",
            "2024 年 3 月 5 日",
            "2024-03-05T10:30:00Z",
            "2024-03-05 23:59",
        ] {
            assert!(day.matches(&json!(text)), "{text}");
        }
        for text in
            ["03/05/2024", "2024-03-06", "2024-03", "March 2024", "2024-13-05", "5", "March 5 6 2024", ""]
        {
            assert!(!day.matches(&json!(text)), "{text}");
        }
        assert!(Value::Date { value: "2024-02-13".into() }.matches(&json!("13/02/2024")));
        assert!(Value::Date { value: "2024-02-13".into() }.matches(&json!("02/13/2024")));
    }

    #[test]
    fn a_time_must_agree_when_asked_for() {
        let moment = Value::Date { value: "2024-03-05T22:30".into() };
        assert!(
            moment.matches(&json!("2024-03-05 22:30:00")) && moment.matches(&json!("Mar 5, 2024 10:30 PM"))
        );
        assert!(!moment.matches(&json!("2024-03-05")) && !moment.matches(&json!("2024-03-05T10:30")));
    }
}
