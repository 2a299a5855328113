//! What goes to a worker and what comes back, in terms of calls and sessions.

use crate::session::{Session, hash_reply};
use crate::worker::{Lost, Reply, Worker};
use crate::{CallOutcome, ErrorKind, SandboxError, ToolError};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A call that was answered, on its way into the log.
pub(crate) struct Call {
    pub(crate) index: usize,
    pub(crate) arguments: String,
    pub(crate) taken: Taken,
    pub(crate) growth: u64,
    pub(crate) began: Instant,
}

/// A reply, taken out of the worker's buffer.
pub(crate) struct Taken {
    pub(crate) outcome: CallOutcome,
    pub(crate) state: Option<Arc<str>>,
    pub(crate) hash: [u8; 32],
}

pub(crate) fn take(reply: &Reply<'_>) -> Taken {
    let hash = hash_reply(reply);
    let result = match (reply.kind, reply.result) {
        (Some(kind), _) => {
            Err(ToolError { kind, message: reply.message.as_deref().unwrap_or_default().to_owned() })
        }
        // What Python writes and serde does not read: numbers out of range, nesting beyond 128.
        (None, Some(text)) => serde_json::from_str(text.get())
            .map_err(|error| ToolError { kind: ErrorKind::NotJson, message: error.to_string() }),
        (None, None) => Err(ToolError {
            kind: ErrorKind::Protocol,
            message: "the worker sent neither a result nor an error".to_owned(),
        }),
    };
    let outcome = CallOutcome {
        result,
        stdout: reply.stdout.as_deref().unwrap_or_default().to_owned(),
        state_changed: false,
        text: reply.text.as_deref().map(ToOwned::to_owned),
        cpu: Duration::from_nanos(reply.cpu),
        wall: Duration::ZERO,
    };
    Taken { outcome, state: reply.state.as_deref().map(Arc::from), hash }
}

pub(crate) fn failed(kind: ErrorKind, message: String, began: Instant) -> CallOutcome {
    CallOutcome {
        result: Err(ToolError { kind, message }),
        stdout: String::new(),
        state_changed: false,
        text: None,
        cpu: Duration::ZERO,
        wall: began.elapsed(),
    }
}

pub(crate) fn call_request(session: u64, tool: &str, arguments: &str) -> String {
    let tool = Value::from(tool);
    format!("\"op\":\"call\",\"session\":{session},\"tool\":{tool},\"arguments\":{arguments}")
}

pub(crate) fn open_request(session: &Session) -> String {
    let (number, key, seed) = (session.number, session.program.0.key, session.seed);
    format!("\"op\":\"open\",\"session\":{number},\"program\":{key},\"seed\":{seed}")
}

pub(crate) fn answer(worker: &mut Worker, request: &str) -> Result<(Taken, u64), Lost> {
    let before = worker.resident_before;
    let taken = take(&worker.request(request)?);
    worker.resident_before = worker.resident();
    Ok((taken, worker.resident_before.saturating_sub(before)))
}

/// What became of the worker in which something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It goes on.
    Lives,
    /// It met a limit and was killed, or died of what it was doing.
    Killed,
    /// Somebody else killed it.
    Outside,
}

impl Fate {
    pub(crate) fn lives(error: SandboxError) -> (SandboxError, Self) {
        (error, Self::Lives)
    }

    pub(crate) fn of(lost: &Lost) -> Self {
        if lost.outside { Self::Outside } else { Self::Killed }
    }
}

pub(crate) fn check_loaded(
    reply: Result<Reply<'_>, Lost>,
    session: &Session,
) -> Result<(), (SandboxError, Fate)> {
    let compile = |message: String| SandboxError::Compile {
        tool: session.program.0.tool_of_source(0).to_owned(),
        line: 0,
        message,
    };
    match reply {
        Ok(Reply { kind: None, .. }) => Ok(()),
        Ok(reply) => Err((compile(reply.message.unwrap_or_default().into_owned()), Fate::Lives)),
        Err(lost) => Err((compile(lost.message.clone()), Fate::of(&lost))),
    }
}

pub(crate) fn check_opened(
    reply: Result<Reply<'_>, Lost>,
    session: &Session,
) -> Result<(), (SandboxError, Fate)> {
    let body = |source: usize, message: String| SandboxError::Body {
        tool: session.program.0.tool_of_source(source).to_owned(),
        message,
    };
    match reply {
        Ok(Reply { kind: None, .. }) => Ok(()),
        Ok(reply) => Err((body(reply.source, reply.message.unwrap_or_default().into_owned()), Fate::Lives)),
        Err(lost) => Err((body(0, lost.message.clone()), Fate::of(&lost))),
    }
}
