//! Reads a folder of CSV files and the source note beside them.
//!
//! Strict where a silent guess would corrupt facts (ragged rows, two columns of one name, bytes that are no UTF-8) and
//! lenient where spreadsheets differ (byte order mark, quoting, empty cells). Types and keys are inferred next door.

use super::{Kind, Language, TableGroup, infer, words};
use crate::Error;
use astra_protocol::ContentId;
use std::path::{Path, PathBuf};

/// No cell that a tool returns may be larger.
const MAX_CELL_BYTES: usize = 64 * 1024;

/// A table as text: column names and cells by column.
pub(super) struct RawTable {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    pub(super) cells: Vec<Vec<Box<str>>>,
    pub(super) rows: usize,
}

pub(crate) fn read_group(folder: &Path) -> Result<TableGroup, Error> {
    let unreadable = |source| Error::Read { path: folder.to_owned(), source };
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(Error::NoTables { path: folder.to_owned() });
    }
    files.sort();
    let raw = files.iter().map(|path| read_table(path)).collect::<Result<Vec<_>, _>>()?;
    for (at, table) in raw.iter().enumerate() {
        if let Some(earlier) = raw[..at].iter().position(|earlier| earlier.name == table.name) {
            let (path, other) = (files[at].clone(), files[earlier].clone());
            return Err(Error::DuplicateTable { path, other, table: table.name.clone() });
        }
    }
    let name = folder
        .canonicalize()
        .ok()
        .and_then(|path| path.file_name().map(|name| words::snake(&name.to_string_lossy())))
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "tables".to_owned());
    // The note is optional: tables of unknown origin still make arenas, whose provenance then says nothing.
    let note = std::fs::read_to_string(folder.join("SOURCE.md")).unwrap_or_default();
    let field = |key: &str| {
        note.lines()
            .find_map(|line| line.strip_prefix("- ")?.strip_prefix(key)?.strip_prefix(": "))
            .map(|text| text.trim().to_owned())
    };
    let content = content(&files)?;
    let (tables, links) = infer::infer(raw);
    Ok(TableGroup {
        title: field("Title").unwrap_or_else(|| words::plain(&name)),
        source: field("Source"),
        license: field("Licence").or_else(|| field("License")),
        title_zh: None,
        languages: vec![Language::English],
        name,
        content,
        tables,
        links,
    })
}

/// Hash of the tables' names and bytes, read as a stream.
fn content(files: &[PathBuf]) -> Result<ContentId, Error> {
    let mut hasher = blake3::Hasher::new();
    for path in files {
        let unreadable = |source| Error::Read { path: path.clone(), source };
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
        hasher.update(format!("{name}\n{bytes}\n").as_bytes());
        hasher.update_reader(std::fs::File::open(path).map_err(unreadable)?).map_err(unreadable)?;
    }
    Ok(ContentId(hasher.finalize().to_hex().to_string()))
}

fn read_table(path: &Path) -> Result<RawTable, Error> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .from_path(path)
        .map_err(|error| csv_error(path, error))?;
    let mut record = csv::ByteRecord::new();
    let mut columns: Vec<String> = Vec::new();
    let mut cells: Vec<Vec<Box<str>>> = Vec::new();
    let mut rows = 0;
    while reader.read_byte_record(&mut record).map_err(|error| csv_error(path, error))? {
        let line = record.position().map_or(0, csv::Position::line);
        if columns.is_empty() {
            columns = header(path, line, &record)?;
            cells = columns.iter().map(|_| Vec::new()).collect();
            continue;
        }
        if record.len() != columns.len() {
            let (expected, found) = (columns.len(), record.len());
            return Err(Error::Ragged { path: path.to_owned(), line, expected, found });
        }
        for (at, bytes) in record.iter().enumerate() {
            if bytes.len() > MAX_CELL_BYTES {
                let column = columns[at].clone();
                return Err(Error::HugeCell { path: path.to_owned(), line, column, bytes: bytes.len() });
            }
            let text = std::str::from_utf8(bytes).map_err(|_| Error::NotUtf8 {
                path: path.to_owned(),
                line,
                column: columns[at].clone(),
            })?;
            cells[at].push(text.trim().into());
        }
        rows += 1;
    }
    let line = reader.position().line();
    if columns.is_empty() || rows == 0 {
        let what = if columns.is_empty() { "header" } else { "rows" };
        return Err(Error::Empty { path: path.to_owned(), line, what });
    }
    let name = path.file_stem().map(|stem| words::snake(&stem.to_string_lossy())).unwrap_or_default();
    let name = if name.is_empty() { "table".to_owned() } else { name };
    Ok(RawTable { name, columns, cells, rows })
}

fn header(path: &Path, line: u64, record: &csv::ByteRecord) -> Result<Vec<String>, Error> {
    let mut columns: Vec<String> = Vec::with_capacity(record.len());
    for (at, bytes) in record.iter().enumerate() {
        let bytes = if at == 0 { bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes) } else { bytes };
        let text = std::str::from_utf8(bytes).map_err(|_| Error::NotUtf8 {
            path: path.to_owned(),
            line,
            column: (at + 1).to_string(),
        })?;
        let name = words::snake(text);
        if name.is_empty() {
            return Err(Error::UnnamedColumn { path: path.to_owned(), line, number: at + 1 });
        }
        if let Some(first) = columns.iter().position(|earlier| *earlier == name) {
            return Err(Error::DuplicateColumn {
                path: path.to_owned(),
                line,
                column: name,
                first: first + 1,
                second: at + 1,
            });
        }
        columns.push(name);
    }
    Ok(columns)
}

fn csv_error(path: &Path, error: csv::Error) -> Error {
    let line = error.position().map_or(0, csv::Position::line);
    let message = error.to_string();
    if let csv::ErrorKind::Io(source) = error.into_kind() {
        return Error::Read { path: path.to_owned(), source };
    }
    Error::Csv { path: path.to_owned(), line, message }
}

/// Whether a cell of this kind says that nothing is known. `NA` does so among numbers; as text it is also a code.
pub(super) fn says_nothing(kind: Kind, cell: &str) -> bool {
    match cell {
        "" | "NULL" | "null" | "N/A" | "NaN" | "nan" | "None" => true,
        "NA" | "-" | "?" => kind != Kind::Text,
        _ => false,
    }
}

/// Type of a column from the cells that say something.
pub(super) fn kind_of(name: &str, cells: &[Box<str>]) -> Kind {
    let flag = name.starts_with("is_") || name.starts_with("has_");
    let filled = || cells.iter().filter(|cell| !says_nothing(Kind::Integer, cell));
    if filled().next().is_none() {
        return Kind::Text;
    }
    if filled().all(|cell| truth(cell, flag).is_some()) {
        return Kind::Bool;
    }
    // A leading zero is part of a code, not of a number.
    let numeral = |cell: &str| {
        let digits = cell.strip_prefix('-').unwrap_or(cell);
        digits.starts_with(|c: char| c.is_ascii_digit())
            && !(digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0."))
    };
    if filled().all(|cell| numeral(cell) && cell.parse::<i64>().is_ok()) {
        return Kind::Integer;
    }
    if filled().all(|cell| numeral(cell) && cell.parse::<f64>().is_ok_and(f64::is_finite)) {
        return Kind::Real;
    }
    if filled().all(|cell| cell.len() == 10 && cell.parse::<jiff::civil::Date>().is_ok()) {
        return Kind::Date;
    }
    Kind::Text
}

/// The truth value that a cell spells; `0` and `1` only in columns that are named like a flag.
pub(super) fn truth(cell: &str, flag: bool) -> Option<bool> {
    match cell {
        "true" | "True" | "TRUE" | "yes" | "Yes" => Some(true),
        "false" | "False" | "FALSE" | "no" | "No" => Some(false),
        "1" if flag => Some(true),
        "0" if flag => Some(false),
        _ => None,
    }
}
