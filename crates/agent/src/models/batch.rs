//! Batch files: requests written out, answers read in, in the format of OpenAI's Batch API.
//!
//! ```text
//! FOLDER/requests.jsonl   {"custom_id", "method", "url", "body"}      what waits for an answer; written by us
//! FOLDER/*.jsonl          {"custom_id", "response": {"status_code", "body"}, "error"}  what was answered; any other name
//! ```
//!
//! `custom_id` is the journal's key. Answers go into the journal when the run begins; what is not there is collected, and
//! the run ends *waiting*. A line that is no answer is counted and named, and its request goes on waiting.

use super::answer::Answer;
use super::journal::{Entry, Journal};
use astra_protocol::ContentId;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// File of open requests.
const REQUESTS: &str = "requests.jsonl";
/// Hex digits of a key.
const KEY: usize = 64;
/// Unusable lines that are named.
const NAMED: usize = 10;

/// A folder of batch files.
#[derive(Debug)]
pub struct BatchFolder {
    path: PathBuf,
    waiting: Mutex<BTreeMap<String, Json>>,
}

/// What was read of the answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Answers that the journal did not have.
    pub new: u64,
    /// Answers that it had.
    pub known: u64,
    /// `file:line: why` of lines that are no answers, the first few.
    pub unusable: Vec<String>,
    /// How many such lines there are.
    pub unusable_lines: u64,
}

/// A line of the answers.
#[derive(Debug, Deserialize)]
struct Line {
    custom_id: String,
    #[serde(default)]
    response: Option<LineResponse>,
    #[serde(default)]
    error: Json,
}

#[derive(Debug, Deserialize)]
struct LineResponse {
    #[serde(default)]
    status_code: Option<u16>,
    body: Json,
}

impl BatchFolder {
    /// A folder, which is made when the first request has to wait.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), waiting: Mutex::default() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Stores all answers that there are.
    pub fn import(&self, journal: &Journal, model: &str) -> Result<Imported, String> {
        let mut imported = Imported::default();
        for file in self.answer_files()? {
            let name = file.display().to_string();
            let lines =
                std::fs::File::open(&file).map(BufReader::new).map_err(|error| format!("{name}: {error}"))?;
            for (at, line) in lines.lines().enumerate() {
                let line = line.map_err(|error| format!("{name}:{}: {error}", at + 1))?;
                if line.trim().is_empty() {
                    continue;
                }
                match answer_of(&line) {
                    Ok((key, response)) => {
                        let entry = Entry {
                            key: &key,
                            model,
                            stage: "batch",
                            request: "",
                            response: &response,
                            seconds: 0.0,
                        };
                        let is_new = journal.store(entry)?;
                        imported.new += u64::from(is_new);
                        imported.known += u64::from(!is_new);
                    }
                    Err(why) => {
                        imported.unusable_lines += 1;
                        if imported.unusable.len() < NAMED {
                            imported.unusable.push(format!("{name}:{}: {why}", at + 1));
                        }
                    }
                }
            }
        }
        Ok(imported)
    }

    /// Files of answers, by name.
    fn answer_files(&self) -> Result<Vec<PathBuf>, String> {
        let folder = match std::fs::read_dir(&self.path) {
            Ok(folder) => folder,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(format!("{}: {error}", self.path.display())),
        };
        let mut files = Vec::new();
        for entry in folder {
            let path = entry.map_err(|error| format!("{}: {error}", self.path.display()))?.path();
            let is_jsonl = path.extension().is_some_and(|extension| extension == "jsonl");
            if is_jsonl && path.file_name().is_some_and(|name| name != REQUESTS) {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }

    /// Notes that a request waits.
    pub(super) fn wait(&self, key: &ContentId, body: Json) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(key.0.clone(), body);
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Writes what waits, whole or not at all, and takes the file away when nothing does. The file, where there is one.
    pub fn write(&self) -> Result<Option<PathBuf>, String> {
        let file = self.path.join(REQUESTS);
        let problem = |error: std::io::Error| format!("{}: {error}", file.display());
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.is_empty() {
            return match std::fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(problem(error)),
                Ok(()) | Err(_) => Ok(None),
            };
        }
        std::fs::create_dir_all(&self.path).map_err(problem)?;
        let part = self.path.join(format!("{REQUESTS}.part"));
        let mut writer = std::io::BufWriter::new(std::fs::File::create(&part).map_err(problem)?);
        for (key, body) in waiting.iter() {
            let line =
                json!({"custom_id": key, "method": "POST", "url": "/v1/chat/completions", "body": body});
            writeln!(writer, "{line}").map_err(problem)?;
        }
        writer.into_inner().map_err(|error| problem(error.into_error()))?.sync_all().map_err(problem)?;
        std::fs::rename(&part, &file).map_err(problem)?;
        Ok(Some(file))
    }
}

/// Key and response of a line, or why it is no answer.
fn answer_of(line: &str) -> Result<(ContentId, String), String> {
    let Line { custom_id, response, error } =
        serde_json::from_str(line).map_err(|error| error.to_string())?;
    if custom_id.len() != KEY || !custom_id.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(format!("`custom_id` is `{custom_id}`, not that of a request"));
    }
    let Some(LineResponse { status_code, body }) = response else {
        return Err(if error.is_null() { "no `response`".to_owned() } else { format!("an error: {error}") });
    };
    if let Some(code) = status_code.filter(|code| *code != 200) {
        return Err(format!("`status_code` is {code}: {body}"));
    }
    let text = body.to_string();
    Answer::read(&text).map_err(|error| format!("`response.body` is no completion: {error}"))?;
    Ok((ContentId(custom_id), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_go_out_and_answers_come_in() {
        let folder = tempfile::tempdir().unwrap();
        let batch = BatchFolder::new(folder.path().join("b"));
        let journal = Journal::in_memory().unwrap();
        assert_eq!(batch.import(&journal, "m").unwrap(), Imported::default());
        let keys = [ContentId::of_bytes(b"1"), ContentId::of_bytes(b"2")];
        for key in &keys {
            batch.wait(key, json!({"model": "m"}));
        }
        let file = batch.write().unwrap().unwrap();
        let text = std::fs::read_to_string(file).unwrap();
        assert_eq!(text.lines().count(), 2);
        let line: Json = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!((&line["method"], &line["url"]), (&json!("POST"), &json!("/v1/chat/completions")));
        let body = json!({"choices": [{"message": {"content": "yes"}}]});
        let answers = [
            json!({"custom_id": keys[0], "response": {"status_code": 200, "body": body}, "error": null}),
            json!({"custom_id": keys[1], "response": {"status_code": 429, "body": {}}}),
            json!({"custom_id": keys[1], "response": null, "error": {"message": "expired"}}),
            json!({"custom_id": "request-1", "response": {"body": body}}),
            json!({"custom_id": keys[1], "response": {"status_code": 200, "body": {}}}),
        ];
        let lines: Vec<String> = answers.iter().map(Json::to_string).collect();
        std::fs::write(batch.path().join("answers.jsonl"), lines.join("\n") + "\n{\"custom_id\"\n").unwrap();
        let imported = batch.import(&journal, "m").unwrap();
        assert_eq!((imported.new, imported.known, imported.unusable_lines), (1, 0, 5));
        for (line, why) in [(2, "429"), (3, "expired"), (4, "request-1"), (5, "no `choices`"), (6, "EOF")] {
            let named = imported
                .unusable
                .iter()
                .any(|one| one.contains(&format!("answers.jsonl:{line}: ")) && one.contains(why));
            assert!(named, "{line}: {:?}", imported.unusable);
        }
        assert!(journal.find(&keys[0]).unwrap().unwrap().contains("yes"));
        assert_eq!(batch.import(&journal, "m").unwrap().known, 1);
        assert!(BatchFolder::new(batch.path()).write().unwrap().is_none());
        assert!(!batch.path().join(REQUESTS).exists());
    }
}
