//! What is done in the head with several branches: their sum, or the difference of two.

use super::asking::SHORT;
use super::same::{Branches, of_one_shape};
use super::values::UnitSaid;
use super::voice::Voice;
use super::words;
use crate::question::{Fold, Rows, Scalar};
use crate::tables::Kind;

impl Voice<'_> {
    pub(super) fn fold(&mut self, of: &[Scalar], fold: Fold) -> String {
        let Some(branches) = of_one_shape(of) else {
            let all: Vec<String> = of.iter().map(|scalar| self.noun(scalar, UnitSaid::Own)).collect();
            let all = words::list(&all, "and");
            return match fold {
                Fold::Sum => format!("What do {all} add up to?"),
                Fold::Difference => format!("What is the difference between {all}?"),
            };
        };
        if let Some(column) = self.straight(&branches) {
            let days = (column.kind == Kind::Date).then(|| "in days".to_owned());
            let unit =
                UnitSaid::Own.text(column).or(days).map(|unit| format!(", {unit}")).unwrap_or_default();
            let (words, starts) = (column.words.clone(), self.starts(&branches));
            return match fold {
                Fold::Sum => self.sum_of_columns(&words, &starts, &unit),
                Fold::Difference => self.difference_of_columns(&words, &starts, &unit),
            };
        }
        if let Scalar::Count { rows } = branches.scalar
            && self.counts_own(rows, &branches)
        {
            return self.fold_counts(&branches, rows, fold);
        }
        let starts = self.several(&branches);
        let (mut sentences, value) = self.distributed(&branches, UnitSaid::Own);
        let introduced = !sentences.is_empty();
        let all = if introduced { format!("the {}", words::small(branches.rows.len())) } else { starts };
        let form = if value.chars().count() > SHORT { 0 } else { self.pick.below(4) };
        sentences.push(match (fold, form) {
            (Fold::Difference, 0) => format!("For each of {all}, take {value}; what is the difference?"),
            (Fold::Sum, 0) => format!("For each of {all}, take {value}; what is the total?"),
            (Fold::Sum, 1) => {
                format!("What total do I get if I take {value} for each of {all} and add it all up?")
            }
            (Fold::Sum, 2) => format!("I need one total: {value}, added up over {all}."),
            (Fold::Sum, _) => format!("Add up {value} for each of {all}, please."),
            (Fold::Difference, 1) => format!("Taking {value} for each of {all}, how big is the difference?"),
            (Fold::Difference, 2) => format!("By how much do {all} differ when it comes to {value}?"),
            (Fold::Difference, _) => format!("How far apart are {all} if I go by {value} for each?"),
        });
        sentences.join(" ")
    }

    fn sum_of_columns(&mut self, words: &str, starts: &str, unit: &str) -> String {
        let many = words::plural(words);
        match self.pick.below(7) {
            0 => format!("What do the {many} of {starts} add up to{unit}?"),
            1 => format!("What is the combined {words} of {starts}{unit}?"),
            2 => format!("Please add up the {many} of {starts}{unit}."),
            3 => format!("I need the {many} of {starts} added together{unit}."),
            4 => format!("What's the sum of the {many} of {starts}{unit}?"),
            5 => format!("Taken together, {} do {starts} have{unit}?", words::what(words)),
            _ => format!("Could you work out the total {words} of {starts}{unit}?"),
        }
    }

    fn difference_of_columns(&mut self, words: &str, starts: &str, unit: &str) -> String {
        let many = words::plural(words);
        match self.pick.below(7) {
            0 => format!("By how much do {starts} differ in {words}{unit}?"),
            1 => format!("What is the difference in {words} between {starts}{unit}?"),
            2 => format!("How far apart are {starts} in {words}{unit}?"),
            3 => format!("I need the gap between the {many} of {starts}{unit}."),
            4 => format!("How big is the difference between the {many} of {starts}{unit}?"),
            5 => format!("Please work out how much the {many} of {starts} differ{unit}."),
            _ => format!("Comparing {starts}, how big is the gap in {words}{unit}?"),
        }
    }

    fn fold_counts(&mut self, branches: &Branches, rows: &Rows, fold: Fold) -> String {
        let unowned = Rows { of: None, ..rows.clone() };
        let described = self.describe(&unowned, super::rows::Number::Many, true);
        let (head, after, recorded) = (described.head, described.after, self.style.recorded);
        let starts = self.starts(branches);
        let all = format!("{head} {recorded} for {starts}{after}");
        match (fold, self.pick.below(6)) {
            (Fold::Sum, 0) => format!("How many {head} are {recorded} for {starts} together{after}?"),
            (Fold::Sum, 1) => format!("Taking {starts} together, how many {head} are {recorded}{after}?"),
            (Fold::Sum, 2) => format!("What is the combined number of {all}?"),
            (Fold::Sum, 3) => {
                format!("I need one combined figure for {starts}: how many {head} are {recorded}{after}?")
            }
            (Fold::Sum, 4) => {
                format!("Counting {starts} together, how many {head} do we have {recorded}{after}?")
            }
            (Fold::Sum, _) => format!("Could you give me the total number of {all}?"),
            (Fold::Difference, 0) => {
                format!("By how much do {starts} differ in the number of {head} {recorded}{after}?")
            }
            (Fold::Difference, 1) => {
                format!("What is the difference between {starts} in the number of {head} {recorded}{after}?")
            }
            (Fold::Difference, 2) => format!(
                "Comparing {starts}, how many more {head} are {recorded}{after} for the one that has more?"
            ),
            (Fold::Difference, 3) => {
                format!("How far apart are {starts} in the number of {head} {recorded}{after}?")
            }
            (Fold::Difference, _) => {
                format!("I need the difference in the number of {head} {recorded}{after} between {starts}.")
            }
        }
    }
}
