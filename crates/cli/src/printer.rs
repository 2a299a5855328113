//! Where words go: data to stdout, talk and progress to stderr. Colour only underlines what the words say already.
//!
//! `anstream` strips colour when the stream is no terminal or `NO_COLOR` is set; the progress line exists only on a
//! terminal.

use crate::failure::OutputClosed;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use owo_colors::OwoColorize;
use std::borrow::Cow;
use std::io::{ErrorKind, IsTerminal, Write};

/// How much to say on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verbosity {
    /// Errors only.
    Quiet,
    /// What happens.
    Normal,
    /// And why.
    Verbose,
}

/// Prints. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    verbosity: Verbosity,
    /// Whether data are JSON.
    pub(crate) json: bool,
    /// Whether data are wanted at all.
    data: bool,
}

impl Printer {
    pub(crate) fn new(verbosity: Verbosity, json: bool) -> Self {
        Self { verbosity, json, data: true }
    }

    /// For a command that is a step of another one: talk goes where it went, data are the other's business.
    pub(crate) fn of_a_step(self) -> Self {
        Self { data: false, json: false, ..self }
    }

    /// Data: text for stdout, ending its line.
    pub(crate) fn data(self, text: impl AsRef<str>) -> anyhow::Result<()> {
        self.piece(format!("{}\n", text.as_ref().trim_end_matches('\n')))
    }

    /// A piece of data that goes on.
    pub(crate) fn piece(self, text: impl AsRef<str>) -> anyhow::Result<()> {
        if self.data { to_stdout(text.as_ref()) } else { Ok(()) }
    }

    /// One JSON object a line.
    pub(crate) fn json(self, value: &impl serde::Serialize) -> anyhow::Result<()> {
        self.data(serde_json::to_string(value)?)
    }

    /// Talk: what happens.
    pub(crate) fn say(self, text: impl AsRef<str>) {
        if self.verbosity >= Verbosity::Normal {
            to_stderr(text.as_ref());
        }
    }

    /// Talk for those who asked for it.
    pub(crate) fn detail(self, text: impl AsRef<str>) {
        if self.verbosity >= Verbosity::Verbose {
            to_stderr(text.as_ref());
        }
    }

    /// Something that goes on although it deserves attention.
    pub(crate) fn warn(self, text: impl AsRef<str>) {
        if self.verbosity >= Verbosity::Normal {
            to_stderr(&format!("{} {}", "warning:".yellow().bold(), text.as_ref()));
        }
    }

    /// An error with its causes, then its hints. Also when all else is quiet.
    #[expect(clippy::unused_self, reason = "all words go through the printer")]
    pub(crate) fn error(self, error: &anyhow::Error) {
        let mut messages = crate::failure::messages(error).into_iter();
        to_stderr(&format!("{} {}", "error:".red().bold(), messages.next().unwrap_or_default()));
        for cause in messages {
            to_stderr(&format!("  because: {cause}"));
        }
        for hint in crate::failure::hints(error) {
            to_stderr(&format!("{} {hint}", "hint:".cyan().bold()));
        }
    }

    /// A next step outside of an error.
    pub(crate) fn hint(self, text: impl AsRef<str>) {
        self.say(format!("{} {}", "hint:".cyan().bold(), text.as_ref()));
    }

    /// What is asked for, on the line where the answer is typed.
    pub(crate) fn prompt(self, text: &str) {
        if self.verbosity >= Verbosity::Normal {
            let _ = write!(anstream::stderr().lock(), "{text}");
        }
    }

    /// A piece of talk that goes on, apart from the data.
    pub(crate) fn aside(self, text: &str) {
        if self.verbosity >= Verbosity::Normal && !text.is_empty() {
            let _ = write!(anstream::stderr().lock(), "{}", text.dimmed());
        }
    }

    /// A progress line; hidden where nobody watches.
    pub(crate) fn progress(self, total: usize, what: impl Into<Cow<'static, str>>) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::hidden());
        if self.verbosity >= Verbosity::Normal && std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
        }
        let template = "{prefix} {bar:24} {pos}/{len} {per_sec}, {eta} left {wide_msg}";
        // The template is a constant; were it ever wrong, the plain bar does.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.with_prefix(what)
    }
}

fn to_stdout(text: &str) -> anyhow::Result<()> {
    let mut stdout = anstream::stdout().lock();
    write!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(|error| {
        if error.kind() == ErrorKind::BrokenPipe {
            anyhow::Error::new(OutputClosed)
        } else {
            anyhow::Error::new(error).context("could not write to stdout")
        }
    })
}

/// A broken stderr leaves nobody to tell.
fn to_stderr(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}
