//! Dividing arenas into two sides that share nothing.
//!
//! Every arena has *keys* (its source, its shape, or the entities it is about); no key may stand on both sides. Arenas
//! that share a key, directly or through others, form a *cluster*, and clusters go to one side whole. Where one
//! cluster holds nearly everything (entities meet each other in questions), whole clusters cannot fill the held-out
//! side; then a region is grown from the rarest entities, and the arenas that bridge to the rest are dropped.
//!
//! Arenas can be barred from the held-out side, because a model has seen their keys elsewhere.
//!
//! Deterministic in keys, share and seed. Knows nothing of files.

use astra_protocol::seeded_rng;
use rand_chacha::rand_core::Rng;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Held out by whole clusters at least this share of what was asked, or a region is grown.
const ENOUGH: f64 = 0.8;

/// Where an arena goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// To learn from.
    Train,
    /// To measure with.
    HeldOut,
    /// It shares keys with both sides and goes to neither.
    Dropped,
}

/// Why arenas cannot be divided.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SplitError {
    /// The share leaves one side without anything.
    #[error("a held-out share of `{held_out}` is not between 0 and 1")]
    Share {
        /// The share asked for.
        held_out: f64,
    },
    /// All arenas hang together.
    #[error("the {arenas} arenas cannot be divided without overlap: they form {clusters} cluster(s)")]
    Indivisible {
        /// How many arenas there are.
        arenas: usize,
        /// How many clusters they form.
        clusters: usize,
    },
}

/// Puts each arena, given by its keys, on a side, about a share of `held_out` of them on the held-out one.
///
/// `barred` says of each arena whether it may not be held out; empty means that all may. `may_drop` allows to drop arenas
/// that bridge the sides where whole clusters cannot fill the held-out side.
pub fn split(
    keys: &[BTreeSet<String>],
    barred: &[bool],
    held_out: f64,
    seed: u64,
    may_drop: bool,
) -> Result<Vec<Side>, SplitError> {
    if !(held_out > 0.0 && held_out < 1.0) {
        return Err(SplitError::Share { held_out });
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the length")]
    let wanted = ((keys.len() as f64 * held_out).round() as usize).max(1);
    let (ids, arenas_of) = numbered(keys);
    let clusters = clusters(&ids, arenas_of.len());
    let is_barred = |arena: usize| barred.get(arena).copied().unwrap_or(false);
    let free: Vec<Vec<usize>> =
        clusters.iter().filter(|cluster| !cluster.iter().any(|arena| is_barred(*arena))).cloned().collect();
    let whole = by_clusters(&free, clusters.len() > 1, keys.len(), wanted, seed);
    let held = |sides: &[Side]| sides.iter().filter(|side| **side == Side::HeldOut).count();
    let sides = if may_drop && (held(&whole) as f64) < ENOUGH * wanted as f64 {
        let order = draws(keys.len(), seed, "split tie");
        grown(&ids, &arenas_of, wanted, &order, &is_barred)
    } else {
        whole
    };
    let train = sides.iter().filter(|side| **side == Side::Train).count();
    if held(&sides) == 0 || train == 0 {
        return Err(SplitError::Indivisible { arenas: keys.len(), clusters: clusters.len() });
    }
    Ok(sides)
}

/// How many keys stand on both sides: zero, or something is broken.
pub fn overlap<'a>(
    train: impl IntoIterator<Item = &'a String>,
    held_out: impl IntoIterator<Item = &'a String>,
) -> usize {
    let train: BTreeSet<&String> = train.into_iter().collect();
    let held_out: BTreeSet<&String> = held_out.into_iter().collect();
    train.intersection(&held_out).count()
}

/// Keys as numbers, and the arenas of each key.
fn numbered(keys: &[BTreeSet<String>]) -> (Vec<Vec<usize>>, Vec<Vec<usize>>) {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let mut arenas_of: Vec<Vec<usize>> = Vec::new();
    let mut ids = Vec::with_capacity(keys.len());
    for (arena, keys) in keys.iter().enumerate() {
        let mut own = Vec::with_capacity(keys.len());
        for key in keys {
            let number = *numbers.entry(key).or_insert_with(|| {
                arenas_of.push(Vec::new());
                arenas_of.len() - 1
            });
            arenas_of[number].push(arena);
            own.push(number);
        }
        ids.push(own);
    }
    (ids, arenas_of)
}

/// Arenas that hang together, by the first arena of each cluster. An arena without keys is a cluster of its own.
fn clusters(ids: &[Vec<usize>], keys: usize) -> Vec<Vec<usize>> {
    let mut parent: Vec<usize> = (0..keys).collect();
    for own in ids {
        for pair in own.windows(2) {
            let (left, right) = (root(&mut parent, pair[0]), root(&mut parent, pair[1]));
            parent[left.max(right)] = left.min(right);
        }
    }
    let mut clusters: BTreeMap<(bool, usize), Vec<usize>> = BTreeMap::new();
    for (arena, own) in ids.iter().enumerate() {
        let name = match own.first() {
            Some(first) => (false, root(&mut parent, *first)),
            None => (true, arena),
        };
        clusters.entry(name).or_default().push(arena);
    }
    let mut clusters: Vec<Vec<usize>> = clusters.into_values().collect();
    clusters.sort();
    clusters
}

fn root(parent: &mut [usize], mut at: usize) -> usize {
    while parent[at] != at {
        parent[at] = parent[parent[at]];
        at = parent[at];
    }
    at
}

/// Whole clusters in seeded order, as long as they fit; when none fits, the smallest one, if `others` are left to train.
fn by_clusters(clusters: &[Vec<usize>], others: bool, arenas: usize, wanted: usize, seed: u64) -> Vec<Side> {
    let mut sides = vec![Side::Train; arenas];
    let draws = draws(clusters.len(), seed, "split cluster");
    let mut order: Vec<usize> = (0..clusters.len()).collect();
    order.sort_by_key(|cluster| draws[*cluster]);
    let mut held = 0;
    for cluster in &order {
        let size = clusters[*cluster].len();
        if held + size <= wanted {
            held += size;
            clusters[*cluster].iter().for_each(|arena| sides[*arena] = Side::HeldOut);
        }
    }
    if held == 0 && others {
        let smallest = order.iter().min_by_key(|cluster| (clusters[**cluster].len(), draws[**cluster]));
        if let Some(smallest) = smallest {
            clusters[*smallest].iter().for_each(|arena| sides[*arena] = Side::HeldOut);
        }
    }
    sides
}

/// Grows the held-out side: the arena whose missing keys touch the fewest others comes next, until enough arenas are
/// covered whole. Arenas covered in part are dropped.
fn grown(
    ids: &[Vec<usize>],
    arenas_of: &[Vec<usize>],
    wanted: usize,
    order: &[u64],
    is_barred: &dyn Fn(usize) -> bool,
) -> Vec<Side> {
    let mut cost: Vec<usize> =
        ids.iter().map(|own| own.iter().map(|key| arenas_of[*key].len()).sum()).collect();
    let mut queue: BTreeSet<(usize, u64, usize)> = (0..ids.len())
        .filter(|arena| !is_barred(*arena))
        .map(|arena| (cost[arena], order[arena], arena))
        .collect();
    let mut taken = vec![false; arenas_of.len()];
    let mut chosen = BTreeSet::new();
    while chosen.len() < wanted {
        let Some((_, _, next)) = queue.pop_first() else { break };
        chosen.insert(next);
        for key in &ids[next] {
            if std::mem::replace(&mut taken[*key], true) {
                continue;
            }
            for arena in &arenas_of[*key] {
                let left = cost[*arena] - arenas_of[*key].len();
                if queue.remove(&(cost[*arena], order[*arena], *arena)) {
                    queue.insert((left, order[*arena], *arena));
                }
                cost[*arena] = left;
            }
        }
    }
    let side = |(arena, own): (usize, &Vec<usize>)| {
        let inside = own.iter().filter(|key| taken[**key]).count();
        match inside {
            0 if chosen.contains(&arena) => Side::HeldOut,
            0 => Side::Train,
            some if some == own.len() && !is_barred(arena) => Side::HeldOut,
            _ => Side::Dropped,
        }
    };
    ids.iter().enumerate().map(side).collect()
}

fn draws(count: usize, seed: u64, purpose: &str) -> Vec<u64> {
    let mut rng = seeded_rng(seed, purpose);
    (0..count).map(|_| rng.next_u64()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(lists: &[&[&str]]) -> Vec<BTreeSet<String>> {
        lists.iter().map(|list| list.iter().map(|key| (*key).to_owned()).collect()).collect()
    }

    fn count(sides: &[Side], side: Side) -> usize {
        sides.iter().filter(|one| **one == side).count()
    }

    fn shared(keys: &[BTreeSet<String>], sides: &[Side]) -> usize {
        let of = |side: Side| keys.iter().zip(sides).filter(move |(_, one)| **one == side);
        overlap(of(Side::Train).flat_map(|(keys, _)| keys), of(Side::HeldOut).flat_map(|(keys, _)| keys))
    }

    #[test]
    fn clusters_stay_whole_and_nothing_is_dropped() {
        let names: Vec<String> = (0..60).map(|at| format!("pair {}", at / 2)).collect();
        let keys: Vec<BTreeSet<String>> = names.iter().map(|name| BTreeSet::from([name.clone()])).collect();
        let sides = split(&keys, &[], 0.1, 1, true).unwrap();
        assert_eq!((count(&sides, Side::HeldOut), count(&sides, Side::Dropped)), (6, 0));
        assert_eq!(shared(&keys, &sides), 0);
        assert_eq!(split(&keys, &[], 0.1, 1, true).unwrap(), sides);
        assert_ne!(split(&keys, &[], 0.1, 2, true).unwrap(), sides);
    }

    #[test]
    fn a_chain_that_holds_everything_together_is_cut_at_its_rare_end() {
        let chain: Vec<BTreeSet<String>> =
            (0..100).map(|at| BTreeSet::from([format!("{at}"), format!("{}", at + 1)])).collect();
        let sides = split(&chain, &[], 0.1, 7, true).unwrap();
        assert!((8..=12).contains(&count(&sides, Side::HeldOut)), "{sides:?}");
        assert!(
            (1..=2).contains(&count(&sides, Side::Dropped)),
            "a region of a chain has two ends: {sides:?}"
        );
        assert_eq!(shared(&chain, &sides), 0);
        let refused = split(&chain, &[], 0.1, 7, false).unwrap_err();
        assert_eq!(refused, SplitError::Indivisible { arenas: 100, clusters: 1 });
    }

    #[test]
    fn what_cannot_be_divided_is_refused() {
        let same = keys(&[&["a"], &["a"], &["a"]]);
        assert!(matches!(split(&same, &[], 0.3, 0, true), Err(SplitError::Indivisible { .. })));
        assert!(matches!(split(&same, &[], 1.0, 0, true), Err(SplitError::Share { .. })));
        assert!(matches!(split(&[], &[], 0.5, 0, true), Err(SplitError::Indivisible { .. })));
    }

    #[test]
    fn arenas_without_keys_go_where_they_are_needed() {
        let keys = keys(&[&["a"], &["a"], &["a"], &["a"], &[], &[]]);
        let sides = split(&keys, &[], 0.3, 0, true).unwrap();
        assert_eq!(sides[..4], [Side::Train; 4]);
        assert_eq!(sides[4..], [Side::HeldOut; 2]);
    }

    #[test]
    fn a_region_counts_the_arenas_without_keys_that_it_takes() {
        let mut lists = keys(&[&[], &[]]);
        lists.extend((0..18).map(|at| BTreeSet::from([format!("{at}"), format!("{}", at + 1)])));
        let (ids, arenas_of) = numbered(&lists);
        let sides = grown(&ids, &arenas_of, 4, &draws(lists.len(), 0, "test"), &|_| false);
        assert_eq!(sides[..2], [Side::HeldOut; 2]);
        assert_eq!((count(&sides, Side::HeldOut), shared(&lists, &sides)), (4, 0));
    }

    #[test]
    fn when_every_cluster_is_too_large_the_smallest_is_held_out() {
        let keys = keys(&[&["a"], &["a"], &["b"], &["b"], &["b"]]);
        let sides = split(&keys, &[], 0.1, 0, false).unwrap();
        assert_eq!(count(&sides, Side::HeldOut), 2);
    }

    #[test]
    fn what_is_barred_is_never_held_out_nor_shares_a_key_with_what_is() {
        let chain: Vec<BTreeSet<String>> =
            (0..100).map(|at| BTreeSet::from([format!("{at}"), format!("{}", at + 1)])).collect();
        let pairs: Vec<BTreeSet<String>> =
            (0..100).map(|at| BTreeSet::from([format!("pair {}", at / 2)])).collect();
        let barred: Vec<bool> = (0..100).map(|at| at % 10 < 7).collect();
        for keys in [chain, pairs] {
            let sides = split(&keys, &barred, 0.1, 3, true).unwrap();
            assert!(count(&sides, Side::HeldOut) >= 6, "{sides:?}");
            assert!(sides.iter().zip(&barred).all(|(side, barred)| !barred || *side != Side::HeldOut));
            assert_eq!(shared(&keys, &sides), 0);
        }
        let all = vec![true; 2];
        let apart = keys(&[&["a"], &["b"]]);
        assert!(matches!(split(&apart, &all, 0.5, 0, true), Err(SplitError::Indivisible { .. })));
    }
}
