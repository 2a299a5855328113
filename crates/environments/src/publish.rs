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
use serde_json::json;

/// So many candidates in a row without an accepted one mean that the tables are exhausted.
const GIVE_UP_AFTER: u64 = 500;

/// Publishes `count` arenas into `options.out`.
pub fn publish(
    generator: &Generator<'_>,
    gates: &Gatekeeper,
    count: u64,
    options: &StageOptions<'_>,
    progress: &mut dyn Progress,
) -> Result<Summary, Error> {
    let group = generator.group();
    let drawn = generator.options();
    let settings = json!({
        "generator": env!("CARGO_PKG_VERSION"),
        "seed": drawn.seed,
        "max_hops": drawn.max_hops,
        "topologies": drawn.topologies,
    });
    let mut stage = Stage::new("envs from-tables", settings);
    stage.inputs.insert(group.name.clone(), group.content.0.clone());
    let generation = Generation { count, give_up_after: GIVE_UP_AFTER };
    Ok(astra_store::generate(generation, &stage, options, progress, |index| judge(generator, gates, index))?)
}

/// What becomes of one index. A function of the index alone, as the runner demands.
fn judge(generator: &Generator<'_>, gates: &Gatekeeper, index: u64) -> Outcome<ArenaSpec> {
    let candidate = match generator.candidate(index) {
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
