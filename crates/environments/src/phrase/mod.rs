//! Writes a plan as the one request that a person would make, in English.
//!
//! A request is a sentence about what is wanted, and mostly one about why; it never lists the steps. Sentences are
//! composed from noun phrases (`the density of the element that the isotope Au-198 belongs to`), which refer to a named
//! row either in full or, after it was introduced, by a pronoun. Other languages are other modules over the same plan.

mod frame;

use crate::draw::Draw;
use crate::plan::{Combine, Filter, FilterValue, Plan, Read, Step};
use crate::routes::End;
use crate::tables::{Column, Kind, TableGroup};
use frame::{Opening, Topic};

/// How the named row is referred to.
#[derive(Clone, Copy)]
enum Start {
    /// By noun and name: the row of this branch.
    Full(usize),
    /// It was introduced in the sentence before.
    It,
    /// Two rows were introduced, and each is meant.
    Each,
}

/// A writer for one plan.
pub(crate) struct English<'a> {
    group: &'a TableGroup,
    plan: &'a Plan,
    style: Style,
}

/// Turns of phrase that stay the same through one request.
struct Style {
    /// What is said of rows that are counted.
    recorded: &'static str,
    /// How two named rows are joined.
    pairing: usize,
    /// How a row's parent is named.
    relation: usize,
}

/// What is asked for, in the forms that sentences need.
struct Wanted {
    /// After "tell me": a noun phrase or an indirect question.
    object: String,
    /// A question of its own, without question mark.
    question: String,
}

impl<'a> English<'a> {
    pub(crate) fn new(group: &'a TableGroup, plan: &'a Plan, draw: &mut Draw) -> Self {
        let recorded = ["on record", "listed", "on file", "registered", "in the records"];
        let style = Style {
            recorded: recorded[draw.below(recorded.len())],
            pairing: draw.below(3),
            relation: draw.below(3),
        };
        Self { group, plan, style }
    }

    /// The user's message.
    pub(crate) fn request(&self, draw: &mut Draw) -> String {
        let (core, opening) = match self.plan.combine {
            Combine::Only if draw.percent(30) => (self.introduced(draw), Opening::Introduced),
            Combine::Only => (ask(&self.wanted(Start::Full(0)), draw), Opening::Direct),
            Combine::Which { larger } => (self.which(larger, draw), Opening::Direct),
            Combine::Difference => (self.difference(draw), Opening::Direct),
            Combine::Total => (self.total(draw), Opening::Direct),
            Combine::Each => (self.each(draw), Opening::Direct),
        };
        frame::around(&core, opening, &Topic { noun: self.noun(), title: &self.group.title }, draw)
    }

    /// What one step finds out, as a question of its own.
    pub(crate) fn step_question(&self, step: &Step) -> String {
        let noun = &self.group.tables[step.table].noun.singular;
        let label = self.group.tables[step.table].label_of(step.row);
        let name = if label.is_empty() { format!("that {noun}") } else { format!("the {noun} {label}") };
        match &step.read {
            Read::Id => format!("Which id do the records give {name}?"),
            Read::Parent(link) => {
                let link = &self.group.links[*link];
                if link.belongs {
                    format!("Which {} does {name} belong to?", link.role)
                } else {
                    format!("What is the {} of {name}?", link.role)
                }
            }
            Read::Field(column) => {
                let column = &self.group.tables[step.table].columns[*column];
                format!("What is the {} of {name}?", measured(column))
            }
            Read::Count { link, filter } => {
                format!("How many {} are on record for {name}?", self.children(*link, filter.as_ref()))
            }
        }
    }

    fn noun(&self) -> &crate::tables::Noun {
        &self.group.tables[self.plan.path.start].noun
    }

    fn label(&self, branch: usize) -> &str {
        self.group.tables[self.plan.path.start].label_of(self.plan.start(branch).row)
    }

    /// "the isotopes Au-198 and Ag-107"
    fn pair(&self) -> String {
        let (a, b, noun) = (self.label(0), self.label(1), self.noun());
        match self.style.pairing {
            0 => format!("the {} {a} and {b}", noun.plural),
            1 => format!("the two {} {a} and {b}", noun.plural),
            _ => format!("the {0} {a} and the {0} {b}", noun.singular),
        }
    }

    /// The same in plural, where "each of" or "which of" stands before it.
    fn both(&self) -> String {
        let two = if self.style.pairing == 0 { "" } else { "two " };
        format!("the {two}{} {} and {}", self.noun().plural, self.label(0), self.label(1))
    }

    /// The row after the first `hops` links, where a clause follows: "the element of the isotope Au-198".
    fn short_place(&self, start: Start, hops: usize) -> String {
        match hops.checked_sub(1).map(|at| &self.group.links[self.plan.path.hops[at]]) {
            None => self.place(start, 0),
            Some(link) => match (hops, start) {
                (1, Start::It) => format!("its {}", link.role),
                (1, Start::Each) => format!("each one's {}", link.role),
                _ => format!("the {} of {}", link.role, self.short_place(start, hops - 1)),
            },
        }
    }

    /// The row after the first `hops` links.
    fn place(&self, start: Start, hops: usize) -> String {
        let Some(hop) = hops.checked_sub(1).map(|at| self.plan.path.hops[at]) else {
            return match start {
                Start::Full(branch) => format!("the {} {}", self.noun().singular, self.label(branch)),
                Start::It => "it".to_owned(),
                Start::Each => "each".to_owned(),
            };
        };
        let link = &self.group.links[hop];
        let before = self.place(start, hops - 1);
        match (hops, link.belongs, start) {
            (1, true, Start::Each) => format!("the {} each belongs to", link.role),
            (1, true, Start::It) => format!("the {} it belongs to", link.role),
            (1, true, Start::Full(_)) => match self.style.relation {
                0 => format!("the {} of {before}", link.role),
                1 => format!("the {} to which {before} belongs", link.role),
                _ => format!("the {} that {before} belongs to", link.role),
            },
            (1, false, Start::It) => format!("its {}", link.role),
            _ => format!("the {} of {before}", link.role),
        }
    }

    fn last_place(&self, start: Start) -> String {
        self.place(start, self.plan.path.hops.len())
    }

    /// The plan's value, from this start.
    fn wanted(&self, start: Start) -> Wanted {
        match &self.plan.end {
            End::Count { link, .. } => {
                let children = self.children(*link, self.plan.filter.as_ref());
                let (place, recorded) = (self.last_place(start), self.style.recorded);
                let object = format!("how many {children} are {recorded} for {place}");
                Wanted { question: format!("how many {children} are {recorded} for {place}"), object }
            }
            End::Field(column) => {
                let table = &self.group.tables[self.plan.end_table(self.group)];
                if table.label == Some(*column) {
                    return self.wanted_name(start);
                }
                let phrase = measured(&table.columns[*column]);
                let object = match (start, self.plan.path.hops.is_empty()) {
                    (Start::It, true) => format!("its {phrase}"),
                    _ => format!("the {phrase} of {}", self.last_place(start)),
                };
                Wanted { question: format!("what is {object}"), object }
            }
        }
    }

    /// The name of the row that the last link leads to: "which series the element Gold belongs to".
    fn wanted_name(&self, start: Start) -> Wanted {
        let hops = self.plan.path.hops.len();
        let before = self.short_place(start, hops.saturating_sub(1));
        let Some(link) = self.plan.path.hops.last().map(|link| &self.group.links[*link]) else {
            return Wanted { object: before.clone(), question: format!("what is {before}") };
        };
        if link.belongs {
            Wanted {
                object: format!("which {} {before} belongs to", link.role),
                question: format!("which {} does {before} belong to", link.role),
            }
        } else {
            let object = format!("the name of the {} of {before}", link.role);
            Wanted { question: format!("what is {object}"), object }
        }
    }

    /// What is compared, said of both branches: "density in g/cm³ of the element each belongs to".
    fn measure(&self) -> String {
        let place = self.last_place(Start::Each);
        match &self.plan.end {
            End::Count { link, .. } => {
                let children = self.children(*link, self.plan.filter.as_ref());
                format!("number of {children} {} for {place}", self.style.recorded)
            }
            End::Field(column) => {
                let phrase = measured(&self.group.tables[self.plan.end_table(self.group)].columns[*column]);
                if self.plan.path.hops.is_empty() { phrase } else { format!("{phrase} of {place}") }
            }
        }
    }

    /// "isotopes", "radioactive isotopes", "isotopes with parity +".
    fn children(&self, link: usize, filter: Option<&Filter>) -> String {
        let child = &self.group.tables[self.group.links[link].child];
        let nouns = &child.noun.plural;
        let Some(filter) = filter else { return nouns.clone() };
        let words = &child.columns[filter.column].words;
        match &filter.value {
            FilterValue::Bool(true) => format!("{words} {nouns}"),
            FilterValue::Bool(false) => format!("{nouns} that are not {words}"),
            FilterValue::Text(value) if value.chars().all(char::is_alphanumeric) => {
                format!("{nouns} with {words} {value}")
            }
            FilterValue::Text(value) => format!("{nouns} with {words} \"{value}\""),
        }
    }

    /// The row in a sentence of its own, then what is wanted of it.
    fn introduced(&self, draw: &mut Draw) -> String {
        let noun = &self.noun().singular;
        let label = self.label(0);
        let introduction = match draw.below(6) {
            0 => format!("I'm looking at the {noun} {label}."),
            1 => format!("This is about the {noun} {label}."),
            2 => format!("The {noun} in question is {label}."),
            3 => format!("Someone mentioned the {noun} {label} to me."),
            4 => format!("I came across the {noun} {label} in a footnote."),
            _ => format!("I have a question about the {noun} {label}."),
        };
        let sentence = ask(&self.wanted(Start::It), draw);
        format!("{introduction} {sentence}")
    }

    fn which(&self, larger: bool, draw: &mut Draw) -> String {
        let more = self.comparative(larger);
        let (a, b) = (self.label(0), self.label(1));
        let (noun, nouns) = (&self.noun().singular, &self.noun().plural);
        let direct = self.plan.path.hops.is_empty();
        let counted = match &self.plan.end {
            End::Count { link, .. } if direct => Some(self.children(*link, self.plan.filter.as_ref())),
            End::Count { .. } | End::Field(_) => None,
        };
        if let Some(children) = counted {
            let (more, recorded) = (if larger { "more" } else { "fewer" }, self.style.recorded);
            return match draw.below(5) {
                0 => format!("Which {noun} has {more} {children} {recorded}, {a} or {b}?"),
                1 => format!(
                    "Are there {more} {children} {recorded} for the {noun} {a} or for the {noun} {b}?"
                ),
                2 => format!("Of {}, which one has {more} {children} {recorded}?", self.both()),
                3 => format!(
                    "Find out whether the {noun} {a} or the {noun} {b} has {more} {children} {recorded}."
                ),
                _ => format!("I'm after the {noun} with {more} {children} {recorded}: {a} or {b}?"),
            };
        }
        let measure = self.measure();
        if direct {
            return match draw.below(6) {
                0 => format!("Which {noun} has the {more} {measure}, {a} or {b}?"),
                1 => format!("Between the {nouns} {a} and {b}, which one has the {more} {measure}?"),
                2 => format!("Tell me whether {a} or {b} is the {noun} with the {more} {measure}."),
                3 => format!("I have to choose the {noun} with the {more} {measure}: is it {a} or {b}?"),
                4 => format!("Does the {noun} {a} or the {noun} {b} have the {more} {measure}?"),
                _ => format!("Of {}, I need the one with the {more} {measure}.", self.both()),
            };
        }
        match draw.below(6) {
            0 => format!("Compare {} by the {measure}, and tell me which one ranks {more}.", self.pair()),
            1 => format!("Going by the {measure}, does the {noun} {a} or the {noun} {b} come out {more}?"),
            2 => format!("Which of {} comes out {more} if you go by the {measure}?", self.both()),
            3 => format!("Rank {} by the {measure}; which one is {more}?", self.pair()),
            4 => format!("Of {}, which one comes {more} by the {measure}?", self.both()),
            _ => format!("I have to put {} in order by the {measure}. Which one is {more}?", self.pair()),
        }
    }

    /// "higher" and the like, by what the compared values are.
    fn comparative(&self, larger: bool) -> &'static str {
        let column = match self.plan.end {
            End::Field(column) => Some(&self.group.tables[self.plan.end_table(self.group)].columns[column]),
            End::Count { .. } => None,
        };
        let in_time = column.is_some_and(|column| {
            column.kind == Kind::Date || column.words.split(' ').any(|word| word == "year")
        });
        match (in_time, larger) {
            (true, true) => "later",
            (true, false) => "earlier",
            (false, true) => "higher",
            (false, false) => "lower",
        }
    }

    fn difference(&self, draw: &mut Draw) -> String {
        let (pair, measure) = (self.pair(), self.measure());
        match draw.below(6) {
            0 => format!("By how much do {pair} differ in the {measure}?"),
            1 => format!("How far apart are {pair} in the {measure}?"),
            2 => format!("For {pair}, I need the difference in the {measure}."),
            3 => format!("What is the difference in the {measure}, for {pair}?"),
            4 => format!("Please subtract the lower {measure} from the higher one, for {pair}."),
            _ => format!("Could you work out the gap between {pair} in the {measure}?"),
        }
    }

    fn total(&self, draw: &mut Draw) -> String {
        let pair = self.pair();
        if let (End::Count { link, .. }, true) = (&self.plan.end, self.plan.path.hops.is_empty()) {
            let children = self.children(*link, self.plan.filter.as_ref());
            let recorded = self.style.recorded;
            return match draw.below(4) {
                0 => format!("How many {children} are {recorded} for {pair} together?"),
                1 => format!("Taking {pair} together, how many {children} do the records hold?"),
                2 => format!("What is the combined number of {children} {recorded} for {pair}?"),
                _ => format!("I need one combined figure: the {children} {recorded} for {pair}."),
            };
        }
        let measure = self.measure();
        match draw.below(3) {
            0 => format!("For {pair}, what does the {measure} add up to?"),
            1 => format!("Take {pair}, and give me the {measure}, added together."),
            _ => format!("What total do {pair} reach if you add up the {measure}?"),
        }
    }

    fn each(&self, draw: &mut Draw) -> String {
        let pair = self.pair();
        let name_asked = match self.plan.end {
            End::Field(column) => self.group.tables[self.plan.end_table(self.group)].label == Some(column),
            End::Count { .. } => false,
        };
        if let (true, Some(link)) =
            (name_asked, self.plan.path.hops.last().map(|link| &self.group.links[*link]))
        {
            let role = &link.role;
            if self.plan.path.hops.len() == 1 && link.belongs {
                let both = self.both();
                return match draw.below(5) {
                    0 => format!("Which {role} do {pair} each belong to?"),
                    1 => format!("Tell me which {role} each of {both} belongs to."),
                    2 => format!("Could you sort out which {role} each of {both} belongs to?"),
                    3 => format!("What I'm missing is the {role} for each of {both}."),
                    _ => format!("I need the {role} that goes with each of {both}."),
                };
            }
            let before = self.place(Start::Each, self.plan.path.hops.len() - 1);
            return match draw.below(3) {
                0 => format!("For {pair}, find out the {role} of {before}."),
                1 => format!("Could you tell me, for {pair}, the {role} of {before}?"),
                _ => format!("Take {pair}: what is the {role} of {before}?"),
            };
        }
        let measure = self.measure();
        if self.plan.path.hops.is_empty() && !matches!(self.plan.end, End::Count { .. }) {
            return match draw.below(6) {
                0 => format!("What {measure} do {pair} have?"),
                1 => format!("Please give me the {measure} of {pair}."),
                2 => format!("I'd like to set {pair} side by side by {measure}; what are the two values?"),
                3 => format!("I need the {measure} for {pair}."),
                4 => format!("Can you tell me the {measure} of {pair}?"),
                _ => format!("Could you look up the {measure} for {pair}?"),
            };
        }
        match draw.below(5) {
            0 => format!("For {pair}, look up the {measure}."),
            1 => format!("Could you give me the {measure}, for {pair}?"),
            2 => format!("I need the {measure}, for {pair}."),
            3 => format!("Would you mind looking up the {measure}, for {pair}?"),
            _ => format!("I'd like to see {pair} side by side: what is the {measure}?"),
        }
    }
}

/// "density in g/cm³"
fn measured(column: &Column) -> String {
    column.unit.map_or_else(|| column.words.clone(), |unit| format!("{} (in {unit})", column.words))
}

/// One of the ways to ask.
fn ask(wanted: &Wanted, draw: &mut Draw) -> String {
    let object = &wanted.object;
    match draw.below(11) {
        0..3 => format!("{}?", capitalised(&wanted.question)),
        3 => format!("Could you look up {object}?"),
        4 => format!("Please find out {object}."),
        5 => format!("I'd like to know {object}."),
        6 => format!("Can you tell me {object}?"),
        7 => format!("What I'm missing is {object}."),
        8 => format!("Would you mind checking {object}?"),
        9 => format!("Do you happen to know {object}?"),
        _ => format!("Please check our records and tell me {object}."),
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
