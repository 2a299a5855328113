//! The loop of GRPO: it learns what pays, and a run that was broken off ends as one that was not.

use crate::bandit::{Bandit, Rule, backend};
use crate::world::Result;
use astra_train::grpo::{Grpo, GrpoMetrics, GrpoSettings, GrpoWatch, StepTime};
use astra_train::{Ended, TrainError};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Raises the flag after a step, or between two rounds of one.
struct StopAt<'a> {
    after_step: Option<u64>,
    in_step: Option<u64>,
    done: u64,
    flag: &'a AtomicBool,
}

impl GrpoWatch for StopAt<'_> {
    fn began(&mut self, done: u64, _: u64) {
        self.done = done;
    }

    fn rolled_out(&mut self, _: usize, _: usize) {
        if self.in_step == Some(self.done + 1) {
            self.flag.store(true, Ordering::Relaxed);
        }
    }

    fn stepped(&mut self, metrics: &GrpoMetrics) {
        self.done = metrics.step;
        if self.after_step == Some(metrics.step) {
            self.flag.store(true, Ordering::Relaxed);
        }
    }
}

#[derive(Clone, Copy)]
enum Until {
    End,
    After(u64),
    Within(u64),
}

/// Runs until done or stopped; the bits of all weights, and how it ended.
fn run(rule: Rule, settings: &GrpoSettings, folder: &Path, until: Until) -> Result<(Vec<u32>, Ended)> {
    let flag = AtomicBool::new(false);
    let (after_step, in_step) = match until {
        Until::End => (None, None),
        Until::After(step) => (Some(step), None),
        Until::Within(step) => (None, Some(step)),
    };
    let mut watch = StopAt { after_step, in_step, done: 0, flag: &flag };
    let environment = Bandit::new(rule, 5);
    let mut backend = backend(3)?;
    let ended = Grpo::open(settings, &environment, &mut backend, folder)?.run(&flag, &mut watch)?;
    let bits = backend.learner().weights().data().iter().map(|weight| weight.to_bits()).collect();
    Ok((bits, ended))
}

fn history(folder: &Path) -> Result<Vec<GrpoMetrics>> {
    let mut history = Grpo::history(folder)?;
    for step in &mut history {
        step.time = StepTime::default();
    }
    Ok(history)
}

fn settings() -> GrpoSettings {
    GrpoSettings {
        steps: 9,
        groups: 3,
        group_size: 4,
        lr: 1e-2,
        concurrency: 8,
        checkpoint_every: 2,
        ..GrpoSettings::default()
    }
}

#[test]
fn the_better_of_two_arms_is_pulled_95_times_of_100_within_20_steps() {
    let world = tempfile::tempdir().unwrap();
    let settings = GrpoSettings { steps: 20, groups: 4, group_size: 16, ..settings() };
    run(Rule::TwoArms, &settings, world.path(), Until::End).unwrap();
    let history = history(world.path()).unwrap();
    let rewards: Vec<f64> = history.iter().filter_map(|step| step.rollouts.reward).collect();
    assert!(rewards[0] < 0.75, "nothing is known at first: {rewards:?}");
    assert!(rewards.iter().any(|reward| *reward >= 0.95), "{rewards:?}");
}

#[test]
fn a_run_that_was_killed_or_stopped_ends_with_the_bits_of_one_that_was_not() {
    let world = tempfile::tempdir().unwrap();
    let folder = |name: &str| world.path().join(name);
    let settings = GrpoSettings { checkpoint_every: 1, ..settings() };
    let (unbroken, ended) = run(Rule::EvenShare, &settings, &folder("unbroken"), Until::End).unwrap();
    assert_eq!(ended, Ended::Complete);
    let expected = history(&folder("unbroken")).unwrap();
    assert!(expected.iter().any(|step| step.rollouts.masked > 0));
    let mut pairs = expected[..7].windows(2);
    let full = pairs.find(|pair| pair[0].waiting > 0 && pair[1].carried > 0);
    let full = full.expect("a checkpoint holds groups of which the next step learns")[0].step;

    let broken = folder("broken");
    let (_, ended) = run(Rule::EvenShare, &settings, &broken, Until::After(full + 1)).unwrap();
    assert_eq!(ended, Ended::Stopped);
    // A kill would not have left the last checkpoint, and could have left a torn line and a half-written folder.
    let checkpoint = |name: &str, step: u64| broken.join(format!("checkpoints/{name}-{step:08}"));
    std::fs::remove_dir_all(checkpoint("step", full + 1)).unwrap();
    std::fs::create_dir(checkpoint("writing", full + 2)).unwrap();
    let metrics = broken.join("metrics.jsonl");
    std::fs::write(&metrics, std::fs::read_to_string(&metrics).unwrap() + "{\"step\":6,\"lo").unwrap();
    let (_, ended) = run(Rule::EvenShare, &settings, &broken, Until::Within(full + 2)).unwrap();
    assert_eq!(ended, Ended::Stopped);
    let (resumed, ended) = run(Rule::EvenShare, &settings, &broken, Until::End).unwrap();
    assert_eq!(ended, Ended::Complete);
    assert_eq!(resumed, unbroken, "the same bits");
    assert_eq!(history(&broken).unwrap(), expected);
}

#[test]
fn how_many_episodes_run_at_a_time_changes_nothing() {
    let world = tempfile::tempdir().unwrap();
    let at = |concurrency: usize| -> Result<_> {
        let folder = world.path().join(concurrency.to_string());
        let settings = GrpoSettings { concurrency, steps: 3, ..settings() };
        let (bits, _) = run(Rule::EvenShare, &settings, &folder, Until::End)?;
        Ok((bits, history(&folder)?))
    };
    assert_eq!(at(1).unwrap(), at(11).unwrap());
}

#[test]
fn what_a_step_says_adds_up() {
    let world = tempfile::tempdir().unwrap();
    let settings = GrpoSettings { steps: 6, ..settings() };
    run(Rule::EvenShare, &settings, world.path(), Until::End).unwrap();
    let history = history(world.path()).unwrap();
    let mut waiting = 0;
    for step in &history {
        assert_eq!(step.rollouts.rollouts, step.groups * settings.group_size);
        assert!(step.rollouts.masked < step.rollouts.rollouts && step.valid_groups <= step.groups);
        assert_eq!(step.waiting + step.batch_groups + step.dropped, waiting + step.valid_groups);
        waiting = step.waiting;
        assert!(step.rollouts.response_tokens.is_some_and(|tokens| (tokens - 4.0).abs() < 1e-9));
        assert!(step.rollouts.turns.is_some_and(|turns| (turns - 2.0).abs() < 1e-9));
        assert_eq!(step.rollouts.recall, None, "a bandit has no goals");
        let update = step.update.unwrap();
        assert!(update.learned_tokens > 0 && update.learned_tokens <= step.batch_groups * 4 * 4);
        assert!(update.entropy > 0.0 && update.entropy <= 32_f64.ln() + 1e-3);
        assert!(update.drift >= 0.0 && update.grad_norm > 0.0);
        assert!(step.carried == 0 || step.age > 0.0);
    }
    let first = history[0].update.unwrap();
    assert!(
        first.drift < 1e-6 && first.loss.abs() < 0.5,
        "nothing has moved before the first step: {first:?}"
    );
}

#[test]
fn without_a_difference_in_three_steps_the_run_ends_and_says_what_to_do() {
    for (rule, named) in [(Rule::Nothing, "0 rollouts masked"), (Rule::Broken, "the power is out")] {
        let world = tempfile::tempdir().unwrap();
        let error = run(rule, &settings(), world.path(), Until::End).unwrap_err();
        let error = error.downcast::<TrainError>().unwrap();
        assert!(matches!(*error, TrainError::Barren { step: 3, steps: 3, rolled: 24, .. }), "{error}");
        assert!(error.to_string().contains(named), "{error}");
        assert!(error.hints()[0].contains("--group-size"));
        let history = history(world.path()).unwrap();
        assert!(history.iter().all(|step| step.update.is_none() && step.batch_groups == 0));
    }
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_rolled_out() {
    let world = tempfile::tempdir().unwrap();
    for (settings, named) in [
        (GrpoSettings { group_size: 1, ..settings() }, "group_size"),
        (GrpoSettings { groups: 0, ..settings() }, "groups"),
        (GrpoSettings { temperature: 0.0, ..settings() }, "temperature"),
        (GrpoSettings { lr: f64::NAN, ..settings() }, "lr"),
    ] {
        let error = run(Rule::TwoArms, &settings, world.path(), Until::End).unwrap_err();
        assert!(error.to_string().contains(named), "{error}");
    }
}
