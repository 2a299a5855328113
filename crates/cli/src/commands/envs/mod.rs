//! The verbs of `astra envs`.

pub(crate) mod from_tables;
pub(crate) mod synthesis;
