//! What is learned on: sequences side by side, and what the loss of each of their tokens is.

use crate::{Config, ModelError};
use std::ops::Range;

/// Sequences side by side, never padded.
///
/// Attention stays within a sequence and positions start again in each, so that a batch of sequences of different
/// lengths is what padding and packing are elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Token ids of all sequences.
    pub ids: Vec<u32>,
    /// Where each sequence lies; one behind the other from 0 to the number of ids.
    pub sequences: Vec<Range<usize>>,
}

impl Batch {
    /// Puts sequences side by side.
    pub fn of<S: AsRef<[u32]>>(sequences: impl IntoIterator<Item = S>) -> Self {
        let mut batch = Self::default();
        for sequence in sequences {
            let start = batch.ids.len();
            batch.ids.extend_from_slice(sequence.as_ref());
            batch.sequences.push(start..batch.ids.len());
        }
        batch
    }

    pub(crate) fn check(&self, config: &Config) -> Result<(), ModelError> {
        if self.ids.is_empty() {
            return Err(ModelError::Batch { what: "it has no tokens".to_owned() });
        }
        let mut end = 0;
        for (at, sequence) in self.sequences.iter().enumerate() {
            if sequence.start != end || sequence.end < end {
                return Err(ModelError::Batch {
                    what: format!("sequence {at} is {sequence:?}, expected it to start at {end}"),
                });
            }
            end = sequence.end;
        }
        if end != self.ids.len() {
            let ids = self.ids.len();
            return Err(ModelError::Batch { what: format!("its sequences end at {end}, its ids at {ids}") });
        }
        match self.ids.iter().position(|id| *id as usize >= config.vocab_size) {
            None => Ok(()),
            Some(at) => Err(ModelError::Batch {
                what: format!("id {} at {at} is not below vocab_size {}", self.ids[at], config.vocab_size),
            }),
        }
    }

    /// Position of each token within its sequence.
    pub(crate) fn positions(&self, into: &mut Vec<u32>) {
        into.clear();
        for sequence in &self.sequences {
            into.extend((0..sequence.len()).map(|position| position as u32));
        }
    }

    /// Targets that a loss looks at: every token but the first of its sequence is predicted from the one before.
    pub(crate) fn targets(&self, loss: &dyn TokenLoss, into: &mut Vec<usize>) {
        into.clear();
        for sequence in &self.sequences {
            into.extend((sequence.start + 1..sequence.end).filter(|at| loss.counts(*at)));
        }
    }
}

/// The loss, token by token, as a function of the token's log-probability.
pub trait TokenLoss: Sync {
    /// Loss of the token at flat position `at` of [`Batch::ids`], given its log-probability, and the derivative of the
    /// loss by it.
    fn at(&self, at: usize, logprob: f32) -> (f64, f32);

    /// Whether the token at `at` is looked at. Where it is not, its log-probability is not computed either.
    fn counts(&self, at: usize) -> bool;

    /// What logits are divided by before they become log-probabilities: for tokens that were sampled at another
    /// temperature than 1, so that both sides speak of the same distribution.
    fn temperature(&self) -> f32 {
        1.0
    }
}

/// Negative log-likelihood with a weight for each token.
#[derive(Clone, Copy, Debug)]
pub struct CrossEntropy<'a> {
    /// One weight a flat position; 0, or beyond the end, is not learned on.
    pub weights: &'a [f32],
}

impl TokenLoss for CrossEntropy<'_> {
    fn at(&self, at: usize, logprob: f32) -> (f64, f32) {
        let weight = self.weights.get(at).copied().unwrap_or(0.0);
        (-f64::from(weight) * f64::from(logprob), -weight)
    }

    fn counts(&self, at: usize) -> bool {
        self.weights.get(at).is_some_and(|weight| *weight != 0.0)
    }
}

/// What a forward pass over a batch found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LossOutput {
    /// Sum of the tokens' losses.
    pub loss: f64,
    /// Number of tokens that counted.
    pub targets: usize,
    /// Log-probability of the token at each flat position; 0 where it was not computed.
    pub logprobs: Vec<f32>,
    /// Entropy, in nats, of the distribution that the token at each flat position was drawn from; 0 where it was not
    /// computed.
    pub entropy: Vec<f32>,
}
