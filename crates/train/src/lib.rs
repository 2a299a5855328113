//! Training: supervised fine-tuning on traces, and reinforcement learning in arenas.
//!
//! [`Samples`] turns traces into token ids with marks of what the assistant wrote, [`Sft`] learns from them, step by
//! step, and writes metrics and checkpoints from which a killed run continues to the same bytes. [`grpo`] learns from
//! what the model itself does in arenas, over any engine that is a [`TrainBackend`]. The arithmetic is
//! `astra-model`'s.

#![expect(
    clippy::cast_possible_truncation,
    reason = "counts of samples and tokens fit the machine they were read on"
)]

mod backend;
mod checkpoint;
mod error;
pub mod grpo;
mod metrics;
mod order;
mod rows;
mod samples;
mod sft;
mod tensorboard;

pub use backend::{Datum, NativeBackend, NativeOptions, Objective, OptimStep, PassOutput, TrainBackend};
pub use error::TrainError;
pub use metrics::StepMetrics;
pub use samples::{Reading, Sample, Samples, Skipped};
pub use sft::{Ended, LoraSettings, Sft, SftSettings, Watch};
