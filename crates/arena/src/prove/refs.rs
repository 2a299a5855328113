//! From concrete calls to gold calls: which arguments come from the results of which other calls.
//!
//! An argument that stands in the prompt is a literal. One that stands in no prompt but in the result of another
//! call becomes a `$ref` there; when it must be read out of a sentence, the reference says so. References never form
//! a circle: a call is only referred to by calls that it does not need itself.

use super::candidates::Ground;
use super::spans::parts;
use astra_protocol::value::text::{has_span, normalise};
use astra_protocol::{RefSources, Reference, Via};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// A call chosen for the gold list.
pub(super) struct Chosen {
    pub(super) tool: String,
    pub(super) arguments: Map<String, Json>,
    pub(super) result: Arc<Json>,
    /// Values that the tool's schema names for a parameter: choices, not discoveries.
    pub(super) listed: Vec<Json>,
}

/// The calls in an order in which every reference points back, each with the positions it refers to.
pub(super) struct Linked {
    /// Positions of the chosen calls, predecessors first.
    pub(super) order: Vec<usize>,
    /// For each chosen call, the argument and where it comes from: `(argument, call, pointer, is a sentence)`.
    pub(super) sources: Vec<Vec<(String, usize, Source)>>,
}

/// A place in a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) pointer: String,
    /// Whether the value is only part of the text that stands there.
    pub(super) inside_text: bool,
}

/// Where a value stands in a result: as a field, else within a text.
pub(super) fn source_in(result: &Json, value: &Json) -> Option<Source> {
    let parts = parts(result);
    if let Some((pointer, _)) = parts.iter().find(|(_, part)| same(part, value)) {
        return Some(Source { pointer: pointer.clone(), inside_text: false });
    }
    let wanted = match value {
        Json::String(text) => normalise(text),
        Json::Number(number) => number.to_string(),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => return None,
    };
    let said = |part: &Json| part.as_str().is_some_and(|text| has_span(&normalise(text), &wanted));
    let (pointer, _) = parts.iter().find(|(_, part)| wanted.chars().count() > 1 && said(part))?;
    Some(Source { pointer: pointer.clone(), inside_text: true })
}

/// Equal as an argument: a reference passes on exactly what stands there, so `5` and `"5"` differ.
fn same(part: &Json, value: &Json) -> bool {
    match (part, value) {
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        _ => part == value,
    }
}

/// Finds where each argument comes from.
pub(super) fn link(calls: &[Chosen], ground: &Ground) -> Linked {
    let mut sources: Vec<Vec<(String, usize, Source)>> = vec![Vec::new(); calls.len()];
    for at in 0..calls.len() {
        for (name, value) in &calls[at].arguments {
            if matches!(value, Json::Null | Json::Bool(_))
                || ground.holds(value)
                || calls[at].listed.contains(value)
            {
                continue;
            }
            let found = (0..calls.len())
                .filter(|other| *other != at && !needs(&sources, *other, at))
                .filter_map(|other| {
                    let source = source_in(&calls[other].result, value)?;
                    let echo = calls[other].arguments.values().any(|argument| argument == value);
                    Some((
                        (source.inside_text, echo, trivial(value) && !alike(&source.pointer, name)),
                        other,
                        source,
                    ))
                });
            // A result that repeats its own argument is no discovery, and small numbers stand everywhere.
            let best = found.min_by_key(|(doubt, other, _)| (*doubt, *other));
            if let Some(((_, false, false), other, source)) = best {
                sources[at].push((name.clone(), other, source));
            }
        }
    }
    let mut order: Vec<usize> = Vec::new();
    while order.len() < calls.len() {
        let ready = (0..calls.len())
            .find(|at| !order.contains(at) && sources[*at].iter().all(|(_, other, _)| order.contains(other)));
        // There is always one, because `needs` kept circles out.
        let Some(ready) = ready else { break };
        order.push(ready);
    }
    Linked { order, sources }
}

/// Arguments of a call that stand neither in the prompt nor in another result and that no schema lists: nobody who
/// reads only those can know them.
pub(super) fn unfounded(call: &Chosen, links: &[(String, usize, Source)], ground: &Ground) -> Vec<String> {
    let known = |name: &str, value: &Json| {
        ground.holds(value)
            || call.listed.contains(value)
            || links.iter().any(|(linked, _, _)| linked == name)
    };
    call.arguments.iter().filter(|(name, value)| !known(name, value)).map(|(name, _)| name.clone()).collect()
}

/// Whether `call` refers to `target`, directly or through others.
fn needs(sources: &[Vec<(String, usize, Source)>], call: usize, target: usize) -> bool {
    sources[call].iter().any(|(_, other, _)| *other == target || needs(sources, *other, target))
}

fn trivial(value: &Json) -> bool {
    match value {
        Json::Number(number) => number.as_f64().is_some_and(|x| x.abs() < 10.0),
        Json::String(text) => text.chars().count() < 2,
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => false,
    }
}

/// Whether the last step of a pointer and a parameter share a word: `/department_id` and `department`.
fn alike(pointer: &str, parameter: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_alphanumeric())
            .filter(|word| word.len() > 1)
            .map(str::to_lowercase)
            .collect()
    };
    let field = words(pointer.rsplit('/').next().unwrap_or_default());
    words(parameter).iter().any(|word| field.contains(word))
}

/// The argument as a gold call writes it.
pub(super) fn reference(id: &str, source: &Source, value: &Json) -> Json {
    let target = format!("{id}#{}", source.pointer);
    let reference = if source.inside_text {
        Reference {
            sources: RefSources::Many(vec![target]),
            via: Some(Via::Lookup { note: "read in the text".into() }),
            value: Some(value.clone()),
        }
    } else {
        Reference { sources: RefSources::One(target), via: None, value: None }
    };
    serde_json::to_value(reference).unwrap_or_else(|_| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn call(arguments: &Json, result: Json) -> Chosen {
        let arguments = arguments.as_object().cloned().unwrap_or_default();
        Chosen { tool: "f".into(), arguments, result: Arc::new(result), listed: vec![json!("metric")] }
    }

    fn ground() -> Ground {
        Ground::new("Which river flows through the capital of Norway?".into(), "")
    }

    #[test]
    fn arguments_point_back_to_results() {
        let calls = [
            call(&json!({"city": "Oslo", "units": "metric"}), json!({"river": "Akerselva"})),
            call(&json!({"country": "Norway"}), json!({"capital": {"name": "Oslo"}, "units": "metric"})),
        ];
        let linked = link(&calls, &ground());
        assert_eq!(linked.order, [1, 0]);
        let source = Source { pointer: "/capital/name".into(), inside_text: false };
        assert_eq!(linked.sources[0], [("city".to_owned(), 1, source.clone())]);
        assert!(linked.sources[1].is_empty());
        assert_eq!(reference("c1", &source, &json!("Oslo")), json!({"$ref": "c1#/capital/name"}));
    }

    #[test]
    fn sentences_are_read_and_circles_refused() {
        let calls = [
            call(&json!({"city": "Oslo"}), json!("It lies in Akershus.")),
            call(&json!({"county": "Akershus"}), json!("Its seat is Oslo.")),
        ];
        let linked = link(&calls, &ground());
        assert_eq!(linked.order.len(), 2);
        assert_eq!(linked.sources.iter().map(Vec::len).sum::<usize>(), 1, "only one of the two can be first");
        let (_, _, source) = linked.sources.iter().flatten().next().unwrap();
        assert!(source.inside_text);
        let written = reference("c1", source, &json!("Akershus"));
        assert_eq!(written["value"], "Akershus");
        assert!(Reference::of(&written).unwrap().is_ok());
    }

    #[test]
    fn small_numbers_need_a_name_and_echoes_do_not_count() {
        let by = |name: &str| {
            let calls = [
                call(&json!({"country": "Norway"}), json!({"team_id": 3})),
                call(&json!({name: 3}), json!({"ok": 1})),
            ];
            link(&calls, &ground()).sources[1].len()
        };
        assert_eq!((by("team"), by("limit")), (1, 0));
        let calls = [
            call(&json!({"city": "Oslo"}), json!({"city": "Oslo", "n": 1})),
            call(&json!({"town": "Oslo"}), json!({"n": 2})),
        ];
        assert!(link(&calls, &ground()).sources.iter().all(Vec::is_empty));
    }
}
