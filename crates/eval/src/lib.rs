//! How good a policy is on arenas, and how sure we are of it.
//!
//! [`solve`] lets a [`Player`] play many arenas; [`evaluate`] and [`compare`] say what came of it, with intervals that
//! resample arenas. The built-in policies are the yardsticks: an arena is sound when the oracle gets 1 and the lazy ones
//! get (almost) nothing.

mod comparison;
mod crossed;
mod evaluation;
mod expert;
mod likeness;
mod player;
mod policies;
mod record;
mod sft;
mod solve;
mod split;
mod statistics;

pub use comparison::{CompareError, Comparison, Paired, Verdict, compare};
pub use crossed::{crossed_difference, crossed_mean};
pub use evaluation::{Dimension, Evaluation, Group, Measures, Metric, PassHatK, evaluate};
pub use likeness::{entities, masked_prompt, recorded_shape, shape, source};
pub use player::{PlayError, Player, SlippingExpert, TurnCounts};
pub use policies::{BuiltinPolicy, UnknownPolicy, builtin};
pub use record::{CallForm, EpisodeRecord};
pub use sft::{sft_record, unfit_for_sft};
pub use solve::{Company, Played, SolveOptions, Summary, play, play_sample, solve, summarise, summarise_by};
pub use split::{Side, SplitError, overlap, split};
pub use statistics::{
    Bootstrap, Cluster, Difference, Estimate, StatisticsError, bootstrap_mean, cluster_difference,
    cluster_mean, group_by, mean_pass_hat_k, pair_by_key, paired_bootstrap, pass_hat_k,
};
