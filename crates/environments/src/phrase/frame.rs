//! What stands around a request: a greeting, why it is asked, what it is for, thanks.
//!
//! Each part is a whole sentence that fits any tables, and each may be missing. Backgrounds speak before the request
//! and never introduce a row; purposes speak after it and never ask for more.

use crate::draw::Draw;
use crate::tables::{Noun, article};

/// What the frame may talk about.
pub(super) struct Topic<'a> {
    /// The kind of row that the request starts from.
    pub(super) noun: &'a Noun,
    /// What the tables are about.
    pub(super) title: &'a str,
}

/// Whether the request already introduces its row in a sentence of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    Direct,
    Introduced,
}

/// The request in its frame.
pub(super) fn around(core: &str, opening: Opening, topic: &Topic, draw: &mut Draw) -> String {
    let mut sentences: Vec<String> = Vec::new();
    if draw.percent(25) {
        sentences.push(greeting(draw).to_owned());
    }
    let explained = draw.percent(if opening == Opening::Direct { 60 } else { 15 });
    if explained {
        sentences.push(background(topic, draw));
    }
    sentences.push(core.to_owned());
    if draw.percent(40) {
        // Two of the purposes name the subject, which a background has mostly done.
        let named = if explained { 0 } else { PURPOSES_THAT_NAME };
        sentences.push(purpose(topic, draw.below(PLAIN_PURPOSES + named)));
    }
    if draw.percent(20) {
        sentences.push(thanks(draw).to_owned());
    }
    sentences.join(" ")
}

fn greeting(draw: &mut Draw) -> &'static str {
    match draw.below(7) {
        0 => "Hi!",
        1 => "Hello!",
        2 => "Good morning!",
        3 => "Quick question.",
        4 => "Sorry to bother you.",
        5 => "Me again.",
        _ => "Hello there.",
    }
}

fn background(topic: &Topic, draw: &mut Draw) -> String {
    let Topic { noun, title } = topic;
    match draw.below(22) {
        0 => format!("I'm preparing a short handout about {title}."),
        1 => format!("A colleague asked me something about {title}, and I don't want to guess."),
        2 => format!("We're updating our reference sheet on {}, and one entry is still blank.", noun.plural),
        3 => format!("I'm collecting material on {title} for a quiz night."),
        4 => format!("My notes on {} have a gap.", noun.plural),
        5 => "I'm proofreading an article and want to be sure of one detail.".to_owned(),
        6 => format!("I'm cleaning up a spreadsheet of {}.", noun.plural),
        7 => format!("For a talk about {title} I need one more fact."),
        8 => format!("My daughter is doing a school project on {title}."),
        9 => "I promised a reader an answer by tonight.".to_owned(),
        10 => format!("We had an argument at lunch about {title}."),
        11 => format!("I'm writing the caption for a figure about {}.", noun.plural),
        12 => format!(
            "I'm checking {} {} entry that somebody else filled in.",
            article(&noun.singular),
            noun.singular
        ),
        13 => "I'm filling in the last cell of a table.".to_owned(),
        14 => format!("I'm new to {title} and still finding my way around."),
        15 => format!("Two of our lists of {} disagree.", noun.plural),
        16 => "An editor sent my draft back with a question mark in the margin.".to_owned(),
        17 => format!("I'm setting an exam on {title}, and the answer key has to be right."),
        18 => "I can't find my old notes any more.".to_owned(),
        19 => format!("A visitor at our stand wanted to know something about {title}."),
        20 => format!("I'm translating a text about {}, and the original is smudged.", noun.plural),
        _ => "I have a form in front of me with one field left.".to_owned(),
    }
}

const PLAIN_PURPOSES: usize = 12;
const PURPOSES_THAT_NAME: usize = 2;

fn purpose(topic: &Topic, which: usize) -> String {
    let plain = match which {
        0 => "It's for a report that goes out this afternoon.",
        1 => "I want to quote it, so please go by the records.",
        2 => "Somebody told me from memory, and I'd rather check.",
        3 => "I'd like to put it on a slide.",
        4 => "No need for an explanation, the result is enough.",
        5 => "It settles a bet.",
        6 => "I'd rather not rely on what I remember.",
        7 => "One line is enough.",
        8 => "Our printed edition is out of date, so please look it up afresh.",
        9 => "I'll pass it on to the person who asked.",
        10 => "The meeting starts in ten minutes.",
        11 => "Please use what our system says, even if it looks odd.",
        12 => return format!("I'm writing a short text about {}.", topic.title),
        _ => return format!("It goes into an overview of {}.", topic.title),
    };
    plain.to_owned()
}

fn thanks(draw: &mut Draw) -> &'static str {
    match draw.below(4) {
        0 => "Thanks!",
        1 => "Thanks in advance.",
        2 => "Many thanks.",
        _ => "That would help a lot.",
    }
}
