//! A value as a noun phrase: "the density of the element Gold", "the number of its isotopes on record".
//!
//! What is computed from two values is a phrase around both, shortened where they share their row or their column.

use super::rows::Determiner;
use super::same::of_one_shape;
use super::voice::{self, Np, Voice, Weight};
use super::words::{self, Scale};
use crate::question::units::Unit;
use crate::question::{Entity, Operation, Rows, Scalar, Statistic};
use crate::tables::{Column, Kind};

/// Which unit is said with a number.
#[derive(Clone, Copy, Debug)]
pub(super) enum UnitSaid {
    /// Its own.
    Own,
    /// It is converted to this one.
    Other(&'static Unit),
    /// None, because it follows in another place, or does not matter.
    No,
}

impl UnitSaid {
    /// "in kelvin", where there is something to say.
    pub(super) fn text(self, column: &Column) -> Option<String> {
        match self {
            Self::Own => column.unit.map(words::in_unit),
            Self::Other(unit) => Some(words::in_other(unit)),
            Self::No => None,
        }
    }
}

impl Voice<'_> {
    /// "the melting point of the element Gold in kelvin"
    pub(super) fn noun(&mut self, scalar: &Scalar, unit: UnitSaid) -> String {
        match scalar {
            Scalar::Field { of, column } => self.field(of, *column, unit),
            Scalar::Name { of } => format!("the name of {}", self.entity(of).text),
            Scalar::Count { rows } => {
                let recorded = self.recorded(rows, "");
                format!("the number of {recorded}")
            }
            Scalar::Aggregate { rows, statistic, column } => self.aggregate(rows, *statistic, *column, unit),
            Scalar::Converted { of, to, .. } => match unit {
                UnitSaid::No => self.noun(of, UnitSaid::No),
                UnitSaid::Own | UnitSaid::Other(_) => self.noun(of, UnitSaid::Other(to)),
            },
            Scalar::Computed { operation, a, b } => self.computed(*operation, a, b, unit),
        }
    }

    /// The unit of what is computed: a difference has that of its operands, and of the one it is wanted in.
    pub(super) fn unit_of(&self, operation: Operation, a: &Scalar, unit: UnitSaid) -> Option<String> {
        match (operation, a) {
            (Operation::Difference, Scalar::Converted { to, .. }) => Some(words::in_other(to)),
            (Operation::Difference, _) => self.column_of(a).and_then(|column| unit.text(column)),
            (Operation::Ratio | Operation::Percent | Operation::Days, _) => None,
        }
    }

    /// The column that a value is read from; none of counts and names.
    pub(super) fn column_of(&self, scalar: &Scalar) -> Option<&Column> {
        match scalar {
            Scalar::Field { of, column } => Some(self.column(of.table(&self.group.links), *column)),
            Scalar::Aggregate { rows, column, .. } => Some(self.column(rows.table, *column)),
            Scalar::Converted { of, .. } => self.column_of(of),
            Scalar::Computed { operation: Operation::Difference, a, .. } => self.column_of(a),
            Scalar::Name { .. } | Scalar::Count { .. } | Scalar::Computed { .. } => None,
        }
    }

    pub(super) fn is_flag(&self, of: &Entity, column: usize) -> bool {
        self.column(of.table(&self.group.links), column).kind == Kind::Bool
    }

    pub(super) fn is_label(&self, of: &Entity, column: usize) -> bool {
        let table = &self.group.tables[of.table(&self.group.links)];
        table.label == Some(column)
    }

    pub(super) fn field(&mut self, of: &Entity, column: usize, unit: UnitSaid) -> String {
        if self.is_flag(of, column) {
            let (subject, state) = self.flag(of, column);
            return format!("whether {} {state}", subject.text);
        }
        let np = self.entity(of);
        if self.is_label(of, column) {
            return format!("the name of {}", np.text);
        }
        let column = self.column(of.table(&self.group.links), column);
        let words = &column.words;
        let said = unit.text(column).map(|unit| format!(" {unit}")).unwrap_or_default();
        let bracketed = unit.text(column).map(|unit| format!(" ({unit})")).unwrap_or_default();
        let text = &np.text;
        match np.weight {
            Weight::It => np.possess(words) + &said,
            Weight::Clause | Weight::Phrase => match self.pick.below(3) {
                0 => format!("the {words}{said} of {text}"),
                1 => format!("the {words} of {text}{bracketed}"),
                _ => format!("the {words}{bracketed} of {text}"),
            },
            Weight::Name => match self.pick.below(9) {
                1 => format!("the {words} recorded for {text}{bracketed}"),
                2 => format!("the {words} listed for {text}{bracketed}"),
                3 if words::takes_genitive(text) => format!("{text}'s {words}{said}"),
                4 => format!("the {words} on record for {text}{bracketed}"),
                5 => format!("the {words}{bracketed} of {text}"),
                6 | 7 => match self.own_phrase(column, &np, true) {
                    Some(phrase) => phrase + &said,
                    None => format!("the {words} of {text}{said}"),
                },
                _ => format!("the {words} of {text}{said}"),
            },
        }
    }

    /// One of the owner's phrasings; with `noun`, only one that is a noun phrase.
    pub(super) fn own_phrase(&mut self, column: &Column, np: &Np, noun: bool) -> Option<String> {
        let fits: Vec<&String> = column
            .say
            .phrasings
            .iter()
            .filter(|phrase| !noun || phrase.starts_with("the "))
            .filter(|phrase| !np.is_long() || phrase.ends_with("{}"))
            .collect();
        let phrase = fits.get(self.pick.below(fits.len()))?;
        let possessed = phrase.strip_prefix("the ").and_then(|rest| rest.split_once(" of {}"));
        let pronoun = matches!(np.weight, Weight::It);
        let (before, _) = phrase.split_once("{}")?;
        let named = self.group.tables.iter().map(|table| format!("the {} ", table.noun.singular));
        if let Some(named) = named.into_iter().find(|named| before.ends_with(named.as_str())) {
            // "the code of the language {}" takes the name alone.
            return np.text.strip_prefix(named.as_str()).map(|label| phrase.replacen("{}", label, 1));
        }
        Some(match possessed {
            Some((thing, rest)) if pronoun => np.possess(thing) + rest,
            Some(_) | None => phrase.replacen("{}", &np.text, 1),
        })
    }

    /// Who is or is not so, and the words for being so: "is radioactive", "has wifi".
    pub(super) fn flag(&mut self, of: &Entity, column: usize) -> (Np, String) {
        let column = self.column(of.table(&self.group.links), column);
        let words = column.say.values.get("true").unwrap_or(&column.words);
        let state = if column.name.starts_with("has_") {
            format!("has {words}")
        } else if column.name.starts_with("is_") || column.say.values.contains_key("true") {
            format!("is {words}")
        } else {
            format!("is marked as {words}")
        };
        (self.entity(of), state)
    }

    fn aggregate(&mut self, rows: &Rows, statistic: Statistic, column: usize, unit: UnitSaid) -> String {
        let column = self.column(rows.table, column);
        let (words, scale) = (&column.words, Scale::of(column));
        let said = unit.text(column).map(|unit| format!(" ({unit})")).unwrap_or_default();
        let form = self.pick.below(4);
        let all = if form == 3 { self.all_recorded(rows) } else { self.rows(rows, Determiner::The) };
        match statistic {
            Statistic::Mean => match form {
                0 | 3 => format!("the average {words}{said} of {all}"),
                1 => format!("the mean {words}{said} of {all}"),
                _ => format!("the average {words}{said} across {all}"),
            },
            Statistic::Sum => match form {
                0 | 3 => format!("the total {words}{said} of {all}"),
                1 => format!("the combined {words}{said} of {all}"),
                _ => format!("the {words}{said} summed over {all}"),
            },
            Statistic::Min | Statistic::Max => {
                let extreme = scale.superlative(statistic == Statistic::Max);
                match form {
                    0 | 3 => format!("the {extreme} {words}{said} among {all}"),
                    1 => format!("the {extreme} {words}{said} of any of {all}"),
                    _ => format!("the {extreme} {words}{said} found among {all}"),
                }
            }
        }
    }

    /// "all the isotopes on record for the element Gold"
    pub(super) fn all_recorded(&mut self, rows: &Rows) -> String {
        let recorded = self.recorded(rows, "");
        if self.pick.percent(50) { format!("all the {recorded}") } else { format!("the {recorded}") }
    }

    /// Two values side by side: "the boiling point and the melting point of the element Gold", and with "between".
    pub(super) fn both(&mut self, a: &Scalar, b: &Scalar) -> (String, String) {
        if let (Scalar::Field { of: one, column: first }, Scalar::Field { of: other, column: second }) =
            (a, b)
        {
            let (left, right) = (one.table(&self.group.links), other.table(&self.group.links));
            let (x, y) = (&self.column(left, *first).words, &self.column(right, *second).words);
            if one == other {
                let np = self.entity(one);
                return match np.weight {
                    Weight::It => (np.possess(x), np.possess(y)),
                    Weight::Name | Weight::Phrase | Weight::Clause => (format!("the {x}"), np.possess(y)),
                };
            }
            let plain = voice::depth(one).max(voice::depth(other)) < 2;
            if x == y && plain {
                let (np, second) = (self.entity(one), self.entity(other));
                if !matches!(second.weight, Weight::It) {
                    let that = if words::is_plural(x) { "those" } else { "that" };
                    return (np.possess(x), format!("{that} of {}", second.text));
                }
                return (np.possess(x), second.possess(y));
            }
        }
        self.both_figures(a, b)
    }

    /// Two values that are said in full, but for the second of one shape: "the same figure for the isotope Ag-107".
    fn both_figures(&mut self, a: &Scalar, b: &Scalar) -> (String, String) {
        let of = [a.clone(), b.clone()];
        let Some(branches) = of_one_shape(&of) else {
            return (self.noun(a, UnitSaid::No), self.noun(b, UnitSaid::No));
        };
        let named: Vec<String> = branches.rows.iter().map(|row| self.named(branches.table, *row)).collect();
        if let ([one, other], false) = (named.as_slice(), self.known.is_empty()) {
            return (
                format!("{} (taken for {one})", self.noun(a, UnitSaid::No)),
                format!("the same figure taken for {other}"),
            );
        }
        let other = named.last().cloned().unwrap_or_default();
        let date = self.column_of(a).is_some_and(|column| column.kind == Kind::Date);
        let figure = if date {
            self.pick.one(&["the same date", "the corresponding date"])
        } else {
            self.pick.one(&["the same figure", "the corresponding figure"])
        };
        (self.noun(a, UnitSaid::No), format!("{figure} for {other}"))
    }

    fn computed(&mut self, operation: Operation, a: &Scalar, b: &Scalar, unit: UnitSaid) -> String {
        let said = self.unit_of(operation, a, unit);
        let said = said.map(|unit| format!(" ({unit})")).unwrap_or_default();
        let (x, y) = self.both(a, b);
        match (operation, self.pick.below(3)) {
            (Operation::Difference, 0) => format!("the difference{said} between {x} and {y}"),
            (Operation::Difference, 1) => format!("the gap{said} between {x} and {y}"),
            (Operation::Difference, _) => format!("the absolute difference{said} between {x} and {y}"),
            (Operation::Ratio, 0) => format!("the ratio of {x} to {y}"),
            (Operation::Ratio, 1) => format!("the quotient of {x} and {y}, the first divided by the second"),
            (Operation::Ratio, _) => format!("the result of dividing {x} by {y}"),
            (Operation::Percent, 0) => format!("{x} as a percentage of {y}"),
            (Operation::Percent, 1) => format!("{x}, expressed as a percentage of {y}"),
            (Operation::Percent, _) => format!("{x}, given as a percentage of {y}"),
            (Operation::Days, 0 | 1) => format!("the number of days between {x} and {y}"),
            (Operation::Days, _) => format!("the time in days between {x} and {y}"),
        }
    }
}
