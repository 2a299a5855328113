//! What an evaluation says: tables for people, one object for machines (its fields stand in `docs/evaluation.md`).

use crate::Context;
use crate::evaluating::Episodes;
use crate::playing::{ABSENT, with_interval};
use crate::table::Table;
use astra_eval::{
    Comparison, Difference, Estimate, Evaluation, Measures, Metric, Paired, TurnCounts, Verdict, evaluate,
};
use serde::Serialize;
use serde_json::Value as Json;
use std::path::Path;

/// Version of the object.
const VERSION: u32 = 1;

/// Numbers of one policy, or of two and what lies between them.
#[derive(Debug)]
pub(super) struct Report {
    /// F1 from which an episode succeeds.
    pub(super) success: f64,
    /// What shaped the episodes.
    pub(super) settings: Json,
    pub(super) policy: PolicyReport,
    pub(super) against: Option<PolicyReport>,
    pub(super) comparison: Option<Comparison>,
}

/// Numbers of one policy.
#[derive(Debug, Serialize)]
pub(super) struct PolicyReport {
    name: String,
    /// Episodes asked for and not played.
    not_played: usize,
    /// What went wrong in the turns of this run; not of episodes that an earlier run played.
    #[serde(skip_serializing_if = "Option::is_none")]
    turns: Option<TurnCounts>,
    #[serde(flatten)]
    evaluation: Evaluation,
}

impl PolicyReport {
    pub(super) fn of(name: &str, episodes: &Episodes, success: f64) -> anyhow::Result<Self> {
        let evaluation = evaluate(&episodes.records, success)?;
        Ok(Self { name: name.to_owned(), not_played: episodes.not_played, turns: None, evaluation })
    }

    /// With what the player counted, where it wrote any turn.
    pub(super) fn with_turns(self, turns: Option<TurnCounts>) -> Self {
        Self { turns: turns.filter(|counts| counts.turns > 0), ..self }
    }
}

impl Report {
    fn to_json(&self) -> anyhow::Result<Json> {
        let Self { success, settings, policy, against, comparison } = self;
        let mut object = serde_json::json!({
            "version": VERSION, "success": success, "settings": settings, "policy": policy,
        });
        if let Some(against) = against {
            object["against"] = serde_json::to_value(against)?;
        }
        if let Some(comparison) = comparison {
            object["comparison"] = serde_json::to_value(comparison)?;
        }
        Ok(object)
    }

    /// Writes the object as `summary.json` into the folder.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(&self.to_json()?)?;
        std::fs::write(folder.join("summary.json"), text + "\n")?;
        Ok(())
    }

    /// Prints.
    pub(super) fn print(&self, context: &Context) -> anyhow::Result<()> {
        let printer = context.printer;
        if printer.json {
            return printer.json(&self.to_json()?);
        }
        for policy in [Some(&self.policy), self.against.as_ref()].into_iter().flatten() {
            printer.data(self.overview(policy).to_string())?;
            printer.data("")?;
            printer.data(groups(policy).to_string())?;
            printer.data("")?;
        }
        if let (Some(comparison), Some(against)) = (&self.comparison, &self.against) {
            printer.data(differences(comparison, &self.policy, against).to_string())?;
            printer.data("")?;
            printer.data(verdict(comparison, &self.policy.name, &against.name))?;
        }
        printer.say("mean [95 % bootstrap interval over arenas]");
        Ok(())
    }

    /// Every number over all episodes, one a row.
    fn overview(&self, policy: &PolicyReport) -> Table {
        let all = &policy.evaluation.all;
        let mut table = Table::new(&[&policy.name, "mean", "95 % interval", "arenas"], 1..4);
        let mut row = |name: String, digits: usize, estimate: Option<&Estimate>| {
            let cells = match estimate {
                Some(Estimate { mean, low, high, n }) => {
                    let interval = format!("[{low:.digits$}, {high:.digits$}]");
                    vec![name, format!("{mean:.digits$}"), interval, n.to_string()]
                }
                None => vec![name, ABSENT.to_owned(), ABSENT.to_owned(), "0".to_owned()],
            };
            table.row(cells);
        };
        for metric in Metric::ALL {
            row(metric.as_str().to_owned(), digits(metric), all.metrics.get(&metric));
        }
        for one in &all.pass_hat_k {
            row(format!("pass^{} (F1 ≥ {})", one.k, self.success), 3, Some(&one.estimate));
        }
        let mut count = |name: &str, count: usize| table.row(vec![name.to_owned(), count.to_string()]);
        count("episodes", all.episodes);
        count("masked", all.masked);
        if policy.not_played > 0 {
            count("not played", policy.not_played);
        }
        table
    }
}

/// Digits behind the point: shares need three, counts two.
fn digits(metric: Metric) -> usize {
    match metric {
        Metric::F1 | Metric::Recall | Metric::Precision | Metric::Answer | Metric::Validity => 3,
        Metric::Calls | Metric::Turns | Metric::OutputTokens => 2,
    }
}

/// The numbers that fit on a line, one group a row.
fn groups(policy: &PolicyReport) -> Table {
    const SHOWN: [Metric; 5] =
        [Metric::F1, Metric::Recall, Metric::Precision, Metric::Validity, Metric::Calls];
    let mut headings = vec!["by", "arenas that are"];
    headings.extend(SHOWN.map(Metric::as_str));
    headings.extend(["arenas", "episodes", "masked"]);
    let mut table = Table::new(&headings, 2..headings.len());
    for group in &policy.evaluation.groups {
        let Measures { episodes, masked, arenas, metrics, .. } = &group.measures;
        let mut row = vec![group.by.to_string(), group.value.clone()];
        row.extend(SHOWN.map(|metric| match metrics.get(&metric) {
            Some(Estimate { mean, low, high, .. }) => with_interval(*mean, *low, *high, digits(metric)),
            None => ABSENT.to_owned(),
        }));
        row.extend([arenas, episodes, masked].map(ToString::to_string));
        table.row(row);
    }
    table
}

/// Means and differences over the same pairs of episodes, so that the difference is that of the means.
fn differences(comparison: &Comparison, policy: &PolicyReport, against: &PolicyReport) -> Table {
    let headings = ["difference", &policy.name, &against.name, "mean [95 % interval]", "arenas"];
    let mut table = Table::new(&headings, 1..headings.len());
    for (metric, Paired { policy, against, difference }) in &comparison.differences {
        let digits = digits(*metric);
        table.row(vec![
            metric.as_str().to_owned(),
            format!("{policy:.digits$}"),
            format!("{against:.digits$}"),
            signed(*difference, digits),
            difference.n.to_string(),
        ]);
    }
    table
}

fn signed(Difference { mean, low, high, .. }: Difference, digits: usize) -> String {
    // Adding 0 makes of −0 a 0.
    let [mean, low, high] = [mean, low, high].map(|end| end + 0.0);
    format!("{mean:+.digits$} [{low:+.digits$}, {high:+.digits$}]")
}

/// The comparison in one sentence.
fn verdict(comparison: &Comparison, policy: &str, against: &str) -> String {
    let f1 = comparison.differences.get(&Metric::F1).map_or(String::new(), |f1| signed(f1.difference, 3));
    let Comparison { verdict, arenas, pairs, unpaired, .. } = comparison;
    let said = match verdict {
        Verdict::Better => format!("better: {policy} than {against}"),
        Verdict::Worse => format!("worse: {policy} than {against}"),
        Verdict::NoDifferenceShown => format!("no difference shown between {policy} and {against}"),
        Verdict::TooFewArenas => {
            format!("too few arenas to tell {policy} from {against}: at least 6 are needed")
        }
    };
    let lonely = match unpaired {
        0 => String::new(),
        1.. => format!("; {unpaired} episodes have no partner"),
    };
    format!("{said}; F1 {f1} at 95 % over {arenas} arenas, {pairs} pairs{lonely}")
}
