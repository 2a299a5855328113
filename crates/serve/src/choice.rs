//! One choice of an answer while it is written: tokens in, what is new in the message out.
//!
//! Tokens are taken one by one, so that what comes out, put together, does not depend on how fast anybody was. Dropping
//! a choice gives up its turn and its sequence. Does not know the wire's form.

use crate::request::Request;
use astra_model::{
    Chat, Finish, Generator, LiveTurn, MALFORMED_CALL, ModelError, OpenSequence, PendingTurn, Sampled,
    TurnDelta, TurnGrammar, TurnOptions,
};
use astra_protocol::ToolCall;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Why a choice ended, in the protocol's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Stop,
    Length,
    ToolCalls,
}

impl Ended {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
        }
    }
}

/// What is new in a choice.
#[derive(Debug, Default)]
pub(crate) struct News {
    pub(crate) reasoning: String,
    pub(crate) content: String,
    pub(crate) calls: Vec<ToolCall>,
    /// Tokens written since the last news. The one that ended the turn counts, but is not part of the message.
    pub(crate) tokens: Vec<Written>,
    /// Set on the last news.
    pub(crate) ended: Option<Ended>,
}

/// A token, and the likeliest ones of its place where they were asked for.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) sampled: Sampled,
    pub(crate) likeliest: Vec<Sampled>,
}

/// A choice being written.
pub(crate) struct Choice {
    /// Closed when the generator has ended the turn. At most as long as the context, so it needs no bound.
    tokens: UnboundedReceiver<Written>,
    pending: Option<PendingTurn>,
    live: LiveTurn,
    stops: Stops,
    calls: usize,
    news: News,
    _sequence: OpenSequence,
}

impl Choice {
    /// Begins to write.
    pub(crate) fn begin(generator: &Generator, chat: &Arc<Chat>, request: &Request, seed: u64) -> Self {
        let sequence = generator.open(seed);
        let (told, tokens) = unbounded_channel();
        let watch = move |sampled, likeliest| {
            // Who has gone does not listen; the turn is about to be cancelled.
            let _ = told.send(Written { sampled, likeliest });
        };
        let (limits, sampling) = (request.limits.clone(), request.sampling);
        let options = TurnOptions {
            guide: request.grammar.as_ref().map(TurnGrammar::guide),
            likeliest: request.logprobs.unwrap_or_default(),
        };
        let pending = sequence.turn_watched(request.prompt.clone(), limits, sampling, options, watch);
        Self {
            tokens,
            pending: Some(pending),
            live: LiveTurn::new(Arc::clone(chat), request.calls),
            stops: Stops::new(request.stops.clone()),
            calls: 0,
            news: News::default(),
            _sequence: sequence,
        }
    }

    /// What is new; none after the last news.
    pub(crate) async fn next(&mut self) -> Option<Result<News, ModelError>> {
        loop {
            self.pending.as_ref()?;
            let Some(written) = self.tokens.recv().await else { return Some(self.end().await) };
            let delta = self.live.push(written.sampled.token);
            self.news.tokens.push(written);
            if self.take(delta) {
                self.pending = None;
                self.news.ended = Some(Ended::Stop);
                return Some(Ok(std::mem::take(&mut self.news)));
            }
            let News { reasoning, content, calls, .. } = &self.news;
            if !(reasoning.is_empty() && content.is_empty() && calls.is_empty()) {
                return Some(Ok(std::mem::take(&mut self.news)));
            }
        }
    }

    async fn end(&mut self) -> Result<News, ModelError> {
        let Some(pending) = self.pending.take() else { return Err(ModelError::GeneratorEnded) };
        let turn = pending.await?;
        let delta = self.live.finish();
        let stopped = self.take(delta);
        if !stopped {
            self.news.content += &self.stops.rest();
        }
        self.news.ended = Some(match turn.finish {
            _ if stopped && self.calls == 0 => Ended::Stop,
            Finish::Length | Finish::Context => Ended::Length,
            Finish::Stop if self.calls > 0 => Ended::ToolCalls,
            Finish::Stop => Ended::Stop,
        });
        Ok(std::mem::take(&mut self.news))
    }

    /// Adds to the news; whether a stop text was met, behind which there is no content.
    fn take(&mut self, delta: TurnDelta) -> bool {
        self.news.reasoning += &delta.reasoning;
        let mut content = delta.content;
        for call in delta.calls {
            if call.name == MALFORMED_CALL {
                // A client could do nothing with a call without a name; as text nothing is hidden from it.
                content += "<tool_call>";
                content += &call.arguments;
            } else {
                self.calls += 1;
                self.news.calls.push(call);
            }
        }
        let (passed, met) = self.stops.pass(&content);
        self.news.content += &passed;
        met
    }
}

/// Looks for stop texts in content that comes in pieces, and keeps back what may be the beginning of one.
struct Stops {
    texts: Vec<String>,
    held: String,
}

impl Stops {
    fn new(texts: Vec<String>) -> Self {
        Self { texts, held: String::new() }
    }

    /// What can be passed on, and whether a stop text follows it.
    fn pass(&mut self, content: &str) -> (String, bool) {
        self.held += content;
        let met = self.texts.iter().filter_map(|text| self.held.find(text.as_str())).min();
        if let Some(at) = met {
            let mut held = std::mem::take(&mut self.held);
            held.truncate(at);
            return (held, true);
        }
        let may_begin = |at: &usize| self.texts.iter().any(|text| text.starts_with(&self.held[*at..]));
        let kept = self.held.char_indices().map(|(at, _)| at).find(may_begin);
        let rest = self.held.split_off(kept.unwrap_or(self.held.len()));
        (std::mem::replace(&mut self.held, rest), false)
    }

    /// What was kept back, when nothing follows any more.
    fn rest(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(stops: &[&str], pieces: &[&str]) -> (String, bool) {
        let mut stops = Stops::new(stops.iter().map(|&text| text.to_owned()).collect());
        let mut all = String::new();
        for piece in pieces {
            let (passed, met) = stops.pass(piece);
            all += &passed;
            if met {
                return (all, true);
            }
        }
        all += &stops.rest();
        (all, false)
    }

    #[test]
    fn a_stop_text_is_found_however_it_is_cut() {
        for pieces in [&["ab-END-cd"][..], &["ab-E", "N", "D-cd"], &["a", "b", "-", "E", "N", "D", "-"]] {
            assert_eq!(through(&["END", "never"], pieces), ("ab-".to_owned(), true), "{pieces:?}");
        }
        assert_eq!(through(&["é!", "b"], &["aé", "é", "!"]), ("aé".to_owned(), true));
    }

    #[test]
    fn the_earliest_of_several_counts_and_what_only_began_is_passed_on() {
        assert_eq!(through(&["y", "x"], &["1x2y"]), ("1".to_owned(), true));
        assert_eq!(through(&["END"], &["ab-E", "N"]), ("ab-EN".to_owned(), false));
        assert_eq!(through(&["aab"], &["aa", "ab"]), ("a".to_owned(), true));
        assert_eq!(through(&[], &["a", "b"]), ("ab".to_owned(), false));
    }
}
