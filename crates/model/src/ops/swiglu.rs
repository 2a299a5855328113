//! SwiGLU: `silu(gate) · up`, where gate and up stand side by side in a row.

use super::{ROWS, exp, kernel};
use rayon::prelude::*;

kernel! {
    fn row_forward(y: &mut [f32], gate: &[f32], up: &[f32]) {
        for ((y, g), u) in y.iter_mut().zip(gate).zip(up) {
            *y = g / (1.0 + exp(-g)) * u;
        }
    }
}

kernel! {
    fn row_backward(gate: &mut [f32], up: &mut [f32], dy: &[f32]) {
        for ((g, u), dy) in gate.iter_mut().zip(up).zip(dy) {
            let sigmoid = 1.0 / (1.0 + exp(-*g));
            let silu = *g * sigmoid;
            // silu' = σ (1 + g (1 - σ))
            *g = dy * *u * (sigmoid + silu * (1.0 - sigmoid));
            *u = dy * silu;
        }
    }
}

/// `y = silu(gate) · up`; `y: [rows, inner]`, `gate_up: [rows, 2 · inner]`.
pub(crate) fn forward(y: &mut [f32], gate_up: &[f32], inner: usize) {
    y.par_chunks_mut(ROWS * inner).zip(gate_up.par_chunks(2 * ROWS * inner)).for_each(|(y, gate_up)| {
        for (y, row) in y.chunks_mut(inner).zip(gate_up.chunks(2 * inner)) {
            let (gate, up) = row.split_at(inner);
            row_forward(y, gate, up);
        }
    });
}

/// Replaces gates and ups by their gradients.
pub(crate) fn backward(gate_up: &mut [f32], dy: &[f32], inner: usize) {
    gate_up.par_chunks_mut(2 * ROWS * inner).zip(dy.par_chunks(ROWS * inner)).for_each(|(gate_up, dy)| {
        for (row, dy) in gate_up.chunks_mut(2 * inner).zip(dy.chunks(inner)) {
            let (gate, up) = row.split_at_mut(inner);
            row_backward(gate, up, dy);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{check, dot, noise};

    #[test]
    fn gradients_are_difference_quotients() {
        let (rows, inner) = (3, 7);
        let gate_up: Vec<f32> = noise(rows * 2 * inner, 1).into_iter().map(|x| 4.0 * x).collect();
        let dy = noise(rows * inner, 2);
        let mut gradient = gate_up.clone();
        backward(&mut gradient, &dy, inner);
        check(&gate_up, &gradient, |gate_up| {
            let mut y = vec![0.0; rows * inner];
            forward(&mut y, gate_up, inner);
            dot(&y, &dy)
        });
    }
}
