//! Attention over cached keys and values, as two products with the same kernel as linear layers.
//!
//! A task is some consecutive queries of one sequence with one key head. Its rows are query × heads of the group.
//! Scores of all positions are kept (a few rows of a few thousand numbers), so softmax needs no running maximum and a
//! row's numbers depend only on its own query and the positions up to it.

use super::cache::{Block, CacheShape};
use super::kernel::{Rows, Sums, multiply};
use super::lanes::{self, BLOCK, Lane, Level, blocks};
use super::scratch;

/// Rows that a task should have: enough to use keys and values well while they are in the cache.
pub(crate) const TASK_ROWS: usize = 36;

/// What a task reads.
#[derive(Clone, Copy)]
pub(crate) struct Task<'a> {
    pub(crate) shape: CacheShape,
    /// The sequence's cache.
    pub(crate) cache: &'a [Block],
    pub(crate) layer: usize,
    /// Key head.
    pub(crate) head: usize,
    /// Query heads a key head.
    pub(crate) group: usize,
    pub(crate) head_dim: usize,
    /// All queries of the step: `[columns / 32][rows]`, rotated and scaled.
    pub(crate) queries: Rows<'a>,
    /// First row of the task in `queries`.
    pub(crate) row: usize,
    /// How many tokens it has.
    pub(crate) count: usize,
    /// Position of its first token.
    pub(crate) position: usize,
}

impl Task<'_> {
    /// Lanes of the output: `[head_blocks][count · group]`.
    pub(crate) fn output_lanes(&self) -> usize {
        self.shape.head_blocks * self.count * self.group * 2
    }

    /// Nanoseconds that it will take, roughly.
    pub(crate) fn ns(&self) -> f64 {
        let positions = (self.position + self.count) as f64;
        let sums = positions * (self.count * self.group * self.head_dim * 2) as f64;
        let bytes = positions * (self.head_dim * 8) as f64;
        (sums / 20.0).max(bytes / 20.0)
    }

    /// Computes it.
    pub(crate) fn run(&self, level: Level, output: &mut [Lane]) {
        let rows = self.count * self.group;
        let width = self.shape.head_blocks;
        let seen = blocks(self.position + self.count);
        scratch::with((width + seen) * rows * 2, |room| {
            let (queries, scores) = room.split_at_mut(width * rows * 2);
            self.gather(queries);
            let input = Rows { lanes: queries, rows, blocks: width };
            let keys = |block: usize| self.shape.keys(&self.cache[block], self.layer, self.head);
            multiply(level, input, keys, scores, Sums::Replace);
            let last: Vec<usize> = (0..rows).map(|row| self.position + row / self.group).collect();
            let mut inverse = vec![0.0; rows];
            lanes::softmax(level, scores, &last, &mut inverse);
            output.fill(Lane::ZERO);
            for block in 0..seen {
                let input = Rows { lanes: &scores[block * rows * 2..][..rows * 2], rows, blocks: 1 };
                let values = |at: usize| self.shape.values(&self.cache[block], self.layer, self.head, at);
                multiply(level, input, values, output, Sums::Continue);
            }
            for lanes in output.chunks_exact_mut(rows * 2) {
                for (pair, inverse) in lanes.chunks_exact_mut(2).zip(&inverse) {
                    pair.iter_mut().flat_map(|lane| &mut lane.0).for_each(|number| *number *= inverse);
                }
            }
        });
    }

    /// Copies the task's queries into `[head_blocks][count · group]`, padded with zeros.
    fn gather(&self, queries: &mut [Lane]) {
        queries.fill(Lane::ZERO);
        let rows = self.count * self.group;
        scratch_row(self.head_dim, |numbers| {
            for row in 0..rows {
                let column = (self.head * self.group + row % self.group) * self.head_dim;
                let from = self.row + row / self.group;
                lanes::read_row(self.queries.lanes, self.queries.rows, from, column, numbers);
                lanes::write_row(queries, rows, row, 0, numbers);
            }
        });
    }

    /// Copies the task's output to its columns and rows of `[columns / 32][rows]`.
    pub(crate) fn scatter(&self, output: &[Lane], all: &mut [Lane]) {
        let rows = self.count * self.group;
        scratch_row(self.head_dim, |numbers| {
            for row in 0..rows {
                let column = (self.head * self.group + row % self.group) * self.head_dim;
                lanes::read_row(output, rows, row, 0, numbers);
                lanes::write_row(all, self.queries.rows, self.row + row / self.group, column, numbers);
            }
        });
    }
}

/// Lends room for one head; heads are small, so it is on the stack where it can be.
fn scratch_row(width: usize, work: impl FnOnce(&mut [f32])) {
    let mut small = [0.0; 8 * BLOCK];
    match small.get_mut(..width) {
        Some(room) => work(room),
        None => work(&mut vec![0.0; width]),
    }
}
