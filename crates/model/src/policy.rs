//! A model as a policy: conversations to ids, ids to turns.
//!
//! The first prompt of an episode is rendered; afterwards only what is new is, and appended to the ids that were read
//! and written before. So what the model saw is what the segments of the trace say, id for id. A turn that was cut at
//! its length is taken as far as it got. An episode that does not fit into the context any more ends as the agent's
//! own (`TokenLimit`), not as a failure. Does not know arenas or rewards.

use crate::generate::{Finish, Limits, Sampler, Sampling, Sequence};
use crate::{CallCount, Chat, ModelError, TurnGrammar};
use astra_protocol::{
    Boundary, BoxFuture, Message, Policy, PolicyError, PolicyTurn, Segment, TurnRequest, Usage,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How a model plays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolicySettings {
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Tokens of a turn at most.
    pub max_turn_tokens: usize,
    /// Whether only calls can be written that the tools accept. Log-probabilities stay those of the model alone, so what
    /// was written this way is nothing that a policy gradient could learn from.
    pub strict: bool,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self { sampling: Sampling::default(), max_turn_tokens: 512, strict: false }
    }
}

/// What happened in the turns of a policy's players so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TurnCounts {
    /// Turns written.
    pub turns: u64,
    /// Of these, cut at `max_turn_tokens`.
    pub cut: u64,
    /// Turns that ended their episode because the context was full.
    pub overflowed: u64,
    /// Calls that could not be read.
    pub malformed: u64,
}

/// A model that plays any number of episodes at the same time, each through a [`ModelPlayer`] of its own.
#[derive(Clone)]
pub struct ModelPolicy {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    sampler: Arc<dyn Sampler>,
    chat: Arc<Chat>,
    settings: PolicySettings,
    turns: AtomicU64,
    cut: AtomicU64,
    overflowed: AtomicU64,
    malformed: AtomicU64,
}

impl ModelPolicy {
    /// Plays with a sampler's model through its chat template.
    pub fn new(
        name: impl Into<String>,
        sampler: Arc<dyn Sampler>,
        chat: Arc<Chat>,
        settings: PolicySettings,
    ) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            shared: Arc::new(Shared {
                name: name.into(),
                sampler,
                chat,
                settings,
                turns: zero(),
                cut: zero(),
                overflowed: zero(),
                malformed: zero(),
            }),
        }
    }

    /// A player for one episode at a time; turn 0 begins a new one.
    pub fn player(&self) -> ModelPlayer {
        ModelPlayer { shared: Arc::clone(&self.shared), under_way: Mutex::new(None) }
    }

    /// What happened so far, over all players.
    pub fn counts(&self) -> TurnCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Shared { turns, cut, overflowed, malformed, .. } = &*self.shared;
        TurnCounts {
            turns: read(turns),
            cut: read(cut),
            overflowed: read(overflowed),
            malformed: read(malformed),
        }
    }
}

/// The policy of one episode.
pub struct ModelPlayer {
    shared: Arc<Shared>,
    under_way: Mutex<Option<UnderWay>>,
}

/// An episode between two turns.
struct UnderWay {
    sequence: Box<dyn Sequence>,
    /// What its turns are kept to.
    grammar: Option<TurnGrammar>,
    /// Messages that the model has read; its own turn is the next.
    read: usize,
    /// Whether its last turn ended with the token that the template ends turns with. Another end of sequence stops a
    /// turn too, but the template knows it not.
    ended: bool,
}

impl Policy for ModelPlayer {
    fn name(&self) -> &str {
        &self.shared.name
    }

    fn next_turn<'a>(&'a self, request: TurnRequest<'a>) -> BoxFuture<'a, Result<PolicyTurn, PolicyError>> {
        Box::pin(async move {
            self.turn(request)
                .await
                .map_err(|error| PolicyError { boundary: Boundary::Us, error: error.to_string() })
        })
    }
}

impl ModelPlayer {
    async fn turn(&self, request: TurnRequest<'_>) -> Result<PolicyTurn, ModelError> {
        let Shared { sampler, chat, settings, .. } = &*self.shared;
        let before = self.under_way.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (sequence, grammar, suffix) = match before {
            Some(episode) if request.turn > 0 => {
                let suffix = self.suffix(&episode, request.messages)?;
                (episode.sequence, episode.grammar, suffix)
            }
            None if request.turn > 0 => return Err(strange("turn 0 was not asked of this player")),
            Some(_) | None => {
                let prompt = chat.prompt(request.tools, request.messages)?;
                // Without tools nothing is a call that could be wrong.
                let kept = settings.strict && !request.tools.is_empty();
                let grammar = kept.then(|| chat.turn_grammar(request.tools, CallCount::Any)).transpose()?;
                (sampler.open(request.seed), grammar, prompt)
            }
        };
        let limits = Limits { max_new: settings.max_turn_tokens, stop: chat.stop_ids().to_vec() };
        let written = match &grammar {
            Some(grammar) => {
                sequence.guided_turn(suffix.clone(), limits, settings.sampling, grammar.guide()).await?
            }
            None => sequence.turn(suffix.clone(), limits, settings.sampling).await?,
        };
        let parsed = chat.parse(&written.tokens);
        self.count(written.finish, parsed.malformed.len());
        let usage = Usage { input_tokens: suffix.len() as u64, output_tokens: written.tokens.len() as u64 };
        let policy_version = written.policy_version;
        let ended = written.tokens.last() == chat.end_of_turn().first();
        let segments = if written.tokens.is_empty() {
            // What did not fit was not read.
            Vec::new()
        } else {
            vec![
                Segment { ids: suffix, sampled: false, logprobs: None, policy_version },
                Segment {
                    ids: written.tokens,
                    sampled: true,
                    logprobs: Some(written.logprobs),
                    policy_version,
                },
            ]
        };
        let episode = UnderWay { sequence, grammar, read: request.messages.len(), ended };
        *self.under_way.lock().unwrap_or_else(PoisonError::into_inner) = Some(episode);
        let exhausted = written.finish == Finish::Context;
        Ok(PolicyTurn { message: parsed.into(), usage, segments, exhausted })
    }

    /// Ids of what came after the model's last turn.
    fn suffix(&self, episode: &UnderWay, messages: &[Message]) -> Result<Vec<u32>, ModelError> {
        let chat = &self.shared.chat;
        match messages.get(episode.read..) {
            Some([Message::Assistant { .. }, new @ ..]) if !new.is_empty() => {
                let mut suffix = if episode.ended { Vec::new() } else { chat.end_of_turn().to_vec() };
                suffix.extend(chat.continuation(new)?);
                Ok(suffix)
            }
            Some(_) | None => Err(strange("its messages do not go on from this player's last turn")),
        }
    }

    fn count(&self, finish: Finish, malformed: usize) {
        let shared = &self.shared;
        shared.turns.fetch_add(1, Ordering::Relaxed);
        shared.malformed.fetch_add(malformed as u64, Ordering::Relaxed);
        match finish {
            Finish::Stop => {}
            Finish::Length => drop(shared.cut.fetch_add(1, Ordering::Relaxed)),
            Finish::Context => drop(shared.overflowed.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

fn strange(what: &str) -> ModelError {
    ModelError::Conversation { field: "messages".to_owned(), what: what.to_owned() }
}
