//! Forward and backward of the whole decoder over one batch.
//!
//! `x ← x + O · attention(norm(x))`, `x ← x + D · swiglu(norm(x))` for each block, then a norm and the output
//! projection, the latter only for rows whose successor counts, some of them at a time. Normed rows and activations
//! of the feed-forward layer are cheap and made again in backward; with checkpointing the whole block is.

use super::Gradients;
use super::batch::{Batch, LossOutput, TokenLoss};
use super::linear::Linear;
use super::workspace::{Scratch, Slot, Tail};
use crate::lora::{Group, LayerAdapters, Lora};
use crate::ops::attention::{self, Inputs, Outputs};
use crate::ops::matmul::{Keep, Precision, View, ViewMut, multiply_in};
use crate::ops::rope::{self, Angles, Frame, HeadNorms, Heads, NormGradients};
use crate::ops::{ROWS, add_column_sums, cross_entropy, grow, norm, swiglu};
use crate::{Config, LayerRanges, Weights};
use rayon::prelude::*;
use std::ops::Range;

/// Logits that exist at a time, in numbers.
const LOGITS: usize = 1 << 23;

/// A model and a batch.
pub(crate) struct Decoder<'a> {
    pub(crate) weights: &'a Weights,
    pub(crate) lora: Option<&'a Lora>,
    pub(crate) batch: &'a Batch,
    pub(crate) precision: Precision,
    pub(crate) positions: &'a [u32],
    pub(crate) angles: &'a Angles,
}

/// What a block's backward pass reads and changes.
pub(crate) struct Backward<'a, 'g> {
    /// The gradient of the block's output, then of its input, `[tokens, hidden]`.
    pub(crate) dx: &'a mut [f32],
    pub(crate) slot: &'a mut Slot,
    pub(crate) scratch: &'a mut Scratch,
    /// Gradients of parameters, which are added to.
    pub(crate) into: &'a mut Gradients<'g>,
}

impl<'a> Decoder<'a> {
    fn config(&self) -> &'a Config {
        self.weights.config()
    }

    fn layer(&self, layer: usize) -> &'a LayerRanges {
        &self.weights.layout().layers()[layer]
    }

    fn at(&self, range: &Range<usize>) -> &'a [f32] {
        &self.weights.data()[range.clone()]
    }

    fn tokens(&self) -> usize {
        self.batch.ids.len()
    }

    fn heads(&self) -> Heads {
        let config = self.config();
        Heads { queries: config.heads, keys: config.kv_heads, width: config.head_dim }
    }

    fn frame(&self, layer: usize) -> Frame<'a> {
        let (config, ranges) = (self.config(), self.layer(layer));
        let norms = config.qk_norm.then(|| HeadNorms {
            query: self.at(&ranges.query_norm),
            key: self.at(&ranges.key_norm),
            eps: config.rms_norm_eps,
        });
        Frame { heads: self.heads(), positions: self.positions, angles: self.angles, norms }
    }

    fn inputs<'b>(&'b self, heads: &'b [f32]) -> Inputs<'b> {
        Inputs { data: heads, heads: self.heads(), families: &self.batch.families, tokens: self.tokens() }
    }

    fn linear(
        &self,
        layer: usize,
        range: &Range<usize>,
        inputs: usize,
        group: fn(&LayerAdapters) -> &Group,
    ) -> Linear<'a> {
        Linear {
            weight: self.at(range),
            range: range.clone(),
            inputs,
            outputs: range.len() / inputs,
            precision: self.precision,
            lora: self.lora.map(|lora| (lora, group(&lora.layers()[layer]))),
        }
    }

    fn qkv(&self, layer: usize) -> Linear<'a> {
        self.linear(layer, &self.layer(layer).qkv, self.config().hidden_size, |adapters| &adapters.qkv)
    }

    fn output(&self, layer: usize) -> Linear<'a> {
        let heads = self.heads();
        self.linear(layer, &self.layer(layer).output, heads.queries * heads.width, |adapters| {
            &adapters.output
        })
    }

    fn gate_up(&self, layer: usize) -> Linear<'a> {
        self.linear(layer, &self.layer(layer).gate_up, self.config().hidden_size, |adapters| {
            &adapters.gate_up
        })
    }

    fn down(&self, layer: usize) -> Linear<'a> {
        self.linear(layer, &self.layer(layer).down, self.config().intermediate_size, |adapters| {
            &adapters.down
        })
    }

    /// From `x: [tokens, hidden]` to `y`; without a `y`, only as far as backward needs it.
    pub(crate) fn block(
        &self,
        layer: usize,
        x: &[f32],
        y: Option<&mut [f32]>,
        slot: &mut Slot,
        scratch: &mut Scratch,
    ) {
        let (config, ranges, tokens) = (self.config(), self.layer(layer), self.tokens());
        let (hidden, inner, eps) = (config.hidden_size, config.intermediate_size, config.rms_norm_eps);
        let normed = grow(&mut scratch.normed, tokens * hidden);
        let inverse = grow(&mut slot.attention_inverse, tokens);
        norm::forward(normed, inverse, x, self.at(&ranges.attention_norm), eps);
        self.attend(layer, slot, scratch);

        let middle = grow(&mut slot.middle, tokens * hidden);
        middle.copy_from_slice(x);
        let attended = &slot.attended[..tokens * config.heads * config.head_dim];
        self.output(layer).forward(middle, Keep::Sum, attended, &mut scratch.inner);

        let normed = grow(&mut scratch.normed, tokens * hidden);
        let inverse = grow(&mut slot.mlp_inverse, tokens);
        norm::forward(normed, inverse, middle, self.at(&ranges.mlp_norm), eps);
        let gate_up = grow(&mut slot.gate_up, tokens * 2 * inner);
        self.gate_up(layer).forward(gate_up, Keep::Nothing, normed, &mut scratch.inner);
        let Some(y) = y else { return };
        let activated = grow(&mut scratch.activated, tokens * inner);
        swiglu::forward(activated, gate_up, inner);
        y.copy_from_slice(middle);
        self.down(layer).forward(y, Keep::Sum, activated, &mut scratch.inner);
    }

    /// From normed rows to attention's output.
    fn attend(&self, layer: usize, slot: &mut Slot, scratch: &mut Scratch) {
        let (config, tokens, heads) = (self.config(), self.tokens(), self.heads());
        let qkv = config.qkv_size();
        // Norms of heads can't be undone from what they give, so with them the projected rows are kept.
        let raw = grow(if config.qk_norm { &mut slot.raw } else { &mut scratch.raw }, tokens * qkv);
        let mut keep = Keep::Nothing;
        if config.qkv_bias {
            let bias = self.at(&self.layer(layer).qkv_bias);
            raw.par_chunks_mut(qkv).with_min_len(ROWS).for_each(|row| row.copy_from_slice(bias));
            keep = Keep::Sum;
        }
        let normed = &scratch.normed[..tokens * config.hidden_size];
        self.qkv(layer).forward(raw, keep, normed, &mut scratch.inner);
        let by_head = grow(&mut slot.heads, tokens * qkv);
        rope::forward(by_head, raw, self.frame(layer));
        let columns = heads.queries * heads.width;
        let out = grow(&mut scratch.by_head, tokens * columns);
        attention::forward(out, grow(&mut slot.logs, heads.queries * tokens), self.inputs(by_head));
        attention::side_by_side(grow(&mut slot.attended, tokens * columns), out, tokens, heads.width);
    }

    /// Replaces `dx`, the gradient of a block's output, by that of its input `x`, and adds those of its parameters.
    pub(crate) fn block_backward(&self, layer: usize, x: &[f32], of: Backward<'_, '_>) {
        let Backward { dx, slot, scratch, into } = of;
        let (config, ranges, tokens) = (self.config(), self.layer(layer), self.tokens());
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let gate_up = &mut slot.gate_up[..tokens * 2 * inner];
        let activated = grow(&mut scratch.activated, tokens * inner);
        swiglu::forward(activated, gate_up, inner);
        let down = self.down(layer);
        down.backward_weight(into, dx, activated, &mut scratch.inner);
        down.backward_input(activated, dx, &scratch.inner);
        swiglu::backward(gate_up, activated, inner);

        let middle = &slot.middle[..tokens * hidden];
        let kept =
            norm::Kept { x: middle, inverse: &slot.mlp_inverse[..tokens], weight: self.at(&ranges.mlp_norm) };
        let normed = grow(&mut scratch.normed, tokens * hidden);
        norm::again(normed, kept.inverse, kept.x, kept.weight);
        self.gate_up(layer).backward_weight(into, gate_up, normed, &mut scratch.inner);
        self.gate_up(layer).backward_input(normed, gate_up, &scratch.inner);
        norm::backward(dx, into.of_weight(&ranges.mlp_norm), normed, kept, &mut scratch.partials);

        self.attend_backward(layer, dx, slot, scratch, into);

        let kept = norm::Kept {
            x,
            inverse: &slot.attention_inverse[..tokens],
            weight: self.at(&ranges.attention_norm),
        };
        let normed = grow(&mut scratch.normed, tokens * hidden);
        norm::again(normed, kept.inverse, kept.x, kept.weight);
        let d_raw = &scratch.raw[..tokens * config.qkv_size()];
        if let Some(d_bias) = into.of_weight(&ranges.qkv_bias).filter(|d_bias| !d_bias.is_empty()) {
            add_column_sums(d_bias, d_raw);
        }
        self.qkv(layer).backward_weight(into, d_raw, normed, &mut scratch.inner);
        if layer == 0 && self.lora.is_some() {
            return; // embeddings are frozen: nobody asks for the gradient of the first block's input
        }
        self.qkv(layer).backward_input(normed, d_raw, &scratch.inner);
        norm::backward(dx, into.of_weight(&ranges.attention_norm), normed, kept, &mut scratch.partials);
    }

    /// From the gradient of the stream after attention to that of the projected rows, in `scratch.raw`.
    fn attend_backward(
        &self,
        layer: usize,
        dx: &[f32],
        slot: &Slot,
        scratch: &mut Scratch,
        into: &mut Gradients<'_>,
    ) {
        let (config, tokens, heads) = (self.config(), self.tokens(), self.heads());
        let columns = tokens * heads.queries * heads.width;
        let attended = &slot.attended[..columns];
        let output = self.output(layer);
        output.backward_weight(into, dx, attended, &mut scratch.inner);
        let d_attended = grow(&mut scratch.raw, tokens * config.qkv_size());
        output.backward_input(&mut d_attended[..columns], dx, &scratch.inner);
        let dots = grow(&mut scratch.dots, heads.queries * tokens);
        let dy = grow(&mut scratch.by_head, columns);
        attention::one_by_one(dy, dots, &d_attended[..columns], attended, heads);
        let mut gradients = attention::Gradients {
            query: grow(&mut scratch.d_query, columns),
            key: grow(&mut scratch.d_key, columns),
            value: grow(&mut scratch.d_value, columns),
        };
        let outputs = Outputs { dy, dots, logs: &slot.logs[..heads.queries * tokens] };
        attention::backward(&mut gradients, self.inputs(&slot.heads[..tokens * config.qkv_size()]), outputs);
        let ranges = self.layer(layer);
        // One range after the other: see `Layout`.
        let both = ranges.query_norm.start..ranges.key_norm.end;
        let norms = into.of_weight(&both).filter(|both| !both.is_empty()).map(|both| {
            let (query, key) = both.split_at_mut(ranges.query_norm.len());
            NormGradients { query, key }
        });
        let d_raw = &mut scratch.raw[..tokens * config.qkv_size()];
        let read = gradients.into_read();
        rope::backward(d_raw, read, &slot.raw, self.frame(layer), norms, &mut scratch.partials);
    }

    /// Rows of `x` at the end of the model, `targets.len()` of them from the tokens before the targets, to logits.
    fn logits(&self, x: &[f32], targets: &[usize], tail: &mut Tail) {
        let config = self.config();
        let (hidden, vocab, rows) = (config.hidden_size, config.vocab_size, targets.len());
        let gathered = grow(&mut tail.gathered, rows * hidden);
        for (row, target) in gathered.chunks_mut(hidden).zip(targets) {
            row.copy_from_slice(&x[(target - 1) * hidden..][..hidden]);
        }
        let layout = self.weights.layout();
        let normed = grow(&mut tail.normed, rows * hidden);
        let inverse = grow(&mut tail.inverse, rows);
        norm::forward(normed, inverse, gathered, self.at(&layout.final_norm()), config.rms_norm_eps);
        let logits = ViewMut::new(grow(&mut tail.logits, rows * vocab), rows, vocab);
        let head = View::new(self.at(&layout.head()), vocab, hidden).t();
        multiply_in(self.precision, logits, Keep::Nothing, View::new(normed, rows, hidden), head);
    }

    /// Calls `with` with the logits of each token of `x: [tokens, hidden]`, in order, some rows at a time.
    pub(crate) fn all_logits(&self, x: &[f32], tail: &mut Tail, mut with: impl FnMut(&[f32])) {
        // The token before target t is t - 1.
        let targets: Vec<usize> = (1..=self.tokens()).collect();
        for targets in targets.chunks(self.rows_at_a_time()) {
            self.logits(x, targets, tail);
            with(&tail.logits[..targets.len() * self.config().vocab_size]);
        }
    }

    fn rows_at_a_time(&self) -> usize {
        (LOGITS / self.config().vocab_size).clamp(64, 1024)
    }

    /// The loss; with gradients, adds those of the end of the model, and to `dx: [tokens, hidden]`.
    pub(crate) fn tail(
        &self,
        x: &[f32],
        targets: &[usize],
        loss: &dyn TokenLoss,
        tail: &mut Tail,
        mut backward: Option<(&mut [f32], &mut Gradients<'_>, &mut Vec<f32>)>,
    ) -> LossOutput {
        let (tokens, vocab) = (self.tokens(), self.config().vocab_size);
        let mut output = LossOutput {
            targets: targets.len(),
            logprobs: vec![0.0; tokens],
            entropy: vec![0.0; tokens],
            loss: 0.0,
        };
        let what = match backward {
            Some(_) => cross_entropy::Logits::Differentiate,
            None => cross_entropy::Logits::Discard,
        };
        let mut rows = Vec::new();
        for targets in targets.chunks(self.rows_at_a_time()) {
            self.logits(x, targets, tail);
            let ids: Vec<u32> = targets.iter().map(|at| self.batch.ids[*at]).collect();
            rows.clear();
            rows.resize(targets.len(), cross_entropy::Row::default());
            let logits = &mut tail.logits[..targets.len() * vocab];
            let at = |row: usize, logprob| loss.at(targets[row], logprob);
            cross_entropy::rows(logits, &ids, &mut rows, what, loss.temperature(), at);
            for (row, at) in rows.iter().zip(targets) {
                output.loss += row.loss;
                output.logprobs[*at] = row.logprob;
                output.entropy[*at] = row.entropy;
            }
            if let Some((dx, into, partials)) = &mut backward {
                self.tail_backward(targets, dx, tail, into, partials);
            }
        }
        output
    }

    /// From gradients of logits to those of the head, the last norm and the stream.
    fn tail_backward(
        &self,
        targets: &[usize],
        dx: &mut [f32],
        tail: &mut Tail,
        into: &mut Gradients<'_>,
        partials: &mut Vec<f32>,
    ) {
        let (hidden, vocab, rows) = (self.config().hidden_size, self.config().vocab_size, targets.len());
        let layout = self.weights.layout();
        let d_logits = View::new(&tail.logits[..rows * vocab], rows, vocab);
        let normed = &mut tail.normed[..rows * hidden];
        if let Some(gradient) = into.of_weight(&layout.head()) {
            let gradient = ViewMut::new(gradient, vocab, hidden);
            let normed = View::new(normed, rows, hidden);
            multiply_in(self.precision, gradient, Keep::Sum, d_logits.t(), normed);
        }
        let head = View::new(self.at(&layout.head()), vocab, hidden);
        multiply_in(self.precision, ViewMut::new(normed, rows, hidden), Keep::Nothing, d_logits, head);
        let d_gathered = grow(&mut tail.d_gathered, rows * hidden);
        d_gathered.fill(0.0);
        let kept = norm::Kept {
            x: &tail.gathered[..rows * hidden],
            inverse: &tail.inverse[..rows],
            weight: self.at(&layout.final_norm()),
        };
        norm::backward(d_gathered, into.of_weight(&layout.final_norm()), normed, kept, partials);
        for (row, target) in d_gathered.chunks(hidden).zip(targets) {
            dx[(target - 1) * hidden..][..hidden].copy_from_slice(row);
        }
    }
}
