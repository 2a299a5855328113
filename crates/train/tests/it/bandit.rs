//! The smallest environments, without text or tools: a few tokens are drawn, and a rule pays for them.

use astra_model::{Config, EngineOptions, LearnOptions, Limits, Sampler, Sampling, Weights};
use astra_protocol::Segment;
use astra_train::grpo::{Environment, Outcome, Rollout, World};
use astra_train::{NativeBackend, NativeOptions};
use std::sync::Arc;

use crate::world::Result;

pub(crate) const VOCABULARY: usize = 32;

/// A tiny model without a tokenizer.
pub(crate) fn weights(seed: u64) -> Result<Weights> {
    let text = format!(
        r#"{{"model_type":"llama","vocab_size":{VOCABULARY},"hidden_size":16,"intermediate_size":32,
        "num_hidden_layers":2,"num_attention_heads":2,"num_key_value_heads":1,"tie_word_embeddings":true,
        "max_position_embeddings":64}}"#
    );
    Ok(Weights::init(Config::from_json(&text)?, seed))
}

pub(crate) fn options() -> NativeOptions {
    NativeOptions {
        learn: LearnOptions { threads: 2, ..LearnOptions::default() },
        engine: EngineOptions { threads: 2, max_tokens_in_cache: 2048, ..EngineOptions::default() },
        tokens_at_once: 64,
    }
}

pub(crate) fn backend(seed: u64) -> Result<NativeBackend> {
    Ok(NativeBackend::new(weights(seed)?, options())?)
}

/// What pays.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    /// One token is drawn: an even one is the good arm, an odd one the bad.
    TwoArms,
    /// Two turns of two tokens: the share of even ones pays, but in the last of three tasks everything pays the same.
    /// Some rollouts are masked, as their seed says.
    EvenShare,
    /// Whatever is drawn pays the same.
    Nothing,
    /// The world does not open.
    Broken,
}

/// Some tasks of one rule; the prompt is the task's number.
pub(crate) struct Bandit {
    pub(crate) rule: Rule,
    names: Vec<String>,
}

impl Bandit {
    pub(crate) fn new(rule: Rule, tasks: usize) -> Self {
        Self { rule, names: (0..tasks).map(|task| format!("task {task}")).collect() }
    }
}

impl Environment for Bandit {
    fn tasks(&self) -> usize {
        self.names.len()
    }

    fn name(&self, task: usize) -> &str {
        &self.names[task]
    }

    fn world(&self, task: usize, _: u64) -> std::result::Result<Box<dyn World + '_>, String> {
        match self.rule {
            Rule::Broken => Err("the power is out".to_owned()),
            Rule::TwoArms | Rule::EvenShare | Rule::Nothing => {
                Ok(Box::new(Arms { rule: self.rule, prompt: u32::try_from(task).unwrap_or(0) }))
            }
        }
    }
}

struct Arms {
    rule: Rule,
    prompt: u32,
}

impl World for Arms {
    fn play(&self, seed: u64, sampler: &Arc<dyn Sampler>) -> Rollout {
        let (turns, tokens) = match self.rule {
            Rule::EvenShare => (2, 2),
            Rule::TwoArms | Rule::Nothing | Rule::Broken => (1, 1),
        };
        let sequence = sampler.open(seed);
        let mut segments = Vec::new();
        let mut drawn = Vec::new();
        for _ in 0..turns {
            let limits = Limits { max_new: tokens, stop: Vec::new() };
            let read = vec![self.prompt];
            let turn = match pollster::block_on(sequence.turn(read.clone(), limits, Sampling::at(1.0))) {
                Ok(turn) => turn,
                Err(error) => {
                    return Rollout { segments, outcome: Err(error.to_string()), turns: 0, answered: false };
                }
            };
            let policy_version = turn.policy_version;
            segments.push(Segment { ids: read, sampled: false, logprobs: None, policy_version });
            drawn.extend(turn.tokens.clone());
            segments.push(Segment {
                ids: turn.tokens,
                sampled: true,
                logprobs: Some(turn.logprobs),
                policy_version,
            });
        }
        let even = drawn.iter().filter(|token| *token % 2 == 0).count() as f64 / drawn.len() as f64;
        let outcome = match self.rule {
            Rule::EvenShare if seed.is_multiple_of(5) => Err("it rained".to_owned()),
            Rule::EvenShare if self.prompt % 3 == 2 => Ok(Outcome { reward: 0.5, ..Outcome::default() }),
            Rule::TwoArms | Rule::EvenShare => Ok(Outcome { reward: even, ..Outcome::default() }),
            Rule::Nothing | Rule::Broken => Ok(Outcome { reward: 0.25, ..Outcome::default() }),
        };
        Rollout { segments, outcome, turns, answered: true }
    }
}
