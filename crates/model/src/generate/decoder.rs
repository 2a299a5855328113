//! The forward pass of generation: pieces of several sequences at once, keys and values cached.
//!
//! Independent of the code for learning, which keeps what a backward pass needs and has no cache. Every operation
//! treats rows alone, so what a token's logits are does not depend on the other pieces of the step nor on how its
//! sequence was cut into pieces.

use super::attention::{TASK_ROWS, Task};
use super::cache::{Block, CacheShape};
use super::kernel::{Rows, Sums};
use super::lanes::{self, BLOCK, Lane, Level, RmsNorm, blocks};
use super::panels::Panels;
use super::team::Team;
use crate::{Config, LayerRanges, ModelError, Weights};
use std::sync::Arc;

/// Consecutive tokens of one sequence.
pub(crate) struct Piece<'a> {
    pub(crate) ids: &'a [u32],
    /// Position of the first.
    pub(crate) position: usize,
    /// The sequence's cache, with room for all of them; positions before the first are filled.
    pub(crate) cache: &'a mut [Block],
    /// How many of the last tokens' logits are wanted.
    pub(crate) logits: usize,
}

struct Layer {
    attention_norm: Vec<Lane>,
    qkv: Panels,
    qkv_bias: Vec<f32>,
    query_norm: Vec<f32>,
    key_norm: Vec<f32>,
    output: Panels,
    mlp_norm: Vec<Lane>,
    gate_up: Panels,
    down: Panels,
}

/// A model repacked for generation, with its buffers.
pub(crate) struct Decoder {
    config: Arc<Config>,
    level: Level,
    layers: Vec<Layer>,
    /// Where they are not the head's.
    embedding: Option<Panels>,
    final_norm: Vec<Lane>,
    head: Panels,
    rope: Rotations,
    room: Room,
}

/// Buffers of a step; they grow to the largest step and stay.
#[derive(Default)]
struct Room {
    /// Residual stream, `[hidden / 32][rows]`.
    stream: Vec<Lane>,
    /// Normalised stream.
    normed: Vec<Lane>,
    /// Queries, keys and values.
    qkv: Vec<Lane>,
    /// Outputs of attention tasks, one after the other.
    tasks: Vec<Lane>,
    /// Outputs of attention, `[heads · head_dim / 32][rows]`.
    attended: Vec<Lane>,
    /// Inside the feed-forward layer.
    inner: Vec<Lane>,
    logits: Vec<Lane>,
}

/// Makes `room` hold exactly `lanes`; what it held is of no interest.
fn sized(room: &mut Vec<Lane>, lanes: usize) -> &mut [Lane] {
    if room.len() < lanes {
        room.resize(lanes, Lane::ZERO);
    }
    &mut room[..lanes]
}

impl Decoder {
    /// Repacks weights.
    pub(crate) fn new(weights: &Weights, level: Level) -> Self {
        let config = Arc::clone(weights.config());
        let layers = (0..config.layers).map(|_| Layer::room(&config)).collect();
        let embedding = (!config.tie_embeddings).then(|| Panels::new(config.vocab_size, config.hidden_size));
        let mut decoder = Self {
            level,
            layers,
            embedding,
            final_norm: vec![Lane::ZERO; blocks(config.hidden_size) * 2],
            head: Panels::new(config.vocab_size, config.hidden_size),
            rope: Rotations::new(&config),
            room: Room::default(),
            config,
        };
        decoder.fill(weights);
        decoder
    }

    /// Takes the numbers of other weights of the same shape.
    pub(crate) fn set_weights(&mut self, weights: &Weights) -> Result<(), ModelError> {
        if **weights.config() != *self.config {
            return Err(ModelError::OtherShape);
        }
        self.fill(weights);
        Ok(())
    }

    fn fill(&mut self, weights: &Weights) {
        let (layout, data, hidden) = (weights.layout(), weights.data(), self.config.hidden_size);
        for (layer, ranges) in self.layers.iter_mut().zip(layout.layers()) {
            layer.fill(&self.config, ranges, data);
        }
        if let Some(embedding) = &mut self.embedding {
            embedding.fill(&data[layout.embedding()], hidden, |output| output);
        }
        lanes::write_row(&mut self.final_norm, 1, 0, 0, &data[layout.final_norm()]);
        self.head.fill(&data[layout.head()], hidden, |output| output);
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn level(&self) -> Level {
        self.level
    }

    /// Runs the pieces and gives the wanted logits, `[vocab / 32][wanted rows]`, rows in order of pieces.
    pub(crate) fn forward(&mut self, team: &Team, pieces: &mut [Piece<'_>]) -> Rows<'_> {
        let rows: usize = pieces.iter().map(|piece| piece.ids.len()).sum();
        let wanted: usize = pieces.iter().map(|piece| piece.logits).sum();
        let hidden = blocks(self.config.hidden_size);
        let mut room = std::mem::take(&mut self.room);
        self.embed(pieces, rows, sized(&mut room.stream, hidden * rows * 2));
        let furthest = pieces.iter().map(|piece| piece.position + piece.ids.len()).max().unwrap_or_default();
        self.rope.reach(furthest);
        for at in 0..self.layers.len() {
            self.attention(team, at, pieces, rows, &mut room);
            self.feed_forward(team, at, rows, &mut room);
        }
        self.logits(team, pieces, rows, &mut room);
        self.room = room;
        let lanes = &self.room.logits[..self.head.output_lanes(wanted)];
        Rows { lanes, rows: wanted, blocks: blocks(self.config.vocab_size) }
    }

    fn embed(&self, pieces: &[Piece<'_>], rows: usize, stream: &mut [Lane]) {
        let table = self.embedding.as_ref().unwrap_or(&self.head);
        let mut numbers = vec![0.0; blocks(self.config.hidden_size) * BLOCK];
        for (row, id) in pieces.iter().flat_map(|piece| piece.ids).enumerate() {
            table.output(*id as usize, &mut numbers);
            lanes::write_row(stream, rows, row, 0, &numbers);
        }
    }

    fn norm(&self, input: &[Lane], output: &mut [Lane], weight: &[Lane]) {
        let (columns, eps) = (self.config.hidden_size, self.config.rms_norm_eps);
        lanes::rms_norm(self.level, RmsNorm { input, output, weight, columns, eps });
    }

    fn attention(&self, team: &Team, at: usize, pieces: &mut [Piece<'_>], rows: usize, room: &mut Room) {
        let (layer, config) = (&self.layers[at], &*self.config);
        let width = blocks(config.hidden_size) * rows * 2;
        let stream = sized(&mut room.stream, width);
        let normed = sized(&mut room.normed, width);
        self.norm(stream, normed, &layer.attention_norm);
        let qkv = sized(&mut room.qkv, layer.qkv.output_lanes(rows));
        layer.qkv.apply(team, self.level, (normed, rows), qkv, Sums::Replace);
        let mut row = 0;
        for piece in pieces.iter_mut() {
            for offset in 0..piece.ids.len() {
                self.rotate_and_store(at, (qkv, rows, row), piece.position + offset, piece.cache);
                row += 1;
            }
        }
        let tasks = self.tasks(at, pieces, Rows { lanes: qkv, rows, blocks: 0 });
        let results = sized(&mut room.tasks, tasks.iter().map(Task::output_lanes).sum());
        let mut work = Vec::with_capacity(tasks.len());
        let mut rest = &mut *results;
        for task in &tasks {
            let (own, after) = rest.split_at_mut(task.output_lanes());
            work.push((task, own));
            rest = after;
        }
        let ns = tasks.iter().map(Task::ns).sum();
        team.each(work, ns, |(task, output)| task.run(self.level, output));
        let attended = sized(&mut room.attended, blocks(config.heads * config.head_dim) * rows * 2);
        let mut rest = &*results;
        for task in &tasks {
            let (own, after) = rest.split_at(task.output_lanes());
            task.scatter(own, attended);
            rest = after;
        }
        layer.output.apply(team, self.level, (attended, rows), stream, Sums::Add);
    }

    /// Adds biases, normalises and rotates one row's heads; queries stay in place, keys and values go to the cache.
    fn rotate_and_store(
        &self,
        at: usize,
        (qkv, rows, row): (&mut [Lane], usize, usize),
        position: usize,
        cache: &mut [Block],
    ) {
        let (layer, config) = (&self.layers[at], &*self.config);
        let shape = CacheShape::of(config);
        let (width, eps) = (config.head_dim, config.rms_norm_eps);
        let mut numbers = vec![0.0; config.qkv_size()];
        lanes::read_row(qkv, rows, row, 0, &mut numbers);
        for (number, bias) in numbers.iter_mut().zip(&layer.qkv_bias) {
            *number += bias;
        }
        let (queries, others) = numbers.split_at_mut(config.heads * width);
        let (keys, values) = others.split_at_mut(config.kv_heads * width);
        let scale = 1.0 / (width as f32).sqrt();
        for query in queries.chunks_exact_mut(width) {
            norm_head(query, &layer.query_norm, eps);
            self.rope.turn(query, position);
            for number in query {
                *number *= scale;
            }
        }
        lanes::write_row(qkv, rows, row, 0, queries);
        let block = &mut cache[position / BLOCK];
        for (head, (key, value)) in keys.chunks_exact_mut(width).zip(values.chunks_exact(width)).enumerate() {
            norm_head(key, &layer.key_norm, eps);
            self.rope.turn(key, position);
            shape.write(block, (at, head), position, key, value);
        }
    }

    fn tasks<'a>(&self, layer: usize, pieces: &'a [Piece<'_>], queries: Rows<'a>) -> Vec<Task<'a>> {
        let config = &*self.config;
        let group = config.heads / config.kv_heads;
        let run = (TASK_ROWS / group).max(1);
        let mut tasks = Vec::new();
        let mut row = 0;
        for piece in pieces {
            for head in 0..config.kv_heads {
                for start in (0..piece.ids.len()).step_by(run) {
                    tasks.push(Task {
                        shape: CacheShape::of(config),
                        cache: piece.cache,
                        layer,
                        head,
                        group,
                        head_dim: config.head_dim,
                        queries,
                        row: row + start,
                        count: run.min(piece.ids.len() - start),
                        position: piece.position + start,
                    });
                }
            }
            row += piece.ids.len();
        }
        tasks
    }

    fn feed_forward(&self, team: &Team, at: usize, rows: usize, room: &mut Room) {
        let layer = &self.layers[at];
        let width = blocks(self.config.hidden_size) * rows * 2;
        let stream = sized(&mut room.stream, width);
        let normed = sized(&mut room.normed, width);
        self.norm(stream, normed, &layer.mlp_norm);
        let inner = sized(&mut room.inner, blocks(self.config.intermediate_size) * rows * 2);
        let level = self.level;
        layer.gate_up.apply_pairs(team, level, (normed, rows), inner, |pair, inner| {
            lanes::swiglu(level, pair, inner);
        });
        layer.down.apply(team, level, (inner, rows), stream, Sums::Add);
    }

    fn logits(&self, team: &Team, pieces: &[Piece<'_>], rows: usize, room: &mut Room) {
        let wanted: usize = pieces.iter().map(|piece| piece.logits).sum();
        let hidden = blocks(self.config.hidden_size);
        if wanted == 0 {
            return;
        }
        let selected = sized(&mut room.inner, hidden * wanted * 2);
        let (mut row, mut to) = (0, 0);
        for piece in pieces {
            let end = row + piece.ids.len();
            for from in end - piece.logits..end {
                for block in 0..hidden {
                    let lanes = &room.stream[(block * rows + from) * 2..][..2];
                    selected[(block * wanted + to) * 2..][..2].copy_from_slice(lanes);
                }
                to += 1;
            }
            row = end;
        }
        let normed = sized(&mut room.normed, hidden * wanted * 2);
        self.norm(selected, normed, &self.final_norm);
        let logits = sized(&mut room.logits, self.head.output_lanes(wanted));
        self.head.apply(team, self.level, (normed, wanted), logits, Sums::Replace);
    }
}

impl Layer {
    fn room(config: &Config) -> Self {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        // Gate and up stand in alternating panels, so their outputs are padded to whole panels each.
        let pairs = blocks(inner) * BLOCK * 2;
        Self {
            attention_norm: vec![Lane::ZERO; blocks(hidden) * 2],
            qkv: Panels::new(config.qkv_size(), hidden),
            qkv_bias: Vec::new(),
            query_norm: Vec::new(),
            key_norm: Vec::new(),
            output: Panels::new(hidden, config.heads * config.head_dim),
            mlp_norm: vec![Lane::ZERO; blocks(hidden) * 2],
            gate_up: Panels::new(pairs, hidden),
            down: Panels::new(hidden, inner),
        }
    }

    fn fill(&mut self, config: &Config, ranges: &LayerRanges, data: &[f32]) {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        lanes::write_row(&mut self.attention_norm, 1, 0, 0, &data[ranges.attention_norm.clone()]);
        lanes::write_row(&mut self.mlp_norm, 1, 0, 0, &data[ranges.mlp_norm.clone()]);
        self.qkv.fill(&data[ranges.qkv.clone()], hidden, |output| output);
        self.qkv_bias = data[ranges.qkv_bias.clone()].to_vec();
        self.query_norm = data[ranges.query_norm.clone()].to_vec();
        self.key_norm = data[ranges.key_norm.clone()].to_vec();
        self.output.fill(&data[ranges.output.clone()], config.heads * config.head_dim, |output| output);
        self.gate_up.fill(&data[ranges.gate_up.clone()], hidden, |output| {
            let (at, up) = (output % inner, output / inner);
            (at / BLOCK * 2 + up) * BLOCK + at % BLOCK
        });
        self.down.fill(&data[ranges.down.clone()], inner, |output| output);
    }
}

/// RMSNorm of one head, where the model has it.
fn norm_head(head: &mut [f32], weight: &[f32], eps: f32) {
    if weight.is_empty() {
        return;
    }
    let squares: f32 = head.iter().map(|number| number * number).sum();
    let scale = 1.0 / (squares / head.len() as f32 + eps).sqrt();
    for (number, weight) in head.iter_mut().zip(weight) {
        *number *= scale * weight;
    }
}

/// Sines and cosines of rotary embedding, for as many positions as were needed so far.
struct Rotations {
    frequencies: Vec<f64>,
    /// `[positions][head_dim / 2]` of (cosine, sine).
    table: Vec<(f32, f32)>,
}

impl Rotations {
    fn new(config: &Config) -> Self {
        Self { frequencies: config.rope.inverse_frequencies(config.head_dim), table: Vec::new() }
    }

    fn reach(&mut self, positions: usize) {
        let half = self.frequencies.len();
        for position in self.table.len() / half..positions {
            self.table.extend(self.frequencies.iter().map(|frequency| {
                let (sine, cosine) = (position as f64 * frequency).sin_cos();
                (cosine as f32, sine as f32)
            }));
        }
    }

    fn turn(&self, head: &mut [f32], position: usize) {
        let half = self.frequencies.len();
        let (low, high) = head.split_at_mut(half);
        for ((low, high), (cosine, sine)) in
            low.iter_mut().zip(high).zip(&self.table[position * half..(position + 1) * half])
        {
            (*low, *high) = (*low * cosine - *high * sine, *high * cosine + *low * sine);
        }
    }
}
