//! The closed piece of the tables that one arena carries, under ids of its own.
//!
//! It holds every row that the plan touches, rows that make wrong calls plausible (neighbours by name, other parents
//! with their children), and every row that one of these refers to. Counts are true of the piece, not of the source;
//! the user asks about "the records", which are these. Ids are derived from the arena's seed, so that nothing learnt
//! in one arena, and no common knowledge, helps to guess them in another.

use crate::draw::Draw;
use crate::plan::{Filter, Plan, Read};
use crate::routes::{End, filters};
use crate::tables::{Cell, Kind, Role, TableGroup};
use astra_protocol::ContentId;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};

const DISTRACTORS: usize = 18;
const NEIGHBOURS: usize = 6;
const COUNTED_PARENTS: usize = 9;
const MAX_CHILDREN: usize = 60;
const MIN_KEPT: usize = 17;
const MAX_COLUMNS: usize = 7;

/// The piece.
#[derive(Debug)]
pub(crate) struct Subset {
    pub(crate) tables: BTreeMap<usize, SubTable>,
}

/// One table of it.
#[derive(Debug)]
pub(crate) struct SubTable {
    /// Source rows, in order, with their ids.
    pub(crate) rows: BTreeMap<usize, String>,
    /// Columns shown beside id and label.
    pub(crate) columns: Vec<usize>,
    /// Links shown.
    pub(crate) links: Vec<usize>,
}

/// Cuts the piece that a plan needs.
pub(crate) fn cut(group: &TableGroup, plan: &Plan, namespace: &str, draw: &mut Draw) -> Subset {
    let mut rows: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for step in &plan.steps {
        rows.entry(step.table).or_default().insert(step.row);
    }
    add_neighbours(group, plan, &mut rows, draw);
    let mut shown: Vec<usize> = plan.path.hops.clone();
    if let End::Count { link, .. } = plan.end {
        shown.push(link);
    }
    shown.sort_unstable();
    shown.dedup();
    close(group, &shown, &mut rows);
    if let End::Count { link, .. } = plan.end {
        add_children(group, plan, link, &mut rows, draw);
        close(group, &shown, &mut rows);
    }
    let tables = rows
        .into_iter()
        .map(|(table, rows)| {
            let links = shown.iter().copied().filter(|link| group.links[*link].child == table).collect();
            let columns = choose_columns(group, plan, table, draw);
            (table, SubTable { rows: ids(group, table, &rows, namespace), columns, links })
        })
        .collect();
    Subset { tables }
}

/// Other named rows of the start table, some of them close by name.
fn add_neighbours(
    group: &TableGroup,
    plan: &Plan,
    rows: &mut BTreeMap<usize, BTreeSet<usize>>,
    draw: &mut Draw,
) {
    let table = &group.tables[plan.path.start];
    let taken = rows.entry(plan.path.start).or_default();
    for _ in 0..DISTRACTORS {
        taken.extend(draw.pick(&table.nameable));
    }
    for branch in 0..plan.branches.len() {
        let label = table.label_of(plan.start(branch).row);
        let prefix: String = label.chars().take(2).collect();
        let near: Vec<usize> =
            table.nameable.iter().copied().filter(|row| table.label_of(*row).starts_with(&prefix)).collect();
        taken.extend(draw.sample(&near, NEIGHBOURS));
    }
}

/// Rows to count: all children of the plan's rows (up to a bound) and some of other parents.
fn add_children(
    group: &TableGroup,
    plan: &Plan,
    link: usize,
    rows: &mut BTreeMap<usize, BTreeSet<usize>>,
    draw: &mut Draw,
) {
    let link = &group.links[link];
    let asked: Vec<usize> =
        (0..plan.branches.len()).map(|branch| plan.steps[plan.leaf(branch)].row).collect();
    let mut others: Vec<usize> = rows
        .get(&link.parent)
        .into_iter()
        .flatten()
        .copied()
        .filter(|row| !asked.contains(row) && !link.children[*row].is_empty())
        .collect();
    others = draw.sample(&others, COUNTED_PARENTS);
    let missing = COUNTED_PARENTS.saturating_sub(others.len());
    for _ in 0..missing * 4 {
        let row = draw.below(link.children.len());
        if others.len() < COUNTED_PARENTS && !link.children[row].is_empty() && !asked.contains(&row) {
            others.push(row);
        }
    }
    rows.entry(link.parent).or_default().extend(&others);
    let counted = rows.entry(link.child).or_default();
    for row in asked {
        let children = &link.children[row];
        // Where all would be too many, a seeded number of them: the bound itself must not be the answer.
        let kept = if children.len() > MAX_CHILDREN {
            MIN_KEPT + draw.below(MAX_CHILDREN - MIN_KEPT)
        } else {
            MAX_CHILDREN
        };
        counted.extend(draw.sample(children, kept).iter().map(|child| *child as usize));
    }
    for row in others {
        let some = 3 + draw.below(MAX_CHILDREN / 3);
        counted.extend(draw.sample(&link.children[row], some).iter().map(|child| *child as usize));
    }
}

/// Adds every row that a row refers to, until none is missing. Links form no cycle among the shown ones: each step up
/// adds rows of a finite table at most once.
fn close(group: &TableGroup, shown: &[usize], rows: &mut BTreeMap<usize, BTreeSet<usize>>) {
    loop {
        let mut missing: Vec<(usize, usize)> = Vec::new();
        for link in shown.iter().map(|link| &group.links[*link]) {
            for row in rows.get(&link.child).into_iter().flatten() {
                if let Some(parent) = link.parents[*row].map(|parent| parent as usize)
                    && !rows.get(&link.parent).is_some_and(|known| known.contains(&parent))
                {
                    missing.push((link.parent, parent));
                }
            }
        }
        if missing.is_empty() {
            return;
        }
        for (table, row) in missing {
            rows.entry(table).or_default().insert(row);
        }
    }
}

/// The asked columns and a few others, in the table's order.
fn choose_columns(group: &TableGroup, plan: &Plan, table: usize, draw: &mut Draw) -> Vec<usize> {
    let columns = &group.tables[table].columns;
    let mut chosen: BTreeSet<usize> = plan
        .steps
        .iter()
        .filter(|step| step.table == table)
        .filter_map(|step| match step.read {
            Read::Field(column) => Some(column),
            Read::Id | Read::Parent(_) | Read::Count { .. } => None,
        })
        .filter(|column| columns[*column].role != Role::Label)
        .collect();
    if let End::Count { link, .. } = plan.end
        && group.links[link].child == table
    {
        chosen.extend(filters(group, table));
    }
    let fits = |at: &usize| {
        let column = &columns[*at];
        matches!(column.role, Role::Fact | Role::NaturalKey)
            && column.name != "id"
            && column.cells.iter().take(200).filter_map(Cell::text).all(|text| text.chars().count() <= 120)
    };
    let candidates: Vec<usize> = (0..columns.len()).filter(fits).collect();
    for column in draw.sample(&candidates, MAX_COLUMNS) {
        if chosen.len() < MAX_COLUMNS {
            chosen.insert(column);
        }
    }
    chosen.into_iter().collect()
}

/// An id per row: letters of the noun and eight characters of a hash.
fn ids(group: &TableGroup, table: usize, rows: &BTreeSet<usize>, namespace: &str) -> BTreeMap<usize, String> {
    let table = &group.tables[table];
    let prefix: String = table.name.chars().filter(char::is_ascii_alphabetic).take(2).collect();
    let prefix = if prefix.is_empty() { "r".to_owned() } else { prefix };
    let mut seen = BTreeSet::new();
    rows.iter()
        .map(|row| {
            // A second round only where 40 bits collide within one table.
            let id = (0..).find_map(|round: u32| {
                let hash =
                    ContentId::of_bytes(format!("{namespace}\n{}\n{row}\n{round}", table.name).as_bytes());
                let id = format!("{prefix}-{}", &hash.0[..10]);
                seen.insert(id.clone()).then_some(id)
            });
            (*row, id.unwrap_or_default())
        })
        .collect()
}

impl Subset {
    pub(crate) fn id(&self, table: usize, row: usize) -> Option<&str> {
        self.tables.get(&table)?.rows.get(&row).map(String::as_str)
    }

    /// The record of a row, as tools return it.
    pub(crate) fn record(&self, group: &TableGroup, table: usize, row: usize) -> Map<String, Json> {
        let source = &group.tables[table];
        let mut record = Map::new();
        let Some(sub) = self.tables.get(&table) else { return record };
        record.insert("id".into(), self.id(table, row).map_or(Json::Null, Json::from));
        let shown = source.label.into_iter().chain(sub.columns.iter().copied());
        for column in shown.map(|column| &source.columns[column]) {
            record.insert(column.name.clone(), column.cells[row].json());
        }
        for link in sub.links.iter().map(|link| &group.links[*link]) {
            let parent = link.parents[row].and_then(|parent| self.id(link.parent, parent as usize));
            record.insert(link.field.clone(), parent.map_or(Json::Null, Json::from));
        }
        record
    }

    /// The table as data file: a JSON array of records.
    pub(crate) fn bytes(&self, group: &TableGroup, table: usize) -> Vec<u8> {
        let rows = self.tables.get(&table).map(|sub| sub.rows.keys()).into_iter().flatten();
        Json::Array(rows.map(|row| Json::Object(self.record(group, table, *row))).collect())
            .to_string()
            .into_bytes()
    }

    /// How many rows refer to a row, as the count tool counts.
    pub(crate) fn count(
        &self,
        group: &TableGroup,
        link: usize,
        row: usize,
        filter: Option<&Filter>,
    ) -> usize {
        let link = &group.links[link];
        let columns = &group.tables[link.child].columns;
        let wanted = filter.map(|filter| (filter.column, filter.value.cell()));
        let known = self.tables.get(&link.child).map(|sub| &sub.rows);
        link.children[row]
            .iter()
            .map(|child| *child as usize)
            .filter(|child| known.is_some_and(|rows| rows.contains_key(child)))
            .filter(|child| {
                wanted.as_ref().is_none_or(|(column, value)| columns[*column].cells[*child] == *value)
            })
            .count()
    }

    /// Fields of a record besides the id, with a word on each, for tool documents.
    pub(crate) fn fields(&self, group: &TableGroup, table: usize) -> Vec<(String, String)> {
        let source = &group.tables[table];
        let Some(sub) = self.tables.get(&table) else { return Vec::new() };
        let mut out = Vec::new();
        for column in source.label.into_iter().chain(sub.columns.iter().copied()) {
            let column = &source.columns[column];
            let unit = column.unit.map_or(String::new(), |unit| format!(" in {unit}"));
            let flag = if column.kind == Kind::Bool { "whether it is " } else { "" };
            out.push((column.name.clone(), format!("{flag}{}{unit}", column.words)));
        }
        for link in sub.links.iter().map(|link| &group.links[*link]) {
            out.push((link.field.clone(), format!("id of its {}", link.role)));
        }
        out
    }
}
