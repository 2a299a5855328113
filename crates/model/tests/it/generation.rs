//! Generation: what is written depends on the sequence alone, and agrees with the forward pass of learning.

use astra_model::{
    Batch, Config, Engine, EngineOptions, Finish, LearnOptions, Learner, Limits, ModelError, Sampled,
    Sampling, SequenceId, Weights,
};
use rand_chacha::rand_core::Rng;
use std::collections::BTreeMap;
use std::error::Error;

/// A tiny model of each family, in sizes that fill no block evenly. Weights are larger than fresh ones, so that
/// attention is not flat and tokens vary.
fn model(family: &str) -> Result<Weights, Box<dyn Error>> {
    let (head_dim, tied) = match family {
        "qwen3" => (34, false),
        _ => (10, true),
    };
    let text = format!(
        r#"{{"model_type":"{family}","vocab_size":75,"hidden_size":40,"intermediate_size":52,"num_hidden_layers":3,
        "num_attention_heads":4,"num_key_value_heads":2,"head_dim":{head_dim},"tie_word_embeddings":{tied},
        "rope_theta":500,"max_position_embeddings":160}}"#
    );
    let mut weights = Weights::init(Config::from_json(&text)?, 11);
    let mut rng = astra_protocol::seeded_rng(5, family);
    for tensor in weights.layout().clone().tensors() {
        let factor = if tensor.decays() { 6.0 } else { 1.0 };
        for number in &mut weights.data_mut()[tensor.range.clone()] {
            let noise = (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0;
            *number = *number * factor + noise * 0.1;
        }
    }
    Ok(weights)
}

fn text(length: usize, seed: u64) -> Vec<u32> {
    let mut rng = astra_protocol::seeded_rng(seed, "text");
    (0..length).map(|_| rng.next_u32() % 75).collect()
}

fn bits(rows: &[Vec<f32>]) -> Vec<Vec<u32>> {
    rows.iter().map(|row| row.iter().map(|number| number.to_bits()).collect()).collect()
}

#[test]
fn logits_agree_with_learning_and_do_not_depend_on_how_the_text_is_cut() {
    for family in ["llama", "qwen2", "qwen3"] {
        let weights = model(family).unwrap();
        let ids = text(100, 1);
        let mut engine = Engine::new(&weights, EngineOptions::default()).unwrap();
        let whole = engine.logits(&ids, ids.len()).unwrap();
        for piece in [1, 7, 32] {
            assert_eq!(
                bits(&engine.logits(&ids, piece).unwrap()),
                bits(&whole),
                "{family}, pieces of {piece}"
            );
        }
        let mut learner = Learner::new(weights, LearnOptions::default()).unwrap();
        let expected = learner.logits(&Batch::of([&ids])).unwrap();
        let largest = expected.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
        let error = expected
            .iter()
            .zip(whole.iter().flatten())
            .fold(0.0_f32, |error, (a, b)| error.max((a - b).abs()));
        assert!(error <= 1e-5 * largest, "{family}: {error} of {largest}");
        assert!(largest > 0.5, "logits are not flat");
    }
}

/// A turn to be written.
#[derive(Clone)]
struct Job {
    seed: u64,
    prompt: Vec<u32>,
    /// What is appended between the first and the second turn.
    suffix: Vec<u32>,
    sampling: Sampling,
    new: usize,
}

fn jobs() -> Vec<Job> {
    let samplings = [
        Sampling::default(),
        Sampling::at(1.0),
        Sampling { top_p: 0.9, ..Sampling::at(0.8) },
        Sampling { top_k: 5, min_p: 0.01, ..Sampling::at(1.5) },
    ];
    (0..14_usize)
        .map(|at| Job {
            seed: at as u64 % 5,
            prompt: text(1 + at * 5 % 47, 100 + at as u64),
            suffix: text(1 + at % 9, 200 + at as u64),
            sampling: samplings[at % samplings.len()],
            new: 3 + at * 3 % 20,
        })
        .collect()
}

type Written = Vec<(u32, u32)>;

/// Plays every job's two turns in the given order; tokens and bits of log-probabilities by job.
fn play(
    weights: &Weights,
    options: EngineOptions,
    order: &[usize],
    jobs: &[Job],
) -> Result<BTreeMap<usize, Written>, ModelError> {
    let mut engine = Engine::new(weights, options)?;
    let mut open: BTreeMap<SequenceId, (usize, usize)> = BTreeMap::new();
    let mut written: BTreeMap<usize, Written> = BTreeMap::new();
    let mut left = order.iter();
    loop {
        // A new sequence joins every step, whatever the others are doing.
        if let Some(at) = left.next() {
            let id = engine.open(jobs[*at].seed);
            engine.extend(id, &jobs[*at].prompt)?;
            engine.generate(id, Limits { max_new: jobs[*at].new, stop: Vec::new() }, jobs[*at].sampling)?;
            open.insert(id, (*at, 0));
        } else if engine.is_idle() {
            return Ok(written);
        }
        for event in engine.step() {
            let (at, turn) = open[&event.id];
            if let Some(Sampled { token, logprob }) = event.sampled {
                written.entry(at).or_default().push((token, logprob.to_bits()));
            }
            if event.finished.is_some() && turn == 0 {
                engine.extend(event.id, &jobs[at].suffix)?;
                let limits = Limits { max_new: jobs[at].new, stop: Vec::new() };
                engine.generate(event.id, limits, jobs[at].sampling)?;
                open.insert(event.id, (at, 1));
            } else if event.finished.is_some() && at % 2 == 0 {
                engine.close(event.id);
            }
        }
    }
}

#[test]
fn a_sequence_does_not_notice_its_company() {
    for family in ["llama", "qwen3"] {
        let weights = model(family).unwrap();
        let jobs = jobs();
        let alone: BTreeMap<usize, Written> = (0..jobs.len())
            .flat_map(|at| play(&weights, EngineOptions::default(), &[at], &jobs).unwrap())
            .collect();
        assert!(alone.values().zip(&jobs).all(|(written, job)| written.len() == job.new * 2));
        let mut rng = astra_protocol::seeded_rng(9, family);
        let memory = [4096, 160, 320, 224];
        for (round, max_tokens_in_cache) in memory.into_iter().cycle().take(8).enumerate() {
            let mut order: Vec<usize> = (0..jobs.len()).collect();
            for at in (1..order.len()).rev() {
                order.swap(at, rng.next_u32() as usize % (at + 1));
            }
            let options = EngineOptions {
                threads: 1 + round % 2,
                max_batch: 1 + rng.next_u32() as usize % 14,
                max_tokens_in_cache,
                max_step_tokens: 1 + rng.next_u32() as usize % 60,
            };
            let together = play(&weights, options, &order, &jobs).unwrap();
            assert_eq!(together, alone, "{family} {options:?} {order:?}");
        }
    }
}

#[test]
fn full_memory_costs_time_but_no_tokens() {
    let weights = model("llama").unwrap();
    let options = EngineOptions { max_tokens_in_cache: 160, ..EngineOptions::default() };
    let mut engine = Engine::new(&weights, options).unwrap();
    let ids: Vec<SequenceId> = (0..4).map(|seed| engine.open(seed)).collect();
    for id in &ids {
        engine.extend(*id, &text(40, id_seed(*id))).unwrap();
        engine.generate(*id, Limits { max_new: 60, stop: Vec::new() }, Sampling::default()).unwrap();
    }
    while !engine.is_idle() {
        engine.step();
        let load = engine.load();
        assert!(load.cache_tokens <= load.cache_capacity);
    }
    assert!(ids.iter().all(|id| engine.ids(*id).unwrap().len() == 100));
    assert!(engine.load().evicted > 0, "{:?}", engine.load());
    for id in ids {
        engine.close(id);
    }
    assert_eq!((engine.load().cache_tokens, engine.load().open), (0, 0));
}

fn id_seed(id: SequenceId) -> u64 {
    format!("{id:?}").bytes().map(u64::from).sum()
}

#[test]
fn seeds_are_kept_and_differ() {
    let weights = model("llama").unwrap();
    let job = |seed| Job { seed, ..jobs()[1].clone() };
    let run = |seed| play(&weights, EngineOptions::default(), &[0], &[job(seed)]).unwrap();
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

#[test]
fn turns_end_at_a_stop_id_a_length_or_the_context() {
    let weights = model("llama").unwrap();
    let mut engine = Engine::new(&weights, EngineOptions::default()).unwrap();
    let mut turn = |prompt: &[u32], limits: Limits| {
        let id = engine.open(0);
        engine.extend(id, prompt).unwrap();
        engine.generate(id, limits, Sampling::default()).unwrap();
        let mut events = Vec::new();
        while !engine.is_idle() {
            events.extend(engine.step());
        }
        let tokens: Vec<u32> = events.iter().filter_map(|event| event.sampled).map(|one| one.token).collect();
        assert_eq!(engine.ids(id).unwrap()[prompt.len()..], tokens);
        (tokens, events.last().and_then(|event| event.finished))
    };
    let prompt = text(20, 3);
    let (free, finish) = turn(&prompt, Limits { max_new: 30, stop: Vec::new() });
    assert_eq!((free.len(), finish), (30, Some(Finish::Length)));
    let stop = free[7];
    let first = free.iter().position(|token| *token == stop).unwrap();
    let (stopped, finish) = turn(&prompt, Limits { max_new: 30, stop: vec![stop] });
    assert_eq!((stopped.as_slice(), finish), (&free[..=first], Some(Finish::Stop)));
    let (cut, finish) = turn(&text(150, 4), Limits { max_new: 30, stop: Vec::new() });
    assert_eq!((cut.len(), finish), (10, Some(Finish::Context)));
    let (none, finish) = turn(&text(170, 4), Limits { max_new: 30, stop: Vec::new() });
    assert_eq!((none.len(), finish), (0, Some(Finish::Context)));
    let (none, finish) = turn(&prompt, Limits::default());
    assert_eq!((none.len(), finish), (0, Some(Finish::Length)));
}

#[test]
fn new_weights_are_used_from_the_next_token_on_and_for_all_before_it() {
    let weights = model("llama").unwrap();
    let mut other = weights.clone();
    other.data_mut().iter_mut().for_each(|number| *number *= 1.25);
    let prompt = text(20, 6);
    let mut engine = Engine::new(&weights, EngineOptions::default()).unwrap();
    let id = engine.open(0);
    engine.extend(id, &prompt).unwrap();
    engine.generate(id, Limits { max_new: 20, stop: Vec::new() }, Sampling::default()).unwrap();
    (0..10).for_each(|_| drop(engine.step()));
    let before = engine.ids(id).unwrap().to_vec();
    engine.set_weights(&other).unwrap();
    while !engine.is_idle() {
        engine.step();
    }
    let after = engine.ids(id).unwrap().to_vec();
    let mut fresh = Engine::new(&other, EngineOptions::default()).unwrap();
    let id = fresh.open(0);
    fresh.extend(id, &before).unwrap();
    fresh.generate(id, Limits { max_new: 10, stop: Vec::new() }, Sampling::default()).unwrap();
    while !fresh.is_idle() {
        fresh.step();
    }
    assert_eq!(fresh.ids(id).unwrap(), after);
    assert!(matches!(engine.set_weights(&model("qwen3").unwrap()), Err(ModelError::OtherShape)));
}

#[test]
fn what_cannot_be_done_is_an_error() {
    let weights = model("llama").unwrap();
    let mut engine = Engine::new(&weights, EngineOptions::default()).unwrap();
    let limits = || Limits { max_new: 4, stop: Vec::new() };
    let id = engine.open(0);
    assert!(matches!(engine.extend(id, &[75]), Err(ModelError::Token { id: 75, vocabulary: 75 })));
    assert!(matches!(
        engine.generate(id, limits(), Sampling::default()),
        Err(ModelError::Sequence { what, .. }) if what.contains("empty")
    ));
    engine.extend(id, &[1, 2]).unwrap();
    assert!(matches!(
        engine.generate(id, limits(), Sampling::at(-1.0)),
        Err(ModelError::Sampling { field: "temperature", .. })
    ));
    engine.generate(id, limits(), Sampling::default()).unwrap();
    assert!(engine.extend(id, &[1]).unwrap_err().to_string().contains("being written"));
    engine.step();
    engine.cancel(id);
    assert!(engine.is_idle());
    engine.extend(id, &[1]).unwrap();
    engine.close(id);
    assert!(engine.extend(id, &[1]).unwrap_err().to_string().contains("not open"));
    let none = EngineOptions { max_tokens_in_cache: 31, ..EngineOptions::default() };
    assert!(matches!(Engine::new(&weights, none), Err(ModelError::EngineBounds { .. })));
}

/// Prompts of two groups that begin alike, and differ from each other after a while and in their last tokens.
fn groups() -> Vec<Job> {
    let (start, prompts) = (text(40, 50), [text(37, 51), text(41, 52)]);
    (0..12_usize)
        .map(|at| {
            let mut prompt = [start.clone(), prompts[at / 6].clone()].concat();
            // The last of a group leave it in the middle, or go on for longer.
            match at % 6 {
                4 => prompt.truncate(60),
                5 => prompt.extend(text(20, 53)),
                _ => {}
            }
            Job {
                seed: at as u64,
                prompt,
                suffix: text(3 + at, 54),
                sampling: Sampling::at(1.0),
                new: 5 + at % 4,
            }
        })
        .collect()
}

#[test]
fn what_sequences_begin_with_is_computed_once_and_changes_no_bit() {
    for family in ["llama", "qwen3"] {
        let weights = model(family).unwrap();
        let jobs = groups();
        let alone: BTreeMap<usize, Written> = (0..jobs.len())
            .flat_map(|at| play(&weights, EngineOptions::default(), &[at], &jobs).unwrap())
            .collect();
        let backwards: Vec<usize> = (0..jobs.len()).rev().collect();
        // Whole prompts at once and in pieces, with room for all, for three and for hardly one.
        for (max_step_tokens, max_tokens_in_cache) in
            [(512, 4096), (45, 4096), (7, 4096), (45, 480), (512, 160)]
        {
            let options = EngineOptions { threads: 1, max_batch: 9, max_tokens_in_cache, max_step_tokens };
            for order in [(0..jobs.len()).collect(), backwards.clone()] {
                let together = play(&weights, options, &order, &jobs).unwrap();
                assert_eq!(together, alone, "{family} {options:?} {order:?}");
            }
        }
    }
}

/// Opens sequences of these prompts and starts a turn in each, before any step.
fn admitted(engine: &mut Engine, prompts: &[Vec<u32>], new: usize) -> Result<Vec<SequenceId>, ModelError> {
    let start = |(seed, prompt): (usize, &Vec<u32>)| {
        let id = engine.open(seed as u64);
        engine.extend(id, prompt)?;
        engine.generate(id, Limits { max_new: new, stop: Vec::new() }, Sampling::at(1.0))?;
        Ok(id)
    };
    prompts.iter().enumerate().map(start).collect()
}

#[test]
fn a_group_that_arrives_together_reads_its_prompt_once() {
    let weights = model("qwen3").unwrap();
    let (first, second) = (text(100, 60), text(90, 61));
    let prompts: Vec<Vec<u32>> =
        (0..16).map(|at| if at < 8 { first.clone() } else { second.clone() }).collect();
    // In pieces, one of the second group meets a prompt of which 75 tokens are read: for the other 14 it does not wait,
    // but computes the 10 that the step has room for.
    for (max_step_tokens, impatient) in [(512, 0), (33, 10)] {
        let mut engine =
            Engine::new(&weights, EngineOptions { max_step_tokens, ..EngineOptions::default() }).unwrap();
        let ids = admitted(&mut engine, &prompts, 4).unwrap();
        while !engine.is_idle() {
            engine.step();
        }
        // A prompt and the last tokens of seven more; then three more tokens each, the fourth is written and not read.
        let computed = (100 + 90) + 14 + 16 * 3 + impatient;
        let copied = 7 * (99 + 89) - impatient;
        assert_eq!((engine.load().computed, engine.load().copied), (computed, copied));
        // A turn later nothing is to be copied, and one who comes late copies from whoever is still there.
        ids[1..].iter().for_each(|id| engine.close(*id));
        engine.extend(ids[0], &[1, 2]).unwrap();
        engine.generate(ids[0], Limits { max_new: 1, stop: Vec::new() }, Sampling::default()).unwrap();
        engine.step();
        assert_eq!(engine.load().copied, copied);
        admitted(&mut engine, std::slice::from_ref(&first), 1).unwrap();
        engine.step();
        assert_eq!(engine.load().computed, computed + 3 + 1);
    }
}

#[test]
fn nothing_is_copied_that_was_computed_under_other_weights() {
    let weights = model("llama").unwrap();
    let mut other = weights.clone();
    other.data_mut().iter_mut().for_each(|number| *number *= 1.25);
    let prompts = vec![text(60, 70); 3];
    let run = |engine: &mut Engine| -> Result<Vec<Vec<u32>>, ModelError> {
        let ids = admitted(engine, &prompts, 12)?;
        while !engine.is_idle() {
            engine.step();
        }
        Ok(ids.iter().filter_map(|id| engine.ids(*id).map(<[u32]>::to_vec)).collect())
    };
    let mut engine = Engine::new(&weights, EngineOptions::default()).unwrap();
    let before = run(&mut engine).unwrap();
    engine.set_weights(&other).unwrap();
    let after = run(&mut engine).unwrap();
    assert_eq!(after, run(&mut Engine::new(&other, EngineOptions::default()).unwrap()).unwrap());
    assert_ne!(before, after);
}
