//! How good a policy is on arenas, and how sure we are of it.
//!
//! [`solve`] plays a policy over many arenas and [`summarise`] says what came of it, with intervals. The built-in
//! policies are the yardsticks: an arena is sound when the oracle gets 1 and the lazy ones get (almost) nothing.

mod expert;
mod likeness;
mod policies;
mod sft;
mod solve;
mod split;
mod statistics;

pub use likeness::{entities, masked_prompt, recorded_shape, shape, source};
pub use policies::{BuiltinPolicy, UnknownPolicy, builtin};
pub use sft::{sft_record, unfit_for_sft};
pub use solve::{Company, Played, SolveOptions, Summary, play, solve, summarise, summarise_by};
pub use split::{Side, SplitError, overlap, split};
pub use statistics::{
    Bootstrap, Difference, Estimate, StatisticsError, bootstrap_mean, group_by, mean_pass_hat_k, pair_by_key,
    paired_bootstrap, pass_hat_k,
};
