//! Played episodes as lines for supervised fine-tuning, in the OpenAI chat format.
//!
//! One line holds `messages`, `tools`, `id` and `reward`. Only perfect episodes become lines: a teacher that is right most
//! of the time teaches its mistakes too. Where a teacher shows how to go on after a rejected call, the turn that made the
//! call has `weight` 0, as in OpenAI's format: it is read, not learned.
//! Does not render templates or count tokens; that needs the model.

use crate::Played;
use astra_arena::{CallRecord, Components};
use astra_protocol::{Message, ToolDoc};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// Why an episode may not be learned from; `None` when its reward is exactly 1 and its last message gives the answer.
///
/// `corrected` also admits episodes in which nothing but rejected calls was wrong, and those that ended honestly after two of
/// them in a row.
pub fn unfit_for_sft(played: &Played, corrected: bool) -> Option<String> {
    let components = played.score.components;
    let without_rejected = Components { calls: components.calls - components.invalid, ..components };
    let was_put_right = corrected && components.invalid > 0 && is_one(without_rejected.f1());
    let gave_up_honestly = corrected
        && gave_up(&played.log)
        && (without_rejected.calls == 0 || is_one(without_rejected.precision()));
    match played.score.reward.measured() {
        None => return Some("the episode is masked".to_owned()),
        Some(_) if gave_up_honestly => return None,
        Some(reward) if !is_one(reward) && !was_put_right => {
            return Some(format!("its reward is {reward:.3}"));
        }
        Some(_) => {}
    }
    match played.score.answer.measured() {
        Some(answer) if answer < 1.0 => Some("its last message does not give the answer".to_owned()),
        Some(_) | None => None,
    }
}

/// Whether the last two calls that were looked at were rejected.
fn gave_up(log: &[CallRecord]) -> bool {
    let mut judged = log.iter().rev().filter(|call| call.counts());
    judged.next().is_some_and(CallRecord::invalid) && judged.next().is_some_and(CallRecord::invalid)
}

fn is_one(value: f64) -> bool {
    (value - 1.0).abs() <= 0.0
}

/// The line of an episode.
pub fn sft_record(played: &Played) -> Json {
    let rejected: BTreeSet<usize> =
        played.log.iter().filter(|call| call.invalid()).map(|call: &CallRecord| call.turn).collect();
    let prompt = played.arena.spec().prompt.len();
    let mut turn = 0;
    let message = |(at, message): (usize, &Message)| {
        let mut json = message.to_openai();
        if at >= prompt && matches!(message, Message::Assistant { .. }) {
            if rejected.contains(&turn) {
                json["weight"] = json!(0);
            }
            turn += 1;
        }
        json
    };
    json!({
        "messages": played.trace.messages.iter().enumerate().map(message).collect::<Vec<_>>(),
        "tools": played.trace.tools.iter().map(ToolDoc::to_openai).collect::<Vec<_>>(),
        "id": format!("{}/{}", played.arena.id(), played.sample),
        "reward": played.score.reward.measured(),
    })
}
