//! Errands: the user wants something done at a desk that keeps entries about the rows of a table.
//!
//! An [`Errand`] is drawn over a [`World`](crate::world::World) like a question, but its calls change a state: an entry is
//! made, changed or cancelled under the desk's rules, with rows found and values read as any question finds them. The
//! outcome is simulated here as the tools' Python computes it, so that what the user is told at the end is exact. What the
//! tools are called is the theme's business, how the user says it the language's.

pub(crate) mod chinese;
mod code;
mod counter;
pub(crate) mod desk;
mod docs;
mod draw;
pub(crate) mod english;
mod lower;
mod outcome;
mod people;
mod sample;
#[cfg(test)]
mod tests;
pub(crate) mod theme;

pub(crate) use counter::Counter;
pub(crate) use draw::draw;

use crate::question::{Entity, Scalar, Wish};
use crate::tables::{Cell, Kind, TableGroup};
use desk::Desk;
use serde_json::Value as Json;
use std::fmt::Write as _;
use theme::Theme;

/// What the user wants done, and what they want to be told when it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Errand {
    pub(crate) theme: &'static Theme,
    /// Which spelling of the theme's names the tools have.
    pub(crate) dialect: usize,
    /// Table of the records that entries are about.
    pub(crate) table: usize,
    /// Whether the desk takes a record by its name, and not by its id.
    pub(crate) by_name: bool,
    /// Whether tools that write return no more than id and status, so that the rest must be read.
    pub(crate) terse: bool,
    /// Whether a new entry is a draft until it is confirmed.
    pub(crate) drafts: bool,
    /// What is at the desk before.
    pub(crate) desk: Desk,
    /// What is done, in this order.
    pub(crate) acts: Vec<Act>,
    pub(crate) tell: Tell,
    /// What the user is told.
    pub(crate) told: Json,
}

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Act {
    Create {
        on: Target,
        person: usize,
        fills: Vec<Fill>,
    },
    /// Makes the entry of an earlier act count.
    Confirm {
        made: usize,
    },
    Update {
        entry: Listed,
        fills: Vec<Fill>,
    },
    Cancel {
        entry: Listed,
    },
}

/// The record that an entry is made about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Target {
    Row(Entity),
    /// The one of some named rows that has the largest or smallest value in a column.
    Best {
        of: Vec<Entity>,
        column: usize,
        largest: bool,
    },
}

/// An open entry, found by its record, its person or both.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Listed {
    /// Its place among the desk's first entries.
    pub(crate) entry: usize,
    pub(crate) on: Option<Entity>,
    pub(crate) person: Option<usize>,
}

/// What a field is set to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fill {
    /// Its place among the theme's fields.
    pub(crate) field: usize,
    pub(crate) with: With,
}

/// Where a field's value comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum With {
    /// The user says it.
    Said(Json),
    /// It is read first.
    Found(Scalar),
    /// Which of two words it is follows from a number that is read first: `above` where it is at least the bound.
    Ruled { test: Scalar, bound: Cell, above: usize, below: usize },
}

/// What the user wants to be told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tell {
    /// What the tools compute about the entry of an act.
    Extra { act: usize },
    /// How many open entries a person then has.
    OpenNow { person: usize },
    /// The word that was chosen in an act's field.
    Chosen { act: usize, field: usize },
    /// A value of a record.
    Value(Scalar),
}

/// Which tool of a desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DeskTool {
    Create,
    Confirm,
    Update,
    Cancel,
    List,
    Get,
}

/// What a parameter of a desk's tool means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeskSlot {
    Record,
    Person,
    Entry,
    Field(usize),
}

/// Where in a desk tool's result a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeskRead {
    /// Id of the first listed entry.
    FirstEntry,
    /// Number of listed entries.
    Total,
    /// Id of the entry that was made.
    Made,
    /// The computed value.
    Extra,
}

/// What a call to a desk finds out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DeskPiece {
    pub(crate) theme: &'static Theme,
    pub(crate) read: DeskRead,
    /// The record of the entry, where it is known.
    pub(crate) on: Option<Entity>,
    /// The person's name, where one is asked for.
    pub(crate) person: Option<String>,
}

impl Act {
    /// What is written into fields.
    pub(crate) fn fills(&self) -> &[Fill] {
        match self {
            Self::Create { fills, .. } | Self::Update { fills, .. } => fills,
            Self::Confirm { .. } | Self::Cancel { .. } => &[],
        }
    }
}

impl DeskPiece {
    /// Whether its value is a date.
    pub(crate) fn dated(&self) -> bool {
        self.read == DeskRead::Extra && self.theme.extra == theme::Extra::Due
    }
}

impl Errand {
    /// Whether what the user is told is a date.
    pub(crate) fn told_a_date(&self, group: &TableGroup) -> bool {
        match &self.tell {
            Tell::Extra { .. } => self.theme.extra == theme::Extra::Due,
            Tell::Value(Scalar::Field { of, column }) => {
                group.tables[of.table(&group.links)].columns[*column].kind == Kind::Date
            }
            Tell::Value(_) | Tell::OpenNow { .. } | Tell::Chosen { .. } => false,
        }
    }

    /// The errand without names, dates and the user's own words: two of one shape are one request up to names.
    pub(crate) fn shape(&self, group: &TableGroup) -> (String, Vec<(usize, usize)>) {
        let mut text = format!("errand {} [{}]", self.theme.key, group.tables[self.table].name);
        let mut named = Vec::new();
        let mut entity = |text: &mut String, entity: &Entity| {
            let (shape, rows) = crate::question::shape::of_entity(group, entity);
            text.push_str(&shape);
            named.extend(rows);
        };
        for act in &self.acts {
            match act {
                Act::Create { on: Target::Row(on), .. } => {
                    text.push_str(" create ");
                    entity(&mut text, on);
                }
                Act::Create { on: Target::Best { of, column, largest }, .. } => {
                    let _ = write!(text, " create best {largest} {column} ");
                    for of in of {
                        entity(&mut text, of);
                    }
                }
                Act::Confirm { .. } => text.push_str(" confirm"),
                Act::Update { entry, .. } | Act::Cancel { entry } => {
                    text.push_str(if matches!(act, Act::Cancel { .. }) { " cancel " } else { " update " });
                    match &entry.on {
                        Some(on) => entity(&mut text, on),
                        None => text.push_str("of person"),
                    }
                }
            }
            for fill in act.fills() {
                let _ = write!(text, " {}", fill.field);
                match &fill.with {
                    With::Said(Json::String(word)) if !self.theme.fields[fill.field].words.is_empty() => {
                        let _ = write!(text, "={word}");
                    }
                    With::Said(_) => {}
                    With::Found(scalar) => text.push_str(&of_scalar(group, scalar)),
                    With::Ruled { test, bound, .. } => {
                        let _ = write!(text, " by {}≥{}", of_scalar(group, test), bound.json());
                    }
                }
            }
        }
        let _ = match &self.tell {
            Tell::Extra { .. } => write!(text, " tell {:?}", self.theme.extra),
            Tell::OpenNow { .. } => write!(text, " tell open"),
            Tell::Chosen { .. } => write!(text, " tell chosen"),
            Tell::Value(scalar) => write!(text, " tell {}", of_scalar(group, scalar)),
        };
        named.sort_unstable();
        named.dedup();
        (text, named)
    }

    /// Every row that is described, in the order in which it is said.
    pub(crate) fn entities(&self) -> Vec<&Entity> {
        let mut out: Vec<&Entity> = Vec::new();
        for act in &self.acts {
            match act {
                Act::Create { on: Target::Row(on), .. } => out.push(on),
                Act::Create { on: Target::Best { of, .. }, .. } => out.extend(of),
                Act::Update { entry, .. } | Act::Cancel { entry } => out.extend(&entry.on),
                Act::Confirm { .. } => {}
            }
        }
        out
    }

    /// Questions that need the same words as the errand does.
    pub(crate) fn parts(&self) -> Vec<Wish> {
        let named = |entity: &Entity| Wish::One(Scalar::Name { of: entity.clone() });
        let mut out: Vec<Wish> = self.entities().into_iter().map(named).collect();
        for act in &self.acts {
            if let Act::Create { on: Target::Best { of, column, .. }, .. } = act {
                out.extend(of.iter().map(|of| Wish::One(Scalar::Field { of: of.clone(), column: *column })));
            }
            for fill in act.fills() {
                match &fill.with {
                    With::Said(_) => {}
                    With::Found(scalar) | With::Ruled { test: scalar, .. } => {
                        out.push(Wish::One(scalar.clone()));
                    }
                }
            }
        }
        if let Tell::Value(scalar) = &self.tell {
            out.push(Wish::One(scalar.clone()));
        }
        out
    }
}

fn of_scalar(group: &TableGroup, scalar: &Scalar) -> String {
    crate::question::shape::of_scalar(group, scalar).0
}
