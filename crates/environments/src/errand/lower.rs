//! From an errand to tool calls: first everything that is read, then the writing calls in order, then what is read after.
//!
//! Writing calls make no steps of their own: together they are one goal, that the final state is the right one. What a
//! word was chosen by is a step that nothing refers to; it is a goal all the same, for the choice cannot be known
//! without it.

use super::{Act, DeskPiece, DeskRead, DeskSlot, DeskTool, Errand, Fill, Listed, Target, Tell, With};
use crate::lower::{Call, Given, Lowering, Read, Slot, Tool};
use crate::question::evaluate::{Truth, cell_of, compare};
use crate::question::{Entity, Piece, Scalar};
use serde_json::{Value as Json, json};
use std::cmp::Ordering;

type Inputs = Vec<(Slot, Given)>;

impl Lowering<'_> {
    /// The calls of an errand; `None` when some value is not there.
    pub(crate) fn errand(&mut self, errand: &Errand) -> Option<()> {
        let mut writes: Vec<(DeskTool, Inputs)> = Vec::new();
        let mut made: Vec<usize> = Vec::new();
        for act in &errand.acts {
            made.push(writes.len());
            match act {
                Act::Create { on, person, fills } => {
                    let mut inputs = vec![(Slot::Desk(DeskSlot::Record), self.record_given(errand, on)?)];
                    let name = errand.desk.people.get(*person)?.name.clone();
                    inputs.push((Slot::Desk(DeskSlot::Person), Given::Literal(name.into())));
                    inputs.extend(self.fills(errand, fills)?);
                    writes.push((DeskTool::Create, inputs));
                }
                Act::Confirm { made: of } => {
                    let of = *made.get(*of)?;
                    writes.push((DeskTool::Confirm, vec![(Slot::Desk(DeskSlot::Entry), Given::Made(of))]));
                }
                Act::Update { entry, fills } => {
                    let step = self.listed(errand, entry)?;
                    let mut inputs = vec![(Slot::Desk(DeskSlot::Entry), Given::Step(step))];
                    inputs.extend(self.fills(errand, fills)?);
                    writes.push((DeskTool::Update, inputs));
                }
                Act::Cancel { entry } => {
                    let step = self.listed(errand, entry)?;
                    writes.push((DeskTool::Cancel, vec![(Slot::Desk(DeskSlot::Entry), Given::Step(step))]));
                }
            }
        }
        if let Tell::Value(scalar) = &errand.tell {
            let step = self.scalar(scalar)?;
            self.out.ends.push(step);
        }
        let first = self.out.calls.len();
        for (tool, mut inputs) in writes {
            for (_, given) in &mut inputs {
                if let Given::Made(write) = given {
                    *write += first;
                }
            }
            self.out.writes.push(self.out.calls.len());
            self.out.calls.push(Call { tool: Tool::Desk(tool), inputs });
        }
        self.after(errand, &made, first)
    }

    /// What is read when all is done.
    fn after(&mut self, errand: &Errand, made: &[usize], first: usize) -> Option<()> {
        if !errand.terse {
            return Some(());
        }
        let piece = |read, person: Option<String>| {
            Piece::Desk(DeskPiece { theme: errand.theme, read, on: None, person })
        };
        let (call, read, piece) = match &errand.tell {
            Tell::Value(_) | Tell::Chosen { .. } => return Some(()),
            Tell::Extra { act } => {
                // Also where the entry was listed before: what is read here is what the act left.
                let given = Given::Made(made.get(*act)? + first);
                let call = Call {
                    tool: Tool::Desk(DeskTool::Get),
                    inputs: vec![(Slot::Desk(DeskSlot::Entry), given)],
                };
                (call, DeskRead::Extra, piece(DeskRead::Extra, None))
            }
            Tell::OpenNow { person } => {
                let name = errand.desk.people.get(*person)?.name.clone();
                let inputs = vec![(Slot::Desk(DeskSlot::Person), Given::Literal(name.clone().into()))];
                let call = Call { tool: Tool::Desk(DeskTool::List), inputs };
                (call, DeskRead::Total, piece(DeskRead::Total, Some(name)))
            }
        };
        // Never one with a call before the act, though it be spelled the same.
        self.out.calls.push(call);
        let number = self.out.calls.len() - 1;
        let step = self.read(number, Read::Desk(read), piece, errand.told.clone(), None);
        self.out.ends.push(step);
        Some(())
    }

    fn record_given(&mut self, errand: &Errand, on: &Target) -> Option<Given> {
        match on {
            Target::Row(Entity::Named { table, row }) if errand.by_name => {
                Some(Given::Literal(self.truth.group.tables[*table].label_of(*row).into()))
            }
            Target::Row(entity) => self.id(entity).map(Given::Step),
            Target::Best { of, column, largest } => {
                let field = |of: &Entity| Scalar::Field { of: of.clone(), column: *column };
                let steps: Vec<usize> = of.iter().map(|of| self.scalar(&field(of))).collect::<Option<_>>()?;
                let row = best(self.truth, of, *column, *largest)?;
                let id = self.truth.world.id(errand.table, row)?;
                Some(Given::Chosen { steps, value: id.into() })
            }
        }
    }

    fn fills(&mut self, errand: &Errand, fills: &[Fill]) -> Option<Inputs> {
        let mut inputs = Vec::new();
        for fill in fills {
            let given = match &fill.with {
                With::Said(value) => Given::Literal(value.clone()),
                With::Found(scalar) => Given::Step(self.scalar(scalar)?),
                With::Ruled { test, bound, above, below } => {
                    self.scalar(test)?;
                    let value = cell_of(&self.truth.scalar(test)?)?;
                    let reached = matches!(compare(&value, bound)?, Ordering::Greater | Ordering::Equal);
                    let word =
                        errand.theme.fields[fill.field].words.get(if reached { *above } else { *below })?.0;
                    Given::Literal(json!(word))
                }
            };
            inputs.push((Slot::Desk(DeskSlot::Field(fill.field)), given));
        }
        Some(inputs)
    }

    /// The step that finds an entry's id.
    fn listed(&mut self, errand: &Errand, listed: &Listed) -> Option<usize> {
        let mut inputs: Inputs = Vec::new();
        if let Some(on) = &listed.on {
            let target = Target::Row(on.clone());
            inputs.push((Slot::Desk(DeskSlot::Record), self.record_given(errand, &target)?));
        }
        let person = listed.person.map(|person| errand.desk.people[person].name.clone());
        if let Some(name) = &person {
            inputs.push((Slot::Desk(DeskSlot::Person), Given::Literal(name.clone().into())));
        }
        let call = Call { tool: Tool::Desk(DeskTool::List), inputs };
        let value: Json = errand.desk.entries.get(listed.entry)?.id.clone().into();
        let read = DeskRead::FirstEntry;
        let piece = Piece::Desk(DeskPiece { theme: errand.theme, read, on: listed.on.clone(), person });
        let number = self.call(call);
        Some(self.read(number, Read::Desk(read), piece, value, listed.on.clone()))
    }
}

/// The row that has the largest or smallest value in a column; `None` in a tie.
pub(super) fn best(truth: Truth, of: &[Entity], column: usize, largest: bool) -> Option<usize> {
    let value = |of: &Entity| cell_of(&truth.scalar(&Scalar::Field { of: of.clone(), column })?);
    let values = of.iter().map(value).collect::<Option<Vec<_>>>()?;
    let wanted = if largest { Ordering::Greater } else { Ordering::Less };
    let winner = (0..values.len()).find(|at| {
        let beats = |other: usize| compare(&values[*at], &values[other]) == Some(wanted);
        (0..values.len()).filter(|other| other != at).all(beats)
    })?;
    truth.row(&of[winner])
}
