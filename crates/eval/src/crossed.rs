//! Numbers over several trainings: the same arenas, played by models that were trained with different seeds.
//!
//! What a recipe is worth varies with the arenas and with the luck of the training, so both are resampled, together:
//! a resample draws seeds and arenas with replacement and takes every episode of a drawn seed in a drawn arena. With
//! few seeds such an interval is wide where seeds differ, which is what should be seen. Two recipes are paired by seed
//! and arena.

use crate::comparison::CompareError;
use crate::evaluation::Metric;
use crate::record::EpisodeRecord;
use crate::statistics::{Bootstrap, Cluster, Difference, Estimate, resample_crossed};
use std::collections::{BTreeMap, BTreeSet};

/// The mean of a metric over the runs of one recipe, each a list of episodes; nothing when nothing measured it.
pub fn crossed_mean(runs: &[Vec<EpisodeRecord>], metric: Metric) -> Result<Option<Estimate>, CompareError> {
    let cells = table(runs, |run| run.iter().filter_map(|one| Some((key(one), metric.of(one)?))).collect());
    let Some(resampled) = resample_crossed(&cells, Bootstrap::default())? else { return Ok(None) };
    let (low, high) = resampled.interval();
    Ok(Some(Estimate { mean: resampled.mean, low, high, n: resampled.n }))
}

/// The mean of `runs` minus that of `against`, run by run and arena by arena; `n` is the number of arenas.
pub fn crossed_difference(
    runs: &[Vec<EpisodeRecord>],
    against: &[Vec<EpisodeRecord>],
    metric: Metric,
) -> Result<Option<Difference>, CompareError> {
    if runs.len() != against.len() {
        return Err(CompareError::UnequalRuns { left: runs.len(), right: against.len() });
    }
    let pairs: Vec<_> = runs.iter().zip(against).collect();
    let cells = table(&pairs, |(run, against)| {
        let other: BTreeMap<Key<'_>, &EpisodeRecord> = against.iter().map(|one| (key(one), one)).collect();
        let value = |one: &EpisodeRecord| metric.of(one).map(|one| one.sum / one.weight);
        let difference = |one: &EpisodeRecord| Some(value(one)? - value(other.get(&key(one))?)?);
        run.iter()
            .filter_map(|one| Some((key(one), Cluster { sum: difference(one)?, weight: 1.0 })))
            .collect()
    });
    let Some(resampled) = resample_crossed(&cells, Bootstrap::default())? else { return Ok(None) };
    let (low, high) = resampled.interval();
    Ok(Some(Difference {
        mean: resampled.mean,
        low,
        high,
        n: resampled.n,
        share_better: resampled.share_above_zero(),
    }))
}

/// Arena, sample, and seed of the episode: other worlds are another experiment.
type Key<'a> = (&'a str, usize, u64);

fn key(episode: &EpisodeRecord) -> Key<'_> {
    (&episode.arena, episode.sample, episode.seed)
}

/// Run by run, what each arena adds, all samples of an arena together; arenas in one order, weight 0 where a run has
/// nothing.
fn table<'a, R>(runs: &'a [R], of_run: impl Fn(&'a R) -> Vec<(Key<'a>, Cluster)>) -> Vec<Vec<Cluster>> {
    let measured: Vec<_> = runs.iter().map(of_run).collect();
    let arenas: BTreeSet<&str> = measured.iter().flatten().map(|((arena, ..), _)| *arena).collect();
    measured
        .iter()
        .map(|run| {
            let mut sums: BTreeMap<&str, Vec<Cluster>> = BTreeMap::new();
            for ((arena, ..), cluster) in run {
                sums.entry(arena).or_default().push(*cluster);
            }
            arenas
                .iter()
                .map(|arena| Cluster::total(sums.get(arena).into_iter().flatten().copied()))
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::tests::episode;

    /// 40 arenas; an episode earns `level` and what its arena gives.
    fn run(level: f64) -> Vec<EpisodeRecord> {
        (0..40_u32)
            .map(|at| episode(&at.to_string(), 0, Some(level + 0.005 * f64::from(at % 10)), 2))
            .collect()
    }

    #[test]
    fn the_mean_is_that_of_all_episodes_and_seeds_widen_the_interval() {
        let alike = crossed_mean(&[run(0.4), run(0.4), run(0.4)], Metric::F1).unwrap().unwrap();
        let apart = crossed_mean(&[run(0.3), run(0.4), run(0.5)], Metric::F1).unwrap().unwrap();
        assert!((alike.mean - 0.4225).abs() < 1e-12 && (apart.mean - alike.mean).abs() < 1e-12);
        assert_eq!((alike.n, apart.n), (40, 40));
        let width = |one: Estimate| one.high - one.low;
        assert!(width(apart) > 5.0 * width(alike), "{apart} against {alike}");
        assert!(alike.low < alike.mean && alike.mean < alike.high);
        assert_eq!(crossed_mean(&[], Metric::F1).unwrap(), None);
    }

    #[test]
    fn a_difference_is_paired_by_seed_and_arena() {
        let (low, high) = ([run(0.1), run(0.4)], [run(0.2), run(0.5)]);
        let difference = crossed_difference(&high, &low, Metric::F1).unwrap().unwrap();
        assert!((difference.mean - 0.1).abs() < 1e-12 && difference.high - difference.low < 1e-9);
        assert!((difference.share_better - 1.0).abs() < 1e-12);
        let error = crossed_difference(&high, &low[..1], Metric::F1).unwrap_err();
        assert_eq!(error, CompareError::UnequalRuns { left: 2, right: 1 });
    }

    #[test]
    fn what_only_one_of_the_two_has_is_left_out() {
        let mut left = [run(0.5)];
        left[0][0] = episode("0", 0, None, 2);
        let mut right = [run(0.4)];
        right[0].remove(1);
        assert_eq!(crossed_difference(&left, &right, Metric::F1).unwrap().unwrap().n, 38);
        right[0][5].seed += 1;
        assert_eq!(crossed_difference(&left, &right, Metric::F1).unwrap().unwrap().n, 37);
    }
}
