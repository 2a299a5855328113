//! What really happened in one episode.

use crate::{Message, ToolDoc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The record of one episode: everything needed to replay, score or train on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// Content id of the arena or task.
    pub task: String,
    /// Tools offered, in the order offered (the arena's and the distractors).
    pub tools: Vec<ToolDoc>,
    /// The conversation, prompt first.
    pub messages: Vec<Message>,
    /// Exact model input and output when the policy is ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<Segment>,
    /// Tokens spent.
    #[serde(default)]
    pub usage: Usage,
    /// Seed of the episode.
    pub seed: u64,
    /// Which policy played.
    pub policy: String,
    /// Failures that the host injected on purpose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub injected: Vec<InjectedFailure>,
    /// Why it ended.
    pub stop: Stop,
}

/// A run of tokens, minted once and never re-tokenised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// Token ids.
    pub ids: Vec<u32>,
    /// Whether the policy sampled them (loss is taken only on these).
    pub sampled: bool,
    /// Log-probabilities of sampled tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Vec<f32>>,
    /// Version of the weights that sampled them.
    #[serde(default)]
    pub policy_version: u64,
}

/// Tokens spent by a policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
}

/// A failure that the host injected instead of running the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InjectedFailure {
    /// The call that failed.
    pub tool_call_id: String,
    /// What the agent was told.
    pub error: String,
}

/// Why an episode ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The policy gave a turn without tool calls.
    Answered,
    /// The turn limit was reached.
    TurnLimit,
    /// The token limit was reached.
    TokenLimit,
    /// Something other than the policy broke; the episode is masked, never scored 0.
    Failed {
        /// Whose failure it is.
        boundary: Boundary,
        /// What happened.
        error: String,
    },
}

/// Which part of the system a failure is charged to, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Boundary {
    /// A model endpoint.
    Provider,
    /// A tool server.
    Tool,
    /// The sandbox that runs tool code.
    Sandbox,
    /// The arena's own definition.
    Arena,
    /// A judge model.
    Judge,
    /// Our own code or machine.
    Us,
}

impl std::fmt::Display for Boundary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Provider => "provider",
            Self::Tool => "tool",
            Self::Sandbox => "sandbox",
            Self::Arena => "arena",
            Self::Judge => "judge",
            Self::Us => "us",
        })
    }
}
