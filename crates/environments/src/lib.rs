//! From related tables to arenas: questions with exact answers, tools that compute them, and nothing invented.
//!
//! [`TableGroup::read`] infers types, keys, labels and links of a folder of CSV files; [`Generator`] draws questions
//! as DAGs of lookups, hops and counts, writes each as one request, writes the tools and their code, and assembles an
//! [`ArenaSpec`](astra_protocol::ArenaSpec) with its gold calls, goals and closed data. A [`Candidate`] is not
//! published yet: [`publish`] runs the gates and writes what passes, and why the rest did not.
//!
//! It calls no language model. Python runs only inside the gates' sandbox.

mod error;

// What the tables are, and which walks through them can be asked about.
mod tables;

// The piece of them in which questions are asked, the questions, and the calls that answer them.
mod draw;
mod errand;
mod numbers;
mod scale;
mod world;

mod question;

mod lower;
mod lowered;
mod tools;

mod phrase;

// From question to arena to published arena.
mod alternatives;
mod assemble;
mod generate;
mod ledger;
mod publish;

// From knowledge and questions to arenas, with a language model.
pub mod synthesis;

pub use error::{Error, Place};
pub use generate::{Candidate, Discarded, GenerateOptions, Generator, generate};
pub use publish::{GIVE_UP_AFTER, Publication, publish};
pub use tables::{Language, TableGroup};
