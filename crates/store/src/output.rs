//! The files of a running stage, and how they are found whole again after a crash at any moment.
//!
//! ```text
//! DIR/part-00000.jsonl        accepted records, rolled by size   (shard 3 of 16: part-00003-of-00016-00000.jsonl)
//! DIR/rejected.jsonl          {"id", "why"} of what was not accepted
//! DIR/failed.jsonl            {"id", "boundary", "error"} of what failed and is tried again on resume; written at the end
//! DIR/manifest.json           written last: a folder with a manifest is complete
//! DIR/.stage/settings.json    what the run was begun with
//! DIR/.stage/progress.jsonl   one line per decided input, with the length its file then had
//! DIR/.stage/lock             held while a process writes
//! ```
//!
//! A record's bytes are written before its progress line. After a crash the longest run of progress lines that the
//! files bear out is what was done; everything behind it is cut off and done again, which gives the same bytes because
//! stages are deterministic. Files are synced when a part is closed and at the end, so a killed process loses nothing
//! and a power cut costs at most the current part.

use crate::data::DataFolder;
use crate::engine::Verdict;
use crate::lines::{RecordWriter, to_line};
use crate::runner::Tally;
use crate::{Shard, StoreError};
use astra_protocol::{Boundary, ContentId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Names of a stage's files in its folder.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) folder: PathBuf,
    suffix: String,
}

impl Layout {
    pub(crate) fn new(folder: &Path, shard: Option<Shard>) -> Self {
        let suffix = shard.map_or(String::new(), |s| format!("-{:05}-of-{:05}", s.index(), s.of()));
        Self { folder: folder.to_owned(), suffix }
    }

    pub(crate) fn part(&self, part: u32) -> PathBuf {
        self.folder.join(format!("part{}-{part:05}.jsonl", self.suffix))
    }

    /// Numbers of the part files in the folder; there may be gaps.
    pub(crate) fn parts_there(&self) -> Result<Vec<u32>, StoreError> {
        let prefix = format!("part{}-", self.suffix);
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(StoreError::io("list", &self.folder))? {
            let name = entry.map_err(StoreError::io("list", &self.folder))?.file_name();
            let name = name.to_string_lossy();
            let number = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".jsonl"));
            numbers.extend(number.and_then(|digits| digits.parse::<u32>().ok()));
        }
        Ok(numbers)
    }

    pub(crate) fn rejected(&self) -> PathBuf {
        self.folder.join(format!("rejected{}.jsonl", self.suffix))
    }

    pub(crate) fn failed(&self) -> PathBuf {
        self.folder.join(format!("failed{}.jsonl", self.suffix))
    }

    pub(crate) fn manifest(&self) -> PathBuf {
        self.folder.join(format!("manifest{}.json", self.suffix))
    }

    pub(crate) fn hidden(&self) -> PathBuf {
        self.folder.join(".stage")
    }

    /// Shared by all shards, so that they cannot differ.
    pub(crate) fn settings(&self) -> PathBuf {
        self.hidden().join("settings.json")
    }

    pub(crate) fn progress(&self) -> PathBuf {
        self.hidden().join(format!("progress{}.jsonl", self.suffix))
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.hidden().join(format!("lock{}", self.suffix))
    }
}

/// One line of `progress.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    /// How many inputs of the same id came before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    repeat: Option<u32>,
    was: Decision,
}

/// What became of an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Decision {
    Accepted { part: u32, end: u64 },
    Rejected { end: u64, reason: String },
    Failed { boundary: Boundary, error: String },
}

/// Identity of an input in this run: hash of its id and of how many equal ids came before. Half a hash is plenty
/// against accidents, and a million of them take tens of megabytes whatever the ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key(u128);

impl Key {
    pub(crate) fn new(id: &str, repeat: u32) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&repeat.to_le_bytes());
        hasher.update(id.as_bytes());
        let mut half = [0; 16];
        half.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(u128::from_le_bytes(half))
    }
}

/// What an earlier run left behind, as far as its files bear it out.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    marks: HashMap<Key, Mark>,
    /// Failures by their position in the progress file.
    failures: BTreeMap<u64, Failure>,
    pub(crate) tally: Tally,
    pub(crate) rejected_by: BTreeMap<String, u64>,
    /// Rejected in a row at the end.
    pub(crate) misses: u64,
    /// Progress lines that the files did not bear out.
    pub(crate) dropped: u64,
    part: u32,
    part_end: u64,
    rejected_end: u64,
    progress_end: u64,
    entries: u64,
}

/// What is known of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// Accepted or rejected, for good.
    Decided,
    /// Failed, to be tried again; its position in the progress file.
    Failed(u64),
}

/// A line of `failed.jsonl`.
#[derive(Clone, Debug, Serialize)]
struct Failure {
    id: String,
    boundary: Boundary,
    error: String,
}

/// A line of `rejected.jsonl`.
#[derive(Debug, Serialize)]
struct Rejection<'a> {
    id: &'a str,
    why: &'a str,
}

impl Recovered {
    /// Reads what is there and changes nothing.
    pub(crate) fn read(layout: &Layout) -> Result<Self, StoreError> {
        let path = layout.progress();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(StoreError::Io { action: "open", path, source }),
        };
        let mut reader = BufReader::new(file);
        let mut found = Self::default();
        let mut part = Probe::open(&layout.part(0))?;
        let mut rejected = Probe::open(&layout.rejected())?;
        let mut line = Vec::new();
        let mut sound = true;
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line).map_err(StoreError::io("read", &path))? == 0 {
                return Ok(found);
            }
            let entry = line.ends_with(b"\n").then(|| serde_json::from_slice::<Entry>(&line).ok()).flatten();
            sound = sound
                && match &entry {
                    Some(Entry { was: Decision::Accepted { part: at, end }, .. }) => {
                        if *at == found.part + 1 && found.part_end > 0 {
                            part = Probe::open(&layout.part(*at))?;
                            (found.part, found.part_end) = (*at, 0);
                        }
                        *at == found.part && *end > found.part_end && part.ends_line_at(*end)
                    }
                    Some(Entry { was: Decision::Rejected { end, .. }, .. }) => {
                        *end > found.rejected_end && rejected.ends_line_at(*end)
                    }
                    Some(Entry { was: Decision::Failed { .. }, .. }) => true,
                    None => false,
                };
            match entry {
                Some(entry) if sound => found.take(entry, line.len() as u64),
                // Only whole lines were ever done; a torn one was about to be.
                Some(_) => found.dropped += 1,
                None => {}
            }
        }
    }

    fn take(&mut self, entry: Entry, bytes: u64) {
        let key = Key::new(&entry.id, entry.repeat.unwrap_or(0));
        let mark = match entry.was {
            Decision::Failed { .. } => Mark::Failed(self.entries),
            Decision::Accepted { .. } | Decision::Rejected { .. } => Mark::Decided,
        };
        if let Some(Mark::Failed(earlier)) = self.marks.insert(key, mark) {
            self.tally.failed -= 1;
            self.failures.remove(&earlier);
        }
        match entry.was {
            Decision::Accepted { part, end } => {
                self.tally.accepted += 1;
                (self.part, self.part_end) = (part, end);
                self.misses = 0;
            }
            Decision::Rejected { end, reason } => {
                self.tally.rejected += 1;
                *self.rejected_by.entry(reason).or_default() += 1;
                self.rejected_end = end;
                self.misses += 1;
            }
            Decision::Failed { boundary, error } => {
                self.tally.failed += 1;
                self.failures.insert(self.entries, Failure { id: entry.id, boundary, error });
            }
        }
        self.entries += 1;
        self.progress_end += bytes;
    }

    /// Whether an input is decided for good; one that failed is tried again.
    pub(crate) fn is_decided(&self, key: Key) -> bool {
        self.marks.get(&key) == Some(&Mark::Decided)
    }

    /// Cuts every file back to what was read.
    fn cut(&self, layout: &Layout) -> Result<(), StoreError> {
        let parts = self.part + u32::from(self.part_end > 0);
        for part in layout.parts_there()? {
            if part >= parts {
                remove_if_there(&layout.part(part))?;
            }
        }
        if self.part_end > 0 {
            truncate(&layout.part(self.part), self.part_end)?;
        }
        truncate(&layout.rejected(), self.rejected_end)?;
        truncate(&layout.progress(), self.progress_end)
    }
}

/// Looks at a file that may be missing or torn.
struct Probe {
    file: Option<File>,
}

impl Probe {
    fn open(path: &Path) -> Result<Self, StoreError> {
        match File::open(path) {
            Ok(file) => Ok(Self { file: Some(file) }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self { file: None }),
            Err(source) => Err(StoreError::Io { action: "open", path: path.to_owned(), source }),
        }
    }

    fn ends_line_at(&mut self, end: u64) -> bool {
        let Some(file) = &mut self.file else { return false };
        let mut byte = [0];
        end > 0
            && file.seek(SeekFrom::Start(end - 1)).is_ok()
            && file.read_exact(&mut byte).is_ok()
            && byte == *b"\n"
    }
}

fn remove_if_there(path: &Path) -> Result<bool, StoreError> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(StoreError::Io { action: "remove", path: path.to_owned(), source }),
    }
}

/// Cuts a file to `length`; an empty one is removed, so that a resumed folder equals an unbroken one.
fn truncate(path: &Path, length: u64) -> Result<(), StoreError> {
    if length == 0 {
        return remove_if_there(path).map(|_| ());
    }
    let file = OpenOptions::new().write(true).open(path).map_err(StoreError::io("open", path))?;
    file.set_len(length).map_err(StoreError::io("shorten", path))
}

/// The open files of a running stage.
#[derive(Debug)]
pub(crate) struct Output {
    layout: Layout,
    pub(crate) state: Recovered,
    part_bytes: u64,
    part: Option<File>,
    rejected: Option<File>,
    progress: Option<File>,
    data: DataFolder,
    /// Whether this run has changed anything yet.
    changed: bool,
}

impl Output {
    /// Cuts torn ends off and goes on behind what was done.
    pub(crate) fn open(layout: Layout, state: Recovered, part_bytes: u64) -> Result<Self, StoreError> {
        state.cut(&layout)?;
        let data = DataFolder::at(layout.folder.join("data"));
        let redoes = state.dropped > 0;
        let mut output = Self {
            layout,
            state,
            part_bytes,
            part: None,
            rejected: None,
            progress: None,
            data,
            changed: false,
        };
        if redoes {
            output.begin_change()?;
        }
        Ok(output)
    }

    /// From the first change on, what an earlier run wrote at its end would be a lie.
    fn begin_change(&mut self) -> Result<(), StoreError> {
        if !self.changed {
            remove_if_there(&self.layout.manifest())?;
            remove_if_there(&self.layout.failed())?;
            self.changed = true;
        }
        Ok(())
    }

    /// Writes down what became of an input.
    pub(crate) fn commit(&mut self, id: String, repeat: u32, verdict: Verdict) -> Result<(), StoreError> {
        self.begin_change()?;
        let failed = matches!(verdict, Verdict::Failed { .. });
        let was = match verdict {
            Verdict::Accepted { line, data } => {
                for bytes in &data {
                    self.data.put(bytes)?;
                }
                let (part, end) = self.append_record(&line)?;
                Decision::Accepted { part, end }
            }
            Verdict::Rejected { why } => {
                let end = self.append_rejection(&Rejection { id: &id, why: &why })?;
                let reason = why.split([':', '\n']).next().unwrap_or_default().trim().to_owned();
                Decision::Rejected { end, reason }
            }
            Verdict::Failed { boundary, error } => Decision::Failed { boundary, error },
        };
        let entry = Entry { id, repeat: (repeat > 0).then_some(repeat), was };
        let line = serialise(&entry, &entry.id)?;
        append(&mut self.progress, &self.layout.progress(), &line)?;
        self.state.take(entry, line.len() as u64);
        self.state.misses += u64::from(failed);
        Ok(())
    }

    fn append_record(&mut self, line: &[u8]) -> Result<(u32, u64), StoreError> {
        let (mut part, mut start) = (self.state.part, self.state.part_end);
        if start > 0 && start + line.len() as u64 > self.part_bytes {
            if let Some(full) = self.part.take() {
                full.sync_data().map_err(StoreError::io("write", &self.layout.part(part)))?;
            }
            (part, start) = (part + 1, 0);
        }
        append(&mut self.part, &self.layout.part(part), line)?;
        Ok((part, start + line.len() as u64))
    }

    fn append_rejection(&mut self, rejection: &Rejection<'_>) -> Result<u64, StoreError> {
        let line = serialise(rejection, rejection.id)?;
        append(&mut self.rejected, &self.layout.rejected(), &line)?;
        Ok(self.state.rejected_end + line.len() as u64)
    }

    /// Syncs everything; the stage may end here or be continued.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let layout = &self.layout;
        let files = [
            (&self.part, layout.part(self.state.part)),
            (&self.rejected, layout.rejected()),
            (&self.progress, layout.progress()),
        ];
        for (file, path) in files {
            if let Some(file) = file {
                file.sync_data().map_err(StoreError::io("write", &path))?;
            }
        }
        Ok(())
    }

    /// Whether the manifest of an earlier run still holds.
    pub(crate) fn is_unchanged(&self) -> bool {
        !self.changed
    }

    /// Lists what still fails.
    pub(crate) fn write_failures(&self) -> Result<(), StoreError> {
        let path = self.layout.failed();
        if self.state.failures.is_empty() {
            return remove_if_there(&path).map(|_| ());
        }
        let mut writer = RecordWriter::create(&path)?;
        for failure in self.state.failures.values() {
            writer.write(failure)?;
        }
        writer.finish().map(|_| ())
    }

    /// Name, size and hash of every part.
    pub(crate) fn parts(&self) -> Result<Vec<crate::manifest::Part>, StoreError> {
        let count = self.state.part + u32::from(self.state.part_end > 0);
        (0..count)
            .map(|part| {
                let path = self.layout.part(part);
                let mut file = File::open(&path).map_err(StoreError::io("open", &path))?;
                let mut hasher = blake3::Hasher::new();
                let bytes = io::copy(&mut file, &mut hasher).map_err(StoreError::io("read", &path))?;
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let blake3 = ContentId(hasher.finalize().to_hex().to_string());
                Ok(crate::manifest::Part { name, bytes, blake3 })
            })
            .collect()
    }
}

fn serialise<T: Serialize>(record: &T, id: &str) -> Result<Vec<u8>, StoreError> {
    to_line(record).map_err(|source| StoreError::Unserialisable { id: id.to_owned(), source })
}

/// Appends in one write, so that a kill leaves whole lines or one torn at the end.
fn append(open: &mut Option<File>, path: &Path, line: &[u8]) -> Result<(), StoreError> {
    let file = if let Some(file) = open {
        file
    } else {
        let file = OpenOptions::new().create(true).append(true).open(path);
        open.insert(file.map_err(StoreError::io("open", path))?)
    };
    file.write_all(line).map_err(StoreError::io("write", path))
}
