//! `tables.toml`: what a person says about the tables, which overrides what is inferred.
//!
//! Nothing in it is skipped in silence: an unknown key, table or column is an error with its line. What it says about
//! values is checked where the values are; here only what the file alone can tell.

use super::words::snake;
use super::{Kind, Language, Sayings};
use crate::error::{Error, Place};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// The settings of a group.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) title: Option<String>,
    pub(super) title_zh: Option<String>,
    pub(super) source: Option<String>,
    pub(super) license: Option<String>,
    pub(super) languages: Option<Spanned<Vec<Code>>>,
    #[serde(default)]
    pub(super) tables: BTreeMap<Spanned<String>, TableSettings>,
    /// The file, for messages.
    #[serde(skip)]
    path: PathBuf,
    /// Its text, to find lines.
    #[serde(skip)]
    text: String,
}

/// A language by its code.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(super) enum Code {
    #[serde(rename = "en")]
    English,
    #[serde(rename = "zh")]
    Chinese,
}

/// What is said about one table.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TableSettings {
    pub(super) noun: Option<Spanned<[String; 2]>>,
    pub(super) zh: Option<String>,
    pub(super) classifier_zh: Option<String>,
    pub(super) key: Option<Spanned<String>>,
    pub(super) label: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) columns: BTreeMap<Spanned<String>, ColumnSettings>,
}

/// What is said about one column.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ColumnSettings {
    pub(super) words: Option<String>,
    pub(super) unit: Option<String>,
    pub(super) zh: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<KindName>,
    pub(super) ask: Option<bool>,
    pub(super) references: Option<Spanned<String>>,
    pub(super) role: Option<String>,
    most: Option<String>,
    least: Option<String>,
    most_zh: Option<String>,
    least_zh: Option<String>,
    #[serde(default)]
    phrasings: Vec<Spanned<String>>,
    #[serde(default)]
    phrasings_zh: Vec<Spanned<String>>,
    #[serde(default)]
    values: BTreeMap<String, String>,
    #[serde(default)]
    values_zh: BTreeMap<String, String>,
}

/// A type by its name.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum KindName {
    Bool,
    Integer,
    Real,
    Date,
    Text,
}

impl From<KindName> for Kind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Bool => Self::Bool,
            KindName::Integer => Self::Integer,
            KindName::Real => Self::Real,
            KindName::Date => Self::Date,
            KindName::Text => Self::Text,
        }
    }
}

impl From<Code> for Language {
    fn from(code: Code) -> Self {
        match code {
            Code::English => Self::English,
            Code::Chinese => Self::Chinese,
        }
    }
}

impl ColumnSettings {
    pub(super) fn sayings(&self) -> Sayings {
        let plain = |texts: &[Spanned<String>]| texts.iter().map(|text| text.get_ref().clone()).collect();
        Sayings {
            most: self.most.clone(),
            least: self.least.clone(),
            most_zh: self.most_zh.clone(),
            least_zh: self.least_zh.clone(),
            phrasings: plain(&self.phrasings),
            phrasings_zh: plain(&self.phrasings_zh),
            values: self.values.clone(),
            values_zh: self.values_zh.clone(),
        }
    }
}

impl TableSettings {
    /// What is said about the column of this name.
    pub(super) fn column(&self, name: &str) -> Option<&ColumnSettings> {
        self.columns.iter().find(|(key, _)| snake(key.get_ref()) == name).map(|(_, said)| said)
    }
}

impl Settings {
    /// Reads the file, if it is there, and checks what it alone can tell.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(Error::Read { path: path.to_owned(), source }),
        };
        let mut settings: Self = toml::from_str(&text).map_err(|error| {
            let line = line(&text, error.span().map_or(0, |span| span.start));
            let message = error.message().trim().to_owned();
            let hint = meant(&message);
            Error::Settings { place: Place::line(path, line), message, hint }
        })?;
        path.clone_into(&mut settings.path);
        settings.text = text;
        settings.check()?;
        Ok(settings)
    }

    /// What is said about the table of this name.
    pub(super) fn table(&self, name: &str) -> Option<&TableSettings> {
        self.tables.iter().find(|(key, _)| snake(key.get_ref()) == name).map(|(_, said)| said)
    }

    /// Refuses a table that is not among those that were read.
    pub(super) fn check_tables(&self, names: &[&str]) -> Result<(), Error> {
        for key in self.tables.keys() {
            if !names.contains(&snake(key.get_ref()).as_str()) {
                return Err(self.unknown("table", key, names));
            }
        }
        Ok(())
    }

    /// Number of the column that is named here.
    pub(super) fn find(&self, name: &Spanned<String>, columns: &[&str]) -> Result<usize, Error> {
        let wanted = snake(name.get_ref());
        columns
            .iter()
            .position(|column| *column == wanted)
            .ok_or_else(|| self.unknown("column", name, columns))
    }

    /// An error about something that stands in the file.
    pub(super) fn refuse<T>(&self, at: &Spanned<T>, message: String, hint: &str) -> Error {
        let place = Place::line(&self.path, line(&self.text, at.span().start));
        Error::Settings { place, message, hint: hint.to_owned() }
    }

    /// Refuses a name that is not there.
    pub(super) fn unknown(&self, what: &str, name: &Spanned<String>, known: &[&str]) -> Error {
        let wanted = snake(name.get_ref());
        let near = known.iter().min_by_key(|other| strangeness(&wanted, other));
        let hint = match near.filter(|other| strangeness(&wanted, other) * 2 <= wanted.chars().count()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", known.join(", ")),
        };
        self.refuse(name, format!("there is no {what} `{}`", name.get_ref()), &hint)
    }

    fn check(&self) -> Result<(), Error> {
        for table in self.tables.values() {
            for column in table.columns.values() {
                for phrasing in column.phrasings.iter().chain(&column.phrasings_zh) {
                    if phrasing.get_ref().matches("{}").count() != 1 {
                        let message = format!(
                            "the phrasing `{}` does not hold `{{}}` exactly once",
                            phrasing.get_ref()
                        );
                        let hint = "write `{}` where the thing that is asked about is named";
                        return Err(self.refuse(phrasing, message, hint));
                    }
                }
            }
        }
        Ok(())
    }
}

/// A hint from a message that puts the wrong word first and then those that may stand there, all in backticks.
fn meant(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let near = quoted.split_first().and_then(|(wrong, known)| {
        let near = known.iter().min_by_key(|word| strangeness(wrong, word))?;
        (message.starts_with("unknown") && strangeness(wrong, near) * 2 <= wrong.len()).then_some(near)
    });
    match near {
        Some(near) => format!("did you mean `{near}`?"),
        None if message.starts_with("unknown") => "write one of those, or remove the line".to_owned(),
        None => "in TOML, texts stand in double quotes and lists in square brackets".to_owned(),
    }
}

fn line(text: &str, at: usize) -> u64 {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count() as u64
}

/// Edits between two names.
fn strangeness(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, c) in one.chars().enumerate() {
        let mut corner = row[0];
        row[0] = at + 1;
        for (to, d) in other.iter().enumerate() {
            let change = corner + usize::from(c != *d);
            corner = row[to + 1];
            row[to + 1] = change.min(corner + 1).min(row[to] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::strangeness;

    #[test]
    fn near_names_need_few_edits() {
        assert_eq!(strangeness("isotops", "isotopes"), 1);
        assert_eq!(strangeness("", "abc"), 3);
        assert_eq!(strangeness("elements", "series"), 6);
    }
}
