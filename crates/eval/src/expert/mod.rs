//! The expert: a teacher for supervised fine-tuning, drawn from the gold calls.
//!
//! It reaches what the oracle reaches, but as an agent would that plans well: calls that need nothing of each other go
//! out in one turn, arguments come from the results that were really received, every turn says in a few words what
//! was found and what comes next, failures are noticed and retried, and the answer is a sentence in the user's
//! language. It knows the gold and must not show it: `discretion` holds its words to what the trace has shown.
//! Being a function of the request, it repeats itself byte for byte. It does not explore, and it makes mistakes only
//! where it is asked to: at random (`slips`), or those that a student would make in its place.

mod discretion;
mod narrate;
mod plan;
mod say;
mod slips;
mod words;

use crate::policies::is_unavailable;
use astra_arena::{Arena, ArenaError, Runtime, replay_gold};
use astra_protocol::{
    Boundary, BoxFuture, Message, Policy, PolicyError, PolicyTurn, ToolCall, TurnRequest, content_id,
};
use discretion::{Secrets, Seen};
use narrate::Narrator;
use plan::{Derivation, Plan, resolve};
use say::Language;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use words::{Slot, Voice};

/// Attempts at one call before the expert says that the service stays unavailable.
const ATTEMPTS: usize = 8;

/// Plays the gold calls of one arena the way a good agent would.
pub(crate) struct Expert {
    arena: Arc<Arena>,
    plan: Plan,
    /// Which gold calls change the state.
    writes: Vec<bool>,
    secrets: Secrets,
    /// Share of calls that it gets wrong first.
    slips: f64,
    /// Whose wrong calls it makes its own.
    student: Option<Box<dyn Policy>>,
}

/// What has come of one gold call.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    attempts: usize,
    result: Option<Json>,
    /// It was answered or failed in the turn before.
    is_fresh: bool,
}

impl Expert {
    /// Learns which gold calls change the state by replaying them, where there is a state.
    pub(crate) fn new(
        runtime: &Runtime,
        arena: &Arc<Arena>,
        seed: u64,
        slips: f64,
        student: Option<Box<dyn Policy>>,
    ) -> Result<Self, ArenaError> {
        let spec = arena.spec();
        let mut writes = vec![false; spec.gold.len()];
        if let Some(state) = &spec.state {
            let mut before = Some(content_id(&Json::Object(state.clone())));
            let replay = replay_gold(runtime, arena, seed)?;
            for (writes, step) in writes.iter_mut().zip(&replay.steps) {
                *writes = step.state_hash != before;
                before.clone_from(&step.state_hash);
            }
        }
        let plan = Plan::new(spec, &writes);
        Ok(Self { arena: Arc::clone(arena), plan, writes, secrets: Secrets::of(arena), slips, student })
    }

    /// What a good agent would say.
    fn turn(&self, request: &TurnRequest<'_>) -> Result<Message, String> {
        let spec = self.arena.spec();
        let voice = Voice { language: Language::of(&spec.language), seed: request.seed, turn: request.turn };
        if !spec.answerable {
            return Ok(Message::Assistant {
                content: narrate::refusal(spec, voice),
                reasoning: Some(voice.say(Slot::Lacking, 0, &[])),
                tool_calls: Vec::new(),
            });
        }
        let heard = self.heard(request);
        let narrator = Narrator {
            spec,
            voice,
            heard: &heard,
            writes: &self.writes,
            secrets: &self.secrets,
            seen: Seen::of(request.messages, request.tools),
        };
        let done: Vec<bool> = heard.iter().map(|one| one.result.is_some()).collect();
        let ready = self.plan.ready(&done);
        if let Some(stuck) = ready.iter().find(|call| heard[**call].attempts >= ATTEMPTS) {
            return Ok(Message::answer(voice.say(Slot::GiveUp, 0, &[("tool", &spec.gold[*stuck].tool)])));
        }
        if ready.is_empty() {
            return Ok(narrator.answer());
        }
        let result_of = |id: &str| {
            let at = spec.gold.iter().position(|call| call.id == id)?;
            heard[at].result.clone()
        };
        let mut calls = Vec::with_capacity(ready.len());
        let mut derivations: Vec<Derivation> = Vec::new();
        for at in &ready {
            let (arguments, derived) = resolve(&spec.gold[*at], &result_of)?;
            if heard[*at].attempts == 0 {
                derivations
                    .extend(derived.into_iter().filter(|one| !derivations.contains(one)).collect::<Vec<_>>());
            }
            calls.push(ToolCall {
                id: call_id(request.seed, &spec.gold[*at].id, heard[*at].attempts),
                name: spec.gold[*at].tool.clone(),
                arguments: Json::Object(arguments).to_string(),
            });
        }
        if slips::are_too_many(&calls, request) {
            return Ok(Message::answer(voice.say(Slot::Stuck, 0, &[("tool", &calls[0].name)])));
        }
        let mut reasoning = narrator.step(&ready, &calls, &derivations);
        if slips::just_made(&calls, request) {
            reasoning = voice.join(&[voice.say(Slot::Corrected, 0, &[]), reasoning]);
        }
        Ok(Message::Assistant { content: String::new(), reasoning: Some(reasoning), tool_calls: calls })
    }

    fn heard(&self, request: &TurnRequest<'_>) -> Vec<Heard> {
        let last_said =
            request.messages.iter().rposition(|message| matches!(message, Message::Assistant { .. }));
        let answer_to = |wanted: &str| {
            request.messages.iter().enumerate().find_map(|(at, message)| match message {
                Message::Tool { tool_call_id, content } if tool_call_id == wanted => {
                    Some((content.as_str(), last_said.is_some_and(|said| at > said)))
                }
                Message::Tool { .. }
                | Message::System { .. }
                | Message::User { .. }
                | Message::Assistant { .. } => None,
            })
        };
        let gold = self.arena.spec().gold.iter();
        gold.map(|call| {
            let mut heard = Heard::default();
            while let Some((content, is_fresh)) = answer_to(&call_id(request.seed, &call.id, heard.attempts))
            {
                heard.attempts += 1;
                heard.is_fresh = is_fresh;
                if !is_unavailable(content) {
                    let result = serde_json::from_str(content);
                    heard.result = Some(result.unwrap_or_else(|_| Json::String(content.to_owned())));
                    break;
                }
            }
            heard
        })
        .collect()
    }
}

/// An id that says nothing about the gold call and can be found again.
fn call_id(seed: u64, gold: &str, attempt: usize) -> String {
    let hash = content_id(&json!(["expert call", seed.to_string(), gold, attempt]));
    format!("call_{}", hash.short())
}

impl Policy for Expert {
    fn name(&self) -> &'static str {
        "expert"
    }

    fn next_turn<'a>(&'a self, request: TurnRequest<'a>) -> BoxFuture<'a, Result<PolicyTurn, PolicyError>> {
        Box::pin(async move {
            let error = |error| PolicyError { boundary: Boundary::Arena, error };
            let mut turn = self.turn(&request).map_err(error)?;
            if let Message::Assistant { tool_calls, .. } = &mut turn {
                let by_student = match &self.student {
                    Some(student) => slips::of(student.as_ref(), tool_calls, request).await?,
                    None => None,
                };
                let wrong = by_student.or_else(|| slips::instead_of(tool_calls, self.slips, &request));
                if let Some(wrong) = wrong {
                    *tool_calls = vec![wrong];
                }
            }
            Ok(PolicyTurn::from(turn))
        })
    }
}
