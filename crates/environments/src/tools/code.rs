//! Python source of the tools: written out per table, world and dialect, never per question.
//!
//! Each source validates what it is given, answers mistakes with `{"error": …}` and computes from the arena's data
//! files; it holds no value of any row. Searches want at least three letters or digits (two of a script without spaces)
//! and match whole words or beginnings, so wildcards find nothing. Error texts never repeat an argument, which may be
//! huge. The pieces below are put together line by line; a hole `<name>` is filled by whoever knows the dialect.

/// A named hole in a template and what fills it.
pub(crate) type Holes<'a> = &'a [(&'a str, &'a str)];

pub(super) const SEARCH: &str = r#"import re

from astra import data


def long(word):
    """Whether a beginning is long enough: four letters, or two of a script without spaces."""
    return len(word) > (1 if ord(word[0]) > 0x2E80 else 3)


def <name>(<query>, <limit>=<default>):
    """Search <nouns> by <label>."""
    if not isinstance(<query>, str) or isinstance(<limit>, bool) or not isinstance(<limit>, int):
        return {"error": "<query> must be text and <limit> a whole number"}
    if not 1 <= <limit> <= <most>:
        return {"error": "<limit> must be between 1 and <most>"}
    words = re.findall(r"\w+", <query>.casefold())
    if sum(3 if ord(letter) > 0x2E80 else 2 for word in words for letter in word) < 6:
        return {"error": "<query> needs at least three letters or digits"}
    found = []
    for row in data("<table>"):
        parts = re.findall(r"\w+", (row["<label>"] or "").casefold())
        if all(word in parts or long(word) and any(part.startswith(word) for part in parts) for word in words):
            found.append((parts != words, row["<label>"], row["id"]))
    found.sort()
    hits = [{"id": key, "<label>": label} for _, label, key in found[:<limit>]]
    return {"<hits>": hits, "total_matches": len(found)}
"#;

pub(super) const FIND: &str = r#"from astra import data


def <name>(<subject><property_parameter>):
    """Read one <noun> by its exact <label>."""
    if not isinstance(<subject>, str) or not <subject>.strip():
        return {"error": "<subject> must be a text that is not empty"}
    wanted = " ".join(<subject>.split()).casefold()
    for row in data("<table>"):
        if (row["<label>"] or "").casefold() == wanted:
<answer>
    return {"error": "no <noun> has this <label>"}
"#;

pub(super) const GET: &str = r#"from astra import data


def <name>(<subject><property_parameter>):
    """Read one <noun> by its id."""
    if not isinstance(<subject>, str):
        return {"error": "<subject> must be text"}
    for row in data("<table>"):
        if row["id"] == <subject>:
<answer>
    return {"error": "no <noun> has this id"}
"#;

pub(super) const WHOLE: &str = "            return dict(row)";
pub(super) const ONE: &str = r#"            if not isinstance(<property>, str) or <property> not in row:
                return {"error": "unknown <property>"}
            return {"id": row["id"], "<property>": <property>, "<value>": row[<property>]}"#;
pub(super) const SOME: &str = "            return {name: row[name] for name in <fields>}";

/// Head of every tool over rows; `<steps>` narrows `rows`, `<end>` makes the result.
pub(super) const ROWS: &str = r#"<imports>from astra import data


def <name>(<parameters>):
    """<purpose>"""
<steps><end>"#;

pub(super) const ALL: &str = r#"    rows = list(data("<table>"))
"#;
pub(super) const OF_ID: &str = r#"    if not isinstance(<subject>, str):
        return {"error": "<subject> must be text"}
    parents = [row["id"] for row in data("<parent_table>") if row["id"] == <subject>]
    if not parents:
        return {"error": "no <parent> has this id"}
    rows = [row for row in data("<table>") if row["<field>"] == parents[0]]
"#;
pub(super) const OF_NAME: &str = r#"    if not isinstance(<subject>, str) or not <subject>.strip():
        return {"error": "<subject> must be a text that is not empty"}
    wanted = " ".join(<subject>.split()).casefold()
    parents = [row["id"] for row in data("<parent_table>") if (row["<by>"] or "").casefold() == wanted]
    if not parents:
        return {"error": "no <parent> has this <by>"}
    rows = [row for row in data("<table>") if row["<field>"] == parents[0]]
"#;
pub(super) const IS: &str = r#"    if <parameter> is not None:
        if not isinstance(<parameter>, <type>):
            return {"error": "<parameter> must be <typed>"}
        rows = [row for row in rows if row["<column>"] == <parameter>]
"#;
pub(super) const NUMBER_BOUND: &str = r#"    if <parameter> is not None:
        if isinstance(<parameter>, bool) or not isinstance(<parameter>, (int, float)):
            return {"error": "<parameter> must be a number"}
        rows = [row for row in rows if row["<column>"] is not None and row["<column>"] <sign> <parameter>]
"#;
pub(super) const DATE_BOUND: &str = r#"    if <parameter> is not None:
        if not isinstance(<parameter>, str) or re.fullmatch(r"\d{4}-\d\d-\d\d", <parameter>) is None:
            return {"error": "<parameter> must be a date as YYYY-MM-DD"}
        rows = [row for row in rows if row["<column>"] is not None and row["<column>"] <sign> <parameter>]
"#;
pub(super) const COUNT_END: &str = r#"    return {"<total>": len(rows)}
"#;
pub(super) const LIST_END: &str = r#"    if <sort_by> not in <sortable>:
        return {"error": "<sort_by> must be one of the documented fields"}
    if <order> not in ("<asc>", "<desc>"):
        return {"error": "<order> must be <asc> or <desc>"}
    for number, least in (<numbers>):
        if isinstance(number, bool) or not isinstance(number, int) or number < least:
            return {"error": "<numbers_rule>"}
    if <limit> > <most>:
        return {"error": "<limit> must be at most <most>"}
    ranked = [row for row in rows if row[<sort_by>] is not None]
    ranked.sort(key=lambda row: row["id"])
    ranked.sort(key=lambda row: row[<sort_by>], reverse=<order> == "<desc>")
    page = [{<shown>} for row in ranked[<slice>]]
    return {"<items>": page, "<page_total>": len(rows)}
"#;
pub(super) const SUMMARY_END: &str = r#"    if <statistic> == "<count>":
        return {"<result>": len(rows), "rows_used": len(rows)}
    if <metric> not in <metrics>:
        return {"error": "<metric> must be one of the documented fields"}
    values = [row[<metric>] for row in rows if row[<metric>] is not None]
    if not values:
        return {"error": "there is no value to work with"}
    if <statistic> == "sum":
        result = round(math.fsum(values), 4)
    elif <statistic> == "<mean>":
        result = round(math.fsum(values) / len(values), 4)
    elif <statistic> == "min":
        result = min(values)
    elif <statistic> == "max":
        result = max(values)
    else:
        return {"error": "<statistic> must be one of the documented choices"}
    return {"<result>": result, "rows_used": len(values)}
"#;

pub(super) const CONVERT: &str = r#"import math

UNITS = {<units>}


def <name>(<value>, <from_unit>, <to_unit>):
    """Convert a <dimension> between units."""
    if isinstance(<value>, bool) or not isinstance(<value>, (int, float)):
        return {"error": "<value> must be a number"}
    if not isinstance(<from_unit>, str) or not isinstance(<to_unit>, str):
        return {"error": "units must be texts"}
    if <from_unit> not in UNITS or <to_unit> not in UNITS:
        return {"error": "unknown unit"}
    if abs(<value>) > 1e30:
        return {"error": "<value> is too large"}
    factor, offset = UNITS[<from_unit>]
    wanted_factor, wanted_offset = UNITS[<to_unit>]
    result = round((<value> * factor + offset - wanted_offset) / wanted_factor, 4)
    if not math.isfinite(result):
        return {"error": "<value> is too large"}
    return {"<result>": result, "unit": <to_unit>}
"#;

pub(super) const CALCULATE: &str = r#"import math


def <name>(<operation>, <a>, <b>):
    """Combine two numbers."""
    for number in (<a>, <b>):
        if isinstance(number, bool) or not isinstance(number, (int, float)) or abs(number) > 1e100:
            return {"error": "<a> and <b> must be numbers"}
    if <operation> == "difference":
        result = abs(<a> - <b>)
    elif <operation> == "sum":
        result = <a> + <b>
    elif <operation> in ("ratio", "percent"):
        if <b> == 0:
            return {"error": "division by zero"}
        result = <a> / <b>
        if <operation> == "percent":
            result = result * 100.0
    else:
        return {"error": "<operation> must be one of the documented choices"}
    if not math.isfinite(result):
        return {"error": "the result is too large"}
    return {"<result>": round(result, 4)}
"#;

pub(super) const DAYS: &str = r#"from datetime import date


def <name>(<a>, <b>):
    """Count the days between two dates."""
    days = []
    for text in (<a>, <b>):
        if not isinstance(text, str) or len(text) != 10:
            return {"error": "dates must be texts like YYYY-MM-DD"}
        try:
            days.append(date.fromisoformat(text))
        except ValueError:
            return {"error": "dates must be texts like YYYY-MM-DD"}
    return {"<result>": abs((days[1] - days[0]).days)}
"#;

/// The template with its holes filled; a hole that nothing fills stays, for a later round.
pub(crate) fn fill(template: &str, holes: Holes) -> String {
    holes.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("<{name}>"), value))
}

/// A Python string literal.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A Python tuple of string literals.
pub(crate) fn tuple(texts: &[&str]) -> String {
    let all: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("({}{})", all.join(", "), if all.len() == 1 { "," } else { "" })
}
