//! `robust`: bad arguments give structured errors within limits, never a crash or a host path.

use super::probes::{default_call, kind};
use super::tries::{Attempt, outcomes};
use crate::arena::{Arena, ArenaError, Runtime, properties};
use crate::call::{kind_name, readable};
use astra_sandbox::ErrorKind;
use serde_json::{Map, Value as Json, json};

/// Length of the huge text argument.
const HUGE: usize = 100_000;

pub(crate) fn errors_not_crashes(runtime: &Runtime, arena: &Arena) -> Result<Vec<String>, ArenaError> {
    let mut failures = Vec::new();
    for tool in arena.tools.iter() {
        let calls = bad_arguments(&tool.schema);
        let attempts: Vec<Attempt<'_>> =
            calls.iter().map(|(_, arguments)| Attempt { before: &[], tool: &tool.name, arguments }).collect();
        for ((what, _), outcome) in calls.iter().zip(outcomes(runtime, arena, &attempts)?) {
            // The schema stops what it describes; only what passes it reaches the code, as in an episode.
            let Ok(outcome) = outcome else { continue };
            let (text, result) = readable(&outcome);
            let broke = match result {
                Err(kind) if is_breakage(kind) => Some(format!("{what} ends in `{}`", kind_name(kind))),
                Ok(_) | Err(_) => None,
            };
            let shown = host_path(&text).map(|path| format!("{what} shows the host path `{path}`"));
            failures.extend(broke.or(shown).map(|problem| format!("tool `{}`: {problem}", tool.name)));
        }
    }
    Ok(failures)
}

/// Whether a call ended at a limit or in a crash rather than in an error that an agent can act on.
fn is_breakage(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::Crash
        | ErrorKind::TimeLimit
        | ErrorKind::CpuLimit
        | ErrorKind::MemoryLimit
        | ErrorKind::OutputLimit
        | ErrorKind::Protocol
        | ErrorKind::CallLimit => true,
        ErrorKind::Exception
        | ErrorKind::Arguments
        | ErrorKind::RecursionLimit
        | ErrorKind::NotJson
        | ErrorKind::BadState
        | ErrorKind::Denied => false,
    }
}

/// `(what, arguments)`: wrong types, a missing one, an extra one, huge ones.
fn bad_arguments(schema: &Json) -> Vec<(String, Map<String, Json>)> {
    let base = default_call(schema);
    let mut out = vec![("a call without arguments".to_owned(), Map::new())];
    let mut extra = base.clone();
    extra.insert("unexpected_argument".to_owned(), json!(1));
    out.push(("an extra argument".to_owned(), extra));
    for (name, property) in properties(schema) {
        let mut missing = base.clone();
        missing.remove(name);
        out.push((format!("missing `{name}`"), missing));
        let huge = match kind(property) {
            "integer" => vec![json!(i64::MAX), json!(i64::MIN)],
            "number" => vec![json!(1.0e308), json!(-1.0e308)],
            "array" => vec![json!(vec![1; 10_000]), json!(vec!["x"; 10_000])],
            "object" => vec![json!({"a": {"b": {"c": [1, 2, 3]}}})],
            _ => vec![json!("x".repeat(HUGE))],
        };
        let wrong = [json!(null), json!(true), json!(-1), json!("x"), json!([1]), json!({"a": 1})];
        for value in huge.into_iter().chain(wrong) {
            let shape = super::oracle::brief(&value);
            let mut call = base.clone();
            call.insert(name.clone(), value);
            out.push((format!("`{name}` = {}", shape.chars().take(30).collect::<String>()), call));
        }
    }
    out
}

/// The first thing in a text that looks like a path of the host.
fn host_path(text: &str) -> Option<&str> {
    const ROOTS: [&str; 8] = ["/usr/", "/root/", "/home/", "/tmp/", "/opt/", "/etc/", "/var/", "/proc/"];
    let start = ROOTS.iter().filter_map(|root| text.find(root)).min()?;
    let end = text[start..]
        .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ','))
        .map_or(text.len(), |at| start + at);
    Some(&text[start..end])
}
