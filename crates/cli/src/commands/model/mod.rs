//! The verbs of `astra model`.

pub(crate) mod get;
pub(crate) mod init;
