//! Fetching files over HTTPS: blocking, resumable, verified.
//!
//! A file grows under `NAME.part` and gets its name when it is whole and its hash, where one is known, is right. What
//! is there of an earlier attempt is kept only when that attempt was for the same content, which its name says (a hash
//! or revision is part of it). Certificates are those of the system. Does not follow a hub's protocol; that is `hub`.

use super::Watcher;
use crate::weights::UNFINISHED;
use crate::{FetchProblem, ModelError};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, http::Response};

/// Attempts in a row that bring nothing before giving up.
const FRUITLESS: usize = 4;
/// First pause before another attempt; it doubles with each that brings nothing.
const BREATH: Duration = Duration::from_millis(if cfg!(test) { 1 } else { 500 });
/// Longest pause; a server that asks for more is not waited for.
const LONGEST_WAIT: Duration = Duration::from_mins(2);
/// Longest JSON answer that is read.
const LONGEST_ANSWER: u64 = 64 << 20;
const PIECE: usize = 1 << 16;

/// A connection pool.
#[derive(Debug)]
pub(super) struct Client(Agent);

/// A file to be fetched.
#[derive(Clone, Debug)]
pub(super) struct Download<'a> {
    pub(super) url: String,
    /// Sent as a bearer token, and not to another host when redirected.
    pub(super) token: Option<&'a str>,
    /// Name for people, and of the file.
    pub(super) name: String,
    /// What distinguishes this content from others of the same name.
    pub(super) edition: String,
    /// Hash in hexadecimal, where one is known.
    pub(super) sha256: Option<String>,
}

impl Client {
    pub(super) fn new() -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .user_agent(concat!("astra/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(Duration::from_secs(10)))
            .timeout_connect(Some(Duration::from_secs(15)))
            .timeout_recv_response(Some(Duration::from_secs(30)))
            // A stalled body ends here, and the next attempt continues it.
            .timeout_recv_body(Some(Duration::from_mins(10)))
            // Its headers say how long to wait.
            .http_status_as_error(false)
            .build();
        Self(config.new_agent())
    }

    /// A JSON document.
    pub(super) fn json(
        &self,
        url: &str,
        token: Option<&str>,
        watcher: &dyn Watcher,
    ) -> Result<serde_json::Value, ModelError> {
        let failed = |what: String, problem| ModelError::Fetch { url: url.to_owned(), what, problem };
        let mut attempts = 0;
        let mut response = loop {
            match self.request(url, token, 0) {
                Ok(response) => break response,
                Err(refusal) => {
                    attempts += 1;
                    // Whether somebody is there at all is asked once: there may be another place to look.
                    let is_busy = matches!(refusal.problem(), Some(FetchProblem::Status(408 | 429)));
                    if !is_busy || attempts == FRUITLESS || !refusal.may_pass() {
                        return Err(refusal.error);
                    }
                    pause(refusal.wait.unwrap_or(BREATH), watcher)?;
                }
            }
        };
        let text = response.body_mut().with_config().limit(LONGEST_ANSWER).read_to_string();
        let text = text.map_err(|error| failed(error.to_string(), FetchProblem::Broken))?;
        serde_json::from_str(&text)
            .map_err(|error| failed(format!("the answer is not JSON: {error}"), FetchProblem::Unusable))
    }

    /// Asks for what begins at `from`. An answer that is no success is a refusal.
    fn request(&self, url: &str, token: Option<&str>, from: u64) -> Result<Response<Body>, Refusal> {
        let failed = |what: String, problem| ModelError::Fetch { url: url.to_owned(), what, problem };
        let mut request = self.0.get(url);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if from > 0 {
            request = request.header("range", format!("bytes={from}-"));
        }
        match request.call() {
            Ok(response) if response.status().is_success() => Ok(response),
            Ok(response) => {
                let status = response.status().as_u16();
                let error = failed(format!("the server says {status}"), FetchProblem::Status(status));
                let wait = header(&response, "retry-after").and_then(|text| text.trim().parse().ok());
                let total = header(&response, "content-range").and_then(|text| Span::parse(text)?.total);
                Err(Refusal { error, wait: wait.map(Duration::from_secs), total })
            }
            Err(error) => {
                let error = failed(error.to_string(), problem(&error));
                Err(Refusal { error, wait: None, total: None })
            }
        }
    }

    /// Fetches a file into `dir` and returns its path there; a finished one is not fetched again.
    pub(super) fn download(
        &self,
        wanted: &Download<'_>,
        dir: &Path,
        watcher: &mut dyn Watcher,
    ) -> Result<PathBuf, ModelError> {
        let path = dir.join(format!("{}.{}{UNFINISHED}", wanted.name, wanted.edition));
        let io = |source| ModelError::Io { path: path.clone(), source };
        let mut fruitless = 0;
        loop {
            let mut file = OpenOptions::new().create(true).append(true).read(true).open(&path).map_err(io)?;
            let before = file.metadata().map_err(io)?.len();
            let refusal = match self.attempt(wanted, &mut file, &path, watcher) {
                Ok(()) => break,
                Err(refusal) => refusal,
            };
            let grown = file.metadata().map_err(io)?.len() > before;
            fruitless = if grown { 0 } else { fruitless + 1 };
            if fruitless == FRUITLESS || !refusal.may_pass() {
                return Err(refusal.error);
            }
            pause(refusal.wait.unwrap_or(BREATH * (1 << fruitless)), watcher)?;
        }
        if let Some(expected) = &wanted.sha256 {
            let found = sha256(&path, watcher)?;
            if !found.eq_ignore_ascii_case(expected) {
                std::fs::remove_file(&path).map_err(io)?;
                let what =
                    format!("its SHA-256 is {found}, {expected} was promised; what came was thrown away");
                let problem = FetchProblem::Unusable;
                return Err(ModelError::Fetch { url: wanted.url.clone(), what, problem });
            }
        }
        Ok(path)
    }

    /// Appends what is missing.
    fn attempt(
        &self,
        wanted: &Download<'_>,
        file: &mut File,
        path: &Path,
        watcher: &mut dyn Watcher,
    ) -> Result<(), Refusal> {
        let io = |source| ModelError::Io { path: path.to_owned(), source };
        let broken = |what: String| {
            let problem = FetchProblem::Broken;
            ModelError::Fetch { url: wanted.url.clone(), what, problem }
        };
        let mut have = file.metadata().map_err(io)?.len();
        let response = match self.request(&wanted.url, wanted.token, have) {
            Err(refusal) if have > 0 && refusal.problem() == Some(FetchProblem::Status(416)) => {
                // It ends where we are: it was whole and only not renamed yet.
                if refusal.total == Some(have) {
                    return Ok(());
                }
                file.set_len(0).map_err(io)?;
                return Err(broken(format!("{have} bytes are here, which is not its length")).into());
            }
            other => other?,
        };
        let left = response.body().content_length();
        let span = header(&response, "content-range").and_then(Span::parse);
        match (response.status().as_u16(), span) {
            (206, Some(Span { start: Some(start), total })) if start == have => {
                if let (Some(total), Some(left)) = (total, left)
                    && have + left != total
                {
                    file.set_len(0).map_err(io)?;
                    let what = format!("the server sends {left} bytes from {have} on of {total}");
                    return Err(broken(what).into());
                }
            }
            (206, _) => {
                file.set_len(0).map_err(io)?;
                return Err(broken(format!("the server sends another part than that from {have} on")).into());
            }
            // The whole file from its beginning.
            _ if have > 0 => {
                file.set_len(0).map_err(io)?;
                have = 0;
            }
            _ => {}
        }
        watcher.begin(&wanted.name, have, left.map(|left| left + have));
        let mut body = response.into_body().into_reader();
        let (mut buffer, mut came) = (vec![0; PIECE], 0);
        loop {
            if watcher.is_cancelled() {
                file.sync_all().map_err(io)?;
                return Err(ModelError::Cancelled.into());
            }
            let read = body.read(&mut buffer).map_err(|error| broken(error.to_string()))?;
            if read == 0 {
                break;
            }
            file.write_all(&buffer[..read]).map_err(io)?;
            came += read as u64;
            watcher.advance(read as u64);
        }
        match left {
            Some(left) if left != came => {
                Err(broken(format!("the connection ended after {came} of {left} bytes")).into())
            }
            _ => Ok(file.sync_all().map_err(io)?),
        }
    }
}

/// What kind of failure it is to get no answer.
fn problem(error: &ureq::Error) -> FetchProblem {
    use ureq::{Error, Timeout};
    if let Error::Io(error) = error {
        // Somebody is there and cannot prove who it is: TLS reports it so.
        let is_stranger = error.kind() == std::io::ErrorKind::InvalidData;
        return if is_stranger { FetchProblem::Unusable } else { FetchProblem::Unreachable };
    }
    let is_nobody_there = matches!(
        error,
        Error::HostNotFound
            | Error::ConnectionFailed
            | Error::ConnectProxyFailed(_)
            | Error::Timeout(Timeout::Resolve | Timeout::Connect)
    );
    if is_nobody_there {
        FetchProblem::Unreachable
    } else if matches!(error, Error::Timeout(_)) {
        FetchProblem::Broken
    } else {
        FetchProblem::Unusable
    }
}

/// An error with what the server said beside it.
#[derive(Debug)]
struct Refusal {
    error: ModelError,
    /// How long it asked to be left alone.
    wait: Option<Duration>,
    /// Length of the whole file, where it said that.
    total: Option<u64>,
}

impl From<ModelError> for Refusal {
    fn from(error: ModelError) -> Self {
        Self { error, wait: None, total: None }
    }
}

impl Refusal {
    fn problem(&self) -> Option<FetchProblem> {
        let ModelError::Fetch { problem, .. } = &self.error else { return None };
        Some(*problem)
    }

    /// Whether another attempt may succeed: not after an answer that was a plain no, nor where the wait is long.
    fn may_pass(&self) -> bool {
        self.wait.is_none_or(|wait| wait <= LONGEST_WAIT)
            && match self.problem() {
                Some(FetchProblem::Unreachable | FetchProblem::Broken) => true,
                Some(FetchProblem::Status(status)) => matches!(status, 408 | 429 | 500..),
                Some(FetchProblem::Unusable) | None => false,
            }
    }
}

/// `bytes START-END/TOTAL`, or `bytes */TOTAL`; what is not known is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: Option<u64>,
    total: Option<u64>,
}

impl Span {
    fn parse(text: &str) -> Option<Self> {
        let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
        let start = range.split_once('-').and_then(|(start, _)| start.trim().parse().ok());
        Some(Self { start, total: total.trim().parse().ok() })
    }
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// Waits, unless the fetch is ended meanwhile.
fn pause(length: Duration, watcher: &dyn Watcher) -> Result<(), ModelError> {
    let end = Instant::now() + length.min(LONGEST_WAIT);
    loop {
        if watcher.is_cancelled() {
            return Err(ModelError::Cancelled);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        // Nobody unparks this thread.
        std::thread::park_timeout(left.min(Duration::from_millis(100)));
    }
}

fn sha256(path: &Path, watcher: &dyn Watcher) -> Result<String, ModelError> {
    let io = |source| ModelError::Io { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(io)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        if watcher.is_cancelled() {
            return Err(ModelError::Cancelled);
        }
        let read = file.read(&mut buffer).map_err(io)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
    }
    let digits =
        |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]));
    Ok(hash.finalize().iter().flat_map(digits).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    struct Silent;

    impl Watcher for Silent {
        fn begin(&mut self, _: &str, _: u64, _: Option<u64>) {}
        fn advance(&mut self, _: u64) {}
        fn note(&mut self, _: &str) {}
        fn is_cancelled(&self) -> bool {
            false
        }
    }

    /// Answers one connection after another with these texts; the ranges that were asked for.
    fn served(
        answers: &[&str],
        ask: impl FnOnce(&Client, String) -> Result<(), ModelError>,
    ) -> (Result<(), ModelError>, Vec<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/file", listener.local_addr().unwrap());
        let client =
            Client(Agent::config_builder().proxy(None).http_status_as_error(false).build().new_agent());
        std::thread::scope(|scope| {
            let server = scope.spawn(|| {
                let mut ranges = Vec::new();
                for answer in answers {
                    let (mut stream, _) = listener.accept().unwrap();
                    let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
                    let lines: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                    let range = lines.iter().find(|line| line.to_lowercase().starts_with("range:"));
                    ranges.push(range.map_or(String::new(), |line| line[6..].trim().to_owned()));
                    stream.write_all(answer.as_bytes()).unwrap();
                }
                ranges
            });
            let asked = ask(&client, url);
            (asked, server.join().unwrap())
        })
    }

    fn fetch(answers: &[&str], begun: &str) -> (Result<(), ModelError>, Vec<String>, String) {
        let world = tempfile::tempdir().unwrap();
        let path = world.path().join(format!("f.e{UNFINISHED}"));
        std::fs::write(&path, begun).unwrap();
        let (result, ranges) = served(answers, |client, url| {
            let wanted = Download { url, token: None, name: "f".into(), edition: "e".into(), sha256: None };
            client.download(&wanted, world.path(), &mut Silent).map(drop)
        });
        (result, ranges, std::fs::read_to_string(&path).unwrap())
    }

    #[test]
    fn a_part_is_appended_only_where_it_belongs() {
        const REST: &str = "HTTP/1.1 206 X\r\nconnection: close\r\ncontent-length: 3\r\ncontent-range: bytes 3-5/6\r\n\r\ndef";
        const WHOLE: &str = "HTTP/1.1 200 X\r\nconnection: close\r\ncontent-length: 6\r\n\r\nabcdef";
        let (result, ranges, text) = fetch(&[REST], "abc");
        result.unwrap();
        assert_eq!((ranges.as_slice(), text.as_str()), (&["bytes=3-".to_owned()][..], "abcdef"));
        let (result, _, text) = fetch(&[WHOLE], "xx");
        result.unwrap();
        assert_eq!(text, "abcdef");
        for elsewhere in
            [REST.replace("bytes 3-", "bytes 2-"), REST.replace("/6", "/9"), REST.replace("range", "rang")]
        {
            let (result, ranges, text) = fetch(&[&elsewhere, WHOLE], "abc");
            result.unwrap();
            assert_eq!((ranges[1].as_str(), text.as_str()), ("", "abcdef"), "begun anew");
        }
    }

    #[test]
    fn a_file_is_whole_when_the_server_says_that_it_ends_where_we_are() {
        const END: &str =
            "HTTP/1.1 416 X\r\nconnection: close\r\ncontent-length: 0\r\ncontent-range: bytes */6\r\n\r\n";
        const WHOLE: &str = "HTTP/1.1 200 X\r\nconnection: close\r\ncontent-length: 6\r\n\r\nabcdef";
        let (result, _, text) = fetch(&[END], "abcdef");
        result.unwrap();
        assert_eq!(text, "abcdef");
        let (result, _, text) = fetch(&[END, WHOLE], "abcdefghi");
        result.unwrap();
        assert_eq!(text, "abcdef", "more than there is was of something else");
    }

    #[test]
    fn a_busy_server_is_asked_again_when_it_says_and_a_plain_no_is_taken() {
        const BUSY: &str =
            "HTTP/1.1 429 X\r\nconnection: close\r\ncontent-length: 0\r\nretry-after: 0\r\n\r\n";
        const NONE: &str = "HTTP/1.1 404 X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        const JSON: &str = "HTTP/1.1 200 X\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
        let json = |client: &Client, url: String| client.json(&url, None, &Silent).map(drop);
        served(&[BUSY, JSON], json).0.unwrap();
        let (result, ..) = fetch(&[BUSY, JSON], "");
        result.unwrap();
        let error = served(&[NONE], json).0.unwrap_err();
        assert!(matches!(error, ModelError::Fetch { problem: FetchProblem::Status(404), .. }), "{error}");
        let late = BUSY.replace("after: 0", "after: 86400");
        let (result, ..) = fetch(&[&late], "");
        assert!(matches!(result, Err(ModelError::Fetch { problem: FetchProblem::Status(429), .. })));
    }
}
