//! Traces as token ids with marks of what the assistant wrote.
//!
//! A sample is learned from whole or not at all: one that is too long is reported with its place and length, never
//! cut. A row that is no conversation ends the reading, because a set with silently missing rows teaches something
//! else than its owner thinks.

use crate::TrainError;
use crate::rows::{self, TraceRow};
use astra_model::{Chat, Conversation, Example};
use astra_protocol::{ContentId, Message};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Rows that are tokenised together; bounds what is held as text.
const ROWS_AT_ONCE: usize = 4096;

/// A conversation to learn from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Token ids.
    pub ids: Vec<u32>,
    /// Whether the assistant wrote the token; as long as `ids`.
    pub learned: Vec<bool>,
}

impl Sample {
    /// Number of tokens that the assistant wrote.
    pub fn learned_tokens(&self) -> usize {
        self.learned.iter().filter(|learned| **learned).count()
    }
}

/// How traces are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The longest sample, in tokens.
    pub max_tokens: usize,
    /// Whether what the assistant thought is left out, for models that shall act without thinking aloud.
    pub drop_reasoning: bool,
}

impl Reading {
    /// Everything that is at most so long.
    pub fn up_to(max_tokens: usize) -> Self {
        Self { max_tokens, drop_reasoning: false }
    }
}

/// A trace that is not learned from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Where it stands.
    pub place: String,
    /// Why.
    pub why: String,
    /// Its length.
    pub tokens: usize,
}

/// All samples of a run.
#[derive(Clone, Debug)]
pub struct Samples {
    /// In the order of the files.
    pub samples: Vec<Sample>,
    /// What was left out.
    pub skipped: Vec<Skipped>,
    /// Hash of all tokens and marks.
    pub id: ContentId,
}

impl Samples {
    /// Reads and tokenises the traces of files and folders.
    pub fn read(paths: &[PathBuf], chat: &Chat, reading: Reading) -> Result<Self, TrainError> {
        let mut collected = Collected { chat, reading, samples: Vec::new(), skipped: Vec::new() };
        let mut waiting: Vec<TraceRow> = Vec::with_capacity(ROWS_AT_ONCE);
        for path in paths {
            for file in rows::files(path)? {
                rows::read(&file, &mut |row| {
                    waiting.push(row);
                    if waiting.len() == ROWS_AT_ONCE {
                        collected.take(std::mem::take(&mut waiting))
                    } else {
                        Ok(())
                    }
                })?;
            }
        }
        collected.take(waiting)?;
        let Collected { samples, skipped, .. } = collected;
        if samples.is_empty() {
            let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
            for one in &skipped {
                *reasons.entry(&one.why).or_default() += 1;
            }
            let why =
                reasons.into_iter().max_by_key(|(_, count)| *count).map_or("there are none", |(why, _)| why);
            return Err(TrainError::NothingToLearn { read: skipped.len(), why: why.to_owned() });
        }
        Ok(Self { id: id_of(&samples), samples, skipped })
    }

    /// Tokens in all.
    pub fn tokens(&self) -> usize {
        self.samples.iter().map(|sample| sample.ids.len()).sum()
    }

    /// Tokens that the assistant wrote.
    pub fn learned_tokens(&self) -> usize {
        self.samples.iter().map(Sample::learned_tokens).sum()
    }
}

struct Collected<'a> {
    chat: &'a Chat,
    reading: Reading,
    samples: Vec<Sample>,
    skipped: Vec<Skipped>,
}

impl Collected<'_> {
    fn take(&mut self, rows: Vec<TraceRow>) -> Result<(), TrainError> {
        let read: Vec<Result<(String, Example), TrainError>> = rows
            .into_par_iter()
            .map(|row| Ok((row.place.clone(), example(self.chat, row, self.reading.drop_reasoning)?)))
            .collect();
        for one in read {
            let (place, Example { ids, mask }) = one?;
            let tokens = ids.len();
            if tokens > self.reading.max_tokens {
                let why = format!("longer than {} tokens", self.reading.max_tokens);
                self.skipped.push(Skipped { place, why, tokens });
            } else if !mask.iter().any(|learned| *learned) {
                self.skipped.push(Skipped { place, why: "the assistant wrote nothing".to_owned(), tokens });
            } else {
                self.samples.push(Sample { ids, learned: mask });
            }
        }
        Ok(())
    }
}

fn example(chat: &Chat, row: TraceRow, drop_reasoning: bool) -> Result<Example, TrainError> {
    let TraceRow { place, fields } = row;
    let wrong = |message: String| TrainError::Row { place: place.clone(), message };
    let record = serde_json::Value::Object(fields);
    let Conversation { tools, mut messages, unlearned } =
        Conversation::from_openai(&record).map_err(|error| wrong(error.to_string()))?;
    if drop_reasoning {
        for message in &mut messages {
            if let Message::Assistant { reasoning, .. } = message {
                *reasoning = None;
            }
        }
    }
    chat.example_without(&tools, &messages, &unlearned).map_err(|error| wrong(error.to_string()))
}

fn id_of(samples: &[Sample]) -> ContentId {
    let mut hasher = blake3::Hasher::new();
    for sample in samples {
        hasher.update(&(sample.ids.len() as u64).to_le_bytes());
        for (id, learned) in sample.ids.iter().zip(&sample.learned) {
            hasher.update(&id.to_le_bytes());
            hasher.update(&[u8::from(*learned)]);
        }
    }
    ContentId(hasher.finalize().to_hex().to_string())
}
