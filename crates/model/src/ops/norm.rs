//! RMSNorm: `y = x / sqrt(mean(x²) + eps) · w`.
//!
//! Forward keeps one number a row, the inverse root; the normalised rows are made again where backward needs them.

use super::{ROWS, add_column_sums, grow, kernel, sum};
use rayon::prelude::*;

kernel! {
    /// Inverse root mean square of one row.
    fn inverse_root(x: &[f32], eps: f32) -> f32 {
        inverse_root_of(x, eps)
    }
}

/// The same, for use within other kernels.
#[inline(always)]
pub(crate) fn inverse_root_of(x: &[f32], eps: f32) -> f32 {
    1.0 / (sum(x.len(), |at| x[at] * x[at]) / x.len() as f32 + eps).sqrt()
}

kernel! {
    fn scale_row(y: &mut [f32], x: &[f32], weight: &[f32], inverse: f32) {
        for ((y, x), w) in y.iter_mut().zip(x).zip(weight) {
            *y = x * inverse * w;
        }
    }
}

/// Gradients of one row: adds to `dx` and `dw`.
#[inline(always)]
pub(crate) fn row_backward(
    dx: &mut [f32],
    dw: Option<&mut [f32]>,
    dy: &[f32],
    x: &[f32],
    weight: &[f32],
    inverse: f32,
) {
    let width = x.len();
    let (dx, dy, weight) = (&mut dx[..width], &dy[..width], &weight[..width]);
    // y = x̂ w with x̂ = x r: dx = r (g - x̂ mean(g x̂)), g = dy w.
    let mean = sum(width, |at| dy[at] * weight[at] * x[at]) * inverse / width as f32;
    for at in 0..width {
        dx[at] += inverse * (dy[at] * weight[at] - x[at] * inverse * mean);
    }
    if let Some(dw) = dw {
        let dw = &mut dw[..width];
        for at in 0..width {
            dw[at] += dy[at] * x[at] * inverse;
        }
    }
}

kernel! {
    fn rows_backward(dx: &mut [f32], dw: Option<&mut [f32]>, dy: &[f32], x: &[f32], w: &[f32], inverse: &[f32]) {
        let width = w.len();
        let mut dw = dw;
        for (row, inverse) in inverse.iter().enumerate() {
            let at = row * width..(row + 1) * width;
            row_backward(&mut dx[at.clone()], dw.as_deref_mut(), &dy[at.clone()], &x[at], w, *inverse);
        }
    }
}

/// `y = norm(x) · weight`; `inverse` receives one number a row. `[rows, weight.len()]`.
pub(crate) fn forward(y: &mut [f32], inverse: &mut [f32], x: &[f32], weight: &[f32], eps: f32) {
    let width = weight.len();
    y.par_chunks_mut(ROWS * width)
        .zip(inverse.par_chunks_mut(ROWS))
        .zip(x.par_chunks(ROWS * width))
        .for_each(|((y, inverse), x)| {
            for ((y, inverse), x) in y.chunks_mut(width).zip(inverse).zip(x.chunks(width)) {
                *inverse = inverse_root(x, eps);
                scale_row(y, x, weight, *inverse);
            }
        });
}

/// The rows of [`forward`] again, from the numbers that it kept.
pub(crate) fn again(y: &mut [f32], inverse: &[f32], x: &[f32], weight: &[f32]) {
    let width = weight.len();
    y.par_chunks_mut(ROWS * width).zip(inverse.par_chunks(ROWS)).zip(x.par_chunks(ROWS * width)).for_each(
        |((y, inverse), x)| {
            for ((y, inverse), x) in y.chunks_mut(width).zip(inverse).zip(x.chunks(width)) {
                scale_row(y, x, weight, *inverse);
            }
        },
    );
}

/// What [`backward`] reads.
#[derive(Clone, Copy)]
pub(crate) struct Kept<'a> {
    /// Input, `[rows, width]`.
    pub(crate) x: &'a [f32],
    /// What forward kept, `[rows]`.
    pub(crate) inverse: &'a [f32],
    /// Weights, `[width]`.
    pub(crate) weight: &'a [f32],
}

/// Adds the gradient of the input to `dx`, and that of the weights to `dw` where there is one.
pub(crate) fn backward(
    dx: &mut [f32],
    dw: Option<&mut [f32]>,
    dy: &[f32],
    kept: Kept<'_>,
    partials: &mut Vec<f32>,
) {
    let Kept { x, inverse, weight } = kept;
    let width = weight.len();
    let rows = dx
        .par_chunks_mut(ROWS * width)
        .zip(dy.par_chunks(ROWS * width))
        .zip(x.par_chunks(ROWS * width))
        .zip(inverse.par_chunks(ROWS));
    match dw {
        None => rows.for_each(|(((dx, dy), x), inverse)| rows_backward(dx, None, dy, x, weight, inverse)),
        Some(dw) => {
            let partials = grow(partials, inverse.len().div_ceil(ROWS) * width);
            rows.zip(partials.par_chunks_mut(width)).for_each(|((((dx, dy), x), inverse), partial)| {
                partial.fill(0.0);
                rows_backward(dx, Some(partial), dy, x, weight, inverse);
            });
            add_column_sums(dw, partials);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{check, dot, noise};

    #[test]
    fn gradients_are_difference_quotients() {
        let (rows, width) = (37, 6);
        let (x, weight, dy) = (noise(rows * width, 1), noise(width, 2), noise(rows * width, 3));
        let value = |x: &[f32], weight: &[f32]| {
            let (mut y, mut inverse) = (vec![0.0; rows * width], vec![0.0; rows]);
            forward(&mut y, &mut inverse, x, weight, 1e-2);
            let mut twice = vec![0.0; rows * width];
            again(&mut twice, &inverse, x, weight);
            assert_eq!(y, twice);
            (dot(&y, &dy), inverse)
        };
        let inverse = value(&x, &weight).1;
        let kept = Kept { x: &x, inverse: &inverse, weight: &weight };
        let (mut dx, mut dw) = (vec![1.0; rows * width], vec![1.0; width]);
        backward(&mut dx, Some(&mut dw), &dy, kept, &mut Vec::new());
        let mut frozen = vec![1.0; rows * width];
        backward(&mut frozen, None, &dy, kept, &mut Vec::new());
        assert_eq!(dx, frozen);
        for gradient in [&mut dx, &mut dw] {
            for g in gradient.iter_mut() {
                *g -= 1.0; // it adds
            }
        }
        check(&x, &dx, |x| value(x, &weight).0);
        check(&weight, &dw, |weight| value(&x, weight).0);
    }
}
