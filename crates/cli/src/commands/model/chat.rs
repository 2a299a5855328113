//! `astra model chat`: a conversation in the terminal. Plain lines in and out, so that a pipe can talk too.
//!
//! What was said stays in the model's cache, so a turn reads only what is new. No tools: what the model writes as a call
//! is shown as text. Reasoning goes to stderr, answers to stdout.

use crate::Context;
use crate::checkpoint;
use crate::failure::ExitStatus;
use crate::printer::Printer;
use astra_model::{
    Calls, Chat, Finish, Generator, Limits, LiveTurn, OpenSequence, Sampling, TemplateChoice, TurnDelta,
    TurnOptions,
};
use astra_protocol::Message;
use clap::Args;
use std::io::{BufRead, IsTerminal};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;

/// Arguments of `chat`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra model chat models/smollm2-135m --system \"Be brief.\"")]
pub(crate) struct ChatArguments {
    /// Folder of the model
    model: PathBuf,
    /// Instructions to the model, before everything else
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// Temperature; 0 always takes the likeliest token
    #[arg(long, value_name = "T", default_value_t = 0.7)]
    temperature: f32,
    /// Keep the likeliest tokens that together have this probability
    #[arg(long, value_name = "P", default_value_t = 0.95)]
    top_p: f32,
    /// Longest answer, in tokens
    #[arg(long, value_name = "N", default_value_t = 512)]
    max_turn_tokens: usize,
}

const HELP: &str = "/reset begins a new conversation, /quit leaves; every other line is said to the model";

/// Talks until the input ends.
pub(crate) fn run(arguments: &ChatArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let sampling = Sampling { top_p: arguments.top_p, ..Sampling::at(arguments.temperature) };
    sampling.check()?;
    let (chat, weights) = checkpoint::open(&arguments.model, TemplateChoice::Auto)?;
    let threads = context.settings.threads.get();
    let mut talk = Talk {
        generator: checkpoint::generator(&weights, threads, NonZeroUsize::MIN)?,
        chat: Arc::new(chat),
        system: arguments.system.clone(),
        sampling,
        max_new: arguments.max_turn_tokens.max(1),
        seed: context.settings.seed,
        under_way: None,
    };
    drop(weights);
    let printer = context.printer;
    let is_terminal = std::io::stdin().is_terminal();
    if is_terminal {
        printer.say(HELP);
    }
    let mut lines = std::io::stdin().lock().lines();
    loop {
        if is_terminal {
            printer.prompt("> ");
        }
        let Some(line) = lines.next() else { return Ok(ExitStatus::Done) };
        match line?.trim() {
            "" => {}
            "/quit" => return Ok(ExitStatus::Done),
            "/reset" => {
                talk.under_way = None;
                printer.say("a new conversation");
            }
            command if command.starts_with('/') => printer.say(format!("? `{command}`: {HELP}")),
            said => talk.answer(said, printer)?,
        }
    }
}

/// A conversation.
struct Talk {
    chat: Arc<Chat>,
    generator: Generator,
    system: Option<String>,
    sampling: Sampling,
    max_new: usize,
    seed: u64,
    under_way: Option<UnderWay>,
}

/// What the model has read and written, and whether its last turn ended with the token that ends turns.
struct UnderWay {
    sequence: OpenSequence,
    ended: bool,
}

impl Talk {
    /// Says something to the model and prints its answer as it is written.
    fn answer(&mut self, said: &str, printer: Printer) -> anyhow::Result<()> {
        let user = Message::User { content: said.to_owned() };
        let (sequence, suffix) = if let Some(UnderWay { sequence, ended }) = self.under_way.take() {
            let mut suffix = if ended { Vec::new() } else { self.chat.end_of_turn().to_vec() };
            suffix.extend(self.chat.continuation(&[user])?);
            (sequence, suffix)
        } else {
            let system = self.system.clone().map(|content| Message::System { content });
            let messages: Vec<Message> = system.into_iter().chain([user]).collect();
            (self.generator.open(self.seed), self.chat.prompt(&[], &messages)?)
        };
        let limits = Limits { max_new: self.max_new, stop: self.chat.stop_ids().to_vec() };
        let (told, tokens) = channel();
        let watch = move |sampled: astra_model::Sampled, _| {
            // Who listens goes only when the process ends.
            let _ = told.send(sampled.token);
        };
        let pending = sequence.turn_watched(suffix, limits, self.sampling, TurnOptions::default(), watch);
        let mut live = LiveTurn::new(Arc::clone(&self.chat), Calls::AsText);
        let mut whole = TurnDelta::default();
        let mut tell = |delta: TurnDelta| -> anyhow::Result<()> {
            if !printer.json {
                printer.aside(&printable(&delta.reasoning));
                printer.piece(printable(&delta.content))?;
            }
            whole.reasoning += &delta.reasoning;
            whole.content += &delta.content;
            Ok(())
        };
        for token in tokens {
            tell(live.push(token))?;
        }
        let turn = pending.wait()?;
        tell(live.finish())?;
        if printer.json {
            let reasoning = (!whole.reasoning.is_empty()).then_some(whole.reasoning);
            let message = Message::Assistant { content: whole.content, reasoning, tool_calls: Vec::new() };
            printer.json(&message.to_openai())?;
        } else {
            printer.piece("\n")?;
        }
        match turn.finish {
            Finish::Stop => {}
            Finish::Length => {
                printer.hint(format!("cut at {} tokens: see `--max-turn-tokens`", self.max_new));
            }
            Finish::Context => printer.hint("the model's context is full: /reset begins a new conversation"),
        }
        self.under_way = Some(UnderWay { sequence, ended: turn.finish == Finish::Stop });
        Ok(())
    }
}

/// Text without control characters: what a model writes must not command a terminal.
fn printable(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t')).collect()
}
