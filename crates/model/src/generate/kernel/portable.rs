//! Tiles of up to 4 rows and 2 lanes in plain Rust, which compilers vectorise (NEON on aarch64, SSE2 on old x86-64).

use super::{Place, Rows, Sums};
use crate::generate::lanes::{BLOCK, Lane, WeightLane};

/// Rows of the highest tile.
pub(super) const TALLEST: usize = 4;

/// Computes one tile.
pub(super) fn tile<W: WeightLane>(
    input: Rows<'_>,
    height: usize,
    columns: &[&[W]],
    place: Place,
    output: &mut [Lane],
) {
    macro_rules! tiles {
        ($($rows:literal, $width:literal;)*) => {
            match (height, columns.len()) {
                $(($rows, $width) => {
                    let columns: [&[W]; $width] = std::array::from_fn(|c| columns[c]);
                    fixed::<W, $rows, $width>(input, columns, place, output);
                })*
                (height, width) => unreachable!("no tile of {height} rows and {width} lanes"),
            }
        };
    }
    tiles! { 1, 2; 2, 2; 2, 1; 3, 1; 4, 1; }
}

fn fixed<W: WeightLane, const R: usize, const C: usize>(
    input: Rows<'_>,
    columns: [&[W]; C],
    place: Place,
    output: &mut [Lane],
) {
    let Rows { lanes, rows, blocks } = input;
    let mut sums = [[[0.0_f32; 16]; C]; R];
    if place.sums == Sums::Continue {
        for (r, sums) in sums.iter_mut().enumerate() {
            for (c, sum) in sums.iter_mut().enumerate() {
                *sum = output[place.at(rows, r, c)].0;
            }
        }
    }
    for block in 0..blocks {
        let x = &lanes[(block * rows + place.row) * 2..][..R * 2];
        for k in 0..BLOCK {
            for (c, column) in columns.iter().enumerate() {
                let weight = &column[(block * BLOCK + k) * 2].numbers();
                for (r, sums) in sums.iter_mut().enumerate() {
                    let x = x[r * 2 + k / 16].0[k % 16];
                    for (sum, weight) in sums[c].iter_mut().zip(weight) {
                        *sum = multiply_add(x, *weight, *sum);
                    }
                }
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        for (c, sums) in sums.iter().enumerate() {
            let out = &mut output[place.at(rows, r, c)].0;
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = if place.sums == Sums::Add { *out + sum } else { *sum };
            }
        }
    }
}

/// Fused where that is one instruction; elsewhere it would be a call into the C library.
#[inline(always)]
fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(any(target_arch = "aarch64", target_feature = "fma")) { a.mul_add(b, c) } else { a * b + c }
}
