//! The nouns of astra and the two traits everybody meets on.
//!
//! Every artefact that a stage writes and the next one reads is a type of this crate, so that a person can open a
//! file, look the noun up here, and know its shape, units and rules. Types only: no I/O, no clock, no threads.
//!
//! * [`ToolDoc`], [`Message`], [`Trace`]: what models and tools say to each other.
//! * [`Value`]: a typed expected value with its one normaliser and one comparator.
//! * [`ArenaSpec`]: a task with executable tools, typed goals and gold calls.
//! * [`Score`]: measured, not applicable or unjudged; there is no default score.
//! * [`Policy`] and [`ToolHost`]: who proposes the next assistant turn, and who answers its tool calls.

mod arena;
mod consistency;
mod decomposition;
mod host;
mod ids;
mod message;
mod score;
mod tool;
mod trace;
pub mod value;

pub use arena::{
    ARENA_VERSION, ArenaSpec, ArenaTool, ArithmeticOp, Comparator, DataRef, DateOp, Evidence, Goal, GoalKind,
    GoldCall, IsolationClass, Provenance, RefSources, Reference, SpecError, Via,
};
pub use decomposition::{Decomposition, Step, Topology, topology_of};
pub use host::{BoxFuture, HostError, Policy, PolicyError, PolicyTurn, ToolAnswer, ToolHost, TurnRequest};
pub use ids::{ContentId, canonical_json, content_id, draw_below, draw_unit, seeded_rng};
pub use message::{Message, ToolCall, parse_arguments};
pub use score::{Mean, Score};
pub use tool::{Server, ToolDoc, Transport};
pub use trace::{Boundary, InjectedFailure, Segment, Stop, Trace, Usage};
pub use value::Value;
