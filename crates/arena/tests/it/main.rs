//! Integration tests of arenas on the real sandbox.

mod gates;
mod mixed_up;
mod planes;
mod reward;
mod worlds;
