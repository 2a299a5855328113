//! The beginning and end of a run in its folder: lock, settings, recovery; then failures, sync, manifest.
//!
//! Everything that can refuse a run refuses before the first byte is changed.

use crate::manifest::{MANIFEST_VERSION, read_json, write_json};
use crate::output::{Layout, Output, Recovered};
use crate::runner::{Ended, Summary, Tally};
use crate::{Existing, Manifest, Shard, Stage, StageOptions, StoreError};
use serde::{Deserialize, Serialize};
use std::fs::{File, TryLockError};
use std::path::Path;

/// `DIR/.stage/settings.json`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Begun {
    stage: Stage,
    /// Number of shards; other numbers cut the inputs otherwise.
    shards: u32,
}

/// A run in progress.
pub(crate) struct Session {
    pub(crate) output: Output,
    layout: Layout,
    stage: Stage,
    shard: Option<Shard>,
    revision: Option<String>,
    resumed: Tally,
    redone: u64,
    /// Released when the process ends, however it ends.
    _lock: File,
}

impl Session {
    pub(crate) fn begin(stage: &Stage, options: &StageOptions<'_>) -> Result<Self, StoreError> {
        let layout = Layout::new(&options.out, options.shard);
        let begun = Begun { stage: stage.clone(), shards: options.shard.map_or(1, Shard::of) };
        let is_new = check_folder(&layout, &begun, options)?;
        let hidden = layout.hidden();
        std::fs::create_dir_all(&hidden).map_err(StoreError::io("create", &hidden))?;
        let lock = lock(&layout.lock(), &layout.folder)?;
        if is_new {
            write_json(&layout.settings(), &begun)?;
        }
        if options.shard.is_none() {
            // The lock is held and no other shard writes here: half-written files have no writer any more.
            crate::data::DataFolder::at(layout.folder.join("data")).sweep()?;
        }
        let state = Recovered::read(&layout)?;
        let (resumed, redone) = (state.tally, state.dropped);
        let output = Output::open(layout.clone(), state, options.part_bytes)?;
        Ok(Self {
            output,
            layout,
            stage: stage.clone(),
            shard: options.shard,
            revision: options.revision.clone(),
            resumed,
            redone,
            _lock: lock,
        })
    }

    /// Syncs what was written, also when the run ended in an error, and writes the manifest unless it was cut short.
    pub(crate) fn end(self, ended: Result<Ended, StoreError>) -> Result<Summary, StoreError> {
        let synced = self.output.sync();
        let ended = ended?;
        synced?;
        let manifest = match ended {
            Ended::Stopped => None,
            Ended::Complete | Ended::Exhausted => Some(self.manifest()?),
        };
        let Self { output, resumed, redone, .. } = self;
        let (tally, rejected_by) = (output.state.tally, output.state.rejected_by);
        Ok(Summary { tally, resumed, redone, rejected_by, ended, manifest })
    }

    fn manifest(&self) -> Result<Manifest, StoreError> {
        let path = self.layout.manifest();
        if self.output.is_unchanged() && path.exists() {
            return Manifest::read(&path);
        }
        self.output.write_failures()?;
        let manifest = Manifest {
            version: MANIFEST_VERSION,
            stage: self.stage.clone(),
            settings_hash: self.stage.settings_hash(),
            shard: self.shard,
            counts: self.output.state.tally,
            rejected_by: self.output.state.rejected_by.clone(),
            parts: self.output.parts()?,
            revision: self.revision.clone(),
            created_at: jiff::Timestamp::now().to_string(),
        };
        manifest.write(&path)?;
        Ok(manifest)
    }
}

/// Whether the folder is new to this stage; an error when the run must not write there.
fn check_folder(layout: &Layout, begun: &Begun, options: &StageOptions<'_>) -> Result<bool, StoreError> {
    let folder = || layout.folder.clone();
    let settings = layout.settings();
    let found = stage_output(&layout.folder)?;
    if !settings.exists() {
        return found.map_or(Ok(true), |found| Err(StoreError::FolderNotEmpty { folder: folder(), found }));
    }
    if found.is_none() && !has_progress(layout)? {
        // Begun and ended before anything was done: as good as new.
        return Ok(true);
    }
    let earlier: Begun = read_json(&settings)?;
    let is_ours = layout.progress().exists()
        || layout.manifest().exists()
        || layout.rejected().exists()
        || !layout.parts_there()?.is_empty();
    if is_ours && options.existing == Existing::Refuse {
        return Err(StoreError::OutputExists { folder: folder(), stage: earlier.stage.name });
    }
    let mut changes = begun.stage.changes_since(&earlier.stage);
    if begun.shards != earlier.shards {
        changes.push(format!("`shards` was `{}` and is now `{}`", earlier.shards, begun.shards));
    }
    if changes.is_empty() {
        Ok(false)
    } else {
        Err(StoreError::SettingsChanged { folder: folder(), changes })
    }
}

/// Whether any shard has decided anything.
fn has_progress(layout: &Layout) -> Result<bool, StoreError> {
    let hidden = layout.hidden();
    for entry in std::fs::read_dir(&hidden).map_err(StoreError::io("list", &hidden))? {
        let name = entry.map_err(StoreError::io("list", &hidden))?.file_name();
        if name.to_string_lossy().starts_with("progress") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A file that is, or looks like, a stage's output. Where no `.stage` folder accounts for it, writing would destroy it.
fn stage_output(folder: &Path) -> Result<Option<String>, StoreError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StoreError::Io { action: "list", path: folder.to_owned(), source }),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(StoreError::io("list", folder))?.file_name().to_string_lossy().into_owned();
        let ours = ["part-", "rejected", "failed", "manifest"];
        if ours.iter().any(|start| name.starts_with(start)) {
            found.push(name);
        }
    }
    Ok(found.into_iter().min())
}

/// Holds the file `path` for this process, for as long as the result lives; dead processes hold nothing.
pub(crate) fn lock(path: &Path, folder: &Path) -> Result<File, StoreError> {
    let file = File::create(path).map_err(StoreError::io("create", path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Busy { folder: folder.to_owned() }),
        // Some cluster file systems know no locks; there the user's job scheduler keeps runs apart.
        Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => Ok(file),
        Err(TryLockError::Error(source)) => {
            Err(StoreError::Io { action: "lock", path: path.to_owned(), source })
        }
    }
}
