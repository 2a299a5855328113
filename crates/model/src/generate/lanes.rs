//! Sixteen numbers side by side, and the arithmetic over them that is not a matrix product.
//!
//! Activations of generation lie as `[dim / 32][rows][32]`, each 32 being two [`Lane`]s: what a kernel reads and what
//! it writes have the same form, a block of columns is contiguous (so threads write disjoint slices), and row strides
//! never fall on the same cache set. Each operation is written once as plain loops and compiled three times, for
//! AVX-512, for AVX2 and for the target's baseline. A row's numbers never depend on other rows.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the instructions of its caller"
)]
#![expect(
    clippy::needless_range_loop,
    reason = "loops over equal indices of several lanes are what vectorises"
)]

/// Sixteen numbers, aligned to a cache line.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Lane(pub(crate) [f32; 16]);

/// Sixteen numbers in bfloat16: the upper halves of their f32, aligned to half a cache line.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(32))]
pub(crate) struct HalfLane(pub(crate) [u16; 16]);

impl HalfLane {
    pub(crate) const ZERO: Self = Self([0; 16]);
}

/// What panels are made of.
pub(crate) trait WeightLane: Copy + Sync {
    /// Whether the numbers are stored in bfloat16; what is computed with them is f32 either way.
    const HALF: bool;

    /// The numbers.
    fn numbers(&self) -> [f32; 16];
}

impl WeightLane for Lane {
    const HALF: bool = false;

    #[inline(always)]
    fn numbers(&self) -> [f32; 16] {
        self.0
    }
}

impl WeightLane for HalfLane {
    const HALF: bool = true;

    #[inline(always)]
    fn numbers(&self) -> [f32; 16] {
        self.0.map(|upper| f32::from_bits(u32::from(upper) << 16))
    }
}

/// Columns of a block: two lanes.
pub(crate) const BLOCK: usize = 32;

impl Lane {
    pub(crate) const ZERO: Self = Self([0.0; 16]);
}

/// Blocks that `columns` need.
pub(crate) const fn blocks(columns: usize) -> usize {
    columns.div_ceil(BLOCK)
}

/// Which instructions the kernels use. Numbers are bit-equal within a level, not across.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// What the compiler may use without asking; on aarch64 that has fused multiply-add.
    Portable,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 F, BW, DQ and VL.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The best that this machine runs.
    pub(crate) fn best() -> Self {
        Self::available().last().copied().unwrap_or(Self::Portable)
    }

    /// All that this machine runs, worst first.
    pub(crate) fn available() -> &'static [Self] {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                if is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                {
                    return &[Self::Portable, Self::Avx2, Self::Avx512];
                }
                return &[Self::Portable, Self::Avx2];
            }
        }
        &[Self::Portable]
    }
}

/// An operation over lanes; `FMA` says whether fused multiply-add is an instruction here.
///
/// Implementations are `#[inline(always)]`, so that they are compiled with the features of the function they land in.
trait Operation {
    type Output;
    fn run<const FMA: bool>(self) -> Self::Output;
}

fn dispatch<O: Operation>(level: Level, operation: O) -> O::Output {
    match level {
        Level::Portable => operation.run::<{ cfg!(any(target_arch = "aarch64", target_feature = "fma")) }>(),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => {
            // SAFETY: `Level::available` names this level only where both features were detected.
            #[expect(unsafe_code, reason = "calling code compiled for detected instructions")]
            unsafe {
                with_avx2(operation)
            }
        }
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => {
            // SAFETY: `Level::available` names this level only where all features were detected.
            #[expect(unsafe_code, reason = "calling code compiled for detected instructions")]
            unsafe {
                with_avx512(operation)
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<O: Operation>(operation: O) -> O::Output {
    operation.run::<true>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn with_avx512<O: Operation>(operation: O) -> O::Output {
    operation.run::<true>()
}

#[inline(always)]
fn fma<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// `e^x` to about one unit in the last place between -87 and 88; 0 below, `e^88` above. Vectorises, unlike `f32::exp`.
#[inline(always)]
fn exp<const FMA: bool>(x: f32) -> f32 {
    // Adding 1.5 · 2^23 rounds to a whole number, whose bits then stand at the bottom of the mantissa.
    const ROUND: f32 = 12_582_912.0;
    let clamped = x.clamp(-87.0, 88.0);
    let shifted = fma::<FMA>(clamped, std::f32::consts::LOG2_E, ROUND);
    let whole = shifted - ROUND;
    // ln 2 in two parts, so that the remainder keeps its low bits (Cody and Waite).
    let rest = fma::<FMA>(whole, -0.693_359_4, clamped);
    let rest = fma::<FMA>(whole, 2.121_944_4e-4, rest);
    // Taylor's polynomial; |rest| ≤ ln(2) / 2, where its remainder is below 2^-26.
    let mut sum = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = fma::<FMA>(sum, rest, coefficient);
    }
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    if x < -87.0 { 0.0 } else { sum * power }
}

/// Adds sixteen partial sums in a fixed order.
#[inline(always)]
fn total(lane: Lane) -> f32 {
    let mut lane = lane.0;
    for width in [8, 4, 2, 1] {
        for i in 0..width {
            lane[i] += lane[i + width];
        }
    }
    lane[0]
}

/// RMSNorm of each row: `x · weight / sqrt(mean(x²) + eps)`; `[blocks][rows]` in and out.
pub(crate) fn rms_norm(level: Level, norm: RmsNorm<'_>) {
    dispatch(level, norm);
}

/// Operands of [`rms_norm`].
pub(crate) struct RmsNorm<'a> {
    pub(crate) input: &'a [Lane],
    pub(crate) output: &'a mut [Lane],
    /// `[blocks]`, zero beyond the width.
    pub(crate) weight: &'a [Lane],
    /// Width, without padding.
    pub(crate) columns: usize,
    pub(crate) eps: f32,
}

impl Operation for RmsNorm<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let blocks = self.weight.len() / 2;
        let rows = self.input.len() / (2 * blocks);
        for row in 0..rows {
            let mut squares = [Lane::ZERO; 2];
            for block in 0..blocks {
                for half in 0..2 {
                    let x = &self.input[(block * rows + row) * 2 + half];
                    for i in 0..16 {
                        squares[half].0[i] = fma::<FMA>(x.0[i], x.0[i], squares[half].0[i]);
                    }
                }
            }
            for i in 0..16 {
                squares[0].0[i] += squares[1].0[i];
            }
            let scale = 1.0 / (total(squares[0]) / self.columns as f32 + self.eps).sqrt();
            for block in 0..blocks {
                for half in 0..2 {
                    let at = (block * rows + row) * 2 + half;
                    let (x, weight) = (&self.input[at], &self.weight[block * 2 + half]);
                    for i in 0..16 {
                        self.output[at].0[i] = x.0[i] * scale * weight.0[i];
                    }
                }
            }
        }
    }
}

/// `silu(gate) · up` of one block: `input` holds gates `[rows]`, then ups `[rows]`.
pub(crate) fn swiglu(level: Level, input: &[Lane], output: &mut [Lane]) {
    dispatch(level, SwiGlu { input, output });
}

struct SwiGlu<'a> {
    input: &'a [Lane],
    output: &'a mut [Lane],
}

impl Operation for SwiGlu<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let (gates, ups) = self.input.split_at(self.output.len());
        for ((gate, up), out) in gates.iter().zip(ups).zip(self.output) {
            for i in 0..16 {
                out.0[i] = gate.0[i] / (1.0 + exp::<FMA>(-gate.0[i])) * up.0[i];
            }
        }
    }
}

/// Turns scores into `e^(score - max)` in place and gives one over their sum for each row.
///
/// `scores` is `[blocks][rows]`; row `r` sees columns `0..=last[r]`, the others become 0. Sums run over columns in
/// order modulo 32, so trailing columns that a row does not see leave its numbers as they are.
pub(crate) fn softmax(level: Level, scores: &mut [Lane], last: &[usize], inverse: &mut [f32]) {
    dispatch(level, Softmax { scores, last, inverse });
}

struct Softmax<'a> {
    scores: &'a mut [Lane],
    last: &'a [usize],
    inverse: &'a mut [f32],
}

impl Operation for Softmax<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let rows = self.last.len();
        let blocks = self.scores.len() / (2 * rows);
        for (row, last) in self.last.iter().enumerate() {
            let seen = (last / 16 + 1).min(blocks * 2);
            let at = |lane: usize| ((lane / 2) * rows + row) * 2 + lane % 2;
            for i in last % 16 + 1..16 {
                self.scores[at(seen - 1)].0[i] = f32::NEG_INFINITY;
            }
            let mut highest = Lane([f32::NEG_INFINITY; 16]);
            for lane in 0..seen {
                let scores = &self.scores[at(lane)];
                for i in 0..16 {
                    highest.0[i] = if scores.0[i] > highest.0[i] { scores.0[i] } else { highest.0[i] };
                }
            }
            let highest = highest.0.into_iter().fold(f32::NEG_INFINITY, f32::max);
            let mut sums = [Lane::ZERO; 2];
            for lane in 0..seen {
                let scores = &mut self.scores[at(lane)];
                for i in 0..16 {
                    scores.0[i] = exp::<FMA>(scores.0[i] - highest);
                    sums[lane % 2].0[i] += scores.0[i];
                }
            }
            for lane in seen..blocks * 2 {
                self.scores[at(lane)] = Lane::ZERO;
            }
            for i in 0..16 {
                sums[0].0[i] += sums[1].0[i];
            }
            self.inverse[row] = 1.0 / total(sums[0]);
        }
    }
}

/// Largest of `values` and `Σ e^((value - largest) · scale)`, summed in f64 over lanes of sixteen.
pub(crate) fn exp_sum(level: Level, values: &[f32], scale: f32) -> (f32, f64) {
    dispatch(level, ExpSum { values, scale })
}

struct ExpSum<'a> {
    values: &'a [f32],
    scale: f32,
}

impl Operation for ExpSum<'_> {
    type Output = (f32, f64);
    #[inline(always)]
    fn run<const FMA: bool>(self) -> (f32, f64) {
        let (lanes, rest) = self.values.as_chunks::<16>();
        let mut highest = [f32::NEG_INFINITY; 16];
        for lane in lanes {
            for i in 0..16 {
                highest[i] = if lane[i] > highest[i] { lane[i] } else { highest[i] };
            }
        }
        let highest = highest.iter().chain(rest).fold(f32::NEG_INFINITY, |a, b| a.max(*b));
        let mut sums = [0.0_f64; 16];
        for lane in lanes {
            for i in 0..16 {
                sums[i] += f64::from(exp::<FMA>((lane[i] - highest) * self.scale));
            }
        }
        for (sum, value) in sums.iter_mut().zip(rest) {
            *sum += f64::from(exp::<FMA>((value - highest) * self.scale));
        }
        (highest, sums.iter().sum())
    }
}

/// `e^((value - highest) · scale)` of each value.
pub(crate) fn exponentials(level: Level, values: &mut [f32], highest: f32, scale: f32) {
    dispatch(level, Exponentials { values, highest, scale });
}

struct Exponentials<'a> {
    values: &'a mut [f32],
    highest: f32,
    scale: f32,
}

impl Operation for Exponentials<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for value in self.values {
            *value = exp::<FMA>((*value - self.highest) * self.scale);
        }
    }
}

/// Copies columns `column..` of one row of `[blocks][rows]` out.
pub(crate) fn read_row(lanes: &[Lane], rows: usize, row: usize, column: usize, out: &mut [f32]) {
    let mut done = 0;
    while done < out.len() {
        let at = column + done;
        let (lane, inside) = (at / 16, at % 16);
        let count = (16 - inside).min(out.len() - done);
        let from = &lanes[((lane / 2) * rows + row) * 2 + lane % 2].0[inside..inside + count];
        out[done..done + count].copy_from_slice(from);
        done += count;
    }
}

/// Copies `values` into columns `column..` of one row of `[blocks][rows]`.
pub(crate) fn write_row(lanes: &mut [Lane], rows: usize, row: usize, column: usize, values: &[f32]) {
    let mut done = 0;
    while done < values.len() {
        let at = column + done;
        let (lane, inside) = (at / 16, at % 16);
        let count = (16 - inside).min(values.len() - done);
        let to = &mut lanes[((lane / 2) * rows + row) * 2 + lane % 2].0[inside..inside + count];
        to.copy_from_slice(&values[done..done + count]);
        done += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_within_two_units_of_the_last_place() {
        for level in Level::available() {
            let inputs: Vec<f32> = (-8700..8800).map(|i| i as f32 / 100.0).collect();
            let mut outputs = inputs.clone();
            exponentials(*level, &mut outputs, 0.0, 1.0);
            for (x, y) in inputs.iter().zip(&outputs) {
                let exact = f64::from(*x).exp();
                assert!(
                    (f64::from(*y) - exact).abs() <= 2.4e-7 * exact,
                    "{level:?}: e^{x} = {exact}, not {y}"
                );
            }
            let mut edges = [f32::NEG_INFINITY, -200.0, 0.0];
            exponentials(*level, &mut edges, 0.0, 1.0);
            assert_eq!(edges.map(f32::to_bits), [0.0_f32, 0.0, 1.0].map(f32::to_bits));
        }
    }

    #[test]
    fn softmax_gives_unseen_columns_nothing() {
        for level in Level::available() {
            // Two rows, two blocks; row 0 sees 40 columns, row 1 sees 3.
            let (rows, last) = (2, [39, 2]);
            let mut scores = vec![Lane([1e30; 16]); 2 * 2 * rows];
            for (row, last) in last.into_iter().enumerate() {
                let values: Vec<f32> = (0..=last).map(|i| (i % 5) as f32).collect();
                write_row(&mut scores, rows, row, 0, &values);
            }
            let mut inverse = [0.0; 2];
            softmax(*level, &mut scores, &last, &mut inverse);
            for (row, last) in last.into_iter().enumerate() {
                let mut got = vec![0.0; 64];
                read_row(&scores, rows, row, 0, &mut got);
                let expected: Vec<f64> = (0..=last).map(|i| f64::from(i as u32 % 5).exp()).collect();
                let sum: f64 = expected.iter().sum();
                for (i, got) in got.iter().enumerate() {
                    let expected = expected.get(i).map_or(0.0, |e| e / sum);
                    assert!((f64::from(got * inverse[row]) - expected).abs() < 1e-6, "{level:?} {row} {i}");
                }
            }
        }
    }

    #[test]
    fn rows_are_read_as_they_were_written() {
        let mut lanes = vec![Lane::ZERO; 3 * 4 * 2];
        let values: Vec<f32> = (0..50).map(|i| i as f32).collect();
        write_row(&mut lanes, 4, 2, 23, &values);
        let mut back = vec![0.0; 50];
        read_row(&lanes, 4, 2, 23, &mut back);
        assert!(back.iter().zip(&values).all(|(a, b)| a.to_bits() == b.to_bits()));
        let others: f32 = (0..4)
            .filter(|row| *row != 2)
            .map(|row| {
                let mut all = vec![1.0; 96];
                read_row(&lanes, 4, row, 0, &mut all);
                all.iter().sum::<f32>()
            })
            .sum();
        assert_eq!(others.to_bits(), 0);
    }
}
