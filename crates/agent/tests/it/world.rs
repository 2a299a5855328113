//! A model at a scripted endpoint.

use astra_agent::models::{Asking, Journal, Model, ModelError, ModelSettings};
use astra_testkit::{ModelServer, Reply, TestResult};
use serde_json::Value as Json;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What a run shares, with a journal of its own.
pub(crate) fn asking() -> TestResult<Asking> {
    let stop = Arc::new(AtomicBool::new(false));
    Ok(Asking { journal: Arc::new(Journal::in_memory()?), offline: false, stop })
}

/// A model at this endpoint; `change` has the last word about its settings.
pub(crate) fn model(
    server: &ModelServer,
    asking: &Asking,
    change: impl FnOnce(&mut ModelSettings),
) -> Result<Model, ModelError> {
    let mut settings = ModelSettings::at(server.url(), "scripted");
    settings.timeout_s = 1;
    settings.attempts = 4;
    change(&mut settings);
    Ok(Model::open("teacher", settings, None, asking.clone())?.0)
}

/// An endpoint that does these things one after the other, and the last of them from then on.
pub(crate) fn in_turn(replies: Vec<Reply>) -> TestResult<ModelServer> {
    ModelServer::start(move |_: &Json, before| replies[before.min(replies.len() - 1)].clone())
}

pub(crate) fn says(text: &str) -> Reply {
    Reply::Says(text.to_owned())
}
