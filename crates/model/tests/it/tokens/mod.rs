//! Conversations to ids and back, through every template.

mod properties;
mod world;
