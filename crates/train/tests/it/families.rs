//! Data that begin alike go through the native learner as one family: what is learned and told stays that of each datum.

use crate::bandit::{options, weights};
use crate::world::Result;
use astra_model::{AdamW, Limits, Sampling};
use astra_protocol::Segment;
use astra_train::{Datum, NativeBackend, NativeOptions, Objective, OptimStep, PassOutput, TrainBackend};

const OBJECTIVES: [Objective; 2] =
    [Objective::CrossEntropy, Objective::ClippedRatio { below: 0.2, above: 0.2, temperature: 0.8 }];

fn backend(tokens_at_once: usize) -> Result<NativeBackend> {
    Ok(NativeBackend::new(weights(7)?, NativeOptions { tokens_at_once, ..options() })?)
}

/// Rollouts of a prompt: two turns with something read between them, sampled under the weights of `backend`.
fn group(backend: &NativeBackend, prompt: &[u32], seeds: std::ops::Range<u64>) -> Result<Vec<Datum>> {
    let limits = || Limits { max_new: 5, stop: vec![0] };
    let sampler = backend.sampler();
    let mut data = Vec::new();
    for seed in seeds {
        let sequence = sampler.open(seed);
        let mut segments = Vec::new();
        for suffix in [prompt.to_vec(), vec![3, 4]] {
            let turn = pollster::block_on(sequence.turn(suffix.clone(), limits(), Sampling::at(0.8)))?;
            let policy_version = turn.policy_version;
            segments.push(Segment { ids: suffix, sampled: false, logprobs: None, policy_version });
            let logprobs = Some(turn.logprobs);
            segments.push(Segment { ids: turn.tokens, sampled: true, logprobs, policy_version });
        }
        data.push(Datum { segments, advantage: if seed % 2 == 0 { 1.0 } else { -0.7 } });
    }
    Ok(data)
}

fn prompt(length: u32, salt: u32) -> Vec<u32> {
    (0..length).map(|at| (at * at + salt) % 31 + 1).collect()
}

/// What passes over the given parts of some data give together: sums, and gradients.
fn learned<'a>(
    parts: impl IntoIterator<Item = &'a [Datum]>,
    tokens_at_once: usize,
    objective: Objective,
) -> Result<(PassOutput, Vec<f32>)> {
    let mut backend = backend(tokens_at_once)?;
    // A step away from the weights that sampled, so that ratios are not all 1 and some are clipped.
    backend.forward_backward(&group(&backend, &prompt(5, 9), 0..4)?, Objective::CrossEntropy)?;
    let adam = AdamW { weight_decay: 0.0, ..AdamW::default() };
    backend.optim_step(&OptimStep { lr: 0.05, adam, clip: 1.0, scale: 1.0 })?;
    let mut sum = PassOutput::default();
    for part in parts {
        sum += backend.forward_backward(part, objective)?;
    }
    Ok((sum, backend.learner().gradients().to_vec()))
}

fn difference(found: &[f32], expected: &[f32]) -> f64 {
    let largest = expected.iter().fold(0.0f64, |most, x| most.max(f64::from(x.abs())));
    let pairs = found.iter().zip(expected);
    pairs.fold(0.0f64, |most, (x, y)| most.max((f64::from(*x) - f64::from(*y)).abs())) / largest
}

#[test]
fn rollouts_that_share_a_prompt_teach_what_they_teach_apart() {
    let fresh = backend(64).unwrap();
    let data = [
        group(&fresh, &prompt(40, 1), 0..5).unwrap(),
        group(&fresh, &prompt(45, 2), 5..9).unwrap(),
        group(&fresh, &prompt(6, 3), 9..11).unwrap(),
    ]
    .concat();
    for objective in OBJECTIVES {
        let (expected, gradients) = learned(data.chunks(1), 64, objective).unwrap();
        assert!(expected.tokens > 30);
        assert!(objective == OBJECTIVES[0] || expected.clipped > 0, "{expected:?}");
        // Families as large as they come, and of two or three.
        for tokens_at_once in [1000, 64] {
            let (output, found) = learned([&data[..]], tokens_at_once, objective).unwrap();
            assert_eq!((output.tokens, output.clipped), (expected.tokens, expected.clipped));
            for (found, expected) in [
                (output.loss, expected.loss),
                (output.entropy, expected.entropy),
                (output.drift, expected.drift),
            ] {
                assert!((found - expected).abs() < 1e-4 * expected.abs().max(1.0), "{found} {expected}");
            }
            let difference = difference(&found, &gradients);
            assert!(difference < 1e-5, "{objective:?}: {difference}");
            assert!(found != gradients, "sums of other groups of tokens: something was shared");
        }
    }
}

#[test]
fn data_that_share_nothing_give_the_bits_that_they_give_side_by_side() {
    let fresh = backend(64).unwrap();
    let data: Vec<Datum> = (0..4)
        .flat_map(|salt| group(&fresh, &prompt(20, salt), u64::from(salt)..u64::from(salt) + 1).unwrap())
        .collect();
    let (whole, apart) = (data[..2].to_vec(), data[2..].to_vec());
    for objective in OBJECTIVES {
        // A pass is cut where the tokens that go through at once are full, and nowhere else.
        let tokens = |data: &[Datum]| data.iter().map(Datum::tokens).sum::<usize>();
        let most = tokens(&whole).max(tokens(&apart));
        assert!(tokens(&data[..3]) > most);
        let cut = learned([&data[..]], most, objective).unwrap();
        let given = learned([&whole[..], &apart[..]], 1000, objective).unwrap();
        assert_eq!(cut, given);
    }
}
