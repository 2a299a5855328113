//! `astra report`: renders a run's `report.html` again from its `summary.json`.

use crate::Context;
use crate::failure::{ExitStatus, InputError};
use crate::report::{RunSummary, SUMMARY_VERSION, render_to};
use clap::Args;
use std::path::PathBuf;

/// Arguments of `report`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra report first-run")]
pub(crate) struct ReportArguments {
    /// Folder of a run: holds summary.json
    run: PathBuf,
}

/// Renders.
pub(crate) fn run(arguments: &ReportArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let file = arguments.run.join("summary.json");
    let text = std::fs::read_to_string(&file).map_err(|error| {
        InputError::new(format!("could not read `{}`: {error}", file.display()))
            .hint("name the folder of a finished run, e.g. what `astra quickstart --out DIR` wrote")
    })?;
    let summary: RunSummary = astra_store::parse_json(&text).map_err(|error| {
        InputError::new(format!("{}: {error}", file.display()))
            .hint("only whole runs have a report; data sets have none")
    })?;
    if summary.version != SUMMARY_VERSION {
        let found = summary.version;
        return Err(InputError::new(format!("{}: field `version`: this is summary version {found}, and only version {SUMMARY_VERSION} is read", file.display())).into());
    }
    render_to(&arguments.run, &summary)?;
    context.printer.data(arguments.run.join("report.html").display().to_string())?;
    Ok(ExitStatus::Done)
}
