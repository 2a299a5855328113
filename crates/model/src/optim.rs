//! AdamW, clipping by the global norm, and the learning rate over time.
//!
//! AdamW as PyTorch has it (decoupled decay first, bias-corrected moments, epsilon outside the root), with decay on
//! matrices only. The norm is summed in f64 over pieces of fixed size, so that it does not depend on threads.

use rayon::prelude::*;
use std::ops::Range;

/// Numbers that one thread takes at a time; also the order of the norm's summation.
const PIECE: usize = 1 << 15;

/// Constants of AdamW.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of their squares.
    pub beta2: f64,
    /// Added to the root of the latter.
    pub eps: f64,
    /// Share of a weight that a step at learning rate 1 would take away; norms and biases are spared.
    pub weight_decay: f64,
}

impl Default for AdamW {
    /// PyTorch's defaults.
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01 }
    }
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepStats {
    /// Global norm of the scaled gradients, before clipping.
    pub grad_norm: f64,
    /// False where the norm was not a number or infinite: such gradients are dropped, weights and moments stay.
    pub applied: bool,
}

/// Moments of AdamW.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moments {
    pub(crate) first: Vec<f32>,
    pub(crate) second: Vec<f32>,
    /// Steps taken.
    pub(crate) steps: u64,
}

/// How one step changes a number.
#[derive(Clone, Copy)]
struct Update {
    /// Multiplies gradients.
    scale: f32,
    keep: f32,
    beta1: f32,
    beta2: f32,
    eps: f32,
    size: f32,
    inverse_root: f32,
}

crate::ops::kernel! {
    fn update(weights: &mut [f32], gradients: &mut [f32], first: &mut [f32], second: &mut [f32], by: Update) {
        for (((w, g), m), v) in weights.iter_mut().zip(gradients).zip(first).zip(second) {
            let gradient = *g * by.scale;
            *g = 0.0;
            *m += (gradient - *m) * (1.0 - by.beta1);
            *v = *v * by.beta2 + gradient * gradient * (1.0 - by.beta2);
            *w = *w * by.keep - by.size * *m / (v.sqrt() * by.inverse_root + by.eps);
        }
    }
}

crate::ops::kernel! {
    fn sum_of_squares(numbers: &[f32]) -> f64 {
        // f32 within 1,024 numbers, f64 over them.
        numbers.chunks(1024).map(|part| f64::from(crate::ops::sum(part.len(), |at| part[at] * part[at]))).sum()
    }
}

/// Root of the sum of squares.
pub(crate) fn norm(numbers: &[f32]) -> f64 {
    let pieces: Vec<f64> = numbers.par_chunks(PIECE).map(sum_of_squares).collect();
    pieces.into_iter().sum::<f64>().sqrt()
}

/// One step of AdamW.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step<'a> {
    pub(crate) rate: f64,
    pub(crate) options: &'a AdamW,
    pub(crate) clip: Option<f64>,
    /// Multiplies gradients, before clipping.
    pub(crate) scale: f64,
    /// Which numbers decay; in order, and together everything.
    pub(crate) segments: &'a [(Range<usize>, bool)],
    /// Numbers with a common scale that learns beside them.
    pub(crate) scale_of: Option<LearnedScale<'a>>,
}

/// A scale that some weights have in common and that AdamW learns as one number, its logarithm, at a rate of its own.
///
/// AdamW moves every weight as far as every other, whether its gradient is signal or noise, so a rate that is low enough
/// for the noise is too low for what concerns them all alike. Summed along the weights, the noise averages out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LearnedScale<'a> {
    pub(crate) of: &'a Range<usize>,
    pub(crate) rate: f64,
}

impl Step<'_> {
    /// Changes the weights and zeroes the gradients.
    pub(crate) fn take(
        &self,
        weights: &mut [f32],
        gradients: &mut [f32],
        moments: &mut Moments,
    ) -> StepStats {
        let grad_norm = norm(gradients) * self.scale.abs();
        if !grad_norm.is_finite() {
            gradients.par_chunks_mut(PIECE).for_each(|piece| piece.fill(0.0));
            return StepStats { grad_norm, applied: false };
        }
        moments.steps += 1;
        let kept = weights.len() + usize::from(self.scale_of.is_some());
        moments.first.resize(kept, 0.0);
        moments.second.resize(kept, 0.0);
        let slope = self.scale_of.map(|scale| dot(&weights[scale.of.clone()], &gradients[scale.of.clone()]));
        let AdamW { beta1, beta2, eps, weight_decay } = *self.options;
        // The 1e-6 is PyTorch's, in clip_grad_norm_.
        let clipped = self.clip.map_or(1.0, |limit| (limit / (grad_norm + 1e-6)).min(1.0));
        let power = moments.steps as f64;
        let by = |rate: f64, decays: bool| Update {
            scale: (self.scale * clipped) as f32,
            keep: if decays { (1.0 - rate * weight_decay) as f32 } else { 1.0 },
            beta1: beta1 as f32,
            beta2: beta2 as f32,
            eps: eps as f32,
            size: (rate / (1.0 - beta1.powf(power))) as f32,
            inverse_root: (1.0 / (1.0 - beta2.powf(power)).sqrt()) as f32,
        };
        weights
            .par_chunks_mut(PIECE)
            .zip(gradients.par_chunks_mut(PIECE))
            .zip(moments.first.par_chunks_mut(PIECE))
            .zip(moments.second.par_chunks_mut(PIECE))
            .enumerate()
            .for_each(|(piece, (((weights, gradients), first), second))| {
                let start = piece * PIECE;
                let end = start + weights.len();
                let from = self.segments.partition_point(|(range, _)| range.end <= start);
                for (range, decays) in self.segments[from..].iter().take_while(|(range, _)| range.start < end)
                {
                    let at = range.start.max(start) - start..range.end.min(end) - start;
                    let (weights, gradients) = (&mut weights[at.clone()], &mut gradients[at.clone()]);
                    update(
                        weights,
                        gradients,
                        &mut first[at.clone()],
                        &mut second[at],
                        by(self.rate, *decays),
                    );
                }
            });
        if let (Some(scale), Some(slope)) = (self.scale_of, slope) {
            let at = weights.len();
            let (mut log, mut slope) = ([0.0], [slope as f32]);
            let (first, second) = (&mut moments.first[at..], &mut moments.second[at..]);
            update(&mut log, &mut slope, first, second, by(scale.rate, false));
            let factor = log[0].exp();
            weights[scale.of.clone()].iter_mut().for_each(|weight| *weight *= factor);
        }
        StepStats { grad_norm, applied: true }
    }
}

fn dot(left: &[f32], right: &[f32]) -> f64 {
    left.iter().zip(right).map(|(left, right)| f64::from(*left) * f64::from(*right)).sum()
}

/// Learning rate over steps: linear warm-up, then half a cosine down to a floor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Steps until the peak is reached.
    pub warmup: u64,
    /// Steps in all; the floor is reached at the end.
    pub total: u64,
    /// Highest rate.
    pub peak: f64,
    /// Lowest rate after the warm-up.
    pub floor: f64,
}

impl Schedule {
    /// Rate of a step, counted from 0. The first step of a warm-up has `peak / warmup`, not 0.
    pub fn at(&self, step: u64) -> f64 {
        if step < self.warmup {
            return self.peak * (step + 1) as f64 / self.warmup as f64;
        }
        let length = self.total.saturating_sub(self.warmup).max(1);
        let done = ((step - self.warmup) as f64 / length as f64).min(1.0);
        self.floor + (self.peak - self.floor) * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::noise;

    /// PyTorch's formula, in f64.
    fn reference(weights: &mut [f64], gradients: &[f64], moments: &mut [(f64, f64)], step: i32, decay: f64) {
        for ((w, g), (m, v)) in weights.iter_mut().zip(gradients).zip(moments) {
            *w *= 1.0 - 0.01 * decay;
            *m = 0.9 * *m + 0.1 * g;
            *v = 0.99 * *v + 0.01 * g * g;
            let corrected = (*v / (1.0 - 0.99f64.powi(step))).sqrt() + 1e-6;
            *w -= 0.01 * (*m / (1.0 - 0.9f64.powi(step))) / corrected;
        }
    }

    #[test]
    fn steps_follow_the_formula_across_pieces_with_decay_where_asked_and_clipping() {
        let len = PIECE + 1000;
        let border = PIECE - 3;
        let segments = [(0..border, true), (border..len, false)];
        let mut weights = noise(len, 1);
        let mut expected: Vec<f64> = weights.iter().copied().map(f64::from).collect();
        let mut pairs = vec![(0.0, 0.0); len];
        let mut moments = Moments::default();
        let options = AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-6, weight_decay: 0.5 };
        for step in 1..4u8 {
            let mut gradients = noise(len, 10 + u64::from(step));
            let norm = gradients.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt() * 0.5;
            let factor = 0.5 * (3.0 / (norm + 1e-6)).min(1.0);
            let scaled: Vec<f64> = gradients.iter().map(|g| f64::from(*g) * factor).collect();
            let (head, tail) = expected.split_at_mut(border);
            reference(head, &scaled[..border], &mut pairs[..border], i32::from(step), 0.5);
            reference(tail, &scaled[border..], &mut pairs[border..], i32::from(step), 0.0);
            let step = Step {
                rate: 0.01,
                options: &options,
                clip: Some(3.0),
                scale: 0.5,
                segments: &segments,
                scale_of: None,
            };
            let stats = step.take(&mut weights, &mut gradients, &mut moments);
            assert!(stats.applied && (stats.grad_norm - norm).abs() < 1e-6 * norm);
            assert!(gradients.iter().all(|g| *g == 0.0));
        }
        for (w, expected) in weights.iter().zip(&expected) {
            assert!((f64::from(*w) - expected).abs() < 1e-6, "{w} instead of {expected}");
        }
    }

    #[test]
    fn a_common_scale_learns_as_one_number_and_at_its_own_rate() {
        let (mut weights, mut gradients) = (vec![5.0, 1.0, 2.0], vec![7.0, 3.0, -1.0]);
        let mut moments = Moments::default();
        let segments = [(0..3, false)];
        let options = AdamW::default();
        let of = 1..3;
        for rate in [0.0, 0.0] {
            let scale_of = Some(LearnedScale { of: &of, rate: 0.1 });
            let step =
                Step { rate, options: &options, clip: None, scale: 0.5, segments: &segments, scale_of };
            step.take(&mut weights, &mut gradients, &mut moments);
            gradients = vec![0.0, 6.0, 0.0];
        }
        // Slopes of the logarithm: 0.5 · (3·1 - 1·2), then 0.5 · 6 · what the first step made of 1.
        let first = (-0.1f64).exp();
        let (one, two) = (0.5, 3.0 * first);
        let mean = (0.9 * 0.1 * one + 0.1 * two) / (1.0 - 0.81);
        let square = (0.999 * 0.001 * one * one + 0.001 * two * two) / (1.0 - 0.999 * 0.999);
        let factor = first * (-0.1 * mean / square.sqrt()).exp();
        for (weight, expected) in weights.iter().zip([5.0, factor, 2.0 * factor]) {
            assert!((f64::from(*weight) - expected).abs() < 1e-5, "{weight} instead of {expected}");
        }
    }

    #[test]
    fn gradients_that_are_no_numbers_leave_everything_as_it_was() {
        let (mut weights, mut gradients) = (vec![1.0, 2.0], vec![f32::NAN, 1.0]);
        let mut moments = Moments::default();
        let segments = [(0..2, true)];
        let options = AdamW::default();
        let step = Step {
            rate: 0.1,
            options: &options,
            clip: None,
            scale: 1.0,
            segments: &segments,
            scale_of: None,
        };
        assert!(!step.take(&mut weights, &mut gradients, &mut moments).applied);
        assert_eq!((weights, gradients, moments.steps), (vec![1.0, 2.0], vec![0.0, 0.0], 0));
    }

    #[test]
    fn the_rate_climbs_to_the_peak_falls_to_the_floor_and_stays_there() {
        let schedule = Schedule { warmup: 4, total: 12, peak: 8.0, floor: 2.0 };
        let rates: Vec<f64> = [0, 3, 4, 8, 12, 99].into_iter().map(|step| schedule.at(step)).collect();
        for (rate, expected) in rates.iter().zip([2.0, 8.0, 8.0, 5.0, 2.0, 2.0]) {
            assert!((rate - expected).abs() < 1e-12, "{rates:?}");
        }
        assert!(schedule.at(6) > schedule.at(7));
    }
}
