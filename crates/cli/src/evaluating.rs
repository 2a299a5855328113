//! An evaluation as a folder: one stage per policy, one line per finished episode, so that nothing that was played is
//! lost to Ctrl-C or a crash and a re-run continues.
//!
//! ```text
//! DIR/part-00000.jsonl  {"episode": what was measured, "trace": what happened, without token segments}
//! DIR/failed.jsonl      episodes that were masked; a re-run plays them again
//! DIR/manifest.json     policy, settings, which arenas; written when everything was played
//! ```

use crate::Context;
use crate::board::Board;
use crate::failure::InputError;
use crate::interrupt::Interrupt;
use crate::publish::Bar;
use astra_arena::Arena;
use astra_eval::{EpisodeRecord, Player, play_sample};
use astra_protocol::{Boundary, Stop, Trace, content_id};
use astra_store::{
    Existing, FieldError, Input, Manifest, Outcome, Stage, StageOptions, parse_json, read_records, run_stage,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Name of the stage.
const STAGE: &str = "eval arenas";

/// What is known of a policy's episodes.
pub(crate) struct Episodes {
    /// Finished and masked ones, in order of arenas and samples as they were first played.
    pub(crate) records: Vec<EpisodeRecord>,
    /// Asked for and without a record: the run was stopped, the episode could not be opened, or (in a folder that is
    /// only read) it is masked.
    pub(crate) not_played: usize,
}

/// A line of a part.
#[derive(Serialize, Deserialize)]
struct Line {
    episode: EpisodeRecord,
    trace: Trace,
}

/// Of a line what is measured.
#[derive(Deserialize)]
struct Measured {
    episode: EpisodeRecord,
}

/// The settings of the stage: what shapes an episode, except the arenas.
pub(crate) fn settings(player: &dyn Player, distractors: Option<&str>, context: &Context) -> Json {
    let all = context.settings.to_json();
    let shapes = |name: &str| name == "seed" || name.starts_with("episode.") || name.starts_with("sandbox.");
    let mut settings: serde_json::Map<String, Json> = all
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| shapes(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    settings.insert("distractors".to_owned(), json!(distractors));
    if let Some(model) = distractors.and(crate::embedding::model(context)) {
        settings.insert("embedder".to_owned(), json!(model));
    }
    settings.insert("policy".to_owned(), player.identity());
    Json::Object(settings)
}

/// Plays what is not yet played in `folder`.
pub(crate) fn play(
    board: &Board,
    player: &dyn Player,
    settings: Json,
    folder: &Path,
    interrupt: &Interrupt,
    context: &Context,
) -> anyhow::Result<Episodes> {
    let ids: Vec<String> = board.arenas.iter().map(|arena| arena.id().0.clone()).collect();
    let mut stage = Stage::new(STAGE, settings);
    stage.inputs.insert("arenas".to_owned(), content_id(&json!(ids)).0);
    let threads = context.settings.threads;
    let options = StageOptions {
        concurrency: player.concurrency().map_or(threads, |wanted| wanted.max(threads)),
        existing: Existing::Resume,
        revision: crate::embedded::revision(),
        stop: Some(interrupt.flag()),
        ..StageOptions::new(folder)
    };
    let inputs = board.arenas.iter().flat_map(|arena| {
        (0..board.options.samples)
            .map(move |sample| Ok(Input { id: format!("{}/{sample}", arena.id()), value: (arena, sample) }))
    });
    let masked = Mutex::new(Vec::new());
    let broken = Mutex::new(None);
    let mut bar = Bar::done(context.printer, player.name().to_owned());
    let summary = run_stage(inputs, &stage, &options, &mut bar, |(arena, sample): &(&Arc<Arena>, usize)| {
        let pool = board.pool.as_ref();
        match play_sample(&board.engine.runtime, arena, player, &board.options, pool, *sample) {
            Ok(mut played) => {
                let episode = EpisodeRecord::of(&played);
                if episode.is_masked() {
                    let outcome = masked_outcome(&episode);
                    masked.lock().unwrap_or_else(PoisonError::into_inner).push(episode);
                    return outcome;
                }
                played.trace.segments.clear();
                Outcome::Accepted(Line { episode, trace: played.trace })
            }
            Err(error) => {
                let error = error.to_string();
                broken.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.clone());
                Outcome::Failed { boundary: Boundary::Us, error }
            }
        }
    })?;
    drop(bar);
    if let Some(error) = broken.into_inner().unwrap_or_else(PoisonError::into_inner) {
        context.printer.warn(format!("some episodes could not be played, for example: {error}"));
    }
    if summary.resumed.accepted > 0 {
        context.printer.say(format!("{} episodes were played by an earlier run", summary.resumed.accepted));
    }
    if summary.tally.rejected > 0 {
        let repeated = summary.tally.rejected;
        context.printer.warn(format!("{repeated} episodes left out: their arenas stand in the set twice"));
    }
    let asked: BTreeSet<(&str, usize)> = ids
        .iter()
        .flat_map(|id| (0..board.options.samples).map(move |sample| (id.as_str(), sample)))
        .collect();
    let mut records = read(folder)?;
    records.retain(|one| asked.contains(&(one.arena.as_str(), one.sample)));
    records.extend(masked.into_inner().unwrap_or_else(PoisonError::into_inner));
    Ok(Episodes { not_played: asked.len().saturating_sub(records.len()), records })
}

fn masked_outcome(episode: &EpisodeRecord) -> Outcome<Line> {
    match &episode.stop {
        Stop::Failed { boundary, error } => Outcome::Failed { boundary: *boundary, error: error.clone() },
        Stop::Answered | Stop::TurnLimit | Stop::TokenLimit => {
            Outcome::Failed { boundary: Boundary::Us, error: format!("not scored: {:?}", episode.score.f1) }
        }
    }
}

/// The episodes of a finished evaluation, with what it was run with.
pub(crate) fn open(folder: &Path) -> anyhow::Result<(Stage, Episodes)> {
    let file = folder.join("manifest.json");
    if !file.is_file() {
        let error =
            format!("`{}` holds no finished evaluation: there is no `manifest.json`", folder.display());
        return Err(InputError::new(error)
            .hint("make one with `astra eval arenas ARENAS --policy P --out DIR`; the same command continues it")
            .into());
    }
    let manifest = Manifest::read(&file)?;
    if manifest.stage.name != STAGE {
        let found = manifest.stage.name;
        let error = format!("`{}` is output of `{found}`, not of `{STAGE}`", folder.display());
        return Err(InputError::new(error).hint("name a folder that `astra eval arenas --out` wrote").into());
    }
    let not_played = usize::try_from(manifest.counts.failed)?;
    Ok((manifest.stage, Episodes { records: read(folder)?, not_played }))
}

/// Ids of the arenas in which an episode of a finished evaluation earned less than 1.
pub(crate) fn failed(folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    let records = open(folder)?.1.records.into_iter();
    let failed = records.filter(|one| one.score.f1.measured().is_some_and(|f1| f1 < 1.0));
    Ok(failed.map(|one| one.arena).collect())
}

/// The measured episodes in a folder.
fn read(folder: &Path) -> anyhow::Result<Vec<EpisodeRecord>> {
    let mut records = Vec::new();
    each_line(folder, |line: Measured| records.push(line.episode))?;
    Ok(records)
}

/// What happened in the episodes of some arenas.
pub(crate) fn traces(folder: &Path, arenas: &BTreeSet<&str>) -> anyhow::Result<Vec<(EpisodeRecord, Trace)>> {
    let mut found = Vec::new();
    each_line(folder, |line: Line| {
        if arenas.contains(line.episode.arena.as_str()) {
            found.push((line.episode, line.trace));
        }
    })?;
    Ok(found)
}

fn each_line<L: serde::de::DeserializeOwned>(folder: &Path, mut take: impl FnMut(L)) -> anyhow::Result<()> {
    let mut parts: Vec<PathBuf> = std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .filter(|path: &std::io::Result<PathBuf>| path.as_ref().map_or(true, |path| is_part(path)))
        .collect::<std::io::Result<_>>()?;
    parts.sort();
    for part in parts {
        let lines = read_records(&part, parse_json::<L> as fn(&str) -> Result<L, FieldError>)?;
        for line in lines {
            take(line?.value);
        }
    }
    Ok(())
}

fn is_part(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("part-") && name.ends_with(".jsonl")
}
