//! `astra arenas show`: one arena for people. Gold only when asked for, because who plays should not see it.

use crate::Context;
use crate::failure::ExitStatus;
use crate::source::{Record, find};
use crate::{engine, table::brief};
use astra_arena::replay_gold;
use astra_protocol::{ArenaSpec, Goal, GoalKind, Message, Reference, ToolDoc};
use clap::Args;
use serde_json::{Value as Json, json};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Arguments of `show`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra arenas show corpus/arenas-hand/buoy_reading.json --gold")]
pub(crate) struct ShowArguments {
    /// Beginning of an id, a name, or a file that holds one arena
    arena: String,
    /// Where to look; without it among files, then among the hand-written arenas
    path: Option<PathBuf>,
    /// Also show goals' values and gold calls with the arguments that their references stand for
    #[arg(long)]
    gold: bool,
}

/// Shows.
pub(crate) fn run(arguments: &ShowArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let record = find(&arguments.arena, arguments.path.as_deref())?;
    let gold = if arguments.gold && !record.spec.gold.is_empty() {
        resolved_gold(&record, context)?
    } else {
        Vec::new()
    };
    if context.printer.json {
        let mut shown = json!({"id": record.spec.id(), "place": record.place, "hops": record.spec.hops()});
        for (field, value) in serde_json::to_value(&record.spec)?.as_object().into_iter().flatten() {
            if arguments.gold || !["gold", "goals", "answer", "withheld"].contains(&field.as_str()) {
                shown[field] = value.clone();
            }
        }
        if arguments.gold {
            shown["gold_replayed"] = json!(gold);
        }
        context.printer.json(&shown)?;
        return Ok(ExitStatus::Done);
    }
    context.printer.data(describe(&record, arguments.gold, &gold))?;
    Ok(ExitStatus::Done)
}

fn describe(record: &Record, with_gold: bool, gold: &[Json]) -> String {
    let spec = &record.spec;
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "arena {} ({})", crate::source::name_of(spec), spec.id());
    let _ = writeln!(
        out,
        "  from {}; {}; {}; {}, {} hops",
        record.place,
        spec.domain,
        spec.language,
        spec.topology,
        spec.hops()
    );
    let answerable = if spec.answerable { "answerable" } else { "unanswerable: a needed tool was removed" };
    let proven = if spec.is_unproven() { ", unproven: no gold calls" } else { "" };
    let _ = writeln!(out, "  {answerable}{proven}");
    let _ = writeln!(out, "\nprompt");
    out.push_str(&prompt(spec));
    let _ = writeln!(out, "\ntools");
    for tool in &spec.tools {
        let _ = writeln!(out, "  {}", signature(&tool.doc));
        let _ = writeln!(out, "      {}", brief(&tool.doc.description, 200));
    }
    if !spec.goals.is_empty() {
        let _ = writeln!(out, "\ngoals");
        out.push_str(&goal_tree(&spec.goals, with_gold));
    }
    if with_gold {
        if !gold.is_empty() {
            let _ = writeln!(out, "\ngold calls");
        }
        for step in gold {
            let text = |field: &str| step[field].as_str().unwrap_or_default();
            let _ = writeln!(out, "  {}: {}({})", text("id"), text("tool"), step["arguments"]);
            for (argument, from) in step["from"].as_object().into_iter().flatten() {
                let _ = writeln!(out, "      {argument} is {}", from.as_str().unwrap_or_default());
            }
            let _ = writeln!(out, "      → {}", brief(&step["result"].to_string(), 300));
        }
        let _ = writeln!(out, "\nanswer\n  {}", value_text(&spec.answer));
    }
    out
}

/// The prompt, indented.
pub(crate) fn prompt(spec: &ArenaSpec) -> String {
    let mut out = String::new();
    for message in &spec.prompt {
        let role = match message {
            Message::System { .. } => "system",
            Message::User { .. } => "user",
            Message::Assistant { .. } => "assistant",
            Message::Tool { .. } => "tool",
        };
        for line in message.content().lines() {
            let _ = writeln!(out, "  {role}: {line}");
        }
    }
    out
}

/// `name(argument: type, other: type = default)`, as far as the schema says.
pub(crate) fn signature(doc: &ToolDoc) -> String {
    let schema = doc.schema().unwrap_or_default();
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    let parameters: Vec<String> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, property)| {
            let kind = match (&property["enum"], &property["type"]) {
                (Json::Array(members), _) => {
                    members.iter().map(ToString::to_string).collect::<Vec<_>>().join("|")
                }
                (_, Json::String(kind)) => kind.clone(),
                (_, Json::Array(kinds)) => {
                    kinds.iter().filter_map(Json::as_str).collect::<Vec<_>>().join("|")
                }
                (_, Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_)) => "any".to_owned(),
            };
            let default = match property.get("default") {
                Some(default) => format!(" = {default}"),
                None if required.contains(&name.as_str()) => String::new(),
                None => "?".to_owned(),
            };
            format!("{name}: {kind}{default}")
        })
        .collect();
    format!("{}({})", doc.name, parameters.join(", "))
}

/// The goals' graph: each goal under the last of those that it needs, the others named.
pub(crate) fn goal_tree(goals: &[Goal], with_values: bool) -> String {
    let mut out = String::new();
    for goal in goals.iter().filter(|goal| goal.depends_on.is_empty()) {
        branch(goals, goal, 0, with_values, &mut out);
    }
    out
}

fn branch(goals: &[Goal], goal: &Goal, depth: usize, with_values: bool, out: &mut String) {
    let lead = if depth == 0 { String::new() } else { format!("{}└─ ", "   ".repeat(depth - 1)) };
    let also = match goal.depends_on.split_last() {
        Some((_, others)) if !others.is_empty() => format!("  (also needs {})", others.join(", ")),
        Some(_) | None => String::new(),
    };
    let _ = writeln!(out, "  {lead}{}: {}{also}", goal.id, goal.question);
    let indent = "   ".repeat(depth + 1);
    let how = match &goal.kind {
        GoalKind::Returns { tool, path, value, gold, decisive, grounded, .. } if with_values => {
            let at = if path.is_empty() { String::new() } else { format!(" at {path}") };
            let by = gold.as_deref().map_or(String::new(), |gold| format!(", gold call {gold}"));
            let grounded = if *grounded {
                format!(", needs its arguments{}", in_brackets(decisive))
            } else {
                String::new()
            };
            format!("{tool} returns {}{at}{by}{grounded}", value_text(value))
        }
        GoalKind::Returns { tool, .. } => format!("by {tool}"),
        GoalKind::StateEquals { gold } => format!("the final state is that after {}", gold.join(", ")),
    };
    let _ = writeln!(out, "  {indent}{how}");
    for child in goals.iter().filter(|child| child.depends_on.last() == Some(&goal.id)) {
        branch(goals, child, depth + 1, with_values, out);
    }
}

fn in_brackets(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
}

/// A value as JSON, without the wrapping of its type where it is plain.
pub(crate) fn value_text(value: &astra_protocol::Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Gold calls replayed: arguments with references resolved, where those came from, and results.
fn resolved_gold(record: &Record, context: &Context) -> anyhow::Result<Vec<Json>> {
    let engine = engine::start(context)?;
    let arena = record.load(&engine.runtime)?;
    let replay = replay_gold(&engine.runtime, &arena, context.settings.seed)?;
    Ok(replay
        .steps
        .iter()
        .zip(&record.spec.gold)
        .map(|(step, call)| {
            let from: serde_json::Map<String, Json> = call
                .arguments
                .iter()
                .filter_map(|(name, argument)| {
                    let reference = Reference::of(argument)?.ok()?;
                    let targets: Vec<String> =
                        reference.targets().iter().map(|(id, pointer)| format!("{id}#{pointer}")).collect();
                    let via = reference.via.as_ref().and_then(|via| serde_json::to_value(via).ok());
                    let via = via.as_ref().and_then(|via| via["kind"].as_str());
                    let via = via.map_or(String::new(), |kind| format!(" via {kind}"));
                    Some((name.clone(), json!(format!("{}{via}", targets.join(", ")))))
                })
                .collect();
            let result = match &step.result {
                Ok(result) => result.clone(),
                Err(error) => json!({"error": error}),
            };
            let arguments = match &step.arguments {
                Ok(arguments) => Json::Object(arguments.clone()),
                Err(error) => json!({"unresolved": error}),
            };
            json!({"id": step.id, "tool": step.tool, "arguments": arguments, "from": from, "result": result})
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_say_types_defaults_and_what_may_be_left_out() {
        let text = r#"{"name":"f","description":"d","parameters":{"type":"object","properties":{
            "a":{"type":"string"},"b":{"type":"integer","default":5},"c":{"enum":["x","y"]},"d":{"type":"number"}},
            "required":["a","c"]}}"#;
        let doc: ToolDoc = serde_json::from_str(text).unwrap();
        assert_eq!(signature(&doc), r#"f(a: string, b: integer = 5, c: "x"|"y", d: number?)"#);
    }
}
