//! What people call a column whose header is no noun: `launched_on`, `founded_year`.
//!
//! A header names a cell for whoever fills the table in; a question needs a noun that can be high, late, or asked for.
//! The kind of the cells tells which noun: a date for a verb with `on`. Verbs have few regular nouns, so the common ones
//! are listed and the others take their `-ing` form. What the owner says in the settings comes first.

use super::Kind;

/// Nouns of verbs, by the participle that headers have.
const NOUNS: &[(&str, &str)] = &[
    ("added", "entry"),
    ("approved", "approval"),
    ("born", "birth"),
    ("bought", "purchase"),
    ("built", "construction"),
    ("cancelled", "cancellation"),
    ("completed", "completion"),
    ("created", "creation"),
    ("delivered", "delivery"),
    ("departed", "departure"),
    ("discovered", "discovery"),
    ("died", "death"),
    ("expired", "expiry"),
    ("expires", "expiry"),
    ("hired", "hiring"),
    ("installed", "installation"),
    ("inspected", "inspection"),
    ("introduced", "introduction"),
    ("issued", "issue"),
    ("launched", "launch"),
    ("measured", "measurement"),
    ("observed", "observation"),
    ("ordered", "order"),
    ("paid", "payment"),
    ("produced", "production"),
    ("published", "publication"),
    ("purchased", "purchase"),
    ("received", "receipt"),
    ("registered", "registration"),
    ("released", "release"),
    ("returned", "return"),
    ("sent", "dispatch"),
    ("signed", "signature"),
    ("sold", "sale"),
    ("started", "start"),
    ("subscribed", "subscription"),
    ("updated", "update"),
    ("withdrawn", "withdrawal"),
];
/// The noun for a column with these words, which came from its header.
pub(super) fn noun(words: String, kind: Kind) -> String {
    let (before, last) = words.rsplit_once(' ').unwrap_or(("", &words));
    match (kind, last) {
        (Kind::Date, "on" | "at") if !before.is_empty() => format!("{} date", verbal(before)),
        (Kind::Text, "at") if is_participle(before) => format!("{} time", verbal(before)),
        (Kind::Integer, "year") if is_participle(before) => format!("{} year", verbal(before)),
        (Kind::Bool | Kind::Integer | Kind::Real | Kind::Date | Kind::Text, _) => words,
    }
}

fn is_participle(words: &str) -> bool {
    NOUNS.iter().any(|(participle, _)| *participle == words)
        || (!words.contains(' ') && words.len() > 4 && words.ends_with("ed"))
}

/// "launch" for "launched", "tracking" for "tracked".
fn verbal(words: &str) -> String {
    if let Some((_, noun)) = NOUNS.iter().find(|(participle, _)| *participle == words) {
        return (*noun).to_owned();
    }
    match words.strip_suffix("ed").filter(|_| is_participle(words)) {
        Some(stem) => match stem.strip_suffix('i') {
            Some(stem) => format!("{stem}ying"),
            None => format!("{stem}ing"),
        },
        None => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &str, kind: Kind) -> String {
        noun(words.to_owned(), kind)
    }

    #[test]
    fn a_verb_with_its_preposition_becomes_a_date() {
        assert_eq!(of("launched on", Kind::Date), "launch date");
        assert_eq!(of("scanned at", Kind::Date), "scanning date");
        assert_eq!(of("modified on", Kind::Date), "modifying date");
        assert_eq!(of("signed up on", Kind::Date), "signed up date");
        assert_eq!(of("created at", Kind::Text), "creation time");
        assert_eq!(of("birth date", Kind::Date), "birth date");
        assert_eq!(of("looked at", Kind::Integer), "looked at");
    }

    #[test]
    fn a_participle_before_a_year_becomes_a_noun() {
        assert_eq!(of("founded year", Kind::Integer), "founding year");
        assert_eq!(of("built year", Kind::Integer), "construction year");
        assert_eq!(of("model year", Kind::Integer), "model year");
    }
}
