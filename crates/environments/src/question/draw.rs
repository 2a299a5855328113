//! Draws a wish of a topology and depth inside a world: a walk from a named row, then what is asked where it ends.
//!
//! Every step is evaluated as it is drawn, so that a finished wish has an answer. What a question may do with a column
//! is its [`Scale`]'s business. `None` means that this draw led nowhere; the caller draws again.

use super::evaluate::Truth;
use super::other::{restarted, start};
use super::units::{of_symbol, targets};
use super::{Bound, Condition, Entity, Fold, Operation, Rows, Scalar, Statistic, Test, Wish};
use crate::draw::Draw;
use crate::scale::{Scale, said, scale};
use crate::tables::{Cell, Column, Kind, Role};
use crate::world::Part;
use astra_protocol::Topology;

/// Longest text that is asked for.
const MAX_ANSWER_CHARS: usize = 60;
/// A column is asked for only where its most frequent value is rare enough that a guess fails.
const MAX_MODE_SHARE: f64 = 0.2;
/// Longest list of names that is asked for.
pub(crate) const MAX_NAMES: usize = 12;
const MAX_RANK: usize = 3;

/// Draws in one world.
pub(crate) struct Asker<'a> {
    pub(crate) truth: Truth<'a>,
    /// Whether a named row is looked for before it is read, which costs a call.
    pub(crate) search: bool,
}

impl Asker<'_> {
    /// A wish of this topology whose longest chain has `depth` calls.
    pub(crate) fn wish(&self, topology: Topology, depth: usize, draw: &mut Draw) -> Option<Wish> {
        match topology {
            Topology::SingleHop if draw.percent(15) => self.names(1, draw).map(Wish::Names),
            Topology::SingleHop => self.chain(1, draw).map(Wish::One),
            Topology::MultiHop if draw.percent(8) => self.names(depth, draw).map(Wish::Names),
            Topology::MultiHop => self.chain(depth, draw).map(Wish::One),
            Topology::ParallelSingleHop => match draw.below(10) {
                0 => self.common(1, draw),
                1 => self.pair(1, draw),
                _ => self.branches(1, draw),
            },
            Topology::ParallelMultiHop => match draw.below(20) {
                0..=1 => self.common(depth, draw),
                2..=4 => self.pair(depth, draw),
                5..=8 => self.bounded(depth, draw).map(Wish::One),
                9..=12 if depth > 1 => self.computed(depth, draw).map(Wish::One),
                _ => self.branches(depth, draw),
            },
        }
    }

    fn part(&self, table: usize) -> Option<&Part> {
        self.truth.world.parts.get(&table)
    }

    fn column(&self, table: usize, column: usize) -> &Column {
        &self.truth.group.tables[table].columns[column]
    }

    /// A row that the user can name, from tables with many of them more often.
    fn named(&self, draw: &mut Draw) -> Option<Entity> {
        let tables: Vec<usize> = self
            .truth
            .world
            .parts
            .iter()
            .filter(|(_, part)| part.nameable.len() >= 4)
            .flat_map(|(table, part)| {
                let weight = 1 + part.nameable.len().checked_ilog2().unwrap_or(0) as usize;
                std::iter::repeat_n(*table, weight)
            })
            .collect();
        let table = *draw.pick(&tables)?;
        let row = *draw.pick(&self.part(table)?.nameable)?;
        Some(Entity::Named { table, row })
    }

    /// A row that is `depth` calls away: its id is known then.
    pub(crate) fn walk(&self, depth: usize, draw: &mut Draw) -> Option<Entity> {
        let mut left = depth;
        let mut at = if left > 0 && draw.percent(12) {
            left -= 1;
            self.ranked(self.rows_anywhere(draw)?, draw)?
        } else {
            left = left.checked_sub(usize::from(self.search))?;
            self.named(draw)?
        };
        let mut came: Option<usize> = None;
        for _ in 0..left {
            (came, at) = self.move_on(&at, came, draw)?;
        }
        self.truth.row(&at)?;
        Some(at)
    }

    /// One more call: up a link, or to the first of what refers to the row. Never down a link and straight back up;
    /// `came` is the link that the last call went down.
    fn move_on(&self, at: &Entity, came: Option<usize>, draw: &mut Draw) -> Option<(Option<usize>, Entity)> {
        let (group, world) = (self.truth.group, self.truth.world);
        let table = at.table(&group.links);
        let row = self.truth.row(at)?;
        let up: Vec<usize> = world
            .links_up(group, table)
            .filter(|link| Some(*link) != came && group.links[*link].parents[row].is_some())
            .filter(|link| !self.is_detour(at, *link, row))
            .collect();
        let down: Vec<usize> = world
            .links_down(group, table)
            .filter(|link| world.children(*link, row).len() >= 2)
            .filter(|link| self.part(group.links[*link].child).is_some_and(|part| !part.sortable.is_empty()))
            .collect();
        let goes_up = down.is_empty() || (!up.is_empty() && draw.percent(55));
        if goes_up {
            let link = *draw.pick(&up)?;
            return Some((None, Entity::Parent { link, of: Box::new(at.clone()) }));
        }
        let link = *draw.pick(&down)?;
        let rows = self.rows_of(link, at.clone(), 30, draw)?;
        Some((Some(link), self.ranked(rows, draw)?))
    }

    /// Whether the record of the row before says already where this link leads.
    fn is_detour(&self, at: &Entity, link: usize, row: usize) -> bool {
        let (group, world) = (self.truth.group, self.truth.world);
        let Entity::Parent { of, .. } = at else { return false };
        let Some(before) = self.truth.row(of) else { return false };
        let (parent, target) = (group.links[link].parent, group.links[link].parents[row]);
        world
            .links_up(group, of.table(&group.links))
            .map(|other| &group.links[other])
            .any(|other| other.parent == parent && other.parents[before] == target)
    }

    fn ranked(&self, rows: Rows, draw: &mut Draw) -> Option<Entity> {
        let by = *draw.pick(&rows.unbounded(&self.part(rows.table)?.sortable))?;
        let rank = if draw.percent(70) { 1 } else { 2 + draw.below(MAX_RANK - 1) };
        let entity = Entity::Ranked { rows: Box::new(rows), by, largest: draw.percent(65), rank };
        self.truth.row(&entity).map(|_| entity)
    }

    fn rows_anywhere(&self, draw: &mut Draw) -> Option<Rows> {
        let tables: Vec<usize> = self
            .truth
            .world
            .parts
            .iter()
            .filter(|(_, part)| !part.ranges.is_empty() && part.rows.len() >= 8)
            .map(|(table, _)| *table)
            .collect();
        let table = *draw.pick(&tables)?;
        let mut rows = Rows { table, of: None, conditions: Vec::new() };
        // Without a bound, an enumeration of a tool's choices would give the answer.
        rows.conditions.push(self.bound(&rows, draw)?);
        if draw.percent(35) {
            rows.conditions.extend(self.category(&rows, draw));
        }
        (self.truth.rows(&rows)?.len() >= 2).then_some(rows)
    }

    /// Rows that refer to a row, mostly all of them, else (in `percent` of the cases) narrowed.
    fn rows_of(&self, link: usize, of: Entity, percent: usize, draw: &mut Draw) -> Option<Rows> {
        let mut rows =
            Rows { table: self.truth.group.links[link].child, of: Some((link, of)), conditions: Vec::new() };
        if draw.percent(percent) {
            let first = if draw.percent(50) { self.bound(&rows, draw) } else { self.category(&rows, draw) };
            rows.conditions.extend(first);
        }
        (self.truth.rows(&rows)?.len() >= 2).then_some(rows)
    }

    /// A bound that some rows meet and some do not.
    fn bound(&self, rows: &Rows, draw: &mut Draw) -> Option<Condition> {
        let column = *draw.pick(&self.part(rows.table)?.ranges)?;
        let found = self.truth.rows(rows)?;
        let cells = &self.column(rows.table, column).cells;
        let cell = &cells[*draw.pick(&found)?];
        let bound = Bound::Said(said(self.column(rows.table, column), cell)?);
        let test = if draw.percent(60) { Test::AtLeast(bound) } else { Test::AtMost(bound) };
        self.splits(rows, Condition { column, test })
    }

    fn category(&self, rows: &Rows, draw: &mut Draw) -> Option<Condition> {
        let column = *draw.pick(&self.part(rows.table)?.filters)?;
        let found = self.truth.rows(rows)?;
        let cell = self.column(rows.table, column).cells[*draw.pick(&found)?].clone();
        let condition = (!cell.is_empty()).then_some(Condition { column, test: Test::Is(cell) })?;
        self.splits(rows, condition)
    }

    /// The condition, if some rows meet it and some do not.
    fn splits(&self, rows: &Rows, condition: Condition) -> Option<Condition> {
        let all = self.truth.rows(rows)?.len();
        let mut narrowed = rows.clone();
        narrowed.conditions.push(condition);
        let met = self.truth.rows(&narrowed)?.len();
        if met > 0 && met < all { narrowed.conditions.pop() } else { None }
    }

    /// A value at the end of a chain of `depth` calls.
    fn chain(&self, depth: usize, draw: &mut Draw) -> Option<Scalar> {
        if depth >= 2 && draw.percent(22) {
            let inner = self.chain_end(depth - 1, draw)?;
            let from = self.unit(&inner)?;
            let to = draw.pick(&targets(from)).copied()?;
            let converted = Scalar::Converted { of: Box::new(inner), from, to };
            return self.truth.scalar(&converted).map(|_| converted);
        }
        self.chain_end(depth, draw)
    }

    fn chain_end(&self, depth: usize, draw: &mut Draw) -> Option<Scalar> {
        if draw.percent(if depth == 1 { 22 } else { 6 }) {
            let rows = self.rows_anywhere(draw)?;
            return if depth == 1 { self.of_rows(rows, draw) } else { None };
        }
        let of = self.walk(depth - 1, draw)?;
        let ending = match draw.below(100) {
            0..=44 => self.field(of, draw),
            45..=54 => Some(Scalar::Name { of }).filter(|name| self.nameable(name)),
            _ => {
                let table = of.table(&self.truth.group.links);
                let row = self.truth.row(&of)?;
                let down: Vec<usize> = self
                    .truth
                    .world
                    .links_down(self.truth.group, table)
                    .filter(|link| self.truth.world.children(*link, row).len() >= 2)
                    .collect();
                let link = *draw.pick(&down)?;
                let rows = self.rows_of(link, of, 55, draw)?;
                self.of_rows(rows, draw)
            }
        }?;
        self.truth.scalar(&ending).filter(answerable).map(|_| ending)
    }

    /// Whether a row's name is a question: it has one, and the user did not say it.
    fn nameable(&self, scalar: &Scalar) -> bool {
        let Scalar::Name { of } = scalar else { return false };
        let table = &self.truth.group.tables[of.table(&self.truth.group.links)];
        match of {
            Entity::Parent { .. } => table.label.is_some() && table.nameable.len() >= 4,
            // One call both ranks and names, so the name would come a call too early.
            Entity::Named { .. } | Entity::Ranked { .. } => false,
        }
    }

    /// A number about rows, or the name of the first of them.
    fn of_rows(&self, rows: Rows, draw: &mut Draw) -> Option<Scalar> {
        let part = self.part(rows.table)?;
        let numbers: Vec<usize> = rows
            .unbounded(&part.sortable)
            .into_iter()
            .filter(|at| matches!(self.column(rows.table, *at).kind, Kind::Integer | Kind::Real))
            .collect();
        let named = self.truth.group.tables[rows.table].label.is_some();
        let scalar = match draw.below(10) {
            0..=3 => Scalar::Count { rows },
            4..=5 if named => Scalar::Name { of: self.ranked(rows, draw)? },
            _ => {
                let column = *draw.pick(&numbers)?;
                let mut fitting = vec![Statistic::Min, Statistic::Max];
                let scale = scale(self.column(rows.table, column));
                if scale >= Scale::Interval {
                    fitting.extend([Statistic::Mean, Statistic::Mean]);
                }
                if scale >= Scale::Additive {
                    fitting.extend([Statistic::Sum, Statistic::Sum]);
                }
                Scalar::Aggregate { rows, statistic: *draw.pick(&fitting)?, column }
            }
        };
        self.truth.scalar(&scalar).filter(answerable).map(|_| scalar)
    }

    /// A telling field of a row.
    pub(crate) fn field(&self, of: Entity, draw: &mut Draw) -> Option<Scalar> {
        let table = of.table(&self.truth.group.links);
        let sorted_by = match &of {
            Entity::Ranked { by, .. } => Some(*by),
            Entity::Named { .. } | Entity::Parent { .. } => None,
        };
        let asked: Vec<usize> = self
            .part(table)?
            .columns
            .iter()
            .copied()
            .filter(|at| Some(*at) != sorted_by && telling(self.column(table, *at)))
            .collect();
        let column = *draw.pick(&asked)?;
        let scalar = Scalar::Field { of, column };
        self.truth.scalar(&scalar).filter(answerable).map(|_| scalar)
    }

    fn names(&self, depth: usize, draw: &mut Draw) -> Option<Rows> {
        let rows = if depth == 1 && (self.search || draw.percent(35)) {
            let mut rows = self.rows_anywhere(draw)?;
            if draw.percent(60) {
                rows.conditions.extend(self.category(&rows, draw));
            }
            rows
        } else {
            let of = self.walk(depth - 1, draw)?;
            let table = of.table(&self.truth.group.links);
            let down: Vec<usize> = self.truth.world.links_down(self.truth.group, table).collect();
            self.rows_of(*draw.pick(&down)?, of, 60, draw)?
        };
        let named = self.truth.group.tables[rows.table].label.is_some();
        let count = self.truth.rows(&rows)?.len();
        let all_named = self.truth.names(&rows)?.len() == count;
        (named && all_named && (2..=MAX_NAMES).contains(&count)).then_some(rows)
    }

    /// Two lists of one table with some names in both.
    fn common(&self, depth: usize, draw: &mut Draw) -> Option<Wish> {
        let a = self.names(depth, draw)?;
        let link = a.of.as_ref().map(|(link, _)| *link)?;
        let others: Vec<usize> =
            self.truth.world.links_up(self.truth.group, a.table).filter(|other| *other != link).collect();
        // By another link when there is one, else by another bound on all rows.
        let b = match draw.pick(&others) {
            Some(other) => {
                let row = *draw.pick(&self.truth.rows(&a)?)?;
                let parent = self.truth.group.links[*other].parents[row]? as usize;
                let table = self.truth.group.links[*other].parent;
                let named = self.part(table)?.nameable.contains(&parent);
                let of = named.then_some(Entity::Named { table, row: parent })?;
                Rows { table: a.table, of: Some((*other, of)), conditions: Vec::new() }
            }
            None => self.rows_anywhere(draw).filter(|b| b.table == a.table)?,
        };
        let (first, second) = (self.truth.names(&a)?, self.truth.names(&b)?);
        let both = first.iter().filter(|name| second.contains(name)).count();
        let telling = both > 0 && both < first.len() && both < second.len() && second.len() <= MAX_NAMES;
        telling.then_some(Wish::Common(a, b))
    }

    /// Branches of one shape.
    fn branches(&self, depth: usize, draw: &mut Draw) -> Option<Wish> {
        let first = self.chain(depth, draw)?;
        let (table, row) = start(&first)?;
        let more = if draw.percent(70) { 1 } else { 1 + draw.below(3) };
        let mut of = vec![first.clone()];
        let mut rows = vec![row];
        let candidates = draw.sample(&self.part(table)?.nameable, 40);
        for other in candidates {
            if of.len() > more {
                break;
            }
            let branch = restarted(&first, (table, row), other);
            if !rows.contains(&other) && self.truth.scalar(&branch).as_ref().is_some_and(answerable) {
                rows.push(other);
                of.push(branch);
            }
        }
        if of.len() < 2 {
            return None;
        }
        let scale = self.scale(&first);
        match draw.below(10) {
            0..=3 if scale >= Scale::Order => {
                let largest = draw.percent(60);
                self.which(of, largest)
            }
            4..=5 if scale >= Scale::Interval && of.len() == 2 => {
                Some(Wish::Fold { of, fold: Fold::Difference })
            }
            6 if scale >= Scale::Additive => Some(Wish::Fold { of, fold: Fold::Sum }),
            _ => Some(Wish::Each(of)),
        }
    }

    /// A comparison that one branch wins.
    fn which(&self, of: Vec<Scalar>, largest: bool) -> Option<Wish> {
        let mut values: Vec<Cell> = Vec::new();
        for scalar in &of {
            values.push(super::evaluate::cell_of(&self.truth.scalar(scalar)?)?);
        }
        let wins = |value: &Cell| {
            let beaten = values.iter().filter(|other| {
                let order = super::evaluate::compare(value, other);
                order == Some(if largest { std::cmp::Ordering::Greater } else { std::cmp::Ordering::Less })
            });
            beaten.count() + 1 == values.len()
        };
        values.iter().any(wins).then_some(Wish::Which { of, largest })
    }

    /// Two values of different shapes.
    fn pair(&self, depth: usize, draw: &mut Draw) -> Option<Wish> {
        let a = self.chain(depth, draw)?;
        let b = self.chain(1 + draw.below(depth), draw)?;
        let starts = (start(&a)?, start(&b)?);
        (starts.0 != starts.1 && std::mem::discriminant(&a) != std::mem::discriminant(&b))
            .then_some(Wish::Each(vec![a, b]))
    }

    /// Two values of one shape that a tool combines.
    fn computed(&self, depth: usize, draw: &mut Draw) -> Option<Scalar> {
        let a = self.chain_end(depth - 1, draw)?;
        let (table, row) = start(&a)?;
        let other = *draw.pick(&self.part(table)?.nameable)?;
        let b = restarted(&a, (table, row), other);
        let operations: &[Operation] = match self.scale(&a) {
            Scale::None | Scale::Order => &[],
            Scale::Date => &[Operation::Days],
            Scale::Interval => &[Operation::Difference],
            Scale::Ratio | Scale::Additive => {
                &[Operation::Difference, Operation::Ratio, Operation::Ratio, Operation::Percent]
            }
        };
        let operation = *draw.pick(operations)?;
        let computed = Scalar::Computed { operation, a: Box::new(a), b: Box::new(b) };
        let value = self.truth.scalar(&computed)?;
        (other != row && value.as_f64().is_some_and(|value| ![0.0, 1.0, 100.0].contains(&value)))
            .then_some(computed)
    }

    /// A number about rows beyond a bound that must be found first.
    fn bounded(&self, depth: usize, draw: &mut Draw) -> Option<Scalar> {
        let walk = depth.checked_sub(1)?;
        let of = if walk > 0 || !self.search {
            self.walk(walk.max(usize::from(self.search)), draw)?
        } else {
            return None;
        };
        let (group, world) = (self.truth.group, self.truth.world);
        let row = self.truth.row(&of)?;
        let down: Vec<usize> = world
            .links_down(group, of.table(&group.links))
            .filter(|link| world.children(*link, row).len() >= 3)
            .collect();
        let link = *draw.pick(&down)?;
        let table = group.links[link].child;
        let mut rows = Rows { table, of: Some((link, of)), conditions: Vec::new() };
        let part = self.part(table)?;
        let column = *draw.pick(&part.ranges)?;
        let measure = *draw.pick(&part.nameable)?;
        let found = Scalar::Field { of: Entity::Named { table, row: measure }, column };
        let value = self.truth.scalar(&found)?;
        value.as_f64().or(value.is_string().then_some(0.0))?;
        let bound = Bound::Found(Box::new(found));
        let test = if draw.percent(60) { Test::AtLeast(bound) } else { Test::AtMost(bound) };
        let condition = self.splits(&rows, Condition { column, test })?;
        rows.conditions.push(condition);
        self.of_rows(rows, draw)
    }

    /// What may be done with a value.
    fn scale(&self, scalar: &Scalar) -> Scale {
        let links = &self.truth.group.links;
        match scalar {
            Scalar::Field { of, column } => scale(self.column(of.table(links), *column)),
            Scalar::Name { .. } | Scalar::Computed { .. } => Scale::None,
            Scalar::Count { .. } => Scale::Additive,
            Scalar::Aggregate { rows, column, .. } => scale(self.column(rows.table, *column)),
            Scalar::Converted { of, .. } => self.scale(of),
        }
    }

    /// The unit of a value, where it can be converted.
    fn unit(&self, scalar: &Scalar) -> Option<&'static super::units::Unit> {
        let links = &self.truth.group.links;
        let column = match scalar {
            Scalar::Field { of, column } => self.column(of.table(links), *column),
            Scalar::Aggregate { rows, column, .. } => self.column(rows.table, *column),
            Scalar::Name { .. }
            | Scalar::Count { .. }
            | Scalar::Converted { .. }
            | Scalar::Computed { .. } => {
                return None;
            }
        };
        of_symbol(column.unit?).filter(|_| scale(column) >= Scale::Interval)
    }
}

/// Whether a value is short enough to be an answer.
fn answerable(value: &serde_json::Value) -> bool {
    value.as_str().is_none_or(|text| (1..=MAX_ANSWER_CHARS).contains(&text.chars().count()))
}

/// Whether a column's values differ enough, are there often enough and are short enough to be asked for.
fn telling(column: &Column) -> bool {
    let asked = match column.role {
        Role::Fact => column.kind != Kind::Bool,
        Role::NaturalKey => column.kind == Kind::Text,
        Role::Label | Role::Surrogate | Role::Link => false,
    };
    let filled = column.cells.iter().filter(|cell| !cell.is_empty()).count();
    let empty_share = 1.0 - filled as f64 / column.cells.len().max(1) as f64;
    let mode = if empty_share >= column.mode_share { 0.0 } else { column.mode_share };
    asked && column.ask && filled >= 8 && column.distinct >= 6 && mode <= MAX_MODE_SHARE
}

#[cfg(test)]
mod tests;
