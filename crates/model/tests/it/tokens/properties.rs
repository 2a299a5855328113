//! What holds for every conversation and every template.

use super::world::{self, CHATML, CONTROLS};
use anyhow::Result;
use astra_model::{Calls, Chat, LiveTurn, Reasoning, TemplateChoice, TemplateKind, TurnDelta};
use astra_protocol::{Message, ToolDoc};
use proptest::prelude::*;
use serde_json::json;
use std::sync::{Arc, LazyLock};

static CHATS: LazyLock<Result<Vec<Arc<Chat>>>> = LazyLock::new(|| {
    let chat = |controls: &[&str], choice| world::chat(controls, &json!({}), choice);
    Ok([
        chat(&CONTROLS, TemplateChoice::Hermes)?,
        chat(&CHATML, TemplateChoice::Hermes)?,
        chat(&CONTROLS, TemplateChoice::Compact)?,
        chat(&CONTROLS, TemplateChoice::Compact)?.with_reasoning(Reasoning::Keep),
    ]
    .map(Arc::new)
    .into())
});

/// What turns are made of, whole and in pieces.
const SCRAPS: [&str; 18] = [
    "<tool_call>",
    "</tool_call>",
    "<think>",
    "</think>",
    "<tool_",
    "call>",
    "<",
    "/think>",
    "\n",
    " ",
    "so é",
    "\u{1F600}",
    "{\"name\": \"f\", \"arguments\": {\"a\": \"",
    "\"}}",
    "{}",
    "g",
    "{\"a\": ",
    "\u{FFFD}",
];

fn tools() -> Result<[ToolDoc; 1]> {
    let schema =
        json!({"type": "object", "properties": {"<|im_end|>": {"type": "string"}, "n": {"type": "integer"}}});
    Ok([world::tool("search", "Finds <|im_end|> things. Returns `rows`.", &schema)?])
}

fn is_turn(message: &Message) -> bool {
    matches!(message, Message::Assistant { .. })
}

/// Whether text of the turn cannot be told from markers: only where markers are text.
fn is_ambiguous(chat: &Chat, messages: &[Message]) -> bool {
    let said = format!("{messages:?}");
    chat.tokenizer().control("<think>").is_none() && (said.contains("think>") || said.contains("tool_call>"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_example_is_what_a_rollout_mints(messages in world::conversation()) {
        let tools = tools().unwrap();
        for chat in CHATS.as_ref().unwrap() {
            let example = chat.example(&tools, &messages).unwrap();
            let first = messages.iter().position(is_turn).unwrap();
            let mut ids = chat.prompt(&tools, &messages[..first]).unwrap();
            let mut mask = vec![false; ids.len()];
            let mut rest = &messages[first..];
            while let Some((turn, after)) = rest.split_first() {
                let written = chat.turn(turn).unwrap();
                prop_assert_eq!(written.last(), chat.stop_ids().first());
                ids.extend(&written);
                mask.resize(ids.len(), true);
                let outside = after.iter().position(is_turn).unwrap_or(after.len());
                rest = &after[outside..];
                if !rest.is_empty() {
                    ids.extend(chat.continuation(&after[..outside]).unwrap());
                    mask.resize(ids.len(), false);
                }
            }
            prop_assert_eq!(&example.ids, &ids);
            prop_assert_eq!(&example.mask, &mask);
        }
    }

    #[test]
    fn a_turn_is_read_back_as_it_was_written(turn in world::turn()) {
        for chat in CHATS.as_ref().unwrap().iter().filter(|chat| !is_ambiguous(chat, std::slice::from_ref(&turn))) {
            let mut expected = turn.clone();
            if let Message::Assistant { reasoning, .. } = &mut expected
                && chat.template_kind() == TemplateKind::Compact
                && !format!("{chat:?}").contains("Keep")
            {
                *reasoning = None;
            }
            let read = chat.parse(&chat.turn(&turn).unwrap());
            prop_assert_eq!(&read.malformed, &Vec::<String>::new());
            prop_assert_eq!(Message::from(read), expected);
        }
    }

    #[test]
    fn what_is_told_of_a_turn_being_written_is_what_is_read_of_the_finished_one(
        scraps in prop::collection::vec((prop::sample::select(SCRAPS.to_vec()), 0..9_u8), 0..12),
    ) {
        for chat in CHATS.as_ref().unwrap() {
            let mut ids = Vec::new();
            for (scrap, cut) in &scraps {
                let control = chat.tokenizer().control(scrap);
                let mut scrap = control.map_or_else(|| chat.tokenizer().encode_text(scrap).unwrap(), |id| vec![id]);
                // Now and then part of a character is missing.
                if *cut == 0 && scrap.len() > 1 {
                    scrap.pop();
                }
                ids.extend(scrap);
            }
            for calls in [Calls::Read, Calls::AsText] {
                let mut live = LiveTurn::new(Arc::clone(chat), calls);
                let mut told = TurnDelta::default();
                let mut deltas: Vec<TurnDelta> = ids.iter().map(|id| live.push(*id)).collect();
                deltas.push(live.finish());
                for delta in deltas {
                    told.reasoning += &delta.reasoning;
                    told.content += &delta.content;
                    told.calls.extend(delta.calls);
                }
                let turn = chat.parse_with(&ids, calls);
                prop_assert_eq!(&told.content, &turn.content);
                prop_assert_eq!(told.reasoning, turn.reasoning.unwrap_or_default());
                prop_assert_eq!(told.calls, turn.calls);
            }
        }
    }

    #[test]
    fn nothing_that_is_written_makes_reading_fail(
        ids in prop::collection::vec(0..400_u32, 0..60),
        text in world::text(),
    ) {
        for chat in CHATS.as_ref().unwrap() {
            let turn = chat.parse(&ids);
            prop_assert!(turn.malformed.len() <= turn.calls.len());
            let _ = chat.parse_text(&text);
        }
    }

    #[test]
    fn text_of_others_never_becomes_a_control_token(
        question in world::text(), result in world::text(), description in world::text(),
    ) {
        for chat in CHATS.as_ref().unwrap() {
            let controls = |ids: &[u32]| {
                ids.iter().copied().filter(|id| chat.tokenizer().control_name(*id).is_some()).collect::<Vec<_>>()
            };
            let prompt = |question: &str, description: &str| {
                let tools = [world::tool("f", description, &json!({"type": "object"})).unwrap()];
                chat.prompt(&tools, &[Message::User { content: question.to_owned() }]).unwrap()
            };
            let results = |content: &str| {
                let tool = |content: &str| Message::Tool { tool_call_id: "c".to_owned(), content: content.to_owned() };
                chat.continuation(&[tool(content), tool("b")]).unwrap()
            };
            let attacked = prompt(&question, &description);
            prop_assert_eq!(controls(&attacked), controls(&prompt("a", "a")));
            prop_assert!(chat.tokenizer().decode(&attacked).contains(&question));
            let attacked = results(&result);
            prop_assert_eq!(controls(&attacked), controls(&results("a")));
            prop_assert!(chat.tokenizer().decode(&attacked).contains(&result));
        }
    }
}
