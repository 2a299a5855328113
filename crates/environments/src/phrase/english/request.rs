//! One request: what is introduced first, then what is asked.
//!
//! A noun phrase carries two steps at most. Where the wanted thing lies deeper, a row on the way is introduced in a
//! sentence of its own and meant by a pronoun from there on; sometimes also where it need not be, as people do.

use super::asking::Asked;
use super::rows::Determiner;
use super::same::of_one_shape;
use super::values::UnitSaid;
use super::voice::{self, Pronoun, Voice};
use super::words;
use crate::question::units::Unit;
use crate::question::{Entity, Rows, Scalar, Wish};

/// Steps that one noun phrase may carry.
const READABLE: usize = 2;

impl Voice<'_> {
    pub(super) fn wish(&mut self, wish: &Wish) -> String {
        match wish {
            Wish::One(scalar) => self.one(scalar),
            Wish::Which { of, largest } => self.which(of, *largest),
            Wish::Fold { of, fold } => self.fold(of, *fold),
            Wish::Each(of) => self.each(of),
            Wish::Names(rows) => self.names(rows),
            Wish::Common(a, b) => self.common(a, b),
            // Said by its own writer.
            Wish::Errand(_) => String::new(),
        }
    }

    fn one(&mut self, scalar: &Scalar) -> String {
        let mut sentences = match scalar {
            Scalar::Computed { a, b, .. } => self.pair_introductions(scalar, a, b),
            Scalar::Field { .. }
            | Scalar::Name { .. }
            | Scalar::Count { .. }
            | Scalar::Aggregate { .. }
            | Scalar::Converted { .. } => self.introductions(scalar),
        };
        let last = match scalar {
            Scalar::Converted { of, to, .. } if self.pick.percent(35) => {
                format!("{} {}", self.ask(of, UnitSaid::No), self.unit_wanted(to))
            }
            Scalar::Count { rows }
                if sentences.is_empty() && self.pick.percent(20) && !rows.conditions.is_empty() =>
            {
                self.of_these(rows)
            }
            _ if sentences.is_empty() && self.pick.percent(8) => self.fronted(scalar),
            Scalar::Field { .. }
            | Scalar::Name { .. }
            | Scalar::Count { .. }
            | Scalar::Aggregate { .. }
            | Scalar::Converted { .. }
            | Scalar::Computed { .. } => self.ask(scalar, UnitSaid::Own),
        };
        sentences.push(last);
        sentences.join(" ")
    }

    /// What two values of one shape lead through, where that is much; else what both are about.
    fn pair_introductions(&mut self, scalar: &Scalar, a: &Scalar, b: &Scalar) -> Vec<String> {
        let of = [a.clone(), b.clone()];
        match of_one_shape(&of) {
            Some(branches) => {
                let sentences = self.distribute(&branches);
                if sentences.is_empty() {
                    self.known.clear();
                }
                sentences
            }
            None => self.introductions(scalar),
        }
    }

    fn unit_wanted(&mut self, unit: &Unit) -> String {
        let unit = unit.en;
        match self.pick.below(6) {
            0 => format!("In {unit}, please."),
            1 => format!("I think in {unit}, so please convert it."),
            2 => format!("I need it in {unit}."),
            3 => format!("Please give it to me in {unit}."),
            4 => format!("It has to be in {unit}."),
            _ => format!("I'd want that converted to {unit}."),
        }
    }

    /// "I'm only interested in isotopes of the element Gold with parity +. How many of them are on record?"
    fn of_these(&mut self, rows: &Rows) -> String {
        let (bare, recorded) = (self.rows(rows, Determiner::None), self.style.recorded);
        let first = match self.pick.below(4) {
            0 => format!("I'm only interested in {bare}."),
            1 => format!("Count only {bare}."),
            2 => format!("This is about {bare}."),
            _ => format!("I'm looking at {bare}."),
        };
        let second = match self.pick.below(3) {
            0 => format!("How many of them are {recorded}?"),
            1 => format!("How many are {recorded}?"),
            _ => "How many of those do we have on record?".to_owned(),
        };
        format!("{first} {second}")
    }

    /// "For the element that the isotope Au-198 belongs to, what is the melting point?"
    fn fronted(&mut self, scalar: &Scalar) -> String {
        if let Scalar::Field { of, column } = scalar
            && !self.is_flag(of, *column)
            && !self.is_label(of, *column)
        {
            let np = self.entity(of);
            if np.is_heavy() {
                return self.ask(scalar, UnitSaid::Own);
            }
            let column = self.column(of.table(&self.group.links), *column);
            let said = UnitSaid::Own.text(column).map(|unit| format!(" ({unit})")).unwrap_or_default();
            let (words, is, text) = (&column.words, words::is_are(&column.words), &np.text);
            return match self.pick.below(3) {
                0 => format!("For {text}, what {is} the {words}{said}?"),
                1 => format!("{}: what {is} the {words}{said}?", words::capitalised(text)),
                _ => format!("For {text}, please look up the {words}{said}."),
            };
        }
        self.ask(scalar, UnitSaid::Own)
    }

    /// The sentences before the question, for what lies too deep to be said in one phrase.
    pub(super) fn introductions(&mut self, scalar: &Scalar) -> Vec<String> {
        let spine = voice::spine_of(scalar);
        let cramped = match scalar {
            Scalar::Count { rows } | Scalar::Aggregate { rows, .. } => cramped(rows),
            Scalar::Field { .. }
            | Scalar::Name { .. }
            | Scalar::Converted { .. }
            | Scalar::Computed { .. } => false,
        };
        let of_rows = |rows: &Rows| 1 + usize::from(!rows.conditions.is_empty());
        let own = match scalar {
            Scalar::Field { .. } | Scalar::Converted { .. } => 0,
            Scalar::Name { of: Entity::Ranked { rows, .. } } => of_rows(rows),
            Scalar::Count { rows } | Scalar::Aggregate { rows, .. } => of_rows(rows),
            Scalar::Name { .. } | Scalar::Computed { .. } => 1,
        };
        self.introduce(&spine, own, cramped)
    }

    /// Introduces one or two rows of a spine; `own` is how much the rest adds to what the first of them carries.
    fn introduce(&mut self, spine: &[&Entity], own: usize, cramped: bool) -> Vec<String> {
        let Some(top) = spine.first().map(|entity| voice::depth(entity)) else { return Vec::new() };
        let steps = top + own;
        let targets: Vec<usize> = match steps {
            _ if top == 0 && self.pick.percent(18) => vec![0],
            _ if cramped && top <= READABLE => vec![top],
            0 => Vec::new(),
            1 | 2 if self.pick.percent(75) => Vec::new(),
            1 | 2 => vec![self.pick.below(top + 1)],
            3 if self.pick.percent(30) => vec![1],
            _ => (1..=steps.div_ceil(READABLE))
                .map(|at| at * READABLE)
                .filter(|at| *at <= top && *at < steps)
                .collect(),
        };
        let mut targets = targets;
        if let Some(last) = targets.last().copied()
            && steps > last + READABLE
            && top > last
        {
            targets.push(top);
        }
        let mut out = Vec::new();
        for target in targets {
            let Some(at) = spine.iter().position(|entity| voice::depth(entity) <= target) else { continue };
            // In a long chain a row that is found by its place gets a sentence before its parent does.
            let place = spine.get(at + 1).filter(|of| {
                steps > 3 && matches!((spine[at], of), (Entity::Parent { .. }, Entity::Ranked { .. }))
            });
            for entity in place.into_iter().chain([&spine[at]]) {
                if self.known.iter().any(|(known, _)| known == *entity) {
                    continue;
                }
                let sentence = self.introduction(entity, !out.is_empty());
                let alone = out.is_empty() && place.is_none();
                let it = target == 0 || (alone && self.pick.percent(35));
                self.known.push(((*entity).clone(), if it { Pronoun::It } else { Pronoun::That }));
                out.push(sentence);
            }
        }
        out
    }

    /// A sentence that introduces a row; `again` after another one.
    pub(super) fn introduction(&mut self, entity: &Entity, again: bool) -> String {
        if let Entity::Ranked { rows, by, largest, rank } = entity
            && self.pick.percent(60)
            && (rows.of.is_some() || !rows.conditions.is_empty())
        {
            let measure = self.place(rows, *by, *largest, *rank).measure();
            let among = self.rows(rows, Determiner::The);
            return match self.pick.below(4) {
                0 => format!("Among {among}, look at the one with {measure}."),
                1 => format!("Of {among}, I mean the one with {measure}."),
                2 => format!("Out of {among}, pick the one with {measure}."),
                _ => format!("Of {among}, the one with {measure} is the one I care about."),
            };
        }
        let np = self.entity(entity).text;
        if again {
            return match self.pick.below(4) {
                0 => format!("That leads me to {np}."),
                1 => format!("What matters there is {np}."),
                2 => format!("From there I get to {np}."),
                _ => format!("From there, think of {np}."),
            };
        }
        match self.pick.below(8) {
            0 => format!("I'm looking at {np}."),
            1 => format!("Take {np}."),
            2 => format!("This is about {np}."),
            3 => format!("I have a question about {np}."),
            4 => format!("My question concerns {np}."),
            5 => format!("I'm interested in {np}."),
            6 => format!("Think of {np}."),
            _ => format!("I've been reading about {np}."),
        }
    }

    fn names(&mut self, rows: &Rows) -> String {
        let spine = rows.of.as_ref().map(|(_, of)| voice::spine(of)).unwrap_or_default();
        let mut sentences = self.introduce(&spine, 1, cramped(rows));
        let form = self.pick.below(10);
        let last = match form {
            0 => {
                let names = format!("the names of {}", self.rows(rows, Determiner::All));
                self.sentence(&Asked::Noun(names))
            }
            1 => format!("Which {}?", self.recorded(rows, " are")),
            2 => format!("Can you list {} by name?", self.rows(rows, Determiner::All)),
            3 => format!("List {}, names only.", self.rows(rows, Determiner::All)),
            4 => format!("I need a list of {}.", self.rows(rows, Determiner::All)),
            5 if rows.conditions.is_empty() => {
                format!("What are {} called?", self.rows(rows, Determiner::The))
            }
            6 => format!("Please name {}.", self.rows(rows, Determiner::All)),
            _ => match self.predicate(rows, &rows.conditions, true) {
                Some(predicate) => {
                    let which =
                        format!("which {} {} {predicate}", self.plural(rows.table), self.style.records);
                    if form == 7 {
                        format!("{}?", words::capitalised(&which))
                    } else {
                        self.sentence(&Asked::Indirect(which))
                    }
                }
                None => format!("Which {}?", self.recorded(rows, " are")),
            },
        };
        sentences.push(last);
        sentences.join(" ")
    }

    fn common(&mut self, a: &Rows, b: &Rows) -> String {
        // Two parents by one link share no row, only names, so one row is never said to be in both.
        let apart = match (&a.of, &b.of) {
            (Some((one, x)), Some((other, y))) => one == other && x != y,
            (Some(_) | None, None) | (None, Some(_)) => false,
        };
        let mut sentences = Vec::new();
        for rows in [a, b] {
            let spine = rows.of.as_ref().map(|(_, of)| voice::spine(of)).unwrap_or_default();
            if spine.first().is_some_and(|top| voice::depth(top) > 1) {
                sentences.extend(self.introduce(&spine, READABLE, false));
            }
        }
        sentences.push(self.in_both(a, b, apart));
        sentences.join(" ")
    }

    fn in_both(&mut self, a: &Rows, b: &Rows, apart: bool) -> String {
        let nouns = self.plural(a.table);
        let form = self.pick.below(9);
        if form >= 6
            && !apart
            && let (Some(one), Some(other)) =
                (self.predicate(a, &a.conditions, true), self.predicate(b, &b.conditions, true))
        {
            let (recorded, both) = (
                self.style.records,
                [
                    format!("which {nouns} {} {one} and also {other}", self.style.records),
                    format!("which {nouns} {} both {one} and {other}", self.style.records),
                ],
            );
            return match form {
                6 => format!("{}?", words::capitalised(&both[0])),
                7 => self.sentence(&Asked::Indirect(both[1].clone())),
                _ => format!(
                    "I need the names of all {nouns} {recorded} that {one} and at the same time {other}."
                ),
            };
        }
        let (one, other) = (self.rows(a, Determiner::The), self.rows(b, Determiner::The));
        match form {
            0 => format!("Which {nouns} are in both of these groups: {one}, and {other}?"),
            1 => format!("Which names turn up both among {one} and among {other}?"),
            2 => format!("I have two groups in mind: {one}, and {other}. Which names are in both?"),
            3 => format!("I need the names that stand both among {one} and among {other}."),
            4 => format!("Where do {one} overlap with {other}? The names are what I need."),
            5 => format!("Compare {one} with {other}, and tell me which names are in both groups."),
            _ => format!("Could you tell me which names are found among {one} as well as among {other}?"),
        }
    }
}

/// Whether a condition would follow a clause about another row.
fn cramped(rows: &Rows) -> bool {
    rows.of.as_ref().is_some_and(|(_, of)| voice::depth(of) > 0) && !rows.conditions.is_empty()
}
