//! The server as its clients see it: over a socket, with a model that knows what to say.

mod answers;
mod bounds;
mod client;
mod refusals;
mod world;
