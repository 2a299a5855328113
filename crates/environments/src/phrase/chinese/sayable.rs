//! Whether a wish can be said in Chinese: every table, column, link and unit that its words need has a Chinese one.
//!
//! Names and categories are quoted from the data in whatever language they are; only words that the sentences are
//! built of count.

use super::words;
use crate::question::{Bound, Condition, Entity, Rows, Scalar, Test, Wish};
use crate::tables::{Cell, TableGroup};

/// Whether every word that the wish needs has a Chinese form.
pub(crate) fn sayable(group: &TableGroup, wish: &Wish) -> bool {
    match wish {
        Wish::One(_) | Wish::Which { .. } | Wish::Fold { .. } | Wish::Each(_) => {
            wish.scalars().iter().all(|scalar| value(group, scalar))
        }
        Wish::Names(only) => rows(group, only),
        Wish::Common(a, b) => rows(group, a) && rows(group, b),
        Wish::Errand(errand) => errand.parts().iter().all(|part| sayable(group, part)),
    }
}

fn table(group: &TableGroup, table: usize) -> bool {
    group.tables[table].zh.is_some()
}

fn column(group: &TableGroup, table: usize, column: usize) -> bool {
    let column = &group.tables[table].columns[column];
    column.zh.is_some() && column.unit.is_none_or(words::unit_is_sayable)
}

fn link(group: &TableGroup, link: usize) -> bool {
    let link = &group.links[link];
    link.zh.is_some() || (link.belongs && table(group, link.parent))
}

fn entity(group: &TableGroup, of: &Entity) -> bool {
    match of {
        Entity::Named { table: at, .. } => table(group, *at),
        Entity::Parent { link: up, of } => link(group, *up) && entity(group, of),
        Entity::Ranked { rows: among, by, .. } => rows(group, among) && column(group, among.table, *by),
    }
}

fn rows(group: &TableGroup, rows: &Rows) -> bool {
    table(group, rows.table)
        && rows.of.as_ref().is_none_or(|(up, owner)| link(group, *up) && entity(group, owner))
        && rows.conditions.iter().all(|each| condition(group, rows.table, each))
}

fn condition(group: &TableGroup, table: usize, condition: &Condition) -> bool {
    let of = &group.tables[table].columns[condition.column];
    match &condition.test {
        Test::Is(Cell::Bool(_)) => of.zh.is_some() || of.say.values_zh.contains_key("true"),
        Test::Is(_) | Test::AtLeast(Bound::Said(_)) | Test::AtMost(Bound::Said(_)) => {
            column(group, table, condition.column)
        }
        Test::AtLeast(Bound::Found(bound)) | Test::AtMost(Bound::Found(bound)) => {
            column(group, table, condition.column) && value(group, bound)
        }
    }
}

fn value(group: &TableGroup, scalar: &Scalar) -> bool {
    match scalar {
        Scalar::Field { of, column: at } => entity(group, of) && column(group, of.table(&group.links), *at),
        Scalar::Name { of } => entity(group, of),
        Scalar::Count { rows: counted } => rows(group, counted),
        Scalar::Aggregate { rows: over, column: at, .. } => {
            rows(group, over) && column(group, over.table, *at)
        }
        Scalar::Converted { of, .. } => value(group, of),
        Scalar::Computed { a, b, .. } => value(group, a) && value(group, b),
    }
}
