//! Reading what models write, well formed or not.

use super::world::{self, CHATML, CONTROLS};
use anyhow::Result;
use astra_model::{AssistantTurn, Chat, Conversation, Example, MALFORMED_CALL, TemplateChoice, TemplateKind};
use astra_protocol::{Message, ToolCall, parse_arguments};
use serde_json::json;

fn hermes() -> Result<Chat> {
    world::chat(&CHATML, &json!({}), TemplateChoice::Hermes)
}

fn compact() -> Result<Chat> {
    world::chat(&CONTROLS, &json!({}), TemplateChoice::Compact)
}

/// No host accepts the call: no tool can have its name, or its arguments are no object.
fn is_refused(call: &ToolCall) -> bool {
    call.name == MALFORMED_CALL || parse_arguments(&call.arguments).is_err()
}

fn calls(turn: &AssistantTurn) -> Vec<(&str, &str)> {
    turn.calls.iter().map(|call| (call.name.as_str(), call.arguments.as_str())).collect()
}

#[test]
fn several_calls_with_text_around_them_are_read() {
    let turn = hermes().unwrap().parse_text(
        "<think>\nfirst\n</think>\n\nLet me see.\n<tool_call>\n{\"name\": \"a\", \"arguments\": {\"s\": \
         \"</tool_call>\"}}\n</tool_call>\n<tool_call>{\"name\":\"b\",\"arguments\":{}}</tool_call>\nDone.",
    );
    assert_eq!(turn.reasoning.as_deref(), Some("first"));
    assert_eq!(turn.content, "Let me see.\nDone.");
    assert_eq!(calls(&turn), [("a", "{\"s\": \"</tool_call>\"}"), ("b", "{}")]);
    assert!(turn.malformed.is_empty());
}

#[test]
fn a_malformed_call_counts_is_refused_and_keeps_its_text() {
    let good = "<tool_call>\n{\"name\": \"a\", \"arguments\": {}}\n</tool_call>";
    for bad in [
        "<tool_call>\n{\"name\": \"a\", \"arguments\": {}\n</tool_call>",
        "<tool_call>\n{\"name\": \"a\"}\n</tool_call>",
        "<tool_call>\n{\"name\": \"a\", \"arguments\": {}, \"x\": 1}\n</tool_call>",
        "<tool_call>\n{\"name\": \"a\", \"arguments\": [1]}\n</tool_call>",
        "<tool_call>\n{\"name\": \"a\", \"arguments\": \"{}\"}\n</tool_call>",
        "<tool_call>\n{'name': 'a', 'arguments': {}}\n</tool_call>",
        "<tool_call>\n</tool_call>",
        "<tool_call>a({})</tool_call>",
        "<tool_call>\n{\"name\": \"a\", \"arguments\": {}} or so</tool_call>",
        "<tool_call>\n{\"name\": \"a\", \"arguments\": {}}",
    ] {
        let turn = hermes().unwrap().parse_text(&format!("{bad}\n{good}"));
        assert_eq!(turn.calls.len(), 2, "{bad}");
        assert_eq!(turn.malformed.len(), 1, "{bad}: {:?}", turn.malformed);
        assert!(is_refused(&turn.calls[0]), "{bad}: {:?}", turn.calls);
        assert_eq!(calls(&turn)[1], ("a", "{}"), "{bad}");
        assert_eq!(turn.content, "", "{bad}");
        if turn.calls[0].name == MALFORMED_CALL {
            let inside = bad.trim_start_matches("<tool_call>").trim_end_matches("</tool_call>").trim();
            assert_eq!(turn.calls[0].arguments, inside);
        }
    }
    for bad in [
        "<tool_call>a",
        "<tool_call>",
        "<tool_call>{\"x\":1}",
        "<tool_call>a b{}",
        "<tool_call>a{\"x\":1} y",
        "<tool_call>a{\"x\"",
    ] {
        let turn = compact().unwrap().parse_text(&format!("{bad}<tool_call>b{{}}"));
        assert_eq!((turn.calls.len(), turn.malformed.len()), (2, 1), "{bad}: {turn:?}");
        assert!(is_refused(&turn.calls[0]), "{bad}: {:?}", turn.calls);
        assert_eq!(calls(&turn)[1], ("b", "{}"), "{bad}");
    }
}

#[test]
fn a_call_in_reasoning_that_was_cut_off_was_not_made() {
    let turn =
        hermes().unwrap().parse_text("<think>maybe <tool_call>{\"name\":\"a\",\"arguments\":{}}</tool_call>");
    assert!(turn.calls.is_empty());
    assert!(turn.reasoning.unwrap().starts_with("maybe"));
}

#[test]
fn where_a_marker_is_a_token_its_letters_are_text() {
    let chat = compact().unwrap();
    let spelled = chat.tokenizer().encode_text("say <tool_call>a{}").unwrap();
    let turn = chat.parse(&spelled);
    assert_eq!((turn.content.as_str(), turn.calls.len()), ("say <tool_call>a{}", 0));
    let call = chat.tokenizer().control("<tool_call>").unwrap();
    let text = chat.tokenizer().encode_text("a{\"x\": \"<tool_call>\"}").unwrap();
    let turn = chat.parse(&[vec![call], text].concat());
    assert_eq!(calls(&turn), [("a", "{\"x\": \"<tool_call>\"}")]);
}

#[test]
fn a_character_cut_in_the_middle_is_marked_and_its_call_refused() {
    let chat = compact().unwrap();
    let euro = chat.tokenizer().encode_text("€").unwrap();
    assert_eq!(euro.len(), 3);
    assert_eq!(chat.parse(&euro[..2]).content, "\u{FFFD}");
    let bytes: Vec<u8> = euro.iter().flat_map(|id| chat.tokenizer().bytes_of(*id)).copied().collect();
    assert_eq!(bytes, "€".as_bytes());
    let mut ids = vec![chat.tokenizer().control("<tool_call>").unwrap()];
    ids.extend(chat.tokenizer().encode_text("a{\"x\": \"").unwrap());
    ids.push(euro[0]);
    ids.extend(chat.tokenizer().encode_text("\"}").unwrap());
    let turn = chat.parse(&ids);
    assert_eq!(turn.calls[0].name, MALFORMED_CALL);
    assert_eq!(turn.malformed.len(), 1);
}

#[test]
fn masked_runs_say_exactly_what_the_assistant_wrote() {
    let chat = hermes().unwrap();
    let call = ToolCall { id: "c".into(), name: "f".into(), arguments: "{\"a\":1}".into() };
    let messages = [
        Message::User { content: "q".into() },
        Message::Assistant { content: "Look:".into(), reasoning: Some("why".into()), tool_calls: vec![call] },
        Message::Tool { tool_call_id: "c".into(), content: "r<|im_end|>".into() },
        Message::answer("done"),
        Message::User { content: "not answered".into() },
    ];
    let example = chat.example(&[], &messages).unwrap();
    let mut runs: Vec<Vec<u32>> = vec![Vec::new()];
    for (id, written) in example.ids.iter().zip(&example.mask) {
        match (written, runs.last_mut()) {
            (true, Some(run)) => run.push(*id),
            _ => runs.push(Vec::new()),
        }
    }
    let runs: Vec<String> =
        runs.iter().filter(|run| !run.is_empty()).map(|run| chat.tokenizer().decode(run)).collect();
    let first = "<think>\nwhy\n</think>\n\nLook:\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\":1}}\n</tool_call><|im_end|>";
    assert_eq!(runs, [first, "done<|im_end|>"]);
    assert!(chat.example(&[], &messages[..1]).unwrap_err().to_string().contains("no assistant turn"));
}

#[test]
fn turns_of_weight_0_are_read_and_not_learned() {
    let chat = hermes().unwrap();
    let talk = |weight: serde_json::Value| {
        serde_json::json!({"messages": [
            {"role": "user", "content": "q"}, {"role": "assistant", "content": "wrong", "weight": weight},
            {"role": "user", "content": "no"}, {"role": "assistant", "content": "right"}]})
    };
    let example = |weight| {
        let Conversation { tools, messages, unlearned } = Conversation::from_openai(&talk(weight))?;
        chat.example_without(&tools, &messages, &unlearned)
    };
    let written = |example: &Example| {
        let ids: Vec<u32> = example
            .ids
            .iter()
            .zip(&example.mask)
            .filter(|(_, learned)| **learned)
            .map(|(id, _)| *id)
            .collect();
        chat.tokenizer().decode(&ids)
    };
    let (silent, whole) = (example(0.into()).unwrap(), example(1.0.into()).unwrap());
    assert_eq!(silent.ids, whole.ids);
    assert_eq!(written(&silent), "right<|im_end|>");
    assert_eq!(written(&whole), "wrong<|im_end|>right<|im_end|>");
    let error = example(0.5.into()).unwrap_err().to_string();
    assert!(error.contains("messages[1].weight") && error.contains("expected 0 or 1"), "{error}");
}

#[test]
fn templates_that_rewrite_history_are_refused_with_the_way_out() {
    let chatml = |assistant: &str| {
        format!(
            "{{% for message in messages %}}{{% if message.role == 'assistant' %}}{assistant}{{% else %}}\
             {{{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}}}{{% endif %}}{{% endfor %}}\
             {{% if add_generation_prompt %}}{{{{ '<|im_start|>assistant\\n' }}}}{{% endif %}}"
        )
    };
    let thought = "(message.reasoning_content or '')";
    for (assistant, reason) in [
        ("{{ '<|im_start|>assistant\\n' + message.content + '<|im_end|>\\n' }}".to_owned(), ""),
        (
            "{{ '<|im_start|>assistant\\n' + message.content | trim + '<|im_end|>\\n' }}".to_owned(),
            "white space",
        ),
        (
            format!(
                "{{{{ '<|im_start|>assistant\\n' + ({thought} if loop.last else '') + message.content + '<|im_end|>\\n' }}}}"
            ),
            "changes its earlier turns",
        ),
        (
            "{{ '<|im_start|>assistant:' + message.content + '<|im_end|>\\n' }}".to_owned(),
            "does not continue",
        ),
        ("{{ '<|im_start|>assistant\\n' + message.content + '\\n' }}".to_owned(), "no control token"),
        ("{{ message.content }".to_owned(), "syntax"),
    ] {
        let config = json!({"chat_template": chatml(&assistant)});
        let loaded = world::chat(&CHATML, &config, TemplateChoice::Model);
        match (loaded, reason) {
            (Ok(chat), "") => assert_eq!(chat.template_kind(), TemplateKind::Model),
            (Ok(_), _) => panic!("{assistant} was taken"),
            (Err(error), reason) => {
                let error = error.to_string();
                assert!(!reason.is_empty() && error.contains(reason), "{assistant}: {error}");
                assert!(error.contains("choose hermes") || reason == "syntax", "{error}");
            }
        }
        let hermes = world::chat(&CHATML, &config, TemplateChoice::Hermes).unwrap();
        assert_eq!(hermes.template_kind(), TemplateKind::Hermes);
    }
}

#[test]
fn the_folder_says_which_template_and_which_ids_end_a_turn() {
    for (config, kind) in [
        (json!({}), TemplateKind::Hermes),
        (json!({"astra_template": "compact"}), TemplateKind::Compact),
        (json!(astra_model::template_config(TemplateKind::Compact)), TemplateKind::Compact),
        (json!(astra_model::template_config(TemplateKind::Hermes)), TemplateKind::Hermes),
    ] {
        let chat = world::chat(&CONTROLS, &config, TemplateChoice::Auto).unwrap();
        assert_eq!(chat.template_kind(), kind);
        assert_eq!(chat.tokenizer().control_name(chat.stop_ids()[0]), Some("<|im_end|>"));
    }
    let chat = world::chat(&CONTROLS, &json!({"eos_token": "<|endoftext|>"}), TemplateChoice::Auto).unwrap();
    assert_eq!(chat.stop_ids().len(), 2);
    let error =
        world::chat(&CONTROLS, &json!({"astra_template": "short"}), TemplateChoice::Auto).unwrap_err();
    assert!(error.to_string().contains("expected compact, hermes or model"), "{error}");
    let error = world::chat(&CHATML, &json!({}), TemplateChoice::Compact).unwrap_err();
    assert!(error.to_string().contains("choose hermes"), "{error}");
}
