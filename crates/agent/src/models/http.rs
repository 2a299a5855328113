//! An OpenAI-compatible endpoint over HTTP: attempts, waits, and what is worth another attempt.
//!
//! Blocking, one thread a request: a request takes seconds, and a thread that waits costs nothing. Tried again: no
//! connection, a broken or late response, 408, 409, 425, 429 and 5xx, a response that is no completion. Not tried again:
//! everything that the same request would meet again.

use super::client::ModelError;
use super::limiter::Limiter;
use super::settings::ModelSettings;
use astra_protocol::ContentId;
use backon::{BackoffBuilder, ExponentialBuilder};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant, SystemTime};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, http::Response};

/// Longest response that is read.
const LONGEST_RESPONSE: u64 = 8 << 20;
/// How much of a refusal is repeated to a person.
const REFUSAL_SHOWN: usize = 400;
/// First pause between attempts; it doubles.
const BREATH: Duration = Duration::from_millis(if cfg!(test) { 2 } else { 500 });
/// Longest pause; an endpoint that asks for more is not waited for.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// A response as it came and as it was read, with the time that it took.
#[derive(Debug)]
pub(super) struct Completion<T> {
    pub(super) text: String,
    pub(super) answer: T,
    pub(super) seconds: f64,
}

/// Reads a response; the error says why it is none.
pub(super) type Reader<'a, T> = dyn Fn(&str) -> Result<T, String> + 'a;

/// The endpoint of a model.
#[derive(Debug)]
pub(super) struct Endpoint {
    agent: Agent,
    url: String,
    authorization: Option<String>,
    attempts: usize,
    limiter: Limiter,
    stop: Arc<AtomicBool>,
}

/// Why an attempt failed.
#[derive(Debug)]
struct Problem {
    what: String,
    /// Whether another attempt may end otherwise.
    passing: bool,
    /// Whether the endpoint has too much to do.
    overloaded: bool,
    retry_after: Option<Duration>,
}

impl Endpoint {
    /// `key` is sent as a bearer token.
    pub(super) fn new(settings: &ModelSettings, key: Option<&str>, stop: Arc<AtomicBool>) -> Self {
        let timeout = Duration::from_secs(settings.timeout_s);
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .user_agent(concat!("astra/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(timeout.min(Duration::from_secs(15))))
            .timeout_global(Some(timeout))
            .max_idle_connections(settings.concurrency)
            .max_idle_connections_per_host(settings.concurrency)
            // What a refusal says belongs into the error.
            .http_status_as_error(false)
            .build();
        Self {
            agent: config.new_agent(),
            url: settings.base_url.trim_end_matches('/').to_owned(),
            authorization: key.map(|key| format!("Bearer {key}")),
            attempts: settings.attempts,
            limiter: Limiter::new(settings.concurrency),
            stop,
        }
    }

    /// Asks until there is an answer or no point.
    pub(super) fn complete<T>(
        &self,
        path: &str,
        key: &ContentId,
        body: &str,
        read: &Reader<'_, T>,
    ) -> Result<Completion<T>, ModelError> {
        let url = format!("{}/{path}", self.url);
        let jitter = key.0.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0);
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(BREATH)
            .with_max_delay(Duration::from_mins(1))
            .with_max_times(self.attempts.saturating_sub(1))
            .with_jitter()
            .with_jitter_seed(jitter)
            .build();
        loop {
            let permit = self.limiter.acquire(&self.stop).ok_or(ModelError::Stopped)?;
            let began = Instant::now();
            let problem = match self.attempt(&url, body, read) {
                Ok((text, answer)) => {
                    let took = began.elapsed();
                    permit.answered(took);
                    return Ok(Completion { text, answer, seconds: took.as_secs_f64() });
                }
                Err(problem) => problem,
            };
            if problem.overloaded {
                permit.refused(problem.retry_after.filter(|wait| *wait <= LONGEST_PAUSE));
            }
            drop(permit);
            let pause = pauses.next().filter(|_| problem.passing);
            let asked = problem.retry_after.unwrap_or_default();
            let Some(pause) = pause.filter(|_| asked <= LONGEST_PAUSE) else {
                return Err(ModelError::Provider { url, what: problem.what });
            };
            if !self.limiter.rest(pause.max(asked), &self.stop) {
                return Err(ModelError::Stopped);
            }
        }
    }

    fn attempt<T>(&self, url: &str, body: &str, read: &Reader<'_, T>) -> Result<(String, T), Problem> {
        let mut request = self.agent.post(url).header("content-type", "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let mut response = request.send(body).map_err(|error| Problem::passing(error.to_string()))?;
        let status = response.status();
        if !status.is_success() {
            return Err(refusal(&mut response));
        }
        let bytes = response.body_mut().with_config().limit(LONGEST_RESPONSE).read_to_vec();
        let bytes = bytes.map_err(|error| Problem::passing(format!("its response broke off: {error}")))?;
        let text =
            String::from_utf8(bytes).map_err(|_| Problem::passing("its response is not UTF-8".to_owned()))?;
        let answer =
            read(&text).map_err(|error| Problem::passing(format!("its response is not usable: {error}")))?;
        Ok((text, answer))
    }

    /// Requests that may be under way now.
    pub(super) fn limit(&self) -> usize {
        self.limiter.limit()
    }
}

impl Problem {
    fn passing(what: String) -> Self {
        Self { what, passing: true, overloaded: false, retry_after: None }
    }
}

/// What a response without success means.
fn refusal(response: &mut Response<Body>) -> Problem {
    const OVERLOADED: u16 = 529;
    let status = response.status();
    let code = status.as_u16();
    let retry_after = response
        .headers()
        .get("retry-after")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| wait_of(value, SystemTime::now()));
    let said = response.body_mut().with_config().limit(1 << 16).read_to_string().unwrap_or_default();
    let said: String = said.trim().chars().take(REFUSAL_SHOWN).collect();
    let mut what = format!("it answered {status}");
    if !said.is_empty() {
        what = format!("{what}: {said}");
    }
    Problem {
        what,
        passing: matches!(code, 408 | 409 | 425 | 429 | 500..=599),
        overloaded: matches!(code, 429 | 503 | OVERLOADED),
        retry_after,
    }
}

/// `Retry-After`: seconds, or a date.
fn wait_of(value: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = httpdate::parse_http_date(value.trim()).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(wait_of("7", now), Some(Duration::from_secs(7)));
        assert_eq!(wait_of(" 0.5 ", now), Some(Duration::from_millis(500)));
        assert_eq!(wait_of("Sun, 06 Nov 1994 08:49:40 GMT", now), Some(Duration::from_secs(3)));
        assert_eq!(wait_of("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!((wait_of("soon", now), wait_of("-3", now), wait_of("1e300", now)), (None, None, None));
    }
}
