//! One file a verb: a function from arguments and resolved settings to an exit status.

pub(crate) mod arenas;
pub(crate) mod doctor;
pub(crate) mod envs;
pub(crate) mod eval;
pub(crate) mod model;
pub(crate) mod quickstart;
pub(crate) mod report;
pub(crate) mod train;

use crate::Context;
use crate::arguments::{ArenasCommand, Command, EnvsCommand, EvalCommand, ModelCommand, TrainCommand};
use crate::failure::ExitStatus;

/// Runs a command.
pub(crate) fn run(command: Command, context: &Context) -> anyhow::Result<ExitStatus> {
    match command {
        Command::Envs(EnvsCommand::FromTables(arguments)) => envs::from_tables::run(&arguments, context),
        Command::Envs(EnvsCommand::Decompose(arguments)) => {
            envs::synthesis::run_decompose(&arguments, context)
        }
        Command::Envs(EnvsCommand::Check(arguments)) => envs::synthesis::run_check(&arguments, context),
        Command::Envs(EnvsCommand::Build(arguments)) => envs::synthesis::run_build(&arguments, context),
        Command::Envs(EnvsCommand::Merge(arguments)) => envs::synthesis::run_merge(&arguments, context),
        Command::Envs(EnvsCommand::Run(arguments)) => envs::synthesis::run_all(&arguments, context),
        Command::Arenas(command) => run_arenas(command, context),
        Command::Train(TrainCommand::Sft(arguments)) => train::sft::run(&arguments, context),
        Command::Train(TrainCommand::Grpo(arguments)) => train::grpo::run(&arguments, context),
        Command::Train(TrainCommand::Ablate(arguments)) => train::ablate::run(&arguments, context),
        Command::Eval(EvalCommand::Arenas(arguments)) => eval::arenas::run(&arguments, context),
        Command::Eval(EvalCommand::Compare(arguments)) => eval::compare::run(&arguments, context),
        Command::Model(ModelCommand::Get(arguments)) => model::get::run(&arguments, context),
        Command::Model(ModelCommand::Init(arguments)) => model::init::run(&arguments, context),
        Command::Model(ModelCommand::Serve(arguments)) => model::serve::run(&arguments, context),
        Command::Model(ModelCommand::Chat(arguments)) => model::chat::run(&arguments, context),
        Command::Report(arguments) => report::run(&arguments, context),
        Command::Quickstart(arguments) => quickstart::run(&arguments, context),
        Command::Doctor(arguments) => doctor::run(&arguments, context),
    }
}

fn run_arenas(command: ArenasCommand, context: &Context) -> anyhow::Result<ExitStatus> {
    match command {
        ArenasCommand::Check(arguments) => arenas::check::run(&arguments, context),
        ArenasCommand::Show(arguments) => arenas::show::run(&arguments, context),
        ArenasCommand::Explain(arguments) => arenas::explain::run(&arguments, context),
        ArenasCommand::New(arguments) => arenas::new::run(&arguments, context),
        ArenasCommand::Play(arguments) => arenas::play::run(&arguments, context),
        ArenasCommand::Solve(arguments) => arenas::solve::run(&arguments, context),
        ArenasCommand::Import(arguments) => arenas::import::run(&arguments, context),
        ArenasCommand::Export(arguments) => arenas::export::run(&arguments, context),
        ArenasCommand::Prove(arguments) => arenas::prove::run(&arguments, context),
        ArenasCommand::Bench(arguments) => arenas::bench::run(&arguments, context),
        ArenasCommand::Split(arguments) => arenas::split::run(&arguments, context),
        ArenasCommand::Stats(arguments) => arenas::stats::run(&arguments, context),
    }
}
