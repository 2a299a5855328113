//! The one episode loop: a policy proposes, a tool host answers, a trace records.
//!
//! Trajectory collection, rollouts and evaluation all run [`run_episode`]. It knows neither goals nor rewards: what
//! an episode is worth is for whoever opened the host to say. A failure of policy or host is data in the trace
//! (`stop: Failed`), never a panic or a lost episode.

mod episode;
pub mod models;

pub use episode::{EpisodePlan, run_episode};
