//! How a stage is run, as far as it does not shape what one record becomes: where to, how many at once, which share
//! of the inputs, and what to do about earlier output. None of it enters the settings hash.

use crate::StoreError;
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::AtomicBool;

/// Where a part file is closed and the next one begun.
const DEFAULT_PART_BYTES: u64 = 64 << 20;

/// One of N disjoint shares of the inputs, chosen by hash of id, so that machines can share a run without talking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    index: u32,
    of: u32,
}

impl Shard {
    /// Shard `index` (from 0) of `of`.
    pub fn new(index: u32, of: u32) -> Result<Self, StoreError> {
        if index < of {
            Ok(Self { index, of })
        } else {
            Err(StoreError::BadShard { text: format!("{index}/{of}") })
        }
    }

    /// Which one, from 0.
    pub fn index(self) -> u32 {
        self.index
    }

    /// Of how many.
    pub fn of(self) -> u32 {
        self.of
    }

    /// Whether the input of this id belongs to this shard.
    pub fn holds(self, id: &str) -> bool {
        let hash = blake3::hash(id.as_bytes());
        let [a, b, c, d, ..] = *hash.as_bytes();
        u32::from_le_bytes([a, b, c, d]) % self.of == self.index
    }

    /// This shard's share of `count`: the shares of all shards add up to it.
    pub(crate) fn share(self, count: u64) -> u64 {
        let (index, of) = (u64::from(self.index), u64::from(self.of));
        count / of + u64::from(index < count % of)
    }
}

impl FromStr for Shard {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let numbers = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        let (index, of) = numbers.ok_or_else(|| StoreError::BadShard { text: text.to_owned() })?;
        Self::new(index, of)
    }
}

impl TryFrom<String> for Shard {
    type Error = StoreError;

    fn try_from(text: String) -> Result<Self, StoreError> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// What to do when the output folder holds an earlier run of the stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// Stop with an error.
    #[default]
    Refuse,
    /// Continue it: what is decided stays, what failed is tried again. A fresh folder is simply begun.
    Resume,
}

/// How a stage is run.
#[derive(Clone, Debug)]
pub struct StageOptions<'a> {
    /// Output folder; created when missing.
    pub out: PathBuf,
    /// Worker threads.
    pub concurrency: NonZeroUsize,
    /// Look at no more than this many inputs (of the shard), or draw no more than this many candidates.
    pub limit: Option<u64>,
    /// Only this share of the inputs; its files carry the shard in their names, so shards may share a folder.
    pub shard: Option<Shard>,
    /// What to do about earlier output.
    pub existing: Existing,
    /// Size at which a part is closed and the next begun.
    pub part_bytes: u64,
    /// Git revision of the code, for the manifest.
    pub revision: Option<String>,
    /// Set it to end early, cleanly and resumable.
    pub stop: Option<&'a AtomicBool>,
}

impl StageOptions<'_> {
    /// One worker, all inputs, a fresh folder.
    pub fn new(out: impl Into<PathBuf>) -> Self {
        Self {
            out: out.into(),
            concurrency: NonZeroUsize::MIN,
            limit: None,
            shard: None,
            existing: Existing::default(),
            part_bytes: DEFAULT_PART_BYTES,
            revision: None,
            stop: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_written_as_index_of_count() {
        let shard: Shard = "3/16".parse().unwrap();
        assert_eq!((shard.index(), shard.of(), shard.to_string()), (3, 16, "3/16".to_owned()));
        for bad in ["4/4", "1", "-1/2", "a/b", "0/0", "1/2/3", ""] {
            assert!(matches!(bad.parse::<Shard>(), Err(StoreError::BadShard { .. })), "{bad}");
        }
        assert_eq!(serde_json::to_string(&shard).unwrap(), "\"3/16\"");
        assert!(serde_json::from_str::<Shard>("\"9/3\"").is_err());
    }

    #[test]
    fn shares_add_up() {
        for count in [0, 1, 7, 100] {
            let sum: u64 = (0..6).map(|index| Shard::new(index, 6).unwrap().share(count)).sum();
            assert_eq!(sum, count);
        }
    }
}
