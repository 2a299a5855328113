//! Why tables cannot become arenas: always with the file, the line and the column where that is known.
//!
//! Messages follow `FILE:LINE: what is wrong`, so that an editor can jump there (formats without lines name the table
//! and the row); what to do about it is in [`Error::hints`], as data. A single candidate that fails its checks is no
//! error but a rejection with its reasons.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where something stands. Errors carry it boxed: they should stay small on the way up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(Box<Spot>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Spot {
    path: PathBuf,
    line: Option<u64>,
    /// In a file of several tables.
    table: Option<String>,
    /// From 1, in a format without lines.
    row: Option<u64>,
}

impl Place {
    /// A whole file.
    pub(crate) fn file(path: &Path) -> Self {
        Self(Box::new(Spot { path: path.to_owned(), ..Spot::default() }))
    }

    /// A line of a file.
    pub(crate) fn line(path: &Path, line: u64) -> Self {
        Self::file(path).at_line(line)
    }

    pub(crate) fn at_line(mut self, line: u64) -> Self {
        self.0.line = Some(line);
        self
    }

    pub(crate) fn at_row(mut self, row: u64) -> Self {
        self.0.row = Some(row);
        self
    }

    pub(crate) fn in_table(mut self, table: &str) -> Self {
        self.0.table = Some(table.to_owned());
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spot { path, line, table, row } = &*self.0;
        write!(f, "{}", path.display())?;
        if let Some(line) = line {
            write!(f, ":{line}")?;
        }
        if let Some(table) = table {
            write!(f, ": table `{table}`")?;
        }
        if let Some(row) = row {
            write!(f, ": row {row}")?;
        }
        Ok(())
    }
}

/// What is wrong with the tables.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder or a file in it cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// File or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A prompt template that cannot be used.
    #[error("{place}: {what}")]
    Prompt {
        /// The file, or the name of a shipped template.
        place: String,
        /// What is wrong.
        what: String,
    },
    /// The folder holds no table.
    #[error("{}: there is no table here", path.display())]
    NoTables {
        /// The folder or file.
        path: PathBuf,
    },
    /// Two files make the same table name.
    #[error("{}: the table `{table}` is also in {}", path.display(), other.display())]
    DuplicateTable {
        /// The file.
        path: PathBuf,
        /// The file before it.
        other: PathBuf,
        /// The name, in lower case with underscores.
        table: String,
    },
    /// A table holds a header at most.
    #[error("{place}: the table has no {what}")]
    Empty {
        /// Where it ends.
        place: Place,
        /// `header`, `columns` or `rows`.
        what: &'static str,
    },
    /// Text is not UTF-8.
    #[error("{place}: column `{column}` is not valid UTF-8")]
    NotUtf8 {
        /// The row.
        place: Place,
        /// Name of the column, or its number in the header.
        column: String,
    },
    /// Two columns share a name.
    #[error("{place}: column `{column}` stands in the header twice (columns {first} and {second})")]
    DuplicateColumn {
        /// The header.
        place: Place,
        /// The name, in lower case with underscores.
        column: String,
        /// Number of the first, from 1.
        first: usize,
        /// Number of the second, from 1.
        second: usize,
    },
    /// A column has no name.
    #[error("{place}: column {number} has no name in the header")]
    UnnamedColumn {
        /// The header.
        place: Place,
        /// Number of the column, from 1.
        number: usize,
    },
    /// A row is shorter or longer than the header.
    #[error("{place}: the row has {found} cells, and the header has {expected}")]
    Ragged {
        /// The row.
        place: Place,
        /// Cells in the header.
        expected: usize,
        /// Cells in the row.
        found: usize,
    },
    /// A cell is larger than anything a tool could return.
    #[error("{place}: column `{column}` holds a cell of more than {limit} bytes")]
    HugeCell {
        /// The row.
        place: Place,
        /// Name of the column.
        column: String,
        /// The most that is read.
        limit: usize,
    },
    /// A file is not what its name says.
    #[error("{place}: not a readable {format}: {message}")]
    Malformed {
        /// Where reading stopped.
        place: Place,
        /// `CSV table`, `JSON table`, `Parquet file`, `SQLite database` or `table`.
        format: &'static str,
        /// What the reader says.
        message: String,
    },
    /// A key stands in two rows.
    #[error("{place}: column `{column}` holds the key `{value}` a second time, first in {first}")]
    DuplicateKey {
        /// The second row.
        place: Place,
        /// Name of the column.
        column: String,
        /// The value.
        value: String,
        /// The first row, in words.
        first: String,
    },
    /// A key that was declared is missing in a row.
    #[error("{place}: column `{column}` is the declared key, and this cell is empty")]
    EmptyKey {
        /// The row.
        place: Place,
        /// Name of the column.
        column: String,
    },
    /// A few texts stand among numbers.
    #[error(
        "{place}: column `{column}` holds `{value}`, and {numbers} of its {filled} filled cells are numbers"
    )]
    MixedTypes {
        /// The first such row.
        place: Place,
        /// Name of the column.
        column: String,
        /// What stands there.
        value: String,
        /// Cells that are numbers.
        numbers: usize,
        /// Cells that say something.
        filled: usize,
    },
    /// A cell is not of the type that was declared.
    #[error("{place}: column `{column}` is declared as {kind}, and this cell holds `{value}`")]
    NotOfType {
        /// The row.
        place: Place,
        /// Name of the column.
        column: String,
        /// The declared type.
        kind: &'static str,
        /// What stands there.
        value: String,
    },
    /// Rows refer to each other in a circle.
    #[error("{place}: column `{column}` closes a circle of references: {circle}")]
    Cyclic {
        /// The row.
        place: Place,
        /// Name of the column.
        column: String,
        /// The rows, by their keys.
        circle: String,
    },
    /// The settings beside the tables are wrong.
    #[error("{place}: {message}")]
    Settings {
        /// The line.
        place: Place,
        /// What is wrong, with the key.
        message: String,
        /// What to do.
        hint: String,
    },
    /// What was drawn cannot be written, or an earlier run is in the way.
    #[error(transparent)]
    Store(#[from] astra_store::StoreError),
    /// The tables have words in other languages only.
    #[error("the tables of `{group}` have words in `{speaks}` only, and `{wanted}` is wanted")]
    OtherLanguage {
        /// Name of the group.
        group: String,
        /// Codes of its languages.
        speaks: String,
        /// Codes of the languages that were asked for.
        wanted: String,
    },
    /// Nothing can be asked about these tables.
    #[error("nothing can be asked about the tables of `{group}`: {}", reasons.join("; "))]
    NothingToAsk {
        /// Name of the group.
        group: String,
        /// Table by table.
        reasons: Vec<String>,
    },
}

impl Error {
    pub(crate) fn prompt(place: String, what: String) -> Self {
        Self::Prompt { place, what }
    }

    /// What to do about it.
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Store(error) => return error.hints(),
            Self::Settings { hint, .. } => return vec![hint.clone()],
            Self::Malformed { format, .. } => match *format {
                "SQLite database" => {
                    "copy the file again; `sqlite3 FILE \".recover\"` saves what a damaged one still holds"
                }
                "Parquet file" => "write the file again, with snappy, zstd, gzip or no compression",
                "JSON table" => {
                    "give one array of objects, one object per line (`.jsonl`), or an object of equally long columns"
                }
                _ => "look at this line, and check quotes and separators",
            },
            Self::Prompt { .. } => {
                "templates are Jinja; those that ship are in `crates/environments/prompts`"
            }
            Self::Read { .. } => "check the path and its permissions",
            Self::NoTables { .. } => {
                "give a folder with one `.csv`, `.tsv`, `.json`, `.jsonl` or `.parquet` file per table, or one SQLite file (`.db`, `.sqlite`, `.sqlite3`)"
            }
            Self::Empty { .. } => "give the table column names and at least one row, or remove the file",
            Self::DuplicateTable { .. } => "rename one of the files; names are compared in lower case",
            Self::NotUtf8 { .. } => "convert the file, for example with `iconv -f LATIN1 -t UTF-8`",
            Self::DuplicateColumn { .. } | Self::UnnamedColumn { .. } => {
                "give every column a name of its own; names are compared in lower case"
            }
            Self::Ragged { .. } => "quote cells that contain commas, quotes or line breaks",
            Self::HugeCell { .. } => "look for a quote that is opened and never closed, or remove the column",
            Self::DuplicateKey { .. } => {
                "give each row a key of its own, or name another column with `key = \"…\"` in tables.toml (`key = \"\"` for none)"
            }
            Self::EmptyKey { .. } => "fill the cell, or name another column with `key = \"…\"`",
            Self::MixedTypes { .. } => {
                "mend the cell or leave it empty, or declare the column in tables.toml with `type = \"text\"`"
            }
            Self::NotOfType { .. } => {
                "mend the cell or leave it empty, or declare another `type` in tables.toml"
            }
            Self::Cyclic { .. } => {
                "mend the row, or say in tables.toml that the column refers to nothing with `references = \"\"`"
            }
            Self::OtherLanguage { .. } => {
                "ask in a language that the tables have, or add one to `languages` in tables.toml, with its words"
            }
            Self::NothingToAsk { .. } => {
                "a table needs a column of distinct names for its rows, and another column to ask for or a table that refers to it"
            }
        };
        vec![hint.to_owned()]
    }
}
