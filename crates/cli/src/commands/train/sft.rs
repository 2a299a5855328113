//! `astra train sft`: supervised fine-tuning on traces.
//!
//! The run folder holds `settings.json`, `metrics.jsonl`, `skipped.jsonl`, `checkpoints/` while it runs and `model/`
//! once it is done: a plain Hugging Face folder.

use super::live::Live;
use super::{Ends, LearningArguments, at_least_one, in_range, save_model};
use crate::Context;
use crate::checkpoint;
use crate::failure::{ExitStatus, InputError};
use crate::interrupt::Interrupt;
use anyhow::Context as _;
use astra_model::Precision;
use astra_store::{RecordWriter, RunFolder};
use astra_train::{Ended, LoraSettings, Reading, Samples, Sft, SftSettings, StepMetrics, Watch};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Skipped traces that are named on the screen; the file has all.
const NAMED: usize = 3;

/// Arguments of `train sft`.
#[derive(Args, Debug)]
#[command(
    after_help = "Example: astra train sft traces.jsonl --model models/nano --steps 200 --out runs/sft"
)]
pub(crate) struct SftArguments {
    /// Traces with `messages` and `tools`: .jsonl or .parquet files, or folders of them
    #[arg(required = true, value_name = "DATA")]
    data: Vec<PathBuf>,
    /// Model to start from: a Hugging Face folder
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Run folder; a run that was stopped continues when the same command is given again
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Optimiser steps
    #[arg(long, value_name = "N", conflicts_with = "epochs", required_unless_present = "epochs")]
    steps: Option<u64>,
    /// Passes over the data, in place of steps
    #[arg(long, value_name = "E")]
    epochs: Option<f64>,
    /// Samples a step
    #[arg(long, value_name = "N", default_value_t = 16)]
    batch: usize,
    /// Longest sample in tokens; longer ones are reported and left out [default: the model's context]
    #[arg(long, value_name = "N")]
    max_tokens: Option<usize>,
    /// Highest learning rate [default: 1e-4; 2e-4 with --lora]
    #[arg(long, value_name = "LR")]
    lr: Option<f64>,
    /// Steps of linear warm-up [default: 3 % of the steps]
    #[arg(long, value_name = "N")]
    warmup: Option<u64>,
    /// Learning rate at the end of the cosine, as a share of the highest
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    final_lr: f64,
    /// Decoupled weight decay, on matrices only
    #[arg(long, value_name = "W", default_value_t = 0.01)]
    weight_decay: f64,
    /// Second-moment decay of AdamW
    #[arg(long, value_name = "B", default_value_t = 0.999)]
    beta2: f64,
    /// Largest global norm of the gradient
    #[arg(long, value_name = "NORM", default_value_t = 1.0)]
    clip: f64,
    /// Round what large products are made of to bfloat16: faster, on processors with AVX-512 BF16
    #[arg(long)]
    bf16: bool,
    /// Leave out what the assistant thought, to train a model that acts without thinking aloud
    #[arg(long)]
    drop_reasoning: bool,
    /// Weight of the loss on tokens that the assistant did not write (for making a base model)
    #[arg(long, value_name = "W", default_value_t = 0.0)]
    context_loss: f32,
    /// Traces to measure the loss on, never learned from
    #[arg(long, value_name = "DATA")]
    validate: Vec<PathBuf>,
    /// Steps between measurements on them
    #[arg(long, value_name = "N", default_value_t = 100)]
    validate_every: u64,
    /// Steps between checkpoints
    #[arg(long, value_name = "N", default_value_t = 100)]
    checkpoint_every: u64,
    #[command(flatten)]
    learning: LearningArguments,
}

/// Trains.
pub(crate) fn run(arguments: &SftArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let interrupt = Interrupt::install()?;
    let (chat, weights) = checkpoint::open(&arguments.model, arguments.learning.template())?;
    let longest = weights.config().max_positions;
    let max_tokens = arguments.max_tokens.unwrap_or(longest);
    if max_tokens > longest {
        let message = format!("`--max-tokens {max_tokens}` is more than the model's context of {longest}");
        return Err(InputError::new(message).hint("leave it out to take the model's context").into());
    }
    let reading = Reading { max_tokens, drop_reasoning: arguments.drop_reasoning };
    let samples = Samples::read(&arguments.data, &chat, reading)?;
    let validation = match arguments.validate.as_slice() {
        [] => None,
        paths => Some(Samples::read(paths, &chat, reading).context("in the validation traces")?),
    };
    let settings = settings(arguments, &samples, context.settings.seed)?;
    let folder = folder(arguments, &settings, &samples, validation.as_ref(), &weights, context)?;
    let model = folder.join("model");
    if model.exists() {
        context.printer.say("this run is complete; nothing is left to do");
        summarise(&Sft::history(folder.path())?, &samples, &model, context)?;
        return Ok(ExitStatus::Done);
    }
    report_samples(&samples, &folder, context)?;
    let threads = context.settings.threads.get();
    let mut sft = Sft::open(weights, &samples, validation.as_ref(), &settings, threads, folder.path())?;
    let mut screen = Screen { live: Live::new(context.printer, settings.steps) };
    let ended = sft.run(interrupt.flag(), &mut screen);
    screen.live.end();
    if ended? == Ended::Stopped {
        context.printer.warn("stopped; the same command continues where it ended");
        return Ok(ExitStatus::Interrupted);
    }
    save_model(&sft.learner().merged(), &chat, &arguments.model, &model)?;
    sft.clear_checkpoints()?;
    summarise(&Sft::history(folder.path())?, &samples, &model, context)?;
    Ok(ExitStatus::Done)
}

/// Refuses numbers that options of the loop cannot mean.
fn check_ranges(arguments: &SftArguments) -> Result<(), InputError> {
    let SftArguments { final_lr, weight_decay, beta2, context_loss, .. } = arguments;
    let share = |value: f64| (0.0..=1.0).contains(&value);
    // Moments are kept in f32, in which it must still be below 1.
    #[expect(clippy::cast_possible_truncation, reason = "the rounding is what is looked at")]
    let decays = (0.0..1.0).contains(&(*beta2 as f32));
    let context_loss = f64::from(*context_loss);
    in_range(&[
        ("--final-lr", *final_lr, share(*final_lr), "from 0 to 1"),
        ("--weight-decay", *weight_decay, share(*weight_decay), "from 0 to 1"),
        ("--beta2", *beta2, decays, "from 0 to below 1"),
        ("--context-loss", context_loss, context_loss.is_finite() && context_loss >= 0.0, "0 or more"),
    ])
}

fn settings(arguments: &SftArguments, samples: &Samples, seed: u64) -> Result<SftSettings, InputError> {
    let positive = |name: &str, value: f64| {
        if value.is_finite() && value > 0.0 {
            Ok(value)
        } else {
            Err(InputError::new(format!("`{name} {value}` is not above 0")))
        }
    };
    at_least_one(&[("--batch", arguments.batch)])?;
    if arguments.bf16 && !Precision::Bf16.is_available() {
        let message = "`--bf16`: this processor has no AVX-512 BF16 instructions";
        return Err(InputError::new(message).hint("leave it out: f32 learns the same, more slowly"));
    }
    arguments.learning.check()?;
    check_ranges(arguments)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive and far below 2^53"
    )]
    let steps = match (arguments.steps, arguments.epochs) {
        (Some(steps), _) => steps,
        (None, Some(epochs)) => {
            let samples = samples.samples.len() as f64 * positive("--epochs", epochs)?;
            (samples / arguments.batch as f64).ceil() as u64
        }
        (None, None) => 0,
    };
    if steps == 0 {
        return Err(InputError::new("a run has at least one step"));
    }
    let lora = arguments.learning.adapters().map(|(rank, alpha)| LoraSettings { rank, alpha });
    let lr = arguments.lr.unwrap_or(if lora.is_some() { 2e-4 } else { 1e-4 });
    Ok(SftSettings {
        steps,
        batch: arguments.batch,
        tokens_at_once: arguments.learning.tokens_at_once,
        lr: positive("--lr", lr)?,
        warmup: arguments.warmup.unwrap_or(steps.div_ceil(33)),
        final_lr: arguments.final_lr,
        weight_decay: arguments.weight_decay,
        beta2: arguments.beta2,
        clip: positive("--clip", arguments.clip)?,
        context_loss: arguments.context_loss,
        lora,
        checkpointing: arguments.learning.activation_checkpointing,
        bf16: arguments.bf16,
        seed,
        checkpoint_every: arguments.checkpoint_every,
        keep: 2,
        validate_every: arguments.validate_every,
    })
}

/// The run folder, which refuses to continue a run of other settings, data or weights.
fn folder(
    arguments: &SftArguments,
    settings: &SftSettings,
    samples: &Samples,
    validation: Option<&Samples>,
    weights: &astra_model::Weights,
    context: &Context,
) -> anyhow::Result<RunFolder> {
    let settings = json!({
        "sft": settings,
        "model": weights.id(),
        "samples": samples.id,
        "validation": validation.map(|samples| &samples.id),
        "template": arguments.learning.template,
        // The order of additions depends on them, and with it the last bits of the weights.
        "threads": context.settings.threads,
    });
    Ok(context.run_folder(&arguments.out, "train sft", settings)?)
}

fn report_samples(samples: &Samples, folder: &RunFolder, context: &Context) -> anyhow::Result<()> {
    let printer = context.printer;
    let (count, tokens, learned) = (samples.samples.len(), samples.tokens(), samples.learned_tokens());
    printer.say(format!(
        "{count} samples, {tokens} tokens, {learned} of them written by the assistant ({:.0} a sample)",
        tokens as f64 / count as f64
    ));
    let mut file = RecordWriter::create(&folder.join("skipped.jsonl"))?;
    for skipped in &samples.skipped {
        file.write(skipped)?;
    }
    file.finish()?;
    if !samples.skipped.is_empty() {
        let path = folder.join("skipped.jsonl");
        printer.warn(format!(
            "{} traces are left out; `{}` names them",
            samples.skipped.len(),
            path.display()
        ));
        for one in samples.skipped.iter().take(NAMED) {
            printer.say(format!("  {}: {} ({} tokens)", one.place, one.why, one.tokens));
        }
    }
    Ok(())
}

/// What is shown of a run.
struct Screen {
    live: Live,
}

impl Watch for Screen {
    fn began(&mut self, done: u64, steps: u64) {
        self.live.began(done, steps);
    }

    fn stepped(&mut self, metrics: &StepMetrics) {
        let StepMetrics { loss, lr, grad_norm, tokens_per_second: rate, .. } = metrics;
        let validation =
            metrics.validation_loss.map_or_else(String::new, |loss| format!("  validation {loss:.4}"));
        self.live.row("loss", Some(*loss), format!("{loss:.4}  gradient {grad_norm:.2}"));
        if let Some(loss) = metrics.validation_loss {
            self.live.row("validation", Some(loss), format!("{loss:.4}"));
        }
        self.live.row("lr", Some(*lr), format!("{lr:.2e}"));
        self.live.row("tokens/s", Some(*rate), format!("{rate:.0}"));
        let line =
            format!("loss {loss:.4}  lr {lr:.2e}  norm {grad_norm:.2}  {rate:.0} tokens/s{validation}");
        self.live.stepped(metrics.step, &line, metrics.validation_loss.is_some());
    }
}

/// The loss of the first and the last tenth of the steps, with intervals, and how fast it went.
fn summarise(
    history: &[StepMetrics],
    samples: &Samples,
    model: &Path,
    context: &Context,
) -> anyhow::Result<()> {
    let losses = Ends::of(history, |step| Some(step.loss))?;
    let tokens: usize = history.iter().map(|step| step.tokens).sum();
    let seconds: f64 = history.iter().map(|step| step.tokens as f64 / step.tokens_per_second.max(1e-9)).sum();
    let printer = context.printer;
    if printer.json {
        return printer.json(&json!({
            "steps": history.len(), "samples": samples.samples.len(), "skipped": samples.skipped.len(),
            "tokens": tokens, "tokens_per_second": tokens as f64 / seconds.max(1e-9),
            "first_loss": losses.first, "last_loss": losses.last,
            "validation_loss": history.iter().rev().find_map(|step| step.validation_loss), "model": model,
        }));
    }
    printer.say(format!("loss {losses}; {:.0} tokens/s", tokens as f64 / seconds.max(1e-9)));
    printer.data(format!("model: {}", model.display()))
}
