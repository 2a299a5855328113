//! From a path to a group of tables: finds the files, reads them one by one, and joins what was inferred.
//!
//! Each table is inferred as soon as it is read, so that only one stands in memory in its raw form. The settings are
//! read first: a mistake in them should not wait for the data.

use super::infer::{self, Said};
use super::links::{self, Sourced};
use super::raw::RawTable;
use super::settings::Settings;
use super::words::{self, chinese};
use super::{Column, Language, Role, Table, TableGroup};
use super::{columnar, delimited, json, sqlite};
use crate::error::Error;
use astra_protocol::ContentId;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Name of the settings in a folder.
const SETTINGS: &str = "tables.toml";

/// What a file's ending says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Delimited,
    Json,
    JsonLines,
    Parquet,
    Sqlite,
}

impl Format {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" | "tsv" => Some(Self::Delimited),
            "json" => Some(Self::Json),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            "parquet" => Some(Self::Parquet),
            "db" | "sqlite" | "sqlite3" => Some(Self::Sqlite),
            _ => None,
        }
    }

    fn read(self, path: &Path) -> Result<Vec<RawTable>, Error> {
        match self {
            Self::Delimited => delimited::read(path).map(|table| vec![table]),
            Self::Json => json::read(path, false).map(|table| vec![table]),
            Self::JsonLines => json::read(path, true).map(|table| vec![table]),
            Self::Parquet => columnar::read(path).map(|table| vec![table]),
            Self::Sqlite => sqlite::read(path),
        }
    }
}

/// The files of a group.
struct Files {
    tables: Vec<(PathBuf, Format)>,
    settings: PathBuf,
    note: PathBuf,
    /// Name of the group, in lower case with underscores.
    name: String,
}

pub(super) fn holds_tables(folder: &Path) -> bool {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| Format::of(&entry.path()).is_some() && entry.path().is_file())
}

pub(super) fn read_group(path: &Path) -> Result<TableGroup, Error> {
    let files = files(path)?;
    let settings = Settings::read(&files.settings)?;
    let mut tables: Vec<Table> = Vec::new();
    let mut sources: Vec<Sourced<'_>> = Vec::new();
    for (file, format) in &files.tables {
        for mut raw in format.read(file)? {
            if let Some(earlier) = tables.iter().position(|earlier| earlier.name == raw.name) {
                let (path, other) = (file.clone(), sources[earlier].origin.path.clone());
                return Err(Error::DuplicateTable { path, other, table: raw.name });
            }
            let said = Said { settings: &settings, table: settings.table(&raw.name) };
            let references = std::mem::take(&mut raw.references);
            let (table, origin) = infer::table(raw, said)?;
            tables.push(table);
            sources.push(Sourced { origin, references, said });
        }
    }
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    settings.check_tables(&names)?;
    let mut links = links::find(&mut tables, &sources)?;
    for (table, source) in tables.iter_mut().zip(&sources) {
        give_label(table, source.said.table.is_some_and(|said| said.label.is_some()));
    }
    links::name_fields(&tables, &mut links);
    let content = content(&files)?;
    // The note is optional: tables of unknown origin still make arenas, whose provenance then says nothing.
    let note = std::fs::read_to_string(&files.note).unwrap_or_default();
    let field = |key: &str| {
        note.lines()
            .find_map(|line| line.strip_prefix("- ")?.strip_prefix(key)?.strip_prefix(": "))
            .map(|text| text.trim().to_owned())
    };
    let languages = languages(&settings, &tables)?;
    let plain_title = words::plain(&files.name);
    let named: Vec<&words::Noun> =
        tables.iter().filter(|table| table.label.is_some()).map(|table| &table.noun).collect();
    let about = words::title_of(&named).unwrap_or_else(|| plain_title.clone());
    Ok(TableGroup {
        title_zh: settings.title_zh.clone().or_else(|| chinese(&plain_title).then(|| plain_title.clone())),
        title: settings.title.clone().or_else(|| field("Title")).unwrap_or(about),
        source: settings.source.clone().or_else(|| field("Source")),
        license: settings.license.clone().or_else(|| field("Licence")).or_else(|| field("License")),
        languages,
        name: files.name,
        content,
        tables,
        links,
    })
}

/// A label that turned out to be a link names another row, unless a person says otherwise.
fn give_label(table: &mut Table, declared: bool) {
    table.label = table.label.filter(|label| declared || table.columns[*label].role != Role::Link);
    if let Some(label) = table.label {
        if table.columns[label].role != Role::Link {
            table.columns[label].role = Role::Label;
        }
        table.nameable = infer::nameable(&table.columns[label]);
    }
}

fn files(path: &Path) -> Result<Files, Error> {
    let unreadable = |source| Error::Read { path: path.to_owned(), source };
    let named = |path: &Path, whole: bool| {
        let full = path.canonicalize().ok()?;
        let name = if whole { full.file_name() } else { full.file_stem() }?;
        Some(words::snake(&name.to_string_lossy())).filter(|name| !name.is_empty())
    };
    let group = |name: Option<String>| name.unwrap_or_else(|| "tables".to_owned());
    if std::fs::metadata(path).map_err(unreadable)?.is_file() {
        let format = Format::of(path).ok_or_else(|| Error::NoTables { path: path.to_owned() })?;
        return Ok(Files {
            tables: vec![(path.to_owned(), format)],
            settings: beside(path),
            note: path.with_file_name("SOURCE.md"),
            name: group(named(path, false)),
        });
    }
    let mut tables: Vec<(PathBuf, Format)> = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if let Some(format) = Format::of(&file).filter(|_| file.is_file()) {
            tables.push((file, format));
        }
    }
    tables.sort_by(|(one, _), (other, _)| one.cmp(other));
    let settings = match tables.as_slice() {
        [] => return Err(Error::NoTables { path: path.to_owned() }),
        [(only, _)] if !path.join(SETTINGS).exists() => beside(only),
        _ => path.join(SETTINGS),
    };
    Ok(Files { tables, settings, note: path.join("SOURCE.md"), name: group(named(path, true)) })
}

/// The settings of a single file: `NAME.tables.toml`.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_stem().map(OsString::from).unwrap_or_default();
    name.push(".");
    name.push(SETTINGS);
    path.with_file_name(name)
}

/// The languages in which everything that is asked about has words.
fn languages(settings: &Settings, tables: &[Table]) -> Result<Vec<Language>, Error> {
    let Some(codes) = &settings.languages else {
        let headers = || tables.iter().flat_map(|table| &table.columns);
        let foreign = headers().filter(|column| chinese(&column.name)).count();
        let mostly = foreign * 2 > headers().count();
        return Ok(vec![if mostly { Language::Chinese } else { Language::English }]);
    };
    let mut languages = Vec::new();
    for code in codes.get_ref().iter().copied().map(Language::from) {
        if !languages.contains(&code) {
            languages.push(code);
        }
    }
    for language in &languages {
        for table in tables {
            if let Some(what) = wordless(table, *language) {
                let (code, key) = match language {
                    Language::English => ("en", "words"),
                    Language::Chinese => ("zh", "zh"),
                };
                let message = format!("`languages` holds \"{code}\", and {what} has no words in it");
                let hint = format!(
                    "give every table and every column that is asked for its `{key}`, or set `ask = false` for the column"
                );
                return Err(settings.refuse(codes, message, &hint));
            }
        }
    }
    Ok(languages)
}

/// What of a table has no words in a language.
fn wordless(table: &Table, language: Language) -> Option<String> {
    let asked =
        |column: &&Column| column.ask && matches!(column.role, Role::Fact | Role::NaturalKey | Role::Label);
    let (table_lacks, lacks): (bool, fn(&Column) -> bool) = match language {
        Language::Chinese => (table.zh.is_none(), |column| column.zh.is_none()),
        Language::English => (chinese(&table.noun.singular), |column| chinese(&column.words)),
    };
    if table_lacks {
        return Some(format!("table `{}`", table.name));
    }
    let column = table.columns.iter().filter(asked).find(|column| lacks(column))?;
    Some(format!("column `{}` of table `{}`", column.name, table.name))
}

/// Hash of the names and bytes of every file that is read, as a stream.
fn content(files: &Files) -> Result<ContentId, Error> {
    let mut hasher = blake3::Hasher::new();
    let tables = files.tables.iter().map(|(path, _)| (path, true));
    for (path, needed) in tables.chain([(&files.settings, false), (&files.note, false)]) {
        let unreadable = |source| Error::Read { path: path.clone(), source };
        if !needed && !path.exists() {
            continue;
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
        hasher.update(format!("{name}\n{bytes}\n").as_bytes());
        hasher.update_reader(std::fs::File::open(path).map_err(unreadable)?).map_err(unreadable)?;
    }
    Ok(ContentId(hasher.finalize().to_hex().to_string()))
}
