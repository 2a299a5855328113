//! Byte-level BPE tokenizers as text: the `tokenizer.json` that the `tokenizers` library and everybody on top of it reads.
//!
//! Two writers need it, the reader of GGUF metadata and the trainer of our own vocabularies, so that both make files of
//! one form. Splitting rules are closed: a rule is named here or refused. Does not encode; that is `tokens`.

use serde_json::{Map, Value as Json, json};

/// How text is cut into words before merging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Split {
    /// GPT-2: contractions, words and numbers each with the space before them.
    Gpt2,
    /// GPT-2 behind single digits.
    SmolLm,
    /// Numbers in groups of up to three, line breaks apart from other spaces.
    Llama3,
    /// As Llama 3, with single digits, over NFC.
    Qwen2,
    /// Letters, digits in pairs and signs, each apart, over text as it is. Only words in small letters take the space or
    /// underscore before them: a name has the same tokens in a question and between quotes, so that a small model copies
    /// it without knowing how it is spelled.
    Ours,
}

/// A token that is matched in text before anything is split.
#[derive(Clone, Debug)]
pub(crate) struct Added {
    pub(crate) id: u32,
    pub(crate) content: String,
    /// Left out when decoding for people.
    pub(crate) special: bool,
}

/// What a tokenizer consists of.
#[derive(Clone, Debug)]
pub(crate) struct Bpe {
    /// In order of ids.
    pub(crate) vocab: Vec<(String, u32)>,
    pub(crate) merges: Vec<(String, String)>,
    pub(crate) added: Vec<Added>,
    pub(crate) split: Split,
    /// Put before every text by those who ask for special tokens.
    pub(crate) begin: Option<Added>,
}

impl Split {
    /// By the name that GGUF files give it.
    pub(crate) fn of_gguf(name: &str) -> Option<Self> {
        match name {
            "gpt-2" => Some(Self::Gpt2),
            "smollm" => Some(Self::SmolLm),
            "llama-bpe" | "llama3" | "llama-v3" => Some(Self::Llama3),
            "qwen2" => Some(Self::Qwen2),
            _ => None,
        }
    }

    /// The `pre_tokenizer` of a `tokenizer.json`.
    pub(crate) fn pre_tokenizer(self) -> Json {
        let bytes = |use_regex: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex});
        let sequence =
            |first: Json, second: Json| json!({"type": "Sequence", "pretokenizers": [first, second]});
        let by = |digits: &str| {
            let pattern = format!(
                r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
            );
            json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false})
        };
        match self {
            Self::Gpt2 => bytes(true),
            Self::SmolLm => sequence(json!({"type": "Digits", "individual_digits": true}), bytes(true)),
            Self::Llama3 => sequence(by(r"\p{N}{1,3}"), bytes(false)),
            Self::Qwen2 => sequence(by(r"\p{N}"), bytes(false)),
            Self::Ours => {
                let pattern = r"[ _]?\p{Ll}[\p{L}\p{M}]*|\p{L}[\p{L}\p{M}]*|\p{N}{1,2}|[^\s\p{L}\p{N}_]+(?: (?!\p{Ll}))?|_|\s";
                let apart = json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false});
                sequence(apart, bytes(false))
            }
        }
    }

    fn normalizer(self) -> Json {
        match self {
            Self::Qwen2 => json!({"type": "NFC"}),
            Self::Gpt2 | Self::SmolLm | Self::Llama3 | Self::Ours => Json::Null,
        }
    }
}

impl Bpe {
    /// The text of `tokenizer.json`.
    pub(crate) fn tokenizer_json(&self) -> String {
        let added: Vec<Json> = self
            .added
            .iter()
            .map(|Added { id, content, special }| {
                json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": special})
            })
            .collect();
        let vocab: Map<String, Json> =
            self.vocab.iter().map(|(token, id)| (token.clone(), json!(id))).collect();
        let merges: Vec<[&str; 2]> =
            self.merges.iter().map(|(left, right)| [left.as_str(), right.as_str()]).collect();
        let json = json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": added,
            "normalizer": self.split.normalizer(),
            "pre_tokenizer": self.split.pre_tokenizer(),
            "post_processor": self.post_processor(),
            "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
            "model": {
                "type": "BPE",
                "dropout": null,
                "unk_token": null,
                "continuing_subword_prefix": null,
                "end_of_word_suffix": null,
                "fuse_unk": false,
                "byte_fallback": false,
                // Llama 3 takes a word that is a token whole, even where merges would not lead to it.
                "ignore_merges": self.split == Split::Llama3,
                "vocab": vocab,
                "merges": merges,
            },
        });
        format!("{json:#}\n")
    }

    fn post_processor(&self) -> Json {
        let Some(begin) = &self.begin else {
            return json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true});
        };
        let token = |of: usize| json!({"SpecialToken": {"id": begin.content, "type_id": of}});
        let text = |name: &str, of: usize| json!({"Sequence": {"id": name, "type_id": of}});
        let mut specials = Map::new();
        let entry = json!({"id": begin.content, "ids": [begin.id], "tokens": [begin.content]});
        specials.insert(begin.content.clone(), entry);
        json!({
            "type": "TemplateProcessing",
            "single": [token(0), text("A", 0)],
            "pair": [token(0), text("A", 0), token(1), text("B", 1)],
            "special_tokens": specials,
        })
    }
}
