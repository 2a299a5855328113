//! The verbs of `astra arenas`.

pub(crate) mod bench;
pub(crate) mod check;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod new;
pub(crate) mod play;
mod play_input;
pub(crate) mod prove;
mod sft;
pub(crate) mod show;
pub(crate) mod solve;
pub(crate) mod split;

pub(crate) mod stats;
