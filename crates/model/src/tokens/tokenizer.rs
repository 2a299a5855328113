//! A byte-level BPE from `tokenizer.json`, with control tokens strictly apart from text.
//!
//! The library looks for added tokens inside every text that it is given, so a tool result that holds `<|im_end|>`
//! would end the turn. Here the added tokens are taken out of the library's tokenizer: text goes through the rest and
//! can only become text; control tokens are written by id. Decoding is done on bytes, because a token may hold part of
//! a character. Does not add special tokens of its own, does not truncate, and knows byte-level vocabularies only.

use crate::ModelError;
use crate::weights::read_text;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::Path;

/// A stretch of a rendered conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A control token, by id.
    Control(u32),
    /// Text, in which nothing is a control token whatever it says.
    Text(String),
}

/// Text to ids and back.
pub struct Tokenizer {
    text: tokenizers::Tokenizer,
    /// Control tokens by content.
    controls: BTreeMap<String, u32>,
    contents: BTreeMap<u32, String>,
    /// `[vocab]`: the bytes of each id.
    bytes: Vec<Vec<u8>>,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokenizer({} ids, controls {:?})", self.bytes.len(), self.controls.keys())
    }
}

impl Tokenizer {
    /// Reads a `tokenizer.json`.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        let text = read_text(path)?;
        Self::from_json(&text).map_err(|what| ModelError::Malformed { path: path.to_owned(), what })
    }

    /// Reads the text of a `tokenizer.json`; the error is in words, without the file's name.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let mut json: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let top = json.as_object_mut().ok_or("expected a JSON object")?;
        if !is_byte_level(top.get("decoder")) {
            return Err("field `decoder`: expected one of type ByteLevel".to_owned());
        }
        let controls = added_tokens(top.insert("added_tokens".to_owned(), Json::Array(Vec::new())))?;
        for field in ["post_processor", "truncation", "padding"] {
            top.insert(field.to_owned(), Json::Null);
        }
        let text: tokenizers::Tokenizer =
            serde_json::from_value(json).map_err(|error| format!("not a tokenizer: {error}"))?;
        let contents: BTreeMap<u32, String> = controls.iter().map(|(text, id)| (*id, text.clone())).collect();
        let bytes = token_bytes(&text, &contents)?;
        let tokenizer = Self { text, controls, contents, bytes };
        tokenizer.check_concatenation()?;
        Ok(tokenizer)
    }

    /// Number of ids: one above the highest.
    pub fn vocab_size(&self) -> usize {
        self.bytes.len()
    }

    /// The id of a control token.
    pub fn control(&self, content: &str) -> Option<u32> {
        self.controls.get(content).copied()
    }

    /// What a control token is called; `None` when the id is not one.
    pub fn control_name(&self, id: u32) -> Option<&str> {
        self.contents.get(&id).map(String::as_str)
    }

    /// All control tokens by content.
    pub fn controls(&self) -> impl Iterator<Item = (&str, u32)> {
        self.controls.iter().map(|(content, id)| (content.as_str(), *id))
    }

    /// Control tokens that share their first byte with `text`: what may stand at its beginning.
    pub(super) fn controls_like<'a>(&'a self, text: &str) -> impl Iterator<Item = (&'a str, u32)> + use<'a> {
        let first = text.chars().next().map(String::from).unwrap_or_default();
        let from = first.clone();
        self.controls
            .range(from..)
            .take_while(move |(content, _)| content.starts_with(&first))
            .map(|(content, id)| (content.as_str(), *id))
    }

    /// Ids of a text; none of them is a control token.
    pub fn encode_text(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let mut ids = Vec::new();
        self.push_text(text, &mut ids)?;
        Ok(ids)
    }

    /// Ids of pieces. Each piece is encoded on its own, so the ids of a whole are the ids of its pieces in a row.
    pub fn encode(&self, pieces: &[Piece]) -> Result<Vec<u32>, ModelError> {
        let mut ids = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Control(id) => ids.push(*id),
                Piece::Text(text) => self.push_text(text, &mut ids)?,
            }
        }
        Ok(ids)
    }

    /// The bytes of one token: for a control token its content, nothing for an id outside the vocabulary.
    pub fn bytes_of(&self, id: u32) -> &[u8] {
        self.bytes.get(id as usize).map_or(&[], Vec::as_slice)
    }

    /// The text of ids, control tokens spelled out; bytes that are no UTF-8 become U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        let bytes: Vec<u8> = ids.iter().flat_map(|id| self.bytes_of(*id)).copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn push_text(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), ModelError> {
        if text.is_empty() {
            return Ok(());
        }
        let encoded = self
            .text
            .encode_fast(text, false)
            .map_err(|error| ModelError::Encode { what: error.to_string() })?;
        for id in encoded.get_ids() {
            match self.contents.get(id) {
                None => ids.push(*id),
                // A vocabulary may reach a control token by merges or whole words too. Spelled out it is text again.
                Some(content) => {
                    for letter in content.chars() {
                        let letter = self
                            .text
                            .encode_fast(letter.to_string(), false)
                            .map_err(|error| ModelError::Encode { what: error.to_string() })?;
                        ids.extend(letter.get_ids().iter().filter(|id| !self.contents.contains_key(id)));
                    }
                }
            }
        }
        Ok(())
    }

    /// Pieces are encoded one by one, so a tokenizer that puts something before each would change the text.
    fn check_concatenation(&self) -> Result<(), String> {
        let joined = self.encode(&[Piece::Text("a".to_owned()), Piece::Text("b".to_owned())]);
        match joined {
            Ok(ids) if self.decode(&ids) == "ab" => Ok(()),
            Ok(ids) => Err(format!(
                "`a` and `b` decode to `{}`: expected a tokenizer that adds nothing to a text",
                self.decode(&ids)
            )),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn is_byte_level(decoder: Option<&Json>) -> bool {
    let kind = |decoder: &Json| decoder["type"] == "ByteLevel";
    decoder.is_some_and(|decoder| {
        kind(decoder)
            || (decoder["type"] == "Sequence"
                && decoder["decoders"].as_array().is_some_and(|all| all.iter().all(kind)))
    })
}

fn added_tokens(json: Option<Json>) -> Result<BTreeMap<String, u32>, String> {
    let Some(json) = json.filter(|json| !json.is_null()) else { return Ok(BTreeMap::new()) };
    let tokens = json.as_array().ok_or("field `added_tokens`: expected an array")?;
    let mut controls = BTreeMap::new();
    for (index, token) in tokens.iter().enumerate() {
        let content = token["content"].as_str().filter(|content| !content.is_empty());
        let id = token["id"].as_u64().and_then(|id| u32::try_from(id).ok()).filter(|id| *id < 1 << 24);
        let (Some(content), Some(id)) = (content, id) else {
            return Err(format!(
                "field `added_tokens[{index}]`: expected a `content` and an `id` below 2^24"
            ));
        };
        controls.insert(content.to_owned(), id);
    }
    Ok(controls)
}

fn token_bytes(
    text: &tokenizers::Tokenizer,
    contents: &BTreeMap<u32, String>,
) -> Result<Vec<Vec<u8>>, String> {
    let of_char = byte_of_char();
    let vocabulary = text.get_vocab(false);
    let highest = vocabulary.values().chain(contents.keys()).max().copied().unwrap_or(0);
    if highest >= 1 << 24 {
        return Err(format!("field `model.vocab`: id {highest} is not below 2^24"));
    }
    let mut bytes = vec![Vec::new(); highest as usize + 1];
    for (token, id) in &vocabulary {
        // Control tokens are in some vocabularies too, there as they are.
        if !contents.contains_key(id) {
            let of_token: Option<Vec<u8>> =
                token.chars().map(|letter| of_char.get(&letter).copied()).collect();
            bytes[*id as usize] = of_token.unwrap_or_else(|| token.as_bytes().to_vec());
        }
    }
    for (id, content) in contents {
        bytes[*id as usize] = content.as_bytes().to_vec();
    }
    Ok(bytes)
}

/// The byte-level alphabet: printable Latin-1 stands for itself, the other bytes for U+0100 and up, in order.
fn byte_of_char() -> BTreeMap<char, u8> {
    let mut others = 0x100_u32..;
    (0..=u8::MAX)
        .filter_map(|byte| {
            let itself = matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
            let code = if itself { Some(u32::from(byte)) } else { others.next() };
            code.and_then(char::from_u32).map(|letter| (letter, byte))
        })
        .collect()
}
