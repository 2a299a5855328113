//! What a desk holds before the errand, and what its tools would compute after it.
//!
//! The simulation says in Rust what `code` says in Python. It refuses (`None`) whatever the rules refuse, so that no
//! errand is drawn that the desk would turn down.

use super::people;
use super::theme::{Extra, FEES, MAX_LOAD, Part, Theme, YEAR};
use crate::draw::Draw;
use crate::numbers::rounded;
use crate::tables::Language;
use crate::world::World;
use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

const PEOPLE: usize = 7;
const ENTRIES: usize = 13;

/// People, entries, prices.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Desk {
    pub(crate) people: Vec<Person>,
    pub(crate) entries: Vec<Entry>,
    /// Price of a copy by row, where the theme has prices.
    pub(crate) prices: BTreeMap<usize, f64>,
}

/// Somebody who is registered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Person {
    pub(crate) name: String,
    unit: &'static str,
}

/// How far an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Draft,
    Open,
    Done,
    Cancelled,
}

/// An entry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// Empty for one that the errand makes: its id is not known before.
    pub(crate) id: String,
    pub(crate) row: usize,
    pub(crate) person: usize,
    /// By field of the theme.
    pub(crate) fields: Vec<Json>,
    pub(crate) stage: Stage,
}

impl Stage {
    /// The dialect's word.
    pub(crate) fn word(self, theme: &Theme, dialect: usize) -> &'static str {
        let words = theme.names.stages[dialect];
        match self {
            Self::Draft => words[0],
            Self::Open => words[1],
            Self::Done => words[2],
            Self::Cancelled => words[3],
        }
    }
}

impl Desk {
    /// A desk with some entries on some of the world's rows; the `focus` row has some of them.
    pub(super) fn fill(
        theme: &Theme,
        (world, table): (&World, usize),
        focus: &[usize],
        language: Language,
        draw: &mut Draw,
    ) -> Option<Self> {
        let people = people::names(PEOPLE, language, draw)
            .into_iter()
            .map(|name| Person { name, unit: people::unit(draw) })
            .collect();
        let mut desk = Self { people, entries: Vec::new(), prices: BTreeMap::new() };
        let rows = world.rows(table);
        if rows.len() < 5 {
            return None;
        }
        if theme.has_prices() {
            for row in &rows {
                desk.prices.insert(*row, (60 + draw.below(940)) as f64 / 20.0);
            }
        }
        let others = draw.sample(&rows, ENTRIES);
        for round in 0..ENTRIES * 3 {
            if desk.entries.len() >= ENTRIES {
                break;
            }
            let row = match focus.get(round) {
                Some(row) => *row,
                None => *draw.pick(&others)?,
            };
            let stage = match draw.below(10) {
                _ if round < focus.len() => Stage::Open,
                0..=5 => Stage::Open,
                6..=7 => Stage::Done,
                _ => Stage::Cancelled,
            };
            let fields =
                theme.fields.iter().map(|field| super::sample::value(field, language, draw)).collect();
            let id = format!("{}-{:010x}", theme.prefix, draw.below(1 << 40));
            let entry = Entry { id, row, person: draw.below(PEOPLE), fields, stage };
            // Room is left for what the errand adds.
            if desk.may_stand(theme, &entry, theme.limit - 1) {
                desk.entries.push(entry);
            }
        }
        (desk.entries.len() >= 6).then_some(desk)
    }

    /// The desk's state as the tools keep it.
    pub(crate) fn state(
        &self,
        theme: &Theme,
        dialect: usize,
        record: &str,
        id: impl Fn(usize) -> String,
    ) -> Map<String, Json> {
        let names = &theme.names;
        let people =
            self.people.iter().map(|person| (person.name.clone(), json!({"unit": person.unit}))).collect();
        let mut entries = Map::new();
        for entry in &self.entries {
            let mut fields = Map::new();
            fields.insert(record.into(), id(entry.row).into());
            fields.insert(names.person[dialect].into(), self.people[entry.person].name.clone().into());
            for (field, value) in theme.fields.iter().zip(&entry.fields) {
                fields.insert(field.names[dialect].into(), value.clone());
            }
            fields.insert(names.status[dialect].into(), entry.stage.word(theme, dialect).into());
            entries.insert(entry.id.clone(), Json::Object(fields));
        }
        let mut state = Map::new();
        state.insert(names.people[dialect].into(), Json::Object(people));
        state.insert(names.entries[dialect].into(), Json::Object(entries));
        if theme.has_prices() {
            let prices = self.prices.iter().map(|(row, price)| (id(*row), json!(price))).collect();
            state.insert("prices".into(), Json::Object(prices));
        }
        state
    }

    fn open(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.stage == Stage::Open)
    }

    /// Open entries of a person.
    pub(crate) fn open_of(&self, person: usize) -> usize {
        self.open().filter(|entry| entry.person == person).count()
    }

    /// Open entries that a record and a person, where given, have.
    pub(crate) fn listed(&self, row: Option<usize>, person: Option<usize>) -> Vec<usize> {
        let fits = |entry: &Entry| {
            entry.stage == Stage::Open
                && row.is_none_or(|row| entry.row == row)
                && person.is_none_or(|person| entry.person == person)
        };
        (0..self.entries.len()).filter(|at| fits(&self.entries[*at])).collect()
    }

    /// Whether the rules let an entry stand beside those that are there.
    pub(crate) fn may_stand(&self, theme: &Theme, entry: &Entry, limit: usize) -> bool {
        if matches!(entry.stage, Stage::Done | Stage::Cancelled) {
            return true;
        }
        let others = || self.open().filter(|other| other.id != entry.id);
        let mine = || others().filter(|other| other.person == entry.person);
        let slot = |other: &Entry| {
            let same = |part| theme.field(part).is_some_and(|at| other.fields[at] == entry.fields[at]);
            same(Part::Slot) && same(Part::Day) && (other.row == entry.row || other.person == entry.person)
        };
        let load: i64 = mine().chain([entry]).filter_map(|one| amount(theme, one)).sum();
        mine().count() < limit
            && mine().all(|other| other.row != entry.row)
            && !others().any(slot)
            && (theme.extra != Extra::Load
                || load <= MAX_LOAD - 20
                || limit == theme.limit && load <= MAX_LOAD)
    }

    /// What the tools compute about an entry that is open.
    pub(crate) fn extra(&self, theme: &Theme, entry: &Entry) -> Option<Json> {
        let choice = |one: &Entry| theme.field(Part::Choice).and_then(|at| rank(theme, at, &one.fields[at]));
        let day = |one: &Entry| theme.field(Part::Day).map(|at| one.fields[at].clone());
        Some(match theme.extra {
            Extra::Queue => json!(self.open().filter(|other| choice(other) >= choice(entry)).count()),
            Extra::Due => {
                let start: Date = day(entry)?.as_str()?.parse().ok()?;
                json!(start.checked_add(amount(theme, entry)?.days()).ok()?.to_string())
            }
            Extra::SameDay => json!(self.open().filter(|other| day(other) == day(entry)).count()),
            Extra::OnRecord => json!(self.open().filter(|other| other.row == entry.row).count()),
            Extra::Price => {
                let fee = FEES.get(choice(entry)?)?;
                json!(rounded(amount(theme, entry)? as f64 * self.prices.get(&entry.row)? + fee))
            }
            Extra::Load => {
                let hours = self.open().filter(|other| other.person == entry.person);
                json!(hours.filter_map(|one| amount(theme, one)).sum::<i64>())
            }
        })
    }
}

fn amount(theme: &Theme, entry: &Entry) -> Option<i64> {
    entry.fields[theme.field(Part::Amount)?].as_i64()
}

/// Place of a word among a field's words.
pub(crate) fn rank(theme: &Theme, field: usize, word: &Json) -> Option<usize> {
    theme.fields[field].words.iter().position(|(known, _)| Some(*known) == word.as_str())
}

/// A working day of the desks' year.
pub(super) fn day(draw: &mut Draw) -> String {
    let first = Date::constant(YEAR, 2, 1);
    let span = i64::try_from(draw.below(300)).unwrap_or(0).days();
    first.checked_add(span).unwrap_or(first).to_string()
}
