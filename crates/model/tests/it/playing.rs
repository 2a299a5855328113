//! Turns for many threads, and a model as a policy.

use crate::tokens::world::{CONTROLS, chat, tool};
use astra_model::{
    Batch, Chat, Config, CrossEntropy, Engine, EngineOptions, Finish, Generator, LearnOptions, Learner,
    Limits, ModelError, ModelPolicy, PolicySettings, Sampling, TemplateChoice, Turn, TurnCounts, Weights,
};
use astra_protocol::{Message, Policy, PolicyTurn, Segment, ToolCall, TurnRequest};
use serde_json::json;
use std::error::Error;
use std::sync::Arc;

fn weights(vocabulary: usize) -> Result<Weights, Box<dyn Error>> {
    let text = format!(
        r#"{{"model_type":"llama","vocab_size":{vocabulary},"hidden_size":32,"intermediate_size":48,
        "num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"tie_word_embeddings":true,
        "max_position_embeddings":512}}"#
    );
    let mut weights = Weights::init(Config::from_json(&text)?, 2);
    for tensor in weights.layout().clone().tensors().iter().filter(|tensor| tensor.decays()) {
        weights.data_mut()[tensor.range.clone()].iter_mut().for_each(|number| *number *= 8.0);
    }
    Ok(weights)
}

fn generator(weights: &Weights) -> Result<Generator, ModelError> {
    let options = EngineOptions { threads: 1, max_tokens_in_cache: 1024, ..EngineOptions::default() };
    Generator::new(Engine::new(weights, options)?, 7)
}

fn limits(max_new: usize) -> Limits {
    Limits { max_new, stop: Vec::new() }
}

fn two_turns(generator: &Generator, seed: u8) -> Result<[Turn; 2], ModelError> {
    let sequence = generator.open(u64::from(seed));
    let offset = u32::from(seed);
    let prompt: Vec<u32> = (0..10 + offset * 7).map(|at| (at * 13 + offset) % 90).collect();
    let first = sequence.turn(prompt, limits(15 + usize::from(seed)), Sampling::at(1.0)).wait()?;
    Ok([first, sequence.turn(vec![3, 1, 4], limits(9), Sampling::at(1.0)).wait()?])
}

#[test]
fn threads_that_write_at_the_same_time_get_what_each_would_get_alone() {
    let generator = generator(&weights(90).unwrap()).unwrap();
    let alone: Vec<[Turn; 2]> = (0..12).map(|seed| two_turns(&generator, seed).unwrap()).collect();
    assert_ne!(alone[0], alone[1]);
    let together: Vec<[Turn; 2]> = std::thread::scope(|scope| {
        let generator = &generator;
        let threads: Vec<_> =
            (0..12).map(|seed| scope.spawn(move || two_turns(generator, seed).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(together, alone);
    assert!(together.iter().flatten().all(|turn| turn.policy_version == 7));
    let load = generator.load().unwrap();
    assert_eq!((load.open, load.running, load.cache_tokens), (0, 0, 0));
}

#[test]
fn turns_that_are_dropped_or_cannot_be_written_leave_the_others_alone() {
    let weights = weights(90).unwrap();
    let generator = generator(&weights).unwrap();
    let sequence = generator.open(1);
    drop(sequence.turn(vec![1], limits(400), Sampling::default()));
    let turn = sequence.turn(vec![2], limits(3), Sampling::default()).wait().unwrap();
    assert_eq!((turn.tokens.len(), turn.finish), (3, Finish::Length));
    let unknown = sequence.turn(vec![90], limits(3), Sampling::default()).wait();
    assert!(matches!(unknown, Err(ModelError::Token { id: 90, .. })));
    let empty = generator.open(1).turn(Vec::new(), limits(3), Sampling::default()).wait();
    assert!(matches!(empty, Err(ModelError::Sequence { .. })));
    generator.set_weights(Arc::new(weights), 8).unwrap();
    assert_eq!(sequence.turn(vec![2], limits(1), Sampling::default()).wait().unwrap().policy_version, 8);
    let pending = sequence.turn(vec![2], limits(400), Sampling::default());
    drop(generator);
    assert!(matches!(pollster::block_on(pending), Err(ModelError::GeneratorEnded) | Ok(_)));
    let after = sequence.turn(vec![2], limits(3), Sampling::default()).wait();
    assert!(matches!(after, Err(ModelError::GeneratorEnded)));
}

fn policy(chat: &Arc<Chat>, max_turn_tokens: usize) -> Result<(ModelPolicy, Weights), Box<dyn Error>> {
    let weights = weights(chat.tokenizer().vocab_size())?;
    let settings = PolicySettings { sampling: Sampling::at(1.0), max_turn_tokens, strict: false };
    let policy = ModelPolicy::new("m", Arc::new(generator(&weights)?), Arc::clone(chat), settings);
    Ok((policy, weights))
}

/// Plays until the model has no room left; each of its turns is answered.
fn play(policy: &ModelPolicy, seed: u64) -> Result<Vec<PolicyTurn>, Box<dyn Error>> {
    let player = policy.player();
    let mut messages = vec![Message::User { content: format!("question {seed}") }];
    let mut turns = Vec::new();
    loop {
        let request = TurnRequest { tools: &[], messages: &messages, seed, turn: turns.len() };
        let turn = pollster::block_on(player.next_turn(request))?;
        messages.push(turn.message.clone());
        messages.push(Message::User { content: "and <|im_end|> now?".to_owned() });
        turns.push(turn);
        if turns.last().is_some_and(|turn| turn.exhausted) {
            return Ok(turns);
        }
    }
}

#[test]
fn segments_are_what_the_model_read_and_wrote_and_its_log_probabilities_are_those_of_learning() {
    let chat = Arc::new(chat(&CONTROLS, &json!({}), TemplateChoice::Compact).unwrap());
    let (policy, weights) = policy(&chat, 60).unwrap();
    let turns = play(&policy, 5).unwrap();
    assert!(turns.len() > 3);
    let segments: Vec<&Segment> = turns.iter().flat_map(|turn| &turn.segments).collect();
    assert_eq!(segments[0].ids, chat.prompt(&[], &[Message::User { content: "question 5".into() }]).unwrap());
    for pair in segments[1..].chunks_exact(2) {
        let [written, read] = pair else { unreachable!() };
        let ended = written.ids.last() == chat.end_of_turn().first();
        let mut expected = if ended { Vec::new() } else { chat.end_of_turn().to_vec() };
        let new = [Message::User { content: "and <|im_end|> now?".into() }];
        expected.extend(chat.continuation(&new).unwrap());
        assert_eq!(read.ids, expected);
    }
    let ids: Vec<u32> = segments.iter().flat_map(|segment| segment.ids.clone()).collect();
    assert!(ids.len() <= 512);
    let mut learner = Learner::new(weights, LearnOptions::default()).unwrap();
    let ones = vec![1.0; ids.len()];
    let output = learner.forward(&Batch::of([&ids]), &CrossEntropy { weights: &ones }).unwrap();
    let mut at = 0;
    for segment in segments {
        for (offset, logprob) in segment.logprobs.iter().flatten().enumerate() {
            let learned = output.logprobs[at + offset];
            assert!((learned - logprob).abs() < 1e-4, "{learned} {logprob}");
        }
        assert_eq!(segment.sampled, segment.logprobs.is_some());
        at += segment.ids.len();
    }
    let counts = policy.counts();
    assert_eq!((counts.turns, counts.overflowed), (turns.len() as u64, 1));
    assert!(counts.cut < counts.turns && counts != TurnCounts::default());
}

#[test]
fn a_turn_that_another_end_of_sequence_stopped_is_ended_as_the_template_ends_turns() {
    let config = json!({"eos_token": "<|endoftext|>"});
    let chat = Arc::new(chat(&CONTROLS, &config, TemplateChoice::Compact).unwrap());
    let [end, other] = *chat.stop_ids() else { unreachable!("the template's end and that of the folder") };
    let (policy, _) = policy(&chat, 200).unwrap();
    let mut stopped_by_the_other = 0;
    for seed in 0..20 {
        let segments: Vec<Segment> =
            play(&policy, seed).unwrap().into_iter().flat_map(|turn| turn.segments).collect();
        for pair in segments.windows(2).filter(|pair| pair[0].ids.last() == Some(&other)) {
            assert_eq!(pair[1].ids.first(), Some(&end));
            stopped_by_the_other += 1;
        }
    }
    assert!(stopped_by_the_other > 0);
}

#[test]
fn a_strict_policy_writes_no_call_that_the_tools_refuse() {
    let chat = Arc::new(chat(&CONTROLS, &json!({}), TemplateChoice::Compact).unwrap());
    let tools = [tool("count", "Counts.", &json!({"properties": {"to": {"enum": [3, 4]}}})).unwrap()];
    let weights = weights(chat.tokenizer().vocab_size()).unwrap();
    let mut calls = [0; 2];
    for (strict, calls) in [false, true].into_iter().zip(&mut calls) {
        let settings = PolicySettings { sampling: Sampling::at(1.0), max_turn_tokens: 80, strict };
        let generator = Arc::new(generator(&weights).unwrap());
        let policy = ModelPolicy::new("m", generator, Arc::clone(&chat), settings);
        for seed in 0..30 {
            let player = policy.player();
            let mut messages = vec![Message::User { content: "How many?".to_owned() }];
            for turn in 0..2 {
                let request = TurnRequest { tools: &tools, messages: &messages, seed, turn };
                let turn = pollster::block_on(player.next_turn(request)).unwrap();
                let whole = turn.segments[1].ids.last() == chat.end_of_turn().first();
                if let (Message::Assistant { tool_calls, .. }, true) = (&turn.message, whole) {
                    let right = |call: &ToolCall| {
                        call.name == "count"
                            && ["{}", r#"{"to":3}"#, r#"{"to":4}"#]
                                .contains(&&*call.arguments.replace(' ', ""))
                    };
                    assert!(!strict || tool_calls.iter().all(right), "{tool_calls:?}");
                    *calls += tool_calls.iter().filter(|call| right(call)).count();
                }
                messages.extend([turn.message, Message::User { content: "And now?".to_owned() }]);
            }
        }
    }
    assert!(calls[0] == 0 && calls[1] > 3, "{calls:?}");
}

#[test]
fn broken_weights_are_an_error_of_the_turn_and_not_a_token() {
    let mut weights = weights(90).unwrap();
    let norm = weights.layout().final_norm();
    weights.data_mut()[norm].fill(f32::NAN);
    let generator = generator(&weights).unwrap();
    for sampling in [Sampling::default(), Sampling::at(1.0)] {
        let turn = generator.open(1).turn(vec![1, 2], limits(3), sampling).wait();
        assert!(matches!(turn, Err(ModelError::BrokenLogits)), "{turn:?}");
    }
    let load = generator.load().unwrap();
    assert_eq!((load.running, load.waiting), (0, 0));
}

#[test]
fn episodes_side_by_side_are_those_played_alone() {
    let chat = Arc::new(chat(&CONTROLS, &json!({}), TemplateChoice::Hermes).unwrap());
    let (policy, _) = policy(&chat, 40).unwrap();
    let ids = |turns: &[PolicyTurn]| -> Vec<u32> {
        turns.iter().flat_map(|turn| &turn.segments).flat_map(|segment| segment.ids.clone()).collect()
    };
    let alone: Vec<_> = (0..6).map(|seed| ids(&play(&policy, seed).unwrap())).collect();
    let together: Vec<_> = std::thread::scope(|scope| {
        let policy = &policy;
        let threads: Vec<_> = (0..6).map(|seed| scope.spawn(move || play(policy, seed).unwrap())).collect();
        threads.into_iter().map(|thread| ids(&thread.join().unwrap())).collect()
    });
    assert_eq!(together, alone);
}

#[test]
fn a_prompt_longer_than_the_context_ends_the_episode_and_is_not_a_failure() {
    let chat = Arc::new(chat(&CONTROLS, &json!({}), TemplateChoice::Compact).unwrap());
    let (policy, _) = policy(&chat, 40).unwrap();
    let messages = [Message::User { content: "x y ".repeat(400) }];
    let player = policy.player();
    let request = TurnRequest { tools: &[], messages: &messages, seed: 0, turn: 0 };
    let turn = pollster::block_on(player.next_turn(request)).unwrap();
    assert!(turn.exhausted && turn.segments.is_empty());
    assert_eq!((turn.message.content(), turn.usage.output_tokens), ("", 0));
    let lost = TurnRequest { turn: 1, ..request };
    let error = pollster::block_on(policy.player().next_turn(lost)).unwrap_err();
    assert!(error.to_string().contains("turn 0"), "{error}");
}
