//! Log-probabilities of targets, and the gradient of the logits in their place.
//!
//! What the loss is stays with the caller: a row's coefficient is asked for once its log-probability is known. The
//! caller goes over the vocabulary in chunks of rows, so that the logits of a whole batch never exist.

use super::{exp, kernel, largest, sum};
use rayon::prelude::*;

/// What is known of one row.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Row {
    /// Loss of the row.
    pub(crate) loss: f64,
    /// Log-probability of the target.
    pub(crate) logprob: f32,
    /// Entropy of the distribution, in nats.
    pub(crate) entropy: f32,
}

kernel! {
    /// Replaces logits by `exp(logit - max)`; returns (max, sum of these, sum of these times (logit - max)).
    fn exponentials(row: &mut [f32]) -> (f32, f32, f32) {
        let most = largest(row);
        let mut weighted = [0.0f32; super::LANES];
        let (chunks, rest) = row.as_chunks_mut::<{ super::LANES }>();
        for chunk in chunks {
            for (x, total) in chunk.iter_mut().zip(&mut weighted) {
                let below = *x - most;
                *x = exp(below);
                *total = x.mul_add(below, *total);
            }
        }
        for (x, total) in rest.iter_mut().zip(&mut weighted) {
            let below = *x - most;
            *x = exp(below);
            *total = x.mul_add(below, *total);
        }
        (most, sum(row.len(), |at| row[at]), weighted.into_iter().sum())
    }
}

kernel! {
    fn scale(row: &mut [f32], by: f32) {
        for x in row {
            *x *= by;
        }
    }
}

/// What happens to the logits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logits {
    /// They become their gradients.
    Differentiate,
    /// They are of no use afterwards.
    Discard,
}

/// Rows of logits, `[targets, vocab]`, which are divided by `temperature` first. `loss` gives a row's loss and its
/// derivative by the log-probability.
pub(crate) fn rows(
    logits: &mut [f32],
    targets: &[u32],
    out: &mut [Row],
    what: Logits,
    temperature: f32,
    loss: impl Fn(usize, f32) -> (f64, f32) + Sync,
) {
    let vocab = logits.len() / targets.len().max(1);
    let inverse = 1.0 / temperature;
    logits.par_chunks_mut(vocab.max(1)).zip(targets).zip(out).enumerate().for_each(
        |(index, ((row, target), out))| {
            let target = *target as usize;
            // At temperature 1 nothing is multiplied, so that the bits are those of a loss without one.
            if inverse.to_bits() != 1.0_f32.to_bits() {
                scale(row, inverse);
            }
            let logit = row[target];
            let (most, total, weighted) = exponentials(row);
            let logprob = logit - most - total.ln();
            let (value, derivative) = loss(index, logprob);
            *out = Row { loss: value, logprob, entropy: total.ln() - weighted / total };
            if what == Logits::Differentiate {
                // d logprob / d logit = ([target] - p) / temperature
                let derivative = derivative * inverse;
                scale(row, -derivative / total);
                row[target] += derivative;
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{check, noise};

    #[test]
    fn gradients_are_difference_quotients_of_any_function_of_the_log_probability() {
        let (vocab, targets) = (37, [3u32, 36, 0]);
        let logits: Vec<f32> = noise(3 * vocab, 1).into_iter().map(|x| 5.0 * x).collect();
        // A different function for each row; the second is not learned on.
        let loss = |index: usize, logprob: f32| match index {
            1 => (0.0, 0.0),
            _ => (f64::from(logprob * logprob) * 0.1, 0.2 * logprob),
        };
        for temperature in [1.0, 0.6, 2.0] {
            let mut out = [Row::default(); 3];
            let mut gradient = logits.clone();
            rows(&mut gradient, &targets, &mut out, Logits::Differentiate, temperature, loss);
            assert!(gradient[vocab..2 * vocab].iter().all(|g| *g == 0.0));
            check(&logits, &gradient, |logits| {
                let mut out = [Row::default(); 3];
                rows(&mut logits.to_vec(), &targets, &mut out, Logits::Discard, temperature, loss);
                out.iter().map(|row| row.loss).sum()
            });
            for (row, (logits, target)) in out.iter().zip(logits.chunks(vocab).zip(targets)) {
                let weight = |x: &f32| (f64::from(*x) / f64::from(temperature)).exp();
                let total: f64 = logits.iter().map(weight).sum();
                let p: Vec<f64> = logits.iter().map(|x| weight(x) / total).collect();
                assert!((f64::from(row.logprob) - p[target as usize].ln()).abs() < 1e-5);
                let entropy: f64 = p.iter().map(|p| -p * p.ln()).sum();
                assert!((f64::from(row.entropy) - entropy).abs() < 1e-5);
            }
        }
    }
}
