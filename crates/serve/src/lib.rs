//! A model behind the OpenAI chat-completions protocol: what a stock client sends is understood, and what is not is refused.
//!
//! All requests share one [`astra_model::Generator`], which writes them together without any of them changing another.
//! So the server only translates: a body to ids (`request`), tokens to what is new in an answer (`choice`), that
//! to JSON or server-sent events (`answer`); `refusal` is the one table of what can go wrong on the wire, and
//! `server` the routes, bounds and shutdown. What cannot be done is refused rather than ignored. No authentication, no
//! TLS: it listens where it is told to, and that is its own machine by default.

mod answer;
mod choice;
mod error;
mod refusal;
mod request;
mod server;

pub use error::ServeError;
pub use server::{ModelServer, Running, ServeOptions, ServedModel};
