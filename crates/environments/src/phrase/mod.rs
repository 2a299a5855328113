//! Says a question in the user's language: one request that a person would make.
//!
//! Each language is a module of its own over the same tree, with its own grammar; nothing is translated.

mod chinese;
mod english;

use crate::draw::Draw;
use crate::question::other::{start, start_of_rows};
use crate::question::{Piece, Rows, Scalar, Wish};
use crate::tables::{Language, TableGroup};
use chinese::Chinese;
use english::English;

/// A writer in one language.
pub(crate) enum Voice<'a> {
    English(English<'a>),
    Chinese(Chinese<'a>),
}

impl<'a> Voice<'a> {
    pub(crate) fn new(group: &'a TableGroup, language: Language, draw: &mut Draw) -> Self {
        match language {
            Language::English => Self::English(English::new(group, draw)),
            Language::Chinese => Self::Chinese(Chinese::new(group, draw)),
        }
    }

    /// The user's message.
    pub(crate) fn request(&self, wish: &Wish, draw: &mut Draw) -> String {
        let table = subject(wish);
        if wish.errand().is_some() {
            return match self {
                Self::English(english) => english.framed_errand(&english.wish(wish, draw), table, draw),
                Self::Chinese(chinese) => chinese.framed_errand(&chinese.wish(wish, draw), table, draw),
            };
        }
        match self {
            Self::English(english) => english.framed(&english.wish(wish, draw), table, draw),
            Self::Chinese(chinese) => chinese.framed(&chinese.wish(wish, draw), table, draw),
        }
    }

    /// What one call finds out, as a question of its own.
    pub(crate) fn piece(&self, piece: &Piece) -> String {
        match self {
            Self::English(english) => english.piece(piece),
            Self::Chinese(chinese) => chinese.piece(piece),
        }
    }
}

impl Voice<'_> {
    /// The goal of all writing calls, as a question.
    pub(crate) fn done(&self) -> &'static str {
        match self {
            Self::English(_) => crate::errand::english::DONE,
            Self::Chinese(_) => crate::errand::chinese::DONE,
        }
    }
}

/// The table that a question starts from.
fn subject(wish: &Wish) -> usize {
    let of_rows = |rows: &Rows| start_of_rows(rows).map_or(rows.table, |(table, _)| table);
    let of_scalar = |scalar: &Scalar| start(scalar).map(|(table, _)| table).or_else(|| rows_of(scalar));
    match wish {
        Wish::Names(rows) | Wish::Common(rows, _) => of_rows(rows),
        Wish::Errand(errand) => errand.table,
        Wish::One(_) | Wish::Which { .. } | Wish::Fold { .. } | Wish::Each(_) => {
            wish.scalars().first().and_then(of_scalar).unwrap_or(0)
        }
    }
}

/// The table of the rows that a scalar begins with, where no row is named.
fn rows_of(scalar: &Scalar) -> Option<usize> {
    use crate::question::Entity;
    fn of_entity(entity: &Entity) -> Option<usize> {
        match entity {
            Entity::Named { table, .. } => Some(*table),
            Entity::Parent { of, .. } => of_entity(of),
            Entity::Ranked { rows, .. } => of_rows(rows),
        }
    }
    fn of_rows(rows: &Rows) -> Option<usize> {
        rows.of.as_ref().map_or(Some(rows.table), |(_, of)| of_entity(of))
    }
    match scalar {
        Scalar::Field { of, .. } | Scalar::Name { of } => of_entity(of),
        Scalar::Count { rows } | Scalar::Aggregate { rows, .. } => of_rows(rows),
        Scalar::Converted { of, .. } => rows_of(of),
        Scalar::Computed { a, .. } => rows_of(a),
    }
}

/// Whether every word that a wish needs is there.
pub(crate) fn sayable(group: &TableGroup, wish: &Wish, language: Language) -> bool {
    match language {
        Language::English => true,
        Language::Chinese => chinese::sayable(group, wish),
    }
}
