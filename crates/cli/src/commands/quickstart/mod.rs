//! `astra quickstart`: shipped tables → gated arenas → a model learns in them → every policy plays held-out ones →
//! summary and report.
//!
//! Stopped at any moment, the same command goes on where it was: every part resumes or is cheap.

mod training;

use super::arenas::check::limits_of;
use super::envs::from_tables::{Order, exhausted, publish, read};
use crate::board::{load, parse_bands};
use crate::engine::{Engine, gatekeeper};
use crate::failure::ExitStatus;
use crate::interrupt::Interrupt;
use crate::playing::{PolicyNumbers, Stage, options, policy_table};
use crate::report::{self, ArenaCounts, Conversation, Layer, RunSummary, SUMMARY_VERSION, Versions};
use crate::{Context, embedding, recipe, source};
use astra_arena::Arena;
use astra_environments::{GenerateOptions, Language};
use astra_eval::{BuiltinPolicy, Played};
use astra_sandbox::Isolation;
use astra_store::{Ended, Existing, RunFolder};
use clap::Args;
use indexmap::IndexMap;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use training::{Learned, Lesson, Unfinished};

/// Arguments of `quickstart`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra quickstart --out first-run")]
pub(crate) struct QuickstartArguments {
    /// Folder for the run
    #[arg(long, value_name = "DIR", default_value = "astra-quickstart")]
    out: PathBuf,
    /// Arenas wanted [default: 2000; 240 without training]
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Folder of CSV files or name of a shipped group; all shipped groups without it
    #[arg(long, value_name = "DIR")]
    tables: Option<PathBuf>,
    /// Only make arenas and play them with the built-in policies, in every language and of up to six hops
    #[arg(long)]
    no_training: bool,
    /// Make the base model anew instead of taking the one that astra carries (some seven hours)
    #[arg(long, conflicts_with = "no_training")]
    from_scratch: bool,
    /// Steps of fine-tuning
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    sft_steps: u64,
    /// Steps of reinforcement learning
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    grpo_steps: u64,
}

impl QuickstartArguments {
    fn lesson(&self) -> Option<Lesson> {
        let &Self { from_scratch, sft_steps, grpo_steps, no_training, .. } = self;
        (!no_training).then_some(Lesson { from_scratch, sft_steps, grpo_steps })
    }

    fn count(&self) -> u64 {
        self.count.unwrap_or(if self.no_training { 240 } else { 2_000 })
    }

    /// What to draw; for training what the base model can read.
    fn draw(&self, seed: u64) -> GenerateOptions {
        let all = GenerateOptions { seed, ..GenerateOptions::default() };
        if self.no_training {
            return all;
        }
        GenerateOptions { languages: vec![Language::English], max_hops: 3, ..all }
    }
}

/// Runs the whole path.
pub(crate) fn run(arguments: &QuickstartArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let tables = read(arguments.tables.as_deref())?;
    let (count, lesson) = (arguments.count(), arguments.lesson());
    let settings = json!({
        "count": count, "tables": tables.id, "sandbox": limits_of(&context.settings.to_json()),
        "episode": context.settings.episode, "training": lesson,
    });
    let folder = context.run_folder(&arguments.out, "quickstart", settings.clone())?;
    let interrupt = Interrupt::install()?;
    let (engine, gatekeeper) = gatekeeper(context)?;
    let arenas_folder = folder.join("arenas");
    let order = Order {
        tables: &tables,
        count,
        draw: arguments.draw(context.settings.seed),
        out: &arenas_folder,
        existing: Existing::Resume,
    };
    let (funnel, ended) = publish(&order, &gatekeeper, &interrupt, context)?;
    match ended {
        Ended::Complete => {}
        Ended::Stopped => return Ok(stopped(context)),
        Ended::Exhausted => return Err(exhausted(&funnel, count).into()),
    }
    funnel.lines().iter().for_each(|line| context.printer.say(line));
    let learned = match lesson.map(|lesson| training::learn(folder.path(), lesson, context)).transpose() {
        Ok(learned) => learned,
        Err(error) => match error.downcast_ref::<Unfinished>() {
            Some(Unfinished(ExitStatus::Interrupted)) => return Ok(stopped(context)),
            Some(Unfinished(status)) => return Ok(*status),
            None => return Err(error),
        },
    };
    let played_in = learned.as_ref().map_or(&arenas_folder, |learned| &learned.held_out);
    let records = source::all(&[played_in], None, false)?;
    let arenas = load(&records, &engine, context)?;
    let mixed = learned.is_some();
    let Some((mut policies, episode)) = play_all(&arenas, &engine, mixed, &interrupt, context)? else {
        return Ok(stopped(context));
    };
    let training = learned.map(|Learned { episodes, training, .. }| {
        policies.extend(episodes.iter().map(|(name, own)| ((*name).to_owned(), PolicyNumbers::of(own))));
        training
    });
    let summary = RunSummary {
        version: SUMMARY_VERSION,
        command: "quickstart".to_owned(),
        versions: Versions {
            astra: env!("CARGO_PKG_VERSION").to_owned(),
            revision: crate::embedded::revision(),
            python: engine.python.python_version().to_owned(),
        },
        seed: context.settings.seed,
        settings,
        arenas: self::count(&arenas),
        funnel,
        policies,
        sandbox: layers(&engine),
        episode,
        training,
    };
    report::write(folder.path(), &summary)?;
    print(&summary, &folder, context)
}

fn stopped(context: &Context) -> ExitStatus {
    context.printer.warn("stopped; the same command continues");
    ExitStatus::Interrupted
}

type Results = (IndexMap<String, PolicyNumbers>, Option<Conversation>);

/// Every built-in policy over the arenas, with irrelevant tools where models met them; nothing when it was stopped.
fn play_all(
    arenas: &[Arc<Arena>],
    engine: &Engine,
    mixed: bool,
    interrupt: &Interrupt,
    context: &Context,
) -> anyhow::Result<Option<Results>> {
    let bands = mixed.then(|| parse_bands(recipe::DISTRACTORS)).transpose()?;
    let pool = bands.map(|_| embedding::pool(arenas, interrupt, context)).transpose()?;
    let options = options(&context.settings, 1, bands);
    let stage = Stage { engine, options: &options, pool: pool.as_ref(), interrupt, printer: context.printer };
    let answerable: Vec<Arc<Arena>> =
        arenas.iter().filter(|arena| arena.spec().answerable).map(Arc::clone).collect();
    let mut policies = IndexMap::new();
    let mut episode = None;
    for policy in BuiltinPolicy::YARDSTICKS {
        // A lazy policy that makes no call rightly earns 1 where refusing is right, so the two that guess are
        // measured where there is something to guess.
        let played = match policy {
            BuiltinPolicy::Default | BuiltinPolicy::Dump => stage.play(&answerable, &policy)?,
            BuiltinPolicy::Oracle | BuiltinPolicy::Expert | BuiltinPolicy::Null | BuiltinPolicy::Random => {
                stage.play(arenas, &policy)?
            }
        };
        if interrupt.is_set() {
            return Ok(None);
        }
        if policy == BuiltinPolicy::Oracle {
            episode =
                most_telling(&played).map(|one| Conversation::of(one.arena.spec(), &one.trace, &one.score));
        }
        policies.insert(policy.as_str().to_owned(), PolicyNumbers::of_played(&played));
    }
    Ok(Some((policies, episode)))
}

/// The first episode of the deepest arena, of those the one with the most goals.
fn most_telling(played: &[Played]) -> Option<&Played> {
    let depth = |one: &Played| (one.arena.spec().hops(), one.arena.spec().goals.len());
    played.iter().rev().max_by_key(|one| depth(one))
}

fn count(arenas: &[Arc<Arena>]) -> ArenaCounts {
    let mut counts = ArenaCounts { count: arenas.len(), ..ArenaCounts::default() };
    for arena in arenas {
        let spec = arena.spec();
        counts.answerable += usize::from(spec.answerable);
        counts.tools += spec.tools.len();
        *counts.domains.entry(spec.domain.clone()).or_default() += 1;
        let class = match arena.isolation() {
            Isolation::Shared => "shared",
            Isolation::Private => "private",
        };
        *counts.classes.entry(class.to_owned()).or_default() += 1;
    }
    counts
}

fn layers(engine: &Engine) -> Vec<Layer> {
    let layers = &engine.python.protections().layers;
    layers.iter().map(|layer| Layer { layer: layer.layer.clone(), missing: layer.missing.clone() }).collect()
}

/// The policy table, where the files are, and whether the yardsticks hold.
fn print(summary: &RunSummary, folder: &RunFolder, context: &Context) -> anyhow::Result<ExitStatus> {
    let printer = context.printer;
    if printer.json {
        let comparisons = summary.training.as_ref().map(|training| &training.comparisons);
        let elsewhere = summary.training.as_ref().map(|training| &training.out_of_distribution);
        printer.json(&json!({
            "out": folder.path(), "policies": summary.policies, "funnel": summary.funnel, "comparisons": comparisons,
            "out_of_distribution": elsewhere,
        }))?;
    } else {
        let rows = summary.policies.iter().map(|(name, numbers)| (name.as_str(), numbers));
        printer.data(policy_table(rows).to_string())?;
        printer.say("mean [95 % bootstrap interval]; default and dump on answerable arenas");
        for compared in summary.training.iter().flat_map(|training| &training.comparisons) {
            printer.data(compared.to_string())?;
        }
        if let Some(training) = &summary.training {
            let rows = training.out_of_distribution.iter().map(|(name, numbers)| (name.as_str(), numbers));
            printer.data(policy_table(rows).to_string())?;
            printer.say("the same in arenas of another kind, which language models wrote");
        }
        for file in ["report.html", "summary.json", "arenas"] {
            printer.data(folder.join(file).display().to_string())?;
        }
    }
    let oracle = summary.policies.get("oracle").and_then(|numbers| numbers.all.f1);
    // No call of the oracle is ever counted that a gold call does not need, so its mean has no rounding either.
    if oracle.is_some_and(|f1| f1 >= 1.0) {
        return Ok(ExitStatus::Done);
    }
    printer.warn("the oracle did not earn exactly 1: the arenas or the scorer are unsound");
    Ok(ExitStatus::WeFailed)
}
