//! A linear layer over rows, `y = x Wᵀ`, with adapters beside it where there are any.
//!
//! With adapters W is frozen, and no gradient of it is formed.

use super::Gradients;
use crate::lora::{Group, Lora};
use crate::ops::grow;
use crate::ops::matmul::{Keep, Precision, Threads, View, ViewMut, multiply, multiply_in};
use std::ops::Range;

/// Rows in the adapters' inner dimension: `x Aᵀ` and its gradient, `[rows, adapters · rank]`.
#[derive(Debug, Default)]
pub(crate) struct Inner {
    low: Vec<f32>,
    d_low: Vec<f32>,
}

/// A matrix `[outputs, inputs]`, and what stands beside it.
pub(crate) struct Linear<'a> {
    /// Its numbers.
    pub(crate) weight: &'a [f32],
    /// Where they lie among the weights.
    pub(crate) range: Range<usize>,
    /// Columns of x.
    pub(crate) inputs: usize,
    /// Columns of y.
    pub(crate) outputs: usize,
    /// Of products with the matrix; those of adapters are small and stay exact.
    pub(crate) precision: Precision,
    /// Adapters.
    pub(crate) lora: Option<(&'a Lora, &'a Group)>,
}

impl<'a> Linear<'a> {
    fn adapters(&self) -> Option<(&'a Lora, &'a Group, usize)> {
        let (lora, group) = self.lora?;
        (!group.parts.is_empty()).then(|| (lora, group, group.parts.len() * lora.options().rank))
    }

    /// `y = [y +] x Wᵀ + …`
    pub(crate) fn forward(&self, y: &mut [f32], keep: Keep, x: &[f32], inner: &mut Inner) {
        let (rows, pool) = (x.len() / self.inputs, Threads::Pool);
        let x = View::new(x, rows, self.inputs);
        let weight = View::new(self.weight, self.outputs, self.inputs);
        multiply_in(self.precision, ViewMut::new(y, rows, self.outputs), keep, x, weight.t());
        let Some((lora, group, width)) = self.adapters() else { return };
        let rank = lora.options().rank;
        let low = grow(&mut inner.low, rows * width);
        let a = View::new(&lora.data()[group.a.clone()], width, self.inputs);
        multiply(ViewMut::new(low, rows, width), Keep::Nothing, 1.0, x, a.t(), pool);
        for (part, (columns, b)) in group.parts.iter().enumerate() {
            let b = View::new(&lora.data()[b.clone()], columns.len(), rank);
            let low = View::window(&low[part * rank..], rows, rank, width);
            let y = ViewMut::window(&mut y[columns.start..], rows, columns.len(), self.outputs);
            multiply(y, Keep::Sum, lora.scale(), low, b.t(), pool);
        }
    }

    /// Adds the gradients of what is trained here. Must come before [`Linear::backward_input`] of the same rows.
    pub(crate) fn backward_weight(&self, into: &mut Gradients<'_>, dy: &[f32], x: &[f32], inner: &mut Inner) {
        let (rows, pool) = (x.len() / self.inputs, Threads::Pool);
        let x = View::new(x, rows, self.inputs);
        if let Some(gradient) = into.of_weight(&self.range) {
            let dy = View::new(dy, rows, self.outputs);
            let gradient = ViewMut::new(gradient, self.outputs, self.inputs);
            multiply_in(self.precision, gradient, Keep::Sum, dy.t(), x);
        }
        let Some((lora, group, width)) = self.adapters() else { return };
        let rank = lora.options().rank;
        let (low, d_low) = (grow(&mut inner.low, rows * width), grow(&mut inner.d_low, rows * width));
        let a = View::new(&lora.data()[group.a.clone()], width, self.inputs);
        multiply(ViewMut::new(low, rows, width), Keep::Nothing, 1.0, x, a.t(), pool);
        for (part, (columns, b)) in group.parts.iter().enumerate() {
            let dy = View::window(&dy[columns.start..], rows, columns.len(), self.outputs);
            let d_b = ViewMut::new(&mut into.data[b.clone()], columns.len(), rank);
            let low = View::window(&low[part * rank..], rows, rank, width);
            multiply(d_b, Keep::Sum, lora.scale(), dy.t(), low, pool);
            let b = View::new(&lora.data()[b.clone()], columns.len(), rank);
            let d_low = ViewMut::window(&mut d_low[part * rank..], rows, rank, width);
            multiply(d_low, Keep::Nothing, lora.scale(), dy, b, pool);
        }
        let d_a = ViewMut::new(&mut into.data[group.a.clone()], width, self.inputs);
        multiply(d_a, Keep::Sum, 1.0, View::new(d_low, rows, width).t(), x, pool);
    }

    /// `dx = dy W + …`
    pub(crate) fn backward_input(&self, dx: &mut [f32], dy: &[f32], inner: &Inner) {
        let (rows, pool) = (dx.len() / self.inputs, Threads::Pool);
        let weight = View::new(self.weight, self.outputs, self.inputs);
        let dy = View::new(dy, rows, self.outputs);
        multiply_in(self.precision, ViewMut::new(dx, rows, self.inputs), Keep::Nothing, dy, weight);
        let Some((lora, group, width)) = self.adapters() else { return };
        let a = View::new(&lora.data()[group.a.clone()], width, self.inputs);
        let d_low = View::new(&inner.d_low[..rows * width], rows, width);
        multiply(ViewMut::new(dx, rows, self.inputs), Keep::Sum, 1.0, d_low, a, pool);
    }
}
