//! Infers types, keys, labels and links from names and values.
//!
//! A link needs both: its values must be keys of the parent (a few dangling ones are left empty), and its name must
//! say so, unless the key is text, where inclusion by chance is unlikely. A wrong link would make false questions; a
//! missing one only fewer, so doubt means no link.

use super::read::{RawTable, kind_of, says_nothing, truth};
use super::words::{Noun, column_words, snake};
use super::{Cell, Column, Kind, Link, Role, Sayings, Table};
use serde_json::Number;
use std::collections::HashMap;

/// Share of a link's distinct values that must be keys of the parent, with and without a name that says so.
const NAMED_INCLUSION: f64 = 0.8;
const UNNAMED_INCLUSION: f64 = 0.95;
/// Rows whose values are looked at before the whole column is.
const SAMPLE: usize = 512;

pub(super) fn infer(raw: Vec<RawTable>) -> (Vec<Table>, Vec<Link>) {
    let mut tables: Vec<Table> = raw.into_iter().map(table).collect();
    let keys: Vec<HashMap<String, u32>> = tables.iter().map(key_rows).collect();
    let mut links = Vec::new();
    for child in 0..tables.len() {
        for column in 0..tables[child].columns.len() {
            if let Some(link) = find_link(&tables, &keys, child, column) {
                tables[child].columns[column].role = Role::Link;
                links.push(link);
            }
        }
    }
    name_fields(&tables, &mut links);
    for table in &mut tables {
        if let Some(label) = table.label.filter(|label| table.columns[*label].role != Role::Link) {
            table.columns[label].role = Role::Label;
            table.nameable = nameable(&table.columns[label]);
        } else {
            table.label = None;
        }
    }
    (tables, links)
}

fn table(raw: RawTable) -> Table {
    let columns: Vec<Column> =
        raw.columns.into_iter().zip(raw.cells).map(|(name, cells)| column(name, cells)).collect();
    let noun = Noun::of_table(&raw.name);
    let key = find_key(&columns, raw.rows, &snake(&noun.singular));
    let label = find_label(&columns, raw.rows, key, &snake(&noun.singular));
    let mut table = Table {
        name: raw.name,
        noun,
        zh: None,
        classifier_zh: "个".to_owned(),
        columns,
        rows: raw.rows,
        key,
        label,
        nameable: Vec::new(),
    };
    if let Some(key) = key {
        let name = &table.columns[key].name;
        let surrogate = name == "id" || name.ends_with("_id") || name.ends_with("_pk") || name == "key";
        let column = &mut table.columns[key];
        column.role = if surrogate { Role::Surrogate } else { Role::NaturalKey };
        let says_so = ["code", "number", "symbol", "name"].iter().any(|end| column.words.ends_with(end));
        if column.kind == Kind::Text && !says_so {
            column.words.push_str(" code");
        }
    }
    table
}

fn column(name: String, texts: Vec<Box<str>>) -> Column {
    let kind = kind_of(&name, &texts);
    let mut frequency: HashMap<&str, usize> = HashMap::new();
    for text in &texts {
        *frequency.entry(if says_nothing(kind, text) { "" } else { text }).or_default() += 1;
    }
    let distinct = frequency.keys().filter(|text| !text.is_empty()).count();
    let mode = frequency.values().copied().max().unwrap_or_default();
    let mode_share = mode as f64 / texts.len().max(1) as f64;
    let cells = texts.into_iter().map(|text| cell(kind, text)).collect();
    let (words, unit) = column_words(&name);
    Column {
        name,
        kind,
        role: Role::Fact,
        words,
        unit,
        cells,
        distinct,
        mode_share,
        zh: None,
        ask: true,
        say: Sayings::default(),
    }
}

fn cell(kind: Kind, text: Box<str>) -> Cell {
    if says_nothing(kind, &text) {
        return Cell::Empty;
    }
    let number = match kind {
        Kind::Bool => return truth(&text, true).map_or(Cell::Empty, Cell::Bool),
        Kind::Date | Kind::Text => None,
        Kind::Integer => text.parse::<i64>().ok().map(Number::from),
        Kind::Real => text.parse::<f64>().ok().and_then(Number::from_f64),
    };
    number.map_or(Cell::Text(text), Cell::Number)
}

/// A column of distinct values in every row, by its name, else the first column.
fn find_key(columns: &[Column], rows: usize, noun: &str) -> Option<usize> {
    let rank = |at: usize| {
        let name = columns[at].name.as_str();
        let by_name = match name {
            "id" => 0,
            _ if name == format!("{noun}_id") => 1,
            _ if name == noun => 2,
            _ if ["_id", "_code", "_key", "_no", "_number"].iter().any(|end| name.ends_with(end)) => 3,
            _ if at == 0 => 4,
            _ => return None,
        };
        let unique = columns[at].distinct == rows && matches!(columns[at].kind, Kind::Integer | Kind::Text);
        unique.then_some((by_name, at))
    };
    (0..columns.len()).filter_map(rank).min().map(|(_, at)| at)
}

/// A text column that names rows: mostly filled, almost distinct, short.
fn find_label(columns: &[Column], rows: usize, key: Option<usize>, noun: &str) -> Option<usize> {
    let rank = |at: usize| {
        let column = &columns[at];
        let texts: Vec<&str> = column.cells.iter().filter_map(Cell::text).collect();
        if column.kind != Kind::Text || texts.is_empty() {
            return None;
        }
        let filled = texts.len() as f64 / rows as f64;
        let distinct = column.distinct as f64 / texts.len() as f64;
        let short =
            texts.iter().filter(|text| text.chars().count() <= 48).count() as f64 / texts.len() as f64;
        let worded = texts.iter().filter(|text| letters(text) >= 1 && alphanumerics(text) >= 3).count();
        let named = worded as f64 / texts.len() as f64 > 0.6;
        if filled < 0.3 || distinct < 0.85 || short < 0.95 || !named {
            return None;
        }
        let name = column.name.as_str();
        let by_name = match name {
            "name" | "title" | "label" | "full_name" => 0,
            _ if name == noun || name == format!("{noun}_name") || name == format!("{noun}_title") => 1,
            _ if name.ends_with("_name") || name.ends_with("_title") => 2,
            _ if Some(at) == key => 3,
            _ if at <= 2 && distinct > 0.98 && filled > 0.95 => 4,
            _ => return None,
        };
        Some((by_name, at))
    };
    (0..columns.len()).filter_map(rank).min().map(|(_, at)| at)
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphabetic()).count()
}

fn alphanumerics(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphanumeric()).count()
}

/// Rows that a person can name and a search can find: distinct by their words, three characters at least.
fn nameable(label: &Column) -> Vec<usize> {
    let words = |text: &str| {
        let lower = text.to_lowercase();
        lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ")
    };
    let mut seen: HashMap<String, usize> = HashMap::new();
    for text in label.cells.iter().filter_map(Cell::text) {
        *seen.entry(words(text)).or_default() += 1;
    }
    let fits = |text: &str| {
        alphanumerics(text) >= 3
            && text.chars().count() <= 64
            && !text.contains(['\n', '"', '`', '{', '}'])
            && seen.get(&words(text)) == Some(&1)
    };
    (0..label.cells.len()).filter(|row| label.cells[*row].text().is_some_and(fits)).collect()
}

fn key_text(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Empty | Cell::Bool(_) => None,
        Cell::Number(number) => Some(number.to_string()),
        Cell::Text(text) => Some(text.to_string()),
    }
}

fn key_rows(table: &Table) -> HashMap<String, u32> {
    let Some(key) = table.key else { return HashMap::new() };
    let rows = table.columns[key].cells.iter().enumerate();
    rows.filter_map(|(row, cell)| Some((key_text(cell)?, u32::try_from(row).ok()?))).collect()
}

fn find_link(tables: &[Table], keys: &[HashMap<String, u32>], child: usize, column: usize) -> Option<Link> {
    let cells = &tables[child].columns[column];
    if !matches!(cells.kind, Kind::Integer | Kind::Text) || cells.distinct == 0 {
        return None;
    }
    let mut best: Option<(u32, usize)> = None;
    for (parent, table) in tables.iter().enumerate() {
        let Some(key) = table.key.filter(|_| parent != child) else { continue };
        if table.columns[key].kind != cells.kind {
            continue;
        }
        let score =
            name_score(&cells.name, &table.columns[key].name, &snake(&table.noun.singular), &table.name);
        let own_key = tables[child].key == Some(column);
        // Two tables keyed alike: the smaller one refers to the larger.
        if own_key && (score < 2 || tables[child].rows >= table.rows || cells.name == "id") {
            continue;
        }
        let needed = match (score, cells.kind) {
            (0, Kind::Text) if cells.distinct >= 3 => UNNAMED_INCLUSION,
            (0, _) => continue,
            _ => NAMED_INCLUSION,
        };
        if included(cells, &keys[parent]) >= needed && best.is_none_or(|(found, _)| score > found) {
            best = Some((score, parent));
        }
    }
    let (_, parent) = best?;
    let parents: Vec<Option<u32>> =
        cells.cells.iter().map(|cell| keys[parent].get(&key_text(cell)?).copied()).collect();
    let mut children = vec![Vec::new(); tables[parent].rows];
    for (row, target) in parents.iter().enumerate() {
        if let (Some(target), Ok(row)) = (target, u32::try_from(row)) {
            children[*target as usize].push(row);
        }
    }
    let (role, belongs) = role(&cells.name, &tables[parent]);
    Some(Link { child, column, parent, role, belongs, field: String::new(), zh: None, parents, children })
}

/// How clearly a column's name points to a table: 0 not at all.
fn name_score(column: &str, key: &str, noun: &str, table: &str) -> u32 {
    if column == format!("{noun}_id") || column == format!("{noun}_{key}") {
        return 4;
    }
    if column == noun || column == table {
        return 3;
    }
    if column == key && key != "id" && key != "key" && key != "code" {
        return 2;
    }
    let ends = [format!("_{noun}_id"), format!("_{noun}"), format!("_{noun}_{key}")];
    u32::from(
        ends.iter().any(|end| column.ends_with(end.as_str())) || (column.contains(noun) && noun.len() > 3),
    )
}

/// Share of a column's values that are keys; a sample is tried first.
fn included(column: &Column, keys: &HashMap<String, u32>) -> f64 {
    let share = |cells: &mut dyn Iterator<Item = &Cell>| {
        let (mut filled, mut found) = (0_usize, 0_usize);
        for text in cells.filter_map(key_text) {
            filled += 1;
            found += usize::from(keys.contains_key(&text));
        }
        if filled == 0 { 0.0 } else { found as f64 / filled as f64 }
    };
    let step = (column.cells.len() / SAMPLE).max(1);
    let sampled = share(&mut column.cells.iter().step_by(step));
    if sampled < NAMED_INCLUSION - 0.1 { sampled } else { share(&mut column.cells.iter()) }
}

/// What the parent is called from the child's side, and whether that is just its noun.
fn role(column: &str, parent: &Table) -> (String, bool) {
    let noun = &parent.noun.singular;
    let key = parent.key.map_or("", |key| parent.columns[key].name.as_str());
    let stem = ["_id", "_code", "_key", "_number", "_no"]
        .iter()
        .find_map(|end| column.strip_suffix(end))
        .unwrap_or(column)
        .replace('_', " ");
    if column == key || stem == *noun || stem == parent.name.replace('_', " ") {
        (noun.clone(), true)
    } else if stem.contains(noun.as_str()) {
        (stem, false)
    } else {
        (format!("{stem} {noun}"), false)
    }
}

/// Field names for the parents' ids, distinct from every column that stays.
fn name_fields(tables: &[Table], links: &mut [Link]) {
    for at in 0..links.len() {
        let child = &tables[links[at].child];
        let wanted = format!("{}_id", snake(&links[at].role));
        let taken = |name: &str| {
            links[..at].iter().any(|other| other.child == links[at].child && other.field == name)
                || child.columns.iter().any(|column| {
                    column.name == name && matches!(column.role, Role::Fact | Role::NaturalKey | Role::Label)
                })
        };
        let field =
            if taken(&wanted) { format!("{}_ref", child.columns[links[at].column].name) } else { wanted };
        links[at].field = field;
    }
}
