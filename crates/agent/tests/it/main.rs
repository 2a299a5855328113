//! Asking models over a socket: what an endpoint can do wrong, and what must not come of it.

mod asking;
mod structured;
mod world;
