//! Curves for TensorBoard, read by TensorBoard itself.

use crate::world::World;
use astra_testkit::{python_with, succeeded};
use astra_train::{Reading, Samples, Sft, SftSettings, StepMetrics, Watch};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

/// Prints what TensorBoard's own reader makes of a run: tag -> [[step, value], ...].
const READER: &str = r#"
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={"tensors": 0, "scalars": 0})
events.Reload()
tags = events.Tags()
curves = {tag: [[one.step, one.value] for one in events.Scalars(tag)] for tag in tags["scalars"]}
print(json.dumps(curves))
"#;

struct StopAt<'a>(u64, &'a AtomicBool);

impl Watch for StopAt<'_> {
    fn began(&mut self, _: u64, _: u64) {}

    fn stepped(&mut self, metrics: &StepMetrics) {
        self.1.fetch_or(metrics.step == self.0, Ordering::Relaxed);
    }
}

#[test]
fn tensorboard_shows_every_step_of_a_resumed_run_once() {
    let python = python_with("tensorboard==2.21.0", Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
    let world = World::new(10).unwrap();
    let chat = world.chat().unwrap();
    let samples = Samples::read(&[world.path("traces.jsonl")], &chat, Reading::up_to(256)).unwrap();
    let settings = SftSettings { steps: 6, batch: 3, validate_every: 3, ..SftSettings::default() };
    let run = world.path("run");
    for stop_at in [4, u64::MAX] {
        let flag = AtomicBool::new(false);
        let mut sft =
            Sft::open(world.weights().unwrap(), &samples, Some(&samples), &settings, 1, &run).unwrap();
        sft.run(&flag, &mut StopAt(stop_at, &flag)).unwrap();
    }
    let output = Command::new(python).args(["-c", READER]).arg(run.join("tensorboard")).output().unwrap();
    let curves: BTreeMap<String, Vec<(u64, f64)>> =
        serde_json::from_str(&succeeded(&output, "TensorBoard's reader").unwrap()).unwrap();
    let history = Sft::history(&run).unwrap();
    #[expect(clippy::cast_possible_truncation, reason = "as the format keeps them")]
    let kept = |value: f64| f64::from(value as f32);
    let expected = |value: fn(&StepMetrics) -> Option<f64>| -> Vec<(u64, f64)> {
        history.iter().filter_map(|step| Some((step.step, kept(value(step)?)))).collect()
    };
    assert_eq!(curves["sft/loss"], expected(|step| Some(step.loss)));
    assert_eq!(curves["sft/loss"].len(), 6);
    assert_eq!(curves["sft/validation_loss"], expected(|step| step.validation_loss));
    assert_eq!(curves["sft/lr"], expected(|step| Some(step.lr)));
    let tags: Vec<&str> = curves.keys().map(String::as_str).collect();
    let expected = [
        "progress/epoch",
        "progress/tokens_per_second",
        "sft/grad_norm",
        "sft/learned_tokens",
        "sft/loss",
        "sft/lr",
        "sft/tokens",
        "sft/validation_loss",
    ];
    assert_eq!(tags, expected);
}
