//! What a good run at nano scale is made of: the lines that `quickstart` runs one after the other and `train ablate`
//! varies one at a time.
//!
//! Numbers of steps are fixed and never a clock's, so that a run repeats.

use crate::script::Line;
use astra_train::StepMetrics;
use astra_train::grpo::GrpoMetrics;
use std::path::Path;

/// Irrelevant tools of high, medium and low nearness, in learning and in measuring.
pub(crate) const DISTRACTORS: &str = "1,1,1";

/// Longest turn in tokens; a right one takes about thirty.
const TURN: usize = 128;

/// Turns of an episode in learning; the expert takes five at most.
const TURNS: usize = 12;

/// Traces of the expert to begin with.
pub(crate) fn traces(arenas: &Path, out: &Path) -> Line {
    Line::new("arenas solve")
        .word(arenas.display().to_string())
        .option("--policy", "expert")
        .option("--distractors", DISTRACTORS)
        .number("--failure-rate", 0.05)
        .path("--sft", out)
}

/// Fine-tuning on them.
pub(crate) fn sft(traces: &Path, model: &Path, steps: u64, out: &Path) -> Line {
    Line::new("train sft")
        .word(traces.display().to_string())
        .path("--model", model)
        .number("--steps", steps)
        .number("--batch", 8)
        // The base was trained on the like until its rate had decayed; a high one would undo that.
        .number("--lr", 1e-4)
        .number("--max-tokens", 1536)
        .word("--drop-reasoning")
        .path("--out", out)
}

/// Reinforcement learning in the arenas.
pub(crate) fn grpo(arenas: &Path, model: &Path, steps: u64, out: &Path) -> Line {
    Line::new("train grpo")
        .word(arenas.display().to_string())
        .path("--model", model)
        .number("--steps", steps)
        .number("--lr", 1e-4)
        // What twenty steps can teach is above all to sample what is known.
        .number("--logit-scale-lr", 0.06)
        .number("--max-turns", TURNS)
        .number("--max-turn-tokens", TURN)
        .path("--out", out)
}

/// Steps of fine-tuning that learn from as many tokens as some reinforcement did.
pub(crate) fn steps_for_as_many_tokens(sft: &[StepMetrics], grpo: &[GrpoMetrics]) -> u64 {
    let fine_tuned: usize = sft.iter().map(|step| step.learned_tokens).sum();
    let reinforced: usize =
        grpo.iter().filter_map(|step| step.update).map(|update| update.learned_tokens).sum();
    u64::try_from(sft.len() * reinforced / fine_tuned.max(1)).unwrap_or(u64::MAX).max(1)
}

/// Measuring on held-out arenas, under the same conditions for every policy: sampled as in learning, because that is the
/// policy that reinforcement improves.
pub(crate) fn measure(held_out: &Path, model: &Path, out: &Path) -> Line {
    measure_any(held_out, model, out).number("--temperature", 1).number("--max-turn-tokens", TURN)
}

/// The same for a policy that does not sample.
pub(crate) fn measure_any(held_out: &Path, policy: &Path, out: &Path) -> Line {
    Line::new("eval arenas")
        .word(held_out.display().to_string())
        .path("--policy", policy)
        .option("--distractors", DISTRACTORS)
        .path("--out", out)
}
