//! What the sandbox promises, tried from outside: attacks, sessions, rebuilding, clean ends.

mod attacks;
mod corpus;
mod facades;
mod life;
mod python;
mod sessions;
mod support;
