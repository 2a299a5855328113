//! Arena → published row, and what gets lost on the way.
//!
//! The format keeps answers and code, so gold calls, paths, types and the order of goals stay behind and are named
//! in the notes. Data files move into the code as literals, so that it runs alone under plain `python3`. What would
//! change the task (state, unanswerable requests) is refused.

use super::guess::guess_value;
use super::import::entry;
use super::{PublishedError, PublishedRow};
use astra_protocol::{ArenaSpec, ArenaTool, Comparator, Goal, GoalKind, Message, Value};
use astra_sandbox::DataFile;
use serde_json::{Map, Value as Json};
use std::fmt::Write as _;

/// A row and what it does not say.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The row.
    pub row: PublishedRow,
    /// What the format cannot carry, in words.
    pub notes: Vec<String>,
}

/// Exports an arena. `data` holds the uncompressed JSON bytes of its data files.
pub fn export_row(spec: &ArenaSpec, data: &[DataFile]) -> Result<Exported, PublishedError> {
    let refuse = |reason: String| PublishedError::Refused { reason };
    if !spec.answerable {
        return Err(refuse("it is unanswerable, and the format knows only expected answers".into()));
    }
    if spec.state.is_some() {
        return Err(refuse("its tools share a state, and the format runs each call alone".into()));
    }
    let turns = |message: &Message| match message {
        Message::Assistant { tool_calls, .. } => !tool_calls.is_empty(),
        Message::Tool { .. } => true,
        Message::System { .. } | Message::User { .. } => false,
    };
    if spec.prompt.iter().any(turns) {
        return Err(refuse(
            "its prompt holds tool calls, and messages of the format hold role and content only".into(),
        ));
    }
    let mut notes = lost(spec);
    let mut code = Vec::new();
    for tool in &spec.tools {
        if let Some(source) = stand_alone(tool, spec, data).map_err(refuse)? {
            code.push((tool.doc.name.clone(), source));
        } else {
            notes.push(format!("tool `{}` has no code", tool.doc.name));
        }
    }
    let mut expected: Vec<(String, Vec<Json>)> = Vec::new();
    for goal in &spec.goals {
        let GoalKind::Returns { tool, value, .. } = &goal.kind else { continue };
        let answer = plain(spec, goal, value);
        match expected.iter_mut().find(|(name, _)| name == tool) {
            Some((_, answers)) => answers.push(answer),
            None => expected.push((tool.clone(), vec![answer])),
        }
    }
    let mut extra = Map::new();
    let last = expected.last().and_then(|(_, answers)| answers.last());
    if last.map(guess_value).as_ref() != Some(&spec.answer) {
        let text = match spec.answer.to_json() {
            Json::String(text) => text,
            other @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_)) => {
                other.to_string()
            }
        };
        extra.insert("answer".into(), Json::String(text));
    }
    let tool_schema = spec.tools.iter().map(|tool| tool.doc.clone()).collect();
    let row = PublishedRow {
        prompt: spec.prompt.clone(),
        tool_schema,
        tool_dict: code,
        sub_qa_dict: expected,
        extra,
    };
    Ok(Exported { row, notes })
}

/// The expected answer as it stood in the row that the arena came from, else the value's plain form.
fn plain(spec: &ArenaSpec, goal: &Goal, value: &Value) -> Json {
    let original = spec.provenance.extra.get("expected").and_then(|expected| expected.get(&goal.id));
    match original {
        Some(original) if guess_value(original) == *value || widened(original, value) => original.clone(),
        Some(_) | None => value.to_json(),
    }
}

/// Proving may replace an answer by the sentence that says it.
fn widened(original: &Json, value: &Value) -> bool {
    match value {
        Value::Text { value } => guess_value(original).mentioned_in(value),
        Value::Number { .. }
        | Value::Bool { .. }
        | Value::Date { .. }
        | Value::Set { .. }
        | Value::List { .. }
        | Value::Record { .. } => false,
    }
}

fn lost(spec: &ArenaSpec) -> Vec<String> {
    let mut notes = Vec::new();
    let mut say = |condition: bool, note: &str| {
        if condition {
            notes.push(note.to_owned());
        }
    };
    let typed = |goal: &Goal| match &goal.kind {
        GoalKind::Returns { value: Value::Number { tolerance, unit, .. }, .. } => {
            *tolerance > 0.0 || unit.is_some()
        }
        GoalKind::Returns { value: Value::Set { .. } | Value::Record { .. }, .. } => true,
        GoalKind::Returns { .. } | GoalKind::StateEquals { .. } => false,
    };
    let placed = |goal: &Goal| matches!(&goal.kind, GoalKind::Returns { path, comparator, .. } if !path.is_empty() || *comparator == Comparator::Equals);
    say(
        !spec.gold.is_empty(),
        "gold calls are not in the row: the arena has to be proven again after an import",
    );
    say(
        spec.goals.iter().any(|goal| !goal.depends_on.is_empty()),
        "the order of the goals is not in the row",
    );
    say(spec.goals.iter().any(placed), "the paths at which answers stand are not in the row");
    say(spec.goals.iter().any(typed), "tolerances, units, sets and records become plain values");
    say(!spec.data.is_empty(), "data files are written into the code of each tool");
    notes
}

/// Source that needs nothing of ours; `None` for a tool without code.
fn stand_alone(tool: &ArenaTool, spec: &ArenaSpec, data: &[DataFile]) -> Result<Option<String>, String> {
    if tool.code.trim().is_empty() {
        return Ok(None);
    }
    let mut code = inline_data(tool, spec, data)?;
    if entry(&code, &tool.doc.name).as_deref() != Some(&tool.entry) {
        let name = &tool.doc.name;
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            || name.starts_with(|c: char| c.is_ascii_digit())
        {
            return Err(format!(
                "`{}` is the function of tool `{name}`, and the format cannot say so",
                tool.entry
            ));
        }
        let _ =
            write!(code, "\n\ndef {name}(*args, **kwargs):\n    return {}(*args, **kwargs)\n", tool.entry);
    }
    Ok(Some(code))
}

/// Replaces the import of our `data` by a definition that holds the files.
fn inline_data(tool: &ArenaTool, spec: &ArenaSpec, data: &[DataFile]) -> Result<String, String> {
    let ours = |line: &str| {
        let line = line.trim_start();
        line.starts_with("from astra import") || line.starts_with("import astra")
    };
    if !tool.code.lines().any(ours) {
        return Ok(tool.code.clone());
    }
    // An import inside a function leaves the definition to the top level, before the first thing defined there.
    let imported_on_top = tool.code.lines().any(|line| ours(line) && !line.starts_with(char::is_whitespace));
    let mut out = String::new();
    let mut defined = false;
    let mut prelude = Some(prelude(tool, spec, data)?);
    for line in tool.code.lines() {
        let indent = &line[..line.len() - line.trim_start().len()];
        let here = if imported_on_top {
            ours(line) && indent.is_empty()
        } else {
            ["def ", "class ", "async def ", "@"].iter().any(|word| line.starts_with(word))
        };
        if here && let Some(prelude) = prelude.take() {
            out.push_str(&prelude);
            defined = true;
        }
        if ours(line) {
            out.push_str(&alias(line, indent, &tool.doc.name)?);
        } else {
            let _ = writeln!(out, "{line}");
        }
    }
    if defined { Ok(out) } else { Err(format!("the code of `{}` has no place for its data", tool.doc.name)) }
}

/// What stands in the place of one import line.
fn alias(line: &str, indent: &str, tool: &str) -> Result<String, String> {
    let refused = || Err(format!("the code of `{tool}` says `{}`, which is not replaced", line.trim()));
    let line = line.split('#').next().unwrap_or(line).trim();
    let names =
        line.strip_prefix("from astra import").map(|rest| rest.trim().trim_matches(['(', ')']).trim());
    let name = match (names, line) {
        (Some("data"), _) => "data",
        (Some(names), _) => match names.strip_prefix("data as ") {
            Some(name) if name.trim().chars().all(|c| c.is_alphanumeric() || c == '_') => name.trim(),
            Some(_) | None => return refused(),
        },
        (None, "import astra") => {
            return Ok(format!("{indent}class astra:\n{indent}    data = staticmethod(_astra_data)\n"));
        }
        (None, _) => return refused(),
    };
    Ok(format!("{indent}{name} = _astra_data\n"))
}

/// Defines `_astra_data`, which parses a file at its first use and then always gives the same object.
fn prelude(tool: &ArenaTool, spec: &ArenaSpec, data: &[DataFile]) -> Result<String, String> {
    let mut files = String::new();
    for wanted in &spec.data {
        let quoted = [format!("\"{}\"", wanted.name), format!("'{}'", wanted.name)];
        if !quoted.iter().any(|name| tool.code.contains(name)) {
            continue;
        }
        let file = data.iter().find(|file| file.name == wanted.name);
        let text = file.and_then(|file| std::str::from_utf8(&file.json).ok());
        let text = text.ok_or_else(|| format!("data `{}` is missing", wanted.name))?;
        let _ = writeln!(files, "    {}: {},", python_text(&wanted.name), python_text(text));
    }
    Ok(format!(
        "import json as _astra_json\n\n_ASTRA_FILES = {{\n{files}}}\n_ASTRA_PARSED = {{}}\n\n\n\
         def _astra_data(name):\n    if name not in _ASTRA_PARSED:\n        \
         _ASTRA_PARSED[name] = _astra_json.loads(_ASTRA_FILES[name])\n    return _ASTRA_PARSED[name]\n\n\n"
    ))
}

/// A Python string literal.
fn python_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        match c {
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn import_lines_become_definitions_where_they_stood() {
        assert_eq!(alias("from astra import data", "", "f").unwrap(), "data = _astra_data\n");
        assert_eq!(
            alias("    from astra import data as rows  # x", "    ", "f").unwrap(),
            "    rows = _astra_data\n"
        );
        assert!(alias("import astra", "", "f").unwrap().contains("staticmethod"));
        assert!(alias("from astra import data, new_id", "", "f").unwrap_err().contains("`f`"));
        assert!(alias("import astra, json", "", "f").is_err());
    }

    #[test]
    fn texts_become_python_literals() {
        assert_eq!(python_text("it's \\ a\nb\t北京"), "'it\\'s \\\\ a\\nb\\x09北京'");
    }
}
