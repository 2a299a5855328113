//! Bounded search for calls whose results hold the expected answers.
//!
//! Breadth first: combinations of argument values in the order of the sum of their ranks, so that no parameter is
//! explored to its end before the others begin. Every call runs in a session of its own; calls of one tool serve all
//! of its goals at once, and a call that was made is never paid for twice.

use super::candidates::{Ground, Parameter, parameters};
use super::refs::source_in;
use super::spans::Literals;
use crate::arena::{Arena, Runtime, properties};
use crate::call::readable;
use crate::reward::value_stands;
use astra_protocol::GoalKind;
use astra_sandbox::SandboxError;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Combinations looked at, including those already tried, for each call that may be made.
const LOOKS_PER_CALL: usize = 20;
/// Calls kept for one goal.
const HITS: usize = 64;

/// A call that reaches a goal.
#[derive(Clone, Debug)]
pub(super) struct Hit {
    pub(super) tool: String,
    pub(super) arguments: Map<String, Json>,
    pub(super) result: Arc<Json>,
    /// Whether a trace made the call.
    pub(super) traced: bool,
    /// Calls made when it was found.
    pub(super) after: usize,
    /// Arguments that stand in the prompt or in an earlier result.
    pub(super) grounded: usize,
    /// Arguments that stand nowhere.
    pub(super) invented: usize,
}

/// Makes calls, remembers them, and counts them.
pub(super) struct Lab<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) arena: &'a Arena,
    pub(super) ground: Ground,
    pub(super) limit: usize,
    pub(super) spent: usize,
    known: BTreeMap<String, Option<Arc<Json>>>,
    /// Calls found for each goal, by its position.
    pub(super) hits: Vec<Vec<Hit>>,
}

impl<'a> Lab<'a> {
    pub(super) fn new(runtime: &'a Runtime, arena: &'a Arena, ground: Ground, limit: usize) -> Self {
        let hits = vec![Vec::new(); arena.spec().goals.len()];
        Self { runtime, arena, ground, limit, spent: 0, known: BTreeMap::new(), hits }
    }

    /// The result of a call in a fresh session; `None` when it failed or does not fit the schema.
    pub(super) fn call(
        &mut self,
        tool: &str,
        arguments: &Map<String, Json>,
    ) -> Result<Option<Arc<Json>>, SandboxError> {
        let key = format!("{tool} {}", astra_protocol::canonical_json(&Json::Object(arguments.clone())));
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let fits = self.arena.compiled(tool).is_some_and(|compiled| compiled.problems(arguments).is_empty());
        let result = if fits {
            self.spent += 1;
            let engine = self.runtime.engine();
            let session = engine.open(&self.arena.loaded, 0)?;
            let outcome = engine.call(&session, tool, arguments);
            engine.close(session);
            readable(&outcome?).1.ok().map(Arc::new)
        } else {
            None
        };
        self.known.insert(key, result.clone());
        Ok(result)
    }

    /// Makes a call and files it under every goal that it reaches. Says whether it reaches one.
    pub(super) fn file(
        &mut self,
        tool: &str,
        arguments: &Map<String, Json>,
        traced: bool,
    ) -> Result<bool, SandboxError> {
        let Some(result) = self.call(tool, arguments)? else { return Ok(false) };
        let found = self.found();
        let mut reached = false;
        for (at, goal) in self.arena.spec().goals.iter().enumerate() {
            let GoalKind::Returns { tool: wanted, .. } = &goal.kind else { continue };
            if wanted != tool || !value_stands(goal, &result) {
                continue;
            }
            reached = true;
            if self.hits[at].len() >= HITS || self.hits[at].iter().any(|hit| hit.arguments == *arguments) {
                continue;
            }
            let (grounded, invented) = self.footing(tool, arguments, &result, &found);
            let (tool, result) = (tool.to_owned(), Arc::clone(&result));
            let arguments = arguments.clone();
            self.hits[at].push(Hit {
                tool,
                arguments,
                result,
                traced,
                after: self.spent,
                grounded,
                invented,
            });
        }
        Ok(reached)
    }

    /// Arguments with and without ground under them. Truth values, and choices that the schema lists and the prompt
    /// does not name, count as neither. What the call itself returned (`own`) is no ground.
    pub(super) fn footing(
        &self,
        tool: &str,
        arguments: &Map<String, Json>,
        own: &Json,
        found: &[Arc<Json>],
    ) -> (usize, usize) {
        let listed = listed(self.arena, tool);
        let choice = |value: &Json| listed.contains(value) && !self.ground.holds(value);
        let weighed =
            arguments.values().filter(|value| !matches!(value, Json::Null | Json::Bool(_)) && !choice(value));
        let (standing, floating): (Vec<&Json>, Vec<&Json>) = weighed.partition(|value| {
            self.ground.holds(value)
                || found.iter().any(|other| **other != *own && source_in(other, value).is_some())
        });
        (standing.len(), floating.len())
    }

    /// Results of the best call of each goal found so far.
    pub(super) fn found(&self) -> Vec<Arc<Json>> {
        let best = self.hits.iter().filter_map(|hits| hits.iter().min_by_key(|hit| rank(hit)));
        best.map(|hit| Arc::clone(&hit.result)).collect()
    }

    /// Goals of a tool that no call reaches yet.
    pub(super) fn pending(&self, tool: &str) -> usize {
        let of_tool = |at: &usize| matches!(&self.arena.spec().goals[*at].kind, GoalKind::Returns { tool: own, .. } if own == tool);
        (0..self.hits.len()).filter(of_tool).filter(|at| self.hits[*at].is_empty()).count()
    }

    /// Searches calls of one tool, spending at most `budget`; after the last goal is reached, `settle` more calls
    /// look for better ones. Says why it ended early, if it could not even begin.
    pub(super) fn search(
        &mut self,
        tool: &str,
        budget: usize,
        settle: usize,
    ) -> Result<Option<String>, SandboxError> {
        let (Some(compiled), Some(source)) = (self.arena.compiled(tool), self.arena.spec().tool(tool)) else {
            return Ok(Some(format!("there is no tool `{tool}`")));
        };
        let parameters =
            parameters(&compiled.schema, &Literals::of(&source.code), &self.ground, &self.found());
        if let Some(stuck) = parameters.iter().find(|parameter| parameter.values.is_empty()) {
            return Ok(Some(format!("nothing is known to try for `{}`", stuck.name)));
        }
        let sizes: Vec<usize> = parameters.iter().map(|parameter| parameter.values.len()).collect();
        let (mut looks, mut settled_at) = (0, None);
        let end = self.limit.min(self.spent + budget);
        let mut failure = None;
        let mut visit = |places: &[usize]| {
            looks += 1;
            if self.spent >= end || looks > budget.saturating_mul(LOOKS_PER_CALL) {
                return ControlFlow::Break(());
            }
            if let Some(arguments) = combination(&parameters, places)
                && let Err(error) = self.file(tool, &arguments, false)
            {
                failure = Some(error);
                return ControlFlow::Break(());
            }
            if settled_at.is_none() && self.pending(tool) == 0 {
                settled_at = Some(self.spent);
            }
            match settled_at {
                Some(at) if self.spent >= at + settle => ControlFlow::Break(()),
                Some(_) | None => ControlFlow::Continue(()),
            }
        };
        for sum in 0..=sizes.iter().map(|size| size - 1).sum() {
            if places_of_sum(&sizes, sum, &mut Vec::new(), &mut visit).is_break() {
                break;
            }
        }
        failure.map_or(Ok(None), Err)
    }
}

/// Values that the schema of a tool lists for its parameters: choices, not discoveries.
pub(super) fn listed(arena: &Arena, tool: &str) -> Vec<Json> {
    let mut out = Vec::new();
    for (_, property) in arena.compiled(tool).into_iter().flat_map(|compiled| properties(&compiled.schema)) {
        out.extend(property.get("enum").and_then(Json::as_array).into_iter().flatten().cloned());
        out.extend(property.get("default").cloned());
    }
    out
}

/// Order of preference: fewest arguments from nowhere, most from the prompt or results, found first.
pub(super) fn rank(hit: &Hit) -> (usize, std::cmp::Reverse<usize>, usize) {
    (hit.invented, std::cmp::Reverse(hit.grounded), hit.after)
}

/// The arguments at these places; `None` when two parameters would get the same text, which no request means.
fn combination(parameters: &[Parameter], places: &[usize]) -> Option<Map<String, Json>> {
    let mut arguments = Map::new();
    for (parameter, place) in parameters.iter().zip(places) {
        if let Some(value) = &parameter.values[*place] {
            if value.is_string() && arguments.values().any(|other| other == value) {
                return None;
            }
            arguments.insert(parameter.name.clone(), value.clone());
        }
    }
    Some(arguments)
}

/// Visits every tuple of places below `sizes` whose sum is `sum`.
fn places_of_sum(
    sizes: &[usize],
    sum: usize,
    prefix: &mut Vec<usize>,
    visit: &mut impl FnMut(&[usize]) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let Some(size) = sizes.get(prefix.len()) else {
        return if sum == 0 { visit(prefix) } else { ControlFlow::Continue(()) };
    };
    let room: usize = sizes[prefix.len() + 1..].iter().map(|size| size - 1).sum();
    for place in sum.saturating_sub(room)..=sum.min(size - 1) {
        prefix.push(place);
        let flow = places_of_sum(sizes, sum - place, prefix, visit);
        prefix.pop();
        flow?;
    }
    ControlFlow::Continue(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_come_once_and_by_sum() {
        let sizes = [2, 3, 2];
        let mut seen: Vec<Vec<usize>> = Vec::new();
        for sum in 0..=4 {
            let flow = places_of_sum(&sizes, sum, &mut Vec::new(), &mut |places| {
                seen.push(places.to_vec());
                ControlFlow::Continue(())
            });
            assert!(flow.is_continue());
        }
        assert_eq!(seen.len(), 12);
        assert!(seen.windows(2).all(|pair| pair[0].iter().sum::<usize>() <= pair[1].iter().sum()));
        let distinct: std::collections::BTreeSet<_> = seen.iter().collect();
        assert_eq!(distinct.len(), 12);
    }

    #[test]
    fn a_tool_without_parameters_has_one_call() {
        let mut count = 0;
        let flow = places_of_sum(&[], 0, &mut Vec::new(), &mut |_| {
            count += 1;
            ControlFlow::Break(())
        });
        assert!(flow.is_break());
        assert_eq!(count, 1);
    }
}
