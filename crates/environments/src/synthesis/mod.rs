//! From knowledge, questions and domains to arenas, with a language model (paper §4.1).
//!
//! ```text
//! Source ─► decompose ─► Decomposed ─► check ─► Checked ─► build ─► ArenaSpec ─► merge ─► ArenaSpec
//!           teacher                    judge              coder                 coder
//! ```
//!
//! A stage is a function of its record and of the models' answers, which the journal keeps; the stage runner does the
//! rest. Code checks what code can check before a judge is asked, and what a model says is never believed where it can be
//! measured: topology follows from the steps, answers from running the tools, soundness from the gates. A missing verdict
//! makes a record unjudged, and an unjudged record is not used. Prompts are `prompts/*.md` of this crate.

mod ask;
mod build;
mod check;
mod decompose;
mod merge;
mod plan;
mod prompts;
mod source;
mod value;

pub use ask::{Asker, Ended};
pub use build::{Builder, Built};
pub use check::{Checked, Dimension, Eligible, Judgement, Threshold, check};
pub use decompose::{Decomposed, Wish, decompose};
pub use merge::merge;
pub use prompts::Prompts;
pub use source::{Source, SourceKind};
