//! Noun phrases for rows that are found: by name, through a link, by rank; in full or by what was said before.
//!
//! A phrase knows how heavy it is, because a relative clause cannot stand before another: what follows a heavy phrase
//! is said with "of", and what is heavier still was introduced in a sentence of its own.

use super::words::{self, Scale};
use super::{Pick, Style};
use crate::question::{Bound, Entity, Rows, Scalar, Test};
use crate::tables::{Column, TableGroup};

/// One request in the making: what may be drawn, and what was introduced already.
pub(super) struct Voice<'v> {
    pub(super) group: &'v TableGroup,
    pub(super) style: &'v Style,
    pub(super) pick: Pick<'v>,
    /// Rows that were introduced, and how they are meant from then on.
    pub(super) known: Vec<(Entity, Pronoun)>,
}

/// How an introduced row is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pronoun {
    /// "it", "its"
    It,
    /// "that element"
    That,
}

/// How a noun phrase can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    It,
    /// A noun with a name, or "that element".
    Name,
    /// Longer, but without a clause at its end.
    Phrase,
    /// Ends in a clause.
    Clause,
}

/// A noun phrase for one row.
#[derive(Clone, Debug)]
pub(super) struct Np {
    pub(super) text: String,
    pub(super) weight: Weight,
}

/// A place in an order.
#[derive(Clone, Copy)]
pub(super) struct Place<'c> {
    pub(super) column: &'c Column,
    /// All columns of its table.
    pub(super) columns: &'c [Column],
    pub(super) largest: bool,
    pub(super) rank: usize,
}

impl Place<'_> {
    /// The owner's word, unless another column of the table has the same: "most abundant" in what?
    pub(super) fn own(&self) -> Option<&str> {
        let word = |column: &Column| {
            if self.largest { column.say.most.clone() } else { column.say.least.clone() }
        };
        let own = if self.largest { &self.column.say.most } else { &self.column.say.least };
        let shared = self.columns.iter().filter(|column| word(column) == *own).count() > 1;
        own.as_deref().filter(|_| !shared)
    }

    /// "second-heaviest", where the column has such a word.
    pub(super) fn adjective(&self) -> Option<String> {
        let word = self.own().filter(|word| self.rank == 1 || !word.starts_with("first")).or(self.usual());
        word.map(|word| words::ranked(self.rank, word))
    }

    /// The adjective that people have for such a column, where its table has no other like it.
    fn usual(&self) -> Option<&'static str> {
        let last = |column: &Column| column.words.rsplit(' ').next().unwrap_or_default().to_owned();
        let word = last(self.column);
        let (most, least) = match (word.as_str(), self.column.unit) {
            ("latitude", _) => ("northernmost", "southernmost"),
            ("weight" | "mass", Some("g" | "kg" | "pounds" | "tonnes")) => ("heaviest", "lightest"),
            ("price", Some(_)) => ("most expensive", "cheapest"),
            ("length" | "distance" | "duration", Some(_)) => ("longest", "shortest"),
            ("height", Some(_)) => ("tallest", "shortest"),
            ("width", Some(_)) => ("widest", "narrowest"),
            (_, _) => return None,
        };
        let alone = self.columns.iter().filter(|column| last(column) == word).count() == 1;
        alone.then_some(if self.largest { most } else { least })
    }

    /// "the second-highest melting point"
    pub(super) fn measure(&self) -> String {
        let superlative = Scale::of(self.column).superlative(self.largest);
        if self.rank == 1 {
            return words::most(&self.column.words, false, self.largest, superlative);
        }
        format!("the {} {}", words::ranked(self.rank, superlative), self.column.words)
    }
}

impl Np {
    pub(super) fn is_heavy(&self) -> bool {
        self.weight == Weight::Clause
    }

    /// Whether a verb after it would come too late.
    pub(super) fn is_long(&self) -> bool {
        self.is_heavy() || self.text.chars().count() > 45
    }

    fn new(text: String, weight: Weight) -> Self {
        Self { text, weight }
    }

    /// "its mass", "the mass of the isotope Au-198"
    pub(super) fn possess(&self, thing: &str) -> String {
        match self.weight {
            Weight::It => format!("its {thing}"),
            Weight::Name | Weight::Phrase | Weight::Clause => format!("the {thing} of {}", self.text),
        }
    }
}

/// How many steps lie between a row and the names that the user says.
pub(super) fn depth(entity: &Entity) -> usize {
    match entity {
        Entity::Named { .. } => 0,
        Entity::Parent { of, .. } => 1 + depth(of),
        Entity::Ranked { rows, .. } => 1 + usize::from(!rows.conditions.is_empty()) + depth_of_rows(rows),
    }
}

pub(super) fn depth_of_rows(rows: &Rows) -> usize {
    let found = rows.conditions.iter().any(|condition| match &condition.test {
        Test::Is(_) => false,
        Test::AtLeast(bound) | Test::AtMost(bound) => matches!(bound, Bound::Found(_)),
    });
    rows.of.as_ref().map_or(0, |(_, of)| depth(of)) + usize::from(found)
}

/// A row and those that it is found through, the farthest from the name first.
pub(super) fn spine(entity: &Entity) -> Vec<&Entity> {
    let mut out = vec![entity];
    let mut at = entity;
    loop {
        at = match at {
            Entity::Named { .. } => return out,
            Entity::Parent { of, .. } => of,
            Entity::Ranked { rows, .. } => match &rows.of {
                Some((_, of)) => of,
                None => return out,
            },
        };
        out.push(at);
    }
}

/// The same for the row that a value is about; for two values, for what both are about.
pub(super) fn spine_of(scalar: &Scalar) -> Vec<&Entity> {
    match scalar {
        Scalar::Field { of, .. } => spine(of),
        // Whose name is asked for cannot be introduced.
        Scalar::Name { of } => spine(of).split_off(1),
        Scalar::Count { rows } | Scalar::Aggregate { rows, .. } => {
            rows.of.as_ref().map(|(_, of)| spine(of)).unwrap_or_default()
        }
        Scalar::Converted { of, .. } => spine_of(of),
        Scalar::Computed { a, b, .. } => {
            let other = spine_of(b);
            let shared: Vec<&Entity> =
                spine_of(a).into_iter().filter(|entity| other.contains(entity)).collect();
            shared
        }
    }
}

impl<'v> Voice<'v> {
    pub(super) fn column(&self, table: usize, column: usize) -> &'v Column {
        &self.group.tables[table].columns[column]
    }

    pub(super) fn singular(&self, table: usize) -> &'v str {
        &self.group.tables[table].noun.singular
    }

    pub(super) fn plural(&self, table: usize) -> &'v str {
        &self.group.tables[table].noun.plural
    }

    pub(super) fn place(&self, rows: &Rows, by: usize, largest: bool, rank: usize) -> Place<'v> {
        let columns = &self.group.tables[rows.table].columns;
        Place { column: &columns[by], columns, largest, rank }
    }

    /// Whether a row was introduced, and the phrase that means it from then on.
    fn reference(&self, entity: &Entity) -> Option<Np> {
        let at = self.known.iter().rposition(|(known, _)| known == entity)?;
        let table = entity.table(&self.group.links);
        let last = at + 1 == self.known.len();
        let that = || Np::new(format!("that {}", self.singular(table)), Weight::Name);
        match self.known[at].1 {
            Pronoun::It if last => Some(Np::new("it".to_owned(), Weight::It)),
            Pronoun::It | Pronoun::That => {
                let again =
                    self.known[at + 1..].iter().any(|(later, _)| later.table(&self.group.links) == table);
                (!again).then(that)
            }
        }
    }

    /// The row as the subject or object of a sentence.
    pub(super) fn entity(&mut self, entity: &Entity) -> Np {
        if let Some(np) = self.reference(entity) {
            return np;
        }
        match entity {
            Entity::Named { table, row } => Np::new(self.named(*table, *row), Weight::Name),
            Entity::Parent { link, of } => self.parent(*link, of),
            Entity::Ranked { rows, by, largest, rank } => {
                let place = self.place(rows, *by, *largest, *rank);
                self.ranked(rows, place)
            }
        }
    }

    /// "the isotope Au-198"
    pub(super) fn named(&self, table: usize, row: usize) -> String {
        let (noun, label) = (&self.group.tables[table].noun.singular, self.group.tables[table].label_of(row));
        // "the Carbon group" is a group already.
        let says_so =
            label.to_lowercase().split(' ').next_back() == Some(noun.as_str()) && label.contains(' ');
        // And "Order 17" needs no other noun.
        let starts_so =
            label.to_lowercase().strip_prefix(noun.as_str()).is_some_and(|rest| rest.starts_with(' '));
        match (label.is_empty(), says_so) {
            (true, _) => format!("that {noun}"),
            (false, _) if starts_so => label.to_owned(),
            // A proper name takes no article: "Kankan Airport".
            (false, true) if label.split(' ').all(|word| !word.starts_with(char::is_lowercase)) => {
                label.to_owned()
            }
            (false, true) => format!("the {label}"),
            (false, false) => format!("the {noun} {label}"),
        }
    }

    fn parent(&mut self, link: usize, of: &Entity) -> Np {
        let link = &self.group.links[link];
        let (role, child) = (&link.role, self.entity(of));
        let text = &child.text;
        let genitive = child.weight == Weight::Name && words::takes_genitive(text);
        match (link.belongs, child.weight) {
            (true, Weight::Phrase) if child.is_long() => Np::new(child.possess(role), Weight::Phrase),
            (true, Weight::It) => match self.pick.below(3) {
                0 => Np::new(format!("the {role} {text} belongs to"), Weight::Clause),
                _ => Np::new(child.possess(role), Weight::Phrase),
            },
            (_, Weight::Clause) | (false, Weight::It | Weight::Phrase) => {
                Np::new(child.possess(role), child.weight.max_phrase())
            }
            (true, Weight::Name | Weight::Phrase) => match self.pick.below(8) {
                // "the element that that isotope belongs to" would stumble.
                0 if !text.starts_with("that ") => {
                    Np::new(format!("the {role} that {text} belongs to"), Weight::Clause)
                }
                1 => Np::new(format!("the {role} to which {text} belongs"), Weight::Clause),
                2 => Np::new(format!("the {role} {text} belongs to"), Weight::Clause),
                3 => Np::new(format!("the {role} {text} is listed under"), Weight::Clause),
                4 | 5 if genitive => Np::new(format!("{text}'s {role}"), Weight::Phrase),
                _ => Np::new(format!("the {role} of {text}"), Weight::Phrase),
            },
            (false, Weight::Name) => match self.pick.below(6) {
                1 => Np::new(format!("the {role} recorded for {text}"), Weight::Phrase),
                2 => Np::new(format!("the {role} listed for {text}"), Weight::Phrase),
                3 if genitive => Np::new(format!("{text}'s {role}"), Weight::Phrase),
                _ => Np::new(format!("the {role} of {text}"), Weight::Phrase),
            },
        }
    }

    fn ranked(&mut self, rows: &Rows, place: Place) -> Np {
        let measure = place.measure();
        let noun = self.singular(rows.table);
        if rows.of.is_none() && rows.conditions.is_empty() {
            let records = self.style.records;
            let (measured, own) = (self.pick.percent(40), place.adjective());
            return match own.filter(|_| !measured) {
                Some(word) => Np::new(format!("the {word} {noun} {records}"), Weight::Phrase),
                None => Np::new(format!("the {noun} with {measure} {records}"), Weight::Phrase),
            };
        }
        let one = self.describe(rows, super::rows::Number::One, false);
        let weight = if one.heavy || one.claused { Weight::Clause } else { Weight::Phrase };
        let before = if one.its.is_empty() { "the " } else { &one.its };
        if let Some(word) = place.adjective().filter(|_| !self.pick.percent(25)) {
            return Np::new(format!("{before}{word} {}", one.body()), weight);
        }
        // "the isotope of the element of Au-198 with the highest …" would leave open who has it.
        let nested = rows.of.as_ref().is_some_and(|(_, of)| depth(of) > 0 && self.reference(of).is_none());
        if !one.claused && !one.heavy && !nested && self.pick.percent(25) {
            return Np::new(format!("{before}{} with {measure}", one.body()), weight);
        }
        let many = self.rows(rows, super::rows::Determiner::The);
        let prefix = format!("the {} ", self.plural(rows.table));
        let those = many.strip_prefix(&prefix).map_or_else(|| many.clone(), |rest| format!("those {rest}"));
        let text = match self.pick.below(3) {
            0 => format!("the {noun} with {measure} among {those}"),
            1 => format!("the {noun} that has {measure} among {those}"),
            _ => format!("the {noun} with {measure} out of {those}"),
        };
        Np::new(text, if one.claused { Weight::Clause } else { weight })
    }
}

impl Weight {
    /// A phrase around this one ends as this one does.
    fn max_phrase(self) -> Self {
        match self {
            Self::Clause => Self::Clause,
            Self::It | Self::Name | Self::Phrase => Self::Phrase,
        }
    }
}
