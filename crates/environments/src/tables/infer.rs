//! From a table as it stands to one with types, a key and a label; what a person said about it comes first.
//!
//! Doubt means none: a wrong key or label would make false questions, a missing one only fewer. Links between tables
//! are found next door, when all tables are there.

use super::raw::{Origin, RawColumn, RawTable};
use super::settings::{ColumnSettings, Settings, TableSettings};
use super::types::{Notation, Type, date, refuse_mixed, shown, truth, type_of, whole};
use super::words::{Noun, chinese, column_words, counted_words, interned, snake};
use super::{Cell, Column, Kind, Role, Table};
use crate::error::Error;
use serde_json::Number;
use std::collections::HashMap;

/// Largest share of rows whose key may stand in another row for the column to look like a key with mistakes.
const MISTAKEN_SHARE: f64 = 0.02;
/// Share of rows that must be named for a column to be the label, most of them by no other row's name.
const LABEL_FILLED: f64 = 0.3;
const LABEL_DISTINCT: f64 = 0.85;

/// What inference starts from, next to the table itself.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) settings: &'a Settings,
    pub(super) table: Option<&'a TableSettings>,
}

impl<'a> Said<'a> {
    pub(super) fn column(&self, name: &str) -> Option<&'a ColumnSettings> {
        self.table.and_then(|table| table.column(name))
    }
}

/// Infers one table; its origin and declared references are left for the links.
pub(super) fn table(mut raw: RawTable, said: Said<'_>) -> Result<(Table, Origin), Error> {
    raw.leave_out_row_numbers();
    check_columns(&raw, said)?;
    let noun = noun(&raw, said);
    let types = types(&raw, said)?;
    let (key, declared_key) = declared_key(&raw, said)?;
    let key = if declared_key { key } else { find_key(&raw, &types, &snake(&noun.singular))? };
    let mut notes = std::mem::take(&mut raw.notes);
    let mut columns = Vec::with_capacity(raw.columns.len());
    for (at, (source, kind)) in raw.columns.drain(..).zip(types).enumerate() {
        let declared = said.column(&source.name);
        let mut column = column(source, kind, declared, &raw.origin)?;
        let inferred = declared.is_none_or(|said| said.words.is_none());
        if inferred && column.kind == Kind::Integer && column.unit.is_none() && key != Some(at) {
            column.words = counted_words(std::mem::take(&mut column.words), &noun.singular);
        }
        if key == Some(at) {
            name_key(&mut column, declared.is_some_and(|said| said.words.is_some()));
        }
        note_values(&column, &mut notes);
        columns.push(column);
    }
    let label = match said.table.and_then(|table| table.label.as_ref()) {
        Some(name) if name.get_ref().is_empty() => None,
        Some(name) => {
            let at = said.settings.find(name, &names(&columns))?;
            if columns[at].kind != Kind::Text {
                let message = format!("the label `{}` is no column of texts", name.get_ref());
                return Err(said.settings.refuse(
                    name,
                    message,
                    "name another column, or declare its `type` as text",
                ));
            }
            Some(at)
        }
        None => find_label(&columns, raw.rows, key, &snake(&noun.singular)),
    };
    let zh = said.table.and_then(|table| table.zh.clone());
    let table = Table {
        file: raw.origin.file(),
        zh: zh.or_else(|| chinese(&raw.name).then(|| raw.name.replace('_', ""))),
        classifier_zh: said
            .table
            .and_then(|table| table.classifier_zh.clone())
            .unwrap_or_else(|| "个".to_owned()),
        name: raw.name,
        noun,
        columns,
        rows: raw.rows,
        key,
        label,
        nameable: Vec::new(),
        notes,
    };
    Ok((table, raw.origin))
}

fn names(columns: &[Column]) -> Vec<&str> {
    columns.iter().map(|column| column.name.as_str()).collect()
}

/// Refuses columns that are spoken of and not there.
fn check_columns(raw: &RawTable, said: Said<'_>) -> Result<(), Error> {
    let names: Vec<&str> = raw.columns.iter().map(|column| column.name.as_str()).collect();
    for name in said.table.iter().flat_map(|table| table.columns.keys()) {
        said.settings.find(name, &names)?;
    }
    Ok(())
}

fn noun(raw: &RawTable, said: Said<'_>) -> Noun {
    match said.table.and_then(|table| table.noun.as_ref()).map(toml::Spanned::get_ref) {
        Some([singular, plural]) => Noun { singular: singular.clone(), plural: plural.clone() },
        None if chinese(&raw.name) => Noun { singular: raw.name.clone(), plural: raw.name.clone() },
        None => Noun::of_table(&raw.name),
    }
}

/// The type of each column. `NA` is a missing value in a table that writes it among its numbers.
fn types(raw: &RawTable, said: Said<'_>) -> Result<Vec<Type>, Error> {
    let mut types = Vec::with_capacity(raw.columns.len());
    for column in &raw.columns {
        let found = type_of(column);
        let declared = said.column(&column.name).and_then(|said| said.kind);
        if declared.is_none() && found.kind == Kind::Text {
            refuse_mixed(raw, column)?;
        }
        types.push(Type { kind: declared.map_or(found.kind, Kind::from), ..found });
    }
    let writes_na =
        raw.columns.iter().zip(&types).any(|(column, found)| {
            !matches!(found.kind, Kind::Text | Kind::Bool) && column.texts.contains("NA")
        });
    for (column, found) in raw.columns.iter().zip(&mut types) {
        // Among codes of two letters it may be Namibia.
        let mut others = column.texts.iter().filter(|text| !matches!(&***text, "" | "NA")).peekable();
        let codes = others.peek().is_some() && others.all(|text| text.chars().count() <= 2);
        found.na_is_nothing = writes_na && !codes;
    }
    Ok(types)
}

/// The key that a person or the source names, and whether one of them spoke at all.
fn declared_key(raw: &RawTable, said: Said<'_>) -> Result<(Option<usize>, bool), Error> {
    let names: Vec<&str> = raw.columns.iter().map(|column| column.name.as_str()).collect();
    let key = match said.table.and_then(|table| table.key.as_ref()) {
        Some(name) if name.get_ref().is_empty() => return Ok((None, true)),
        Some(name) => said.settings.find(name, &names)?,
        None => match raw.key {
            Some(key) => key,
            None => return Ok((None, false)),
        },
    };
    let column = &raw.columns[key];
    if let Some(row) = column.ids.iter().position(|id| *id == 0) {
        return Err(Error::EmptyKey { place: raw.origin.row(row), column: column.name.clone() });
    }
    refuse_duplicates(raw, column)?;
    Ok((Some(key), true))
}

/// Refuses a text that stands in two rows.
fn refuse_duplicates(raw: &RawTable, column: &RawColumn) -> Result<(), Error> {
    let mut first: Vec<Option<usize>> = vec![None; column.texts.len()];
    for (row, id) in column.ids.iter().enumerate() {
        if *id == 0 {
            continue;
        }
        if let Some(first) = first[*id as usize].replace(row) {
            return Err(Error::DuplicateKey {
                place: raw.origin.row(row),
                column: column.name.clone(),
                value: shown(column.text(row)),
                first: raw.origin.row_words(first),
            });
        }
    }
    Ok(())
}

/// A column of distinct values in every row, by its name, else the first column.
fn find_key(raw: &RawTable, types: &[Type], noun: &str) -> Result<Option<usize>, Error> {
    let filled = |at: usize| {
        let column: &RawColumn = &raw.columns[at];
        column.ids.iter().filter(|id| **id != 0).count()
    };
    let distinct = |at: usize| raw.columns[at].texts.len() - 1;
    let rank = |at: usize| {
        let name = raw.columns[at].name.as_str();
        let by_name = match name {
            "id" | "编号" | "序号" => 0,
            _ if name == format!("{noun}_id") || name == format!("{noun}编号") => 1,
            _ if name == noun => 2,
            _ if ["_id", "_code", "_key", "_no", "_number", "编号", "代码", "编码", "号码"]
                .iter()
                .any(|end| name.ends_with(end)) =>
            {
                3
            }
            _ if at == 0 => 4,
            _ => return None,
        };
        let says_nothing = raw.columns[at].texts.iter().skip(1).any(|text| types[at].says_nothing(text));
        let unique = distinct(at) == raw.rows && !says_nothing;
        (unique && matches!(types[at].kind, Kind::Integer | Kind::Text)).then_some((by_name, at))
    };
    let found = (0..raw.columns.len()).filter_map(rank).min().map(|(_, at)| at);
    // A first column that is named like the key and fails in a few rows only was meant as one.
    let first = &raw.columns[0];
    let meant =
        first.name == "id" || first.name == format!("{noun}_id") || first.name == format!("{noun}编号");
    let surplus = filled(0) - distinct(0);
    let few = surplus as f64 <= (raw.rows as f64 * MISTAKEN_SHARE).max(2.0) && distinct(0) * 2 > raw.rows;
    if meant && surplus > 0 && few {
        refuse_duplicates(raw, first)?;
    }
    Ok(found)
}

/// What the key is for, and what it is called.
fn name_key(column: &mut Column, worded: bool) {
    let name = column.name.as_str();
    let surrogate = ["id", "key", "编号", "序号"].contains(&name)
        || name.ends_with("_id")
        || name.ends_with("_pk")
        || (column.kind == Kind::Integer && name.ends_with("编号"));
    column.role = if surrogate { Role::Surrogate } else { Role::NaturalKey };
    let says_so =
        ["code", "number", "symbol", "name", "号", "码", "名"].iter().any(|end| column.words.ends_with(end));
    if column.kind == Kind::Text && !says_so && !worded && !chinese(&column.words) {
        column.words.push_str(" code");
    }
}

fn column(
    source: RawColumn,
    kind: Type,
    declared: Option<&ColumnSettings>,
    origin: &Origin,
) -> Result<Column, Error> {
    let mut texts: Vec<Cell> = Vec::with_capacity(source.texts.len());
    for (id, text) in source.texts.iter().enumerate() {
        let cell = if kind.says_nothing(text) { Some(Cell::Empty) } else { cell(kind, text) };
        texts.push(cell.ok_or_else(|| Error::NotOfType {
            place: origin.row(source.row_of(id)),
            column: source.name.clone(),
            kind: kind.kind.name(),
            value: shown(text),
        })?);
    }
    let mut counts = vec![0_usize; texts.len()];
    for id in &source.ids {
        counts[*id as usize] += 1;
    }
    let empty: usize =
        texts.iter().zip(&counts).filter(|(cell, _)| cell.is_empty()).map(|(_, count)| count).sum();
    let mode = texts.iter().zip(&counts).filter(|(cell, _)| !cell.is_empty()).map(|(_, count)| *count).max();
    let mode_share = mode.unwrap_or_default().max(empty) as f64 / source.ids.len().max(1) as f64;
    let distinct = texts.iter().filter(|cell| !cell.is_empty()).count();
    let cells = source.ids.iter().map(|id| texts[*id as usize].clone()).collect();
    let (words, unit) = if chinese(&source.header) {
        let (words, unit) = chinese_header(&source.header);
        (words, unit.map(interned))
    } else {
        let (words, unit) = column_words(&source.name);
        (super::naming::noun(words, kind.kind), unit)
    };
    let unit = match declared.and_then(|said| said.unit.as_deref()) {
        Some("") => None,
        Some(unit) => Some(interned(unit)),
        None => unit.or(kind.notation.unit()),
    };
    let zh = declared.and_then(|said| said.zh.clone()).or_else(|| chinese(&words).then(|| words.clone()));
    Ok(Column {
        zh,
        words: declared.and_then(|said| said.words.clone()).unwrap_or(words),
        name: source.name,
        kind: kind.kind,
        role: Role::Fact,
        unit,
        cells,
        distinct,
        mode_share,
        ask: declared.and_then(|said| said.ask).unwrap_or(true),
        say: declared.map(ColumnSettings::sayings).unwrap_or_default(),
    })
}

/// A Chinese header without the unit in parentheses at its end, and that unit.
fn chinese_header(header: &str) -> (String, Option<&str>) {
    let split = header
        .strip_suffix([')', '）'])
        .and_then(|inner| inner.split_once(['(', '（']))
        .filter(|(words, unit)| !words.is_empty() && !unit.is_empty());
    split.map_or_else(
        || (header.to_owned(), None),
        |(words, unit)| (words.trim().to_owned(), Some(unit.trim())),
    )
}

/// A cell of a type; nothing when it is of another.
fn cell(found: Type, text: &str) -> Option<Cell> {
    let numeral = || found.notation.plain(text).or_else(|| Notation::Plain.plain(text));
    match found.kind {
        Kind::Bool => truth(text, true).map(Cell::Bool),
        Kind::Text => Some(Cell::Text(text.into())),
        Kind::Date => date(text, true).map(|day| Cell::Text(day.into())),
        Kind::Integer => whole(&numeral()?).map(Number::from).map(Cell::Number),
        Kind::Real => numeral()?.parse::<f64>().ok().and_then(Number::from_f64).map(Cell::Number),
    }
}

/// Words for values that no cell holds are most likely misspelt.
fn note_values(column: &Column, notes: &mut Vec<String>) {
    for value in column.say.values.keys().chain(column.say.values_zh.keys()) {
        let there = column.cells.iter().any(|cell| match cell {
            Cell::Empty => false,
            Cell::Bool(held) => value == if *held { "true" } else { "false" },
            Cell::Number(held) => held.to_string() == *value,
            Cell::Text(held) => **held == **value,
        });
        if !there {
            notes.push(format!(
                "`{}` never holds `{}`, for which there are words",
                column.name,
                shown(value)
            ));
        }
    }
}

/// A text column that names rows: mostly filled, almost distinct, short.
fn find_label(columns: &[Column], rows: usize, key: Option<usize>, noun: &str) -> Option<usize> {
    let rank = |at: usize| {
        let column = &columns[at];
        if column.kind != Kind::Text || column.distinct == 0 {
            return None;
        }
        let texts: Vec<&str> = column.cells.iter().filter_map(Cell::text).collect();
        let share = |fits: &dyn Fn(&str) -> bool| {
            texts.iter().filter(|text| fits(text)).count() as f64 / texts.len() as f64
        };
        let filled = texts.len() as f64 / rows as f64;
        let distinct = column.distinct as f64 / texts.len() as f64;
        let short = share(&|text| text.chars().count() <= 48);
        let named = share(&|text| letters(text) >= 1 && (alphanumerics(text) >= 3 || chinese(text)));
        if filled < LABEL_FILLED
            || distinct < LABEL_DISTINCT
            || short < 0.95
            || named <= 0.6
            || share(&machine_made) > 0.5
        {
            return None;
        }
        let name = column.name.as_str();
        let by_name = match name {
            "name" | "title" | "label" | "full_name" | "名称" | "姓名" | "标题" | "名字" => 0,
            _ if name == noun || name == format!("{noun}_name") || name == format!("{noun}_title") => 1,
            _ if ["_name", "_title", "名称", "姓名", "名"].iter().any(|end| name.ends_with(end)) => 2,
            _ if Some(at) == key => 3,
            _ if at <= 2 && distinct > 0.98 && filled > 0.95 => 4,
            _ => return None,
        };
        Some((by_name, at))
    };
    (0..columns.len()).filter_map(rank).min().map(|(_, at)| at)
}

/// Hashes and UUIDs, which nobody says.
fn machine_made(text: &str) -> bool {
    text.len() >= 16
        && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
        && text.bytes().any(|byte| byte.is_ascii_digit())
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphabetic()).count()
}

fn alphanumerics(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphanumeric()).count()
}

/// Rows that a person can name and a search can find: distinct by their words, three characters (or two Chinese
/// ones) at least.
pub(super) fn nameable(label: &Column) -> Vec<usize> {
    let words = |text: &str| {
        let lower = text.to_lowercase();
        lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ")
    };
    let mut seen: HashMap<String, usize> = HashMap::new();
    for text in label.cells.iter().filter_map(Cell::text) {
        *seen.entry(words(text)).or_default() += 1;
    }
    let fits = |text: &str| {
        (alphanumerics(text) >= 3 || (chinese(text) && alphanumerics(text) == 2))
            && text.chars().count() <= 64
            && !text.contains(['\n', '"', '`', '{', '}'])
            && seen.get(&words(text)) == Some(&1)
    };
    (0..label.cells.len()).filter(|row| label.cells[*row].text().is_some_and(fits)).collect()
}
