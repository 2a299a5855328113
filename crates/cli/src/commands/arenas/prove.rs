//! `astra arenas prove`: gold calls for unproven arenas, from a trace or by search; the gates decide who is promoted.

use crate::Context;
use crate::engine::gatekeeper;
use crate::failure::{ExitStatus, Hint, InputError};
use crate::interrupt::Interrupt;
use crate::publish::{Bar, failed, outcome};
use crate::source::{self, Record, name_of};
use crate::table::{Table, brief};
use astra_arena::ArenaError;
use astra_arena::gates::Gatekeeper;
use astra_arena::prove::{GoalOutcome, Proof, ProveLimits, prove};
use astra_protocol::{ArenaSpec, Trace};
use astra_store::{Existing, Input, Outcome, Stage, StageOptions, read_traces};
use clap::Args;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Arguments of `prove`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra arenas prove imported --out proven")]
pub(crate) struct ProveArguments {
    /// Arenas without gold calls: a data set, a .jsonl file, or a folder of either
    path: PathBuf,
    /// Folder for the arenas that were proven and pass every gate
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Try the calls of these traces first
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Calls to try for one arena
    #[arg(long, value_name = "N", default_value_t = ProveLimits::default().calls)]
    calls: usize,
    /// Continue an earlier run that was stopped
    #[arg(long)]
    resume: bool,
}

/// What became of one arena, for the table.
#[derive(Debug)]
struct Tried {
    name: String,
    place: String,
    /// Goals found and goals in all.
    found: (usize, usize),
    result: String,
    goals: serde_json::Value,
}

/// Proves.
pub(crate) fn run(arguments: &ProveArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let records = source::all(&[&arguments.path], None, true)?;
    if !records.iter().any(|record| record.spec.is_unproven()) {
        return Err(InputError::new(format!("`{}` holds no unproven arena", arguments.path.display()))
            .hint("arenas with gold calls need no proof: `astra arenas check`")
            .into());
    }
    let traces = traces(arguments)?;
    let interrupt = Interrupt::install()?;
    let (_engine, gatekeeper) = gatekeeper(context)?;
    let limits = ProveLimits { calls: arguments.calls, ..ProveLimits::default() };
    let mut stage = Stage::new(
        "arenas prove",
        json!({
            "calls": arguments.calls, "sandbox": super::check::limits_of(&context.settings.to_json()),
        }),
    );
    if let Some(file) = &arguments.trace {
        let bytes = std::fs::read(file)?;
        stage.inputs.insert("traces".to_owned(), astra_protocol::ContentId::of_bytes(&bytes).0);
    }
    let options = StageOptions {
        concurrency: context.settings.threads,
        existing: if arguments.resume { Existing::Resume } else { Existing::Refuse },
        revision: crate::embedded::revision(),
        stop: Some(interrupt.flag()),
        ..StageOptions::new(&arguments.out)
    };
    let tried = Mutex::new(BTreeMap::new());
    let inputs = (0..records.len()).map(|at| Ok(Input { id: records[at].spec.id().0, value: at }));
    let mut bar = Bar::done(context.printer, "proving");
    let summary = astra_store::run_stage(inputs, &stage, &options, &mut bar, |at: &usize| {
        let record = &records[*at];
        let (line, outcome) = one(record, traces.get(&record.spec.id().0), &gatekeeper, limits);
        tried.lock().unwrap_or_else(PoisonError::into_inner).insert(*at, line);
        outcome
    })?;
    drop(bar);
    print(tried.into_inner().unwrap_or_else(PoisonError::into_inner).into_values(), context)?;
    let said = format!(
        "{} of {} arenas proven, in {}",
        summary.tally.accepted,
        records.len(),
        arguments.out.display()
    );
    context.printer.say(said);
    if interrupt.is_set() {
        context.printer.warn("stopped; the same command with `--resume` continues");
        return Ok(ExitStatus::Interrupted);
    }
    Ok(ExitStatus::of_input(summary.tally.accepted > 0))
}

/// Traces by arena; the first of each arena counts.
fn traces(arguments: &ProveArguments) -> anyhow::Result<BTreeMap<String, Trace>> {
    let mut traces = BTreeMap::new();
    if let Some(file) = &arguments.trace {
        for trace in read_traces(file)? {
            let trace = trace?.value;
            traces.entry(trace.task.clone()).or_insert(trace);
        }
    }
    Ok(traces)
}

fn one(
    record: &Record,
    trace: Option<&Trace>,
    gatekeeper: &Gatekeeper,
    limits: ProveLimits,
) -> (Tried, Outcome<ArenaSpec>) {
    let mut line = Tried {
        name: name_of(&record.spec),
        place: record.place.clone(),
        found: (0, record.spec.goals.len()),
        result: String::new(),
        goals: json!(null),
    };
    let outcome = match try_one(record, trace, gatekeeper, limits, &mut line) {
        Ok(outcome) => outcome,
        Err(error) if error.status() == ExitStatus::WeFailed => failed(&error),
        Err(error) => Outcome::Rejected { why: format!("schema: {error}") },
    };
    line.result = match &outcome {
        Outcome::Accepted(_) | Outcome::AcceptedWithData { .. } => "proven".to_owned(),
        Outcome::Rejected { why } => why.clone(),
        Outcome::Failed { error, .. } => format!("failed on our side: {error}"),
    };
    (line, outcome)
}

fn try_one(
    record: &Record,
    trace: Option<&Trace>,
    gatekeeper: &Gatekeeper,
    limits: ProveLimits,
    line: &mut Tried,
) -> Result<Outcome<ArenaSpec>, ArenaError> {
    if !record.spec.is_unproven() {
        return Ok(Outcome::Rejected { why: "proven: it has gold calls already".to_owned() });
    }
    let arena = record.load(gatekeeper.runtime())?;
    let proof: Proof = prove(gatekeeper.runtime(), &arena, trace, limits)?;
    let found = proof.goals.iter().filter(|goal| matches!(goal.outcome, GoalOutcome::Found { .. })).count();
    line.found = (found, proof.goals.len());
    line.goals = serde_json::to_value(&proof.goals).unwrap_or_default();
    let Some(promoted) = proof.promoted else {
        let why = proof.why_not.unwrap_or_else(|| "not every goal was reached".to_owned());
        return Ok(Outcome::Rejected { why: format!("search: {why}") });
    };
    Ok(outcome(gatekeeper.check(&promoted, &record.data, &[])?, &record.data))
}

fn print(tried: impl Iterator<Item = Tried>, context: &Context) -> anyhow::Result<()> {
    let mut table = Table::new(&["arena", "goals found", "result"], 1..2);
    for one in tried {
        if context.printer.json {
            context.printer.json(&json!({
                "name": one.name, "place": one.place, "found": one.found.0, "goals": one.found.1,
                "result": one.result, "by_goal": one.goals,
            }))?;
        } else {
            let found = format!("{}/{}", one.found.0, one.found.1);
            table.row(vec![one.name, found, brief(&one.result, 160)]);
        }
    }
    if context.printer.json { Ok(()) } else { context.printer.data(table.to_string()) }
}
