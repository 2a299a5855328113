//! `astra eval compare`: two evaluations that were kept with `--out`, paired by arena and sample.

use super::report::{PolicyReport, Report};
use crate::Context;
use crate::evaluating;
use crate::failure::{ExitStatus, InputError};
use astra_eval::{CompareError, compare};
use astra_store::Stage;
use clap::Args;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Arguments of `eval compare`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra eval compare runs/eval-sft runs/eval-base")]
pub(crate) struct CompareArguments {
    /// The policy's evaluation: a folder that `astra eval arenas --out` wrote
    policy: PathBuf,
    /// The other policy's evaluation
    against: PathBuf,
    /// An episode succeeds when its F1 is at least this; for pass^k
    #[arg(long, value_name = "F1", default_value_t = 1.0)]
    success: f64,
}

/// Compares.
pub(crate) fn run(arguments: &CompareArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let success = super::success(arguments.success)?;
    let (stage, first) = evaluating::open(&arguments.policy)?;
    let (other_stage, second) = evaluating::open(&arguments.against)?;
    check_conditions(&stage, &other_stage)?;
    if stage.inputs != other_stage.inputs {
        context.printer.warn("the two played other sets of arenas; only what both played is compared");
    }
    let comparison = compare(&first.records, &second.records).map_err(|error| match error {
        CompareError::OtherSeed { .. } | CompareError::NothingInCommon => {
            InputError::new(error.to_string()).hint("play the same arenas with the same `--seed`").into()
        }
        CompareError::UnequalRuns { .. } | CompareError::Statistics(_) => anyhow::Error::new(error),
    })?;
    let (name, other) = (arguments.policy.display().to_string(), arguments.against.display().to_string());
    let report = Report {
        success,
        settings: stage.settings,
        policy: PolicyReport::of(&name, &first, success)?,
        against: Some(PolicyReport::of(&other, &second, success)?),
        comparison: Some(comparison),
    };
    report.print(context)?;
    Ok(ExitStatus::Done)
}

/// Two policies compare only under the same conditions: everything but the policy must be equal.
fn check_conditions(policy: &Stage, against: &Stage) -> anyhow::Result<()> {
    let fields = |stage: &Stage| stage.settings.as_object().cloned().unwrap_or_default();
    let (left, right) = (fields(policy), fields(against));
    let names: BTreeSet<&String> = left.keys().chain(right.keys()).filter(|name| *name != "policy").collect();
    let shown = |value: Option<&Json>| value.map_or("absent".to_owned(), ToString::to_string);
    let mut differences: Vec<String> = names
        .into_iter()
        .map(|name| (name, left.get(name), right.get(name)))
        .filter(|(_, left, right)| left != right)
        .map(|(name, left, right)| format!("`{name}` is {} and {}", shown(left), shown(right)))
        .collect();
    // Distractors are drawn from the arenas that were loaded.
    if left.get("distractors").is_some_and(|bands| !bands.is_null()) && policy.inputs != against.inputs {
        differences.push("their distractors come from other sets of arenas".to_owned());
    }
    if differences.is_empty() {
        return Ok(());
    }
    Err(InputError::new(format!("the two were played under other conditions: {}", differences.join("; ")))
        .hint("play both with the same settings; only the policy may differ")
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_policy_may_differ() {
        let stage = |settings: Json| Stage::new("eval arenas", settings);
        let base = stage(json!({"seed": 1, "policy": "oracle", "distractors": null}));
        let mut other = stage(json!({"seed": 1, "policy": "null", "distractors": null}));
        other.inputs.insert("arenas".into(), "x".into());
        assert!(check_conditions(&base, &other).is_ok());
        let error = check_conditions(&base, &stage(json!({"seed": 2, "distractors": "1,1,1"}))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the two were played under other conditions: `distractors` is null and \"1,1,1\"; `seed` is 1 and 2"
        );
        let bands = |id: &str| {
            let mut stage = stage(json!({"distractors": "1,1,1"}));
            stage.inputs.insert("arenas".into(), id.into());
            stage
        };
        assert!(check_conditions(&bands("x"), &bands("x")).is_ok());
        assert!(check_conditions(&bands("x"), &bands("y")).is_err());
    }
}
