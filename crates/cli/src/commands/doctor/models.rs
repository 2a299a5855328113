//! Whether the models of the settings can be asked: one question each, past the journal.

use crate::failure::ExitStatus;
use crate::settings::Role;
use crate::{Context, asking};
use astra_agent::models::{
    AnswerSchema, Asking, Journal, Model, ModelError, Provider, Request, Sampling, Structured,
};
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// What came of asking a model.
#[derive(Debug, Serialize)]
struct Tried {
    model: String,
    roles: Vec<&'static str>,
    works: bool,
    seconds: Option<f64>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    /// What is wrong, or what is to be done.
    said: Option<String>,
}

/// Tries all models.
pub(super) fn run(context: &Context) -> anyhow::Result<ExitStatus> {
    let models = &context.settings.models;
    if models.models.is_empty() {
        return Err(asking::none().into());
    }
    let mut all_work = true;
    for name in models.models.keys() {
        let tried = try_one(name, context)?;
        all_work &= tried.works;
        if context.printer.json {
            context.printer.json(&tried)?;
        } else {
            context.printer.data(describe(&tried))?;
        }
    }
    Ok(ExitStatus::of_input(all_work))
}

fn try_one(name: &str, context: &Context) -> anyhow::Result<Tried> {
    let roles = context.settings.models.roles_of(name);
    let failed = |said: String| Tried {
        model: name.to_owned(),
        roles: roles.clone(),
        works: false,
        seconds: None,
        input_tokens: None,
        output_tokens: None,
        said: Some(said),
    };
    // A journal of its own: what was answered yesterday says nothing about today.
    let journal = Journal::in_memory().map_err(|what| ModelError::Journal { what })?;
    let fresh = Asking { journal: Arc::new(journal), offline: false, stop: Arc::new(AtomicBool::new(false)) };
    let model = match asking::open(name, &fresh, context) {
        Ok(model) => model,
        Err(error) => return Ok(failed(format!("{error:#}"))),
    };
    if model.settings().provider != Provider::Http {
        let said = match model.batch() {
            Some(batch) => format!("batch files in {}", batch.path().display()),
            None => format!("answers from the journal {}", context.settings.journal.display()),
        };
        return Ok(Tried { works: true, said: Some(said), ..failed(String::new()) });
    }
    let began = Instant::now();
    let said = [
        (roles != [Role::Embedder.name()]).then(|| answers(&model)).transpose(),
        roles.contains(&Role::Embedder.name()).then(|| embeds(&model)).transpose(),
    ];
    let said: Vec<String> = said.into_iter().filter_map(Result::err).collect();
    let spent = model.spent();
    Ok(Tried {
        model: name.to_owned(),
        roles: roles.clone(),
        works: said.is_empty(),
        seconds: Some(began.elapsed().as_secs_f64()),
        input_tokens: Some(spent.input_tokens),
        output_tokens: Some(spent.output_tokens),
        said: (!said.is_empty()).then(|| said.join("; ")),
    })
}

/// Whether it answers a question in the shape that is asked for.
fn answers(model: &Model) -> Result<(), String> {
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["sum"],
        "properties": {"sum": {"type": "integer"}},
    });
    let schema = Arc::new(AnswerSchema::new("sum", schema)?);
    let question =
        "Answer with a JSON object that has the one field `sum`, an integer: the sum of 19 and 23.";
    let request = Request {
        sampling: Sampling { max_tokens: Some(2000), ..Sampling::default() },
        ..Request::of(question)
    };
    let check = |answer: Json| match answer["sum"].as_i64() {
        Some(42) => Ok(()),
        _ => Err(format!("19 + 23 gave {}", answer["sum"])),
    };
    let asked = Structured { schema, tries: 2 }.ask(model, "doctor", &request, &check);
    asked.map_err(|error| error.to_string())
}

/// Whether it turns texts into vectors that differ.
fn embeds(model: &Model) -> Result<(), String> {
    let texts = ["book a flight to Lisbon", "list the isotopes of cobalt"].map(str::to_owned);
    let vectors = model.embed("doctor", &texts).map_err(|error| error.to_string())?;
    if vectors[0] == vectors[1] { Err("different texts got the same vector".to_owned()) } else { Ok(()) }
}

fn describe(tried: &Tried) -> String {
    let Tried { model, roles, works, seconds, input_tokens, output_tokens, said } = tried;
    let roles = if roles.is_empty() { "no role".to_owned() } else { roles.join(", ") };
    let state = if *works { "works" } else { "FAILS" };
    let mut parts = vec![format!("{model} ({roles}): {state}")];
    if let (true, Some(seconds), Some(input), Some(output)) = (*works, seconds, input_tokens, output_tokens) {
        parts.push(format!(" in {seconds:.1} s, {input} tokens read, {output} written"));
    }
    parts.extend(said.iter().map(|said| format!("; {said}")));
    parts.concat()
}
