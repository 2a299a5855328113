//! `dependency`: an edge between goals is a value that really flows, and that nobody could read off the prompt.

use super::Measurements;
use crate::arena::Arena;
use crate::gold::lookup;
use astra_protocol::value::{date, same_argument};
use astra_protocol::{ArithmeticOp, DateOp, Goal, GoalKind, Reference, Value, Via};
use jiff::ToSpan;
use serde_json::{Value as Json, json};

pub(crate) fn steps_need_each_other(arena: &Arena, measured: &Measurements) -> Vec<String> {
    let mut failures = Vec::new();
    for goal in &arena.spec.goals {
        for parent in &goal.depends_on {
            let Some(parent_goal) = arena.spec.goals.iter().find(|other| other.id == *parent) else {
                continue;
            };
            if let Err(problem) = edge(arena, measured, parent_goal, goal) {
                failures.push(format!("goal `{}` does not need `{parent}`: {problem}", goal.id));
            }
        }
    }
    failures
}

fn gold_ids(goal: &Goal) -> Vec<&str> {
    match &goal.kind {
        GoalKind::Returns { gold, .. } => gold.as_deref().into_iter().collect(),
        GoalKind::StateEquals { gold } => gold.iter().map(String::as_str).collect(),
    }
}

/// Some argument of a gold call of `child` refers to the result of a gold call of `parent` and holds up.
fn edge(arena: &Arena, measured: &Measurements, parent: &Goal, child: &Goal) -> Result<(), String> {
    let sources = gold_ids(parent);
    let mut problem = "no argument of its gold calls is a `$ref` into that goal's result".to_owned();
    for id in gold_ids(child) {
        let Some(call) = arena.spec.gold_call(id) else { continue };
        for (name, argument) in &call.arguments {
            let Some(Ok(reference)) = Reference::of(argument) else { continue };
            if !reference.targets().iter().any(|(source, _)| sources.contains(source)) {
                continue;
            }
            match holds(arena, measured, id, name, &reference) {
                Ok(()) => return Ok(()),
                Err(found) => problem = format!("argument `{name}` of `{id}`: {found}"),
            }
        }
    }
    Err(problem)
}

fn holds(
    arena: &Arena,
    measured: &Measurements,
    id: &str,
    name: &str,
    reference: &Reference,
) -> Result<(), String> {
    let steps = &measured.replay.steps;
    let sources =
        reference.targets().into_iter().map(|target| lookup(target, steps)).collect::<Result<Vec<_>, _>>()?;
    let resolved = measured
        .replay
        .arguments(id)
        .and_then(|arguments| arguments.get(name))
        .ok_or("it does not resolve")?;
    let prompt = arena.spec.prompt_text();
    match &reference.via {
        Some(Via::Select { .. }) => return selected(&prompt, &sources, resolved, reference, measured),
        Some(Via::Unit { .. } | Via::Date { .. } | Via::Arithmetic { .. }) => {
            let recomputed = reference
                .via
                .as_ref()
                .map_or_else(|| Err("nothing".into()), |via| recompute(via, &sources))?;
            if !same_argument(&recomputed, resolved) {
                return Err(format!("recomputed it is {recomputed}, not {resolved}"));
            }
        }
        Some(Via::Lookup { .. }) | None => {}
    }
    if said(&prompt, resolved) {
        return Err(format!("its value {resolved} stands in the prompt"));
    }
    Ok(())
}

/// Whether a text says a JSON scalar; arrays when it says every item.
pub(crate) fn said(text: &str, value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(_) => false,
        Json::Array(items) => !items.is_empty() && items.iter().all(|item| said(text, item)),
        Json::Object(fields) => !fields.is_empty() && fields.values().all(|field| said(text, field)),
        Json::Number(_) | Json::String(_) => {
            Value::from_json(value).mentioned_in(text)
                || value.as_str().is_some_and(|day| {
                    date::parse(day).is_some() && Value::Date { value: day.to_owned() }.mentioned_in(text)
                })
        }
    }
}

/// A comparison chooses the value: it belongs to one of at least two branches, and the prompt names all of the
/// choices or none.
fn selected(
    prompt: &str,
    sources: &[&Json],
    resolved: &Json,
    reference: &Reference,
    measured: &Measurements,
) -> Result<(), String> {
    let targets = reference.targets();
    let mut branches: Vec<&str> = targets.iter().map(|(id, _)| *id).collect();
    branches.sort_unstable();
    branches.dedup();
    if branches.len() < 2 {
        return Err("`select` needs at least two branches".into());
    }
    let holder = branches.iter().find_map(|id| {
        let step = measured.replay.step(id)?;
        let argument = step.arguments.as_ref().ok()?.iter().find(|(_, value)| same_argument(resolved, value));
        if let Some((name, _)) = argument {
            return Some(Place::Argument(name.clone()));
        }
        field_of(step.result.as_ref().ok()?, resolved).map(Place::Field)
    });
    let place =
        holder.ok_or_else(|| format!("{resolved} is neither an argument nor a result field of a branch"))?;
    let choices: Vec<&Json> = branches
        .iter()
        .filter_map(|id| {
            let step = measured.replay.step(id)?;
            match &place {
                Place::Argument(name) => step.arguments.as_ref().ok()?.get(name),
                Place::Field(pointer) => step.result.as_ref().ok()?.pointer(pointer),
            }
        })
        .collect();
    let named = choices.iter().filter(|choice| said(prompt, choice)).count();
    if choices.len() < 2 || sources.is_empty() {
        return Err("the branches do not offer the same field to choose from".into());
    }
    if named == 0 || named == choices.len() {
        Ok(())
    } else {
        Err(format!("the prompt names {named} of the {} choices", choices.len()))
    }
}

enum Place {
    Argument(String),
    Field(String),
}

/// JSON Pointer of the first leaf that equals `wanted`.
fn field_of(result: &Json, wanted: &Json) -> Option<String> {
    match result {
        Json::Object(fields) => fields.iter().find_map(|(name, value)| {
            let escaped = name.replace('~', "~0").replace('/', "~1");
            field_of(value, wanted).map(|rest| format!("/{escaped}{rest}"))
        }),
        Json::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(at, value)| field_of(value, wanted).map(|rest| format!("/{at}{rest}"))),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {
            same_argument(wanted, result).then(String::new)
        }
    }
}

/// The value that a tool-free step yields from its sources; `Err` for steps that cannot be recomputed.
pub fn recompute(via: &Via, sources: &[&Json]) -> Result<Json, String> {
    let numbers = || {
        sources
            .iter()
            .map(|source| number(source).ok_or_else(|| format!("{source} is not a number")))
            .collect::<Result<Vec<f64>, _>>()
    };
    let days = || {
        sources
            .iter()
            .map(|source| {
                source.as_str().and_then(date::parse).ok_or_else(|| format!("{source} is not a date"))
            })
            .collect::<Result<Vec<_>, _>>()
    };
    match via {
        Via::Unit { factor, offset, round } => {
            let value = numbers()?.first().copied().ok_or("there is no source")?;
            Ok(json!(rounded(value * factor + offset, *round)))
        }
        Via::Arithmetic { op, operand, round } => {
            let mut values = numbers()?;
            values.extend(operand);
            let value = fold(*op, &values).ok_or("there is nothing to compute with")?;
            Ok(json!(rounded(value, *round)))
        }
        Via::Date { op, days: shift } => {
            let moments = days()?;
            let first = moments.first().ok_or("there is no source")?.date;
            Ok(match op {
                DateOp::AddDays => {
                    json!(first.checked_add(shift.days()).map_err(|error| error.to_string())?.to_string())
                }
                DateOp::Year => json!(first.year()),
                DateOp::Month => json!(first.month()),
                DateOp::Day => json!(first.day()),
                DateOp::DaysBetween => {
                    let second = moments.get(1).ok_or("`days_between` needs two sources")?.date;
                    let span = first.until(second).map_err(|error| error.to_string())?;
                    json!(i64::from(span.get_days()).abs())
                }
            })
        }
        Via::Lookup { .. } | Via::Select { .. } => Err("it cannot be recomputed".into()),
    }
}

fn number(json: &Json) -> Option<f64> {
    match json {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => text.replace(',', "").trim().parse().ok(),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

fn fold(op: ArithmeticOp, values: &[f64]) -> Option<f64> {
    let (first, rest) = values.split_first()?;
    Some(match op {
        ArithmeticOp::Add => values.iter().sum(),
        ArithmeticOp::Subtract => rest.iter().fold(*first, |left, right| left - right),
        ArithmeticOp::Multiply => values.iter().product(),
        ArithmeticOp::Divide => rest.iter().fold(*first, |left, right| left / right),
        ArithmeticOp::Mean => values.iter().sum::<f64>() / values.len() as f64,
        ArithmeticOp::Min => rest.iter().copied().fold(*first, f64::min),
        ArithmeticOp::Max => rest.iter().copied().fold(*first, f64::max),
    })
}

fn rounded(value: f64, places: Option<u32>) -> f64 {
    match places {
        Some(places) => {
            let scale = 10_f64.powi(i32::try_from(places).unwrap_or(0));
            (value * scale).round() / scale
        }
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tool_free_steps_are_recomputed() {
        let via = |json: Json| serde_json::from_value::<Via>(json).unwrap();
        let unit = via(json!({"kind": "unit", "factor": 1.609, "round": 1}));
        assert_eq!(recompute(&unit, &[&json!(100)]), Ok(json!(160.9)));
        let difference = via(json!({"kind": "arithmetic", "op": "subtract"}));
        assert_eq!(recompute(&difference, &[&json!(7), &json!("2")]), Ok(json!(5.0)));
        let later = via(json!({"kind": "date", "op": "add_days", "days": 30}));
        assert_eq!(recompute(&later, &[&json!("2024-02-10")]), Ok(json!("2024-03-11")));
        let between = via(json!({"kind": "date", "op": "days_between"}));
        assert_eq!(recompute(&between, &[&json!("2024-03-11"), &json!("2024-02-10")]), Ok(json!(30)));
        assert!(recompute(&difference, &[&json!("x")]).is_err());
    }
}
