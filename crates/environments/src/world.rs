//! The closed piece of the tables in which a batch of questions is asked, under ids of its own.
//!
//! It is cut before anything is asked: parents first, then some children of some of them, then whatever these refer to.
//! Counts and extremes are therefore true of the piece, which is all that the tools know, and exact whatever is drawn
//! later. Ids are hashes of the piece's own name, so that nothing learnt in one piece helps in another. Arenas that are
//! drawn from one piece share its data files byte for byte.

use crate::draw::Draw;
use crate::scale::{Scale, scale};
use crate::tables::{Cell, Kind, Link, Role, Table, TableGroup};
use astra_protocol::ContentId;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

const MAX_TABLES: usize = 6;
/// Rows of a table that no shown link leads up from, and of any table.
const ROOT_ROWS: usize = 22;
const MAX_ROWS: usize = 110;
/// Parents whose children are taken, and how many of each at most.
const PARENTS: usize = 12;
const MAX_CHILDREN: usize = 16;
const MAX_COLUMNS: usize = 8;
const MAX_FILTERS: usize = 2;
const MAX_RANGES: usize = 3;
/// Texts longer than this are not shown.
const MAX_TEXT: usize = 120;
const MAX_CATEGORY: usize = 32;

/// The piece.
#[derive(Debug)]
pub(crate) struct World {
    /// Its tables, by number in the group.
    pub(crate) parts: BTreeMap<usize, Part>,
    /// Links shown.
    pub(crate) links: Vec<usize>,
    /// Children of each parent row, by link.
    children: HashMap<(usize, usize), Vec<usize>>,
}

/// One table of it.
#[derive(Debug)]
pub(crate) struct Part {
    /// Source rows, in order, with their ids.
    pub(crate) rows: BTreeMap<usize, String>,
    /// Rows that a person can name.
    pub(crate) nameable: Vec<usize>,
    /// Columns shown beside id and label.
    pub(crate) columns: Vec<usize>,
    /// Of these, categories and flags that lists can be narrowed by.
    pub(crate) filters: Vec<usize>,
    /// Of these, numbers and dates that lists can be narrowed by.
    pub(crate) ranges: Vec<usize>,
    /// Of these, numbers and dates that lists can be sorted by, all numbers among them for statistics.
    pub(crate) sortable: Vec<usize>,
    /// The records as a JSON array.
    pub(crate) bytes: Vec<u8>,
    /// Hash of `bytes`.
    pub(crate) hash: ContentId,
}

/// Which columns pieces show. Pieces of one layout show the same, so that their tools mostly have the same code.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Layout {
    /// The user's, so that every column of a wide table is shown under some seed.
    pub(crate) seed: u64,
    /// Among the layouts of the seed.
    pub(crate) number: u64,
}

impl Layout {
    /// The order in which columns of a table are wanted.
    fn draw(self, group: &TableGroup, table: usize) -> Draw {
        let Self { seed, number } = self;
        Draw::new(seed, &format!("{}/{} layout {number}", group.name, group.tables[table].name))
    }
}

/// Cuts a piece; `name` distinguishes it from all others.
pub(crate) fn cut(group: &TableGroup, name: &str, layout: Layout, draw: &mut Draw) -> World {
    let tables = choose_tables(group, draw);
    let shown: Vec<usize> = (0..group.links.len())
        .filter(|at| tables.contains(&group.links[*at].child) && tables.contains(&group.links[*at].parent))
        .collect();
    let mut rows: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for table in parents_first(group, &tables, &shown) {
        fill(group, table, &shown, &mut rows, draw);
        close(group, &shown, &mut rows);
    }
    let parts: BTreeMap<usize, Part> = rows
        .into_iter()
        .map(|(table, rows)| (table, part(group, table, &rows, name, &mut layout.draw(group, table))))
        .collect();
    let mut world = World { parts, links: shown, children: HashMap::new() };
    for link in &world.links {
        let source = &group.links[*link];
        for row in world.parts.get(&source.child).into_iter().flat_map(|part| part.rows.keys()) {
            if let Some(parent) = source.parents[*row] {
                world.children.entry((*link, parent as usize)).or_default().push(*row);
            }
        }
    }
    let bytes: Vec<(usize, Vec<u8>)> =
        world.parts.keys().map(|table| (*table, world.records(group, *table))).collect();
    for (table, bytes) in bytes {
        if let Some(part) = world.parts.get_mut(&table) {
            part.hash = ContentId::of_bytes(&bytes);
            part.bytes = bytes;
        }
    }
    world
}

/// Tables that hang together, around a random one.
fn choose_tables(group: &TableGroup, draw: &mut Draw) -> BTreeSet<usize> {
    let named: Vec<usize> =
        (0..group.tables.len()).filter(|table| group.tables[*table].nameable.len() >= 4).collect();
    let mut chosen: BTreeSet<usize> = draw.pick(&named).copied().into_iter().collect();
    while chosen.len() < MAX_TABLES {
        let joined = |link: &&Link| chosen.contains(&link.child) != chosen.contains(&link.parent);
        let next: Vec<usize> = group
            .links
            .iter()
            .filter(joined)
            .map(|link| if chosen.contains(&link.child) { link.parent } else { link.child })
            .collect();
        let Some(table) = draw.pick(&next) else { break };
        chosen.insert(*table);
    }
    chosen
}

/// The tables so that parents stand before their children; of tables in a circle, in their own order.
fn parents_first(group: &TableGroup, tables: &BTreeSet<usize>, shown: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::new();
    let mut left: Vec<usize> = tables.iter().copied().collect();
    while !left.is_empty() {
        let free = |table: &usize| {
            !shown
                .iter()
                .map(|link| &group.links[*link])
                .any(|link| link.child == *table && link.parent != *table && !order.contains(&link.parent))
        };
        let at = left.iter().position(free).unwrap_or(0);
        order.push(left.remove(at));
    }
    order
}

/// Rows of one table: children of rows that are there, or rows at random.
fn fill(
    group: &TableGroup,
    table: usize,
    shown: &[usize],
    rows: &mut BTreeMap<usize, BTreeSet<usize>>,
    draw: &mut Draw,
) {
    let source = &group.tables[table];
    let up: Vec<usize> = shown.iter().copied().filter(|link| group.links[*link].child == table).collect();
    let mut taken = rows.remove(&table).unwrap_or_default();
    for link in draw.sample(&up, 2) {
        let link = &group.links[link];
        let parents: Vec<usize> = rows.get(&link.parent).into_iter().flatten().copied().collect();
        let fertile: Vec<usize> = parents.into_iter().filter(|row| !link.children[*row].is_empty()).collect();
        for parent in draw.sample(&fertile, PARENTS) {
            // All of them where they are few, so that extremes and counts are those of the source.
            let children = &link.children[parent];
            let some = if children.len() <= MAX_CHILDREN {
                children.len()
            } else {
                2 + draw.below(MAX_CHILDREN - 1)
            };
            if taken.len() < MAX_ROWS {
                taken.extend(draw.sample(children, some).iter().map(|child| *child as usize));
            }
        }
    }
    let wanted = if up.is_empty() { ROOT_ROWS } else { ROOT_ROWS / 2 };
    for _ in 0..wanted * 3 {
        if taken.len() >= wanted {
            break;
        }
        let row = if source.nameable.is_empty() {
            draw.below(source.rows)
        } else {
            draw.pick(&source.nameable).copied().unwrap_or(0)
        };
        taken.insert(row);
    }
    // A few that are close by name, so that a search finds more than one.
    if let Some(row) = draw.pick(&taken.iter().copied().collect::<Vec<_>>()) {
        let prefix: String = source.label_of(*row).chars().take(2).collect();
        let start = draw.below(source.nameable.len());
        let near = source.nameable.iter().cycle().skip(start).take(source.nameable.len().min(4_000));
        taken.extend(
            near.filter(|row| !prefix.is_empty() && source.label_of(**row).starts_with(&prefix)).take(4),
        );
    }
    rows.insert(table, taken);
}

/// Adds every row that a row refers to, until none is missing; each round adds rows of finite tables.
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

fn part(group: &TableGroup, table: usize, rows: &BTreeSet<usize>, name: &str, layout: &mut Draw) -> Part {
    let source = &group.tables[table];
    let is_shown = |at: &usize| {
        let column = &source.columns[*at];
        matches!(column.role, Role::Fact | Role::NaturalKey)
            && column.name != "id"
            && rows.iter().any(|row| !column.cells[*row].is_empty())
            && rows
                .iter()
                .filter_map(|row| column.cells[*row].text())
                .all(|text| text.chars().count() <= MAX_TEXT && !text.contains('\n'))
    };
    let order = layout.sample(&(0..source.columns.len()).collect::<Vec<_>>(), source.columns.len());
    let chosen = |fits: &dyn Fn(&usize) -> bool, most: usize| {
        let mut chosen: Vec<usize> = order.iter().copied().filter(|at| fits(at)).take(most).collect();
        chosen.sort_unstable();
        chosen
    };
    let columns = chosen(&is_shown, MAX_COLUMNS);
    let parameter =
        |at: &usize| columns.contains(at) && crate::tools::is_parameter(&source.columns[*at].name);
    let filters = chosen(&|at| parameter(at) && is_category(source, rows, *at), MAX_FILTERS);
    let ranked = |at: &usize| parameter(at) && scale(&source.columns[*at]) != Scale::None;
    let sortable = chosen(&ranked, MAX_COLUMNS);
    let ranges = chosen(&ranked, MAX_RANGES);
    let nameable = rows.iter().copied().filter(|row| source.nameable.binary_search(row).is_ok()).collect();
    let rows = ids(source, rows, name);
    Part {
        rows,
        nameable,
        columns,
        filters,
        ranges,
        sortable,
        bytes: Vec::new(),
        hash: ContentId::of_bytes(b""),
    }
}

/// Whether a column splits these rows into a few kinds.
fn is_category(table: &Table, rows: &BTreeSet<usize>, column: usize) -> bool {
    let column = &table.columns[column];
    let kinds: BTreeSet<String> = rows
        .iter()
        .map(|row| &column.cells[*row])
        .filter(|cell| !cell.is_empty())
        .map(|cell| cell.json().to_string())
        .collect();
    let short = |cell: &Cell| cell.text().is_none_or(|text| text.chars().count() <= MAX_CATEGORY);
    column.role == Role::Fact
        && matches!(column.kind, Kind::Bool | Kind::Text)
        && (2..=12).contains(&column.distinct)
        && kinds.len() >= 2
        && rows.iter().all(|row| short(&column.cells[*row]))
}

/// An id per row: letters of the table's name and six characters of a hash, which few tokens spell.
fn ids(table: &Table, rows: &BTreeSet<usize>, name: &str) -> BTreeMap<usize, String> {
    let prefix: String = table.name.chars().filter(char::is_ascii_alphabetic).take(2).collect();
    let prefix = if prefix.is_empty() { "r".to_owned() } else { prefix };
    let mut seen = BTreeSet::new();
    rows.iter()
        .map(|row| {
            // A second round only where 24 bits collide within one table.
            let id = (0..).find_map(|round: u32| {
                let hash = ContentId::of_bytes(format!("{name}\n{}\n{row}\n{round}", table.name).as_bytes());
                let id = format!("{prefix}-{}", &hash.0[..6]);
                seen.insert(id.clone()).then_some(id)
            });
            (*row, id.unwrap_or_default())
        })
        .collect()
}

impl World {
    /// The id of a row that is there.
    pub(crate) fn id(&self, table: usize, row: usize) -> Option<&str> {
        self.parts.get(&table)?.rows.get(&row).map(String::as_str)
    }

    /// Rows that refer to a row, in order.
    pub(crate) fn children(&self, link: usize, row: usize) -> &[usize] {
        self.children.get(&(link, row)).map_or(&[], Vec::as_slice)
    }

    /// All rows of a table, in order.
    pub(crate) fn rows(&self, table: usize) -> Vec<usize> {
        self.parts.get(&table).map(|part| part.rows.keys().copied().collect()).unwrap_or_default()
    }

    /// Links of a table's rows to their parents.
    pub(crate) fn links_up<'a>(
        &'a self,
        group: &'a TableGroup,
        table: usize,
    ) -> impl Iterator<Item = usize> + 'a {
        self.links.iter().copied().filter(move |link| group.links[*link].child == table)
    }

    /// Links from other tables' rows to this table's.
    pub(crate) fn links_down<'a>(
        &'a self,
        group: &'a TableGroup,
        table: usize,
    ) -> impl Iterator<Item = usize> + 'a {
        self.links.iter().copied().filter(move |link| group.links[*link].parent == table)
    }

    /// The record of a row, as tools return it.
    pub(crate) fn record(&self, group: &TableGroup, table: usize, row: usize) -> Map<String, Json> {
        let source = &group.tables[table];
        let mut record = Map::new();
        let Some(part) = self.parts.get(&table) else { return record };
        record.insert("id".into(), self.id(table, row).map_or(Json::Null, Json::from));
        for column in source.label.into_iter().chain(part.columns.iter().copied()) {
            let column = &source.columns[column];
            record.insert(column.name.clone(), column.cells[row].json());
        }
        for link in self.links_up(group, table).map(|link| &group.links[link]) {
            let parent = link.parents[row].and_then(|parent| self.id(link.parent, parent as usize));
            record.insert(link.field.clone(), parent.map_or(Json::Null, Json::from));
        }
        record
    }

    fn records(&self, group: &TableGroup, table: usize) -> Vec<u8> {
        let records = self.rows(table).into_iter().map(|row| Json::Object(self.record(group, table, row)));
        Json::Array(records.collect()).to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_column_of_a_wide_table_is_shown_under_some_seed() {
        let tables = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tables/chemistry");
        let group = TableGroup::read(&tables).unwrap();
        let at = group.tables.iter().position(|table| table.name == "elements").unwrap();
        let columns = &group.tables[at].columns;
        let facts: BTreeSet<&str> = columns
            .iter()
            .filter(|column| matches!(column.role, Role::Fact | Role::NaturalKey))
            .map(|column| column.name.as_str())
            .collect();
        assert!(facts.len() > 2 * MAX_COLUMNS, "the table is not wide");
        let mut shown: BTreeSet<&str> = BTreeSet::new();
        for seed in 0..16 {
            for number in 0..4 {
                let mut draw = Draw::new(seed, &number.to_string());
                let world = cut(&group, "w", Layout { seed, number }, &mut draw);
                let part = world.parts.get(&at).into_iter().flat_map(|part| &part.columns);
                shown.extend(part.map(|column| columns[*column].name.as_str()));
            }
        }
        assert_eq!(facts.difference(&shown).collect::<Vec<_>>(), Vec::<&&str>::new());
    }
}
