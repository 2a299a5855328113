//! Which columns refer to rows of other tables: what is declared, then what names and values both say.
//!
//! A link that is only found needs both: its values must be keys of the parent (a few dangling ones are left empty),
//! and its name must say so, unless the key is text, where inclusion by chance is unlikely.
//!
//! Walks through the tables must end, so links form no circle of tables. One that would close a circle is left out with
//! a note, and so is one from a table to itself. Where the rows themselves run in a circle through keys that are
//! declared or named without doubt (a parent that is its own grandchild), the data contradicts itself and is refused.

use super::infer::Said;
use super::raw::{Origin, RawReference};
use super::types::shown;
use super::words::{chinese, column_words, snake};
use super::{Cell, Column, Kind, Link, Role, Table};
use crate::error::Error;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// Share of a link's filled cells that must be keys of the parent, with and without a name that says so.
const NAMED_INCLUSION: f64 = 0.8;
const UNNAMED_INCLUSION: f64 = 0.95;
/// Rows whose values are looked at before the whole column is.
const SAMPLE: usize = 512;
/// From this score on, a name means this table and no other.
const CERTAIN: u32 = 3;
/// Relations that hold both ways, by a word of their name or by this many rows that most point at each other.
const MUTUAL: [&str; 8] =
    ["spouse", "partner", "twin", "sibling", "friend", "opposite", "counterpart", "pair"];
const MUTUAL_FROM: usize = 20;

/// A table with what its source and a person said about it.
pub(super) struct Sourced<'a> {
    pub(super) origin: Origin,
    pub(super) references: Vec<RawReference>,
    pub(super) said: Said<'a>,
}

/// A link that is not yet known to close no circle.
#[derive(Debug)]
struct Proposal {
    child: usize,
    column: usize,
    parent: usize,
    /// Column of the parent that holds the values.
    to: usize,
    /// How clearly its name or a declaration says so.
    score: u32,
    declared: bool,
}

type Keys<'a> = HashMap<Cow<'a, str>, u32>;

/// Finds the links and gives their columns the role.
pub(super) fn find(tables: &mut [Table], sources: &[Sourced<'_>]) -> Result<Vec<Link>, Error> {
    let (links, left_out) = {
        let keys: Vec<Keys<'_>> =
            tables.iter().map(|table| table.key.map_or_else(Keys::new, |key| rows_by(table, key))).collect();
        let mut proposals = Vec::new();
        let mut left_out: Vec<(usize, Option<usize>, String)> = Vec::new();
        for child in 0..tables.len() {
            for column in 0..tables[child].columns.len() {
                match declared(tables, sources, child, column)? {
                    Declared::Link(proposal) => proposals.push(proposal),
                    Declared::Nothing => {}
                    Declared::Missing(note) => left_out.push((child, None, note)),
                    Declared::Silent => proposals.extend(discovered(tables, &keys, child, column)),
                }
            }
        }
        // The clearest first: where two close a circle together, the other is left out.
        proposals.sort_by_key(|link| (!link.declared, u32::MAX - link.score, link.child, link.column));
        let mut links: Vec<Link> = Vec::new();
        for proposal in &proposals {
            let link = resolve(tables, &keys, sources, proposal);
            match circle(tables, sources, &links, &link, proposal)? {
                Some(note) => left_out.push((proposal.child, Some(proposal.column), note)),
                None => links.push(link),
            }
        }
        links.sort_by_key(|link| (link.child, link.column));
        (links, left_out)
    };
    for (table, column, note) in left_out {
        tables[table].notes.push(note);
        if let Some(column) = column {
            // It is still a reference, and its bare value no fact to ask for.
            tables[table].columns[column].role = Role::Link;
            tables[table].columns[column].ask = false;
        }
    }
    for link in &links {
        tables[link.child].columns[link.column].role = Role::Link;
    }
    for table in tables {
        for at in (0..table.columns.len()).filter(|at| Some(*at) != table.key) {
            let column = &mut table.columns[at];
            if column.role == Role::Fact
                && column.kind == Kind::Integer
                && column.name.ends_with("_id")
                && column.ask
            {
                // Bare numbers that stand for something which is not here are nothing a person asks for.
                column.ask = false;
                table.notes.push(format!("`{}` is not asked for: it refers to no table here", column.name));
            }
        }
    }
    Ok(links)
}

/// What is declared about a column.
enum Declared {
    Link(Proposal),
    /// It refers to nothing.
    Nothing,
    /// To something that is not there.
    Missing(String),
    Silent,
}

fn declared(
    tables: &[Table],
    sources: &[Sourced<'_>],
    child: usize,
    column: usize,
) -> Result<Declared, Error> {
    let name = &tables[child].columns[column].name;
    let link = |parent: usize, to: usize| {
        Declared::Link(Proposal { child, column, parent, to, score: 5, declared: true })
    };
    let said = sources[child].said;
    if let Some(wanted) = said.column(name).and_then(|said| said.references.as_ref()) {
        if wanted.get_ref().is_empty() {
            return Ok(Declared::Nothing);
        }
        let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        let Some(parent) = names.iter().position(|name| *name == snake(wanted.get_ref())) else {
            return Err(said.settings.unknown("table", wanted, &names));
        };
        let Some(to) = tables[parent].key else {
            let message = format!("`{}` has no key that `{name}` could refer to", wanted.get_ref());
            return Err(said.settings.refuse(
                wanted,
                message,
                "declare one with `key = \"…\"` for that table",
            ));
        };
        return Ok(link(parent, to));
    }
    let Some(reference) = sources[child].references.iter().find(|reference| reference.column == column)
    else {
        return Ok(Declared::Silent);
    };
    let missing =
        || Declared::Missing(format!("`{name}` refers to `{}`, which is not there", reference.table));
    let Some(parent) = tables.iter().position(|table| table.name == reference.table) else {
        return Ok(missing());
    };
    let to = match &reference.to {
        Some(to) => tables[parent].columns.iter().position(|column| column.name == *to),
        None => tables[parent].key,
    };
    Ok(to.map_or_else(missing, |to| link(parent, to)))
}

/// A key as text, equal for equal keys of any type.
fn key_text(cell: &Cell) -> Option<Cow<'_, str>> {
    match cell {
        Cell::Empty | Cell::Bool(_) => None,
        Cell::Number(number) => Some(number.to_string().into()),
        Cell::Text(text) => Some(Cow::Borrowed(text)),
    }
}

/// The first row of each value.
fn rows_by(table: &Table, column: usize) -> Keys<'_> {
    let mut keys = Keys::new();
    for (row, cell) in table.columns[column].cells.iter().enumerate() {
        if let (Some(text), Ok(row)) = (key_text(cell), u32::try_from(row)) {
            keys.entry(text).or_insert(row);
        }
    }
    keys
}

fn discovered(tables: &[Table], keys: &[Keys<'_>], child: usize, column: usize) -> Option<Proposal> {
    let cells = &tables[child].columns[column];
    let labelled = tables[child].label == Some(column) && tables[child].key != Some(column);
    if !matches!(cells.kind, Kind::Integer | Kind::Text) || cells.distinct == 0 || labelled {
        return None;
    }
    let mut best: Option<(u32, usize, usize)> = None;
    for (parent, table) in tables.iter().enumerate() {
        let Some(key) = table.key else { continue };
        if table.columns[key].kind != cells.kind || (parent == child && key == column) {
            continue;
        }
        let score =
            name_score(&cells.name, &table.columns[key].name, &snake(&table.noun.singular), &table.name);
        // Two tables keyed alike: the smaller one refers to the larger. Two columns of one table: only by name.
        let own_key = tables[child].key == Some(column);
        if own_key && (score < 2 || tables[child].rows >= table.rows || cells.name == "id") {
            continue;
        }
        let needed = match (score, cells.kind) {
            (0, Kind::Text) if cells.distinct >= 3 && parent != child => UNNAMED_INCLUSION,
            (0, _) => continue,
            _ => NAMED_INCLUSION,
        };
        if included(cells, &keys[parent]) >= needed && best.is_none_or(|(found, ..)| score > found) {
            best = Some((score, parent, key));
        }
    }
    let (score, parent, to) = best?;
    Some(Proposal { child, column, parent, to, score, declared: false })
}

/// How clearly a column's name points to a table: 0 not at all.
fn name_score(column: &str, key: &str, noun: &str, table: &str) -> u32 {
    // What a row of `staff` is called ("staff member") is not what columns call it.
    let noun = if noun.starts_with(&format!("{table}_")) { table } else { noun };
    let ids = [format!("{noun}_id"), format!("{noun}_{key}"), format!("{noun}{key}"), format!("{noun}编号")];
    if ids.iter().any(|id| column == id) {
        return 4;
    }
    if column == noun || column == table {
        return 3;
    }
    if column == key && !["id", "key", "code", "编号", "序号"].contains(&key) {
        return 2;
    }
    let ends = [format!("_{noun}_id"), format!("_{noun}"), format!("_{noun}_{key}")];
    let hierarchy = column.starts_with("parent") && key.ends_with("id") && column.ends_with(key);
    u32::from(
        hierarchy
            || ends.iter().any(|end| column.ends_with(end.as_str()))
            || (column.contains(noun) && noun.len() > 3),
    )
}

/// Share of a column's filled cells that are keys; a sample is tried first.
fn included(column: &Column, keys: &Keys<'_>) -> f64 {
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

/// The link with its rows.
fn resolve(tables: &[Table], keys: &[Keys<'_>], sources: &[Sourced<'_>], proposal: &Proposal) -> Link {
    let &Proposal { child, column, parent, to, declared, .. } = proposal;
    let source = &tables[child].columns[column];
    let other_keys;
    let keys = if tables[parent].key == Some(to) {
        &keys[parent]
    } else {
        other_keys = rows_by(&tables[parent], to);
        &other_keys
    };
    let parents: Vec<Option<u32>> =
        source.cells.iter().map(|cell| keys.get(&key_text(cell)?).copied()).collect();
    let mut children = vec![Vec::new(); tables[parent].rows];
    for (row, target) in parents.iter().enumerate() {
        if let (Some(target), Ok(row)) = (target, u32::try_from(row)) {
            children[*target as usize].push(row);
        }
    }
    let said = sources[child].said.column(&source.name);
    let (role, belongs) = match said.and_then(|said| said.role.clone()) {
        Some(role) => {
            let belongs = role == tables[parent].noun.singular;
            (role, belongs)
        }
        None => role(&source.name, &tables[parent]),
    };
    let own = said.and_then(|said| said.zh.clone());
    let zh = own.or_else(|| tables[parent].zh.clone());
    Link { child, column, parent, role, belongs, field: String::new(), zh, declared, parents, children }
}

/// What the parent is called from the child's side, and whether that is just its noun.
fn role(column: &str, parent: &Table) -> (String, bool) {
    let noun = &parent.noun.singular;
    let key = parent.key.map_or("", |key| parent.columns[key].name.as_str());
    let stem = ["_id", "_code", "_key", "_number", "_no", "编号", "代码"]
        .iter()
        .find_map(|end| column.strip_suffix(end))
        .unwrap_or(column)
        .replace('_', " ");
    if column == key || stem == *noun || stem == parent.name.replace('_', " ") {
        (noun.clone(), true)
    } else if stem.contains(noun.as_str()) {
        (stem, false)
    } else {
        let (words, _) = column_words(&stem);
        let space = if chinese(&stem) { "" } else { " " };
        (format!("{words}{space}{noun}"), false)
    }
}

/// Why a link cannot join the others, if it would close a circle of tables; an error if its rows run in one.
fn circle(
    tables: &[Table],
    sources: &[Sourced<'_>],
    links: &[Link],
    link: &Link,
    proposal: &Proposal,
) -> Result<Option<String>, Error> {
    let name = &tables[link.child].columns[link.column].name;
    let parent = &tables[link.parent].name;
    if link.child != link.parent && !reaches(links, link.parent, link.child) {
        return Ok(None);
    }
    let way = way(links, link.parent, link.child);
    let certain = link.declared || proposal.score >= CERTAIN || link.child == link.parent;
    if certain && let Some(rows) = row_circle(name, link, &way) {
        let circle: Vec<String> = rows.iter().map(|row| row_name(tables, link.child, *row)).collect();
        let others: Vec<String> = way.iter().map(|step| format!("`{}`", tables[step.child].name)).collect();
        let through =
            if way.is_empty() { String::new() } else { format!(" (through {})", others.join(", ")) };
        return Err(Error::Cyclic {
            place: sources[link.child].origin.row(rows[0]),
            column: name.clone(),
            circle: circle.join(" → ") + &through,
        });
    }
    Ok(Some(if link.child == link.parent {
        format!("`{name}` refers to rows of the same table; such steps are not asked for")
    } else {
        format!(
            "`{name}` is not followed to `{parent}`: other keys lead from there back to `{}`",
            tables[link.child].name
        )
    }))
}

fn reaches(links: &[Link], from: usize, to: usize) -> bool {
    from == to || links.iter().filter(|link| link.child == from).any(|link| reaches(links, link.parent, to))
}

/// One way from a table up to another, as links; links form no circle, so it ends.
fn way(links: &[Link], from: usize, to: usize) -> Vec<&Link> {
    let mut at = from;
    let mut way = Vec::new();
    while at != to {
        let Some(next) = links.iter().find(|link| link.child == at && reaches(links, link.parent, to)) else {
            break;
        };
        way.push(next);
        at = next.parent;
    }
    way
}

/// Rows of the child that lead back to the first of them. A row that refers to itself is a root, and a relation whose
/// rows point at each other (spouses, twins) is no hierarchy.
fn row_circle(column: &str, link: &Link, way: &[&Link]) -> Option<Vec<usize>> {
    let next = |row: usize| {
        let mut at = link.parents[row]? as usize;
        for step in way {
            at = step.parents[at]? as usize;
        }
        Some(at)
    };
    let to_itself = way.is_empty();
    if to_itself {
        let other = |row: usize| next(row).filter(|parent| *parent != row);
        let pointing = (0..link.parents.len()).filter(|row| other(*row).is_some()).count();
        let mutual = (0..link.parents.len()).filter(|row| other(*row).and_then(other) == Some(*row)).count();
        let says_so = MUTUAL.iter().any(|word| column.contains(word));
        if mutual * 2 > pointing && (says_so || pointing >= MUTUAL_FROM) {
            return None;
        }
    }
    // 0 not seen, else the number of the walk that saw it.
    let mut seen = vec![0_usize; link.parents.len()];
    for start in 0..link.parents.len() {
        let mut row = start;
        let mut walk: Vec<usize> = Vec::new();
        while seen[row] == 0 {
            seen[row] = start + 1;
            walk.push(row);
            match next(row) {
                Some(parent) if !(to_itself && parent == row) => row = parent,
                Some(_) | None => break,
            }
        }
        if let Some(from) = walk.iter().position(|visited| *visited == row)
            && next(walk[walk.len() - 1]) == Some(row)
            && !(to_itself && walk.len() - from == 1)
        {
            let mut circle = walk[from..].to_vec();
            circle.push(row);
            return Some(circle);
        }
    }
    None
}

/// A row by its key, for a message.
fn row_name(tables: &[Table], table: usize, row: usize) -> String {
    let table = &tables[table];
    let key = table.key.and_then(|key| key_text(&table.columns[key].cells[row]));
    let name = key.map_or_else(|| format!("row {}", row + 1), |key| shown(&key));
    format!("`{name}`")
}

/// Field names for the parents' ids, distinct from every column that stays.
pub(super) fn name_fields(tables: &[Table], links: &mut [Link]) {
    let mut taken: HashSet<(usize, String)> = HashSet::new();
    for link in links {
        let child = &tables[link.child];
        let wanted = format!("{}_id", snake(&link.role));
        let stays = child.columns.iter().any(|column| {
            column.name == wanted && matches!(column.role, Role::Fact | Role::NaturalKey | Role::Label)
        });
        let field = if stays || taken.contains(&(link.child, wanted.clone())) {
            format!("{}_ref", child.columns[link.column].name)
        } else {
            wanted
        };
        taken.insert((link.child, field.clone()));
        link.field = field;
    }
}
