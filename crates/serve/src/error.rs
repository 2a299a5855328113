//! What can go wrong with a server as a whole. What goes wrong with one request is a refusal.

use std::net::SocketAddr;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket cannot be served.
    #[error("the socket that listens at `{address}` cannot be served: {source}")]
    Socket {
        /// Where it listens, as far as that is known.
        address: String,
        /// The system's words.
        source: std::io::Error,
    },
    /// The thread that serves could not be started.
    #[error("the server's thread could not be started: {source}")]
    Thread {
        /// The system's words.
        source: std::io::Error,
    },
    /// The server ended by itself.
    #[error("the server at `{address}` has failed: {what}")]
    Ended {
        /// Where it listened.
        address: SocketAddr,
        /// Why.
        what: String,
    },
}
