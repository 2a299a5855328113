//! Whether several branches are one shape: the same value of rows that differ in the one that the user names.

use crate::question::{Bound, Condition, Entity, Rows, Scalar, Test};

/// Rows that branches of one shape start from.
pub(super) struct Branches<'w> {
    /// The first branch, which stands for all.
    pub(super) scalar: &'w Scalar,
    /// Table and rows.
    pub(super) table: usize,
    pub(super) rows: Vec<usize>,
}

impl Branches<'_> {
    pub(super) fn two(&self) -> bool {
        self.rows.len() == 2
    }

    pub(super) fn start(&self) -> Entity {
        Entity::Named { table: self.table, row: self.rows.first().copied().unwrap_or_default() }
    }
}

/// The branches as one shape, where they are one.
pub(super) fn of_one_shape(of: &[Scalar]) -> Option<Branches<'_>> {
    let first = of.first()?;
    let mut named = Vec::new();
    in_scalar(first, &mut |entity| named.push(entity.clone()));
    named.into_iter().find_map(|from| {
        let Entity::Named { table, row } = from else { return None };
        let mut rows = vec![row];
        for other in &of[1..] {
            let mut candidates = Vec::new();
            in_scalar(other, &mut |entity| candidates.push(entity.clone()));
            let row = candidates.into_iter().find_map(|to| match to {
                Entity::Named { table: same, row: to } if same == table && to != row => {
                    let mut moved = first.clone();
                    change(&mut moved, (table, row), to);
                    (moved == *other).then_some(to)
                }
                Entity::Named { .. } | Entity::Parent { .. } | Entity::Ranked { .. } => None,
            })?;
            rows.push(row);
        }
        (rows.len() > 1).then_some(Branches { scalar: first, table, rows })
    })
}

/// Visits the named rows of a value.
fn in_scalar(scalar: &Scalar, visit: &mut dyn FnMut(&Entity)) {
    match scalar {
        Scalar::Field { of, .. } | Scalar::Name { of } => in_entity(of, visit),
        Scalar::Count { rows } | Scalar::Aggregate { rows, .. } => in_rows(rows, visit),
        Scalar::Converted { of, .. } => in_scalar(of, visit),
        Scalar::Computed { a, b, .. } => {
            in_scalar(a, visit);
            in_scalar(b, visit);
        }
    }
}

fn in_entity(entity: &Entity, visit: &mut dyn FnMut(&Entity)) {
    match entity {
        Entity::Named { .. } => visit(entity),
        Entity::Parent { of, .. } => in_entity(of, visit),
        Entity::Ranked { rows, .. } => in_rows(rows, visit),
    }
}

fn in_rows(rows: &Rows, visit: &mut dyn FnMut(&Entity)) {
    if let Some((_, of)) = &rows.of {
        in_entity(of, visit);
    }
    for condition in &rows.conditions {
        match &condition.test {
            Test::AtLeast(Bound::Found(scalar)) | Test::AtMost(Bound::Found(scalar)) => {
                in_scalar(scalar, visit);
            }
            Test::Is(_) | Test::AtLeast(Bound::Said(_)) | Test::AtMost(Bound::Said(_)) => {}
        }
    }
}

/// Puts another row where one is named.
fn change(scalar: &mut Scalar, from: (usize, usize), to: usize) {
    match scalar {
        Scalar::Field { of, .. } | Scalar::Name { of } => change_entity(of, from, to),
        Scalar::Count { rows } | Scalar::Aggregate { rows, .. } => change_rows(rows, from, to),
        Scalar::Converted { of, .. } => change(of, from, to),
        Scalar::Computed { a, b, .. } => {
            change(a, from, to);
            change(b, from, to);
        }
    }
}

fn change_entity(entity: &mut Entity, from: (usize, usize), to: usize) {
    match entity {
        Entity::Named { table, row } if (*table, *row) == from => *row = to,
        Entity::Named { .. } => {}
        Entity::Parent { of, .. } => change_entity(of, from, to),
        Entity::Ranked { rows, .. } => change_rows(rows, from, to),
    }
}

fn change_rows(rows: &mut Rows, from: (usize, usize), to: usize) {
    if let Some((_, of)) = &mut rows.of {
        change_entity(of, from, to);
    }
    for Condition { test, .. } in &mut rows.conditions {
        match test {
            Test::AtLeast(Bound::Found(scalar)) | Test::AtMost(Bound::Found(scalar)) => {
                change(scalar, from, to);
            }
            Test::Is(_) | Test::AtLeast(Bound::Said(_)) | Test::AtMost(Bound::Said(_)) => {}
        }
    }
}

/// The one row whose columns are all asked for.
pub(super) fn one_row(of: &[Scalar]) -> Option<&Entity> {
    let first = row_of(of.first()?)?;
    of.iter().all(|scalar| row_of(scalar) == Some(first)).then_some(first)
}

/// The row that a plain or converted field is read from.
fn row_of(scalar: &Scalar) -> Option<&Entity> {
    match scalar {
        Scalar::Field { of, .. } => Some(of),
        Scalar::Converted { of, .. } => row_of(of),
        Scalar::Name { .. } | Scalar::Count { .. } | Scalar::Aggregate { .. } | Scalar::Computed { .. } => {
            None
        }
    }
}
