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
    // The small files first: what is wrong with them is known before gigabytes are read.
    let chat = Chat::load_with(folder, template).with_context(context)?;
    let weights = Weights::load(folder).with_context(context)?;
    let (ids, rows) = (chat.tokenizer().vocab_size(), weights.config().vocab_size);
    if ids > rows {
        let error = format!(
            "`{shown}`: tokenizer.json has ids up to {}, config.json a `vocab_size` of {rows}",
            ids - 1
        );
        return Err(InputError::new(error)
            .hint("the two are of different models; copy the tokenizer that the weights were trained with")
            .into());
    }
    Ok((chat, weights))
}

/// Refuses a folder that holds a model already, before anything is written or fetched.
pub(crate) fn refuse_existing(folder: &Path) -> Result<(), InputError> {
    if !folder.join("config.json").exists() {
        return Ok(());
    }
    Err(InputError::new(format!("`{}` holds a model already", folder.display()))
        .hint("choose another `--out`, or remove that folder"))
}
