//! Talking to language models: one way to ask, whoever answers.
//!
//! ```text
//! stage ─► ask_json (schema, re-asking) ─► Model::ask ─► journal ──── known: no call, no cost
//!                                                          └─ new: budget ─► HTTP (limiter, retries) | batch files
//! ```
//!
//! Every answer is in the journal before anybody sees it, so a run that is killed pays for nothing twice. A failure says
//! whether the record can be tried again ([`ModelError`]); none of it ever becomes an answer.

mod answer;
mod batch;
mod budget;
mod client;
mod embeddings;
mod http;
mod journal;
mod limiter;
mod request;
mod settings;
mod structured;

pub use answer::Answer;
pub use batch::{BatchFolder, Imported};
pub use budget::{Spent, StageUsage};
pub use client::{Asking, Model, ModelError};
pub use journal::Journal;
pub use request::{AnswerSchema, Request, Sampling};
pub use settings::{ModelSettings, Price, Provider, Structure};
pub use structured::{Structured, Unanswered, find_json};
