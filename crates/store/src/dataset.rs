//! Arenas on disk, in every form that people and stages write them.
//!
//! ```text
//! DIR/part-00000.jsonl        one arena per line, as stages write them (read in name order)
//! DIR/data/<blake3>.json.zst  data files, beside the file that names them
//! DIR/rejected.jsonl          what was not published, and why; never read as arenas
//! DIR/NAME.json + NAME.py     a hand-written arena, pretty-printed, its tools' code in Python files beside it
//! ```
//!
//! Everything streams: a folder of a million arenas needs the memory of one. Whether an arena is any good is for the
//! gates to say; here it only has to parse and agree with itself.

use crate::lines::{FieldError, Record, Records, parse_json, read_records};
use crate::{DataFolder, StoreError};
use astra_protocol::{ArenaSpec, SpecError, Trace};
use serde::Deserialize;
use serde_json::Value as Json;
use std::path::{Component, Path, PathBuf};

/// Largest hand-written file (arena or code) that is read.
const MAX_DOCUMENT_BYTES: u64 = 4 << 20;

/// Names that stand beside arenas without being arenas.
const NOT_ARENAS: &[&str] = &["rejected", "failed", "manifest", "settings", "summary", "progress"];

/// An arena with the place it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredArena {
    /// The arena.
    pub spec: ArenaSpec,
    /// File it stands in.
    pub file: PathBuf,
    /// Line, from 1 (1 for a file that holds one pretty-printed arena).
    pub line: usize,
    /// Folder of its data files.
    pub data_dir: PathBuf,
}

impl StoredArena {
    /// Access to its data files.
    pub fn data(&self) -> DataFolder {
        DataFolder::at(&self.data_dir)
    }
}

/// All arenas at `path`, or the first thing that is wrong.
pub fn open_arenas(path: &Path) -> Result<Vec<StoredArena>, StoreError> {
    read_arenas(path)?.collect()
}

/// Every arena at `path` with its own result, so that one bad line does not hide the others.
pub fn check_arenas(path: &Path) -> Result<Vec<Result<StoredArena, StoreError>>, StoreError> {
    Ok(read_arenas(path)?.collect())
}

/// Streams the arenas at `path`: a `.jsonl` file, a `.json` file with one arena, or a folder of either.
pub fn read_arenas(path: &Path) -> Result<ArenaRecords, StoreError> {
    let mut files = arena_files(path)?;
    files.reverse();
    Ok(ArenaRecords { files, open: None })
}

/// Iterator of [`read_arenas`].
#[derive(Debug)]
pub struct ArenaRecords {
    /// Files still to read, the next one last.
    files: Vec<PathBuf>,
    open: Option<(PathBuf, Records<ParseArena>)>,
}

type ParseArena = fn(&str) -> Result<ArenaSpec, SpecError>;

impl Iterator for ArenaRecords {
    type Item = Result<StoredArena, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((file, records)) = &mut self.open {
                if let Some(record) = records.next() {
                    let file = file.clone();
                    return Some(record.map(|Record { line, value }| stored(value, file, line)));
                }
                self.open = None;
            }
            let file = self.files.pop()?;
            if has_extension(&file, "json") {
                return Some(read_document(&file).map(|spec| stored(spec, file, 1)));
            }
            match read_records(&file, ArenaSpec::parse as ParseArena) {
                Ok(records) => self.open = Some((file, records)),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

fn stored(spec: ArenaSpec, file: PathBuf, line: usize) -> StoredArena {
    let data_dir = file.with_file_name("data");
    StoredArena { spec, file, line, data_dir }
}

/// The files that hold arenas at `path`, in reading order.
pub fn arena_files(path: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let metadata = std::fs::metadata(path).map_err(StoreError::io("open", path))?;
    if !metadata.is_dir() {
        return if has_extension(path, "jsonl") || has_extension(path, "json") {
            Ok(vec![path.to_owned()])
        } else {
            Err(StoreError::UnknownKind { path: path.to_owned() })
        };
    }
    let mut parts = Vec::new();
    let mut others = Vec::new();
    for entry in std::fs::read_dir(path).map_err(StoreError::io("list", path))? {
        let entry = entry.map_err(StoreError::io("list", path))?;
        let file = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let readable = has_extension(&file, "jsonl") || has_extension(&file, "json");
        if name.starts_with('.') || !readable || is_no_arena(&name) || !file.is_file() {
            continue;
        }
        let is_part = name.starts_with("part-") && has_extension(&file, "jsonl");
        if is_part { &mut parts } else { &mut others }.push(file);
    }
    // What a stage wrote is its parts; other files beside them are notes of their own.
    let mut files = if parts.is_empty() { others } else { parts };
    if files.is_empty() {
        return Err(StoreError::NoRecords { path: path.to_owned() });
    }
    files.sort();
    Ok(files)
}

/// Whether a file stands beside arenas without being one: `rejected.jsonl`, or a shard's
/// `rejected-00001-of-00004.jsonl`.
fn is_no_arena(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    let stem = match stem.split_once('-') {
        Some((before, shard)) if shard.contains("-of-") => before,
        Some(_) | None => stem,
    };
    NOT_ARENAS.contains(&stem)
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

/// Why a hand-written arena is not one.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Not JSON at all.
    #[error("line {line}: {error}", line = error.line())]
    Syntax {
        /// What the parser said.
        error: serde_json::Error,
    },
    /// A tool's code could not be brought in.
    #[error("field `{field}`: code file `{name}` {why}")]
    Code {
        /// Path of the field.
        field: String,
        /// The name written there.
        name: String,
        /// Why it cannot be used.
        why: String,
    },
    /// JSON, but not an arena.
    #[error(transparent)]
    Spec(#[from] SpecError),
}

/// Parses a hand-written arena, whose tools' `"code"` may be `{"file": "NAME.py"}`; `read_code` answers with the text
/// of that name or the end of the sentence "code file `NAME` …".
pub fn parse_document(
    text: &str,
    read_code: impl Fn(&str) -> Result<String, String>,
) -> Result<ArenaSpec, DocumentError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut json: Json = serde_json::from_str(text).map_err(|error| DocumentError::Syntax { error })?;
    let tools = json.get_mut("tools").and_then(Json::as_array_mut);
    for (at, tool) in tools.into_iter().flatten().enumerate() {
        let Some(code) = tool.get_mut("code").filter(|code| code.is_object()) else { continue };
        let name = code.as_object().filter(|fields| fields.len() == 1).and_then(|fields| fields.get("file"));
        // Any other object is left for the arena's own parser to refuse by field name.
        let Some(name) = name.and_then(Json::as_str) else { continue };
        let source = read_code(name).map_err(|why| DocumentError::Code {
            field: format!("tools[{at}].code"),
            name: name.to_owned(),
            why,
        })?;
        *code = Json::String(source);
    }
    // Through the compact form, so that schemas hold no line breaks and the arena can stand on one line.
    Ok(ArenaSpec::parse(&json.to_string())?)
}

fn read_document(file: &Path) -> Result<ArenaSpec, StoreError> {
    let bytes = read_bounded(file).map_err(StoreError::io("read", file))?;
    let text = String::from_utf8(bytes).map_err(|error| not_utf8(file, &error))?;
    if text.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']).is_empty() {
        return Err(StoreError::EmptyFile { file: file.to_owned() });
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    parse_document(&text, |name| read_code(folder, name)).map_err(|error| match error {
        DocumentError::Code { field, name, why } => {
            StoreError::CodeFile { file: file.to_owned(), field, name, why }
        }
        DocumentError::Syntax { error } => StoreError::Record {
            file: file.to_owned(),
            line: error.line(),
            message: error.to_string(),
            source: Box::new(error),
        },
        DocumentError::Spec(error) => StoreError::Document {
            file: file.to_owned(),
            // The arena was parsed from its compact form, whose columns nobody can look up.
            message: error.to_string().split(" at line 1 column ").next().unwrap_or_default().to_owned(),
            source: Box::new(error),
        },
    })
}

fn not_utf8(file: &Path, error: &std::string::FromUtf8Error) -> StoreError {
    let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
    let line = valid.split(|byte| *byte == b'\n').count();
    let at = 1 + valid.iter().rev().take_while(|byte| **byte != b'\n').count();
    StoreError::NotUtf8 { file: file.to_owned(), line, at }
}

/// The text of `name`, which must stay inside `folder` even after links are followed.
fn read_code(folder: &Path, name: &str) -> Result<String, String> {
    let outside = || "leads out of the arena's folder".to_owned();
    let relative = Path::new(name);
    if name.is_empty() || !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(outside());
    }
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let root = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let root = root.canonicalize().map_err(unreadable)?;
    let file = root.join(relative).canonicalize().map_err(unreadable)?;
    if !file.starts_with(&root) {
        return Err(outside());
    }
    String::from_utf8(read_bounded(&file).map_err(unreadable)?).map_err(|_| "is not valid UTF-8".to_owned())
}

fn read_bounded(file: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let read = std::fs::File::open(file)?.take(MAX_DOCUMENT_BYTES + 1).read_to_end(&mut bytes)?;
    if read as u64 > MAX_DOCUMENT_BYTES {
        let error = format!("it is larger than {MAX_DOCUMENT_BYTES} bytes");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, error));
    }
    Ok(bytes)
}

/// Streams the traces of a JSON Lines file, whose lines are traces or hold one as `trace` beside what was measured.
pub fn read_traces(
    file: &Path,
) -> Result<impl Iterator<Item = Result<Record<Trace>, StoreError>> + use<>, StoreError> {
    read_records(file, parse_trace)
}

/// A trace by itself, or the field `trace` of a measured episode.
fn parse_trace(text: &str) -> Result<Trace, FieldError> {
    #[derive(Deserialize)]
    struct Measured {
        trace: Trace,
    }
    parse_json::<Trace>(text).or_else(|error| match error.field.as_str() {
        // The first field that a trace does not have: then the line is perhaps a measured episode.
        "episode" => parse_json::<Measured>(text).map(|measured| measured.trace),
        _ => Err(error),
    })
}
