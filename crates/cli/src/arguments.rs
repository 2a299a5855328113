//! What a person types: the tree of nouns and verbs, and the flags that every command takes. Types only.
//!
//! Each verb's own arguments stand beside its code in `commands`; only verbs that work are listed.

use crate::commands::{arenas, doctor, envs, eval, model, quickstart, report, train};
use crate::printer::Verbosity;
use crate::settings::Layers;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Verifiable tool-use arenas: make them from data, check them, play them, measure them.
///
/// Data goes to stdout, talk and progress to stderr. Exit status: 0 done, 1 the input failed, 2 astra failed,
/// 130 stopped by Ctrl-C (run again with `--resume` where there is one).
#[derive(Debug, Parser)]
#[command(name = "astra", version, disable_help_subcommand = true)]
#[command(after_help = "Example: astra quickstart --out first-run")]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: GlobalArguments,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Flags of every command.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch on the command line")]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArguments {
    /// Print data as JSON, one object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say nothing but errors
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Say more
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    verbose: bool,
    /// Set a setting, e.g. `-c episode.max_turns=16`; may be repeated
    #[arg(short = 'c', value_name = "KEY=VALUE", global = true)]
    pairs: Vec<String>,
    /// Read settings from this file instead of ./astra.toml
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Print the resolved settings with where each came from, and do nothing else
    #[arg(long, global = true)]
    pub(crate) show_settings: bool,
    /// Python (CPython 3.11 or newer) that runs tool code
    #[arg(long, value_name = "PATH", global = true)]
    python: Option<PathBuf>,
    /// Run although this kernel cannot enforce every protection (see `astra doctor`)
    #[arg(long, global = true)]
    accept_missing_protections: bool,
    /// Worker threads; 0 is one per core
    #[arg(long, value_name = "N", global = true)]
    threads: Option<String>,
    /// Seed of everything drawn
    #[arg(long, value_name = "S", global = true)]
    seed: Option<String>,
}

/// The nouns.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make arenas from data
    #[command(subcommand)]
    Envs(EnvsCommand),
    /// Check, look at, play and measure arenas
    #[command(subcommand)]
    Arenas(ArenasCommand),
    /// Train models
    #[command(subcommand)]
    Train(TrainCommand),
    /// Measure policies, with intervals, and compare them
    #[command(subcommand)]
    Eval(EvalCommand),
    /// Fetch a model or make a small one, serve it, talk to it
    #[command(subcommand)]
    Model(ModelCommand),
    /// Render a run's report.html again from its summary.json
    Report(report::ReportArguments),
    /// From shipped tables to gated arenas, models that learn in them, and a report
    Quickstart(quickstart::QuickstartArguments),
    /// Say what this machine can do: Python, protections, speed
    Doctor(doctor::DoctorArguments),
}

/// Verbs of `envs`.
#[derive(Debug, Subcommand)]
pub(crate) enum EnvsCommand {
    /// Draw arenas from tables of facts and publish those that pass every gate
    FromTables(envs::from_tables::FromTablesArguments),
    /// Let a model write questions from knowledge, questions or domains, and take them apart into steps
    Decompose(Box<envs::synthesis::DecomposeArguments>),
    /// Judge which steps need a tool, and how well questions were taken apart
    Check(envs::synthesis::CheckArguments),
    /// Let a model write a tool for every step that needs one, and keep what passes every gate
    Build(envs::synthesis::BuildArguments),
    /// Merge tools of one intent
    Merge(envs::synthesis::MergeArguments),
    /// Decompose, check, build and merge
    Run(Box<envs::synthesis::RunArguments>),
}

/// Verbs of `train`.
#[derive(Debug, Subcommand)]
pub(crate) enum TrainCommand {
    /// Fine-tune a model on traces: loss on what the assistant wrote
    Sft(Box<train::sft::SftArguments>),
    /// Let a model learn from its own episodes: GRPO with the trajectory reward
    Grpo(Box<train::grpo::GrpoArguments>),
    /// Measure what each part of the training is worth, one factor at a time
    Ablate(Box<train::ablate::AblateArguments>),
}

/// Verbs of `arenas`.
#[derive(Debug, Subcommand)]
pub(crate) enum ArenasCommand {
    /// Run all gates and say what fails
    Check(arenas::check::CheckArguments),
    /// Show one arena for people
    Show(arenas::show::ShowArguments),
    /// Say for one arena which gate failed on what, or for a trace which call credited which goal
    Explain(arenas::explain::ExplainArguments),
    /// Start an arena of your own from a hand-written one
    New(arenas::new::NewArguments),
    /// Play an arena yourself
    Play(arenas::play::PlayArguments),
    /// Let a policy play every arena and measure it
    Solve(arenas::solve::SolveArguments),
    /// Bring in arenas of another format
    Import(arenas::import::ImportArguments),
    /// Write arenas in another format
    Export(arenas::export::ExportArguments),
    /// Find gold calls for unproven arenas
    Prove(arenas::prove::ProveArguments),
    /// Count what is in a set of arenas
    Stats(arenas::stats::StatsArguments),
    /// Divide arenas into two data sets that share no entity, shape or source
    Split(arenas::split::SplitArguments),
    /// Measure the sandbox on this machine
    Bench(arenas::bench::BenchArguments),
}

/// Verbs of `eval`.
#[derive(Debug, Subcommand)]
pub(crate) enum EvalCommand {
    /// Measure a policy on held-out arenas, alone or against another
    Arenas(eval::arenas::EvalArenasArguments),
    /// Compare two finished evaluations of the same arenas
    Compare(eval::compare::CompareArguments),
}

/// Verbs of `model`.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// Fetch a model from the Hugging Face hub, or unpack a GGUF file
    Get(model::get::GetArguments),
    /// Make a small model of your own, its tokenizer trained on your text
    Init(model::init::InitArguments),
    /// Serve a model to programs that speak the OpenAI chat protocol
    Serve(model::serve::ServeArguments),
    /// Talk to a model in the terminal
    Chat(model::chat::ChatArguments),
}

impl GlobalArguments {
    /// How much to say.
    pub(crate) fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, true) => Verbosity::Verbose,
            (false, false) => Verbosity::Normal,
        }
    }
}

impl Arguments {
    /// The layers of settings, lowest last.
    pub(crate) fn layers(&self, environment: Vec<(String, String)>, folder: Option<PathBuf>) -> Layers {
        let global = &self.global;
        let mut flags = Vec::new();
        if let Some(python) = &global.python {
            flags.push(("python", python.display().to_string(), "--python"));
        }
        if global.accept_missing_protections {
            let flag = "--accept-missing-protections";
            flags.push(("accept_missing_protections", "true".to_owned(), flag));
        }
        if let Some(threads) = &global.threads {
            flags.push(("threads", threads.clone(), "--threads"));
        }
        if let Some(seed) = &global.seed {
            flags.push(("seed", seed.clone(), "--seed"));
        }
        let board = match &self.command {
            Some(Command::Arenas(ArenasCommand::Solve(solve))) => Some(&solve.board),
            Some(Command::Eval(EvalCommand::Arenas(eval))) => Some(&eval.board),
            Some(_) | None => None,
        };
        let mut failure_rate = board.and_then(|board| board.failure_rate.as_ref());
        if let Some(Command::Train(TrainCommand::Grpo(grpo))) = &self.command {
            failure_rate = grpo.failure_rate.as_ref();
            flags.extend(grpo.max_turns.clone().map(|turns| ("episode.max_turns", turns, "--max-turns")));
            flags.extend(grpo.reward.clone().map(|reward| ("episode.reward", reward, "--reward")));
        }
        flags.extend(failure_rate.cloned().map(|rate| ("episode.failure_rate", rate, "--failure-rate")));
        Layers { flags, pairs: global.pairs.clone(), environment, file: global.config.clone(), folder }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_consistent() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn every_verb_has_a_help_line_and_an_example() {
        let tree = <Arguments as clap::CommandFactory>::command();
        let leaves = tree.get_subcommands().flat_map(|noun| {
            let verbs: Vec<_> = noun.get_subcommands().collect();
            if verbs.is_empty() { vec![noun] } else { verbs }
        });
        for verb in leaves {
            assert!(verb.get_about().is_some(), "{}", verb.get_name());
            let after = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains("Example: astra "), "{} has no example", verb.get_name());
        }
    }
}
