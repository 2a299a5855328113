//! Training: supervised fine-tuning on traces.
//!
//! [`Samples`] turns traces into token ids with marks of what the assistant wrote, [`Sft`] learns from them, step by
//! step, and writes metrics and checkpoints from which a killed run continues to the same bytes. The arithmetic is
//! `astra-model`'s.

#![expect(
    clippy::cast_possible_truncation,
    reason = "counts of samples and tokens fit the machine they were read on"
)]

mod checkpoint;
mod error;
mod metrics;
mod order;
mod rows;
mod samples;
mod sft;

pub use error::TrainError;
pub use metrics::StepMetrics;
pub use samples::{Reading, Sample, Samples, Skipped};
pub use sft::{Ended, LoraSettings, Sft, SftSettings, Watch};
