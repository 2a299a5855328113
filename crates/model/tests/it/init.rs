//! Models of our own: equal texts give equal folders, and their tokenizer gives back what it was given.

use astra_model::{InitOptions, ModelError, TemplateKind, Weights, init};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use tokenizers::Tokenizer;

const LINE: &str = r#"{"messages": [{"role": "user", "content": "How warm was buoy KV-318 on 2024-03-14?"},
    {"role": "assistant", "content": "", "tool_calls": [{"id": "c1", "type": "function", "function":
    {"name": "buoy_reading", "arguments": "{\"buoy_code\": \"KV-318\", \"day\": \"2024-03-14\"}"}}]},
    {"role": "tool", "tool_call_id": "c1", "content": "{\"mean\": 8.9}"}], "tools": []}"#;

fn options() -> InitOptions {
    InitOptions {
        vocab: 320,
        hidden: 16,
        layers: 1,
        heads: 2,
        kv_heads: 1,
        ffn: 32,
        context: 64,
        seed: 5,
        template: TemplateKind::Compact,
        copying: false,
    }
}

fn text(dir: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let file = dir.join("train.jsonl");
    fs::write(&file, format!("{}\n", LINE.replace('\n', " ")).repeat(20))?;
    Ok(file)
}

#[test]
fn equal_texts_and_seeds_give_equal_bytes_and_other_seeds_other_weights() {
    let dir = tempfile::tempdir().unwrap();
    let file = text(dir.path()).unwrap();
    let [one, two, three] = ["one", "two", "three"].map(|name| dir.path().join(name));
    let config = init(&options(), std::slice::from_ref(&file), &one).unwrap();
    init(&options(), std::slice::from_ref(&file), &two).unwrap();
    init(&InitOptions { seed: 6, ..options() }, &[file], &three).unwrap();
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"] {
        assert_eq!(fs::read(one.join(name)).unwrap(), fs::read(two.join(name)).unwrap(), "{name}");
    }
    assert_eq!(config.vocab_size, 320);
    let weights = Weights::load(&one).unwrap();
    assert_eq!(weights.data(), Weights::init(config, 5).data());
    assert_ne!(weights.data(), Weights::load(&three).unwrap().data());
}

#[test]
fn the_tokenizer_splits_digits_merges_what_is_frequent_and_gives_back_every_text() {
    let dir = tempfile::tempdir().unwrap();
    let file = text(dir.path()).unwrap();
    init(&options(), &[file], dir.path()).unwrap();
    let tokenizer = Tokenizer::from_file(dir.path().join("tokenizer.json")).unwrap();
    for text in ["2024-03-14", "  two\n\nlines\t", "naïve 👩‍👧 ٣٤", "e\u{301} \u{212b} <|im_end|>", ""]
    {
        let ids = tokenizer.encode(text, false).unwrap().get_ids().to_vec();
        assert_eq!(tokenizer.decode(&ids, false).unwrap(), text);
    }
    let digits = tokenizer.encode("3141", false).unwrap().get_ids().to_vec();
    assert_eq!(digits[..digits.len() / 2], *tokenizer.encode("31", false).unwrap().get_ids(), "in pairs");
    assert!(tokenizer.encode("buoy_code", false).unwrap().len() < 4);
    assert_eq!(
        tokenizer.encode("<|endoftext|><|im_start|><|im_end|></think>", false).unwrap().get_ids(),
        [0, 1, 2, 8]
    );
}

#[test]
fn what_cannot_be_made_is_refused_and_leaves_no_model() {
    let dir = tempfile::tempdir().unwrap();
    let file = text(dir.path()).unwrap();
    let out = dir.path().join("out");
    let refused =
        |options: InitOptions, file: &Path| init(&options, &[file.to_owned()], &out).unwrap_err().to_string();
    assert!(refused(InitOptions { vocab: 100, ..options() }, &file).contains("at least 265"));
    assert!(refused(InitOptions { heads: 3, kv_heads: 3, ..options() }, &file).contains("hidden_size"));
    assert!(refused(options(), &dir.path().join("none.txt")).contains("none.txt"));
    let broken = dir.path().join("broken.jsonl");
    fs::write(&broken, "{\"messages\": []}\n{\"text\": 1}\n").unwrap();
    assert!(refused(options(), &broken).contains("line 2: has neither"));
    assert!(matches!(Weights::load(&out), Err(ModelError::Io { .. })));
}
