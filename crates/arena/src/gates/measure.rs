//! Measuring an arena once: gold replay, calls with wrong arguments, lazy calls.
//!
//! Every try runs in a fresh session, so tries cannot influence each other.

use super::probes::{fixed_calls, random_calls};
use super::tries::{Attempt, outcomes};
use crate::arena::{Arena, ArenaError, Runtime};
use crate::call::readable;
use crate::gold::{GoldReplay, GoldStep, replay_from, replay_gold, step};
use crate::reward::{gold_of, is_grounded, value_stands};
use astra_protocol::value::same_argument;
use astra_protocol::{ContentId, GoalKind, GoldCall, Reference, seeded_rng};
use astra_sandbox::{CallOutcome, ErrorKind, SandboxError};
use rand_chacha::rand_core::Rng;
use serde_json::{Map, Value as Json, json};

/// Alternatives tried for one gold argument.
const ALTERNATIVES: usize = 8;
/// The seed of a second episode.
pub(crate) const SECOND_SEED: u64 = 1;
/// Share of them that must change the outcome for the argument to be decisive.
const DECISIVE_SHARE: f64 = 0.75;

/// Everything the gates look at.
pub(crate) struct Measurements {
    /// The gold calls in a fresh episode under seed 0.
    pub(crate) replay: GoldReplay,
    /// The same under seed 1; absent without gold calls.
    pub(crate) again: Option<GoldReplay>,
    /// Default, empty, wildcard, maximal, enum and random calls of each tool.
    pub(crate) probes: Vec<Tried>,
    /// Gold calls with one argument changed.
    pub(crate) alternatives: Vec<Alternative>,
    /// Per goal, in order.
    pub(crate) goals: Vec<GoalFacts>,
}

/// A call that was tried.
pub(crate) struct Tried {
    pub(crate) tool: String,
    pub(crate) arguments: Map<String, Json>,
    /// What it returned; `Err` is the error text that an agent reads.
    pub(crate) result: Result<Json, String>,
}

/// A gold call tried with another value for one argument.
pub(crate) struct Alternative {
    /// Position of the gold call.
    pub(crate) gold: usize,
    pub(crate) argument: String,
    pub(crate) tried: Tried,
    /// Final state after the remaining gold calls, where a state goal needs this call.
    pub(crate) final_state: Option<ContentId>,
}

/// What was measured about a goal.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct GoalFacts {
    /// Arguments of its gold call that decide its value.
    pub(crate) decisive: Vec<String>,
    /// Whether other decisive arguments were seen to return its value too.
    pub(crate) grounded: bool,
}

impl Measurements {
    pub(crate) fn take(runtime: &Runtime, arena: &Arena) -> Result<Self, ArenaError> {
        let replay = replay_gold(runtime, arena, 0)?;
        let probes = run_probes(runtime, arena)?;
        let alternatives = run_alternatives(runtime, arena, &replay)?;
        let again = (!arena.spec.gold.is_empty()).then(|| replay_gold(runtime, arena, SECOND_SEED));
        let mut measured =
            Self { replay, again: again.transpose()?, probes, alternatives, goals: Vec::new() };
        measured.goals = (0..arena.spec.goals.len()).map(|goal| measured.facts(arena, goal)).collect();
        Ok(measured)
    }

    fn facts(&self, arena: &Arena, goal: usize) -> GoalFacts {
        let Some(id) = gold_of(&arena.spec.goals[goal]) else {
            return GoalFacts { decisive: vec![], grounded: true };
        };
        let decisive = self.decisive_for(arena, id, |alternative| {
            alternative
                .tried
                .result
                .as_ref()
                .is_ok_and(|result| value_stands(&arena.spec.goals[goal], result))
        });
        let grounded = self.is_reached_otherwise(arena, goal, id, &decisive);
        GoalFacts { decisive, grounded }
    }

    /// Arguments of a gold call for which at least 75 % of the alternatives do not leave the outcome the `same`.
    pub(crate) fn decisive_for(
        &self,
        arena: &Arena,
        id: &str,
        same: impl Fn(&Alternative) -> bool,
    ) -> Vec<String> {
        let Some(position) = arena.spec.gold.iter().position(|call| call.id == id) else { return Vec::new() };
        let decides = |name: &String| {
            let tried = self.alternatives.iter().filter(|a| a.gold == position && a.argument == *name);
            let outcomes: Vec<bool> = tried.map(&same).collect();
            let changed = outcomes.iter().filter(|kept| !**kept).count();
            changed > 0 && changed as f64 >= DECISIVE_SHARE * outcomes.len() as f64
        };
        arena.spec.gold[position].arguments.keys().filter(|name| decides(name)).cloned().collect()
    }

    /// Whether any call that was tried, or another goal's gold call, returns the goal's value with other decisive
    /// arguments.
    fn is_reached_otherwise(&self, arena: &Arena, goal: usize, id: &str, decisive: &[String]) -> bool {
        let spec_goal = &arena.spec.goals[goal];
        let GoalKind::Returns { tool, .. } = &spec_goal.kind else { return true };
        let (Some(wanted), Some(compiled)) = (self.replay.arguments(id), arena.compiled(tool)) else {
            return true;
        };
        let elsewhere = |called: &str, arguments: &Map<String, Json>, result: &Result<Json, String>| {
            called == tool
                && result.as_ref().is_ok_and(|result| value_stands(spec_goal, result))
                && !is_grounded(compiled, decisive, wanted, arguments)
        };
        let tried = self.probes.iter().chain(self.alternatives.iter().map(|alternative| &alternative.tried));
        tried.into_iter().any(|tried| elsewhere(&tried.tool, &tried.arguments, &tried.result))
            || self.replay.steps.iter().any(|step| {
                step.id != id
                    && step
                        .arguments
                        .as_ref()
                        .is_ok_and(|arguments| elsewhere(&step.tool, arguments, &step.result))
            })
    }
}

/// Runs one call alone in a fresh episode. Arguments that do not fit the schema are an error, as for an agent.
fn run_probes(runtime: &Runtime, arena: &Arena) -> Result<Vec<Tried>, SandboxError> {
    let mut calls: Vec<(&str, Map<String, Json>)> = Vec::new();
    for tool in arena.tools.iter() {
        let key = format!("{} {}", arena.id(), tool.name);
        let probes = fixed_calls(&tool.schema).into_iter().chain(random_calls(&tool.schema, 0, &key));
        calls.extend(probes.map(|arguments| (tool.name.as_str(), arguments)));
    }
    let attempts: Vec<Attempt<'_>> =
        calls.iter().map(|(tool, arguments)| Attempt { before: &[], tool, arguments }).collect();
    let outcomes = outcomes(runtime, arena, &attempts)?;
    Ok(calls
        .into_iter()
        .zip(outcomes)
        .map(|((tool, arguments), outcome)| tried(tool, arguments, outcome))
        .collect())
}

fn tried(tool: &str, arguments: Map<String, Json>, outcome: Result<CallOutcome, String>) -> Tried {
    let result = outcome.and_then(|outcome| {
        let (text, result) = readable(&outcome);
        result.map_err(|_: ErrorKind| text)
    });
    Tried { tool: tool.to_owned(), arguments, result }
}

/// Runs `call` after the steps `before` in a fresh episode.
fn try_after(
    runtime: &Runtime,
    arena: &Arena,
    before: &[GoldStep],
    call: &GoldCall,
) -> Result<(Tried, astra_sandbox::Session, GoldStep), SandboxError> {
    let session = runtime.engine().open(&arena.loaded, 0)?;
    for step in before {
        if let Ok(arguments) = &step.arguments {
            runtime.engine().call(&session, &step.tool, arguments)?;
        }
    }
    let taken = step(runtime, arena, &session, call, Ok(call.arguments.clone()))?;
    let tried =
        Tried { tool: call.tool.clone(), arguments: call.arguments.clone(), result: taken.result.clone() };
    Ok((tried, session, taken))
}

fn run_alternatives(
    runtime: &Runtime,
    arena: &Arena,
    replay: &GoldReplay,
) -> Result<Vec<Alternative>, SandboxError> {
    let state_calls: &[String] = arena
        .spec
        .goals
        .iter()
        .find_map(|goal| match &goal.kind {
            GoalKind::StateEquals { gold } => Some(gold.as_slice()),
            GoalKind::Returns { .. } => None,
        })
        .unwrap_or_default();
    let columns = Columns::of(arena);
    let mut changed: Vec<(usize, &str, GoldCall)> = Vec::new();
    for (position, (call, taken)) in arena.spec.gold.iter().zip(&replay.steps).enumerate() {
        let Ok(resolved) = &taken.arguments else { continue };
        for (argument, value) in resolved {
            for other in alternatives_for(arena, &columns, call, argument, value) {
                let mut arguments = resolved.clone();
                arguments.insert(argument.clone(), other);
                changed.push((position, argument, GoldCall { arguments, ..call.clone() }));
            }
        }
    }
    let is_followed = |call: &GoldCall| state_calls.contains(&call.id);
    let attempts: Vec<Attempt<'_>> = changed
        .iter()
        .filter(|(_, _, call)| !is_followed(call))
        .map(|(position, _, call)| Attempt {
            before: &replay.steps[..*position],
            tool: &call.tool,
            arguments: &call.arguments,
        })
        .collect();
    let mut outcomes = outcomes(runtime, arena, &attempts)?.into_iter();
    let mut out = Vec::with_capacity(changed.len());
    for (position, argument, call) in &changed {
        let (tried, final_state) = if is_followed(call) {
            followed(runtime, arena, replay, *position, call)?
        } else if let Some(outcome) = outcomes.next() {
            (tried(&call.tool, call.arguments.clone(), outcome), None)
        } else {
            continue;
        };
        out.push(Alternative { gold: *position, argument: (*argument).to_owned(), tried, final_state });
    }
    Ok(out)
}

/// A changed gold call and the state after the gold calls behind it, whose references see what it returned.
fn followed(
    runtime: &Runtime,
    arena: &Arena,
    replay: &GoldReplay,
    position: usize,
    call: &GoldCall,
) -> Result<(Tried, Option<ContentId>), SandboxError> {
    let (tried, session, step) = try_after(runtime, arena, &replay.steps[..position], call)?;
    let mut done = replay.steps[..position].to_vec();
    done.push(step);
    let after = replay_from(runtime, arena, &session, &done, &arena.spec.gold[position + 1..])?;
    runtime.engine().close(session);
    Ok((tried, after.final_state))
}

/// Up to eight distinct schema-valid values other than gold: recorded by the generator, else other enum members,
/// else other values of the column of the data that holds the gold value, else mutations of it.
fn alternatives_for(
    arena: &Arena,
    columns: &Columns,
    call: &GoldCall,
    argument: &str,
    gold: &Json,
) -> Vec<Json> {
    let Some(tool) = arena.compiled(&call.tool) else { return Vec::new() };
    let fits = |value: &Json| {
        !same_argument(gold, value) && {
            let mut arguments = Map::new();
            arguments.insert(argument.to_owned(), value.clone());
            // Only this property matters here: what else is required is in the gold call.
            tool.problems(&arguments).iter().all(|problem| !problem.starts_with('/'))
        }
    };
    let recorded = arena.spec.evidence.alternatives.get(&call.id).and_then(|of_call| of_call.get(argument));
    let property =
        tool.schema.pointer(&format!("/properties/{}", argument.replace('~', "~0").replace('/', "~1")));
    let members = property.and_then(|property| property.get("enum")).and_then(Json::as_array);
    let sources = [
        recorded.cloned().unwrap_or_default(),
        members.cloned().unwrap_or_default(),
        columns.others(gold),
        mutations(gold),
    ];
    for source in sources {
        let mut distinct: Vec<Json> = Vec::new();
        for value in source.into_iter().filter(fits) {
            if !distinct.contains(&value) {
                distinct.push(value);
            }
        }
        if !distinct.is_empty() {
            return sample(distinct, &format!("{} {} {argument}", arena.id(), call.id));
        }
    }
    Vec::new()
}

/// At most [`ALTERNATIVES`] of the values, seeded.
fn sample(mut values: Vec<Json>, key: &str) -> Vec<Json> {
    let mut rng = seeded_rng(0, key);
    for at in 0..values.len().min(ALTERNATIVES) {
        let other = at + astra_protocol::draw_below(&mut rng, values.len() - at);
        values.swap(at, other);
    }
    values.truncate(ALTERNATIVES);
    values
}

fn mutations(gold: &Json) -> Vec<Json> {
    match gold {
        Json::Bool(value) => vec![json!(!value)],
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => [1, -1, 2, 7, 10, -3, 100, 1000]
                .iter()
                .map(|step| json!(whole.saturating_add(*step)))
                .chain([json!(whole.saturating_mul(2))])
                .collect(),
            (None, Some(real)) => {
                [0.5, 1.5, 2.0, 0.9, 1.1, -1.0, 10.0, 0.1].iter().map(|f| json!(real * f)).collect()
            }
            (None, None) => Vec::new(),
        },
        Json::String(text) => mutated_texts(text),
        Json::Array(items) => {
            let mut out = vec![json!([])];
            for at in 0..items.len().min(4) {
                let mut fewer = items.clone();
                fewer.remove(at);
                out.push(Json::Array(fewer));
                for other in mutations(&items[at]).into_iter().take(2) {
                    let mut changed = items.clone();
                    changed[at] = other;
                    out.push(Json::Array(changed));
                }
            }
            out
        }
        Json::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| {
                mutations(value).into_iter().take(2).map(|other| {
                    let mut changed = fields.clone();
                    changed.insert(name.clone(), other);
                    Json::Object(changed)
                })
            })
            .collect(),
        Json::Null => vec![json!("x"), json!(1)],
    }
}

fn mutated_texts(text: &str) -> Vec<Json> {
    if let Ok(day) = text.parse::<jiff::civil::Date>() {
        return [1_i64, -1, 7, 30, -30, 365, -365, 91]
            .iter()
            .filter_map(|days| day.checked_add(jiff::Span::new().try_days(*days).ok()?).ok())
            .map(|other| json!(other.to_string()))
            .collect();
    }
    let characters: Vec<char> = text.chars().collect();
    let mut out = vec![json!(format!("{text} x")), json!(format!("no {text}")), json!("something else")];
    if characters.len() > 1 {
        out.push(json!(characters.iter().rev().collect::<String>()));
        out.push(json!(characters[1..].iter().collect::<String>()));
        out.push(json!(characters[..characters.len() - 1].iter().collect::<String>()));
    }
    let mut rng = seeded_rng(0, text);
    for _ in 0..3 {
        let at = astra_protocol::draw_below(&mut rng, characters.len().max(1));
        let mut changed = characters.clone();
        if let Some(character) = changed.get_mut(at) {
            *character = match *character {
                '0'..='9' => char::from(b'0' + (rng.next_u32() % 10) as u8),
                _ => char::from(b'a' + (rng.next_u32() % 26) as u8),
            };
        }
        out.push(json!(changed.iter().collect::<String>()));
    }
    out
}

/// The columns of an arena's data: values that stand under one name in a list of records.
struct Columns(Vec<Vec<Json>>);

impl Columns {
    fn of(arena: &Arena) -> Self {
        let mut columns: Vec<(String, Vec<Json>)> = Vec::new();
        for file in &arena.program().data {
            if let Ok(data) = serde_json::from_slice::<Json>(&file.json) {
                collect(&file.name, &data, &mut columns);
            }
        }
        Self(columns.into_iter().map(|(_, values)| values).collect())
    }

    /// Other values of every column in which `gold` stands.
    fn others(&self, gold: &Json) -> Vec<Json> {
        let holding = self.0.iter().filter(|values| values.contains(gold));
        holding.flat_map(|values| values.iter().filter(|value| *value != gold).cloned()).collect()
    }
}

fn collect(path: &str, data: &Json, columns: &mut Vec<(String, Vec<Json>)>) {
    match data {
        Json::Array(rows) => {
            for row in rows {
                match row.as_object() {
                    Some(fields) => add_row(columns, path, fields),
                    None => add(columns, path, "", row),
                }
            }
        }
        Json::Object(fields) => {
            // A table keyed by id: its rows share one set of columns.
            for row in fields.values().filter_map(Json::as_object) {
                add_row(columns, path, row);
            }
            for (name, value) in fields {
                add(columns, path, "", &json!(name));
                if value.is_array() {
                    collect(&format!("{path}.{name}"), value, columns);
                }
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn add_row(columns: &mut Vec<(String, Vec<Json>)>, path: &str, row: &Map<String, Json>) {
    for (name, value) in row {
        add(columns, path, name, value);
    }
}

fn add(columns: &mut Vec<(String, Vec<Json>)>, path: &str, name: &str, value: &Json) {
    if value.is_object() || value.is_array() {
        return;
    }
    let key = format!("{path}.{name}");
    match columns.iter_mut().find(|(known, _)| *known == key) {
        Some((_, values)) if values.contains(value) => {}
        Some((_, values)) => values.push(value.clone()),
        None => columns.push((key, vec![value.clone()])),
    }
}

/// The arguments of a gold call that are references, resolved.
pub(crate) fn discovered<'a>(
    arena: &'a Arena,
    replay: &'a GoldReplay,
) -> Vec<(&'a GoldCall, &'a str, &'a Json)> {
    let mut out = Vec::new();
    for call in &arena.spec.gold {
        let Some(resolved) = replay.arguments(&call.id) else { continue };
        for (name, argument) in &call.arguments {
            if matches!(Reference::of(argument), Some(Ok(_)))
                && let Some(value) = resolved.get(name)
            {
                out.push((call, name.as_str(), value));
            }
        }
    }
    out
}
