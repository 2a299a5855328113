//! The report of a run: one self-contained HTML file, rendered from `summary.json` and nothing else.
//!
//! Everything a person may want to check stands in the summary, so a report can be rendered again later and a script
//! can read the same numbers. No request leaves the page; it follows the reader's light or dark setting.

mod episode;
mod figure;

pub(crate) use episode::Conversation;
pub(crate) use figure::{Curve, Figure, Panel, smoothed};

use crate::playing::{Measure, PolicyNumbers};
use crate::publish::Funnel;
use anyhow::Context as _;
use astra_eval::{Comparison, Difference, Metric, Verdict};
use indexmap::IndexMap;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, context};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::Path;

/// Version of `summary.json`.
pub(crate) const SUMMARY_VERSION: u32 = 1;

const TEMPLATE: &str = include_str!("report.html.j2");

/// `summary.json` of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RunSummary {
    pub(crate) version: u32,
    /// The command that made it.
    pub(crate) command: String,
    pub(crate) versions: Versions,
    pub(crate) seed: u64,
    /// Resolved settings.
    pub(crate) settings: Json,
    pub(crate) arenas: ArenaCounts,
    pub(crate) funnel: Funnel,
    pub(crate) policies: IndexMap<String, PolicyNumbers>,
    pub(crate) sandbox: Vec<Layer>,
    pub(crate) episode: Option<Conversation>,
    /// Where models were trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) training: Option<Training>,
}

/// What models learned.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Training {
    /// Arenas that were learned from.
    pub(crate) arenas: usize,
    /// The commands, in order.
    pub(crate) lines: Vec<String>,
    pub(crate) comparisons: Vec<Compared>,
    /// What policies earn in arenas of another kind, which language models wrote.
    #[serde(default)]
    pub(crate) out_of_distribution: IndexMap<String, PolicyNumbers>,
    pub(crate) figures: Vec<Figure>,
    /// One held-out episode before the last training and after it.
    pub(crate) before: Option<Conversation>,
    pub(crate) after: Option<Conversation>,
}

/// One policy minus another on the same episodes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Compared {
    pub(crate) policy: String,
    pub(crate) against: String,
    pub(crate) arenas: usize,
    /// What F1 shows.
    pub(crate) verdict: Verdict,
    /// Differences by metric, with 95 % intervals that resample arenas.
    pub(crate) differences: BTreeMap<Metric, Measure>,
}

impl Compared {
    pub(crate) fn of(policy: &str, against: &str, comparison: &Comparison) -> Self {
        let differences = comparison.differences.iter().map(|(metric, paired)| {
            let Difference { mean, low, high, .. } = paired.difference;
            (*metric, Measure { mean, low, high })
        });
        Self {
            policy: policy.to_owned(),
            against: against.to_owned(),
            arenas: comparison.arenas,
            verdict: comparison.verdict,
            differences: differences.collect(),
        }
    }
}

impl std::fmt::Display for Compared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { policy, against, arenas, verdict, differences } = self;
        write!(f, "{policy} − {against}:")?;
        if let Some(Measure { mean, low, high }) = differences.get(&Metric::F1) {
            write!(f, " F1 {mean:+.3} [{low:+.3}, {high:+.3}]")?;
        }
        let verdict = serde_json::to_value(verdict).unwrap_or_default();
        let verdict = verdict.as_str().unwrap_or_default().replace('_', " ");
        write!(f, " over {arenas} arenas: {verdict}")
    }
}

/// What ran.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Versions {
    pub(crate) astra: String,
    pub(crate) revision: Option<String>,
    pub(crate) python: String,
}

/// The arenas of a run, counted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ArenaCounts {
    pub(crate) count: usize,
    pub(crate) answerable: usize,
    pub(crate) tools: usize,
    pub(crate) domains: BTreeMap<String, usize>,
    pub(crate) classes: BTreeMap<String, usize>,
}

/// One protection.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Layer {
    pub(crate) layer: String,
    /// Absent when it is enforced.
    pub(crate) missing: Option<String>,
}

/// Writes `summary.json` and `report.html` into a run's folder.
pub(crate) fn write(folder: &Path, summary: &RunSummary) -> anyhow::Result<()> {
    std::fs::write(folder.join("summary.json"), serde_json::to_string_pretty(summary)? + "\n")
        .with_context(|| format!("could not write `summary.json` in `{}`", folder.display()))?;
    render_to(folder, summary)
}

/// Writes `report.html` into a run's folder.
pub(crate) fn render_to(folder: &Path, summary: &RunSummary) -> anyhow::Result<()> {
    std::fs::write(folder.join("report.html"), render(summary)?)
        .with_context(|| format!("could not write `report.html` in `{}`", folder.display()))
}

/// One row of the table by topology: a group and each policy's F1 there.
#[derive(Debug, Serialize)]
struct GroupRow {
    topology: String,
    hops: usize,
    n: usize,
    cells: Vec<Option<Measure>>,
}

/// Beside models, those that guess add nothing but width.
const LAZY: [&str; 4] = ["null", "random", "default", "dump"];

fn render(summary: &RunSummary) -> anyhow::Result<String> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_filter("fixed", |value: f64, digits: usize| format!("{value:.digits$}"));
    environment.add_filter("percent", |value: f64| format!("{:.1}%", value.clamp(0.0, 1.0) * 100.0));
    environment.add_filter("signed", |value: f64| format!("{value:+.3}"));
    environment.add_template("report", TEMPLATE)?;
    let columns: IndexMap<String, &PolicyNumbers> = summary
        .policies
        .iter()
        .filter(|(name, _)| summary.training.is_none() || !LAZY.contains(&name.as_str()))
        .map(|(name, numbers)| (name.clone(), numbers))
        .collect();
    let groups = groups(&columns);
    let columns: Vec<String> = columns.into_keys().collect();
    let settings = serde_json::to_string_pretty(&summary.settings)?;
    let most = summary.funnel.drawn.max(1) as f64;
    let figures: Vec<String> = match &summary.training {
        Some(training) => training.figures.iter().map(Figure::inline).collect::<anyhow::Result<_>>()?,
        None => Vec::new(),
    };
    let page = environment.get_template("report")?;
    Ok(page.render(context! {
        summary => Value::from(Serde(summary)),
        groups => Value::from(Serde(groups)),
        columns,
        settings,
        most,
        figures,
    })?)
}

fn groups(columns: &IndexMap<String, &PolicyNumbers>) -> Vec<GroupRow> {
    // In the order of the policies' own groups, which go from simple to complex.
    let mut rows: IndexMap<(String, usize), GroupRow> = IndexMap::new();
    for (at, numbers) in columns.values().enumerate() {
        for group in &numbers.groups {
            let key = (group.topology.clone(), group.hops);
            let row = rows.entry(key).or_insert_with(|| GroupRow {
                topology: group.topology.replace('_', " "),
                hops: group.hops,
                n: 0,
                cells: vec![None; columns.len()],
            });
            row.n = row.n.max(group.numbers.n);
            row.cells[at] = group.numbers.intervals.get("f1").cloned();
        }
    }
    rows.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playing::Numbers;

    fn training(measure: Measure) -> Training {
        let points = vec![(1.0, 0.1), (2.0, 0.3)];
        let curve = Curve { name: "<i>reward</i>".into(), points, band: Vec::new() };
        let panel = Panel { title: "reward".into(), across: "step".into(), curves: vec![curve] };
        Training {
            arenas: 7,
            lines: vec!["$ astra train grpo '<b>'".into()],
            comparisons: vec![Compared {
                policy: "grpo".into(),
                against: "sft".into(),
                arenas: 3,
                verdict: Verdict::Better,
                differences: [(Metric::F1, measure)].into(),
            }],
            out_of_distribution: IndexMap::new(),
            figures: vec![Figure { caption: "how it went".into(), panels: vec![panel] }],
            before: None,
            after: None,
        }
    }

    fn summary() -> RunSummary {
        let measure = Measure { mean: 0.5, low: 0.25, high: 0.75 };
        let numbers = Numbers {
            f1: Some(0.5),
            recall: Some(0.5),
            precision: Some(0.5),
            calls: Some(2.0),
            n: 3,
            masked: 0,
            intervals: [("f1".to_owned(), measure.clone())].into(),
        };
        let group =
            crate::playing::GroupNumbers { topology: "multi_hop".into(), hops: 2, numbers: numbers.clone() };
        let random = PolicyNumbers { all: numbers, groups: vec![group] };
        RunSummary {
            version: SUMMARY_VERSION,
            command: "quickstart".into(),
            versions: Versions { astra: "0.1.0".into(), revision: None, python: "3.11.7".into() },
            seed: 7,
            settings: serde_json::json!({"x": "</pre><script>alert(1)</script>"}),
            arenas: ArenaCounts { count: 3, answerable: 3, ..ArenaCounts::default() },
            funnel: Funnel { drawn: 4, accepted: 3, ..Funnel::default() },
            policies: [("grpo".to_owned(), random.clone())].into(),
            sandbox: vec![Layer { layer: "seccomp".into(), missing: Some("no <kernel> support".into()) }],
            episode: None,
            training: Some(Training {
                out_of_distribution: [("elsewhere".to_owned(), random)].into(),
                ..training(measure)
            }),
        }
    }

    #[test]
    fn a_report_is_self_contained_and_escapes_what_it_shows() {
        let page = render(&summary()).unwrap();
        assert!(page.contains("0.500") && page.contains("multi hop") && page.contains("[0.250, 0.750]"));
        assert!(page.contains("<svg ") && page.contains("+0.500") && page.contains("&lt;b&gt;"));
        assert!(page.contains("<td>grpo</td>") && page.contains("<td>elsewhere</td>"));
        assert!(
            !page.contains("<i>reward</i>")
                && !page.contains("<script>alert")
                && page.contains("no &lt;kernel&gt; support")
        );
        for outside in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!page.contains(outside), "the page reaches out: {outside}");
        }
    }

    #[test]
    fn a_summary_survives_being_written_and_read() {
        let text = serde_json::to_string(&summary()).unwrap();
        let again: RunSummary = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), text);
        assert_eq!(render(&again).unwrap(), render(&summary()).unwrap());
    }
}
