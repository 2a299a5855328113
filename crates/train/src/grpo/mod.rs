//! Group-relative policy optimisation in arenas (paper sections 3.3 and 4).
//!
//! From the inside out: `advantage` (what a group says), `filling` (which groups make a batch), `loss` (what a
//! token costs), `rollouts` (many episodes at a time) over `arenas` or any other environment, `driver` (the
//! loop), `metrics`.

pub(crate) mod advantage;
mod arenas;
mod driver;
mod filling;
pub(crate) mod loss;
mod metrics;
mod rollouts;

pub use advantage::{Verdict, advantages, judge};
pub use arenas::{ArenaEnvironment, PlaySettings};
pub use driver::{Grpo, GrpoSettings, GrpoWatch};
pub use filling::{Filling, FillingRules, Held};
pub use metrics::{GrpoMetrics, RolloutMetrics, StepTime, UpdateMetrics};
pub use rollouts::{Environment, Outcome, Rollout, World};
