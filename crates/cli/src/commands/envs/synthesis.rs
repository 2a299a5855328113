//! `astra envs decompose|check|build|merge|run`: arenas from knowledge, questions and domains, with language models.
//!
//! ```text
//! OUT/1-decomposed  ─►  OUT/2-checked  ─►  OUT/3-built  ─►  OUT/arenas      what `run` writes; each verb writes one of them
//! ```
//!
//! Each stage is a data set of its own with a funnel in `summary.json`. What failed or waits for batch answers is tried again
//! with `--resume`; what was asked before comes from the journal.

use crate::failure::{ExitStatus, InputError};
use crate::interrupt::Interrupt;
use crate::publish::Bar;
use crate::settings::{Models, Role};
use crate::{Context, asking};
use astra_agent::models::{Asking, Journal, Model, ModelError, Spent};
use astra_arena::gates::Gatekeeper;
use astra_environments::Language;
use astra_environments::synthesis::{
    Asker, Builder, Built, Checked, Decomposed, Ended, Prompts, Source, Threshold, Wish, check, decompose,
    merge,
};
use astra_protocol::{ArenaSpec, ContentId, Topology, content_id};
use astra_store::{
    Ended as StageEnded, Existing, FieldError, Input, Outcome, Shard, Stage, StageOptions, StoreError,
    Summary, arena_files, parse_json, plan_stage, read_records, run_stage,
};
use clap::Args;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Answers that a record takes in each stage, about, where every one is good; for `--dry-run`.
const ANSWERS: [(&str, u64); 4] = [("decompose", 1), ("check", 2), ("build", 4), ("merge", 2)];

/// How models are asked, and what is done of the inputs.
#[derive(Args, Debug)]
pub(crate) struct HowArguments {
    /// Ask nobody: answers come from the journal and from batch files
    #[arg(long)]
    offline: bool,
    /// Folder of prompt templates (NAME.md) that replace the shipped ones
    #[arg(long, value_name = "DIR")]
    prompts: Option<PathBuf>,
    /// Times that a model is asked for one thing, with what was wrong before
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    tries: u16,
    /// Records worked on at a time
    #[arg(long, value_name = "N", default_value = "32")]
    concurrency: NonZeroUsize,
    /// Only the first N records
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Only this share of the records, e.g. 0/4 on the first of four machines
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Continue an earlier run: what failed or waited is tried again
    #[arg(long)]
    resume: bool,
    /// Say how many records there are and about how many answers they take, and ask nothing
    #[arg(long)]
    dry_run: bool,
}

/// What questions are made from.
#[derive(Args, Debug)]
pub(crate) struct SourceArguments {
    /// JSON Lines with `domain` and, where there are any, `knowledge_corpus`, `question`, `answer`; or a taxonomy (.json file, or a
    /// folder of them)
    sources: Vec<PathBuf>,
    /// A domain by its name, instead of files
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,
    /// What that domain is about
    #[arg(long, value_name = "TEXT", requires = "domain")]
    description: Option<String>,
    /// Language to write in; without it that of the source
    #[arg(long, value_name = "CODE", value_enum)]
    language: Option<LanguageName>,
    /// Fewest steps after each other
    #[arg(long, value_name = "N", default_value_t = 2)]
    min_hops: usize,
    /// Most steps after each other
    #[arg(long, value_name = "N", default_value_t = 4)]
    max_hops: usize,
    /// Topology wanted: `single_hop`, `parallel_single_hop`, `multi_hop`, `parallel_multi_hop`; any without it
    #[arg(long, value_name = "NAME", value_parser = topology)]
    topology: Option<Topology>,
    /// Questions from each source
    #[arg(long, value_name = "N", default_value_t = 1)]
    repeats: u32,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum LanguageName {
    En,
    Zh,
}

/// How decompositions are judged, and which of them are used.
#[derive(Args, Debug)]
pub(crate) struct JudgeArguments {
    /// Judgements of each kind; a verdict needs more than half of them
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    judges: u32,
}

/// Which judged records are used.
#[derive(Args, Debug)]
#[group(multiple = false)]
pub(crate) struct ThresholdArguments {
    /// Least quality, from 0 to 1 [default: 1]
    #[arg(long, value_name = "Q")]
    threshold: Option<f64>,
    /// Instead: the quality below which this percentage of the judged records lies
    #[arg(long, value_name = "P")]
    percentile: Option<f64>,
}

/// Arguments of `decompose`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra envs decompose knowledge.jsonl --out decomposed")]
pub(crate) struct DecomposeArguments {
    #[command(flatten)]
    source: SourceArguments,
    /// Folder for the data set
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    how: HowArguments,
}

/// Arguments of `check`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra envs check decomposed --judges 3 --out checked")]
pub(crate) struct CheckArguments {
    /// What `envs decompose` wrote
    dir: PathBuf,
    #[command(flatten)]
    judge: JudgeArguments,
    /// Folder for the data set
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    how: HowArguments,
}

/// Arguments of `build`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra envs build checked --percentile 90 --out built")]
pub(crate) struct BuildArguments {
    /// What `envs check` wrote
    dir: PathBuf,
    #[command(flatten)]
    threshold: ThresholdArguments,
    /// Folder for the data set
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    how: HowArguments,
}

/// Arguments of `merge`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra envs merge built --out arenas")]
pub(crate) struct MergeArguments {
    /// What `envs build` wrote
    dir: PathBuf,
    /// Folder for the arenas
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    how: HowArguments,
}

/// Arguments of `run`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra envs run knowledge.jsonl --out environments")]
pub(crate) struct RunArguments {
    #[command(flatten)]
    source: SourceArguments,
    #[command(flatten)]
    judge: JudgeArguments,
    #[command(flatten)]
    threshold: ThresholdArguments,
    /// Folder for all stages; the arenas are in `DIR/arenas`
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    how: HowArguments,
}

fn topology(name: &str) -> Result<Topology, String> {
    serde_json::from_value(json!(name))
        .map_err(|_| "expected single_hop, parallel_single_hop, multi_hop or parallel_multi_hop".to_owned())
}

/// `astra envs decompose`.
pub(crate) fn run_decompose(arguments: &DecomposeArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let run = Run::begin(&arguments.how, false, context)?;
    let ended = run.decompose(&arguments.source, &arguments.out)?;
    run.end(&ended)
}

/// `astra envs check`.
pub(crate) fn run_check(arguments: &CheckArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let run = Run::begin(&arguments.how, false, context)?;
    let ended = run.check(&arguments.dir, &arguments.judge, &arguments.out)?;
    run.end(&ended)
}

/// `astra envs build`.
pub(crate) fn run_build(arguments: &BuildArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let run = Run::begin(&arguments.how, true, context)?;
    let ended = run.build(&arguments.dir, arguments.threshold.read()?, &arguments.out)?;
    run.end(&ended)
}

/// `astra envs merge`.
pub(crate) fn run_merge(arguments: &MergeArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let run = Run::begin(&arguments.how, true, context)?;
    let ended = run.merge(&arguments.dir, &arguments.out)?;
    run.end(&ended)
}

/// `astra envs run`: every stage after the other, as far as records have come.
pub(crate) fn run_all(arguments: &RunArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let threshold = arguments.threshold.read()?;
    let run = Run::begin(&arguments.how, true, context)?;
    let folder = |name: &str| arguments.out.join(name);
    let decomposed = run.decompose(&arguments.source, &folder("1-decomposed"))?;
    if decomposed.stops() || arguments.how.dry_run {
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
        return run.end(&checked);
    }
    let built = run.build(&folder("2-checked"), threshold, &folder("3-built"))?;
    if built.stops() {
        return run.end(&built);
    }
    let merged = run.merge(&folder("3-built"), &folder("arenas"))?;
    let failed = unfinished + built.failed + merged.failed;
    run.end(&StageEnd { failed, ..merged })
}

impl ThresholdArguments {
    fn read(&self) -> Result<Threshold, InputError> {
        match (self.threshold, self.percentile) {
            (Some(quality), _) if !(0.0..=1.0).contains(&quality) => {
                Err(InputError::new(format!("`--threshold {quality}`: expected a number from 0 to 1")))
            }
            (_, Some(percentile)) if !(0.0..=100.0).contains(&percentile) => {
                Err(InputError::new(format!("`--percentile {percentile}`: expected a number from 0 to 100")))
            }
            (_, Some(percentile)) => Ok(Threshold::Percentile(percentile)),
            (quality, None) => Ok(Threshold::Quality(quality.unwrap_or(1.0))),
        }
    }
}

impl SourceArguments {
    fn wish(&self) -> Result<Wish, InputError> {
        if self.min_hops == 0 || self.min_hops > self.max_hops {
            let (least, most) = (self.min_hops, self.max_hops);
            return Err(InputError::new(format!(
                "`--min-hops {least}` and `--max-hops {most}` leave nothing"
            ))
            .hint("give a range such as `--min-hops 2 --max-hops 4`"));
        }
        Ok(Wish { min_hops: self.min_hops, max_hops: self.max_hops, topology: self.topology })
    }

    /// All sources, in the order of the files.
    fn read(&self) -> anyhow::Result<Vec<Source>> {
        let language = self.language.map(|name| match name {
            LanguageName::En => Language::English,
            LanguageName::Zh => Language::Chinese,
        });
        let mut sources = Vec::new();
        if let Some(domain) = &self.domain {
            let mut record = Map::new();
            record.insert("domain".to_owned(), json!(domain));
            record.insert("description".to_owned(), json!(self.description));
            let source = Source::read(&record, language);
            sources.push(source.map_err(|(field, what)| InputError::new(format!("`--{field}` {what}")))?);
        }
        for path in &self.sources {
            read_source(path, language, &mut sources)?;
        }
        if sources.is_empty() {
            return Err(InputError::new("there is nothing to make questions from")
                .hint("name a file of knowledge or questions, or give `--domain NAME`")
                .into());
        }
        Ok(sources)
    }
}

/// The sources of a file, or of the taxonomies of a folder.
fn read_source(path: &Path, language: Option<Language>, sources: &mut Vec<Source>) -> anyhow::Result<()> {
    let is_taxonomy = |path: &Path| path.extension().is_some_and(|extension| extension == "json");
    if path.is_dir() {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
        files.retain(|file| is_taxonomy(file));
        files.sort();
        if files.is_empty() {
            let error = InputError::new(format!("{}: there is no taxonomy (.json) here", path.display()));
            return Err(error
                .hint("a folder is read as taxonomies; name a .jsonl file for other sources")
                .into());
        }
        return files.iter().try_for_each(|file| read_source(file, language, sources));
    }
    if is_taxonomy(path) {
        let text = std::fs::read_to_string(path)
            .map_err(|error| InputError::new(format!("{}: {error}", path.display())))?;
        let tree: Json = serde_json::from_str(&text)
            .map_err(|error| InputError::new(format!("{}:{}: {error}", path.display(), error.line())))?;
        let base = path.file_stem().unwrap_or_default().to_string_lossy();
        let leaves = Source::taxonomy(&base, &tree, language);
        if leaves.is_empty() {
            let error = InputError::new(format!("{}: there is no leaf in this taxonomy", path.display()));
            return Err(error.hint("a leaf is an object with `description` and `examples`").into());
        }
        sources.extend(leaves);
        return Ok(());
    }
    for record in read_records(path, parse_json::<Map<String, Json>> as fn(&str) -> Result<_, FieldError>)? {
        let record = record?;
        let source = Source::read(&record.value, language).map_err(|(field, what)| {
            InputError::new(format!("{}:{}: field `{field}`: {what}", path.display(), record.line)).hint(
                "a line has `domain` and, where there are any, `knowledge_corpus`, `question`, `answer`",
            )
        })?;
        sources.push(source);
    }
    Ok(())
}

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
    gates: Option<Gatekeeper>,
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

/// What became of a stage's records.
#[derive(Debug, Serialize)]
struct StageFunnel<'s> {
    stage: &'s str,
    records: u64,
    accepted: u64,
    rejected: BTreeMap<String, u64>,
    failed: BTreeMap<String, u64>,
    /// What this run spent, by kind of question.
    spent: BTreeMap<String, Spent>,
}

#[derive(Deserialize)]
struct FailedLine {
    boundary: String,
}

impl<'a> Run<'a> {
    fn begin(how: &'a HowArguments, needs_gates: bool, context: &'a Context) -> anyhow::Result<Self> {
        let interrupt = Interrupt::install()?;
        let settings = &context.settings.models;
        let journal =
            Journal::open(&context.settings.journal).map_err(|what| ModelError::Journal { what })?;
        let asking = Asking { journal: Arc::new(journal), offline: how.offline, stop: interrupt.shared() };
        let mut models: Vec<Model> = Vec::new();
        let mut roles = [0; 3];
        for (at, role) in [Role::Teacher, Role::Coder, Role::Judge].into_iter().enumerate() {
            let name = player_of(role, settings)?;
            roles[at] = if let Some(known) = models.iter().position(|model| model.name() == name) {
                known
            } else {
                models.push(asking::open(name, &asking, context)?);
                models.len() - 1
            };
        }
        let gates =
            if needs_gates && !how.dry_run { Some(crate::engine::gatekeeper(context)?.1) } else { None };
        Ok(Self {
            how,
            context,
            interrupt,
            models,
            roles,
            prompts: Prompts::load(how.prompts.as_deref())?,
            gates,
            over: Mutex::default(),
        })
    }

    fn decompose(&self, arguments: &SourceArguments, out: &Path) -> anyhow::Result<StageEnd> {
        let wish = arguments.wish()?;
        let sources = arguments.read()?;
        let inputs: Vec<Input<(Source, u32)>> = sources
            .into_iter()
            .flat_map(|source| (0..arguments.repeats).map(move |repeat| (source.clone(), repeat)))
            .map(|value| Input { id: format!("{}/{}", value.0.id().0, value.1), value })
            .collect();
        let id = content_id(&json!(inputs.iter().map(|input| &input.id).collect::<Vec<_>>()));
        let stage = self.stage("envs decompose", &["decompose"], &json!({"wish": wish}), &[("sources", id)]);
        self.map("decompose", inputs.into_iter().map(Ok), &stage, out, |asker, (source, repeat)| {
            accepted(decompose(source, *repeat, wish, asker))
        })
    }

    fn check(&self, dir: &Path, arguments: &JudgeArguments, out: &Path) -> anyhow::Result<StageEnd> {
        let samples = arguments.judges;
        let stage = self.stage("envs check", &["necessity", "verify"], &json!({"judges": samples}), &[]);
        let inputs = records(dir, "envs decompose", |record: &Decomposed| id_of(record))?;
        self.map("check", inputs, &stage, out, |asker, record| accepted(check(record, samples, asker)))
    }

    fn build(&self, dir: &Path, threshold: Threshold, out: &Path) -> anyhow::Result<StageEnd> {
        let id = |record: &Checked| id_of(&record.decomposed);
        let qualities: Vec<f64> = records(dir, "envs check", id)?
            .map(|record| Ok(record?.value.judgement.quality))
            .collect::<Result<_, StoreError>>()?;
        let eligible = threshold.over(&qualities);
        let prompts = ["documents", "scale", "calls", "code"];
        let stage = self.stage("envs build", &prompts, &json!({"eligible": eligible}), &[]);
        let inputs = records(dir, "envs check", id)?;
        self.map("build", inputs, &stage, out, |asker, record: &Checked| {
            match (eligible.problem(record), &self.gates) {
                (Some(why), _) => Outcome::Rejected { why },
                (None, Some(gates)) => accepted(Builder { asker, gates }.build(record)),
                (None, None) => unreachable_without_gates(),
            }
        })
    }

    fn merge(&self, dir: &Path, out: &Path) -> anyhow::Result<StageEnd> {
        let stage = self.stage("envs merge", &["cluster", "merge"], &json!({}), &[]);
        let inputs = records(dir, "envs build", |record: &Built| id_of(&record.checked.decomposed))?;
        self.map("merge", inputs, &stage, out, |asker, record: &Built| match &self.gates {
            Some(gates) => accepted::<ArenaSpec>(merge(record, &Builder { asker, gates })),
            None => unreachable_without_gates(),
        })
    }

    /// What shapes a stage's records.
    fn stage(&self, name: &str, prompts: &[&str], settings: &Json, inputs: &[(&str, ContentId)]) -> Stage {
        let models: BTreeMap<&str, Json> = ["teacher", "coder", "judge"]
            .into_iter()
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
            name,
            json!({
                "settings": settings, "tries": self.how.tries, "models": models,
                "conditions": crate::commands::arenas::check::limits_of(&self.context.settings.to_json()),
            }),
        );
        stage.prompts = self.prompts.versions(prompts);
        stage.inputs = inputs.iter().map(|(name, id)| ((*name).to_owned(), id.0.clone())).collect();
        stage
    }

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
        let options = StageOptions {
            concurrency: self.how.concurrency,
            limit: self.how.limit,
            shard: self.how.shard,
            existing: if self.how.resume { Existing::Resume } else { Existing::Refuse },
            revision: crate::embedded::revision(),
            stop: Some(self.interrupt.flag()),
            ..StageOptions::new(out)
        };
        if self.how.dry_run {
            let plan = plan_stage(inputs, &options)?;
            let answers: u64 =
                ANSWERS.iter().find(|(stage, _)| *stage == name).map_or(0, |(_, answers)| *answers);
            self.context.printer.data(format!(
                "{name}: {} records, {} to do, about {} answers",
                plan.inputs,
                plan.to_do,
                plan.to_do * answers
            ))?;
            return Ok(StageEnd { failed: 0, ended: StageEnded::Complete });
        }
        let give_up = |error: &ModelError| {
            let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
            over.get_or_insert_with(|| error.clone());
            self.interrupt.stop();
        };
        let [teacher, coder, judge] = self.roles.map(|at| &self.models[at]);
        let asker = Asker::new([teacher, coder, judge], &self.prompts, usize::from(self.how.tries), &give_up);
        let mut bar = Bar::done(self.context.printer, name);
        let summary = run_stage(inputs, stage, &options, &mut bar, |input| worker(&asker, input))?;
        drop(bar);
        self.tell(name, &summary, out)?;
        Ok(StageEnd { failed: summary.tally.failed, ended: summary.ended })
    }

    /// Prints the funnel of a stage and keeps it beside the manifest.
    fn tell(&self, stage: &str, summary: &Summary, out: &Path) -> anyhow::Result<()> {
        let mut failed: BTreeMap<String, u64> = BTreeMap::new();
        let file = out.join("failed.jsonl");
        if summary.tally.failed > 0 && file.exists() {
            for line in
                read_records(&file, parse_json::<FailedLine> as fn(&str) -> Result<FailedLine, FieldError>)?
            {
                *failed.entry(line?.value.boundary).or_default() += 1;
            }
        }
        let mut spent: BTreeMap<String, Spent> = BTreeMap::new();
        for model in &self.models {
            spent.extend(model.stages());
        }
        let funnel = StageFunnel {
            stage,
            records: summary.tally.done(),
            accepted: summary.tally.accepted,
            rejected: summary.rejected_by.clone(),
            failed,
            spent,
        };
        std::fs::write(
            out.join("summary.json"),
            serde_json::to_string_pretty(&json!({"funnel": funnel}))? + "\n",
        )?;
        if self.context.printer.json {
            return self.context.printer.json(&funnel);
        }
        let StageFunnel { records, accepted, rejected, failed, .. } = &funnel;
        self.context.printer.data(format!("{stage}: {accepted} of {records} records"))?;
        for (reason, count) in rejected {
            self.context.printer.data(format!("  {count:>5} rejected: {reason}"))?;
        }
        for (boundary, count) in failed {
            self.context.printer.data(format!("  {count:>5} failed: {boundary}"))?;
        }
        Ok(())
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
            printer.hint("the same command with `--resume` tries them again");
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

/// The records of an earlier stage.
fn records<T: DeserializeOwned>(
    dir: &Path,
    stage: &str,
    id: impl Fn(&T) -> String,
) -> anyhow::Result<impl Iterator<Item = Result<Input<T>, StoreError>>> {
    if !dir.is_dir() {
        let error = InputError::new(format!("{}: there is no such folder", dir.display()));
        return Err(error.hint(format!("name what `astra {stage}` wrote")).into());
    }
    // A stage that accepted nothing leaves no part, and nothing is what comes of it.
    let files = if dir.join("part-00000.jsonl").exists() || !dir.join("manifest.json").exists() {
        arena_files(dir)?
    } else {
        Vec::new()
    };
    let mut inputs: Vec<Result<Input<T>, StoreError>> = Vec::new();
    for file in files {
        for record in read_records(&file, parse_json::<T> as fn(&str) -> Result<_, FieldError>)? {
            inputs.push(record.map(|record| Input { id: id(&record.value), value: record.value }));
        }
    }
    Ok(inputs.into_iter())
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

/// Gates are there whenever a stage that needs them runs; a record that met none would not be accepted.
fn unreachable_without_gates<T>() -> Outcome<T> {
    Outcome::Failed { boundary: astra_protocol::Boundary::Us, error: "there are no gates".to_owned() }
}
