//! The one matrix product of generation: rows times panels.
//!
//! A panel holds 32 outputs interleaved, `[inputs][32]`; rows are `[blocks][rows][32]`. Every output is one sum, in
//! the order of the inputs, in one accumulator, whatever tile it is computed in. So a row's numbers do not depend on
//! how many rows stand beside it, nor on how a prompt is cut into chunks. The same product serves linear layers
//! (panels of weights), attention scores (panels of keys) and attention values (panels of values).
//!
//! Weights may be stored in bfloat16: half the bytes to read, and the same sums as with the same numbers in f32.

#![expect(clippy::inline_always, reason = "tiles are compiled for the instructions of their level")]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use super::lanes::{Lane, Level, WeightLane};

/// Rows of input.
#[derive(Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "how many rows there are is called so everywhere")]
pub(crate) struct Rows<'a> {
    /// `[blocks][rows]`, two lanes each.
    pub(crate) lanes: &'a [Lane],
    pub(crate) rows: usize,
    /// Blocks of 32 inputs.
    pub(crate) blocks: usize,
}

/// What becomes of the sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sums {
    /// They replace what is there.
    Replace,
    /// They are summed from zero and then added to what is there.
    Add,
    /// What is there is their beginning: the inputs so far, continued.
    Continue,
}

/// Where a tile lies in the output `[panels][rows][2 lanes]`.
#[derive(Clone, Copy)]
struct Place {
    /// First row.
    row: usize,
    /// First lane of outputs: two a panel.
    lane: usize,
    sums: Sums,
}

impl Place {
    /// Index in the output of row `r` and lane `c` of this tile.
    #[inline(always)]
    fn at(self, rows: usize, r: usize, c: usize) -> usize {
        let lane = self.lane + c;
        ((lane / 2) * rows + self.row + r) * 2 + lane % 2
    }
}

/// Multiplies rows with as many panels as `output` has room for; panel `p` is `panel(p)`.
pub(crate) fn multiply<'a, W: WeightLane + 'a>(
    level: Level,
    input: Rows<'_>,
    panel: impl Fn(usize) -> &'a [W],
    output: &mut [Lane],
    sums: Sums,
) {
    let (rows, lanes) = (input.rows, output.len() / input.rows);
    // Two lanes are one panel: a lane's column starts at its half.
    let column = |lane: usize| &panel(lane / 2)[lane % 2..];
    let tile = |place: Place, height: usize, width: usize, output: &mut [Lane]| {
        let columns: [&[W]; 8] =
            std::array::from_fn(|c| if c < width { column(place.lane + c) } else { [].as_slice() });
        match level {
            Level::Portable => portable::tile(input, height, &columns[..width], place, output),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => avx2::tile(input, height, &columns[..width], place, output),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => avx512::tile(input, height, &columns[..width], place, output),
        }
    };
    let (tallest, widths) = shapes(level);
    // Tiles of nearly equal height: 16 rows are 8 and 8, not 12 and 4.
    let tiles = rows.div_ceil(tallest);
    let mut lane = 0;
    while lane < lanes {
        let widest = widths[rows.div_ceil(tiles).min(widths.len()) - 1];
        let width = if lane + widest <= lanes { widest } else { widest.min(2) };
        for at in 0..tiles {
            let (row, end) = (at * rows / tiles, (at + 1) * rows / tiles);
            tile(Place { row, lane, sums }, end - row, width, output);
        }
        lane += width;
    }
}

/// Highest tile, and how many lanes wide tiles of height 1, 2, … are: enough independent sums to hide the latency of
/// multiply-add, few enough to stay in registers.
fn shapes(level: Level) -> (usize, &'static [usize]) {
    match level {
        Level::Portable => (portable::TALLEST, &[2, 2, 1]),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => (avx2::TALLEST, &[4, 2, 2, 1]),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => (avx512::TALLEST, &[8, 4, 4, 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::lanes::{BLOCK, blocks, read_row, write_row};
    use rand_chacha::rand_core::Rng;

    fn numbers(count: usize, seed: u64) -> Vec<f32> {
        let mut rng = astra_protocol::seeded_rng(seed, "kernel");
        (0..count).map(|_| (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
    }

    fn product(
        level: Level,
        rows: &[Vec<f32>],
        panels: &[Lane],
        outputs: usize,
        sums: Sums,
    ) -> Vec<Vec<f32>> {
        let inputs = rows[0].len();
        let mut lanes = vec![Lane::ZERO; blocks(inputs) * rows.len() * 2];
        for (at, row) in rows.iter().enumerate() {
            write_row(&mut lanes, rows.len(), at, 0, row);
        }
        let mut output = vec![Lane([0.5; 16]); blocks(outputs) * rows.len() * 2];
        let length = blocks(inputs) * BLOCK * 2;
        let input = Rows { lanes: &lanes, rows: rows.len(), blocks: blocks(inputs) };
        multiply(level, input, |p| &panels[p * length..(p + 1) * length], &mut output, sums);
        (0..rows.len())
            .map(|row| {
                let mut out = vec![0.0; outputs];
                read_row(&output, rows.len(), row, 0, &mut out);
                out
            })
            .collect()
    }

    #[test]
    fn products_are_right_and_rows_do_not_notice_each_other() {
        let (inputs, outputs) = (70, 150);
        let weights = numbers(inputs * outputs, 1);
        let mut panels = vec![Lane::ZERO; blocks(outputs) * blocks(inputs) * BLOCK * 2];
        for (at, weight) in weights.iter().enumerate() {
            let (output, input) = (at / inputs, at % inputs);
            let lane = (output / BLOCK) * blocks(inputs) * BLOCK * 2 + input * 2 + output % BLOCK / 16;
            panels[lane].0[output % 16] = *weight;
        }
        let rows: Vec<Vec<f32>> = (0..27).map(|row| numbers(inputs, 10 + row)).collect();
        for level in Level::available() {
            let alone: Vec<_> = rows
                .iter()
                .map(|row| {
                    product(*level, std::slice::from_ref(row), &panels, outputs, Sums::Replace).remove(0)
                })
                .collect();
            for (row, got) in rows.iter().zip(&alone) {
                for (output, got) in got.iter().enumerate() {
                    let exact: f64 = (0..inputs)
                        .map(|i| f64::from(row[i]) * f64::from(weights[output * inputs + i]))
                        .sum();
                    assert!((f64::from(*got) - exact).abs() < 1e-5, "{level:?} {output}: {got} {exact}");
                }
            }
            for count in 1..=rows.len() {
                let together = product(*level, &rows[..count], &panels, outputs, Sums::Replace);
                assert_eq!(together, alone[..count], "{level:?}, {count} rows");
                let added = product(*level, &rows[..count], &panels, outputs, Sums::Add);
                assert_eq!(added[0][0].to_bits(), (0.5 + alone[0][0]).to_bits());
                let continued = product(*level, &rows[..count], &panels, outputs, Sums::Continue);
                assert!((continued[0][0] - added[0][0]).abs() < 1e-5);
            }
        }
    }
}
