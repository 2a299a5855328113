//! Weights of a linear layer in the order in which the kernel reads them: `[outputs / 32][inputs][32]`.

use super::kernel::{Rows, Sums, multiply};
use super::lanes::{BLOCK, Lane, Level, blocks};
use super::team::Team;

/// Bytes a nanosecond and multiply-adds a nanosecond of one core, for deciding whether work is worth sharing out.
/// Rough on purpose: being wrong by half costs microseconds.
const BYTES_PER_NS: f64 = 20.0;
const SUMS_PER_NS: f64 = 40.0;

/// A matrix `[outputs, inputs]`, repacked and padded with zeros to multiples of 32.
#[expect(clippy::struct_field_names, reason = "how many panels there are is called so everywhere")]
pub(crate) struct Panels {
    data: Vec<Lane>,
    panels: usize,
    /// Blocks of 32 inputs.
    blocks: usize,
}

impl Panels {
    /// Room for a matrix; [`Panels::fill`] brings the numbers.
    pub(crate) fn new(outputs: usize, inputs: usize) -> Self {
        let (panels, blocks) = (blocks(outputs), blocks(inputs));
        Self { data: vec![Lane::ZERO; panels * blocks * BLOCK * 2], panels, blocks }
    }

    /// Copies a row-major matrix in; output `o` goes to place `to(o)`.
    pub(crate) fn fill(&mut self, weights: &[f32], inputs: usize, to: impl Fn(usize) -> usize) {
        for (output, row) in weights.chunks_exact(inputs).enumerate() {
            let place = to(output);
            let start = (place / BLOCK) * self.blocks * BLOCK * 2 + place % BLOCK / 16;
            for (input, weight) in row.iter().enumerate() {
                self.data[start + input * 2].0[place % 16] = *weight;
            }
        }
    }

    /// Reads the weights of one output back.
    pub(crate) fn output(&self, output: usize, into: &mut [f32]) {
        let start = (output / BLOCK) * self.blocks * BLOCK * 2 + output % BLOCK / 16;
        for (input, weight) in into.iter_mut().enumerate() {
            *weight = self.data[start + input * 2].0[output % 16];
        }
    }

    /// Lanes that the output of `rows` rows takes.
    pub(crate) fn output_lanes(&self, rows: usize) -> usize {
        self.panels * rows * 2
    }

    fn panel(&self, at: usize) -> &[Lane] {
        let length = self.blocks * BLOCK * 2;
        &self.data[at * length..(at + 1) * length]
    }

    fn ns(&self, rows: usize) -> f64 {
        let numbers = (self.data.len() * 16) as f64;
        (numbers * 4.0 / BYTES_PER_NS).max(numbers * rows as f64 / SUMS_PER_NS)
    }

    /// `output = input · weightsᵀ`, or added to it.
    pub(crate) fn apply(
        &self,
        team: &Team,
        level: Level,
        input: (&[Lane], usize),
        output: &mut [Lane],
        sums: Sums,
    ) {
        let (lanes, rows) = input;
        let input = Rows { lanes, rows, blocks: self.blocks };
        team.chunks(output, rows * 2, self.ns(rows), |first, output| {
            multiply(level, input, |p| self.panel(first + p), output, sums);
        });
    }

    /// The same for panels in pairs: `then` turns the outputs of a pair, `[2][rows][2]`, into `[rows][2]` of `output`.
    pub(crate) fn apply_pairs(
        &self,
        team: &Team,
        level: Level,
        input: (&[Lane], usize),
        output: &mut [Lane],
        then: impl Fn(&[Lane], &mut [Lane]) + Sync,
    ) {
        let (lanes, rows) = input;
        let input = Rows { lanes, rows, blocks: self.blocks };
        team.chunks(output, rows * 2, self.ns(rows), |first, output| {
            super::scratch::with(rows * 4, |pair| {
                for (at, output) in output.chunks_exact_mut(rows * 2).enumerate() {
                    multiply(level, input, |p| self.panel((first + at) * 2 + p), pair, Sums::Replace);
                    then(pair, output);
                }
            });
        });
    }
}
