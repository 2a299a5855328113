//! What an evaluation keeps of an episode: enough to measure, group and pair it without its arena.
//!
//! Holds no messages; whoever wants to see what happened keeps the trace beside it.

use crate::solve::Played;
use astra_arena::{CallRecord, CallStatus, EpisodeScore};
use astra_protocol::{Message, Stop, Topology, Usage};
use serde::{Deserialize, Serialize};

/// One episode as it is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpisodeRecord {
    /// Id of the arena.
    pub arena: String,
    /// Which episode of this arena, from 0.
    pub sample: usize,
    /// Seed of the episode.
    pub seed: u64,
    /// Who played.
    pub policy: String,
    /// The arena's topology.
    pub topology: Topology,
    /// The arena's hops; 0 where it is unanswerable.
    pub hops: usize,
    /// The arena's language.
    pub language: String,
    /// Whether the arena's tools share a state.
    pub stateful: bool,
    /// Whether the arena has all the tools that it needs.
    pub answerable: bool,
    /// Why the episode ended.
    pub stop: Stop,
    /// What it was worth.
    pub score: EpisodeScore,
    /// Assistant turns.
    pub turns: usize,
    /// Tool calls, as far as their form goes.
    pub form: CallForm,
    /// Tokens spent; zeros where the policy counts none.
    pub usage: Usage,
}

/// Whether calls were well-formed: a tool that is offered, with arguments that are valid against its schema.
///
/// Calls that the host never looked at (injected failures, calls over the limit) are judged neither way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallForm {
    /// Calls that were looked at.
    pub judged: usize,
    /// Of these, the well-formed ones.
    pub valid: usize,
}

impl CallForm {
    fn of(log: &[CallRecord]) -> Self {
        let mut form = Self::default();
        for call in log {
            let valid = match call.status {
                CallStatus::Returned | CallStatus::Failed { .. } => true,
                CallStatus::UnknownTool | CallStatus::InvalidArguments => false,
                CallStatus::OverLimit | CallStatus::Injected => continue,
            };
            form.judged += 1;
            form.valid += usize::from(valid);
        }
        form
    }
}

impl EpisodeRecord {
    /// The record of an episode that was played.
    pub fn of(played: &Played) -> Self {
        let (spec, trace) = (played.arena.spec(), &played.trace);
        let turns = trace
            .messages
            .iter()
            .skip(spec.prompt.len())
            .filter(|one| matches!(one, Message::Assistant { .. }));
        Self {
            arena: trace.task.clone(),
            sample: played.sample,
            seed: trace.seed,
            policy: trace.policy.clone(),
            topology: spec.topology,
            hops: spec.hops(),
            language: spec.language.clone(),
            stateful: spec.state.is_some(),
            answerable: spec.answerable,
            stop: trace.stop.clone(),
            score: played.score.clone(),
            turns: turns.count(),
            form: CallForm::of(&played.log),
            usage: trace.usage,
        }
    }

    /// Whether something other than the policy broke: such an episode is counted and never scored.
    pub fn is_masked(&self) -> bool {
        self.score.f1.measured().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use astra_protocol::ToolCall;

    #[test]
    fn only_calls_that_were_looked_at_are_judged() {
        let failed = CallStatus::Failed { kind: "exception".into() };
        let log: Vec<CallRecord> = [
            CallStatus::Returned,
            failed,
            CallStatus::UnknownTool,
            CallStatus::InvalidArguments,
            CallStatus::Injected,
            CallStatus::OverLimit,
        ]
        .into_iter()
        .map(|status| CallRecord {
            turn: 0,
            call: ToolCall { id: "c".into(), name: "f".into(), arguments: "{}".into() },
            arguments: None,
            status,
            result: None,
            text: String::new(),
            state_hash: None,
            distractor: false,
        })
        .collect();
        assert_eq!(CallForm::of(&log), CallForm { judged: 4, valid: 2 });
        assert_eq!(CallForm::of(&[]), CallForm::default());
    }
}
