//! An assistant turn read while it is being written.
//!
//! What is told of it is told for good: all that [`LiveTurn`] gave, put together, is what [`Chat::parse`] reads of the
//! finished turn, however the tokens came. So it keeps back what the next token could change: the end of a text that
//! may become a marker, a call until the next one begins, text behind a call. Each token reads the turn from its
//! beginning, which for turns of a few thousand tokens costs less than writing the token did.

use super::chat::Chat;
use super::parse::{AssistantTurn, Calls, MALFORMED_CALL};
use astra_protocol::{ToolCall, parse_arguments};
use std::sync::Arc;

/// Reads a turn token by token.
pub struct LiveTurn {
    chat: Arc<Chat>,
    calls: Calls,
    ids: Vec<u32>,
    /// Bytes of reasoning and content, and the number of calls, that were told.
    told: (usize, usize, usize),
}

/// What is new in a turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TurnDelta {
    /// More of the reasoning.
    pub reasoning: String,
    /// More of the content.
    pub content: String,
    /// More calls, each of them whole.
    pub calls: Vec<ToolCall>,
}

impl TurnDelta {
    /// Whether nothing is new.
    pub fn is_empty(&self) -> bool {
        self.reasoning.is_empty() && self.content.is_empty() && self.calls.is_empty()
    }
}

impl LiveTurn {
    /// A turn of which nothing is written yet.
    pub fn new(chat: Arc<Chat>, calls: Calls) -> Self {
        Self { chat, calls, ids: Vec::new(), told: (0, 0, 0) }
    }

    /// Takes the next token; what is certain now and was not before.
    pub fn push(&mut self, token: u32) -> TurnDelta {
        self.ids.push(token);
        let mut turn = self.chat.parse_with(&self.ids, self.calls);
        // The last call may go on, and one that cannot be read may yet become another.
        let whole = |call: &ToolCall| call.name != MALFORMED_CALL && parse_arguments(&call.arguments).is_ok();
        let followed = turn.calls.len().saturating_sub(1);
        let certain = turn.calls[..followed].iter().take_while(|call| whole(call)).count();
        // Spaces alone may turn out to stand before the reasoning, where they mean nothing.
        let settled = self.chat.settled(&turn.content);
        let is_content = turn.calls.is_empty() && !settled.trim().is_empty();
        let content = if is_content { settled.len() } else { 0 };
        turn.calls.truncate(certain);
        turn.content.truncate(content);
        if let Some(reasoning) = &mut turn.reasoning {
            reasoning.truncate(self.chat.settled(reasoning).len());
        }
        self.tell(turn)
    }

    /// What was kept back, when the turn has ended.
    pub fn finish(&mut self) -> TurnDelta {
        let turn = self.chat.parse_with(&self.ids, self.calls);
        self.tell(turn)
    }

    fn tell(&mut self, turn: AssistantTurn) -> TurnDelta {
        let (reasoning, content, calls) = &mut self.told;
        let new = |told: &mut usize, text: &str| {
            let new = text.get(*told..).unwrap_or_default().to_owned();
            *told += new.len();
            new
        };
        let new_calls = turn.calls.into_iter().skip(*calls).collect::<Vec<_>>();
        *calls += new_calls.len();
        TurnDelta {
            reasoning: new(reasoning, turn.reasoning.as_deref().unwrap_or_default()),
            content: new(content, &turn.content),
            calls: new_calls,
        }
    }
}
