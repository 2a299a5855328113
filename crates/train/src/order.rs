//! Which samples make up which step, and how a step is cut into pieces that fit the memory.
//!
//! The order is a function of the seed and the step alone: every epoch is a shuffle of its own, steps take the next
//! samples across epoch borders, and a resumed run asks for step 812 without having counted to it.

use rand_chacha::rand_core::Rng;
use std::ops::Range;

/// The samples of every step.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    samples: usize,
    batch: usize,
    seed: u64,
    /// The shuffle of the epoch that was asked for last.
    cached: Option<(u64, Vec<u32>)>,
}

impl Order {
    /// Steps of `batch` samples out of `samples`, both at least 1.
    pub(crate) fn new(samples: usize, batch: usize, seed: u64) -> Self {
        Self { samples: samples.max(1), batch: batch.max(1), seed, cached: None }
    }

    /// Indices of the samples of a step, from 0.
    pub(crate) fn step(&mut self, step: u64) -> Vec<usize> {
        let first = step * self.batch as u64;
        (first..first + self.batch as u64).map(|at| self.at(at)).collect()
    }

    /// Passes over the data that are behind after so many steps.
    pub(crate) fn epochs(&self, steps: u64) -> f64 {
        (steps * self.batch as u64) as f64 / self.samples as f64
    }

    fn at(&mut self, at: u64) -> usize {
        let (epoch, place) = (at / self.samples as u64, at % self.samples as u64);
        if self.cached.as_ref().is_none_or(|(cached, _)| *cached != epoch) {
            self.cached = Some((epoch, shuffled(self.samples, self.seed, epoch)));
        }
        self.cached.as_ref().map_or(0, |(_, order)| order[place as usize] as usize)
    }
}

/// Fisher and Yates.
fn shuffled(samples: usize, seed: u64, epoch: u64) -> Vec<u32> {
    let mut rng = astra_protocol::seeded_rng(seed, &format!("epoch {epoch}"));
    let mut order: Vec<u32> = (0..samples as u32).collect();
    for last in (1..order.len()).rev() {
        // The bias of a remainder is below 2^-32 for any data set that fits into memory.
        order.swap(last, (rng.next_u64() % (last as u64 + 1)) as usize);
    }
    order
}

/// Cuts a step's samples, given by their lengths, into consecutive pieces of at most `tokens` tokens. A sample that
/// is longer than that is a piece of its own.
pub(crate) fn pieces(lengths: &[usize], tokens: usize) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let (mut start, mut held) = (0, 0);
    for (at, length) in lengths.iter().enumerate() {
        if held > 0 && held + length > tokens {
            pieces.push(start..at);
            (start, held) = (at, 0);
        }
        held += length;
    }
    if start < lengths.len() {
        pieces.push(start..lengths.len());
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_epoch_sees_every_sample_once_in_an_order_of_its_own() {
        let mut order = Order::new(10, 4, 7);
        let drawn: Vec<usize> = (0..5).flat_map(|step| order.step(step)).collect();
        let (first, second) = drawn.split_at(10);
        for epoch in [first, second] {
            assert_eq!(epoch.iter().collect::<BTreeSet<_>>().len(), 10);
        }
        assert_ne!(first, second);
        assert!((order.epochs(5) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_step_does_not_depend_on_those_before_it() {
        let mut counted = Order::new(7, 3, 1);
        let all: Vec<_> = (0..9).map(|step| counted.step(step)).collect();
        assert_eq!(Order::new(7, 3, 1).step(8), all[8]);
        assert_ne!(Order::new(7, 3, 2).step(8), all[8]);
    }

    #[test]
    fn pieces_tile_the_step_and_keep_to_the_limit_where_they_can() {
        assert_eq!(pieces(&[5, 5, 1, 9, 20, 3], 10), [0..2, 2..4, 4..5, 5..6]);
        assert!(pieces(&[], 10).is_empty());
        assert_eq!(pieces(&[11, 1], 10), [0..1, 1..2]);
    }
}
