//! Commands that are made of commands: each step is a line that a person could type, run in this process.
//!
//! So a long recipe is also a list of lines to learn from and to change, and whatever its commands can do (refuse,
//! stop, continue, report) it can do as well. What a step prints as data is left out: the recipe prints its own.

use crate::arguments::Arguments;
use crate::failure::ExitStatus;
use crate::{Context, commands};
use clap::Parser as _;
use std::path::Path;

/// One line, without `astra`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line(Vec<String>);

impl Line {
    /// A noun and a verb.
    pub(crate) fn new(verb: &str) -> Self {
        Self(verb.split(' ').map(str::to_owned).collect())
    }

    /// With one more word.
    pub(crate) fn word(mut self, word: impl Into<String>) -> Self {
        self.0.push(word.into());
        self
    }

    /// With an option and its value.
    pub(crate) fn option(self, name: &str, value: impl Into<String>) -> Self {
        self.word(name).word(value)
    }

    /// With an option and a path as its value.
    pub(crate) fn path(self, name: &str, path: &Path) -> Self {
        self.option(name, path.display().to_string())
    }

    /// With an option and a number as its value.
    pub(crate) fn number(self, name: &str, value: impl std::fmt::Display) -> Self {
        self.option(name, format!("{value}"))
    }

    /// With options of the user's, which take the place of those that it has.
    pub(crate) fn overridden_by(mut self, given: &[String]) -> Self {
        for word in given {
            let name = word.split_once('=').map_or(word.as_str(), |(name, _)| name);
            if let Some(at) = self.0.iter().position(|own| own == name && name.starts_with("--")) {
                let value = self.0.get(at + 1).is_some_and(|value| !value.starts_with("--"));
                self.0.drain(at..at + 1 + usize::from(value));
            }
        }
        self.0.extend_from_slice(given);
        self
    }

    /// Runs it with the settings of `context` and those that it gives itself.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<ExitStatus> {
        context.printer.say(self.to_string());
        let arguments =
            Arguments::try_parse_from(std::iter::once("astra").chain(self.0.iter().map(String::as_str)))?;
        let settings = context.settings.with(&arguments.layers(Vec::new(), None).flags)?;
        let Some(command) = arguments.command else { return Ok(ExitStatus::InputFailed) };
        commands::run(command, &Context { settings, printer: context.printer.of_a_step() })
    }
}

/// As it is typed in a shell.
impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "$ astra")?;
        let is_plain = |word: &str| {
            !word.is_empty()
                && word.chars().all(|letter| letter.is_alphanumeric() || "-_./,=:+".contains(letter))
        };
        for word in &self.0 {
            if is_plain(word) {
                write!(f, " {word}")?;
            } else {
                write!(f, " '{}'", word.replace('\'', r"'\''"))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_gives_takes_the_place_of_what_is_there() {
        let line = Line::new("train grpo")
            .word("--no-filling")
            .number("--lr", 1)
            .number("--steps", 2)
            .word("arenas");
        let given = ["--lr=3", "--no-filling", "--seed", "4"].map(str::to_owned);
        assert_eq!(
            line.overridden_by(&given).to_string(),
            "$ astra train grpo --steps 2 arenas --lr=3 --no-filling --seed 4"
        );
    }

    #[test]
    fn a_line_reads_as_it_is_typed() {
        let line = Line::new("train sft")
            .word("my traces.jsonl")
            .number("--steps", 3)
            .path("--out", Path::new("it's"));
        assert_eq!(line.to_string(), r"$ astra train sft 'my traces.jsonl' --steps 3 --out 'it'\''s'");
    }
}
