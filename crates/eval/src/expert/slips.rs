//! Slips: calls that the expert gets wrong on purpose, so that a trace also shows how to go on after one.
//!
//! A model that has never seen a rejected call in its context repeats it; one that has only seen them put right tries for
//! ever. So most slips are followed by the right call, and some by another slip and by giving up. A slip is what small
//! models write: a tool that is not offered, a parameter of another tool, one too many or one too few, text that is cut.
//! It is always a call that the host rejects before any tool runs, so it changes no state and credits nothing. Whoever
//! learns from the trace must not learn the slip itself: [`sft_record`](crate::sft_record) gives such turns the weight 0.

use astra_arena::is_rejected;
use astra_protocol::{
    Message, Policy, PolicyError, ToolCall, ToolDoc, TurnRequest, content_id, draw_below, draw_unit,
    parse_arguments, seeded_rng,
};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value as Json, json};

/// Slips in a row after which the expert gives up.
const IN_A_ROW: usize = 2;
/// Probability that a slip follows a slip.
const AGAIN: f64 = 0.3;

/// A way of being wrong; `None` where it does not apply to the call.
type Kind<'a> = fn(&Slip<'a>, &mut ChaCha8Rng) -> Option<ToolCall>;

/// A right call, and what is offered beside it.
struct Slip<'a> {
    right: &'a ToolCall,
    arguments: Map<String, Json>,
    doc: &'a ToolDoc,
    schema: Json,
    tools: &'a [ToolDoc],
}

/// Whether the expert has had enough of slips of these calls.
pub(super) fn are_too_many(calls: &[ToolCall], request: &TurnRequest<'_>) -> bool {
    calls.first().is_some_and(|right| so_far(right, request) == IN_A_ROW)
}

/// Slips of a call until now.
fn so_far(right: &ToolCall, request: &TurnRequest<'_>) -> usize {
    (0..IN_A_ROW).take_while(|count| answer_to(&slip_id(right, *count), request).is_some()).count()
}

/// The wrong call that goes out instead of the `calls` of this turn, with probability `share`.
pub(super) fn instead_of(calls: &[ToolCall], share: f64, request: &TurnRequest<'_>) -> Option<ToolCall> {
    let right = calls.first()?;
    let so_far = so_far(right, request);
    let share = if so_far > 0 && share > 0.0 { AGAIN } else { share };
    let mut rng = seeded_rng(request.seed, &format!("slip {} {so_far}", right.id));
    if draw_unit(&mut rng) >= share {
        return None;
    }
    let doc = request.tools.iter().find(|tool| tool.name == right.name)?;
    let slip = Slip {
        right,
        arguments: parse_arguments(&right.arguments).ok()?,
        doc,
        schema: doc.schema().ok()?,
        tools: request.tools,
    };
    let kinds: [Kind<'_>; 5] = [Slip::unknown_tool, Slip::other_name, Slip::extra, Slip::missing, Slip::cut];
    let first = draw_below(&mut rng, kinds.len());
    let wrong = (0..kinds.len()).find_map(|at| kinds[(first + at) % kinds.len()](&slip, &mut rng))?;
    Some(ToolCall { id: slip_id(right, so_far), ..wrong })
}

/// The call of these that a student would make in the place of the right `calls`, where it would be rejected: such a
/// mistake is corrected at the place where it would have been made (the idea of dataset aggregation, Ross et al. 2011).
/// Asked once before each right turn: what follows is right, or a slip at random where those are wanted too.
pub(super) async fn of(
    student: &dyn Policy,
    calls: &[ToolCall],
    request: TurnRequest<'_>,
) -> Result<Option<ToolCall>, PolicyError> {
    let Some(right) = calls.first().filter(|right| so_far(right, &request) == 0) else { return Ok(None) };
    let messages: Vec<Message> = request.messages.iter().map(without_reasoning).collect();
    // To a student every turn is the first: the turns before were not its own.
    let asked = TurnRequest { messages: &messages, turn: 0, ..request };
    let Message::Assistant { tool_calls, .. } = student.next_turn(asked).await?.message else {
        return Ok(None);
    };
    // A call that cannot even be read has no form in which it could stand in a conversation.
    let readable = |call: &&ToolCall| call.name.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c));
    let wrong = tool_calls.iter().filter(readable).find(|call| is_rejected(request.tools, call));
    Ok(wrong.map(|wrong| ToolCall { id: slip_id(right, 0), ..wrong.clone() }))
}

/// As a student would have said it, who does not think aloud.
fn without_reasoning(message: &Message) -> Message {
    match message {
        Message::Assistant { content, tool_calls, .. } => {
            Message::Assistant { content: content.clone(), reasoning: None, tool_calls: tool_calls.clone() }
        }
        Message::System { .. } | Message::User { .. } | Message::Tool { .. } => message.clone(),
    }
}

/// Whether the turn before was a slip of one of these calls.
pub(super) fn just_made(calls: &[ToolCall], request: &TurnRequest<'_>) -> bool {
    let last = request.messages.len().checked_sub(1);
    calls.iter().any(|right| {
        (0..IN_A_ROW)
            .any(|count| answer_to(&slip_id(right, count), request).is_some_and(|at| Some(at) == last))
    })
}

fn answer_to(id: &str, request: &TurnRequest<'_>) -> Option<usize> {
    request
        .messages
        .iter()
        .position(|message| matches!(message, Message::Tool { tool_call_id, .. } if tool_call_id == id))
}

fn slip_id(right: &ToolCall, count: usize) -> String {
    format!("call_{}", content_id(&json!(["slip", right.id, count])).short())
}

impl Slip<'_> {
    /// One word of the name replaced by a word of another tool's name.
    fn unknown_tool(&self, rng: &mut ChaCha8Rng) -> Option<ToolCall> {
        let other = pick(rng, self.tools.iter().filter(|tool| tool.name != self.right.name))?;
        let word = pick(rng, other.name.split('_'))?;
        let mut words: Vec<&str> = self.right.name.split('_').collect();
        let at = draw_below(rng, words.len());
        words[at] = word;
        let name = words.join("_");
        let offered = self.tools.iter().any(|tool| tool.name == name);
        (!offered).then(|| ToolCall { name, ..self.right.clone() })
    }

    /// An argument under the name of another tool's parameter, or under its own cut short.
    fn other_name(&self, rng: &mut ChaCha8Rng) -> Option<ToolCall> {
        let counts = |name: &&String| self.is_closed() || self.required().contains(&name.as_str());
        let old = pick(rng, self.arguments.keys().filter(counts))?;
        let short = old.rsplit_once('_').map(|(short, _)| short.to_owned());
        let foreign = self.foreign_parameter(rng);
        let new = if draw_below(rng, 2) == 0 { short.or(foreign) } else { foreign.or(short) }?;
        if self.knows(&new) {
            return None;
        }
        let renamed = |(name, value): (&String, &Json)| {
            (if name == old { new.clone() } else { name.clone() }, value.clone())
        };
        Some(self.with(self.arguments.iter().map(renamed).collect()))
    }

    /// A parameter that only another tool has.
    fn extra(&self, rng: &mut ChaCha8Rng) -> Option<ToolCall> {
        if !self.is_closed() {
            return None;
        }
        let name = self.foreign_parameter(rng)?;
        let value =
            pick(rng, self.arguments.values()).cloned().unwrap_or_else(|| json!(1 + draw_below(rng, 20)));
        let mut arguments = self.arguments.clone();
        arguments.insert(name, value);
        Some(self.with(arguments))
    }

    /// A required argument left out.
    fn missing(&self, rng: &mut ChaCha8Rng) -> Option<ToolCall> {
        let name = pick(rng, self.required().into_iter().filter(|name| self.arguments.contains_key(*name)))?;
        let mut arguments = self.arguments.clone();
        arguments.shift_remove(name);
        Some(self.with(arguments))
    }

    /// Arguments that end too early: the beginning of an object is never JSON.
    fn cut(&self, rng: &mut ChaCha8Rng) -> Option<ToolCall> {
        let text = &self.right.arguments;
        let half = text.len() / 2;
        let cut = half + draw_below(rng, text.len().saturating_sub(half + 1).max(1));
        let cut = (0..=cut).rev().find(|at| text.is_char_boundary(*at)).filter(|at| *at > 0)?;
        Some(ToolCall { arguments: text[..cut].to_owned(), ..self.right.clone() })
    }

    fn with(&self, arguments: Map<String, Json>) -> ToolCall {
        ToolCall { arguments: Json::Object(arguments).to_string(), ..self.right.clone() }
    }

    /// A parameter that another tool has and this one has not.
    fn foreign_parameter(&self, rng: &mut ChaCha8Rng) -> Option<String> {
        let others = self.tools.iter().filter(|tool| tool.name != self.doc.name);
        let schemas: Vec<Json> = others.filter_map(|tool| tool.schema().ok()).collect();
        let names = schemas.iter().filter_map(|schema| schema["properties"].as_object()).flat_map(Map::keys);
        pick(rng, names.filter(|name| !self.knows(name))).cloned()
    }

    fn knows(&self, parameter: &str) -> bool {
        self.schema["properties"].get(parameter).is_some()
    }

    fn is_closed(&self) -> bool {
        self.schema["additionalProperties"] == json!(false)
    }

    fn required(&self) -> Vec<&str> {
        self.schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect()
    }
}

fn pick<T>(rng: &mut ChaCha8Rng, from: impl Iterator<Item = T>) -> Option<T> {
    let mut from: Vec<T> = from.collect();
    (!from.is_empty()).then(|| {
        let at = draw_below(rng, from.len());
        from.swap_remove(at)
    })
}
