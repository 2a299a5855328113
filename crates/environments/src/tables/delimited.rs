//! Reads a CSV or TSV file.
//!
//! Strict where a silent guess would corrupt facts (ragged rows, two columns of one name, bytes that are no UTF-8) and
//! lenient where spreadsheets differ (byte order mark, quoting, empty cells, the separator). A record is bounded while
//! it streams in, so a quote that is never closed cannot pull a whole file into memory.

use super::raw::{MAX_CELL_BYTES, NAMELESS, Origin, RawColumn, RawTable, stem, table_name};
use crate::error::{Error, Place};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;

/// No record may be larger; what stands behind is not read.
const MAX_RECORD_BYTES: usize = 8 << 20;

/// A reader that ends where the current record's allowance ends.
struct Allowance<R> {
    inner: R,
    left: usize,
    spent: bool,
}

impl<R: Read> Read for Allowance<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.spent = self.left == 0;
        let most = self.left.min(buffer.len());
        let read = self.inner.read(&mut buffer[..most])?;
        self.left -= read;
        Ok(read)
    }
}

pub(super) fn read(path: &Path) -> Result<RawTable, Error> {
    let unreadable = |source| Error::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(unreadable)?;
    let separator = separator(path, &file).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .delimiter(separator)
        .from_reader(Allowance { inner: file, left: MAX_RECORD_BYTES, spent: false });
    let mut record = csv::ByteRecord::new();
    let mut columns: Vec<RawColumn> = Vec::new();
    let mut origin = Origin::new(path);
    let mut rows = 0;
    let mut nameless = false;
    while reader.read_byte_record(&mut record).map_err(|error| malformed(path, error))? {
        let line = record.position().map_or(0, csv::Position::line);
        refuse_huge(path, line, &columns, &record, reader.get_ref().spent)?;
        if columns.is_empty() {
            columns = header(path, line, &record)?;
            nameless = record.get(0).is_some_and(|first| first.trim_ascii().is_empty());
        } else {
            row(path, line, &mut columns, &record)?;
            origin.lines.push(u32::try_from(line).unwrap_or(u32::MAX));
            rows += 1;
        }
        reader.get_mut().left = MAX_RECORD_BYTES;
    }
    if columns.is_empty() || rows == 0 {
        let what = if columns.is_empty() { "header" } else { "rows" };
        return Err(Error::Empty { place: Place::line(path, reader.position().line()), what });
    }
    let mut table = RawTable {
        name: table_name(&stem(path)),
        origin,
        columns,
        rows,
        key: None,
        references: Vec::new(),
        notes: Vec::new(),
    };
    if nameless {
        table.leave_out_row_numbers();
        if table.columns[0].name == NAMELESS {
            return Err(Error::UnnamedColumn { place: Place::line(path, 1), number: 1 });
        }
    }
    if !matches!(separator, b',' | b'\t') {
        table.notes.push(format!("its cells are separated by `{}`", char::from(separator)));
    }
    Ok(table)
}

/// A tab for `.tsv`; else a comma, unless the first line has none and another separator.
fn separator(path: &Path, file: &File) -> std::io::Result<u8> {
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("tsv")) {
        return Ok(b'\t');
    }
    let mut first = Vec::new();
    BufReader::new(file).take(MAX_CELL_BYTES as u64).read_until(b'\n', &mut first)?;
    let mut quoted = false;
    let mut counts = [0_usize; 256];
    for byte in first {
        quoted ^= byte == b'"';
        counts[usize::from(byte)] += usize::from(!quoted);
    }
    let count = |separator: u8| counts[usize::from(separator)];
    let other = [b';', b'\t', b'|'].into_iter().max_by_key(|separator| count(*separator)).unwrap_or(b',');
    Ok(if count(b',') == 0 && count(other) > 0 { other } else { b',' })
}

fn refuse_huge(
    path: &Path,
    line: u64,
    columns: &[RawColumn],
    record: &csv::ByteRecord,
    spent: bool,
) -> Result<(), Error> {
    // A record of very many cells may be too large without any large cell; its last cell is where it stopped.
    let huge = record.iter().position(|cell| cell.len() > MAX_CELL_BYTES);
    let Some(at) = huge.or_else(|| spent.then(|| record.len().saturating_sub(1))) else { return Ok(()) };
    let column = columns.get(at).map_or_else(|| (at + 1).to_string(), |column| column.name.clone());
    Err(Error::HugeCell { place: Place::line(path, line), column, limit: MAX_CELL_BYTES })
}

fn row(path: &Path, line: u64, columns: &mut [RawColumn], record: &csv::ByteRecord) -> Result<(), Error> {
    if record.len() != columns.len() {
        let (expected, found) = (columns.len(), record.len());
        return Err(Error::Ragged { place: Place::line(path, line), expected, found });
    }
    for (column, bytes) in columns.iter_mut().zip(record) {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Error::NotUtf8 { place: Place::line(path, line), column: column.name.clone() })?;
        column.push(text);
    }
    Ok(())
}

fn header(path: &Path, line: u64, record: &csv::ByteRecord) -> Result<Vec<RawColumn>, Error> {
    let mut columns: Vec<RawColumn> = Vec::with_capacity(record.len());
    for (at, bytes) in record.iter().enumerate() {
        let place = Place::line(path, line);
        let bytes = if at == 0 { bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes) } else { bytes };
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(Error::NotUtf8 { place, column: (at + 1).to_string() });
        };
        // Statistics programs leave the head of their row numbers empty.
        let numbers = at == 0 && text.trim().is_empty() && record.len() > 1;
        let column = RawColumn::new(if numbers { NAMELESS } else { text });
        if column.name.is_empty() {
            return Err(Error::UnnamedColumn { place, number: at + 1 });
        }
        if let Some(first) = columns.iter().position(|earlier| earlier.name == column.name) {
            let (first, second) = (first + 1, at + 1);
            return Err(Error::DuplicateColumn { place, column: column.name, first, second });
        }
        columns.push(column);
    }
    Ok(columns)
}

fn malformed(path: &Path, error: csv::Error) -> Error {
    let line = error.position().map_or(0, csv::Position::line);
    let message = error.to_string();
    if let csv::ErrorKind::Io(source) = error.into_kind() {
        return Error::Read { path: path.to_owned(), source };
    }
    Error::Malformed { place: Place::line(path, line), format: "CSV table", message }
}
