//! The binary `astra`: settings, wiring, printing, exit codes. Everything it decides is decided in a library below.
//!
//! `main` is: read arguments, resolve settings once, run one command, say how it ended.

mod arguments;
mod asking;
mod board;
mod checkpoint;
mod commands;
mod embedded;
mod embedding;
mod engine;
mod env;
mod evaluating;
mod failure;
mod gating;
mod interrupt;
mod parallel;
mod players;
mod playing;
mod printer;
mod publish;
mod recipe;
mod repeats;
mod report;
mod script;
mod settings;
mod source;
mod table;

use arguments::Arguments;
use astra_store::{RunFolder, RunSettings, StoreError};
use clap::Parser;
use failure::ExitStatus;
use printer::Printer;
use serde_json::Value as Json;
use settings::Settings;
use std::path::Path;
use std::process::ExitCode;

/// What every command gets.
#[derive(Debug)]
struct Context {
    settings: Settings,
    printer: Printer,
}

impl Context {
    /// The folder of a command's run, which refuses to continue one of other settings.
    fn run_folder(&self, path: &Path, command: &str, settings: Json) -> Result<RunFolder, StoreError> {
        let run = RunSettings {
            command: command.to_owned(),
            settings,
            seed: self.settings.seed,
            revision: embedded::revision(),
        };
        RunFolder::at(path, &run)
    }
}

fn main() -> ExitCode {
    ExitCode::from(run().code())
}

fn run() -> ExitStatus {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are answers, the rest is a mistake in the arguments. A closed pipe is nobody's.
            let _ = error.print();
            return ExitStatus::of_input(!error.use_stderr());
        }
    };
    let printer = Printer::new(arguments.global.verbosity(), arguments.global.json);
    match resolve_and_run(arguments, printer) {
        Ok(status) => status,
        Err(error) => {
            let status = failure::status(&error);
            if status != ExitStatus::Done {
                printer.error(&error);
            }
            status
        }
    }
}

fn resolve_and_run(arguments: Arguments, printer: Printer) -> anyhow::Result<ExitStatus> {
    let settings = Settings::resolve(&arguments.layers(env::variables(), std::env::current_dir().ok()))?;
    if arguments.global.show_settings {
        if printer.json {
            printer.json(&settings.to_json())?;
        } else {
            printer.data(settings.to_toml())?;
        }
        return Ok(ExitStatus::Done);
    }
    let Some(command) = arguments.command else {
        let _ = <Arguments as clap::CommandFactory>::command().print_help();
        return Ok(ExitStatus::InputFailed);
    };
    commands::run(command, &Context { settings, printer })
}
