//! Tiles of up to 6 rows and 4 lanes for AVX2 with FMA: two registers a row and lane, 12 sums at most.

#![expect(clippy::needless_range_loop, reason = "indices below constants keep the sums in registers")]

use super::{Place, Rows, Sums};
use crate::generate::lanes::{BLOCK, Lane, WeightLane};
use std::arch::x86_64::{
    __m128i, __m256, _mm_load_si128, _mm256_add_ps, _mm256_castsi256_ps, _mm256_cvtepu16_epi32,
    _mm256_fmadd_ps, _mm256_load_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_slli_epi32, _mm256_store_ps,
};

/// Rows of the highest tile.
pub(super) const TALLEST: usize = 6;

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
                    // SAFETY: AVX2 and FMA were detected before this level was chosen.
                    #[expect(unsafe_code, reason = "calling code compiled for detected instructions")]
                    unsafe { fixed::<W, $rows, $width>(input, columns, place, output) }
                })*
                (height, width) => unreachable!("no tile of {height} rows and {width} lanes"),
            }
        };
    }
    tiles! { 1, 4; 1, 2; 2, 2; 3, 2; 3, 1; 4, 1; 5, 1; 6, 1; }
}

#[target_feature(enable = "avx2,fma")]
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
    let mut sums = [[[_mm256_setzero_ps(); 2]; C]; R];
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
                for c in 0..C {
                    let [low, high] = weights_at(weights[c].add((block * BLOCK + k) * 2));
                    for r in 0..R {
                        let x = _mm256_set1_ps(*x.add(r * BLOCK + k));
                        sums[r][c][0] = _mm256_fmadd_ps(x, low, sums[r][c][0]);
                        sums[r][c][1] = _mm256_fmadd_ps(x, high, sums[r][c][1]);
                    }
                }
            }
        }
    }
    for (r, sums) in sums.into_iter().enumerate() {
        for (c, mut sum) in sums.into_iter().enumerate() {
            let out = &mut output[place.at(rows, r, c)];
            if place.sums == Sums::Add {
                let [low, high] = load(out);
                sum = [_mm256_add_ps(low, sum[0]), _mm256_add_ps(high, sum[1])];
            }
            // SAFETY: a lane is 16 numbers, aligned to 64 bytes.
            #[expect(unsafe_code, reason = "storing two registers")]
            unsafe {
                _mm256_store_ps(out.0.as_mut_ptr(), sum[0]);
                _mm256_store_ps(out.0.as_mut_ptr().add(8), sum[1]);
            }
        }
    }
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn load(lane: &Lane) -> [__m256; 2] {
    // SAFETY: a lane is 16 numbers, aligned to 64 bytes.
    #[expect(unsafe_code, reason = "loading two registers")]
    unsafe {
        [_mm256_load_ps(lane.0.as_ptr()), _mm256_load_ps(lane.0.as_ptr().add(8))]
    }
}

/// A lane of weights as f32.
///
/// # Safety
/// `lane` must point to a lane that can be read.
#[target_feature(enable = "avx2,fma")]
#[inline]
#[expect(unsafe_code, reason = "bounds are checked once a tile, not once a number")]
unsafe fn weights_at<W: WeightLane>(lane: *const W) -> [__m256; 2] {
    // SAFETY: the caller's promise; lanes are aligned to their size, and `W::HALF` says which of the two this is.
    unsafe {
        if W::HALF {
            let lane = lane.cast::<__m128i>();
            [_mm_load_si128(lane), _mm_load_si128(lane.add(1))]
                .map(|upper| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(upper))))
        } else {
            let lane = lane.cast::<f32>();
            [_mm256_load_ps(lane), _mm256_load_ps(lane.add(8))]
        }
    }
}
