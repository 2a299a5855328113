//! What became of a stage's records, and what a stage will cost before it runs.

use crate::printer::Printer;
use astra_agent::models::{ModelSettings, Spent};
use astra_store::{FieldError, Shard, StageOptions, Summary, parse_json, read_records, write_json};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// What a record takes in each stage where every answer is good: answers, tokens read, tokens written. Means of the
/// worked corpus at four bytes a token; a model that reasons writes more.
const USUAL: [(&str, [u64; 3]); 4] = [
    ("decompose", [1, 640, 510]),
    ("check", [2, 1280, 460]),
    ("build", [4, 10_840, 11_810]),
    ("merge", [2, 3000, 1000]),
];

/// About what something costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Estimate {
    answers: u64,
    input_tokens: u64,
    output_tokens: u64,
    cost: f64,
}

impl Estimate {
    /// Of so many records in a stage, each asked once.
    pub(super) fn of(stage: &str, model: &ModelSettings, records: u64) -> Self {
        let usual = USUAL.iter().find(|(name, _)| *name == stage).map_or([0; 3], |(_, usual)| *usual);
        let [answers, input_tokens, output_tokens] = usual.map(|each| each * records);
        let cost = |tokens: u64, price: f64| tokens as f64 * price / 1e6;
        Self {
            answers,
            input_tokens,
            output_tokens,
            cost: cost(input_tokens, model.price.input) + cost(output_tokens, model.price.output),
        }
    }
}

impl std::iter::Sum for Estimate {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |sum, part| Self {
            answers: sum.answers + part.answers,
            input_tokens: sum.input_tokens + part.input_tokens,
            output_tokens: sum.output_tokens + part.output_tokens,
            cost: sum.cost + part.cost,
        })
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { answers, input_tokens, output_tokens, cost } = self;
        write!(f, "{answers} answers, {input_tokens} tokens read, {output_tokens} written, cost {cost:.2}")
    }
}

/// What became of a stage's records.
#[derive(Debug, Serialize)]
pub(super) struct StageFunnel<'s> {
    stage: &'s str,
    records: u64,
    accepted: u64,
    rejected: BTreeMap<String, u64>,
    failed: BTreeMap<String, u64>,
    /// The first error of each boundary.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    errors: BTreeMap<String, String>,
    /// What the runs of this folder spent, by kind of question.
    spent: BTreeMap<String, Spent>,
}

#[derive(Deserialize)]
struct FailedLine {
    boundary: String,
    error: String,
}

/// What an earlier run of the folder left.
#[derive(Deserialize)]
struct Kept {
    funnel: KeptFunnel,
}

#[derive(Deserialize)]
struct KeptFunnel {
    spent: BTreeMap<String, Spent>,
}

impl<'s> StageFunnel<'s> {
    /// Reads what failed, adds what earlier runs spent, and keeps all of it beside the manifest.
    pub(super) fn of(
        stage: &'s str,
        summary: &Summary,
        mut spent: BTreeMap<String, Spent>,
        options: &StageOptions<'_>,
    ) -> anyhow::Result<Self> {
        let beside =
            |name: &str, end: &str| options.out.join(format!("{name}{}.{end}", suffix(options.shard)));
        let mut failed: BTreeMap<String, u64> = BTreeMap::new();
        let mut errors = BTreeMap::new();
        let failures = beside("failed", "jsonl");
        if summary.tally.failed > 0 && failures.exists() {
            let read = parse_json::<FailedLine> as fn(&str) -> Result<FailedLine, FieldError>;
            for line in read_records(&failures, read)? {
                let FailedLine { boundary, error } = line?.value;
                *failed.entry(boundary.clone()).or_default() += 1;
                errors.entry(boundary).or_insert(error);
            }
        }
        let file = beside("summary", "json");
        // A folder that is not resumed is refused before, so what is there is an earlier run's.
        add(&mut spent, &file);
        let funnel = Self {
            stage,
            records: summary.tally.done(),
            accepted: summary.tally.accepted,
            rejected: summary.rejected_by.clone(),
            failed,
            errors,
            spent,
        };
        write_json(&file, &serde_json::json!({"funnel": funnel}))?;
        Ok(funnel)
    }

    /// Prints it.
    pub(super) fn tell(&self, printer: Printer) -> anyhow::Result<()> {
        if printer.json {
            return printer.json(self);
        }
        let Self { stage, records, accepted, .. } = self;
        printer.data(format!("{stage}: {accepted} of {records} records"))?;
        for (reason, count) in &self.rejected {
            printer.data(format!("  {count:>5} rejected: {reason}"))?;
        }
        for (boundary, count) in &self.failed {
            let error = self.errors.get(boundary).and_then(|error| error.lines().next()).unwrap_or_default();
            printer.data(format!("  {count:>5} failed: {boundary}: {error}"))?;
        }
        Ok(())
    }
}

/// Adds what earlier runs of the folder spent, where they could still say it.
fn add(spent: &mut BTreeMap<String, Spent>, file: &Path) {
    let kept = std::fs::read(file).ok().and_then(|text| serde_json::from_slice::<Kept>(&text).ok());
    for (prompt, before) in kept.into_iter().flat_map(|kept| kept.funnel.spent) {
        let now = spent.entry(prompt).or_default();
        *now = *now + before;
    }
}

fn suffix(shard: Option<Shard>) -> String {
    shard.map_or(String::new(), |shard| format!("-{:05}-of-{:05}", shard.index(), shard.of()))
}
