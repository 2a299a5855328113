//! Says a question in the user's language: one request that a person would make.
//!
//! Each language is a module of its own over the same tree, with its own grammar; nothing is translated.

#[cfg_attr(
    not(test),
    expect(dead_code, unused_imports, reason = "requests are not asked for in Chinese yet")
)]
mod chinese;

use crate::draw::Draw;
use crate::question::{Piece, Wish};
use crate::tables::{Language, TableGroup};

/// A writer in one language.
pub(crate) struct Voice<'a> {
    group: &'a TableGroup,
}

impl<'a> Voice<'a> {
    pub(crate) fn new(group: &'a TableGroup, _language: Language, _draw: &mut Draw) -> Self {
        Self { group }
    }

    /// The user's message.
    pub(crate) fn request(&self, wish: &Wish, _draw: &mut Draw) -> String {
        crate::question::shape::of_wish(self.group, wish).0
    }

    /// What one call finds out, as a question of its own.
    pub(crate) fn piece(&self, piece: &Piece) -> String {
        format!("{:?}", crate::question::shape::names_in(self.group, piece))
    }
}

/// Whether every word that a wish needs is there.
pub(crate) fn sayable(_group: &TableGroup, _wish: &Wish, _language: Language) -> bool {
    true
}

impl Language {
    /// ISO 639-1.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }
}
