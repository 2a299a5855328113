//! `astra arenas solve`: a policy plays every arena; what it did is written, what it was worth is printed.

use super::sft;
use crate::Context;
use crate::failure::{ExitStatus, InputError};
use crate::interrupt::Interrupt;
use crate::playing::{PolicyNumbers, Stage, group_table, options};
use crate::{engine, parallel, source};
use astra_arena::Arena;
use astra_arena::distractors::{BandCounts, DistractorPool, MixingReport};
use astra_arena::embed::LexicalEmbedder;
use astra_eval::{BuiltinPolicy, Played};
use astra_store::{RecordWriter, RunFolder, RunSettings};
use clap::Args;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Masked episodes above this share mean that something is wrong with the arena or with us.
const MASKED_SHARE: f64 = 0.02;

/// Arguments of `solve`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra arenas solve first-run/arenas --policy oracle --json")]
pub(crate) struct SolveArguments {
    /// Arenas: a data set, a .jsonl file, a hand-written .json file, or a folder of either
    path: PathBuf,
    /// Who plays: oracle, expert, null, random, default or dump
    #[arg(long, value_name = "NAME")]
    policy: String,
    /// Irrelevant tools from other arenas: how many of high, medium and low nearness
    #[arg(long, value_name = "H,M,L")]
    distractors: Option<String>,
    /// Share of tool calls that fail by injection (the paper trains with 0.2)
    #[arg(long, value_name = "P")]
    pub(crate) failure_rate: Option<String>,
    /// Episodes an arena
    #[arg(long, value_name = "K", default_value_t = 1)]
    samples: usize,
    /// Write traces (part-*.jsonl), scores, settings and how distractors were chosen into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write the perfect episodes as lines for supervised fine-tuning (OpenAI chat format) into this file
    #[arg(long, value_name = "FILE")]
    sft: Option<PathBuf>,
    /// Only the first N arenas
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Take arenas without gold calls too
    #[arg(long)]
    allow_unproven: bool,
}

/// Plays.
pub(crate) fn run(arguments: &SolveArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let policy: BuiltinPolicy = arguments
        .policy
        .parse()
        .map_err(|error: astra_eval::UnknownPolicy| InputError::new(error.to_string()))?;
    if arguments.samples == 0 {
        return Err(InputError::new("`--samples 0` plays nothing").into());
    }
    let bands = arguments.distractors.as_deref().map(parse_bands).transpose()?;
    let records = source::all(&arguments.path, arguments.limit, arguments.allow_unproven)?;
    let interrupt = Interrupt::install()?;
    let engine = engine::start(context)?;
    let arenas = load(&records, &engine, context)?;
    let pool = bands.map(|_| DistractorPool::new(&arenas, Arc::new(LexicalEmbedder)));
    let options = options(&context.settings, arguments.samples, bands);
    let stage = Stage {
        engine: &engine,
        options: &options,
        pool: pool.as_ref(),
        interrupt: &interrupt,
        printer: context.printer,
    };
    let played = stage.play(&arenas, policy)?;
    let numbers = PolicyNumbers::of(&played);
    let mixing = match (&pool, bands) {
        (Some(pool), Some(bands)) => mixing(pool, bands, &played, &engine, context)?,
        (Some(_) | None, _) => Vec::new(),
    };
    if let Some(out) = &arguments.out {
        write(out, policy, &played, &mixing, arguments, context)?;
    }
    if let Some(file) = &arguments.sft {
        sft::write(file, &played, context)?;
    }
    print(policy, &numbers, arenas.len(), context)?;
    warn_of_masked(&played, context);
    if interrupt.is_set() {
        context.printer.warn(format!(
            "stopped after {} of {} episodes",
            played.len(),
            arenas.len() * arguments.samples
        ));
        return Ok(ExitStatus::Interrupted);
    }
    Ok(ExitStatus::Done)
}

fn print(
    policy: BuiltinPolicy,
    numbers: &PolicyNumbers,
    arenas: usize,
    context: &Context,
) -> anyhow::Result<()> {
    context.printer.say(format!("{policy} over {arenas} arenas; mean [95 % bootstrap interval]"));
    if context.printer.json {
        for group in &numbers.groups {
            context.printer.json(group)?;
        }
        let all = &numbers.all;
        context.printer.json(&json!({
            "f1": all.f1, "recall": all.recall, "precision": all.precision, "calls": all.calls, "n": all.n,
            "masked": all.masked, "intervals": all.intervals,
        }))?;
        Ok(())
    } else {
        context.printer.data(group_table(numbers).to_string())
    }
}

/// Compiles arenas on all threads.
pub(crate) fn load(
    records: &[source::Record],
    engine: &engine::Engine,
    context: &Context,
) -> anyhow::Result<Vec<Arc<Arena>>> {
    use anyhow::Context as _;
    let never = std::sync::atomic::AtomicBool::new(false);
    let bar = context.printer.progress(records.len(), "loading");
    let loaded = parallel::map(
        records,
        context.settings.threads,
        &never,
        |record| record.load(&engine.runtime).with_context(|| record.place.clone()),
        |_| bar.inc(1),
    );
    bar.finish_and_clear();
    loaded.into_iter().collect()
}

fn parse_bands(text: &str) -> anyhow::Result<BandCounts> {
    let numbers: Option<Vec<usize>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[high, medium, low]) => Ok(BandCounts { high, medium, low }),
        Some(_) | None => {
            Err(InputError::new(format!("`--distractors {text}`: three whole numbers are needed"))
                .hint("high, medium, low, for example `--distractors 2,2,2`")
                .into())
        }
    }
}

/// How each episode's distractors were chosen. A draw is a function of arena and episode seed, so it is made again.
fn mixing(
    pool: &DistractorPool,
    bands: BandCounts,
    played: &[Played],
    engine: &engine::Engine,
    context: &Context,
) -> anyhow::Result<Vec<MixingReport>> {
    let never = std::sync::atomic::AtomicBool::new(false);
    let draw = |one: &Played| pool.sample(&engine.runtime, &one.arena, bands, one.trace.seed);
    let drawn = parallel::map(played, context.settings.threads, &never, draw, |_| ());
    let reports: Vec<MixingReport> =
        drawn.into_iter().map(|mixing| Ok(mixing?.report)).collect::<anyhow::Result<_>>()?;
    let mut warnings: BTreeMap<String, usize> = BTreeMap::new();
    for warning in reports.iter().flat_map(MixingReport::warnings) {
        *warnings.entry(warning).or_default() += 1;
    }
    for (warning, count) in warnings {
        context.printer.warn(format!("distractors: {warning} (in {count} of {} episodes)", reports.len()));
    }
    Ok(reports)
}

fn write(
    out: &Path,
    policy: BuiltinPolicy,
    played: &[Played],
    mixing: &[MixingReport],
    arguments: &SolveArguments,
    context: &Context,
) -> anyhow::Result<()> {
    let mut settings = context.settings.to_json();
    settings["arenas"] = json!(arguments.path);
    settings["policy"] = json!(policy);
    settings["samples"] = json!(arguments.samples);
    settings["distractors"] = json!(arguments.distractors);
    settings["limit"] = json!(arguments.limit);
    let run = RunSettings {
        command: "arenas solve".to_owned(),
        settings,
        seed: context.settings.seed,
        revision: crate::embedded::revision(),
    };
    let folder = RunFolder::at(out, &run)?;
    let mut traces = RecordWriter::create(&folder.join("part-00000.jsonl"))?;
    let mut scores = RecordWriter::create(&folder.join("scores.jsonl"))?;
    for one in played {
        traces.write(&one.trace)?;
        scores.write(&json!({
            "task": one.trace.task, "sample": one.sample, "seed": one.trace.seed, "policy": one.trace.policy,
            "stop": one.trace.stop, "score": one.score,
        }))?;
    }
    scores.finish()?;
    if !mixing.is_empty() {
        let mut writer = RecordWriter::create(&folder.join("mixing.jsonl"))?;
        for (one, report) in played.iter().zip(mixing) {
            writer.write(&json!({"task": one.trace.task, "sample": one.sample, "mixing": report}))?;
        }
        writer.finish()?;
    }
    let written = traces.finish()?;
    context.printer.say(format!("{written} traces in {}", out.display()));
    Ok(())
}

fn warn_of_masked(played: &[Played], context: &Context) {
    let masked: Vec<&Played> = played.iter().filter(|one| one.score.f1.measured().is_none()).collect();
    if masked.is_empty() {
        return;
    }
    let share = masked.len() as f64 / played.len() as f64;
    let loud = if share > MASKED_SHARE { "; that is above 2 %: do not trust the means" } else { "" };
    context.printer.warn(format!("{} of {} episodes masked{loud}", masked.len(), played.len()));
    if let Some(first) = masked.first() {
        let name = source::name_of(first.arena.spec());
        context.printer.warn(format!("for example {name}: {:?}", first.trace.stop));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_are_three_numbers() {
        let bands = parse_bands("1, 2,3").unwrap();
        assert_eq!((bands.high, bands.medium, bands.low), (1, 2, 3));
        for bad in ["", "1", "1,2", "1,2,3,4", "a,b,c", "-1,0,0"] {
            assert!(parse_bands(bad).is_err(), "{bad}");
        }
    }
}
