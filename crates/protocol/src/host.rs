//! The two traits of an episode: a policy proposes turns, a tool host answers calls.

use crate::{Boundary, Message, Segment, ToolCall, ToolDoc, Usage};
use std::future::Future;
use std::pin::Pin;

/// A boxed future, so that both traits stay object-safe.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a policy sees when it is asked for its next turn.
#[derive(Clone, Copy, Debug)]
pub struct TurnRequest<'a> {
    /// Tools offered.
    pub tools: &'a [ToolDoc],
    /// The conversation so far.
    pub messages: &'a [Message],
    /// Seed of the episode.
    pub seed: u64,
    /// Index of this assistant turn, from 0.
    pub turn: usize,
}

/// An assistant turn with what it cost.
#[derive(Clone, Debug)]
pub struct PolicyTurn {
    /// The assistant message.
    pub message: Message,
    /// Tokens spent on it.
    pub usage: Usage,
    /// New token segments, when the policy is ours.
    pub segments: Vec<Segment>,
    /// The policy has no room for another token: the episode ends as `TokenLimit`, after this turn's calls.
    pub exhausted: bool,
}

impl From<Message> for PolicyTurn {
    fn from(message: Message) -> Self {
        Self { message, usage: Usage::default(), segments: Vec::new(), exhausted: false }
    }
}

/// A policy that could not give a turn.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{error}")]
pub struct PolicyError {
    /// Whose failure it is.
    pub boundary: Boundary,
    /// What happened.
    pub error: String,
}

/// Proposes the next assistant turn.
pub trait Policy: Send + Sync {
    /// A name for traces and tables.
    fn name(&self) -> &str;

    /// The next turn: tool calls, or a final answer when there are none.
    fn next_turn<'a>(&'a self, request: TurnRequest<'a>) -> BoxFuture<'a, Result<PolicyTurn, PolicyError>>;
}

/// What a host answers to one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolAnswer {
    /// The call that this answers.
    pub tool_call_id: String,
    /// Text for the policy: the result, or a structured error.
    pub content: String,
    /// Whether `content` is an error.
    pub is_error: bool,
    /// Set when the host injected a failure instead of running the call.
    pub injected: bool,
}

/// Answers the tool calls of one episode.
///
/// A host knows nothing of goals or rewards, so the agent's plane cannot reach them.
pub trait ToolHost: Send + Sync {
    /// The tools it offers.
    fn tools(&self) -> &[ToolDoc];

    /// Answers all calls of one turn, in order. `Err` is an infrastructure failure: the episode is masked.
    fn call<'a>(&'a self, calls: &'a [ToolCall]) -> BoxFuture<'a, Result<Vec<ToolAnswer>, HostError>>;
}

/// A host that could not answer for reasons that are not the agent's.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{boundary} failed: {error}")]
pub struct HostError {
    /// Whose failure it is.
    pub boundary: Boundary,
    /// What happened.
    pub error: String,
}
