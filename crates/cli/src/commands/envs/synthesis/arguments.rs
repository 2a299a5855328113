//! What the verbs take from the command line, and the sources that it names.

use crate::failure::InputError;
use astra_environments::Language;
use astra_environments::synthesis::{Source, Threshold, Wish};
use astra_protocol::Topology;
use astra_store::{FieldError, Shard, parse_json, read_records};
use clap::Args;
use serde_json::{Map, Value as Json, json};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// How models are asked, and what is done of the inputs.
#[derive(Args, Debug)]
pub(crate) struct HowArguments {
    /// Ask nobody: answers come from the journal and from batch files
    #[arg(long)]
    pub(super) offline: bool,
    /// Folder of prompt templates (NAME.md) that replace the shipped ones
    #[arg(long, value_name = "DIR")]
    pub(super) prompts: Option<PathBuf>,
    /// Times that a model is asked for one thing, with what was wrong before
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) tries: u16,
    /// Records worked on at a time
    #[arg(long, value_name = "N", default_value = "32")]
    pub(super) concurrency: NonZeroUsize,
    /// Only the first N records
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<u64>,
    /// Only this share of the records, e.g. 0/4 on the first of four machines
    #[arg(long, value_name = "I/N")]
    pub(super) shard: Option<Shard>,
    /// Continue an earlier run: what failed or waited is tried again
    #[arg(long)]
    pub(super) resume: bool,
    /// Say how many records there are and about what they cost, and ask nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// What questions are made from.
#[derive(Args, Debug)]
pub(crate) struct SourceArguments {
    /// JSON Lines with `domain` and, where there are any, `knowledge_corpus`, `question`, `answer`; or a taxonomy (.json file, or a
    /// folder of them)
    pub(super) sources: Vec<PathBuf>,
    /// A domain by its name, instead of files
    #[arg(long, value_name = "NAME")]
    pub(super) domain: Option<String>,
    /// What that domain is about
    #[arg(long, value_name = "TEXT", requires = "domain")]
    pub(super) description: Option<String>,
    /// Language to write in; without it that of the source
    #[arg(long, value_name = "CODE", value_enum)]
    pub(super) language: Option<LanguageName>,
    /// Fewest steps after each other
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(super) min_hops: usize,
    /// Most steps after each other
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(super) max_hops: usize,
    /// Topology wanted: `single_hop`, `parallel_single_hop`, `multi_hop`, `parallel_multi_hop`; any without it
    #[arg(long, value_name = "NAME", value_parser = topology)]
    pub(super) topology: Option<Topology>,
    /// Questions from each source
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) repeats: u32,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug)]
pub(super) enum LanguageName {
    En,
    Zh,
}

/// How decompositions are judged, and which of them are used.
#[derive(Args, Debug)]
pub(crate) struct JudgeArguments {
    /// Judgements of each kind; a verdict needs more than half of them
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) judges: u32,
}

/// Which judged records are used.
#[derive(Args, Debug)]
#[group(multiple = false)]
pub(crate) struct ThresholdArguments {
    /// Least quality, from 0 to 1 [default: 1]
    #[arg(long, value_name = "Q")]
    pub(super) threshold: Option<f64>,
    /// Instead: the quality below which this percentage of the judged records lies
    #[arg(long, value_name = "P")]
    pub(super) percentile: Option<f64>,
}

/// Arguments of `decompose`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra envs decompose knowledge.jsonl --out decomposed")]
pub(crate) struct DecomposeArguments {
    #[command(flatten)]
    pub(super) source: SourceArguments,
    /// Folder for the data set
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    #[command(flatten)]
    pub(super) how: HowArguments,
}

/// Arguments of `check`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra envs check decomposed --judges 3 --out checked")]
pub(crate) struct CheckArguments {
    /// What `envs decompose` wrote
    pub(super) dir: PathBuf,
    #[command(flatten)]
    pub(super) judge: JudgeArguments,
    /// Folder for the data set
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    #[command(flatten)]
    pub(super) how: HowArguments,
}

/// Arguments of `build`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra envs build checked --percentile 90 --out built")]
pub(crate) struct BuildArguments {
    /// What `envs check` wrote
    pub(super) dir: PathBuf,
    #[command(flatten)]
    pub(super) threshold: ThresholdArguments,
    /// Folder for the data set
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    #[command(flatten)]
    pub(super) how: HowArguments,
}

/// Arguments of `merge`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra envs merge built --out arenas")]
pub(crate) struct MergeArguments {
    /// What `envs build` wrote
    pub(super) dir: PathBuf,
    /// Folder for the arenas
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    #[command(flatten)]
    pub(super) how: HowArguments,
}

/// Arguments of `run`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra envs run knowledge.jsonl --out environments")]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(super) source: SourceArguments,
    #[command(flatten)]
    pub(super) judge: JudgeArguments,
    #[command(flatten)]
    pub(super) threshold: ThresholdArguments,
    /// Folder for all stages; the arenas are in `DIR/arenas`
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    #[command(flatten)]
    pub(super) how: HowArguments,
}

fn topology(name: &str) -> Result<Topology, String> {
    serde_json::from_value(json!(name))
        .map_err(|_| "expected single_hop, parallel_single_hop, multi_hop or parallel_multi_hop".to_owned())
}

impl ThresholdArguments {
    pub(super) fn read(&self) -> Result<Threshold, InputError> {
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
    pub(super) fn wish(&self) -> Result<Wish, InputError> {
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
    pub(super) fn read(&self) -> anyhow::Result<Vec<Source>> {
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
