//! A program that was read: what the gate said of it and the frames that hand it to a worker.
//!
//! Cheap to clone. A program is private when one of its tools asked for it or was not admitted, and becomes
//! private for good when a call of it had to be killed or kept too much memory.

use crate::{Isolation, Parameter, Program, PythonInfo, Rejection, SandboxError, ToolFacts};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// A program that can be opened any number of times.
#[derive(Clone, Debug)]
pub struct LoadedProgram(pub(crate) Arc<Loaded>);

#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) key: u64,
    /// Whose gate read it.
    reader: PythonInfo,
    /// The shared worker in which its sessions are opened, when they are kept together.
    pub(crate) home: OnceLock<usize>,
    /// Whether it is private for what its sources say, before anything ran.
    private_as_read: bool,
    private: AtomicBool,
    rejections: Arc<[Rejection]>,
    facts: Arc<[ToolFacts]>,
    program: Program,
    sources: Vec<Arc<str>>,
    /// Per tool: index into `sources`.
    placed: Vec<usize>,
    by_name: Arc<HashMap<String, usize>>,
}

#[derive(Deserialize)]
struct Reading {
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    line: u32,
    #[serde(default)]
    rejections: Vec<Remark>,
    #[serde(default)]
    reads_moment: bool,
    #[serde(default)]
    entries: HashMap<String, EntryReading>,
}

#[derive(Deserialize)]
struct Remark {
    line: u32,
    reason: String,
}

#[derive(Deserialize)]
struct EntryReading {
    found: bool,
    parameters: Vec<Parameter>,
    takes_state: bool,
}

/// Sources without repetition, and for each tool the index of its own.
pub(crate) fn distinct_sources(program: &Program) -> (Vec<Arc<str>>, Vec<usize>) {
    let mut sources: Vec<Arc<str>> = Vec::new();
    let mut seen: HashMap<Arc<str>, usize> = HashMap::new();
    let placed = program.tools.iter().map(|tool| {
        *seen.entry(Arc::clone(&tool.code)).or_insert_with(|| {
            sources.push(Arc::clone(&tool.code));
            sources.len() - 1
        })
    });
    let placed = placed.collect();
    (sources, placed)
}

/// For each source the functions that are looked for in it.
pub(crate) fn entries_of<'a>(
    program: &'a Program,
    (sources, placed): &(Vec<Arc<str>>, Vec<usize>),
) -> Vec<Vec<&'a str>> {
    let mut entries = vec![Vec::new(); sources.len()];
    for (tool, &place) in program.tools.iter().zip(placed) {
        entries[place].push(tool.entry.as_str());
    }
    entries
}

/// Members of the request that has the gate read `sources`.
pub(crate) fn inspection(sources: &[&str], entries: &[&[&str]]) -> String {
    format!("\"op\":\"inspect\",\"sources\":{},\"entries\":{}", json_text(sources), json_text(entries))
}

/// JSON text of what cannot fail to have one.
pub(crate) fn json_text(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

impl Loaded {
    pub(crate) fn new(
        key: u64,
        program: &Program,
        (sources, placed): (Vec<Arc<str>>, Vec<usize>),
        report: &[Arc<RawValue>],
        reader: PythonInfo,
    ) -> Result<Self, SandboxError> {
        let readings: Result<Vec<Reading>, _> =
            report.iter().map(|reading| serde_json::from_str(reading.get())).collect();
        let mut readings = readings
            .map_err(|error| SandboxError::Worker { doing: "reading sources", reason: error.to_string() })?;
        if readings.len() != sources.len() {
            let reason = "the gate answered for another number of sources".to_owned();
            return Err(SandboxError::Worker { doing: "reading sources", reason });
        }
        let mut rejections = Vec::new();
        let mut facts = Vec::new();
        let mut by_name = HashMap::new();
        let mut private = false;
        for (index, (tool, &place)) in program.tools.iter().zip(&placed).enumerate() {
            let reading = &mut readings[place];
            if let Some(message) = reading.error.take() {
                return Err(SandboxError::Compile { tool: tool.name.clone(), line: reading.line, message });
            }
            let entry = match reading.entries.get(&tool.entry) {
                Some(entry) if entry.found => entry,
                Some(_) | None => {
                    return Err(SandboxError::EntryMissing {
                        tool: tool.name.clone(),
                        entry: tool.entry.clone(),
                    });
                }
            };
            private |= tool.isolation == Isolation::Private;
            rejections.extend(reading.rejections.iter().map(|remark| Rejection {
                tool: tool.name.clone(),
                line: remark.line,
                reason: remark.reason.clone(),
            }));
            facts.push(ToolFacts {
                name: tool.name.clone(),
                parameters: entry.parameters.clone(),
                takes_state: entry.takes_state,
                reads_clock_or_entropy: reading.reads_moment,
            });
            if by_name.insert(tool.name.clone(), index).is_some() {
                let what = format!("tool `{}`", tool.name);
                return Err(SandboxError::Input { what, reason: "two tools have this name".to_owned() });
            }
        }
        let private_as_read = private || !rejections.is_empty();
        Ok(Self {
            key,
            reader,
            home: OnceLock::new(),
            private_as_read,
            private: AtomicBool::new(private_as_read),
            rejections: rejections.into(),
            facts: facts.into(),
            program: program.clone(),
            sources,
            placed,
            by_name: Arc::new(by_name),
        })
    }

    /// The same program as another engine sees it that has the same interpreter and has not run it yet.
    pub(crate) fn again(&self, key: u64, reader: &PythonInfo) -> Option<Self> {
        (self.reader == *reader).then(|| Self {
            key,
            reader: reader.clone(),
            home: OnceLock::new(),
            private_as_read: self.private_as_read,
            private: AtomicBool::new(self.private_as_read),
            rejections: Arc::clone(&self.rejections),
            facts: Arc::clone(&self.facts),
            program: self.program.clone(),
            sources: self.sources.clone(),
            placed: self.placed.clone(),
            by_name: Arc::clone(&self.by_name),
        })
    }

    pub(crate) fn program(&self) -> &Program {
        &self.program
    }

    pub(crate) fn is_private(&self) -> bool {
        self.private.load(Ordering::Relaxed)
    }

    pub(crate) fn demote(&self) {
        self.private.store(true, Ordering::Relaxed);
    }

    pub(crate) fn tool_index(&self, tool: &str) -> Option<usize> {
        self.by_name.get(tool).copied()
    }

    pub(crate) fn tool_name(&self, index: usize) -> &str {
        &self.program.tools[index].name
    }

    /// Name of the first tool that lives in source number `source`.
    pub(crate) fn tool_of_source(&self, source: usize) -> &str {
        let index = self.placed.iter().position(|&place| place == source).unwrap_or(0);
        self.program.tools.get(index).map_or("?", |tool| tool.name.as_str())
    }

    pub(crate) fn initial_state(&self) -> Option<&str> {
        self.program.state.as_deref()
    }

    /// Members of the request that hands this program to a worker.
    pub(crate) fn load_request(&self) -> Result<String, SandboxError> {
        let mut data = Vec::new();
        for file in &self.program.data {
            let text = std::str::from_utf8(&file.json).map_err(|error| SandboxError::Input {
                what: format!("data file `{}`", file.name),
                reason: error.to_string(),
            })?;
            data.push((file.name.as_str(), text));
        }
        let tools: Vec<_> = self
            .program
            .tools
            .iter()
            .zip(&self.placed)
            .zip(self.facts.iter())
            .map(|((tool, place), facts)| (&tool.name, place, &tool.entry, facts.takes_state))
            .collect();
        let sources: Vec<&str> = self.sources.iter().map(AsRef::as_ref).collect();
        Ok(format!(
            "\"op\":\"load\",\"program\":{},\"sources\":{},\"tools\":{},\"data\":{},\"state\":{}",
            self.key,
            json_text(&sources),
            json_text(&tools),
            json_text(&data),
            json_text(&self.program.state),
        ))
    }
}

impl LoadedProgram {
    /// The class that sessions opened now get.
    pub fn isolation(&self) -> Isolation {
        if self.0.is_private() { Isolation::Private } else { Isolation::Shared }
    }

    /// Why tools were not admitted to the shared class.
    pub fn rejections(&self) -> &[Rejection] {
        &self.0.rejections
    }

    /// What reading the tools told.
    pub fn tools(&self) -> &[ToolFacts] {
        &self.0.facts
    }
}
