//! Generation: many sequences written at once, with cached keys and values.
//!
//! From the inside out: [`lanes`] (numbers side by side), [`kernel`] (the one matrix product), [`panels`] (weights as
//! it reads them), [`cache`] and [`attention`], [`decoder`] (the forward pass), [`sampler`] and [`guide`] (who may forbid
//! tokens), [`sharing`] (what need not be computed twice), [`engine`] (continuous batching), [`turns`] (what it is asked
//! and tells), [`generator`] (a thread that owns an engine).

mod attention;
mod cache;
mod decoder;
mod engine;
mod generator;
mod guide;
mod kernel;
mod lanes;
mod panels;
mod reply;
mod sampler;
mod scratch;
mod sharing;
mod team;
mod turns;

pub use engine::Engine;
pub use generator::{Generator, OpenSequence, PendingTurn, Sampler, Sequence, Turn};
pub use guide::Guide;
pub use sampler::Sampling;
pub use turns::{Broken, EngineLoad, EngineOptions, Event, Finish, Limits, Sampled, SequenceId, TurnOptions};
