//! What a desk holds after an errand: its acts run by its rules, in Rust.
//!
//! `None` wherever the desk would turn an act down or a value is not there, so that such an errand is not drawn.

use super::desk::{Desk, Entry, Stage, rank};
use super::draw::best;
use super::theme::{Part, Theme};
use super::{Act, Errand, Fill, Target, With};
use crate::question::draw::Asker;
use serde_json::{Value as Json, json};

/// A desk after an errand.
pub(super) struct After {
    pub(super) desk: Desk,
    /// Place among the entries of what each act made or changed.
    touched: Vec<usize>,
}

impl After {
    /// What an act made or changed.
    pub(super) fn made(&self, act: usize) -> Option<&Entry> {
        self.desk.entries.get(*self.touched.get(act)?)
    }
}

/// Runs the acts by the desk's rules.
pub(super) fn after(asker: &Asker, errand: &Errand) -> Option<After> {
    let theme = errand.theme;
    let mut desk = errand.desk.clone();
    let mut touched = Vec::new();
    for (number, act) in errand.acts.iter().enumerate() {
        let at = match act {
            Act::Create { on, person, fills } => {
                let row = match on {
                    Target::Row(entity) => asker.truth.row(entity)?,
                    Target::Best { of, column, largest } => best(asker, of, *column, *largest)?,
                };
                let mut fields: Vec<Json> = theme
                    .fields
                    .iter()
                    .map(|field| match field.part {
                        Part::Choice => field.words.first().map_or(Json::Null, |(word, _)| json!(word)),
                        Part::Copy | Part::Day | Part::Slot | Part::Amount | Part::Note => Json::Null,
                    })
                    .collect();
                set(asker, theme, &mut fields, fills)?;
                let entry =
                    Entry { id: format!("made {number}"), row, person: *person, fields, stage: Stage::Open };
                if !desk.may_stand(theme, &entry, theme.limit) {
                    return None;
                }
                desk.entries.push(entry);
                desk.entries.len() - 1
            }
            Act::Confirm { made } => *touched.get(*made)?,
            Act::Update { entry, fills } => {
                let mut changed = desk.entries[entry.entry].clone();
                set(asker, theme, &mut changed.fields, fills)?;
                if !desk.may_stand(theme, &changed, theme.limit) {
                    return None;
                }
                desk.entries[entry.entry] = changed;
                entry.entry
            }
            Act::Cancel { entry } => {
                desk.entries[entry.entry].stage = Stage::Cancelled;
                entry.entry
            }
        };
        touched.push(at);
    }
    Some(After { desk, touched })
}

fn set(asker: &Asker, theme: &Theme, fields: &mut [Json], fills: &[Fill]) -> Option<()> {
    for fill in fills {
        let value = match &fill.with {
            With::Said(value) => value.clone(),
            With::Found(scalar) => asker.truth.scalar(scalar)?,
            With::Ruled { .. } => json!(theme.fields[fill.field].words[chosen(asker, &fill.with)?].0),
        };
        if theme.fields[fill.field].part == Part::Choice {
            rank(theme, fill.field, &value)?;
        }
        *fields.get_mut(fill.field)? = value;
    }
    Some(())
}

/// Which word a rule chooses.
fn chosen(asker: &Asker, with: &With) -> Option<usize> {
    let With::Ruled { test, bound, above, below } = with else { return None };
    let (value, limit) = (asker.truth.scalar(test)?.as_f64()?, bound.json().as_f64()?);
    Some(if value >= limit { *above } else { *below })
}
