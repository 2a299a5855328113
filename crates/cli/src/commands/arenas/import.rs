//! `astra arenas import`: rows of another format as unproven arenas, with every defect named.

use crate::Context;
use crate::engine;
use crate::failure::{ExitStatus, InputError};
use crate::table::{Table, brief};
use astra_arena::published::{Import, ImportOptions, import_published};
use astra_store::{Existing, Input, Outcome, Stage, StageOptions};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Formats that are read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Rows of `prompt`, `tool_schema`, `tool_dict`, `sub_qa_dict` (JSONL or Parquet)
    AstraRl,
}

/// Arguments of `import`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra arenas import --format astra-rl rows.parquet --out imported")]
pub(crate) struct ImportArguments {
    /// Format of the file
    #[arg(long, value_enum)]
    format: Format,
    /// File of rows: .jsonl or .parquet
    file: PathBuf,
    /// Folder for the arenas
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Name of the data set, for the provenance; the file's name without this
    #[arg(long)]
    source: Option<String>,
    /// Its licence
    #[arg(long)]
    license: Option<String>,
    /// Subject area of all rows
    #[arg(long)]
    domain: Option<String>,
    /// Do not run the rows' code to see whether it loads
    #[arg(long)]
    without_code: bool,
}

/// Imports.
pub(crate) fn run(arguments: &ImportArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    match arguments.format {
        Format::AstraRl => {}
    }
    let file_name = arguments.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let options = ImportOptions {
        source: arguments.source.clone().unwrap_or(file_name),
        license: arguments.license.clone(),
        domain: arguments.domain.clone(),
    };
    let engine = if arguments.without_code { None } else { Some(engine::start(context)?) };
    let runtime = engine.as_ref().map(|engine| &engine.runtime);
    let import = import_published(&arguments.file, &options, runtime)?;
    if import.arenas.is_empty() && import.rejected.is_empty() {
        return Err(InputError::new(format!("`{}` holds no rows", arguments.file.display())).into());
    }
    write(&import, &options, arguments, context)?;
    print(&import, context)?;
    Ok(ExitStatus::of_input(!import.arenas.is_empty()))
}

fn write(
    import: &Import,
    options: &ImportOptions,
    arguments: &ImportArguments,
    context: &Context,
) -> anyhow::Result<()> {
    let settings = json!({"source": options.source, "license": options.license, "domain": options.domain});
    let mut stage = Stage::new("arenas import astra-rl", settings);
    let bytes = std::fs::read(&arguments.file)?;
    stage.inputs.insert("rows".to_owned(), astra_protocol::ContentId::of_bytes(&bytes).0);
    let mut rows = BTreeMap::new();
    rows.extend(import.arenas.iter().enumerate().map(|(at, arena)| (arena.row, Ok(at))));
    rows.extend(import.rejected.iter().enumerate().map(|(at, row)| (row.row, Err(at))));
    let inputs = rows.into_iter().map(|(row, value)| Ok(Input { id: format!("row {row}"), value }));
    let stage_options = StageOptions {
        existing: Existing::Refuse,
        revision: crate::embedded::revision(),
        ..StageOptions::new(&arguments.out)
    };
    astra_store::run_stage(
        inputs,
        &stage,
        &stage_options,
        &mut astra_store::Silent,
        |value: &Result<usize, usize>| match value {
            Ok(at) => Outcome::Accepted(&import.arenas[*at].spec),
            Err(at) => {
                let row = &import.rejected[*at];
                Outcome::Rejected {
                    why: format!("{}: {}", row.column.as_deref().unwrap_or("row"), row.reason),
                }
            }
        },
    )?;
    let said = format!("{} unproven arenas in {}", import.arenas.len(), arguments.out.display());
    context.printer.say(said);
    Ok(())
}

/// The defects, by gate and kind, and the rows that could not become arenas.
fn print(import: &Import, context: &Context) -> anyhow::Result<()> {
    let printer = context.printer;
    if printer.json {
        for arena in import.arenas.iter().filter(|arena| !arena.defects.is_empty()) {
            let defects: Vec<_> = arena
                .defects
                .iter()
                .map(|defect| json!({"gate": defect.gate, "detail": defect.detail}))
                .collect();
            printer.json(&json!({"row": arena.row, "id": arena.spec.id(), "defects": defects}))?;
        }
        for row in &import.rejected {
            printer.json(&json!({"row": row.row, "column": row.column, "rejected": row.reason}))?;
        }
        let with_defects = import.arenas.iter().filter(|arena| !arena.defects.is_empty()).count();
        return printer.json(&json!({
            "imported": import.arenas.len(), "with_defects": with_defects, "rejected": import.rejected.len(),
        }));
    }
    let mut table = Table::new(&["row", "gate", "defect"], 0..1);
    for arena in &import.arenas {
        for defect in &arena.defects {
            table.row(vec![arena.row.to_string(), defect.gate.clone(), brief(&defect.detail, 160)]);
        }
    }
    for row in &import.rejected {
        let column = row.column.as_deref().map_or(String::new(), |column| format!("column `{column}`: "));
        table.row(vec![
            row.row.to_string(),
            "(rejected)".to_owned(),
            brief(&format!("{column}{}", row.reason), 160),
        ]);
    }
    printer.data(table.to_string())?;
    let clean = import.arenas.iter().filter(|arena| arena.defects.is_empty()).count();
    printer.data(format!(
        "\n{} rows imported ({clean} without a known defect), {} rejected",
        import.arenas.len(),
        import.rejected.len()
    ))?;
    printer.hint("next: `astra arenas check DIR`, then `astra arenas prove DIR --out OTHER`");
    Ok(())
}
