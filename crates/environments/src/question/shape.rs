//! The shape of a question: everything but the names that the user says.
//!
//! Two questions of one shape are the same question up to entity names. Columns, categories, bounds, places and
//! statistics belong to the shape.

use super::{Bound, Condition, Entity, Rows, Scalar, Test, Wish};
use crate::tables::TableGroup;
use std::fmt::Write as _;

/// Writes shapes and collects names.
struct Walk<'a> {
    group: &'a TableGroup,
    shape: String,
    named: Vec<(usize, usize)>,
}

/// The shape as text, and the rows `(table, row)` that the user names, in order and without repeats.
pub(crate) fn of_wish(group: &TableGroup, wish: &Wish) -> (String, Vec<(usize, usize)>) {
    let mut walk = Walk { group, shape: String::new(), named: Vec::new() };
    match wish {
        Wish::One(scalar) => walk.scalar(scalar),
        Wish::Which { of, largest } => walk.list(&format!("which({largest}"), of),
        Wish::Fold { of, fold } => walk.list(&format!("fold({fold:?}"), of),
        Wish::Each(of) => walk.list("each(", of),
        Wish::Names(rows) => walk.rows(rows),
        Wish::Common(a, b) => {
            walk.put("common(");
            walk.rows(a);
            walk.put(";");
            walk.rows(b);
            walk.put(")");
        }
        Wish::Errand(errand) => return errand.shape(group),
    }
    (walk.shape, walk.named)
}

/// The shape of a row's description, and the rows named in it.
pub(crate) fn of_entity(group: &TableGroup, entity: &Entity) -> (String, Vec<(usize, usize)>) {
    let mut walk = Walk { group, shape: String::new(), named: Vec::new() };
    walk.entity(entity);
    (walk.shape, walk.named)
}

/// The shape of a value, and the rows named in it.
pub(crate) fn of_scalar(group: &TableGroup, scalar: &Scalar) -> (String, Vec<(usize, usize)>) {
    let mut walk = Walk { group, shape: String::new(), named: Vec::new() };
    walk.scalar(scalar);
    (walk.shape, walk.named)
}

impl Walk<'_> {
    fn put(&mut self, text: &str) {
        self.shape.push_str(text);
    }

    fn list(&mut self, head: &str, of: &[Scalar]) {
        self.put(head);
        for scalar in of {
            self.put(";");
            self.scalar(scalar);
        }
        self.put(")");
    }

    fn column(&self, table: usize, column: usize) -> &str {
        &self.group.tables[table].columns[column].name
    }

    fn entity(&mut self, entity: &Entity) {
        let group = self.group;
        match entity {
            Entity::Named { table, row } => {
                if !self.named.contains(&(*table, *row)) {
                    self.named.push((*table, *row));
                }
                let _ = write!(self.shape, "<{}>", group.tables[*table].name);
            }
            Entity::Parent { link, of } => {
                let _ = write!(self.shape, "{}(", group.links[*link].field);
                self.entity(of);
                self.put(")");
            }
            Entity::Ranked { rows, by, largest, rank } => {
                let by = self.column(rows.table, *by).to_owned();
                let _ = write!(self.shape, "{}{rank}({by};", if *largest { "max" } else { "min" });
                self.rows(rows);
                self.put(")");
            }
        }
    }

    fn rows(&mut self, rows: &Rows) {
        let _ = write!(self.shape, "{}[", self.group.tables[rows.table].name);
        if let Some((link, of)) = &rows.of {
            let _ = write!(self.shape, "{}=", self.group.links[*link].field);
            self.entity(of);
        }
        for condition in &rows.conditions {
            self.condition(rows.table, condition);
        }
        self.put("]");
    }

    fn condition(&mut self, table: usize, Condition { column, test }: &Condition) {
        let _ = write!(self.shape, ",{}", self.column(table, *column).to_owned());
        match test {
            Test::Is(cell) => drop(write!(self.shape, "={}", cell.json())),
            Test::AtLeast(bound) => self.bound(">=", bound),
            Test::AtMost(bound) => self.bound("<=", bound),
        }
    }

    fn bound(&mut self, sign: &str, bound: &Bound) {
        self.put(sign);
        match bound {
            Bound::Said(cell) => drop(write!(self.shape, "{}", cell.json())),
            Bound::Found(scalar) => self.scalar(scalar),
        }
    }

    fn scalar(&mut self, scalar: &Scalar) {
        match scalar {
            Scalar::Field { of, column } => {
                let table = of.table(&self.group.links);
                let name = format!("{}.{}(", self.group.tables[table].name, self.column(table, *column));
                self.put(&name);
                self.entity(of);
                self.put(")");
            }
            Scalar::Name { of } => {
                self.put("name(");
                self.entity(of);
                self.put(")");
            }
            Scalar::Count { rows } => {
                self.put("count(");
                self.rows(rows);
                self.put(")");
            }
            Scalar::Aggregate { rows, statistic, column } => {
                let column = self.column(rows.table, *column).to_owned();
                let _ = write!(self.shape, "{statistic:?}({column};");
                self.rows(rows);
                self.put(")");
            }
            Scalar::Converted { of, to, .. } => {
                let _ = write!(self.shape, "in {}(", to.symbol);
                self.scalar(of);
                self.put(")");
            }
            Scalar::Computed { operation, a, b } => {
                let _ = write!(self.shape, "{operation:?}(");
                self.scalar(a);
                self.put(";");
                self.scalar(b);
                self.put(")");
            }
        }
    }
}
