//! Memory of a forward and backward pass, allocated once and used again for every batch.
//!
//! Fresh pages cost a third of the time of small models, so buffers only ever grow. What backward needs of a block is a
//! [`Slot`]: one for each block, or a single one where activations are made again (checkpointing) or never needed
//! (evaluation). Everything else is shared by all blocks.

use super::linear::Inner;

/// What a block's forward pass leaves for its backward pass. Rows are tokens.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// Inverse roots of the norm before attention, `[rows]`.
    pub(crate) attention_inverse: Vec<f32>,
    /// Projected queries, keys and values, `[rows, qkv]`; only with norms of heads, which have to be undone.
    pub(crate) raw: Vec<f32>,
    /// The same, normed and rotated, head-major: `[heads, rows, width]`.
    pub(crate) heads: Vec<f32>,
    /// Logarithms of attention's sums, `[query heads, rows]`.
    pub(crate) logs: Vec<f32>,
    /// Output of attention, `[rows, query heads · width]`.
    pub(crate) attended: Vec<f32>,
    /// Residual stream between attention and feed-forward layer, `[rows, hidden]`.
    pub(crate) middle: Vec<f32>,
    /// Inverse roots of the norm before the feed-forward layer, `[rows]`.
    pub(crate) mlp_inverse: Vec<f32>,
    /// Gates and ups, `[rows, 2 · intermediate]`; backward replaces them by their gradients.
    pub(crate) gate_up: Vec<f32>,
}

/// What blocks share.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Normed rows, and their gradients, `[rows, hidden]`.
    pub(crate) normed: Vec<f32>,
    /// Projected rows, `[rows, qkv]`; backward first holds the gradient of attention's output here.
    pub(crate) raw: Vec<f32>,
    /// Output of attention, and its gradient, head-major: `[query heads, rows, width]`.
    pub(crate) by_head: Vec<f32>,
    /// Products of the two, `[query heads, rows]`.
    pub(crate) dots: Vec<f32>,
    /// Gradients of queries, keys and values, each `[query heads, rows, width]`.
    pub(crate) d_query: Vec<f32>,
    pub(crate) d_key: Vec<f32>,
    pub(crate) d_value: Vec<f32>,
    /// Input of the down projection, and its gradient, `[rows, intermediate]`.
    pub(crate) activated: Vec<f32>,
    /// Adapters' inner rows.
    pub(crate) inner: Inner,
    /// Sums over some rows each.
    pub(crate) partials: Vec<f32>,
}

/// What the end of the model needs, for some of the rows at a time.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// Rows of the residual stream that are looked at, `[rows, hidden]`, and their gradients.
    pub(crate) gathered: Vec<f32>,
    pub(crate) d_gathered: Vec<f32>,
    /// Normed, and the gradients of that.
    pub(crate) normed: Vec<f32>,
    pub(crate) inverse: Vec<f32>,
    /// Logits, and their gradients, `[rows, vocab]`.
    pub(crate) logits: Vec<f32>,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    /// Position of each token.
    pub(crate) positions: Vec<u32>,
    /// Flat positions of the tokens that are predicted.
    pub(crate) targets: Vec<usize>,
    /// Residual stream before each block, and after the last, `[rows, hidden]` each; two that take turns where nothing
    /// is kept.
    pub(crate) residuals: Vec<Vec<f32>>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) scratch: Scratch,
    pub(crate) tail: Tail,
    /// Gradient of the residual stream, `[rows, hidden]`.
    pub(crate) d_residual: Vec<f32>,
}

impl Workspace {
    /// At least so many of each.
    pub(crate) fn reserve(&mut self, residuals: usize, slots: usize) {
        if self.residuals.len() < residuals {
            self.residuals.resize_with(residuals, Vec::new);
        }
        if self.slots.len() < slots {
            self.slots.resize_with(slots, Slot::default);
        }
    }
}
