//! Training.

pub(crate) mod ablate;
pub(crate) mod grpo;
mod live;
pub(crate) mod sft;

use crate::failure::InputError;
use anyhow::Context as _;
use astra_eval::{Bootstrap, Estimate, bootstrap_mean};
use astra_model::{Chat, SaveOptions, TemplateChoice, Weights};
use clap::Args;
use std::path::Path;

/// What every way of training takes.
#[derive(Args, Debug)]
pub(crate) struct LearningArguments {
    /// Train low-rank adapters of this rank and keep the weights frozen
    #[arg(long, value_name = "RANK")]
    lora: Option<usize>,
    /// Scale of the adapters [default: twice the rank]
    #[arg(long, value_name = "ALPHA", requires = "lora")]
    lora_alpha: Option<f64>,
    /// Recompute activations instead of keeping them: less memory, a third more time
    #[arg(long)]
    activation_checkpointing: bool,
    /// Tokens that are learned from at once; less needs less memory and changes nothing else
    #[arg(long, value_name = "N", default_value_t = 8192)]
    tokens_at_once: usize,
    /// Chat template: the model's own, or one of ours
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = ["auto", "model", "hermes", "compact"])]
    template: String,
}

impl LearningArguments {
    /// The template that was named.
    fn template(&self) -> TemplateChoice {
        match self.template.as_str() {
            "model" => TemplateChoice::Model,
            "hermes" => TemplateChoice::Hermes,
            "compact" => TemplateChoice::Compact,
            // The argument admits these four words only.
            _ => TemplateChoice::Auto,
        }
    }

    /// Rank and scale of the adapters, where there are any.
    fn adapters(&self) -> Option<(usize, f64)> {
        self.lora.map(|rank| (rank, self.lora_alpha.unwrap_or(2.0 * rank as f64)))
    }

    /// Refuses numbers that these options cannot mean.
    fn check(&self) -> Result<(), InputError> {
        at_least_one(&[("--tokens-at-once", self.tokens_at_once), ("--lora", self.lora.unwrap_or(1))])?;
        let alpha = self.lora_alpha.unwrap_or(1.0);
        in_range(&[("--lora-alpha", alpha, alpha.is_finite() && alpha > 0.0, "above 0")])
    }
}

/// Refuses a count of 0.
fn at_least_one(counts: &[(&str, usize)]) -> Result<(), InputError> {
    match counts.iter().find(|(_, count)| *count == 0) {
        None => Ok(()),
        Some((name, _)) => Err(InputError::new(format!("`{name} 0`: at least 1 is needed"))),
    }
}

/// Refuses a number that its option cannot mean, for with some of them weights would become no numbers. Each comes with
/// whether it is good and with what was expected.
fn in_range(numbers: &[(&str, f64, bool, &str)]) -> Result<(), InputError> {
    match numbers.iter().find(|(_, _, is_good, _)| !is_good) {
        None => Ok(()),
        Some((name, value, _, expected)) => {
            Err(InputError::new(format!("`{name} {value}`: a number {expected} is needed")))
        }
    }
}

/// The means over the first and the last tenth of a run's steps, with intervals.
struct Ends {
    first: Option<Estimate>,
    last: Option<Estimate>,
}

impl Ends {
    fn of<S>(history: &[S], value: impl Fn(&S) -> Option<f64>) -> anyhow::Result<Self> {
        let tenth = history.len().div_ceil(10);
        let interval = |steps: &[S]| -> anyhow::Result<Option<Estimate>> {
            let values: Vec<f64> = steps.iter().filter_map(&value).collect();
            Ok(bootstrap_mean(&values, Bootstrap::default())?)
        };
        Ok(Self { first: interval(&history[..tenth])?, last: interval(&history[history.len() - tenth..])? })
    }
}

impl std::fmt::Display for Ends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |estimate: &Option<Estimate>| match estimate {
            Some(Estimate { mean, low, high, .. }) => format!("{mean:.4} [{low:.4}, {high:.4}]"),
            None => "–".to_owned(),
        };
        write!(f, "{} in the first tenth of the steps, {} in the last", shown(&self.first), shown(&self.last))
    }
}

/// Writes what was trained as a model's folder, with the files beside the weights of the model that it began from.
///
/// Under another name first: a folder of this name is a whole model that renders as it was trained.
fn save_model(weights: &Weights, chat: &Chat, began_from: &Path, model: &Path) -> anyhow::Result<()> {
    let options = SaveOptions { companions: Some(began_from.to_owned()), ..SaveOptions::default() };
    let unfinished = model.with_extension("part");
    weights.save(&unfinished, &options)?;
    chat.record(&unfinished)?;
    std::fs::rename(&unfinished, model).with_context(|| format!("could not rename to `{}`", model.display()))
}
