//! One answer from one thread to another, that can be awaited or waited for.

use crate::ModelError;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Makes both ends.
pub(crate) fn reply<T>() -> (Reply<T>, Pending<T>) {
    let shared = Arc::new(Shared { state: Mutex::new(State::Open(None)), changed: Condvar::new() });
    (Reply(Arc::clone(&shared)), Pending(shared))
}

/// The end that answers. Dropped without an answer, it answers that there will be none.
pub(crate) struct Reply<T>(Arc<Shared<T>>);

/// The end that asks.
pub(crate) struct Pending<T>(Arc<Shared<T>>);

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

enum State<T> {
    Open(Option<Waker>),
    Answered(Result<T, ModelError>),
    Taken,
}

impl<T> Shared<T> {
    /// No code that holds the lock can panic, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, answer: Result<T, ModelError>) {
        let mut state = self.lock();
        if let State::Open(waker) = &mut *state {
            let waker = waker.take();
            *state = State::Answered(answer);
            drop(state);
            self.changed.notify_all();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

impl<T> Reply<T> {
    pub(crate) fn send(self, answer: Result<T, ModelError>) {
        self.0.answer(answer);
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        self.0.answer(Err(ModelError::GeneratorEnded));
    }
}

impl<T> Pending<T> {
    /// Blocks until the answer is there.
    pub(crate) fn wait(&self) -> Result<T, ModelError> {
        let mut state = self.0.lock();
        loop {
            match std::mem::replace(&mut *state, State::Taken) {
                State::Answered(answer) => return answer,
                State::Taken => return Err(ModelError::GeneratorEnded),
                open @ State::Open(_) => *state = open,
            }
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether an answer is still to come.
    pub(crate) fn is_open(&self) -> bool {
        matches!(*self.0.lock(), State::Open(_))
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, ModelError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.0.lock();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Answered(answer) => Poll::Ready(answer),
            State::Taken => Poll::Ready(Err(ModelError::GeneratorEnded)),
            State::Open(_) => {
                *state = State::Open(Some(context.waker().clone()));
                Poll::Pending
            }
        }
    }
}
