//! What every training backend must do, as one function over the trait; and the native backend under it.

use crate::bandit::{VOCABULARY, backend};
use crate::world::Result;
use astra_model::{AdamW, Limits, Sampler, Sampling, Turn};
use astra_protocol::Segment;
use astra_train::{Datum, Objective, OptimStep, PassOutput, TrainBackend};
use std::sync::Arc;

const CLIPPED: Objective = Objective::ClippedRatio { below: 0.2, above: 0.2, temperature: 1.0 };
const PROMPT: [u32; 3] = [1, 2, 3];

fn step(scale: f64) -> OptimStep {
    OptimStep { lr: 1e-2, adam: AdamW { weight_decay: 0.0, ..AdamW::default() }, clip: 1.0, scale }
}

fn write(sampler: &Arc<dyn Sampler>, seed: u64, temperature: f32) -> Result<Turn> {
    let limits = Limits { max_new: 6, stop: vec![0] };
    Ok(pollster::block_on(sampler.open(seed).turn(PROMPT.to_vec(), limits, Sampling::at(temperature)))?)
}

fn datum(turn: &Turn, advantage: f32) -> Datum {
    let policy_version = turn.policy_version;
    let segments = vec![
        Segment { ids: PROMPT.to_vec(), sampled: false, logprobs: None, policy_version },
        Segment {
            ids: turn.tokens.clone(),
            sampled: true,
            logprobs: Some(turn.logprobs.clone()),
            policy_version,
        },
    ];
    Datum { segments, advantage }
}

fn turns(backend: &dyn TrainBackend, seeds: std::ops::Range<u64>, temperature: f32) -> Result<Vec<Turn>> {
    let sampler = backend.sampler();
    seeds.map(|seed| write(&sampler, seed, temperature)).collect()
}

/// The likelihood of some turns, without a trace in the backend: the step that forgets the gradients changes nothing.
fn likelihood(backend: &mut dyn TrainBackend, data: &[Datum]) -> Result<PassOutput> {
    let output = backend.forward_backward(data, Objective::CrossEntropy)?;
    let nothing = OptimStep { lr: 0.0, ..step(0.0) };
    backend.optim_step(&nothing)?;
    Ok(output)
}

/// Holds a backend to the trait's promises. `fresh` makes one, always from the same weights.
fn conforms<B: TrainBackend>(fresh: impl Fn() -> Result<B>) -> Result<()> {
    samples_by_seed_within_limits(&mut fresh()?)?;
    agrees_with_itself_at_every_temperature(&mut fresh()?)?;
    adds_gradients_up_and_forgets_them(&mut fresh()?, &mut fresh()?)?;
    moves_towards_what_was_better(&mut fresh()?)?;
    goes_on_from_what_was_saved(&mut fresh()?, &mut fresh()?)
}

fn samples_by_seed_within_limits(backend: &mut dyn TrainBackend) -> Result<()> {
    let alone = turns(backend, 0..8, 1.0)?;
    let sampler = backend.sampler();
    let together: Vec<Turn> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|seed| {
                scope.spawn({
                    let sampler = Arc::clone(&sampler);
                    move || write(&sampler, seed, 1.0).map_err(|error| error.to_string())
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| "a thread panicked".to_owned())?)
            .collect::<std::result::Result<_, String>>()
    })?;
    assert_eq!(alone, together, "company changes nothing");
    assert!(alone.iter().any(|turn| turn.tokens != alone[0].tokens), "seeds do");
    for turn in &alone {
        assert_eq!(turn.tokens.len(), turn.logprobs.len());
        assert!((1..=6).contains(&turn.tokens.len()));
        assert!(turn.logprobs.iter().all(|logprob| *logprob <= 0.0 && logprob.is_finite()));
        assert!(!turn.tokens[..turn.tokens.len() - 1].contains(&0), "a stop id ends a turn");
    }
    Ok(())
}

fn agrees_with_itself_at_every_temperature(backend: &mut dyn TrainBackend) -> Result<()> {
    for temperature in [1.0, 0.5, 2.0] {
        let data: Vec<Datum> =
            turns(backend, 0..8, temperature)?.iter().map(|turn| datum(turn, 1.0)).collect();
        let tokens: usize = data.iter().map(Datum::sampled_tokens).sum();
        let objective = Objective::ClippedRatio { below: 0.2, above: 0.2, temperature };
        let output = backend.forward_backward(&data, objective)?;
        // Every ratio is 1 as long as nothing was learned.
        assert_eq!((output.tokens, output.clipped), (tokens, 0));
        assert!((output.loss + tokens as f64).abs() < 1e-3 * tokens as f64, "{output:?}");
        assert!(output.drift.abs() < 1e-4, "{output:?}");
        let most = (VOCABULARY as f64).ln() * tokens as f64;
        assert!(output.entropy > 0.0 && output.entropy <= most * 1.001, "{output:?}");
        backend.optim_step(&OptimStep { lr: 0.0, ..step(0.0) })?;
    }
    Ok(())
}

fn adds_gradients_up_and_forgets_them(
    whole: &mut dyn TrainBackend,
    cut: &mut dyn TrainBackend,
) -> Result<()> {
    let data: Vec<Datum> = turns(whole, 0..6, 1.0)?
        .iter()
        .enumerate()
        .map(|(at, turn)| datum(turn, if at % 2 == 0 { 1.0 } else { -0.5 }))
        .collect();
    let all = whole.forward_backward(&data, CLIPPED)?;
    let norm = whole.optim_step(&step(0.5))?.grad_norm;
    let (first, second) = data.split_at(3);
    let mut sum = cut.forward_backward(first, CLIPPED)?;
    sum += cut.forward_backward(second, CLIPPED)?;
    assert_eq!(sum.tokens, all.tokens);
    assert!((sum.loss - all.loss).abs() < 1e-4, "{sum:?} {all:?}");
    let cut_norm = cut.optim_step(&step(0.5))?.grad_norm;
    assert!((norm - cut_norm).abs() < 1e-3 * norm, "{norm} {cut_norm}");
    let after = (likelihood(whole, &data)?.loss, likelihood(cut, &data)?.loss);
    assert!((after.0 - after.1).abs() < 1e-2, "{after:?}");
    assert!(whole.optim_step(&step(1.0))?.grad_norm < 1e-12, "gradients were forgotten");
    let flat: Vec<Datum> = data.iter().map(|datum| Datum { advantage: 0.0, ..datum.clone() }).collect();
    whole.forward_backward(&flat, CLIPPED)?;
    assert!(whole.optim_step(&step(1.0))?.grad_norm < 1e-12, "no advantage, no gradient");
    Ok(())
}

fn moves_towards_what_was_better(backend: &mut dyn TrainBackend) -> Result<()> {
    let sampled = turns(backend, 0..2, 1.0)?;
    let (better, worse) = (datum(&sampled[0], 1.0), datum(&sampled[1], -1.0));
    assert_ne!(sampled[0].tokens, sampled[1].tokens);
    let loss = |backend: &mut dyn TrainBackend, datum: &Datum| -> Result<f64> {
        Ok(likelihood(backend, std::slice::from_ref(datum))?.loss)
    };
    let before = (loss(backend, &better)?, loss(backend, &worse)?);
    let mut clipped = 0;
    for _ in 0..12 {
        clipped = backend.forward_backward(&[better.clone(), worse.clone()], CLIPPED)?.clipped;
        backend.optim_step(&step(0.1))?;
    }
    let after = (loss(backend, &better)?, loss(backend, &worse)?);
    assert!(after.0 < before.0 && after.1 > before.1, "{before:?} {after:?}");
    assert!(clipped > 0, "what has moved far enough is clipped");
    assert_ne!(
        turns(backend, 0..8, 1.0)?[0].logprobs,
        sampled[0].logprobs,
        "the sampler has the new weights"
    );
    Ok(())
}

fn goes_on_from_what_was_saved(backend: &mut dyn TrainBackend, other: &mut dyn TrainBackend) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data: Vec<Datum> = turns(backend, 0..4, 1.0)?.iter().map(|turn| datum(turn, 1.0)).collect();
    let learn = |backend: &mut dyn TrainBackend| -> Result<(PassOutput, Vec<Turn>)> {
        let output = backend.forward_backward(&data, CLIPPED)?;
        backend.optim_step(&step(0.1))?;
        Ok((output, turns(backend, 0..4, 1.0)?))
    };
    learn(backend)?;
    backend.save(folder.path())?;
    let unbroken = (learn(backend)?, learn(backend)?);
    // Gradients that are there when a state is loaded belong to another life.
    other.forward_backward(&data, CLIPPED)?;
    other.load(folder.path())?;
    assert_eq!((learn(other)?, learn(other)?), unbroken, "the same bits");
    backend.load(folder.path())?;
    assert_eq!((learn(backend)?, learn(backend)?), unbroken, "back in the same process too");
    Ok(())
}

#[test]
fn the_native_backend_conforms() {
    conforms(|| backend(7)).unwrap();
}
