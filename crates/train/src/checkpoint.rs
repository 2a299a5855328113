//! Where a run can be continued: `checkpoints/step-00000100/`.
//!
//! A checkpoint holds the optimiser's numbers and the trained weights (`state.safetensors`) and whatever else its loop
//! goes on from, above all how far the run was (`progress.json`). It is written under another name and renamed when it
//! is whole, so a folder of this name is a checkpoint that can be read. The newest few are kept.

use crate::TrainError;
use crate::metrics::io;
use astra_model::{Learner, LearnerState, read_tensors, write_tensors};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::Write as _;
use std::path::{Path, PathBuf};

const PREFIX: &str = "step-";

/// Name of the trained weights in the file; adapters are part of the learner's state.
const WEIGHTS: &str = "weights";
/// The file that holds them.
const STATE: &str = "state.safetensors";

/// Writes a learner's weights and moments into a folder; nothing that is no number.
pub(crate) fn write_learner(folder: &Path, learner: &Learner) -> Result<(), TrainError> {
    if !learner.is_finite() {
        return Err(TrainError::NotFinite { step: learner.state().steps, what: "a weight" });
    }
    let mut tensors = learner.state().tensors;
    if learner.lora().is_none() {
        tensors.push((WEIGHTS, learner.weights().data()));
    }
    Ok(write_tensors(&folder.join(STATE), &tensors)?)
}

/// What [`write_learner`] wrote, read back.
pub(crate) struct LearnerFile {
    folder: PathBuf,
    steps: u64,
    tensors: Vec<(String, Vec<f32>)>,
}

impl LearnerFile {
    /// Reads it; `steps` is how many steps the learner had taken.
    pub(crate) fn read(folder: &Path, steps: u64) -> Result<Self, TrainError> {
        let tensors = read_tensors(&folder.join(STATE)).map_err(|error| TrainError::Checkpoint {
            path: folder.to_owned(),
            message: error.to_string(),
        })?;
        Ok(Self { folder: folder.to_owned(), steps, tensors })
    }

    /// Puts weights, where they were trained, moments and adapters back.
    pub(crate) fn restore(&self, learner: &mut Learner) -> Result<(), TrainError> {
        let wrong = |message: String| TrainError::Checkpoint { path: self.folder.clone(), message };
        if let Some((_, stored)) = self.tensors.iter().find(|(name, _)| name == WEIGHTS) {
            let all = learner.weights_mut().data_mut();
            if stored.len() != all.len() {
                return Err(wrong(format!("{} weights, the model has {}", stored.len(), all.len())));
            }
            all.copy_from_slice(stored);
        }
        let names: Vec<&'static str> = learner.state().tensors.iter().map(|(name, _)| *name).collect();
        let find = |name: &&'static str| {
            let found = self.tensors.iter().find(|(stored, _)| stored == name);
            found.map(|(_, numbers)| (*name, &numbers[..]))
        };
        let state = LearnerState { steps: self.steps, tensors: names.iter().filter_map(find).collect() };
        learner.restore(&state).map_err(|error| wrong(error.to_string()))
    }
}

/// Writes a file of a checkpoint.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), TrainError> {
    let text = serde_json::to_vec(value).map_err(|error| io("write", path)(std::io::Error::other(error)))?;
    write_through(path, &text)
}

/// Reads a file of a checkpoint.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, TrainError> {
    let text = std::fs::read_to_string(path).map_err(io("read", path))?;
    serde_json::from_str(&text)
        .map_err(|error| TrainError::Checkpoint { path: path.to_owned(), message: error.to_string() })
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

    /// Makes one of what `write` puts into a folder.
    pub(crate) fn save(
        &self,
        step: u64,
        write: impl FnOnce(&Path) -> Result<(), TrainError>,
    ) -> Result<(), TrainError> {
        let path = self.folder.join(format!("{PREFIX}{step:08}"));
        let temporary = self.folder.join(format!("writing-{step:08}"));
        remove(&temporary)?;
        std::fs::create_dir_all(&temporary).map_err(io("create", &temporary))?;
        if let Err(error) = write(&temporary) {
            // The error says more than what is left of the attempt; with it goes the folder, if it holds nothing else.
            let _ = std::fs::remove_dir_all(&temporary);
            let _ = std::fs::remove_dir(&self.folder);
            return Err(error);
        }
        sync_folder(&temporary);
        remove(&path)?;
        std::fs::rename(&temporary, &path).map_err(io("rename", &path))?;
        // Older ones go only when this one would survive a power cut.
        sync_folder(&self.folder);
        let all = self.all()?;
        for (_, old) in all.iter().take(all.len().saturating_sub(self.keep)) {
            remove(old)?;
        }
        Ok(())
    }

    /// The folder of the newest, with its step; nothing when there is none.
    pub(crate) fn newest(&self) -> Result<Option<(u64, PathBuf)>, TrainError> {
        Ok(self.all()?.pop())
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
