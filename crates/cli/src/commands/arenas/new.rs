//! `astra arenas new`: an arena of your own, started from a hand-written one that passes every gate.

use crate::Context;
use crate::failure::{ExitStatus, InputError};
use crate::table::{Table, brief};
use astra_arena::hand::{self, HandArena};
use astra_store::DataFolder;
use clap::Args;
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};

/// The arena to start from when none is named: small, with two dependent calls.
const STARTERS: &[&str] = &["buoy_reading", "museum_crate"];

/// Arguments of `new`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra arenas new tram_delays --from buoy_reading")]
pub(crate) struct NewArguments {
    /// Name of the new arena; writes NAME.json and NAME.py into the working folder
    #[arg(required_unless_present = "list")]
    name: Option<String>,
    /// Hand-written arena to start from
    #[arg(long, value_name = "HAND")]
    from: Option<String>,
    /// List the hand-written arenas and do nothing else
    #[arg(long)]
    list: bool,
    /// Folder to write into
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

/// Writes the files.
pub(crate) fn run(arguments: &NewArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    if arguments.list {
        return list(context);
    }
    let name = arguments.name.as_deref().unwrap_or_default();
    let is_plain = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '-';
    if name.is_empty() || !name.chars().all(is_plain) {
        return Err(InputError::new(format!("`{name}` cannot be a file name"))
            .hint("use letters, digits, `_` and `-`")
            .into());
    }
    let start = starter(arguments.from.as_deref())?;
    let files = write(&start, name, &arguments.out)?;
    for file in &files {
        context.printer.data(file.display().to_string())?;
    }
    let arena = arguments.out.join(format!("{name}.json"));
    context.printer.say(format!(
        "started from `{}`. Now edit, in this order:\n  \
         1. NAME.py: what the tools compute (plain Python, no files, no network)\n  \
         2. `tools`: names, descriptions, schemas; the entry function takes the schema's properties\n  \
         3. `prompt`: one natural request; no answer and no id in it\n  \
         4. `gold`: the calls that solve it; arguments found on the way as {{\"$ref\": \"call#/pointer\"}}\n  \
         5. `goals`: what each call must return; `answer`; `evidence.alternatives`: plausible wrong arguments\n\
         then: astra arenas check {}",
        start.name,
        arena.display()
    ));
    Ok(ExitStatus::Done)
}

fn starter(from: Option<&str>) -> anyhow::Result<HandArena> {
    let all = hand::all();
    let found = match from {
        Some(name) => hand::find(name),
        None => STARTERS.iter().find_map(|name| hand::find(name)).or_else(|| all.first().copied()),
    };
    found.ok_or_else(|| {
        let name = from.unwrap_or_default();
        let mut error = InputError::new(format!("there is no hand-written arena `{name}`"));
        if let Some(nearest) = crate::settings::nearest(name, all.iter().map(|arena| arena.name)) {
            error = error.hint(format!("did you mean `{nearest}`?"));
        }
        error.hint("`astra arenas new --list` lists them").into()
    })
}

/// Writes the arena under its new name, with code and data files beside it. Nothing that is there is overwritten.
fn write(start: &HandArena, name: &str, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut document: Json = serde_json::from_str(start.json)?;
    let code_files = start.code_files();
    // The first code file takes the arena's name, further ones follow it.
    let renamed: Vec<(String, String)> = code_files
        .iter()
        .enumerate()
        .map(|(at, file)| {
            (file.clone(), if at == 0 { format!("{name}.py") } else { format!("{name}_{}.py", at + 1) })
        })
        .collect();
    for tool in document["tools"].as_array_mut().into_iter().flatten() {
        let Some(file) = tool["code"]["file"].as_str() else { continue };
        if let Some((_, new)) = renamed.iter().find(|(old, _)| old == file) {
            tool["code"] = json!({"file": new});
        }
    }
    document["provenance"] = json!({"name": name});
    let mut files =
        vec![(folder.join(format!("{name}.json")), serde_json::to_string_pretty(&document)? + "\n")];
    for (old, new) in &renamed {
        files.push((folder.join(new), hand::code(old).unwrap_or_default().to_owned()));
    }
    if let Some((taken, _)) = files.iter().find(|(path, _)| path.exists()) {
        return Err(InputError::new(format!("`{}` is there already", taken.display()))
            .hint("choose another name, or another folder with `--out`")
            .into());
    }
    std::fs::create_dir_all(folder)?;
    for (path, text) in &files {
        std::fs::write(path, text)?;
    }
    let spec = start.spec()?;
    let data = DataFolder::at(folder.join("data"));
    for file in start.data(&spec)? {
        data.put(&file.json)?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

fn list(context: &Context) -> anyhow::Result<ExitStatus> {
    let mut table = Table::new(&["name", "topology", "hops", "tools", "language", "request"], 2..4);
    for arena in hand::all() {
        let spec = arena.spec()?;
        if context.printer.json {
            let line = json!({
                "name": arena.name, "topology": spec.topology, "hops": spec.hops(), "language": spec.language,
                "domain": spec.domain, "answerable": spec.answerable,
            });
            context.printer.json(&line)?;
            continue;
        }
        table.row(vec![
            arena.name.to_owned(),
            spec.topology.to_string(),
            spec.hops().to_string(),
            spec.tools.len().to_string(),
            spec.language.clone(),
            brief(&spec.prompt_text(), 60),
        ]);
    }
    if !context.printer.json {
        context.printer.data(table.to_string())?;
    }
    Ok(ExitStatus::Done)
}
