//! A model folder with a tokenizer of known contents, and random conversations.

use anyhow::Result;
use astra_model::{Chat, TemplateChoice};
use astra_protocol::{Message, ToolCall, ToolDoc};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::path::Path;

/// Control tokens of the models that we make ourselves.
pub(crate) const CONTROLS: [&str; 9] = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
];
/// Those of a plain ChatML model, where the other markers are text.
pub(crate) const CHATML: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

/// Byte-level BPE: 256 letters, a few merges, then the control tokens.
pub(crate) fn tokenizer_json(controls: &[&str]) -> Json {
    let mut letters: Vec<char> = (0..=255_u8)
        .filter(|byte| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF))
        .map(char::from)
        .collect();
    let printable = letters.len();
    letters.extend((0x100..).filter_map(char::from_u32).take(256 - printable));
    let merges =
        ["t o", "to o", "too l", "u s", "us e", "use r", "< |", "i m", "{ \"", "\" :", "\": \"", "Ġ a"];
    let merges: Vec<(String, String)> = merges
        .iter()
        .filter_map(|pair| pair.split_once(' '))
        .map(|(left, right)| (left.to_owned(), right.to_owned()))
        .filter(|(left, _)| left != "\": \"")
        .collect();
    let mut vocab = serde_json::Map::new();
    for token in
        letters.iter().map(char::to_string).chain(merges.iter().map(|(left, right)| format!("{left}{right}")))
    {
        let id = vocab.len();
        vocab.insert(token, json!(id));
    }
    let first = vocab.len();
    let added: Vec<Json> = controls
        .iter()
        .enumerate()
        .map(|(index, content)| {
            json!({"id": first + index, "content": content, "special": content.contains('|'),
                "single_word": false, "lstrip": false, "rstrip": false, "normalized": false})
        })
        .collect();
    let merges: Vec<Json> = merges.iter().map(|(left, right)| json!(format!("{left} {right}"))).collect();
    json!({"version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "post_processor": null,
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "vocab": vocab, "merges": merges}})
}

pub(crate) fn write_folder(dir: &Path, controls: &[&str], tokenizer_config: &Json) -> Result<()> {
    std::fs::write(dir.join("tokenizer.json"), tokenizer_json(controls).to_string())?;
    std::fs::write(dir.join("tokenizer_config.json"), tokenizer_config.to_string())?;
    Ok(())
}

pub(crate) fn chat(controls: &[&str], tokenizer_config: &Json, choice: TemplateChoice) -> Result<Chat> {
    let dir = tempfile::tempdir()?;
    write_folder(dir.path(), controls, tokenizer_config)?;
    Ok(Chat::load_with(dir.path(), choice)?)
}

pub(crate) fn tool(name: &str, description: &str, parameters: &Json) -> Result<ToolDoc> {
    Ok(ToolDoc {
        name: name.to_owned(),
        description: description.to_owned(),
        parameters: serde_json::value::to_raw_value(parameters)?,
    })
}

/// Text with everything that could be mistaken for structure.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let bits = prop_oneof![
        "[a-z ]{0,8}",
        "\\PC{0,4}",
        Just("\n".to_owned()),
        Just("{\"a\": 1}".to_owned()),
        prop::sample::select(CONTROLS.to_vec()).prop_map(str::to_owned),
        Just("\u{E000}".to_owned()),
    ];
    prop::collection::vec(bits, 1..5).prop_map(|bits| bits.concat())
}

pub(crate) fn json_value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (-1e9..1e9_f64).prop_map(Json::from),
        text().prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::vec((text(), inner), 0..4)
                .prop_map(|pairs| Json::Object(pairs.into_iter().collect())),
        ]
    })
}

pub(crate) fn call() -> impl Strategy<Value = ToolCall> {
    let arguments = prop::collection::vec((text(), json_value()), 0..4)
        .prop_map(|pairs| Json::Object(pairs.into_iter().collect()).to_string());
    ("[A-Za-z0-9_-]{1,12}", arguments).prop_map(|(name, arguments)| ToolCall {
        id: String::new(),
        name,
        arguments,
    })
}

/// An assistant turn whose text cannot be read as framing: no white space at its edges.
pub(crate) fn turn() -> impl Strategy<Value = Message> {
    let said = || text().prop_map(|text| text.trim().to_owned());
    (said(), prop::option::of(said()), prop::collection::vec(call(), 0..3)).prop_map(
        |(content, reasoning, tool_calls)| Message::Assistant {
            content,
            reasoning: reasoning.filter(|reasoning| !reasoning.is_empty()),
            tool_calls,
        },
    )
}

/// A prompt, then assistant turns with results or questions between them.
pub(crate) fn conversation() -> impl Strategy<Value = Vec<Message>> {
    let user = || text().prop_map(|content| Message::User { content });
    let exchange = (turn(), user(), prop::collection::vec(text(), 3)).prop_map(|(turn, user, results)| {
        let calls = match &turn {
            Message::Assistant { tool_calls, .. } => tool_calls.len(),
            Message::System { .. } | Message::User { .. } | Message::Tool { .. } => 0,
        };
        let results = results
            .into_iter()
            .take(calls)
            .map(|content| Message::Tool { tool_call_id: "c".to_owned(), content })
            .collect::<Vec<_>>();
        let outside = if results.is_empty() { vec![user] } else { results };
        (turn, outside)
    });
    let system = prop::option::of(text().prop_map(|content| Message::System { content }));
    (system, user(), prop::collection::vec(exchange, 0..3), turn()).prop_map(
        |(system, user, exchanges, last)| {
            let mut messages: Vec<Message> = system.into_iter().chain([user]).collect();
            for (turn, outside) in exchanges {
                messages.push(turn);
                messages.extend(outside);
            }
            messages.push(last);
            messages
        },
    )
}
