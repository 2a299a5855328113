//! Tools and calls as a model proposes them, checked piece by piece, and the arena that they make.
//!
//! Parameters are a flat list from which the JSON Schema is built here, so that it is always closed and valid. An argument
//! is said by the user or found by earlier calls; which result fields there are is declared, and the gates measure whether
//! it is so.

use super::ask::{each_once, list, names, object, plain};
use super::decompose::{Decomposed, is_in, stands_in};
use super::value::shown;
use astra_protocol::{
    ARENA_VERSION, ArenaSpec, ArenaTool, Evidence, Goal, GoalKind, GoldCall, IsolationClass, Message,
    Provenance, Step, ToolDoc, topology_of,
};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;

/// Parameters of a tool at most.
const MOST_PARAMETERS: usize = 16;
/// Other values that a call has for at least one of its arguments.
const ALTERNATIVES: usize = 4;
/// Least and greatest length of a request, in characters.
const REQUEST: std::ops::RangeInclusive<usize> = 10..=4000;

/// The tool of one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Tool {
    pub(super) step: String,
    pub(super) name: String,
    pub(super) description: String,
    /// Whether it does something, instead of only telling.
    pub(super) changes: bool,
    pub(super) parameters: Vec<Parameter>,
    pub(super) result: Vec<Field>,
    pub(super) answer_field: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Parameter {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) description: String,
    pub(super) required: bool,
    pub(super) choices: Vec<Json>,
    pub(super) default: Json,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) description: String,
}

/// The call of one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) step: String,
    pub(super) arguments: Vec<Argument>,
    pub(super) alternatives: Vec<Others>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Argument {
    pub(super) name: String,
    pub(super) value: Json,
    /// `STEP#/FIELD` for what earlier calls found.
    pub(super) from: Vec<String>,
    pub(super) how: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Others {
    pub(super) name: String,
    pub(super) values: Vec<Json>,
}

fn scalar() -> Json {
    json!({"anyOf": [
        {"type": "string"}, {"type": "number"}, {"type": "boolean"},
        {"type": "array", "items": {"type": "string"}},
    ]})
}

fn scalar_or_null() -> Json {
    let mut schema = scalar();
    if let Some(kinds) = schema["anyOf"].as_array_mut() {
        kinds.push(plain("null"));
    }
    schema
}

/// The schema of an answer with tools.
pub(super) fn tools_schema() -> Json {
    let parameter = object(&[
        ("name", plain("string")),
        ("type", json!({"type": "string", "enum": ["string", "integer", "number", "boolean", "strings"]})),
        ("description", plain("string")),
        ("required", plain("boolean")),
        ("choices", list(&scalar())),
        ("default", scalar_or_null()),
    ]);
    let field = object(&[("name", plain("string")), ("description", plain("string"))]);
    let tool = object(&[
        ("step", plain("string")),
        ("name", plain("string")),
        ("description", plain("string")),
        ("changes", plain("boolean")),
        ("parameters", list(&parameter)),
        ("result", list(&field)),
        ("answer_field", plain("string")),
    ]);
    object(&[("tools", list(&tool))])
}

/// The schema of a list of calls.
pub(super) fn calls_schema() -> Json {
    let argument = object(&[
        ("name", plain("string")),
        ("value", scalar()),
        ("from", list(&plain("string"))),
        ("how", json!({"type": ["string", "null"], "enum": ["same", "select", null]})),
    ]);
    let others = object(&[("name", plain("string")), ("values", list(&scalar()))]);
    list(&object(&[
        ("step", plain("string")),
        ("arguments", list(&argument)),
        ("alternatives", list(&others)),
    ]))
}

/// Reads tools, one for each of these steps, in their order.
pub(super) fn read_tools(
    answer: &Json,
    steps: &[&Step],
    decomposed: &Decomposed,
) -> Result<Vec<Tool>, String> {
    each_once(steps.iter().map(|step| step.id.as_str()), &names(&answer["tools"], "step"))?;
    let mut tools: Vec<Tool> =
        serde_json::from_value(answer["tools"].clone()).map_err(|error| error.to_string())?;
    let place = |tool: &Tool| steps.iter().position(|step| step.id == tool.step);
    tools.sort_by_key(place);
    for (at, tool) in tools.iter().enumerate() {
        let wrong = |what: String| Err(format!("tool of step `{}`: {what}", tool.step));
        if let Some(problem) = problem_of(tool) {
            return wrong(problem);
        }
        if tools[..at].iter().any(|other| other.name == tool.name) {
            return wrong(format!("another tool is called `{}` too", tool.name));
        }
        let documents = serde_json::to_string(tool).map_err(|error| error.to_string())?;
        let words = documents.replace(['"', '_', '{', '}', '[', ']', ':', ','], " ");
        if let Some(step) = steps.iter().find(|step| stands_in(&step.answer, &words)) {
            return wrong(format!("its document gives away the answer of step `{}`", step.id));
        }
        if !is_in(&decomposed.decomposition.language, &tool.description) {
            return wrong("its description is in another language than the question".to_owned());
        }
    }
    Ok(tools)
}

/// What is wrong with one tool by itself.
fn problem_of(tool: &Tool) -> Option<String> {
    let is_name = |name: &str| {
        let mut bytes = name.bytes();
        bytes.next().is_some_and(|first| first.is_ascii_lowercase())
            && name.len() <= 64
            && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    if !is_name(&tool.name) || !tool.name.contains('_') {
        return Some(format!("`{}` is no name of lower_snake_case with two words or more", tool.name));
    }
    if tool.parameters.is_empty() || tool.parameters.len() > MOST_PARAMETERS {
        return Some(format!(
            "it has {} parameters; 1 to {MOST_PARAMETERS} are possible",
            tool.parameters.len()
        ));
    }
    for (at, parameter) in tool.parameters.iter().enumerate() {
        let Parameter { name, kind, required, choices, default, .. } = parameter;
        if !is_name(name) || name == "state" {
            return Some(format!("`{name}` is no name of a parameter"));
        }
        if tool.parameters[..at].iter().any(|other| other.name == *name) {
            return Some(format!("it has two parameters `{name}`"));
        }
        if let Some(choice) = choices.iter().find(|choice| !fits(kind, choice)) {
            return Some(format!("`{name}`: the choice {choice} is no {kind}"));
        }
        if choices.len() == 1 || (0..choices.len()).any(|at| choices[..at].contains(&choices[at])) {
            return Some(format!("`{name}`: choices are at least two, each once"));
        }
        if !required {
            if !fits(kind, default) {
                return Some(format!(
                    "`{name}` is not required, so its default has to be a {kind}, not {default}"
                ));
            }
            if !choices.is_empty() && !choices.contains(default) {
                return Some(format!("`{name}`: the default {default} is none of its choices"));
            }
        }
    }
    if !tool.parameters.iter().any(|parameter| parameter.required) {
        return Some("no parameter is required: it would answer without being asked".to_owned());
    }
    let fields: BTreeSet<&str> = tool.result.iter().map(|field| field.name.as_str()).collect();
    if fields.len() < tool.result.len() || fields.iter().any(|name| !is_name(name)) {
        return Some("its result fields have to be lower_snake_case names, each once".to_owned());
    }
    (!fields.contains(tool.answer_field.as_str()))
        .then(|| format!("`answer_field` is `{}`, which is no result field", tool.answer_field))
}

fn fits(kind: &str, value: &Json) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "strings" => value.as_array().is_some_and(|items| items.iter().all(Json::is_string)),
        _ => false,
    }
}

/// An error where refined tools took something away from those before.
pub(super) fn keeps(before: &[Tool], after: &[Tool]) -> Result<(), String> {
    for (old, new) in before.iter().zip(after) {
        let wrong = |what: String| Err(format!("tool of step `{}`: {what}", old.step));
        if old.name != new.name || old.answer_field != new.answer_field || old.changes != new.changes {
            return wrong("its name, `answer_field` and `changes` have to stay as they are".to_owned());
        }
        for parameter in &old.parameters {
            let kept = new.parameters.iter().find(|other| other.name == parameter.name);
            if kept.is_none_or(|kept| kept.kind != parameter.kind || kept.required != parameter.required) {
                let name = &parameter.name;
                return wrong(format!(
                    "its parameter `{name}` has to stay, with its type and whether it is required"
                ));
            }
        }
        let is_new =
            |parameter: &&Parameter| !old.parameters.iter().any(|other| other.name == parameter.name);
        if let Some(added) = new.parameters.iter().filter(is_new).find(|parameter| parameter.required) {
            return wrong(format!("the new parameter `{}` must not be required", added.name));
        }
        if let Some(gone) =
            old.result.iter().find(|field| !new.result.iter().any(|other| other.name == field.name))
        {
            return wrong(format!("its result field `{}` has to stay", gone.name));
        }
    }
    Ok(())
}

impl Tool {
    /// The document that an agent sees.
    pub(super) fn document(&self) -> Result<ToolDoc, String> {
        let mut properties = Map::new();
        for Parameter { name, kind, description, required, choices, default } in &self.parameters {
            let mut schema = match kind.as_str() {
                "strings" => json!({"type": "array", "items": {"type": "string"}}),
                kind => json!({"type": kind}),
            };
            schema["description"] = json!(description);
            if !choices.is_empty() {
                schema["enum"] = json!(choices);
            }
            if !required {
                schema["default"] = default.clone();
            }
            properties.insert(name.clone(), schema);
        }
        let required: Vec<&String> = self
            .parameters
            .iter()
            .filter(|parameter| parameter.required)
            .map(|parameter| &parameter.name)
            .collect();
        let schema = json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        });
        let fields: Vec<String> =
            self.result.iter().map(|field| format!("`{}` ({})", field.name, field.description)).collect();
        let description = self.description.trim().trim_end_matches('.');
        Ok(ToolDoc {
            name: self.name.clone(),
            description: format!("{description}. Returns {}.", fields.join(", ")),
            parameters: serde_json::value::to_raw_value(&schema).map_err(|error| error.to_string())?,
        })
    }
}

/// Reads calls, one for each of these tools, in their order.
pub(super) fn read_calls(calls: &Json, tools: &[Tool], steps: &[Step]) -> Result<Vec<Call>, String> {
    each_once(tools.iter().map(|tool| tool.step.as_str()), &names(calls, "step"))?;
    let mut calls: Vec<Call> = serde_json::from_value(calls.clone()).map_err(|error| error.to_string())?;
    calls.sort_by_key(|call| tools.iter().position(|tool| tool.step == call.step));
    for source in
        calls.iter_mut().flat_map(|call| &mut call.arguments).flat_map(|argument| &mut argument.from)
    {
        *source = in_form(source);
    }
    for (call, tool) in calls.iter().zip(tools) {
        if let Some(problem) = problem_of_call(call, tool, tools, steps) {
            return Err(format!("call of step `{}`: {problem}", call.step));
        }
    }
    Ok(calls)
}

/// `STEP#/FIELD` of what may be written `STEP/FIELD`, `STEP.FIELD` or `STEP#FIELD`: the same thing, however it is separated.
fn in_form(source: &str) -> String {
    match source.split_once(['#', '/', '.']) {
        Some((step, field)) => {
            format!("{}#/{}", step.trim(), field.trim().trim_start_matches(['#', '/', '.']))
        }
        None => source.to_owned(),
    }
}

fn problem_of_call(call: &Call, tool: &Tool, tools: &[Tool], steps: &[Step]) -> Option<String> {
    let step = steps.iter().find(|step| step.id == call.step)?;
    let mut found_by: BTreeSet<&str> = BTreeSet::new();
    for (at, argument) in call.arguments.iter().enumerate() {
        let Argument { name, value, from, how } = argument;
        let Some(parameter) = tool.parameters.iter().find(|parameter| parameter.name == *name) else {
            return Some(format!("`{}` has no parameter `{name}`", tool.name));
        };
        if call.arguments[..at].iter().any(|other| other.name == *name) {
            return Some(format!("it has the argument `{name}` twice"));
        }
        if !fits(&parameter.kind, value) {
            return Some(format!("`{name}` is {value}, which is no {}", parameter.kind));
        }
        if !parameter.choices.is_empty() && !parameter.choices.contains(value) {
            return Some(format!("`{name}` is {value}, which is none of its choices"));
        }
        for source in from {
            let Some((id, field)) = source.split_once("#/") else {
                return Some(format!("`{name}`: `{source}` has not the form STEP#/FIELD"));
            };
            let Some(earlier) = tools.iter().find(|tool| tool.step == id) else {
                return Some(format!("`{name}`: `{source}`: step `{id}` has no tool"));
            };
            if !is_before(id, &step.id, steps) {
                return Some(format!("`{name}`: `{source}`: step `{}` does not come after `{id}`", step.id));
            }
            if !earlier.result.iter().any(|known| known.name == field) {
                return Some(format!(
                    "`{name}`: `{source}`: `{}` has no result field `{field}`",
                    earlier.name
                ));
            }
            found_by.insert(id);
        }
        match (how.as_deref(), from.len()) {
            (None | Some("same"), 0 | 1) => {}
            (Some("select"), sources) if sources >= 2 => {}
            (how, sources) => {
                let how = how.unwrap_or("null");
                return Some(format!(
                    "`{name}`: `how` is {how} with {sources} sources: one is `same`, several are `select`"
                ));
            }
        }
    }
    let is_missing = |parameter: &&Parameter| {
        parameter.required && !call.arguments.iter().any(|argument| argument.name == parameter.name)
    };
    if let Some(missing) = tool.parameters.iter().find(is_missing) {
        return Some(format!("the required argument `{}` is missing", missing.name));
    }
    let with_tools = |id: &&String| tools.iter().any(|tool| tool.step == **id);
    if let Some(unused) = step.depends_on.iter().filter(with_tools).find(|id| !found_by.contains(id.as_str()))
    {
        return Some(format!("it comes after `{unused}`, but no argument is found by that step"));
    }
    problem_of_alternatives(call, tool)
}

fn problem_of_alternatives(call: &Call, tool: &Tool) -> Option<String> {
    let mut best = 0;
    for Others { name, values } in &call.alternatives {
        let Some(argument) = call.arguments.iter().find(|argument| argument.name == *name) else {
            return Some(format!("alternatives for `{name}`, which is no argument of it"));
        };
        let kind =
            tool.parameters.iter().find(|parameter| parameter.name == *name).map_or("", |known| &known.kind);
        if let Some(value) = values.iter().find(|value| !fits(kind, value)) {
            return Some(format!("alternatives for `{name}`: {value} is no {kind}"));
        }
        let distinct: BTreeSet<String> = values.iter().map(Json::to_string).collect();
        if distinct.contains(&argument.value.to_string()) {
            return Some(format!("alternatives for `{name}`: {} is what is asked for", argument.value));
        }
        let choices =
            tool.parameters.iter().find(|known| known.name == *name).map_or(0, |known| known.choices.len());
        // Of few choices, all the others are enough.
        best = best.max(if choices > 0 && distinct.len() + 1 >= choices {
            ALTERNATIVES
        } else {
            distinct.len()
        });
    }
    (best < ALTERNATIVES).then(|| format!("no argument has {ALTERNATIVES} alternatives"))
}

/// Whether `earlier` stands before `later`, directly or through others.
fn is_before(earlier: &str, later: &str, steps: &[Step]) -> bool {
    let parents = steps.iter().find(|step| step.id == later).map_or(&[][..], |step| &step.depends_on);
    parents.iter().any(|parent| parent == earlier || is_before(earlier, parent, steps))
}

/// An error where a request cannot be sent as it is.
pub(super) fn check_request(
    request: &str,
    calls: &[Call],
    tools: &[Tool],
    decomposed: &Decomposed,
) -> Result<(), String> {
    let decomposition = &decomposed.decomposition;
    if !REQUEST.contains(&request.chars().count()) {
        return Err(format!("`request` has {} characters", request.chars().count()));
    }
    if !is_in(&decomposition.language, request) {
        return Err("`request` is in another language than the question".to_owned());
    }
    if let Some(step) = decomposition.steps.iter().find(|step| stands_in(&step.answer, request)) {
        return Err(format!(
            "`request` gives away the answer of step `{}`: {}",
            step.id,
            shown(&step.answer)
        ));
    }
    for argument in calls.iter().flat_map(|call| &call.arguments).filter(|argument| !argument.from.is_empty())
    {
        if stands_in(&astra_protocol::Value::from_json(&argument.value), request) {
            return Err(format!("`request` says {}, which has to be found", argument.value));
        }
    }
    match tools.iter().find(|tool| request.contains(&tool.name)) {
        Some(tool) => Err(format!("`request` names the tool `{}`", tool.name)),
        None => Ok(()),
    }
}

/// The arena of a question: everything that it needs but the run of its gates.
pub(super) struct Draft<'a> {
    pub(super) decomposed: &'a Decomposed,
    pub(super) tools: &'a [Tool],
    pub(super) calls: &'a [Call],
    pub(super) request: &'a str,
    /// Code of each tool, in their order.
    pub(super) code: &'a [String],
    pub(super) state: Option<Map<String, Json>>,
    pub(super) provenance: Provenance,
}

impl Draft<'_> {
    /// The arena; the error says why it cannot be written down.
    pub(super) fn spec(&self) -> Result<ArenaSpec, String> {
        let decomposition = &self.decomposed.decomposition;
        let with_tool = |id: &String| self.tools.iter().any(|tool| tool.step == *id);
        let mut goals = Vec::new();
        let mut changing = Vec::new();
        for tool in self.tools {
            let Some(step) = decomposition.steps.iter().find(|step| step.id == tool.step) else { continue };
            if tool.changes {
                changing.push(step.id.clone());
                continue;
            }
            goals.push(Goal {
                id: step.id.clone(),
                question: step.question.clone(),
                depends_on: step.depends_on.iter().filter(|id| with_tool(id)).cloned().collect(),
                kind: GoalKind::Returns {
                    tool: tool.name.clone(),
                    path: format!("/{}", tool.answer_field),
                    value: step.answer.clone(),
                    gold: Some(step.id.clone()),
                    decisive: Vec::new(),
                    grounded: true,
                    comparator: astra_protocol::Comparator::default(),
                },
            });
        }
        if !changing.is_empty() {
            goals.push(self.change(changing));
        }
        // What a change is needed for does not wait for it as a goal: the state is looked at in the end.
        let known: BTreeSet<String> = goals.iter().map(|goal| goal.id.clone()).collect();
        for goal in &mut goals {
            goal.depends_on.retain(|id| known.contains(id));
        }
        let nodes: Vec<(&str, Vec<&str>)> = goals
            .iter()
            .map(|goal| (goal.id.as_str(), goal.depends_on.iter().map(String::as_str).collect()))
            .collect();
        let (topology, _) = topology_of(&nodes).ok_or("the goals have no order")?;
        let tools = self.tools.iter().zip(self.code).map(|(tool, code)| {
            Ok(ArenaTool {
                doc: tool.document()?,
                code: code.clone(),
                entry: tool.name.clone(),
                class: IsolationClass::default(),
            })
        });
        let mut distinct: Vec<ArenaTool> = Vec::new();
        for tool in tools.collect::<Result<Vec<_>, String>>()? {
            // A merged tool serves several steps and is offered once.
            if !distinct.iter().any(|other| other.doc.name == tool.doc.name) {
                distinct.push(tool);
            }
        }
        Ok(ArenaSpec {
            version: ARENA_VERSION,
            language: decomposition.language.clone(),
            domain: decomposition.domain.clone(),
            topology,
            prompt: vec![Message::User { content: self.request.to_owned() }],
            answer: decomposition.answer.clone(),
            answerable: true,
            withheld: Vec::new(),
            tools: distinct,
            data: Vec::new(),
            state: self.state.clone(),
            gold: self.gold(),
            goals,
            evidence: Evidence { alternatives: self.alternatives(), ..Evidence::default() },
            provenance: self.provenance.clone(),
        })
    }

    /// The goal of everything that is to be done.
    fn change(&self, changing: Vec<String>) -> Goal {
        let steps = &self.decomposed.decomposition.steps;
        let of_change = |step: &&Step| changing.contains(&step.id);
        let questions: Vec<&str> =
            steps.iter().filter(of_change).map(|step| step.question.as_str()).collect();
        let is_read = |id: &&String| self.tools.iter().any(|tool| tool.step == **id && !tool.changes);
        let before: BTreeSet<String> = steps
            .iter()
            .filter(of_change)
            .flat_map(|step| &step.depends_on)
            .filter(is_read)
            .cloned()
            .collect();
        Goal {
            id: "state".to_owned(),
            question: questions.join(" "),
            depends_on: before.into_iter().collect(),
            kind: GoalKind::StateEquals { gold: changing },
        }
    }

    fn gold(&self) -> Vec<GoldCall> {
        let argument = |argument: &Argument| {
            let json = match argument.from.as_slice() {
                [] => argument.value.clone(),
                [source] => json!({"$ref": source}),
                sources => json!({
                    "$ref": sources, "via": {"kind": "select", "note": ""}, "value": argument.value,
                }),
            };
            (argument.name.clone(), json)
        };
        self.calls
            .iter()
            .zip(self.tools)
            .map(|(call, tool)| GoldCall {
                id: call.step.clone(),
                tool: tool.name.clone(),
                arguments: call.arguments.iter().map(argument).collect(),
            })
            .collect()
    }

    fn alternatives(&self) -> IndexMap<String, IndexMap<String, Vec<Json>>> {
        let of_call = |call: &Call| {
            call.alternatives.iter().map(|others| (others.name.clone(), others.values.clone())).collect()
        };
        self.calls.iter().map(|call| (call.step.clone(), of_call(call))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_the_same_however_they_are_separated() {
        for written in ["s1#/branch", "s1/branch", "s1.branch", "s1#branch", "s1 # /branch"] {
            assert_eq!(in_form(written), "s1#/branch");
        }
        assert_eq!(in_form("branch"), "branch");
    }
}
