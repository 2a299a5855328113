//! `astra arenas explain`: for one arena, every gate and every reason; for a trace, every call and what it credited.
//!
//! A trace is explained by repeating its calls in a fresh episode of its seed, so the explanation is also a check:
//! answers that differ from the recorded ones are named. Calls that failed by injection are not repeated; they do not
//! count either.

use super::play::describe;
use crate::Context;
use crate::engine::{Engine, gatekeeper};
use crate::failure::{ExitStatus, InputError};
use crate::source::{Record, find, name_of};
use crate::table::brief;
use astra_arena::gates::GateStatus;
use astra_arena::{EpisodeLimits, EpisodeOptions};
use astra_eval::{Played, play};
use astra_protocol::{BoxFuture, GoalKind, Message, Policy, PolicyError, PolicyTurn, Trace, TurnRequest};
use astra_store::read_traces;
use clap::Args;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Traces of one arena that are explained for people; `--json` gives all.
const SHOWN: usize = 3;

/// Arguments of `explain`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra arenas explain buoy_reading --trace runs/oracle/part-00000.jsonl")]
pub(crate) struct ExplainArguments {
    /// Beginning of an id, a name, or a file that holds one arena
    arena: String,
    /// Where to look; without it among files, then among the hand-written arenas
    path: Option<PathBuf>,
    /// Explain the traces of this arena in FILE instead of its gates
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

/// Explains.
pub(crate) fn run(arguments: &ExplainArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let record = find(&arguments.arena, arguments.path.as_deref())?;
    match &arguments.trace {
        Some(file) => explain_traces(&record, file, context),
        None => explain_gates(&record, context),
    }
}

fn explain_gates(record: &Record, context: &Context) -> anyhow::Result<ExitStatus> {
    let (_engine, gatekeeper) = gatekeeper(context)?;
    let report = gatekeeper.check(&record.spec, &record.data, &[])?;
    if context.printer.json {
        context.printer.json(&json!({
            "id": record.spec.id(), "name": name_of(&record.spec), "place": record.place,
            "passed": report.passed(), "gates": report.outcomes, "evidence": report.measured.evidence,
            "goals": report.measured.goals,
        }))?;
        return Ok(ExitStatus::of_input(report.passed()));
    }
    let mut lines = vec![format!("{} ({})", name_of(&record.spec), record.place)];
    for (gate, status) in &report.outcomes {
        match status {
            GateStatus::Passed => lines.push(format!("  {gate:<12} passed")),
            GateStatus::NotApplicable(why) => lines.push(format!("  {gate:<12} not applicable: {why}")),
            GateStatus::Failed(reasons) => {
                lines.push(format!("  {gate:<12} FAILED"));
                lines.extend(reasons.iter().map(|reason| format!("      {reason}")));
            }
        }
    }
    let measured = &report.measured;
    for goal in &measured.goals {
        if let GoalKind::Returns { gold: Some(gold), decisive, grounded, .. } = &goal.kind {
            let credit = if *grounded { "credit needs them" } else { "the value alone is enough" };
            lines.push(format!(
                "  goal {}: gold call {gold}, decisive {}; {credit}",
                goal.id,
                decisive.join(", ")
            ));
        }
    }
    for (tool, why) in &measured.evidence.private_because {
        lines.push(format!("  tool {tool} runs private: {why}"));
    }
    context.printer.data(lines.join("\n"))?;
    Ok(ExitStatus::of_input(report.passed()))
}

fn explain_traces(record: &Record, file: &Path, context: &Context) -> anyhow::Result<ExitStatus> {
    let id = record.spec.id().0;
    let mut traces = Vec::new();
    for trace in read_traces(file)? {
        let trace = trace?.value;
        if trace.task == id {
            traces.push(trace);
        }
    }
    if traces.is_empty() {
        let name = name_of(&record.spec);
        return Err(InputError::new(format!("`{}` holds no trace of arena `{name}`", file.display()))
            .hint(format!("its traces have the task {id}"))
            .into());
    }
    let engine = crate::engine::start(context)?;
    let shown = if context.printer.json { traces.len() } else { SHOWN };
    let mut all_equal = true;
    for trace in traces.iter().take(shown) {
        let (played, differences) = repeat(record, trace, &engine, context)?;
        all_equal &= differences.is_empty();
        if context.printer.json {
            context.printer.json(&json!({
                "task": trace.task, "seed": trace.seed, "policy": trace.policy, "score": played.score,
                "calls": played.log, "differences": differences,
            }))?;
        } else {
            context.printer.data(text(trace, &played, &differences))?;
        }
    }
    if traces.len() > shown {
        context
            .printer
            .say(format!("{} more traces of this arena; `--json` explains all", traces.len() - shown));
    }
    Ok(ExitStatus::of_input(all_equal))
}

/// Plays the trace's turns again; the second part names answers that differ from the recorded ones.
fn repeat(
    record: &Record,
    trace: &Trace,
    engine: &Engine,
    context: &Context,
) -> anyhow::Result<(Played, Vec<String>)> {
    let arena = record.load(&engine.runtime)?;
    let injected: BTreeSet<&str> =
        trace.injected.iter().map(|failure| failure.tool_call_id.as_str()).collect();
    let turns: Vec<Message> =
        trace.messages.iter().filter_map(|message| without_injected(message, &injected)).collect();
    let most = turns.len().max(1);
    let replay = Replay { name: format!("{} (repeated)", trace.policy), turns };
    let options = EpisodeOptions {
        seed: trace.seed,
        limits: EpisodeLimits { max_calls: context.settings.episode.max_calls, ..EpisodeLimits::default() },
        variant: crate::playing::variant(&context.settings),
        ..EpisodeOptions::default()
    };
    let played = play(&engine.runtime, &arena, &replay, options, most)?;
    let recorded = results(&trace.messages);
    let own = |name: &str| record.spec.tool(name).is_some();
    let differences = played
        .log
        .iter()
        .filter(|call| own(&call.call.name))
        .filter(|call| recorded.get(call.call.id.as_str()).is_some_and(|seen| *seen != call.text))
        .map(|call| {
            format!("call {} ({}) now answers {}", call.call.id, call.call.name, brief(&call.text, 200))
        })
        .collect();
    Ok((played, differences))
}

/// An assistant turn without its injected failures; nothing when nothing is left of it.
fn without_injected(message: &Message, injected: &BTreeSet<&str>) -> Option<Message> {
    let Message::Assistant { content, reasoning, tool_calls } = message else { return None };
    let kept: Vec<_> =
        tool_calls.iter().filter(|call| !injected.contains(call.id.as_str())).cloned().collect();
    if kept.is_empty() && !tool_calls.is_empty() {
        return None;
    }
    Some(Message::Assistant { content: content.clone(), reasoning: reasoning.clone(), tool_calls: kept })
}

fn results(messages: &[Message]) -> BTreeMap<&str, &str> {
    messages
        .iter()
        .filter_map(|message| match message {
            Message::Tool { tool_call_id, content } => Some((tool_call_id.as_str(), content.as_str())),
            Message::System { .. } | Message::User { .. } | Message::Assistant { .. } => None,
        })
        .collect()
}

/// Repeats recorded turns.
struct Replay {
    name: String,
    turns: Vec<Message>,
}

impl Policy for Replay {
    fn name(&self) -> &str {
        &self.name
    }

    fn next_turn<'a>(&'a self, request: TurnRequest<'a>) -> BoxFuture<'a, Result<PolicyTurn, PolicyError>> {
        let turn = self.turns.get(request.turn).cloned().unwrap_or_else(|| Message::answer(""));
        Box::pin(async move { Ok(turn.into()) })
    }
}

fn text(trace: &Trace, played: &Played, differences: &[String]) -> String {
    let mut lines = vec![format!("trace by {}, seed {}, ended {:?}", trace.policy, trace.seed, trace.stop)];
    for (at, call) in played.log.iter().enumerate() {
        let credited: Vec<&str> = played
            .score
            .credits
            .iter()
            .filter(|credit| credit.call == Some(at))
            .map(|credit| credit.goal.as_str())
            .collect();
        let worth =
            if credited.is_empty() { String::new() } else { format!("  ⇒ {}", credited.join(", ")) };
        let arguments = brief(&call.call.arguments, 120);
        lines.push(format!(
            "  {}. {}({arguments}) → {}{worth}",
            at + 1,
            call.call.name,
            brief(&call.text, 120)
        ));
    }
    lines.push(describe(&played.score, &played.log));
    for difference in differences {
        lines.push(format!("  DIFFERS: {difference}"));
    }
    lines.join("\n")
}
