//! `astra envs decompose|check|build|merge|run`: arenas from knowledge, questions and domains, with language models.
//!
//! ```text
//! OUT/1-decomposed  ─►  OUT/2-checked  ─►  OUT/3-built  ─►  OUT/arenas      what `run` writes; each verb writes one of them
//! ```
//!
//! Each stage is a data set of its own with a funnel in `summary.json`. What failed or waits for batch answers is tried again
//! with `--resume`; what was asked before comes from the journal.

mod arguments;
mod funnel;

pub(crate) use arguments::{
    BuildArguments, CheckArguments, DecomposeArguments, MergeArguments, RunArguments,
};

use crate::failure::{ExitStatus, InputError};
use crate::interrupt::Interrupt;
use crate::publish::Bar;
use crate::settings::{Models, Role};
use crate::{Context, asking};
use arguments::{HowArguments, JudgeArguments, SourceArguments};
use astra_agent::models::{Asking, Journal, Model, ModelError, Spent};
use astra_arena::gates::Gatekeeper;
use astra_environments::synthesis::{
    Asker, Builder, Built, Checked, Decomposed, Ended, Prompts, Source, Threshold, check, decompose, merge,
};
use astra_protocol::{ArenaSpec, ContentId, content_id};
use astra_store::{
    Ended as StageEnded, Existing, FieldError, Input, Manifest, Outcome, Stage, StageOptions, StoreError,
    parse_json, plan_stage, read_records, run_stage,
};
use funnel::{Estimate, StageFunnel};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The stages, in order, with the role that each plays and what it asks.
const STAGES: [(&str, Role, &[&str]); 4] = [
    ("decompose", Role::Teacher, &["decompose"]),
    ("check", Role::Judge, &["necessity", "verify"]),
    ("build", Role::Coder, &["documents", "scale", "calls", "code"]),
    ("merge", Role::Coder, &["cluster", "merge"]),
];

/// `astra envs decompose`.
pub(crate) fn run_decompose(arguments: &DecomposeArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let run = Run::begin(&arguments.how, context)?;
    let ended = run.decompose(&arguments.source, &arguments.out)?;
    run.end(&ended)
}

/// `astra envs check`.
pub(crate) fn run_check(arguments: &CheckArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let run = Run::begin(&arguments.how, context)?;
    let ended = run.check(&arguments.dir, &arguments.judge, &arguments.out)?;
    run.end(&ended)
}

/// `astra envs build`.
pub(crate) fn run_build(arguments: &BuildArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let run = Run::begin(&arguments.how, context)?;
    let ended = run.build(&arguments.dir, arguments.threshold.read()?, &arguments.out)?;
    run.end(&ended)
}

/// `astra envs merge`.
pub(crate) fn run_merge(arguments: &MergeArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let run = Run::begin(&arguments.how, context)?;
    let ended = run.merge(&arguments.dir, &arguments.out)?;
    run.end(&ended)
}

/// `astra envs run`: every stage after the other, as far as records have come.
pub(crate) fn run_all(arguments: &RunArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let threshold = arguments.threshold.read()?;
    let run = Run::begin(&arguments.how, context)?;
    let folder = |name: &str| arguments.out.join(name);
    if arguments.how.dry_run {
        return run.estimate(&arguments.source, arguments.judge.judges, &folder("1-decomposed"));
    }
    // Before anything is paid for.
    run.gates()?;
    let decomposed = run.decompose(&arguments.source, &folder("1-decomposed"))?;
    if decomposed.stops() {
        return run.end(&decomposed);
    }
    let checked = run.check(&folder("1-decomposed"), &arguments.judge, &folder("2-checked"))?;
    if checked.stops() {
        return run.end(&checked);
    }
    let unfinished = decomposed.failed + checked.failed;
    if unfinished > 0 && matches!(threshold, Threshold::Percentile(_)) {
        context.printer.warn(format!(
            "a percentile is known when every record is judged; {unfinished} are not, so nothing is built yet"
        ));
        return run.end(&StageEnd { failed: unfinished, ..checked });
    }
    let built = run.build(&folder("2-checked"), threshold, &folder("3-built"))?;
    if built.stops() {
        return run.end(&built);
    }
    let merged = run.merge(&folder("3-built"), &folder("arenas"))?;
    let failed = unfinished + built.failed + merged.failed;
    run.end(&StageEnd { failed, ..merged })
}

/// Roles that these commands play.
const PLAYED: [Role; 3] = [Role::Teacher, Role::Coder, Role::Judge];

/// What a command asks with.
struct Run<'a> {
    how: &'a HowArguments,
    context: &'a Context,
    interrupt: Interrupt,
    /// Opened once each, by name.
    models: Vec<Model>,
    /// Which of them plays teacher, coder and judge.
    roles: [usize; 3],
    prompts: Prompts,
    gates: OnceLock<Gatekeeper>,
    /// Why no other record can succeed.
    over: Mutex<Option<ModelError>>,
}

/// How a stage ended.
#[derive(Clone, Copy, Debug)]
struct StageEnd {
    failed: u64,
    ended: StageEnded,
}

impl StageEnd {
    /// Whether later stages have to wait for another run.
    fn stops(self) -> bool {
        self.ended == StageEnded::Stopped
    }
}

impl<'a> Run<'a> {
    fn begin(how: &'a HowArguments, context: &'a Context) -> anyhow::Result<Self> {
        let interrupt = Interrupt::install()?;
        let settings = &context.settings.models;
        let journal =
            Journal::open(&context.settings.journal).map_err(|what| ModelError::Journal { what })?;
        let asking = Asking { journal: Arc::new(journal), offline: how.offline, stop: interrupt.shared() };
        let mut models: Vec<Model> = Vec::new();
        let mut roles = [0; 3];
        for (at, role) in PLAYED.into_iter().enumerate() {
            let name = player_of(role, settings)?;
            roles[at] = if let Some(known) = models.iter().position(|model| model.name() == name) {
                known
            } else {
                models.push(asking::open(name, &asking, context)?);
                models.len() - 1
            };
        }
        Ok(Self {
            how,
            context,
            interrupt,
            models,
            roles,
            prompts: Prompts::load(how.prompts.as_deref())?,
            gates: OnceLock::new(),
            over: Mutex::default(),
        })
    }

    /// The gates, which cost an interpreter.
    fn gates(&self) -> anyhow::Result<&Gatekeeper> {
        if let Some(made) = self.gates.get() {
            return Ok(made);
        }
        let (_, made) = crate::engine::gatekeeper(self.context)?;
        Ok(self.gates.get_or_init(|| made))
    }

    /// Says about what a whole run would take.
    fn estimate(&self, arguments: &SourceArguments, judges: u32, out: &Path) -> anyhow::Result<ExitStatus> {
        arguments.wish()?;
        let plan = plan_stage(sources(arguments)?.into_iter().map(Ok), &self.options(out))?;
        let stages = STAGES.iter().map(|(stage, role, _)| {
            let times = if *role == Role::Judge { judges } else { 1 };
            Estimate::of(stage, self.player(*role).settings(), plan.inputs * u64::from(times))
        });
        let all: Estimate = stages.sum();
        self.context.printer.data(format!(
            "{} records, {} to decompose; from there to arenas about {all} where every answer is good",
            plan.inputs, plan.to_do
        ))?;
        Ok(ExitStatus::Done)
    }

    fn decompose(&self, arguments: &SourceArguments, out: &Path) -> anyhow::Result<StageEnd> {
        let wish = arguments.wish()?;
        let inputs = sources(arguments)?;
        if self.how.dry_run {
            return self.plan(("decompose", 1), inputs.into_iter().map(Ok), out);
        }
        let id = content_id(&json!(inputs.iter().map(|input| &input.id).collect::<Vec<_>>()));
        let stage = self.stage("decompose", &json!({"wish": wish}), &[("sources", id)]);
        self.map("decompose", inputs.into_iter().map(Ok), &stage, out, |asker, (source, repeat)| {
            accepted(decompose(source, *repeat, wish, asker))
        })
    }

    fn check(&self, dir: &Path, arguments: &JudgeArguments, out: &Path) -> anyhow::Result<StageEnd> {
        let samples = arguments.judges;
        let inputs = self.records(&Upstream::of(dir, "decompose")?, id_of)?;
        if self.how.dry_run {
            return self.plan(("check", samples), inputs, out);
        }
        let stage = self.stage("check", &json!({"judges": samples}), &[]);
        self.map("check", inputs, &stage, out, |asker, record| accepted(check(record, samples, asker)))
    }

    fn build(&self, dir: &Path, threshold: Threshold, out: &Path) -> anyhow::Result<StageEnd> {
        let id = |record: &Checked| id_of(&record.decomposed);
        let checked = Upstream::of(dir, "check")?;
        if checked.failed > 0 && matches!(threshold, Threshold::Percentile(_)) {
            let error = format!("{}: {} records are not judged", dir.display(), checked.failed);
            return Err(InputError::new(error)
                .hint("a percentile is known when every record is: run `astra envs check` with `--resume` first")
                .hint("or give a `--threshold`, which needs no other record")
                .into());
        }
        let inputs = self.records(&checked, id)?;
        if self.how.dry_run {
            return self.plan(("build", 1), inputs, out);
        }
        let gates = self.gates()?;
        let qualities: Vec<f64> = read::<Checked>(&checked)?
            .map(|record| Ok(record?.judgement.quality))
            .collect::<Result<_, StoreError>>()?;
        let eligible = threshold.over(&qualities);
        let stage = self.stage("build", &json!({"eligible": eligible}), &[]);
        self.map("build", inputs, &stage, out, |asker, record| match eligible.problem(record) {
            Some(why) => Outcome::Rejected { why },
            None => accepted(Builder { asker, gates }.build(record)),
        })
    }

    fn merge(&self, dir: &Path, out: &Path) -> anyhow::Result<StageEnd> {
        let inputs =
            self.records(&Upstream::of(dir, "build")?, |record: &Built| id_of(&record.checked.decomposed))?;
        if self.how.dry_run {
            return self.plan(("merge", 1), inputs, out);
        }
        let gates = self.gates()?;
        let stage = self.stage("merge", &json!({}), &[]);
        self.map("merge", inputs, &stage, out, |asker, record| {
            accepted::<ArenaSpec>(merge(record, &Builder { asker, gates }))
        })
    }

    /// The records of an earlier stage, named as their source; says what is missing among them.
    fn records<T: DeserializeOwned, F: Fn(&T) -> String>(
        &self,
        from: &Upstream,
        id: F,
    ) -> Result<impl Iterator<Item = Result<Input<T>, StoreError>> + use<T, F>, StoreError> {
        if from.failed > 0 {
            let Upstream { failed, dir, .. } = from;
            self.context
                .printer
                .warn(format!("{failed} records failed in {} and are left out for now", dir.display()));
        }
        Ok(read(from)?.map(move |record| {
            let value = record?;
            Ok(Input { id: id(&value), value })
        }))
    }

    /// What shapes a stage's records.
    fn stage(&self, name: &str, settings: &Json, inputs: &[(&str, ContentId)]) -> Stage {
        let models: BTreeMap<&str, Json> = PLAYED
            .into_iter()
            .map(Role::name)
            .zip(self.roles)
            .map(|(role, at)| {
                let settings = self.models[at].settings();
                let shape = json!({
                    "model": settings.model, "sampling": settings.sampling, "extra_body": settings.extra_body,
                    "structure": settings.structure,
                });
                (role, shape)
            })
            .collect();
        let mut stage = Stage::new(
            format!("envs {name}"),
            json!({
                "settings": settings, "tries": self.how.tries, "models": models,
                "seed": self.context.settings.seed,
                "conditions": crate::commands::arenas::check::limits_of(&self.context.settings.to_json()),
            }),
        );
        stage.prompts = self.prompts.versions(prompts_of(name));
        stage.inputs = inputs.iter().map(|(name, id)| ((*name).to_owned(), id.0.clone())).collect();
        stage
    }

    /// Says what is to do in a stage whose questions are asked so many times.
    fn plan<I>(
        &self,
        (name, times): (&str, u32),
        inputs: impl Iterator<Item = Result<Input<I>, StoreError>>,
        out: &Path,
    ) -> anyhow::Result<StageEnd> {
        let plan = plan_stage(inputs, &self.options(out))?;
        let role = STAGES.iter().find(|(stage, _, _)| *stage == name).map_or(Role::Teacher, |stage| stage.1);
        let estimate = Estimate::of(name, self.player(role).settings(), plan.to_do * u64::from(times));
        self.context
            .printer
            .data(format!("{name}: {} records, {} to do, about {estimate}", plan.inputs, plan.to_do))?;
        Ok(StageEnd { failed: 0, ended: StageEnded::Complete })
    }

    /// Runs a stage.
    fn map<I, O, W>(
        &self,
        name: &'static str,
        inputs: impl Iterator<Item = Result<Input<I>, StoreError>>,
        stage: &Stage,
        out: &Path,
        worker: W,
    ) -> anyhow::Result<StageEnd>
    where
        I: Send,
        O: Serialize,
        W: Fn(&Asker<'_>, &I) -> Outcome<O> + Sync,
    {
        let options = self.options(out);
        let give_up = |error: &ModelError| {
            let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
            over.get_or_insert_with(|| error.clone());
            self.interrupt.stop();
        };
        let [teacher, coder, judge] = self.roles.map(|at| &self.models[at]);
        let mut asker =
            Asker::new([teacher, coder, judge], &self.prompts, usize::from(self.how.tries), &give_up);
        // Seed 0, the default, asks as if there were none: not every endpoint takes one.
        asker.seed = (self.context.settings.seed != 0).then_some(self.context.settings.seed);
        let mut bar = Bar::done(self.context.printer, name);
        let summary = run_stage(inputs, stage, &options, &mut bar, |input| worker(&asker, input))?;
        drop(bar);
        let spent = self.models.iter().flat_map(Model::stages);
        let spent = spent.filter(|(prompt, _)| prompts_of(name).contains(&prompt.as_str()));
        StageFunnel::of(name, &summary, spent.collect(), &options)?.tell(self.context.printer)?;
        Ok(StageEnd { failed: summary.tally.failed, ended: summary.ended })
    }

    fn options(&self, out: &Path) -> StageOptions<'_> {
        StageOptions {
            concurrency: self.how.concurrency,
            limit: self.how.limit,
            shard: self.how.shard,
            existing: if self.how.resume { Existing::Resume } else { Existing::Refuse },
            revision: crate::embedded::revision(),
            stop: Some(self.interrupt.flag()),
            ..StageOptions::new(out)
        }
    }

    fn player(&self, role: Role) -> &Model {
        &self.models[self.roles[PLAYED.iter().position(|played| *played == role).unwrap_or(0)]]
    }

    /// Says what is left to do.
    fn end(&self, last: &StageEnd) -> anyhow::Result<ExitStatus> {
        let printer = self.context.printer;
        for model in &self.models {
            let Spent { answers, replayed, input_tokens, output_tokens, cost, .. } = model.spent();
            if answers > 0 {
                printer.say(format!(
                    "{}: {answers} answers, {replayed} of them known; {input_tokens} tokens read, {output_tokens} written, cost {cost:.4}",
                    model.name()
                ));
            }
        }
        let mut waiting = 0;
        for batch in self.models.iter().filter_map(Model::batch) {
            if let Some(file) = batch.write().map_err(|what| ModelError::Journal { what })? {
                waiting += batch.waiting();
                printer.say(format!("{} requests wait in {}", batch.waiting(), file.display()));
            }
        }
        if let Some(error) = self.over.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return if error == ModelError::Stopped {
                Ok(ExitStatus::Interrupted)
            } else {
                Err(error.into())
            };
        }
        if last.stops() {
            printer.warn("stopped; the same command with `--resume` continues");
            return Ok(ExitStatus::Interrupted);
        }
        if waiting > 0 {
            printer.hint(
                "put the answers beside them as a .jsonl file, and run the same command with `--resume`",
            );
            return Ok(ExitStatus::Waiting);
        }
        if last.failed > 0 {
            printer.warn(format!("{} records failed; `failed.jsonl` says why", last.failed));
            printer.hint(if self.how.offline {
                "without `--offline` (and with `--resume`) the models are asked for what the journal lacks"
            } else {
                "the same command with `--resume` tries them again"
            });
            return Ok(ExitStatus::InputFailed);
        }
        Ok(ExitStatus::Done)
    }
}

/// The model that plays a role.
fn player_of(role: Role, models: &Models) -> Result<&str, InputError> {
    if models.models.is_empty() {
        return Err(asking::none());
    }
    models.of(role).map(|(name, _)| name).ok_or_else(|| {
        InputError::new(format!("no model plays the role `{}`", role.name()))
            .hint(format!("add `{} = \"NAME\"` to `[roles]` in astra.toml", role.name()))
    })
}

/// What questions are made from, as inputs of the first stage.
fn sources(arguments: &SourceArguments) -> anyhow::Result<Vec<Input<(Source, u32)>>> {
    let sources = arguments.read()?.into_iter();
    Ok(sources
        .flat_map(|source| (0..arguments.repeats).map(move |repeat| (source.clone(), repeat)))
        .map(|value| Input { id: format!("{}/{}", value.0.id().0, value.1), value })
        .collect())
}

fn prompts_of(stage: &str) -> &'static [&'static str] {
    STAGES.iter().find(|(name, _, _)| *name == stage).map_or(&[], |(_, _, prompts)| prompts)
}

/// What an earlier stage left: the parts that its manifests name, from every shard that is there.
struct Upstream {
    dir: PathBuf,
    parts: Vec<PathBuf>,
    /// Records that are neither accepted nor rejected yet.
    failed: u64,
}

impl Upstream {
    fn of(dir: &Path, stage: &str) -> anyhow::Result<Self> {
        let refused = |what: &str| {
            let error = InputError::new(format!("{}: {what}", dir.display()));
            Err(error
                .hint(format!("name the folder that `astra envs {stage}` wrote, once it is complete"))
                .into())
        };
        let Ok(entries) = std::fs::read_dir(dir) else { return refused("there is no such folder") };
        let mut names: Vec<String> = entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<std::io::Result<_>>()?;
        names.sort();
        let named = |start: &'static str, end: &'static str| {
            names.iter().filter(move |name| name.starts_with(start) && name.ends_with(end))
        };
        let mut finished = BTreeSet::new();
        let mut failed = 0;
        let mut complete = false;
        for name in named("manifest", ".json") {
            let manifest = Manifest::read(&dir.join(name))?;
            if manifest.stage.name != format!("envs {stage}") {
                return refused(&format!("this was made by `{}`", manifest.stage.name));
            }
            complete = true;
            failed += manifest.counts.failed;
            finished.extend(manifest.parts.into_iter().map(|part| part.name));
        }
        if !complete {
            return refused("there is no manifest.json here");
        }
        // A part of a shard that is still under way is no result, and without it the rest is not all.
        if let Some(part) = named("part-", ".jsonl").find(|part| !finished.contains(*part)) {
            return refused(&format!("no manifest names {part}, so a shard is unfinished"));
        }
        // A stage that accepted nothing leaves no part, and nothing is what comes of it.
        Ok(Self { dir: dir.to_owned(), parts: finished.iter().map(|name| dir.join(name)).collect(), failed })
    }
}

/// The records that an earlier stage accepted.
fn read<T: DeserializeOwned>(
    from: &Upstream,
) -> Result<impl Iterator<Item = Result<T, StoreError>> + use<T>, StoreError> {
    let mut all = Vec::new();
    for part in &from.parts {
        all.extend(read_records(part, parse_json::<T> as fn(&str) -> Result<_, FieldError>)?);
    }
    Ok(all.into_iter().map(|record| Ok(record?.value)))
}

fn id_of(record: &Decomposed) -> String {
    format!("{}/{}", record.source.id().0, record.repeat)
}

fn accepted<T>(made: Result<T, Ended>) -> Outcome<T> {
    match made {
        Ok(record) => Outcome::Accepted(record),
        Err(ended) => ended.outcome(),
    }
}
