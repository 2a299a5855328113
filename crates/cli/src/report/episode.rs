//! One episode as a conversation that a person can follow: who said what, which call returned what, what it credited.

use crate::commands::arenas::play::text_of;
use crate::commands::arenas::show::{signature, value_text};
use crate::source::name_of;
use astra_arena::EpisodeScore;
use astra_protocol::{ArenaSpec, GoalKind, Message, Trace};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Longest text that is shown whole.
const MAX_RESULT: usize = 2_000;

/// An episode for the page.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Conversation {
    pub(crate) arena: String,
    pub(crate) id: String,
    pub(crate) policy: String,
    pub(crate) topology: String,
    pub(crate) hops: usize,
    pub(crate) tools: Vec<String>,
    pub(crate) goals: Vec<String>,
    pub(crate) turns: Vec<Turn>,
    pub(crate) reward: String,
    pub(crate) recall: String,
    pub(crate) precision: String,
    pub(crate) process: Vec<f64>,
}

/// One message with the calls it made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Turn {
    pub(crate) role: String,
    pub(crate) text: String,
    pub(crate) calls: Vec<Call>,
}

/// One call with what came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) tool: String,
    pub(crate) arguments: String,
    pub(crate) result: String,
    /// Goals that it was credited for.
    pub(crate) credited: Vec<String>,
}

impl Conversation {
    /// An episode of an arena: what was said and done, and what it was worth.
    pub(crate) fn of(spec: &ArenaSpec, trace: &Trace, score: &EpisodeScore) -> Self {
        let goals = spec
            .goals
            .iter()
            .map(|goal| match &goal.kind {
                GoalKind::Returns { value, .. } => {
                    format!("{}: {} → {}", goal.id, goal.question, value_text(value))
                }
                GoalKind::StateEquals { .. } => {
                    format!("{}: {} → the right final state", goal.id, goal.question)
                }
            })
            .collect();
        Self {
            arena: name_of(spec),
            id: spec.id().short().to_owned(),
            policy: trace.policy.clone(),
            topology: spec.topology.as_str().replace('_', " "),
            hops: spec.hops(),
            tools: trace.tools.iter().map(signature).collect(),
            goals,
            turns: turns(trace, score),
            reward: text_of(&score.reward),
            recall: text_of(&score.recall),
            precision: text_of(&score.precision),
            process: score.process.clone(),
        }
    }
}

fn turns(trace: &Trace, score: &EpisodeScore) -> Vec<Turn> {
    let plain =
        |role: &str, text: &str| Turn { role: role.to_owned(), text: text.to_owned(), calls: Vec::new() };
    let results: BTreeMap<&str, &str> = trace
        .messages
        .iter()
        .filter_map(|message| match message {
            Message::Tool { tool_call_id, content, .. } => Some((tool_call_id.as_str(), content.as_str())),
            Message::System { .. } | Message::User { .. } | Message::Assistant { .. } => None,
        })
        .collect();
    // Calls are scored by their place among all calls of the episode.
    let mut place = 0;
    let mut turns = Vec::new();
    for message in &trace.messages {
        turns.push(match message {
            Message::System { content } => plain("system", content),
            Message::User { content } => plain("user", content),
            // Results stand beside their calls.
            Message::Tool { .. } => continue,
            Message::Assistant { content, tool_calls, .. } => {
                let calls = tool_calls.iter().enumerate().map(|(at, call)| {
                    let credits = score.credits.iter().filter(|credit| credit.call == Some(place + at));
                    Call {
                        tool: call.name.clone(),
                        arguments: shortened(&call.arguments),
                        result: shortened(results.get(call.id.as_str()).copied().unwrap_or_default()),
                        credited: credits.map(|credit| credit.goal.clone()).collect(),
                    }
                });
                let calls: Vec<Call> = calls.collect();
                place += calls.len();
                Turn { role: "assistant".to_owned(), text: shortened(content), calls }
            }
        });
    }
    turns
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(MAX_RESULT).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
