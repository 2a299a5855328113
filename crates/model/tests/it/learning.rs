//! What must hold of a learner whatever the numbers are: packing, accumulation, checkpointing, adapters, resuming.

use crate::gradients::{error, references};
use astra_model::{
    AdamW, Batch, Config, CrossEntropy, Family, LearnOptions, Learner, LearnerState, LoraOptions, LoraTarget,
    ModelError, Precision, TokenLoss, Weights,
};

fn plain() -> LearnOptions {
    LearnOptions { threads: 1, ..LearnOptions::default() }
}

#[test]
fn a_packed_batch_gives_the_log_probabilities_and_gradients_of_its_sequences_alone() {
    for reference in references().unwrap() {
        let loss = CrossEntropy { weights: &reference.counts };
        let mut packed = Learner::new(reference.weights.clone(), plain()).unwrap();
        let output = packed.forward_backward(&reference.batch, &loss).unwrap();
        let mut apart = Learner::new(reference.weights.clone(), plain()).unwrap();
        let mut total = 0.0;
        for Family { trunk: sequence, .. } in &reference.batch.families {
            let batch = Batch::of([&reference.batch.ids[sequence.clone()]]);
            let loss = CrossEntropy { weights: &reference.counts[sequence.clone()] };
            let alone = apart.forward_backward(&batch, &loss).unwrap();
            total += alone.loss;
            for (x, y) in alone.logprobs.iter().zip(&output.logprobs[sequence.clone()]) {
                assert!((x - y).abs() < 1e-5, "{x} {y}");
            }
        }
        assert!((total - output.loss).abs() < 1e-6 * total);
        // The second pass of `apart` added to the first: accumulation is the larger batch.
        assert!(error(apart.gradients(), packed.gradients()) < 5e-6, "{}", reference.name);
    }
}

#[test]
fn batches_beyond_all_block_sizes_give_what_their_sequences_give_alone() {
    // Longer than blocks of queries, keys and rows, and together more targets than logits are held of.
    let reference = references().unwrap().remove(3);
    let sequences: Vec<Vec<u32>> =
        [700u32, 1, 130, 401].iter().map(|len| (0..*len).map(|at| (at * at + len) % 29).collect()).collect();
    let batch = Batch::of(&sequences);
    let counts: Vec<f32> = (0..batch.ids.len()).map(|at| if at % 17 == 3 { 0.0 } else { 1.0 }).collect();
    let mut packed = Learner::new(reference.weights.clone(), LearnOptions { threads: 2, ..plain() }).unwrap();
    let output = packed.forward_backward(&batch, &CrossEntropy { weights: &counts }).unwrap();
    assert!(output.targets > 1100);
    let mut apart = Learner::new(reference.weights, plain()).unwrap();
    for Family { trunk: range, .. } in &batch.families {
        let loss = CrossEntropy { weights: &counts[range.clone()] };
        let alone = apart.forward_backward(&Batch::of([&batch.ids[range.clone()]]), &loss).unwrap();
        for (x, y) in alone.logprobs.iter().zip(&output.logprobs[range.clone()]) {
            assert!((x - y).abs() < 1e-4, "{x} {y}");
        }
    }
    assert!(error(apart.gradients(), packed.gradients()) < 1e-5);
}

/// Sequences that share their first `shared` ids, and lengths of what follows in each.
fn relatives(shared: u32, lengths: &[u32], salt: u32) -> Vec<Vec<u32>> {
    let start: Vec<u32> = (0..shared).map(|at| (at * at + salt) % 29).collect();
    let own = |(name, length): (usize, &u32)| -> Vec<u32> {
        (0..*length).map(|at| (at * 7 + name as u32 * 11 + salt) % 29).collect()
    };
    lengths.iter().enumerate().map(|one| [start.clone(), own(one)].concat()).collect()
}

#[test]
fn a_family_gives_the_log_probabilities_and_gradients_of_its_sequences_apart() {
    for (reference, options) in references().unwrap().into_iter().zip([
        plain(),
        LearnOptions { threads: 2, ..plain() },
        LearnOptions { checkpointing: true, ..plain() },
        LearnOptions { lora: Some(LoraOptions { rank: 2, ..LoraOptions::default() }), ..plain() },
    ]) {
        let mut batch = Batch::default();
        let mut counts: Vec<f32> = Vec::new();
        let mut apart = Learner::new(reference.weights.clone(), options.clone()).unwrap();
        let mut expected: Vec<f32> = Vec::new();
        // Beginnings and branches beyond blocks of queries and keys, within one, and of a single token.
        for (shared, lengths) in [(200, vec![70, 1, 140]), (1, vec![65]), (40, vec![3, 130, 20, 7])] {
            let trunk = shared as usize;
            for (at, sequence) in relatives(shared, &lengths, shared).into_iter().enumerate() {
                if at == 0 {
                    batch.push(&sequence[..trunk - 1]);
                    counts.resize(batch.ids.len(), 0.0);
                }
                batch.branch(&sequence[trunk - 1..]);
                let weight = |at: usize| if at < trunk || at % 5 == 4 { 0.0 } else { 1.0 + (at % 3) as f32 };
                let weights: Vec<f32> = (0..sequence.len()).map(weight).collect();
                counts.extend_from_slice(&weights[trunk - 1..]);
                let loss = CrossEntropy { weights: &weights };
                let alone = apart.forward_backward(&Batch::of([&sequence]), &loss).unwrap();
                expected.resize(counts.len() - (sequence.len() - (trunk - 1)), 0.0);
                expected.extend_from_slice(&alone.logprobs[trunk - 1..]);
            }
        }
        let mut together = Learner::new(reference.weights, options).unwrap();
        let output = together.forward_backward(&batch, &CrossEntropy { weights: &counts }).unwrap();
        assert_eq!(output.targets, counts.iter().filter(|weight| **weight != 0.0).count());
        assert!(error(&output.logprobs, &expected) < 1e-5, "{}", reference.name);
        let difference = error(together.gradients(), apart.gradients());
        assert!(difference < 1e-5, "{}: {difference}", reference.name);
        let evaluated = together.forward(&batch, &CrossEntropy { weights: &counts }).unwrap();
        assert_eq!(output, evaluated, "{}", reference.name);
    }
}

#[test]
fn what_counts_in_a_trunk_counts_once() {
    let reference = references().unwrap().remove(1);
    let sequences = relatives(20, &[5, 9], 3);
    let mut batch = Batch::default();
    batch.push(&sequences[0][..19]);
    let branches: Vec<_> = sequences.iter().map(|sequence| batch.branch(&sequence[19..])).collect();
    let mut together = Learner::new(reference.weights.clone(), plain()).unwrap();
    let all = vec![1.0; batch.ids.len()];
    let output = together.forward_backward(&batch, &CrossEntropy { weights: &all }).unwrap();
    assert_eq!(output.targets, 18 + 5 + 9);
    assert!(
        branches
            .iter()
            .all(|branch| output.logprobs[branch.start] == 0.0 && output.logprobs[branch.end - 1] < 0.0)
    );
    let mut apart = Learner::new(reference.weights, plain()).unwrap();
    for (sequence, first) in sequences.iter().zip([1, 20]) {
        let weights: Vec<f32> =
            (0..sequence.len()).map(|at| if at >= first && at != 19 { 1.0 } else { 0.0 }).collect();
        apart.forward_backward(&Batch::of([sequence]), &CrossEntropy { weights: &weights }).unwrap();
    }
    let difference = error(together.gradients(), apart.gradients());
    assert!(difference < 1e-5, "{difference}");
}

#[test]
fn a_trunk_changes_no_bit_of_a_sequence_beside_it_and_none_where_nobody_branches() {
    let reference = references().unwrap().remove(2);
    let sequences = relatives(80, &[150, 30], 5);
    let plain_batch = Batch::of(&sequences);
    let mut pushed = Batch::default();
    for sequence in &sequences {
        pushed.push(sequence);
    }
    assert_eq!(pushed, plain_batch);
    let mut learner = Learner::new(reference.weights, plain()).unwrap();
    let expected = learner.logits(&plain_batch).unwrap();
    let mut beside = Batch::of([&sequences[0]]);
    beside.push(&sequences[1][..79]);
    beside.branch(&sequences[1][79..]);
    beside.branch(&sequences[0][79..]);
    let found = learner.logits(&beside).unwrap();
    let first = sequences[0].len() * 29;
    assert!(found[..first] == expected[..first]);
    // Trunk and first branch are the second sequence, cut elsewhere.
    assert!(error(&found[first..expected.len()], &expected[first..]) < 1e-5);
}

#[test]
fn tokens_without_weight_have_no_part_in_loss_and_gradient() {
    let reference = references().unwrap().remove(0);
    let mut learner = Learner::new(reference.weights, plain()).unwrap();
    let output = learner.forward_backward(&reference.batch, &CrossEntropy { weights: &[] }).unwrap();
    assert_eq!((output.loss, output.targets), (0.0, 0));
    assert!(learner.gradients().iter().all(|g| *g == 0.0));
    let output = learner.forward(&reference.batch, &CrossEntropy { weights: &reference.counts }).unwrap();
    for Family { trunk: sequence, .. } in &reference.batch.families {
        for at in sequence.clone() {
            let counts = at > sequence.start && reference.counts[at] != 0.0;
            assert_eq!(output.logprobs[at] < 0.0, counts, "{at}");
            assert_eq!(output.entropy[at] > 0.0, counts, "{at}");
        }
    }
}

#[test]
fn checkpointing_and_threads_change_no_bit() {
    for reference in references().unwrap() {
        let loss = CrossEntropy { weights: &reference.counts };
        let run = |options: LearnOptions| {
            let mut learner = Learner::new(reference.weights.clone(), options).unwrap();
            for _ in 0..2 {
                learner.forward_backward(&reference.batch, &loss).unwrap();
                learner.step(0.01, &AdamW::default(), Some(1.0), 0.5);
            }
            learner.forward_backward(&reference.batch, &loss).unwrap();
            (learner.weights().data().to_vec(), learner.gradients().to_vec())
        };
        let expected = run(plain());
        assert!(expected == run(LearnOptions { checkpointing: true, ..plain() }), "{}", reference.name);
        assert!(expected == run(LearnOptions { threads: 3, ..plain() }), "{}", reference.name);
    }
}

#[test]
fn threads_change_no_bit_where_products_are_split_among_them() {
    let text = r#"{"model_type":"qwen3","vocab_size":300,"hidden_size":96,"intermediate_size":256,"head_dim":32,
        "num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"tie_word_embeddings":true}"#;
    let weights = Weights::init(Config::from_json(text).unwrap(), 3);
    let sequences: Vec<Vec<u32>> =
        [301u32, 220].iter().map(|len| (0..*len).map(|at| at * len % 300).collect()).collect();
    let batch = Batch::of(&sequences);
    let ones = vec![1.0; batch.ids.len()];
    let run = |threads: usize| {
        let mut learner = Learner::new(weights.clone(), LearnOptions { threads, ..plain() }).unwrap();
        for _ in 0..2 {
            learner.forward_backward(&batch, &CrossEntropy { weights: &ones }).unwrap();
            learner.step(0.01, &AdamW::default(), Some(1.0), 0.5);
        }
        learner.weights().data().to_vec()
    };
    let expected = run(1);
    assert!(expected == run(1) && expected == run(2) && expected == run(5));
}

#[test]
fn bfloat16_learns_nearly_the_same_and_the_same_bits_with_any_threads() {
    let bf16 = LearnOptions { precision: Precision::Bf16, ..plain() };
    if !Precision::Bf16.is_available() {
        let refused = Learner::new(references().unwrap().remove(0).weights, bf16);
        assert!(matches!(refused, Err(ModelError::Unsupported { field: "precision", .. })));
        return;
    }
    for reference in references().unwrap() {
        let loss = CrossEntropy { weights: &reference.counts };
        let run = |options: LearnOptions| {
            let mut learner = Learner::new(reference.weights.clone(), options).unwrap();
            let before = learner.forward_backward(&reference.batch, &loss).unwrap().loss;
            let gradients = learner.gradients().to_vec();
            for _ in 0..8 {
                learner.step(0.01, &AdamW::default(), Some(1.0), 1.0);
                learner.forward_backward(&reference.batch, &loss).unwrap();
            }
            let after = learner.forward(&reference.batch, &loss).unwrap().loss;
            (before, gradients, after, learner.weights().data().to_vec())
        };
        let (exact, rounded) = (run(plain()), run(bf16.clone()));
        let name = &reference.name;
        assert!(exact.1 != rounded.1, "{name}: nothing was rounded");
        assert!((exact.0 - rounded.0).abs() < 0.01 * exact.0, "{name}: {} {}", exact.0, rounded.0);
        // Eight bits of mantissa, through every layer and back.
        assert!(error(&rounded.1, &exact.1) < 0.06, "{name}: {}", error(&rounded.1, &exact.1));
        assert!((exact.2 - rounded.2).abs() < 0.1 * exact.0, "{name}: {} {}", exact.2, rounded.2);
        assert!(rounded.2 < 0.9 * rounded.0, "{name}: {} {}", rounded.0, rounded.2);
        for other in [
            LearnOptions { threads: 3, ..bf16.clone() },
            LearnOptions { checkpointing: true, ..bf16.clone() },
        ] {
            assert!(run(other.clone()) == rounded, "{name}: {other:?}");
        }
        let adapters =
            LearnOptions { lora: Some(LoraOptions { rank: 2, ..LoraOptions::default() }), ..bf16.clone() };
        let mut learner = Learner::new(reference.weights.clone(), adapters).unwrap();
        let found = learner.forward_backward(&reference.batch, &loss).unwrap().loss;
        assert!((found - rounded.0).abs() < 1e-3 * found, "{name}: {found} {}", rounded.0);
    }
}

#[test]
fn adapters_give_what_merged_weights_give_and_their_gradients_follow_by_the_chain_rule() {
    for (targets, checkpointing) in
        [(LoraTarget::ALL.to_vec(), false), (vec![LoraTarget::Key, LoraTarget::Up, LoraTarget::Down], true)]
    {
        for reference in references().unwrap() {
            let loss = CrossEntropy { weights: &reference.counts };
            let lora = LoraOptions { rank: 3, alpha: 4.5, targets: targets.clone(), seed: 1 };
            let options = LearnOptions { lora: Some(lora), checkpointing, ..plain() };
            let mut learner = Learner::new(reference.weights.clone(), options).unwrap();
            assert_eq!(learner.merged().data(), reference.weights.data(), "fresh adapters change nothing");
            let mut adapters = learner.lora().unwrap().data().to_vec();
            adapters.iter_mut().enumerate().for_each(|(at, x)| *x += ((at * 37 % 101) as f32 - 50.0) / 400.0);
            let tensors = vec![("adamw.first", &[][..]), ("adamw.second", &[][..]), ("lora", &adapters[..])];
            learner.restore(&LearnerState { steps: 0, tensors }).unwrap();

            let mut merged = Learner::new(learner.merged(), plain()).unwrap();
            let (with, without) = (learner.logits(&reference.batch), merged.logits(&reference.batch));
            assert!(error(&with.unwrap(), &without.unwrap()) < 1e-5);
            learner.forward_backward(&reference.batch, &loss).unwrap();
            merged.forward_backward(&reference.batch, &loss).unwrap();
            assert_eq!(learner.gradients().len(), adapters.len());

            let lora = learner.lora().unwrap();
            for b in lora.tensors().iter().filter(|tensor| tensor.name.ends_with("lora_B.weight")) {
                let find = |name: String| lora.tensors().iter().find(|tensor| tensor.name == name).unwrap();
                let a = find(b.name.replace("lora_B", "lora_A"));
                let of = merged.weights().layout().tensor(&b.name.replace("lora_B.", "")).unwrap();
                let d = &merged.gradients()[of.range.clone()];
                let (outputs, inputs, rank) = (of.shape[0], of.shape[1], 3);
                let (a_data, b_data) = (&adapters[a.range.clone()], &adapters[b.range.clone()]);
                // W + s B A: dB = s dW Aᵀ, dA = s Bᵀ dW.
                let mut expected_b = vec![0.0f32; outputs * rank];
                let mut expected_a = vec![0.0f32; rank * inputs];
                for (output, input, k) in (0..outputs)
                    .flat_map(|o| (0..inputs).map(move |i| (o, i)))
                    .flat_map(|(o, i)| (0..rank).map(move |k| (o, i, k)))
                {
                    expected_b[output * rank + k] +=
                        1.5 * d[output * inputs + input] * a_data[k * inputs + input];
                    expected_a[k * inputs + input] +=
                        1.5 * d[output * inputs + input] * b_data[output * rank + k];
                }
                for (tensor, expected) in [(a, expected_a), (b, expected_b)] {
                    let difference = error(&learner.gradients()[tensor.range.clone()], &expected);
                    assert!(difference < 2e-5, "{} {}: {difference}", reference.name, tensor.name);
                }
            }
            let before = reference.weights.data();
            learner.step(0.1, &AdamW::default(), None, 1.0);
            assert_eq!(learner.weights().data(), before, "frozen weights changed");
            assert_ne!(learner.lora().unwrap().data(), adapters);
        }
    }
}

#[test]
fn a_restored_learner_goes_on_with_the_same_bits() {
    let adapters = LearnOptions { lora: Some(LoraOptions { rank: 2, ..LoraOptions::default() }), ..plain() };
    let scale = LearnOptions { logit_scale: Some(2.0), ..plain() };
    let both = LearnOptions { logit_scale: Some(2.0), ..adapters.clone() };
    let weights = references().unwrap().remove(2).weights;
    assert!(matches!(Learner::new(weights, both), Err(ModelError::Unsupported { .. })));
    for options in [plain(), adapters, scale] {
        let reference = references().unwrap().remove(2);
        let loss = CrossEntropy { weights: &reference.counts };
        let options = || options.clone();
        let mut learner = Learner::new(reference.weights.clone(), options()).unwrap();
        let step = |learner: &mut Learner| {
            let output = learner.forward_backward(&reference.batch, &loss).unwrap();
            learner.step(0.02, &AdamW::default(), Some(1.0), 1.0);
            output.loss
        };
        step(&mut learner);
        step(&mut learner);
        let mut resumed = Learner::new(learner.weights().clone(), options()).unwrap();
        resumed.restore(&learner.state()).unwrap();
        assert_eq!(resumed.state(), learner.state());
        let (a, b) = ([step(&mut learner), step(&mut learner)], [step(&mut resumed), step(&mut resumed)]);
        assert_eq!(a.map(f64::to_bits), b.map(f64::to_bits));
        assert_eq!(learner.merged().data(), resumed.merged().data());
        assert!(a[1] < a[0], "a step downhill raised the loss: {a:?}");

        let short = LearnerState { steps: 1, tensors: vec![("adamw.first", &[1.0])] };
        assert!(
            matches!(resumed.restore(&short), Err(ModelError::Tensor { name, .. }) if name == "adamw.first")
        );
    }
}

#[test]
fn a_batch_of_another_size_reuses_the_workspace_without_a_trace() {
    let reference = references().unwrap().remove(3);
    let loss = CrossEntropy { weights: &reference.counts };
    let mut fresh = Learner::new(reference.weights.clone(), plain()).unwrap();
    let expected = fresh.forward_backward(&reference.batch, &loss).unwrap();
    let mut used = Learner::new(reference.weights.clone(), plain()).unwrap();
    let long: Vec<u32> = (0..90).map(|at| at * 7 % 29).collect();
    let ones = vec![1.0; 90];
    used.forward_backward(&Batch::of([&long]), &CrossEntropy { weights: &ones }).unwrap();
    // A rate of 0 only clears the gradients.
    used.step(0.0, &AdamW::default(), None, 1.0);
    assert_eq!(used.weights().data(), reference.weights.data());
    assert_eq!(used.forward_backward(&reference.batch, &loss).unwrap(), expected);
    assert_eq!(used.gradients(), fresh.gradients());
}

#[test]
fn batches_that_are_none_are_refused() {
    let reference = references().unwrap().remove(0);
    let mut learner = Learner::new(reference.weights, plain()).unwrap();
    let loss = CrossEntropy { weights: &[] };
    let alone = |trunk| Family { trunk, branches: Vec::new() };
    let gap = 2..3;
    for (ids, families) in [
        (vec![1, 2], vec![alone(0..1)]),
        (vec![1, 2], vec![alone(1..2)]),
        (vec![1, 2], vec![alone(0..1), alone(0..2)]),
        (vec![1, 2, 3], vec![Family { trunk: 0..1, branches: vec![gap] }]),
        (vec![1, 2, 3], vec![Family { trunk: 0..1, branches: vec![1..2, 1..3] }]),
        (vec![1, 29], vec![alone(0..2)]),
        (vec![], vec![]),
        (vec![], vec![alone(0..0)]),
    ] {
        let refused = learner.forward_backward(&Batch { ids, families }, &loss);
        assert!(matches!(refused, Err(ModelError::Batch { .. })));
    }
}

#[test]
fn a_loss_of_ones_own_gets_log_probabilities_and_gives_derivatives() {
    /// Squared log-probability of every second token: its derivative is not a constant.
    struct Squared;
    impl TokenLoss for Squared {
        fn at(&self, _: usize, logprob: f32) -> (f64, f32) {
            (f64::from(logprob).powi(2), 2.0 * logprob)
        }
        fn counts(&self, at: usize) -> bool {
            at.is_multiple_of(2)
        }
    }
    let reference = references().unwrap().remove(0);
    let mut learner = Learner::new(reference.weights.clone(), plain()).unwrap();
    let output = learner.forward_backward(&reference.batch, &Squared).unwrap();
    let squares: f64 = output.logprobs.iter().map(|logprob| f64::from(*logprob).powi(2)).sum();
    assert!((output.loss - squares).abs() < 1e-6 * squares);
    // A step along the gradient changes the loss by what the gradient says.
    let gradients = learner.gradients().to_vec();
    let steepness: f64 = gradients.iter().map(|g| f64::from(*g).powi(2)).sum();
    let mut values = [1.0f64, -1.0].map(|sign| {
        let step = sign * 1e-2 / steepness.sqrt();
        let mut weights = reference.weights.clone();
        weights.data_mut().iter_mut().zip(&gradients).for_each(|(w, g)| *w += (step * f64::from(*g)) as f32);
        Learner::new(weights, plain()).unwrap().forward(&reference.batch, &Squared).unwrap().loss
    });
    values[0] = (values[0] - values[1]) / 2e-2;
    assert!(
        (values[0] - steepness.sqrt()).abs() < 1e-2 * steepness.sqrt(),
        "{} {}",
        values[0],
        steepness.sqrt()
    );
}
