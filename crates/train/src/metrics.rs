//! What a run says of each step: `metrics.jsonl`, one object a line, and the same numbers for TensorBoard.
//!
//! A resumed run repeats the steps after its checkpoint, so lines behind it are dropped first, and the event file is
//! written anew from the lines that stay. Everything but `tokens_per_second` is the same in every run of the same
//! settings.

use crate::TrainError;
use crate::tensorboard::{EventFile, numbers};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// One optimiser step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepMetrics {
    /// Steps done, from 1.
    pub step: u64,
    /// Passes over the data.
    pub epoch: f64,
    /// Mean negative log-likelihood of a learned token, in nats.
    pub loss: f64,
    /// Learning rate.
    pub lr: f64,
    /// Global norm of the gradient before clipping.
    pub grad_norm: f64,
    /// Tokens read in this step.
    pub tokens: usize,
    /// Of these, tokens that the assistant wrote.
    pub learned_tokens: usize,
    /// Speed of this step.
    pub tokens_per_second: f64,
    /// The same loss on the validation traces, where it was measured at this step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_loss: Option<f64>,
}

/// A line of the file.
pub(crate) trait Line: Serialize + DeserializeOwned {
    /// The step that it speaks of.
    fn step(&self) -> u64;
    /// The group of curves that a number belongs to; nothing where it is none.
    fn group(field: &str) -> Option<&'static str>;
}

impl Line for StepMetrics {
    fn step(&self) -> u64 {
        self.step
    }

    fn group(field: &str) -> Option<&'static str> {
        match field {
            "step" => None,
            "epoch" | "tokens_per_second" => Some("progress"),
            _ => Some("sft"),
        }
    }
}

/// The files.
#[derive(Debug)]
pub(crate) struct MetricsFile<L> {
    path: PathBuf,
    file: File,
    events: EventFile,
    lines: PhantomData<fn(L)>,
}

impl<L: Line> MetricsFile<L> {
    /// Opens `metrics.jsonl` and `tensorboard/` of a run folder and keeps the lines of the first `steps` steps.
    pub(crate) fn open(folder: &Path, steps: u64) -> Result<Self, TrainError> {
        let path = metrics_of(folder);
        let kept = kept_lines::<L>(&path, steps).map_err(io("read", &path))?;
        let temporary = path.with_extension("jsonl.tmp");
        std::fs::write(&temporary, &kept).map_err(io("write", &temporary))?;
        std::fs::rename(&temporary, &path).map_err(io("rename", &path))?;
        let file = OpenOptions::new().append(true).open(&path).map_err(io("open", &path))?;
        let curves = folder.join("tensorboard");
        let events = EventFile::create(&curves).map_err(io("write", &curves))?;
        let mut files = Self { path, file, events, lines: PhantomData };
        for line in kept.lines().filter_map(|line| serde_json::from_str::<L>(line).ok()) {
            files.draw(&line)?;
        }
        Ok(files)
    }

    /// Adds a line.
    pub(crate) fn write(&mut self, metrics: &L) -> Result<(), TrainError> {
        let line = serde_json::to_string(metrics)
            .map_err(|error| io("write", &self.path)(std::io::Error::other(error)))?;
        writeln!(self.file, "{line}").map_err(io("write", &self.path))?;
        self.draw(metrics)
    }

    fn draw(&mut self, metrics: &L) -> Result<(), TrainError> {
        let line = serde_json::to_value(metrics)
            .map_err(|error| io("write", &self.path)(std::io::Error::other(error)))?;
        let drawn = self.events.scalars(metrics.step(), numbers(&line, L::group));
        drawn.map_err(io("write", &self.events.path))
    }

    /// Puts all lines on the disk, so that no checkpoint outlives the lines before it.
    pub(crate) fn sync(&self) -> Result<(), TrainError> {
        self.file.sync_data().map_err(io("write", &self.path))
    }
}

/// The metrics of a run so far.
pub(crate) fn read<L: Line>(folder: &Path) -> Result<Vec<L>, TrainError> {
    let path = metrics_of(folder);
    let text = std::fs::read_to_string(&path).map_err(io("read", &path))?;
    Ok(text.lines().map_while(|line| serde_json::from_str(line).ok()).collect())
}

fn metrics_of(folder: &Path) -> PathBuf {
    folder.join("metrics.jsonl")
}

fn kept_lines<L: Line>(path: &Path, steps: u64) -> std::io::Result<String> {
    let mut kept = String::new();
    if steps == 0 || !path.exists() {
        return Ok(kept);
    }
    for line in BufReader::new(File::open(path)?).lines() {
        let line = line?;
        // A torn last line is no metrics; its step is repeated.
        match serde_json::from_str::<L>(&line) {
            Ok(metrics) if metrics.step() <= steps => {
                kept.push_str(&line);
                kept.push('\n');
            }
            Ok(_) | Err(_) => break,
        }
    }
    Ok(kept)
}

pub(crate) fn io(action: &'static str, path: &Path) -> impl Fn(std::io::Error) -> TrainError {
    let path = path.to_owned();
    move |source| TrainError::Io { action, path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(step: u64) -> StepMetrics {
        StepMetrics {
            step,
            epoch: 0.5,
            loss: 1.0,
            lr: 1e-3,
            grad_norm: 1.0,
            tokens: 4,
            learned_tokens: 2,
            tokens_per_second: 9.0,
            validation_loss: None,
        }
    }

    #[test]
    fn a_resumed_run_drops_what_it_repeats_and_torn_lines() {
        let world = tempfile::tempdir().unwrap();
        let path = world.path().join("metrics.jsonl");
        let mut file = MetricsFile::open(world.path(), 0).unwrap();
        (1..=5).for_each(|at| file.write(&step(at)).unwrap());
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + "{\"step\":6,").unwrap();
        let mut file = MetricsFile::open(world.path(), 3).unwrap();
        file.write(&step(4)).unwrap();
        let steps: Vec<u64> =
            read::<StepMetrics>(world.path()).unwrap().iter().map(|metrics| metrics.step).collect();
        assert_eq!(steps, [1, 2, 3, 4]);
        MetricsFile::<StepMetrics>::open(world.path(), 0).unwrap();
        assert!(read::<StepMetrics>(world.path()).unwrap().is_empty());
    }
}
