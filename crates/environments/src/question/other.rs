//! The same question of another row: what parallel branches and wrong arguments are made of.

use super::{Entity, Piece, Rows, Scalar};

/// The named row that a scalar starts from.
pub(crate) fn start(scalar: &Scalar) -> Option<(usize, usize)> {
    match scalar {
        Scalar::Field { of, .. } | Scalar::Name { of } => start_of(of),
        Scalar::Count { rows } | Scalar::Aggregate { rows, .. } => start_of_rows(rows),
        Scalar::Converted { of, .. } => start(of),
        Scalar::Computed { a, .. } => start(a),
    }
}

fn start_of(entity: &Entity) -> Option<(usize, usize)> {
    match entity {
        Entity::Named { table, row } => Some((*table, *row)),
        Entity::Parent { of, .. } => start_of(of),
        Entity::Ranked { rows, .. } => start_of_rows(rows),
    }
}

pub(crate) fn start_of_rows(rows: &Rows) -> Option<(usize, usize)> {
    rows.of.as_ref().and_then(|(_, of)| start_of(of))
}

/// The same question from another row.
pub(super) fn restarted(scalar: &Scalar, from: (usize, usize), to: usize) -> Scalar {
    let inner = |scalar: &Scalar| Box::new(restarted(scalar, from, to));
    match scalar {
        Scalar::Field { of, column } => Scalar::Field { of: moved(of, from, to), column: *column },
        Scalar::Name { of } => Scalar::Name { of: moved(of, from, to) },
        Scalar::Count { rows } => Scalar::Count { rows: moved_rows(rows, from, to) },
        Scalar::Aggregate { rows, statistic, column } => {
            Scalar::Aggregate { rows: moved_rows(rows, from, to), statistic: *statistic, column: *column }
        }
        Scalar::Converted { of, from: unit, to: wanted } => {
            Scalar::Converted { of: inner(of), from: unit, to: wanted }
        }
        Scalar::Computed { operation, a, b } => {
            Scalar::Computed { operation: *operation, a: inner(a), b: inner(b) }
        }
    }
}

fn moved(entity: &Entity, from: (usize, usize), to: usize) -> Entity {
    match entity {
        Entity::Named { table, row } if (*table, *row) == from => Entity::Named { table: *table, row: to },
        Entity::Named { .. } => entity.clone(),
        Entity::Parent { link, of } => Entity::Parent { link: *link, of: Box::new(moved(of, from, to)) },
        Entity::Ranked { rows, by, largest, rank } => Entity::Ranked {
            rows: Box::new(moved_rows(rows, from, to)),
            by: *by,
            largest: *largest,
            rank: *rank,
        },
    }
}

fn moved_rows(rows: &Rows, from: (usize, usize), to: usize) -> Rows {
    let of = rows.of.as_ref().map(|(link, of)| (*link, moved(of, from, to)));
    Rows { table: rows.table, of, conditions: rows.conditions.clone() }
}

/// The piece, had it been asked of another row than the one that its call takes.
pub(crate) fn asked_of(piece: &Piece, subject: &Entity) -> Option<Piece> {
    let rows = |rows: &Rows| -> Option<Rows> {
        let (link, _) = rows.of.as_ref()?;
        Some(Rows {
            table: rows.table,
            of: Some((*link, subject.clone())),
            conditions: rows.conditions.clone(),
        })
    };
    let entity = |entity: &Entity| -> Option<Entity> {
        match entity {
            Entity::Named { .. } => Some(subject.clone()),
            Entity::Parent { link, .. } => {
                Some(Entity::Parent { link: *link, of: Box::new(subject.clone()) })
            }
            Entity::Ranked { rows: of, by, largest, rank } => {
                Some(Entity::Ranked { rows: Box::new(rows(of)?), by: *by, largest: *largest, rank: *rank })
            }
        }
    };
    Some(match piece {
        Piece::Row(of) => Piece::Row(entity(of)?),
        Piece::Rows(of) => Piece::Rows(rows(of)?),
        Piece::Desk(_) => return None,
        Piece::Value(scalar) => Piece::Value(match scalar {
            Scalar::Field { column, .. } => Scalar::Field { of: subject.clone(), column: *column },
            Scalar::Name { of: Entity::Ranked { .. } } => {
                let Scalar::Name { of } = scalar else { return None };
                Scalar::Name { of: entity(of)? }
            }
            Scalar::Name { .. } => Scalar::Name { of: subject.clone() },
            Scalar::Count { rows: of } => Scalar::Count { rows: rows(of)? },
            Scalar::Aggregate { rows: of, statistic, column } => {
                Scalar::Aggregate { rows: rows(of)?, statistic: *statistic, column: *column }
            }
            Scalar::Converted { .. } | Scalar::Computed { .. } => return None,
        }),
    })
}
