//! Arenas made live: tasks with executable tools, typed goals and a deterministic, un-gameable reward.
//!
//! An [`ArenaSpec`](astra_protocol::ArenaSpec) is data. This crate compiles it ([`Arena`]), plays it ([`Episode`]),
//! scores it ([`EpisodeScore`]), and decides whether it may be published ([`gates`]). Two planes never mix: the
//! [`AgentPlane`] can list tools and call them, nothing else; goals, gold calls, state hashes and rewards belong to
//! the [`Episode`], which only the control side holds.
//!
//! Around it: [`published`] brings rows of the published RL format in and out, [`prove`] finds the gold calls that
//! such rows lack, [`distractors`] mixes in tools of other arenas, as near in words as [`embed`] says.
//!
//! It does not run Python (`astra-sandbox`), read files of ours (`astra-store`) or talk to models (`astra-agent`).

mod answer;
mod arena;
mod call;
pub mod distractors;
pub mod embed;
mod episode;
pub mod gates;
mod gold;
pub mod hand;
pub mod prove;
pub mod published;
mod reward;

pub use answer::refusal;
pub use arena::{Arena, ArenaError, Runtime};
pub use call::{CallRecord, CallStatus};
pub use episode::{AgentPlane, Episode, EpisodeLimits, EpisodeOptions, is_rejected};
pub use gold::{GoldReplay, replay_gold};
pub use reward::{Components, Credit, EpisodeScore, RewardVariant};
