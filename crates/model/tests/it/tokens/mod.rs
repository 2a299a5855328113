//! Conversations to ids and back, through every template.

mod foreign;
mod grammar;
mod properties;
mod reading;
mod reference;
mod snapshots;
pub(crate) mod world;
