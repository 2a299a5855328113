//! Played episodes as lines for supervised fine-tuning, in the OpenAI chat format.
//!
//! One line holds `messages`, `tools`, `id` and `reward`. Reasoning stands in `reasoning_content`, where chat templates
//! look for it. Only perfect episodes become lines: a teacher that is right most of the time teaches its mistakes too.
//! Does not render templates or count tokens; that needs the model.

use crate::Played;
use astra_protocol::{Message, ToolCall, ToolDoc};
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
        "messages": played.trace.messages.iter().map(openai).collect::<Vec<_>>(),
        "tools": played.trace.tools.iter().map(ToolDoc::to_openai).collect::<Vec<_>>(),
        "id": format!("{}/{}", played.arena.id(), played.sample),
        "reward": played.score.reward.measured(),
    })
}

fn openai(message: &Message) -> Json {
    match message {
        Message::System { content } => json!({"role": "system", "content": content}),
        Message::User { content } => json!({"role": "user", "content": content}),
        Message::Tool { tool_call_id, content } => {
            json!({"role": "tool", "tool_call_id": tool_call_id, "content": content})
        }
        Message::Assistant { content, reasoning, tool_calls } => {
            let mut line = json!({"role": "assistant", "content": content});
            if let Some(reasoning) = reasoning {
                line["reasoning_content"] = json!(reasoning);
            }
            if !tool_calls.is_empty() {
                line["tool_calls"] = tool_calls.iter().map(call).collect();
            }
            line
        }
    }
}

fn call(call: &ToolCall) -> Json {
    let ToolCall { id, name, arguments } = call;
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assistant_turns_keep_reasoning_and_calls_apart() {
        let turn = Message::Assistant {
            content: String::new(),
            reasoning: Some("why".into()),
            tool_calls: vec![ToolCall { id: "c".into(), name: "f".into(), arguments: "{\"x\":1}".into() }],
        };
        let expected = json!({"role": "assistant", "content": "", "reasoning_content": "why", "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}}]});
        assert_eq!(openai(&turn), expected);
        assert_eq!(openai(&Message::answer("a")), json!({"role": "assistant", "content": "a"}));
    }
}
