//! Between the projection and attention: norms of query and key heads (Qwen3), rotary positions, and the change from
//! token-major rows to head-major ones.
//!
//! Attention reads one head's rows one after the other, a projection writes all heads of a token side by side; both
//! run at full speed only on their own order. Turning the matrix round and rotating it are one pass over memory, and so
//! are, backward, turning it back and adding up the gradients of keys and values that several query heads share.
//! Queries leave here divided by the square root of the head's width.

use super::norm::{inverse_root_of, row_backward};
use super::{ROWS, add_column_sums, grow, kernel};
use rayon::prelude::*;

/// How many heads there are, and how wide one is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heads {
    /// Query heads.
    pub(crate) queries: usize,
    /// Key heads, and as many value heads.
    pub(crate) keys: usize,
    /// Columns of a head.
    pub(crate) width: usize,
}

impl Heads {
    /// Queries, keys and values.
    pub(crate) fn all(self) -> usize {
        self.queries + 2 * self.keys
    }

    /// Query heads that share a key head.
    pub(crate) fn group(self) -> usize {
        self.queries / self.keys
    }
}

/// Cosines and sines of the positions met so far.
#[derive(Debug, Default)]
pub(crate) struct Angles {
    frequencies: Vec<f64>,
    /// `[positions, width / 2]`.
    cosines: Vec<f32>,
    sines: Vec<f32>,
}

impl Angles {
    /// None yet.
    pub(crate) fn new(frequencies: Vec<f64>) -> Self {
        Self { frequencies, ..Self::default() }
    }

    /// Makes positions below `positions` available.
    pub(crate) fn reserve(&mut self, positions: usize) {
        for position in self.cosines.len() / self.frequencies.len()..positions {
            for frequency in &self.frequencies {
                let (sine, cosine) = (position as f64 * frequency).sin_cos();
                self.cosines.push(cosine as f32);
                self.sines.push(sine as f32);
            }
        }
    }

    #[inline(always)]
    fn at(&self, position: usize) -> (&[f32], &[f32]) {
        let half = self.frequencies.len();
        (&self.cosines[position * half..][..half], &self.sines[position * half..][..half])
    }
}

/// RMSNorm of query and key heads.
#[derive(Clone, Copy)]
pub(crate) struct HeadNorms<'a> {
    /// Weights of queries, `[width]`.
    pub(crate) query: &'a [f32],
    /// Weights of keys, `[width]`.
    pub(crate) key: &'a [f32],
    /// Added to the mean square.
    pub(crate) eps: f32,
}

/// What stays the same for all tokens of a batch.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    /// Shape.
    pub(crate) heads: Heads,
    /// Position of each token within its sequence.
    pub(crate) positions: &'a [u32],
    /// Angles of these positions.
    pub(crate) angles: &'a Angles,
    /// Norms, where the model has them.
    pub(crate) norms: Option<HeadNorms<'a>>,
}

/// What a head is to be turned into.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Query,
    Key,
    Value,
}

impl<'a> Frame<'a> {
    #[inline(always)]
    fn role(&self, head: usize) -> Role {
        if head < self.heads.queries {
            Role::Query
        } else if head < self.heads.queries + self.heads.keys {
            Role::Key
        } else {
            Role::Value
        }
    }

    #[inline(always)]
    fn norm(&self, role: Role) -> Option<(&'a [f32], f32)> {
        let norms = self.norms?;
        match role {
            Role::Query => Some((norms.query, norms.eps)),
            Role::Key => Some((norms.key, norms.eps)),
            Role::Value => None,
        }
    }

    #[inline(always)]
    fn scale(&self, role: Role) -> f32 {
        if role == Role::Query { 1.0 / (self.heads.width as f32).sqrt() } else { 1.0 }
    }
}

kernel! {
    /// Some rows of one head, `into: [rows, width]`, from token `first` on.
    fn head_forward(into: &mut [f32], raw: &[f32], frame: &Frame<'_>, head: usize, first: usize) {
        let (width, row) = (frame.heads.width, frame.heads.all() * frame.heads.width);
        let (role, half) = (frame.role(head), width / 2);
        let (scale, norm) = (frame.scale(role), frame.norm(role));
        for (index, y) in into.chunks_mut(width).enumerate() {
            let token = first + index;
            y.copy_from_slice(&raw[token * row + head * width..][..width]);
            if role == Role::Value {
                continue;
            }
            if let Some((weight, eps)) = norm {
                let inverse = inverse_root_of(y, eps);
                for (y, w) in y.iter_mut().zip(weight) {
                    *y *= inverse * w;
                }
            }
            let (cosines, sines) = frame.angles.at(frame.positions[token] as usize);
            let (low, high) = y.split_at_mut(half);
            for (((l, h), c), s) in low.iter_mut().zip(high).zip(cosines).zip(sines) {
                let (a, b) = (*l * scale, *h * scale);
                *l = a * c - b * s;
                *h = b * c + a * s;
            }
        }
    }
}

/// Turns `raw: [tokens, heads.all() · width]` into `into: [heads.all(), tokens, width]`.
pub(crate) fn forward(into: &mut [f32], raw: &[f32], frame: Frame<'_>) {
    let width = frame.heads.width;
    into.par_chunks_mut(frame.positions.len() * width).enumerate().for_each(|(head, rows)| {
        rows.par_chunks_mut(ROWS * width).enumerate().for_each(|(chunk, rows)| {
            head_forward(rows, raw, &frame, head, chunk * ROWS);
        });
    });
}

/// Gradients as attention leaves them, all `[query heads, tokens, width]`: keys' and values' are still apart for query
/// heads that share them.
#[derive(Clone, Copy)]
pub(crate) struct HeadGradients<'a> {
    /// Of queries.
    pub(crate) query: &'a [f32],
    /// Of keys.
    pub(crate) key: &'a [f32],
    /// Of values.
    pub(crate) value: &'a [f32],
}

/// Gradients of the norms' weights, both `[width]`.
pub(crate) struct NormGradients<'a> {
    /// Of queries.
    pub(crate) query: &'a mut [f32],
    /// Of keys.
    pub(crate) key: &'a mut [f32],
}

/// What [`token_backward`] needs besides the token.
struct Backward<'a> {
    frame: Frame<'a>,
    gradients: HeadGradients<'a>,
    /// `[tokens, heads.all() · width]`; empty where there are no norms.
    raw: &'a [f32],
}

kernel! {
    /// Some tokens' rows, from token `first` on; `partial` receives the norms' gradients, queries' then keys'.
    fn tokens_backward(d_raw: &mut [f32], scratch: &mut [f32], partial: &mut [f32], of: &Backward<'_>, first: usize) {
        let Backward { frame, gradients, raw } = of;
        let (width, half) = (frame.heads.width, frame.heads.width / 2);
        let (tokens, row) = (frame.positions.len(), frame.heads.all() * width);
        for (index, d_row) in d_raw.chunks_mut(row).enumerate() {
            let token = first + index;
            let (cosines, sines) = frame.angles.at(frame.positions[token] as usize);
            for (head, dx) in d_row.chunks_mut(width).enumerate() {
                let role = frame.role(head);
                let (source, heads) = match role {
                    Role::Query => (gradients.query, head..head + 1),
                    Role::Key => {
                        let first = (head - frame.heads.queries) * frame.heads.group();
                        (gradients.key, first..first + frame.heads.group())
                    }
                    Role::Value => {
                        let first = (head - frame.heads.queries - frame.heads.keys) * frame.heads.group();
                        (gradients.value, first..first + frame.heads.group())
                    }
                };
                let dy = &mut scratch[..width];
                dy.copy_from_slice(&source[(heads.start * tokens + token) * width..][..width]);
                for other in heads.skip(1) {
                    for (total, d) in dy.iter_mut().zip(&source[(other * tokens + token) * width..][..width]) {
                        *total += d;
                    }
                }
                if role != Role::Value {
                    let scale = frame.scale(role);
                    let (low, high) = dy.split_at_mut(half);
                    for (((l, h), c), s) in low.iter_mut().zip(high).zip(cosines).zip(sines) {
                        let (a, b) = (*l * scale, *h * scale);
                        *l = a * c + b * s;
                        *h = b * c - a * s;
                    }
                }
                match frame.norm(role) {
                    None => dx.copy_from_slice(dy),
                    Some((weight, eps)) => {
                        dx.fill(0.0);
                        let x = &raw[token * row + head * width..][..width];
                        let at = if role == Role::Query { 0 } else { width };
                        let dw = (!partial.is_empty()).then(|| &mut partial[at..at + width]);
                        row_backward(dx, dw, dy, x, weight, inverse_root_of(x, eps));
                    }
                }
            }
        }
    }
}

/// The gradient of `raw`: overwrites `d_raw: [tokens, heads.all() · width]`, adds to the norms' gradients where there
/// are any. `raw` is read only where the model has norms.
pub(crate) fn backward(
    d_raw: &mut [f32],
    gradients: HeadGradients<'_>,
    raw: &[f32],
    frame: Frame<'_>,
    norms: Option<NormGradients<'_>>,
    partials: &mut Vec<f32>,
) {
    let (width, tokens) = (frame.heads.width, frame.positions.len());
    let of = Backward { frame, gradients, raw };
    // A chunk's partial sums of the norms, then room for one head.
    let (sums, each) = if norms.is_some() { (2 * width, 3 * width) } else { (0, width) };
    let chunks = tokens.div_ceil(ROWS);
    let partials = grow(partials, chunks * each);
    d_raw
        .par_chunks_mut(ROWS * frame.heads.all() * width)
        .zip(partials.par_chunks_mut(each))
        .enumerate()
        .for_each(|(chunk, (rows, partial))| {
            let (partial, scratch) = partial.split_at_mut(sums);
            partial.fill(0.0);
            tokens_backward(rows, scratch, partial, &of, chunk * ROWS);
        });
    if let Some(norms) = norms {
        let mut totals = vec![0.0; each];
        add_column_sums(&mut totals, partials);
        let both = norms.query.iter_mut().chain(norms.key.iter_mut());
        both.zip(totals).for_each(|(gradient, total)| *gradient += total);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{check, dot, noise};

    #[test]
    fn gradients_are_difference_quotients_with_and_without_norms() {
        let heads = Heads { queries: 4, keys: 2, width: 6 };
        let positions: Vec<u32> = (0..35).chain(0..3).collect();
        let tokens = positions.len();
        let mut angles = Angles::new(vec![1.0, 0.1, 0.01]);
        angles.reserve(2);
        angles.reserve(35);
        let (raw, weights) = (noise(tokens * heads.all() * 6, 1), noise(12, 2));
        let d = noise(tokens * 8 * 6, 3);
        for with_norms in [false, true] {
            let frame = |weights: &'static [f32]| Frame {
                heads,
                positions: positions.clone().leak(),
                angles: Box::leak(Box::new(Angles {
                    cosines: angles.cosines.clone(),
                    sines: angles.sines.clone(),
                    frequencies: angles.frequencies.clone(),
                })),
                norms: with_norms.then_some(HeadNorms {
                    query: &weights[..6],
                    key: &weights[6..],
                    eps: 1e-2,
                }),
            };
            let value = |raw: &[f32], weights: &[f32]| {
                let mut into = vec![0.0; raw.len()];
                forward(&mut into, raw, frame(weights.to_vec().leak()));
                dot(&into, &d)
            };
            // Each key and value head's gradient arrives in two parts.
            let part = |first: usize| -> Vec<f32> {
                let each = tokens * 6;
                (0..4)
                    .flat_map(|head| d[(first + head / 2) * each..][..each].iter().map(|d| d * 0.5))
                    .collect()
            };
            let (key, value_part) = (part(4), part(6));
            let gradients = HeadGradients { query: &d[..4 * tokens * 6], key: &key, value: &value_part };
            let (mut d_raw, mut dq, mut dk) = (vec![9.0; raw.len()], vec![0.0; 6], vec![0.0; 6]);
            let norms = with_norms.then_some(NormGradients { query: &mut dq, key: &mut dk });
            backward(&mut d_raw, gradients, &raw, frame(weights.clone().leak()), norms, &mut Vec::new());
            check(&raw, &d_raw, |raw| value(raw, &weights));
            if with_norms {
                check(&weights, &[dq, dk].concat(), |weights| value(&raw, weights));
            }
        }
    }

    #[test]
    fn a_rotation_keeps_lengths_and_depends_on_distance_only() {
        let heads = Heads { queries: 1, keys: 1, width: 8 };
        let mut angles = Angles::new(vec![1.0, 0.3, 0.1, 0.01]);
        angles.reserve(50);
        let row = noise(8, 4);
        let raw = [row.clone(), row.clone(), row.clone()].concat();
        let product = |query: u32, key: u32| {
            let positions = [query, key];
            let both = [raw.clone(), raw.clone()].concat();
            let mut into = vec![0.0; both.len()];
            forward(&mut into, &both, Frame { heads, positions: &positions, angles: &angles, norms: None });
            dot(&into[..8], &into[24..32])
        };
        assert!((product(3, 1) - product(40, 38)).abs() < 1e-5);
        assert!((product(7, 7) - dot(&row, &row) / 8f64.sqrt()).abs() < 1e-5);
    }
}
