//! Several branches in one breath: which of them, or each of them; sums and differences are in `folds`.
//!
//! Branches of one shape differ in one named row. That row is said as a list ("the isotopes Au-198 and Ag-107"), and
//! the value once, with "its" where the row stood. Branches of different shapes are joined by "and".

use super::asking::{Asked, SHORT};
use super::same::{Branches, of_one_shape, one_row};
use super::values::UnitSaid;
use super::voice::{self, Pronoun, Voice};
use super::words::{self, Scale};
use crate::question::{Entity, Rows, Scalar};
use crate::tables::{Column, Kind};

impl Voice<'_> {
    fn labels(&self, branches: &Branches, and: &str) -> String {
        let table = &self.group.tables[branches.table];
        let labels: Vec<String> = branches.rows.iter().map(|row| table.label_of(*row).to_owned()).collect();
        words::list(&labels, and)
    }

    /// "the isotopes Au-198 and Ag-107"
    pub(super) fn starts(&mut self, branches: &Branches) -> String {
        let nouns = self.plural(branches.table);
        let labels = self.labels(branches, "and");
        match self.pick.below(4) {
            0 => format!("the {} {nouns} {labels}", words::small(branches.rows.len())),
            1 if branches.two() => {
                let both: Vec<String> =
                    branches.rows.iter().map(|row| self.named(branches.table, *row)).collect();
                words::list(&both, "and")
            }
            _ => format!("the {nouns} {labels}"),
        }
    }

    /// The same after "each of": "the two isotopes Au-198 and Ag-107".
    pub(super) fn several(&mut self, branches: &Branches) -> String {
        let labels = self.labels(branches, "and");
        let two = if self.pick.percent(30) { words::small(branches.rows.len()) + " " } else { String::new() };
        format!("the {two}{} {labels}", self.plural(branches.table))
    }

    /// The same after "which of", where it must be a plural.
    fn plural_starts(&self, branches: &Branches) -> String {
        format!("the {} {}", self.plural(branches.table), self.labels(branches, "and"))
    }

    /// The column of a value that is read straight from the named rows.
    pub(super) fn straight<'s>(&'s self, branches: &Branches) -> Option<&'s Column> {
        match branches.scalar {
            Scalar::Field { of: Entity::Named { table, .. }, column } => {
                let column = self.column(*table, *column);
                (column.kind != Kind::Bool).then_some(column)
            }
            Scalar::Field { .. }
            | Scalar::Name { .. }
            | Scalar::Count { .. }
            | Scalar::Aggregate { .. }
            | Scalar::Converted { .. }
            | Scalar::Computed { .. } => None,
        }
    }

    /// The value with "its", after introductions that it needs: (sentences, value).
    pub(super) fn distributed(&mut self, branches: &Branches, unit: UnitSaid) -> (Vec<String>, String) {
        let sentences = self.distribute(branches);
        (sentences, self.noun(branches.scalar, unit))
    }

    /// Lets the named row be meant by a pronoun; what lies deep is introduced for all branches at once.
    pub(super) fn distribute(&mut self, branches: &Branches) -> Vec<String> {
        self.known.push((branches.start(), Pronoun::It));
        let spine = voice::spine_of(branches.scalar);
        let top = spine.first().map_or(0, |top| voice::depth(top));
        let mut sentences = Vec::new();
        for target in (2..top).step_by(2) {
            let Some(middle) = spine.iter().find(|entity| voice::depth(entity) <= target) else { break };
            if self.known.iter().any(|(known, _)| known == *middle) {
                continue;
            }
            let sentence = if sentences.is_empty() {
                self.for_each(branches, middle)
            } else {
                self.introduction(middle, true)
            };
            sentences.push(sentence);
            self.known.push(((*middle).clone(), Pronoun::That));
        }
        sentences
    }

    /// "For each of the isotopes Au-198 and Ag-107, think of the element it belongs to."
    fn for_each(&mut self, branches: &Branches, middle: &Entity) -> String {
        let starts = self.several(branches);
        let np = self.entity(middle).text;
        match self.pick.below(3) {
            0 => format!("For each of {starts}, think of {np}."),
            1 => format!("My question is about {starts}, and for each of them about {np}."),
            _ => format!("I have {starts} here, and what counts for each of them is {np}."),
        }
    }

    fn scale(&self, scalar: &Scalar) -> Scale {
        self.column_of(scalar).map_or(Scale::Size, Scale::of)
    }

    pub(super) fn which(&mut self, of: &[Scalar], largest: bool) -> String {
        let Some(branches) = of_one_shape(of) else {
            let all: Vec<String> = of.iter().map(|scalar| self.noun(scalar, UnitSaid::No)).collect();
            let word = of.first().map_or(Scale::Size, |first| self.scale(first)).superlative(largest);
            return format!("Which is {word}: {}?", words::list(&all, "or"));
        };
        if let Some(column) = self.straight(&branches) {
            let (words, scale) = (column.words.clone(), Scale::of(column));
            let more = if branches.two() { scale.comparative(largest) } else { scale.superlative(largest) };
            let columns = &self.group.tables[branches.table].columns;
            let own = voice::Place { column, columns, largest, rank: 1 }.own().map(str::to_owned);
            if let Some(own) = own.filter(|_| !branches.two() && self.pick.percent(60)) {
                return self.which_is(&branches, &own);
            }
            let most = words::most(&words, branches.two(), largest, more);
            return self.which_has(&branches, &most, &words, more);
        }
        match branches.scalar {
            Scalar::Count { rows } if self.counts_own(rows, &branches) => {
                let more = match (branches.two(), largest) {
                    (true, true) => "more",
                    (true, false) => "fewer",
                    (false, true) => "the most",
                    (false, false) => "the fewest",
                };
                let unowned = Rows { of: None, ..rows.clone() };
                let children = self.recorded(&unowned, "");
                self.which_counts(&branches, &format!("{more} {children}"))
            }
            Scalar::Field { of: Entity::Parent { link, of: child }, column }
                if matches!(**child, Entity::Named { .. }) && self.pick.percent(50) =>
            {
                self.which_parent(&branches, *link, *column, largest)
            }
            Scalar::Field { .. }
            | Scalar::Name { .. }
            | Scalar::Count { .. }
            | Scalar::Aggregate { .. }
            | Scalar::Converted { .. }
            | Scalar::Computed { .. } => {
                let scale =
                    if self.scale(branches.scalar) == Scale::Time { Scale::Time } else { Scale::Level };
                let more =
                    if branches.two() { scale.comparative(largest) } else { scale.superlative(largest) };
                self.which_by(&branches, more)
            }
        }
    }

    /// Whether rows are counted that simply belong to the named row.
    pub(super) fn counts_own(&self, rows: &Rows, branches: &Branches) -> bool {
        rows.of.as_ref().is_some_and(|(link, of)| self.group.links[*link].belongs && *of == branches.start())
    }

    fn which_is(&mut self, branches: &Branches, own: &str) -> String {
        let noun = self.singular(branches.table);
        let (or, starts) = (self.labels(branches, "or"), self.plural_starts(branches));
        match self.pick.below(4) {
            0 => format!("Which {noun} is the {own}: {or}?"),
            1 => format!("Which of {starts} is the {own}?"),
            2 => format!("Tell me which of {starts} is the {own}."),
            _ => format!("Of {starts}, which one is the {own}?"),
        }
    }

    fn which_has(&mut self, branches: &Branches, most: &str, words: &str, more: &str) -> String {
        let noun = self.singular(branches.table);
        let (or, starts) = (self.labels(branches, "or"), self.plural_starts(branches));
        let stop = if branches.two() { "," } else { ":" };
        match self.pick.below(9) {
            0 => format!("Which {noun} has {most}{stop} {or}?"),
            1 => format!("Of {starts}, which one has {most}?"),
            2 if branches.two() => format!("Tell me whether {or} is the {noun} with {most}."),
            3 if branches.two() => {
                let named: Vec<String> =
                    branches.rows.iter().map(|row| self.named(branches.table, *row)).collect();
                format!("Does {} have {most}?", words::list(&named, "or"))
            }
            4 => format!("I need to know which of {starts} has {most}."),
            5 => format!("I'm comparing {starts} by {words}. Which one comes out {more}?"),
            6 => format!("If I sort {starts} by {words}, which one has {most}?"),
            7 => format!("I have to choose the {noun} with {most}: is it {or}?"),
            _ => format!("Which of {starts} has {most}?"),
        }
    }

    fn which_counts(&mut self, branches: &Branches, more: &str) -> String {
        let noun = self.singular(branches.table);
        let (or, starts) = (self.labels(branches, "or"), self.plural_starts(branches));
        let stop = if branches.two() { "," } else { ":" };
        match self.pick.below(6) {
            0 => format!("Which {noun} has {more}{stop} {or}?"),
            1 => format!("Of {starts}, which one has {more}?"),
            2 => format!("Could you check which of {starts} has {more}?"),
            3 => format!("I'm after the {noun} with {more}: {or}?"),
            4 => format!("I need to know which of {starts} has {more}."),
            _ => format!("Which of {starts} has {more}?"),
        }
    }

    /// "Which of the isotopes Au-198 and Ag-107 belongs to the element with the higher melting point?"
    fn which_parent(&mut self, branches: &Branches, link: usize, column: usize, largest: bool) -> String {
        let link = &self.group.links[link];
        let column = self.column(link.parent, column);
        let scale = Scale::of(column);
        let more = if branches.two() { scale.comparative(largest) } else { scale.superlative(largest) };
        let has = if link.belongs { "belongs to" } else { "has" };
        let (noun, starts) = (self.singular(branches.table), self.plural_starts(branches));
        let or = self.labels(branches, "or");
        let best = format!("the {} with the {more} {}", link.role, column.words);
        match self.pick.below(5) {
            0 => format!("Which {noun} {has} {best}: {or}?"),
            1 => format!("Of {starts}, which one {has} {best}?"),
            2 => format!("Please tell me which of {starts} {has} {best}."),
            3 => format!("I need to know which of {starts} {has} {best}."),
            _ => format!("Which of {starts} {has} {best}?"),
        }
    }

    fn which_by(&mut self, branches: &Branches, more: &str) -> String {
        let starts = self.plural_starts(branches);
        let (mut sentences, value) = self.distributed(branches, UnitSaid::No);
        let noun = self.singular(branches.table);
        let two = words::small(branches.rows.len());
        if !sentences.is_empty() {
            // Behind a long value an adjective comes too late.
            let form = if value.chars().count() > SHORT { 2 } else { self.pick.below(4) };
            sentences.push(match form {
                0 => format!("For which of the {two} is {value} {}?", superlative_in_clause(more)),
                1 => format!(
                    "Tell me for which {noun} of the {two} {value} is {}.",
                    superlative_in_clause(more)
                ),
                _ => match self.pick.below(3) {
                    0 => format!("Compare the {two} by {value}: which {noun} comes out {more}?"),
                    1 => format!("Going by {value}, which of the {two} comes out {more}?"),
                    _ => format!("I'm comparing the {two} by {value}. Which {noun} comes out {more}?"),
                },
            });
            return sentences.join(" ");
        }
        let form = if value.chars().count() > SHORT { 2 } else { self.pick.below(6) };
        match form {
            0 => format!("For which of {starts} is {value} {}?", superlative_in_clause(more)),
            1 => format!("Of {starts}, which one comes out {more} on {value}?"),
            2 => format!("I'm ranking {starts}, each by {value}. Which one comes out {more}?"),
            3 => format!("Compare {starts}, each by {value}: which one comes out {more}?"),
            4 => {
                format!("I'd like to know for which of {starts} {value} is {}.", superlative_in_clause(more))
            }
            _ => format!("Which of {starts} comes out {more} if each goes by {value}?"),
        }
    }

    pub(super) fn each(&mut self, of: &[Scalar]) -> String {
        if let Some(branches) = of_one_shape(of) {
            return self.each_of(&branches);
        }
        if let Some(entity) = one_row(of) {
            let mut sentences = match of.first() {
                Some(first) => self.introductions(first),
                None => Vec::new(),
            };
            let asked = self.columns_of(entity, of);
            sentences.push(self.sentence(&Asked::Noun(asked)));
            return sentences.join(" ");
        }
        let mut sentences = Vec::new();
        for scalar in of {
            let deep = voice::spine_of(scalar).first().is_some_and(|top| voice::depth(top) > 2);
            if deep {
                sentences.extend(self.introductions(scalar));
            }
        }
        let all: Vec<String> = of.iter().map(|scalar| self.noun(scalar, UnitSaid::Own)).collect();
        let long = all.first().is_some_and(|first| first.chars().count() > SHORT);
        let joined = if long { all.join(", and also ") } else { words::list(&all, "and") };
        let both = if long { joined.clone() } else { all.join(" as well as ") };
        sentences.push(match self.pick.below(8) {
            0 if !long => format!("What are {joined}?"),
            1 => format!("I need {both}."),
            2 => format!("Could you look up {both}?"),
            3 => format!("Please give me {joined}."),
            4 => format!("What I'm missing is {both}."),
            5 => format!("Can you tell me {joined}?"),
            6 if !long => format!("I'd like to put {joined} side by side; could you look them up?"),
            _ => format!("Could I get {joined}?"),
        });
        sentences.join(" ")
    }

    /// "the melting point (in kelvin) and the discovery year of the element Gold"
    fn columns_of(&mut self, entity: &Entity, of: &[Scalar]) -> String {
        let np = self.entity(entity);
        let things: Vec<(&str, Option<String>)> = of
            .iter()
            .filter_map(|scalar| self.column_of(scalar).map(|column| (scalar, column)))
            .map(|(scalar, column)| {
                let unit = match scalar {
                    Scalar::Converted { to, .. } => UnitSaid::Other(to),
                    Scalar::Field { .. }
                    | Scalar::Name { .. }
                    | Scalar::Count { .. }
                    | Scalar::Aggregate { .. }
                    | Scalar::Computed { .. } => UnitSaid::Own,
                };
                (column.words.as_str(), unit.text(column))
            })
            .collect();
        // One unit for all is said once.
        let shared = things.first().and_then(|(_, unit)| unit.clone());
        let shared = shared.filter(|unit| things.iter().all(|(_, other)| other.as_ref() == Some(unit)));
        let possessed = matches!(np.weight, voice::Weight::It);
        let said: Vec<String> = things
            .iter()
            .map(|(words, unit)| {
                let unit = unit.as_ref().filter(|_| shared.is_none());
                let the = if possessed { "" } else { "the " };
                format!("{the}{words}{}", unit.map(|unit| format!(" ({unit})")).unwrap_or_default())
            })
            .collect();
        let said = words::list(&said, "and");
        let both = if of.len() == 2 { "both" } else { "all" };
        let shared = shared.map(|unit| format!(", {both} {unit}")).unwrap_or_default();
        if possessed { np.possess(&said) + &shared } else { format!("{said} of {}{shared}", np.text) }
    }

    fn each_of(&mut self, branches: &Branches) -> String {
        if let Some(column) = self.straight(branches) {
            let unit = UnitSaid::Own.text(column).map(|unit| format!(", {unit}")).unwrap_or_default();
            let words = column.words.clone();
            let (many, starts, each) = (words::plural(&words), self.starts(branches), self.several(branches));
            return match self.pick.below(8) {
                0 => format!("What are the {many} of {starts}{unit}?"),
                1 if words.starts_with("number of ") => {
                    format!("{} do {starts} each have{unit}?", words::capitalised(&words::what(&words)))
                }
                1 => format!("What {many} do {starts} have{unit}?"),
                2 => format!("Please give me the {many} of {starts}{unit}."),
                3 => format!("I need the {words} of each of {each}{unit}."),
                4 => format!("Could you look up the {many} of {starts}{unit}?"),
                5 => format!("I'd like to see {starts} side by side by {words}; what does each have{unit}?"),
                6 => format!("Can you tell me the {words} for each of {each}{unit}?"),
                _ => format!("What I'm missing are the {many} of {starts}{unit}."),
            };
        }
        let starts = self.several(branches);
        if let Scalar::Name { of: Entity::Parent { link, of: child } } = branches.scalar
            && self.group.links[*link].belongs
            && matches!(**child, Entity::Named { .. })
        {
            let role = &self.group.links[*link].role;
            return match self.pick.below(6) {
                0 => format!("Which {role} does each of {starts} belong to?"),
                1 => format!("Tell me which {role} each of {starts} belongs to."),
                2 => format!("Could you sort out which {role} each of {starts} belongs to?"),
                3 => format!("What I'm missing is the {role} for each of {starts}."),
                4 => format!("I need the {role} that goes with each of {starts}."),
                _ => format!("To which {role} does each of {starts} belong?"),
            };
        }
        let mut sentences = self.distribute(branches);
        let all =
            if sentences.is_empty() { starts } else { format!("the {}", words::small(branches.rows.len())) };
        sentences.push(match self.pick.below(7) {
            0 | 1 => {
                let question = self.direct(branches.scalar, UnitSaid::Own);
                format!("For each of {all}, {}", lower(&question))
            }
            2 => format!("For each of {all}, I need {}.", self.noun(branches.scalar, UnitSaid::Own)),
            3 => format!(
                "Could you tell me, for each of {all}, {}?",
                self.indirect(branches.scalar, UnitSaid::Own)
            ),
            4 => format!(
                "For each of {all}, please find out {}.",
                self.indirect(branches.scalar, UnitSaid::Own)
            ),
            5 => format!(
                "What I'm missing, for each of {all}, is {}.",
                self.noun(branches.scalar, UnitSaid::Own)
            ),
            _ => format!(
                "What I have to state for each of {all} is {}.",
                self.noun(branches.scalar, UnitSaid::Own)
            ),
        });
        sentences.join(" ")
    }
}

/// "highest" as it stands after "is": "For which of the three is its mass highest?"
fn superlative_in_clause(more: &str) -> String {
    if more.ends_with("est") { format!("the {more}") } else { more.to_owned() }
}

fn lower(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
