//! Necessity and the paper's four dimensions, judged for every step (paper §4.1, eq. 13–18).
//!
//! The score of a dimension is the mean of its verdicts, the quality the mean of the four. With several judgements a verdict
//! needs more than half of them, and how far they agree is reported. A judge that leaves out a verdict is asked again; one
//! that never gives it leaves the record unjudged, which is a rejection and no score.

use super::ask::{Asker, Ended, Question, Role, each_once, list, names, object, plain};
use super::decompose::Decomposed;
use super::value::shown;
use astra_protocol::Step;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// What a decomposition is judged on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// What a step takes for known is what its predecessors give.
    Dependency,
    /// A step asks for one thing.
    Atomicity,
    /// A step comes after others only because it must.
    Sequence,
    /// The steps cover the question.
    Completeness,
}

/// What judges said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Mean of the four dimensions.
    pub quality: f64,
    /// Mean of each dimension's verdicts.
    pub dimensions: BTreeMap<Dimension, f64>,
    /// Share of verdicts that agree with what was decided; 1 with one judgement.
    pub agreement: f64,
    /// Judgements of each kind.
    pub samples: u32,
    /// Reasons of the first judgement, by step; the whole's under `all`.
    pub reasons: BTreeMap<String, String>,
    /// The model that judged.
    pub judge: String,
}

/// A decomposition with its judgement; `needs_tool` of its steps is decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// The decomposition.
    pub decomposed: Decomposed,
    /// What judges said of it.
    pub judgement: Judgement,
}

/// Which checked records are used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Threshold {
    /// Those of at least this quality.
    Quality(f64),
    /// Those of at least the quality below which this percentage of the records lies (nearest rank).
    Percentile(f64),
}

/// A threshold that was worked out over all records.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Eligible {
    /// Least quality.
    pub quality: f64,
}

impl Threshold {
    /// The least quality, given that of all judged records.
    pub fn over(self, qualities: &[f64]) -> Eligible {
        match self {
            Self::Quality(quality) => Eligible { quality },
            Self::Percentile(percentile) => {
                let mut sorted = qualities.to_vec();
                sorted.sort_by(f64::total_cmp);
                let rank = (percentile / 100.0 * sorted.len() as f64).ceil();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "clamped to the list"
                )]
                let at = (rank.max(1.0) as usize).min(sorted.len());
                Eligible { quality: sorted.get(at.wrapping_sub(1)).copied().unwrap_or(0.0) }
            }
        }
    }
}

impl Eligible {
    /// Why a record is not used.
    pub fn problem(self, record: &Checked) -> Option<String> {
        let quality = record.judgement.quality;
        // Qualities are means of a few verdicts, and a threshold may be one of them.
        (quality + 1e-9 < self.quality)
            .then(|| format!("quality: {quality:.3} is below the threshold {:.3}", self.quality))
    }
}

fn necessity_schema() -> Json {
    let step =
        object(&[("id", plain("string")), ("needs_tool", plain("boolean")), ("reason", plain("string"))]);
    object(&[("steps", list(&step))])
}

fn verify_schema() -> Json {
    let step = object(&[
        ("id", plain("string")),
        ("dependency", plain("boolean")),
        ("atomicity", plain("boolean")),
        ("sequence", plain("boolean")),
        ("reason", plain("string")),
    ]);
    let requirement = object(&[("what", plain("string")), ("steps", list(&plain("string")))]);
    object(&[
        ("steps", list(&step)),
        ("requirements", list(&requirement)),
        ("completeness", plain("boolean")),
        ("reason", plain("string")),
    ])
}

/// Judges a decomposition `samples` times on each kind of question.
pub fn check(decomposed: &Decomposed, samples: u32, asker: &Asker<'_>) -> Result<Checked, Ended> {
    let decomposition = &decomposed.decomposition;
    let ids: Vec<&str> = decomposition.steps.iter().map(|step| step.id.as_str()).collect();
    let shown_steps: Vec<Json> = decomposition.steps.iter().map(shown_step).collect();
    let of = json!({
        "background": decomposed.background, "question": decomposition.question,
        "answer": shown(&decomposition.answer), "steps": shown_steps,
    });
    let complete = |answer: &Json| each_once(ids.iter().copied(), &names(&answer["steps"], "id"));
    let verified = |answer: &Json| {
        complete(answer)?;
        match answer["requirements"].as_array().map_or(0, Vec::len) {
            0 => Err("`requirements` is empty: a question requires something".to_owned()),
            _ => Ok(()),
        }
    };
    let ask = |name, schema, check: &dyn Fn(&Json) -> Result<(), String>| {
        let asked: Vec<Result<Json, Ended>> = (0..samples)
            .map(|sample| asker.ask(&Question { role: Role::Judge, name, schema, sample, check }, &of))
            .collect();
        asked.into_iter().collect::<Result<Vec<Json>, Ended>>()
    };
    let unjudged = |ended| match ended {
        Ended::Rejected(why) => Ended::Rejected(format!("unjudged: {why}")),
        failed @ Ended::Failed(..) => failed,
    };
    // Both are asked before either is looked at, so that batch files get them in one round.
    let (necessity, verified) =
        (ask("necessity", necessity_schema, &complete), ask("verify", verify_schema, &verified));
    let (necessity, verified) = (necessity.map_err(unjudged)?, verified.map_err(unjudged)?);
    let mut votes = Votes::default();
    let mut decided = decomposed.clone();
    for step in &mut decided.decomposition.steps {
        step.needs_tool = votes.decide(&necessity, |answer| verdict(answer, &step.id, "needs_tool"));
    }
    if let Some(problem) = illegitimate(&decided.decomposition.steps) {
        return Err(Ended::rejected("necessity", problem));
    }
    let mut dimensions = BTreeMap::new();
    for (dimension, field) in [
        (Dimension::Dependency, "dependency"),
        (Dimension::Atomicity, "atomicity"),
        (Dimension::Sequence, "sequence"),
    ] {
        let good =
            ids.iter().filter(|id| votes.decide(&verified, |answer| verdict(answer, id, field))).count();
        dimensions.insert(dimension, good as f64 / ids.len().max(1) as f64);
    }
    let complete = votes.decide(&verified, |answer| answer["completeness"] == json!(true));
    dimensions.insert(Dimension::Completeness, f64::from(u8::from(complete)));
    let quality = dimensions.values().sum::<f64>() / dimensions.len() as f64;
    let first = verified.first().unwrap_or(&Json::Null);
    let mut reasons: BTreeMap<String, String> = first["steps"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|step| Some((step["id"].as_str()?.to_owned(), step["reason"].as_str()?.to_owned())))
        .collect();
    reasons.insert("all".to_owned(), first["reason"].as_str().unwrap_or_default().to_owned());
    let judge = asker.judge.settings().model.clone();
    let judgement = Judgement { quality, dimensions, agreement: votes.agreement(), samples, reasons, judge };
    Ok(Checked { decomposed: decided, judgement })
}

fn shown_step(step: &Step) -> Json {
    json!({
        "id": step.id, "question": step.question, "answer": shown(&step.answer), "depends_on": step.depends_on,
    })
}

/// The verdict of one judgement on a step. Anything but true is false.
fn verdict(answer: &Json, id: &str, field: &str) -> bool {
    let steps = answer["steps"].as_array();
    steps.into_iter().flatten().any(|step| step["id"] == json!(id) && step[field] == json!(true))
}

/// A step that others depend on needs a tool, and some step does.
fn illegitimate(steps: &[Step]) -> Option<String> {
    let is_needed = |step: &Step| steps.iter().any(|other| other.depends_on.contains(&step.id));
    if let Some(step) = steps.iter().find(|step| !step.needs_tool && is_needed(step)) {
        return Some(format!("step `{}` needs no tool, and others depend on it", step.id));
    }
    (!steps.iter().any(|step| step.needs_tool)).then(|| "no step needs a tool".to_owned())
}

/// Verdicts of several judgements, and how far they agree.
#[derive(Debug, Default)]
struct Votes {
    cast: usize,
    with_the_decision: usize,
}

impl Votes {
    /// True when more than half say so.
    fn decide(&mut self, answers: &[Json], says: impl Fn(&Json) -> bool) -> bool {
        let yes = answers.iter().filter(|answer| says(answer)).count();
        let decided = 2 * yes > answers.len();
        self.cast += answers.len();
        self.with_the_decision += if decided { yes } else { answers.len() - yes };
        decided
    }

    fn agreement(&self) -> f64 {
        self.with_the_decision as f64 / self.cast.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_quality_that_is_there() {
        let qualities = [1.0, 0.5, 0.75, 0.9];
        for (percentile, expected) in [(0.0, 0.5), (25.0, 0.5), (50.0, 0.75), (85.0, 1.0), (100.0, 1.0)] {
            let eligible = Threshold::Percentile(percentile).over(&qualities);
            assert!((eligible.quality - expected).abs() < 1e-12, "{percentile}: {}", eligible.quality);
        }
        assert!((Threshold::Quality(0.8).over(&[]).quality - 0.8).abs() < 1e-12);
    }

    #[test]
    fn a_tie_is_no_and_agreement_is_counted() {
        let answers = [json!({"completeness": true}), json!({"completeness": "true"})];
        let mut votes = Votes::default();
        assert!(!votes.decide(&answers, |answer| answer["completeness"] == json!(true)));
        assert!((votes.agreement() - 0.5).abs() < 1e-12);
    }
}
