//! Reads a JSON or JSON Lines file, row by row, without a tree of it in memory.
//!
//! One table per file: an array of objects, one object per line, an object of columns, an object of records by their
//! keys, or an object with one such array among other entries. The bytes pass a watch that knows the line and stops a
//! string that is longer than a cell may be before the parser has gathered it.

use super::raw::{Growing, MAX_CELL_BYTES, RawTable, stem};
use crate::error::{Error, Place};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// Name of the column that holds the keys of an object of records.
const KEY_COLUMN: &str = "key";

/// What the watch saw last.
#[derive(Debug)]
struct Seen {
    line: Cell<u64>,
    key: RefCell<String>,
    too_long: Cell<bool>,
}

/// Follows the bytes on their way to the parser, which reads them one by one.
struct Watch<'a, R> {
    inner: R,
    seen: &'a Seen,
    quoted: bool,
    escaped: bool,
    length: usize,
    text: Vec<u8>,
}

impl<R: Read> Read for Watch<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        for byte in &buffer[..read] {
            self.step(*byte);
        }
        if self.length > MAX_CELL_BYTES {
            self.seen.too_long.set(true);
            return Err(std::io::Error::other("a string is too long"));
        }
        Ok(read)
    }
}

impl<R> Watch<'_, R> {
    fn step(&mut self, byte: u8) {
        if byte == b'\n' {
            self.seen.line.set(self.seen.line.get() + 1);
        }
        if self.quoted {
            self.quoted = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            self.length += 1;
            if self.quoted && self.text.len() < 128 {
                self.text.push(byte);
            }
        } else if byte == b'"' {
            self.quoted = true;
            self.length = 0;
            self.text.clear();
        } else if byte == b':' {
            *self.seen.key.borrow_mut() = String::from_utf8_lossy(&self.text).into_owned();
        }
    }
}

/// What reading fills: the rows, and the refusal that the parser only passes on.
struct Sink<'a> {
    rows: Growing,
    seen: &'a Seen,
    refusal: Option<Error>,
}

impl Sink<'_> {
    /// Number of a column; a refusal of ours is kept while the parser unwinds.
    fn column<E: serde::de::Error>(&mut self, header: &str) -> Result<usize, E> {
        self.rows.column(header, self.seen.line.get()).map_err(|error| {
            self.refusal = Some(error);
            E::custom("refused")
        })
    }

    fn cells<E: serde::de::Error>(&mut self, row: &Map<String, Json>) -> Result<(), E> {
        for (header, value) in row {
            let column = self.column(header)?;
            let text = self.text(column, value);
            self.rows.set(column, &text);
        }
        Ok(())
    }

    /// A cell as text. Lists and objects mark their column.
    fn text<'v>(&mut self, column: usize, value: &'v Json) -> Cow<'v, str> {
        match value {
            Json::Null => "".into(),
            Json::Bool(value) => value.to_string().into(),
            Json::Number(value) => value.to_string().into(),
            Json::String(value) => value.as_str().into(),
            Json::Array(_) | Json::Object(_) => {
                self.rows.nest(column);
                "".into()
            }
        }
    }

    fn append<E: serde::de::Error>(&mut self, header: &str, value: &Json) -> Result<(), E> {
        let column = self.column(header)?;
        let text = self.text(column, value);
        self.rows.append(column, &text);
        Ok(())
    }
}

pub(super) fn read(path: &Path, lines: bool) -> Result<RawTable, Error> {
    let file = File::open(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let seen = Seen { line: Cell::new(1), key: RefCell::new(String::new()), too_long: Cell::new(false) };
    let inner = BufReader::with_capacity(1 << 16, file);
    let watch = Watch { inner, seen: &seen, quoted: false, escaped: false, length: 0, text: Vec::new() };
    let mut sink = Sink { rows: Growing::new(path), seen: &seen, refusal: None };
    let mut parser = serde_json::Deserializer::from_reader(watch);
    let mut done = Ok(());
    if lines {
        while done.is_ok() && parser.end().is_err() {
            done = Row(&mut sink).deserialize(&mut parser);
        }
    } else {
        done = Whole(&mut sink).deserialize(&mut parser).and_then(|()| parser.end());
    }
    match (done, sink.refusal) {
        (Ok(()), _) => sink.rows.finish(&stem(path)),
        (Err(_), Some(refusal)) => Err(refusal),
        (Err(error), None) => Err(malformed(path, &seen, error)),
    }
}

fn malformed(path: &Path, seen: &Seen, error: serde_json::Error) -> Error {
    if seen.too_long.get() {
        let place = Place::line(path, seen.line.get());
        return Error::HugeCell { place, column: seen.key.take(), limit: MAX_CELL_BYTES };
    }
    if error.is_io() {
        return Error::Read { path: path.to_owned(), source: error.into() };
    }
    let line = error.line().max(1) as u64;
    if error.to_string().starts_with("invalid unicode code point") {
        return Error::NotUtf8 { place: Place::line(path, line), column: seen.key.take() };
    }
    let column = error.column();
    let message = error.to_string();
    let tail = format!(" at line {} column {column}", error.line());
    let message = format!("{} (column {column})", message.strip_suffix(&tail).unwrap_or(&message));
    Error::Malformed { place: Place::line(path, line), format: "JSON table", message }
}

/// One object of an array.
struct Row<'s, 'a>(&'s mut Sink<'a>);

impl<'de> DeserializeSeed<'de> for Row<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        parser.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object for each row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let line = self.0.seen.line.get();
        while let Some(column) = entries.next_key_seed(Header(self.0))? {
            entries.next_value_seed(Scalar { sink: self.0, column })?;
        }
        self.0.rows.end_row(line);
        Ok(())
    }
}

/// A key of a row, which names a column.
struct Header<'s, 'a>(&'s mut Sink<'a>);

impl<'de> DeserializeSeed<'de> for Header<'_, '_> {
    type Value = usize;
    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<usize, D::Error> {
        parser.deserialize_str(self)
    }
}

impl Visitor<'_> for Header<'_, '_> {
    type Value = usize;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a column")
    }
    fn visit_str<E: serde::de::Error>(self, header: &str) -> Result<usize, E> {
        self.0.column(header)
    }
}

/// A value of a row, without a copy of it on the way.
struct Scalar<'s, 'a> {
    sink: &'s mut Sink<'a>,
    column: usize,
}

impl<'de> DeserializeSeed<'de> for Scalar<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        parser.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scalar<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.sink.rows.set(self.column, text);
        Ok(())
    }
    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.visit_str("")
    }
    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.visit_str(if value { "true" } else { "false" })
    }
    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.visit_str(&value.to_string())
    }
    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.visit_str(&value.to_string())
    }
    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.visit_str(&Json::from(value).to_string())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        self.sink.rows.nest(self.column);
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        self.sink.rows.nest(self.column);
        Ok(())
    }
}

/// The whole document.
struct Whole<'s, 'a>(&'s mut Sink<'a>);

impl<'de> DeserializeSeed<'de> for Whole<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        parser.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Whole<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects or an object of columns")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Row(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut table: Option<Shape> = None;
        while let Some(key) = entries.next_key::<String>()? {
            let shape = entries.next_value_seed(Entry { sink: self.0, key: &key })?;
            match (table, shape) {
                (_, Shape::Other) => self.0.rows.notes.push(format!("`{key}` is left out: it holds no rows")),
                // Columns and records come in many entries, rows in one.
                (None, _)
                | (Some(Shape::Columns), Shape::Columns)
                | (Some(Shape::Records), Shape::Records) => {
                    table = Some(shape);
                }
                (Some(_), Shape::Columns | Shape::Records | Shape::Rows) => {
                    return Err(A::Error::custom(format!("`{key}` begins a second table")));
                }
            }
        }
        if table == Some(Shape::Columns) { end_columns(self.0) } else { Ok(()) }
    }
}

/// Columns of equal length become rows, which have no lines of their own.
fn end_columns<E: serde::de::Error>(sink: &mut Sink<'_>) -> Result<(), E> {
    let lengths: Vec<(&str, usize)> = sink.rows.lengths().collect();
    let Some((first, rows)) = lengths.first().copied() else { return Ok(()) };
    if let Some((other, found)) = lengths.iter().find(|(_, length)| *length != rows) {
        return Err(E::custom(format!("`{first}` has {rows} values and `{other}` has {found}")));
    }
    sink.rows.rows = rows;
    Ok(())
}

/// What the entries of the outermost object are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Columns,
    Records,
    Rows,
    Other,
}

/// An entry of the outermost object.
struct Entry<'s, 'a, 'k> {
    sink: &'s mut Sink<'a>,
    key: &'k str,
}

impl<'de> DeserializeSeed<'de> for Entry<'_, '_, '_> {
    type Value = Shape;
    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<Shape, D::Error> {
        parser.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Entry<'_, '_, '_> {
    type Value = Shape;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a column or a record")
    }

    /// A column, or the rows of a table that is wrapped in an object.
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
        let mut shape = Shape::Other;
        loop {
            let line = self.sink.seen.line.get();
            let Some(item) = items.next_element::<Json>()? else { return Ok(shape) };
            match (shape, item) {
                (Shape::Other | Shape::Rows, Json::Object(row)) => {
                    shape = Shape::Rows;
                    self.sink.cells(&row)?;
                    self.sink.rows.end_row(line);
                }
                (Shape::Rows, _) => {
                    return Err(A::Error::custom(format!("`{}` mixes objects and values", self.key)));
                }
                (_, item) => {
                    shape = Shape::Columns;
                    self.sink.append(self.key, &item)?;
                }
            }
        }
    }

    /// A record by its key, or a column whose values are numbered from "0".
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Shape, A::Error> {
        let line = self.sink.seen.line.get();
        let Some((first, value)) = entries.next_entry::<String, Json>()? else { return Ok(Shape::Other) };
        if first == "0" {
            self.sink.append(self.key, &value)?;
            while let Some((_, value)) = entries.next_entry::<IgnoredAny, Json>()? {
                self.sink.append(self.key, &value)?;
            }
            return Ok(Shape::Columns);
        }
        let mut row = Map::from_iter([(KEY_COLUMN.to_owned(), Json::from(self.key)), (first, value)]);
        while let Some((header, value)) = entries.next_entry()? {
            row.insert(header, value);
        }
        self.sink.cells(&row)?;
        self.sink.rows.end_row(line);
        Ok(Shape::Records)
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::Other)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Other)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }
    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Other)
    }
}
