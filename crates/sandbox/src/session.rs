//! One session: where it lives, what it was asked so far, and its state.
//!
//! The log holds every call that had an effect, with a hash of what it gave. It is all that is needed to build the
//! session again elsewhere, and to notice when it did not come out the same.

use crate::core::Core;
use crate::loaded::LoadedProgram;
use crate::worker::{Reply, Worker};
use std::sync::{Arc, Mutex};

/// An open session; closes when dropped.
#[derive(Debug)]
pub struct Session {
    pub(crate) core: Arc<Core>,
    pub(crate) number: u64,
    pub(crate) program: LoadedProgram,
    pub(crate) seed: u64,
    pub(crate) body: Mutex<Body>,
}

/// Where a session's namespace is.
#[derive(Debug)]
pub(crate) enum Place {
    /// In no worker: built at its next use.
    Nowhere,
    /// In a worker that is gone through no doing of this session: built again at its next use, where that is allowed.
    Lost,
    /// In a shared worker, as long as that worker's generation is the same.
    Shared { slot: usize, generation: u64 },
    /// In a worker of its own.
    Private(Box<Worker>),
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) tool: usize,
    pub(crate) arguments: Box<str>,
    pub(crate) hash: [u8; 32],
}

#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) place: Place,
    pub(crate) log: Vec<Entry>,
    pub(crate) state: Option<Arc<str>>,
    pub(crate) calls: u32,
    /// How often it was built again after its worker was lost.
    pub(crate) rebuilds: u32,
    /// Resident memory that its calls added to a shared worker.
    pub(crate) growth: u64,
}

/// What a reply says, for comparing a replay with the first time.
pub(crate) fn hash_reply(reply: &Reply<'_>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let parts = [
        reply.result.map_or("", |result| result.get()),
        reply.stdout.as_deref().unwrap_or(""),
        reply.state.as_deref().unwrap_or(""),
        reply.message.as_deref().unwrap_or(""),
    ];
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

impl Drop for Session {
    fn drop(&mut self) {
        self.core.forget(self);
    }
}
