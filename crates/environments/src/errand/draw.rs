//! Draws an errand whose longest chain has a given number of calls.
//!
//! First the skeleton (what is done, what is read on the way, what is told), from which follows how far the record must be
//! away; then the record; then a desk around it. The desk is simulated through all acts, so an errand that its rules turn
//! down, or whose outcome could be guessed, is not drawn.

use super::desk::{Desk, Entry, Stage};
use super::outcome::after;
use super::sample;
use super::theme::{DIALECTS, Extra, Part, THEMES, Theme};
use super::{Act, Errand, Fill, Listed, Target, Tell, With};
use crate::draw::Draw;
use crate::question::draw::Asker;
use crate::question::{Entity, Scalar};
use crate::scale::said;
use crate::tables::{Cell, Kind, Language};
use serde_json::{Value as Json, json};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Create,
    /// The same for two records.
    CreateTwo,
    /// For the better of two or three records.
    CreateBest,
    Update,
    Cancel,
    /// From one record to another.
    Move,
}

/// What else it takes.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is drawn on its own")]
struct Shape {
    deed: Deed,
    /// A value is read from the record and written into the entry.
    copy: bool,
    /// A word follows from a number of the record.
    rule: bool,
    /// The outcome is read after the act.
    tail: bool,
    /// The entry is found by its person alone.
    by_person: bool,
    /// A value of the record is asked for besides.
    aside: bool,
    /// Person's open entries are counted afterwards by a call.
    recount: bool,
}

impl Shape {
    fn draw(plain: bool, draw: &mut Draw) -> Self {
        use Deed::{Cancel, Create, CreateBest, CreateTwo, Move, Update};
        let deeds: &[Deed] = if plain {
            &[Create, Create, Create, Update, Cancel]
        } else {
            &[Create, Create, CreateTwo, CreateBest, CreateBest, CreateBest, Update, Cancel, Move]
        };
        let deed = draw.pick(deeds).copied().unwrap_or(Deed::Create);
        let one = deed == Deed::Create;
        let listed = matches!(deed, Deed::Update | Deed::Cancel);
        let copy = matches!(deed, Deed::Create) && draw.percent(40);
        let rule = !plain && one && draw.percent(45);
        let by_person = listed && draw.percent(40);
        let aside = !plain && !by_person && (one && !rule || listed) && draw.percent(60);
        let recount = !plain && deed != Deed::Update && !aside && draw.percent(50);
        let tail = !recount && !aside && !matches!(deed, Deed::Cancel | Deed::CreateTwo) && draw.percent(30);
        Self { deed, copy, rule, tail, by_person, aside, recount }
    }

    /// Calls beyond those that find the record.
    fn calls(self) -> usize {
        let listed = usize::from(matches!(self.deed, Deed::Update | Deed::Cancel | Deed::Move));
        1 + usize::from(self.copy) + usize::from(self.tail) + listed
    }
}

/// An errand; `plain` ones have a single chain where possible.
pub(crate) fn draw(
    asker: &Asker,
    language: Language,
    (plain, depth): (bool, usize),
    draw: &mut Draw,
) -> Option<Errand> {
    let shape = Shape::draw(plain, draw);
    let theme = draw.pick(&THEMES.each_ref()).copied()?;
    let walk = depth.checked_sub(shape.calls())?;
    let drawer = Drawer { asker, language, theme, shape };
    drawer.errand(walk, draw)
}

struct Drawer<'a> {
    asker: &'a Asker<'a>,
    language: Language,
    theme: &'static Theme,
    shape: Shape,
}

impl Drawer<'_> {
    fn errand(&self, walk: usize, draw: &mut Draw) -> Option<Errand> {
        let shape = self.shape;
        let (targets, by_name) = self.targets(walk, draw)?;
        let rows: Vec<usize> = targets.iter().map(|target| self.row(target)).collect::<Option<_>>()?;
        let first = targets.first()?;
        let table = match first {
            Target::Row(entity) => entity.table(&self.asker.truth.group.links),
            Target::Best { of, .. } => of.first()?.table(&self.asker.truth.group.links),
        };
        let mut focus = rows.clone();
        if matches!(shape.deed, Deed::Update | Deed::Cancel | Deed::Move)
            || self.theme.extra == Extra::OnRecord
        {
            focus.truncate(1);
            focus.extend_from_within(..);
        } else {
            focus.clear();
        }
        let desk = Desk::fill(self.theme, (self.asker.truth.world, table), &focus, self.language, draw)?;
        let drafts = matches!(shape.deed, Deed::Create | Deed::CreateBest) && draw.percent(18);
        let mut acts = self.acts(&desk, &targets, &rows, draw)?;
        if drafts {
            acts.push(Act::Confirm { made: acts.len() - 1 });
        }
        let tell = self.tell(&desk, &acts, first, draw)?;
        let told_by_result = matches!(tell, Tell::Extra { .. } | Tell::OpenNow { .. });
        let terse = shape.tail || shape.recount || (!told_by_result && draw.percent(50));
        let mut errand = Errand {
            theme: self.theme,
            dialect: draw.below(DIALECTS),
            table,
            by_name,
            terse,
            drafts,
            desk,
            acts,
            tell,
            told: Json::Null,
        };
        errand.told = self.outcome(&errand)?;
        Some(errand)
    }

    fn row(&self, target: &Target) -> Option<usize> {
        match target {
            Target::Row(entity) => self.asker.truth.row(entity),
            Target::Best { of, column, largest } => best(self.asker, of, *column, *largest),
        }
    }

    /// Records that new entries are about, or whose entry is meant.
    fn targets(&self, walk: usize, draw: &mut Draw) -> Option<(Vec<Target>, bool)> {
        let asker = self.asker;
        if self.shape.by_person {
            // The record plays no part, and any of the world will do.
            let anywhere = asker.walk(usize::from(asker.search), draw)?;
            return (walk == 0).then_some((vec![Target::Row(anywhere)], !asker.search));
        }
        if self.shape.deed == Deed::CreateBest {
            let needed = 1 + usize::from(asker.search);
            return (walk == needed).then(|| self.best_of(draw).map(|best| (vec![best], false)))?;
        }
        let first = asker.walk(walk, draw)?;
        let by_name = matches!(first, Entity::Named { .. }) && !asker.search;
        let table = first.table(&asker.truth.group.links);
        let mut targets = vec![Target::Row(first.clone())];
        if matches!(self.shape.deed, Deed::CreateTwo | Deed::Move) {
            let row = asker.truth.row(&first)?;
            let part = asker.truth.world.parts.get(&table)?;
            let other = *draw.pick(&part.nameable)?;
            let named = Entity::Named { table, row: other };
            // The other record must be given to the desk in the same way.
            let fits = by_name || asker.search;
            if other == row || !fits {
                return None;
            }
            targets.push(Target::Row(named));
        }
        Some((targets, by_name))
    }

    fn best_of(&self, draw: &mut Draw) -> Option<Target> {
        let asker = self.asker;
        let Entity::Named { table, .. } = asker.walk(usize::from(asker.search), draw)? else { return None };
        let part = asker.truth.world.parts.get(&table)?;
        let column = *draw.pick(&part.sortable)?;
        let count = if draw.percent(70) { 2 } else { 3 };
        let rows = draw.sample(&part.nameable, count);
        let of: Vec<Entity> = rows.into_iter().map(|row| Entity::Named { table, row }).collect();
        let largest = draw.percent(60);
        best(asker, &of, column, largest)?;
        Some(Target::Best { of, column, largest })
    }

    fn acts(&self, desk: &Desk, targets: &[Target], rows: &[usize], draw: &mut Draw) -> Option<Vec<Act>> {
        let person = draw.below(desk.people.len());
        let create = |this: &Self, on: &Target, draw: &mut Draw| {
            let fills = this.fills(on, desk, draw)?;
            Some(Act::Create { on: on.clone(), person, fills })
        };
        let first = targets.first()?;
        Some(match self.shape.deed {
            Deed::Create | Deed::CreateBest => vec![create(self, first, draw)?],
            Deed::CreateTwo => {
                let fills = self.fills(first, desk, draw)?;
                targets
                    .iter()
                    .map(|on| Act::Create { on: on.clone(), person, fills: fills.clone() })
                    .collect()
            }
            Deed::Update | Deed::Cancel => {
                let entry = self.listed(desk, first, *rows.first()?, draw)?;
                if self.shape.deed == Deed::Cancel {
                    vec![Act::Cancel { entry }]
                } else {
                    let fills = self.changes(&desk.entries[entry.entry], draw)?;
                    vec![Act::Update { entry, fills }]
                }
            }
            Deed::Move => {
                let mut entry = self.listed(desk, first, *rows.first()?, draw)?;
                let owner = desk.entries[entry.entry].person;
                entry.person = Some(owner);
                let fills = self.fills(targets.get(1)?, desk, draw)?;
                let create = Act::Create { on: targets.get(1)?.clone(), person: owner, fills };
                vec![Act::Cancel { entry }, create]
            }
        })
    }

    /// An open entry that record, person or both single out.
    fn listed(&self, desk: &Desk, target: &Target, row: usize, draw: &mut Draw) -> Option<Listed> {
        let Target::Row(entity) = target else { return None };
        if self.shape.by_person {
            let sole: Vec<usize> =
                (0..desk.people.len()).filter(|person| desk.open_of(*person) == 1).collect();
            let person = *draw.pick(&sole)?;
            let entry = *desk.listed(None, Some(person)).first()?;
            return Some(Listed { entry, on: None, person: Some(person) });
        }
        let there = desk.listed(Some(row), None);
        let entry = *draw.pick(&there)?;
        let person = (there.len() > 1 || draw.percent(50)).then(|| desk.entries[entry].person);
        (desk.listed(Some(row), person).len() == 1).then(|| Listed {
            entry,
            on: Some(entity.clone()),
            person,
        })
    }

    /// What a new entry says.
    fn fills(&self, on: &Target, desk: &Desk, draw: &mut Draw) -> Option<Vec<Fill>> {
        let mut fills = Vec::new();
        for (at, field) in self.theme.fields.iter().enumerate() {
            let with = match field.part {
                Part::Copy if self.shape.copy => Some(With::Found(self.copied(on, field.required, draw)?)),
                Part::Choice if self.shape.rule => Some(self.ruled(on, field.words.len(), draw)?),
                Part::Choice if draw.percent(45) => {
                    let other = 1 + draw.below(field.words.len() - 1);
                    Some(With::Said(json!(field.words[other].0)))
                }
                Part::Choice => None,
                Part::Day if self.theme.extra == Extra::SameDay && draw.percent(60) => {
                    let known = draw.pick(&desk.entries)?;
                    Some(With::Said(known.fields[at].clone()))
                }
                Part::Copy | Part::Day | Part::Slot | Part::Amount | Part::Note => {
                    field.required.then(|| With::Said(sample::value(field, self.language, draw)))
                }
            };
            fills.extend(with.map(|with| Fill { field: at, with }));
        }
        let copies = fills.iter().any(|fill| matches!(fill.with, With::Found(_)));
        (copies == self.shape.copy).then_some(fills)
    }

    /// A value of the record that can be written down.
    fn copied(&self, on: &Target, number: bool, draw: &mut Draw) -> Option<Scalar> {
        let Target::Row(entity) = on else { return None };
        (0..6).find_map(|_| {
            let scalar = self.asker.field(entity.clone(), draw)?;
            let value = self.asker.truth.scalar(&scalar)?;
            let fits =
                if number { value.as_f64().is_some_and(|value| value.abs() < 1e12) } else { telling(&value) };
            fits.then_some(scalar)
        })
    }

    fn ruled(&self, on: &Target, words: usize, draw: &mut Draw) -> Option<With> {
        let Target::Row(entity) = on else { return None };
        let truth = self.asker.truth;
        let table = entity.table(&truth.group.links);
        let part = truth.world.parts.get(&table)?;
        let column = *draw.pick(&part.sortable)?;
        let source = &truth.group.tables[table].columns[column];
        if !matches!(source.kind, Kind::Integer | Kind::Real) {
            return None;
        }
        let other = *draw.pick(&truth.world.rows(table))?;
        let bound = said(source, &source.cells[other])?;
        let test = Scalar::Field { of: entity.clone(), column };
        let (value, limit) = (truth.scalar(&test)?.as_f64()?, bound.json().as_f64()?);
        let (above, below) = (1 + draw.below(words - 1), 0);
        let apart = (value - limit).abs() > 1e-9;
        apart.then_some(With::Ruled {
            test,
            bound: Cell::Number(bound.json().as_number()?.clone()),
            above,
            below,
        })
    }

    /// What is changed in an entry, to something else than it is.
    fn changes(&self, entry: &Entry, draw: &mut Draw) -> Option<Vec<Fill>> {
        let open: Vec<usize> = (0..self.theme.fields.len())
            .filter(|at| self.theme.fields[*at].mutable)
            .filter(|at| !self.shape.tail || self.theme.moves_extra(self.theme.fields[*at].part))
            .collect();
        let first = *draw.pick(&open)?;
        let mut chosen = vec![first];
        // An appointment moves to a day and a time.
        if let (Some(day), Some(slot)) = (self.theme.field(Part::Day), self.theme.field(Part::Slot)) {
            chosen = vec![day, slot];
        } else if open.len() > 1 && draw.percent(25) {
            chosen.extend(open.iter().copied().filter(|at| *at != first).take(1));
        }
        chosen.sort_unstable();
        let fills: Vec<Fill> = chosen
            .into_iter()
            .map(|field| Fill {
                field,
                with: With::Said(sample::value(&self.theme.fields[field], self.language, draw)),
            })
            .collect();
        let changed =
            |fill: &Fill| matches!(&fill.with, With::Said(value) if *value != entry.fields[fill.field]);
        fills.iter().all(changed).then_some(fills)
    }

    fn tell(&self, desk: &Desk, acts: &[Act], first: &Target, draw: &mut Draw) -> Option<Tell> {
        let shape = self.shape;
        let maker = acts.iter().rposition(|act| matches!(act, Act::Create { .. } | Act::Update { .. }));
        let person = match acts.first()? {
            Act::Create { person, .. } => *person,
            Act::Update { entry, .. } | Act::Cancel { entry } => desk.entries[entry.entry].person,
            Act::Confirm { .. } => return None,
        };
        // Whose entry it is must be said where that person's entries are counted.
        let person_said = acts.iter().any(|act| match act {
            Act::Create { .. } => true,
            Act::Update { entry, .. } | Act::Cancel { entry } => entry.person.is_some(),
            Act::Confirm { .. } => false,
        });
        if shape.recount {
            return person_said.then_some(Tell::OpenNow { person });
        }
        if shape.aside {
            let Target::Row(entity) = first else { return None };
            let scalar = self.asker.field(entity.clone(), draw)?;
            return telling(&self.asker.truth.scalar(&scalar)?).then_some(Tell::Value(scalar));
        }
        if shape.tail {
            return Some(Tell::Extra { act: maker? });
        }
        let mut fitting = Vec::new();
        for (at, act) in acts.iter().enumerate() {
            for fill in act.fills() {
                match &fill.with {
                    With::Found(scalar) => fitting.push(Tell::Value(scalar.clone())),
                    With::Ruled { .. } => fitting.push(Tell::Chosen { act: at, field: fill.field }),
                    With::Said(_) => {}
                }
            }
        }
        let changes = |act: &Act| match act {
            Act::Update { fills, .. } => {
                fills.iter().any(|fill| self.theme.moves_extra(self.theme.fields[fill.field].part))
            }
            Act::Create { .. } => true,
            Act::Confirm { .. } | Act::Cancel { .. } => false,
        };
        // In a move the outcome must not depend on which comes first.
        let steady = !matches!(shape.deed, Deed::Move | Deed::CreateTwo)
            || matches!(self.theme.extra, Extra::Due | Extra::Price) && shape.deed == Deed::Move;
        if let Some(act) = maker.filter(|at| changes(&acts[*at]) && steady) {
            fitting.extend([Tell::Extra { act }, Tell::Extra { act }]);
        }
        if person_said && !matches!(shape.deed, Deed::Update | Deed::Move) {
            fitting.push(Tell::OpenNow { person });
        }
        draw.pick(&fitting).cloned()
    }

    /// What the user is told after all acts; `None` where the desk refuses one or a guess would do.
    fn outcome(&self, errand: &Errand) -> Option<Json> {
        let after = after(self.asker, errand)?;
        let theme = self.theme;
        match &errand.tell {
            Tell::Value(scalar) => self.asker.truth.scalar(scalar),
            Tell::Chosen { act, field } => after.made(*act).map(|entry| entry.fields[*field].clone()),
            Tell::OpenNow { person } => {
                let value = after.desk.open_of(*person);
                let same =
                    (0..after.desk.people.len()).filter(|other| after.desk.open_of(*other) == value).count();
                // The list in which the entry was found must not tell the same number.
                let listed = errand.acts.iter().any(|act| match act {
                    Act::Update { entry, .. } | Act::Cancel { entry } => entry.on.is_some(),
                    Act::Create { .. } | Act::Confirm { .. } => false,
                });
                (!self.shape.recount || same <= 2 && !(listed && value == 1)).then(|| json!(value))
            }
            Tell::Extra { act } => {
                let value = after.desk.extra(theme, after.made(*act)?)?;
                let others = || {
                    let known = errand.desk.entries.iter().zip(&after.desk.entries);
                    known.filter(|(before, _)| before.stage == Stage::Open).map(|(_, entry)| entry)
                };
                let same =
                    others().filter(|entry| after.desk.extra(theme, entry).as_ref() == Some(&value)).count();
                (!self.shape.tail || same * 5 <= others().count()).then_some(value)
            }
        }
    }
}

/// The row with the largest or smallest value, if there is one.
pub(super) fn best(asker: &Asker, of: &[Entity], column: usize, largest: bool) -> Option<usize> {
    super::lower::best(asker.truth, of, column, largest)
}

/// Whether a value is long enough that nobody guesses it.
fn telling(value: &Json) -> bool {
    match value {
        Json::String(text) => (3..=60).contains(&text.chars().count()),
        Json::Number(number) => number.to_string().len() >= 2,
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => false,
    }
}
