//! What goes to a worker and what comes back, in terms of calls and sessions.

use crate::loaded::LoadedProgram;
use crate::session::{Session, hash_reply};
use crate::worker::{Lost, Reply, Worker};
use crate::{CallOutcome, ErrorKind, SandboxError, ToolError};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::ops::Range;
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
    /// Whether the worker took it for a success and only the host refuses it: its effects must go.
    pub(crate) refused: bool,
}

pub(crate) fn take(reply: &Reply<'_>) -> Taken {
    let hash = hash_reply(reply);
    let result = match (reply.kind, reply.result) {
        (Some(kind), _) => {
            Err(ToolError { kind, message: reply.message.as_deref().unwrap_or_default().to_owned() })
        }
        // What Python writes and serde does not read: numbers out of range, nesting beyond 128.
        (None, Some(text)) => serde_json::from_str(&quote_wide_integers(text.get()))
            .map_err(|error| ToolError { kind: ErrorKind::NotJson, message: error.to_string() }),
        (None, None) => Err(ToolError {
            kind: ErrorKind::Protocol,
            message: "the worker sent neither a result nor an error".to_owned(),
        }),
    };
    let result = match &reply.state {
        Some(state) => result.and_then(|value| check_state(state).map(|()| value)),
        None => result,
    };
    let refused = reply.kind.is_none() && result.is_err();
    let outcome = CallOutcome {
        result,
        stdout: reply.stdout.as_deref().unwrap_or_default().to_owned(),
        state_changed: false,
        text: reply.text.as_deref().map(ToOwned::to_owned),
        cpu: reply.cpu,
        wall: Duration::ZERO,
    };
    Taken { outcome, state: reply.state.as_deref().map(Arc::from), hash, refused }
}

/// A state must be an object that the host reads as it was meant; a private tool can forge its worker's replies.
fn check_state(state: &str) -> Result<(), ToolError> {
    let bad = |message: String| ToolError { kind: ErrorKind::BadState, message };
    serde_json::from_str::<Map<String, Value>>(state).map_err(|error| bad(error.to_string()))?;
    match wide_integer(state) {
        None => Ok(()),
        Some(found) => {
            Err(bad(format!("the state holds an integer of more than 64 bits: {}", &state[found])))
        }
    }
}

/// JSON text whose integers beyond 64 bits are strings of decimal digits: as numbers they would lose digits unseen.
fn quote_wide_integers(text: &str) -> Cow<'_, str> {
    let mut quoted = String::new();
    let mut rest = text;
    while let Some(found) = wide_integer(rest) {
        let (before, after) = rest.split_at(found.start);
        let (integer, after) = after.split_at(found.len());
        quoted.extend([before, "\"", integer, "\""]);
        rest = after;
    }
    if quoted.is_empty() {
        return Cow::Borrowed(text);
    }
    quoted.push_str(rest);
    Cow::Owned(quoted)
}

/// Where in this JSON text the first integer stands that neither 64 bits with sign nor without can hold.
fn wide_integer(text: &str) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let begin = at;
        at += 1;
        if byte == b'"' {
            while let Some(&inside) = bytes.get(at).filter(|&&inside| inside != b'"') {
                at += if inside == b'\\' { 2 } else { 1 };
            }
            at += 1;
        } else if byte == b'-' || byte.is_ascii_digit() {
            let more = bytes[at..]
                .iter()
                .take_while(|next| matches!(next, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
            at += more.count();
            let number = &text[begin..at];
            let integer = number.len() > 18 && !number.contains(['.', 'e', 'E']);
            if integer && number.parse::<i64>().is_err() && number.parse::<u64>().is_err() {
                return Some(begin..at);
            }
        }
    }
    None
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
    let taken = take(&worker.request(request)?);
    worker.weigh();
    Ok((taken, worker.grew))
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

    /// What to say when no worker lives long enough.
    pub(crate) fn outside(doing: &'static str, lost: Lost) -> (SandboxError, Self) {
        (SandboxError::Worker { doing, reason: lost.message }, Self::Outside)
    }
}

pub(crate) fn check_loaded(
    reply: Result<Reply<'_>, Lost>,
    program: &LoadedProgram,
) -> Result<(), (SandboxError, Fate)> {
    let compile = |message: String| SandboxError::Compile {
        tool: program.0.tool_of_source(0).to_owned(),
        line: 0,
        message,
    };
    match reply {
        Ok(Reply { kind: None, .. }) => Ok(()),
        Ok(reply) => Err((compile(reply.message.unwrap_or_default().into_owned()), Fate::Lives)),
        Err(lost) if lost.outside => Err(Fate::outside("loading", lost)),
        Err(lost) => Err((compile(lost.message), Fate::Killed)),
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
        Err(lost) if lost.outside => Err(Fate::outside("opening", lost)),
        Err(lost) => Err((body(0, lost.message), Fate::Killed)),
    }
}

#[cfg(test)]
mod tests {
    use super::quote_wide_integers;

    #[test]
    fn only_integers_beyond_64_bits_become_text() {
        for (given, expected) in [
            ("18446744073709551615", "18446744073709551615"),
            ("18446744073709551616", "\"18446744073709551616\""),
            ("-9223372036854775808", "-9223372036854775808"),
            ("-9223372036854775809", "\"-9223372036854775809\""),
            (
                "[1,99999999999999999999,{\"a\":99999999999999999999}]",
                "[1,\"99999999999999999999\",{\"a\":\"99999999999999999999\"}]",
            ),
            ("\"at 99999999999999999999\"", "\"at 99999999999999999999\""),
            (r#"["\\",99999999999999999999,"\"",3]"#, r#"["\\","99999999999999999999","\"",3]"#),
            ("[0.10000000000000000555,1e300]", "[0.10000000000000000555,1e300]"),
        ] {
            assert_eq!(quote_wide_integers(given), expected);
        }
    }
}
