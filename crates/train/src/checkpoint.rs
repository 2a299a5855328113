//! Where a run can be continued: `checkpoints/step-00000100/`.
//!
//! A checkpoint holds the optimiser's numbers and the trained weights (`state.safetensors`) and how far the run was
//! (`progress.json`). It is written under another name and renamed when it is whole, so a folder of this name is a
//! checkpoint that can be read. The newest few are kept.

use crate::TrainError;
use crate::metrics::io;
use astra_model::{Learner, LearnerState};
use serde::{Deserialize, Serialize};
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
        learner.state().write(&temporary.join("state.safetensors"))?;
        let text = serde_json::to_vec_pretty(&progress)
            .map_err(|error| io("write", &temporary)(std::io::Error::other(error)))?;
        std::fs::write(temporary.join("progress.json"), text).map_err(io("write", &temporary))?;
        remove(&path)?;
        std::fs::rename(&temporary, &path).map_err(io("rename", &path))?;
        let all = self.all()?;
        for (_, old) in all.iter().take(all.len().saturating_sub(self.keep)) {
            remove(old)?;
        }
        Ok(path)
    }

    /// Brings the newest into the learner; nothing when there is none.
    pub(crate) fn restore(&self, learner: &mut Learner) -> Result<Progress, TrainError> {
        let Some((step, path)) = self.all()?.pop() else { return Ok(Progress::default()) };
        let wrong = |message: String| TrainError::Checkpoint { path: path.clone(), message };
        let text = std::fs::read_to_string(path.join("progress.json")).map_err(io("read", &path))?;
        let progress: Progress = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if progress.step != step {
            return Err(wrong(format!("progress.json speaks of step {}", progress.step)));
        }
        let state = LearnerState::read(&path.join("state.safetensors"))?;
        learner.restore(&state).map_err(|error| wrong(error.to_string()))?;
        Ok(progress)
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

fn remove(path: &Path) -> Result<(), TrainError> {
    match std::fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io("remove", path)(error)),
    }
}
