//! Built-in policies: what a perfect, a lazy and a guessing agent get.
//!
//! All but oracle and expert see only what an agent sees. Those two are given the arena; the oracle is the upper
//! bound, the expert (`expert`) the teacher. They work through the same loop, from tool results, so that injected
//! failures hit them too.

use crate::expert::Expert;
use astra_arena::gates::{default_calls, dump_calls, random_call};
use astra_arena::{Arena, ArenaError, Runtime, refusal};
use astra_protocol::{
    ArenaSpec, Boundary, BoxFuture, GoldCall, Message, Policy, PolicyError, PolicyTurn, Reference, ToolCall,
    TurnRequest, Value, seeded_rng,
};
use rand_chacha::rand_core::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use std::str::FromStr;
use std::sync::Arc;

/// The built-in policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuiltinPolicy {
    /// Replays the gold calls and says the answer; refuses where the arena is unanswerable.
    Oracle,
    /// Plays the gold calls as a good agent would: in parallel where it can, with reasons, and an answer in words.
    Expert,
    /// Ends at once with an empty message.
    Null,
    /// Up to eight schema-valid calls at random.
    Random,
    /// Each tool with its default arguments.
    Default,
    /// Each tool over its enum, default and wildcard arguments until the turn limit.
    Dump,
}

impl BuiltinPolicy {
    /// All of them, best first.
    pub const ALL: [Self; 6] =
        [Self::Oracle, Self::Expert, Self::Null, Self::Random, Self::Default, Self::Dump];

    /// Those that measure arenas; the expert measures nothing that the oracle does not.
    pub const YARDSTICKS: [Self; 5] = [Self::Oracle, Self::Null, Self::Random, Self::Default, Self::Dump];

    /// The name on the command line and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Oracle => "oracle",
            Self::Expert => "expert",
            Self::Null => "null",
            Self::Random => "random",
            Self::Default => "default",
            Self::Dump => "dump",
        }
    }
}

impl std::fmt::Display for BuiltinPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that is no built-in policy.
#[derive(Clone, Debug, thiserror::Error)]
#[error("there is no policy `{0}` (oracle, expert, null, random, default, dump)")]
pub struct UnknownPolicy(pub String);

impl FromStr for BuiltinPolicy {
    type Err = UnknownPolicy;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|policy| policy.as_str() == name)
            .ok_or_else(|| UnknownPolicy(name.to_owned()))
    }
}

/// A built-in policy for one episode of an arena. Only the expert looks at runtime and seed: it replays the gold
/// calls of an arena with state, to learn which of them change it.
pub fn builtin(
    policy: BuiltinPolicy,
    runtime: &Runtime,
    arena: &Arc<Arena>,
    seed: u64,
) -> Result<Box<dyn Policy>, ArenaError> {
    Ok(match policy {
        BuiltinPolicy::Oracle => Box::new(Oracle { arena: Arc::clone(arena) }),
        BuiltinPolicy::Expert => Box::new(Expert::new(runtime, arena, seed, 0.0, None)?),
        BuiltinPolicy::Null => Box::new(Scripted { name: "null", turns: |_| None }),
        BuiltinPolicy::Random => Box::new(Scripted { name: "random", turns: random_turn }),
        BuiltinPolicy::Default => Box::new(Scripted { name: "default", turns: default_turn }),
        BuiltinPolicy::Dump => Box::new(Scripted { name: "dump", turns: dump_turn }),
    })
}

/// Tool names with arguments.
type Calls = Vec<(String, Map<String, Json>)>;

/// A policy without memory: the calls of a turn follow from the request alone; `None` ends with an empty message.
struct Scripted {
    name: &'static str,
    turns: fn(&TurnRequest<'_>) -> Option<Calls>,
}

impl Policy for Scripted {
    fn name(&self) -> &str {
        self.name
    }

    fn next_turn<'a>(&'a self, request: TurnRequest<'a>) -> BoxFuture<'a, Result<PolicyTurn, PolicyError>> {
        let message = match (self.turns)(&request) {
            Some(calls) if !calls.is_empty() => Message::calls(
                calls
                    .into_iter()
                    .enumerate()
                    .map(|(at, (name, arguments))| ToolCall {
                        id: format!("call_{}_{}", request.turn + 1, at + 1),
                        name,
                        arguments: Json::Object(arguments).to_string(),
                    })
                    .collect(),
            ),
            Some(_) | None => Message::answer(""),
        };
        Box::pin(async move { Ok(message.into()) })
    }
}

fn random_turn(request: &TurnRequest<'_>) -> Option<Calls> {
    let mut rng = seeded_rng(request.seed, &format!("random policy {}", request.messages.len()));
    let planned = 1 + seeded_rng(request.seed, "random policy length").next_u64() % 8;
    if request.turn as u64 >= planned || request.tools.is_empty() {
        return None;
    }
    let doc = &request.tools[usize::try_from(rng.next_u64() % request.tools.len() as u64).unwrap_or(0)];
    Some(vec![(doc.name.clone(), random_call(doc, request.seed, request.turn))])
}

fn default_turn(request: &TurnRequest<'_>) -> Option<Calls> {
    (request.turn == 0).then(|| {
        request
            .tools
            .iter()
            .flat_map(|doc| default_calls(doc).into_iter().map(|call| (doc.name.clone(), call)))
            .collect()
    })
}

fn dump_turn(request: &TurnRequest<'_>) -> Option<Calls> {
    let round: Vec<_> = request
        .tools
        .iter()
        .filter_map(|doc| Some((doc.name.clone(), dump_calls(doc).into_iter().nth(request.turn)?)))
        .collect();
    (!round.is_empty()).then_some(round)
}

/// Replays gold from what the tools really answer.
struct Oracle {
    arena: Arc<Arena>,
}

impl Policy for Oracle {
    fn name(&self) -> &'static str {
        "oracle"
    }

    fn next_turn<'a>(&'a self, request: TurnRequest<'a>) -> BoxFuture<'a, Result<PolicyTurn, PolicyError>> {
        let spec = self.arena.spec();
        let turn = next_gold_call(spec, request.messages).map(|next| match next {
            Some(call) => Message::calls(vec![call]),
            None if spec.answerable => Message::answer(sentence(&spec.language, &spec.answer)),
            None => Message::answer(refusal(&spec.language)),
        });
        Box::pin(async move {
            turn.map(PolicyTurn::from).map_err(|error| PolicyError { boundary: Boundary::Arena, error })
        })
    }
}

/// The first gold call that has no real result yet; call ids are `<gold id>~<attempt>`.
fn next_gold_call(spec: &ArenaSpec, messages: &[Message]) -> Result<Option<ToolCall>, String> {
    let mut results: Vec<(&str, Json)> = Vec::new();
    for call in &spec.gold {
        let answers: Vec<&str> = messages
            .iter()
            .filter_map(|message| match message {
                Message::Tool { tool_call_id, content } => {
                    let (gold, _) = tool_call_id.rsplit_once('~')?;
                    (gold == call.id).then_some(content.as_str())
                }
                Message::System { .. } | Message::User { .. } | Message::Assistant { .. } => None,
            })
            .collect();
        match answers.last() {
            Some(answer) if !is_unavailable(answer) => {
                let result =
                    serde_json::from_str(answer).unwrap_or_else(|_| Json::String((*answer).to_owned()));
                results.push((&call.id, result));
            }
            Some(_) | None => return gold_call(call, &results, answers.len()).map(Some),
        }
    }
    Ok(None)
}

/// An injected failure, after which the same call is tried again.
pub(crate) fn is_unavailable(answer: &str) -> bool {
    serde_json::from_str::<Json>(answer)
        .is_ok_and(|answer| answer.pointer("/error/kind").and_then(Json::as_str) == Some("unavailable"))
}

fn gold_call(call: &GoldCall, results: &[(&str, Json)], attempt: usize) -> Result<ToolCall, String> {
    let mut arguments = Map::new();
    for (name, argument) in &call.arguments {
        let value = match Reference::of(argument) {
            None => argument.clone(),
            Some(reference) => {
                let reference = reference?;
                match &reference.value {
                    Some(value) => value.clone(),
                    None => reference
                        .targets()
                        .first()
                        .and_then(|(id, pointer)| {
                            results.iter().find(|(known, _)| known == id)?.1.pointer(pointer).cloned()
                        })
                        .ok_or_else(|| {
                            format!("argument `{name}` of gold call `{}` does not resolve", call.id)
                        })?,
                }
            }
        };
        arguments.insert(name.clone(), value);
    }
    Ok(ToolCall {
        id: format!("{}~{}", call.id, attempt + 1),
        name: call.tool.clone(),
        arguments: Json::Object(arguments).to_string(),
    })
}

/// The answer as a sentence in the arena's language.
pub(crate) fn sentence(language: &str, answer: &Value) -> String {
    let said = plain(answer, language);
    if language.starts_with("zh") {
        format!("答案是：{said}。")
    } else {
        format!("The answer is {said}.")
    }
}

fn plain(value: &Value, language: &str) -> String {
    let chinese = language.starts_with("zh");
    match value {
        Value::Text { value } | Value::Date { value } => value.clone(),
        Value::Number { value, unit, .. } => match unit {
            Some(unit) => format!("{value} {unit}"),
            None => value.to_string(),
        },
        Value::Bool { value } => match (value, chinese) {
            (true, true) => " 是 ".into(),
            (false, true) => " 否 ".into(),
            (true, false) => "yes".into(),
            (false, false) => "no".into(),
        },
        Value::Set { items } | Value::List { items } => {
            let separator = if chinese { "、" } else { ", " };
            items.iter().map(|item| plain(item, language)).collect::<Vec<_>>().join(separator)
        }
        Value::Record { fields } => fields
            .iter()
            .map(|(name, field)| format!("{name}: {}", plain(field, language)))
            .collect::<Vec<_>>()
            .join("; "),
    }
}
