//! `astra train grpo`: reinforcement learning in arenas.
//!
//! The run folder holds `settings.json`, `metrics.jsonl`, `checkpoints/` while it runs and `model/` once it is done: a
//! plain Hugging Face folder.

use super::live::Live;
use super::{Ends, LearningArguments, at_least_one, in_range, save_model};
use crate::Context;
use crate::board::{self, parse_bands};
use crate::failure::{ExitStatus, InputError};
use crate::interrupt::Interrupt;
use crate::printer::Printer;
use crate::{checkpoint, embedding, engine, playing, source};
use astra_arena::{Arena, EpisodeLimits};
use astra_model::{LearnOptions, LoraOptions, PolicySettings, Precision, Sampling, Weights};
use astra_protocol::{ContentId, content_id};
use astra_store::RunFolder;
use astra_train::grpo::{ArenaEnvironment, Grpo, GrpoMetrics, GrpoSettings, GrpoWatch, PlaySettings};
use astra_train::{Ended, NativeBackend, NativeOptions};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Arguments of `train grpo`.
#[derive(Args, Debug)]
#[command(
    after_help = "Example: astra train grpo arenas --model runs/sft/model --steps 50 --distractors 2,2,2 --out runs/grpo"
)]
pub(crate) struct GrpoArguments {
    /// Arenas to learn in: data sets, .jsonl files, or folders of them
    #[arg(required = true)]
    arenas: Vec<PathBuf>,
    /// Model to start from: a Hugging Face folder
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Run folder; a run that was stopped continues when the same command is given again
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Steps: batches learned from
    #[arg(long, value_name = "N")]
    steps: u64,
    /// Groups a batch, each of one arena
    #[arg(long, value_name = "N", default_value_t = 8)]
    groups: usize,
    /// Rollouts a group
    #[arg(long, value_name = "G", default_value_t = 8)]
    group_size: usize,
    /// Learning rate [default: 1e-5; 1e-4 with --lora]
    #[arg(long, value_name = "LR")]
    lr: Option<f64>,
    /// Learn the scale of the logits as one number too, at this rate: how sure the policy is of all it does
    #[arg(long, value_name = "LR", conflicts_with = "lora")]
    logit_scale_lr: Option<f64>,
    /// Steps of linear warm-up
    #[arg(long, value_name = "N", default_value_t = 0)]
    warmup: u64,
    /// Decoupled weight decay, on matrices only
    #[arg(long, value_name = "W", default_value_t = 0.0)]
    weight_decay: f64,
    /// Largest global norm of the gradient
    #[arg(long, value_name = "NORM", default_value_t = 1.0)]
    clip: f64,
    /// Temperature at which turns are sampled
    #[arg(long, value_name = "T", default_value_t = 1.0)]
    temperature: f32,
    /// Assistant turns of an episode
    #[arg(long, value_name = "N")]
    pub(crate) max_turns: Option<String>,
    /// Longest turn, in tokens
    #[arg(long, value_name = "N", default_value_t = 512)]
    max_turn_tokens: usize,
    /// Tokens that an episode writes at most [default: the model's context]
    #[arg(long, value_name = "N")]
    max_output_tokens: Option<u64>,
    /// Irrelevant tools from other arenas, drawn anew for every group: how many of high, medium and low nearness, or how
    /// many at random
    #[arg(long, value_name = "H,M,L|N")]
    distractors: Option<String>,
    /// Share of tool calls that fail by injection (the paper trains with 0.2)
    #[arg(long, value_name = "P")]
    pub(crate) failure_rate: Option<String>,
    /// Reward that is learned from
    #[arg(long, value_name = "f1|recall|precision|f1_answer")]
    pub(crate) reward: Option<String>,
    /// Steps that a surplus group may wait for its batch; 0 is strictly on-policy
    #[arg(long, value_name = "N", default_value_t = 1)]
    max_staleness: u64,
    /// Roll out just the groups of a batch and learn from what they are, instead of until it is full
    #[arg(long)]
    no_filling: bool,
    /// Episodes at a time; changes nothing but speed and memory
    #[arg(long, value_name = "N", default_value_t = 64)]
    concurrency: usize,
    /// Steps between checkpoints
    #[arg(long, value_name = "N", default_value_t = 10)]
    checkpoint_every: u64,
    /// Only the first N arenas
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Take arenas without gold calls too
    #[arg(long)]
    allow_unproven: bool,
    #[command(flatten)]
    learning: LearningArguments,
}

/// Trains.
pub(crate) fn run(arguments: &GrpoArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let interrupt = Interrupt::install()?;
    let settings = settings(arguments, context)?;
    let play = play_settings(arguments, context)?;
    let (chat, weights) = checkpoint::open(&arguments.model, arguments.learning.template())?;
    let records = source::all(&arguments.arenas, arguments.limit, arguments.allow_unproven)?;
    let ids: Vec<ContentId> = records.iter().map(|record| record.spec.id()).collect();
    let folder = folder(arguments, (&settings, &play), &ids, &weights, context)?;
    let model = folder.join("model");
    if model.exists() {
        context.printer.say("this run is complete; nothing is left to do");
        summarise(&Grpo::history(folder.path())?, &model, context)?;
        return Ok(ExitStatus::Done);
    }
    let engine = engine::start(context)?;
    let arenas: Vec<Arc<Arena>> = board::load(&records, &engine, context)?;
    let pool = play.distractors.map(|_| embedding::pool(&arenas, &interrupt, context)).transpose()?;
    let chat = Arc::new(chat);
    let environment = ArenaEnvironment {
        runtime: engine.runtime.clone(),
        arenas: &arenas,
        pool: pool.as_ref(),
        chat: Arc::clone(&chat),
        policy: PolicySettings {
            sampling: Sampling::at(arguments.temperature),
            max_turn_tokens: arguments.max_turn_tokens,
            // What was drawn must be what the gradient differentiates: the model's own distribution.
            strict: false,
        },
        play,
    };
    let mut backend = backend(arguments, &settings, weights, context)?;
    let mut screen = Screen::new(context.printer, &settings);
    let mut grpo = Grpo::open(&settings, &environment, &mut backend, folder.path())?;
    let ended = grpo.run(interrupt.flag(), &mut screen);
    screen.live.end();
    if ended? == Ended::Stopped {
        context.printer.warn("stopped; the same command continues where it ended");
        return Ok(ExitStatus::Interrupted);
    }
    drop(grpo);
    save_model(&backend.learner().merged(), &chat, &arguments.model, &model)?;
    Grpo::clear_checkpoints(folder.path())?;
    summarise(&Grpo::history(folder.path())?, &model, context)?;
    Ok(ExitStatus::Done)
}

fn settings(arguments: &GrpoArguments, context: &Context) -> Result<GrpoSettings, InputError> {
    if arguments.steps == 0 {
        return Err(InputError::new("a run has at least one step"));
    }
    at_least_one(&[
        ("--max-turn-tokens", arguments.max_turn_tokens),
        ("--concurrency", arguments.concurrency),
    ])?;
    arguments.learning.check()?;
    let decay = arguments.weight_decay;
    let scale = arguments.logit_scale_lr.unwrap_or(1.0);
    in_range(&[
        ("--weight-decay", decay, (0.0..=1.0).contains(&decay), "from 0 to 1"),
        ("--logit-scale-lr", scale, scale > 0.0 && scale.is_finite(), "above 0"),
    ])?;
    let usual_lr = if arguments.learning.lora.is_some() { 1e-4 } else { 1e-5 };
    Ok(GrpoSettings {
        steps: arguments.steps,
        groups: arguments.groups,
        group_size: arguments.group_size,
        filling: !arguments.no_filling,
        max_staleness: arguments.max_staleness,
        lr: arguments.lr.unwrap_or(usual_lr),
        warmup: arguments.warmup,
        weight_decay: arguments.weight_decay,
        clip: arguments.clip,
        temperature: arguments.temperature,
        concurrency: arguments.concurrency,
        seed: context.settings.seed,
        checkpoint_every: arguments.checkpoint_every,
        ..GrpoSettings::default()
    })
}

fn play_settings(arguments: &GrpoArguments, context: &Context) -> anyhow::Result<PlaySettings> {
    let episode = &context.settings.episode;
    Ok(PlaySettings {
        max_turns: episode.max_turns,
        max_output_tokens: arguments.max_output_tokens,
        failure_rate: episode.failure_rate,
        limits: EpisodeLimits { max_calls: episode.max_calls, ..EpisodeLimits::default() },
        reward: playing::variant(&context.settings),
        distractors: arguments.distractors.as_deref().map(parse_bands).transpose()?,
    })
}

fn backend(
    arguments: &GrpoArguments,
    settings: &GrpoSettings,
    weights: Weights,
    context: &Context,
) -> anyhow::Result<NativeBackend> {
    let threads = context.settings.threads.get();
    let learning = &arguments.learning;
    let lora = learning.adapters().map(|(rank, alpha)| LoraOptions {
        rank,
        alpha,
        seed: context.settings.seed,
        ..LoraOptions::default()
    });
    let engine = checkpoint::engine_options(&weights, arguments.concurrency, threads);
    // The learner takes it as a multiple, so that it warms up with the rest.
    let logit_scale = arguments.logit_scale_lr.map(|rate| rate / settings.lr);
    let learn = LearnOptions {
        threads,
        checkpointing: learning.activation_checkpointing,
        // Generation computes in f32, and a policy gradient needs the log-probabilities of what was sampled.
        precision: Precision::F32,
        lora,
        logit_scale,
    };
    let options = NativeOptions { learn, engine, tokens_at_once: learning.tokens_at_once };
    Ok(NativeBackend::new(weights, options)?)
}

/// The run folder, which refuses to continue a run of other settings, arenas or weights.
fn folder(
    arguments: &GrpoArguments,
    (settings, play): (&GrpoSettings, &PlaySettings),
    arenas: &[ContentId],
    weights: &Weights,
    context: &Context,
) -> anyhow::Result<RunFolder> {
    let settings = json!({
        "grpo": settings,
        "play": play,
        "max_turn_tokens": arguments.max_turn_tokens,
        "tokens_at_once": arguments.learning.tokens_at_once,
        "lora": arguments.learning.lora,
        "lora_alpha": arguments.learning.lora_alpha,
        "logit_scale_lr": arguments.logit_scale_lr,
        "activation_checkpointing": arguments.learning.activation_checkpointing,
        "model": weights.id(),
        "arenas": content_id(&json!(arenas)),
        "embedder": play.distractors.and(embedding::model(context)),
        "template": arguments.learning.template,
        // The order of additions depends on them, and with it the last bits of the weights.
        "threads": context.settings.threads,
    });
    Ok(context.run_folder(&arguments.out, "train grpo", settings)?)
}

/// What is shown of a run.
struct Screen {
    printer: Printer,
    live: Live,
    groups: usize,
}

impl Screen {
    fn new(printer: Printer, settings: &GrpoSettings) -> Self {
        Self { printer, live: Live::new(printer, settings.steps), groups: settings.groups }
    }
}

impl GrpoWatch for Screen {
    fn began(&mut self, done: u64, steps: u64) {
        self.live.began(done, steps);
    }

    fn rolled_out(&mut self, groups: usize, valid: usize) {
        self.live.beside(format!("{valid} of {} groups after {groups}", self.groups));
    }

    fn stepped(&mut self, metrics: &GrpoMetrics) {
        let shown = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"));
        let GrpoMetrics { rollouts, update, time, .. } = metrics;
        let entropy = update.map(|update| update.entropy);
        let (reward, recall, precision) =
            (shown(rollouts.reward), shown(rollouts.recall), shown(rollouts.precision));
        let live = &mut self.live;
        live.row("reward", rollouts.reward, format!("{reward}  recall {recall}  precision {precision}"));
        live.row(
            "calls",
            rollouts.calls,
            format!(
                "{}  invalid {}  irrelevant {}",
                shown(rollouts.calls),
                shown(rollouts.invalid_calls),
                shown(rollouts.irrelevant_calls)
            ),
        );
        live.row("turns", rollouts.turns, shown(rollouts.turns));
        let tokens = rollouts.response_tokens;
        live.row("tokens", tokens, format!("{} an episode", shown(tokens)));
        live.row(
            "valid",
            Some(metrics.valid_ratio),
            format!(
                "{:.3} of the groups  carried {} (age {:.2})  waiting {}  dropped {}",
                metrics.valid_ratio, metrics.carried, metrics.age, metrics.waiting, metrics.dropped
            ),
        );
        let (clipped, norm) =
            (update.map(|update| update.clip_fraction), update.map(|update| update.grad_norm));
        live.row(
            "entropy",
            entropy,
            format!("{}  clipped {}  gradient {}", shown(entropy), shown(clipped), shown(norm)),
        );
        live.row(
            "time",
            Some(time.seconds),
            format!(
                "{:.1} s  model {:.0} %  tools {:.1} %  learning {:.0} %  {:.1} episodes/s",
                time.seconds,
                100.0 * time.generation_share,
                100.0 * time.tools_share,
                100.0 * time.learning_share,
                time.episodes_per_second
            ),
        );
        let line = format!(
            "reward {reward}  recall {recall}  precision {precision}  calls {}  valid {:.2}  entropy {}  {:.1} episodes/s",
            shown(rollouts.calls),
            metrics.valid_ratio,
            shown(entropy),
            time.episodes_per_second,
        );
        if metrics.batch_groups < self.groups {
            let groups = metrics.batch_groups;
            self.printer.detail(format!("step {}: {groups} of {} groups", metrics.step, self.groups));
        }
        self.live.stepped(metrics.step, &line, false);
    }
}

/// The rewards of the first and the last tenth of the steps, with intervals, and where the time went.
fn summarise(history: &[GrpoMetrics], model: &Path, context: &Context) -> anyhow::Result<()> {
    let rewards = Ends::of(history, |step| step.rollouts.reward)?;
    let seconds: f64 = history.iter().map(|step| step.time.seconds).sum();
    let share = |of: fn(&GrpoMetrics) -> f64| {
        history.iter().map(|step| of(step) * step.time.seconds).sum::<f64>() / seconds.max(1e-9)
    };
    let (generation, tools, learning) = (
        share(|step| step.time.generation_share),
        share(|step| step.time.tools_share),
        share(|step| step.time.learning_share),
    );
    let (episodes, tokens) =
        (share(|step| step.time.episodes_per_second), share(|step| step.time.tokens_per_second));
    let masked: usize = history.iter().map(|step| step.rollouts.masked).sum();
    let dropped: usize = history.iter().map(|step| step.dropped).sum();
    let printer = context.printer;
    if printer.json {
        return printer.json(&json!({
            "steps": history.len(), "first_reward": rewards.first, "last_reward": rewards.last, "masked": masked,
            "dropped_groups": dropped, "seconds": seconds, "generation_share": generation,
            "tools_share": tools, "learning_share": learning, "episodes_per_second": episodes,
            "tokens_per_second": tokens, "model": model,
        }));
    }
    printer.say(format!("reward {rewards}; {masked} rollouts masked"));
    printer.say(format!(
        "time: {:.1} % generation, {:.1} % tools, {:.1} % learning; {episodes:.1} episodes/s, {tokens:.0} tokens/s",
        100.0 * generation,
        100.0 * tools,
        100.0 * learning,
    ));
    printer.data(format!("model: {}", model.display()))
}
