//! The binary driven as a person drives it: what it prints, what it exits with, what it leaves on disk.
//!
//! Everything here starts real Python in the real sandbox; nothing asserts on time.

mod arenas;
mod corpus;
mod envs;
mod eval;
mod frame;
mod garbage;
mod models;
mod play;
mod published;
mod serving;
mod synthesis;
mod traces;
mod training;
mod world;
