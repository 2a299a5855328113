//! Runs the gates over candidates and writes what passes, in order of their index, until there are enough.
//!
//! The stage runner does the rest: the files depend on tables, seed and settings, not on timing; a killed run resumes.
//! A candidate that fails is written to `rejected.jsonl` with the gate and its reason; the words before the first colon
//! are what the funnel counts. What the gates measured (decisive arguments, grounding, class) is in the arena.

use crate::{Error, Generator};
use astra_arena::gates::Gatekeeper;
use astra_protocol::{ArenaSpec, Boundary};
use astra_sandbox::DataFile;
use astra_store::{Generation, Outcome, Progress, Stage, StageOptions, Summary};
use serde_json::{Value as Json, json};

/// So many candidates in a row without an accepted one mean that the tables are exhausted.
pub const GIVE_UP_AFTER: u64 = 2_000;

/// How many arenas are wanted, and under what conditions they are judged.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Arenas wanted.
    pub count: u64,
    /// Whatever beside tables and options shapes the verdicts (limits of the sandbox); part of the stage's settings.
    pub conditions: Json,
}

/// Publishes arenas into `options.out`; the groups of tables take turns.
pub fn publish(
    generators: &[Generator<'_>],
    gates: &Gatekeeper,
    publication: &Publication,
    options: &StageOptions<'_>,
    progress: &mut dyn Progress,
) -> Result<Summary, Error> {
    // Groups of one run are drawn with the same options; each setting stands alone, so that a resume can name it.
    let drawn = generators.first().map(Generator::options);
    let settings = json!({
        "generator": env!("CARGO_PKG_VERSION"),
        "seed": drawn.map(|options| options.seed),
        "min_hops": drawn.map(|options| options.min_hops),
        "stateful": drawn.map(|options| options.stateful),
        "unanswerable": drawn.map(|options| options.unanswerable),
        "stateful": drawn.map(|options| options.stateful),
        "languages": drawn.map(|options| options.languages.iter().map(|one| one.code()).collect::<Vec<_>>()),
        "max_hops": drawn.map(|options| options.max_hops),
        "topologies": drawn.map(|options| &options.topologies),
        "groups": generators.iter().map(|generator| &generator.group().name).collect::<Vec<_>>(),
        "conditions": publication.conditions,
    });
    let mut stage = Stage::new("envs from-tables", settings);
    let contents = generators.iter().map(|one| (one.group().name.clone(), one.group().content.0.clone()));
    stage.inputs.extend(contents);
    let generation = Generation { count: publication.count, give_up_after: GIVE_UP_AFTER };
    Ok(astra_store::generate(generation, &stage, options, progress, |index| judge(generators, gates, index))?)
}

/// What becomes of candidate `index` of the run. A function of tables, options and index alone, as the runner demands.
fn judge(generators: &[Generator<'_>], gates: &Gatekeeper, index: u64) -> Outcome<ArenaSpec> {
    let turns = generators.len().max(1) as u64;
    let turn = usize::try_from(index % turns).ok().and_then(|turn| generators.get(turn));
    let Some(generator) = turn else {
        return Outcome::Rejected { why: "draw: there is no group of tables".into() };
    };
    let candidate = match generator.candidate(index / turns) {
        Ok(candidate) => candidate,
        Err(discarded) => return Outcome::Rejected { why: format!("draw: {}", discarded.why.join("; ")) },
    };
    let names = candidate.spec.data.iter().map(|file| &file.name);
    let files: Vec<DataFile> = names
        .zip(&candidate.data)
        .map(|(name, bytes)| DataFile { name: name.clone(), json: bytes.as_slice().into() })
        .collect();
    match gates.check(&candidate.spec, &files, &[]) {
        Err(error) => Outcome::Failed { boundary: Boundary::Sandbox, error: error.to_string() },
        Ok(report) if report.passed() => {
            Outcome::AcceptedWithData { record: report.measured, data: candidate.data }
        }
        Ok(report) => {
            let why: Vec<String> =
                report.failures().map(|(gate, reason)| format!("{gate}: {reason}")).collect();
            Outcome::Rejected { why: why.join("; ") }
        }
    }
}
