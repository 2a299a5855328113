//! What a training shows while it runs: on a terminal a row a quantity with its course so far, elsewhere a line now and then.

use crate::printer::Printer;
use indicatif::{ProgressBar, ProgressStyle};
use std::fmt::Write as _;

/// Columns of a course.
const COLUMNS: usize = 32;
/// From low to high.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The screen of a training.
pub(super) struct Live {
    printer: Printer,
    bar: ProgressBar,
    /// Steps between two lines where nobody watches.
    every: u64,
    rows: Vec<Row>,
    beside: String,
}

struct Row {
    name: &'static str,
    course: Vec<f64>,
    now: String,
}

impl Live {
    pub(super) fn new(printer: Printer, steps: u64) -> Self {
        let bar = printer.progress(usize::try_from(steps).unwrap_or(usize::MAX), "training");
        // The template is a constant; were it ever wrong, the plain bar does.
        if let Ok(style) =
            ProgressStyle::with_template("{prefix} {bar:24} {pos}/{len} {per_sec}, {eta} left  {msg}")
        {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { printer, bar, every: (steps / 20).max(1), rows: Vec::new(), beside: String::new() }
    }

    /// So many steps were done by an earlier run.
    pub(super) fn began(&mut self, done: u64, steps: u64) {
        if done > 0 {
            self.printer.say(format!("continuing after step {done} of {steps}"));
        }
        self.bar.set_position(done);
        self.bar.reset_eta();
    }

    /// A quantity after a step, and what stands behind its course.
    pub(super) fn row(&mut self, name: &'static str, value: Option<f64>, now: String) {
        let place = self.rows.iter().position(|row| row.name == name);
        let place = place.unwrap_or_else(|| {
            self.rows.push(Row { name, course: Vec::new(), now: String::new() });
            self.rows.len() - 1
        });
        let row = &mut self.rows[place];
        row.course.extend(value);
        row.now = now;
    }

    /// What happens within a step.
    pub(super) fn beside(&mut self, text: String) {
        self.beside = text;
        self.draw();
    }

    /// A step is done. `line` is for where nobody watches; it is said when it is due.
    pub(super) fn stepped(&mut self, step: u64, line: &str, is_due: bool) {
        self.beside.clear();
        self.bar.set_position(step);
        self.draw();
        if self.bar.is_hidden() && (is_due || step.is_multiple_of(self.every)) {
            self.printer.say(format!("step {step}  {line}"));
        }
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn draw(&self) {
        if !self.bar.is_hidden() {
            self.bar.set_message(self.text());
        }
    }

    fn text(&self) -> String {
        let mut text = self.beside.clone();
        for Row { name, course, now } in &self.rows {
            let _ = write!(text, "\n  {name:<10} {:<COLUMNS$}  {now}", sparkline(course));
        }
        text
    }
}

/// The course of a quantity: means over equal parts of it, from its lowest to its highest.
fn sparkline(course: &[f64]) -> String {
    let columns = course.len().min(COLUMNS);
    let means: Vec<f64> = (0..columns)
        .map(|column| {
            let part = &course[column * course.len() / columns..(column + 1) * course.len() / columns];
            part.iter().sum::<f64>() / part.len() as f64
        })
        .collect();
    let low = means.iter().copied().fold(f64::INFINITY, f64::min);
    let high = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let level = |mean: f64| -> char {
        let place = if high > low { (mean - low) / (high - low) * (LEVELS.len() - 1) as f64 } else { 0.0 };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to 7, and 0 for no number"
        )]
        let place = place.round() as usize;
        LEVELS[place.min(LEVELS.len() - 1)]
    };
    means.into_iter().map(level).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::printer::Verbosity;

    #[test]
    fn a_course_goes_from_its_lowest_to_its_highest() {
        assert_eq!(sparkline(&[]), "");
        assert_eq!(sparkline(&[3.0, 3.0]), "▁▁");
        assert_eq!(sparkline(&[0.0, 3.5, 7.0, f64::NAN]), "▁▅█▁");
        let long: Vec<f64> = (0..1000).map(f64::from).collect();
        let line: Vec<char> = sparkline(&long).chars().collect();
        assert_eq!((line.len(), line[0], line[COLUMNS - 1]), (COLUMNS, '▁', '█'));
        assert!(line.is_sorted());
    }

    #[test]
    fn a_quantity_keeps_its_row_and_what_is_absent_leaves_no_mark() {
        let mut live = Live::new(Printer::new(Verbosity::Quiet, false), 10);
        live.row("reward", Some(0.25), "0.250".to_owned());
        live.row("calls", Some(2.0), "2.0".to_owned());
        live.row("reward", None, "–".to_owned());
        live.row("reward", Some(0.5), "0.500".to_owned());
        live.beside("3 of 8 groups".to_owned());
        let text = live.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert_eq!(lines[0], "3 of 8 groups");
        assert!(lines[1].contains("reward     ▁█ ") && lines[1].ends_with("0.500"), "{text}");
        assert!(lines[2].contains("calls      ▁ "), "{text}");
    }
}
