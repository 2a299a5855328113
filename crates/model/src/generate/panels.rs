//! Weights of a linear layer in the order in which the kernel reads them: `[outputs / 32][inputs][32]`.
//!
//! Writing one token after the other is bound by reading the weights. A matrix whose numbers are all bfloat16, as most
//! published models are, is therefore kept in it: half the memory and half the time, and bit for bit the same outputs.

use super::kernel::{Rows, Sums, multiply};
use super::lanes::{BLOCK, HalfLane, Lane, Level, WeightLane, blocks};
use super::team::Team;

/// Bytes a nanosecond and multiply-adds a nanosecond of one core, for deciding whether work is worth sharing out.
/// Rough on purpose: being wrong by half costs microseconds.
const BYTES_PER_NS: f64 = 20.0;
const SUMS_PER_NS: f64 = 40.0;

/// A matrix `[outputs, inputs]`, repacked and padded with zeros to multiples of 32.
#[expect(clippy::struct_field_names, reason = "how many panels there are is called so everywhere")]
pub(crate) struct Panels {
    data: Data,
    panels: usize,
    /// Blocks of 32 inputs.
    blocks: usize,
}

enum Data {
    Full(Vec<Lane>),
    Half(Vec<HalfLane>),
}

impl Panels {
    /// Room for a matrix; [`Panels::fill`] brings the numbers.
    pub(crate) fn new(outputs: usize, inputs: usize) -> Self {
        // Nothing is taken before it is known which form the numbers have.
        Self { data: Data::Half(Vec::new()), panels: blocks(outputs), blocks: blocks(inputs) }
    }

    /// Copies a row-major matrix in; output `o` goes to place `to(o)`.
    pub(crate) fn fill(&mut self, weights: &[f32], inputs: usize, to: impl Fn(usize) -> usize) {
        let (lanes, blocks) = (self.panels * self.blocks * BLOCK * 2, self.blocks);
        if weights.iter().all(|weight| weight.to_bits() << 16 == 0) {
            let mut data = match std::mem::replace(&mut self.data, Data::Full(Vec::new())) {
                Data::Half(data) if data.len() == lanes => data,
                Data::Half(_) | Data::Full(_) => vec![HalfLane::ZERO; lanes],
            };
            place(weights, inputs, blocks, to, |lane, at, weight| {
                data[lane].0[at] = (weight.to_bits() >> 16) as u16;
            });
            self.data = Data::Half(data);
        } else {
            let mut data = match std::mem::replace(&mut self.data, Data::Half(Vec::new())) {
                Data::Full(data) if data.len() == lanes => data,
                Data::Half(_) | Data::Full(_) => vec![Lane::ZERO; lanes],
            };
            place(weights, inputs, blocks, to, |lane, at, weight| data[lane].0[at] = weight);
            self.data = Data::Full(data);
        }
    }

    /// Reads the weights of one output back.
    pub(crate) fn output(&self, output: usize, into: &mut [f32]) {
        let start = (output / BLOCK) * self.blocks * BLOCK * 2 + output % BLOCK / 16;
        let at = output % 16;
        match &self.data {
            Data::Full(data) => {
                into.iter_mut().zip(data[start..].iter().step_by(2)).for_each(|(to, lane)| *to = lane.0[at]);
            }
            Data::Half(data) => {
                into.iter_mut()
                    .zip(data[start..].iter().step_by(2))
                    .for_each(|(to, lane)| *to = f32::from_bits(u32::from(lane.0[at]) << 16));
            }
        }
    }

    /// Lanes that the output of `rows` rows takes.
    pub(crate) fn output_lanes(&self, rows: usize) -> usize {
        self.panels * rows * 2
    }

    fn ns(&self, rows: usize) -> f64 {
        let numbers = (self.panels * self.blocks * BLOCK * BLOCK) as f64;
        let bytes = match self.data {
            Data::Full(_) => 4.0,
            Data::Half(_) => 2.0,
        };
        (numbers * bytes / BYTES_PER_NS).max(numbers * rows as f64 / SUMS_PER_NS)
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
            self.multiply(level, input, first, output, sums);
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
                    self.multiply(level, input, (first + at) * 2, pair, Sums::Replace);
                    then(pair, output);
                }
            });
        });
    }

    /// Multiplies with the panels from `first` on.
    fn multiply(&self, level: Level, input: Rows<'_>, first: usize, output: &mut [Lane], sums: Sums) {
        let length = self.blocks * BLOCK * 2;
        match &self.data {
            Data::Full(data) => multiply(level, input, |p| panel(data, first + p, length), output, sums),
            Data::Half(data) => multiply(level, input, |p| panel(data, first + p, length), output, sums),
        }
    }
}

fn panel<W: WeightLane>(data: &[W], at: usize, length: usize) -> &[W] {
    &data[at * length..(at + 1) * length]
}

/// Gives each weight of a row-major matrix with its lane and its place in there.
fn place(
    weights: &[f32],
    inputs: usize,
    blocks: usize,
    to: impl Fn(usize) -> usize,
    mut put: impl FnMut(usize, usize, f32),
) {
    for (output, row) in weights.chunks_exact(inputs).enumerate() {
        let place = to(output);
        let start = (place / BLOCK) * blocks * BLOCK * 2 + place % BLOCK / 16;
        for (input, weight) in row.iter().enumerate() {
            put(start + input * 2, place % 16, *weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::lanes::{read_row, write_row};

    /// A product with each row of `rows`, and the bytes that the weights take.
    fn product(team: &Team, weights: &[f32], rows: usize, level: Level) -> (Vec<u32>, usize) {
        let (inputs, outputs) = (50, 70);
        let mut panels = Panels::new(outputs, inputs);
        // Filled twice: the second must not depend on the form of the first.
        panels.fill(&vec![0.1; inputs * outputs], inputs, |output| output);
        panels.fill(weights, inputs, |output| output);
        let mut back = vec![0.0; inputs];
        panels.output(33, &mut back);
        assert_eq!(back, weights[33 * inputs..34 * inputs]);
        let mut lanes = vec![Lane::ZERO; blocks(inputs) * rows * 2];
        for row in 0..rows {
            let numbers: Vec<f32> =
                (0..inputs).map(|i| ((row * 31 + i * 7) % 23) as f32 / 7.0 - 1.5).collect();
            write_row(&mut lanes, rows, row, 0, &numbers);
        }
        let mut output = vec![Lane::ZERO; panels.output_lanes(rows)];
        panels.apply(team, level, (&lanes, rows), &mut output, Sums::Replace);
        let mut bits = Vec::new();
        for row in 0..rows {
            let mut numbers = vec![0.0; outputs];
            read_row(&output, rows, row, 0, &mut numbers);
            bits.extend(numbers.into_iter().map(f32::to_bits));
        }
        let bytes = match &panels.data {
            Data::Full(data) => size_of_val(data.as_slice()),
            Data::Half(data) => size_of_val(data.as_slice()),
        };
        (bits, bytes)
    }

    #[test]
    fn weights_in_bfloat16_take_half_the_memory_and_give_the_same_bits() {
        let rounded: Vec<f32> = (0..50 * 70)
            .map(|i| f32::from_bits((((i * 37 % 101) as f32 / 50.0 - 1.0).to_bits() >> 16) << 16))
            .collect();
        // One number that bfloat16 has not, in a column of its own, keeps the same matrix in f32.
        let mut full = rounded.clone();
        full[69 * 50] = 0.1;
        let team = Team::new(1).unwrap();
        for level in Level::available() {
            for rows in [1, 2, 3, 5, 7, 12, 13] {
                let (half_bits, half_bytes) = product(&team, &rounded, rows, *level);
                let (full_bits, full_bytes) = product(&team, &full, rows, *level);
                assert_eq!(half_bytes * 2, full_bytes);
                for (at, (half, full)) in half_bits.iter().zip(&full_bits).enumerate() {
                    assert!(at % 70 == 69 || half == full, "{level:?}, {rows} rows, output {at}");
                }
            }
        }
    }
}
