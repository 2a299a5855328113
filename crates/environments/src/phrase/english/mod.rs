//! Says a question in English, as the one request that a person would make.
//!
//! A request is composed, not filled in: noun phrases for rows (`voice`) and groups of rows (`rows`), values as phrases
//! (`values`) and as questions (`questions`), the sentence that asks (`asking`), what is introduced before it
//! (`request`), several branches in one breath (`branches`), and the frame around all of it (`frame`). What would need
//! three clauses in one noun phrase is introduced first ("Take the element that the isotope Au-198 belongs to.").
//!
//! It says nothing that the wish does not hold: no ids, no columns by their names, no counts of what is there.

mod asking;
mod branches;
mod folds;
mod frame;
mod questions;
mod request;
mod rows;
mod same;
#[cfg(test)]
mod tests;
mod values;
mod voice;
mod words;

use crate::draw::Draw;
#[cfg(test)]
use crate::question::Rows;
use crate::question::{Entity, Piece, Scalar, Wish};
use crate::tables::TableGroup;
use voice::Voice;

/// A writer of one question: turns of phrase that must stay the same are drawn once.
pub(crate) struct English<'a> {
    group: &'a TableGroup,
    style: Style,
}

/// Turns of phrase that stay the same through one request.
#[derive(Debug)]
struct Style {
    /// After rows that are counted: "are on record".
    recorded: &'static str,
    /// Straight after a noun: "elements in our records".
    records: &'static str,
    /// Whether dates are written out.
    written_dates: bool,
}

const RECORDED: &[&str] = &["on record", "on file", "listed", "in our records", "registered"];
const RECORDS: &[&str] = &["on record", "in our records", "on file", "in our data"];

/// Longest row, in characters, that an errand is said around.
const LONG: usize = 60;

/// Draws, or always takes the first choice: for texts that must not vary.
struct Pick<'d>(Option<&'d mut Draw>);

impl Pick<'_> {
    fn below(&mut self, bound: usize) -> usize {
        self.0.as_mut().map_or(0, |draw| draw.below(bound))
    }

    fn percent(&mut self, chance: usize) -> bool {
        self.0.as_mut().is_some_and(|draw| draw.percent(chance))
    }

    fn one<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts.get(self.below(texts.len())).copied().unwrap_or_default()
    }
}

impl<'a> English<'a> {
    /// A writer over these tables.
    pub(crate) fn new(group: &'a TableGroup, draw: &mut Draw) -> Self {
        let mut pick = Pick(Some(draw));
        let style = Style {
            recorded: pick.one(RECORDED),
            records: pick.one(RECORDS),
            written_dates: pick.percent(50),
        };
        Self { group, style }
    }

    fn voice<'v>(&'v self, draw: Option<&'v mut Draw>) -> Voice<'v> {
        Voice { group: self.group, style: &self.style, pick: Pick(draw), known: Vec::new() }
    }

    /// The core of the user's message: one request, one to three sentences, without greeting or purpose.
    pub(crate) fn wish(&self, wish: &Wish, draw: &mut Draw) -> String {
        if let Wish::Errand(errand) = wish {
            return self.in_words(|words| crate::errand::english::say(errand, words, draw));
        }
        self.voice(Some(draw)).wish(wish)
    }

    /// The core in its frame: background, greeting, purpose, thanks, each of which may be absent. The background speaks
    /// of the table that the question starts from.
    pub(crate) fn framed(&self, core: &str, table: usize, draw: &mut Draw) -> String {
        let topic = frame::Topic { noun: &self.group.tables[table].noun, title: &self.group.title };
        frame::around(core, &topic, &mut Pick(Some(draw)))
    }

    /// What is to be done in its frame, which does not speak of questions and answers.
    pub(crate) fn framed_errand(&self, core: &str, table: usize, draw: &mut Draw) -> String {
        frame::around_errand(core, &self.group.tables[table].noun, &mut Pick(Some(draw)))
    }

    /// What one tool call finds out, as a question of its own.
    pub(crate) fn piece(&self, piece: &Piece) -> String {
        let mut voice = self.voice(None);
        match piece {
            Piece::Row(entity @ Entity::Named { table, .. }) => {
                format!("Which entry among the {} is {}?", voice.plural(*table), voice.entity(entity).text)
            }
            Piece::Row(entity) => voice.direct(&Scalar::Name { of: entity.clone() }, values::UnitSaid::No),
            Piece::Value(scalar) => voice.direct(scalar, values::UnitSaid::Own),
            Piece::Rows(rows) => format!("Which are {}?", voice.rows(rows, rows::Determiner::The)),
            Piece::Desk(piece) => self.in_words(|words| crate::errand::english::piece(piece, words)),
        }
    }

    /// What errands are said with.
    fn in_words(&self, say: impl FnOnce(&crate::errand::english::Words) -> String) -> String {
        let voice = std::cell::RefCell::new(self.voice(None));
        let entity = |entity: &Entity| voice.borrow_mut().entity(entity).text;
        let scalar = |scalar: &Scalar| voice.borrow_mut().noun(scalar, values::UnitSaid::Own);
        let introduced = std::cell::Cell::new(false);
        let introduce = |entity: &Entity| {
            let mut voice = voice.borrow_mut();
            let depth = voice::depth(entity);
            if depth < 2 {
                return Vec::new();
            }
            let deep = depth > 2;
            let mut sentences =
                if deep { voice.introductions(&Scalar::Name { of: entity.clone() }) } else { Vec::new() };
            // One record of an errand is introduced itself, so that what is done with it stays in sight.
            if voice.entity(entity).text.chars().count() > LONG && !introduced.replace(true) {
                sentences.push(voice.introduction(entity, !sentences.is_empty()));
                voice.known.push((entity.clone(), voice::Pronoun::That));
            }
            sentences
        };
        let remember =
            |entity: &Entity| voice.borrow_mut().known.push((entity.clone(), voice::Pronoun::That));
        say(&crate::errand::english::Words {
            group: self.group,
            entity: &entity,
            scalar: &scalar,
            introduce: &introduce,
            remember: &remember,
        })
    }

    /// A row: "the element that the isotope Au-198 belongs to".
    #[cfg(test)]
    pub(crate) fn entity(&self, entity: &Entity) -> String {
        self.voice(None).entity(entity).text
    }

    /// A value: "the melting point of the element Gold in kelvin".
    #[cfg(test)]
    pub(crate) fn scalar(&self, scalar: &Scalar) -> String {
        self.voice(None).noun(scalar, values::UnitSaid::Own)
    }

    /// Rows: "the isotopes of the element Gold with parity +".
    #[cfg(test)]
    pub(crate) fn rows(&self, rows: &Rows) -> String {
        self.voice(None).rows(rows, rows::Determiner::The)
    }
}
