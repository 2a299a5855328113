//! `astra eval arenas`: a policy over held-out arenas, with intervals, alone or against another.

use super::report::{PolicyReport, Report};
use crate::Context;
use crate::board::{Board, BoardArguments};
use crate::evaluating::{self, Episodes};
use crate::failure::ExitStatus;
use crate::interrupt::Interrupt;
use crate::players::{self, Sampling};
use crate::playing::{warn_of_masked, warn_of_turns};
use astra_eval::{Player, compare};
use clap::Args;
use std::path::{Path, PathBuf};

/// Arguments of `eval arenas`.
#[derive(Args, Debug)]
#[command(
    after_help = "Example: astra eval arenas corpus/arenas-hand --policy expert --against random --samples 4 --out runs/eval"
)]
pub(crate) struct EvalArenasArguments {
    #[command(flatten)]
    pub(crate) board: BoardArguments,
    /// Who plays: oracle, expert, null, random, default, dump, or the folder of a model's checkpoint
    #[arg(long, value_name = "NAME|DIR")]
    policy: String,
    /// Also let this one play the same arenas under the same seeds, and compare
    #[arg(long, value_name = "NAME|DIR")]
    against: Option<String>,
    #[command(flatten)]
    sampling: Sampling,
    /// An episode succeeds when its F1 is at least this; for pass^k
    #[arg(long, value_name = "F1", default_value_t = 1.0)]
    success: f64,
    /// Keep finished episodes in this folder; the same command continues there
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Evaluates.
pub(crate) fn run(arguments: &EvalArenasArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let success = super::success(arguments.success)?;
    let parse = |policy: &str| {
        players::parse(policy, arguments.sampling, arguments.board.samples, context.settings.threads)
    };
    let player = parse(&arguments.policy)?;
    let against = arguments.against.as_deref().map(parse).transpose()?;
    let interrupt = Interrupt::install()?;
    let board = arguments.board.set_up(&interrupt, context)?;
    // Without `--out` the stage still wants a folder; it goes with the process.
    let temporary = tempfile::tempdir()?;
    let out = arguments.out.as_deref().unwrap_or(temporary.path());
    let evaluation = Evaluation { arguments, board: &board, interrupt: &interrupt, context };
    let folder = if against.is_some() { out.join("policy") } else { out.to_owned() };
    let first = evaluation.play(player.as_ref(), &folder)?;
    let second = match &against {
        Some(against) => Some((against.as_ref(), evaluation.play(against.as_ref(), &out.join("against"))?)),
        None => None,
    };
    let comparison = match &second {
        Some((_, second)) if !interrupt.is_set() => Some(compare(&first.records, &second.records)?),
        Some(_) | None => None,
    };
    let report = Report {
        success,
        settings: evaluation.settings(player.as_ref()),
        policy: PolicyReport::of(player.name(), &first, success)?.with_turns(player.turns()),
        against: match &second {
            Some((against, second)) => {
                Some(PolicyReport::of(against.name(), second, success)?.with_turns(against.turns()))
            }
            None => None,
        },
        comparison,
    };
    report.print(context)?;
    let not_played = first.not_played + second.map_or(0, |(_, second)| second.not_played);
    if not_played > 0 {
        let next = if arguments.out.is_some() {
            "the same command continues"
        } else {
            "nothing is kept without `--out`"
        };
        context.printer.warn(format!("{not_played} episodes are still to play; {next}"));
        return Ok(if interrupt.is_set() { ExitStatus::Interrupted } else { ExitStatus::WeFailed });
    }
    if let Some(out) = &arguments.out {
        report.write(out)?;
    }
    Ok(ExitStatus::Done)
}

/// What the two policies share.
struct Evaluation<'a> {
    arguments: &'a EvalArenasArguments,
    board: &'a Board,
    interrupt: &'a Interrupt,
    context: &'a Context,
}

impl Evaluation<'_> {
    fn settings(&self, player: &dyn Player) -> serde_json::Value {
        evaluating::settings(player, self.arguments.board.distractors.as_deref(), self.context)
    }

    fn play(&self, player: &dyn Player, folder: &Path) -> anyhow::Result<Episodes> {
        let Self { board, interrupt, context, .. } = self;
        let episodes = evaluating::play(board, player, self.settings(player), folder, interrupt, context)?;
        let masked: Vec<_> = episodes.records.iter().filter(|one| one.is_masked()).collect();
        let example = masked.first().map(|one| format!("arena {}: {:?}", one.arena, one.stop));
        warn_of_masked(masked.len(), episodes.records.len(), example.as_deref(), context.printer);
        warn_of_turns(player, context.printer);
        Ok(episodes)
    }
}
