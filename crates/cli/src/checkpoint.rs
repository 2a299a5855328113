//! Opening the folder of a model, with words for people when it is none, and starting what writes with it.

use crate::failure::InputError;
use anyhow::Context as _;
use astra_model::{Chat, Engine, EngineOptions, Generator, ModelError, TemplateChoice, Weights};
use std::num::NonZeroUsize;
use std::path::Path;

/// Tokens that the cache holds for each of the sequences written together; those that need more wait for others to end.
const CACHED_TOKENS: usize = 2048;

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

/// A generator that writes so many sequences at a time.
pub(crate) fn generator(
    weights: &Weights,
    threads: usize,
    together: NonZeroUsize,
) -> Result<Generator, ModelError> {
    let options = EngineOptions {
        threads,
        max_batch: together.get(),
        max_tokens_in_cache: together.get() * CACHED_TOKENS.max(weights.config().max_positions.min(8192)),
        ..EngineOptions::default()
    };
    Generator::new(Engine::new(weights, options)?, 0)
}
