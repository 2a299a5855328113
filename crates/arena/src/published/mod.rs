//! The published RL format: rows of `prompt`, `tool_schema`, `tool_dict` and `sub_qa_dict`, as JSONL or Parquet.
//!
//! * [`read_published`] reads rows, strict about these four columns and blind to others.
//! * [`import_row`] and [`import_published`] turn rows into unproven arenas and name every defect on the way.
//! * [`export_row`] and [`write_published`] go back, and say what the format cannot carry.
//!
//! The format knows no gold calls, no paths and no types, so an imported arena is *unproven*: `prove` searches its
//! gold calls, and the gates decide. Nothing is repaired silently: a row with a defect keeps it where an arena can
//! hold it, and the report names it in any case.

mod export;
mod guess;
mod import;
mod read;
mod row;
mod write;

pub use export::{Exported, export_row};
pub use import::{
    Defect, Import, ImportOptions, Imported, RejectedRow, UNKNOWN_DOMAIN, import_published, import_row,
};
pub use read::{PublishedRows, read_published};
pub use row::PublishedRow;
pub use write::write_published;

/// What can be wrong with a file of published rows, or with an arena that should become one.
#[derive(Debug, thiserror::Error)]
pub enum PublishedError {
    /// The file cannot be opened, read or written.
    #[error("`{file}`: {source}")]
    Io {
        /// The file.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file as a whole is not in the format.
    #[error("`{file}`: {error}")]
    File {
        /// The file.
        file: String,
        /// What is wrong.
        error: String,
        /// What to do.
        hint: String,
    },
    /// One line or record cannot be read at all.
    #[error("`{file}`, row {row}: {error}")]
    Record {
        /// The file.
        file: String,
        /// Row from 1; the line number in JSONL.
        row: usize,
        /// What is wrong.
        error: String,
        /// What to do.
        hint: String,
    },
    /// One of the four columns is missing or has the wrong shape.
    #[error("`{file}`, row {row}, column `{column}`: {error}")]
    Column {
        /// The file.
        file: String,
        /// Row from 1; the line number in JSONL.
        row: usize,
        /// The column.
        column: &'static str,
        /// What is wrong.
        error: String,
        /// What to do.
        hint: String,
    },
    /// The sandbox failed while code was tried; it says nothing about the rows.
    #[error(transparent)]
    Arena(#[from] crate::ArenaError),
    /// The format cannot carry the arena.
    #[error("the published format cannot carry this arena: {reason}")]
    Refused {
        /// Why not.
        reason: String,
    },
}

impl PublishedError {
    /// What the reader of the error can do about it.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::File { hint, .. } | Self::Record { hint, .. } | Self::Column { hint, .. } => {
                vec![hint.clone()]
            }
            Self::Io { .. } | Self::Refused { .. } | Self::Arena(_) => Vec::new(),
        }
    }

    /// Row and column of the error, where it has them.
    pub(crate) fn place(&self) -> Option<(usize, Option<&'static str>)> {
        match self {
            Self::Record { row, .. } => Some((*row, None)),
            Self::Column { row, column, .. } => Some((*row, Some(column))),
            Self::Io { .. } | Self::File { .. } | Self::Refused { .. } | Self::Arena(_) => None,
        }
    }
}
