//! From names in a header to English words: nouns in both numbers, articles, columns with their units.
//!
//! Rules for the regular cases and short lists for the others; what the lists miss reads a little stiff, and an
//! override file is the place to mend it, not more rules.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// A noun in both numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Noun {
    pub(crate) singular: String,
    pub(crate) plural: String,
}

const UNCHANGED: &[&str] = &["series", "species", "aircraft"];
/// Words that nobody counts, with the word that is counted instead: a row of `weather` is a weather record.
const UNCOUNTED: &[(&str, &str)] = &[
    ("data", "data record"),
    ("equipment", "equipment item"),
    ("history", "history entry"),
    ("inventory", "inventory item"),
    ("news", "news item"),
    ("staff", "staff member"),
    ("stock", "stock item"),
    ("traffic", "traffic record"),
    ("weather", "weather record"),
];
/// Plurals that are amounts rather than so many things.
const AMOUNTS: &[&str] = &["sales", "earnings", "savings", "proceeds", "costs", "expenses", "wages"];
/// Columns that are named by their unit alone: what is measured, and the unit.
const UNIT_NAMES: &[(&str, &str, &str)] = &[
    ("milliseconds", "duration", "ms"),
    ("seconds", "duration", "seconds"),
    ("minutes", "duration", "minutes"),
    ("hours", "duration", "hours"),
    ("bytes", "size", "bytes"),
    ("kilobytes", "size", "kB"),
    ("kilometers", "distance", "km"),
    ("kilometres", "distance", "km"),
    ("miles", "distance", "miles"),
];
const IRREGULAR: &[(&str, &str)] = &[
    ("person", "people"),
    ("child", "children"),
    ("mouse", "mice"),
    ("man", "men"),
    ("woman", "women"),
    ("analysis", "analyses"),
    ("index", "indices"),
    ("alias", "aliases"),
    ("bus", "buses"),
    ("status", "statuses"),
    ("movie", "movies"),
];
const ACRONYMS: &[&str] =
    &["utc", "cas", "iso", "iata", "icao", "faa", "gdp", "url", "isbn", "dna", "rna", "usd", "id"];
const PROPER: &[&str] = &[
    "january",
    "february",
    "march",
    "april",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "pauling",
    "english",
    "roman",
    "greek",
    "latin",
];
const ABBREVIATIONS: &[(&str, &str)] = &[
    ("lat", "latitude"),
    ("lon", "longitude"),
    ("lng", "longitude"),
    ("alt", "altitude"),
    ("elev", "elevation"),
    ("dep", "departure"),
    ("arr", "arrival"),
    ("orig", "origin"),
    ("dest", "destination"),
    ("dept", "department"),
    ("mgr", "manager"),
    ("amt", "amount"),
    ("precip", "precipitation"),
    ("humid", "humidity"),
    ("dewp", "dew point"),
    ("visib", "visibility"),
    ("dir", "direction"),
    ("tailnum", "tail number"),
    ("tzone", "time zone name"),
    ("sched", "scheduled"),
    ("num", "number of"),
    ("avg", "average"),
    ("max", "maximum"),
    ("min", "minimum"),
    ("pop", "population"),
    ("qty", "quantity"),
    ("temp", "temperature"),
    ("desc", "description"),
    ("addr", "address"),
    ("dob", "date of birth"),
    ("tz", "time zone"),
];
/// Endings of column names that are units, longest first among those that overlap.
const UNITS: &[(&str, &str)] = &[
    ("_j_per_g_k", "J/(g·K)"),
    ("_w_per_m_k", "W/(m·K)"),
    ("_kj_per_mol", "kJ/mol"),
    ("_g_per_cm3", "g/cm³"),
    ("_kg_per_m3", "kg/m³"),
    ("_mg_per_kg", "mg/kg"),
    ("_mg_per_l", "mg/l"),
    ("_usd_per_kg", "US dollars per kg"),
    ("_per_km2", "per km²"),
    ("_km_per_h", "km/h"),
    ("_kmh", "km/h"),
    ("_kph", "km/h"),
    ("_km2", "km²"),
    ("_m2", "m²"),
    ("_m3", "m³"),
    ("_bohr3", "bohr³"),
    ("_angstrom", "ångström"),
    ("_km", "km"),
    ("_cm", "cm"),
    ("_mm", "mm"),
    ("_nm", "nm"),
    ("_pm", "pm"),
    ("_m", "m"),
    ("_ft", "feet"),
    ("_miles", "miles"),
    ("_kg", "kg"),
    ("_g", "g"),
    ("_lb", "pounds"),
    ("_kelvin", "K"),
    ("_k", "K"),
    ("_celsius", "°C"),
    ("_fahrenheit", "°F"),
    ("_degrees", "degrees"),
    ("_deg", "degrees"),
    ("_percent", "percent"),
    ("_pct", "percent"),
    ("_ev", "eV"),
    ("_da", "Da"),
    ("_hours", "hours"),
    ("_minutes", "minutes"),
    ("_seconds", "seconds"),
    ("_ms", "ms"),
    ("_days", "days"),
    ("_years", "years"),
    ("_usd", "US dollars"),
    ("_eur", "euros"),
    ("_mph", "mph"),
    ("_hpa", "hPa"),
    ("_kpa", "kPa"),
    ("_mpa", "MPa"),
    ("_kb", "kB"),
    ("_mb", "MB"),
    ("_gb", "GB"),
    ("_bytes", "bytes"),
];

impl Noun {
    /// The noun that a table's name stands for, whether it is written in singular or plural.
    pub(crate) fn of_table(name: &str) -> Self {
        let words = plain(name);
        let (head, last) = words.rsplit_once(' ').map_or(("", words.as_str()), |(head, last)| (head, last));
        let counted = UNCOUNTED.iter().find(|(word, _)| *word == last);
        let (singular, plural) = counted.map_or_else(
            || numbers(last),
            |(_, counted)| {
                let (head, last) = counted.rsplit_once(' ').unwrap_or(("", counted));
                let (singular, plural) = numbers(last);
                (format!("{head} {singular}"), format!("{head} {plural}"))
            },
        );
        let with_head = |word: String| if head.is_empty() { word } else { format!("{head} {word}") };
        Self { singular: with_head(singular), plural: with_head(plural) }
    }
}

/// Singular and plural of a word given in either.
fn numbers(word: &str) -> (String, String) {
    if UNCHANGED.contains(&word) {
        return (word.to_owned(), word.to_owned());
    }
    if let Some((one, many)) = IRREGULAR.iter().find(|(one, many)| *one == word || *many == word) {
        return ((*one).to_owned(), (*many).to_owned());
    }
    let singular = if let Some(stem) = word.strip_suffix("ies").filter(|stem| stem.len() > 1) {
        format!("{stem}y")
    } else if let Some(stem) = word
        .strip_suffix("es")
        .filter(|stem| ["ss", "x", "ch", "sh", "zz"].iter().any(|end| stem.ends_with(end)))
    {
        stem.to_owned()
    } else if word.ends_with('s') && !["ss", "us", "is"].iter().any(|end| word.ends_with(end)) {
        word[..word.len() - 1].to_owned()
    } else {
        word.to_owned()
    };
    let plural = if singular != word {
        word.to_owned()
    } else if let Some(stem) =
        word.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u']))
    {
        format!("{stem}ies")
    } else if ["s", "x", "ch", "sh", "z"].iter().any(|end| word.ends_with(end)) {
        format!("{word}es")
    } else {
        format!("{word}s")
    };
    (singular, plural)
}

/// `a` or `an`, by the first sound as far as spelling tells.
pub(crate) fn article(word: &str) -> &'static str {
    let lower = word.to_lowercase();
    let vowel = lower.starts_with(['a', 'e', 'i', 'o', 'u']);
    let sounds_otherwise = ["uni", "use", "eu", "one"].iter().any(|start| lower.starts_with(start));
    let silent_h = ["hour", "honest", "heir"].iter().any(|start| lower.starts_with(start));
    if (vowel && !sounds_otherwise) || silent_h { "an" } else { "a" }
}

/// A column's name in words and its unit.
pub(crate) fn column_words(name: &str) -> (String, Option<&'static str>) {
    let snake = snake(name);
    if let Some((_, words, unit)) = UNIT_NAMES.iter().find(|(column, _, _)| *column == snake) {
        return ((*words).to_owned(), Some(*unit));
    }
    let found = UNITS.iter().find(|(ending, _)| snake.len() > ending.len() && snake.ends_with(ending));
    let (stem, unit) = found
        .map_or((snake.as_str(), None), |(ending, unit)| (&snake[..snake.len() - ending.len()], Some(*unit)));
    let stem = stem.strip_prefix("is_").or_else(|| stem.strip_prefix("has_")).unwrap_or(stem);
    let words: Vec<String> = stem
        .split('_')
        .filter(|word| !word.is_empty())
        .map(|word| {
            if ACRONYMS.contains(&word) {
                word.to_uppercase()
            } else if PROPER.contains(&word) {
                word[..1].to_uppercase() + &word[1..]
            } else {
                let long = ABBREVIATIONS.iter().find(|(short, _)| *short == word);
                long.map_or(word, |(_, long)| long).to_owned()
            }
        })
        .collect();
    let words = words.join(" ");
    // A lone `no` is the answer; behind another word it is a number.
    (words.strip_suffix(" no").map_or_else(|| words.clone(), |stem| format!("{stem} number")), unit)
}

/// Words for a column of whole numbers without a unit: of `seats` it holds how many, of `flight` among flights the number.
pub(super) fn counted_words(words: String, noun: &str) -> String {
    let last = words.rsplit(' ').next().unwrap_or_default();
    let few = words.split(' ').count() <= 2 && !words.contains(" of ");
    let plural = few && !AMOUNTS.contains(&last) && {
        let (singular, plural) = numbers(last);
        plural == last && singular != last
    };
    if plural {
        format!("number of {words}")
    } else if words == noun {
        format!("{words} number")
    } else {
        words
    }
}

/// What tables are about when nobody says it: their nouns, the first three.
pub(super) fn title_of(nouns: &[&Noun]) -> Option<String> {
    let words: Vec<&str> = nouns.iter().take(3).map(|noun| noun.plural.as_str()).collect();
    match words.split_last()? {
        (last, []) => Some((*last).to_owned()),
        (last, first) => Some(format!("{} and {last}", first.join(", "))),
    }
}

/// Whether a text is mostly written in Chinese characters.
pub(super) fn chinese(text: &str) -> bool {
    let han = |c: &char| matches!(*c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}');
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    letters > 0 && text.chars().filter(han).count() * 2 > letters
}

/// A word that lives as long as the process. Units are few and shared by everything that speaks of a column.
pub(super) fn interned(word: &str) -> &'static str {
    static WORDS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = words.get(word) {
        return known;
    }
    let kept: &'static str = Box::leak(word.to_owned().into_boxed_str());
    words.insert(kept);
    kept
}

/// Lower-case words of a name.
pub(crate) fn plain(name: &str) -> String {
    snake(name).replace('_', " ")
}

/// `snake_case` of `camelCase`, `Title Case`, `kebab-case` and dotted names.
pub(crate) fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut before_lower = false;
    for c in name.trim().chars() {
        if c.is_alphanumeric() {
            if c.is_uppercase() && before_lower {
                out.push('_');
            }
            before_lower = c.is_lowercase() || c.is_numeric();
            out.extend(c.to_lowercase());
        } else {
            before_lower = false;
            if !out.is_empty() && !out.ends_with('_') {
                out.push('_');
            }
        }
    }
    out.trim_end_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_have_both_numbers() {
        let of = |name: &str| {
            let noun = Noun::of_table(name);
            (noun.singular, noun.plural)
        };
        let pair = |one: &str, many: &str| (one.to_owned(), many.to_owned());
        assert_eq!(of("decay_modes"), pair("decay mode", "decay modes"));
        assert_eq!(of("countries"), pair("country", "countries"));
        assert_eq!(of("Country"), pair("country", "countries"));
        assert_eq!(of("series"), pair("series", "series"));
        assert_eq!(of("aliases"), pair("alias", "aliases"));
        assert_eq!(of("boxes"), pair("box", "boxes"));
        assert_eq!(of("timeZones"), pair("time zone", "time zones"));
        assert_eq!(of("weather"), pair("weather record", "weather records"));
        assert_eq!(of("class"), pair("class", "classes"));
    }

    #[test]
    fn units_leave_the_column_name() {
        assert_eq!(column_words("density_g_per_cm3"), ("density".into(), Some("g/cm³")));
        assert_eq!(column_words("meltingPoint_k"), ("melting point".into(), Some("K")));
        assert_eq!(
            column_words("july_2024_utc_offset_minutes"),
            ("July 2024 UTC offset".into(), Some("minutes"))
        );
        assert_eq!(column_words("is_radioactive"), ("radioactive".into(), None));
        assert_eq!(column_words("Milliseconds"), ("duration".into(), Some("ms")));
        assert_eq!(counted_words("seats".into(), "plane"), "number of seats");
        assert_eq!(counted_words("flight".into(), "flight"), "flight number");
        assert_eq!(counted_words("altitude".into(), "airport"), "altitude");
        assert_eq!(counted_words("loyalty points".into(), "customer"), "number of loyalty points");
        assert_eq!(counted_words("sales".into(), "shop"), "sales");
        assert_eq!(column_words("k"), ("k".into(), None));
        assert_eq!(column_words("order_no"), ("order number".into(), None));
        assert_eq!(column_words("dep_lat_deg"), ("departure latitude".into(), Some("degrees")));
    }

    #[test]
    fn articles_follow_the_sound() {
        assert_eq!(
            [article("isotope"), article("unit"), article("hour"), article("zone")],
            ["an", "a", "an", "a"]
        );
    }
}
