//! Python source of the tools: written out per table and dialect, never per question.
//!
//! Each source validates what it is given, answers mistakes with `{"error": …}` and computes from the arena's data
//! files; it holds no value of any row. Searches want at least three letters or digits and match whole words or beginnings
//! of at least four, so wildcards and single letters find nothing. Error texts never repeat an argument, which may be huge.

/// A named hole in a template and what fills it.
type Holes<'a> = &'a [(&'a str, &'a str)];

const SEARCH: &str = r#"import re

from astra import data


def <name>(<query>, <limit>=<default>):
    """Search <nouns> by <label>."""
    if not isinstance(<query>, str) or isinstance(<limit>, bool) or not isinstance(<limit>, int):
        return {"error": "<query> must be text and <limit> a whole number"}
    if not 1 <= <limit> <= <most>:
        return {"error": "<limit> must be between 1 and <most>"}
    words = re.findall(r"\w+", <query>.casefold())
    if sum(len(word) for word in words) < 3:
        return {"error": "<query> needs at least three letters or digits"}
    found = []
    for row in data("<table>"):
        parts = re.findall(r"\w+", (row["<label>"] or "").casefold())
        if all(word in parts or len(word) > 3 and any(part.startswith(word) for part in parts) for word in words):
            found.append((parts != words, row["<label>"], row["id"]))
    found.sort()
    hits = [{"id": key, "<label>": label} for _, label, key in found[:<limit>]]
    return {"<hits>": hits, "total_matches": len(found)}
"#;

const FIND: &str = r#"from astra import data


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

const GET: &str = r#"from astra import data


def <name>(<subject><property_parameter>):
    """Read one <noun> by its id."""
    if not isinstance(<subject>, str):
        return {"error": "<subject> must be text"}
    for row in data("<table>"):
        if row["id"] == <subject>:
<answer>
    return {"error": "no <noun> has this id"}
"#;

const WHOLE: &str = "            return dict(row)";
const ONE: &str = r#"            if not isinstance(<property>, str) or <property> not in row:
                return {"error": "unknown <property>"}
            return {"id": row["id"], "<property>": <property>, "<value>": row[<property>]}"#;

const COUNT: &str = r#"from astra import data


def <name>(<subject><filter_parameters>):
    """Count the <nouns> of one <parent>."""
    if not isinstance(<subject>, str) or not <subject>.strip():
        return {"error": "<subject> must be a text that is not empty"}
<resolve>
    if not parents:
        return {"error": "no <parent> has this <by>"}
    rows = [row for row in data("<table>") if row["<field>"] == parents[0]]
<filters>    return {"<parent_field>": parents[0], "<total>": len(rows)}
"#;

const BY_ID: &str =
    r#"    parents = [row["id"] for row in data("<parent_table>") if row["id"] == <subject>]"#;
const BY_NAME: &str = r#"    wanted = " ".join(<subject>.split()).casefold()
    parents = [row["id"] for row in data("<parent_table>") if (row["<by>"] or "").casefold() == wanted]"#;
const FILTER: &str = r#"    if <filter> is not None:
        rows = [row for row in rows if row["<filter>"] == <filter>]
"#;

fn fill(template: &str, holes: Holes) -> String {
    holes.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("<{name}>"), value))
}

/// A search over names.
pub(super) fn search(holes: Holes) -> String {
    fill(SEARCH, holes)
}

/// Whether a record is returned whole, or one property of it: the names of the parameter and of the value.
pub(super) type PropertyNames<'a> = Option<(&'a str, &'a str)>;

fn record(template: &str, property: PropertyNames, holes: Holes) -> String {
    let (parameter, answer) = match property {
        None => (String::new(), WHOLE.to_owned()),
        Some((property, value)) => {
            (format!(", {property}"), fill(ONE, &[("property", property), ("value", value)]))
        }
    };
    fill(&fill(template, &[("property_parameter", parameter.as_str()), ("answer", answer.as_str())]), holes)
}

/// A record by name.
pub(super) fn find(property: PropertyNames, holes: Holes) -> String {
    record(FIND, property, holes)
}

/// A record by id.
pub(super) fn get(property: PropertyNames, holes: Holes) -> String {
    record(GET, property, holes)
}

/// A count of the rows that refer to a parent, given by id or by name, of some kind or of any.
pub(super) fn count(by_name: Option<&str>, filters: &[&str], holes: Holes) -> String {
    let parameters: String = filters.iter().flat_map(|filter| [", ", filter, "=None"]).collect();
    let narrowed: String = filters.iter().map(|filter| fill(FILTER, &[("filter", filter)])).collect();
    let (resolve, by) = by_name.map_or((BY_ID, "id"), |label| (BY_NAME, label));
    let template = fill(
        COUNT,
        &[("resolve", resolve), ("filters", narrowed.as_str()), ("filter_parameters", parameters.as_str())],
    );
    fill(&fill(&template, &[("by", by)]), holes)
}
