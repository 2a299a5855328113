//! How good a policy is on arenas, and how sure we are of it.

mod statistics;

pub use statistics::{
    Bootstrap, Difference, Estimate, StatisticsError, bootstrap_mean, group_by, mean_pass_hat_k, pair_by_key,
    paired_bootstrap, pass_hat_k,
};
