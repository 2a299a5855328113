//! Played episodes as lines for supervised fine-tuning, in the OpenAI chat format.
//!
//! One line holds `messages`, `tools`, `id` and `reward`. Only perfect episodes become lines: a teacher that is right most of the time teaches its mistakes too.
//! Does not render templates or count tokens; that needs the model.

use crate::Played;
use astra_protocol::{Message, ToolDoc};
use serde_json::{Value as Json, json};

/// Why an episode may not be learned from; `None` when its reward is exactly 1 and its last message gives the answer.
pub fn unfit_for_sft(played: &Played) -> Option<String> {
    match played.score.reward.measured() {
        None => return Some("the episode is masked".to_owned()),
        Some(reward) if (reward - 1.0).abs() > 0.0 => return Some(format!("its reward is {reward:.3}")),
        Some(_) => {}
    }
    match played.score.answer.measured() {
        Some(answer) if answer < 1.0 => Some("its last message does not give the answer".to_owned()),
        Some(_) | None => None,
    }
}

/// The line of an episode.
pub fn sft_record(played: &Played) -> Json {
    json!({
        "messages": played.trace.messages.iter().map(Message::to_openai).collect::<Vec<_>>(),
        "tools": played.trace.tools.iter().map(ToolDoc::to_openai).collect::<Vec<_>>(),
        "id": format!("{}/{}", played.arena.id(), played.sample),
        "reward": played.score.reward.measured(),
    })
}
