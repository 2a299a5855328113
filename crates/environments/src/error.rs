//! Why a folder of tables cannot become arenas: always with the file, the line and the column where that is known.
//!
//! Messages follow `FILE:LINE: what is wrong`, so that an editor can jump there; what to do about it is in
//! [`Error::hints`], as data. A single candidate that fails its checks is no error but a rejection with its reasons.

use std::path::PathBuf;

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
    /// The folder holds no table.
    #[error("{}: there is no `.csv` file in this folder", path.display())]
    NoTables {
        /// The folder.
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
    /// A file holds a header at most.
    #[error("{}:{line}: the table has no {what}", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// Where it ends.
        line: u64,
        /// `header` or `rows`.
        what: &'static str,
    },
    /// Text is not UTF-8.
    #[error("{}:{line}: column `{column}` is not valid UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// Line of the record.
        line: u64,
        /// Name of the column, or its number in the header.
        column: String,
    },
    /// Two columns share a name.
    #[error("{}:{line}: column `{column}` stands in the header twice (columns {first} and {second})", path.display())]
    DuplicateColumn {
        /// The file.
        path: PathBuf,
        /// Line of the header.
        line: u64,
        /// The name.
        column: String,
        /// Number of the first, from 1.
        first: usize,
        /// Number of the second, from 1.
        second: usize,
    },
    /// A column has no name.
    #[error("{}:{line}: column {number} has no name in the header", path.display())]
    UnnamedColumn {
        /// The file.
        path: PathBuf,
        /// Line of the header.
        line: u64,
        /// Number of the column, from 1.
        number: usize,
    },
    /// A row is shorter or longer than the header.
    #[error("{}:{line}: the row has {found} cells, and the header has {expected}", path.display())]
    Ragged {
        /// The file.
        path: PathBuf,
        /// Line of the row.
        line: u64,
        /// Cells in the header.
        expected: usize,
        /// Cells in the row.
        found: usize,
    },
    /// A cell is larger than anything a tool could return.
    #[error("{}:{line}: column `{column}` holds a cell of {bytes} bytes", path.display())]
    HugeCell {
        /// The file.
        path: PathBuf,
        /// Line of the record.
        line: u64,
        /// Name of the column.
        column: String,
        /// Its size.
        bytes: usize,
    },
    /// The CSV reader gave up.
    #[error("{}:{line}: {message}", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// Line, 0 when unknown.
        line: u64,
        /// What it says.
        message: String,
    },
    /// What was drawn cannot be written, or an earlier run is in the way.
    #[error(transparent)]
    Store(#[from] astra_store::StoreError),
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
    /// What to do about it.
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Store(error) => return error.hints(),
            Self::Read { .. } => "check the path and its permissions",
            Self::NoTables { .. } => {
                "give a folder with one `.csv` file per table, the header in its first line"
            }
            Self::Empty { .. } => {
                "write the column names in the first line and at least one row below, or remove the file"
            }
            Self::DuplicateTable { .. } => "rename one of the files; names are compared in lower case",
            Self::NotUtf8 { .. } => "convert the file, for example with `iconv -f LATIN1 -t UTF-8`",
            Self::DuplicateColumn { .. } | Self::UnnamedColumn { .. } => {
                "give every column a name of its own"
            }
            Self::Ragged { .. } => "quote cells that contain commas, quotes or line breaks",
            Self::HugeCell { .. } => "look for a quote that is opened and never closed, or remove the column",
            Self::Csv { .. } => "check the quotes of this line",
            Self::NothingToAsk { .. } => {
                "a table needs a column of distinct names for its rows, and another column to ask for or a table that refers to it"
            }
        };
        vec![hint.to_owned()]
    }
}
