//! Errands in English: what is to be done, under which rule, and what the user wants to hear, as one request.
//!
//! Rows and values are said by the writer of questions; here are the desks' own words. Every kind of act has at least
//! six turns of phrase, each of which takes any desk.

mod desks;

use super::theme::{Extra, Part};
use super::{Act, DeskPiece, DeskRead, Errand, Fill, Listed, Target, Tell, With};
use crate::draw::Draw;
use crate::question::{Entity, Scalar};
use crate::tables::{Kind, TableGroup};
use desks::{Say, say_of};
use jiff::civil::Date;
use serde_json::Value as Json;

/// How rows and values are said.
pub(crate) struct Words<'a> {
    pub(crate) group: &'a TableGroup,
    pub(crate) entity: &'a dyn Fn(&Entity) -> String,
    pub(crate) scalar: &'a dyn Fn(&Scalar) -> String,
    /// Sentences that introduce what lies too deep for one phrase, after which `entity` and `scalar` refer back.
    pub(crate) introduce: &'a dyn Fn(&Entity) -> Vec<String>,
    /// Notes that a row was said, so that it is referred to from then on.
    pub(crate) remember: &'a dyn Fn(&Entity),
}

/// The core of the user's message.
pub(crate) fn say(errand: &Errand, words: &Words, draw: &mut Draw) -> String {
    let say = say_of(errand.theme);
    let about = draw.pick(say.about).copied().unwrap_or("for");
    let iso = draw.percent(55);
    let writer = Writer { errand, words, say, about, iso };
    let mut sentences: Vec<String> = Vec::new();
    for entity in errand.entities() {
        sentences.extend((words.introduce)(entity).into_iter().map(|said| varied(&said, draw)));
    }
    sentences.push(writer.acts(draw));
    sentences.extend(writer.rule(draw));
    sentences.extend(writer.confirmation(draw));
    sentences.push(writer.tell(draw));
    sentences.join(" ")
}

/// Another turn for a sentence that introduces a row.
fn varied(sentence: &str, draw: &mut Draw) -> String {
    const TURNS: [&str; 6] =
        ["I'm looking at", "Take", "This is about", "It concerns", "I have in mind", "Think of"];
    const AGAIN: [&str; 4] =
        ["That leads me to", "What matters there is", "From there I get to", "From there, think of"];
    match sentence.strip_prefix(TURNS[0]) {
        Some(rest) => format!("{}{rest}", draw.pick(&TURNS).copied().unwrap_or(TURNS[0])),
        None => match sentence.strip_prefix(AGAIN[0]) {
            Some(rest) => format!("{}{rest}", draw.pick(&AGAIN).copied().unwrap_or(AGAIN[0])),
            None => sentence.to_owned(),
        },
    }
}

/// What one call finds out.
pub(crate) fn piece(piece: &DeskPiece, words: &Words) -> String {
    let say = say_of(piece.theme);
    let whose = piece.person.as_ref().map_or(String::new(), |person| format!(" of {person}"));
    let on =
        piece.on.as_ref().map_or(String::new(), |on| format!(" {} {}", say.about[0], (words.entity)(on)));
    match piece.read {
        DeskRead::FirstEntry | DeskRead::Made => format!("Which is the open {}{on}{whose}?", say.noun),
        DeskRead::Total => format!("How many open {} are there{on}{whose} now?", say.plural),
        DeskRead::Extra => format!("What does the desk say of the {} now?", say.noun),
    }
}

/// The goal of all writing calls.
pub(crate) const DONE: &str = "Is everything on file as it was asked for?";

fn pick(options: &[String], draw: &mut Draw) -> String {
    draw.pick(options).cloned().unwrap_or_default()
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// "a, b and c".
pub(super) fn joined(parts: &[String], last: &str) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., end] => format!("{}{last}{end}", most.join(", ")),
    }
}

struct Writer<'a> {
    errand: &'a Errand,
    words: &'a Words<'a>,
    say: Say,
    about: &'static str,
    iso: bool,
}

impl Writer<'_> {
    fn person(&self, person: usize) -> &str {
        &self.errand.desk.people[person].name
    }

    fn day(&self, value: &Json) -> String {
        let text = value.as_str().unwrap_or_default();
        match text.parse::<Date>() {
            Ok(day) if !self.iso => day.strftime("%-d %B %Y").to_string(),
            _ => text.to_owned(),
        }
    }

    fn entity(&self, entity: &Entity) -> String {
        let said = (self.words.entity)(entity);
        // Of two records "that element" would be either.
        if self.errand.entities().len() == 1 {
            (self.words.remember)(entity);
        }
        said
    }

    fn target(&self, target: &Target) -> String {
        match target {
            Target::Row(entity) => self.entity(entity),
            Target::Best { of, column, largest } => {
                let column = &self.words.group.tables[self.errand.table].columns[*column];
                let names: Vec<String> = of.iter().map(|of| (self.words.entity)(of)).collect();
                let time = column.kind == Kind::Date || column.words.contains("year");
                let degree = match (time, largest, of.len()) {
                    (false, true, 2) => "higher",
                    (false, true, _) => "highest",
                    (false, false, 2) => "lower",
                    (false, false, _) => "lowest",
                    (true, true, 2) => "later",
                    (true, true, _) => "latest",
                    (true, false, 2) => "earlier",
                    (true, false, _) => "earliest",
                };
                format!("whichever of {} has the {degree} {}", joined(&names, " and "), column.words)
            }
        }
    }

    /// What is said right after the record, and what comes after "with".
    fn details(&self, fills: &[Fill]) -> (String, String) {
        let mut adverbs: Vec<String> = Vec::new();
        let mut with: Vec<String> = Vec::new();
        for fill in fills {
            let field = &self.errand.theme.fields[fill.field];
            match &fill.with {
                With::Said(value) => {
                    let text = plain(value);
                    match (field.part, self.errand.theme.extra) {
                        (Part::Note, _) => with.insert(0, format!("the note “{text}”")),
                        (Part::Choice, _) => with.push(format!("{text} {}", self.say.choice)),
                        (Part::Copy, _) => with.push(format!("a {} of {text}", self.say.copy)),
                        (Part::Day, Extra::Due) => adverbs.push(format!(" from {}", self.day(value))),
                        (Part::Day, Extra::Load) => adverbs.push(format!(", due on {}", self.day(value))),
                        (Part::Day, _) => adverbs.push(format!(" on {}", self.day(value))),
                        (Part::Slot, _) => adverbs.push(format!(" at {text}")),
                        (Part::Amount, Extra::Due) => adverbs.push(format!(" for {}", counted(value, "day"))),
                        (Part::Amount, Extra::Load) => {
                            with.push(format!("{} set aside", counted(value, "hour")));
                        }
                        (Part::Amount, _) => with.push(counted(value, "copy")),
                    }
                }
                With::Found(scalar) => {
                    with.push(format!("{} as the {}", (self.words.scalar)(scalar), self.say.copy));
                }
                With::Ruled { .. } => {}
            }
        }
        let with = if with.is_empty() { String::new() } else { format!(", with {}", joined(&with, " and ")) };
        (adverbs.join(""), with)
    }

    fn acts(&self, draw: &mut Draw) -> String {
        match self.errand.acts.as_slice() {
            [Act::Cancel { entry }, Act::Create { on, person, fills }] => {
                self.moved(entry, on, *person, fills, draw)
            }
            [Act::Create { on, person, fills }, rest @ ..] => {
                let second = rest.iter().find_map(|act| match act {
                    Act::Create { on, .. } => Some(on),
                    Act::Confirm { .. } | Act::Update { .. } | Act::Cancel { .. } => None,
                });
                self.created(on, second, *person, fills, draw)
            }
            [Act::Update { entry, fills }, ..] => self.updated(entry, fills, draw),
            [Act::Cancel { entry }, ..] => self.cancelled(entry, draw),
            [] | [Act::Confirm { .. }, ..] => String::new(),
        }
    }

    fn created(
        &self,
        on: &Target,
        second: Option<&Target>,
        person: usize,
        fills: &[Fill],
        draw: &mut Draw,
    ) -> String {
        let (say, who) = (&self.say, self.person(person));
        let n = format!("{} {}", say.article, say.noun);
        let v = draw.pick(say.make).copied().unwrap_or("create");
        let on = match second {
            None => format!("{} {}", self.about, self.target(on)),
            Some(second) => {
                format!(
                    "each {about} {} and {about} {}",
                    self.target(on),
                    self.target(second),
                    about = self.about
                )
            }
        };
        let (adv, with) = self.details(fills);
        let adv = apart(&on, adv);
        let (it, goes) = if second.is_some() { ("them", "They go") } else { ("it", "It goes") };
        pick(
            &[
                format!("Please {v} {n} {on} in {who}'s name{adv}{with}."),
                format!("{who} needs {n} {on}{adv}{with}; could you {v} {it}?"),
                format!("Could you {v} {n} {on} on behalf of {who}{adv}{with}?"),
                format!("I'd like you to {v} {n} {on} under the name of {who}{adv}{with}."),
                format!("On behalf of {who}, {v} {n} {on}{adv}{with}."),
                format!("{who} has asked for {n} {on}{adv}{with}. Please {v} {it}."),
                format!("Would you {v} {n} {on}{adv}{with}? {goes} under {who}'s name."),
                format!("We want {n} {on}{adv}{with}, {who} being the person responsible; please {v} {it}."),
            ],
            draw,
        )
    }

    fn entry(&self, listed: &Listed) -> String {
        let noun = self.say.noun;
        match (&listed.on, listed.person) {
            (Some(on), Some(person)) => {
                format!("{}'s open {noun} {} {}", self.person(person), self.about, self.entity(on))
            }
            (Some(on), None) => format!("the open {noun} {} {}", self.about, self.entity(on)),
            (None, Some(person)) if noun.contains(" of ") => {
                format!("the {noun} that {} has open", self.person(person))
            }
            (None, Some(person)) => format!("{}'s open {noun}", self.person(person)),
            (None, None) => String::new(),
        }
    }

    fn updated(&self, listed: &Listed, fills: &[Fill], draw: &mut Draw) -> String {
        let e = self.entry(listed);
        let change = self.changes(fills);
        pick(
            &[
                format!("Regarding {e}, please {change}."),
                format!("{} needs a change: {change}.", capital(&e)),
                format!("Could you take {e} and {change}?"),
                format!("Something has come up about {e}: please {change}."),
                format!("Please look at {e} and {change}."),
                format!("This is about {e}. I need you to {change}."),
                format!("{}, please; I mean {e}.", capital(&change)),
            ],
            draw,
        )
    }

    fn changes(&self, fills: &[Fill]) -> String {
        let theme = self.errand.theme;
        let day_and_slot = theme.field(Part::Slot).is_some();
        let mut parts: Vec<String> = Vec::new();
        let mut tail = String::new();
        for fill in fills {
            let With::Said(value) = &fill.with else { continue };
            let text = plain(value);
            match (theme.fields[fill.field].part, theme.extra) {
                (Part::Note, _) => parts.push(format!("change the note to “{text}”")),
                (Part::Choice, Extra::Queue) => parts.push(format!("set the priority to {text}")),
                (Part::Choice, _) => parts.push(format!("switch to {text} {}", self.say.choice)),
                (Part::Copy, _) => parts.push(format!("set the {} to {text}", self.say.copy)),
                (Part::Day, _) if day_and_slot => parts.push(format!("move it to {}", self.day(value))),
                (Part::Day, Extra::Due) => parts.push(format!("move its first day to {}", self.day(value))),
                (Part::Day, _) => parts.push(format!("move the deadline to {}", self.day(value))),
                (Part::Slot, _) => tail = format!(" at {text}"),
                (Part::Amount, Extra::Due) => {
                    parts.push(format!("set its length to {}", counted(value, "day")));
                }
                (Part::Amount, Extra::Load) => {
                    parts.push(format!("set the effort to {}", counted(value, "hour")));
                }
                (Part::Amount, _) => parts.push(format!("make it {}", counted(value, "copy"))),
            }
        }
        format!("{}{tail}", joined(&parts, " and "))
    }

    fn cancelled(&self, listed: &Listed, draw: &mut Draw) -> String {
        let e = self.entry(listed);
        let v = draw.pick(self.say.end).copied().unwrap_or("cancel");
        pick(
            &[
                format!("Please {v} {e}."),
                format!("{} is no longer needed; {v} it, please.", capital(&e)),
                format!("Could you {v} {e}?"),
                format!("We can do without {e}, so please {v} it."),
                format!("I'd like you to {v} {e}."),
                format!("{} has become pointless. {} it, please.", capital(&e), capital(v)),
            ],
            draw,
        )
    }

    fn moved(&self, listed: &Listed, on: &Target, person: usize, fills: &[Fill], draw: &mut Draw) -> String {
        let (say, who, e) = (&self.say, self.person(person), self.entry(listed));
        let (v, end) = (say.make.first().unwrap_or(&"create"), say.end.first().unwrap_or(&"cancel"));
        let (adv, with) = self.details(fills);
        let n = format!("{} {}", say.article, say.noun);
        let on = format!("{} {}", self.about, self.target(on));
        let adv = apart(&on, adv);
        pick(
            &[
                format!("Please {end} {e} and {v} {n} {on} in the same name instead{adv}{with}."),
                format!(
                    "{} is about the wrong record. {} it, then {v} {n} {on} for {who}{adv}{with}.",
                    capital(&e),
                    capital(end)
                ),
                format!("Could you {end} {e} and instead {v} {n} {on}{adv}, again in {who}'s name{with}?"),
                format!(
                    "Instead of {e}, {who} wants {n} {on}{adv}{with}; {end} the old one and {v} the new one."
                ),
                format!(
                    "Exchange {e} for {n} {on}{adv}{with}, same person: {end} the first and {v} the second."
                ),
                format!(
                    "{who} has had a change of mind: {end} {e} and {v} {n} {on} in that name{adv}{with}."
                ),
            ],
            draw,
        )
    }

    fn rule(&self, draw: &mut Draw) -> Option<String> {
        let fill = self
            .errand
            .acts
            .iter()
            .flat_map(Act::fills)
            .find(|fill| matches!(fill.with, With::Ruled { .. }))?;
        let With::Ruled { test, bound, above, below } = &fill.with else { return None };
        let field = &self.errand.theme.fields[fill.field];
        let word = |at: usize| {
            field.words.get(at).map_or(String::new(), |(word, _)| format!("{word} {}", self.say.choice))
        };
        let (a, b) = (word(*above), word(*below));
        let x = (self.words.scalar)(test);
        // The value's phrase says the unit.
        let limit = plain(&bound.json());
        Some(pick(
            &[
                format!("It should get {a} if {x} is at least {limit}, and {b} otherwise."),
                format!("If {x} comes to {limit} or more, choose {a}; if not, {b}."),
                format!("Use {a} provided that {x} is {limit} or more, else {b}."),
                format!(
                    "Whether it gets {a} or {b} depends on {x}: {a} from {limit} upwards, {b} under that."
                ),
                format!("Make that {a} if {x} is no less than {limit}; {b} if it is less."),
                format!("It gets {b}, unless {x} is {limit} or above: then {a}."),
            ],
            draw,
        ))
    }

    fn confirmation(&self, draw: &mut Draw) -> Option<String> {
        self.errand.acts.iter().find(|act| matches!(act, Act::Confirm { .. }))?;
        let v = self.say.confirm;
        Some(pick(
            &[
                format!("Then {v} it, so that it counts."),
                format!("It should not stay a draft: {v} it right away."),
                format!("Please {v} it too."),
                format!("Don't leave it half done; {v} it straight away."),
                format!("After that, {v} it."),
                format!("It has to count at once, so {v} it as well."),
            ],
            draw,
        ))
    }

    fn tell(&self, draw: &mut Draw) -> String {
        let plural = self.say.plural;
        let what = match &self.errand.tell {
            Tell::Value(scalar) => {
                let written = self
                    .errand
                    .acts
                    .iter()
                    .flat_map(Act::fills)
                    .any(|fill| fill.with == With::Found(scalar.clone()));
                if written && draw.percent(60) {
                    format!("which {} went into it", self.say.copy)
                } else {
                    (self.words.scalar)(scalar)
                }
            }
            Tell::Chosen { .. } => format!("which {} it got", self.say.choice),
            Tell::OpenNow { person } => format!("how many open {plural} {} then has", self.person(*person)),
            Tell::Extra { .. } => match self.errand.theme.extra {
                Extra::Queue => "which place in the queue it has".to_owned(),
                Extra::Due => "on which date the file is due back".to_owned(),
                Extra::SameDay => format!("how many {plural} there then are on that day, this one included"),
                Extra::OnRecord => {
                    format!("how many open {plural} there then are on that record, this one included")
                }
                Extra::Price => "what it costs in total".to_owned(),
                Extra::Load => "how many hours the person then has open in all".to_owned(),
            },
        };
        pick(
            &[
                format!("Then tell me {what}."),
                format!("Afterwards, let me know {what}."),
                format!("When that's done, tell me {what}."),
                format!("Finally, I'd like to know {what}."),
                format!("Once you're through, tell me {what}."),
                format!("What I want to hear back from you is {what}."),
                format!("Please report {what}."),
            ],
            draw,
        )
    }
}

/// When it is, cut off by a comma from a record that takes many words: "… of the airline Cirrus, from 18 June 2027".
fn apart(on: &str, adverbs: String) -> String {
    let long = on.chars().count() > 45 && adverbs.starts_with(' ');
    if long { format!(",{adverbs}") } else { adverbs }
}

/// A value as people write it.
pub(super) fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Number(number) => {
            let text = number.to_string();
            text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
        }
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => String::new(),
    }
}

fn counted(value: &Json, unit: &str) -> String {
    let one = value.as_i64() == Some(1);
    match (unit, one) {
        ("copy", false) => format!("{} copies", plain(value)),
        (unit, true) => format!("1 {unit}"),
        (unit, false) => format!("{} {unit}s", plain(value)),
    }
}
