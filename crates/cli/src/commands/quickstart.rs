//! `astra quickstart`: shipped tables → gated arenas → every policy plays them → summary and report.
//!
//! Stopped at any moment, the same command goes on where it was: the arenas resume, the policies are cheap.

use super::arenas::check::limits_of;
use super::envs::from_tables::{Order, exhausted, publish, read};
use crate::board::load;
use crate::engine::{Engine, gatekeeper};
use crate::failure::ExitStatus;
use crate::interrupt::Interrupt;
use crate::playing::{PolicyNumbers, Stage, options, policy_table};
use crate::report::{self, ArenaCounts, Conversation, Layer, RunSummary, SUMMARY_VERSION, Versions};
use crate::{Context, source};
use astra_arena::Arena;
use astra_environments::GenerateOptions;
use astra_eval::{BuiltinPolicy, Played};
use astra_sandbox::Isolation;
use astra_store::{Ended, Existing, RunFolder, RunSettings};
use clap::Args;
use indexmap::IndexMap;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;

/// Arguments of `quickstart`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra quickstart --out first-run --count 240")]
pub(crate) struct QuickstartArguments {
    /// Folder for the run
    #[arg(long, value_name = "DIR", default_value = "astra-quickstart")]
    out: PathBuf,
    /// Arenas wanted
    #[arg(long, value_name = "N", default_value_t = 240)]
    count: u64,
    /// Folder of CSV files or name of a shipped group; all shipped groups without it
    #[arg(long, value_name = "DIR")]
    tables: Option<PathBuf>,
}

/// Runs the whole path.
pub(crate) fn run(arguments: &QuickstartArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let tables = read(arguments.tables.as_deref())?;
    let settings = json!({
        "count": arguments.count, "tables": tables.id, "sandbox": limits_of(&context.settings.to_json()),
        "episode": context.settings.episode,
    });
    let run_settings = RunSettings {
        command: "quickstart".to_owned(),
        settings: settings.clone(),
        seed: context.settings.seed,
        revision: crate::embedded::revision(),
    };
    let folder = RunFolder::at(&arguments.out, &run_settings)?;
    let interrupt = Interrupt::install()?;
    let (engine, gatekeeper) = gatekeeper(context)?;
    let arenas_folder = folder.join("arenas");
    let order = Order {
        tables: &tables,
        count: arguments.count,
        draw: GenerateOptions { seed: context.settings.seed, ..GenerateOptions::default() },
        out: &arenas_folder,
        existing: Existing::Resume,
    };
    let (funnel, ended) = publish(&order, &gatekeeper, &interrupt, context)?;
    match ended {
        Ended::Complete => {}
        Ended::Stopped => return Ok(stopped(context)),
        Ended::Exhausted => return Err(exhausted(&funnel, arguments.count).into()),
    }
    funnel.lines().iter().for_each(|line| context.printer.say(line));
    let records = source::all(&arenas_folder, None, false)?;
    let arenas = load(&records, &engine, context)?;
    let Some((policies, episode)) = play_all(&arenas, &engine, &interrupt, context)? else {
        return Ok(stopped(context));
    };
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
        arenas: count(&arenas),
        funnel,
        policies,
        sandbox: layers(&engine),
        episode,
    };
    report::write(folder.path(), &summary)?;
    print(&summary, &folder, context)
}

fn stopped(context: &Context) -> ExitStatus {
    context.printer.warn("stopped; the same command continues");
    ExitStatus::Interrupted
}

type Results = (IndexMap<String, PolicyNumbers>, Option<Conversation>);

/// Every policy over the arenas; nothing when it was stopped.
fn play_all(
    arenas: &[Arc<Arena>],
    engine: &Engine,
    interrupt: &Interrupt,
    context: &Context,
) -> anyhow::Result<Option<Results>> {
    let options = options(&context.settings, 1, None);
    let stage = Stage { engine, options: &options, pool: None, interrupt, printer: context.printer };
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
            episode = most_telling(&played).map(Conversation::of);
        }
        policies.insert(policy.as_str().to_owned(), PolicyNumbers::of(&played));
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
        printer
            .json(&json!({"out": folder.path(), "policies": summary.policies, "funnel": summary.funnel}))?;
    } else {
        let rows = summary.policies.iter().map(|(name, numbers)| (name.as_str(), numbers));
        printer.data(policy_table(rows).to_string())?;
        printer.say("mean [95 % bootstrap interval]; default and dump on answerable arenas");
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
