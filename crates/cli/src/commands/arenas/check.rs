//! `astra arenas check`: every record is read on its own, every arena goes through all gates, and what fails is named.

use crate::Context;
use crate::engine::gatekeeper;
use crate::failure::{ExitStatus, InputError};
use crate::gating::{Gated, Verdict, judge, rows, table};
use crate::interrupt::Interrupt;
use crate::parallel;
use crate::publish::{Bar, failed, outcome};
use astra_arena::gates::Gatekeeper;
use astra_store::{
    Existing, Input, Outcome, RecordWriter, Stage, StageOptions, StoreError, StoredArena, read_arenas,
};
use clap::Args;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Failing arenas named one by one before the rest is only counted.
const SHOWN: usize = 40;

/// Arguments of `check`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra arenas check corpus/arenas-hand")]
pub(crate) struct CheckArguments {
    /// Arenas: a .jsonl file, a hand-written .json file, or a folder of either
    path: PathBuf,
    /// Write what was measured (decisive arguments, grounding, class, evidence) back into the files
    #[arg(long, conflicts_with = "out")]
    write: bool,
    /// Publish the arenas that pass as a data set in this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Continue an earlier `--out` that was stopped
    #[arg(long, requires = "out")]
    resume: bool,
}

/// Checks.
pub(crate) fn run(arguments: &CheckArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let interrupt = Interrupt::install()?;
    let records: Vec<Result<StoredArena, StoreError>> = read_arenas(&arguments.path)?.collect();
    let (_engine, gatekeeper) = gatekeeper(context)?;
    let gated = if let Some(out) = &arguments.out {
        publish(arguments, out, &records, &gatekeeper, &interrupt, context)?
    } else {
        let bar = context.printer.progress(records.len(), "checking");
        let work = |record: &Result<StoredArena, StoreError>| judge(&gatekeeper, record);
        let gated = parallel::map(&records, context.settings.threads, interrupt.flag(), work, |_| bar.inc(1));
        bar.finish_and_clear();
        gated
    };
    if arguments.write {
        write_back(&arguments.path, &records, &gated, context)?;
    }
    print(&gated, context)?;
    if interrupt.is_set() {
        context.printer.warn(format!("stopped after {} of {} arenas", gated.len(), records.len()));
        return Ok(ExitStatus::Interrupted);
    }
    if gated.iter().any(|one| matches!(one.verdict, Verdict::Broken { .. })) {
        return Ok(ExitStatus::WeFailed);
    }
    Ok(ExitStatus::of_input(gated.iter().all(Gated::passed)))
}

fn publish(
    arguments: &CheckArguments,
    out: &Path,
    records: &[Result<StoredArena, StoreError>],
    gatekeeper: &Gatekeeper,
    interrupt: &Interrupt,
    context: &Context,
) -> anyhow::Result<Vec<Gated>> {
    let gated = Mutex::new(BTreeMap::new());
    let inputs = records.iter().enumerate().map(|(at, record)| {
        let id = match record {
            Ok(stored) => stored.spec.id().0,
            Err(error) => error.to_string(),
        };
        Ok(Input { id, value: at })
    });
    let stage = Stage::new("arenas check", json!({"sandbox": limits_of(&context.settings.to_json())}));
    let options = StageOptions {
        concurrency: context.settings.threads,
        existing: if arguments.resume { Existing::Resume } else { Existing::Refuse },
        revision: crate::embedded::revision(),
        stop: Some(interrupt.flag()),
        ..StageOptions::new(out)
    };
    let mut bar = Bar::done(context.printer, "checking");
    let summary = astra_store::run_stage(inputs, &stage, &options, &mut bar, |at: &usize| {
        let one = judge(gatekeeper, &records[*at]);
        let outcome = match &one.verdict {
            Verdict::Judged { report, data, .. } => outcome(report.as_ref().clone(), data),
            Verdict::Unreadable { message, .. } => {
                Outcome::Rejected { why: format!("unreadable: {message}") }
            }
            Verdict::Broken { message } => failed(message),
        };
        gated.lock().unwrap_or_else(PoisonError::into_inner).insert(*at, one);
        outcome
    })?;
    drop(bar);
    if summary.resumed.done() > 0 {
        context.printer.say(format!("{} arenas were decided by an earlier run", summary.resumed.done()));
    }
    context.printer.say(format!("{} arenas published in {}", summary.tally.accepted, out.display()));
    Ok(gated.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect())
}

/// The settings that can change a verdict.
pub(crate) fn limits_of(settings: &Json) -> Json {
    let fields = settings.as_object().into_iter().flatten();
    fields
        .filter(|(name, _)| name.starts_with("sandbox."))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn print(gated: &[Gated], context: &Context) -> anyhow::Result<()> {
    let printer = context.printer;
    let rows = rows(gated);
    let passed = gated.iter().filter(|one| one.passed()).count();
    let unreadable = gated.iter().filter(|one| matches!(one.verdict, Verdict::Unreadable { .. })).count();
    if printer.json {
        for one in gated {
            printer.json(&one.to_json())?;
        }
        return printer.json(&json!({
            "checked": gated.len(), "passed": passed, "failed": gated.len() - passed - unreadable,
            "unreadable": unreadable, "gates": rows,
        }));
    }
    printer.data(table(&rows).to_string())?;
    let failing: Vec<&Gated> = gated.iter().filter(|one| !one.passed()).collect();
    if !failing.is_empty() {
        printer.data("\nfailing:")?;
    }
    for one in failing.iter().take(SHOWN) {
        let name = one.name.as_deref().map_or(String::new(), |name| format!("{name} ({}): ", one.place));
        let mut reasons = one.reasons();
        let more = reasons.len().saturating_sub(1);
        let first = crate::table::brief(&reasons.swap_remove(0), 240);
        let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        printer.data(format!("  {name}{first}{more}"))?;
    }
    if failing.len() > SHOWN {
        printer.data(format!("  … and {} more; `--json` lists all", failing.len() - SHOWN))?;
    }
    print_private(gated, printer)?;
    printer.data(format!("\n{passed} of {} arenas pass every gate", gated.len()))?;
    let mut hints: Vec<String> = failing.iter().flat_map(|one| hints_of(one)).collect();
    hints.sort();
    hints.dedup();
    hints.iter().take(4).for_each(|hint| printer.hint(hint));
    Ok(())
}

/// Which arenas need a process of their own, and why: they work, but cost more.
fn print_private(gated: &[Gated], printer: crate::printer::Printer) -> anyhow::Result<()> {
    let reasons: Vec<String> = gated
        .iter()
        .filter_map(|one| match &one.verdict {
            Verdict::Judged { report, .. } => {
                let (tool, why) = report.measured.evidence.private_because.first()?;
                let name = one.name.as_deref().unwrap_or(&one.place);
                Some(format!("  {name}: tool `{tool}`, {why}"))
            }
            Verdict::Unreadable { .. } | Verdict::Broken { .. } => None,
        })
        .collect();
    if reasons.is_empty() {
        return Ok(());
    }
    printer.data(format!("\n{} run in a process of their own, not admitted to share one:", reasons.len()))?;
    for reason in reasons.iter().take(SHOWN) {
        printer.data(crate::table::brief(reason, 160))?;
    }
    Ok(())
}

fn hints_of(one: &Gated) -> Vec<String> {
    match (&one.verdict, &one.name) {
        (Verdict::Unreadable { hints, .. }, _) => hints.clone(),
        (Verdict::Judged { .. }, _) => {
            vec!["`astra arenas explain ID PATH` says everything about one arena".to_owned()]
        }
        (Verdict::Broken { .. }, _) => vec!["`astra doctor` looks at the sandbox".to_owned()],
    }
}

/// Writes the measured arenas into the files that they came from, each file whole or not at all.
fn write_back(
    path: &Path,
    records: &[Result<StoredArena, StoreError>],
    gated: &[Gated],
    context: &Context,
) -> anyhow::Result<()> {
    if path.join("manifest.json").exists() {
        return Err(InputError::new(format!(
            "`{}` is a published data set; its manifest names its bytes",
            path.display()
        ))
        .hint("publish it again with `--out DIR`")
        .into());
    }
    let mut files: BTreeMap<&Path, Vec<&Gated>> = BTreeMap::new();
    for (record, one) in records.iter().zip(gated) {
        if let Ok(stored) = record {
            files.entry(&stored.file).or_default().push(one);
        }
    }
    let broken = |file: &Path| records.iter().flatten().filter(|stored| stored.file == file).count();
    for (file, members) in files {
        let measured: Vec<_> = members
            .iter()
            .filter_map(|one| match &one.verdict {
                Verdict::Judged { report, .. } => Some(&report.measured),
                Verdict::Unreadable { .. } | Verdict::Broken { .. } => None,
            })
            .collect();
        let is_document = file.extension().is_some_and(|kind| kind == "json");
        let lines = if is_document { 1 } else { count_lines(file)? };
        if measured.len() != broken(file) || measured.len() != lines {
            context
                .printer
                .warn(format!("{}: left alone, because not all of it could be measured", file.display()));
            continue;
        }
        if let (true, [spec]) = (is_document, measured.as_slice()) {
            write_document(file, spec)?;
        } else {
            let mut writer = RecordWriter::create(file)?;
            for spec in measured {
                writer.write(spec)?;
            }
            writer.finish()?;
        }
        context.printer.say(format!("measured: {}", file.display()));
    }
    Ok(())
}

fn count_lines(file: &Path) -> anyhow::Result<usize> {
    let bytes = std::fs::read(file)?;
    Ok(bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count())
}

/// Puts the measured fields into the document as the author wrote it, code references and key order kept.
fn write_document(file: &Path, measured: &astra_protocol::ArenaSpec) -> anyhow::Result<()> {
    let mut document: Json = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    let measured = serde_json::to_value(measured)?;
    for (list, field) in [("tools", "class"), ("goals", "kind")] {
        let found = measured[list].as_array().into_iter().flatten();
        for (target, found) in document[list].as_array_mut().into_iter().flatten().zip(found) {
            if field == "class" {
                target["class"] = found["class"].clone();
                continue;
            }
            for measured_field in ["decisive", "grounded"] {
                match found["kind"].get(measured_field) {
                    Some(value) => target["kind"][measured_field] = value.clone(),
                    None => drop(
                        target["kind"].as_object_mut().and_then(|kind| kind.shift_remove(measured_field)),
                    ),
                }
            }
        }
    }
    document["evidence"] = measured["evidence"].clone();
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = tempfile::NamedTempFile::new_in(folder)?;
    std::fs::write(temporary.path(), serde_json::to_string_pretty(&document)? + "\n")?;
    // Temporary files are private; the document keeps the permissions it had.
    std::fs::set_permissions(temporary.path(), std::fs::metadata(file)?.permissions())?;
    temporary.persist(file)?;
    Ok(())
}
