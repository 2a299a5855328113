//! `astra train ablate`: what each part of the training is worth. One factor at a time from the default, several seeds,
//! all measured on the same held-out arenas.
//!
//! ```text
//! OUT/ARM-SEED/            run folder of `train grpo` (or `train sft`)
//! OUT/evaluation/ARM-SEED/ its episodes on the held-out arenas
//! OUT/ablations.md         a table and a figure (QUESTION.svg) a question
//! OUT/summary.json         the same numbers
//! ```
//!
//! Every run is a command of its own that continues where it was stopped and refuses other settings, so the whole does,
//! too. More seeds or questions may be asked for later in the same folder.

mod arms;
mod findings;

use crate::failure::{ExitStatus, InputError};
use crate::script::Line;
use crate::{Context, evaluating, recipe};
use arms::{Arm, Places, Question};
use astra_train::Sft;
use astra_train::grpo::Grpo;
use clap::{Args, ValueEnum};
use findings::{All, Finding, Runs};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Arguments of `ablate`.
#[derive(Args, Debug)]
#[command(
    after_help = "Example: astra train ablate run/split/train --held-out run/split/held-out --model run/sft/model --base run/base --traces run/traces.jsonl --out runs/ablate"
)]
pub(crate) struct AblateArguments {
    /// Arenas to learn in
    arenas: PathBuf,
    /// Arenas to measure with, which share nothing with the others (`astra arenas split`)
    #[arg(long, value_name = "DIR")]
    held_out: PathBuf,
    /// Fine-tuned model, from which the default starts: `model` in the run folder of `train sft`
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Model before the fine-tuning
    #[arg(long, value_name = "DIR")]
    base: Option<PathBuf>,
    /// Traces that it was fine-tuned on
    #[arg(long, value_name = "FILE")]
    traces: Option<PathBuf>,
    /// What to ask [default: everything that the given files allow]
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_enum)]
    questions: Vec<Question>,
    /// Seeds of the trainings
    #[arg(long, value_name = "S", value_delimiter = ',', default_value = "1,2,3")]
    seeds: Vec<u64>,
    /// Steps of each training
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    /// Folder for runs, tables and figures; the same command continues there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Options of `astra train grpo` for all variants, after `--`
    #[arg(last = true, value_name = "OPTION")]
    given: Vec<String>,
}

/// Trains, measures, compares.
pub(crate) fn run(arguments: &AblateArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let questions = questions(arguments)?;
    let places = Places {
        arenas: &arguments.arenas,
        held_out: &arguments.held_out,
        model: &arguments.model,
        base: arguments.base.as_deref(),
        traces: arguments.traces.as_deref(),
        out: &arguments.out,
    };
    let arms: BTreeSet<Arm> =
        questions.iter().flat_map(|question| question.arms()).copied().chain([Arm::Default]).collect();
    let total = arms.len() * arguments.seeds.len();
    let mut all = All::new();
    // Seed by seed, so that what there is so far compares all variants.
    for (round, seed) in arguments.seeds.iter().enumerate() {
        for (at, arm) in arms.iter().enumerate() {
            let number = round * arms.len() + at + 1;
            context.printer.say(format!("{number} of {total}: {}, seed {seed}", arm.name()));
            let status = train(*arm, *seed, &places, arguments, context)?;
            if status != ExitStatus::Done {
                return Ok(status);
            }
            let runs = all.entry(*arm).or_default();
            add(runs, *arm, *seed, &places)?;
        }
    }
    report(&questions, &all, arguments, context)
}

/// The questions that were asked, or that can be.
fn questions(arguments: &AblateArguments) -> Result<Vec<Question>, InputError> {
    let missing = |question: Question| match question {
        Question::Reward | Question::Mixing | Question::Filling => None,
        Question::Start => arguments.base.is_none().then_some("--base"),
        // Its length is that of the fine-tuning before, whose metrics stand beside its model.
        Question::Control => arguments.traces.is_none().then_some("--traces"),
    };
    let seeds: BTreeSet<u64> = arguments.seeds.iter().copied().collect();
    if seeds.len() < arguments.seeds.len() {
        return Err(InputError::new("`--seeds` names one seed twice"));
    }
    if arguments.questions.is_empty() {
        let all = Question::value_variants().iter().copied();
        return Ok(all.filter(|question| missing(*question).is_none()).collect());
    }
    let questions: BTreeSet<Question> = arguments.questions.iter().copied().collect();
    for question in &questions {
        if let Some(option) = missing(*question) {
            return Err(InputError::new(format!("the question `{}` needs `{option}`", question.name())));
        }
    }
    Ok(questions.into_iter().collect())
}

/// Trains one variant with one seed and measures it; what is done, the lines find done.
fn train(
    arm: Arm,
    seed: u64,
    places: &Places<'_>,
    arguments: &AblateArguments,
    context: &Context,
) -> anyhow::Result<ExitStatus> {
    let line: Option<Line> = match arm {
        Arm::Start => None,
        Arm::More => Some(more(seed, places)?),
        Arm::Default
        | Arm::RecallOnly
        | Arm::PrecisionOnly
        | Arm::NoMixing
        | Arm::RandomMixing
        | Arm::NoFilling
        | Arm::FromBase => Some(places.grpo(arm, seed, arguments.steps, &arguments.given)),
    };
    for line in line.into_iter().chain([places.measure(arm, seed)]) {
        let status = line.run(context)?;
        if status != ExitStatus::Done {
            return Ok(status);
        }
    }
    Ok(ExitStatus::Done)
}

/// The control: as many tokens as the default of the same seed learned from, which is trained before.
fn more(seed: u64, places: &Places<'_>) -> anyhow::Result<Line> {
    let Some(traces) = places.traces else {
        return Err(InputError::new("the question `control` needs `--traces`").into());
    };
    let sft_run = places.model.parent().unwrap_or(places.model);
    let sft = Sft::history(sft_run).map_err(|error| {
        InputError::new(format!("the fine-tuning of `{}` left no metrics: {error}", places.model.display()))
            .hint("`--model` is `model` in the run folder of `astra train sft`, which says how many tokens a step has")
    })?;
    let grpo = Grpo::history(&places.run(Arm::Default, seed))?;
    let steps = recipe::steps_for_as_many_tokens(&sft, &grpo);
    Ok(recipe::sft(traces, places.model, steps, &places.run(Arm::More, seed)).number("--seed", seed))
}

fn add(runs: &mut Runs, arm: Arm, seed: u64, places: &Places<'_>) -> anyhow::Result<()> {
    runs.episodes.push(evaluating::open(&places.evaluation(arm, seed))?.1.records);
    if !matches!(arm, Arm::Start | Arm::More) {
        runs.histories.push(Grpo::history(&places.run(arm, seed))?);
    }
    Ok(())
}

fn report(
    questions: &[Question],
    all: &All,
    arguments: &AblateArguments,
    context: &Context,
) -> anyhow::Result<ExitStatus> {
    let findings: Vec<Finding> =
        questions.iter().map(|question| Finding::of(*question, all)).collect::<anyhow::Result<_>>()?;
    let seeds: Vec<String> = arguments.seeds.iter().map(u64::to_string).collect();
    let arenas = all[&Arm::Default].episodes.first().map_or(0, Vec::len);
    let mut text = format!(
        "# Ablations\n\n{} steps a training, seeds {}, {arenas} held-out episodes a model, sampled as in training. Means with 95 % \
         intervals that resample held-out arenas and seeds together; differences are paired by arena and seed.\n",
        arguments.steps,
        seeds.join(", "),
    );
    for finding in &findings {
        text.push('\n');
        text += &finding.markdown();
        let (name, svg) = finding.file()?;
        std::fs::write(arguments.out.join(name), svg)?;
    }
    let summary = json!({
        "version": 1, "steps": arguments.steps, "seeds": arguments.seeds, "arenas": arenas, "given": arguments.given,
        "questions": findings,
    });
    std::fs::write(arguments.out.join("ablations.md"), &text)?;
    std::fs::write(arguments.out.join("summary.json"), serde_json::to_string_pretty(&summary)? + "\n")?;
    if context.printer.json {
        context.printer.json(&summary)?;
    } else {
        context.printer.data(text)?;
    }
    Ok(ExitStatus::Done)
}
