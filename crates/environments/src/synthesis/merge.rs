//! Tools of one intent become one tool with more data (paper §4.1, eq. 23–25).
//!
//! The merged arena meets all gates again; where it does not pass within the tries, the unmerged one stands, and says why.

use super::ask::{Ended, Question, Role, each_once, list, names, object, plain};
use super::build::{Builder, Built, passed, pretty, spoken};
use super::plan::{Call, Draft, Tool, calls_schema, read_calls};
use super::value::shown;
use astra_protocol::{ArenaSpec, Boundary};
use serde_json::{Value as Json, json};
use std::cell::RefCell;

/// Steps that one tool can serve.
struct Cluster {
    intent: String,
    /// Positions of the steps among the tools; the first one's tool stays.
    members: Vec<usize>,
}

fn cluster_schema() -> Json {
    let cluster = object(&[
        ("intent", plain("string")),
        ("steps", list(&plain("string"))),
        ("reason", plain("string")),
    ]);
    object(&[("clusters", list(&cluster))])
}

fn merge_schema() -> Json {
    let cluster = object(&[("base", plain("string")), ("code", plain("string")), ("calls", calls_schema())]);
    object(&[("clusters", list(&cluster))])
}

/// The arena with homogeneous tools merged, or as it was.
pub fn merge(built: &Built, builder: &Builder<'_>) -> Result<ArenaSpec, Ended> {
    // What changes something is told apart by what it changes, and one tool has nothing to be merged with.
    let fixed: Vec<&Tool> = built.tools.iter().filter(|tool| !tool.changes).collect();
    if fixed.len() < 2 {
        return Ok(noted(built.arena.clone(), &json!({"clusters": 0})));
    }
    let clusters = match cluster(built, builder) {
        Ok(clusters) => clusters,
        // The unmerged arena is sound; that nobody could say what belongs together takes nothing from it.
        Err(Ended::Rejected(why)) => return Ok(noted(built.arena.clone(), &json!({"failed": why}))),
        Err(failed @ Ended::Failed(..)) => return Err(failed),
    };
    if clusters.is_empty() {
        return Ok(noted(built.arena.clone(), &json!({"clusters": 0})));
    }
    match merged(built, &clusters, builder) {
        Ok(arena) => Ok(noted(arena, &json!({"clusters": clusters.len()}))),
        Err(Ended::Rejected(why)) => Ok(noted(built.arena.clone(), &json!({"failed": why}))),
        Err(failed @ Ended::Failed(..)) => Err(failed),
    }
}

/// Writes into the provenance what came of merging.
fn noted(mut arena: ArenaSpec, what: &Json) -> ArenaSpec {
    arena.provenance.extra.insert("merged".to_owned(), what.clone());
    arena
}

/// Groups of at least two steps.
fn cluster(built: &Built, builder: &Builder<'_>) -> Result<Vec<Cluster>, Ended> {
    let steps = &built.checked.decomposed.decomposition.steps;
    let known: Vec<&Tool> = built.tools.iter().filter(|tool| !tool.changes).collect();
    let shown_steps: Vec<Json> = known
        .iter()
        .filter_map(|tool| {
            let step = steps.iter().find(|step| step.id == tool.step)?;
            let document = json!({"name": tool.name, "description": tool.description, "parameters": tool.parameters});
            Some(json!({
                "id": step.id, "question": step.question, "answer": shown(&step.answer), "tool": document.to_string(),
            }))
        })
        .collect();
    let check = |answer: &Json| {
        let named: Vec<&str> = answer["clusters"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|cluster| cluster["steps"].as_array().into_iter().flatten())
            .filter_map(Json::as_str)
            .collect();
        each_once(known.iter().map(|tool| tool.step.as_str()), &named)
    };
    let question =
        Question { role: Role::Coder, name: "cluster", schema: cluster_schema, sample: 0, check: &check };
    let answer = builder.asker.ask(&question, json!({"steps": shown_steps}))?;
    let place = |id: &str| built.tools.iter().position(|tool| tool.step == id);
    let of_cluster = |cluster: &Json| {
        let mut members: Vec<usize> =
            cluster["steps"].as_array().into_iter().flatten().filter_map(|id| place(id.as_str()?)).collect();
        members.sort_unstable();
        Cluster { intent: cluster["intent"].as_str().unwrap_or_default().to_owned(), members }
    };
    let clusters = answer["clusters"].as_array().into_iter().flatten().map(of_cluster);
    Ok(clusters.filter(|cluster| cluster.members.len() > 1).collect())
}

/// Asks for merged code until the gates pass.
fn merged(built: &Built, clusters: &[Cluster], builder: &Builder<'_>) -> Result<ArenaSpec, Ended> {
    let steps = &built.checked.decomposed.decomposition.steps;
    let base_of = |cluster: &Cluster| built.tools[cluster.members[0]].step.clone();
    let shown_clusters: Vec<Json> = clusters
        .iter()
        .map(|cluster| {
            let members: Vec<Json> = cluster
                .members
                .iter()
                .map(|at| {
                    let (tool, call) = (&built.tools[*at], &built.calls[*at]);
                    let answer = steps.iter().find(|step| step.id == tool.step).map(|step| shown(&step.answer));
                    json!({
                        "step": tool.step, "tool": tool.name, "arguments": spoken(&call.arguments),
                        "field": tool.answer_field, "answer": answer, "code": built.code[*at],
                    })
                })
                .collect();
            let tool = &built.tools[cluster.members[0]];
            json!({"base": tool.step, "intent": cluster.intent, "tool": pretty(&json!(tool)), "members": members})
        })
        .collect();
    let sources = built.calls.iter().flat_map(|call| &call.arguments).flat_map(|argument| &argument.from);
    let used: Vec<&str> = sources.map(String::as_str).collect();
    let broken: RefCell<Option<String>> = RefCell::new(None);
    let arena: RefCell<Option<ArenaSpec>> = RefCell::new(None);
    let check = |answer: &Json| {
        let bases: Vec<String> = clusters.iter().map(base_of).collect();
        each_once(bases.iter().map(String::as_str), &names(&answer["clusters"], "base"))?;
        let (tools, calls, code) = substituted(built, clusters, answer)?;
        let draft = Draft {
            decomposed: &built.checked.decomposed,
            tools: &tools,
            calls: &calls,
            request: &built.request,
            code: &code,
            state: built.state.clone(),
            provenance: built.arena.provenance.clone(),
        };
        *arena.borrow_mut() = Some(passed(&draft, builder.gates, &broken)?);
        Ok(())
    };
    let question =
        Question { role: Role::Coder, name: "merge", schema: merge_schema, sample: 0, check: &check };
    let asked = builder.asker.ask(&question, json!({"clusters": shown_clusters, "used": used.join(", ")}));
    if let Some(error) = broken.into_inner() {
        return Err(Ended::Failed(Boundary::Sandbox, error));
    }
    asked?;
    arena.into_inner().ok_or_else(|| Ended::Failed(Boundary::Us, "an accepted answer was lost".to_owned()))
}

/// Tools, calls and code with each cluster's replaced.
type Parts = (Vec<Tool>, Vec<Call>, Vec<String>);

fn substituted(built: &Built, clusters: &[Cluster], answer: &Json) -> Result<Parts, String> {
    let steps = &built.checked.decomposed.decomposition.steps;
    let mut tools = built.tools.clone();
    let mut code = built.code.clone();
    for cluster in clusters {
        let base = built.tools[cluster.members[0]].clone();
        let given = answer["clusters"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|given| given["base"] == json!(base.step))
            .ok_or_else(|| format!("group `{}` is missing", base.step))?;
        let text = given["code"].as_str().unwrap_or_default().trim_end();
        for at in &cluster.members {
            tools[*at] = Tool { step: built.tools[*at].step.clone(), ..base.clone() };
            code[*at] = format!("{text}\n");
        }
    }
    // Calls are read against the tools as they are now, those of untouched steps with them.
    let mut given: Vec<Json> = Vec::new();
    for (at, call) in built.calls.iter().enumerate() {
        let Some(cluster) = clusters.iter().find(|cluster| cluster.members.contains(&at)) else {
            given.push(json!(call));
            continue;
        };
        let base = &built.tools[cluster.members[0]].step;
        let groups = answer["clusters"].as_array().into_iter().flatten();
        let new = groups
            .filter(|group| group["base"] == json!(base))
            .flat_map(|group| group["calls"].as_array().into_iter().flatten())
            .find(|new| new["step"] == json!(call.step))
            .ok_or_else(|| format!("group `{base}`: the call of step `{}` is missing", call.step))?;
        given.push(new.clone());
    }
    let calls = read_calls(&Json::Array(given), &tools, steps)?;
    Ok((tools, calls, code))
}
