//! Causal attention within each family, in blocks, keeping one number a row: the logarithm of the sum of exponentials.
//!
//! Scores exist only for one block of queries against one block of keys at a time (online softmax), so that memory is
//! linear in the length of a sequence. Backward makes the scores again. Everything is head-major, `[heads, tokens,
//! width]`; queries come scaled. A block of queries lies within one stretch (a trunk or a branch) and meets the keys of the
//! trunk, then those of its own branch. Forward is split over heads, families and blocks of queries; backward over query
//! heads and families, so that gradients of a trunk's keys add up over its branches in one order. Each query head has
//! gradients of keys and values of its own, which whoever reads them adds up.

use super::family::Family;
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
    /// Tokens that attend to each other; they tile the batch.
    pub(crate) families: &'a [Family],
    /// Tokens of the batch.
    pub(crate) tokens: usize,
}

impl<'a> Inputs<'a> {
    fn head(&self, head: usize, tokens: &Range<usize>) -> &'a [f32] {
        let width = self.heads.width;
        &self.data[(head * self.tokens + tokens.start) * width..][..tokens.len() * width]
    }

    fn query(&self, head: usize, tokens: &Range<usize>) -> &'a [f32] {
        self.head(head, tokens)
    }

    fn key(&self, head: usize, tokens: &Range<usize>) -> &'a [f32] {
        self.head(self.heads.queries + head / self.heads.group(), tokens)
    }

    fn value(&self, head: usize, tokens: &Range<usize>) -> &'a [f32] {
        self.head(self.heads.queries + self.heads.keys + head / self.heads.group(), tokens)
    }
}

/// Some queries of one stretch of a family; numbers count from the family's first token.
#[derive(Clone, Copy)]
struct Queries {
    /// Tokens of the trunk that stand before the stretch; none before the trunk itself.
    before: usize,
    /// Where the stretch begins.
    start: usize,
    first: usize,
    rows: usize,
}

impl Queries {
    /// All of a family, stretch by stretch.
    fn of(family: &Family) -> impl Iterator<Item = Self> {
        let origin = family.trunk.start;
        family.stretches().flat_map(move |(before, stretch)| {
            let (start, end) = (stretch.start - origin, stretch.end - origin);
            let rows = move |first| QUERIES.min(end - first);
            (start..end).step_by(QUERIES).map(move |first| Self { before, start, first, rows: rows(first) })
        })
    }

    /// Blocks of keys that they see: those of the trunk, then those of their own stretch.
    fn blocks(self) -> impl Iterator<Item = Block> {
        let Self { before, start, first, rows } = self;
        let until = |from: usize, end: usize| {
            (from..end).step_by(KEYS).map(move |key| Block { first, rows, key, keys: KEYS.min(end - key) })
        };
        until(0, before).chain(until(start, first + rows))
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
    /// Keys that a row sees: at least one, because a block of queries never starts before a block of keys of its own
    /// stretch, and all of a trunk that stands before it.
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
        for family in inputs.families {
            for queries in Queries::of(family) {
                let (mine, rest) = out.split_at_mut(queries.rows * width);
                let (my_logs, rest_of_logs) = logs.split_at_mut(queries.rows);
                (out, logs) = (rest, rest_of_logs);
                tasks.push((head, family.tokens(), queries, mine, my_logs));
            }
        }
    }
    tasks.into_par_iter().for_each_init(scores, |scores, (head, family, queries, out, logs)| {
        let (mut maxima, mut sums) = ([f32::NEG_INFINITY; QUERIES], [0.0; QUERIES]);
        let rows = queries.rows;
        out.fill(0.0);
        for block in queries.blocks() {
            block.scores(scores, inputs.query(head, &family), inputs.key(head, &family), width);
            soften(scores, out, &mut maxima, &mut sums, &block);
            let values = &inputs.value(head, &family)[block.key * width..][..block.keys * width];
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

/// One head of one family.
struct Task<'a> {
    head: usize,
    family: &'a Family,
    query: &'a mut [f32],
    key: &'a mut [f32],
    value: &'a mut [f32],
}

fn tasks<'a>(into: &'a mut Gradients<'_>, inputs: Inputs<'a>) -> Vec<Task<'a>> {
    let each = inputs.tokens * inputs.heads.width;
    let heads = into.query.chunks_mut(each).zip(into.key.chunks_mut(each)).zip(into.value.chunks_mut(each));
    let mut tasks = Vec::new();
    for (head, ((mut query, mut key), mut value)) in heads.enumerate() {
        for family in inputs.families {
            let len = family.tokens().len() * inputs.heads.width;
            let (q, k, v) = (query.split_at_mut(len), key.split_at_mut(len), value.split_at_mut(len));
            tasks.push(Task { head, family, query: q.0, key: k.0, value: v.0 });
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
    let Task { head, family, query: dq, key: dk, value: dv } = task;
    let (width, tokens) = (inputs.heads.width, family.tokens());
    let at = head * inputs.tokens + tokens.start;
    let (queries, keys) = (inputs.query(head, &tokens), inputs.key(head, &tokens));
    let values = inputs.value(head, &tokens);
    let dy = &outputs.dy[at * width..][..tokens.len() * width];
    let one = Threads::One;
    dq.fill(0.0);
    dk.fill(0.0);
    dv.fill(0.0);
    for of_stretch in Queries::of(family) {
        let Queries { first, rows, .. } = of_stretch;
        let query_rows = first * width..(first + rows) * width;
        let dy_rows = View::new(&dy[query_rows.clone()], rows, width);
        for block in of_stretch.blocks() {
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

    /// Stretches that lie one behind the other, by their lengths: a trunk and its branches each.
    fn families(lengths: &[&[usize]]) -> Vec<Family> {
        let mut end = 0;
        let mut next = |length: &usize| {
            end += length;
            end - length..end
        };
        let family = |lengths: &&[usize]| Family {
            trunk: next(&lengths[0]),
            branches: lengths[1..].iter().map(&mut next).collect(),
        };
        lengths.iter().map(family).collect()
    }

    fn inputs<'a>(data: &'a [f32], families: &'a [Family]) -> Inputs<'a> {
        let tokens = families.last().map_or(0, |last| last.tokens().end);
        Inputs { data, heads: HEADS, families, tokens }
    }

    fn run(data: &[f32], families: &[Family]) -> (Vec<f32>, Vec<f32>) {
        let inputs = inputs(data, families);
        let (mut out, mut logs) = (vec![9.0; 4 * inputs.tokens * 4], vec![9.0; 4 * inputs.tokens]);
        forward(&mut out, &mut logs, inputs);
        (out, logs)
    }

    /// The definition, in f64.
    fn naive(data: &[f32], families: &[Family]) -> Vec<f64> {
        let inputs = inputs(data, families);
        let all = 0..inputs.tokens;
        let mut out = Vec::new();
        for head in 0..4 {
            let row = |of: &[f32], at: usize| of[at * 4..(at + 1) * 4].to_vec();
            let (q, k) = (inputs.query(head, &all), inputs.key(head, &all));
            let v = inputs.value(head, &all);
            for (family, (before, stretch)) in
                families.iter().flat_map(|family| family.stretches().map(move |stretch| (family, stretch)))
            {
                for token in stretch.clone() {
                    let trunk = family.trunk.start..family.trunk.start + before;
                    let seen: Vec<usize> = trunk.chain(stretch.start..=token).collect();
                    let weights: Vec<f64> =
                        seen.iter().map(|other| dot(&row(q, token), &row(k, *other)).exp()).collect();
                    let total: f64 = weights.iter().sum();
                    out.extend((0..4).map(|column| {
                        let value = |at: usize| f64::from(v[at * 4 + column]);
                        seen.iter().zip(&weights).map(|(at, w)| w * value(*at)).sum::<f64>() / total
                    }));
                }
            }
        }
        out
    }

    #[test]
    fn blocks_give_what_the_definition_gives_across_borders_of_blocks_sequences_and_branches() {
        let plain = families(&[&[1], &[63], &[0], &[201]]);
        let branched = families(&[&[131, 1, 70, 0, 63], &[0, 64, 65], &[64, 129], &[2]]);
        // Scores may reach 36, where f32 is good for a few 1e-6; a key too many or too few shows at 1e-3.
        for (families, tokens, tolerance) in [(plain, 265, 2e-6), (branched, 589, 1e-5)] {
            let data: Vec<f32> = noise(8 * tokens * 4, 1).into_iter().map(|x| 3.0 * x).collect();
            let (found, expected) = (run(&data, &families).0, naive(&data, &families));
            assert_eq!(found.len(), expected.len());
            for (y, expected) in found.iter().zip(expected) {
                assert!((f64::from(*y) - expected).abs() < tolerance, "{y} instead of {expected}");
            }
        }
    }

    fn gradient(data: &[f32], families: &[Family], dy: &[f32]) -> Vec<f32> {
        let inputs = inputs(data, families);
        let (y, logs) = run(data, families);
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
        for families in [families(&[&[3], &[7]]), families(&[&[3, 2, 1], &[1, 0, 3]])] {
            let (data, dy) = (noise(8 * 10 * 4, 1), noise(4 * 10 * 4, 2));
            check(&data, &gradient(&data, &families, &dy), |data| {
                naive(data, &families).iter().zip(&dy).map(|(y, d)| y * f64::from(*d)).sum()
            });
        }
    }

    #[test]
    fn gradients_across_block_borders_are_difference_quotients_along_a_direction() {
        for families in [families(&[&[70], &[200]]), families(&[&[131, 66, 3, 70]])] {
            let (data, dy) = (noise(8 * 270 * 4, 3), noise(4 * 270 * 4, 4));
            let (gradient, direction) = (gradient(&data, &families, &dy), noise(data.len(), 5));
            let value = |step: f32| -> f64 {
                let moved: Vec<f32> = data.iter().zip(&direction).map(|(x, d)| x + step * d).collect();
                naive(&moved, &families).iter().zip(&dy).map(|(y, d)| y * f64::from(*d)).sum()
            };
            let expected = (value(1.0 / 512.0) - value(-1.0 / 512.0)) * 256.0;
            let along = dot(&gradient, &direction);
            assert!(
                (along - expected).abs() < 1e-4 * expected.abs().max(1.0),
                "{along} instead of {expected}"
            );
        }
    }
}
