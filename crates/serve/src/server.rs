//! Routes, bounds and the life of the server.
//!
//! Every choice of every request takes a place; when all are taken, the answer is 429 at once, so that clients wait
//! where they can be told to, and not in a queue that grows. A place is given back when the answer is finished or its
//! client has gone. Shutdown stops listening and lets answers under way end.

use crate::ServeError;
use crate::answer::{Answer, Head};
use crate::refusal::Refusal;
use crate::request::{Request, Served};
use astra_model::{Chat, Generator};
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Router, serve};
use serde_json::{Value as Json, json};
use std::hash::{BuildHasher, RandomState};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{Semaphore, oneshot};

/// The model behind the server.
pub struct ServedModel {
    /// What clients call it.
    pub name: String,
    /// Names its weights, as `system_fingerprint`.
    pub fingerprint: String,
    /// Its tokens.
    pub chat: Arc<Chat>,
    /// Writes its answers.
    pub generator: Arc<Generator>,
}

/// Bounds of a [`ModelServer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeOptions {
    /// Choices that are written or wait to be; a request beyond them is told to try again.
    pub places: usize,
    /// Bytes of a request at most.
    pub max_request_bytes: usize,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self { places: 128, max_request_bytes: 4 << 20 }
    }
}

/// Answers requests for one model.
pub struct ModelServer {
    shared: Arc<Shared>,
}

struct Shared {
    model: ServedModel,
    options: ServeOptions,
    places: Arc<Semaphore>,
    since: u64,
    random: RandomState,
}

/// A server that is running on a thread of its own. Dropping it stops listening without waiting for anybody.
pub struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<std::io::Result<()>>,
}

impl ModelServer {
    /// A server that does not listen yet.
    pub fn new(model: ServedModel, options: ServeOptions) -> Self {
        let places = Arc::new(Semaphore::new(options.places.min(Semaphore::MAX_PERMITS)));
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let shared = Shared { model, options, places, since, random: RandomState::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Listens.
    pub fn start(self, listener: TcpListener) -> Result<Running, ServeError> {
        let socket = |address: &str| {
            let address = address.to_owned();
            |source| ServeError::Socket { address, source }
        };
        let address = listener.local_addr().map_err(socket("?"))?;
        let at = address.to_string();
        listener.set_nonblocking(true).map_err(socket(&at))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(socket(&at))?;
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(socket(&at))?
        };
        let (stop, stopped) = oneshot::channel();
        let serving = async move {
            // Chunks are small and must not wait for each other. A socket that cannot do that is only slower.
            let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
            // A handle that was dropped stops like one that said so.
            serve(listener, self.router()).with_graceful_shutdown(async { drop(stopped.await) }).await
        };
        let thread = std::thread::Builder::new()
            .name("astra-serve".to_owned())
            .spawn(move || runtime.block_on(serving))
            .map_err(|source| ServeError::Thread { source })?;
        Ok(Running { address, stop, thread })
    }

    fn router(self) -> Router {
        let limit = DefaultBodyLimit::max(self.shared.options.max_request_bytes);
        Router::new()
            .route("/v1/chat/completions", post(complete))
            .route("/v1/models", get(models))
            .route("/v1/models/{*name}", get(model))
            .route("/health", get(health))
            .fallback(|uri: Uri| async move { Refusal::NoRoute { path: uri.path().to_owned() } })
            .method_not_allowed_fallback(|method: Method, uri: Uri| async move {
                Refusal::Method { method: method.to_string(), path: uri.path().to_owned() }
            })
            .layer(limit)
            .with_state(self.shared)
    }
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening, and waits until all answers under way are finished.
    pub fn shutdown(self) -> Result<(), ServeError> {
        // It may have ended already; then the thread says why.
        let _ = self.stop.send(());
        let address = self.address;
        let ended = |what: String| ServeError::Ended { address, what };
        let result = self.thread.join().map_err(|_| ended("its thread has panicked".to_owned()))?;
        result.map_err(|error| ended(error.to_string()))
    }
}

impl Shared {
    /// A number that nobody can foresee: for ids, and for requests without a seed.
    fn draw(&self) -> u64 {
        // Keyed at random for each process; the instant tells requests apart.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.random.hash_one((since, RandomState::new().hash_one(0)))
    }

    fn read(&self, body: &[u8]) -> Result<Request, Refusal> {
        let ServedModel { name, chat, generator, .. } = &self.model;
        let places = self.options.places;
        Request::read(body, &Served { name, chat, context: generator.context(), places, seed: self.draw() })
    }

    fn entry(&self) -> Json {
        let Self { model, since, .. } = self;
        json!({"id": model.name, "object": "model", "created": since, "owned_by": "astra"})
    }
}

async fn complete(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response<Body>, Refusal> {
    // Also keeps pages in a browser out: this type they may not send elsewhere without being asked for leave.
    let is_json = |value: &HeaderValue| {
        let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case("application/json")
    };
    if !headers.get(header::CONTENT_TYPE).is_some_and(is_json) {
        return Err(Refusal::MediaType);
    }
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::TooLarge { limit: shared.options.max_request_bytes },
        _ => Refusal::Body { what: rejection.body_text() },
    })?;
    if shared.places.available_permits() == 0 {
        return Err(busy(&shared));
    }
    let reader = Arc::clone(&shared);
    // Long prompts take long to tokenise; others must not wait for that.
    let request = tokio::task::spawn_blocking(move || reader.read(&body))
        .await
        .map_err(|error| Refusal::Failed { what: error.to_string() })??;
    let wanted = u32::try_from(request.seeds.len()).unwrap_or(u32::MAX);
    let places = Arc::clone(&shared.places).try_acquire_many_owned(wanted).map_err(|_| busy(&shared))?;
    let ServedModel { name, fingerprint, chat, generator } = &shared.model;
    let head = Head {
        id: format!("chatcmpl-{:016x}", shared.draw()),
        model: name.clone(),
        fingerprint: fingerprint.clone(),
    };
    Answer::begin(head, generator, chat, &request, places).respond().await
}

fn busy(shared: &Shared) -> Refusal {
    Refusal::Busy { places: shared.options.places }
}

async fn models(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    object(&json!({"object": "list", "data": [shared.entry()]}))
}

async fn model(
    State(shared): State<Arc<Shared>>,
    axum::extract::Path(asked): axum::extract::Path<String>,
) -> Result<Response<Body>, Refusal> {
    if asked == shared.model.name {
        Ok(object(&shared.entry()))
    } else {
        Err(Refusal::UnknownModel { asked, served: shared.model.name.clone() })
    }
}

async fn health(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let places = shared.options.places;
    let taken = places - shared.places.available_permits();
    object(&json!({"status": "ok", "model": shared.model.name, "places": places, "taken": taken}))
}

fn object(json: &Json) -> Response<Body> {
    let mut response = Response::new(Body::from(json.to_string()));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
