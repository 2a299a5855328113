//! `astra arenas solve`: a policy plays every arena; what it did is written, what it was worth is printed.

use super::sft;
use crate::Context;
use crate::board::{Board, BoardArguments};
use crate::failure::{ExitStatus, InputError};
use crate::interrupt::Interrupt;
use crate::players::{self, Sampling};
use crate::playing::{PolicyNumbers, Stage, group_table};
use crate::{parallel, playing, source};
use astra_arena::distractors::MixingReport;
use astra_eval::{BuiltinPolicy, Played, Player, SlippingExpert};
use astra_store::RecordWriter;
use clap::Args;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Arguments of `solve`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra arenas solve first-run/arenas --policy oracle --json")]
pub(crate) struct SolveArguments {
    #[command(flatten)]
    pub(crate) board: BoardArguments,
    /// Who plays: oracle, expert, null, random, default, dump, or the folder of a model's checkpoint
    #[arg(long, value_name = "NAME|DIR")]
    policy: String,
    #[command(flatten)]
    sampling: Sampling,
    /// Probability that the expert gets a call wrong first, to show how to go on after a mistake: once it puts it right,
    /// twice it gives up; wrong turns have the weight 0 in `--sft` and are not learned
    #[arg(long, value_name = "P", requires = "sft")]
    slips: Option<f64>,
    /// Checkpoint whose wrong calls the expert puts right: at each turn it is asked what it would call, and where that is
    /// rejected the expert goes on from there
    #[arg(long, value_name = "DIR", requires = "sft")]
    slips_of: Option<PathBuf>,
    /// Write traces (part-*.jsonl), scores, settings and how distractors were chosen into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write the perfect episodes as lines for supervised fine-tuning (OpenAI chat format) into this file
    #[arg(long, value_name = "FILE")]
    sft: Option<PathBuf>,
}

/// Plays.
pub(crate) fn run(arguments: &SolveArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let parse = |policy: &str| {
        players::parse(policy, arguments.sampling, arguments.board.samples, context.settings.threads)
    };
    let slips = arguments.slips.is_some() || arguments.slips_of.is_some();
    let player = if slips {
        let student = arguments.slips_of.as_deref().map(|folder| -> anyhow::Result<_> {
            if folder.join("config.json").is_file() {
                return parse(&folder.to_string_lossy());
            }
            let error = format!("`--slips-of {}`: there is no `config.json` in it", folder.display());
            Err(InputError::new(error).hint("name the folder of a model's checkpoint").into())
        });
        let student = student.transpose()?;
        slipping(arguments.slips.unwrap_or_default(), student, &arguments.policy)?
    } else {
        parse(&arguments.policy)?
    };
    let interrupt = Interrupt::install()?;
    let board = arguments.board.set_up(&interrupt, context)?;
    let stage = Stage {
        engine: &board.engine,
        options: &board.options,
        pool: board.pool.as_ref(),
        interrupt: &interrupt,
        printer: context.printer,
    };
    let played = stage.play(&board.arenas, player.as_ref())?;
    let numbers = PolicyNumbers::of_played(&played);
    let mixing = mixing(&board, &played, context)?;
    if let Some(out) = &arguments.out {
        write(out, player.as_ref(), &played, &mixing, arguments, context)?;
    }
    if let Some(file) = &arguments.sft {
        sft::write(file, &played, slips, context)?;
    }
    print(player.name(), &numbers, board.arenas.len(), context)?;
    warn_of_masked(&played, context);
    playing::warn_of_turns(player.as_ref(), context.printer);
    if interrupt.is_set() {
        let total = board.arenas.len() * board.options.samples;
        context.printer.warn(format!("stopped after {} of {total} episodes", played.len()));
        return Ok(ExitStatus::Interrupted);
    }
    Ok(ExitStatus::Done)
}

/// Only the expert slips: it knows what is right.
fn slipping(
    slips: f64,
    student: Option<Box<dyn Player>>,
    policy: &str,
) -> Result<Box<dyn Player>, InputError> {
    if policy != BuiltinPolicy::Expert.as_str() {
        let option = if student.is_some() { "--slips-of" } else { "--slips" };
        return Err(InputError::new(format!("`{option}` is for `--policy expert`, not `{policy}`"))
            .hint("leave it out: other policies make their own mistakes"));
    }
    if !(0.0..1.0).contains(&slips) {
        return Err(InputError::new(format!("`--slips {slips}`: expected a probability below 1")));
    }
    Ok(Box::new(SlippingExpert { slips, student }))
}

fn print(policy: &str, numbers: &PolicyNumbers, arenas: usize, context: &Context) -> anyhow::Result<()> {
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

/// How each episode's distractors were chosen. A draw is a function of arena and episode seed, so it is made again.
fn mixing(board: &Board, played: &[Played], context: &Context) -> anyhow::Result<Vec<MixingReport>> {
    let (Some(pool), Some(bands)) = (&board.pool, board.options.bands) else { return Ok(Vec::new()) };
    let never = std::sync::atomic::AtomicBool::new(false);
    let draw = |one: &Played| pool.sample(&board.engine.runtime, &one.arena, bands, one.trace.seed);
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
    player: &dyn Player,
    played: &[Played],
    mixing: &[MixingReport],
    arguments: &SolveArguments,
    context: &Context,
) -> anyhow::Result<()> {
    let mut settings = context.settings.to_json();
    settings["arenas"] = json!(arguments.board.paths);
    settings["policy"] = player.identity();
    settings["samples"] = json!(arguments.board.samples);
    settings["distractors"] = json!(arguments.board.distractors);
    settings["limit"] = json!(arguments.board.limit);
    let folder = context.run_folder(out, "arenas solve", settings)?;
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
    let example = masked
        .first()
        .map(|first| format!("{}: {:?}", source::name_of(first.arena.spec()), first.trace.stop));
    playing::warn_of_masked(masked.len(), played.len(), example.as_deref(), context.printer);
}
