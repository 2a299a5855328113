//! `astra envs from-tables`: candidates are drawn from tables, meet every gate, and those that pass are published.
//!
//! Candidate i is a pure function of tables, seed and i, and output stands in index order, so the same command writes
//! the same bytes however many threads it has and however often it is stopped and resumed.

use crate::Context;
use crate::engine::gatekeeper;
use crate::failure::{ExitStatus, InputError};
use crate::interrupt::Interrupt;
use crate::printer::Printer;
use crate::publish::{Bar, Funnel};
use crate::repeats::NearRepeats;
use astra_arena::gates::Gatekeeper;
use astra_environments::{GIVE_UP_AFTER, GenerateOptions, Generator, Language, Publication, TableGroup};
use astra_protocol::{ContentId, Topology};
use astra_store::{Ended, Existing, StageOptions};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Arguments of `from-tables`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra envs from-tables chemistry --count 200 --seed 1 --out arenas")]
pub(crate) struct FromTablesArguments {
    /// Folder of tables (CSV, TSV, JSON, JSON Lines, Parquet, `SQLite`), folder of such folders, one such file, or the
    /// name of a shipped group; all shipped groups without it
    dir: Option<PathBuf>,
    /// Arenas wanted
    #[arg(long, value_name = "N", default_value_t = 200)]
    count: u64,
    /// Folder for the data set
    #[arg(long, value_name = "DIR", required_unless_present = "explain_schema")]
    out: Option<PathBuf>,
    #[command(flatten)]
    mix: Mix,
    /// Continue an earlier run that was stopped
    #[arg(long)]
    resume: bool,
    /// Say what was inferred about the tables (types, keys, labels, links) and do nothing else
    #[arg(long)]
    explain_schema: bool,
}

/// What kinds of questions are wanted.
#[derive(Args, Debug)]
struct Mix {
    /// Shortest chain of dependent calls, where there is a chain
    #[arg(long, value_name = "N", default_value_t = 1)]
    min_hops: usize,
    /// Longest chain of dependent calls
    #[arg(long, value_name = "N", default_value_t = 6)]
    max_hops: usize,
    /// Topologies, evenly; one named twice comes twice as often. Default: all that `--max-hops` allows, multi-hop twice
    #[arg(long = "topology", value_name = "NAME", value_delimiter = ',', value_parser = topologies())]
    topologies: Vec<Topology>,
    /// Languages to ask in, of those that the tables have words for. Default: both
    #[arg(long = "language", value_name = "CODE", value_delimiter = ',')]
    languages: Vec<LanguageName>,
    /// Percentage of arenas from which a needed tool is taken away, so that refusing is right
    #[arg(long, value_name = "PERCENT", default_value_t = 7, value_parser = clap::value_parser!(u8).range(0..=100))]
    unanswerable: u8,
    /// Percentage of arenas in which something is to be done: created, changed, cancelled
    #[arg(long, value_name = "PERCENT", default_value_t = 15, value_parser = clap::value_parser!(u8).range(0..=100))]
    stateful: u8,
}

/// A topology by the name that arenas carry.
fn topologies() -> impl clap::builder::TypedValueParser<Value = Topology> {
    PossibleValuesParser::new(TOPOLOGIES.map(Topology::as_str)).map(|name| {
        // The parser lets only these names through.
        TOPOLOGIES.into_iter().find(|topology| topology.as_str() == name).unwrap_or(Topology::SingleHop)
    })
}

const TOPOLOGIES: [Topology; 4] =
    [Topology::SingleHop, Topology::ParallelSingleHop, Topology::MultiHop, Topology::ParallelMultiHop];

#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum LanguageName {
    En,
    Zh,
}

impl Mix {
    fn options(&self, seed: u64) -> Result<GenerateOptions, InputError> {
        if self.min_hops > self.max_hops || self.max_hops == 0 {
            let message =
                format!("`--min-hops {}` is more than `--max-hops {}`", self.min_hops, self.max_hops);
            return Err(InputError::new(message).hint("give a range such as `--min-hops 2 --max-hops 4`"));
        }
        let default = GenerateOptions::default();
        let topologies = self.topologies(&default.topologies)?;
        let languages: Vec<Language> = self
            .languages
            .iter()
            .map(|name| match name {
                LanguageName::En => Language::English,
                LanguageName::Zh => Language::Chinese,
            })
            .collect();
        Ok(GenerateOptions {
            seed,
            min_hops: self.min_hops.max(1),
            max_hops: self.max_hops,
            topologies,
            languages: if languages.is_empty() { default.languages.clone() } else { languages },
            unanswerable: usize::from(self.unanswerable),
            stateful: usize::from(self.stateful),
        })
    }

    /// The topologies that were named, or of the default ones those that the longest chain allows.
    fn topologies(&self, default: &[Topology]) -> Result<Vec<Topology>, InputError> {
        let fits = |topology: &Topology| !is_chained(*topology) || self.max_hops >= SHORTEST_CHAIN;
        if let Some(chained) = self.topologies.iter().find(|topology| !fits(topology)) {
            let message = format!(
                "`--topology {chained}` needs chains of {SHORTEST_CHAIN} hops, and `--max-hops` is {}",
                self.max_hops
            );
            return Err(InputError::new(message)
                .hint(format!("give `--max-hops {SHORTEST_CHAIN}` or more"))
                .hint("or name only `single_hop` and `parallel_single_hop`"));
        }
        let wanted = if self.topologies.is_empty() { default } else { &self.topologies };
        Ok(wanted.iter().copied().filter(fits).collect())
    }
}

/// Calls of the shortest chain of which each needs a result of the one before.
const SHORTEST_CHAIN: usize = 2;

fn is_chained(topology: Topology) -> bool {
    match topology {
        Topology::MultiHop | Topology::ParallelMultiHop => true,
        Topology::SingleHop | Topology::ParallelSingleHop => false,
    }
}

/// Tables in memory.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) groups: Vec<TableGroup>,
    /// Hash over the files, for manifests.
    pub(crate) id: ContentId,
}

/// What to draw and where to put it.
#[derive(Debug)]
pub(crate) struct Order<'a> {
    pub(crate) tables: &'a Tables,
    pub(crate) count: u64,
    /// What to draw.
    pub(crate) draw: GenerateOptions,
    pub(crate) out: &'a Path,
    pub(crate) existing: Existing,
}

/// Draws and publishes.
pub(crate) fn run(arguments: &FromTablesArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let tables = read(arguments.dir.as_deref())?;
    if arguments.explain_schema {
        if context.printer.json {
            let groups: Vec<_> = tables.groups.iter().map(TableGroup::explain_json).collect();
            context.printer.json(&json!({"groups": groups}))?;
            return Ok(ExitStatus::Done);
        }
        for group in &tables.groups {
            context.printer.data(format!("# {}\n{}", group.name, group.explain()))?;
        }
        return Ok(ExitStatus::Done);
    }
    let Some(out) = &arguments.out else {
        return Err(InputError::new("`--out` is missing").into());
    };
    let interrupt = Interrupt::install()?;
    let (_engine, gatekeeper) = gatekeeper(context)?;
    let order = Order {
        tables: &tables,
        count: arguments.count,
        draw: arguments.mix.options(context.settings.seed)?,
        out,
        existing: if arguments.resume { Existing::Resume } else { Existing::Refuse },
    };
    let (funnel, ended) = publish(&order, &gatekeeper, &interrupt, context)?;
    print(&funnel, out, context.printer)?;
    match ended {
        Ended::Complete => Ok(ExitStatus::Done),
        Ended::Stopped => {
            context.printer.warn("stopped; the same command with `--resume` continues");
            Ok(ExitStatus::Interrupted)
        }
        Ended::Exhausted => Err(exhausted(&funnel, arguments.count).into()),
    }
}

/// The error of tables that do not give enough.
pub(crate) fn exhausted(funnel: &Funnel, count: u64) -> InputError {
    InputError::new(format!(
        "only {} of {count} arenas: {GIVE_UP_AFTER} candidates in a row were refused",
        funnel.accepted
    ))
    .hint("ask for fewer with `--count`, or give larger tables")
    .hint("`rejected.jsonl` says why each candidate was refused")
}

fn print(funnel: &Funnel, out: &Path, printer: Printer) -> anyhow::Result<()> {
    if printer.json {
        return printer.json(&json!({"out": out, "funnel": funnel}));
    }
    printer.data(funnel.lines().join("\n"))?;
    printer.data(format!("data set: {}", out.display()))
}

/// Reads a folder of tables, a folder of such folders, one file, a shipped group, or all shipped groups.
pub(crate) fn read(dir: Option<&Path>) -> anyhow::Result<Tables> {
    let temporary = tempfile::tempdir()?;
    let sources = match dir {
        Some(dir) if dir.is_dir() => table_folders(dir)?,
        Some(file) if file.is_file() => vec![file.to_owned()],
        Some(dir) => vec![crate::embedded::unpack_tables(&dir.to_string_lossy(), temporary.path())?],
        None => crate::embedded::table_groups()
            .into_iter()
            .map(|group| crate::embedded::unpack_tables(group, temporary.path()))
            .collect::<Result<_, _>>()?,
    };
    let groups = sources.iter().map(|source| TableGroup::read(source)).collect::<Result<Vec<_>, _>>()?;
    // A group's hash covers every file that was read, its name, the settings and the source note.
    let hashes: Vec<_> = groups.iter().map(|group| json!([group.name, group.content])).collect();
    Ok(Tables { groups, id: astra_protocol::content_id(&json!(hashes)) })
}

/// The folder itself when it holds tables, else those of its folders that do.
fn table_folders(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut inner = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() && TableGroup::is_in(&path) {
            inner.push(path);
        }
    }
    inner.sort();
    // An empty list falls to the folder itself, whose reader says what is missing.
    Ok(if TableGroup::is_in(dir) || inner.is_empty() { vec![dir.to_owned()] } else { inner })
}

/// A generator for each group that can be asked about as wanted; an error where none can.
fn generators<'a>(order: &Order<'a>, printer: Printer) -> anyhow::Result<Vec<Generator<'a>>> {
    if let [only] = order.tables.groups.as_slice() {
        return Ok(vec![Generator::new(only, order.draw.clone())?]);
    }
    let mut generators = Vec::new();
    let mut refused = Vec::new();
    for group in &order.tables.groups {
        match Generator::new(group, order.draw.clone()) {
            Ok(generator) => generators.push(generator),
            Err(error) => refused.push(error),
        }
    }
    let reasons: Vec<String> = refused.iter().map(ToString::to_string).collect();
    if generators.is_empty() {
        let hints: BTreeSet<String> = refused.iter().flat_map(astra_environments::Error::hints).collect();
        let error = InputError::new(format!("no group of tables is left: {}", reasons.join("; ")));
        return Err(hints.into_iter().fold(error, InputError::hint).into());
    }
    for reason in reasons {
        printer.warn(format!("{reason}; nothing is drawn from them"));
    }
    Ok(generators)
}

/// Draws, gates and writes until enough are accepted.
pub(crate) fn publish(
    order: &Order<'_>,
    gatekeeper: &Gatekeeper,
    interrupt: &Interrupt,
    context: &Context,
) -> anyhow::Result<(Funnel, Ended)> {
    let generators = generators(order, context.printer)?;
    let stage_options = StageOptions {
        concurrency: context.settings.threads,
        existing: order.existing,
        revision: crate::embedded::revision(),
        stop: Some(interrupt.flag()),
        ..StageOptions::new(order.out)
    };
    let conditions = super::super::arenas::check::limits_of(&context.settings.to_json());
    let publication = Publication { count: order.count, conditions };
    let mut bar = Bar::accepted(context.printer, "arenas");
    let summary =
        astra_environments::publish(&generators, gatekeeper, &publication, &stage_options, &mut bar)?;
    drop(bar);
    let mut funnel = Funnel::read(order.out, &summary)?;
    if summary.ended != Ended::Stopped {
        funnel.near_repeats = Some(NearRepeats::read(order.out)?);
        funnel.write(order.out)?;
    }
    Ok((funnel, summary.ended))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        mix: Mix,
    }

    fn options(arguments: &[&str]) -> Result<GenerateOptions, InputError> {
        let arguments = std::iter::once(&"x").chain(arguments);
        Command::try_parse_from(arguments).unwrap().mix.options(1)
    }

    #[test]
    fn without_hops_there_are_no_chains() {
        let topologies = |arguments: &[&str]| options(arguments).unwrap().topologies;
        assert_eq!(topologies(&["--max-hops", "1"]), [Topology::SingleHop, Topology::ParallelSingleHop]);
        assert_eq!(topologies(&["--max-hops", "2"]), GenerateOptions::default().topologies);
        assert_eq!(topologies(&["--max-hops", "1", "--topology", "single_hop"]), [Topology::SingleHop]);
    }

    #[test]
    fn a_chain_that_was_named_needs_hops() {
        let refused =
            options(&["--max-hops", "1", "--topology", "single_hop,parallel_multi_hop"]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "`--topology parallel_multi_hop` needs chains of 2 hops, and `--max-hops` is 1"
        );
    }
}
