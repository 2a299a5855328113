//! Means with intervals, comparisons of two policies, and pass^k.
//!
//! Intervals are percentile bootstraps: they ask nothing of the shape of the scores (F1 piles up at 0 and 1) and
//! resample arenas, which are what a policy will meet anew. Everything is a function of its arguments: the same
//! numbers and seed give the same interval on every machine. Does not correct for looking at many groups at once.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How an interval is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstrap {
    /// Number of resamples.
    pub resamples: usize,
    /// Share of resampled means inside the interval, between 0 and 1.
    pub level: f64,
    /// Seed of the resampling.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 2_000, level: 0.95, seed: 0 }
    }
}

/// Why a statistic cannot be computed.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum StatisticsError {
    /// A value is no number.
    #[error("value {at} is `{value}`, not a finite number")]
    NotFinite {
        /// Its index.
        at: usize,
        /// What it is.
        value: f64,
    },
    /// Two samples that should be paired differ in size.
    #[error("cannot pair {left} values with {right}")]
    UnequalPairs {
        /// Size of the first.
        left: usize,
        /// Size of the second.
        right: usize,
    },
    /// The interval's level or number of resamples makes no interval.
    #[error("a bootstrap of {resamples} resamples at level `{level}` gives no interval")]
    BadBootstrap {
        /// Resamples asked for.
        resamples: usize,
        /// Level asked for.
        level: f64,
    },
}

/// A mean with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Mean of the sample.
    pub mean: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Sample size. With 1 the interval is the point itself and says nothing.
    pub n: usize,
}

/// How much better the second of two policies does on the same arenas.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Mean of second minus first.
    pub mean: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Number of pairs.
    pub n: usize,
    /// Share of resamples in which the second is strictly better.
    pub share_better: f64,
}

impl std::fmt::Display for Estimate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3} [{:.3}, {:.3}] (n={})", self.mean, self.low, self.high, self.n)
    }
}

/// What one arena adds to a ratio of sums: for a mean over episodes, the sum of its episodes' values and their number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cluster {
    /// What is summed above the line.
    pub sum: f64,
    /// What is summed below it; a cluster of weight 0 measured nothing and is left out.
    pub weight: f64,
}

impl Cluster {
    /// What several add up to.
    pub fn total(parts: impl Iterator<Item = Self>) -> Self {
        let add = |all: Self, one: Self| Self { sum: all.sum + one.sum, weight: all.weight + one.weight };
        parts.fold(Self { sum: 0.0, weight: 0.0 }, add)
    }

    fn of_one(value: f64) -> Self {
        Self { sum: value, weight: 1.0 }
    }
}

/// Mean of `values` with a percentile bootstrap interval; `None` when there are no values.
pub fn bootstrap_mean(values: &[f64], bootstrap: Bootstrap) -> Result<Option<Estimate>, StatisticsError> {
    cluster_mean(&values.iter().copied().map(Cluster::of_one).collect::<Vec<_>>(), bootstrap)
}

/// Sum of sums over sum of weights, with an interval that resamples whole clusters.
///
/// Episodes of one arena resemble each other; taken as independent they would make intervals too narrow.
pub fn cluster_mean(clusters: &[Cluster], bootstrap: Bootstrap) -> Result<Option<Estimate>, StatisticsError> {
    let Some(resampled) = Resampled::of(clusters, bootstrap)? else { return Ok(None) };
    let (low, high) = percentile_interval(&resampled.means, bootstrap.level);
    Ok(Some(Estimate { mean: resampled.mean, low, high, n: resampled.n }))
}

/// Mean of `second[i] - first[i]` with its interval; both policies played the same arenas in the same order.
///
/// Pairing removes the spread between easy and hard arenas, which is most of the spread there is.
pub fn paired_bootstrap(
    first: &[f64],
    second: &[f64],
    bootstrap: Bootstrap,
) -> Result<Option<Difference>, StatisticsError> {
    if first.len() != second.len() {
        return Err(StatisticsError::UnequalPairs { left: first.len(), right: second.len() });
    }
    let differences = first.iter().zip(second).map(|(first, second)| Cluster::of_one(second - first));
    cluster_difference(&differences.collect::<Vec<_>>(), bootstrap)
}

/// As [`paired_bootstrap`], from clusters of differences.
pub fn cluster_difference(
    clusters: &[Cluster],
    bootstrap: Bootstrap,
) -> Result<Option<Difference>, StatisticsError> {
    let Some(Resampled { mean, means, n }) = Resampled::of(clusters, bootstrap)? else { return Ok(None) };
    let (low, high) = percentile_interval(&means, bootstrap.level);
    let better = means.iter().filter(|mean| **mean > 0.0).count();
    let share_better = better as f64 / means.len() as f64;
    Ok(Some(Difference { mean, low, high, n, share_better }))
}

/// Pairs what two policies did by key (arena and sample): the pairs in key order, and how many only one has.
pub fn pair_by_key<'a, T, K: Ord>(
    first: &'a [T],
    second: &'a [T],
    key: impl Fn(&T) -> K,
) -> (Vec<(&'a T, &'a T)>, usize) {
    let first: BTreeMap<K, &T> = first.iter().map(|one| (key(one), one)).collect();
    let second: BTreeMap<K, &T> = second.iter().map(|one| (key(one), one)).collect();
    let pairs: Vec<_> =
        first.iter().filter_map(|(key, left)| second.get(key).map(|right| (*left, *right))).collect();
    let unpaired = first.len() + second.len() - 2 * pairs.len();
    (pairs, unpaired)
}

/// A mean with those of its resamples.
struct Resampled {
    mean: f64,
    /// Ascending.
    means: Vec<f64>,
    /// Clusters that measured something.
    n: usize,
}

impl Resampled {
    fn of(clusters: &[Cluster], bootstrap: Bootstrap) -> Result<Option<Self>, StatisticsError> {
        let Bootstrap { resamples, level, seed } = bootstrap;
        if resamples == 0 || !(level > 0.0 && level < 1.0) {
            return Err(StatisticsError::BadBootstrap { resamples, level });
        }
        let number = |cluster: &Cluster| if cluster.sum.is_finite() { cluster.weight } else { cluster.sum };
        if let Some((at, value)) =
            clusters.iter().map(number).enumerate().find(|(_, value)| !value.is_finite())
        {
            return Err(StatisticsError::NotFinite { at, value });
        }
        let clusters: Vec<Cluster> = clusters.iter().copied().filter(|one| one.weight > 0.0).collect();
        if clusters.is_empty() {
            return Ok(None);
        }
        let mut rng = astra_protocol::seeded_rng(seed, "bootstrap");
        let mut means: Vec<f64> = (0..resamples)
            .map(|_| ratio(clusters.iter().map(|_| clusters[draw_below(&mut rng, clusters.len())])))
            .collect();
        means.sort_by(f64::total_cmp);
        Ok(Some(Self { mean: ratio(clusters.iter().copied()), means, n: clusters.len() }))
    }
}

/// A mean over a table with those of its resamples.
pub(crate) struct ResampledTable {
    pub(crate) mean: f64,
    /// Ascending.
    means: Vec<f64>,
    /// Columns in which something was measured.
    pub(crate) n: usize,
    level: f64,
}

impl ResampledTable {
    /// The ends of the interval.
    pub(crate) fn interval(&self) -> (f64, f64) {
        percentile_interval(&self.means, self.level)
    }

    pub(crate) fn share_above_zero(&self) -> f64 {
        self.means.iter().filter(|mean| **mean > 0.0).count() as f64 / self.means.len() as f64
    }
}

/// Resamples rows and columns together; all rows are of one length. Nothing when nothing was measured.
pub(crate) fn resample_crossed(
    rows: &[Vec<Cluster>],
    bootstrap: Bootstrap,
) -> Result<Option<ResampledTable>, StatisticsError> {
    let Bootstrap { resamples, level, seed } = bootstrap;
    let all: Vec<Cluster> = rows.iter().flatten().copied().collect();
    // What the numbers and the interval must be is checked where plain lists are resampled.
    let Some(Resampled { mean, .. }) = Resampled::of(&all, Bootstrap { resamples: 1, ..bootstrap })? else {
        return Ok(None);
    };
    if resamples == 0 {
        return Err(StatisticsError::BadBootstrap { resamples, level });
    }
    let columns = rows.first().map_or(0, Vec::len);
    let n = (0..columns).filter(|column| rows.iter().any(|row| row[*column].weight > 0.0)).count();
    let mut rng = astra_protocol::seeded_rng(seed, "crossed bootstrap");
    let mut means = Vec::with_capacity(resamples);
    while means.len() < resamples {
        let mut times = vec![0_u32; columns];
        (0..columns).for_each(|_| times[draw_below(&mut rng, columns)] += 1);
        let drawn = (0..rows.len()).map(|_| &rows[draw_below(&mut rng, rows.len())]);
        let cells = drawn.flat_map(|row| row.iter().zip(&times)).map(|(cell, times)| {
            let times = f64::from(*times);
            Cluster { sum: times * cell.sum, weight: times * cell.weight }
        });
        let Cluster { sum, weight } = Cluster::total(cells);
        // A draw of nothing but gaps says nothing; some other draw holds what was measured.
        if weight > 0.0 {
            means.push(sum / weight);
        }
    }
    means.sort_by(f64::total_cmp);
    Ok(Some(ResampledTable { mean, means, n, level }))
}

fn ratio(clusters: impl Iterator<Item = Cluster>) -> f64 {
    let Cluster { sum, weight } = Cluster::total(clusters);
    sum / weight
}

/// A uniform index below `bound`: the high half of a product, redrawn where it would favour some indices. Written out
/// because a library's mapping may change between versions, and with it every published interval.
fn draw_below(rng: &mut ChaCha8Rng, bound: usize) -> usize {
    let bound = bound as u64;
    let favoured = bound.wrapping_neg() % bound;
    loop {
        let product = u128::from(rng.next_u64()) * u128::from(bound);
        #[expect(clippy::cast_possible_truncation, reason = "the two halves of the product are wanted apart")]
        let (high, low) = ((product >> 64) as usize, product as u64);
        if low >= favoured {
            return high;
        }
    }
}

/// The ends between which `level` of the ascending `means` lie.
fn percentile_interval(means: &[f64], level: f64) -> (f64, f64) {
    let last = means.len() - 1;
    let outside = means.len() as f64 * (1.0 - level) / 2.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and half the number of resamples"
    )]
    // The tiny addend undoes binary rounding: 2000 · (1 − 0.95) / 2 is 50, not 49.999….
    let cut = ((outside + 1e-9).floor() as usize).min(last / 2);
    (means[cut], means[last - cut])
}

/// Unbiased estimate of the chance that `k` attempts at one task *all* succeed, from `successes` in `trials`:
/// C(successes, k) / C(trials, k). `None` when there are fewer trials than `k`, or `k` is 0.
pub fn pass_hat_k(successes: usize, trials: usize, k: usize) -> Option<f64> {
    if k == 0 || k > trials || successes > trials {
        return None;
    }
    if successes < k {
        return Some(0.0);
    }
    Some((0..k).map(|i| (successes - i) as f64 / (trials - i) as f64).product())
}

/// Mean of [`pass_hat_k`] over tasks given as `(successes, trials)`, with the number of tasks that had enough trials.
pub fn mean_pass_hat_k(tasks: &[(usize, usize)], k: usize) -> (Option<f64>, usize) {
    let measured: Vec<f64> =
        tasks.iter().filter_map(|(successes, trials)| pass_hat_k(*successes, *trials, k)).collect();
    let n = measured.len();
    ((n > 0).then(|| measured.iter().sum::<f64>() / n as f64), n)
}

/// Splits `items` by `key`: groups in key order, members in their own order.
pub fn group_by<'a, T, K: Ord>(
    items: impl IntoIterator<Item = &'a T>,
    key: impl Fn(&T) -> K,
) -> BTreeMap<K, Vec<&'a T>> {
    let mut groups: BTreeMap<K, Vec<&'a T>> = BTreeMap::new();
    for item in items {
        groups.entry(key(item)).or_default().push(item);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-12
    }

    #[test]
    fn the_interval_lies_around_the_mean_and_repeats_itself() {
        // Uneven values: on a coarse grid two seeds may well cut at the same grid point.
        let values = [0.0, 0.213, 0.507, 0.771, 1.0, 0.983, 0.498, 0.028];
        let estimate = bootstrap_mean(&values, Bootstrap::default()).unwrap().unwrap();
        assert!(close(estimate.mean, 0.5));
        assert!(estimate.low < 0.5 && 0.5 < estimate.high);
        assert_eq!(bootstrap_mean(&values, Bootstrap::default()).unwrap().unwrap(), estimate);
        let other = Bootstrap { seed: 1, resamples: 1_999, ..Bootstrap::default() };
        assert_ne!(bootstrap_mean(&values, other).unwrap().unwrap(), estimate);
    }

    #[test]
    fn equal_values_give_a_point_and_no_values_give_nothing() {
        let estimate = bootstrap_mean(&[1.0; 20], Bootstrap::default()).unwrap().unwrap();
        assert_eq!((estimate.low, estimate.mean, estimate.high), (1.0, 1.0, 1.0));
        assert_eq!(estimate.to_string(), "1.000 [1.000, 1.000] (n=20)");
        assert_eq!(bootstrap_mean(&[], Bootstrap::default()).unwrap(), None);
    }

    #[test]
    fn the_interval_of_a_coin_matches_the_binomial() {
        // 100 arenas, 30 solved. Means of resamples are Binomial(100, 0.3)/100, whose 2.5 % and 97.5 % points are
        // 0.21 and 0.39 (scipy.stats.binom.ppf([.025, .975], 100, .3) = 21, 39).
        let values: Vec<f64> = (0..100).map(|i| f64::from(u8::from(i < 30))).collect();
        let bootstrap = Bootstrap { resamples: 20_000, ..Bootstrap::default() };
        let estimate = bootstrap_mean(&values, bootstrap).unwrap().unwrap();
        assert!(close(estimate.mean, 0.3));
        assert!((estimate.low - 0.21).abs() < 0.0101, "{estimate}");
        assert!((estimate.high - 0.39).abs() < 0.0101, "{estimate}");
    }

    #[test]
    fn the_ends_cut_off_the_same_number_of_means() {
        let means: Vec<f64> = (0..2_000).map(f64::from).collect();
        assert_eq!(percentile_interval(&means, 0.95), (50.0, 1_949.0));
        assert_eq!(percentile_interval(&means, 0.5), (500.0, 1_499.0));
        assert_eq!(percentile_interval(&[7.0], 0.95), (7.0, 7.0));
    }

    #[test]
    fn intervals_cover_the_truth_about_as_often_as_they_say() {
        // 400 samples of 50 draws from a distribution of mean 0.4 with lumps at 0 and 1, as F1 has. The percentile
        // bootstrap is known to cover slightly less than its level at this size.
        let mut rng = astra_protocol::seeded_rng(7, "coverage");
        let bootstrap = Bootstrap { resamples: 400, ..Bootstrap::default() };
        let mut covered = 0;
        for round in 0..400 {
            let sample: Vec<f64> =
                (0..50).map(|_| [0.0, 0.0, 0.25, 0.75, 1.0][draw_below(&mut rng, 5)]).collect();
            let bootstrap = Bootstrap { seed: round, ..bootstrap };
            let estimate = bootstrap_mean(&sample, bootstrap).unwrap().unwrap();
            covered += usize::from(estimate.low <= 0.4 && 0.4 <= estimate.high);
        }
        assert!((360..=392).contains(&covered), "{covered} of 400 intervals hold the true mean");
    }

    #[test]
    fn pairing_sees_a_small_steady_difference() {
        let first: Vec<f64> = (0..40).map(|i| f64::from(i % 10) / 10.0).collect();
        let second: Vec<f64> = first.iter().map(|value| value + 0.05).collect();
        let paired = paired_bootstrap(&first, &second, Bootstrap::default()).unwrap().unwrap();
        assert!((paired.mean - 0.05).abs() < 1e-9 && paired.low > 0.049 && paired.high < 0.051);
        assert!(close(paired.share_better, 1.0));
        let same = paired_bootstrap(&first, &first, Bootstrap::default()).unwrap().unwrap();
        assert_eq!((same.low, same.mean, same.high, same.share_better), (0.0, 0.0, 0.0, 0.0));
    }

    #[test]
    fn samples_of_one_arena_are_drawn_together() {
        // Ten arenas of eight equal samples know as much as ten arenas of one.
        let values: Vec<f64> = (0..10).map(|i| f64::from(i) / 10.0).collect();
        let clusters: Vec<Cluster> =
            values.iter().map(|value| Cluster { sum: 8.0 * value, weight: 8.0 }).collect();
        let alone = bootstrap_mean(&values, Bootstrap::default()).unwrap().unwrap();
        let together = cluster_mean(&clusters, Bootstrap::default()).unwrap().unwrap();
        assert!(
            close(alone.mean, together.mean)
                && close(alone.low, together.low)
                && close(alone.high, together.high)
        );
        assert_eq!(together.n, 10);
        let samples: Vec<f64> = values.iter().flat_map(|value| [*value; 8]).collect();
        let naive = bootstrap_mean(&samples, Bootstrap::default()).unwrap().unwrap();
        assert!(naive.high - naive.low < 0.5 * (together.high - together.low));
    }

    #[test]
    fn clusters_weigh_what_they_measured() {
        let of = |sum, weight| Cluster { sum, weight };
        let estimate = cluster_mean(&[of(3.0, 4.0), of(0.0, 0.0), of(1.0, 1.0)], Bootstrap::default());
        let estimate = estimate.unwrap().unwrap();
        assert!(close(estimate.mean, 0.8) && close(estimate.low, 0.75) && close(estimate.high, 1.0));
        assert_eq!(estimate.n, 2, "the empty cluster is none");
        assert_eq!(cluster_mean(&[of(0.0, 0.0)], Bootstrap::default()).unwrap(), None);
        let bad = cluster_mean(&[of(1.0, f64::INFINITY)], Bootstrap::default());
        assert!(matches!(bad, Err(StatisticsError::NotFinite { at: 0, .. })));
    }

    #[test]
    fn what_makes_no_statistic_is_refused() {
        let bootstrap = Bootstrap::default();
        assert_eq!(
            paired_bootstrap(&[1.0], &[], bootstrap),
            Err(StatisticsError::UnequalPairs { left: 1, right: 0 })
        );
        assert!(matches!(
            bootstrap_mean(&[0.0, f64::NAN], bootstrap),
            Err(StatisticsError::NotFinite { at: 1, .. })
        ));
        for bad in [Bootstrap { resamples: 0, ..bootstrap }, Bootstrap { level: 1.0, ..bootstrap }] {
            assert!(matches!(bootstrap_mean(&[1.0], bad), Err(StatisticsError::BadBootstrap { .. })));
        }
    }

    #[test]
    fn pairs_are_found_by_arena_and_the_rest_is_counted() {
        let first = [("b", 1.0), ("a", 0.5), ("x", 0.0)];
        let second = [("a", 0.25), ("b", 0.75), ("y", 1.0)];
        let (pairs, unpaired) = pair_by_key(&first, &second, |one| one.0);
        assert_eq!((pairs, unpaired), (vec![(&("a", 0.5), &("a", 0.25)), (&("b", 1.0), &("b", 0.75))], 2));
    }

    #[test]
    fn pass_hat_k_counts_samples_without_replacement() {
        // C(3,2)/C(4,2) = 3/6; C(2,2)/C(5,2) = 1/10.
        assert!(close(pass_hat_k(3, 4, 2).unwrap(), 0.5));
        assert!(close(pass_hat_k(2, 5, 2).unwrap(), 0.1));
        assert!(close(pass_hat_k(3, 4, 1).unwrap(), 0.75));
        assert_eq!(pass_hat_k(4, 4, 4), Some(1.0));
        assert_eq!(pass_hat_k(1, 4, 2), Some(0.0));
        assert_eq!((pass_hat_k(1, 1, 2), pass_hat_k(1, 1, 0), pass_hat_k(3, 2, 1)), (None, None, None));
        let (mean, n) = mean_pass_hat_k(&[(3, 4), (2, 5), (1, 1)], 2);
        assert!(close(mean.unwrap(), 0.3));
        assert_eq!(n, 2);
        assert_eq!(mean_pass_hat_k(&[], 1), (None, 0));
    }

    #[test]
    fn pass_hat_k_is_unbiased() {
        // Mean over all 2^6 outcomes of 6 trials at p = 0.5 is p^3 exactly.
        let mean =
            (0_u32..64).map(|bits| pass_hat_k(bits.count_ones() as usize, 6, 3).unwrap()).sum::<f64>() / 64.0;
        assert!(close(mean, 0.125));
    }

    #[test]
    fn groups_come_in_key_order_and_keep_their_members_order() {
        let items = [(2, 'a'), (1, 'b'), (2, 'c')];
        let groups = group_by(&items, |item| item.0);
        let shape: Vec<(i32, String)> = groups
            .into_iter()
            .map(|(key, members)| (key, members.into_iter().map(|member| member.1).collect()))
            .collect();
        assert_eq!(shape, [(1, "b".to_owned()), (2, "ac".to_owned())]);
    }

    #[test]
    fn indices_are_uniform() {
        let mut rng = astra_protocol::seeded_rng(3, "uniform");
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[draw_below(&mut rng, 7)] += 1;
        }
        assert!(counts.iter().all(|count| (9_600..10_400).contains(count)), "{counts:?}");
    }
}
