//! Who can be let loose on arenas: anything that makes a policy for an episode.
//!
//! Evaluation knows players through [`Player`] alone, so a model, an endpoint and a yardstick are measured by the same
//! code. A player makes one [`Policy`] an episode, which may therefore remember its episode.

use crate::expert::Expert;
use crate::policies::{BuiltinPolicy, builtin};
use astra_arena::{Arena, ArenaError, Runtime};
use astra_protocol::Policy;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Makes the policy of each episode.
pub trait Player: Send + Sync {
    /// A name for traces and tables.
    fn name(&self) -> &str;

    /// What shapes its turns, e.g. a hash of the weights and how it samples. Runs of players of equal identity may
    /// continue each other.
    fn identity(&self) -> Json;

    /// The policy of one episode.
    fn policy(&self, runtime: &Runtime, arena: &Arc<Arena>, seed: u64) -> Result<Box<dyn Policy>, PlayError>;

    /// Episodes that it wants to play at a time, where that is more than there are cores: a model answers many as
    /// quickly as one.
    fn concurrency(&self) -> Option<NonZeroUsize> {
        None
    }

    /// What happened in its turns so far, where it counts that.
    fn turns(&self) -> Option<TurnCounts> {
        None
    }
}

/// What went wrong in the turns that a model wrote. None of it masks an episode: it is the model's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnCounts {
    /// Turns written.
    pub turns: u64,
    /// Of these, cut at the longest that is allowed.
    pub cut: u64,
    /// Turns that ended their episode because the context was full.
    pub overflowed: u64,
    /// Calls that could not be read.
    pub malformed: u64,
}

/// Why an episode could not be played at all.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// The arena or its sandbox.
    #[error(transparent)]
    Arena(#[from] ArenaError),
    /// The player could make no policy for this arena.
    #[error("`{player}` cannot play arena `{arena}`: {source}")]
    Player {
        /// Its name.
        player: String,
        /// The arena's id.
        arena: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Player for BuiltinPolicy {
    fn name(&self) -> &str {
        self.as_str()
    }

    fn identity(&self) -> Json {
        json!(self.as_str())
    }

    fn policy(&self, runtime: &Runtime, arena: &Arc<Arena>, seed: u64) -> Result<Box<dyn Policy>, PlayError> {
        Ok(builtin(*self, runtime, arena, seed)?)
    }
}

/// The expert, which gets a share of its calls wrong before it gets them right: a teacher of how to go on after a
/// mistake.
#[derive(Default)]
pub struct SlippingExpert {
    /// Probability of a wrong call before each right one; two in a row at most.
    pub slips: f64,
    /// Who is asked at each turn what it would call: where that would be rejected, it is the wrong call.
    pub student: Option<Box<dyn Player>>,
}

impl Player for SlippingExpert {
    fn name(&self) -> &str {
        BuiltinPolicy::Expert.as_str()
    }

    fn identity(&self) -> Json {
        let student = self.student.as_ref().map(|student| student.identity());
        json!({"policy": BuiltinPolicy::Expert.as_str(), "slips": self.slips, "student": student})
    }

    fn policy(&self, runtime: &Runtime, arena: &Arc<Arena>, seed: u64) -> Result<Box<dyn Policy>, PlayError> {
        let student =
            self.student.as_ref().map(|student| student.policy(runtime, arena, seed)).transpose()?;
        Ok(Box::new(Expert::new(runtime, arena, seed, self.slips, student)?))
    }

    fn concurrency(&self) -> Option<NonZeroUsize> {
        self.student.as_ref()?.concurrency()
    }

    fn turns(&self) -> Option<TurnCounts> {
        self.student.as_ref()?.turns()
    }
}
