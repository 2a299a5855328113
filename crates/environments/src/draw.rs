//! Seeded choices over one random stream, spelled out so that a library's update cannot change published bytes.
//!
//! Not for cryptography, and not fast; an arena draws a few hundred numbers.

use astra_protocol::seeded_rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

/// A stream of choices.
pub(crate) struct Draw(ChaCha8Rng);

impl Draw {
    /// The stream of `(seed, id)`.
    pub(crate) fn new(seed: u64, id: &str) -> Self {
        Self(seeded_rng(seed, id))
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        // Multiply-shift: the bias is below 2^-40 for every bound that fits memory.
        let wide = u128::from(self.0.next_u64()) * (bound as u128);
        usize::try_from(wide >> 64).unwrap_or(0)
    }

    /// Whether an event of this percentage happens.
    pub(crate) fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    /// One of the items.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }

    /// Up to `count` items in random order.
    pub(crate) fn sample<T: Copy>(&mut self, items: &[T], count: usize) -> Vec<T> {
        let mut pool: Vec<T> = items.to_vec();
        let count = count.min(pool.len());
        for at in 0..count {
            let other = at + self.below(pool.len() - at);
            pool.swap(at, other);
        }
        pool.truncate(count);
        pool
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_repeat_and_stay_in_bounds() {
        let numbers = |seed| {
            let mut draw = Draw::new(seed, "x");
            (0..200).map(|_| draw.below(7)).collect::<Vec<_>>()
        };
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(1), numbers(2));
        assert!((0..7).all(|n| numbers(1).contains(&n)) && numbers(1).iter().all(|n| *n < 7));
    }

    #[test]
    fn samples_hold_each_item_once() {
        let mut sample = Draw::new(3, "y").sample(&[1, 2, 3, 4, 5], 9);
        sample.sort_unstable();
        assert_eq!(sample, [1, 2, 3, 4, 5]);
        assert_eq!(Draw::new(3, "y").below(0), 0);
    }
}
