//! What is learned on: sequences side by side, shared beginnings once, and what the loss of each of their tokens is.
//!
//! Who shares a beginning is for the caller to say; nothing here looks for it.

use crate::ops::family::Family;
use crate::{Config, ModelError};
use std::ops::Range;

/// Sequences side by side, never padded.
///
/// Attention stays within a family and positions start again in each, so that a batch of sequences of different
/// lengths is what padding and packing are elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Token ids of all sequences.
    pub ids: Vec<u32>,
    /// Where each family lies; one behind the other from 0 to the number of ids.
    pub families: Vec<Family>,
}

impl Batch {
    /// Puts sequences side by side.
    pub fn of<S: AsRef<[u32]>>(sequences: impl IntoIterator<Item = S>) -> Self {
        let mut batch = Self::default();
        for sequence in sequences {
            batch.push(sequence.as_ref());
        }
        batch
    }

    /// Adds a sequence, which [`Batch::branch`] may then continue in several ways; where it lies.
    pub fn push(&mut self, sequence: &[u32]) -> Range<usize> {
        let trunk = self.append(sequence);
        self.families.push(Family { trunk: trunk.clone(), branches: Vec::new() });
        trunk
    }

    /// Adds a way in which the last sequence goes on; where it lies. The first token of a branch is predicted by nothing,
    /// like that of a sequence: a branch begins with the last token that is shared, which then is no part of the trunk.
    pub fn branch(&mut self, continued: &[u32]) -> Range<usize> {
        let branch = self.append(continued);
        match self.families.last_mut() {
            Some(family) => family.branches.push(branch.clone()),
            None => self.families.push(Family { trunk: branch.clone(), branches: Vec::new() }),
        }
        branch
    }

    fn append(&mut self, ids: &[u32]) -> Range<usize> {
        let start = self.ids.len();
        self.ids.extend_from_slice(ids);
        start..self.ids.len()
    }

    /// Trunks and branches in the order in which they lie, each with how many tokens stand before it when it is read.
    fn stretches(&self) -> impl Iterator<Item = (usize, &Range<usize>)> {
        self.families.iter().flat_map(Family::stretches)
    }

    pub(crate) fn check(&self, config: &Config) -> Result<(), ModelError> {
        if self.ids.is_empty() {
            return Err(ModelError::Batch { what: "it has no tokens".to_owned() });
        }
        let mut end = 0;
        for (at, (_, stretch)) in self.stretches().enumerate() {
            if stretch.start != end || stretch.end < end {
                return Err(ModelError::Batch {
                    what: format!("sequence {at} is {stretch:?}, expected it to start at {end}"),
                });
            }
            end = stretch.end;
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

    /// Position of each token when it is read.
    pub(crate) fn positions(&self, into: &mut Vec<u32>) {
        into.clear();
        for (before, stretch) in self.stretches() {
            into.extend((before..before + stretch.len()).map(|position| position as u32));
        }
    }

    /// Targets that a loss looks at: every token but the first of its sequence or branch is predicted from the one
    /// before. A trunk's tokens count once, however many branches it has.
    pub(crate) fn targets(&self, loss: &dyn TokenLoss, into: &mut Vec<usize>) {
        into.clear();
        for (_, stretch) in self.stretches() {
            into.extend((stretch.start + 1..stretch.end).filter(|at| loss.counts(*at)));
        }
    }

    /// Positions of the longest sequence.
    pub(crate) fn furthest(&self) -> usize {
        self.stretches().map(|(before, stretch)| before + stretch.len()).max().unwrap_or(0)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_go_on_where_the_trunk_ends_and_their_first_tokens_are_no_targets() {
        let mut batch = Batch::of([[1, 2]]);
        assert_eq!(batch.push(&[3, 4, 5]), 2..5);
        assert_eq!((batch.branch(&[6, 7]), batch.branch(&[6, 8, 9])), (5..7, 7..10));
        assert_eq!(batch.families.iter().map(Family::tokens).collect::<Vec<_>>(), [0..2, 2..10]);
        let (mut positions, mut targets) = (Vec::new(), Vec::new());
        batch.positions(&mut positions);
        assert_eq!(positions, [0, 1, 0, 1, 2, 3, 4, 3, 4, 5]);
        batch.targets(&CrossEntropy { weights: &[1.0; 10] }, &mut targets);
        assert_eq!(targets, [1, 3, 4, 6, 8, 9]);
        assert_eq!(batch.furthest(), 6);
    }
}
