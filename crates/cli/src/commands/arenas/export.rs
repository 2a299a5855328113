//! `astra arenas export`: arenas as rows of another format, with what that format cannot carry.

use super::import::Format;
use crate::Context;
use crate::failure::{ExitStatus, InputError};
use crate::source::{self, name_of};
use astra_arena::published::{export_row, write_published};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `export`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra arenas export --format astra-rl first-run/arenas --out rows.parquet")]
pub(crate) struct ExportArguments {
    /// Format to write
    #[arg(long, value_enum)]
    format: Format,
    /// Arenas: a data set, a .jsonl file, a hand-written .json file, or a folder of either
    path: PathBuf,
    /// File to write: .jsonl or .parquet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Exports.
pub(crate) fn run(arguments: &ExportArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    match arguments.format {
        Format::AstraRl => {}
    }
    let printer = context.printer;
    let mut rows = Vec::new();
    let mut refused = 0;
    for record in source::all(&[&arguments.path], None, true)? {
        let name = name_of(&record.spec);
        match export_row(&record.spec, &record.data) {
            Ok(exported) => {
                exported.notes.iter().for_each(|note| printer.detail(format!("{name}: {note}")));
                rows.push(exported.row);
            }
            Err(error) => {
                refused += 1;
                printer.warn(format!("{name}: {error}"));
            }
        }
    }
    if rows.is_empty() {
        return Err(InputError::new("no arena can be written in this format").into());
    }
    write_published(&arguments.out, &rows)?;
    if printer.json {
        printer.json(&json!({"exported": rows.len(), "refused": refused}))?;
    } else {
        printer.data(format!(
            "{} rows in {}, {refused} arenas refused",
            rows.len(),
            arguments.out.display()
        ))?;
    }
    Ok(ExitStatus::of_input(refused == 0))
}
