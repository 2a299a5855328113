//! Where a run can be continued: `checkpoints/step-00000100/`.
//!
//! A checkpoint holds the optimiser's numbers and the trained weights (`state.safetensors`) and how far the run was
//! (`progress.json`). It is written under another name and renamed when it is whole, so a folder of this name is a
//! checkpoint that can be read. The newest few are kept.

use crate::TrainError;
use crate::metrics::{StepMetrics, io};
use astra_model::{Learner, LearnerState, Weights, read_tensors, write_tensors};
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::path::{Path, PathBuf};

const PREFIX: &str = "step-";

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Progress {
    /// Steps done.
    pub(crate) step: u64,
    /// Tokens read.
    pub(crate) tokens: u64,
    /// Tokens learned from.
    pub(crate) learned_tokens: u64,
    /// Numbers of the last step where they are not in the metrics yet: it is still to be measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unfinished: Option<StepMetrics>,
}

/// Name of the trained weights in the file; adapters are part of the learner's state.
const WEIGHTS: &str = "weights";

/// A checkpoint that was read.
pub(crate) struct Restored {
    pub(crate) progress: Progress,
    path: PathBuf,
    steps: u64,
    tensors: Vec<(String, Vec<f32>)>,
}

impl Restored {
    /// Puts the weights back, where they were trained.
    pub(crate) fn weights(&self, weights: &mut Weights) -> Result<(), TrainError> {
        let Some((_, stored)) = self.tensors.iter().find(|(name, _)| name == WEIGHTS) else { return Ok(()) };
        let all = weights.data_mut();
        if stored.len() != all.len() {
            let message = format!("{} weights, the model has {}", stored.len(), all.len());
            return Err(TrainError::Checkpoint { path: self.path.clone(), message });
        }
        all.copy_from_slice(stored);
        Ok(())
    }

    /// Puts moments and adapters back.
    pub(crate) fn learner(&self, learner: &mut Learner) -> Result<(), TrainError> {
        let names: Vec<&'static str> = learner.state().tensors.iter().map(|(name, _)| *name).collect();
        let find = |name: &&'static str| {
            let found = self.tensors.iter().find(|(stored, _)| stored == name);
            found.map(|(_, numbers)| (*name, &numbers[..]))
        };
        let state = LearnerState { steps: self.steps, tensors: names.iter().filter_map(find).collect() };
        learner
            .restore(&state)
            .map_err(|error| TrainError::Checkpoint { path: self.path.clone(), message: error.to_string() })
    }
}

/// The checkpoints of a run.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    folder: PathBuf,
    keep: usize,
}

impl Checkpoints {
    /// Under `run`, keeping the newest `keep`.
    pub(crate) fn under(run: &Path, keep: usize) -> Self {
        Self { folder: run.join("checkpoints"), keep: keep.max(1) }
    }

    /// Writes one.
    pub(crate) fn save(&self, progress: Progress, learner: &Learner) -> Result<PathBuf, TrainError> {
        let path = self.folder.join(format!("{PREFIX}{:08}", progress.step));
        let temporary = self.folder.join(format!("writing-{:08}", progress.step));
        remove(&temporary)?;
        std::fs::create_dir_all(&temporary).map_err(io("create", &temporary))?;
        let state = learner.state();
        let mut tensors = state.tensors;
        if learner.lora().is_none() {
            tensors.push((WEIGHTS, learner.weights().data()));
        }
        write_tensors(&temporary.join("state.safetensors"), &tensors)?;
        let text = serde_json::to_vec_pretty(&progress)
            .map_err(|error| io("write", &temporary)(std::io::Error::other(error)))?;
        write_through(&temporary.join("progress.json"), &text)?;
        sync_folder(&temporary);
        remove(&path)?;
        std::fs::rename(&temporary, &path).map_err(io("rename", &path))?;
        // Older ones go only when this one would survive a power cut.
        sync_folder(&self.folder);
        let all = self.all()?;
        for (_, old) in all.iter().take(all.len().saturating_sub(self.keep)) {
            remove(old)?;
        }
        Ok(path)
    }

    /// Reads the newest; nothing when there is none.
    pub(crate) fn newest(&self) -> Result<Option<Restored>, TrainError> {
        let Some((step, path)) = self.all()?.pop() else { return Ok(None) };
        let wrong = |message: String| TrainError::Checkpoint { path: path.clone(), message };
        let text = std::fs::read_to_string(path.join("progress.json")).map_err(io("read", &path))?;
        let progress: Progress = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if progress.step != step {
            return Err(wrong(format!("progress.json speaks of step {}", progress.step)));
        }
        let tensors =
            read_tensors(&path.join("state.safetensors")).map_err(|error| wrong(error.to_string()))?;
        Ok(Some(Restored { progress, steps: progress.step, tensors, path }))
    }

    /// Removes all of them.
    pub(crate) fn clear(&self) -> Result<(), TrainError> {
        remove(&self.folder)
    }

    fn all(&self) -> Result<Vec<(u64, PathBuf)>, TrainError> {
        if !self.folder.exists() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(io("list", &self.folder))? {
            let path = entry.map_err(io("list", &self.folder))?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if let Some(step) = name.strip_prefix(PREFIX).and_then(|digits| digits.parse().ok()) {
                found.push((step, path));
            }
        }
        found.sort();
        Ok(found)
    }
}

/// Writes a file and flushes it to the disk.
fn write_through(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let write = || {
        let mut file = std::fs::File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(io("write", path))
}

/// Flushes names; a file system that cannot flush a folder has nothing to flush.
fn sync_folder(path: &Path) {
    let _ = std::fs::File::open(path).and_then(|folder| folder.sync_all());
}

fn remove(path: &Path) -> Result<(), TrainError> {
    match std::fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io("remove", path)(error)),
    }
}
