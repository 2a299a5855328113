//! One tool call inside an episode: what it was, what came of it, what the agent reads.

use astra_protocol::{ContentId, ToolCall};
use astra_sandbox::{CallOutcome, ErrorKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallStatus {
    /// The tool returned.
    Returned,
    /// The tool raised, or a limit stopped it.
    Failed {
        /// The sandbox's error kind, in `snake_case`.
        kind: String,
    },
    /// No such tool is offered.
    UnknownTool,
    /// The arguments do not fit the tool's schema.
    InvalidArguments,
    /// The episode's call limit was already spent.
    OverLimit,
    /// The host injected a failure; the call does not count.
    Injected,
}

/// The record of one call. Lives on the control side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Assistant turn, from 0.
    pub turn: usize,
    /// The call as the agent wrote it.
    pub call: ToolCall,
    /// Parsed arguments, when they were a JSON object.
    pub arguments: Option<Map<String, Json>>,
    /// How it ended.
    pub status: CallStatus,
    /// What the tool returned, as structured JSON.
    pub result: Option<Json>,
    /// What the agent reads.
    pub text: String,
    /// Hash of the arena's state after the call; absent in arenas without state.
    pub state_hash: Option<ContentId>,
    /// Whether the tool is a distractor rather than one of the arena's own.
    pub distractor: bool,
}

impl CallRecord {
    /// Whether the call counts in c (`docs/reward.md`): everything but injected failures.
    pub fn counts(&self) -> bool {
        self.status != CallStatus::Injected
    }

    /// Whether the agent got the call itself wrong.
    pub fn invalid(&self) -> bool {
        matches!(self.status, CallStatus::UnknownTool | CallStatus::InvalidArguments | CallStatus::OverLimit)
    }
}

/// What the agent reads and what goals are compared with: `(text, structured result)`.
///
/// A tool that prints instead of returning has its output as result; a text that is a JSON object or array is
/// compared as that structure, because `return json.dumps(…)` is how many tools return records.
pub(crate) fn readable(outcome: &CallOutcome) -> (String, Result<Json, ErrorKind>) {
    match &outcome.result {
        Ok(Json::Null) if !outcome.stdout.trim().is_empty() => {
            let printed = outcome.stdout.trim_end_matches('\n').to_owned();
            let structured = structured(Json::String(printed.clone()));
            (printed, Ok(structured))
        }
        Ok(Json::String(said)) => (said.clone(), Ok(structured(Json::String(said.clone())))),
        Ok(value) => (value.to_string(), Ok(value.clone())),
        Err(error) => (error_text(kind_name(error.kind), &error.message), Err(error.kind)),
    }
}

fn structured(result: Json) -> Json {
    match &result {
        Json::String(said) if said.trim_start().starts_with(['{', '[']) => {
            serde_json::from_str(said).unwrap_or(result)
        }
        Json::String(_) | Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
            result
        }
    }
}

/// The one form of errors that agents see.
pub(crate) fn error_text(kind: &str, message: &str) -> String {
    json!({"error": {"kind": kind, "message": message}}).to_string()
}

/// `snake_case` name of a sandbox error.
pub(crate) fn kind_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Exception => "exception",
        ErrorKind::TimeLimit => "time_limit",
        ErrorKind::CpuLimit => "cpu_limit",
        ErrorKind::MemoryLimit => "memory_limit",
        ErrorKind::OutputLimit => "output_limit",
        ErrorKind::RecursionLimit => "recursion_limit",
        ErrorKind::CallLimit => "call_limit",
        ErrorKind::NotJson => "not_json",
        ErrorKind::BadState => "bad_state",
        ErrorKind::Arguments => "arguments",
        ErrorKind::Crash => "crash",
        ErrorKind::Denied => "denied",
        ErrorKind::Protocol => "protocol",
    }
}

/// Whether two argument objects mean the same over `names`.
pub(crate) fn same_arguments<'a>(
    gold: &Map<String, Json>,
    seen: &Map<String, Json>,
    names: impl IntoIterator<Item = &'a String>,
) -> bool {
    names.into_iter().all(|name| match (gold.get(name), seen.get(name)) {
        (Some(gold), Some(seen)) => astra_protocol::value::same_argument(gold, seen),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    })
}
