//! `determinism` and `isolation`: same calls, same bytes; and episodes that do not see each other.

use super::Measurements;
use super::measure::{Measurements as Measured, SECOND_SEED};
use super::oracle::shortfall;
use super::probes::{default_call, random_calls};
use crate::arena::{Arena, ArenaError, Runtime};
use crate::call::readable;
use crate::gold::{GoldStep, replay_gold, resolve, state_hash, step};
use astra_protocol::{GoldCall, Value};
use astra_sandbox::{SandboxError, Session};
use std::sync::Arc;

/// Other episode seeds under which every goal must still be met.
const EPISODE_SEEDS: [u64; 2] = [SECOND_SEED, 20_240_229];
/// Random calls a tool where there are no gold calls to replay.
const SCRIPT_RANDOM_CALLS: usize = 4;

pub(crate) fn same_calls_same_bytes(
    runtime: &Runtime,
    others: &[Runtime],
    arena: &Arc<Arena>,
    measured: &Measured,
) -> Result<Vec<String>, ArenaError> {
    let mut failures = Vec::new();
    if arena.spec.gold.is_empty() {
        let script = script(arena);
        let first = outputs(runtime, arena, &script, 0)?;
        for (hash_seed, other) in others.iter().enumerate() {
            let moved = other.relocate(arena)?;
            failures.extend(
                difference(&script, &first, &outputs(other, &moved, &script, 0)?)
                    .map(|found| format!("{found} differs under hash seed {}", hash_seed + 1)),
            );
        }
        for seed in EPISODE_SEEDS {
            failures.extend(
                difference(&script, &first, &outputs(runtime, arena, &script, seed)?)
                    .map(|found| format!("{found} differs under episode seed {seed}")),
            );
        }
        failures.extend(generated_answer(arena));
        return Ok(failures);
    }
    for (hash_seed, other) in others.iter().enumerate() {
        let moved = other.relocate(arena)?;
        other.engine().gather(&moved.loaded);
        let again = replay_gold(other, &moved, 0)?;
        let differing = measured
            .replay
            .steps
            .iter()
            .zip(&again.steps)
            .find(|(a, b)| a.text != b.text || a.state_hash != b.state_hash);
        if let Some((step, _)) = differing {
            failures.push(format!(
                "gold call `{}` gives other bytes under hash seed {}",
                step.id,
                hash_seed + 1
            ));
        }
    }
    for seed in EPISODE_SEEDS {
        let replay = match &measured.again {
            Some(replay) if seed == SECOND_SEED => replay.clone(),
            Some(_) | None => replay_gold(runtime, arena, seed)?,
        };
        if let Some(problem) = shortfall(runtime, arena, &replay, seed)? {
            failures.push(format!("under episode seed {seed} {problem}"));
        }
    }
    Ok(failures)
}

/// An answer that looks generated, from code that reads the clock or entropy, cannot be met again.
fn generated_answer(arena: &Arena) -> Option<String> {
    let tool = arena.loaded.tools().iter().find(|facts| facts.reads_clock_or_entropy)?;
    let values = arena.spec.goals.iter().filter_map(|goal| match &goal.kind {
        astra_protocol::GoalKind::Returns { value, tool: wanted, .. } if *wanted == tool.name => Some(value),
        astra_protocol::GoalKind::Returns { .. } | astra_protocol::GoalKind::StateEquals { .. } => None,
    });
    let found = values.into_iter().find(|value| is_generated(value))?;
    Some(format!(
        "the expected answer {} looks like a generated id or timestamp, and `{}` reads the clock or entropy",
        found.to_json(),
        tool.name
    ))
}

/// Ids such as `TXN-8F3A21C0` or a UUID, and timestamps with a time of day.
pub(crate) fn is_generated(value: &Value) -> bool {
    let said = match value {
        Value::Text { value } | Value::Date { value } => value,
        Value::Number { value, .. } => {
            return value
                .as_f64()
                .is_some_and(|seconds| (1.0e9..2.0e9).contains(&seconds) || seconds > 1.0e12);
        }
        Value::Set { items } | Value::List { items } => return items.iter().any(is_generated),
        Value::Record { fields } => return fields.values().any(is_generated),
        Value::Bool { .. } => return false,
    };
    if astra_protocol::value::date::parse(said).is_some_and(|moment| moment.time.is_some()) {
        return true;
    }
    said.split(|c: char| c.is_whitespace() || matches!(c, '-' | '_' | ':' | '#')).any(|part| {
        let digits = part.chars().filter(char::is_ascii_digit).count();
        let letters = part.chars().filter(char::is_ascii_alphabetic).count();
        part.len() >= 6 && digits + letters == part.len() && digits >= 2
    })
}

/// Default and random calls of every tool, where there are no gold calls.
fn script(arena: &Arena) -> Vec<GoldCall> {
    let mut calls = Vec::new();
    for tool in arena.tools.iter() {
        let random = random_calls(&tool.schema, 0, &tool.name).into_iter().take(SCRIPT_RANDOM_CALLS);
        for arguments in std::iter::once(default_call(&tool.schema)).chain(random) {
            calls.push(GoldCall {
                id: format!("probe {}", calls.len() + 1),
                tool: tool.name.clone(),
                arguments,
            });
        }
    }
    calls
}

fn outputs(
    runtime: &Runtime,
    arena: &Arena,
    script: &[GoldCall],
    seed: u64,
) -> Result<Vec<String>, SandboxError> {
    let session = runtime.engine().open(&arena.loaded, seed)?;
    let said = script.iter().map(|call| output(runtime, arena, &session, call)).collect();
    runtime.engine().close(session);
    said
}

fn output(
    runtime: &Runtime,
    arena: &Arena,
    session: &Session,
    call: &GoldCall,
) -> Result<String, SandboxError> {
    if arena.compiled(&call.tool).is_some_and(|tool| !tool.problems(&call.arguments).is_empty()) {
        return Ok(String::new());
    }
    let outcome = runtime.engine().call(session, &call.tool, &call.arguments)?;
    let state = state_hash(runtime, session).map(|id| id.0).unwrap_or_default();
    Ok(format!("{}\n{state}", readable(&outcome).0))
}

fn difference(script: &[GoldCall], first: &[String], second: &[String]) -> Option<String> {
    let at = first.iter().zip(second).position(|(a, b)| a != b)?;
    let call = &script[at];
    Some(format!("{}({})", call.tool, serde_json::Value::Object(call.arguments.clone())))
}

/// Two interleaved episodes must equal two sequential ones.
pub(crate) fn episodes_do_not_meet(
    runtime: &Runtime,
    arena: &Arc<Arena>,
    measured: &Measurements,
) -> Result<Vec<String>, ArenaError> {
    let calls = if arena.spec.gold.is_empty() { script(arena) } else { arena.spec.gold.clone() };
    let run_alone = |seed| -> Result<Vec<GoldStep>, SandboxError> {
        if seed == 0 && !arena.spec.gold.is_empty() {
            return Ok(measured.replay.steps.clone());
        }
        if let Some(replay) = measured.again.as_ref().filter(|_| seed == SECOND_SEED) {
            return Ok(replay.steps.clone());
        }
        let session = runtime.engine().open(&arena.loaded, seed)?;
        let mut steps = Vec::new();
        for call in &calls {
            let arguments = resolve(&call.arguments, &steps);
            steps.push(step(runtime, arena, &session, call, arguments)?);
        }
        runtime.engine().close(session);
        Ok(steps)
    };
    let alone = [run_alone(0)?, run_alone(SECOND_SEED)?];
    let sessions =
        [runtime.engine().open(&arena.loaded, 0)?, runtime.engine().open(&arena.loaded, SECOND_SEED)?];
    let mut together: [Vec<GoldStep>; 2] = [Vec::new(), Vec::new()];
    for call in &calls {
        for (session, steps) in sessions.iter().zip(&mut together) {
            let arguments = resolve(&call.arguments, steps);
            let taken = step(runtime, arena, session, call, arguments)?;
            steps.push(taken);
        }
    }
    for session in sessions {
        runtime.engine().close(session);
    }
    let mut failures = Vec::new();
    for (episode, (alone, together)) in alone.iter().zip(&together).enumerate() {
        if let Some((step, _)) =
            alone.iter().zip(together).find(|(a, b)| a.text != b.text || a.state_hash != b.state_hash)
        {
            failures.push(format!(
                "call `{}` to `{}` in episode {} changes when another episode runs beside it",
                step.id,
                step.tool,
                episode + 1
            ));
        }
    }
    Ok(failures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_looking_answers() {
        for generated in [
            "TXN-8F3A21C0",
            "ORD-20240615123456",
            "2024-06-15T12:34:56",
            "3f2b8c1e-0a1b-4c2d-9e8f-001122334455",
        ] {
            assert!(is_generated(&Value::text(generated)), "{generated}");
        }
        for plain in ["Oslo", "1,250 visitors", "A12", "2024-06-15", "confirmed", "Boeing 747"] {
            assert!(!is_generated(&Value::text(plain)), "{plain}");
        }
        assert!(is_generated(&Value::number(1_718_454_896)) && !is_generated(&Value::number(42)));
    }
}
