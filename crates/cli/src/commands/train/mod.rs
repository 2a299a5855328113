//! Training.

pub(crate) mod grpo;
pub(crate) mod sft;

use anyhow::Context as _;
use astra_model::{Chat, SaveOptions, TemplateChoice, Weights};
use std::path::Path;

/// The template that an argument names.
pub(crate) fn template(name: &str) -> TemplateChoice {
    match name {
        "model" => TemplateChoice::Model,
        "hermes" => TemplateChoice::Hermes,
        "compact" => TemplateChoice::Compact,
        // The argument admits these four words only.
        _ => TemplateChoice::Auto,
    }
}

/// Writes what was trained as a model's folder, with the files beside the weights of the model that it began from.
///
/// Under another name first: a folder of this name is a whole model that renders as it was trained.
fn save_model(weights: &Weights, chat: &Chat, began_from: &Path, model: &Path) -> anyhow::Result<()> {
    let options = SaveOptions { companions: Some(began_from.to_owned()), ..SaveOptions::default() };
    let unfinished = model.with_extension("part");
    weights.save(&unfinished, &options)?;
    chat.record(&unfinished)?;
    std::fs::rename(&unfinished, model).with_context(|| format!("could not rename to `{}`", model.display()))
}
