//! Whether one policy is better than another on the same arenas, under the same seeds.
//!
//! Episodes are paired by arena and sample, which takes the spread between easy and hard arenas out, and intervals
//! resample arenas. The verdict is about F1 alone; the other differences are shown beside it without a verdict, because
//! fewer calls are not better in themselves.

use crate::evaluation::Metric;
use crate::record::EpisodeRecord;
use crate::statistics::{
    Bootstrap, Cluster, Difference, StatisticsError, cluster_difference, group_by, pair_by_key,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// With fewer arenas not even all of them on one side would be significant: 2 · 2⁻⁵ is above 0.05, 2 · 2⁻⁶ below. A
/// bootstrap of so few does not know that.
const LEAST_ARENAS: usize = 6;

/// What a comparison shows at 95 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The interval of the difference in F1 lies above 0.
    Better,
    /// It lies below 0.
    Worse,
    /// It holds 0.
    NoDifferenceShown,
    /// Fewer than six arenas were paired.
    TooFewArenas,
}

/// One policy against another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Whether the policy is better than the other.
    pub verdict: Verdict,
    /// Arenas that both played.
    pub arenas: usize,
    /// Pairs of scored episodes.
    pub pairs: usize,
    /// Episodes left out: only one of the two has them, or one of the two is masked.
    pub unpaired: usize,
    /// The policy's mean minus the other's, with 95 % intervals; `n` is the number of arenas.
    pub differences: BTreeMap<Metric, Paired>,
}

/// Means of two policies over the same episodes, and what lies between them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Paired {
    /// The policy's mean over the pairs.
    pub policy: f64,
    /// The other's.
    pub against: f64,
    /// The first minus the second.
    #[serde(flatten)]
    pub difference: Difference,
}

/// Why two sets of episodes cannot be compared.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CompareError {
    /// They played the same episode differently seeded.
    #[error(
        "sample {sample} of arena `{arena}` was played with seed {left} by `{policy}` and with {right} by `{against}`"
    )]
    OtherSeed {
        /// The arena.
        arena: String,
        /// The sample.
        sample: usize,
        /// The policy.
        policy: String,
        /// Its seed.
        left: u64,
        /// The other policy.
        against: String,
        /// Its seed.
        right: u64,
    },
    /// They have no scored episode in common.
    #[error("the two have no scored episode of the same arena in common")]
    NothingInCommon,
    /// Two recipes were trained with different numbers of seeds.
    #[error("{left} runs cannot be paired with {right}")]
    UnequalRuns {
        /// Runs of the one.
        left: usize,
        /// Runs of the other.
        right: usize,
    },
    /// Numbers that make no statistic.
    #[error(transparent)]
    Statistics(#[from] StatisticsError),
}

/// How much better `policy` did than `against`.
pub fn compare(policy: &[EpisodeRecord], against: &[EpisodeRecord]) -> Result<Comparison, CompareError> {
    let (both, only_one) = pair_by_key(policy, against, |one| (one.arena.clone(), one.sample));
    for (left, right) in &both {
        if left.seed != right.seed {
            return Err(CompareError::OtherSeed {
                arena: left.arena.clone(),
                sample: left.sample,
                policy: left.policy.clone(),
                left: left.seed,
                against: right.policy.clone(),
                right: right.seed,
            });
        }
    }
    let played = both.len();
    let pairs: Vec<Pair<'_>> =
        both.into_iter().filter(|(left, right)| !left.is_masked() && !right.is_masked()).collect();
    let arenas = group_by(&pairs, |(left, _)| left.arena.clone());
    let mut differences = BTreeMap::new();
    for metric in Metric::ALL {
        let measured = |pairs: &[&Pair<'_>]| -> Vec<(f64, f64)> {
            pairs.iter().filter_map(|pair| both_values(metric, pair)).collect()
        };
        let clusters: Vec<Cluster> = arenas
            .values()
            .map(|pairs| {
                let one = |(left, right)| Cluster { sum: left - right, weight: 1.0 };
                Cluster::total(measured(pairs).into_iter().map(one))
            })
            .collect();
        if let Some(difference) = cluster_difference(&clusters, Bootstrap::default())? {
            let all: Vec<(f64, f64)> = arenas.values().flat_map(|pairs| measured(pairs)).collect();
            let mean = |sum: f64| sum / all.len() as f64;
            let policy = mean(all.iter().map(|(left, _)| left).sum());
            let against = mean(all.iter().map(|(_, right)| right).sum());
            differences.insert(metric, Paired { policy, against, difference });
        }
    }
    let f1 = differences.get(&Metric::F1).ok_or(CompareError::NothingInCommon)?;
    let verdict = match &f1.difference {
        _ if arenas.len() < LEAST_ARENAS => Verdict::TooFewArenas,
        Difference { low, .. } if *low > 0.0 => Verdict::Better,
        Difference { high, .. } if *high < 0.0 => Verdict::Worse,
        Difference { .. } => Verdict::NoDifferenceShown,
    };
    let unpaired = only_one + 2 * (played - pairs.len());
    Ok(Comparison { verdict, arenas: arenas.len(), pairs: pairs.len(), unpaired, differences })
}

/// What the policy and the other did in the same episode.
type Pair<'a> = (&'a EpisodeRecord, &'a EpisodeRecord);

/// What both measured; nothing where one of them did not.
fn both_values(metric: Metric, (left, right): &Pair<'_>) -> Option<(f64, f64)> {
    let value = |episode: &EpisodeRecord| metric.of(episode).map(|one| one.sum / one.weight);
    Some((value(left)?, value(right)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::tests::episode;

    fn episodes(f1: impl Fn(usize) -> f64, arenas: usize) -> Vec<EpisodeRecord> {
        (0..arenas).map(|at| episode(&at.to_string(), 0, Some(f1(at)), 2)).collect()
    }

    #[test]
    fn a_steady_difference_is_seen_from_both_sides_and_none_from_itself() {
        let good = episodes(|at| 0.3 + 0.05 * at as f64, 8);
        let bad = episodes(|at| 0.2 + 0.05 * at as f64, 8);
        let comparison = compare(&good, &bad).unwrap();
        assert_eq!((comparison.verdict, comparison.arenas, comparison.unpaired), (Verdict::Better, 8, 0));
        let f1 = comparison.differences[&Metric::F1];
        assert!((f1.difference.mean - 0.1).abs() < 1e-12 && f1.difference.low > 0.0);
        assert_eq!(compare(&bad, &good).unwrap().verdict, Verdict::Worse);
        let same = compare(&good, &good).unwrap();
        assert_eq!(same.verdict, Verdict::NoDifferenceShown);
        assert!(same.differences[&Metric::F1].difference.mean.abs() < f64::EPSILON);
    }

    #[test]
    fn few_arenas_show_nothing_however_clear_they_look() {
        let (good, bad) = (episodes(|_| 1.0, 5), episodes(|_| 0.0, 5));
        assert_eq!(compare(&good, &bad).unwrap().verdict, Verdict::TooFewArenas);
        let more = episodes(|_| 1.0, 6);
        assert_eq!(compare(&more, &episodes(|_| 0.0, 6)).unwrap().verdict, Verdict::Better);
    }

    #[test]
    fn masked_and_lonely_episodes_are_left_out_and_counted() {
        let mut left = episodes(|_| 1.0, 8);
        left[0] = episode("0", 0, None, 2);
        let right = episodes(|_| 0.0, 9);
        let comparison = compare(&left, &right).unwrap();
        assert_eq!((comparison.pairs, comparison.unpaired), (7, 3));
        for Paired { policy, against, difference } in comparison.differences.values() {
            assert!((policy - against - difference.mean).abs() < 1e-12, "of the same pairs");
        }
        assert_eq!(compare(&left[..1], &right), Err(CompareError::NothingInCommon));
        assert_eq!(compare(&[], &right), Err(CompareError::NothingInCommon));
    }

    #[test]
    fn other_seeds_are_another_experiment() {
        let left = episodes(|_| 1.0, 8);
        let mut right = left.clone();
        right[3].seed = 99;
        let error = compare(&left, &right).unwrap_err();
        assert!(error.to_string().starts_with("sample 0 of arena `3` was played with seed 7"), "{error}");
    }
}
