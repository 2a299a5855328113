//! How many requests may be under way: as many as the endpoint takes well.
//!
//! Additive increase, multiplicative decrease, as TCP does it: the limit grows by one a round of answers (doubles, until the
//! endpoint complains for the first time), is halved when it says that it is overloaded, and rests while answers take
//! several times as long as they can. `Retry-After` holds everybody back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Limit to begin with.
const BEGIN: f64 = 8.0;
/// Answers that take so many times the best average do not raise the limit.
const SLOW: f64 = 4.0;
/// Weight of the newest answer in the average time.
const NEWEST: f64 = 0.1;
/// How often a waiting thread looks whether it should stop.
const LOOK: Duration = Duration::from_millis(100);

/// Keeps count of what is under way.
#[derive(Debug)]
pub(super) struct Limiter {
    most: f64,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug)]
struct State {
    limit: f64,
    /// Up to here the limit grows by one an answer.
    threshold: f64,
    running: usize,
    paused_until: Option<Instant>,
    halved_at: Option<Instant>,
    /// Moving average of seconds an answer, and the best that it was.
    average: Option<f64>,
    best: f64,
}

/// Leave to have one request under way.
#[derive(Debug)]
pub(super) struct Permit<'a>(&'a Limiter);

impl Limiter {
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1) as f64;
        let state = State {
            limit: BEGIN.min(most),
            threshold: most,
            running: 0,
            paused_until: None,
            halved_at: None,
            average: None,
            best: f64::INFINITY,
        };
        Self { most, state: Mutex::new(state), freed: Condvar::new() }
    }

    /// Waits for leave; `None` when `stop` is set first.
    pub(super) fn acquire(&self, stop: &AtomicBool) -> Option<Permit<'_>> {
        let mut state = self.lock();
        loop {
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            let now = Instant::now();
            let pause = state.paused_until.and_then(|until| until.checked_duration_since(now));
            if pause.is_none() && (state.running as f64) < state.limit.floor() {
                state.running += 1;
                return Some(Permit(self));
            }
            let wait = pause.map_or(LOOK, |pause| pause.min(LOOK));
            state = self.freed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits without leave; false when `stop` is set first.
    pub(super) fn rest(&self, pause: Duration, stop: &AtomicBool) -> bool {
        let until = Instant::now() + pause;
        let mut state = self.lock();
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if stop.load(Ordering::Relaxed) {
                return false;
            }
            state = self.freed.wait_timeout(state, left.min(LOOK)).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests that may be under way now.
    pub(super) fn limit(&self) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and a usize")]
        let limit = self.lock().limit as usize;
        limit
    }
}

impl Permit<'_> {
    /// The endpoint answered.
    pub(super) fn answered(&self, after: Duration) {
        let mut state = self.0.lock();
        let seconds = after.as_secs_f64();
        let average = state.average.map_or(seconds, |average| average + NEWEST * (seconds - average));
        state.average = Some(average);
        state.best = state.best.min(average);
        if average <= SLOW * state.best {
            let step = if state.limit < state.threshold { 1.0 } else { 1.0 / state.limit };
            state.limit = (state.limit + step).min(self.0.most);
        }
    }

    /// The endpoint said that it has too much to do.
    pub(super) fn refused(&self, retry_after: Option<Duration>) {
        let mut state = self.0.lock();
        let now = Instant::now();
        // What was under way together is refused together, and counts once.
        let round = Duration::from_secs_f64(state.average.unwrap_or(1.0).clamp(0.05, 60.0));
        if state.halved_at.is_none_or(|at| now.duration_since(at) > round) {
            state.limit = (state.limit / 2.0).max(1.0);
            state.threshold = state.limit;
            state.halved_at = Some(now);
        }
        if let Some(wait) = retry_after {
            state.paused_until = state.paused_until.max(Some(now + wait));
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
        self.0.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static GO: AtomicBool = AtomicBool::new(false);

    #[test]
    fn it_grows_while_all_is_well_and_halves_once_a_round() {
        let limiter = Limiter::new(40);
        for _ in 0..100 {
            limiter.acquire(&GO).unwrap().answered(Duration::from_millis(10));
        }
        assert_eq!(limiter.limit(), 40);
        let permits: Vec<Permit<'_>> = (0..40).map(|_| limiter.acquire(&GO).unwrap()).collect();
        for permit in &permits {
            permit.refused(None);
        }
        assert_eq!(limiter.limit(), 20);
        drop(permits);
        limiter.acquire(&GO).unwrap().answered(Duration::from_millis(10));
        assert_eq!(limiter.limit(), 20, "behind the threshold it grows by one a round");
        for _ in 0..25 {
            limiter.acquire(&GO).unwrap().answered(Duration::from_millis(10));
        }
        assert_eq!(limiter.limit(), 21);
    }

    #[test]
    fn slow_answers_do_not_raise_it_and_a_stop_is_heard() {
        let limiter = Limiter::new(40);
        limiter.acquire(&GO).unwrap().answered(Duration::from_millis(1));
        let before = limiter.limit();
        for _ in 0..60 {
            limiter.acquire(&GO).unwrap().answered(Duration::from_secs(1));
        }
        assert!(limiter.limit() <= before + 1, "{} after {before}", limiter.limit());
        limiter.acquire(&GO).unwrap().refused(Some(Duration::from_hours(1)));
        assert!(limiter.acquire(&AtomicBool::new(true)).is_none());
    }
}
