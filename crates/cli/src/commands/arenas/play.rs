//! `astra arenas play`: a person plays an arena. Plain lines in and out, so that a pipe can play too.
//!
//! The person acts through the agent plane like any policy. The running score is that of a second episode in which
//! the calls so far are repeated: the real one stays open, and nothing of its control side reaches the screen early.

use super::play_input::{Line, parse_line};
use super::show::{prompt, signature};
use crate::Context;
use crate::failure::{ExitStatus, OutputClosed};
use crate::playing::variant;
use crate::source::{Record, find, name_of, only};
use crate::{engine, table::brief};
use astra_arena::{Arena, CallRecord, Episode, EpisodeLimits, EpisodeOptions, EpisodeScore, Runtime};
use astra_protocol::{Message, Score, Stop, ToolCall, ToolHost};
use clap::Args;
use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// Arguments of `play`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra arenas play corpus/arenas-hand/buoy_reading.json")]
pub(crate) struct PlayArguments {
    /// A file or folder of arenas, or the name of a hand-written one
    path: String,
    /// Beginning of an id, or a name, when the path holds several
    id: Option<String>,
}

const HELP: &str = "\
  NAME a=1 b=some text   call a tool (its number works too); values are JSON or plain text
  NAME {\"a\": 1}          the same with a JSON object
  answer TEXT            give the final answer and see the score
  tools | prompt         show them again
  quit                   leave without an answer";

/// Plays.
pub(crate) fn run(arguments: &PlayArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let record = match &arguments.id {
        Some(id) => find(id, Some(PathBuf::from(&arguments.path).as_path()))?,
        None if std::path::Path::new(&arguments.path).exists() => {
            only(std::path::Path::new(&arguments.path))?
        }
        None => find(&arguments.path, None)?,
    };
    let engine = engine::start(context)?;
    let arena = record.load(&engine.runtime)?;
    let options = EpisodeOptions {
        seed: context.settings.seed,
        failure_rate: context.settings.episode.failure_rate,
        limits: EpisodeLimits { max_calls: context.settings.episode.max_calls, ..EpisodeLimits::default() },
        variant: variant(&context.settings),
        distractors: Vec::new(),
    };
    let mut game = Game { context, runtime: &engine.runtime, arena, options, calls: Vec::new(), credited: 0 };
    game.begin(&record)?;
    game.play()
}

struct Game<'a> {
    context: &'a Context,
    runtime: &'a Runtime,
    arena: Arc<Arena>,
    options: EpisodeOptions,
    /// Calls so far, one a turn.
    calls: Vec<ToolCall>,
    /// Goals credited so far.
    credited: usize,
}

impl Game<'_> {
    fn say(&self, text: impl AsRef<str>) -> anyhow::Result<()> {
        self.context.printer.data(text)
    }

    fn begin(&self, record: &Record) -> anyhow::Result<()> {
        self.say(format!("{} ({})", name_of(&record.spec), record.place))?;
        self.say(prompt(&record.spec))?;
        self.tools()?;
        self.say("`help` says how to play")
    }

    fn tools(&self) -> anyhow::Result<()> {
        for (at, tool) in self.arena.spec().tools.iter().enumerate() {
            self.say(format!(
                "  {}. {}\n     {}",
                at + 1,
                signature(&tool.doc),
                brief(&tool.doc.description, 200)
            ))?;
        }
        Ok(())
    }

    fn play(&mut self) -> anyhow::Result<ExitStatus> {
        let episode = Episode::open(self.runtime, &self.arena, self.options.clone())?;
        let agent = episode.agent();
        for line in lines() {
            match parse_line(&line?, &self.arena.spec().tools) {
                Ok(Line::Nothing) => {}
                Ok(Line::Help) => self.say(HELP)?,
                Ok(Line::Tools) => self.tools()?,
                Ok(Line::Prompt) => self.say(prompt(self.arena.spec()))?,
                Ok(Line::Quit) => return self.end(&episode, None),
                Ok(Line::Answer(text)) => return self.end(&episode, Some(text)),
                Ok(Line::Call { name, arguments }) => {
                    let id = format!("call_{}", self.calls.len() + 1);
                    let call = ToolCall { id, name, arguments };
                    for answer in pollster::block_on(agent.call(std::slice::from_ref(&call)))? {
                        self.say(format!("→ {}", answer.content))?;
                    }
                    self.calls.push(call);
                    self.progress()?;
                }
                Err(problem) => self.say(format!("? {problem}"))?,
            }
        }
        self.end(&episode, None)
    }

    /// Says what the last call was worth.
    fn progress(&mut self) -> anyhow::Result<()> {
        let shadow = Episode::open(self.runtime, &self.arena, self.options.clone())?;
        let agent = shadow.agent();
        for call in &self.calls {
            pollster::block_on(agent.call(std::slice::from_ref(call)))?;
        }
        let score = shadow.finish(&[], &Stop::TurnLimit)?;
        let parts = score.components;
        if !self.arena.spec().answerable {
            return self.say(format!("  {} calls so far", parts.calls));
        }
        // A state goal may be met now and lost again, so the number can fall.
        let last = self.calls.len() - 1;
        let credits: Vec<&str> = score
            .credits
            .iter()
            .filter(|credit| credit.call.map_or(parts.credited > self.credited, |call| call == last))
            .map(|credit| credit.goal.as_str())
            .collect();
        self.credited = parts.credited;
        let what = if credits.is_empty() { "no goal".to_owned() } else { credits.join(", ") };
        self.say(format!(
            "  reached {what}; {} of {} goals in {} calls; F1 so far {:.3}",
            parts.credited,
            parts.goals,
            parts.calls,
            parts.f1()
        ))
    }

    fn end(&self, episode: &Episode, answer: Option<String>) -> anyhow::Result<ExitStatus> {
        let (messages, stop) = if let Some(text) = answer {
            (vec![Message::answer(text)], Stop::Answered)
        } else {
            self.say("left without an answer")?;
            (Vec::new(), Stop::TurnLimit)
        };
        let log = episode.log();
        let score = episode.finish(&messages, &stop)?;
        if self.context.printer.json {
            self.context.printer.json(&score)?;
        } else {
            self.say(describe(&score, &log))?;
        }
        Ok(ExitStatus::Done)
    }
}

/// A score for people: the number, what it is made of, and which call credited which goal.
pub(crate) fn describe(score: &EpisodeScore, log: &[CallRecord]) -> String {
    let parts = score.components;
    let mut lines = vec![
        format!("reward {} ({:?})", text_of(&score.reward), score.variant),
        format!(
            "  F1 {}, recall {}, precision {}, answer {}",
            text_of(&score.f1),
            text_of(&score.recall),
            text_of(&score.precision),
            text_of(&score.answer)
        ),
        format!(
            "  {} of {} goals, {} gold calls, {} calls counted ({} invalid, {} to irrelevant tools), {} failed by injection",
            parts.credited,
            parts.goals,
            parts.gold_calls,
            parts.calls,
            parts.invalid,
            parts.irrelevant,
            parts.injected
        ),
    ];
    for credit in &score.credits {
        let by = match credit.call.and_then(|call| Some((call + 1, log.get(call)?))) {
            Some((number, record)) => {
                format!("call {number}: {}({})", record.call.name, record.call.arguments)
            }
            None => "the final state".to_owned(),
        };
        lines.push(format!("  {} ← {by}", credit.goal));
    }
    if !score.process.is_empty() {
        let steps: Vec<String> = score.process.iter().map(|step| format!("{step:.3}")).collect();
        lines.push(format!("  process reward by turn: {}", steps.join(" ")));
    }
    lines.join("\n")
}

/// A score as a number, or why there is none.
pub(crate) fn text_of(score: &Score) -> String {
    match score {
        Score::Measured(value) => format!("{value:.3}"),
        Score::NotApplicable { why } => format!("n/a ({why})"),
        Score::Unjudged { why } => format!("unjudged ({why})"),
    }
}

/// Lines of stdin, with a prompt sign where a person types.
fn lines() -> impl Iterator<Item = anyhow::Result<String>> {
    let ask = std::io::stdin().is_terminal();
    std::iter::from_fn(move || {
        if ask {
            let mut stdout = std::io::stdout().lock();
            if write!(stdout, "> ").and_then(|()| stdout.flush()).is_err() {
                return Some(Err(OutputClosed.into()));
            }
        }
        let mut bytes = Vec::new();
        match std::io::stdin().lock().read_until(b'\n', &mut bytes) {
            Ok(0) => None,
            // What is not text becomes a replacement character, and then no tool has that name.
            Ok(_) => Some(Ok(String::from_utf8_lossy(&bytes).trim().to_owned())),
            Err(error) => Some(Err(error.into())),
        }
    })
}
