//! Every way to walk the tables: from a row that has a name, up through links, to a fact, a name or a count.
//!
//! Enumerated once per group, so that drawing is a choice among what exists and an empty list is an error with its
//! reasons, table by table. Which rows a walk visits is the plan's business.

use crate::tables::{Column, Kind, Role, TableGroup};

/// Longest text that is asked for.
const MAX_ANSWER_CHARS: usize = 60;
/// A column is asked for only where its most frequent value is rare enough that a guess fails.
const MAX_MODE_SHARE: f64 = 0.2;

/// A walk without its end.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    /// Table of the named row.
    pub(crate) start: usize,
    /// Links taken, child to parent.
    pub(crate) hops: Vec<usize>,
    /// What can be asked where it ends.
    pub(crate) fields: Vec<usize>,
    /// Links whose children can be counted there.
    pub(crate) counts: Vec<usize>,
}

/// Where a walk ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// A column of the last row.
    Field(usize),
    /// The number of rows that refer to the last row, of one kind if there is a filter.
    Count { link: usize, filter: Option<usize> },
}

/// All paths of at most `max_hops` links.
pub(crate) fn paths(group: &TableGroup, max_hops: usize) -> Vec<Path> {
    let mut out = Vec::new();
    for (start, table) in group.tables.iter().enumerate() {
        if table.nameable.len() >= 4 {
            extend(group, start, &mut Vec::new(), max_hops, &mut out);
        }
    }
    out
}

fn extend(group: &TableGroup, start: usize, hops: &mut Vec<usize>, more: usize, out: &mut Vec<Path>) {
    let at = hops.last().map_or(start, |link| group.links[*link].parent);
    let fields = fields(group, at, hops.is_empty());
    let counts: Vec<usize> = (0..group.links.len())
        .filter(|link| group.links[*link].parent == at && countable(group, *link))
        .collect();
    if !fields.is_empty() || !counts.is_empty() {
        out.push(Path { start, hops: hops.clone(), fields, counts });
    }
    if more == 0 {
        return;
    }
    for (number, link) in group.links.iter().enumerate() {
        let visited =
            link.parent == start || hops.iter().any(|earlier| group.links[*earlier].parent == link.parent);
        if link.child == at && !visited {
            hops.push(number);
            extend(group, start, hops, more - 1, out);
            hops.pop();
        }
    }
}

/// Columns worth asking for. The label only after a hop: before it, the label is what the user says.
fn fields(group: &TableGroup, table: usize, at_start: bool) -> Vec<usize> {
    let table = &group.tables[table];
    let asked = |column: &Column| match column.role {
        Role::Fact => column.kind != Kind::Bool && telling(column),
        Role::Label => !at_start && column.distinct >= 4,
        Role::NaturalKey => column.kind == Kind::Text && telling(column),
        Role::Surrogate | Role::Link => false,
    };
    (0..table.columns.len()).filter(|at| asked(&table.columns[*at])).collect()
}

/// Whether the values differ enough, are there often enough and are short enough to be an answer.
fn telling(column: &Column) -> bool {
    let filled = column.cells.iter().filter(|cell| !cell.is_empty()).count();
    let empty_share = 1.0 - filled as f64 / column.cells.len().max(1) as f64;
    let mode = if empty_share >= column.mode_share { 0.0 } else { column.mode_share };
    let long = column
        .cells
        .iter()
        .filter_map(|cell| cell.text())
        .any(|text| text.chars().count() > 4 * MAX_ANSWER_CHARS || text.contains('\n'));
    filled >= 8 && column.distinct >= 6 && mode <= MAX_MODE_SHARE && !long
}

fn countable(group: &TableGroup, link: usize) -> bool {
    let link = &group.links[link];
    let mut sizes: Vec<usize> = link.children.iter().map(Vec::len).filter(|size| *size > 0).collect();
    sizes.sort_unstable();
    sizes.dedup();
    link.belongs && sizes.len() >= 3
}

/// Words that Python keeps for itself, or that tool code uses.
const RESERVED: &[&str] = &[
    "and", "as", "assert", "async", "await", "break", "class", "continue", "data", "def", "del", "elif",
    "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "match",
    "nonlocal", "not", "or", "parents", "pass", "raise", "return", "row", "rows", "state", "try", "wanted",
    "while", "with", "yield",
];

/// Whether a column's name can be the parameter of a Python function.
pub(crate) fn is_parameter(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !RESERVED.contains(&name)
}

/// Columns that split the rows of a table into a few kinds, at most two of them.
pub(crate) fn filters(group: &TableGroup, table: usize) -> Vec<usize> {
    let kinds = |column: &Column| match (column.role, column.kind) {
        (Role::Fact, Kind::Bool) => column.distinct == 2,
        (Role::Fact, Kind::Text) => {
            (2..=12).contains(&column.distinct)
                && column.cells.iter().filter_map(|cell| cell.text()).all(|text| text.chars().count() <= 32)
        }
        _ => false,
    };
    let columns = &group.tables[table].columns;
    (0..columns.len()).filter(|at| is_parameter(&columns[*at].name) && kinds(&columns[*at])).take(2).collect()
}

/// Whether a value is short enough to be an answer.
pub(crate) fn answerable(text: &str) -> bool {
    (1..=MAX_ANSWER_CHARS).contains(&text.chars().count())
}

/// Why no walk was found, table by table.
pub(crate) fn reasons(group: &TableGroup) -> Vec<String> {
    let reason = |(at, table): (usize, &crate::tables::Table)| {
        let referred = group.links.iter().any(|link| link.parent == at);
        if table.label.is_none() {
            format!("`{}` has no column of distinct names", table.name)
        } else if table.nameable.len() < 4 {
            format!("`{}` has fewer than 4 rows with a distinct name", table.name)
        } else if referred {
            format!("`{}` has no telling column, and what refers to it cannot be counted", table.name)
        } else {
            format!("`{}` has no column whose values differ enough to be asked for", table.name)
        }
    };
    group.tables.iter().enumerate().map(reason).collect()
}
