//! Opening the folder of a model, with words for people when it is none.

use crate::failure::InputError;
use anyhow::Context as _;
use astra_model::{Chat, TemplateChoice, Weights};
use std::path::Path;

/// Tokens and weights of a model's folder.
pub(crate) fn open(folder: &Path, template: TemplateChoice) -> anyhow::Result<(Chat, Weights)> {
    let shown = folder.display();
    if !folder.join("config.json").is_file() {
        return Err(InputError::new(format!("`{shown}` is no model: it holds no `config.json`"))
            .hint("a model is a Hugging Face folder; `astra model get` and `astra model init` make one")
            .into());
    }
    let context = || format!("could not open the model `{shown}`");
    let weights = Weights::load(folder).with_context(context)?;
    let chat = Chat::load_with(folder, template).with_context(context)?;
    Ok((chat, weights))
}
