//! Keys and values of sequences, in blocks of 32 positions.
//!
//! A block holds all layers and heads of its positions. For each layer and head stand the keys as a panel
//! `[head_dim][32 positions]` and the values as panels `[head_dim / 32][32 positions][32]`: both are what the kernel
//! multiplies with. Blocks come from one pool with a bound and go back to it, so sequences of any length share memory
//! without being moved.

use super::lanes::{BLOCK, Lane, blocks};
use crate::Config;
use std::ops::Range;

/// Memory of 32 positions.
pub(crate) type Block = Box<[Lane]>;

/// Where keys and values lie in a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CacheShape {
    layers: usize,
    heads: usize,
    /// Blocks of 32 columns that a head needs.
    pub(crate) head_blocks: usize,
}

impl CacheShape {
    pub(crate) fn of(config: &Config) -> Self {
        Self { layers: config.layers, heads: config.kv_heads, head_blocks: blocks(config.head_dim) }
    }

    /// Lanes of one panel set (keys, or values) of a head.
    fn lanes(self) -> usize {
        self.head_blocks * BLOCK * 2
    }

    fn block_lanes(self) -> usize {
        self.layers * self.heads * self.lanes() * 2
    }

    /// Bytes of one position.
    pub(crate) fn bytes_per_token(self) -> usize {
        self.block_lanes() * size_of::<Lane>() / BLOCK
    }

    fn start(self, layer: usize, head: usize) -> usize {
        (layer * self.heads + head) * self.lanes() * 2
    }

    /// Keys of a head: one panel.
    pub(crate) fn keys(self, block: &[Lane], layer: usize, head: usize) -> &[Lane] {
        &block[self.start(layer, head)..][..self.lanes()]
    }

    /// Values of a head, columns `32 · at ..`: one panel.
    pub(crate) fn values(self, block: &[Lane], layer: usize, head: usize, at: usize) -> &[Lane] {
        &block[self.start(layer, head) + self.lanes() + at * BLOCK * 2..][..BLOCK * 2]
    }

    /// Writes the key and the value of one position.
    pub(crate) fn write(
        self,
        block: &mut [Lane],
        (layer, head): (usize, usize),
        position: usize,
        key: &[f32],
        value: &[f32],
    ) {
        let inside = position % BLOCK;
        let start = self.start(layer, head);
        let keys = &mut block[start..][..self.lanes()];
        for (column, key) in key.iter().enumerate() {
            keys[column * 2 + inside / 16].0[inside % 16] = *key;
        }
        let values = &mut block[start + self.lanes()..][..self.lanes()];
        for (at, value) in value.chunks(16).enumerate() {
            let lane = (at / 2) * BLOCK * 2 + inside * 2 + at % 2;
            values[lane].0[..value.len()].copy_from_slice(value);
        }
    }

    /// Copies positions from one sequence's blocks to the same positions of another's.
    pub(crate) fn copy(self, from: &[Block], to: &mut [Block], positions: Range<usize>) {
        let mut position = positions.start;
        while position < positions.end {
            let at = position / BLOCK;
            let end = positions.end.min((at + 1) * BLOCK);
            if end - position == BLOCK {
                to[at].copy_from_slice(&from[at]);
            } else {
                // Not the whole block: what a row must not see is not there.
                self.copy_part(&from[at], &mut to[at], position - at * BLOCK..end - at * BLOCK);
            }
            position = end;
        }
    }

    /// Copies some positions of a block, `inside` it.
    fn copy_part(self, from: &[Lane], to: &mut [Lane], inside: Range<usize>) {
        for (from, to) in from.chunks_exact(self.lanes() * 2).zip(to.chunks_exact_mut(self.lanes() * 2)) {
            let (keys, values) = from.split_at(self.lanes());
            let (to_keys, to_values) = to.split_at_mut(self.lanes());
            for (from, to) in keys.chunks_exact(2).zip(to_keys.chunks_exact_mut(2)) {
                for at in inside.clone() {
                    to[at / 16].0[at % 16] = from[at / 16].0[at % 16];
                }
            }
            let wanted = inside.start * 2..inside.end * 2;
            for (from, to) in values.chunks_exact(BLOCK * 2).zip(to_values.chunks_exact_mut(BLOCK * 2)) {
                to[wanted.clone()].copy_from_slice(&from[wanted.clone()]);
            }
        }
    }
}

/// Blocks that all sequences share.
#[derive(Debug)]
pub(crate) struct Pool {
    shape: CacheShape,
    free: Vec<Block>,
    used: usize,
    capacity: usize,
}

impl Pool {
    /// Room for `tokens` positions, allocated as they are needed.
    pub(crate) fn new(shape: CacheShape, tokens: usize) -> Self {
        Self { shape, free: Vec::new(), used: 0, capacity: tokens / BLOCK }
    }

    /// Grows `blocks` until they hold `positions`; whether there was room. What was got is kept either way.
    pub(crate) fn grow(&mut self, blocks: &mut Vec<Block>, positions: usize) -> bool {
        while blocks.len() * BLOCK < positions {
            if self.used == self.capacity {
                return false;
            }
            self.used += 1;
            let mut block =
                self.free.pop().unwrap_or_else(|| vec![Lane::ZERO; self.shape.block_lanes()].into());
            // Positions that are not written yet are multiplied by zero: they must be numbers.
            block.fill(Lane::ZERO);
            blocks.push(block);
        }
        true
    }

    /// Takes blocks back.
    pub(crate) fn give(&mut self, blocks: &mut Vec<Block>) {
        self.used -= blocks.len();
        self.free.append(blocks);
    }

    /// Positions in use and positions at most, in whole blocks.
    pub(crate) fn tokens(&self) -> (usize, usize) {
        (self.used * BLOCK, self.capacity * BLOCK)
    }
}
