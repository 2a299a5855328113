//! Products of matrices, by the `gemm` kernels.
//!
//! One function on views with free strides covers all three products of a linear layer (forward, gradient of the input,
//! gradient of the weights), windows of columns for LoRA, and the blocks of attention. The result does not depend on
//! the number of threads: `gemm` gives each element to one thread.

use super::bf16;
use gemm_common::Parallelism;

/// A matrix within a slice.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(super) data: &'a [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
}

impl<'a> View<'a> {
    /// `[rows, columns]`, row-major, without gaps.
    pub(crate) fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::window(data, rows, columns, columns)
    }

    /// `[rows, columns]` at the start of rows that are `stride` apart.
    pub(crate) fn window(data: &'a [f32], rows: usize, columns: usize, stride: usize) -> Self {
        assert!(fits(data.len(), rows, columns, stride), "a view of {rows} × {columns} in {}", data.len());
        Self { data, rows, columns, row_stride: stride, column_stride: 1 }
    }

    /// Transposed.
    pub(crate) fn t(self) -> Self {
        Self {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }
}

/// A row-major matrix that is written to.
pub(crate) struct ViewMut<'a> {
    pub(super) data: &'a mut [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) stride: usize,
}

impl<'a> ViewMut<'a> {
    /// `[rows, columns]`, without gaps.
    pub(crate) fn new(data: &'a mut [f32], rows: usize, columns: usize) -> Self {
        Self::window(data, rows, columns, columns)
    }

    /// `[rows, columns]` at the start of rows that are `stride` apart.
    pub(crate) fn window(data: &'a mut [f32], rows: usize, columns: usize, stride: usize) -> Self {
        assert!(fits(data.len(), rows, columns, stride), "a view of {rows} × {columns} in {}", data.len());
        Self { data, rows, columns, stride }
    }
}

fn fits(len: usize, rows: usize, columns: usize, stride: usize) -> bool {
    rows == 0 || columns == 0 || (rows - 1) * stride + columns <= len
}

/// What the numbers of the large products of learning are rounded to; sums are f32 either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Nothing else than they are.
    #[default]
    F32,
    /// bfloat16, by the instructions of AVX-512 BF16: faster where a model is large.
    Bf16,
}

impl Precision {
    /// Whether this machine can compute so.
    pub fn is_available(self) -> bool {
        match self {
            Self::F32 => true,
            Self::Bf16 => bf16::is_available(),
        }
    }
}

/// What happens to the numbers that are already there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// They are overwritten.
    Nothing,
    /// The product is added to them.
    Sum,
}

/// Threads for one product.
#[derive(Clone, Copy)]
pub(crate) enum Threads {
    /// The caller's alone.
    One,
    /// All of the pool that the caller runs in.
    Pool,
}

/// Rows, columns and inner numbers of a product whose matrices fit together.
pub(super) fn check(into: &ViewMut<'_>, left: View<'_>, right: View<'_>) -> (usize, usize, usize) {
    let (rows, columns, inner) = (into.rows, into.columns, left.columns);
    assert!(
        left.rows == rows && right.columns == columns && right.rows == inner,
        "a product of {} × {} and {} × {} into {rows} × {columns}",
        left.rows,
        left.columns,
        right.rows,
        right.columns,
    );
    (rows, columns, inner)
}

/// [`multiply`] in the pool that the caller runs in.
pub(crate) fn multiply_in(
    precision: Precision,
    into: ViewMut<'_>,
    keep: Keep,
    left: View<'_>,
    right: View<'_>,
) {
    match precision {
        Precision::F32 => multiply(into, keep, 1.0, left, right, Threads::Pool),
        Precision::Bf16 => bf16::multiply(into, keep, left, right),
    }
}

/// `into = [into +] scale · left · right`.
#[expect(clippy::needless_pass_by_value, reason = "a view that is written to is used once")]
pub(crate) fn multiply(
    into: ViewMut<'_>,
    keep: Keep,
    scale: f32,
    left: View<'_>,
    right: View<'_>,
    threads: Threads,
) {
    let (rows, columns, inner) = check(&into, left, right);
    if rows == 0 || columns == 0 {
        return;
    }
    if inner == 0 {
        if keep == Keep::Nothing {
            into.data.chunks_mut(into.stride).for_each(|row| row[..columns].fill(0.0));
        }
        return;
    }
    let parallelism = match threads {
        Threads::One => Parallelism::None,
        Threads::Pool => match rayon::current_num_threads() {
            1 => Parallelism::None,
            many => Parallelism::Rayon(many),
        },
    };
    // The kernels want a column-major result, so what is computed is the transposed product.
    #[expect(unsafe_code, reason = "the kernels take pointers")]
    // SAFETY: the views were checked against their slices when they were made, the shapes against each other above;
    // `into` is borrowed exclusively, so that nothing overlaps it. Strides come from slices, hence fit in `isize`.
    unsafe {
        gemm_f32::gemm::f32::get_gemm_fn()(
            columns,
            rows,
            inner,
            into.data.as_mut_ptr(),
            into.stride.cast_signed(),
            1,
            keep == Keep::Sum,
            right.data.as_ptr(),
            right.row_stride.cast_signed(),
            right.column_stride.cast_signed(),
            left.data.as_ptr(),
            left.row_stride.cast_signed(),
            left.column_stride.cast_signed(),
            1.0,
            scale,
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::noise;

    /// The definition.
    fn naive(left: View<'_>, right: View<'_>) -> Vec<f64> {
        let at = |view: View<'_>, row: usize, column: usize| {
            f64::from(view.data[row * view.row_stride + column * view.column_stride])
        };
        (0..left.rows)
            .flat_map(|row| (0..right.columns).map(move |column| (row, column)))
            .map(|(row, column)| (0..left.columns).map(|k| at(left, row, k) * at(right, k, column)).sum())
            .collect()
    }

    #[test]
    fn products_of_transposed_and_cut_out_matrices_are_those_of_the_definition() {
        let (a, b) = (noise(700, 1), noise(700, 2));
        for (rows, inner, columns) in [(1, 1, 1), (7, 5, 3), (17, 9, 20), (3, 20, 33)] {
            for transposed in 0..4 {
                let left = if transposed & 1 == 0 {
                    View::window(&a, rows, inner, inner + 2)
                } else {
                    View::new(&a, inner, rows).t()
                };
                let right = if transposed & 2 == 0 {
                    View::new(&b, inner, columns)
                } else {
                    View::window(&b, columns, inner, inner).t()
                };
                let mut into = vec![1.0; rows * (columns + 1)];
                let target = ViewMut::window(&mut into, rows, columns, columns + 1);
                multiply(target, Keep::Sum, 0.5, left, right, Threads::One);
                for (row, expected) in naive(left, right).chunks(columns).enumerate() {
                    let start = row * (columns + 1);
                    for (x, y) in into[start..].iter().zip(expected) {
                        assert!((f64::from(*x) - 1.0 - 0.5 * y).abs() < 1e-5, "{rows} {inner} {columns}");
                    }
                    assert!((into[start + columns] - 1.0).abs() < f32::EPSILON, "wrote beyond its window");
                }
            }
        }
    }

    #[test]
    fn an_empty_sum_is_zero() {
        let mut into = vec![3.0; 4];
        let (left, right) = (View::new(&[], 2, 0), View::new(&[], 0, 2));
        multiply(ViewMut::new(&mut into, 2, 2), Keep::Nothing, 1.0, left, right, Threads::One);
        assert_eq!(into, [0.0; 4]);
    }
}
