//! Policies over the hand-written arenas, on the real sandbox.

mod expert;
mod yardsticks;
