//! Conversations to ids and back, through every template.

mod properties;
pub(crate) mod world;
