//! Who plays: a built-in policy by its name, or a model by the folder of its checkpoint.
//!
//! The only place where a `--policy` becomes a player; everything behind it knows the trait alone.

use crate::failure::InputError;
use crate::settings::nearest;
use astra_eval::{BuiltinPolicy, Player};
use clap::Args;
use std::path::Path;

/// Arguments that say how a model samples.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Sampling {
    /// Temperature at which a model samples; without it greedy, or 1 when several episodes are played an arena
    #[arg(long, value_name = "T")]
    temperature: Option<f64>,
}

/// The player that a `--policy` means.
pub(crate) fn parse(policy: &str, sampling: Sampling) -> anyhow::Result<Box<dyn Player>> {
    if let Some(temperature) = sampling.temperature
        && !(temperature.is_finite() && temperature >= 0.0)
    {
        let error = format!("`--temperature {temperature}`: a number from 0 is needed");
        return Err(InputError::new(error).hint("0 is greedy, 1 samples as the model was trained").into());
    }
    if let Ok(builtin) = policy.parse::<BuiltinPolicy>() {
        return if sampling.temperature.is_some() {
            Err(InputError::new(format!("`{builtin}` does not sample: `--temperature` is for models"))
                .hint("leave it out, or name the folder of a checkpoint with `--policy`")
                .into())
        } else {
            Ok(Box::new(builtin))
        };
    }
    let folder = Path::new(policy);
    if folder.join("config.json").is_file() {
        return Err(InputError::new(format!("`{policy}` is a model, and this version plays no models"))
            .hint(format!("built-in policies are {}", names()))
            .into());
    }
    if folder.is_dir() {
        return Err(InputError::new(format!("`{policy}` is no checkpoint: it holds no `config.json`"))
            .hint(format!("a policy is one of {}, or the folder of a checkpoint", names()))
            .into());
    }
    let mut error = InputError::new(format!("there is no policy and no folder `{policy}`"))
        .hint(format!("a policy is one of {}, or the folder of a checkpoint", names()));
    if let Some(nearest) = nearest(policy, BuiltinPolicy::ALL.iter().map(|known| known.as_str())) {
        error = error.hint(format!("did you mean `{nearest}`?"));
    }
    Err(error.into())
}

fn names() -> String {
    BuiltinPolicy::ALL.map(BuiltinPolicy::as_str).join(", ")
}
