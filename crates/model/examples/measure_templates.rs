//! How many tokens episodes take in each template, with a vocabulary trained on such episodes.
//!
//! `cargo run --release -p astra-model --example measure_templates -- VOCAB EPISODES.jsonl…`, where the files hold
//! fine-tuning lines. Half of the lines train the vocabulary (with the
//! splitting rule of our own small models), the other half is counted.

use anyhow::{Context, Result};
use astra_model::{Chat, Conversation, Reasoning, TemplateChoice};
use serde_json::{Value as Json, json};
use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, PreTokenizerWrapper, SplitDelimiterBehavior, TokenizerBuilder};

const CONTROLS: [&str; 9] = [
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

fn chat(texts: &[String], vocabulary: usize, choice: TemplateChoice) -> Result<Chat> {
    // Only words in small letters take what stands before them, so that names are written the same way everywhere.
    let words =
        r"[ _]?\p{Ll}[\p{L}\p{M}]*|\p{L}[\p{L}\p{M}]*|\p{N}{1,2}|[^\s\p{L}\p{N}_]+(?: (?!\p{Ll}))?|_|\s";
    let split = Split::new(SplitPattern::Regex(words.to_owned()), SplitDelimiterBehavior::Isolated, false)
        .map_err(anyhow::Error::msg)?;
    let pre = Sequence::new(vec![
        PreTokenizerWrapper::Split(split),
        PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, false, false)),
    ]);
    let mut tokenizer = TokenizerBuilder::default()
        .with_model(BPE::default())
        .with_normalizer(None::<tokenizers::NormalizerWrapper>)
        .with_pre_tokenizer(Some(PreTokenizerWrapper::Sequence(pre)))
        .with_post_processor(None::<tokenizers::PostProcessorWrapper>)
        .with_decoder(Some(ByteLevel::default()))
        .build()
        .map_err(anyhow::Error::msg)?;
    let mut trainer = BpeTrainerBuilder::new()
        .show_progress(false)
        .vocab_size(vocabulary - CONTROLS.len())
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    tokenizer.train(&mut trainer, texts.iter().map(String::as_str)).map_err(anyhow::Error::msg)?;
    tokenizer
        .add_special_tokens(CONTROLS.map(|name| AddedToken::from(name, true)))
        .map_err(anyhow::Error::msg)?;
    let dir = tempfile::tempdir()?;
    let json = tokenizer.to_string(false).map_err(anyhow::Error::msg)?;
    std::fs::write(dir.path().join("tokenizer.json"), json)?;
    std::fs::write(dir.path().join("tokenizer_config.json"), json!({}).to_string())?;
    Ok(Chat::load_with(dir.path(), choice)?)
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let vocabulary: usize = arguments.next().context("expected VOCAB FILE…")?.parse()?;
    let mut talks = Vec::new();
    for path in arguments {
        for line in std::fs::read_to_string(path)?.lines() {
            talks.push(Conversation::from_openai(&serde_json::from_str::<Json>(line)?)?);
        }
    }
    let (train, count): (Vec<_>, Vec<_>) =
        talks.into_iter().enumerate().partition(|(index, _)| index % 2 == 0);
    for (name, choice, reasoning) in [
        ("hermes", TemplateChoice::Hermes, Reasoning::Keep),
        ("hermes, no reasoning", TemplateChoice::Hermes, Reasoning::Drop),
        ("compact, reasoning", TemplateChoice::Compact, Reasoning::Keep),
        ("compact", TemplateChoice::Compact, Reasoning::Drop),
    ] {
        let letters = chat(&[], 256 + CONTROLS.len(), choice)?.with_reasoning(reasoning);
        let mut texts = Vec::new();
        for (_, talk) in &train {
            let example = letters.example(&talk.tools, &talk.messages)?;
            let runs = example.ids.split(|id| letters.tokenizer().control_name(*id).is_some());
            texts.extend(runs.map(|run| letters.tokenizer().decode(run)));
        }
        let chat = chat(&texts, vocabulary, choice)?.with_reasoning(reasoning);
        let mut whole = Vec::new();
        let mut prompt = Vec::new();
        let mut written = Vec::new();
        for (_, talk) in &count {
            let example = chat.example(&talk.tools, &talk.messages)?;
            prompt.push(example.mask.iter().position(|written| *written).unwrap_or(0));
            written.push(example.mask.iter().filter(|written| **written).count());
            whole.push(example.ids.len());
        }
        let say = |counts: &mut Vec<usize>| {
            counts.sort_unstable();
            let at = |share: usize| counts[(counts.len() - 1) * share / 100];
            format!("{:>5} / {:>5} / {:>5}", at(50), at(90), at(100))
        };
        #[expect(clippy::print_stdout, reason = "the measurement is what this program is for")]
        {
            println!(
                "{name:<22} whole {}   prompt {}   written {}   (median / p90 / max of {})",
                say(&mut whole),
                say(&mut prompt),
                say(&mut written),
                count.len()
            );
        }
    }
    Ok(())
}
