//! What is varied: one thing at a time from the default, and the lines that train and measure each variant.

use crate::recipe;
use crate::script::Line;
use clap::ValueEnum;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What an ablation asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Question {
    /// Which reward to learn from
    Reward,
    /// Which irrelevant tools to mix in while learning
    Mixing,
    /// Whether to roll out until a batch is full of groups that differ
    Filling,
    /// Whether to fine-tune before (needs `--base`)
    Start,
    /// Whether fine-tuning on would have done as well (needs `--traces`)
    Control,
}

impl Question {
    /// The name on the command line, which names files too.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Reward => "reward",
            Self::Mixing => "mixing",
            Self::Filling => "filling",
            Self::Start => "start",
            Self::Control => "control",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Reward => "Which reward to learn from",
            Self::Mixing => "Which irrelevant tools to mix in",
            Self::Filling => "Adaptive batch filling",
            Self::Start => "Fine-tuning before reinforcement",
            Self::Control => "Fine-tuning instead of reinforcement",
        }
    }

    /// The variants beside the default.
    pub(super) fn arms(self) -> &'static [Arm] {
        match self {
            Self::Reward => &[Arm::RecallOnly, Arm::PrecisionOnly],
            Self::Mixing => &[Arm::NoMixing, Arm::RandomMixing],
            Self::Filling => &[Arm::NoFilling],
            Self::Start => &[Arm::FromBase],
            Self::Control => &[Arm::Start, Arm::More],
        }
    }
}

/// A way of training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Arm {
    /// F1 reward, irrelevant tools by nearness, adaptive filling, from the fine-tuned model.
    Default,
    /// Reward: recall.
    RecallOnly,
    /// Reward: precision.
    PrecisionOnly,
    /// No irrelevant tools.
    NoMixing,
    /// As many irrelevant tools, drawn at random.
    RandomMixing,
    /// One round of rollouts a batch.
    NoFilling,
    /// From the base model.
    FromBase,
    /// The fine-tuned model as it is.
    Start,
    /// Fine-tuning goes on, with as many tokens.
    More,
}

impl Arm {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::RecallOnly => "recall-only",
            Self::PrecisionOnly => "precision-only",
            Self::NoMixing => "no-mixing",
            Self::RandomMixing => "random-mixing",
            Self::NoFilling => "no-filling",
            Self::FromBase => "from-base",
            Self::Start => "sft",
            Self::More => "sft-more",
        }
    }

    /// What it is, beside its name.
    pub(super) fn about(self) -> &'static str {
        match self {
            Self::Default => "F1, tools by nearness, filling, after fine-tuning",
            Self::RecallOnly => "recall as reward",
            Self::PrecisionOnly => "precision as reward",
            Self::NoMixing => "no irrelevant tools",
            Self::RandomMixing => "as many tools at random",
            Self::NoFilling => "one round a batch",
            Self::FromBase => "without fine-tuning",
            Self::Start => "the model before reinforcement",
            Self::More => "fine-tuned on as many tokens",
        }
    }
}

/// Where everything is.
#[derive(Debug)]
pub(super) struct Places<'a> {
    pub(super) arenas: &'a Path,
    pub(super) held_out: &'a Path,
    pub(super) model: &'a Path,
    pub(super) base: Option<&'a Path>,
    pub(super) traces: Option<&'a Path>,
    pub(super) out: &'a Path,
}

/// Irrelevant tools in all, of which [`recipe::DISTRACTORS`] says the bands.
fn as_many() -> usize {
    recipe::DISTRACTORS.split(',').filter_map(|count| count.parse::<usize>().ok()).sum()
}

impl Places<'_> {
    /// The run folder of a variant and a seed; variants without training have one for all seeds.
    pub(super) fn run(&self, arm: Arm, seed: u64) -> PathBuf {
        if arm == Arm::Start {
            return self.out.join(arm.name());
        }
        self.out.join(format!("{}-{seed}", arm.name()))
    }

    pub(super) fn evaluation(&self, arm: Arm, seed: u64) -> PathBuf {
        let run = self.run(arm, seed);
        self.out.join("evaluation").join(run.file_name().unwrap_or_default())
    }

    /// The line that measures.
    pub(super) fn measure(&self, arm: Arm, seed: u64) -> Line {
        let trained = self.run(arm, seed).join("model");
        let model = if arm == Arm::Start { self.model } else { &trained };
        recipe::measure(self.held_out, model, &self.evaluation(arm, seed))
    }

    /// The line that trains by reinforcement; `given` are options of the user's.
    pub(super) fn grpo(&self, arm: Arm, seed: u64, steps: u64, given: &[String]) -> Line {
        let model = match (arm, self.base) {
            (Arm::FromBase, Some(base)) => base,
            (_, _) => self.model,
        };
        let line = recipe::grpo(self.arenas, model, steps, &self.run(arm, seed)).number("--seed", seed);
        let mixed = |line: Line| line.option("--distractors", recipe::DISTRACTORS);
        let line = match arm {
            Arm::RecallOnly => mixed(line).option("--reward", "recall"),
            Arm::PrecisionOnly => mixed(line).option("--reward", "precision"),
            Arm::NoFilling => mixed(line).word("--no-filling"),
            Arm::NoMixing => line,
            Arm::RandomMixing => line.number("--distractors", as_many()),
            Arm::Default | Arm::FromBase | Arm::Start | Arm::More => mixed(line),
        };
        line.overridden_by(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variant_differs_from_the_default_in_one_thing() {
        let path = Path::new;
        let places = Places {
            arenas: path("a"),
            held_out: path("h"),
            model: path("m"),
            base: Some(path("b")),
            traces: None,
            out: path("o"),
        };
        let words = |arm| -> Vec<String> {
            let line = places
                .grpo(arm, 7, 3, &["--groups".into(), "2".into(), "--lr".into(), "0.5".into()])
                .to_string();
            line.split(' ').map(|word| word.replace(&format!("{}-7", arm.name()), "ARM-7")).collect()
        };
        let default = words(Arm::Default).join(" ");
        assert_eq!(
            default,
            "$ astra train grpo a --model m --steps 3 --logit-scale-lr 0.06 --max-turns 12 --max-turn-tokens 128 \
             --out o/ARM-7 --seed 7 --distractors 1,1,1 --groups 2 --lr 0.5"
        );
        let changed = |from: &str, to: &str| default.replace(from, to);
        for (arm, expected) in [
            (Arm::RecallOnly, changed("1,1,1", "1,1,1 --reward recall")),
            (Arm::PrecisionOnly, changed("1,1,1", "1,1,1 --reward precision")),
            (Arm::NoMixing, changed(" --distractors 1,1,1", "")),
            (Arm::RandomMixing, changed("1,1,1", "3")),
            (Arm::NoFilling, changed("1,1,1", "1,1,1 --no-filling")),
            (Arm::FromBase, changed("--model m", "--model b")),
        ] {
            assert_eq!(words(arm).join(" "), expected);
        }
    }
}
