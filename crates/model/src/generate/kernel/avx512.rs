//! Tiles of up to 12 rows and 8 lanes for AVX-512: one register a row and lane, 24 sums at most.

#![expect(clippy::needless_range_loop, reason = "indices below constants keep the sums in registers")]

use super::{Place, Rows, Sums};
use crate::generate::lanes::{BLOCK, Lane, WeightLane};
use std::arch::x86_64::{
    __m512, _mm256_load_si256, _mm512_add_ps, _mm512_castsi512_ps, _mm512_cvtepu16_epi32, _mm512_fmadd_ps,
    _mm512_load_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_slli_epi32, _mm512_store_ps,
};

/// Rows of the highest tile.
pub(super) const TALLEST: usize = 12;

/// Computes one tile; only for a level that `Level::available` named.
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
                    // SAFETY: AVX-512 was detected before this level was chosen.
                    #[expect(unsafe_code, reason = "calling code compiled for detected instructions")]
                    unsafe { fixed::<W, $rows, $width>(input, columns, place, output) }
                })*
                (height, width) => unreachable!("no tile of {height} rows and {width} lanes"),
            }
        };
    }
    tiles! {
        1, 8; 1, 2; 2, 4; 2, 2; 3, 4; 3, 2; 4, 2; 5, 2; 6, 2; 7, 2; 8, 2; 9, 2; 10, 2; 11, 2; 12, 2;
    }
}

#[target_feature(enable = "avx512f")]
fn fixed<W: WeightLane, const R: usize, const C: usize>(
    input: Rows<'_>,
    columns: [&[W]; C],
    place: Place,
    output: &mut [Lane],
) {
    let Rows { lanes, rows, blocks } = input;
    assert!(place.row + R <= rows && blocks * rows * 2 <= lanes.len(), "rows within the input");
    let steps = blocks * BLOCK;
    assert!(columns.iter().all(|column| column.len() + 1 >= steps * 2), "columns as long as the rows");
    let mut sums = [[_mm512_setzero_ps(); C]; R];
    let weights: [*const W; C] = columns.map(<[W]>::as_ptr);
    if place.sums == Sums::Continue {
        for (r, sums) in sums.iter_mut().enumerate() {
            for (c, sum) in sums.iter_mut().enumerate() {
                *sum = load(&output[place.at(rows, r, c)]);
            }
        }
    }
    for block in 0..blocks {
        // SAFETY: the asserts above hold `(block, row + r)` within `lanes` for every r below R, each with 32 numbers,
        // and `block * 32 + k` below `steps`, so a lane of weights lies at `weights[c]` plus twice that.
        #[expect(unsafe_code, reason = "bounds are checked once a tile, not once a number")]
        unsafe {
            let x = lanes.as_ptr().add((block * rows + place.row) * 2).cast::<f32>();
            for k in 0..BLOCK {
                let mut weight = [_mm512_setzero_ps(); C];
                for c in 0..C {
                    weight[c] = weights_at(weights[c].add((block * BLOCK + k) * 2));
                }
                for r in 0..R {
                    let x = _mm512_set1_ps(*x.add(r * BLOCK + k));
                    for c in 0..C {
                        sums[r][c] = _mm512_fmadd_ps(x, weight[c], sums[r][c]);
                    }
                }
            }
        }
    }
    for (r, sums) in sums.into_iter().enumerate() {
        for (c, sum) in sums.into_iter().enumerate() {
            let out = &mut output[place.at(rows, r, c)];
            let sum = if place.sums == Sums::Add { _mm512_add_ps(load(out), sum) } else { sum };
            // SAFETY: a lane is 16 numbers, aligned to 64 bytes.
            #[expect(unsafe_code, reason = "storing a register")]
            unsafe {
                _mm512_store_ps(out.0.as_mut_ptr(), sum);
            }
        }
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load(lane: &Lane) -> __m512 {
    // SAFETY: a lane is 16 numbers, aligned to 64 bytes.
    #[expect(unsafe_code, reason = "loading a register")]
    unsafe {
        _mm512_load_ps(lane.0.as_ptr())
    }
}

/// A lane of weights as f32.
///
/// # Safety
/// `lane` must point to a lane that can be read.
#[target_feature(enable = "avx512f")]
#[inline]
#[expect(unsafe_code, reason = "bounds are checked once a tile, not once a number")]
unsafe fn weights_at<W: WeightLane>(lane: *const W) -> __m512 {
    // SAFETY: the caller's promise; lanes are aligned to their size, and `W::HALF` says which of the two this is.
    unsafe {
        if W::HALF {
            let upper = _mm512_cvtepu16_epi32(_mm256_load_si256(lane.cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(upper))
        } else {
            _mm512_load_ps(lane.cast())
        }
    }
}
