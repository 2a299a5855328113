//! The decoder's operations, one file each, forward beside backward.
//!
//! Every operation works on plain slices that its caller allocated, adds to gradients instead of overwriting them, and
//! splits its work into pieces of a fixed number of rows, so that sums have the same order whatever the number of
//! threads. Inner loops are plain Rust that the compiler vectorises; [`kernel!`] compiles each of them for several
//! instruction sets and picks one at run time.

#![expect(
    clippy::inline_always,
    reason = "a kernel's helpers must be compiled for the instruction set of the kernel that they are inlined into"
)]

pub(crate) mod attention;
mod bf16;
pub(crate) mod cross_entropy;
pub(crate) mod embedding;
pub(crate) mod family;
pub(crate) mod matmul;
pub(crate) mod norm;
pub(crate) mod rope;
pub(crate) mod swiglu;

/// Rows that one thread takes at a time in operations that go row by row. Part of the result: sums over rows are made
/// in pieces of this size.
pub(crate) const ROWS: usize = 32;

/// Lanes of a sum. Enough for two AVX-512 registers; fixed, because it is the order of summation.
const LANES: usize = 32;

/// Instruction sets that kernels are compiled for besides what the compiler may assume everywhere. On other processors
/// that is enough: NEON is part of aarch64.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// What the compiler may assume everywhere.
    Baseline,
    /// x86-64-v3: AVX2 and FMA.
    Avx2,
    /// x86-64-v4: AVX-512.
    Avx512,
}

/// The level to use: the best that this processor has.
#[cfg(target_arch = "x86_64")]
pub(crate) fn level() -> Level {
    #[cfg(test)]
    if let Some(forced) = testing::FORCED.get() {
        return forced;
    }
    detected()
}

#[cfg(target_arch = "x86_64")]
fn detected() -> Level {
    static LEVEL: std::sync::OnceLock<Level> = std::sync::OnceLock::new();
    *LEVEL.get_or_init(|| {
        let v3 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let v4 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        match (v3, v4) {
            (true, true) => Level::Avx512,
            (true, false) => Level::Avx2,
            (false, _) => Level::Baseline,
        }
    })
}

/// Defines a function whose body is compiled once for every [`Level`] and chosen when it is called.
macro_rules! kernel {
    ($(#[$meta:meta])* fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block) => {
        $(#[$meta])*
        fn $name($($argument: $type),*) $(-> $result)? {
            #[inline(always)]
            fn body($($argument: $type),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($argument: $type),*) $(-> $result)? {
                    body($($argument),*)
                }
                #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
                fn avx512($($argument: $type),*) $(-> $result)? {
                    body($($argument),*)
                }
                match $crate::ops::level() {
                    $crate::ops::Level::Baseline => body($($argument),*),
                    $crate::ops::Level::Avx2 => {
                        #[expect(unsafe_code, reason = "instruction set chosen at run time")]
                        // SAFETY: `level` found these features on this processor.
                        unsafe {
                            avx2($($argument),*)
                        }
                    }
                    $crate::ops::Level::Avx512 => {
                        #[expect(unsafe_code, reason = "instruction set chosen at run time")]
                        // SAFETY: `level` found these features on this processor.
                        unsafe {
                            avx512($($argument),*)
                        }
                    }
                }
            }
            #[cfg(not(target_arch = "x86_64"))]
            body($($argument),*)
        }
    };
}
pub(crate) use kernel;

/// Makes `buffer` at least `len` long. It never shrinks: fresh pages cost more than the arithmetic on them.
pub(crate) fn grow(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    &mut buffer[..len]
}

/// `e^x` for x in [-87.3, 88], beyond which it is that of the nearer end; relative error below 2e-7. Written so that
/// loops over it vectorise, which those over `f32::exp` do not.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Adding 1.5 · 2^23 leaves the nearest whole number in the lowest bits of the mantissa.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 = HIGH + LOW, where HIGH has few enough bits that n · HIGH is exact.
    const HIGH: f32 = 0.693_359_4;
    const LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.3, 88.0);
    let rounded = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = rounded - ROUND;
    let r = n.mul_add(-LOW, n.mul_add(-HIGH, x));
    // Taylor's series: |r| <= ln 2 / 2, so that the eighth power is below 1e-8.
    let mut power = 1.0 / 5040.0;
    for term in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        power = r.mul_add(power, term);
    }
    power * f32::from_bits(rounded.to_bits().wrapping_add(127) << 23)
}

/// Sum of `f(0), f(1), … f(len - 1)` in [`LANES`] partial sums.
#[inline(always)]
pub(crate) fn sum(len: usize, f: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let whole = len / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        for (lane, total) in lanes.iter_mut().enumerate() {
            *total += f(start + lane);
        }
    }
    for (at, total) in (whole..len).zip(&mut lanes) {
        *total += f(at);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// Largest element; minus infinity of nothing.
#[inline(always)]
pub(crate) fn largest(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (most, x) in lanes.iter_mut().zip(chunk) {
            *most = if *x > *most { *x } else { *most };
        }
    }
    for (most, x) in lanes.iter_mut().zip(rest) {
        *most = if *x > *most { *x } else { *most };
    }
    lanes.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

/// Adds the columns of `partials` (rows of `into.len()`) to `into`, top to bottom.
pub(crate) fn add_column_sums(into: &mut [f32], partials: &[f32]) {
    let width = into.len();
    for (column, total) in into.iter_mut().enumerate() {
        let sum: f64 = partials.iter().skip(column).step_by(width).map(|x| f64::from(*x)).sum();
        *total += sum as f32;
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! What the gradient checks of all operations share.

    #[cfg(target_arch = "x86_64")]
    thread_local! {
        /// The level of kernels that this thread calls itself, instead of the detected one. Not above it!
        pub(crate) static FORCED: std::cell::Cell<Option<super::Level>> = const { std::cell::Cell::new(None) };
    }

    /// Numbers between -1 and 1 that differ from seed to seed.
    pub(crate) fn noise(len: usize, seed: u64) -> Vec<f32> {
        use rand_chacha::rand_core::Rng;
        let mut rng = astra_protocol::seeded_rng(seed, "noise");
        (0..len).map(|_| (rng.next_u32() >> 8) as f32 / (1u32 << 23) as f32 - 1.0).collect()
    }

    /// Sum of products, in f64.
    pub(crate) fn dot(left: &[f32], right: &[f32]) -> f64 {
        left.iter().zip(right).map(|(l, r)| f64::from(*l) * f64::from(*r)).sum()
    }

    /// Fails where `gradient` differs from the central difference quotient of `value` around `at`.
    ///
    /// The operations compute in f32, so the step is large and the tolerance (of the largest gradient) loose; formulas
    /// that are wrong are wrong by far more. The comparison with PyTorch is the sharp one.
    pub(crate) fn check(at: &[f32], gradient: &[f32], mut value: impl FnMut(&[f32]) -> f64) {
        const STEP: f32 = 1.0 / 128.0;
        let largest = gradient.iter().fold(0.0f64, |most, g| most.max(f64::from(g.abs())));
        assert!(largest > 0.0, "a gradient that is zero everywhere proves nothing");
        let mut moved = at.to_vec();
        for index in 0..at.len() {
            moved[index] = at[index] + STEP;
            let above = value(&moved);
            moved[index] = at[index] - STEP;
            let below = value(&moved);
            moved[index] = at[index];
            let expected = (above - below) / (2.0 * f64::from(STEP));
            let error = (f64::from(gradient[index]) - expected).abs();
            assert!(error < 2e-3 * largest, "[{index}]: {} instead of {expected}", gradient[index]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    kernel! {
        fn exponentials(values: &mut [f32]) {
            for value in values {
                *value = exp(*value);
            }
        }
    }

    #[test]
    fn exponentials_are_close_to_those_of_the_library_over_the_whole_range() {
        let inputs: Vec<f32> = (-8730..8800).map(|x| x as f32 / 100.0).collect();
        let mut outputs = inputs.clone();
        exponentials(&mut outputs);
        for (x, y) in inputs.iter().zip(&outputs) {
            let expected = f64::from(*x).exp();
            assert!((f64::from(*y) - expected).abs() <= 2e-7 * expected, "e^{x} = {y}, not {expected}");
        }
        assert!(exp(f32::NEG_INFINITY) < 1e-37 && exp(f32::NAN).is_nan());
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn every_instruction_set_up_to_the_detected_one_gives_the_same_numbers() {
        let inputs: Vec<f32> = testing::noise(100, 1).into_iter().map(|x| x * 20.0).collect();
        let at = |level: Level| {
            testing::FORCED.set(Some(level));
            let mut outputs = inputs.clone();
            exponentials(&mut outputs);
            testing::FORCED.set(None);
            outputs
        };
        let expected = at(Level::Baseline);
        // All of them multiply and add with one rounding, so that not even the last bit differs.
        if detected() != Level::Baseline {
            assert_eq!(at(Level::Avx2), expected);
        }
        if detected() == Level::Avx512 {
            assert_eq!(at(Level::Avx512), expected);
        }
        assert_eq!(level(), detected());
    }

    #[test]
    fn sums_and_maxima_take_every_element_once() {
        for len in [0usize, 1, 31, 32, 33, 100] {
            let total = sum(len, |at| at as f32);
            assert!((total - (len * len.saturating_sub(1) / 2) as f32).abs() < f32::EPSILON, "{len}");
            let row: Vec<f32> = (0..len).map(|at| if at + 1 == len { 5.0 } else { -1.0 }).collect();
            assert!(len == 0 || (largest(&row) - 5.0).abs() < f32::EPSILON, "{len}");
        }
    }
}
