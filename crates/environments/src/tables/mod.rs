//! A group of related tables in memory, with what was inferred about them: types, keys, labels and links.
//!
//! Cells are kept by column, because inference reads columns and an arena takes few rows. Nothing here is random and
//! nothing is a guess that later stages must repeat: they ask the [`TableGroup`].

// The files, each format into the same raw table.
mod read;

mod columnar;
mod delimited;
mod json;
mod raw;
mod sqlite;

// What a person says about them, and what is inferred.
mod settings;

mod infer;
mod links;
mod naming;
mod types;
mod words;

mod explain;

pub(crate) use words::{Noun, article};

use astra_protocol::ContentId;
use serde_json::{Number, Value as Json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Related tables of one source.
#[derive(Debug)]
pub struct TableGroup {
    /// Folder name, also the arenas' domain.
    pub name: String,
    /// What the tables are about, in words that fit "a note about …".
    pub title: String,
    /// Where the facts come from.
    pub source: Option<String>,
    /// Licence of the facts.
    pub license: Option<String>,
    /// The title in Chinese.
    pub(crate) title_zh: Option<String>,
    /// Languages in which people may ask about these tables.
    pub(crate) languages: Vec<Language>,
    /// Hash of the files' names and bytes, the settings and the source note among them.
    pub content: ContentId,
    pub(crate) tables: Vec<Table>,
    pub(crate) links: Vec<Link>,
}

/// A language that people ask in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    /// `en`
    English,
    /// `zh`, simplified.
    Chinese,
}

/// One table.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) noun: Noun,
    /// The noun in Chinese.
    pub(crate) zh: Option<String>,
    /// The classifier that counts it in Chinese.
    pub(crate) classifier_zh: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: usize,
    /// Column that identifies a row in the source.
    pub(crate) key: Option<usize>,
    /// Column that names a row for people.
    pub(crate) label: Option<usize>,
    /// Rows whose label belongs to no other row, so that a person can mean just this one by it.
    pub(crate) nameable: Vec<usize>,
    /// The file that it stands in.
    pub(crate) file: String,
    /// What was left out, and why.
    pub(crate) notes: Vec<String>,
}

/// One column.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) role: Role,
    /// The name in words, without unit.
    pub(crate) words: String,
    /// Unit, from the end of the name.
    pub(crate) unit: Option<&'static str>,
    pub(crate) cells: Vec<Cell>,
    /// Distinct non-empty values.
    pub(crate) distinct: usize,
    /// Share of the most frequent value among all rows, empty ones included as a value.
    pub(crate) mode_share: f64,
    /// The name in Chinese words, without unit.
    pub(crate) zh: Option<String>,
    /// Whether questions may ask for it.
    pub(crate) ask: bool,
    /// How people speak of it.
    pub(crate) say: Sayings,
}

/// How people speak of a column, where the plain words are not enough. Every phrasing has one `{}` for the subject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sayings {
    /// Who has the largest value is …
    pub(crate) most: Option<String>,
    pub(crate) least: Option<String>,
    pub(crate) most_zh: Option<String>,
    pub(crate) least_zh: Option<String>,
    pub(crate) phrasings: Vec<String>,
    pub(crate) phrasings_zh: Vec<String>,
    /// Words for values as they stand in the source (`true`, `B-`).
    pub(crate) values: BTreeMap<String, String>,
    pub(crate) values_zh: BTreeMap<String, String>,
}

/// Type of a column's non-empty cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Integer,
    Real,
    Date,
    Text,
}

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Identifies the row and means nothing else.
    Surrogate,
    /// Identifies the row and is a fact, like an atomic number.
    NaturalKey,
    /// Names the row.
    Label,
    /// Refers to a row of another table.
    Link,
    /// A fact.
    Fact,
}

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Empty,
    Bool(bool),
    Number(Number),
    /// Shared with the equal cells of its column.
    Text(Arc<str>),
}

/// A foreign key.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) child: usize,
    pub(crate) column: usize,
    pub(crate) parent: usize,
    /// What the parent is to the child, in words: `element`, `origin airport`.
    pub(crate) role: String,
    /// Whether the role is just the parent's noun, so that the child "belongs to" it.
    pub(crate) belongs: bool,
    /// Name of the field that holds the parent's id in what tools return.
    pub(crate) field: String,
    /// The role in Chinese.
    pub(crate) zh: Option<String>,
    /// Whether the source or a person says so; else it was found.
    pub(crate) declared: bool,
    /// Parent row of each child row.
    pub(crate) parents: Vec<Option<u32>>,
    /// Child rows of each parent row.
    pub(crate) children: Vec<Vec<u32>>,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Integer => "integer",
            Self::Real => "real",
            Self::Date => "date",
            Self::Text => "text",
        }
    }
}

impl Cell {
    pub(crate) fn json(&self) -> Json {
        match self {
            Self::Empty => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Number(value) => Json::Number(value.clone()),
            Self::Text(value) => Json::String(value.to_string()),
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(value) => Some(value),
            Self::Empty | Self::Bool(_) | Self::Number(_) => None,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::Empty
    }
}

impl Table {
    pub(crate) fn label_of(&self, row: usize) -> &str {
        self.label.and_then(|label| self.columns[label].cells[row].text()).unwrap_or_default()
    }
}

impl TableGroup {
    /// Reads every table of a folder, or of one file, and infers how the tables hang together.
    pub fn read(path: &std::path::Path) -> Result<Self, crate::Error> {
        read::read_group(path)
    }

    /// Whether a folder holds a file that could be a table.
    pub fn is_in(folder: &std::path::Path) -> bool {
        read::holds_tables(folder)
    }

    /// What was inferred, for people: one paragraph per table.
    pub fn explain(&self) -> String {
        explain::text(self)
    }

    /// What was inferred, for programs.
    pub fn explain_json(&self) -> Json {
        explain::json(self)
    }
}
