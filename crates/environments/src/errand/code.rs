//! Python source of a desk's tools, put together from the theme: validation, rules, errors, and what is computed.
//!
//! Each tool is a source of its own over the shared `state`. It holds no value of any row; records are looked up in the
//! arena's data. An entry that is cancelled keeps its place, marked. [`desk`](super::desk) computes the same in Rust.

use super::counter::Counter;
use super::theme::{Extra, FEES, Field, MAX_LOAD, Part, YEAR};
use super::{DeskTool, desk::Stage};
use crate::tools::code::{fill, tuple};
use std::fmt::Write as _;

pub(super) fn of(counter: &Counter, tool: DeskTool) -> String {
    let source = match tool {
        DeskTool::Create => create(counter),
        DeskTool::Confirm => format!("{}{CONFIRM}", extra(counter)),
        DeskTool::Update => update(counter),
        DeskTool::Cancel => cancel(counter),
        DeskTool::List => list(counter),
        DeskTool::Get => format!("{}{GET}", extra(counter)),
    };
    let result = if counter.errand.terse { "" } else { RESULT };
    let drafts = counter.errand.drafts && tool == DeskTool::Create;
    let stage = counter.errand.dialect;
    let theme = counter.theme();
    let (names, row) = (&theme.names, counter.row());
    let word = |stage_of: Stage| stage_of.word(theme, stage);
    let limit = theme.limit.to_string();
    let text = source.replace("<result>", if drafts { "" } else { result });
    fill(
        &text,
        &[
            ("name", counter.name(tool)),
            ("entry", theme.noun.0),
            ("entries", theme.noun.1),
            ("store", names.entries[stage]),
            ("id", names.id[stage]),
            ("person", names.person[stage]),
            ("people", names.people[stage]),
            ("status", names.status[stage]),
            ("draft", word(Stage::Draft)),
            ("open", word(Stage::Open)),
            ("done", word(Stage::Done)),
            ("cancelled", word(Stage::Cancelled)),
            ("first", word(if drafts { Stage::Draft } else { Stage::Open })),
            ("extra", names.extra[stage]),
            ("open_now", names.open_now[stage]),
            ("limit", &limit),
            ("prefix", theme.prefix),
            ("record", &row.field),
            ("row", &row.parameter),
            ("file", &row.file),
            ("label", &row.label),
            ("noun", &row.noun),
        ],
    )
}

/// What writing tools return beside id and status, unless they are terse.
const RESULT: &str = r#"
    answer["<extra>"] = compute(state, shown)
    answer["<open_now>"] = len([one for one in state["<store>"].values() if one["<person>"] == shown["<person>"] and one["<status>"] == "<open>"])"#;

const FIND_PERSON: &str = r#"    if not isinstance(<person>, str) or len(<person>) > 80:
        return {"error": "<person> must be a full name"}
    called = " ".join(<person>.split()).casefold()
    known = [one for one in state["<people>"] if one.casefold() == called]
    if not known:
        return {"error": "nobody of this name is registered"}
"#;
const FIND_ID: &str = r#"    if not isinstance(<row>, str):
        return {"error": "<row> must be text"}
    found = [one["id"] for one in data("<file>") if one["id"] == <row>]
    if not found:
        return {"error": "no <noun> has this id"}
"#;
const FIND_NAME: &str = r#"    if not isinstance(<row>, str) or not <row>.strip() or len(<row>) > 200:
        return {"error": "<row> must be a short text that is not empty"}
    called = " ".join(<row>.split()).casefold()
    found = [one["id"] for one in data("<file>") if (one["<label>"] or "").casefold() == called]
    if len(found) != 1:
        return {"error": "no single <noun> has this name"}
"#;
const FIND_ENTRY: &str = r#"    if not isinstance(<id>, str):
        return {"error": "<id> must be text"}
    shown = state["<store>"].get(<id>)
    if shown is None:
        return {"error": "no <entry> has this id"}
"#;
const RULES: &str = r#"    mine = [one for key, one in state["<store>"].items() if one["<person>"] == record["<person>"] and one["<status>"] == "<open>" and key != own]
    if len(mine) >= <limit>:
        return {"error": "this person has <limit> open <entries> already"}
    if any(one["<record>"] == record["<record>"] for one in mine):
        return {"error": "this person has an open <entry> for this <noun> already"}
"#;
const SLOT_RULE: &str = r#"    for key, one in state["<store>"].items():
        if key != own and one["<status>"] == "<open>" and (one["<day>"], one["<slot>"]) == (record["<day>"], record["<slot>"]):
            if one["<record>"] == record["<record>"] or one["<person>"] == record["<person>"]:
                return {"error": "this time is taken"}
"#;
const LOAD_RULE: &str = r#"    if sum(one["<amount>"] for one in mine) + record["<amount>"] > <most>:
        return {"error": "this person would have more than <most> hours open"}
"#;
const STORE: &str = r#"    key = new_id(state, "<prefix>", record)
    shown = {**record, "<status>": "<first>"}
    state["<store>"][key] = shown
    answer = {"<id>": key, "<status>": "<first>"}<result>
    return answer
"#;
const CONFIRM: &str = r#"def <name>(state, <id>):
    """Make a prepared <entry> count."""
    if not isinstance(<id>, str):
        return {"error": "<id> must be text"}
    shown = state["<store>"].get(<id>)
    if shown is None or shown["<status>"] != "<draft>":
        return {"error": "no <entry> in status <draft> has this id"}
    shown["<status>"] = "<open>"
    answer = {"<id>": <id>, "<status>": "<open>"}<result>
    return answer
"#;
const CANCEL: &str = r#"def <name>(state, <id>):
    """End an open <entry>; it stays on file, marked."""
    if not isinstance(<id>, str):
        return {"error": "<id> must be text"}
    shown = state["<store>"].get(<id>)
    if shown is None or shown["<status>"] not in ("<open>", "<draft>"):
        return {"error": "no open <entry> has this id"}
    shown["<status>"] = "<cancelled>"
    left = [one for one in state["<store>"].values() if one["<person>"] == shown["<person>"] and one["<status>"] == "<open>"]
    return {"<id>": <id>, "<status>": "<cancelled>"<left>}
"#;
const GET: &str = r#"def <name>(state, <id>):
    """Read one <entry>."""
    if not isinstance(<id>, str):
        return {"error": "<id> must be text"}
    shown = state["<store>"].get(<id>)
    if shown is None:
        return {"error": "no <entry> has this id"}
    return {"<id>": <id>, **shown, "<extra>": compute(state, shown)}
"#;
const LIST: &str = r#"<head>def <name>(state, <row>=None, <person>=None, <status>="<open>", limit=10, offset=0):
    """List <entries> of a <noun>, of a person, or both."""
    if <row> is None and <person> is None:
        return {"error": "<row> or <person> must be given"}
    if <status> not in ("<draft>", "<open>", "<done>", "<cancelled>", "any"):
        return {"error": "unknown <status>"}
    for number, least, most in ((limit, 1, 50), (offset, 0, 10000)):
        if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
            return {"error": "limit must be 1 to 50 and offset at least 0"}
    chosen = sorted(state["<store>"].items())
    if <row> is not None:
<find_row>        chosen = [pair for pair in chosen if pair[1]["<record>"] == found[0]]
    if <person> is not None:
<find_person>        chosen = [pair for pair in chosen if pair[1]["<person>"] == known[0]]
    if <status> != "any":
        chosen = [pair for pair in chosen if pair[1]["<status>"] == <status>]
    page = [{"<id>": key, **shown} for key, shown in chosen[offset:offset + limit]]
    return {"<store>": page, "total": len(chosen)}
"#;

fn indented(lines: &str) -> String {
    lines.lines().fold(String::new(), |mut out, line| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "    {line}");
        out
    })
}

fn find_row(counter: &Counter) -> &'static str {
    if counter.errand.by_name { FIND_NAME } else { FIND_ID }
}

fn list(counter: &Counter) -> String {
    fill(
        LIST,
        &[
            ("head", "from astra import data\n\n\n"),
            ("find_row", &indented(find_row(counter))),
            ("find_person", &indented(FIND_PERSON)),
        ],
    )
}

/// Lines that refuse what a field may not be, and bring it into its one form.
fn check(field: &Field, dialect: usize) -> String {
    let name = field.names[dialect];
    let words: Vec<&str> = field.words.iter().map(|(word, _)| *word).collect();
    let (least, most) = (field.range.0.to_string(), field.range.1.to_string());
    let year = YEAR.to_string();
    let (tuple, number) = (tuple(&words), field.required);
    let template = match field.part {
        Part::Choice | Part::Slot => {
            r#"    if <p> not in <words>:
        return {"error": "<p> must be one of the documented words"}
"#
        }
        Part::Copy if number => {
            r#"    if isinstance(<p>, bool) or not isinstance(<p>, (int, float)) or abs(<p>) > 1e15:
        return {"error": "<p> must be a number"}
"#
        }
        Part::Copy => {
            r#"    if isinstance(<p>, bool) or not isinstance(<p>, (str, int, float)) or len(str(<p>)) > 120:
        return {"error": "<p> must be a number or a short text"}
"#
        }
        Part::Day => {
            r#"    try:
        <p> = date.fromisoformat(<p>).isoformat()
    except (TypeError, ValueError):
        return {"error": "<p> must be a date as YYYY-MM-DD"}
    if not <p>.startswith("<year>-"):
        return {"error": "<p> must be a day of <year>"}
"#
        }
        Part::Amount => {
            r#"    if isinstance(<p>, bool) or not isinstance(<p>, int) or not <least> <= <p> <= <most>:
        return {"error": "<p> must be a whole number from <least> to <most>"}
"#
        }
        Part::Note => {
            r#"    if not isinstance(<p>, str) or not 3 <= len(<p>.strip()) <= 200:
        return {"error": "<p> must be a text of 3 to 200 characters"}
    <p> = " ".join(<p>.split())
"#
        }
    };
    fill(template, &[("p", name), ("words", &tuple), ("least", &least), ("most", &most), ("year", &year)])
}

fn dated(counter: &Counter) -> bool {
    counter.theme().field(Part::Day).is_some()
}

fn create(counter: &Counter) -> String {
    let (theme, dialect) = (counter.theme(), counter.errand.dialect);
    let mut required = String::new();
    let mut optional = String::new();
    let mut checks = String::new();
    let mut record = String::from(r#""<record>": found[0], "<person>": known[0]"#);
    for field in theme.fields {
        let name = field.names[dialect];
        let default = match field.part {
            Part::Choice => field.words.first().map_or("None".to_owned(), |(word, _)| format!("\"{word}\"")),
            Part::Copy | Part::Day | Part::Slot | Part::Amount | Part::Note => "None".to_owned(),
        };
        let lines = check(field, dialect);
        if field.required {
            let _ = write!(required, ", {name}");
            checks.push_str(&lines);
        } else {
            let _ = write!(optional, ", {name}={default}");
            if default == "None" {
                let _ = write!(checks, "    if {name} is not None:\n{}", indented(&lines));
            } else {
                checks.push_str(&lines);
            }
        }
        let _ = write!(record, ", \"{name}\": {name}");
    }
    let days = if dated(counter) { "from datetime import date" } else { "" };
    let compute = if counter.errand.terse || counter.errand.drafts { String::new() } else { extra(counter) };
    // The helper brings its own import of dates.
    let days = if compute.contains("from datetime") || days.is_empty() {
        String::new()
    } else {
        format!("{days}\n\n")
    };
    format!(
        "{days}from astra import data, new_id\n\n\n{compute}def <name>(state, <row>, <person>{required}{optional}):\n    \
         \"\"\"Make a new <entry>.\"\"\"\n{}{FIND_PERSON}{checks}    record = {{{record}}}\n    own = None\n{}{STORE}",
        find_row(counter),
        rules(counter),
    )
}

fn rules(counter: &Counter) -> String {
    let (theme, dialect) = (counter.theme(), counter.errand.dialect);
    let name = |part| theme.field(part).map_or("", |at| theme.fields[at].names[dialect]);
    let most = MAX_LOAD.to_string();
    let mut rules = RULES.to_owned();
    if theme.field(Part::Slot).is_some() {
        rules.push_str(&fill(SLOT_RULE, &[("day", name(Part::Day)), ("slot", name(Part::Slot))]));
    }
    if theme.extra == Extra::Load {
        rules.push_str(&fill(LOAD_RULE, &[("amount", name(Part::Amount)), ("most", &most)]));
    }
    rules
}

fn update(counter: &Counter) -> String {
    let (theme, dialect) = (counter.theme(), counter.errand.dialect);
    let mut parameters = String::new();
    let mut checks = String::new();
    let mut names = Vec::new();
    for field in theme.fields.iter().filter(|field| field.mutable) {
        let name = field.names[dialect];
        names.push(name);
        let _ = write!(parameters, ", {name}=None");
        let lines = format!("{}    record[\"{name}\"] = {name}\n", check(field, dialect));
        let _ = write!(checks, "    if {name} is not None:\n{}", indented(&lines));
    }
    let none = names.iter().map(|name| format!("{name} is None")).collect::<Vec<_>>().join(" and ");
    let compute = if counter.errand.terse { String::new() } else { extra(counter) };
    let days = if dated(counter) && !compute.contains("from datetime") {
        "from datetime import date\n\n\n"
    } else {
        ""
    };
    format!(
        "{days}{compute}def <name>(state, <id>{parameters}):\n    \"\"\"Change an open <entry>.\"\"\"\n{FIND_ENTRY}    \
         if shown[\"<status>\"] not in (\"<open>\", \"<draft>\"):\n        return {{\"error\": \"only open <entries> can be \
         changed\"}}\n    if {none}:\n        return {{\"error\": \"there is nothing to change\"}}\n    record = \
         dict(shown)\n    own = <id>\n{checks}{}    shown.update(record)\n    answer = {{\"<id>\": <id>, \"<status>\": \
         shown[\"<status>\"]}}<result>\n    return answer\n",
        rules(counter),
    )
}

/// The helper that computes what the theme computes.
fn extra(counter: &Counter) -> String {
    let (theme, dialect) = (counter.theme(), counter.errand.dialect);
    let name = |part| theme.field(part).map_or("", |at| theme.fields[at].names[dialect]);
    let choices = theme.field(Part::Choice).map_or("()".to_owned(), |at| {
        let words: Vec<&str> = theme.fields[at].words.iter().map(|(word, _)| *word).collect();
        tuple(&words)
    });
    let open = r#"[one for one in state["<store>"].values() if one["<status>"] == "<open>"]"#;
    let (imports, body) = match theme.extra {
        Extra::Queue => (
            "",
            format!(
                "    ranks = <choices>\n    own = ranks.index(shown[\"<choice>\"])\n    return len([one for one in {open} \
                 if ranks.index(one[\"<choice>\"]) >= own])\n"
            ),
        ),
        Extra::Due => (
            "from datetime import date, timedelta\n\n\n",
            "    return (date.fromisoformat(shown[\"<day>\"]) + timedelta(days=shown[\"<amount>\"])).isoformat()\n".to_owned(),
        ),
        Extra::SameDay => {
            ("", format!("    return len([one for one in {open} if one[\"<day>\"] == shown[\"<day>\"]])\n"))
        }
        Extra::OnRecord => {
            ("", format!("    return len([one for one in {open} if one[\"<record>\"] == shown[\"<record>\"]])\n"))
        }
        Extra::Price => (
            "",
            format!(
                "    fee = {{{}}}[shown[\"<choice>\"]]\n    return round(shown[\"<amount>\"] * \
                 state[\"prices\"][shown[\"<record>\"]] + fee, 4)\n",
                fees(counter)
            ),
        ),
        Extra::Load => (
            "",
            format!("    return sum(one[\"<amount>\"] for one in {open} if one[\"<person>\"] == shown[\"<person>\"])\n"),
        ),
    };
    let holes = [
        ("choices", choices.as_str()),
        ("choice", name(Part::Choice)),
        ("day", name(Part::Day)),
        ("amount", name(Part::Amount)),
    ];
    format!("{imports}def compute(state, shown):\n{}\n\n", fill(&body, &holes))
}

fn fees(counter: &Counter) -> String {
    let theme = counter.theme();
    let words = theme.field(Part::Choice).map_or(&[][..], |at| theme.fields[at].words);
    let pairs: Vec<String> =
        words.iter().zip(FEES).map(|((word, _), fee)| format!("\"{word}\": {fee:.1}")).collect();
    pairs.join(", ")
}

fn cancel(counter: &Counter) -> String {
    if !counter.errand.terse {
        return CANCEL.replace("<left>", ", \"<open_now>\": len(left)");
    }
    // Terse desks count nothing.
    let lines = CANCEL
        .lines()
        .filter(|line| !line.trim_start().starts_with("left ="))
        .map(|line| format!("{line}\n"));
    lines.collect::<String>().replace("<left>", "")
}
