//! Which gold calls may go out together, and what their arguments are once earlier results are known.
//!
//! A call waits for the calls that its `$ref`s name and for those of the goals that its own goals depend on. A call
//! that changes the state waits for everything before it in gold order and everything behind it waits for that call,
//! so it stands alone in its turn and reads keep their side of it. Whether a call changes the state is not believed
//! but measured by a replay. Two writes are never sent together, even when they would commute: an agent that plans
//! from documents cannot know it.

use astra_arena::gates::recompute;
use astra_protocol::value::same_argument;
use astra_protocol::{ArenaSpec, Goal, GoalKind, GoldCall, Reference, Via};
use serde_json::{Map, Value as Json};
use std::collections::BTreeSet;

/// What each gold call waits for, by position in the list.
#[derive(Debug)]
pub(super) struct Plan {
    after: Vec<BTreeSet<usize>>,
}

impl Plan {
    /// `writes[i]` says whether gold call `i` changes the state.
    pub(super) fn new(spec: &ArenaSpec, writes: &[bool]) -> Self {
        let position = |id: &str| spec.gold.iter().position(|call| call.id == id);
        let mut after: Vec<BTreeSet<usize>> = spec
            .gold
            .iter()
            .map(|call| {
                let references = call.arguments.values().filter_map(|value| Reference::of(value)?.ok());
                references
                    .flat_map(|reference| {
                        reference.targets().iter().filter_map(|(id, _)| position(id)).collect::<Vec<_>>()
                    })
                    .collect()
            })
            .collect();
        for goal in &spec.goals {
            let parents = spec.goals.iter().filter(|other| goal.depends_on.contains(&other.id));
            let needed: Vec<usize> = parents.flat_map(gold_ids).filter_map(position).collect();
            for call in gold_ids(goal).into_iter().filter_map(position) {
                // Only earlier calls: gold order has no cycle, whatever the goals say.
                after[call].extend(needed.iter().copied().filter(|parent| *parent < call));
            }
        }
        let is_write = |call: usize| writes.get(call).copied().unwrap_or(false);
        for (call, waits_for) in after.iter_mut().enumerate() {
            waits_for.extend((0..call).filter(|earlier| is_write(call) || is_write(*earlier)));
        }
        Self { after }
    }

    /// The calls that are not done and wait for nothing, in gold order.
    pub(super) fn ready(&self, done: &[bool]) -> Vec<usize> {
        let is_done = |call: usize| done.get(call).copied().unwrap_or(false);
        (0..self.after.len())
            .filter(|call| !is_done(*call) && self.after[*call].iter().all(|earlier| is_done(*earlier)))
            .collect()
    }
}

/// The gold calls that a goal needs.
pub(super) fn gold_ids(goal: &Goal) -> Vec<&str> {
    match &goal.kind {
        GoalKind::Returns { gold, .. } => gold.iter().map(String::as_str).collect(),
        GoalKind::StateEquals { gold } => gold.iter().map(String::as_str).collect(),
    }
}

/// A tool-free step that led to an argument, for telling about it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Derivation {
    /// What was done.
    pub(super) via: Via,
    /// The results it started from.
    pub(super) sources: Vec<Json>,
    /// What it gave.
    pub(super) value: Json,
}

/// Arguments with every `$ref` replaced by what was really received, and the tool-free steps on the way.
pub(super) fn resolve(
    call: &GoldCall,
    result_of: &dyn Fn(&str) -> Option<Json>,
) -> Result<(Map<String, Json>, Vec<Derivation>), String> {
    let mut arguments = Map::new();
    let mut derivations = Vec::new();
    for (name, argument) in &call.arguments {
        let Some(reference) = Reference::of(argument) else {
            arguments.insert(name.clone(), argument.clone());
            continue;
        };
        let reference = reference?;
        let sources: Option<Vec<Json>> = reference
            .targets()
            .iter()
            .map(|(id, pointer)| result_of(id)?.pointer(pointer).cloned())
            .collect();
        let sources = sources
            .filter(|sources| !sources.is_empty())
            .ok_or_else(|| format!("argument `{name}` of gold call `{}` does not resolve", call.id))?;
        let value = match (reference.via, reference.value) {
            (Some(via), Some(recorded)) => {
                let value = derived(&via, &sources, recorded);
                derivations.push(Derivation { via, sources, value: value.clone() });
                value
            }
            (Some(_) | None, _) => sources[0].clone(),
        };
        arguments.insert(name.clone(), value);
    }
    Ok((arguments, derivations))
}

/// What the results give, where that can be computed; the recorded value where knowledge or choice stands between,
/// or where it is the same in the form that the tool's schema wants.
fn derived(via: &Via, sources: &[Json], recorded: Json) -> Json {
    match recompute(via, &sources.iter().collect::<Vec<_>>()) {
        Ok(computed) if !same_argument(&computed, &recorded) => computed,
        Ok(_) | Err(_) => recorded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(gold: &Json, goals: &Json) -> ArenaSpec {
        let json = json!({
            "version": 1, "language": "en", "domain": "test", "topology": "multi_hop",
            "prompt": [{"role": "user", "content": "q"}], "answer": {"type": "number", "value": 2},
            "tools": [{"doc": {"name": "f", "description": "d",
                               "parameters": {"type": "object", "properties": {"x": {}}}},
                       "code": "def f(x): return x", "entry": "f"}],
            "state": {}, "gold": gold, "goals": goals,
        });
        ArenaSpec::parse(&json.to_string()).unwrap()
    }

    fn diamond() -> ArenaSpec {
        let gold = json!([
            {"id": "a", "tool": "f", "arguments": {"x": 1}},
            {"id": "b", "tool": "f", "arguments": {"x": 2}},
            {"id": "c", "tool": "f", "arguments": {"x": {"$ref": ["a#", "b#"],
                "via": {"kind": "arithmetic", "op": "add"}, "value": 3}}},
            {"id": "d", "tool": "f", "arguments": {"x": 4}},
        ]);
        let one = |id: &str| {
            json!({"id": id, "question": id, "kind": {"type": "returns", "tool": "f",
            "gold": id, "value": {"type": "number", "value": 1}}})
        };
        let mut goals = vec![one("a"), one("b"), one("c"), one("d")];
        goals[3]["depends_on"] = json!(["a"]);
        spec(&gold, &json!(goals))
    }

    #[test]
    fn independent_calls_are_ready_together_and_dependent_ones_wait() {
        let plan = Plan::new(&diamond(), &[]);
        assert_eq!(plan.ready(&[false; 4]), [0, 1]);
        assert_eq!(plan.ready(&[true, false, false, false]), [1, 3], "d waits for a's goal only");
        assert_eq!(plan.ready(&[true, true, false, true]), [2]);
        assert!(plan.ready(&[true; 4]).is_empty());
    }

    #[test]
    fn a_write_stands_alone_between_what_comes_before_and_behind() {
        let plan = Plan::new(&diamond(), &[false, true, false, false]);
        assert_eq!(plan.ready(&[false; 4]), [0]);
        assert_eq!(plan.ready(&[true, false, false, false]), [1]);
        assert_eq!(plan.ready(&[true, true, false, false]), [2, 3]);
    }

    #[test]
    fn arguments_come_from_what_was_received() {
        let spec = diamond();
        let received = |id: &str| Some(if id == "a" { json!(10) } else { json!(20.5) });
        let (arguments, derivations) = resolve(&spec.gold[2], &received).unwrap();
        assert_eq!(arguments["x"], json!(30.5), "the results decide, not the recorded value");
        assert_eq!(derivations[0].sources, [json!(10), json!(20.5)]);
        let usual = |id: &str| Some(if id == "a" { json!(1) } else { json!(2) });
        assert_eq!(resolve(&spec.gold[2], &usual).unwrap().0["x"], json!(3), "kept as the schema wants it");
        assert!(resolve(&spec.gold[2], &|_| None).unwrap_err().contains("`x` of gold call `c`"));
    }
}
