//! The part of `quickstart` that learns: base → fine-tuned → reinforced, and the control that fine-tunes on instead,
//! all four measured on the same held-out arenas.
//!
//! Every step is a command with a run folder of its own, so that a stopped quickstart continues within the step.

use crate::failure::ExitStatus;
use crate::playing::PolicyNumbers;
use crate::report::{Compared, Conversation, Curve, Figure, Panel, Training, smoothed};
use crate::script::Line;
use crate::{Context, embedded, evaluating, recipe, source};
use anyhow::Context as _;
use astra_eval::{EpisodeRecord, compare};
use astra_train::grpo::{Grpo, GrpoMetrics};
use astra_train::{Sft, StepMetrics};
use indexmap::IndexMap;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Share of the arenas that is held out.
const HELD_OUT: f64 = 0.2;

/// How long to learn.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Lesson {
    pub(super) from_scratch: bool,
    pub(super) sft_steps: u64,
    pub(super) grpo_steps: u64,
}

/// What was learned.
pub(super) struct Learned {
    /// Arenas to measure with.
    pub(super) held_out: PathBuf,
    /// Each model's episodes in them.
    pub(super) episodes: IndexMap<&'static str, Vec<EpisodeRecord>>,
    /// For the report.
    pub(super) training: Training,
}

/// Commands that were run, in order.
struct Steps<'a> {
    context: &'a Context,
    lines: Vec<String>,
}

/// A step that did not end well; its command has said why.
#[derive(Debug, thiserror::Error)]
#[error("a step ended early")]
pub(super) struct Unfinished(pub(super) ExitStatus);

impl Steps<'_> {
    /// A step that an earlier run made.
    fn note(&mut self, line: &Line) {
        self.lines.push(line.to_string());
    }

    fn run(&mut self, line: &Line) -> anyhow::Result<()> {
        self.note(line);
        let status = line.run(self.context)?;
        if status == ExitStatus::Done { Ok(()) } else { Err(Unfinished(status).into()) }
    }
}

/// Learns from the arenas in `folder`.
pub(super) fn learn(folder: &Path, lesson: Lesson, context: &Context) -> anyhow::Result<Learned> {
    let mut steps = Steps { context, lines: Vec::new() };
    let base = base(folder, lesson.from_scratch, context)?;
    let split = folder.join("split");
    let (train, held_out) = (split.join("train"), split.join("held-out"));
    let line = Line::new("arenas split")
        .word(folder.join("arenas").display().to_string())
        .option("--by", "entity,shape")
        .number("--held-out", HELD_OUT)
        .path("--seen", &base.keys)
        .path("--out", &split)
        .word("--resume");
    steps.run(&line)?;
    let traces = folder.join("traces.jsonl");
    let out = |name: &str| folder.join(name);
    // A command that was stopped leaves the traces that it has, so only what comes next says that they are whole.
    let line = recipe::traces(&train, &traces);
    if out("sft").exists() {
        steps.note(&line);
    } else {
        steps.run(&line)?;
    }
    steps.run(&recipe::sft(&traces, &base.model, lesson.sft_steps, &out("sft")))?;
    let sft = out("sft").join("model");
    steps.run(
        &recipe::grpo(&train, &sft, lesson.grpo_steps, &out("grpo"))
            .option("--distractors", recipe::DISTRACTORS),
    )?;
    let histories = Histories { sft: Sft::history(&out("sft"))?, grpo: Grpo::history(&out("grpo"))? };
    let more = Line::number(
        recipe::sft(
            &traces,
            &sft,
            recipe::steps_for_as_many_tokens(&histories.sft, &histories.grpo),
            &out("sft-more"),
        ),
        "--seed",
        // The same traces in another order.
        context.settings.seed.wrapping_add(1),
    );
    steps.run(&more)?;
    let mut episodes = IndexMap::new();
    for (name, model) in [
        ("base", base.model),
        ("sft", sft),
        ("sft_more", out("sft-more").join("model")),
        ("grpo", out("grpo").join("model")),
    ] {
        let measured = out("evaluation").join(name);
        steps.run(&recipe::measure(&held_out, &model, &measured))?;
        episodes.insert(name, evaluating::open(&measured)?.1.records);
    }
    let out_of_distribution = out_of_distribution(folder, &mut steps)?;
    let more = Sft::history(&out("sft-more"))?;
    let (before, after) = telling(&held_out, &out("evaluation"), &episodes)?.unzip();
    let training = Training {
        arenas: source::all(&[&train], None, false)?.len(),
        lines: steps.lines,
        comparisons: comparisons(&episodes)?,
        out_of_distribution,
        figures: histories.figures(&more),
        before,
        after,
    };
    Ok(Learned { held_out, episodes, training })
}

/// How the models fare in arenas that language models wrote from knowledge, questions and domains.
fn out_of_distribution(
    folder: &Path,
    steps: &mut Steps<'_>,
) -> anyhow::Result<IndexMap<String, PolicyNumbers>> {
    let arenas = folder.join("out-of-distribution");
    embedded::unpack_corpus(&arenas)?;
    let mut policies = IndexMap::new();
    for name in ["oracle", "sft", "grpo"] {
        let measured = folder.join("evaluation").join(format!("{name}-out-of-distribution"));
        steps.run(&match name {
            "oracle" => recipe::measure_any(&arenas, Path::new(name), &measured),
            model => recipe::measure(&arenas, &folder.join(model).join("model"), &measured),
        })?;
        policies.insert(name.to_owned(), PolicyNumbers::of(&evaluating::open(&measured)?.1.records));
    }
    Ok(policies)
}

/// The model to begin with, and what it has seen.
struct Base {
    model: PathBuf,
    keys: PathBuf,
}

fn base(folder: &Path, from_scratch: bool, context: &Context) -> anyhow::Result<Base> {
    if !from_scratch {
        let model = folder.join("base");
        embedded::unpack_nano(&model)?;
        return Ok(Base { keys: model.join(embedded::KEYS), model });
    }
    let scratch = folder.join("scratch");
    std::fs::create_dir_all(&scratch)?;
    let script = scratch.join("make.sh");
    std::fs::write(&script, embedded::NANO_RECIPE)?;
    context.printer.say(format!("$ bash {} {}", script.display(), scratch.display()));
    let status = std::process::Command::new("bash")
        .arg(&script)
        .arg(&scratch)
        .env("ASTRA", std::env::current_exe()?)
        .stdout(std::process::Stdio::null())
        .status()
        .context("could not start `bash` for the recipe of the base model")?;
    if !status.success() {
        let ended = if status.code() == Some(i32::from(ExitStatus::Interrupted.code())) {
            ExitStatus::Interrupted
        } else {
            ExitStatus::InputFailed
        };
        return Err(Unfinished(ended).into());
    }
    Ok(Base { model: scratch.join("last/model"), keys: scratch.join(embedded::KEYS) })
}

fn comparisons(episodes: &IndexMap<&'static str, Vec<EpisodeRecord>>) -> anyhow::Result<Vec<Compared>> {
    [("sft", "base"), ("grpo", "sft"), ("sft_more", "sft"), ("grpo", "sft_more")]
        .into_iter()
        .map(|(policy, against)| {
            let comparison = compare(&episodes[policy], &episodes[against])?;
            Ok(Compared::of(policy, against, &comparison))
        })
        .collect()
}

/// The episode in which reinforcement changed most, before and after; of several the one of most hops.
fn telling(
    held_out: &Path,
    evaluation: &Path,
    episodes: &IndexMap<&'static str, Vec<EpisodeRecord>>,
) -> anyhow::Result<Option<(Conversation, Conversation)>> {
    let f1 = |one: &EpisodeRecord| one.score.f1.measured();
    let gains = episodes["grpo"].iter().filter_map(|after| {
        let before = episodes["sft"].iter().find(|before| before.arena == after.arena)?;
        Some((f1(after)? - f1(before)?, after))
    });
    let best = gains.max_by(|(left, one), (right, other)| {
        left.total_cmp(right).then(one.hops.cmp(&other.hops)).then(other.arena.cmp(&one.arena))
    });
    let Some((_, best)) = best else { return Ok(None) };
    let records = source::all(&[held_out], None, false)?;
    let Some(record) = records.iter().find(|record| record.spec.id().0 == best.arena) else {
        return Ok(None);
    };
    let show = |name: &str| -> anyhow::Result<Option<Conversation>> {
        let found = evaluating::traces(&evaluation.join(name), &BTreeSet::from([best.arena.as_str()]))?;
        Ok(found.first().map(|(episode, trace)| {
            let trace = astra_protocol::Trace { policy: name.to_owned(), ..trace.clone() };
            Conversation::of(&record.spec, &trace, &episode.score)
        }))
    };
    Ok(show("sft")?.zip(show("grpo")?))
}

/// How the training went.
struct Histories {
    sft: Vec<StepMetrics>,
    grpo: Vec<GrpoMetrics>,
}

impl Histories {
    fn figures(&self, more: &[StepMetrics]) -> Vec<Figure> {
        let offset = self.sft.len() as f64;
        let loss = |name: &str, history: &[StepMetrics], offset: f64| {
            let points: Vec<(f64, f64)> =
                history.iter().map(|step| (offset + step.step as f64, step.loss)).collect();
            Curve { name: name.to_owned(), points: smoothed(&points, 9), band: Vec::new() }
        };
        let of = |name: &str, value: &dyn Fn(&GrpoMetrics) -> Option<f64>| {
            let points: Vec<(f64, f64)> =
                self.grpo.iter().filter_map(|step| Some((step.step as f64, value(step)?))).collect();
            Curve { name: name.to_owned(), points: smoothed(&points, 5), band: Vec::new() }
        };
        let panel = |title: &str, curves: Vec<Curve>| Panel {
            title: title.to_owned(),
            across: "step".to_owned(),
            curves,
        };
        let rewards = vec![
            of("F1", &|step| step.rollouts.f1),
            of("recall", &|step| step.rollouts.recall),
            of("precision", &|step| step.rollouts.precision),
        ];
        let calls = vec![
            of("calls", &|step| step.rollouts.calls),
            of("invalid", &|step| step.rollouts.invalid_calls),
            of("irrelevant", &|step| step.rollouts.irrelevant_calls),
        ];
        vec![
            Figure {
                caption: "Fine-tuning: loss of the assistant's words, and of the control that goes on with it \
                          (means over nine steps)."
                    .to_owned(),
                panels: vec![panel("loss", vec![loss("sft", &self.sft, 0.0), loss("sft_more", more, offset)])],
            },
            Figure {
                caption: "Reinforcement: what an episode earned and did (means over the rollouts of a step and over \
                          five steps)."
                    .to_owned(),
                panels: vec![
                    panel("reward", rewards),
                    panel("tool calls", calls),
                    panel("turns", vec![of("turns", &|step| step.rollouts.turns)]),
                ],
            },
        ]
    }
}
