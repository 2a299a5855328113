//! Who plays: a built-in policy by its name, or a model by the folder of its checkpoint.
//!
//! The only place where a `--policy` becomes a player; everything behind it knows the trait alone.

use crate::checkpoint;
use crate::failure::InputError;
use crate::settings::nearest;
use astra_arena::{Arena, Runtime};
use astra_eval::{BuiltinPolicy, PlayError, Player, TurnCounts};
use astra_model::{ModelError, ModelPolicy, PolicySettings, TemplateChoice};
use astra_protocol::Policy;
use clap::Args;
use serde_json::{Value as Json, json};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

/// Episodes that a model plays at a time; its generator answers them together.
const TOGETHER: NonZeroUsize = NonZeroUsize::new(32).unwrap();

/// Arguments that say how a model samples.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Sampling {
    /// Temperature at which a model samples; without it greedy, or 1 when several episodes are played an arena
    #[arg(long, value_name = "T")]
    temperature: Option<f32>,
    /// Keep the likeliest tokens that together have this probability
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    top_p: f32,
    /// Keep this many of the likeliest tokens; 0 keeps all
    #[arg(long, value_name = "K", default_value_t = 0)]
    top_k: usize,
    /// Keep tokens with at least this share of the likeliest one's probability
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    min_p: f32,
    /// Longest turn of a model, in tokens
    #[arg(long, value_name = "N", default_value_t = 512)]
    max_turn_tokens: usize,
    /// Let a model write only calls that the offered tools accept (constrained decoding)
    #[arg(long)]
    strict_calls: bool,
}

/// A model at its checkpoint.
struct Checkpoint {
    name: String,
    identity: Json,
    policy: ModelPolicy,
}

impl Sampling {
    /// As the model means it. `samples` is how many episodes an arena it plays.
    fn settings(self, samples: usize) -> PolicySettings {
        let Self { temperature, top_p, top_k, min_p, max_turn_tokens, strict_calls } = self;
        let temperature = temperature.unwrap_or(if samples > 1 { 1.0 } else { 0.0 });
        let sampling = astra_model::Sampling { temperature, top_p, top_k, min_p };
        PolicySettings { sampling, max_turn_tokens, strict: strict_calls }
    }
}

impl Checkpoint {
    fn load(folder: &Path, settings: PolicySettings, threads: usize) -> anyhow::Result<Self> {
        let (chat, weights) = checkpoint::open(folder, TemplateChoice::Auto)?;
        let astra_model::Sampling { temperature, top_p, top_k, min_p } = settings.sampling;
        let mut identity = json!({
            "weights": weights.id(), "template": format!("{:?}", chat.template_kind()), "temperature": temperature,
            "top_p": top_p, "top_k": top_k, "min_p": min_p, "max_turn_tokens": settings.max_turn_tokens,
        });
        if settings.strict {
            identity["strict_calls"] = json!(true);
        }
        let generator = checkpoint::generator(&weights, threads, TOGETHER)?;
        let name = folder.display().to_string();
        let policy = ModelPolicy::new(name.clone(), Arc::new(generator), Arc::new(chat), settings);
        Ok(Self { name, identity, policy })
    }
}

impl Player for Checkpoint {
    fn name(&self) -> &str {
        &self.name
    }

    fn identity(&self) -> Json {
        self.identity.clone()
    }

    fn policy(&self, _: &Runtime, _: &Arc<Arena>, _: u64) -> Result<Box<dyn Policy>, PlayError> {
        Ok(Box::new(self.policy.player()))
    }

    fn concurrency(&self) -> Option<NonZeroUsize> {
        Some(TOGETHER)
    }

    fn turns(&self) -> Option<TurnCounts> {
        let astra_model::TurnCounts { turns, cut, overflowed, malformed } = self.policy.counts();
        Some(TurnCounts { turns, cut, overflowed, malformed })
    }
}

/// The player that a `--policy` means. `samples` is how many episodes an arena it plays.
pub(crate) fn parse(
    policy: &str,
    sampling: Sampling,
    samples: usize,
    threads: NonZeroUsize,
) -> anyhow::Result<Box<dyn Player>> {
    let settings = sampling.settings(samples);
    if let Err(ModelError::Sampling { field, value, expected }) = settings.sampling.check() {
        let error = format!("`--{} {value}`: expected {expected}", field.replace('_', "-"));
        return Err(InputError::new(error)
            .hint("temperature 0 is greedy, 1 samples as the model was trained")
            .into());
    }
    if settings.max_turn_tokens == 0 {
        return Err(InputError::new("`--max-turn-tokens 0`: a turn has at least one token").into());
    }
    if let Ok(builtin) = policy.parse::<BuiltinPolicy>() {
        let for_models =
            [(sampling.temperature.is_some(), "--temperature"), (sampling.strict_calls, "--strict-calls")];
        return if let Some((_, option)) = for_models.iter().find(|(given, _)| *given) {
            Err(InputError::new(format!("`{builtin}` does not sample: `{option}` is for models"))
                .hint("leave it out, or name the folder of a checkpoint with `--policy`")
                .into())
        } else {
            Ok(Box::new(builtin))
        };
    }
    let folder = Path::new(policy);
    if folder.join("config.json").is_file() {
        return Ok(Box::new(Checkpoint::load(folder, settings, threads.get())?));
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
