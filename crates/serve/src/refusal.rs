//! Everything that a request can be answered with instead of a completion: one table of status, type and code.
//!
//! The form is OpenAI's: `{"error": {"message", "type", "param", "code"}}`. Statuses are chosen so that stock clients
//! retry what can succeed later (429, 500) and nothing else.

use astra_model::ModelError;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Value as Json, json};

/// Why a request was refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The body is no JSON object of the form that is expected.
    Body { what: String },
    /// A field has a value that it cannot have.
    Field { param: String, what: String },
    /// A field asks for something that this server does not do.
    Unsupported { param: &'static str, what: String },
    /// The body is longer than allowed.
    TooLarge { limit: usize },
    /// The body does not say that it is JSON.
    MediaType,
    /// Another model was asked for.
    UnknownModel { asked: String, served: String },
    /// The prompt leaves no room for an answer.
    TooLong { prompt: usize, context: usize },
    /// As many requests as there are places for are under way.
    Busy { places: usize },
    /// There is no such path.
    NoRoute { path: String },
    /// The path is not asked this way.
    Method { method: String, path: String },
    /// We failed.
    Failed { what: String },
}

/// Seconds after which a client may try again when all places are taken.
const RETRY_AFTER: &str = "1";

impl Refusal {
    /// Status, type and code.
    fn row(&self) -> (StatusCode, &'static str, Option<&'static str>) {
        const INVALID: &str = "invalid_request_error";
        match self {
            Self::Body { .. } => (StatusCode::BAD_REQUEST, INVALID, None),
            Self::Field { .. } => (StatusCode::BAD_REQUEST, INVALID, Some("invalid_value")),
            Self::Unsupported { .. } => (StatusCode::BAD_REQUEST, INVALID, Some("unsupported_parameter")),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, INVALID, Some("request_too_large")),
            Self::MediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, INVALID, None),
            Self::UnknownModel { .. } => (StatusCode::NOT_FOUND, INVALID, Some("model_not_found")),
            Self::TooLong { .. } => (StatusCode::BAD_REQUEST, INVALID, Some("context_length_exceeded")),
            Self::Busy { .. } => {
                (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", Some("rate_limit_exceeded"))
            }
            Self::NoRoute { .. } => (StatusCode::NOT_FOUND, INVALID, Some("unknown_url")),
            Self::Method { .. } => (StatusCode::METHOD_NOT_ALLOWED, INVALID, Some("method_not_supported")),
            Self::Failed { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "server_error", None),
        }
    }

    fn param(&self) -> Option<&str> {
        match self {
            Self::Field { param, .. } => Some(param),
            Self::Unsupported { param, .. } => Some(param),
            Self::UnknownModel { .. } => Some("model"),
            Self::TooLong { .. } => Some("messages"),
            Self::Body { .. }
            | Self::TooLarge { .. }
            | Self::MediaType
            | Self::Busy { .. }
            | Self::NoRoute { .. }
            | Self::Method { .. }
            | Self::Failed { .. } => None,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Body { what } => format!("the body is not a request: {what}"),
            Self::Field { param, what } => format!("`{param}`: {what}"),
            Self::Unsupported { param, what } => format!("`{param}` is not supported: {what}"),
            Self::TooLarge { limit } => format!("the body is longer than {limit} bytes"),
            Self::MediaType => "the body must be sent as `content-type: application/json`".to_owned(),
            Self::UnknownModel { asked, served } => {
                format!("the model `{asked}` is not served here, only `{served}`")
            }
            Self::TooLong { prompt, context } => format!(
                "the messages have {prompt} tokens, and the model's context of {context} must hold an answer too"
            ),
            Self::Busy { places } => format!("all {places} places are taken: try again later"),
            Self::NoRoute { path } => {
                format!("there is no `{path}`: see /v1/chat/completions, /v1/models, /health")
            }
            Self::Method { method, path } => format!("`{path}` is not asked by {method}"),
            Self::Failed { what } => format!("the server failed: {what}"),
        }
    }

    /// The body, which also stands in a stream that cannot go on.
    pub(crate) fn body(&self) -> Json {
        let (_, kind, code) = self.row();
        json!({"error": {"message": self.message(), "type": kind, "param": self.param(), "code": code}})
    }
}

impl From<ModelError> for Refusal {
    /// What a model says of a conversation or of sampling is the client's to mend, the rest is ours.
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Conversation { field, what } => Self::Field { param: field, what },
            ModelError::Sampling { field, value, expected } => {
                Self::Field { param: field.to_owned(), what: format!("is {value}: expected {expected}") }
            }
            ModelError::Template { .. } | ModelError::Encode { .. } => {
                Self::Field { param: "messages".to_owned(), what: error.to_string() }
            }
            ModelError::Io { .. }
            | ModelError::Malformed { .. }
            | ModelError::Unsupported { .. }
            | ModelError::Tensor { .. }
            | ModelError::Batch { .. }
            | ModelError::Threads { .. }
            | ModelError::Fetch { .. }
            | ModelError::Cancelled
            | ModelError::OtherShape
            | ModelError::EngineBounds { .. }
            | ModelError::Token { .. }
            | ModelError::Sequence { .. }
            | ModelError::BrokenLogits
            | ModelError::Guide { .. }
            | ModelError::GeneratorEnded => Self::Failed { what: error.to_string() },
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body().to_string()));
        *response.status_mut() = self.row().0;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if matches!(self, Self::Busy { .. }) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
        }
        response
    }
}
