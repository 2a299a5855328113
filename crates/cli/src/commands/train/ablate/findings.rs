//! What the ablations show: a table and a figure a question, with intervals that resample held-out arenas and training
//! seeds together; the directions that the paper reports, each with whether it shows here.

use super::arms::{Arm, Question};
use crate::playing::{ABSENT, with_interval};
use crate::report::{Curve, Figure, Panel, smoothed};
use astra_eval::{Difference, EpisodeRecord, Estimate, Metric, crossed_difference, crossed_mean};
use astra_train::grpo::GrpoMetrics;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What tables show.
const METRICS: [Metric; 6] =
    [Metric::F1, Metric::Recall, Metric::Precision, Metric::Validity, Metric::Calls, Metric::Turns];

/// What the runs of a variant left, seed by seed.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// Held-out episodes.
    pub(super) episodes: Vec<Vec<EpisodeRecord>>,
    /// Steps of the training; empty where nothing was trained by reinforcement.
    pub(super) histories: Vec<Vec<GrpoMetrics>>,
}

/// Everything, by variant.
pub(super) type All = BTreeMap<Arm, Runs>;

/// One row of a question's table.
#[derive(Debug, Serialize)]
struct Row {
    arm: Arm,
    means: BTreeMap<Metric, Estimate>,
    /// Minus the default; absent for the default itself.
    differences: BTreeMap<Metric, Difference>,
}

/// A direction that is expected.
#[derive(Debug, Serialize)]
struct Direction {
    arm: Arm,
    metric: Metric,
    /// Whether more than the default is expected, or less.
    more: bool,
    found: Option<Difference>,
    /// Whether the whole interval lies on the expected side.
    shows: bool,
}

/// What a question gave.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    question: Question,
    rows: Vec<Row>,
    directions: Vec<Direction>,
    #[serde(skip)]
    figure: Figure,
}

fn expected(question: Question) -> &'static [(Arm, Metric, bool)] {
    match question {
        Question::Reward => &[
            (Arm::RecallOnly, Metric::Calls, true),
            (Arm::PrecisionOnly, Metric::Calls, false),
            (Arm::PrecisionOnly, Metric::Recall, false),
            (Arm::RecallOnly, Metric::F1, false),
            (Arm::PrecisionOnly, Metric::F1, false),
        ],
        Question::Control => &[(Arm::Start, Metric::F1, false), (Arm::More, Metric::F1, false)],
        Question::Mixing | Question::Filling | Question::Start => &[],
    }
}

impl Finding {
    pub(super) fn of(question: Question, all: &All) -> anyhow::Result<Self> {
        let default = &all[&Arm::Default];
        let mut rows = Vec::new();
        for arm in std::iter::once(&Arm::Default).chain(question.arms()) {
            let runs = &all[arm];
            let (mut means, mut differences) = (BTreeMap::new(), BTreeMap::new());
            for metric in METRICS {
                means.extend(crossed_mean(&runs.episodes, metric)?.map(|mean| (metric, mean)));
                if *arm != Arm::Default {
                    let difference = crossed_difference(&runs.episodes, &default.episodes, metric)?;
                    differences.extend(difference.map(|difference| (metric, difference)));
                }
            }
            rows.push(Row { arm: *arm, means, differences });
        }
        let directions = expected(question)
            .iter()
            .map(|&(arm, metric, more)| {
                let row = rows.iter().find(|row| row.arm == arm);
                let found = row.and_then(|row| row.differences.get(&metric)).copied();
                let shows = found.is_some_and(|found| if more { found.low > 0.0 } else { found.high < 0.0 });
                Direction { arm, metric, more, found, shows }
            })
            .collect();
        Ok(Self { question, rows, directions, figure: figure(question, all) })
    }

    /// The figure as an SVG file, and its name.
    pub(super) fn file(&self) -> anyhow::Result<(String, String)> {
        Ok((format!("{}.svg", self.question.name()), self.figure.file()?))
    }

    /// The section of the document.
    pub(super) fn markdown(&self) -> String {
        let mut text = format!("## {}\n\n|  |", self.question.title());
        let names = METRICS.map(|metric| format!(" {} |", metric.as_str()));
        text += &names.concat();
        text += "\n|---|";
        text += &"---|".repeat(METRICS.len());
        for Row { arm, means, differences } in &self.rows {
            let _ = write!(text, "\n| {} ({}) |", arm.name(), arm.about());
            for metric in METRICS {
                let shown = means.get(&metric).map(|one| with_interval(one.mean, one.low, one.high, 3));
                let _ = write!(text, " {} |", shown.unwrap_or_else(|| ABSENT.to_owned()));
            }
            if differences.is_empty() {
                continue;
            }
            let _ = write!(text, "\n| {} − default |", arm.name());
            for metric in METRICS {
                let shown = differences.get(&metric).map(signed);
                let _ = write!(text, " {} |", shown.unwrap_or_else(|| ABSENT.to_owned()));
            }
        }
        text += "\n";
        if !self.directions.is_empty() {
            text += "\n| expected against the default | found | shows |\n|---|---|---|";
            for Direction { arm, metric, more, found, shows } in &self.directions {
                let side = if *more { "more" } else { "less" };
                let found = found.as_ref().map_or_else(|| ABSENT.to_owned(), signed);
                let shows = if *shows { "yes" } else { "no" };
                let _ = write!(text, "\n| {}: {side} {} | {found} | {shows} |", arm.name(), metric.as_str());
            }
            text += "\n";
        }
        let _ = write!(
            text,
            "\n![{}]({}.svg)\n\n{}\n",
            self.question.title(),
            self.question.name(),
            self.figure.caption
        );
        text
    }
}

fn signed(difference: &Difference) -> String {
    let Difference { mean, low, high, .. } = difference;
    format!("{mean:+.3} [{low:+.3}, {high:+.3}]")
}

/// A number of a step.
type Value = fn(&GrpoMetrics) -> Option<f64>;

/// What the training looked like: means over seeds, with the seeds' span.
fn figure(question: Question, all: &All) -> Figure {
    let arms: Vec<Arm> = std::iter::once(Arm::Default).chain(question.arms().iter().copied()).collect();
    let panel = |title: &str, value: Value| {
        let curves = arms.iter().filter_map(|arm| curve(*arm, &all[arm].histories, value)).collect();
        Panel { title: title.to_owned(), across: "step".to_owned(), curves }
    };
    let panels = vec![
        panel("F1 of the rollouts", |step| step.rollouts.f1),
        panel("recall of the rollouts", |step| step.rollouts.recall),
        panel("tool calls an episode", |step| step.rollouts.calls),
    ];
    let caption =
        "During training, on the training arenas: means over seeds and five steps; the band spans the seeds.";
    Figure { caption: caption.to_owned(), panels }
}

fn curve(arm: Arm, histories: &[Vec<GrpoMetrics>], value: Value) -> Option<Curve> {
    let runs: Vec<Vec<(f64, f64)>> = histories
        .iter()
        .map(|history| {
            let points: Vec<(f64, f64)> =
                history.iter().filter_map(|step| Some((step.step as f64, value(step)?))).collect();
            smoothed(&points, 5)
        })
        .collect();
    let length = runs.iter().map(Vec::len).min().filter(|length| *length > 0)?;
    let at = |step: usize| runs.iter().map(move |run| run[step].1);
    let steps = || (0..length).map(|step| (runs[0][step].0, step));
    let points = steps().map(|(x, step)| (x, at(step).sum::<f64>() / runs.len() as f64)).collect();
    let band = steps()
        .map(|(x, step)| {
            (x, at(step).fold(f64::INFINITY, f64::min), at(step).fold(f64::NEG_INFINITY, f64::max))
        })
        .collect();
    Some(Curve { name: arm.name().to_owned(), points, band })
}
