//! `fuzz` and `dump`: arguments matter, guessing earns nothing, and no one call answers everything.

use super::Measurements;
use super::measure::Tried;
use super::oracle::brief;
use crate::arena::Arena;
use crate::reward::{gold_of, is_grounded, value_stands};
use astra_protocol::{Comparator, GoalKind};
use serde_json::{Map, Value as Json};

/// Every gold call has a decisive argument; what the spec records is at least as strict as what was measured; and no
/// lazy or random call is credited.
pub(crate) fn guessing_earns_nothing(arena: &Arena, measured: &Measurements) -> Vec<String> {
    let mut failures = Vec::new();
    for call in &arena.spec.gold {
        if !is_decided(arena, measured, &call.id) {
            failures.push(format!(
                "gold call `{}` has no decisive argument: other values for {} leave the outcome as it is",
                call.id,
                if call.arguments.is_empty() {
                    "its (no) arguments".to_owned()
                } else {
                    names(&call.arguments)
                },
            ));
        }
    }
    for (goal, facts) in arena.spec.goals.iter().zip(&measured.goals) {
        let GoalKind::Returns { decisive, grounded, gold: Some(_), .. } = &goal.kind else { continue };
        if facts.grounded && !grounded {
            failures.push(format!(
                "goal `{}` says `grounded: false`, but other arguments were seen to return its value",
                goal.id
            ));
        }
        let missing: Vec<&String> = facts.decisive.iter().filter(|name| !decisive.contains(name)).collect();
        if *grounded && !decisive.is_empty() && !missing.is_empty() {
            failures.push(format!("goal `{}`: `decisive` lacks {missing:?}, measured as decisive", goal.id));
        }
    }
    for tried in &measured.probes {
        if let Some(goal) = credited(arena, measured, &tried.tool, &tried.arguments, &tried.result).first() {
            failures.push(format!(
                "guessing reaches goal `{}`: {}({}) returns its value",
                arena.spec.goals[*goal].id,
                tried.tool,
                brief(&Json::Object(tried.arguments.clone()))
            ));
        }
    }
    failures
}

fn names(arguments: &Map<String, Json>) -> String {
    arguments.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Whether some argument of the gold call decides a goal's value or the final state.
fn is_decided(arena: &Arena, measured: &Measurements, id: &str) -> bool {
    let decides_value = arena
        .spec
        .goals
        .iter()
        .zip(&measured.goals)
        .any(|(goal, facts)| gold_of(goal) == Some(id) && !facts.decisive.is_empty());
    let decides_state = arena.spec.goals.iter().any(|goal| match &goal.kind {
        GoalKind::StateEquals { gold } => gold.iter().any(|known| known == id),
        GoalKind::Returns { .. } => false,
    }) && !measured
        .decisive_for(arena, id, |alternative| alternative.final_state == measured.replay.final_state)
        .is_empty();
    decides_value || decides_state
}

/// Goals that a call would be credited for by the rules of reward, with grounding as measured.
fn credited(
    arena: &Arena,
    measured: &Measurements,
    tool: &str,
    arguments: &Map<String, Json>,
    result: &Result<Json, String>,
) -> Vec<usize> {
    let Ok(result) = result else { return Vec::new() };
    let goals = arena.spec.goals.iter().zip(&measured.goals).enumerate();
    goals
        .filter(|(_, (goal, facts))| {
            let GoalKind::Returns { tool: wanted_tool, gold, comparator, .. } = &goal.kind else {
                return false;
            };
            if wanted_tool != tool || !value_stands(goal, result) {
                return false;
            }
            match (gold, comparator) {
                (Some(id), _) if facts.grounded => {
                    match (measured.replay.arguments(id), arena.compiled(tool)) {
                        (Some(wanted), Some(compiled)) => {
                            is_grounded(compiled, &facts.decisive, wanted, arguments)
                        }
                        _ => false,
                    }
                }
                (Some(_), _) | (None, Comparator::Equals | Comparator::Contains) => true,
            }
        })
        .map(|(position, _)| position)
        .collect()
}

/// No call may reach two goals that belong to different gold calls, unless those gold calls are equal in content.
pub(crate) fn no_call_answers_two(arena: &Arena, measured: &Measurements) -> Vec<String> {
    let gold = measured.replay.steps.iter().filter_map(|step| {
        let arguments = step.arguments.as_ref().ok()?.clone();
        Some(Tried { tool: step.tool.clone(), arguments, result: step.result.clone() })
    });
    let gold: Vec<Tried> = gold.collect();
    let mut failures = Vec::new();
    for tried in measured.probes.iter().chain(&gold) {
        let goals = credited(arena, measured, &tried.tool, &tried.arguments, &tried.result);
        let mut owners: Vec<&str> = Vec::new();
        for goal in &goals {
            let Some(id) = gold_of(&arena.spec.goals[*goal]) else { continue };
            let same = |other: &&str| {
                *other == id || measured.replay.arguments(other) == measured.replay.arguments(id)
            };
            if !owners.iter().any(same) {
                owners.push(id);
            }
        }
        if owners.len() > 1 {
            failures.push(format!(
                "one call answers gold calls {owners:?}: {}({})",
                tried.tool,
                brief(&Json::Object(tried.arguments.clone()))
            ));
        }
    }
    failures
}
