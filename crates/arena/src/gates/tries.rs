//! Calls that gates try, each in a fresh episode under seed 0: hundreds an arena, so they go to the engine together.
//!
//! Equal tries are made once: what an equal call gives after equal calls is what `determinism` and `isolation` are there
//! to find out, not what every probe has to. Arguments that do not fit the schema are answered here, as in an episode.

use crate::arena::{Arena, Runtime};
use crate::gold::GoldStep;
use astra_sandbox::{CallOutcome, SandboxError, Try};
use serde_json::{Map, Value as Json};
use std::collections::HashMap;

/// A call to be tried after some gold calls.
pub(crate) struct Attempt<'a> {
    /// Steps of the gold replay that are taken first. Of one replay in all attempts: its first steps, more or fewer.
    pub(crate) before: &'a [GoldStep],
    pub(crate) tool: &'a str,
    pub(crate) arguments: &'a Map<String, Json>,
}

/// What each attempt came to; `Err` is what an agent reads whose arguments do not fit the schema.
pub(crate) fn outcomes(
    runtime: &Runtime,
    arena: &Arena,
    attempts: &[Attempt<'_>],
) -> Result<Vec<Result<CallOutcome, String>>, SandboxError> {
    let mut known: HashMap<(usize, &str, String), usize> = HashMap::new();
    let mut tries = Vec::new();
    let mut placed = Vec::with_capacity(attempts.len());
    for attempt in attempts {
        let problems =
            arena.compiled(attempt.tool).map(|tool| tool.problems(attempt.arguments)).unwrap_or_default();
        if !problems.is_empty() {
            placed.push(Err(format!("arguments do not fit the schema: {}", problems.join("; "))));
            continue;
        }
        let text = serde_json::to_string(attempt.arguments).unwrap_or_default();
        let place = known.entry((attempt.before.len(), attempt.tool, text)).or_insert_with(|| {
            tries.push(as_try(attempt));
            tries.len() - 1
        });
        placed.push(Ok(*place));
    }
    let made = runtime.engine().try_all(&arena.loaded, &tries)?;
    let missing = || SandboxError::Worker { doing: "trying calls", reason: "an outcome is missing".into() };
    placed
        .into_iter()
        .map(|place| match place {
            Err(problem) => Ok(Err(problem)),
            Ok(place) => made.get(place).cloned().map(Ok).ok_or_else(missing),
        })
        .collect()
}

fn as_try<'a>(attempt: &Attempt<'a>) -> Try<'a> {
    let before =
        attempt.before.iter().filter_map(|step| Some((step.tool.as_str(), step.arguments.as_ref().ok()?)));
    Try { seed: 0, calls: before.chain([(attempt.tool, attempt.arguments)]).collect() }
}
