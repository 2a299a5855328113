//! `astra arenas split`: two data sets, one to learn from and one to measure with, that share nothing.
//!
//! Beside them stands `train.keys`: hashes of what a model that learns from the train side will have seen, so that later
//! sets can be held out from that model, too (`--seen`); and `held-out.keys`, so that later sets can be learned from without
//! spoiling the measure (`--spare`).
//!
//! The arenas are read twice, once for their keys and once to be written, so that a large set needs no more memory
//! than its keys. The overlap that is printed is measured on what was written.

use crate::Context;
use crate::failure::{ExitStatus, InputError};
use crate::interrupt::Interrupt;
use crate::publish::Bar;
use crate::source::data_of;
use crate::table::Table;
use astra_eval::{Side, entities, overlap, shape, source, split};
use astra_protocol::{ArenaSpec, Boundary, ContentId};
use astra_store::{
    Ended, Existing, Input, Outcome, Stage, StageOptions, StoreError, StoredArena, read_arenas, run_stage,
};
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// More dropped arenas than this share are worth a warning.
const MANY_DROPPED: f64 = 0.2;

/// What may not stand on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
enum By {
    /// Names of the things that questions are about
    Entity,
    /// Questions that differ in names only
    Shape,
    /// Groups of tables (the arenas' domains)
    Source,
}

impl By {
    fn name(self) -> &'static str {
        match self {
            Self::Entity => "entity",
            Self::Shape => "shape",
            Self::Source => "source",
        }
    }
}

/// Arguments of `split`.
#[derive(Args, Debug)]
#[command(
    after_help = "Example: astra arenas split first-run/arenas --by shape --held-out 0.1 --seed 1 --out first-run/split"
)]
pub(crate) struct SplitArguments {
    /// Arenas: a data set, a .jsonl file, a hand-written .json file, or a folder of either
    path: PathBuf,
    /// What may not stand on both sides; several with commas, e.g. `entity,shape`
    #[arg(long, value_enum, value_delimiter = ',', required = true)]
    by: Vec<By>,
    /// Share of the arenas to hold out
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    held_out: f64,
    /// Hold nothing out that shares a key with what is hashed in these `train.keys` of earlier splits
    #[arg(long, value_name = "FILE")]
    seen: Vec<PathBuf>,
    /// Learn from nothing that shares a key with what is hashed in these `held-out.keys` of earlier splits; such arenas
    /// go to neither side
    #[arg(long, value_name = "FILE")]
    spare: Vec<PathBuf>,
    /// Folder for the two data sets, DIR/train and DIR/held-out
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Continue an earlier split that was stopped
    #[arg(long)]
    resume: bool,
}

/// What is counted of a side.
#[derive(Debug, Default, Serialize)]
struct SideCounts {
    arenas: usize,
    share: f64,
    keys: usize,
    languages: BTreeMap<String, usize>,
    topologies: BTreeMap<String, usize>,
    stateful: usize,
    unanswerable: usize,
}

/// What was read of all arenas.
struct Keyed {
    keys: Vec<BTreeSet<String>>,
    /// Hash over the arenas' ids, in order.
    id: ContentId,
}

/// Splits.
pub(crate) fn run(arguments: &SplitArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let interrupt = Interrupt::install()?;
    let seed = context.settings.seed;
    let read = keyed(arguments)?;
    // An arena has one shape and one source, so nothing bridges two; entities and combinations do.
    let may_drop = arguments.by.contains(&By::Entity) || arguments.by.len() > 1;
    let seen = Hashed::read(&arguments.seen, &arguments.by)?;
    let spare = Hashed::read(&arguments.spare, &arguments.by)?;
    let spared = spare.touch(&read.keys);
    let kept: Vec<usize> = (0..read.keys.len()).filter(|arena| !spared[*arena]).collect();
    let keys: Vec<BTreeSet<String>> = kept.iter().map(|arena| read.keys[*arena].clone()).collect();
    let barred = seen.touch(&keys);
    let divided = split(&keys, &barred, arguments.held_out, seed, may_drop).map_err(|error| {
        let mut error = InputError::new(error.to_string());
        let known = barred.iter().filter(|barred| **barred).count();
        if known > 0 {
            error =
                error.hint(format!("{known} arenas share keys with `--seen`; more arenas hold more others"));
        }
        let error = match arguments.by.as_slice() {
            [By::Entity] => {
                error.hint("`--by shape` or `--by source` may divide what entities hold together")
            }
            [By::Shape] => error.hint("`--by entity` may divide questions of one shape"),
            [By::Source] => error.hint("put arenas of several groups of tables into one folder"),
            _ => error.hint("fewer words in `--by` hold fewer arenas together"),
        };
        error.hint("`--held-out` is a share, for example 0.1")
    })?;
    let mut sides = vec![Side::Dropped; read.keys.len()];
    for (arena, side) in kept.into_iter().zip(divided) {
        sides[arena] = side;
    }
    for side in [Side::Train, Side::HeldOut] {
        let ended = write(arguments, side, &sides, (&read, &seen, &spare), &interrupt, context)?;
        if interrupt.is_set() || ended == Ended::Stopped {
            context.printer.warn("stopped; run again with `--resume` to continue");
            return Ok(ExitStatus::Interrupted);
        }
    }
    let spared = spared.into_iter().filter(|spared| *spared).count();
    report(arguments, &sides, spared, context)
}

fn keys_of(spec: &ArenaSpec, by: &[By]) -> BTreeSet<String> {
    let keys = |by: &By| match by {
        By::Entity => entities(spec),
        By::Shape => BTreeSet::from([shape(spec)]),
        By::Source => BTreeSet::from([source(spec).to_owned()]),
    };
    // Prefixed, because a name may read like a source.
    by.iter().flat_map(|by| keys(by).into_iter().map(move |key| short(format!("{by:?} {key}")))).collect()
}

/// Shapes can be long and are only compared, so keys are kept as hashes where they are.
fn short(key: String) -> String {
    const LONG: usize = 64;
    if key.len() <= LONG { key } else { ContentId::of_bytes(key.as_bytes()).0 }
}

/// Keys of earlier splits: their hashes, and those of the files that hold them.
#[derive(Debug, Default)]
struct Hashed {
    hashes: BTreeSet<String>,
    files: Vec<ContentId>,
}

impl Hashed {
    fn read(files: &[PathBuf], wanted: &[By]) -> Result<Self, InputError> {
        let mut hashed = Self::default();
        for file in files {
            let wrong = |what: String| {
                InputError::new(format!("{}{what}", file.display()))
                    .hint("`astra arenas split` writes such files, `train.keys` and `held-out.keys`, beside its two sides")
            };
            let text = std::fs::read_to_string(file).map_err(|error| wrong(format!(": {error}")))?;
            let mut lines = text.lines();
            let by: BTreeSet<By> = lines
                .next()
                .and_then(|line| line.strip_prefix(HEADING))
                .and_then(|names| names.split(',').map(|name| By::from_str(name, false).ok()).collect())
                .ok_or_else(|| wrong(format!(":1: does not begin with `{HEADING}`")))?;
            if let Some(missing) = wanted.iter().find(|wanted| !by.contains(*wanted)) {
                let missing = missing.name();
                return Err(wrong(format!(" has no keys by `{missing}`")).hint("or leave it out of `--by`"));
            }
            for (at, line) in lines.enumerate() {
                if line.len() != HASH || !line.bytes().all(|letter| letter.is_ascii_hexdigit()) {
                    return Err(wrong(format!(":{}: `{line}` is no hash of {HASH} hex digits", at + 2)));
                }
                hashed.hashes.insert(line.to_owned());
            }
            hashed.files.push(ContentId::of_bytes(text.as_bytes()));
        }
        Ok(hashed)
    }

    /// Of each arena, whether it shares a key with these.
    fn touch(&self, keys: &[BTreeSet<String>]) -> Vec<bool> {
        keys.iter().map(|keys| keys.iter().any(|key| self.hashes.contains(&hash(key)))).collect()
    }
}

/// Writes hashes of the keys of one side.
fn write_keys(arguments: &SplitArguments, file: &str, keys: &BTreeSet<String>) -> anyhow::Result<()> {
    let by: BTreeSet<&str> = arguments.by.iter().map(|by| by.name()).collect();
    let mut text = format!("{HEADING}{}\n", by.into_iter().collect::<Vec<_>>().join(","));
    for hash in keys.iter().map(|key| hash(key)).collect::<BTreeSet<_>>() {
        text += &hash;
        text.push('\n');
    }
    Ok(std::fs::write(arguments.out.join(file), text)?)
}

/// Beginning of a file of keys.
const HEADING: &str = "keys by ";

/// Hex digits of a key's hash: 40 bits, with which a false match among thousands of keys costs an arena now and then.
const HASH: usize = 10;

fn hash(key: &str) -> String {
    ContentId::of_bytes(key.as_bytes()).0[..HASH].to_owned()
}

fn keyed(arguments: &SplitArguments) -> Result<Keyed, StoreError> {
    let mut keys = Vec::new();
    let mut ids = Vec::new();
    for stored in read_arenas(&arguments.path)? {
        let spec = stored?.spec;
        keys.push(keys_of(&spec, &arguments.by));
        ids.push(spec.id());
    }
    Ok(Keyed { keys, id: astra_protocol::content_id(&json!(ids)) })
}

fn folder(out: &Path, side: Side) -> PathBuf {
    out.join(match side {
        Side::Train => "train",
        Side::HeldOut => "held-out",
        Side::Dropped => "dropped",
    })
}

fn write(
    arguments: &SplitArguments,
    side: Side,
    sides: &[Side],
    (read, seen, spare): (&Keyed, &Hashed, &Hashed),
    interrupt: &Interrupt,
    context: &Context,
) -> anyhow::Result<Ended> {
    let settings = json!({
        "by": arguments.by, "held_out": arguments.held_out, "seed": context.settings.seed, "side": side,
        "seen": seen.files, "spare": spare.files,
    });
    let mut stage = Stage::new("arenas split", settings);
    stage.inputs.insert("arenas".to_owned(), read.id.0.clone());
    let options = StageOptions {
        concurrency: context.settings.threads,
        existing: if arguments.resume { Existing::Resume } else { Existing::Refuse },
        revision: crate::embedded::revision(),
        stop: Some(interrupt.flag()),
        ..StageOptions::new(folder(&arguments.out, side))
    };
    let chosen = read_arenas(&arguments.path)?.zip(sides).filter(|(_, one)| **one == side);
    let inputs =
        chosen.map(|(stored, _)| stored.map(|stored| Input { id: stored.spec.id().0, value: stored }));
    let mut bar = Bar::done(context.printer, "splitting");
    let summary =
        run_stage(inputs, &stage, &options, &mut bar, |stored: &StoredArena| match data_of(stored) {
            Ok(data) => Outcome::AcceptedWithData {
                record: stored.spec.clone(),
                data: data.iter().map(|file| file.json.to_vec()).collect(),
            },
            Err(error) => Outcome::Failed { boundary: Boundary::Arena, error: error.to_string() },
        })?;
    drop(bar);
    if summary.tally.failed > 0 {
        let error = format!("the data of {} arenas cannot be read", summary.tally.failed);
        return Err(InputError::new(error)
            .hint(format!("`{}` says which", options.out.join("failed.jsonl").display()))
            .into());
    }
    Ok(summary.ended)
}

/// Reads the two data sets back, measures what they share, and says so.
fn report(
    arguments: &SplitArguments,
    sides: &[Side],
    spared: usize,
    context: &Context,
) -> anyhow::Result<ExitStatus> {
    let (train, train_keys) = counted(arguments, Side::Train, sides.len())?;
    let (held_out, held_out_keys) = counted(arguments, Side::HeldOut, sides.len())?;
    let dropped = sides.iter().filter(|side| **side == Side::Dropped).count() - spared;
    let shared = overlap(&train_keys, &held_out_keys);
    write_keys(arguments, "train.keys", &train_keys)?;
    write_keys(arguments, "held-out.keys", &held_out_keys)?;
    let summary = json!({
        "by": arguments.by, "seed": context.settings.seed, "train": train, "held_out": held_out,
        "dropped": dropped, "spared": spared, "overlap": shared,
    });
    let text = serde_json::to_string_pretty(&summary)? + "\n";
    std::fs::write(arguments.out.join("summary.json"), text)?;
    let printer = context.printer;
    if printer.json {
        printer.json(&summary)?;
    } else {
        let keys = match arguments.by.as_slice() {
            [By::Entity] => "entities",
            [By::Shape] => "shapes",
            [By::Source] => "sources",
            _ => "keys",
        };
        let headings =
            ["side", "arenas", "share", keys, "stateful", "unanswerable", "languages", "topologies"];
        let mut table = Table::new(&headings, 1..6);
        table.row(row("train", &train));
        table.row(row("held-out", &held_out));
        printer.data(table.to_string())?;
        printer
            .data(format!("{keys} on both sides: {shared}; arenas dropped because they bridge: {dropped}"))?;
        if spared > 0 {
            printer.data(format!("arenas left out because they share {keys} with `--spare`: {spared}"))?;
        }
    }
    if dropped as f64 > MANY_DROPPED * sides.len() as f64 {
        printer
            .warn(format!("{dropped} of {} arenas bridge the two sides and stand on neither", sides.len()));
        printer.hint("`--by shape` or `--by source` drops none; a smaller `--held-out` drops fewer");
    }
    if shared > 0 {
        anyhow::bail!("{shared} keys stand on both sides");
    }
    Ok(ExitStatus::Done)
}

fn counted(
    arguments: &SplitArguments,
    side: Side,
    all: usize,
) -> Result<(SideCounts, BTreeSet<String>), StoreError> {
    let mut counts = SideCounts::default();
    let mut keys = BTreeSet::new();
    for stored in read_arenas(&folder(&arguments.out, side))? {
        let spec = stored?.spec;
        counts.arenas += 1;
        *counts.languages.entry(spec.language.clone()).or_default() += 1;
        *counts.topologies.entry(spec.topology.to_string()).or_default() += 1;
        counts.stateful += usize::from(spec.state.is_some());
        counts.unanswerable += usize::from(!spec.answerable);
        keys.extend(keys_of(&spec, &arguments.by));
    }
    counts.share = counts.arenas as f64 / all.max(1) as f64;
    counts.keys = keys.len();
    Ok((counts, keys))
}

fn row(name: &str, counts: &SideCounts) -> Vec<String> {
    let listed = |counts: &BTreeMap<String, usize>| {
        counts.iter().map(|(key, count)| format!("{key} {count}")).collect::<Vec<_>>().join(", ")
    };
    vec![
        name.to_owned(),
        counts.arenas.to_string(),
        format!("{:.1} %", 100.0 * counts.share),
        counts.keys.to_string(),
        counts.stateful.to_string(),
        counts.unanswerable.to_string(),
        listed(&counts.languages),
        listed(&counts.topologies),
    ]
}
