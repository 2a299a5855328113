//! Integration tests of arenas on the real sandbox.

mod distractors;
mod gates;
mod hand;
mod mixed_up;
mod planes;
mod prove;
mod published;
mod reward;
mod worlds;
