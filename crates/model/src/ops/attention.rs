//! Causal attention within each sequence, in blocks, keeping one number a row: the logarithm of the sum of exponentials.
//!
//! Scores exist only for one block of queries against one block of keys at a time (online softmax), so that memory is
//! linear in the length of a sequence. Backward makes the scores again. Everything is head-major, `[heads, tokens,
//! width]`; queries come scaled. Forward is split over heads, sequences and blocks of queries; backward over query
//! heads and sequences, each with gradients of keys and values of its own, which whoever reads them adds up.

use super::matmul::{Keep, Threads, View, ViewMut, multiply};
use super::rope::{HeadGradients, Heads};
use super::{ROWS, exp, kernel, largest, sum};
use rayon::prelude::*;
use std::ops::Range;

/// Queries that are taken at a time; divides [`KEYS`].
const QUERIES: usize = 64;
/// Keys that are taken at a time.
const KEYS: usize = 128;

/// A block of scores, row by row [`KEYS`] apart.
fn scores() -> Vec<f32> {
    vec![0.0; QUERIES * KEYS]
}

/// Queries, keys and values of a batch: `[heads.all(), tokens, width]`.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'a> {
    /// The numbers.
    pub(crate) data: &'a [f32],
    /// Shape.
    pub(crate) heads: Heads,
    /// Ranges of tokens that attend to each other; they tile the batch.
    pub(crate) sequences: &'a [Range<usize>],
    /// Tokens of the batch.
    pub(crate) tokens: usize,
}

impl<'a> Inputs<'a> {
    fn head(&self, head: usize, sequence: &Range<usize>) -> &'a [f32] {
        let width = self.heads.width;
        &self.data[(head * self.tokens + sequence.start) * width..][..sequence.len() * width]
    }

    fn query(&self, head: usize, sequence: &Range<usize>) -> &'a [f32] {
        self.head(head, sequence)
    }

    fn key(&self, head: usize, sequence: &Range<usize>) -> &'a [f32] {
        self.head(self.heads.queries + head / self.heads.group(), sequence)
    }

    fn value(&self, head: usize, sequence: &Range<usize>) -> &'a [f32] {
        self.head(self.heads.queries + self.heads.keys + head / self.heads.group(), sequence)
    }
}

/// A block of scores: queries from `first` on against keys from `key` on.
#[derive(Clone, Copy)]
struct Block {
    first: usize,
    rows: usize,
    key: usize,
    keys: usize,
}

impl Block {
    /// Blocks of keys that the queries `first..first + rows` see.
    fn of(first: usize, rows: usize) -> impl Iterator<Item = Self> {
        let end = first + rows;
        (0..end).step_by(KEYS).map(move |key| Self { first, rows, key, keys: KEYS.min(end - key) })
    }

    /// Keys that a row sees: at least one, because a block of queries never starts before a block of keys.
    #[inline(always)]
    fn visible(&self, row: usize) -> usize {
        self.keys.min(self.first + row + 1 - self.key)
    }

    fn scores(&self, into: &mut [f32], queries: &[f32], keys: &[f32], width: usize) {
        multiply(
            ViewMut::window(into, self.rows, self.keys, KEYS),
            Keep::Nothing,
            1.0,
            View::new(&queries[self.first * width..][..self.rows * width], self.rows, width),
            View::new(&keys[self.key * width..][..self.keys * width], self.keys, width).t(),
            Threads::One,
        );
    }
}

kernel! {
    /// Turns scores into weights relative to the largest score so far, and scales what is there already to it.
    fn soften(scores: &mut [f32], out: &mut [f32], maxima: &mut [f32], sums: &mut [f32], block: &Block) {
        let width = out.len() / block.rows;
        for row in 0..block.rows {
            let visible = block.visible(row);
            let (seen, hidden) = scores[row * KEYS..][..block.keys].split_at_mut(visible);
            let most = maxima[row].max(largest(seen));
            let correction = exp(maxima[row] - most);
            for score in seen.iter_mut() {
                *score = exp(*score - most);
            }
            hidden.fill(0.0);
            sums[row] = sums[row] * correction + sum(seen.len(), |at| seen[at]);
            maxima[row] = most;
            for y in &mut out[row * width..][..width] {
                *y *= correction;
            }
        }
    }
}

kernel! {
    fn finish(out: &mut [f32], logs: &mut [f32], maxima: &[f32], sums: &[f32]) {
        let width = out.len() / logs.len();
        for (row, y) in out.chunks_mut(width).enumerate() {
            let inverse = 1.0 / sums[row];
            logs[row] = maxima[row] + sums[row].ln();
            for y in y {
                *y *= inverse;
            }
        }
    }
}

/// `out: [query heads, tokens, width]`, `logs: [query heads, tokens]`.
pub(crate) fn forward(out: &mut [f32], logs: &mut [f32], inputs: Inputs<'_>) {
    let (width, tokens) = (inputs.heads.width, inputs.tokens);
    let mut tasks = Vec::new();
    for (head, (mut out, mut logs)) in out.chunks_mut(tokens * width).zip(logs.chunks_mut(tokens)).enumerate()
    {
        for sequence in inputs.sequences {
            let (mine, rest) = out.split_at_mut(sequence.len() * width);
            let (my_logs, rest_of_logs) = logs.split_at_mut(sequence.len());
            (out, logs) = (rest, rest_of_logs);
            let blocks = mine.chunks_mut(QUERIES * width).zip(my_logs.chunks_mut(QUERIES)).enumerate();
            tasks.extend(blocks.map(|(block, (out, logs))| (head, sequence, block * QUERIES, out, logs)));
        }
    }
    tasks.into_par_iter().for_each_init(scores, |scores, (head, sequence, first, out, logs)| {
        let (mut maxima, mut sums) = ([f32::NEG_INFINITY; QUERIES], [0.0; QUERIES]);
        let rows = logs.len();
        out.fill(0.0);
        for block in Block::of(first, rows) {
            block.scores(scores, inputs.query(head, sequence), inputs.key(head, sequence), width);
            soften(scores, out, &mut maxima, &mut sums, &block);
            let values = &inputs.value(head, sequence)[block.key * width..][..block.keys * width];
            multiply(
                ViewMut::new(out, rows, width),
                Keep::Sum,
                1.0,
                View::window(scores, rows, block.keys, KEYS),
                View::new(values, block.keys, width),
                Threads::One,
            );
        }
        finish(out, logs, &maxima, &sums);
    });
}

/// From head-major rows to `into: [tokens, heads · width]`.
pub(crate) fn side_by_side(into: &mut [f32], heads: &[f32], tokens: usize, width: usize) {
    let row = into.len() / tokens;
    into.par_chunks_mut(ROWS * row).enumerate().for_each(|(chunk, rows)| {
        for (index, row) in rows.chunks_mut(row).enumerate() {
            let token = chunk * ROWS + index;
            for (head, y) in row.chunks_mut(width).enumerate() {
                y.copy_from_slice(&heads[(head * tokens + token) * width..][..width]);
            }
        }
    });
}

kernel! {
    fn product(left: &[f32], right: &[f32]) -> f32 {
        sum(left.len(), |at| left[at] * right[at])
    }
}

/// From token-major gradients of the output, `dy: [tokens, heads · width]`, to head-major ones, and, with the output
/// itself, to the products of the two, `dots: [heads, tokens]`.
pub(crate) fn one_by_one(into: &mut [f32], dots: &mut [f32], dy: &[f32], y: &[f32], heads: Heads) {
    let (heads, width) = (heads.queries, heads.width);
    let row = width * heads;
    let tokens = dots.len() / heads;
    into.par_chunks_mut(tokens * width).zip(dots.par_chunks_mut(tokens)).enumerate().for_each(
        |(head, (rows, dots))| {
            for (token, (into, dot)) in rows.chunks_mut(width).zip(dots).enumerate() {
                let at = token * row + head * width..token * row + (head + 1) * width;
                into.copy_from_slice(&dy[at.clone()]);
                *dot = product(into, &y[at]);
            }
        },
    );
}

kernel! {
    /// Scores and gradients of weights become weights and gradients of scores.
    fn harden(scores: &mut [f32], d_weights: &mut [f32], logs: &[f32], dots: &[f32], block: &Block) {
        for row in 0..block.rows {
            let visible = block.visible(row);
            let (log, dot) = (logs[row], dots[row]);
            let (seen, hidden) = scores[row * KEYS..][..block.keys].split_at_mut(visible);
            let (d_seen, d_hidden) = d_weights[row * KEYS..][..block.keys].split_at_mut(visible);
            for (score, d) in seen.iter_mut().zip(d_seen) {
                *score = exp(*score - log);
                *d = *score * (*d - dot);
            }
            hidden.fill(0.0);
            d_hidden.fill(0.0);
        }
    }
}

/// What forward left, and the gradient of its output.
#[derive(Clone, Copy)]
pub(crate) struct Outputs<'a> {
    /// Gradients, `[query heads, tokens, width]`.
    pub(crate) dy: &'a [f32],
    /// Their products with the outputs, `[query heads, tokens]`.
    pub(crate) dots: &'a [f32],
    /// What forward kept, `[query heads, tokens]`.
    pub(crate) logs: &'a [f32],
}

/// Where [`backward`] writes: each `[query heads, tokens, width]`, overwritten.
pub(crate) struct Gradients<'a> {
    /// Of queries.
    pub(crate) query: &'a mut [f32],
    /// Of keys, one copy a query head.
    pub(crate) key: &'a mut [f32],
    /// Of values, one copy a query head.
    pub(crate) value: &'a mut [f32],
}

impl<'a> Gradients<'a> {
    /// To be read.
    pub(crate) fn into_read(self) -> HeadGradients<'a> {
        HeadGradients { query: self.query, key: self.key, value: self.value }
    }
}

/// One head of one sequence.
struct Task<'a> {
    head: usize,
    sequence: &'a Range<usize>,
    query: &'a mut [f32],
    key: &'a mut [f32],
    value: &'a mut [f32],
}

fn tasks<'a>(into: &'a mut Gradients<'_>, inputs: Inputs<'a>) -> Vec<Task<'a>> {
    let each = inputs.tokens * inputs.heads.width;
    let heads = into.query.chunks_mut(each).zip(into.key.chunks_mut(each)).zip(into.value.chunks_mut(each));
    let mut tasks = Vec::new();
    for (head, ((mut query, mut key), mut value)) in heads.enumerate() {
        for sequence in inputs.sequences {
            let len = sequence.len() * inputs.heads.width;
            let (q, k, v) = (query.split_at_mut(len), key.split_at_mut(len), value.split_at_mut(len));
            tasks.push(Task { head, sequence, query: q.0, key: k.0, value: v.0 });
            (query, key, value) = (q.1, k.1, v.1);
        }
    }
    tasks
}

/// Gradients of queries, keys and values.
pub(crate) fn backward(into: &mut Gradients<'_>, inputs: Inputs<'_>, outputs: Outputs<'_>) {
    tasks(into, inputs).into_par_iter().for_each_init(
        || (scores(), scores()),
        |(scores, d_scores), task| task_backward(task, inputs, outputs, scores, d_scores),
    );
}

fn task_backward(
    task: Task<'_>,
    inputs: Inputs<'_>,
    outputs: Outputs<'_>,
    scores: &mut [f32],
    d_scores: &mut [f32],
) {
    let Task { head, sequence, query: dq, key: dk, value: dv } = task;
    let (width, length) = (inputs.heads.width, sequence.len());
    let at = head * inputs.tokens + sequence.start;
    let (queries, keys) = (inputs.query(head, sequence), inputs.key(head, sequence));
    let values = inputs.value(head, sequence);
    let dy = &outputs.dy[at * width..][..length * width];
    let one = Threads::One;
    dq.fill(0.0);
    dk.fill(0.0);
    dv.fill(0.0);
    for first in (0..length).step_by(QUERIES) {
        let rows = QUERIES.min(length - first);
        let query_rows = first * width..(first + rows) * width;
        let dy_rows = View::new(&dy[query_rows.clone()], rows, width);
        for block in Block::of(first, rows) {
            let key_rows = block.key * width..(block.key + block.keys) * width;
            block.scores(scores, queries, keys, width);
            let into = ViewMut::window(d_scores, rows, block.keys, KEYS);
            let value_rows = View::new(&values[key_rows.clone()], block.keys, width);
            multiply(into, Keep::Nothing, 1.0, dy_rows, value_rows.t(), one);
            let of_rows = at + first..at + first + rows;
            harden(scores, d_scores, &outputs.logs[of_rows.clone()], &outputs.dots[of_rows], &block);
            let weights = View::window(scores, rows, block.keys, KEYS);
            let d_scores = View::window(d_scores, rows, block.keys, KEYS);
            let into = ViewMut::new(&mut dv[key_rows.clone()], block.keys, width);
            multiply(into, Keep::Sum, 1.0, weights.t(), dy_rows, one);
            let into = ViewMut::new(&mut dk[key_rows.clone()], block.keys, width);
            let query_view = View::new(&queries[query_rows.clone()], rows, width);
            multiply(into, Keep::Sum, 1.0, d_scores.t(), query_view, one);
            let into = ViewMut::new(&mut dq[query_rows.clone()], rows, width);
            multiply(into, Keep::Sum, 1.0, d_scores, View::new(&keys[key_rows], block.keys, width), one);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{check, dot, noise};

    const HEADS: Heads = Heads { queries: 4, keys: 2, width: 4 };

    fn inputs<'a>(data: &'a [f32], sequences: &'a [Range<usize>]) -> Inputs<'a> {
        Inputs { data, heads: HEADS, sequences, tokens: sequences.last().map_or(0, |last| last.end) }
    }

    fn run(data: &[f32], sequences: &[Range<usize>]) -> (Vec<f32>, Vec<f32>) {
        let inputs = inputs(data, sequences);
        let (mut out, mut logs) = (vec![9.0; 4 * inputs.tokens * 4], vec![9.0; 4 * inputs.tokens]);
        forward(&mut out, &mut logs, inputs);
        (out, logs)
    }

    /// The definition, in f64.
    fn naive(data: &[f32], sequences: &[Range<usize>]) -> Vec<f64> {
        let inputs = inputs(data, sequences);
        let mut out = Vec::new();
        for head in 0..4 {
            for sequence in sequences {
                let row = |of: &[f32], at: usize| of[at * 4..(at + 1) * 4].to_vec();
                let (q, k) = (inputs.query(head, sequence), inputs.key(head, sequence));
                let v = inputs.value(head, sequence);
                for token in 0..sequence.len() {
                    let weights: Vec<f64> =
                        (0..=token).map(|other| dot(&row(q, token), &row(k, other)).exp()).collect();
                    let total: f64 = weights.iter().sum();
                    out.extend((0..4).map(|column| {
                        weights
                            .iter()
                            .enumerate()
                            .map(|(at, w)| w * f64::from(v[at * 4 + column]))
                            .sum::<f64>()
                            / total
                    }));
                }
            }
        }
        out
    }

    #[test]
    fn blocks_give_what_the_definition_gives_across_block_borders_and_sequences() {
        let sequences = [0..1, 1..64, 64..64, 64..265];
        let data: Vec<f32> = noise(8 * 265 * 4, 1).into_iter().map(|x| 3.0 * x).collect();
        for (y, expected) in run(&data, &sequences).0.iter().zip(naive(&data, &sequences)) {
            assert!((f64::from(*y) - expected).abs() < 2e-6, "{y} instead of {expected}");
        }
    }

    fn gradient(data: &[f32], sequences: &[Range<usize>], dy: &[f32]) -> Vec<f32> {
        let inputs = inputs(data, sequences);
        let (y, logs) = run(data, sequences);
        let tokens = inputs.tokens;
        // Through both changes of order, so that they are tested as well.
        let (mut dy_rows, mut y_rows) = (vec![0.0; y.len()], vec![0.0; y.len()]);
        side_by_side(&mut dy_rows, dy, tokens, 4);
        side_by_side(&mut y_rows, &y, tokens, 4);
        let (mut dy_again, mut dots) = (vec![0.0; y.len()], vec![0.0; 4 * tokens]);
        one_by_one(&mut dy_again, &mut dots, &dy_rows, &y_rows, HEADS);
        assert_eq!(dy_again, dy);
        let (mut dq, mut dk, mut dv) = (vec![9.0; y.len()], vec![9.0; y.len()], vec![9.0; y.len()]);
        let mut into = Gradients { query: &mut dq, key: &mut dk, value: &mut dv };
        backward(&mut into, inputs, Outputs { dy, dots: &dots, logs: &logs });
        let each = tokens * 4;
        let pairs = |d: &[f32]| -> Vec<f32> {
            (0..2 * each)
                .map(|at| (at / each, at % each))
                .map(|(head, at)| d[2 * head * each + at] + d[(2 * head + 1) * each + at])
                .collect()
        };
        [dq.clone(), pairs(&dk), pairs(&dv)].concat()
    }

    #[test]
    fn gradients_are_difference_quotients() {
        let sequences = [0..3, 3..10];
        let (data, dy) = (noise(8 * 10 * 4, 1), noise(4 * 10 * 4, 2));
        check(&data, &gradient(&data, &sequences, &dy), |data| {
            naive(data, &sequences).iter().zip(&dy).map(|(y, d)| y * f64::from(*d)).sum()
        });
    }

    #[test]
    fn gradients_across_block_borders_are_difference_quotients_along_a_direction() {
        let sequences = [0..70, 70..270];
        let (data, dy) = (noise(8 * 270 * 4, 3), noise(4 * 270 * 4, 4));
        let (gradient, direction) = (gradient(&data, &sequences, &dy), noise(data.len(), 5));
        let value = |step: f32| -> f64 {
            let moved: Vec<f32> = data.iter().zip(&direction).map(|(x, d)| x + step * d).collect();
            naive(&moved, &sequences).iter().zip(&dy).map(|(y, d)| y * f64::from(*d)).sum()
        };
        let expected = (value(1.0 / 512.0) - value(-1.0 / 512.0)) * 256.0;
        let along = dot(&gradient, &direction);
        assert!((along - expected).abs() < 1e-4 * expected.abs().max(1.0), "{along} instead of {expected}");
    }
}
