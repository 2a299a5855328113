//! JSON Lines, read one line at a time and written whole.
//!
//! A reader keeps one line in memory, whatever the file's size, and reports a bad line without hiding the ones behind
//! it: every line gives a record or an error that says file, line and field. Nothing is skipped in silence; a blank
//! line is an error, a byte-order mark before the first line is not. Meaning is the parser's business, not ours.

use crate::StoreError;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// Longest line that is read; far above any trace, far below what would exhaust memory.
pub(crate) const MAX_LINE_BYTES: usize = 256 << 20;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A record with the line it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<T> {
    /// Line, from 1.
    pub line: usize,
    /// What stands there.
    pub value: T,
}

/// Why a text is not the JSON we expect; renders as ``field `x`: …``.
#[derive(Debug, thiserror::Error)]
#[error("field `{field}`: {error}")]
pub struct FieldError {
    /// Path of the field.
    pub field: String,
    /// What is wrong there.
    pub error: serde_json::Error,
}

/// Parses one JSON text and says which field is wrong.
pub fn parse_json<T: DeserializeOwned>(text: &str) -> Result<T, FieldError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| FieldError { field: error.path().to_string(), error: error.into_inner() })?;
    reader.end().map_err(|error| FieldError { field: "(end of line)".into(), error })?;
    Ok(value)
}

/// Opens a JSON Lines file; the iterator gives each line's record or error, and ends after an I/O error.
pub fn read_records<T, E, P>(path: &Path, parse: P) -> Result<Records<P>, StoreError>
where
    P: Fn(&str) -> Result<T, E>,
    E: std::error::Error + Send + Sync + 'static,
{
    let file = File::open(path).map_err(StoreError::io("open", path))?;
    // Opening a folder succeeds on Linux and only reading fails; say so before the first line.
    if file.metadata().map_err(StoreError::io("open", path))?.is_dir() {
        return Err(StoreError::UnknownKind { path: path.to_owned() });
    }
    let reader = BufReader::with_capacity(1 << 16, file);
    Ok(Records { path: path.to_owned(), reader, parse, buffer: Vec::new(), line: 0, ended: false })
}

/// Iterator of [`read_records`].
pub struct Records<P> {
    path: PathBuf,
    reader: BufReader<File>,
    parse: P,
    buffer: Vec<u8>,
    line: usize,
    ended: bool,
}

impl<P> std::fmt::Debug for Records<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").field("path", &self.path).field("line", &self.line).finish_non_exhaustive()
    }
}

impl<P> Records<P> {
    /// Reads the next line into the buffer; `None` at the end of the file.
    fn fill(&mut self) -> Option<Result<(), StoreError>> {
        self.buffer.clear();
        let limit = MAX_LINE_BYTES as u64 + 1;
        let read = match self.reader.by_ref().take(limit).read_until(b'\n', &mut self.buffer) {
            Ok(read) => read,
            Err(source) => {
                self.ended = true;
                return Some(Err(StoreError::Io { action: "read", path: self.path.clone(), source }));
            }
        };
        if read == 0 {
            self.ended = true;
            return (self.line == 0).then(|| Err(StoreError::EmptyFile { file: self.path.clone() }));
        }
        self.line += 1;
        if self.line == 1 && self.buffer.starts_with(BYTE_ORDER_MARK) {
            self.buffer.drain(..BYTE_ORDER_MARK.len());
        }
        if self.buffer.len() > MAX_LINE_BYTES {
            // The rest of such a line would be read as lines of its own: stop here.
            self.ended = true;
            return Some(Err(StoreError::LineTooLong { file: self.path.clone(), line: self.line }));
        }
        Some(Ok(()))
    }

    fn record<T, E>(&self) -> Result<Record<T>, StoreError>
    where
        P: Fn(&str) -> Result<T, E>,
        E: std::error::Error + Send + Sync + 'static,
    {
        let (file, line) = (self.path.clone(), self.line);
        let complete = self.buffer.ends_with(b"\n");
        let text = match std::str::from_utf8(&self.buffer) {
            Ok(text) => text.trim_matches(['\n', '\r', ' ', '\t']),
            // A write that was interrupted inside a character.
            Err(error) if !complete && error.error_len().is_none() => {
                return Err(StoreError::CutOff { file, line });
            }
            Err(error) => return Err(StoreError::NotUtf8 { file, line, at: error.valid_up_to() + 1 }),
        };
        if text.is_empty() {
            return Err(if line == 1 && !complete {
                StoreError::EmptyFile { file }
            } else {
                StoreError::BlankLine { file, line }
            });
        }
        match (self.parse)(text) {
            Ok(value) => Ok(Record { line, value }),
            Err(_) if !complete && is_cut_off(text) => Err(StoreError::CutOff { file, line }),
            Err(error) => {
                Err(StoreError::Record { file, line, message: in_line(&error), source: Box::new(error) })
            }
        }
    }
}

impl<T, E, P> Iterator for Records<P>
where
    P: Fn(&str) -> Result<T, E>,
    E: std::error::Error + Send + Sync + 'static,
{
    type Item = Result<Record<T>, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        Some(match self.fill()? {
            Ok(()) => self.record(),
            Err(error) => Err(error),
        })
    }
}

fn is_cut_off(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_err_and(|error| error.is_eof())
}

/// A JSON parser counts lines inside the record, which is always one line; the file's line is said already.
fn in_line(error: &impl std::error::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at column ")
}

/// One JSON line, ended by a line feed.
///
/// Schemas keep the bytes of their source, which may hold line breaks between tokens; they become spaces, because
/// inside JSON strings a raw line break cannot stand.
pub(crate) fn to_line<T: Serialize>(record: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut line = serde_json::to_vec(record)?;
    for byte in &mut line {
        if matches!(*byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    line.push(b'\n');
    Ok(line)
}

/// Writes a JSON Lines file that appears under its name only when it is complete.
#[derive(Debug)]
pub struct RecordWriter {
    path: PathBuf,
    temporary: PathBuf,
    file: BufWriter<File>,
    written: usize,
    finished: bool,
}

impl RecordWriter {
    /// Starts a file; what stood under the name stays until [`RecordWriter::finish`].
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        let temporary = temporary_name(path);
        let file = File::create_new(&temporary).map_err(StoreError::io("create", &temporary))?;
        Ok(Self { path: path.to_owned(), temporary, file: BufWriter::new(file), written: 0, finished: false })
    }

    /// Appends one record as one line.
    pub fn write<T: Serialize>(&mut self, record: &T) -> Result<(), StoreError> {
        let line = to_line(record).map_err(|source| StoreError::Unserialisable {
            id: format!("line {}", self.written + 1),
            source,
        })?;
        self.file.write_all(&line).map_err(StoreError::io("write", &self.temporary))?;
        self.written += 1;
        Ok(())
    }

    /// Makes the file appear under its name and says how many records it holds.
    pub fn finish(mut self) -> Result<usize, StoreError> {
        self.file.flush().map_err(StoreError::io("write", &self.temporary))?;
        self.file.get_ref().sync_data().map_err(StoreError::io("write", &self.temporary))?;
        std::fs::rename(&self.temporary, &self.path).map_err(StoreError::io("rename", &self.temporary))?;
        self.finished = true;
        Ok(self.written)
    }
}

impl Drop for RecordWriter {
    fn drop(&mut self) {
        if !self.finished {
            // Best effort: a leftover temporary file is never read.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

/// A name beside `path` that no reader takes for an artefact and no other writer uses.
pub(crate) fn temporary_name(path: &Path) -> PathBuf {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unique = NEXT.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".{name}.{}-{unique}.tmp", std::process::id()))
}

/// Writes a small file whole or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let temporary = temporary_name(path);
    let write = || {
        let mut file = File::create_new(&temporary)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        std::fs::rename(&temporary, path)
    };
    write().map_err(|source| {
        let _ = std::fs::remove_file(&temporary);
        StoreError::Io { action: "write", path: path.to_owned(), source }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::strategy::Strategy as _;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Row {
        name: String,
        size: u32,
    }

    fn read(bytes: &[u8]) -> Vec<Result<Record<Row>, StoreError>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        std::fs::write(&path, bytes).unwrap();
        read_records(&path, parse_json::<Row>).unwrap().collect()
    }

    fn message(result: &Result<Record<Row>, StoreError>) -> String {
        let text = result.as_ref().unwrap_err().to_string();
        text.rsplit_once('/').map(|(_, tail)| tail.to_owned()).unwrap()
    }

    #[test]
    fn a_bad_line_does_not_hide_the_others() {
        let rows = read(b"{\"name\":\"a\",\"size\":1}\n{\"name\":\"b\",\"size\":\"x\"}\n\n{\"name\":\"\xff\"}\n{\"name\":\"c\",\"size\":3}\n");
        assert_eq!(rows.len(), 5);
        assert_eq!(rows[0].as_ref().unwrap().value.name, "a");
        assert_eq!(
            message(&rows[1]),
            "rows.jsonl:2: field `size`: invalid type: string \"x\", expected u32 at column 22"
        );
        assert_eq!(message(&rows[2]), "rows.jsonl:3: the line is empty");
        assert_eq!(message(&rows[3]), "rows.jsonl:4: byte 10 of the line is not valid UTF-8");
        assert_eq!(rows[4].as_ref().unwrap().line, 5);
        assert!(rows.iter().filter_map(|row| row.as_ref().err()).all(|error| !error.hints().is_empty()));
    }

    #[test]
    fn a_cut_last_line_is_called_cut_off_and_a_complete_one_is_read() {
        let whole = "{\"name\":\"é\",\"size\":1}\n{\"name\":\"é\",\"size\":2}";
        assert_eq!(read(whole.as_bytes()).into_iter().filter_map(Result::ok).count(), 2);
        let second = whole.find('\n').unwrap() + 1;
        for end in second + 1..whole.len() {
            let rows = read(&whole.as_bytes()[..end]);
            assert_eq!(rows.len(), 2, "cut at {end}");
            assert!(rows[0].is_ok());
            assert_eq!(message(&rows[1]), "rows.jsonl:2: line 2 is cut off", "cut at {end}");
        }
    }

    #[test]
    fn an_unfinished_line_with_a_wrong_field_names_the_field() {
        assert!(message(&read(b"{\"name\":\"a\",\"colour\":1}")[0]).contains("field `colour`"));
    }

    #[test]
    fn a_byte_order_mark_and_dos_line_ends_are_read() {
        let rows = read(b"\xef\xbb\xbf{\"name\":\"a\",\"size\":1}\r\n{\"name\":\"b\",\"size\":2}\r\n");
        assert_eq!(rows.into_iter().filter_map(Result::ok).count(), 2);
    }

    proptest::proptest! {
        #[test]
        fn every_line_of_any_bytes_gives_one_result(
            bytes in "([a-z0-9{}\"\\\\:,\\[\\] ]|\n|\r|\u{feff}|é){0,60}".prop_map(String::into_bytes),
            noise in proptest::collection::vec((0..60_usize, proptest::prelude::any::<u8>()), 0..4),
        ) {
            use proptest::prelude::*;
            let mut bytes = bytes;
            for (at, byte) in noise {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
            let lines = bytes.split_inclusive(|byte| *byte == b'\n').count().max(1);
            prop_assert_eq!(read(&bytes).len(), lines);
        }
    }

    #[test]
    fn an_empty_file_is_an_error() {
        assert_eq!(message(&read(b"")[0]), "rows.jsonl:1: the file is empty");
        assert_eq!(message(&read(b"\xef\xbb\xbf")[0]), "rows.jsonl:1: the file is empty");
        assert_eq!(read(b"").len(), 1);
    }

    #[test]
    fn a_missing_file_and_a_folder_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let missing = read_records(&folder.path().join("x.jsonl"), parse_json::<Row>).unwrap_err();
        assert!(missing.to_string().contains("x.jsonl") && !missing.hints().is_empty());
        assert!(read_records(folder.path(), parse_json::<Row>).is_err());
    }

    #[test]
    fn a_written_file_appears_only_when_finished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        let mut writer = RecordWriter::create(&path).unwrap();
        writer.write(&Row { name: "a\nb".into(), size: 1 }).unwrap();
        assert!(!path.exists());
        assert_eq!(writer.finish().unwrap(), 1);
        let rows: Vec<_> = read_records(&path, parse_json::<Row>).unwrap().collect();
        assert_eq!(rows[0].as_ref().unwrap().value.name, "a\nb");
        drop(RecordWriter::create(&folder.path().join("other.jsonl")).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn raw_line_breaks_in_schemas_do_not_split_a_record() {
        let raw = serde_json::value::RawValue::from_string("{\n  \"a\":\r\n 1}".into()).unwrap();
        assert_eq!(to_line(&raw).unwrap(), b"{   \"a\":   1}\n");
    }
}
