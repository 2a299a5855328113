//! Our templates against `transformers` (`tests/reference/chat_templates.py` wrote the expected texts and ids), and our
//! tokenizer against an independent one (`tests/reference/tokens_fixture.py`).

use anyhow::{Context, Result};
use astra_model::{Chat, Conversation, TemplateChoice, TemplateKind, Tokenizer};
use serde_json::{Value as Json, json};
use std::path::Path;

fn chat(reference: &Json, name: &str) -> Result<Chat> {
    let choice = if name == "hermes" { TemplateChoice::Hermes } else { TemplateChoice::Model };
    chat_with(reference, name, choice)
}

fn chat_with(reference: &Json, name: &str, choice: TemplateChoice) -> Result<Chat> {
    let dir = tempfile::tempdir()?;
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/chat_tokenizer.json");
    std::fs::copy(from, dir.path().join("tokenizer.json"))?;
    let config = json!({"chat_template": reference["templates"][name], "bos_token": "<|endoftext|>",
        "eos_token": {"content": "<|im_end|>"}});
    std::fs::write(dir.path().join("tokenizer_config.json"), config.to_string())?;
    Chat::load_with(dir.path(), choice).with_context(|| name.to_owned())
}

#[test]
fn prompts_equal_those_of_transformers() {
    let reference: Json = serde_json::from_str(include_str!("../../reference/chat_templates.json")).unwrap();
    let cases = reference["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 14);
    for case in cases {
        let chat = chat(&reference, case["template"].as_str().unwrap()).unwrap();
        let talk = Conversation::from_openai(case).unwrap();
        let ids = chat.prompt(&talk.tools, &talk.messages).unwrap();
        assert_eq!(chat.tokenizer().decode(&ids), case["text"].as_str().unwrap(), "{}", case["title"]);
        let expected: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
        assert_eq!(ids, expected, "{}", case["title"]);
    }
}

#[test]
fn a_template_without_tools_refuses_them_and_hermes_takes_its_place_unasked() {
    let reference: Json = serde_json::from_str(include_str!("../../reference/chat_templates.json")).unwrap();
    let case = reference["cases"].as_array().unwrap().iter().find(|case| case["title"] == "calls").unwrap();
    let talk = Conversation::from_openai(case).unwrap();
    let error = chat(&reference, "smollm2").unwrap().prompt(&talk.tools, &talk.messages[..1]).unwrap_err();
    assert!(error.to_string().contains("choose hermes"), "{error}");
    let auto = |name| chat_with(&reference, name, TemplateChoice::Auto).unwrap().template_kind();
    assert_eq!(auto("smollm2"), TemplateKind::Hermes);
    assert_eq!(auto("grouped"), TemplateKind::Model);
}

#[test]
fn texts_in_many_scripts_have_the_ids_of_the_reference_and_come_back() {
    let tokenizer = Tokenizer::from_json(include_str!("../../reference/smollm2_part.json")).unwrap();
    let rows: Vec<(String, Vec<u32>)> =
        serde_json::from_str(include_str!("../../reference/smollm2_tokens.json")).unwrap();
    assert_eq!(rows.len(), 1000);
    for (text, expected) in rows {
        assert_eq!(tokenizer.encode_text(&text).unwrap(), expected, "{text:?}");
        assert_eq!(tokenizer.decode(&expected), text);
    }
}
