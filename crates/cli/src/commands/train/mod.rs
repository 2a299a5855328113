//! Training.

pub(crate) mod sft;
