//! A value as a question, direct and indirect: "What density does Gold have?", "what density Gold has".
//!
//! Which form a sentence takes is drawn before the value is said, so that each value is said once. Direct questions
//! come with capital and question mark; indirect ones follow "tell me" and the like.

use super::asking::SHORT;
use super::rows::Determiner;
use super::values::UnitSaid;
use super::voice::{Place, Voice};
use super::words::{self, Scale};
use crate::question::{Entity, Operation, Rows, Scalar, Statistic};
use crate::tables::Column;

impl Voice<'_> {
    /// "what melting point the element Gold has in kelvin"
    pub(super) fn indirect(&mut self, scalar: &Scalar, unit: UnitSaid) -> String {
        match scalar {
            Scalar::Field { of, column } if self.is_label(of, *column) => self.indirect_name(of),
            Scalar::Field { of, column } => self.indirect_field(of, *column, unit),
            Scalar::Name { of } => self.indirect_name(of),
            Scalar::Count { rows } => self.how_many(rows),
            Scalar::Aggregate { rows, statistic: Statistic::Mean, column } if self.pick.percent(60) => {
                let column = self.column(rows.table, *column);
                let said = unit.text(column).map(|unit| format!(", {unit}")).unwrap_or_default();
                let all = self.rows(rows, Determiner::The);
                if all.chars().count() > SHORT {
                    format!("the average {} of {all}{said}", column.words)
                } else {
                    format!("{} {all} have on average{said}", words::what(&column.words))
                }
            }
            Scalar::Aggregate { rows, statistic: Statistic::Min | Statistic::Max, column }
                if self.pick.percent(50) =>
            {
                let column = self.column(rows.table, *column);
                let (words, largest) =
                    (&column.words, matches!(scalar, Scalar::Aggregate { statistic: Statistic::Max, .. }));
                let said = unit.text(column).map(|unit| format!(", {unit},")).unwrap_or_default();
                let extreme = Scale::of(column).superlative(largest);
                format!("which {words}{said} is the {extreme} among {}", self.rows(rows, Determiner::The))
            }
            Scalar::Aggregate { .. } => self.noun(scalar, unit),
            Scalar::Converted { of, to, .. } => match unit {
                UnitSaid::No => self.indirect(of, UnitSaid::No),
                UnitSaid::Own | UnitSaid::Other(_) => self.indirect(of, UnitSaid::Other(to)),
            },
            Scalar::Computed { operation, a, b } => self.indirect_computed(*operation, a, b, unit),
        }
    }

    fn indirect_field(&mut self, of: &Entity, column: usize, unit: UnitSaid) -> String {
        if self.is_flag(of, column) {
            let (subject, state) = self.flag(of, column);
            let or_not = if self.pick.percent(30) { " or not" } else { "" };
            return format!("whether {} {state}{or_not}", subject.text);
        }
        let (at, column) = (column, self.column(of.table(&self.group.links), column));
        let words = &column.words;
        let said = unit.text(column).map(|unit| format!(" {unit}")).unwrap_or_default();
        let comma = unit.text(column).map(|unit| format!(", {unit}")).unwrap_or_default();
        let form = self.pick.below(6);
        if form == 0 && matches!(of, Entity::Named { .. }) {
            let is = words::is_are(words);
            return format!("what {} {is}", self.field(of, at, unit));
        }
        let np = self.entity(of);
        let text = &np.text;
        match form {
            1 | 2 if !column.say.phrasings.is_empty() => {
                self.own_phrase(column, &np, false).unwrap_or_else(|| np.possess(words)) + &comma
            }
            3 => format!("what {words}{said} is recorded for {text}"),
            4 => format!("what our records give as {}{comma}", np.possess(words)),
            5 => format!("what {words}{said} is on record for {text}"),
            _ if np.is_long() => format!("what {words}{said} is recorded for {text}"),
            _ => format!("{} {text} has{comma}", words::what(words)),
        }
    }

    /// "which element the isotope Au-198 belongs to"
    fn indirect_name(&mut self, of: &Entity) -> String {
        match of {
            Entity::Parent { link, of: child } if self.group.links[*link].belongs => {
                let (role, child) = (&self.group.links[*link].role, self.entity(child));
                let text = &child.text;
                match self.pick.below(5) {
                    _ if child.is_long() => format!("which {role} goes with {text}"),
                    0 | 1 => format!("which {role} {text} belongs to"),
                    2 => format!("what {role} {text} is listed under"),
                    3 => format!("to which {role} {text} belongs"),
                    _ => format!("what {} is called", child.possess(role)),
                }
            }
            Entity::Parent { .. } | Entity::Named { .. } => {
                let (noun, text) = (self.singular(of.table(&self.group.links)), self.entity(of).text);
                match self.pick.below(3) {
                    0 => format!("which {noun} is {text}"),
                    1 => format!("what {text} is called"),
                    _ => format!("which {noun} is recorded as {text}"),
                }
            }
            Entity::Ranked { rows, by, largest, rank } => {
                let place = self.place(rows, *by, *largest, *rank);
                self.which_ranked(rows, place)
            }
        }
    }

    /// "which isotope of the element Gold has the highest mass", the same in a direct question.
    fn which_ranked(&mut self, rows: &Rows, place: Place) -> String {
        let (noun, measure) = (self.singular(rows.table), place.measure());
        let is_or_has = place
            .adjective()
            .filter(|_| self.pick.percent(70))
            .map_or_else(|| format!("has {measure}"), |word| format!("is the {word}"));
        if rows.of.is_none() && rows.conditions.is_empty() {
            let records = self.style.records;
            return match self.pick.below(2) {
                0 => format!("which {noun} {records} {is_or_has}"),
                _ => format!("which of all {} {records} {is_or_has}", self.plural(rows.table)),
            };
        }
        let described = self.describe(rows, super::rows::Number::Many, false);
        if described.claused || described.heavy {
            let all = self.rows(rows, Determiner::The);
            return match self.pick.below(2) {
                0 => format!("which {noun} {is_or_has} among {all}"),
                _ => format!("which {noun} {is_or_has} out of {all}"),
            };
        }
        let own = if described.its.is_empty() { "the " } else { &described.its };
        match self.pick.below(3) {
            0 if described.its.is_empty() => {
                let one = self.describe(rows, super::rows::Number::One, false);
                format!("which {} {is_or_has}", one.body())
            }
            1 if described.its.is_empty() => {
                format!("which {noun} {is_or_has} among the {}", described.body())
            }
            _ => format!("which of {own}{} {is_or_has}", described.body()),
        }
    }

    /// "how many isotopes are on record for the element Gold"
    pub(super) fn how_many(&mut self, rows: &Rows) -> String {
        if self.pick.percent(35)
            && let Some(predicate) = self.predicate(rows, &rows.conditions, true)
        {
            return format!("how many {} {} {predicate}", self.plural(rows.table), self.style.records);
        }
        format!("how many {}", self.recorded(rows, " are"))
    }

    fn indirect_computed(&mut self, operation: Operation, a: &Scalar, b: &Scalar, unit: UnitSaid) -> String {
        if operation == Operation::Percent
            && let Some(share) = self.share(a, b)
        {
            return share;
        }
        let said = self.unit_of(operation, a, unit);
        let said = said.map(|unit| format!(", {unit}")).unwrap_or_default();
        let (x, y) = self.both(a, b);
        let long = x.chars().count() + y.chars().count() > SHORT;
        match (operation, self.pick.below(3)) {
            (Operation::Difference, _) if long => format!("what the difference is between {x} and {y}{said}"),
            (Operation::Ratio, _) if long => format!("what you get if you divide {x} by {y}"),
            (Operation::Percent, _) if long => {
                format!("what you get if you express {x} as a percentage of {y}")
            }
            (Operation::Days, _) if long => format!("how many days lie between {x} and {y}"),
            (Operation::Difference, 0) => format!("how far apart {x} and {y} are{said}"),
            (Operation::Difference, 1) => format!("by how much {x} and {y} differ{said}"),
            (Operation::Difference, _) => format!("how big the gap between {x} and {y} is{said}"),
            (Operation::Ratio, 0) => format!("what you get if you divide {x} by {y}"),
            (Operation::Ratio, 1) => format!("what {x} divided by {y} comes to"),
            (Operation::Ratio, _) => format!("what the ratio of {x} to {y} is"),
            (Operation::Percent, 0) => format!("what percentage {x} is of {y}"),
            (Operation::Percent, 1) => format!("what {x} comes to as a percentage of {y}"),
            (Operation::Percent, _) => format!("what {x} amounts to as a percentage of {y}"),
            (Operation::Days, 0) => format!("how many days lie between {x} and {y}"),
            (Operation::Days, 1) => format!("how many days apart {x} and {y} are"),
            (Operation::Days, _) => format!("how many days there are between {x} and {y}"),
        }
    }

    /// "what percentage of the isotopes on record for the element Gold are radioactive", where one group is part of
    /// the other.
    fn share(&mut self, a: &Scalar, b: &Scalar) -> Option<String> {
        let (Scalar::Count { rows: part }, Scalar::Count { rows: whole }) = (a, b) else { return None };
        let within = part.table == whole.table
            && part.of == whole.of
            && whole.conditions.iter().all(|condition| part.conditions.contains(condition));
        if !within {
            return None;
        }
        let extra: Vec<_> = part
            .conditions
            .iter()
            .filter(|condition| !whole.conditions.contains(condition))
            .cloned()
            .collect();
        let group = self.recorded(whole, "");
        let predicate = self.predicate(part, &extra, false)?;
        Some(match self.pick.below(3) {
            0 => format!("what percentage of the {group} {predicate}"),
            1 => format!("how many percent of the {group} {predicate}"),
            _ => format!("what share of the {group}, in percent, {predicate}"),
        })
    }

    /// "What melting point does the element Gold have?", with capital and question mark.
    pub(super) fn direct(&mut self, scalar: &Scalar, unit: UnitSaid) -> String {
        let question = match scalar {
            Scalar::Field { of, column } if self.is_flag(of, *column) => {
                let (subject, state) = self.flag(of, *column);
                match state.split_once(' ') {
                    Some(("is", rest)) => format!("is {} {rest}", subject.text),
                    Some((_, rest)) => format!("does {} have {rest}", subject.text),
                    None => format!("is it so that {} {state}", subject.text),
                }
            }
            Scalar::Field { of, column } if self.is_label(of, *column) => self.direct_name(of),
            Scalar::Name { of } => self.direct_name(of),
            Scalar::Field { of, column } => self.direct_field(scalar, of, *column, unit),
            Scalar::Count { rows } => match self.pick.below(4) {
                3 => format!("what is {}", self.noun(scalar, unit)),
                _ => self.how_many(rows),
            },
            Scalar::Aggregate { rows, statistic, column } => {
                self.direct_aggregate(scalar, rows, (*statistic, *column), unit)
            }
            Scalar::Converted { of, to, .. } => match unit {
                UnitSaid::No => return self.direct(of, UnitSaid::No),
                UnitSaid::Own | UnitSaid::Other(_) => return self.direct(of, UnitSaid::Other(to)),
            },
            Scalar::Computed { operation, a, b } => self.direct_computed(scalar, *operation, (a, b), unit),
        };
        format!("{}?", words::capitalised(&question))
    }

    fn direct_name(&mut self, of: &Entity) -> String {
        match of {
            Entity::Parent { link, of: child } if self.group.links[*link].belongs => {
                let (role, child) = (&self.group.links[*link].role, self.entity(child));
                let text = &child.text;
                match self.pick.below(5) {
                    _ if child.is_long() => format!("which {role} goes with {text}"),
                    0 | 1 => format!("which {role} does {text} belong to"),
                    2 => format!("what {role} is {text} listed under"),
                    3 => format!("to which {role} does {text} belong"),
                    _ => format!("what is {} called", child.possess(role)),
                }
            }
            Entity::Parent { .. } | Entity::Named { .. } => match self.pick.below(3) {
                1 => format!("what is {} called", self.entity(of).text),
                2 => format!("what is the name of {}", self.entity(of).text),
                _ => self.indirect_name(of),
            },
            Entity::Ranked { .. } => self.indirect_name(of),
        }
    }

    fn direct_field(&mut self, scalar: &Scalar, of: &Entity, column: usize, unit: UnitSaid) -> String {
        let column = self.column(of.table(&self.group.links), column);
        let (words, is) = (&column.words, words::is_are(&column.words));
        let form = self.pick.below(7);
        if form < 3 {
            return format!("what {is} {}", self.noun(scalar, unit));
        }
        let said = unit.text(column).map(|unit| format!(" {unit}")).unwrap_or_default();
        let comma = unit.text(column).map(|unit| format!(", {unit}")).unwrap_or_default();
        let np = self.entity(of);
        let text = &np.text;
        match form {
            3 if !np.is_long() => format!("{} does {text} have{comma}", words::what(words)),
            4 => format!("what {words}{said} {is} recorded for {text}"),
            5 => format!("what do our records give as {}{comma}", np.possess(words)),
            _ if words.starts_with("number of ") => format!("what is {}", np.possess(words)),
            _ => format!("which {words}{said} {is} listed for {text}"),
        }
    }

    fn direct_aggregate(
        &mut self,
        scalar: &Scalar,
        rows: &Rows,
        (statistic, column): (Statistic, usize),
        unit: UnitSaid,
    ) -> String {
        let column = self.column(rows.table, column);
        let words = &column.words;
        let said = unit.text(column).map(|unit| format!(", {unit}")).unwrap_or_default();
        match (statistic, self.pick.below(4)) {
            (Statistic::Mean, 0 | 1) => self.on_average(rows, words, &said),
            (Statistic::Sum, 0) => {
                let all = self.rows(rows, Determiner::All);
                if all.chars().count() > SHORT {
                    format!("what is the total {words} of {all}{said}")
                } else {
                    format!("what does the {words} of {all} add up to{said}")
                }
            }
            (Statistic::Min, 0) if said.is_empty() => self.extreme(rows, column, false),
            (Statistic::Max, 0) if said.is_empty() => self.extreme(rows, column, true),
            (Statistic::Mean | Statistic::Sum | Statistic::Min | Statistic::Max, _) => {
                format!("what is {}", self.noun(scalar, unit))
            }
        }
    }

    /// "what mass do the isotopes of the element Gold have on average"
    fn on_average(&mut self, rows: &Rows, words: &str, said: &str) -> String {
        let all = self.rows(rows, Determiner::The);
        if all.chars().count() > SHORT {
            return format!("what is the average {words} of {all}{said}");
        }
        match self.pick.below(2) {
            0 => format!("{} do {all} have on average{said}", words::what(words)),
            _ => format!("on average, {} do {all} have{said}", words::what(words)),
        }
    }

    /// "how high does the mass go among the isotopes of the element Gold"
    fn extreme(&mut self, rows: &Rows, column: &Column, largest: bool) -> String {
        let (words, all) = (&column.words, self.rows(rows, Determiner::The));
        match Scale::of(column) {
            Scale::Level => format!("how {} does the {words} go among {all}", Scale::Level.positive(largest)),
            scale @ (Scale::Size | Scale::Time) => {
                format!("what is the {} {words} that any of {all} has", scale.superlative(largest))
            }
        }
    }

    fn direct_computed(
        &mut self,
        scalar: &Scalar,
        operation: Operation,
        (a, b): (&Scalar, &Scalar),
        unit: UnitSaid,
    ) -> String {
        if operation == Operation::Percent
            && let Some(share) = self.share(a, b)
        {
            return share;
        }
        if self.pick.percent(40) {
            return format!("what is {}", self.noun(scalar, unit));
        }
        let (x, y) = self.both(a, b);
        let said = self.unit_of(operation, a, unit);
        let said = said.map(|unit| format!(", {unit}")).unwrap_or_default();
        let long = x.chars().count() + y.chars().count() > SHORT;
        match (operation, self.pick.below(2)) {
            (Operation::Difference, _) if long => {
                format!("how big is the difference between {x} and {y}{said}")
            }
            (Operation::Percent, _) if long => {
                format!("what do you get if you express {x} as a percentage of {y}")
            }
            (Operation::Difference, 0) => format!("how far apart are {x} and {y}{said}"),
            (Operation::Difference, _) => format!("by how much do {x} and {y} differ{said}"),
            (Operation::Ratio, 0) => format!("what do you get if you divide {x} by {y}"),
            (Operation::Ratio, _) => format!("what does {x} divided by {y} come to"),
            (Operation::Percent, 0) => format!("what percentage of {y} is {x}"),
            (Operation::Percent, _) => format!("what does {x} amount to as a percentage of {y}"),
            (Operation::Days, 0) => format!("how many days lie between {x} and {y}"),
            (Operation::Days, _) => format!("how many days apart are {x} and {y}"),
        }
    }
}
