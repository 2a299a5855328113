//! Finds the gold calls of an unproven arena, from a trace or by search, and promotes it.
//!
//! An imported arena says which answers a tool should give, and not for which arguments. Here calls are made until
//! each expected answer is returned by one; arguments that came out of other calls become references, and with them
//! the goals get their order. A promoted arena is a claim that the gates still have to check: a search can find a
//! call that gives the right answer for the wrong reason, most easily where the answer is a small number. Arguments
//! that stand neither in the prompt nor in another result (computed between two calls, or known to everybody) are
//! found among the literals of the code; the provenance names them as `unfounded_arguments`.

mod candidates;
mod refs;
mod search;
mod spans;

use crate::arena::{Arena, ArenaError, Runtime};
use crate::gold::replay_gold;
use crate::reward::value_stands;
use astra_protocol::{
    ArenaSpec, Comparator, Goal, GoalKind, GoldCall, Message, Trace, Value, parse_arguments, topology_of,
};
use candidates::Ground;
use refs::{Chosen, Linked, link, reference, unfounded};
use search::{Hit, Lab, listed};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use spans::parts;
use std::sync::Arc;

/// How hard to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProveLimits {
    /// Calls that the search makes for one arena; tidying what it found takes a few more.
    pub calls: usize,
    /// Calls made after the last goal of a tool was reached, to find better founded ones.
    pub settle: usize,
}

impl Default for ProveLimits {
    fn default() -> Self {
        Self { calls: 2000, settle: 48 }
    }
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Proof {
    /// The arena with gold calls, when every goal was reached. The gates have not seen it.
    #[serde(skip)]
    pub promoted: Option<ArenaSpec>,
    /// Why there is none.
    pub why_not: Option<String>,
    /// Goal by goal.
    pub goals: Vec<GoalProof>,
    /// Calls made.
    pub calls: usize,
}

/// What was found for one goal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GoalProof {
    /// Goal id.
    pub goal: String,
    /// Its tool.
    pub tool: String,
    /// Found or not.
    pub outcome: GoalOutcome,
}

/// How a goal's gold call was found, or why not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GoalOutcome {
    /// A call returns the value.
    Found {
        /// Where the call came from.
        by: FoundBy,
        /// Its arguments.
        arguments: Map<String, Json>,
        /// Where the value stands in the result.
        path: String,
        /// Calls made until then.
        after: usize,
        /// Whether only a text that says the value stands there: the goal then expects that text.
        widened: bool,
        /// Arguments that stand neither in the prompt nor in another result: the call may be right by luck.
        invented: usize,
    },
    /// No call that was tried returns the value.
    NotFound {
        /// Calls made to the tool's arena in all.
        after: usize,
        /// What is known about it.
        why: String,
    },
}

/// Where a gold call came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FoundBy {
    /// The trace made it.
    Trace,
    /// The search made it.
    Search,
}

/// Looks for gold calls of an unproven arena, first among the calls of `trace`, then by search.
pub fn prove(
    runtime: &Runtime,
    arena: &Arc<Arena>,
    trace: Option<&Trace>,
    limits: ProveLimits,
) -> Result<Proof, ArenaError> {
    let spec = arena.spec();
    if !spec.is_unproven() {
        let why = if spec.answerable { "it has gold calls already" } else { "it is unanswerable" };
        return Ok(Proof { promoted: None, why_not: Some(why.into()), goals: Vec::new(), calls: 0 });
    }
    let asked: Vec<&str> = spec
        .prompt
        .iter()
        .filter(|message| matches!(message, Message::User { .. }))
        .map(Message::content)
        .collect();
    let mut lab = Lab::new(runtime, arena, Ground::new(spec.prompt_text(), &asked.join("\n")), limits.calls);
    for (tool, arguments) in trace.map(calls_of).unwrap_or_default() {
        lab.file(&tool, &arguments, true)?;
    }
    let stuck = explore(&mut lab, limits)?;
    let chosen = choose(&lab);
    let mut proof = Proof { promoted: None, why_not: None, goals: Vec::new(), calls: 0 };
    for (at, goal) in spec.goals.iter().enumerate() {
        let GoalKind::Returns { tool, value, .. } = &goal.kind else { continue };
        let outcome = if let Some(hit) = &chosen[at] {
            found(hit, value)
        } else {
            let why = stuck.iter().find(|(name, _)| name == tool).map(|(_, why)| why.clone());
            let why = why.unwrap_or_else(|| "no call that was tried returns it".into());
            GoalOutcome::NotFound { after: lab.spent, why }
        };
        proof.goals.push(GoalProof { goal: goal.id.clone(), tool: tool.clone(), outcome });
    }
    let missing = chosen.iter().filter(|hit| hit.is_none()).count();
    if missing > 0 {
        proof.why_not = Some(format!("{missing} of {} goals are not reached", spec.goals.len()));
    } else {
        let hits: Vec<Hit> = chosen.into_iter().flatten().collect();
        match promote(&mut lab, &hits)? {
            Ok(promoted) => proof.promoted = Some(promoted),
            Err(why) => proof.why_not = Some(why),
        }
    }
    proof.calls = lab.spent;
    Ok(proof)
}

/// Calls of a trace with readable arguments.
fn calls_of(trace: &Trace) -> Vec<(String, Map<String, Json>)> {
    let calls = trace.messages.iter().flat_map(|message| match message {
        Message::Assistant { tool_calls, .. } => tool_calls.as_slice(),
        Message::System { .. } | Message::User { .. } | Message::Tool { .. } => &[],
    });
    calls.filter_map(|call| Some((call.name.clone(), parse_arguments(&call.arguments).ok()?))).collect()
}

/// Searches tool by tool, in rounds: what one tool returns is an argument for another. A round that finds nothing
/// new is followed by a last one that may spend what is left.
fn explore(lab: &mut Lab<'_>, limits: ProveLimits) -> Result<Vec<(String, String)>, ArenaError> {
    let mut tools: Vec<String> = Vec::new();
    for goal in &lab.arena.spec().goals {
        if let GoalKind::Returns { tool, .. } = &goal.kind
            && !tools.contains(tool)
        {
            tools.push(tool.clone());
        }
    }
    let mut last = false;
    loop {
        let open: Vec<String> = tools.iter().filter(|tool| lab.pending(tool) > 0).cloned().collect();
        let before: usize = open.iter().map(|tool| lab.pending(tool)).sum();
        let mut stuck = Vec::new();
        for (at, tool) in open.iter().enumerate() {
            let left = limits.calls.saturating_sub(lab.spent);
            let share = left / (open.len() - at);
            let budget = if last { share } else { share / 2 };
            stuck.extend(lab.search(tool, budget, limits.settle)?.map(|why| (tool.clone(), why)));
        }
        let after: usize = open.iter().map(|tool| lab.pending(tool)).sum();
        if after == 0 || lab.spent >= limits.calls || (last && after == before) {
            return Ok(stuck);
        }
        last = after == before;
    }
}

/// The best call of each goal. Goals do not share a call while another as well founded one is there.
fn choose(lab: &Lab<'_>) -> Vec<Option<Hit>> {
    let results = lab.found();
    let mut chosen: Vec<Option<Hit>> = vec![None; lab.hits.len()];
    let mut order: Vec<usize> = (0..lab.hits.len()).collect();
    // Goals with few calls to choose from choose first.
    order.sort_by_key(|at| lab.hits[*at].len());
    for at in order {
        let weighed = lab.hits[at].iter().map(|hit| {
            let (grounded, invented) = lab.footing(&hit.tool, &hit.arguments, &hit.result, &results);
            let used = chosen
                .iter()
                .flatten()
                .any(|other| other.tool == hit.tool && other.arguments == hit.arguments);
            let order = (invented, std::cmp::Reverse(grounded), !hit.traced, used, hit.after);
            (order, Hit { grounded, invented, ..hit.clone() })
        });
        chosen[at] = weighed.min_by_key(|(order, _)| *order).map(|(_, hit)| hit);
    }
    chosen
}

fn found(hit: &Hit, value: &Value) -> GoalOutcome {
    let (path, widened) =
        place(&hit.result, value).map_or((String::new(), false), |(path, text)| (path, text.is_some()));
    GoalOutcome::Found {
        by: if hit.traced { FoundBy::Trace } else { FoundBy::Search },
        arguments: hit.arguments.clone(),
        path,
        after: hit.after,
        widened,
        invented: hit.invented,
    }
}

/// Where a value stands in a result: the field that equals it, else the text that says it (given back too).
fn place(result: &Json, value: &Value) -> Option<(String, Option<String>)> {
    let parts = parts(result);
    if let Some((pointer, _)) = parts.iter().find(|(_, part)| value.matches(part)) {
        return Some((pointer.clone(), None));
    }
    parts.into_iter().find_map(|(pointer, part)| {
        let text = part.as_str().filter(|text| value.mentioned_in(text))?;
        Some((pointer, Some(text.to_owned())))
    })
}

/// Writes the gold calls into the arena and replays them. The inner `Err` says why they prove nothing.
fn promote(lab: &mut Lab<'_>, hits: &[Hit]) -> Result<Result<ArenaSpec, String>, ArenaError> {
    let (calls, of_goal) = distinct(lab, hits)?;
    let linked = link(&calls, &lab.ground);
    let mut spec = lab.arena.spec().clone();
    if let Err(why) = rewrite(&mut spec, &calls, &of_goal, &linked) {
        return Ok(Err(why));
    }
    let mut doubts = Map::new();
    for (call, at) in spec.gold.iter().zip(&linked.order) {
        let names = unfounded(&calls[*at], &linked.sources[*at], &lab.ground);
        if !names.is_empty() {
            doubts.insert(call.id.clone(), json!(names));
        }
    }
    if !doubts.is_empty() {
        spec.provenance.extra.insert("unfounded_arguments".into(), Json::Object(doubts));
    }
    spec.provenance.extra.insert("proved_in_calls".into(), json!(lab.spent));
    let spec = match serde_json::to_string(&spec)
        .map_err(|error| error.to_string())
        .and_then(|text| ArenaSpec::parse(&text).map_err(|error| error.to_string()))
    {
        Ok(spec) => spec,
        Err(error) => return Ok(Err(format!("the calls make no valid arena: {error}"))),
    };
    let arena = lab.runtime.load(spec, &lab.arena.program().data)?;
    let replay = replay_gold(lab.runtime, &arena, 0)?;
    for goal in &arena.spec().goals {
        let GoalKind::Returns { gold: Some(id), .. } = &goal.kind else { continue };
        let result = replay.step(id).map(|step| &step.result);
        if !result.is_some_and(|result| result.as_ref().is_ok_and(|result| value_stands(goal, result))) {
            return Ok(Err(format!("goal `{}` is not reached when the calls follow each other", goal.id)));
        }
    }
    Ok(Ok(arena.spec().clone()))
}

/// The distinct calls without idle arguments, and which of them each goal has.
fn distinct(lab: &mut Lab<'_>, hits: &[Hit]) -> Result<(Vec<Chosen>, Vec<usize>), ArenaError> {
    let (mut calls, mut of_goal): (Vec<Chosen>, Vec<usize>) = (Vec::new(), Vec::new());
    for hit in hits {
        let arguments = without_idle(lab, hit)?;
        let known = calls.iter().position(|call| call.tool == hit.tool && call.arguments == arguments);
        of_goal.push(known.unwrap_or(calls.len()));
        if known.is_none() {
            let listed = listed(lab.arena, &hit.tool);
            calls.push(Chosen { tool: hit.tool.clone(), arguments, result: Arc::clone(&hit.result), listed });
        }
    }
    Ok((calls, of_goal))
}

/// Leaves out optional arguments that change nothing: neither when they go nor when they say something else. A
/// choice that the schema lists and the prompt names stays: a person asked for it.
fn without_idle(lab: &mut Lab<'_>, hit: &Hit) -> Result<Map<String, Json>, ArenaError> {
    let choices = listed(lab.arena, &hit.tool);
    let mut arguments = hit.arguments.clone();
    for name in hit.arguments.keys() {
        let mut fewer = arguments.clone();
        let Some(value) = fewer.shift_remove(name) else { continue };
        if lab.ground.holds(&value) && choices.contains(&value) {
            continue;
        }
        if lab.call(&hit.tool, &fewer)?.as_ref() != Some(&hit.result) {
            continue;
        }
        let mut other = arguments.clone();
        let another = match &value {
            Json::String(text) => json!(format!("{text}x")),
            Json::Number(number) => number
                .as_i64()
                .map_or_else(|| json!(number.as_f64().unwrap_or(0.0) + 1.0), |n| json!(n.wrapping_add(1))),
            Json::Bool(truth) => json!(!truth),
            Json::Null | Json::Array(_) | Json::Object(_) => Json::Null,
        };
        other.insert(name.clone(), another);
        if lab.call(&hit.tool, &other)?.as_ref() == Some(&hit.result) {
            arguments = fewer;
        }
    }
    Ok(arguments)
}

fn rewrite(spec: &mut ArenaSpec, calls: &[Chosen], of_goal: &[usize], linked: &Linked) -> Result<(), String> {
    let id = |call: usize| {
        let place = linked.order.iter().position(|at| *at == call).unwrap_or(call);
        format!("c{}", place + 1)
    };
    spec.gold = linked
        .order
        .iter()
        .map(|at| {
            let mut arguments = calls[*at].arguments.clone();
            for (name, other, source) in &linked.sources[*at] {
                if let Some(value) = arguments.get_mut(name) {
                    *value = reference(&id(*other), source, value);
                }
            }
            GoldCall { id: id(*at), tool: calls[*at].tool.clone(), arguments }
        })
        .collect();
    let mut goals: Vec<(usize, Goal)> = Vec::new();
    for (goal, call) in spec.goals.iter().zip(of_goal) {
        let needed = linked.sources[*call].iter().map(|(_, other, _)| *other);
        let mut depends_on: Vec<String> = Vec::new();
        for other in needed {
            let parents = spec
                .goals
                .iter()
                .zip(of_goal)
                .filter(|(_, of)| **of == other)
                .map(|(goal, _)| goal.id.clone());
            depends_on.extend(parents.filter(|parent| !depends_on.contains(parent)).collect::<Vec<_>>());
        }
        let place = linked.order.iter().position(|at| at == call).unwrap_or(*call);
        goals.push((place, proved(goal, &calls[*call].result, id(*call), depends_on)?));
    }
    // Predecessors first; among equals the order of the row stays.
    goals.sort_by_key(|(place, _)| *place);
    // An expected answer that a whole text replaces is kept, for people and for the way back.
    for (goal, value) in spec.goals.iter().filter_map(|goal| Some((goal, value_of(goal)?))) {
        let kept_value = goals.iter().any(|(_, new)| new.id == goal.id && value_of(new) == Some(value));
        if kept_value {
            continue;
        }
        let kept = spec.provenance.extra.entry("expected").or_insert_with(|| json!({}));
        if let Some(kept) = kept.as_object_mut() {
            kept.entry(goal.id.clone()).or_insert_with(|| value.to_json());
        }
    }
    spec.goals = goals.into_iter().map(|(_, goal)| goal).collect();
    let nodes: Vec<(&str, Vec<&str>)> = spec
        .goals
        .iter()
        .map(|goal| (goal.id.as_str(), goal.depends_on.iter().map(String::as_str).collect()))
        .collect();
    let (topology, _) = topology_of(&nodes).ok_or("the goals need each other in a circle")?;
    spec.topology = topology;
    Ok(())
}

fn value_of(goal: &Goal) -> Option<&Value> {
    match &goal.kind {
        GoalKind::Returns { value, .. } => Some(value),
        GoalKind::StateEquals { .. } => None,
    }
}

/// The goal with its gold call, its place, and the exact comparator.
fn proved(goal: &Goal, result: &Json, id: String, depends_on: Vec<String>) -> Result<Goal, String> {
    let GoalKind::Returns { tool, value, .. } = &goal.kind else { return Ok(goal.clone()) };
    let (path, text) = place(result, value)
        .ok_or_else(|| format!("goal `{}`: the value has no place in the result", goal.id))?;
    let kind = GoalKind::Returns {
        tool: tool.clone(),
        path,
        value: text.map_or_else(|| value.clone(), Value::text),
        gold: Some(id),
        decisive: Vec::new(),
        grounded: true,
        comparator: Comparator::Equals,
    };
    Ok(Goal { id: goal.id.clone(), question: goal.question.clone(), depends_on, kind })
}
