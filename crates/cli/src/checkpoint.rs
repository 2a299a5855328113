//! Opening the folder of a model, with words for people when it is none, and starting what writes with it.

use crate::failure::InputError;
use anyhow::Context as _;
use astra_model::{Chat, Engine, EngineOptions, Generator, ModelError, TemplateChoice, Weights};
use std::num::NonZeroUsize;
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

/// Memory at most for the keys and values of all sequences: 4 GiB, of which a small model takes little. Episodes that
/// find no room give theirs up in turn and are computed again, which costs time and changes no token.
const CACHE_BYTES: usize = 4 << 30;

/// Tokens a sequence that are worth holding; hardly one is longer.
const CACHED_TOKENS: usize = 8192;

/// An engine for so many sequences at a time, within [`CACHE_BYTES`].
pub(crate) fn engine_options(weights: &Weights, together: usize, threads: usize) -> EngineOptions {
    let config = weights.config();
    let wanted = together * config.max_positions.min(CACHED_TOKENS);
    let affordable = CACHE_BYTES / Engine::bytes_per_token(config);
    EngineOptions {
        threads,
        max_batch: together,
        max_tokens_in_cache: wanted.min(affordable),
        ..EngineOptions::default()
    }
}

/// A generator that writes so many sequences at a time.
pub(crate) fn generator(
    weights: &Weights,
    threads: usize,
    together: NonZeroUsize,
) -> Result<Generator, ModelError> {
    Generator::new(Engine::new(weights, engine_options(weights, together.get(), threads))?, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use astra_model::Config;

    #[test]
    fn the_cache_is_bounded_in_bytes_whatever_the_model() {
        let options = |layers: usize, positions: usize| {
            let text = format!(
                r#"{{"model_type":"llama","vocab_size":8,"hidden_size":64,"intermediate_size":8,"head_dim":64,
                "num_hidden_layers":{layers},"num_attention_heads":16,"max_position_embeddings":{positions}}}"#
            );
            let weights = Weights::zeros(Config::from_json(&text).unwrap());
            let bytes = Engine::bytes_per_token(weights.config());
            let tokens = engine_options(&weights, 32, 2).max_tokens_in_cache;
            (tokens, bytes * tokens)
        };
        assert_eq!(options(1, 512).0, 32 * 512, "as much as it can use");
        let (tokens, bytes) = options(20, 8192);
        assert!(tokens < 32 * 8192 && bytes <= CACHE_BYTES && bytes > CACHE_BYTES / 2, "{tokens} {bytes}");
    }
}
