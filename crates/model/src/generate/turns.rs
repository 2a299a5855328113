//! What is asked of an engine, and what it tells: bounds, limits, events. Plain data; the work is `engine`'s.

use super::guide::Guide;

/// Bounds of an [`super::engine::Engine`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineOptions {
    /// Threads that compute.
    pub threads: usize,
    /// Sequences that are written at a time; more wait.
    pub max_batch: usize,
    /// Tokens whose keys and values are held; a sequence cannot be longer.
    pub max_tokens_in_cache: usize,
    /// Tokens a step at most: longer prompts are read in pieces, so that sequences under way need not wait for them.
    pub max_step_tokens: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            max_batch: 64,
            max_tokens_in_cache: 1 << 16,
            max_step_tokens: 512,
        }
    }
}

/// An open sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SequenceId(pub(crate) u64);

/// When a turn ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Tokens written at most.
    pub max_new: usize,
    /// Ids that end the turn; the one that did is part of it.
    pub stop: Vec<u32>,
}

/// What a turn may be asked for besides.
#[derive(Default)]
pub struct TurnOptions {
    /// What it is kept to.
    pub guide: Option<Box<dyn Guide>>,
    /// How many of the likeliest tokens are told for each place.
    pub likeliest: usize,
}

/// Why a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// A stop id was written.
    Stop,
    /// As many tokens as allowed were written.
    Length,
    /// The sequence is as long as the model or the cache allows.
    Context,
}

/// A token that was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampled {
    /// Its id.
    pub token: u32,
    /// Its log-probability at the sampling temperature over the whole vocabulary (temperature 1 when greedy).
    pub logprob: f32,
}

/// Why a turn cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The model's logits are not finite numbers.
    Logits,
    /// Its [`super::Guide`] failed, in its words.
    Guide(String),
}

/// Something that happened to a sequence in a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The sequence.
    pub id: SequenceId,
    /// What was written; none where a turn ended before it began.
    pub sampled: Option<Sampled>,
    /// The likeliest tokens of its place, as many as the turn was asked for, without regard to a guide.
    pub likeliest: Vec<Sampled>,
    /// Set on the last event of a turn.
    pub finished: Option<Finish>,
    /// Why the turn cannot go on; then neither of the others is set.
    pub broken: Option<Broken>,
}

/// How busy an engine is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineLoad {
    /// Open sequences.
    pub open: usize,
    /// Sequences being written.
    pub running: usize,
    /// Sequences whose turn waits for a place.
    pub waiting: usize,
    /// Tokens that the cache has room reserved for.
    pub cache_tokens: usize,
    /// Tokens that it can hold.
    pub cache_capacity: usize,
    /// Bytes a token in the cache.
    pub bytes_per_token: usize,
    /// Tokens computed so far.
    pub computed: u64,
    /// Tokens whose keys and values were taken over from a sequence that begins alike, instead of being computed.
    pub copied: u64,
    /// Tokens whose cache was given up, to be computed again.
    pub evicted: u64,
}
