//! The sentence that asks: around a noun phrase, around an indirect question, or the direct question itself.

use super::values::UnitSaid;
use super::voice::Voice;
use super::words;
use crate::question::Scalar;

/// Longest phrase, in characters, that a sentence may close around.
pub(super) const SHORT: usize = 60;

/// What is asked for, in the forms that a sentence may take. Only one of them is said.
pub(super) enum Asked {
    /// A noun phrase, or "whether …".
    Noun(String),
    /// "how many …", "which …", also a noun phrase where the owner's phrasing is one.
    Indirect(String),
    /// With capital and question mark.
    Direct(String),
}

impl Voice<'_> {
    /// Asks for one value.
    pub(super) fn ask(&mut self, scalar: &Scalar, unit: UnitSaid) -> String {
        let asked = match self.pick.below(12) {
            0..5 => Asked::Direct(self.direct(scalar, unit)),
            5..8 => {
                let question = self.indirect(scalar, unit);
                if question.starts_with("the ") { Asked::Noun(question) } else { Asked::Indirect(question) }
            }
            _ => {
                let noun = self.noun(scalar, unit);
                if noun.starts_with("whether ") { Asked::Indirect(noun) } else { Asked::Noun(noun) }
            }
        };
        self.sentence(&asked)
    }

    /// One of the sentences that ask for this.
    pub(super) fn sentence(&mut self, asked: &Asked) -> String {
        let is = match asked {
            Asked::Noun(noun) if noun.starts_with("the names of ") => "are",
            Asked::Noun(_) | Asked::Indirect(_) | Asked::Direct(_) => "is",
        };
        match asked {
            Asked::Direct(question) => question.clone(),
            Asked::Noun(noun) => match self.pick.below(17) {
                0 => format!("Could you look up {noun}?"),
                1 => format!("I need {noun}."),
                2 => format!("Please give me {noun}."),
                3 => format!("What I'm missing {is} {noun}."),
                4 if noun.chars().count() < SHORT => format!("Can you find {noun} for me?"),
                5 => format!("{}, please.", words::capitalised(noun)),
                6 => format!("I'm looking for {noun}."),
                7 => format!("Would you mind looking up {noun}?"),
                8 => format!("I'd be grateful for {noun}."),
                9 => format!("Please let me have {noun}."),
                10 if noun.chars().count() < SHORT => {
                    format!("I can't find {noun} anywhere; could you look it up?")
                }
                11 => format!("I have everything except {noun}."),
                12 => format!("All I still need is {noun}."),
                13 => format!("Could I get {noun}?"),
                14 => format!("I'd like to have {noun}."),
                15 => format!("What I want to know {is} {noun}."),
                _ => format!("Kindly provide {noun}."),
            },
            Asked::Indirect(question) => match self.pick.below(13) {
                0 => format!("Can you tell me {question}?"),
                1 => format!("I'd like to know {question}."),
                2 => format!("Please find out {question}."),
                3 => format!("Do you know {question}?"),
                4 => format!("Could you check {question}?"),
                5 => format!("I was wondering {question}."),
                6 => format!("Any idea {question}?"),
                7 => format!("I'm trying to work out {question}."),
                8 => format!("Tell me {question}, please."),
                9 => format!("What I need to know is {question}."),
                10 if question.chars().count() < SHORT => {
                    format!("Nobody here could say {question}; can you?")
                }
                11 => format!("It would help to know {question}."),
                _ => format!("Please tell me {question}."),
            },
        }
    }
}
