//! Policies over the hand-written arenas, on the real sandbox.

mod evaluation;
mod expert;
mod yardsticks;
