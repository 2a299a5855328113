//! What goes back: a completion at once, or its chunks as server-sent events.
//!
//! Both are made of the same news of the same choices, so a stream put together is the answer that would have come at
//! once. Reasoning stands in `reasoning_content`, where other servers put it. A call comes in one piece, because it is
//! certain only when it is whole.

use crate::choice::{Choice, Ended, News, Written};
use crate::refusal::Refusal;
use crate::request::{Delivery, Request};
use astra_model::{Chat, Generator, ModelError, Sampled};
use astra_protocol::ToolCall;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, header};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream, SelectAll};
use serde_json::{Value as Json, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::OwnedSemaphorePermit;

/// An answer under way.
pub(crate) struct Answer {
    head: Head,
    chat: Arc<Chat>,
    /// News of all choices, each with the choice's number.
    news: SelectAll<BoxStream<'static, (usize, Result<News, ModelError>)>>,
    choices: usize,
    logprobs: bool,
    delivery: Delivery,
    prompt_tokens: usize,
    completion_tokens: usize,
    /// The places that it takes, given back when it is finished or nobody listens any more.
    _places: OwnedSemaphorePermit,
}

/// What every object of an answer says of itself.
pub(crate) struct Head {
    pub(crate) id: String,
    pub(crate) model: String,
    pub(crate) fingerprint: String,
}

/// A choice's message, put together.
#[derive(Default)]
struct Message {
    reasoning: String,
    content: String,
    calls: Vec<Json>,
    logprobs: Vec<Json>,
    ended: Option<Ended>,
}

impl Answer {
    /// Begins to write all choices.
    pub(crate) fn begin(
        head: Head,
        generator: &Generator,
        chat: &Arc<Chat>,
        request: &Request,
        places: OwnedSemaphorePermit,
    ) -> Self {
        let news = request.seeds.iter().enumerate().map(|(index, seed)| {
            let choice = Choice::begin(generator, chat, request, *seed);
            let next = |mut choice: Choice| async move { choice.next().await.map(|news| (news, choice)) };
            stream::unfold(choice, next).map(move |news| (index, news)).boxed()
        });
        Self {
            head,
            chat: Arc::clone(chat),
            news: stream::select_all(news),
            choices: request.seeds.len(),
            logprobs: request.logprobs.is_some(),
            delivery: request.delivery,
            prompt_tokens: request.prompt.len(),
            completion_tokens: 0,
            _places: places,
        }
    }

    /// The response, at once or in a stream.
    pub(crate) async fn respond(self) -> Result<Response<Body>, Refusal> {
        let (kind, body) = match self.delivery {
            Delivery::Whole => ("application/json", Body::from(self.whole().await?.to_string())),
            Delivery::Stream | Delivery::StreamWithUsage => ("text/event-stream", self.stream()),
        };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Ok(response)
    }

    async fn whole(mut self) -> Result<Json, Refusal> {
        let mut messages: Vec<Message> = (0..self.choices).map(|_| Message::default()).collect();
        while let Some((index, news)) = self.news.next().await {
            let news = news?;
            self.completion_tokens += news.tokens.len();
            let message = &mut messages[index];
            message.logprobs.extend(self.logprobs(&news));
            message.reasoning += &news.reasoning;
            message.content += &news.content;
            for call in &news.calls {
                let call = self.call(call, index, message.calls.len());
                message.calls.push(call);
            }
            message.ended = news.ended;
        }
        let choices = messages.into_iter().enumerate().map(|(index, message)| {
            let Message { reasoning, content, calls, logprobs, ended } = message;
            // A turn of calls alone has no content, which the protocol says as null.
            let content = if content.is_empty() && !calls.is_empty() { Json::Null } else { json!(content) };
            let mut turn = json!({"role": "assistant", "content": content});
            if !reasoning.is_empty() {
                turn["reasoning_content"] = json!(reasoning);
            }
            if !calls.is_empty() {
                turn["tool_calls"] = Json::Array(calls);
            }
            let logprobs = if self.logprobs { json!({"content": logprobs}) } else { Json::Null };
            json!({"index": index, "message": turn, "logprobs": logprobs,
                "finish_reason": ended.map(Ended::as_str)})
        });
        let choices: Vec<Json> = choices.collect();
        let mut completion = self.object("chat.completion", &choices);
        completion["usage"] = self.usage();
        Ok(completion)
    }

    fn stream(self) -> Body {
        let roles = (0..self.choices)
            .map(|index| self.chunk(index, &json!({"role": "assistant", "content": ""}), &Json::Null, None))
            .collect();
        let streaming = Streaming { calls: vec![0; self.choices], answer: Some(self), ready: roles };
        Body::from_stream(stream::unfold(streaming, |mut streaming| async move {
            streaming.next().await.map(|event| (Ok::<_, Infallible>(event), streaming))
        }))
    }

    fn object(&self, kind: &str, choices: &[Json]) -> Json {
        let Head { id, model, fingerprint } = &self.head;
        let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        json!({"id": id, "object": kind, "created": created, "model": model,
            "system_fingerprint": fingerprint, "choices": choices})
    }

    fn chunk(&self, index: usize, delta: &Json, logprobs: &Json, ended: Option<Ended>) -> Json {
        let choice = json!({"index": index, "delta": delta, "logprobs": logprobs,
            "finish_reason": ended.map(Ended::as_str)});
        let mut chunk = self.object("chat.completion.chunk", &[choice]);
        if self.delivery == Delivery::StreamWithUsage {
            chunk["usage"] = Json::Null;
        }
        chunk
    }

    fn usage(&self) -> Json {
        let Self { prompt_tokens, completion_tokens, .. } = self;
        json!({"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens})
    }

    /// The wire form of a choice's call; ids differ between calls and between answers.
    fn call(&self, call: &ToolCall, choice: usize, number: usize) -> Json {
        let id = format!("call_{}_{choice}_{number}", self.head.id.trim_start_matches("chatcmpl-"));
        let ToolCall { name, arguments, .. } = call;
        json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
    }

    /// The entries of a choice's news where they were asked for. The token that ends a turn is not of its message.
    fn logprobs(&self, news: &News) -> Vec<Json> {
        let is_of_message = |written: &&Written| !self.chat.stop_ids().contains(&written.sampled.token);
        let wanted = news.tokens.iter().filter(|_| self.logprobs).filter(is_of_message);
        let tokenizer = self.chat.tokenizer();
        let entry = |sampled: &Sampled| {
            let bytes = tokenizer.bytes_of(sampled.token);
            json!({"token": String::from_utf8_lossy(bytes), "logprob": sampled.logprob, "bytes": bytes})
        };
        let with_likeliest = |written: &Written| {
            let mut json = entry(&written.sampled);
            json["top_logprobs"] = written.likeliest.iter().map(entry).collect();
            json
        };
        wanted.map(with_likeliest).collect()
    }
}

/// An answer that is sent as it is written.
struct Streaming {
    /// None when there is no more news.
    answer: Option<Answer>,
    /// Chunks that wait to be sent.
    ready: VecDeque<Json>,
    /// Calls sent so far, for each choice.
    calls: Vec<usize>,
}

impl Streaming {
    /// The next event.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(chunk) = self.ready.pop_front() {
                return Some(event(&chunk.to_string()));
            }
            let answer = self.answer.as_mut()?;
            match answer.news.next().await {
                Some((index, Ok(news))) => {
                    answer.completion_tokens += news.tokens.len();
                    self.ready.extend(chunks(answer, &mut self.calls[index], index, &news));
                }
                Some((_, Err(error))) => {
                    let refusal = Refusal::from(error);
                    self.answer = None;
                    self.ready.clear();
                    return Some(event(&refusal.body().to_string()));
                }
                None => {
                    let mut last = Vec::new();
                    if answer.delivery == Delivery::StreamWithUsage {
                        let mut chunk = answer.object("chat.completion.chunk", &[]);
                        chunk["usage"] = answer.usage();
                        last.extend_from_slice(&event(&chunk.to_string()));
                    }
                    last.extend_from_slice(&event("[DONE]"));
                    self.answer = None;
                    return Some(last.into());
                }
            }
        }
    }
}

/// The chunks of one piece of news: what is new, and where the choice has ended, a last one that says why.
fn chunks(answer: &Answer, calls: &mut usize, index: usize, news: &News) -> Vec<Json> {
    let mut delta = json!({});
    for (field, text) in [("reasoning_content", &news.reasoning), ("content", &news.content)] {
        if !text.is_empty() {
            delta[field] = json!(text);
        }
    }
    let new_calls = news.calls.iter().map(|call| {
        let mut json = answer.call(call, index, *calls);
        json["index"] = json!(*calls);
        *calls += 1;
        json
    });
    let new_calls: Vec<Json> = new_calls.collect();
    if !new_calls.is_empty() {
        delta["tool_calls"] = Json::Array(new_calls);
    }
    let entries = answer.logprobs(news);
    let mut chunks = Vec::new();
    let is_empty = delta.as_object().is_some_and(serde_json::Map::is_empty);
    if !is_empty || !entries.is_empty() {
        let logprobs = if answer.logprobs { json!({"content": entries}) } else { Json::Null };
        chunks.push(answer.chunk(index, &delta, &logprobs, None));
    }
    if news.ended.is_some() {
        chunks.push(answer.chunk(index, &json!({}), &Json::Null, news.ended));
    }
    chunks
}

fn event(data: &str) -> Bytes {
    format!("data: {data}\n\n").into()
}
