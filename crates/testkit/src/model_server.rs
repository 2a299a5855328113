//! A model endpoint that follows a script: what tests put where a language model would be.
//!
//! It speaks HTTP for real, so that clients are tested over a socket, and it can misbehave as endpoints do: refuse, hang,
//! break off, answer with something else. It keeps every request that it got.

use crate::TestResult;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Response, StatusCode, header};
use axum::routing::post;
use futures_util::stream;
use serde_json::{Value as Json, json};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// What the endpoint does with a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A completion with this text.
    Says(String),
    /// A response of success with this body.
    Body(Vec<u8>),
    /// A refusal with a status, what `Retry-After` says, and a body.
    Refuses(u16, Option<String>, String),
    /// Nothing, for so long.
    Hangs(Duration),
    /// A completion that breaks off half-way.
    BreaksOff,
}

type Script = dyn Fn(&Json, usize) -> Reply + Send + Sync;

struct Shared {
    script: Box<Script>,
    requests: Mutex<Vec<Json>>,
    keeps: bool,
}

/// The endpoint, which stops when it is dropped.
pub struct ModelServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ModelServer {
    /// Listens on a port of its own. `script` gets a request's body and how many came before it.
    pub fn start(script: impl Fn(&Json, usize) -> Reply + Send + Sync + 'static) -> TestResult<Self> {
        Self::listen(Box::new(script), true)
    }

    /// The same, without keeping requests, for measurements.
    pub fn start_forgetful(
        script: impl Fn(&Json, usize) -> Reply + Send + Sync + 'static,
    ) -> TestResult<Self> {
        Self::listen(Box::new(script), false)
    }

    fn listen(script: Box<Script>, keeps: bool) -> TestResult<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::new(Shared { script, requests: Mutex::default(), keeps });
        let router = Router::new()
            .route("/v1/chat/completions", post(complete))
            .route("/v1/embeddings", post(complete))
            .with_state(Arc::clone(&shared));
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                // Dropping the service ends what hangs, too.
                tokio::select! {
                    _ = axum::serve(listener, router).into_future() => {}
                    _ = stopped => {}
                }
            });
        });
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Its address up to and with `/v1`.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Json> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended by itself.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn complete(State(shared): State<Arc<Shared>>, body: Bytes) -> Response<Body> {
    let request: Json = serde_json::from_slice(&body).unwrap_or(Json::Null);
    let before = if shared.keeps {
        let mut requests = shared.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.push(request.clone());
        requests.len() - 1
    } else {
        0
    };
    match (shared.script)(&request, before) {
        Reply::Says(text) => respond(200, None, completion(&text).to_string().into()),
        Reply::Body(bytes) => respond(200, None, bytes.into()),
        Reply::Refuses(status, retry_after, body) => respond(status, retry_after, body.into()),
        Reply::Hangs(time) => {
            tokio::time::sleep(time).await;
            respond(200, None, completion("late").to_string().into())
        }
        Reply::BreaksOff => {
            let whole = completion("never whole").to_string();
            let half = Bytes::copy_from_slice(&whole.as_bytes()[..whole.len() / 2]);
            let broken = std::io::Error::other("broken off on purpose");
            respond(200, None, Body::from_stream(stream::iter([Ok(half), Err(broken)])))
        }
    }
}

fn respond(status: u16, retry_after: Option<String>, body: Body) -> Response<Body> {
    let mut response = Response::builder()
        .status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(wait) = retry_after {
        response = response.header(header::RETRY_AFTER, wait);
    }
    response.body(body).unwrap_or_default()
}

/// A chat completion with this text, and made-up usage that follows from its length.
pub fn completion(text: &str) -> Json {
    json!({
        "id": "scripted", "object": "chat.completion", "created": 0, "model": "scripted",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": text.len().div_ceil(4), "total_tokens": 10 + text.len().div_ceil(4)},
    })
}
