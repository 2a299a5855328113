//! `astra model init`: a small model of one's own, with a tokenizer trained on given text.

use crate::Context;
use crate::checkpoint::refuse_existing;
use crate::failure::ExitStatus;
use astra_model::{InitOptions, Layout, TemplateKind, init};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `init`.
#[derive(Args, Debug)]
#[command(
    after_help = "Example: astra model init --out models/nano --text train.jsonl --vocab 2048 --hidden 192 --layers 4"
)]
pub(crate) struct InitArguments {
    /// Folder to write
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Text that the tokenizer is trained on: plain, or .jsonl with `messages` and `tools` as for fine-tuning
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    text: Vec<PathBuf>,
    /// Most tokens of the vocabulary
    #[arg(long, value_name = "N", default_value_t = InitOptions::default().vocab)]
    vocab: usize,
    /// Width of the residual stream
    #[arg(long, value_name = "N", default_value_t = InitOptions::default().hidden)]
    hidden: usize,
    /// Number of blocks
    #[arg(long, value_name = "N", default_value_t = InitOptions::default().layers)]
    layers: usize,
    /// Query heads
    #[arg(long, value_name = "N", default_value_t = InitOptions::default().heads)]
    heads: usize,
    /// Key and value heads
    #[arg(long, value_name = "N", default_value_t = InitOptions::default().kv_heads)]
    kv_heads: usize,
    /// Width of the feed-forward layer
    #[arg(long, value_name = "N", default_value_t = InitOptions::default().ffn)]
    ffn: usize,
    /// Longest sequence
    #[arg(long, value_name = "N", default_value_t = InitOptions::default().context)]
    context: usize,
    /// Lay heads that copy in the first two blocks (a Qwen2 model); saves hours of training. Wants wide heads, e.g.
    /// `--heads 3 --kv-heads 3`
    #[arg(long)]
    copying: bool,
    /// Chat template that the model is used with
    #[arg(long, value_name = "NAME", default_value = "compact", value_parser = ["compact", "hermes"])]
    template: String,
}

/// Makes the model.
pub(crate) fn run(arguments: &InitArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let InitArguments {
        out,
        text,
        vocab,
        hidden,
        layers,
        heads,
        kv_heads,
        ffn,
        context: positions,
        copying,
        template,
    } = arguments;
    let options = InitOptions {
        vocab: *vocab,
        hidden: *hidden,
        layers: *layers,
        heads: *heads,
        kv_heads: *kv_heads,
        ffn: *ffn,
        context: *positions,
        seed: context.settings.seed,
        copying: *copying,
        template: if template == "hermes" { TemplateKind::Hermes } else { TemplateKind::Compact },
    };
    refuse_existing(out)?;
    let config = init(&options, text, out)?;
    let printer = context.printer;
    if config.vocab_size < *vocab {
        printer.warn(format!("the text has pairs for {} tokens only, not {vocab}", config.vocab_size));
    }
    let parameters = Layout::of(&config).len();
    if printer.json {
        let line = json!({"out": out.display().to_string(), "parameters": parameters,
            "vocab_size": config.vocab_size, "seed": options.seed});
        printer.json(&line)?;
    } else {
        printer.data(format!(
            "{}: {parameters} parameters, {} tokens, seed {}",
            out.display(),
            config.vocab_size,
            options.seed
        ))?;
    }
    Ok(ExitStatus::Done)
}
