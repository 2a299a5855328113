//! Tokens: from conversations to ids and back.
//!
//! A [`Chat`] is what the rest of the crate talks to: it renders the first prompt of an episode, the suffix after
//! each assistant turn, training examples with their masks, and reads what the assistant wrote. Ids are minted once;
//! nothing that a model sampled is ever tokenised again. Does not run a model.

mod chat;
mod compact;
mod example;
mod grammar;
mod jinja;
mod live;
mod openai;
mod parse;
mod probe;
mod python_json;
mod source;
mod tokenizer;

pub use chat::{Chat, Reasoning, TemplateChoice, TemplateKind};
pub use example::Example;
pub use grammar::{AnswerSchema, CallCount, TurnGrammar};
pub use live::{LiveTurn, TurnDelta};
pub use openai::Conversation;
pub use parse::{AssistantTurn, Calls, MALFORMED_CALL};
pub use source::template_config;
pub use tokenizer::{Piece, Tokenizer};
