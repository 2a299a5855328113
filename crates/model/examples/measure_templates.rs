//! How many tokens episodes take in each template, with a vocabulary trained on such episodes.
//!
//! `cargo run --release -p astra-model --example measure_templates -- VOCAB EPISODES.jsonl…`, where the files hold
//! fine-tuning lines. Half of the lines train the vocabulary, the other half is counted.

use anyhow::{Context, Result};
use astra_model::{Chat, Conversation, InitOptions, Reasoning, TemplateChoice, init};
use serde_json::Value as Json;

/// Tokens that every vocabulary of ours holds: bytes and those of the chat format.
const LETTERS: usize = 265;

/// A vocabulary trained on these texts as `model init` does it.
fn chat(texts: &[String], vocab: usize, choice: TemplateChoice) -> Result<Chat> {
    let dir = tempfile::tempdir()?;
    let text = dir.path().join("text.txt");
    std::fs::write(&text, texts.concat())?;
    let shape = InitOptions {
        vocab,
        hidden: 32,
        layers: 1,
        heads: 1,
        kv_heads: 1,
        ffn: 32,
        ..InitOptions::default()
    };
    let model = dir.path().join("model");
    init(&shape, &[text], &model)?;
    Ok(Chat::load_with(&model, choice)?)
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
        let letters = chat(&[], LETTERS, choice)?.with_reasoning(reasoning);
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
