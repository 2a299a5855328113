//! The loop: it learns, and a run that was broken off ends as one that was not.

use crate::world::{Result, World};
use astra_train::{Ended, LoraSettings, Reading, Samples, Sft, SftSettings, StepMetrics, Watch};
use std::sync::atomic::{AtomicBool, Ordering};

/// Raises the flag after a step.
struct StopAfter<'a> {
    step: u64,
    flag: &'a AtomicBool,
    began: Vec<u64>,
}

impl Watch for StopAfter<'_> {
    fn began(&mut self, done: u64, _: u64) {
        self.began.push(done);
    }

    fn stepped(&mut self, metrics: &StepMetrics) {
        if metrics.step == self.step {
            self.flag.store(true, Ordering::Relaxed);
        }
    }
}

fn settings(steps: u64) -> SftSettings {
    let plain = SftSettings::default();
    SftSettings { steps, batch: 3, tokens_at_once: 200, lr: 5e-3, warmup: 2, checkpoint_every: 2, ..plain }
}

#[test]
fn a_run_that_is_stopped_while_it_measures_measures_again_and_ends_with_the_same_numbers() {
    let world = World::new(10).unwrap();
    let samples =
        Samples::read(&[world.path("traces.jsonl")], &world.chat().unwrap(), Reading::up_to(256)).unwrap();
    let settings = SftSettings { validate_every: 2, checkpoint_every: 2, ..settings(5) };
    let (unbroken, ..) = run(&world, &samples, &settings, "unbroken", u64::MAX).unwrap();
    // Stopped with the checkpoint of step 2 as it was before the measurement, which is also what a kill would leave.
    run(&world, &samples, &settings, "broken", 2).unwrap();
    let kept = std::fs::read_to_string(world.path("broken/checkpoints/step-00000002/progress.json")).unwrap();
    assert!(kept.contains("unfinished"), "kept before it was measured: {kept}");
    let metrics = world.path("broken/metrics.jsonl");
    let first = std::fs::read_to_string(&metrics).unwrap().lines().next().unwrap().to_owned() + "\n";
    std::fs::write(&metrics, first).unwrap();
    let (resumed, ended, began) = run(&world, &samples, &settings, "broken", u64::MAX).unwrap();
    assert_eq!((ended, began, resumed), (Ended::Complete, vec![2], unbroken));
    let losses = |folder: &str| -> Vec<(u64, Option<u64>)> {
        let history = Sft::history(&world.path(folder)).unwrap();
        history.iter().map(|step| (step.step, step.validation_loss.map(f64::to_bits))).collect()
    };
    assert_eq!(losses("broken"), losses("unbroken"));
    assert_eq!(losses("broken").iter().filter(|(_, loss)| loss.is_some()).count(), 3);
}

#[test]
fn weights_that_are_no_numbers_are_neither_kept_nor_saved() {
    let world = World::new(6).unwrap();
    let samples =
        Samples::read(&[world.path("traces.jsonl")], &world.chat().unwrap(), Reading::up_to(256)).unwrap();
    // Loss and gradient of the one step are numbers; the rate makes the weights overflow.
    for (checkpoint_every, said) in [(1, "a weight"), (9, "the loss on the validation traces")] {
        let settings = SftSettings { lr: 1e300, warmup: 0, checkpoint_every, ..settings(1) };
        let error = run(&world, &samples, &settings, "run", u64::MAX).unwrap_err();
        assert!(error.to_string().contains(&format!("step 1: {said} is not finite")), "{error}");
        assert!(!world.path("run/checkpoints").exists());
    }
}

/// Runs until done or `stop_after`; the bits of all weights, and how it went.
fn run(
    world: &World,
    samples: &Samples,
    settings: &SftSettings,
    out: &str,
    stop_after: u64,
) -> Result<(Vec<u32>, Ended, Vec<u64>)> {
    let flag = AtomicBool::new(false);
    let mut watch = StopAfter { step: stop_after, flag: &flag, began: Vec::new() };
    let mut sft = Sft::open(world.weights()?, samples, Some(samples), settings, 2, &world.path(out))?;
    let ended = sft.run(&flag, &mut watch)?;
    let bits = sft.learner().merged().data().iter().map(|weight| weight.to_bits()).collect();
    Ok((bits, ended, watch.began))
}

fn broken_off_and_continued(settings: &SftSettings) -> Result<()> {
    let world = World::new(10)?;
    let samples = Samples::read(&[world.path("traces.jsonl")], &world.chat()?, Reading::up_to(256))?;
    let (unbroken, ended, _) = run(&world, &samples, settings, "unbroken", u64::MAX)?;
    assert_eq!(ended, Ended::Complete);
    let (early, ended, _) = run(&world, &samples, settings, "broken", 5)?;
    assert_eq!(ended, Ended::Stopped);
    assert_ne!(early, unbroken);
    // A kill would not have left the checkpoint of step 5, and could have left a torn line and a half-written folder.
    std::fs::remove_dir_all(world.path("broken/checkpoints/step-00000005"))?;
    std::fs::create_dir(world.path("broken/checkpoints/writing-00000006"))?;
    let metrics = world.path("broken/metrics.jsonl");
    std::fs::write(&metrics, std::fs::read_to_string(&metrics)? + "{\"step\":6,\"lo")?;
    let (resumed, ended, began) = run(&world, &samples, settings, "broken", u64::MAX)?;
    assert_eq!((ended, began), (Ended::Complete, vec![4]));
    assert_eq!(resumed, unbroken, "the same bits");
    let without_time = |folder: &str| -> Result<Vec<StepMetrics>> {
        let mut history = Sft::history(&world.path(folder))?;
        for step in &mut history {
            step.tokens_per_second = 0.0;
        }
        Ok(history)
    };
    assert_eq!(without_time("broken")?, without_time("unbroken")?);
    Ok(())
}

#[test]
fn a_run_that_was_killed_ends_with_the_bits_of_one_that_was_not() {
    broken_off_and_continued(&settings(8)).unwrap();
}

#[test]
fn so_does_one_of_adapters() {
    let lora = Some(LoraSettings { rank: 2, alpha: 4.0 });
    broken_off_and_continued(&SftSettings { lora, ..settings(8) }).unwrap();
}

#[test]
fn it_learns_what_the_assistant_wrote_and_says_so() {
    let world = World::new(12).unwrap();
    let samples =
        Samples::read(&[world.path("traces.jsonl")], &world.chat().unwrap(), Reading::up_to(256)).unwrap();
    let settings = SftSettings { validate_every: 20, lr: 2e-2, ..settings(80) };
    run(&world, &samples, &settings, "run", u64::MAX).unwrap();
    let history = Sft::history(&world.path("run")).unwrap();
    assert_eq!(history.len(), 80);
    assert!(history[79].loss < 0.6 * history[0].loss, "{} -> {}", history[0].loss, history[79].loss);
    let measured: Vec<u64> =
        history.iter().filter(|step| step.validation_loss.is_some()).map(|step| step.step).collect();
    assert_eq!(measured, [20, 40, 60, 80]);
    assert!(history[0].learned_tokens > 0 && history[0].learned_tokens < history[0].tokens);
}

#[test]
fn how_a_step_is_cut_changes_nothing_but_rounding() {
    let world = World::new(10).unwrap();
    let samples =
        Samples::read(&[world.path("traces.jsonl")], &world.chat().unwrap(), Reading::up_to(256)).unwrap();
    let loss = |tokens_at_once: usize, out: &str| -> Result<f64> {
        let settings = SftSettings { tokens_at_once, ..settings(4) };
        run(&world, &samples, &settings, out, u64::MAX)?;
        Ok(Sft::history(&world.path(out))?[3].loss)
    };
    let (whole, cut) = (loss(100_000, "whole").unwrap(), loss(1, "cut").unwrap());
    assert!((whole - cut).abs() < 1e-4 * whole, "{whole} {cut}");
}
