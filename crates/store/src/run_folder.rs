//! A folder for one command's run: `runs/NNNN-name/`, or wherever `--out` says.
//!
//! It begins with `settings.json` (command, resolved settings, seed, revision), so that the run can be repeated from
//! the folder alone. One process works in it at a time, which `.lock` sees to. Holds no clock time and no results of
//! its own: those are the command's files.

use crate::StoreError;
use crate::manifest::{read_json, write_json};
use crate::session::lock;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a run was started with; `settings.json` of its folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSettings {
    /// The command, e.g. `quickstart`.
    pub command: String,
    /// Its resolved settings.
    pub settings: Json,
    /// The run's seed.
    pub seed: u64,
    /// Git revision of the code, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

const SETTINGS: &str = "settings.json";
const LOCK: &str = ".lock";

/// The folder of one run, which no other process uses while this lives.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
    _lock: Arc<File>,
}

impl RunFolder {
    /// Makes the next `NNNN-name` under `runs` and writes its settings.
    pub fn create_numbered(runs: &Path, name: &str, settings: &RunSettings) -> Result<Self, StoreError> {
        std::fs::create_dir_all(runs).map_err(StoreError::io("create", runs))?;
        let mut number = highest_number(runs)? + 1;
        let name: String =
            name.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '-' }).collect();
        loop {
            let path = runs.join(format!("{number:04}-{name}"));
            match std::fs::create_dir(&path) {
                Ok(()) => return Self::locked(&path)?.begin(settings),
                // Another run took the number between the look and the leap.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(source) => return Err(StoreError::Io { action: "create", path, source }),
            }
        }
    }

    /// Uses exactly `path`: a new or empty folder, or that of an earlier run with equal settings, which it continues.
    /// An error where another process is at work in it.
    pub fn at(path: &Path, settings: &RunSettings) -> Result<Self, StoreError> {
        std::fs::create_dir_all(path).map_err(StoreError::io("create", path))?;
        if !path.join(SETTINGS).exists() {
            for entry in std::fs::read_dir(path).map_err(StoreError::io("list", path))? {
                let found = entry.map_err(StoreError::io("list", path))?.file_name();
                if found != LOCK {
                    let found = found.to_string_lossy().into_owned();
                    return Err(StoreError::FolderNotEmpty { folder: path.to_owned(), found });
                }
            }
        }
        let folder = Self::locked(path)?;
        // Looked for again: another process may have begun, and ended, a moment ago.
        if !folder.settings_file().exists() {
            return folder.begin(settings);
        }
        let earlier: RunSettings = read_json(&folder.settings_file())?;
        let changes = changes(&earlier, settings);
        if changes.is_empty() {
            Ok(folder)
        } else {
            Err(StoreError::SettingsChanged { folder: folder.path, changes })
        }
    }

    fn locked(path: &Path) -> Result<Self, StoreError> {
        let lock = Arc::new(lock(&path.join(LOCK), path)?);
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file or folder in it.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    fn settings_file(&self) -> PathBuf {
        self.path.join(SETTINGS)
    }

    fn begin(self, settings: &RunSettings) -> Result<Self, StoreError> {
        write_json(&self.settings_file(), settings)?;
        Ok(self)
    }
}

/// What keeps one run from continuing the other; another revision does not.
fn changes(earlier: &RunSettings, now: &RunSettings) -> Vec<String> {
    let stage = |run: &RunSettings| {
        let settings = serde_json::json!({"settings": run.settings, "seed": run.seed});
        crate::Stage::new(run.command.clone(), settings)
    };
    stage(now).changes_since(&stage(earlier))
}

fn highest_number(runs: &Path) -> Result<u64, StoreError> {
    let mut highest = 0;
    for entry in std::fs::read_dir(runs).map_err(StoreError::io("list", runs))? {
        let name = entry.map_err(StoreError::io("list", runs))?.file_name();
        let name = name.to_string_lossy();
        let number = name.split('-').next().and_then(|digits| digits.parse().ok());
        highest = highest.max(number.unwrap_or(0));
    }
    Ok(highest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(seed: u64) -> RunSettings {
        let settings = json!({"count": 3});
        RunSettings { command: "quickstart".into(), settings, seed, revision: Some("abc".into()) }
    }

    #[test]
    fn numbered_folders_count_on_and_hold_their_settings() {
        let runs = tempfile::tempdir().unwrap();
        let first = RunFolder::create_numbered(runs.path(), "train grpo", &settings(1)).unwrap();
        assert!(first.path().ends_with("0001-train-grpo"));
        std::fs::create_dir(runs.path().join("0041-x")).unwrap();
        let next = RunFolder::create_numbered(runs.path(), "../up", &settings(1)).unwrap();
        assert!(next.path().ends_with("0042----up"));
        let read: RunSettings = read_json(&next.join("settings.json")).unwrap();
        assert_eq!(read, settings(1));
    }

    #[test]
    fn a_given_folder_is_continued_only_with_equal_settings() {
        let world = tempfile::tempdir().unwrap();
        let out = world.path().join("deep/out");
        RunFolder::at(&out, &settings(1)).unwrap();
        std::fs::write(out.join("report.html"), "x").unwrap();
        let later = RunSettings { revision: None, ..settings(1) };
        assert_eq!(RunFolder::at(&out, &later).unwrap().path(), out);
        let error = RunFolder::at(&out, &settings(2)).unwrap_err();
        assert!(error.to_string().contains("`settings.seed` was `1` and is now `2`"), "{error}");
        let foreign = world.path().join("deep");
        assert!(matches!(RunFolder::at(&foreign, &settings(1)), Err(StoreError::FolderNotEmpty { .. })));
    }
    #[test]
    fn a_folder_is_one_runs_at_a_time() {
        let world = tempfile::tempdir().unwrap();
        let first = RunFolder::at(world.path(), &settings(1)).unwrap();
        for seed in [1, 2] {
            let error = RunFolder::at(world.path(), &settings(seed)).unwrap_err();
            assert!(matches!(&error, StoreError::Busy { folder } if folder == world.path()), "{error}");
        }
        drop(first);
        RunFolder::at(world.path(), &settings(1)).unwrap();
    }
}
