//! The verbs of `astra model`.

pub(crate) mod chat;
pub(crate) mod get;
pub(crate) mod init;
pub(crate) mod serve;
