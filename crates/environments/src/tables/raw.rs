//! A table as it stands in its source: names, texts by column, and where each row stood.
//!
//! Every format ends here, so that types, keys and links are inferred once and alike. A column keeps each distinct
//! text once and a number per row: columns repeat themselves, and inference asks about distinct values anyway.

use super::{Kind, words};
use crate::error::{Error, Place};
use indexmap::{IndexMap, IndexSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// No cell that a tool returns may be larger.
pub(super) const MAX_CELL_BYTES: usize = 64 * 1024;
/// More columns than this are a map from ids to values, not a table.
const MAX_COLUMNS: usize = 4096;

/// A table before inference.
#[derive(Debug)]
pub(super) struct RawTable {
    /// In lower case with underscores.
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) columns: Vec<RawColumn>,
    pub(super) rows: usize,
    /// The column that the source declares as key.
    pub(super) key: Option<usize>,
    pub(super) references: Vec<RawReference>,
    /// What was left out, and why.
    pub(super) notes: Vec<String>,
}

/// Names that statistics programs give to row numbers on their way to a file.
const ROW_NUMBERS: [&str; 5] = ["row_number", "rownames", "row_names", "unnamed_0", "index_level_0"];
/// What a first column without a name is called until its values tell what it is.
pub(super) const NAMELESS: &str = "row_number";

impl RawTable {
    /// Takes out a first column that only numbers the rows.
    pub(super) fn leave_out_row_numbers(&mut self) {
        let first = &self.columns[0];
        let numbered = |from: usize| {
            (0..self.rows)
                .all(|row| first.text(row).parse::<usize>().is_ok_and(|number| number == row + from))
        };
        let free = self.key.is_none() && self.references.is_empty() && self.columns.len() > 1;
        if free && ROW_NUMBERS.contains(&first.name.as_str()) && (numbered(0) || numbered(1)) {
            let header = self.columns.remove(0).header;
            self.notes.push(format!("`{header}` is left out: it only numbers the rows"));
        }
    }
}

/// A foreign key that the source declares.
#[derive(Debug)]
pub(super) struct RawReference {
    pub(super) column: usize,
    /// Name of the parent, in lower case with underscores.
    pub(super) table: String,
    /// The column that it refers to; the parent's key without it.
    pub(super) to: Option<String>,
}

/// Where a table stands, for messages.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) path: PathBuf,
    /// Its name in a file of several tables.
    pub(super) table: Option<String>,
    /// Line of each row; empty where the format has no lines.
    pub(super) lines: Vec<u32>,
}

/// A column before inference. Text number 0 is the empty one.
#[derive(Debug)]
pub(super) struct RawColumn {
    pub(super) name: String,
    /// As the source writes it.
    pub(super) header: String,
    pub(super) texts: IndexSet<Arc<str>>,
    pub(super) ids: Vec<u32>,
    /// What the source says about its type: text is never read as numbers, and a flag may be 0 and 1.
    pub(super) hint: Option<Kind>,
}

impl Origin {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), table: None, lines: Vec::new() }
    }

    /// The whole table.
    pub(super) fn whole(&self) -> Place {
        let file = Place::file(&self.path);
        match &self.table {
            Some(table) => file.in_table(table),
            None => file,
        }
    }

    pub(super) fn row(&self, row: usize) -> Place {
        match self.lines.get(row) {
            Some(line) => self.whole().at_line(u64::from(*line)),
            None => self.whole().at_row(row as u64 + 1),
        }
    }

    /// How to speak of a row next to its place: `line 3` or `row 3`.
    pub(super) fn row_words(&self, row: usize) -> String {
        self.lines.get(row).map_or_else(|| format!("row {}", row + 1), |line| format!("line {line}"))
    }

    /// The file, and the table in it.
    pub(super) fn file(&self) -> String {
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        self.table.as_ref().map_or_else(|| name.clone(), |table| format!("{name}, table {table}"))
    }
}

impl RawColumn {
    pub(super) fn new(header: &str) -> Self {
        let texts = IndexSet::from([Arc::from("")]);
        let header = header.trim().to_owned();
        Self { name: words::snake(&header), header, texts, ids: Vec::new(), hint: None }
    }

    pub(super) fn push(&mut self, text: &str) {
        let text = text.trim();
        let id = self.texts.get_index_of(text).unwrap_or_else(|| self.texts.insert_full(Arc::from(text)).0);
        // More than 2^32 distinct texts do not fit into memory long before they do not fit here.
        self.ids.push(u32::try_from(id).unwrap_or(0));
    }

    /// Fills up with empty cells.
    pub(super) fn pad(&mut self, rows: usize) {
        self.ids.resize(rows.max(self.ids.len()), 0);
    }

    pub(super) fn text(&self, row: usize) -> &str {
        self.texts.get_index(self.ids[row] as usize).map_or("", |text| text)
    }

    /// First row with this text.
    pub(super) fn row_of(&self, id: usize) -> usize {
        self.ids.iter().position(|other| *other as usize == id).unwrap_or(0)
    }
}

/// Columns whose names come with the rows, as in JSON.
#[derive(Debug)]
pub(super) struct Growing {
    columns: IndexMap<String, RawColumn>,
    nested: IndexSet<usize>,
    pub(super) origin: Origin,
    pub(super) rows: usize,
    pub(super) notes: Vec<String>,
}

impl Growing {
    pub(super) fn new(path: &Path) -> Self {
        let origin = Origin::new(path);
        Self { columns: IndexMap::new(), nested: IndexSet::new(), origin, rows: 0, notes: Vec::new() }
    }

    /// Number of the column of this name, which may be new.
    pub(super) fn column(&mut self, header: &str, line: u64) -> Result<usize, Error> {
        if let Some(at) = self.columns.get_index_of(header) {
            return Ok(at);
        }
        let place = Place::line(&self.origin.path, line);
        let column = RawColumn::new(header);
        let number = self.columns.len() + 1;
        if column.name.is_empty() {
            return Err(Error::UnnamedColumn { place, number });
        }
        if let Some(first) = self.columns.values().position(|earlier| earlier.name == column.name) {
            return Err(Error::DuplicateColumn {
                place,
                column: column.name,
                first: first + 1,
                second: number,
            });
        }
        if number > MAX_COLUMNS {
            let message = format!("more than {MAX_COLUMNS} columns");
            return Err(Error::Malformed { place, format: "table", message });
        }
        self.columns.insert(header.to_owned(), column);
        Ok(number - 1)
    }

    /// Writes a cell of the current row; a key that comes twice in one row keeps its first value.
    pub(super) fn set(&mut self, column: usize, text: &str) {
        let rows = self.rows;
        if let Some((_, column)) = self.columns.get_index_mut(column) {
            column.pad(rows);
            if column.ids.len() == rows {
                column.push(text);
            }
        }
    }

    /// Appends to a column, whatever the others hold.
    pub(super) fn append(&mut self, column: usize, text: &str) {
        if let Some((_, column)) = self.columns.get_index_mut(column) {
            column.push(text);
        }
    }

    /// Marks a column as holding lists or objects.
    pub(super) fn nest(&mut self, column: usize) {
        self.nested.insert(column);
    }

    /// What the source says about a column's type.
    pub(super) fn hint(&mut self, column: usize, kind: Kind) {
        if let Some((_, column)) = self.columns.get_index_mut(column) {
            column.hint = Some(kind);
        }
    }

    pub(super) fn end_row(&mut self, line: u64) {
        self.rows += 1;
        self.origin.lines.push(u32::try_from(line).unwrap_or(u32::MAX));
    }

    /// Cells of each column, by header.
    pub(super) fn lengths(&self) -> impl Iterator<Item = (&str, usize)> {
        self.columns.iter().map(|(header, column)| (header.as_str(), column.ids.len()))
    }

    pub(super) fn finish(self, name: &str) -> Result<RawTable, Error> {
        let mut notes = self.notes;
        let mut columns = Vec::with_capacity(self.columns.len());
        for (at, (header, mut column)) in self.columns.into_iter().enumerate() {
            if self.nested.contains(&at) {
                notes.push(format!("`{header}` is left out: it holds lists or objects"));
                continue;
            }
            column.pad(self.rows);
            columns.push(column);
        }
        if self.rows == 0 || columns.is_empty() {
            let what = if self.rows == 0 { "rows" } else { "columns" };
            return Err(Error::Empty { place: self.origin.whole(), what });
        }
        Ok(RawTable {
            name: table_name(name),
            origin: self.origin,
            columns,
            rows: self.rows,
            key: None,
            references: Vec::new(),
            notes,
        })
    }
}

/// A table's name from its file's or its own.
pub(super) fn table_name(name: &str) -> String {
    let name = words::snake(name);
    if name.is_empty() { "table".to_owned() } else { name }
}

/// The name of a file without its ending.
pub(super) fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
