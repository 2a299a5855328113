//! Everything that can go wrong between a stage and the disk, with what a person can do about it.
//!
//! Messages start with the place (`FILE:LINE:` where there is a line), name the thing in backticks and leave advice
//! to [`StoreError::hints`], so that the binary can print both apart. Nothing here is retried or repaired.

use crate::data::MAX_DATA_BYTES;
use crate::lines::MAX_LINE_BYTES;
use std::io;
use std::path::{Path, PathBuf};

/// The source of an invalid record, kept as it came from its parser.
pub type ParseFailure = Box<dyn std::error::Error + Send + Sync>;

/// Why something could not be read from or written to disk.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused a file operation.
    #[error("could not {action} `{path}`: {source}", path = path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line holds no valid record.
    #[error("{file}:{line}: {message}", file = file.display())]
    Record {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// The parser's message, with the field and column.
        message: String,
        /// The parser's error.
        source: ParseFailure,
    },
    /// A line is not text.
    #[error("{file}:{line}: byte {at} of the line is not valid UTF-8", file = file.display())]
    NotUtf8 {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// First invalid byte of the line, from 1.
        at: usize,
    },
    /// The last line has no end and is no record.
    #[error("{file}:{line}: line {line} is cut off", file = file.display())]
    CutOff {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
    },
    /// A line without content.
    #[error("{file}:{line}: the line is empty", file = file.display())]
    BlankLine {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
    },
    /// A line that no sane record needs.
    #[error("{file}:{line}: the line is longer than {MAX_LINE_BYTES} bytes", file = file.display())]
    LineTooLong {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
    },
    /// A file without any record.
    #[error("{file}:1: the file is empty", file = file.display())]
    EmptyFile {
        /// The file.
        file: PathBuf,
    },
    /// A pretty-printed JSON file that is no valid record.
    #[error("{file}: {message}", file = file.display())]
    Document {
        /// The file.
        file: PathBuf,
        /// The parser's message, with the field.
        message: String,
        /// The parser's error.
        source: ParseFailure,
    },
    /// A hand-written arena names a code file that cannot be used.
    #[error("{file}: field `{field}`: code file `{name}` {why}", file = file.display())]
    CodeFile {
        /// The arena's file.
        file: PathBuf,
        /// Path of the field.
        field: String,
        /// The name written there.
        name: String,
        /// Why it cannot be used.
        why: String,
    },
    /// A path that holds nothing we can read.
    #[error("`{path}` holds no arenas: no `part-*.jsonl`, no `*.jsonl`, no `*.json`", path = path.display())]
    NoRecords {
        /// The path.
        path: PathBuf,
    },
    /// A path of a kind we do not read.
    #[error("`{path}` is neither a `.jsonl` file, a `.json` file nor a folder of them", path = path.display())]
    UnknownKind {
        /// The path.
        path: PathBuf,
    },
    /// A data file name that is no hash.
    #[error("`{id}` is not a blake3 hash of 64 lower-case hex digits")]
    BadContentId {
        /// The text found.
        id: String,
    },
    /// A data file is not there.
    #[error("data file `{path}` is missing", path = path.display())]
    MissingData {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A data file cannot be decompressed.
    #[error("data file `{path}` is corrupt: {source}", path = path.display())]
    CorruptData {
        /// The file.
        path: PathBuf,
        /// What the decompressor said.
        source: io::Error,
    },
    /// A data file holds other bytes than its name says.
    #[error("data file `{path}` holds content `{found}`", path = path.display())]
    DataMismatch {
        /// The file.
        path: PathBuf,
        /// Hash of what it holds.
        found: String,
    },
    /// Data above the limit of an arena.
    #[error("{what} is larger than {MAX_DATA_BYTES} bytes")]
    DataTooLarge {
        /// Which data.
        what: String,
    },
    /// A record that cannot be written as JSON.
    #[error("record `{id}` cannot be written as JSON: {source}")]
    Unserialisable {
        /// Which record.
        id: String,
        /// Why not.
        source: serde_json::Error,
    },
    /// A `--shard` text that is no shard.
    #[error("`{text}` is not a shard: write I/N with 0 ≤ I < N")]
    BadShard {
        /// The text found.
        text: String,
    },
    /// The output folder holds an earlier run and resuming was not asked for.
    #[error("`{folder}` already holds output of stage `{stage}`", folder = folder.display())]
    OutputExists {
        /// The folder.
        folder: PathBuf,
        /// The stage that wrote it.
        stage: String,
    },
    /// The output folder holds files that no run of ours accounts for.
    #[error("`{folder}` is not empty: it holds `{found}`", folder = folder.display())]
    FolderNotEmpty {
        /// The folder.
        folder: PathBuf,
        /// One name found there.
        found: String,
    },
    /// A resume with other settings than the run began with.
    #[error("`{folder}` was begun with other settings: {changes}", folder = folder.display(), changes = changes.join("; "))]
    SettingsChanged {
        /// The folder.
        folder: PathBuf,
        /// `name: then → now`, one per difference.
        changes: Vec<String>,
    },
    /// Another process writes to the same folder.
    #[error("another run is writing to `{folder}`", folder = folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// A worker thread could not be started.
    #[error("could not start worker thread: {source}")]
    Thread {
        /// What the system said.
        source: io::Error,
    },
}

impl StoreError {
    /// Next steps for a person, one line each.
    pub fn hints(&self) -> Vec<String> {
        let one = |text: &str| vec![text.to_owned()];
        match self {
            Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                one("check the path; nothing of that name is there")
            }
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                one("free some space and run the same command with `--resume`")
            }
            Self::Io { .. } | Self::Unserialisable { .. } | Self::Thread { .. } => Vec::new(),
            Self::Record { message, .. } if message.contains("EOF while parsing") => {
                one("a pretty-printed arena goes into a file of its own that ends in `.json`")
            }
            Self::Record { .. } => one("each line is one JSON object; field lists are in `docs/`"),
            Self::NotUtf8 { .. } => one("save the file as UTF-8"),
            Self::CutOff { .. } => {
                one("the writer was interrupted or the copy is incomplete: resume the writer or copy again")
            }
            Self::BlankLine { .. } => one("remove the empty line"),
            Self::LineTooLong { .. } => {
                one("is this JSON Lines? one record per line, each ended by a line feed")
            }
            Self::EmptyFile { .. } => {
                one("the stage that wrote it accepted nothing; see its `rejected.jsonl`")
            }
            Self::Document { .. } => one("start from a working example: `astra arenas new`"),
            Self::CodeFile { .. } => {
                one("`{\"file\": \"NAME.py\"}` names a file in the folder of the arena's own file")
            }
            Self::NoRecords { .. } | Self::UnknownKind { .. } => {
                one("name a `.jsonl` file, a folder with `part-*.jsonl`, or a hand-written `.json` arena")
            }
            Self::BadContentId { .. } => one("`data[].blake3` is the hash of the uncompressed bytes"),
            Self::MissingData { .. } => one("copy the `data` folder together with the file that names it"),
            Self::CorruptData { .. } | Self::DataMismatch { .. } => {
                one("copy the `data` folder again, or let the stage that wrote it run again")
            }
            Self::DataTooLarge { .. } => one("keep only the rows that the arena's calls can touch"),
            Self::BadShard { .. } => one("the first of four shards is `--shard 0/4`, the last `--shard 3/4`"),
            Self::OutputExists { .. } => one("continue it with `--resume`, or choose another `--out`"),
            Self::FolderNotEmpty { .. } => one("choose an empty or new folder with `--out`"),
            Self::SettingsChanged { changes, .. } => {
                let mut hints: Vec<String> =
                    changes.iter().map(|change| format!("put back {change}")).collect();
                hints.push("or choose another `--out` for the new settings".to_owned());
                hints
            }
            Self::Busy { .. } => one("wait for it, stop it, or choose another `--out`"),
        }
    }

    /// Wraps an I/O error with what was tried on which path; for `map_err`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
