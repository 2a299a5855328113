//! What the sandbox promises, tried from outside: attacks, sessions, rebuilding, clean ends.

#![expect(clippy::print_stdout, reason = "measurements of the suite are shown with --no-capture")]

mod attacks;
mod batch;
mod corpus;
mod facades;
mod life;
mod neighbours;
mod python;
mod sessions;
mod support;
