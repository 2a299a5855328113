//! Who measures how near tools are: the model that plays the embedder, or words where none does.

use crate::interrupt::Interrupt;
use crate::settings::Role;
use crate::{Context, asking};
use astra_agent::models::{Asking, Journal, Model, ModelError};
use astra_arena::Arena;
use astra_arena::distractors::DistractorPool;
use astra_arena::embed::{EmbedError, Embedder, LexicalEmbedder};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The tools of arenas, to mix into each other's episodes.
pub(crate) fn pool(
    arenas: &[Arc<Arena>],
    interrupt: &Interrupt,
    context: &Context,
) -> anyhow::Result<DistractorPool> {
    Ok(DistractorPool::new(arenas, embedder(interrupt, context)?)?)
}

/// The model that is named for it: what it answers shapes what is drawn.
pub(crate) fn model(context: &Context) -> Option<&str> {
    let (_, settings) = context.settings.models.of(Role::Embedder)?;
    Some(&settings.model)
}

fn embedder(interrupt: &Interrupt, context: &Context) -> anyhow::Result<Arc<dyn Embedder>> {
    let Some((name, _)) = context.settings.models.of(Role::Embedder) else {
        return Ok(Arc::new(LexicalEmbedder));
    };
    let journal = Journal::open(&context.settings.journal).map_err(|what| ModelError::Journal { what })?;
    let asking = Asking { journal: Arc::new(journal), offline: false, stop: interrupt.shared() };
    let model = asking::open(name, &asking, context)?;
    Ok(Arc::new(ModelEmbedder { model, vectors: Mutex::default() }))
}

/// A model, and what it answered so far: episodes ask for the same tools again and again.
struct ModelEmbedder {
    model: Model,
    vectors: Mutex<HashMap<String, Vec<f32>>>,
}

impl Embedder for ModelEmbedder {
    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        // Held while the model answers: whoever else asks meanwhile mostly wants the same texts, and they are paid for once.
        let mut known = self.vectors.lock().unwrap_or_else(PoisonError::into_inner);
        let missing: Vec<String> = texts.iter().filter(|text| !known.contains_key(*text)).cloned().collect();
        let vectors =
            self.model.embed("distractors", &missing).map_err(|error| EmbedError(error.to_string()))?;
        known.extend(missing.into_iter().zip(vectors));
        Ok(texts.iter().map(|text| known.get(text).cloned().unwrap_or_default()).collect())
    }

    fn name(&self) -> &str {
        &self.model.settings().model
    }
}
