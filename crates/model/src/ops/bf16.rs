//! Products of matrices whose numbers are rounded to bfloat16 on the way in, by the instructions of AVX-512 BF16.
//!
//! One of them does two multiplications and additions for each f32 of a register, twice what f32 does. Sums are f32. Both
//! matrices are rounded and repacked block by block into what a tile of the result reads; blocks of the inner dimension
//! have one length, so that no number depends on the threads.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the instructions of its caller"
)]

use super::matmul::{Keep, View, ViewMut};
use rayon::prelude::*;
use std::cell::Cell;

/// Rows and columns of a tile: its sums fill 24 registers.
const HIGH: usize = 12;
const WIDE: usize = 32;

/// Inner numbers of a block. Results are read and written once for each.
const DEEP: usize = 512;

/// Rows that a thread packs at a time: with them the second cache is half full.
const ROWS: usize = 40 * HIGH;

/// Columns that are packed at a time, for all threads.
const COLUMNS: usize = 128 * WIDE;

/// Numbers of a line that are repacked together.
const STRETCH: usize = 32;
const ZEROS: [f32; STRETCH] = [0.0; STRETCH];

/// Numbers of a tile.
type Tile = [[f32; WIDE]; HIGH];

/// Whether this machine has the instructions.
pub(crate) fn is_available() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bf16")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

/// `into = [into +] left · right`, both rounded to bfloat16, in the pool that the caller runs in. Only where
/// [`is_available`].
pub(crate) fn multiply(into: ViewMut<'_>, keep: Keep, left: View<'_>, right: View<'_>) {
    assert!(is_available(), "instructions that were looked for before");
    let (rows, columns, inner) = super::matmul::check(&into, left, right);
    if rows == 0 || columns == 0 || inner == 0 {
        return super::matmul::multiply(into, keep, 1.0, left, right, super::matmul::Threads::Pool);
    }
    let (left, right) = (Side::rows_of(left), Side::columns_of(right));
    let tasks = rayon::current_num_threads() * 2;
    let height = rows.div_ceil(tasks).next_multiple_of(HIGH).min(ROWS);
    let ViewMut { data, stride, .. } = into;
    let mut packed = RIGHT.take();
    for first in (0..columns).step_by(COLUMNS) {
        let wide = COLUMNS.min(columns - first);
        for from in (0..inner).step_by(DEEP) {
            let deep = DEEP.min(inner - from);
            let pairs = deep.div_ceil(2);
            let keep = if from == 0 { keep } else { Keep::Sum };
            packed.resize(wide.div_ceil(WIDE) * WIDE * pairs, 0);
            packed.par_chunks_mut(WIDE * pairs).enumerate().for_each(|(panel, packed)| {
                right.pack::<WIDE>(first + panel * WIDE, from, deep, packed);
            });
            // The last row may end before its stride does.
            let rows_of_into = data[..(rows - 1) * stride + columns].par_chunks_mut(height * stride);
            rows_of_into.enumerate().for_each(|(task, into)| {
                let start = task * height;
                let block = Block { stride, first, wide, rows: height.min(rows - start), pairs, keep };
                block.compute(into, &left, start, (from, deep), &packed);
            });
        }
    }
    RIGHT.set(packed);
}

// Room for panels, which each thread keeps from one product to the next.
thread_local! {
    static LEFT: Cell<Vec<u32>> = const { Cell::new(Vec::new()) };
    static RIGHT: Cell<Vec<u32>> = const { Cell::new(Vec::new()) };
}

/// A matrix as lines of inner numbers: rows of the left one, columns of the right one.
struct Side<'a> {
    data: &'a [f32],
    lines: usize,
    line_stride: usize,
    inner_stride: usize,
}

impl<'a> Side<'a> {
    fn rows_of(view: View<'a>) -> Self {
        let View { data, rows, row_stride, column_stride, .. } = view;
        Self { data, lines: rows, line_stride: row_stride, inner_stride: column_stride }
    }

    fn columns_of(view: View<'a>) -> Self {
        let View { data, columns, row_stride, column_stride, .. } = view;
        Self { data, lines: columns, line_stride: column_stride, inner_stride: row_stride }
    }

    /// `deep` numbers from `from` on of the lines from `first` on, as `[pairs of numbers][LINES]`, each pair in one u32.
    /// What is beyond the matrix is zero.
    fn pack<const LINES: usize>(&self, first: usize, from: usize, deep: usize, packed: &mut [u32]) {
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "calling code compiled for detected instructions")]
        // SAFETY: nobody comes here without `is_available`.
        unsafe {
            x86::pack::<LINES>(self, first, from, deep, packed);
        }
        #[cfg(not(target_arch = "x86_64"))]
        self.pack_inlined::<LINES>(first, from, deep, packed);
    }

    #[inline(always)]
    fn pack_inlined<const LINES: usize>(&self, first: usize, from: usize, deep: usize, packed: &mut [u32]) {
        let count = LINES.min(self.lines - first);
        let (packed, _) = packed.as_chunks_mut::<LINES>();
        let start = first * self.line_stride + from * self.inner_stride;
        if count < LINES {
            packed.as_flattened_mut().fill(0);
        }
        if self.inner_stride == 1 {
            let whole = deep / STRETCH * STRETCH;
            let line = |line: usize| &self.data[start + line * self.line_stride..][..deep];
            for at in (0..whole).step_by(STRETCH) {
                for lines in (0..count).step_by(16) {
                    let numbers: [&[f32]; 16] = std::array::from_fn(|l| match lines + l {
                        l if l < count => &line(l)[at..at + STRETCH],
                        _ => &ZEROS,
                    });
                    turn::<LINES>(numbers, lines, &mut packed[at / 2..][..STRETCH / 2]);
                }
            }
            for line_at in 0..count {
                let (pairs, odd) = line(line_at)[whole..].as_chunks::<2>();
                let packed = &mut packed[whole / 2..];
                for (packed, [low, high]) in packed.iter_mut().zip(pairs) {
                    packed[line_at] = pair(*low, *high);
                }
                if let ([last], Some(packed)) = (odd, packed.last_mut()) {
                    packed[line_at] = pair(*last, 0.0);
                }
            }
            return;
        }
        let across = |k: usize| &self.data[start + k * self.inner_stride..];
        for (at, packed) in packed.iter_mut().enumerate() {
            let low = across(at * 2);
            // An odd last one stands alone.
            let high = (at * 2 + 1 < deep).then(|| across(at * 2 + 1));
            if self.line_stride == 1 {
                let low = &low[..count];
                match high.map(|high| &high[..count]) {
                    Some(high) => {
                        for ((packed, low), high) in packed.iter_mut().zip(low).zip(high) {
                            *packed = pair(*low, *high);
                        }
                    }
                    None => packed.iter_mut().zip(low).for_each(|(packed, low)| *packed = pair(*low, 0.0)),
                }
            } else {
                for (line, packed) in packed[..count].iter_mut().enumerate() {
                    let at = line * self.line_stride;
                    *packed = pair(low[at], high.map_or(0.0, |high| high[at]));
                }
            }
        }
    }
}

/// Two numbers in bfloat16, the first in the lower half.
#[inline(always)]
fn pair(low: f32, high: f32) -> u32 {
    rounded(low) >> 16 | rounded(high) & 0xffff_0000
}

/// The bits of a number rounded to the nearest bfloat16, to even where two are as near, in the upper half.
#[inline(always)]
fn rounded(number: f32) -> u32 {
    let bits = number.to_bits();
    // Adding would carry a number that is none into infinity or beyond.
    if number.is_nan() { bits | 0x0040_0000 } else { bits.wrapping_add(0x7fff + (bits >> 16 & 1)) }
}

/// Rows of the result and the columns of them that are being computed.
struct Block {
    stride: usize,
    first: usize,
    wide: usize,
    rows: usize,
    pairs: usize,
    keep: Keep,
}

impl Block {
    /// Adds what a stretch of the inner dimension gives.
    fn compute(
        &self,
        into: &mut [f32],
        left: &Side<'_>,
        start: usize,
        (from, deep): (usize, usize),
        right: &[u32],
    ) {
        let Self { stride, first, wide, rows, pairs, keep } = *self;
        let mut packed = LEFT.take();
        packed.resize(rows.div_ceil(HIGH) * HIGH * pairs, 0);
        for (panel, packed) in packed.chunks_exact_mut(HIGH * pairs).enumerate() {
            left.pack::<HIGH>(start + panel * HIGH, from, deep, packed);
        }
        for (column, right) in right.chunks_exact(WIDE * pairs).enumerate() {
            let width = WIDE.min(wide - column * WIDE);
            for (row, left) in packed.chunks_exact(HIGH * pairs).enumerate() {
                let height = HIGH.min(rows - row * HIGH);
                let at = row * HIGH * stride + first + column * WIDE;
                let into = &mut into[at..at + (height - 1) * stride + width];
                tile(left, right, Corner { into, stride, height, width, keep });
            }
        }
        LEFT.set(packed);
    }
}

/// Where a tile goes: as many of its rows and columns as there are.
struct Corner<'a> {
    into: &'a mut [f32],
    stride: usize,
    height: usize,
    width: usize,
    keep: Keep,
}

impl Corner<'_> {
    #[inline(always)]
    fn take(self, tile: &Tile) {
        let Self { into, stride, height, width, keep } = self;
        for (into, sums) in into.chunks_mut(stride).zip(tile).take(height) {
            match (keep, <&mut [f32; WIDE]>::try_from(&mut into[..width])) {
                (Keep::Nothing, Ok(into)) => *into = *sums,
                (Keep::Sum, Ok(into)) => into.iter_mut().zip(sums).for_each(|(into, sum)| *into += sum),
                (Keep::Nothing, Err(_)) => into[..width].copy_from_slice(&sums[..width]),
                (Keep::Sum, Err(_)) => {
                    into[..width].iter_mut().zip(sums).for_each(|(into, sum)| *into += sum);
                }
            }
        }
    }
}

/// One tile of the product of two panels, `[pairs][HIGH]` and `[pairs][WIDE]`.
#[cfg(target_arch = "x86_64")]
fn tile(left: &[u32], right: &[u32], to: Corner<'_>) {
    #[expect(unsafe_code, reason = "calling code compiled for detected instructions")]
    // SAFETY: nobody comes here without `is_available`.
    unsafe {
        x86::tile(left, right, to);
    }
}

/// Puts 32 numbers of each of 16 lines, rounded, at the lines from `first` on of `packed`, `[16 pairs][LINES]`.
#[cfg(target_arch = "x86_64")]
fn turn<const LINES: usize>(numbers: [&[f32]; 16], first: usize, packed: &mut [[u32; LINES]]) {
    #[expect(unsafe_code, reason = "calling code compiled for detected instructions")]
    // SAFETY: nobody comes here without `is_available`.
    unsafe {
        x86::turn(numbers, first, packed);
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn tile(_left: &[u32], _right: &[u32], _to: Corner<'_>) {
    unreachable!("there are no such instructions");
}

#[cfg(not(target_arch = "x86_64"))]
fn turn<const LINES: usize>(_numbers: [&[f32]; 16], _first: usize, _packed: &mut [[u32; LINES]]) {
    unreachable!("there are no such instructions");
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Corner, HIGH, STRETCH, Side, Tile, WIDE};
    use std::arch::x86_64::{
        __m512bh, __m512i, _mm512_cvtne2ps_pbh, _mm512_dpbf16_ps, _mm512_loadu_ps, _mm512_loadu_si512,
        _mm512_mask_storeu_epi32, _mm512_set1_epi32, _mm512_setzero_ps, _mm512_setzero_si512,
        _mm512_shuffle_i32x4, _mm512_storeu_ps, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
        _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
    };

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub(super) fn pack<const LINES: usize>(
        side: &Side<'_>,
        first: usize,
        from: usize,
        deep: usize,
        packed: &mut [u32],
    ) {
        side.pack_inlined::<LINES>(first, from, deep, packed);
    }

    #[target_feature(enable = "avx512f,avx512bf16")]
    pub(super) fn tile(left: &[u32], right: &[u32], to: Corner<'_>) {
        let mut sums = [[_mm512_setzero_ps(); 2]; HIGH];
        let ((left, _), (right, _)) = (left.as_chunks::<HIGH>(), right.as_chunks::<WIDE>());
        for (left, right) in left.iter().zip(right) {
            let right = [pairs(&right[..16]), pairs(&right[16..])];
            for r in 0..HIGH {
                let left = bf16(_mm512_set1_epi32(left[r].cast_signed()));
                for c in 0..2 {
                    sums[r][c] = _mm512_dpbf16_ps(sums[r][c], left, right[c]);
                }
            }
        }
        let mut tile: Tile = [[0.0; WIDE]; HIGH];
        for (row, sums) in tile.iter_mut().zip(sums) {
            let (halves, _) = row.as_chunks_mut::<16>();
            for (into, sum) in halves.iter_mut().zip(sums) {
                // SAFETY: sixteen numbers, wherever they lie.
                #[expect(unsafe_code, reason = "storing a register")]
                unsafe {
                    _mm512_storeu_ps(into.as_mut_ptr(), sum);
                }
            }
        }
        to.take(&tile);
    }

    #[target_feature(enable = "avx512f,avx512bf16")]
    pub(super) fn turn<const LINES: usize>(numbers: [&[f32]; 16], first: usize, packed: &mut [[u32; LINES]]) {
        assert!(packed.len() == 16 && numbers.iter().all(|line| line.len() == STRETCH));
        // Sixteen pairs of each line, the lower number of a pair first.
        let mut lines = [_mm512_setzero_si512(); 16];
        for (line, numbers) in lines.iter_mut().zip(numbers) {
            // SAFETY: 32 numbers, wherever they lie; and both types are the 512 bits of a register.
            #[expect(unsafe_code, reason = "loading a register")]
            unsafe {
                let (low, high) = (numbers.as_ptr(), numbers.as_ptr().add(16));
                *line = std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(
                    _mm512_loadu_ps(high),
                    _mm512_loadu_ps(low),
                ));
            }
        }
        let count = (LINES - first).min(16);
        let mask = u16::MAX >> (16 - count);
        for (packed, pair) in packed.iter_mut().zip(transposed(&lines)) {
            // SAFETY: the mask leaves as many numbers as there are from `first` on.
            #[expect(unsafe_code, reason = "storing a register")]
            unsafe {
                _mm512_mask_storeu_epi32(packed[first..].as_mut_ptr().cast(), mask, pair);
            }
        }
    }

    /// Sixteen rows of sixteen numbers as columns: pairs of rows, then of pairs, then of quarters of a register.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn transposed(rows: &[__m512i; 16]) -> [__m512i; 16] {
        let mut twos = *rows;
        for i in 0..8 {
            let (a, b) = (rows[2 * i], rows[2 * i + 1]);
            (twos[2 * i], twos[2 * i + 1]) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        }
        // Quarter `l` of register `4 i + j` holds column `4 l + j` of the rows from `4 i` on.
        let mut fours = twos;
        for i in 0..4 {
            for half in 0..2 {
                let (a, b) = (twos[4 * i + half], twos[4 * i + 2 + half]);
                fours[4 * i + 2 * half] = _mm512_unpacklo_epi64(a, b);
                fours[4 * i + 2 * half + 1] = _mm512_unpackhi_epi64(a, b);
            }
        }
        let mut columns = fours;
        for j in 0..4 {
            let (a, b, c, d) = (fours[j], fours[4 + j], fours[8 + j], fours[12 + j]);
            let even = [_mm512_shuffle_i32x4::<0x88>(a, b), _mm512_shuffle_i32x4::<0x88>(c, d)];
            let odd = [_mm512_shuffle_i32x4::<0xdd>(a, b), _mm512_shuffle_i32x4::<0xdd>(c, d)];
            columns[j] = _mm512_shuffle_i32x4::<0x88>(even[0], even[1]);
            columns[8 + j] = _mm512_shuffle_i32x4::<0xdd>(even[0], even[1]);
            columns[4 + j] = _mm512_shuffle_i32x4::<0x88>(odd[0], odd[1]);
            columns[12 + j] = _mm512_shuffle_i32x4::<0xdd>(odd[0], odd[1]);
        }
        columns
    }

    #[target_feature(enable = "avx512f,avx512bf16")]
    #[inline]
    fn pairs(sixteen: &[u32]) -> __m512bh {
        assert!(sixteen.len() == 16);
        // SAFETY: sixteen numbers, wherever they lie.
        #[expect(unsafe_code, reason = "loading a register")]
        bf16(unsafe { _mm512_loadu_si512(sixteen.as_ptr().cast()) })
    }

    #[target_feature(enable = "avx512f,avx512bf16")]
    #[inline]
    fn bf16(register: __m512i) -> __m512bh {
        // SAFETY: both are the 512 bits of a register, all of which are numbers.
        #[expect(unsafe_code, reason = "there is no cast between the two types")]
        unsafe {
            std::mem::transmute(register)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::noise;

    #[test]
    fn numbers_are_rounded_to_the_nearest_and_halves_to_even() {
        let bits = |number: f32| rounded(number) >> 16;
        assert_eq!((bits(1.0), bits(-2.5), bits(0.0), bits(-0.0)), (0x3f80, 0xc020, 0, 0x8000));
        // Between 1 and the next, 1 + 2^-7.
        assert_eq!(bits(1.0 + 2.0_f32.powi(-8)), 0x3f80);
        assert_eq!(bits(1.0 + 2.0_f32.powi(-8) + 2.0_f32.powi(-20)), 0x3f81);
        assert_eq!(bits(1.0 + 3.0 * 2.0_f32.powi(-8)), 0x3f82);
        assert_eq!((bits(f32::INFINITY), bits(f32::MAX)), (0x7f80, 0x7f80));
        assert!(f32::from_bits(bits(f32::NAN) << 16).is_nan());
        assert!(f32::from_bits(bits(f32::from_bits(0x7f80_0001)) << 16).is_nan());
    }

    #[test]
    fn products_are_those_of_the_rounded_numbers() {
        if !is_available() {
            // Elsewhere it is refused before it comes here, which another test holds.
            return;
        }
        let exact = |number: f32| f64::from(f32::from_bits(rounded(number) & 0xffff_0000));
        let (a, b) = (noise(700 * 700, 1), noise(700 * 700, 2));
        for (rows, inner, columns) in
            [(1, 1, 1), (12, 2, 32), (13, 3, 33), (7, 511, 65), (500, 258, 40), (25, 600, 100), (3, 70, 700)]
        {
            for transposed in 0..4 {
                let left = match transposed & 1 {
                    0 => View::window(&a, rows, inner, inner + 2),
                    _ => View::new(&a, inner, rows).t(),
                };
                let right = match transposed & 2 {
                    0 => View::new(&b, inner, columns),
                    _ => View::window(&b, columns, inner, inner + 1).t(),
                };
                let mut results = Vec::new();
                for threads in [1, 3] {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    let mut into = vec![1.0; rows * (columns + 1)];
                    for keep in [Keep::Nothing, Keep::Sum] {
                        let target = ViewMut::window(&mut into, rows, columns, columns + 1);
                        pool.install(|| multiply(target, keep, left, right));
                    }
                    results.push(into);
                }
                assert!(results[0] == results[1], "threads change {rows} × {inner} × {columns}");
                let stride = |view: View<'_>, row: usize, column: usize| {
                    exact(view.data[row * view.row_stride + column * view.column_stride])
                };
                for (row, got) in results[0].chunks(columns + 1).enumerate() {
                    for (column, got) in got[..columns].iter().enumerate() {
                        let expected: f64 =
                            (0..inner).map(|k| stride(left, row, k) * stride(right, k, column)).sum();
                        let error = (f64::from(*got) - 2.0 * expected).abs();
                        assert!(error < 1e-5 * (inner as f64), "{rows} × {inner} × {columns}: {error}");
                    }
                    assert!((got[columns] - 1.0).abs() < f32::EPSILON, "wrote beyond its window");
                }
            }
        }
    }
}
