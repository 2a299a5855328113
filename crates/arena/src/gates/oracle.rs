//! `oracle` and `null`: the right calls earn exactly 1, and doing nothing earns 0.

use super::{Distractor, Measurements};
use crate::answer;
use crate::arena::{Arena, ArenaError, Runtime, properties};
use crate::call::{CallRecord, CallStatus, readable};
use crate::episode::{EpisodeOptions, FinalTurn, score};
use crate::gold::GoldReplay;
use astra_protocol::{GoalKind, Score, Stop, ToolCall};
use astra_sandbox::SandboxError;
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// Gold calls replayed in order must earn exactly 1, and no distractor may answer a goal.
pub(crate) fn gold_earns_one(
    runtime: &Runtime,
    arena: &Arc<Arena>,
    measured: &Measurements,
    distractors: &[Distractor],
) -> Result<Vec<String>, ArenaError> {
    let mut failures = Vec::new();
    for step in &measured.replay.steps {
        if let Err(error) = &step.result {
            failures.push(format!("gold call `{}` to `{}` failed: {error}", step.id, step.tool));
        }
    }
    if failures.is_empty() {
        failures.extend(shortfall(runtime, arena, &measured.replay, 0)?);
    }
    for (home, name) in distractors {
        failures.extend(answering_distractor(runtime, arena, &measured.replay, (home, name), 0)?);
    }
    Ok(failures)
}

/// Why a replay earns less than 1, if it does. `seed` is the one it ran under.
pub(crate) fn shortfall(
    runtime: &Runtime,
    arena: &Arena,
    replay: &GoldReplay,
    seed: u64,
) -> Result<Option<String>, ArenaError> {
    let log = log_of(replay);
    let options = EpisodeOptions { seed, ..EpisodeOptions::default() };
    let end =
        FinalTurn { message: "", stop: &Stop::Answered, turns: log.len(), state: replay.final_state.clone() };
    let score = score(runtime, arena, &options, &log, &end)?;
    if score.f1 == Score::Measured(1.0) {
        return Ok(None);
    }
    let credited: Vec<&str> = score.credits.iter().map(|credit| credit.goal.as_str()).collect();
    let missed: Vec<String> = arena
        .spec
        .goals
        .iter()
        .filter(|goal| !credited.contains(&goal.id.as_str()))
        .map(|goal| match &goal.kind {
            GoalKind::Returns { path, gold, .. } => {
                let seen = gold
                    .as_deref()
                    .and_then(|id| replay.step(id))
                    .and_then(|step| step.result.as_ref().ok())
                    .map_or_else(
                        || "nothing".to_owned(),
                        |result| result.pointer(path).map_or_else(|| format!("nothing at `{path}`"), brief),
                    );
                format!("goal `{}` is not credited (its gold call returned {seen})", goal.id)
            }
            GoalKind::StateEquals { .. } => format!("goal `{}` is not credited", goal.id),
        })
        .collect();
    let parts = score.components;
    Ok(Some(if missed.is_empty() {
        format!(
            "the gold calls earn less than 1: {} calls, but only {} of them belong to a goal",
            parts.calls, parts.gold_calls
        )
    } else {
        missed.join("; ")
    }))
}

/// JSON text, cut to what fits on a line.
pub(crate) fn brief(value: &Json) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// A replay as the log of an episode.
pub(crate) fn log_of(replay: &GoldReplay) -> Vec<CallRecord> {
    replay
        .steps
        .iter()
        .enumerate()
        .map(|(turn, step)| CallRecord {
            turn,
            call: ToolCall { id: step.id.clone(), name: step.tool.clone(), arguments: String::new() },
            arguments: step.arguments.as_ref().ok().cloned(),
            status: CallStatus::Returned,
            result: step.result.as_ref().ok().cloned(),
            text: step.text.clone(),
            state_hash: step.state_hash.clone(),
            distractor: false,
        })
        .collect()
}

/// Why a distractor may not stand beside this arena: called with a goal's gold arguments, it says the goal's value
/// anywhere in its result (the goal's path is another tool's).
pub(crate) fn answering_distractor(
    runtime: &Runtime,
    arena: &Arena,
    replay: &GoldReplay,
    (home, name): (&Arc<Arena>, &str),
    seed: u64,
) -> Result<Option<String>, SandboxError> {
    let Some(tool) = home.compiled(name) else { return Ok(None) };
    for goal in &arena.spec.goals {
        let GoalKind::Returns { value, gold: Some(id), .. } = &goal.kind else { continue };
        let Some(gold) = replay.arguments(id) else { continue };
        let known: Map<String, Json> = properties(&tool.schema)
            .filter_map(|(property, _)| Some((property.clone(), gold.get(property)?.clone())))
            .collect();
        if !tool.problems(&known).is_empty() {
            continue;
        }
        let session = runtime.engine().open(&home.loaded, seed)?;
        let outcome = runtime.engine().call(&session, name, &known);
        runtime.engine().close(session);
        if let (_, Ok(result)) = readable(&outcome?)
            && value.contained_in(&result)
        {
            return Ok(Some(format!("distractor `{name}` answers goal `{}`", goal.id)));
        }
    }
    Ok(None)
}

/// The empty and the echoing policy earn 0; the refusing one 0, or 1 where the arena is unanswerable.
pub(crate) fn nothing_earns_nothing(
    runtime: &Runtime,
    arena: &Arc<Arena>,
) -> Result<Vec<String>, ArenaError> {
    let state = match &arena.spec.state {
        Some(_) => {
            let session = runtime.engine().open(&arena.loaded, 0)?;
            let state = crate::gold::state_hash(runtime, &session);
            runtime.engine().close(session);
            state
        }
        None => None,
    };
    let prompt = arena.spec.prompt_text();
    let refused = answer::refusal(&arena.spec.language);
    let expected_of_refusal = if arena.spec.answerable { 0.0 } else { 1.0 };
    let mut failures = Vec::new();
    for (policy, message, expected) in
        [("empty", "", 0.0), ("echoing", prompt.as_str(), 0.0), ("refusing", refused, expected_of_refusal)]
    {
        let end = FinalTurn { message, stop: &Stop::Answered, turns: 0, state: state.clone() };
        let score = score(runtime, arena, &EpisodeOptions::default(), &[], &end)?;
        if score.f1 != Score::Measured(expected) {
            let earned = score.f1.measured().unwrap_or(f64::NAN);
            failures.push(format!("the {policy} policy earns {earned}, not {expected}"));
        }
        if let Some(credit) = score.credits.first() {
            failures.push(format!("goal is reached by the {policy} policy: `{}`", credit.goal));
        }
    }
    Ok(failures)
}
