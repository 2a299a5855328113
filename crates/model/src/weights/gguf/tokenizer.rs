//! The tokenizer inside a GGUF file, as the files that a model folder has.
//!
//! Only byte-level BPE (`gpt2`), which is what the supported families use. How text is split before merging stands in
//! the file as a bare name; an unknown name is an error, because a wrong split gives tokens that look right and are not.

use super::file::{Gguf, Value};
use crate::ModelError;
use crate::bpe::{Added, Bpe, Split};
use serde_json::json;
use std::collections::HashSet;

/// `token_type` of tokens that are no text.
const CONTROL: i64 = 3;
/// `token_type` of tokens that were added behind the vocabulary and are text.
const USER_DEFINED: i64 = 4;
/// `token_type` of rows that only fill up the matrix.
const UNUSED: i64 = 5;

/// Contents of the tokenizer's files.
#[derive(Debug)]
pub(super) struct TokenizerFiles {
    pub(super) tokenizer_json: String,
    pub(super) tokenizer_config: String,
}

pub(super) fn rebuild(gguf: &Gguf) -> Result<TokenizerFiles, ModelError> {
    let kind = gguf.text("tokenizer.ggml.model").unwrap_or_default();
    if kind != "gpt2" {
        let what = format!("`tokenizer.ggml.model` is `{kind}`, expected gpt2 (byte-level BPE)");
        return Err(gguf.malformed(what));
    }
    let split = match gguf.text("tokenizer.ggml.pre") {
        None => Split::Gpt2,
        Some(name) => Split::of_gguf(name).ok_or_else(|| {
            gguf.malformed(format!(
                "`tokenizer.ggml.pre` is `{name}`, expected gpt-2, smollm, llama-bpe or qwen2"
            ))
        })?,
    };
    let tokens = texts(gguf, "tokenizer.ggml.tokens")?;
    let types = types(gguf, tokens.len())?;
    let (mut vocab, mut added, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    for ((id, token), kind) in (0u32..).zip(tokens).zip(&types) {
        if *kind == UNUSED {
            continue;
        }
        if !seen.insert(token.as_str()) {
            return Err(gguf.malformed(format!("token {id} is `{token}`, which an earlier one is too")));
        }
        vocab.push((token.clone(), id));
        if matches!(*kind, CONTROL | USER_DEFINED) {
            added.push(Added { id, content: token.clone(), special: *kind == CONTROL });
        }
    }
    let merges = merges(gguf, &seen)?;
    let token = |key: &str| special(gguf, key, tokens);
    // Llama 3 begins every text with its first token although its files do not say so.
    let begins = match gguf.metadata.get("tokenizer.ggml.add_bos_token") {
        Some(Value::Bool(begins)) => *begins,
        _ => split == Split::Llama3,
    };
    let bos = token("tokenizer.ggml.bos_token_id")?;
    let begin = bos.clone().filter(|_| begins);
    let config = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": bos.map(|token| token.content),
        "eos_token": token("tokenizer.ggml.eos_token_id")?.map(|token| token.content),
        "unk_token": token("tokenizer.ggml.unknown_token_id")?.map(|token| token.content),
        "pad_token": token("tokenizer.ggml.padding_token_id")?.map(|token| token.content),
        "add_bos_token": begin.is_some(),
        "add_prefix_space": false,
        "clean_up_tokenization_spaces": false,
        "chat_template": gguf.text("tokenizer.chat_template"),
    });
    let bpe = Bpe { vocab, merges, added, split, begin };
    Ok(TokenizerFiles { tokenizer_json: bpe.tokenizer_json(), tokenizer_config: format!("{config:#}\n") })
}

fn texts<'a>(gguf: &'a Gguf, key: &str) -> Result<&'a Vec<String>, ModelError> {
    match gguf.metadata.get(key) {
        Some(Value::Texts(texts)) => Ok(texts),
        _ => Err(gguf.malformed(format!("`{key}` is missing or no list of texts"))),
    }
}

fn types(gguf: &Gguf, tokens: usize) -> Result<Vec<i64>, ModelError> {
    match gguf.metadata.get("tokenizer.ggml.token_type") {
        Some(Value::Wholes(types)) if types.len() == tokens => Ok(types.clone()),
        _ => {
            Err(gguf
                .malformed(format!("`tokenizer.ggml.token_type` is missing or no list of {tokens} numbers")))
        }
    }
}

fn merges(gguf: &Gguf, vocab: &HashSet<&str>) -> Result<Vec<(String, String)>, ModelError> {
    let key = "tokenizer.ggml.merges";
    let split = |merge: &String| {
        let (left, right) = merge.split_once(' ')?;
        let known = [left, right, &[left, right].concat()].iter().all(|part| vocab.contains(*part));
        known.then(|| (left.to_owned(), right.to_owned()))
    };
    texts(gguf, key)?
        .iter()
        .map(|merge| {
            split(merge).ok_or_else(|| {
                gguf.malformed(format!("`{key}` holds `{merge}`, not two tokens that make one"))
            })
        })
        .collect()
}

fn special(gguf: &Gguf, key: &str, tokens: &[String]) -> Result<Option<Added>, ModelError> {
    let Some(id) = gguf.whole::<u32>(key)? else { return Ok(None) };
    let content = tokens
        .get(id as usize)
        .ok_or_else(|| gguf.malformed(format!("`{key}` is {id}, there are {} tokens", tokens.len())))?;
    Ok(Some(Added { id, content: content.clone(), special: true }))
}
