//! Integration tests of arenas on the real sandbox.

mod gates;
mod mixed_up;
mod reward;
mod worlds;
