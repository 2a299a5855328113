//! One episode as a conversation that a person can follow: who said what, which call returned what, what it credited.

use crate::commands::arenas::play::text_of;
use crate::commands::arenas::show::{signature, value_text};
use crate::source::name_of;
use astra_eval::Played;
use astra_protocol::{GoalKind, Message};
use serde::{Deserialize, Serialize};

/// Longest result that is shown whole.
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
    /// An episode as it was played.
    pub(crate) fn of(played: &Played) -> Self {
        let spec = played.arena.spec();
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
            id: played.arena.id().short().to_owned(),
            policy: played.trace.policy.clone(),
            topology: spec.topology.as_str().replace('_', " "),
            hops: spec.hops(),
            tools: played.trace.tools.iter().map(signature).collect(),
            goals,
            turns: turns(played),
            reward: text_of(&played.score.reward),
            recall: text_of(&played.score.recall),
            precision: text_of(&played.score.precision),
            process: played.score.process.clone(),
        }
    }
}

fn turns(played: &Played) -> Vec<Turn> {
    let plain =
        |role: &str, text: &str| Turn { role: role.to_owned(), text: text.to_owned(), calls: Vec::new() };
    played
        .trace
        .messages
        .iter()
        .filter_map(|message| match message {
            Message::System { content } => Some(plain("system", content)),
            Message::User { content } => Some(plain("user", content)),
            // Results stand beside their calls.
            Message::Tool { .. } => None,
            Message::Assistant { content, tool_calls, .. } => Some(Turn {
                role: "assistant".to_owned(),
                text: content.clone(),
                calls: tool_calls.iter().map(|call| self::call(played, &call.id)).collect(),
            }),
        })
        .collect()
}

fn call(played: &Played, id: &str) -> Call {
    let Some((at, record)) = played.log.iter().enumerate().find(|(_, record)| record.call.id == id) else {
        return Call {
            tool: id.to_owned(),
            arguments: String::new(),
            result: String::new(),
            credited: Vec::new(),
        };
    };
    let credits = played.score.credits.iter().filter(|credit| credit.call == Some(at));
    let mut result: String = record.text.chars().take(MAX_RESULT).collect();
    if result.len() < record.text.len() {
        result.push('…');
    }
    Call {
        tool: record.call.name.clone(),
        arguments: record.call.arguments.clone(),
        result,
        credited: credits.map(|credit| credit.goal.clone()).collect(),
    }
}
