//! The truth about a question in a world, computed from the cells; nothing here knows tools or words.
//!
//! Whatever has no single answer (a tie at the asked rank, an empty cell, nothing to count) is `None`, and the question
//! is not asked. Numbers are computed as the tools' Python computes them, so that both give the same digits.

use super::units::convert;
use super::{Bound, Condition, Entity, Operation, Piece, Rows, Scalar, Statistic, Test};
use crate::numbers::{rounded, sum};
use crate::tables::{Cell, Column, TableGroup};
use crate::world::World;
use serde_json::{Number, Value as Json};
use std::cmp::Ordering;

/// Evaluates in one world.
#[derive(Clone, Copy)]
pub(crate) struct Truth<'a> {
    pub(crate) group: &'a TableGroup,
    pub(crate) world: &'a World,
}

impl<'a> Truth<'a> {
    /// The row that is meant.
    pub(crate) fn row(self, entity: &Entity) -> Option<usize> {
        match entity {
            Entity::Named { table, row } => self.world.id(*table, *row).map(|_| *row),
            Entity::Parent { link, of } => {
                let parent = self.group.links[*link].parents[self.row(of)?]?;
                Some(parent as usize)
            }
            Entity::Ranked { rows, by, largest, rank } => {
                let ranked = self.ranked(rows, *by, *largest)?;
                let at = rank.checked_sub(1)?;
                let column = self.column(rows.table, *by);
                let tied = |a: usize, b: usize| {
                    compare(&column.cells[ranked[a]], &column.cells[ranked[b]]) == Some(Ordering::Equal)
                };
                let clear = at < ranked.len()
                    && (at == 0 || !tied(at - 1, at))
                    && (at + 1 >= ranked.len() || !tied(at, at + 1));
                clear.then(|| ranked[at])
            }
        }
    }

    /// Rows that have a value in a column, in its order; at least two.
    fn ranked(self, rows: &Rows, by: usize, largest: bool) -> Option<Vec<usize>> {
        let column = self.column(rows.table, by);
        let mut found = self.rows(rows)?;
        found.retain(|row| !column.cells[*row].is_empty());
        found.sort_by(|a, b| {
            let order = compare(&column.cells[*a], &column.cells[*b]).unwrap_or(Ordering::Equal);
            if largest { order.reverse() } else { order }
        });
        (found.len() >= 2).then_some(found)
    }

    /// The rows that are meant, in the order of the table.
    pub(crate) fn rows(self, rows: &Rows) -> Option<Vec<usize>> {
        let mut found = match &rows.of {
            Some((link, of)) => self.world.children(*link, self.row(of)?).to_vec(),
            None => self.world.rows(rows.table),
        };
        for condition in &rows.conditions {
            let test = self.test(condition)?;
            let column = self.column(rows.table, condition.column);
            found.retain(|row| test.holds(&column.cells[*row]));
        }
        Some(found)
    }

    fn test(self, condition: &Condition) -> Option<Resolved> {
        let bound = |bound: &Bound| match bound {
            Bound::Said(cell) => Some(cell.clone()),
            Bound::Found(scalar) => cell_of(&self.scalar(scalar)?),
        };
        Some(match &condition.test {
            Test::Is(cell) => Resolved::Is(cell.clone()),
            Test::AtLeast(at) => Resolved::AtLeast(bound(at)?),
            Test::AtMost(at) => Resolved::AtMost(bound(at)?),
        })
    }

    fn column(self, table: usize, column: usize) -> &'a Column {
        &self.group.tables[table].columns[column]
    }

    /// The value, as tools return it.
    pub(crate) fn scalar(self, scalar: &Scalar) -> Option<Json> {
        match scalar {
            Scalar::Field { of, column } => {
                let table = of.table(&self.group.links);
                let cell = &self.column(table, *column).cells[self.row(of)?];
                (!cell.is_empty()).then(|| cell.json())
            }
            Scalar::Name { of } => {
                let label = self.group.tables[of.table(&self.group.links)].label_of(self.row(of)?);
                (!label.is_empty()).then(|| Json::from(label))
            }
            // Nothing to count is no answer: too many other rows would have it.
            Scalar::Count { rows } => Some(self.rows(rows)?.len()).filter(|count| *count > 0).map(Json::from),
            Scalar::Aggregate { rows, statistic, column } => self.aggregate(rows, *statistic, *column),
            Scalar::Converted { of, from, to } => {
                let value = self.scalar(of)?.as_f64()?;
                Number::from_f64(convert(value, from, to)).map(Json::Number)
            }
            Scalar::Computed { operation, a, b } => compute(*operation, &self.scalar(a)?, &self.scalar(b)?),
        }
    }

    fn aggregate(self, rows: &Rows, statistic: Statistic, column: usize) -> Option<Json> {
        let column = self.column(rows.table, column);
        let cells: Vec<&Cell> = self
            .rows(rows)?
            .into_iter()
            .map(|row| &column.cells[row])
            .filter(|cell| !cell.is_empty())
            .collect();
        let numbers = || cells.iter().filter_map(|cell| cell.json().as_f64());
        let extreme = |wanted: Ordering| {
            let better = |best: &&Cell, cell: &&Cell| compare(cell, best) == Some(wanted);
            cells
                .iter()
                .copied()
                .reduce(|best, cell| if better(&best, &cell) { cell } else { best })
                .map(Cell::json)
        };
        if cells.len() < 2 {
            return None;
        }
        match statistic {
            Statistic::Sum => Number::from_f64(rounded(sum(numbers()))).map(Json::Number),
            Statistic::Mean => {
                Number::from_f64(rounded(sum(numbers()) / cells.len() as f64)).map(Json::Number)
            }
            Statistic::Min => extreme(Ordering::Less),
            Statistic::Max => extreme(Ordering::Greater),
        }
    }

    /// What a call that answers this piece returns where it is read. Rows are read as the list of their names.
    pub(crate) fn piece(self, piece: &Piece) -> Option<Json> {
        match piece {
            Piece::Row(entity) => {
                let table = entity.table(&self.group.links);
                self.world.id(table, self.row(entity)?).map(Json::from)
            }
            Piece::Value(scalar) => self.scalar(scalar),
            Piece::Rows(rows) => self.names(rows).map(Json::from),
            // A desk's state is simulated where the errand is drawn.
            Piece::Desk(_) => None,
        }
    }

    /// The names of rows, sorted as the tools sort them; rows without a name are left out, as the tools do.
    pub(crate) fn names(self, rows: &Rows) -> Option<Vec<String>> {
        let table = &self.group.tables[rows.table];
        let mut names: Vec<String> = self
            .rows(rows)?
            .into_iter()
            .map(|row| table.label_of(row).to_owned())
            .filter(|name| !name.is_empty())
            .collect();
        names.sort();
        Some(names)
    }
}

/// A test with its bound.
enum Resolved {
    Is(Cell),
    AtLeast(Cell),
    AtMost(Cell),
}

impl Resolved {
    fn holds(&self, cell: &Cell) -> bool {
        match self {
            Self::Is(wanted) => cell == wanted,
            Self::AtLeast(bound) => matches!(compare(cell, bound), Some(Ordering::Greater | Ordering::Equal)),
            Self::AtMost(bound) => matches!(compare(cell, bound), Some(Ordering::Less | Ordering::Equal)),
        }
    }
}

/// Order of two numbers or two dates.
pub(crate) fn compare(a: &Cell, b: &Cell) -> Option<Ordering> {
    match (a.text(), b.text()) {
        (Some(a), Some(b)) => Some(a.cmp(b)),
        _ => a.json().as_f64()?.partial_cmp(&b.json().as_f64()?),
    }
}

pub(crate) fn cell_of(json: &Json) -> Option<Cell> {
    match json {
        Json::Number(number) => Some(Cell::Number(number.clone())),
        Json::String(text) => Some(Cell::Text(text.as_str().into())),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

/// Two values combined, as the calculator tools do it.
pub(crate) fn compute(operation: Operation, a: &Json, b: &Json) -> Option<Json> {
    let numbers = || Some((a.as_f64()?, b.as_f64()?));
    let value = match operation {
        Operation::Difference => numbers().map(|(a, b)| (a - b).abs())?,
        Operation::Ratio => numbers().filter(|(_, b)| *b != 0.0).map(|(a, b)| a / b)?,
        Operation::Percent => numbers().filter(|(_, b)| *b != 0.0).map(|(a, b)| a / b * 100.0)?,
        Operation::Days => {
            let day = |value: &Json| value.as_str()?.parse::<jiff::civil::Date>().ok();
            return Some(Json::from(day(a)?.until(day(b)?).ok()?.get_days().unsigned_abs()));
        }
    };
    Number::from_f64(rounded(value)).map(Json::Number)
}
