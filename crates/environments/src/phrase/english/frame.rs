//! What stands around a request: a greeting, why it is asked, what it is for, thanks.
//!
//! One register is drawn for all of it, since nobody is curt and chatty in one breath. Backgrounds speak before the
//! request and hold no fact and no row; purposes come after it and ask for nothing. None says what kind of answer is
//! wanted, so each fits a number, a name and a list alike.

use super::Pick;
use super::words::article;
use crate::tables::Noun;

/// What the frame may talk about.
pub(super) struct Topic<'a> {
    /// The kind of row that the request starts from.
    pub(super) noun: &'a Noun,
    /// What the tables are about.
    pub(super) title: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Register {
    Curt,
    Plain,
    Formal,
    Chatty,
}

/// The request in its frame.
pub(super) fn around(core: &str, topic: &Topic, pick: &mut Pick) -> String {
    let register = match pick.below(10) {
        0 | 1 => Register::Curt,
        2..=5 => Register::Plain,
        6 | 7 => Register::Formal,
        _ => Register::Chatty,
    };
    // Percentages of greeting, background, purpose and thanks.
    let chances = match register {
        Register::Curt => [0, 15, 10, 5],
        Register::Plain => [20, 60, 35, 20],
        Register::Formal => [55, 70, 35, 45],
        Register::Chatty => [65, 85, 40, 40],
    };
    let mut sentences: Vec<String> = Vec::new();
    if pick.percent(chances[0]) {
        sentences.push(greeting(register, pick).to_owned());
    }
    let explained = pick.percent(chances[1]);
    if explained {
        sentences.push(background(register, topic, pick));
    }
    sentences.push(core.to_owned());
    if pick.percent(chances[2]) {
        sentences.push(purpose(register, explained, topic, pick));
    }
    if pick.percent(chances[3]) {
        sentences.push(thanks(register, pick).to_owned());
    }
    sentences.join(" ")
}

/// Something that is to be done, in its frame: what is behind it at work, never a question that somebody asked.
pub(super) fn around_errand(core: &str, noun: &Noun, pick: &mut Pick) -> String {
    let register =
        [Register::Curt, Register::Plain, Register::Plain, Register::Formal, Register::Chatty][pick.below(5)];
    let chances = match register {
        Register::Curt => [0, 10, 0],
        Register::Plain => [20, 45, 25],
        Register::Formal => [55, 60, 50],
        Register::Chatty => [65, 65, 50],
    };
    let mut sentences: Vec<String> = Vec::new();
    if pick.percent(chances[0]) {
        sentences.push(greeting(register, pick).to_owned());
    }
    if pick.percent(chances[1]) {
        let nouns = &noun.plural;
        sentences.push(match (register, pick.below(6)) {
            (Register::Curt, _) => "Short on time.".to_owned(),
            (Register::Formal, 0) => format!("I am writing with regard to your records on {nouns}."),
            (Register::Formal, 1) => "A colleague has asked me to arrange this.".to_owned(),
            (Register::Formal, 2) => format!("We are putting our files on {nouns} in order."),
            (Register::Formal, 3) => "I am standing in for a colleague this week.".to_owned(),
            (Register::Formal, 4) => "This should be settled before the end of the week.".to_owned(),
            (Register::Formal, _) => format!("Our review of the {nouns} is about to begin."),
            (Register::Chatty, 0) => {
                format!("Somehow I've become the {} person in our office.", noun.singular)
            }
            (Register::Chatty, 1) => "I've had this on my list for days.".to_owned(),
            (Register::Chatty, 2) => "I promised to see to this and nearly forgot.".to_owned(),
            (Register::Chatty, 3) => "Just one thing before I'm off for lunch.".to_owned(),
            (Register::Chatty, 4) => format!("We're finally tidying up the {nouns} here."),
            (Register::Chatty, _) => "My desk is a mess today, so I'm handing this one to you.".to_owned(),
            (Register::Plain, 0) => format!("I'm going through our {nouns} this week."),
            (Register::Plain, 1) => "A colleague asked me to see to this.".to_owned(),
            (Register::Plain, 2) => "I'm clearing my list for the week.".to_owned(),
            (Register::Plain, 3) => format!("I look after part of the files on {nouns}."),
            (Register::Plain, 4) => "We agreed on this in the meeting this morning.".to_owned(),
            (Register::Plain, _) => "Something for the desk, please.".to_owned(),
        });
    }
    sentences.push(core.to_owned());
    if pick.percent(chances[2]) {
        sentences.push(thanks(register, pick).to_owned());
    }
    sentences.join(" ")
}

fn greeting(register: Register, pick: &mut Pick) -> &'static str {
    match register {
        Register::Curt | Register::Plain => pick.one(&["Hi!", "Hello!", "Quick question.", "Hello there."]),
        Register::Formal => pick.one(&["Good morning.", "Good afternoon.", "Good day."]),
        Register::Chatty => {
            pick.one(&["Hi there!", "Hey!", "Me again.", "Sorry to bother you once more.", "Hiya!"])
        }
    }
}

fn background(register: Register, topic: &Topic, pick: &mut Pick) -> String {
    match register {
        Register::Curt => curt(topic, pick.below(4)),
        Register::Plain => plain(topic, pick.below(14)),
        Register::Formal => formal(topic, pick.below(8)),
        Register::Chatty => chatty(topic, pick.below(11)),
    }
}

fn curt(Topic { noun, title }: &Topic, which: usize) -> String {
    match which {
        0 => format!("Filling in a sheet on {}.", noun.plural),
        1 => format!("Fact check, {title}."),
        2 => format!("Working on {}.", noun.plural),
        _ => "Short on time.".to_owned(),
    }
}

fn plain(Topic { noun, title }: &Topic, which: usize) -> String {
    match which {
        0 => format!("I'm preparing a handout about {title}."),
        1 => format!("A colleague asked me something about {title}, and I don't want to guess."),
        2 => format!("My notes on {} have a gap.", noun.plural),
        3 => "I'm proofreading an article and want to be sure of a detail.".to_owned(),
        4 => format!("I'm cleaning up a spreadsheet of {}.", noun.plural),
        5 => format!("I'm working on a talk about {title}."),
        6 => "I promised a reader an answer by tonight.".to_owned(),
        7 => format!("I'm writing the caption for a figure about {}.", noun.plural),
        8 => format!(
            "I'm checking {} {} page that somebody else wrote.",
            article(&noun.singular),
            noun.singular
        ),
        9 => format!("Two of our lists of {} disagree.", noun.plural),
        10 => "An editor sent my draft back with a question mark in the margin.".to_owned(),
        11 => format!("I'm setting an exam on {title}, and the answer key has to be right."),
        12 => format!("I'm translating a text about {}, and part of the original is smudged.", noun.plural),
        _ => format!("I'm new to {title} and still finding my way around."),
    }
}

fn formal(Topic { noun, title }: &Topic, which: usize) -> String {
    match which {
        0 => format!("I am writing with regard to your records on {}.", noun.plural),
        1 => format!("We are revising our reference pages on {title}."),
        2 => format!("For an audit of our data on {}, a detail remains open.", noun.plural),
        3 => format!("I am preparing a memorandum concerning {title}."),
        4 => "Our department has been asked to confirm a statement in print.".to_owned(),
        5 => format!("A reader has contacted us with an enquiry about {title}."),
        6 => format!("We are comparing our catalogue of {} with yours.", noun.plural),
        _ => "I am responsible for checking the sources of a publication.".to_owned(),
    }
}

fn chatty(Topic { noun, title }: &Topic, which: usize) -> String {
    match which {
        0 => format!("My daughter is doing a school project on {title}, and I'm no help at all."),
        1 => format!("We had an argument at lunch about {title}, of all things."),
        2 => format!("I'm putting together a quiz night about {title}."),
        3 => "I can't find my old notes any more, which is typical of me.".to_owned(),
        4 => format!("Somehow I've become the {} person in our office.", noun.singular),
        5 => format!("I went down a rabbit hole about {title} last night."),
        6 => format!("A visitor asked me about {} today and I just stood there.", noun.plural),
        7 => "I've had this on my list for days.".to_owned(),
        8 => format!("My brother claims to know everything about {}, so I want to test him.", noun.plural),
        9 => "I nearly sent off a text with a blank in it.".to_owned(),
        _ => format!("I've been tidying up my notes on {} all morning.", noun.plural),
    }
}

fn purpose(register: Register, explained: bool, topic: &Topic, pick: &mut Pick) -> String {
    let title = topic.title;
    match register {
        Register::Curt => pick
            .one(&["No explanation needed.", "As the records have it.", "It's urgent.", "Keep it short."])
            .to_owned(),
        Register::Plain => match pick.below(if explained { 9 } else { 11 }) {
            0 => "It's for a report that goes out this afternoon.".to_owned(),
            1 => "I want to quote it, so please go by the records.".to_owned(),
            2 => "Somebody told me from memory, and I'd rather check.".to_owned(),
            3 => "I'd like to put it on a slide.".to_owned(),
            4 => "No need for an explanation, the result is enough.".to_owned(),
            5 => "I'd rather not rely on what I remember.".to_owned(),
            6 => "Our printed edition is out of date, so please look it up afresh.".to_owned(),
            7 => "I'll pass it on to the person who asked.".to_owned(),
            8 => "Please use what our system says, even if it looks odd.".to_owned(),
            9 => format!("I'm writing a short text about {title}."),
            _ => format!("It goes into an overview of {title}."),
        },
        Register::Formal => pick
            .one(&[
                "The information will be cited, so the records should be taken as they stand.",
                "It is needed for a document due this week.",
                "A brief reply is entirely sufficient.",
                "Please rely on the records rather than on general knowledge.",
                "It will be included in the final version.",
                "We should like to settle the matter today.",
            ])
            .to_owned(),
        Register::Chatty => pick
            .one(&[
                "It settles a bet.",
                "The meeting starts in ten minutes, so no lecture needed!",
                "I'd look silly if I got it wrong.",
                "Then I can finally close this tab.",
                "I could guess, but I've been wrong before.",
                "There's cake in it for whoever turns out to be right.",
            ])
            .to_owned(),
    }
}

fn thanks(register: Register, pick: &mut Pick) -> &'static str {
    match register {
        Register::Curt => "Thanks.",
        Register::Plain => pick.one(&["Thanks!", "Thanks in advance.", "Thank you."]),
        Register::Formal => {
            pick.one(&["Many thanks in advance.", "With kind regards.", "Thank you for your help."])
        }
        Register::Chatty => {
            pick.one(&["Thanks a lot!", "You're a star!", "That would help a lot.", "Cheers!"])
        }
    }
}
