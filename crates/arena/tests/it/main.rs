//! Integration tests of arenas on the real sandbox.

mod gates;
mod hand;
mod mixed_up;
mod planes;
mod reward;
mod worlds;
