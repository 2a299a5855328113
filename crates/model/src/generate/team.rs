//! Threads of the engine: work is shared out only where it is worth the hand-over.
//!
//! A step of a small model takes well under a millisecond, and waking a thread takes microseconds. So each parallel
//! region says how long it would take alone, and is cut into pieces of no less than [`PIECE_NS`]. How work is cut
//! never changes numbers: pieces write disjoint outputs.

use crate::ModelError;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Shortest piece of work that is handed to another thread.
const PIECE_NS: f64 = 15_000.0;

/// Some threads, or only the caller.
pub(crate) struct Team {
    pool: Option<ThreadPool>,
    threads: usize,
}

impl Team {
    /// `threads` of them, the caller's work included.
    pub(crate) fn new(threads: usize) -> Result<Self, ModelError> {
        let pool = if threads > 1 {
            let name = |at| format!("astra-generate-{at}");
            let builder = ThreadPoolBuilder::new().num_threads(threads).thread_name(name);
            Some(
                builder
                    .build()
                    .map_err(|error| ModelError::Threads { count: threads, why: error.to_string() })?,
            )
        } else {
            None
        };
        Ok(Self { pool, threads })
    }

    /// Runs a whole step on the team, so that its parallel regions start without entering the pool again.
    pub(crate) fn enter<R: Send>(&self, step: impl FnOnce() -> R + Send) -> R {
        match &self.pool {
            Some(pool) => pool.install(step),
            None => step(),
        }
    }

    /// Into how many pieces work of `ns` nanoseconds is cut, at most `units`.
    fn pieces(&self, ns: f64, units: usize) -> usize {
        #[expect(clippy::cast_sign_loss, reason = "times are not negative")]
        let worth = (ns / PIECE_NS) as usize;
        // A few pieces a thread, so that a thread which is held up does not hold up the others.
        worth.min(self.threads * 4).min(units).max(1)
    }

    /// Calls `work(first unit, slice)` over runs of whole units of `unit` elements.
    pub(crate) fn chunks<T: Send>(
        &self,
        data: &mut [T],
        unit: usize,
        ns: f64,
        work: impl Fn(usize, &mut [T]) + Sync,
    ) {
        let units = data.len() / unit;
        let pieces = if self.threads > 1 { self.pieces(ns, units) } else { 1 };
        if pieces < 2 {
            work(0, data);
            return;
        }
        let run = units.div_ceil(pieces);
        data.par_chunks_mut(run * unit).enumerate().for_each(|(at, slice)| work(at * run, slice));
    }

    /// Calls `work` on every item.
    pub(crate) fn each<T: Send>(&self, items: Vec<T>, ns: f64, work: impl Fn(T) + Sync + Send) {
        let pieces = if self.threads > 1 { self.pieces(ns, items.len()) } else { 1 };
        if pieces < 2 {
            items.into_iter().for_each(work);
            return;
        }
        let run = items.len().div_ceil(pieces);
        items.into_par_iter().with_min_len(run.div_ceil(2)).for_each(work);
    }
}
