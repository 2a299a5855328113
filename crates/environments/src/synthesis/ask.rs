//! Asking on behalf of a record, and what its end is when there is no usable answer.

use super::prompts::Prompts;
use astra_agent::models::{AnswerSchema, Model, ModelError, Request, Sampling, Structured, Unanswered};
use astra_protocol::Boundary;
use astra_store::Outcome;
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// Writes questions and steps.
    Teacher,
    /// Writes tools.
    Coder,
    /// Judges.
    Judge,
}

/// Why a record ends here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It will never become one; the words before the first colon are the reason.
    Rejected(String),
    /// Something else broke.
    Failed(Boundary, String),
}

impl Ended {
    /// A rejection for `reason`.
    pub(super) fn rejected(reason: &str, why: impl std::fmt::Display) -> Self {
        Self::Rejected(format!("{reason}: {why}"))
    }

    /// As the stage runner takes it.
    pub fn outcome<T>(self) -> Outcome<T> {
        match self {
            Self::Rejected(why) => Outcome::Rejected { why },
            Self::Failed(boundary, error) => Outcome::Failed { boundary, error },
        }
    }
}

/// The models of a run, and how they are asked.
pub struct Asker<'a> {
    /// Writes questions and steps.
    pub teacher: &'a Model,
    /// Writes tools.
    pub coder: &'a Model,
    /// Judges.
    pub judge: &'a Model,
    /// Prompt templates.
    pub prompts: &'a Prompts,
    /// Times that a model is asked for one thing at most.
    pub tries: usize,
    /// Seed for endpoints that take one; another seed is another question.
    pub seed: Option<u64>,
    /// Is called when no other record can succeed either.
    pub give_up: &'a (dyn Fn(&ModelError) + Sync),
    schemas: Mutex<BTreeMap<&'static str, Arc<AnswerSchema>>>,
}

/// One thing to ask for.
pub(super) struct Question<'a> {
    pub(super) role: Role,
    /// Name of the prompt, of the answer's schema, and of the stage in the books.
    pub(super) name: &'static str,
    pub(super) schema: fn() -> Json,
    /// Which of several answers, from 0.
    pub(super) sample: u32,
    /// Says what is wrong with an answer of the right shape.
    pub(super) check: &'a dyn Fn(&Json) -> Result<(), String>,
}

impl<'a> Asker<'a> {
    /// Asks these models in this way.
    pub fn new(
        [teacher, coder, judge]: [&'a Model; 3],
        prompts: &'a Prompts,
        tries: usize,
        give_up: &'a (dyn Fn(&ModelError) + Sync),
    ) -> Self {
        Self { teacher, coder, judge, prompts, tries, seed: None, give_up, schemas: Mutex::default() }
    }

    fn model(&self, role: Role) -> &Model {
        match role {
            Role::Teacher => self.teacher,
            Role::Coder => self.coder,
            Role::Judge => self.judge,
        }
    }

    /// A usable answer, or why the record ends.
    pub(super) fn ask(&self, question: &Question<'_>, of: impl Serialize) -> Result<Json, Ended> {
        let us = |error: String| Ended::Failed(Boundary::Us, error);
        let prompt = self.prompts.render(question.name, of).map_err(us)?;
        let schema = self.schema(question).map_err(us)?;
        let model = self.model(question.role);
        // Judges are asked coldly, unless several answers of one are wanted; what invents may vary.
        let temperature = (question.role == Role::Judge && question.sample == 0).then_some(0.0);
        let request = Request {
            sampling: Sampling { temperature, seed: self.seed, ..Sampling::default() },
            sample: question.sample,
            ..Request::of(prompt)
        };
        let check = |answer: Json| (question.check)(&answer).map(|()| answer);
        let asked = Structured { schema, tries: self.tries }.ask(model, question.name, &request, &check);
        asked.map_err(|error| match error {
            Unanswered::Rejected { why, .. } => Ended::rejected(question.name, why),
            Unanswered::Failed(error) => {
                if error.ends_the_run() {
                    (self.give_up)(&error);
                }
                let boundary = match (question.role, error.boundary()) {
                    (Role::Judge, Boundary::Provider) => Boundary::Judge,
                    (_, boundary) => boundary,
                };
                Ended::Failed(boundary, error.to_string())
            }
        })
    }

    fn schema(&self, question: &Question<'_>) -> Result<Arc<AnswerSchema>, String> {
        let mut schemas = self.schemas.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = schemas.get(question.name) {
            return Ok(Arc::clone(known));
        }
        let schema = Arc::new(AnswerSchema::new(question.name, (question.schema)())?);
        schemas.insert(question.name, Arc::clone(&schema));
        Ok(schema)
    }
}

/// The schema of an object with exactly these fields.
pub(super) fn object(fields: &[(&str, Json)]) -> Json {
    let required: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let properties: serde_json::Map<String, Json> =
        fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    serde_json::json!({
        "type": "object", "additionalProperties": false, "required": required, "properties": properties,
    })
}

/// The schema of a list.
pub(super) fn list(items: &Json) -> Json {
    serde_json::json!({"type": "array", "items": items})
}

/// The schema of plain types by name.
pub(super) fn plain(kind: &str) -> Json {
    serde_json::json!({"type": kind})
}

/// An error where an answer does not speak of every one of `wanted` exactly once.
pub(super) fn each_once<'s>(wanted: impl IntoIterator<Item = &'s str>, named: &[&str]) -> Result<(), String> {
    let wanted: Vec<&str> = wanted.into_iter().collect();
    for id in &wanted {
        match named.iter().filter(|name| *name == id).count() {
            1 => {}
            0 => return Err(format!("step `{id}` is missing")),
            times => return Err(format!("step `{id}` stands there {times} times")),
        }
    }
    match named.iter().find(|name| !wanted.contains(*name)) {
        Some(foreign) => Err(format!("there is no step `{foreign}` here")),
        None => Ok(()),
    }
}

/// The `step` or `id` of every entry of a list.
pub(super) fn names<'j>(entries: &'j Json, key: &str) -> Vec<&'j str> {
    entries.as_array().into_iter().flatten().filter_map(|entry| entry[key].as_str()).collect()
}
