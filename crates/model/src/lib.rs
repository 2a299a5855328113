//! Decoder-only language models of the Llama, Qwen2 and Qwen3 family: tokens, templates, weights, learning, generation.
//!
//! The family is fixed, so forward and backward are written by hand, one file per operation, without an autodiff
//! framework. A [`Config`] gives the shape, a [`Layout`] says where each tensor lies, [`Weights`] holds the numbers.
//! All arithmetic is f32 unless a file says otherwise. CPU only.

#![expect(
    clippy::cast_possible_truncation,
    reason = "numbers are computed in f64 and kept in f32 on purpose"
)]

mod bpe;
mod config;
mod error;
mod generate;
mod init;
mod learn;
mod lora;
mod ops;
mod optim;
mod policy;
mod source;
mod tokens;
mod weights;

pub use config::{Config, Rope, RopeScaling};
pub use error::{FetchProblem, ModelError};
pub use generate::{
    Broken, Engine, EngineLoad, EngineOptions, Event, Finish, Generator, Guide, Limits, OpenSequence,
    PendingTurn, Sampled, Sampler, Sampling, Sequence, SequenceId, Turn, TurnOptions,
};
pub use init::{InitOptions, init};
pub use learn::{
    Batch, CrossEntropy, Family, LearnOptions, Learner, LearnerState, LossOutput, Precision, TokenLoss,
};
pub use lora::{Lora, LoraOptions, LoraTarget};
pub use optim::{AdamW, Schedule, StepStats};
pub use policy::{ModelPlayer, ModelPolicy, PolicySettings, TurnCounts};
pub use source::{Endpoints, Fetched, Wanted, Watcher, get};
pub use tokens::{
    AnswerSchema, AssistantTurn, CallCount, Calls, Chat, Conversation, Example, LiveTurn, MALFORMED_CALL,
    Piece, Reasoning, TemplateChoice, TemplateKind, Tokenizer, TurnDelta, TurnGrammar, template_config,
};
pub use weights::{
    LayerRanges, Layout, SaveOptions, StoredAs, Tensor, Weights, convert_gguf, read_tensors, write_tensors,
};
