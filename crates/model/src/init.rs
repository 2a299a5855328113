//! A small model of our own: a byte-level BPE trained on given text, and fresh weights around it.
//!
//! Training is the `tokenizers` library's, behind the same splitting rule that the written tokenizer has. Its result
//! depends on word counts only, and the pairs that it merges are ordered by count and then by id, so that equal texts
//! give equal bytes, whatever the number of threads (a test holds it to that). Ids: control tokens, bytes, merges.

use crate::bpe::{Added, Bpe, Split};
use crate::tokens::{TemplateKind, template_config};
use crate::weights::Unfinished;
use crate::{Config, ModelError, Rope, RopeScaling, SaveOptions, Weights};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer, Trainer};

/// Tokens that no text can spell, in order of their ids: ChatML's three are control tokens, the others frame what a
/// model writes and are shown when its text is.
const ADDED: [(&str, bool); 9] = [
    ("<|endoftext|>", true),
    ("<|im_start|>", true),
    ("<|im_end|>", true),
    ("<tool_call>", false),
    ("</tool_call>", false),
    ("<tool_response>", false),
    ("</tool_response>", false),
    ("<think>", false),
    ("</think>", false),
];
/// Id of `<|im_end|>`.
const END_OF_TURN: u32 = 2;
/// Bytes that a vocabulary must hold.
const BYTES: usize = 256;

/// Shape and seed of a new model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitOptions {
    /// Most tokens; fewer where the text has no more to merge.
    pub vocab: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Width of the feed-forward layer.
    pub ffn: usize,
    /// Longest sequence.
    pub context: usize,
    /// Of the weights.
    pub seed: u64,
    /// How conversations are written.
    pub template: TemplateKind,
    /// Lay heads that copy ([`Weights::init_copying`]); the model is then of the Qwen2 family, which has the biases that
    /// they need.
    pub copying: bool,
}

impl Default for InitOptions {
    fn default() -> Self {
        Self {
            vocab: 2048,
            hidden: 192,
            layers: 4,
            heads: 6,
            kv_heads: 3,
            ffn: 512,
            context: 2048,
            seed: 0,
            template: TemplateKind::Compact,
            copying: false,
        }
    }
}

/// Trains a tokenizer on `texts` and writes it with fresh weights as a model folder.
///
/// A file ending in `.jsonl` is read as conversations (every string and key within `messages` and `tools`), any other as
/// plain text.
pub fn init(options: &InitOptions, texts: &[PathBuf], dir: &Path) -> Result<Config, ModelError> {
    // A shape that is impossible should not cost the training of a tokenizer first.
    let planned = config(options, options.vocab)?;
    if options.copying {
        Weights::check_copying(&planned)?;
    }
    if options.vocab < ADDED.len() + BYTES {
        return Err(ModelError::Unsupported {
            field: "vocab_size",
            value: options.vocab.to_string(),
            why: format!(
                "must be at least {}, one token a byte and {} of the chat format",
                ADDED.len() + BYTES,
                ADDED.len()
            ),
        });
    }
    let bpe = train(options.vocab, texts)?;
    let shape = config(options, bpe.vocab.len())?;
    let weights = if options.copying {
        Weights::init_copying(shape, options.seed)?
    } else {
        Weights::init(shape, options.seed)
    };
    std::fs::create_dir_all(dir).map_err(|source| ModelError::Io { path: dir.to_owned(), source })?;
    let mut tokenizer_config = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": null,
        "eos_token": ADDED[END_OF_TURN as usize].0,
        "pad_token": ADDED[0].0,
        "add_bos_token": false,
        "add_prefix_space": false,
        "clean_up_tokenization_spaces": false,
        "model_max_length": options.context,
    });
    for (key, value) in template_config(options.template) {
        tokenizer_config[key] = value;
    }
    let mut folder = Unfinished::new(dir);
    folder.write("tokenizer.json", bpe.tokenizer_json().as_bytes())?;
    folder.write("tokenizer_config.json", format!("{tokenizer_config:#}\n").as_bytes())?;
    folder.finish()?;
    weights.save(dir, &SaveOptions::default())?;
    Ok((**weights.config()).clone())
}

fn config(options: &InitOptions, vocab_size: usize) -> Result<Config, ModelError> {
    let config = Config {
        model_type: if options.copying { "qwen2" } else { "llama" }.to_owned(),
        vocab_size,
        hidden_size: options.hidden,
        intermediate_size: options.ffn,
        layers: options.layers,
        heads: options.heads,
        kv_heads: options.kv_heads,
        head_dim: options.hidden / options.heads.max(1),
        rms_norm_eps: 1e-5,
        // Heads that copy compare contents in dimensions that hardly turn within the context.
        rope: Rope { theta: if options.copying { 1e6 } else { 10_000.0 }, scaling: RopeScaling::Default },
        qkv_bias: options.copying,
        qk_norm: false,
        tie_embeddings: true,
        max_positions: options.context,
        bos_token_id: None,
        eos_token_ids: vec![END_OF_TURN],
    };
    if !options.hidden.is_multiple_of(options.heads.max(1)) {
        return Err(ModelError::Unsupported {
            field: "hidden_size",
            value: options.hidden.to_string(),
            why: format!("must be a multiple of the number of heads, {}", options.heads),
        });
    }
    Config::from_json(&config.to_json())
}

/// What a trained model says of itself.
#[derive(Deserialize)]
struct Trained {
    vocab: indexmap::IndexMap<String, u32>,
    merges: Vec<(String, String)>,
}

fn train(vocab: usize, texts: &[PathBuf]) -> Result<Bpe, ModelError> {
    let split = Split::Ours;
    let failed = |what: String| ModelError::Malformed { path: PathBuf::from("tokenizer"), what };
    let splitter: PreTokenizerWrapper =
        serde_json::from_value(split.pre_tokenizer()).map_err(|error| failed(error.to_string()))?;
    let special = ADDED.map(|(content, special)| AddedToken::from(content, special));
    let mut trainer = BpeTrainer::builder()
        .vocab_size(vocab)
        .min_frequency(2)
        .show_progress(false)
        .special_tokens(special.to_vec())
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    let problem = Mutex::new(None);
    let pieces = texts.iter().flat_map(|path| read(path, &problem));
    let words = |text: &str| {
        let mut text = PreTokenizedString::from(text);
        splitter.pre_tokenize(&mut text)?;
        let splits = text.get_splits(OffsetReferential::Original, OffsetType::Byte);
        Ok(splits.into_iter().map(|(word, _, _)| word.to_owned()).collect())
    };
    trainer.feed(pieces, words).map_err(|error| failed(error.to_string()))?;
    if let Some(error) = problem.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let mut model = BPE::default();
    trainer.train(&mut model).map_err(|error| failed(error.to_string()))?;
    // The model's own text is the one place where its merges can be read.
    let trained = serde_json::to_string(&model).and_then(|text| serde_json::from_str(&text));
    let Trained { vocab, merges } = trained.map_err(|error: serde_json::Error| failed(error.to_string()))?;
    let mut vocab: Vec<(String, u32)> = vocab.into_iter().collect();
    vocab.sort_by_key(|(_, id)| *id);
    let added = (0..)
        .zip(ADDED)
        .map(|(id, (content, special))| Added { id, content: content.to_owned(), special })
        .collect();
    Ok(Bpe { vocab, merges, added, split, begin: None })
}

/// The texts of a file, one after the other; what goes wrong is put into `problem` and ends them.
fn read<'a>(
    path: &'a Path,
    problem: &'a Mutex<Option<ModelError>>,
) -> Box<dyn Iterator<Item = String> + Send + 'a> {
    let fail = move |error: ModelError| {
        problem.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    };
    let io = |source| ModelError::Io { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(source) => {
            fail(io(source));
            return Box::new(std::iter::empty());
        }
    };
    let conversations = path.extension().is_some_and(|kind| kind == "jsonl");
    let mut lines = (1..).zip(lines(file));
    Box::new(
        std::iter::from_fn(move || {
            let (number, line) = lines.next()?;
            let pieces = line.map_err(io).and_then(|line| {
                if !conversations {
                    return Ok(vec![line]);
                }
                if line.trim().is_empty() {
                    return Ok(Vec::new());
                }
                strings_of(&line).map_err(|what| ModelError::Malformed {
                    path: path.to_owned(),
                    what: format!("line {number}: {what}"),
                })
            });
            pieces.map_err(fail).ok()
        })
        .flatten(),
    )
}

/// Lines with their ends, which are part of the text.
fn lines(mut file: BufReader<File>) -> impl Iterator<Item = std::io::Result<String>> {
    std::iter::from_fn(move || {
        let mut line = String::new();
        match file.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(Ok(line)),
            Err(error) => Some(Err(error)),
        }
    })
}

fn strings_of(line: &str) -> Result<Vec<String>, String> {
    let json: Json = serde_json::from_str(line).map_err(|error| format!("not JSON: {error}"))?;
    let mut strings = Vec::new();
    match (json.get("messages"), json.get("tools")) {
        (None, None) => return Err("has neither `messages` nor `tools`".to_owned()),
        (messages, tools) => messages.into_iter().chain(tools).for_each(|json| collect(json, &mut strings)),
    }
    Ok(strings)
}

fn collect(json: &Json, strings: &mut Vec<String>) {
    match json {
        Json::String(text) => strings.push(text.clone()),
        Json::Array(items) => items.iter().for_each(|item| collect(item, strings)),
        Json::Object(fields) => {
            for (key, value) in fields {
                strings.push(key.clone());
                collect(value, strings);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}
