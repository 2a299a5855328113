//! Everything that can end a training run before its last step.

use astra_model::ModelError;
use astra_store::StoreError;
use std::io;
use std::path::PathBuf;

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The system refused a file operation.
    #[error("could not {action} `{path}`: {source}", path = path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder without traces.
    #[error("`{path}` holds no .jsonl or .parquet file", path = path.display())]
    NoData {
        /// The folder.
        path: PathBuf,
    },
    /// Not a Parquet file, or a broken one.
    #[error("{path}: {message}", path = path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        message: String,
    },
    /// A row is no conversation.
    #[error("{place}: {message}")]
    Row {
        /// `FILE:LINE`.
        place: String,
        /// What is wrong, with the field.
        message: String,
    },
    /// No sample is left to learn from.
    #[error("none of the {read} traces can be learned from: {why}")]
    NothingToLearn {
        /// How many were read.
        read: usize,
        /// The most common reason.
        why: String,
    },
    /// A sequence that cannot be learned from.
    #[error("{message}")]
    Datum {
        /// Which, and what is wrong with it.
        message: String,
    },
    /// Settings that mean nothing.
    #[error("`{setting}` is {value}: expected {expected}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// No group of the last steps says what is better than what.
    #[error(
        "step {step}: no group had two different rewards in {steps} steps in a row ({rolled} groups in the last, \
         {masked} rollouts masked{why})",
        why = masked_why.as_ref().map_or_else(String::new, |why| format!(", for example: {why}"))
    )]
    Barren {
        /// The last step.
        step: u64,
        /// Steps in a row.
        steps: u64,
        /// Groups rolled out in the last.
        rolled: usize,
        /// Rollouts of the last that were masked.
        masked: usize,
        /// Why one of them was.
        masked_why: Option<String>,
    },
    /// The loss is no number any more.
    #[error("step {step}: the loss is {loss} and the gradient norm {grad_norm}; the run has diverged")]
    Diverged {
        /// The step.
        step: u64,
        /// Its loss.
        loss: f64,
        /// Its gradient norm.
        grad_norm: f64,
    },
    /// What was learned, or what it was measured on, is no number any more.
    #[error("step {step}: {what} is not finite; the run has diverged")]
    NotFinite {
        /// The step.
        step: u64,
        /// `a weight`, or `the loss on the validation traces`.
        what: &'static str,
    },
    /// A checkpoint does not fit this run.
    #[error("{path}: {message}", path = path.display())]
    Checkpoint {
        /// Its folder.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// The model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The disk.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TrainError {
    /// What a person can do about it.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Model(error) => error.hints(),
            Self::Io { .. } | Self::Parquet { .. } | Self::Datum { .. } | Self::Setting { .. } => Vec::new(),
            Self::Barren { masked, .. } => {
                let mut hints = vec![
                    "a model that never or always succeeds has nothing to compare: fine-tune it first, take other \
                     arenas, or raise `--group-size` or `--temperature`"
                        .to_owned(),
                ];
                if *masked > 0 {
                    hints.push(
                        "masked rollouts are failures of the tools' side: `astra doctor` looks at it"
                            .to_owned(),
                    );
                }
                hints
            }
            Self::NoData { .. } => {
                vec!["`astra arenas solve --policy expert --sft FILE` writes traces".to_owned()]
            }
            Self::Row { .. } => {
                vec!["a row holds `messages` and `tools` in the OpenAI format; see docs/traces.md".to_owned()]
            }
            Self::NothingToLearn { .. } => {
                vec![
                    "`--max-tokens` is the longest sample; the model's own limit is in its config.json"
                        .to_owned(),
                ]
            }
            Self::Diverged { .. } | Self::NotFinite { .. } => {
                vec!["begin anew in another `--out` with a lower `--lr` or `--clip`".to_owned()]
            }
            Self::Checkpoint { .. } => vec!["delete this folder to resume from the one before it".to_owned()],
            Self::Store(error) => error.hints(),
        }
    }
}
