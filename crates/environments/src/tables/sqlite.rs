//! Reads the tables of one `SQLite` file, with the keys that it declares.
//!
//! The file is opened read-only, and as immutable unless a journal stands beside it, so that reading leaves no trace.
//! Every table is checked page by page before it is believed: `SQLite` reads a damaged file as far as it goes.

use super::Kind;
use super::raw::{MAX_CELL_BYTES, Origin, RawColumn, RawReference, RawTable, table_name};
use super::words::snake;
use crate::error::Error;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};
use std::fmt::Write as _;
use std::path::Path;

pub(super) fn read(path: &Path) -> Result<Vec<RawTable>, Error> {
    let whole = Origin::new(path);
    let connection = open(path).map_err(|error| malformed(&whole, &error))?;
    let listed = match tables(&connection) {
        Ok(listed) => listed,
        Err(error) => return Err(damage(&connection, path).unwrap_or_else(|| malformed(&whole, &error))),
    };
    let mut out = Vec::with_capacity(listed.len());
    for (name, virtual_table) in listed {
        let origin = Origin { table: Some(name.clone()), ..Origin::new(path) };
        if virtual_table {
            continue;
        }
        check(&connection, &origin, &name)?;
        if let Some(table) = table(&connection, origin, &name)? {
            out.push(table);
        }
    }
    if out.is_empty() {
        return Err(Error::NoTables { path: path.to_owned() });
    }
    Ok(out)
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let journal = |ending: &str| {
        let mut beside = path.as_os_str().to_owned();
        beside.push(ending);
        std::fs::metadata(beside).is_ok_and(|found| found.len() > 0)
    };
    let immutable = if journal("-wal") || journal("-journal") { "" } else { "&immutable=1" };
    let mut uri = String::from("file:");
    for byte in path.to_string_lossy().bytes() {
        if byte.is_ascii() && !matches!(byte, b'%' | b'?' | b'#') {
            uri.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(uri, "%{byte:02x}");
        }
    }
    uri.push_str("?mode=ro");
    uri.push_str(immutable);
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(uri, flags)
}

/// Names of the tables, and whether they are virtual, by name.
fn tables(connection: &Connection) -> rusqlite::Result<Vec<(String, bool)>> {
    let mut statement = connection.prepare(
        "SELECT name, sql LIKE 'CREATE VIRTUAL%' FROM sqlite_schema \
         WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    )?;
    let rows =
        statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, Option<bool>>(1)?.unwrap_or(false))))?;
    rows.collect()
}

/// Looks for what is left of a file that `SQLite` refuses as a whole: how much of it is there, and the first table
/// that is hit.
fn damage(connection: &Connection, path: &Path) -> Option<Error> {
    let mut head = [0_u8; 100];
    let mut file = std::fs::File::open(path).ok()?;
    std::io::Read::read_exact(&mut file, &mut head).ok()?;
    if !head.starts_with(b"SQLite format 3\0") {
        return None;
    }
    let page = match u64::from(u16::from_be_bytes([head[16], head[17]])) {
        1 => 65_536,
        bytes => bytes,
    };
    let should = page * u64::from(u32::from_be_bytes([head[28], head[29], head[30], head[31]]));
    let holds = file.metadata().ok()?.len();
    if holds >= should {
        return None;
    }
    let mut origin = Origin::new(path);
    // This makes SQLite read as far as the file goes instead of refusing it by its size.
    if connection.execute_batch("PRAGMA writable_schema = ON").is_ok() {
        let hit = |name: &String| check(connection, &Origin::new(path), name).is_err();
        origin.table =
            tables(connection).ok().and_then(|listed| listed.into_iter().map(|(name, _)| name).find(hit));
    }
    let message = format!("it is cut off, {holds} of {should} bytes are there");
    Some(Error::Malformed { place: origin.whole(), format: "SQLite database", message })
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Walks every page of a table.
fn check(connection: &Connection, origin: &Origin, name: &str) -> Result<(), Error> {
    let said: String = connection
        .query_row(&format!("PRAGMA quick_check({})", quoted(name)), [], |row| row.get(0))
        .map_err(|error| malformed(origin, &error))?;
    if said == "ok" {
        return Ok(());
    }
    // SQLite heads its findings with a line that says which database it means.
    let message = said.lines().find(|line| !line.starts_with("***")).unwrap_or(&said).to_owned();
    Err(Error::Malformed { place: origin.whole(), format: "SQLite database", message })
}

/// A table with its rows; nothing for an empty one, which declares a place for data that is not there, and for one
/// that holds raw bytes only.
fn table(connection: &Connection, origin: Origin, name: &str) -> Result<Option<RawTable>, Error> {
    let shape = shape(connection, name).map_err(|error| malformed(&origin, &error))?;
    let mut table = RawTable {
        name: table_name(name),
        origin,
        columns: shape.columns,
        rows: 0,
        key: None,
        references: Vec::new(),
        notes: Vec::new(),
    };
    for (at, column) in table.columns.iter().enumerate() {
        let place = || table.origin.whole();
        if column.name.is_empty() {
            return Err(Error::UnnamedColumn { place: place(), number: at + 1 });
        }
        if let Some(first) = table.columns[..at].iter().position(|earlier| earlier.name == column.name) {
            let (column, first, second) = (column.name.clone(), first + 1, at + 1);
            return Err(Error::DuplicateColumn { place: place(), column, first, second });
        }
    }
    let blobs = rows(connection, name, &mut table)?;
    if table.rows == 0 {
        return Ok(None);
    }
    match shape.key.as_slice() {
        [] => {}
        [only] => table.key = Some(*only),
        several => {
            let names: Vec<&str> = several.iter().map(|at| table.columns[*at].header.as_str()).collect();
            table.notes.push(format!("the key of several columns ({}) is not used", names.join(", ")));
        }
    }
    foreign_keys(connection, name, &mut table).map_err(|error| malformed(&table.origin, &error))?;
    leave_out(&mut table, &blobs);
    Ok((!table.columns.is_empty()).then_some(table))
}

struct Shape {
    columns: Vec<RawColumn>,
    /// Columns of the primary key.
    key: Vec<usize>,
}

fn shape(connection: &Connection, name: &str) -> rusqlite::Result<Shape> {
    let mut statement = connection.prepare(&format!("PRAGMA table_info({})", quoted(name)))?;
    let mut found = statement.query([])?;
    let mut shape = Shape { columns: Vec::new(), key: Vec::new() };
    while let Some(row) = found.next()? {
        let mut column = RawColumn::new(&row.get::<_, String>(1)?);
        let declared = row.get::<_, Option<String>>(2)?.unwrap_or_default().to_uppercase();
        let says = |words: &[&str]| words.iter().any(|word| declared.contains(word));
        column.hint = match () {
            () if says(&["BOOL"]) => Some(Kind::Bool),
            () if says(&["CHAR", "TEXT", "CLOB"]) => Some(Kind::Text),
            () => None,
        };
        if row.get::<_, i64>(5)? > 0 {
            shape.key.push(shape.columns.len());
        }
        shape.columns.push(column);
    }
    Ok(shape)
}

/// Reads the rows; returns the columns that hold raw bytes.
fn rows(connection: &Connection, name: &str, table: &mut RawTable) -> Result<Vec<usize>, Error> {
    let listed: Vec<String> = table.columns.iter().map(|column| quoted(&column.header)).collect();
    // Without an index the rows come in the order of the table itself.
    let query = format!("SELECT {} FROM {} NOT INDEXED", listed.join(", "), quoted(name));
    let mut statement = connection.prepare(&query).map_err(|error| malformed(&table.origin, &error))?;
    let mut found = statement.query([]).map_err(|error| malformed(&table.origin, &error))?;
    let mut blobs = Vec::new();
    while let Some(row) = found.next().map_err(|error| malformed(&table.origin, &error))? {
        for at in 0..table.columns.len() {
            if cell(row, at, table)? && !blobs.contains(&at) {
                blobs.push(at);
            }
        }
        table.rows += 1;
    }
    Ok(blobs)
}

/// Reads a cell; says whether it is raw bytes.
fn cell(row: &Row<'_>, at: usize, table: &mut RawTable) -> Result<bool, Error> {
    let value = row.get_ref(at).map_err(|error| malformed(&table.origin, &error))?;
    let column = &mut table.columns[at];
    match value {
        ValueRef::Null => column.push(""),
        ValueRef::Integer(value) => column.push(&value.to_string()),
        ValueRef::Real(value) => column.push(&format!("{value:?}")),
        ValueRef::Text(bytes) => {
            let place = || table.origin.row(table.rows);
            let name = || column.header.clone();
            if bytes.len() > MAX_CELL_BYTES {
                return Err(Error::HugeCell { place: place(), column: name(), limit: MAX_CELL_BYTES });
            }
            let text =
                std::str::from_utf8(bytes).map_err(|_| Error::NotUtf8 { place: place(), column: name() })?;
            column.push(text);
        }
        ValueRef::Blob(_) => {
            column.push("");
            return Ok(true);
        }
    }
    Ok(false)
}

fn foreign_keys(connection: &Connection, name: &str, table: &mut RawTable) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("PRAGMA foreign_key_list({})", quoted(name)))?;
    let mut found = statement.query([])?;
    let mut keys: Vec<(i64, String, String, Option<String>)> = Vec::new();
    while let Some(row) = found.next()? {
        keys.push((row.get(0)?, row.get(2)?, row.get(3)?, row.get(4)?));
    }
    keys.sort_by_key(|(id, ..)| *id);
    for columns in keys.chunk_by(|(one, ..), (other, ..)| one == other) {
        match columns {
            [(_, parent, from, to)] => {
                let from = snake(from);
                let Some(column) = table.columns.iter().position(|column| column.name == from) else {
                    continue;
                };
                let to = to.as_deref().map(snake);
                table.references.push(RawReference { column, table: table_name(parent), to });
            }
            several => {
                let names: Vec<&str> = several.iter().map(|(_, _, from, _)| from.as_str()).collect();
                let parent = several.first().map_or("", |(_, parent, ..)| parent.as_str());
                table.notes.push(format!(
                    "the foreign key of several columns ({}) to `{parent}` is not used",
                    names.join(", ")
                ));
            }
        }
    }
    Ok(())
}

/// Takes columns of raw bytes out.
fn leave_out(table: &mut RawTable, blobs: &[usize]) {
    let mut blobs = blobs.to_vec();
    blobs.sort_unstable();
    for at in blobs.into_iter().rev() {
        let column = table.columns.remove(at);
        table.notes.push(format!("`{}` is left out: it holds raw bytes", column.header));
        table.references.retain(|reference| reference.column != at);
        let after = |column: usize| column - usize::from(column > at);
        table.key = table.key.filter(|key| *key != at).map(after);
        for reference in &mut table.references {
            reference.column = after(reference.column);
        }
    }
}

fn malformed(origin: &Origin, error: &rusqlite::Error) -> Error {
    Error::Malformed { place: origin.whole(), format: "SQLite database", message: error.to_string() }
}
