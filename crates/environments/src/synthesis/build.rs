//! Documents, refined documents, calls with the request, code: and the gates as the judge of the whole (paper §4.1, eq. 19–22).
//!
//! The code is written for all tools of a question at once and run at once; what the gates say goes back to the coder with
//! the next try. Nothing of it is believed: an arena is what the gates measured.

use super::ask::{Asker, Ended, Question, Role, each_once, list, names, object, plain};
use super::check::Checked;
use super::decompose::language_name;
use super::plan::{
    Argument, Call, Draft, Tool, calls_schema, check_request, keeps, read_calls, read_tools, tools_schema,
};
use super::value::shown;
use astra_arena::gates::{GateReport, Gatekeeper};
use astra_arena::{Runtime, replay_gold};
use astra_protocol::{ArenaSpec, Boundary, GoalKind, Provenance, Step, Value};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use std::cell::RefCell;

/// Longest code of one tool, in bytes.
const LONGEST_CODE: usize = 64 << 10;
/// Reasons of the gates that are told to the coder.
const REASONS: usize = 8;

/// An arena with what it was built from, which merging needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Built {
    /// The question, judged.
    pub checked: Checked,
    pub(super) tools: Vec<Tool>,
    pub(super) calls: Vec<Call>,
    pub(super) request: String,
    pub(super) code: Vec<String>,
    pub(super) state: Option<Map<String, Json>>,
    /// The arena, with what the gates measured.
    pub arena: ArenaSpec,
}

/// Builds arenas.
pub struct Builder<'a> {
    /// Who is asked.
    pub asker: &'a Asker<'a>,
    /// Who decides.
    pub gates: &'a Gatekeeper,
}

fn calls_answer() -> Json {
    object(&[("request", plain("string")), ("calls", calls_schema())])
}

fn code_schema() -> Json {
    let function = object(&[("step", plain("string")), ("code", plain("string"))]);
    object(&[("functions", list(&function)), ("state", json!({"type": ["string", "null"]}))])
}

impl Builder<'_> {
    /// Builds the arena of a question.
    pub fn build(&self, checked: &Checked) -> Result<Built, Ended> {
        let decomposed = &checked.decomposed;
        let decomposition = &decomposed.decomposition;
        let steps: Vec<&Step> = decomposition.steps.iter().filter(|step| step.needs_tool).collect();
        let shown_steps: Vec<Json> = steps
            .iter()
            .map(|step| {
                json!({
                    "id": step.id, "question": step.question, "answer": shown(&step.answer),
                    "depends_on": step.depends_on,
                })
            })
            .collect();
        let language = language_name(&decomposition.language);
        let documents = self.coder(
            "documents",
            tools_schema,
            &|answer| read_tools(answer, &steps, decomposed),
            json!({
                "domain": decomposition.domain, "steps": shown_steps,
                "language_note": format!("Descriptions are in {language}."),
            }),
        )?;
        let refined = |answer: &Json| {
            let tools = read_tools(answer, &steps, decomposed)?;
            keeps(&documents, &tools).map(|()| tools)
        };
        let tools = self.coder(
            "scale",
            tools_schema,
            &refined,
            json!({"tools": pretty(&json!({"tools": documents}))}),
        )?;
        let with_calls = |answer: &Json| {
            let calls = read_calls(&answer["calls"], &tools, &decomposition.steps)?;
            let request = answer["request"].as_str().unwrap_or_default().trim().to_owned();
            check_request(&request, &calls, &tools, decomposed).map(|()| (calls, request))
        };
        let called: Vec<Json> = steps
            .iter()
            .zip(&tools)
            .map(|(step, tool)| {
                json!({
                    "id": step.id, "question": step.question, "answer": shown(&step.answer),
                    "depends_on": step.depends_on, "tool": tool.name,
                })
            })
            .collect();
        let (calls, request) = self.coder("calls", calls_answer, &with_calls, json!({
            "tools": pretty(&json!({"tools": tools})), "steps": called, "background": decomposed.background,
            "question": decomposition.question, "language_name": language,
        }))?;
        self.code(checked, &tools, &calls, &request)
    }

    /// Asks the coder and reads the answer once more when it is usable.
    fn coder<T>(
        &self,
        name: &'static str,
        schema: fn() -> Json,
        read: &dyn Fn(&Json) -> Result<T, String>,
        of: Json,
    ) -> Result<T, Ended> {
        let check = |answer: &Json| read(answer).map(drop);
        let question = Question { role: Role::Coder, name, schema, sample: 0, check: &check };
        let answer = self.asker.ask(&question, of)?;
        read(&answer).map_err(|why| Ended::rejected(name, why))
    }

    /// Asks for the code until the gates pass.
    fn code(&self, checked: &Checked, tools: &[Tool], calls: &[Call], request: &str) -> Result<Built, Ended> {
        let decomposition = &checked.decomposed.decomposition;
        let changes = tools.iter().any(|tool| tool.changes);
        let of_call = |(call, tool): (&Call, &Tool)| {
            let answer =
                decomposition.steps.iter().find(|step| step.id == call.step).map(|step| shown(&step.answer));
            json!({
                "step": call.step, "tool": tool.name, "arguments": spoken(&call.arguments), "field": tool.answer_field,
                "answer": answer, "changes": tool.changes,
                "alternatives": if call.alternatives.is_empty() { Json::Null } else { json!(pretty(&json!(call.alternatives))) },
            })
        };
        let of = json!({
            "tools": pretty(&json!({"tools": tools})), "changes": changes,
            "calls": calls.iter().zip(tools).map(of_call).collect::<Vec<_>>(),
        });
        let built: RefCell<Option<Built>> = RefCell::new(None);
        let broken: RefCell<Option<String>> = RefCell::new(None);
        let check = |answer: &Json| {
            let (code, state) = read_code(answer, tools)?;
            let draft = Draft {
                decomposed: &checked.decomposed,
                tools,
                calls,
                request,
                code: &code,
                state: state.clone(),
                provenance: self.provenance(checked),
            };
            let arena = passed(&draft, self.gates, &broken)?;
            *built.borrow_mut() = Some(Built {
                checked: checked.clone(),
                tools: tools.to_vec(),
                calls: calls.to_vec(),
                request: request.to_owned(),
                code,
                state,
                arena,
            });
            Ok(())
        };
        let question =
            Question { role: Role::Coder, name: "code", schema: code_schema, sample: 0, check: &check };
        let asked = self.asker.ask(&question, of);
        if let Some(error) = broken.into_inner() {
            return Err(Ended::Failed(Boundary::Sandbox, error));
        }
        asked?;
        built
            .into_inner()
            .ok_or_else(|| Ended::Failed(Boundary::Us, "an accepted answer was lost".to_owned()))
    }

    fn provenance(&self, checked: &Checked) -> Provenance {
        let Checked { decomposed, judgement } = checked;
        let extra = json!({
            "source": decomposed.source.id(),
            "kind": decomposed.source.kind,
            "question": decomposed.decomposition.question,
            "models": {
                "teacher": decomposed.teacher, "judge": judgement.judge, "coder": self.asker.coder.settings().model,
            },
            "quality": judgement.quality,
            "dimensions": judgement.dimensions,
            "agreement": judgement.agreement,
        });
        Provenance {
            name: None,
            source: decomposed.source.origin.clone(),
            license: decomposed.source.license.clone(),
            generator: Some(format!("astra-environments {}", env!("CARGO_PKG_VERSION"))),
            seed: None,
            extra: extra.as_object().cloned().unwrap_or_default(),
        }
    }
}

/// The arena of a draft as the gates measured it; the error is for the coder. `broken` gets what broke on our side.
pub(super) fn passed(
    draft: &Draft<'_>,
    gates: &Gatekeeper,
    broken: &RefCell<Option<String>>,
) -> Result<ArenaSpec, String> {
    let spec = draft.spec()?;
    at_first_sight(&spec, gates.runtime())?;
    let report: GateReport = gates.check(&spec, &[], &[]).map_err(|error| {
        *broken.borrow_mut() = Some(error.to_string());
        error.to_string()
    })?;
    let mut reasons: Vec<String> =
        report.failures().map(|(gate, reason)| format!("{gate}: {reason}")).collect();
    // Written by a model, so only what the static gate admits is run beside others.
    let private = &report.measured.evidence.private_because;
    reasons.extend(
        private.iter().map(|(tool, why)| format!("schema: `{tool}` uses what is not allowed: {why}")),
    );
    if reasons.is_empty() {
        return Ok(report.measured);
    }
    reasons.truncate(REASONS);
    Err(reasons.join("\n"))
}

/// Longest result that is repeated to the coder, in characters.
const SHOWN: usize = 300;

/// An error where the gold calls do not return what they should. The gates would say so too, but they call each tool hundreds
/// of times, and one that hangs takes its whole time in each; what cannot even be loaded is left to them.
fn at_first_sight(spec: &ArenaSpec, runtime: &Runtime) -> Result<(), String> {
    let Ok(arena) = runtime.load(spec.clone(), &[]) else { return Ok(()) };
    let Ok(replay) = replay_gold(runtime, &arena, 0) else { return Ok(()) };
    let mut reasons = Vec::new();
    for step in &replay.steps {
        let call = format!("oracle: the call of step `{}`", step.id);
        match (&step.arguments, &step.result) {
            (Err(why), _) => reasons.push(format!("{call} has no arguments: {why}")),
            (Ok(_), Err(error)) => reasons.push(format!("{call} fails: {error}")),
            (Ok(_), Ok(result)) => {
                let wanted = spec.goals.iter().find_map(|goal| match &goal.kind {
                    GoalKind::Returns { gold: Some(gold), path, value, .. } if *gold == step.id => {
                        Some((path, value))
                    }
                    GoalKind::Returns { .. } | GoalKind::StateEquals { .. } => None,
                });
                let is_there = |(path, value): &(&String, &Value)| {
                    result.pointer(path).is_some_and(|found| value.matches(found))
                };
                if let Some((path, value)) = wanted.filter(|wanted| !is_there(wanted)) {
                    let shown: String = result.to_string().chars().take(SHOWN).collect();
                    reasons.push(format!(
                        "{call} returns {shown}, where `{path}` should be {}",
                        value.to_json()
                    ));
                }
            }
        }
    }
    if reasons.is_empty() { Ok(()) } else { Err(reasons.join("\n")) }
}

/// The code of each tool in their order, and the state to begin with.
type Code = (Vec<String>, Option<Map<String, Json>>);

fn read_code(answer: &Json, tools: &[Tool]) -> Result<Code, String> {
    each_once(tools.iter().map(|tool| tool.step.as_str()), &names(&answer["functions"], "step"))?;
    let functions = answer["functions"].as_array().map_or(&[][..], Vec::as_slice);
    let mut code = Vec::with_capacity(tools.len());
    for tool in tools {
        let function = functions.iter().find(|function| function["step"] == json!(tool.step));
        let text = function.and_then(|function| function["code"].as_str()).unwrap_or_default();
        if text.len() > LONGEST_CODE {
            return Err(format!("the code of step `{}` is longer than {LONGEST_CODE} bytes", tool.step));
        }
        // The prompt says that it is there; the sandbox wants to be asked for it.
        let is_imported = text.contains("import new_id") || !text.contains("new_id(");
        let import = if is_imported { "" } else { "from astra import new_id\n\n" };
        code.push(format!("{import}{}\n", text.trim_end()));
    }
    let changes = tools.iter().any(|tool| tool.changes);
    let state = match (&answer["state"], changes) {
        (Json::String(text), true) => match serde_json::from_str::<Json>(text) {
            Ok(Json::Object(state)) => Some(state),
            Ok(_) | Err(_) => return Err("`state` has to be the JSON text of an object".to_owned()),
        },
        (_, true) => return Err("a tool changes something, so `state` has to be there".to_owned()),
        (Json::Null, false) => None,
        (_, false) => return Err("no tool changes anything, so `state` has to be null".to_owned()),
    };
    Ok((code, state))
}

/// Arguments as a call says them.
pub(super) fn spoken(arguments: &[Argument]) -> String {
    let shown: Vec<String> =
        arguments.iter().map(|argument| format!("{}={}", argument.name, argument.value)).collect();
    shown.join(", ")
}

/// JSON as prompts show it.
pub(super) fn pretty(json: &Json) -> String {
    serde_json::to_string_pretty(json).unwrap_or_else(|_| json.to_string())
}
