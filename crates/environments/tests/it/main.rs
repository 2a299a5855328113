//! Tables to candidates: what is inferred, what is refused, and what every drawn arena must be.

mod candidates;
mod formats;
mod publish;
mod refusals;
mod replay;
mod settings;
mod synthesis;
mod tables;

use std::path::PathBuf;

/// A group of the tables that ship with the project.
fn shipped(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tables").join(name)
}
