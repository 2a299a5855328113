//! Perfect episodes as lines for supervised fine-tuning; the others are counted and named.

use crate::Context;
use crate::source::name_of;
use astra_eval::{Played, sft_record, unfit_for_sft};
use astra_store::RecordWriter;
use std::path::Path;

/// Episodes left out that are named; `-v` names all.
const NAMED: usize = 10;

/// Writes the file whole or not at all. `corrected` admits episodes in which rejected calls were put right.
pub(super) fn write(
    file: &Path,
    played: &[Played],
    corrected: bool,
    context: &Context,
) -> anyhow::Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut writer = RecordWriter::create(file)?;
    let mut left_out = Vec::new();
    for one in played {
        match unfit_for_sft(one, corrected) {
            None => writer.write(&sft_record(one))?,
            Some(why) => left_out.push(format!("{} ({why})", name_of(one.arena.spec()))),
        }
    }
    let written = writer.finish()?;
    context.printer.say(format!("{written} lines for fine-tuning in {}", file.display()));
    if !left_out.is_empty() {
        context.printer.warn(format!("{} of {} episodes are not in it:", left_out.len(), played.len()));
        left_out.iter().take(NAMED).for_each(|one| context.printer.warn(format!("  {one}")));
        left_out.iter().skip(NAMED).for_each(|one| context.printer.detail(format!("  {one}")));
    }
    Ok(())
}
