//! Continuous batching over token sequences.
//!
//! The engine knows nothing of tokenization, only sequences of ids. A sequence stays open between turns: what was read
//! and written keeps its place in the cache, and a turn reads only what was appended. Each step takes one token from
//! every sequence that is writing and fills up with pieces of prompts. Memory is bounded: when it is full, idle
//! sequences lose their cache first, then the youngest that is under way, and both are computed again later, to the
//! same bits. What several sequences begin with is computed by one and copied by the others ([`super::sharing`]). So
//! neither the batch, nor its bound, nor memory, nor what is shared changes a token.

use super::cache::{Block, CacheShape, Pool};
use super::decoder::{Decoder, Piece};
use super::kernel::Rows;
use super::lanes::{BLOCK, Level, read_row};
use super::sampler::{Sampling, likeliest, sample, sample_guided, uniform};
use super::sharing::{Peer, Share, share};
use super::team::Team;
use super::turns::{
    Broken, EngineLoad, EngineOptions, Event, Finish, Limits, Sampled, SequenceId, TurnOptions,
};
use crate::{Config, ModelError, Weights};
use std::collections::{HashMap, VecDeque};

struct Sequence {
    seed: u64,
    ids: Vec<u32>,
    /// How many of them are in the cache.
    cached: usize,
    blocks: Vec<Block>,
    turn: Option<Turn>,
    /// When it last computed, in steps.
    used: u64,
}

impl Sequence {
    /// Tokens that its blocks have room for.
    fn held(&self) -> usize {
        self.blocks.len() * BLOCK
    }
}

struct Turn {
    limits: Limits,
    sampling: Sampling,
    options: TurnOptions,
    written: usize,
}

/// What the next token of a sequence is drawn with.
struct Draw<'a> {
    sampling: Sampling,
    options: &'a mut TurnOptions,
    seed: u64,
    position: usize,
}

/// What a step gave a sequence.
#[derive(Clone)]
enum Drawn {
    /// It is still being read.
    Unasked,
    /// What was written, and the likeliest where they were asked for.
    Token(Sampled, Vec<Sampled>),
    Broken(Broken),
}

/// Writes many sequences at once.
pub struct Engine {
    decoder: Decoder,
    team: Team,
    options: EngineOptions,
    pool: Pool,
    shape: CacheShape,
    context: usize,
    sequences: HashMap<SequenceId, Sequence>,
    /// Being written, oldest first.
    running: Vec<SequenceId>,
    waiting: VecDeque<SequenceId>,
    /// Events of turns that ended without a step.
    ended: Vec<Event>,
    next: u64,
    steps: u64,
    computed: u64,
    copied: u64,
    evicted: u64,
    /// A row of logits for each sequence of a step.
    rows: Vec<Vec<f32>>,
}

impl Engine {
    /// Repacks weights and starts threads.
    pub fn new(weights: &Weights, options: EngineOptions) -> Result<Self, ModelError> {
        Self::at_level(weights, options, Level::best())
    }

    pub(crate) fn at_level(
        weights: &Weights,
        options: EngineOptions,
        level: Level,
    ) -> Result<Self, ModelError> {
        let shape = CacheShape::of(weights.config());
        let pool = Pool::new(shape, options.max_tokens_in_cache);
        let context = weights.config().max_positions.min(pool.tokens().1);
        if context == 0 || options.max_batch == 0 || options.max_step_tokens == 0 {
            return Err(ModelError::EngineBounds {
                max_batch: options.max_batch,
                max_tokens_in_cache: options.max_tokens_in_cache,
                max_step_tokens: options.max_step_tokens,
            });
        }
        Ok(Self {
            decoder: Decoder::new(weights, level),
            team: Team::new(options.threads)?,
            options,
            pool,
            shape,
            context,
            sequences: HashMap::new(),
            running: Vec::new(),
            waiting: VecDeque::new(),
            ended: Vec::new(),
            next: 0,
            steps: 0,
            computed: 0,
            copied: 0,
            evicted: 0,
            rows: Vec::new(),
        })
    }

    /// Bytes of a model's keys and values of one token.
    pub fn bytes_per_token(config: &Config) -> usize {
        CacheShape::of(config).bytes_per_token()
    }

    /// Opens an empty sequence; its tokens are drawn from `seed`.
    pub fn open(&mut self, seed: u64) -> SequenceId {
        let id = SequenceId(self.next);
        self.open_as(id, seed);
        id
    }

    /// Opens an empty sequence under an id that its owner has not given before.
    pub(crate) fn open_as(&mut self, id: SequenceId, seed: u64) {
        self.next = self.next.max(id.0 + 1);
        let sequence = Sequence { seed, ids: Vec::new(), cached: 0, blocks: Vec::new(), turn: None, used: 0 };
        self.sequences.insert(id, sequence);
    }

    /// Appends ids to a sequence that is not being written.
    pub fn extend(&mut self, id: SequenceId, ids: &[u32]) -> Result<(), ModelError> {
        let vocabulary = self.decoder.config().vocab_size;
        if let Some(token) = ids.iter().find(|token| **token as usize >= vocabulary) {
            return Err(ModelError::Token { id: *token, vocabulary });
        }
        let sequence = self.idle(id)?;
        sequence.ids.extend_from_slice(ids);
        Ok(())
    }

    /// Starts a turn: [`Engine::step`] writes it.
    pub fn generate(&mut self, id: SequenceId, limits: Limits, sampling: Sampling) -> Result<(), ModelError> {
        self.generate_with(id, limits, sampling, TurnOptions::default())
    }

    /// The same with more asked of it.
    pub fn generate_with(
        &mut self,
        id: SequenceId,
        limits: Limits,
        sampling: Sampling,
        options: TurnOptions,
    ) -> Result<(), ModelError> {
        sampling.check()?;
        let context = self.context;
        let sequence = self.idle(id)?;
        if sequence.ids.is_empty() {
            return Err(ModelError::Sequence { id: id.0, what: "is empty: nothing to continue" });
        }
        let ended = if sequence.ids.len() >= context {
            Some(Finish::Context)
        } else if limits.max_new == 0 {
            Some(Finish::Length)
        } else {
            None
        };
        if ended.is_some() {
            self.ended.push(Event {
                id,
                sampled: None,
                likeliest: Vec::new(),
                finished: ended,
                broken: None,
            });
            return Ok(());
        }
        sequence.turn = Some(Turn { limits, sampling, options, written: 0 });
        self.waiting.push_back(id);
        Ok(())
    }

    /// Ends a turn under way where it is; what was written stays.
    pub fn cancel(&mut self, id: SequenceId) {
        self.running.retain(|other| *other != id);
        self.waiting.retain(|other| *other != id);
        self.ended.retain(|event| event.id != id);
        if let Some(sequence) = self.sequences.get_mut(&id) {
            sequence.turn = None;
        }
    }

    /// Forgets a sequence.
    pub fn close(&mut self, id: SequenceId) {
        self.cancel(id);
        if let Some(mut sequence) = self.sequences.remove(&id) {
            self.pool.give(&mut sequence.blocks);
        }
    }

    /// All ids of a sequence, read and written.
    pub fn ids(&self, id: SequenceId) -> Option<&[u32]> {
        self.sequences.get(&id).map(|sequence| sequence.ids.as_slice())
    }

    /// Longest sequence.
    pub fn context(&self) -> usize {
        self.context
    }

    /// Takes other weights of the same shape. Sequences stay open and are read anew under them.
    pub fn set_weights(&mut self, weights: &Weights) -> Result<(), ModelError> {
        self.decoder.set_weights(weights)?;
        for sequence in self.sequences.values_mut() {
            self.pool.give(&mut sequence.blocks);
            self.evicted += std::mem::take(&mut sequence.cached) as u64;
        }
        Ok(())
    }

    /// Whether a step would do anything.
    pub fn is_idle(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty() && self.ended.is_empty()
    }

    /// How busy it is.
    pub fn load(&self) -> EngineLoad {
        let (cache_tokens, cache_capacity) = self.pool.tokens();
        EngineLoad {
            open: self.sequences.len(),
            running: self.running.len(),
            waiting: self.waiting.len(),
            cache_tokens,
            cache_capacity,
            bytes_per_token: self.shape.bytes_per_token(),
            computed: self.computed,
            copied: self.copied,
            evicted: self.evicted,
        }
    }

    /// Computes one step and tells what came of it, in the order in which sequences were taken up.
    pub fn step(&mut self) -> Vec<Event> {
        let mut events = std::mem::take(&mut self.ended);
        self.admit();
        self.steps += 1;
        let mut planned = self.plan();
        if planned.is_empty() {
            return events;
        }
        let drawn = self.compute(&mut planned);
        for ((id, mut sequence, count), drawn) in planned.into_iter().zip(drawn) {
            sequence.cached += count;
            sequence.used = self.steps;
            self.computed += count as u64;
            let event = match drawn {
                Drawn::Unasked => None,
                Drawn::Token(sampled, likeliest) => {
                    let finished = self.take(&mut sequence, sampled);
                    Some(Event { id, sampled: Some(sampled), likeliest, finished, broken: None })
                }
                Drawn::Broken(broken) => Some(Event {
                    id,
                    sampled: None,
                    likeliest: Vec::new(),
                    finished: None,
                    broken: Some(broken),
                }),
            };
            if event.as_ref().is_some_and(|event| event.broken.is_some() || event.finished.is_some()) {
                sequence.turn = None;
                self.running.retain(|other| *other != id);
            }
            events.extend(event);
            self.sequences.insert(id, sequence);
        }
        events
    }

    /// Takes up waiting sequences while there are places and room for what they have to read.
    fn admit(&mut self) {
        let wants = |sequence: &Sequence| (sequence.ids.len() + 1).saturating_sub(sequence.held());
        let (used, capacity) = self.pool.tokens();
        let idle: usize =
            self.sequences.values().filter(|other| other.turn.is_none()).map(Sequence::held).sum();
        let promised: usize = self.running.iter().filter_map(|id| self.sequences.get(id)).map(wants).sum();
        let mut room = (capacity - used + idle).saturating_sub(promised);
        while self.running.len() < self.options.max_batch
            && let Some(id) = self.waiting.front().copied()
        {
            let wanted = self.sequences.get(&id).map(wants).unwrap_or_default();
            // Somebody must be under way, however little room there is: others give theirs up.
            if wanted > room && !self.running.is_empty() {
                return;
            }
            room = room.saturating_sub(wanted);
            self.waiting.pop_front();
            self.running.push(id);
        }
    }

    /// Appends a token; whether the turn ends with it.
    fn take(&self, sequence: &mut Sequence, sampled: Sampled) -> Option<Finish> {
        sequence.ids.push(sampled.token);
        let turn = sequence.turn.as_mut()?;
        turn.written += 1;
        if turn.limits.stop.contains(&sampled.token) {
            Some(Finish::Stop)
        } else if sequence.ids.len() >= self.context {
            Some(Finish::Context)
        } else if turn.written >= turn.limits.max_new {
            Some(Finish::Length)
        } else {
            None
        }
    }

    fn idle(&mut self, id: SequenceId) -> Result<&mut Sequence, ModelError> {
        match self.sequences.get_mut(&id) {
            None => Err(ModelError::Sequence { id: id.0, what: "is not open" }),
            Some(sequence) if sequence.turn.is_some() => {
                Err(ModelError::Sequence { id: id.0, what: "is being written" })
            }
            Some(sequence) => Ok(sequence),
        }
    }

    /// Takes out the sequences of this step with how many tokens each reads; their caches have room for them.
    fn plan(&mut self) -> Vec<(SequenceId, Sequence, usize)> {
        let writing = |engine: &Self, id: &SequenceId| {
            engine.sequences.get(id).is_some_and(|sequence| sequence.ids.len() == sequence.cached + 1)
        };
        let writers = self.running.iter().filter(|id| writing(self, id)).count();
        // Tokens for prompts: what writers leave, and at least one so that reading never stands still.
        let mut room = self.options.max_step_tokens.saturating_sub(writers).max(1);
        let mut planned: Vec<(SequenceId, Sequence, usize)> = Vec::new();
        for id in self.running.clone() {
            // One that has just given up its room waits.
            if !self.running.contains(&id) {
                continue;
            }
            let Some(mut sequence) = self.sequences.remove(&id) else { continue };
            let is_writing = sequence.ids.len() == sequence.cached + 1;
            let count = if is_writing {
                usize::from(self.reserve(&mut sequence, 1))
            } else if room == 0 {
                0
            } else {
                self.read(&mut sequence, room, &planned)
            };
            if count == 0 {
                self.sequences.insert(id, sequence);
                continue;
            }
            if !is_writing {
                room -= count;
            }
            planned.push((id, sequence, count));
        }
        planned
    }

    /// How many tokens a sequence that is being read computes in this step, at most `room`, after it has taken over what
    /// another has in the cache already. None where it waits for memory, or for one of `planned` that reads the same.
    fn read(
        &mut self,
        sequence: &mut Sequence,
        room: usize,
        planned: &[(SequenceId, Sequence, usize)],
    ) -> usize {
        let peers = planned.iter().map(|(id, other, _)| Peer::of(*id, &other.ids, other.cached, true));
        let others = self.sequences.iter();
        let peers = peers.chain(others.map(|(id, other)| Peer::of(*id, &other.ids, other.cached, false)));
        let (donor, held) = match share(&sequence.ids, sequence.cached, peers) {
            Share::Wait => return 0,
            Share::Nothing => (None, sequence.cached),
            Share::Copy { from, held } => (Some(from), held),
        };
        let count = (sequence.ids.len() - held).min(room);
        if !self.reserve(sequence, held - sequence.cached + count) {
            return 0;
        }
        let present = planned.iter().find(|(other, ..)| Some(*other) == donor).map(|(_, other, _)| other);
        let donor = present.or_else(|| self.sequences.get(&donor?));
        // To make room, the one to copy from may have given up its own.
        if let Some(donor) = donor.filter(|donor| donor.cached >= held) {
            self.shape.copy(&donor.blocks, &mut sequence.blocks, sequence.cached..held);
            self.copied += (held - sequence.cached) as u64;
            sequence.cached = held;
        }
        count
    }

    /// Makes room in the cache for `count` more tokens, at the cost of sequences that are idle or younger.
    fn reserve(&mut self, sequence: &mut Sequence, count: usize) -> bool {
        while !self.pool.grow(&mut sequence.blocks, sequence.cached + count) {
            let holders = self.sequences.iter().filter(|(_, other)| !other.blocks.is_empty());
            let longest_unused = holders
                .filter(|(_, other)| other.turn.is_none())
                .min_by_key(|(id, other)| (other.used, **id))
                .map(|(id, _)| *id);
            // Older sequences are planned already and not among `self.sequences`; the youngest comes first.
            let youngest = || {
                let holds =
                    |id: &&SequenceId| self.sequences.get(*id).is_some_and(|other| !other.blocks.is_empty());
                self.waiting.iter().rev().chain(self.running.iter().rev()).find(holds).copied()
            };
            let Some(victim) = longest_unused.or_else(youngest) else { return false };
            if let Some(other) = self.sequences.get_mut(&victim) {
                self.pool.give(&mut other.blocks);
                self.evicted += std::mem::take(&mut other.cached) as u64;
            }
            if self.running.contains(&victim) {
                self.running.retain(|other| *other != victim);
                self.waiting.push_front(victim);
            }
        }
        true
    }

    /// Runs the model over what was planned, and samples where a sequence has been read to its end.
    fn compute(&mut self, planned: &mut [(SequenceId, Sequence, usize)]) -> Vec<Drawn> {
        let Self { decoder, team, rows, .. } = self;
        let level = decoder.level();
        let mut pieces = Vec::with_capacity(planned.len());
        let mut asked = Vec::with_capacity(planned.len());
        for (_, sequence, count) in planned {
            let Sequence { seed, ids, cached, blocks, turn, .. } = sequence;
            let end = *cached + *count;
            let draw = turn.as_mut().filter(|_| end == ids.len()).map(|turn| Draw {
                sampling: turn.sampling,
                options: &mut turn.options,
                seed: *seed,
                position: end,
            });
            pieces.push(Piece {
                ids: &ids[*cached..end],
                position: *cached,
                cache: blocks,
                logits: usize::from(draw.is_some()),
            });
            asked.push(draw);
        }
        let wanted = asked.iter().flatten().count();
        rows.resize_with(wanted.max(rows.len()), Vec::new);
        let mut draws = vec![Drawn::Unasked; wanted];
        team.enter(|| {
            let vocabulary = decoder.config().vocab_size;
            let logits = decoder.forward(team, &mut pieces);
            let work: Vec<_> =
                asked.iter_mut().flatten().zip(rows.iter_mut()).zip(draws.iter_mut()).enumerate().collect();
            let ns = (wanted * vocabulary) as f64 * 2.0;
            team.each(work, ns, |(row, ((draw, numbers), drawn))| {
                numbers.resize(vocabulary, 0.0);
                read_row(logits.lanes, logits.rows, row, 0, numbers);
                let uniform = uniform(draw.seed, draw.position);
                let likeliest = likeliest(level, numbers, &draw.sampling, draw.options.likeliest);
                let chosen = match &mut draw.options.guide {
                    Some(guide) => sample_guided(level, numbers, &draw.sampling, uniform, guide.as_mut()),
                    None => sample(level, numbers, &draw.sampling, uniform).ok_or(Broken::Logits),
                };
                *drawn = match chosen {
                    Ok((token, logprob)) => Drawn::Token(Sampled { token, logprob }, likeliest),
                    Err(broken) => Drawn::Broken(broken),
                };
            });
        });
        let mut draws = draws.into_iter();
        let drawn = |wanted: &Option<_>| wanted.as_ref().and_then(|_| draws.next()).unwrap_or(Drawn::Unasked);
        asked.iter().map(drawn).collect()
    }

    /// Logits of every token of a text, `[tokens][vocab]`, computed in pieces of `piece` tokens; for tests and tools.
    pub fn logits(&mut self, ids: &[u32], piece: usize) -> Result<Vec<Vec<f32>>, ModelError> {
        let id = self.open(0);
        let result = self.extend(id, ids).and_then(|()| self.all_logits(id, piece.max(1)));
        self.close(id);
        result
    }

    fn all_logits(&mut self, id: SequenceId, piece: usize) -> Result<Vec<Vec<f32>>, ModelError> {
        let absent = ModelError::Sequence { id: id.0, what: "does not fit into the cache" };
        let Some(mut sequence) = self.sequences.remove(&id) else { return Err(absent) };
        let count = sequence.ids.len();
        let fits = count <= self.context && self.reserve(&mut sequence, count);
        let mut logits = Vec::with_capacity(sequence.ids.len());
        if fits {
            let Self { decoder, team, .. } = self;
            let vocabulary = decoder.config().vocab_size;
            for start in (0..sequence.ids.len()).step_by(piece) {
                let ids = &sequence.ids[start..(start + piece).min(sequence.ids.len())];
                let mut pieces =
                    [Piece { ids, position: start, cache: &mut sequence.blocks, logits: ids.len() }];
                let Rows { lanes, rows, .. } = team.enter(|| decoder.forward(team, &mut pieces));
                logits.extend((0..rows).map(|row| {
                    let mut numbers = vec![0.0; vocabulary];
                    read_row(lanes, rows, row, 0, &mut numbers);
                    numbers
                }));
            }
        }
        self.sequences.insert(id, sequence);
        if fits { Ok(logits) } else { Err(absent) }
    }
}
