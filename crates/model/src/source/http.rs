//! Fetching files over HTTPS: blocking, resumable, verified.
//!
//! A file grows under `NAME.part` and gets its name when it is whole and its hash, where one is known, is right. What
//! is there of an earlier attempt is kept only when that attempt was for the same content, which its name says (a hash
//! or revision is part of it). Certificates are those of the system. Does not follow a hub's protocol; that is `hub`.

use super::Watcher;
use crate::ModelError;
use crate::weights::UNFINISHED;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, http::Response};

/// Attempts in a row that bring nothing before giving up.
const FRUITLESS: usize = 4;
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
            .build();
        Self(config.new_agent())
    }

    /// A JSON document.
    pub(super) fn json(&self, url: &str, token: Option<&str>) -> Result<serde_json::Value, ModelError> {
        let failed = |what: String| ModelError::Fetch { url: url.to_owned(), what };
        let mut response = self.request(url, token, 0)?;
        let text = response.body_mut().with_config().limit(LONGEST_ANSWER).read_to_string();
        let text = text.map_err(|error| failed(error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| failed(format!("the answer is not JSON: {error}")))
    }

    fn request(&self, url: &str, token: Option<&str>, from: u64) -> Result<Response<Body>, ModelError> {
        let mut request = self.0.get(url);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if from > 0 {
            request = request.header("range", format!("bytes={from}-"));
        }
        request.call().map_err(|error| ModelError::Fetch { url: url.to_owned(), what: said(&error) })
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
            match self.attempt(wanted, &mut file, &path, watcher) {
                Ok(()) => break,
                Err(error @ ModelError::Fetch { .. }) => {
                    let grown = file.metadata().map_err(io)?.len() > before;
                    fruitless = if grown { 0 } else { fruitless + 1 };
                    if fruitless == FRUITLESS || !may_pass(&error) {
                        return Err(error);
                    }
                    // Nobody unparks this thread: a plain pause before the next attempt, seconds at most.
                    std::thread::park_timeout(Duration::from_millis(500 << fruitless));
                }
                Err(other) => return Err(other),
            }
        }
        if let Some(expected) = &wanted.sha256 {
            let found = sha256(&path, watcher)?;
            if !found.eq_ignore_ascii_case(expected) {
                std::fs::remove_file(&path).map_err(io)?;
                let what =
                    format!("its SHA-256 is {found}, {expected} was promised; what came was thrown away");
                return Err(ModelError::Fetch { url: wanted.url.clone(), what });
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
    ) -> Result<(), ModelError> {
        let io = |source| ModelError::Io { path: path.to_owned(), source };
        let failed = |what: String| ModelError::Fetch { url: wanted.url.clone(), what };
        let mut have = file.metadata().map_err(io)?.len();
        let response = self.request(&wanted.url, wanted.token, have);
        let response = match response {
            // The file ends where we already are: it was whole and only not renamed yet.
            Err(ModelError::Fetch { what, .. }) if have > 0 && what.contains("416") => return Ok(()),
            other => other?,
        };
        if have > 0 && response.status().as_u16() != 206 {
            file.set_len(0).and_then(|()| file.rewind()).map_err(io)?;
            have = 0;
        }
        let left = response.body().content_length();
        watcher.begin(&wanted.name, have, left.map(|left| left + have));
        let mut body = response.into_body().into_reader();
        let (mut buffer, mut came) = (vec![0; PIECE], 0);
        loop {
            if watcher.is_cancelled() {
                file.sync_all().map_err(io)?;
                return Err(ModelError::Cancelled);
            }
            let read = body.read(&mut buffer).map_err(|error| failed(error.to_string()))?;
            if read == 0 {
                break;
            }
            file.write_all(&buffer[..read]).map_err(io)?;
            came += read as u64;
            watcher.advance(read as u64);
        }
        match left {
            Some(left) if left != came => {
                Err(failed(format!("the connection ended after {came} of {left} bytes")))
            }
            _ => file.sync_all().map_err(io),
        }
    }
}

/// Whether another attempt may succeed: not after an answer that was a plain no.
fn may_pass(error: &ModelError) -> bool {
    matches!(error, ModelError::Fetch { what, .. } if !what.starts_with("the server says 4"))
}

fn said(error: &ureq::Error) -> String {
    if let ureq::Error::StatusCode(code) = error {
        format!("the server says {code}")
    } else {
        error.to_string()
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
