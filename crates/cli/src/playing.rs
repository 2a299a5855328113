//! Policies over arenas, and the numbers that `solve` prints and `summary.json` keeps.

use crate::engine::Engine;
use crate::interrupt::Interrupt;
use crate::printer::Printer;
use crate::settings::Settings;
use crate::table::Table;
use astra_arena::distractors::{BandCounts, DistractorPool};
use astra_arena::{Arena, EpisodeLimits, RewardVariant};
use astra_eval::{
    Company, EpisodeRecord, Estimate, Played, Player, SolveOptions, Summary, TurnCounts, solve, summarise,
    summarise_by,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Mean and interval, as tables show them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measure {
    pub(crate) mean: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// A policy's numbers over some episodes. The plain fields are means, so that scripts can read them directly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Numbers {
    /// Trajectory-level F1; absent when nothing could be scored.
    pub(crate) f1: Option<f64>,
    pub(crate) recall: Option<f64>,
    pub(crate) precision: Option<f64>,
    pub(crate) calls: Option<f64>,
    /// Episodes scored.
    pub(crate) n: usize,
    /// Episodes masked because something other than the policy broke.
    pub(crate) masked: usize,
    /// 95 % bootstrap intervals of the means.
    pub(crate) intervals: BTreeMap<String, Measure>,
}

/// A policy's numbers, whole and by topology and hops.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PolicyNumbers {
    #[serde(flatten)]
    pub(crate) all: Numbers,
    pub(crate) groups: Vec<GroupNumbers>,
}

/// The episodes of one topology and depth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct GroupNumbers {
    pub(crate) topology: String,
    pub(crate) hops: usize,
    #[serde(flatten)]
    pub(crate) numbers: Numbers,
}

impl From<Summary> for Numbers {
    fn from(summary: Summary) -> Self {
        let measures = [
            ("f1", &summary.f1),
            ("recall", &summary.recall),
            ("precision", &summary.precision),
            ("calls", &summary.calls),
            ("answer", &summary.answer),
        ];
        let intervals = measures
            .into_iter()
            .filter_map(|(name, estimate)| {
                let Estimate { mean, low, high, .. } = (*estimate)?;
                Some((name.to_owned(), Measure { mean, low, high }))
            })
            .collect();
        Self {
            f1: summary.f1.map(|estimate| estimate.mean),
            recall: summary.recall.map(|estimate| estimate.mean),
            precision: summary.precision.map(|estimate| estimate.mean),
            calls: summary.calls.map(|estimate| estimate.mean),
            n: summary.n,
            masked: summary.masked,
            intervals,
        }
    }
}

impl PolicyNumbers {
    pub(crate) fn of(episodes: &[EpisodeRecord]) -> Self {
        let groups = summarise_by(episodes)
            .into_iter()
            .map(|((topology, hops), summary)| GroupNumbers {
                topology: topology.as_str().to_owned(),
                hops,
                numbers: summary.into(),
            })
            .collect();
        Self { all: summarise(episodes).into(), groups }
    }

    pub(crate) fn of_played(played: &[Played]) -> Self {
        Self::of(&played.iter().map(EpisodeRecord::of).collect::<Vec<_>>())
    }
}

/// How arenas are played, as settings mean it.
pub(crate) fn options(settings: &Settings, samples: usize, bands: Option<BandCounts>) -> SolveOptions {
    SolveOptions {
        seed: settings.seed,
        samples,
        threads: settings.threads.get(),
        failure_rate: settings.episode.failure_rate,
        limits: EpisodeLimits { max_calls: settings.episode.max_calls, ..EpisodeLimits::default() },
        variant: variant(settings),
        max_turns: settings.episode.max_turns,
        bands,
    }
}

/// The reward that the settings name.
pub(crate) fn variant(settings: &Settings) -> RewardVariant {
    match settings.episode.reward.as_str() {
        "recall" => RewardVariant::Recall,
        "precision" => RewardVariant::Precision,
        "f1_answer" => RewardVariant::F1Answer,
        // The catalogue admits these four words only.
        _ => RewardVariant::F1,
    }
}

/// Everything that a run of policies shares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) options: &'a SolveOptions,
    pub(crate) pool: Option<&'a DistractorPool>,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) printer: Printer,
}

impl Stage<'_> {
    /// Plays one policy over arenas, with a progress line.
    pub(crate) fn play(&self, arenas: &[Arc<Arena>], player: &dyn Player) -> anyhow::Result<Vec<Played>> {
        let bar = self.printer.progress(arenas.len() * self.options.samples, player.name().to_owned());
        let mut heard = |_: &Played| bar.inc(1);
        let company = Company { pool: self.pool, stop: self.interrupt.flag(), on_done: &mut heard };
        let played = solve(&self.engine.runtime, arenas, player, self.options, company);
        bar.finish_and_clear();
        Ok(played?)
    }
}

/// Masked episodes above this share mean that something is wrong with the arenas or with us.
const MASKED_SHARE: f64 = 0.02;

/// Says how many episodes were masked, with an example.
pub(crate) fn warn_of_masked(masked: usize, of: usize, example: Option<&str>, printer: Printer) {
    if masked == 0 {
        return;
    }
    let share = masked as f64 / of as f64;
    let loud = if share > MASKED_SHARE { "; that is above 2 %: do not trust the means" } else { "" };
    printer.warn(format!("{masked} of {of} episodes masked{loud}"));
    if let Some(example) = example {
        printer.warn(format!("for example {example}"));
    }
}

/// Says what went wrong in a model's turns: its owner may want longer turns or another template.
pub(crate) fn warn_of_turns(player: &dyn Player, printer: Printer) {
    let Some(TurnCounts { turns, cut, overflowed, malformed }) = player.turns() else { return };
    let name = player.name();
    if cut > 0 {
        printer.warn(format!("{name}: {cut} of {turns} turns were cut at `--max-turn-tokens`"));
    }
    if overflowed > 0 {
        printer.warn(format!("{name}: {overflowed} episodes ended because its context was full"));
    }
    if malformed > 0 {
        printer.warn(format!("{name}: {malformed} calls in {turns} turns could not be read"));
    }
}

/// What tables show for a number that was not measured.
pub(crate) const ABSENT: &str = "–";

/// A mean with its interval, as tables show it.
pub(crate) fn with_interval(mean: f64, low: f64, high: f64, digits: usize) -> String {
    format!("{mean:.digits$} [{low:.digits$}, {high:.digits$}]")
}

/// The headings of tables of numbers.
const HEADINGS: [&str; 6] = ["F1", "recall", "precision", "calls", "n", "masked"];

/// A table by topology and hops, the whole last.
pub(crate) fn group_table(numbers: &PolicyNumbers) -> Table {
    let mut headings = vec!["topology", "hops"];
    headings.extend(HEADINGS);
    let mut table = Table::new(&headings, 1..headings.len());
    for group in &numbers.groups {
        table.row([vec![group.topology.clone(), group.hops.to_string()], cells(&group.numbers)].concat());
    }
    table.row([vec!["all".to_owned(), String::new()], cells(&numbers.all)].concat());
    table
}

/// A table with one policy a row.
pub(crate) fn policy_table<'a>(policies: impl IntoIterator<Item = (&'a str, &'a PolicyNumbers)>) -> Table {
    let mut headings = vec!["policy"];
    headings.extend(HEADINGS);
    let mut table = Table::new(&headings, 1..headings.len());
    for (name, numbers) in policies {
        table.row([vec![name.to_owned()], cells(&numbers.all)].concat());
    }
    table
}

fn cells(numbers: &Numbers) -> Vec<String> {
    let shown = |name: &str, digits: usize| match numbers.intervals.get(name) {
        Some(Measure { mean, low, high }) => with_interval(*mean, *low, *high, digits),
        None => ABSENT.to_owned(),
    };
    vec![
        shown("f1", 3),
        shown("recall", 3),
        shown("precision", 3),
        shown("calls", 2),
        numbers.n.to_string(),
        numbers.masked.to_string(),
    ]
}
