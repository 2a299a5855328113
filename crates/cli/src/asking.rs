//! Models opened as the settings say, for commands that ask them.

use crate::Context;
use crate::failure::InputError;
use astra_agent::models::{Asking, Imported, Model};
use std::path::Path;

/// A model by its name among the settings.
pub(crate) fn open(name: &str, asking: &Asking, context: &Context) -> anyhow::Result<Model> {
    let Some(settings) = context.settings.models.models.get(name) else {
        return Err(none().into());
    };
    let key = settings.api_key_env.as_deref().and_then(crate::env::key);
    let (model, imported) = Model::open(name, settings.clone(), key.as_deref(), asking.clone())?;
    report(&imported, settings.folder.as_deref(), context);
    Ok(model)
}

/// The error of a command that needs models where there are none.
pub(crate) fn none() -> InputError {
    InputError::new("no model is set up").hint(
        "put `[models.NAME]` with `base_url` and `model` into astra.toml; `docs/endpoints.md` shows how",
    )
}

/// Says what was read of batch answers.
fn report(imported: &Imported, folder: Option<&Path>, context: &Context) {
    let Some(folder) = folder else { return };
    let Imported { new, known, unusable, unusable_lines } = imported;
    if new + known > 0 {
        context.printer.say(format!("{}: {new} new answers, {known} known", folder.display()));
    }
    if *unusable_lines > 0 {
        context
            .printer
            .warn(format!("{unusable_lines} lines are no answers, and their requests go on waiting:"));
        for line in unusable {
            context.printer.warn(format!("  {line}"));
        }
    }
}
