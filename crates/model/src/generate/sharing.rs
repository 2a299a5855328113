//! Which keys and values a sequence need not compute, because another begins with the same tokens.
//!
//! Keys and values of a position depend on the tokens up to it alone, and have the same bits whoever computed them. So a
//! sequence takes over the longest beginning that some other has in the cache. Rollouts of one prompt arrive together,
//! before any of them is read: then the oldest reads, and the others wait for it. It copies, instead of letting sequences
//! share memory: a copy is a thousandth of the work, and the bound of the cache keeps its simple meaning.

use super::turns::SequenceId;

/// Tokens that must be saved for a sequence to wait for another: fewer are computed sooner than a step passes.
const WORTH_WAITING: usize = 32;

/// Another sequence.
pub(crate) struct Peer<'a> {
    id: SequenceId,
    ids: &'a [u32],
    cached: usize,
    is_computing: bool,
}

impl<'a> Peer<'a> {
    /// One of these ids, `cached` of which are in the cache. Where it `is_computing` in this step, all will be there soon.
    pub(crate) fn of(id: SequenceId, ids: &'a [u32], cached: usize, is_computing: bool) -> Self {
        Self { id, ids, cached, is_computing }
    }
}

/// What a sequence does about its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// Nobody else has it.
    Nothing,
    /// It takes over what `from` has, and then holds `held` positions.
    Copy { from: SequenceId, held: usize },
    /// Another is reading more of it.
    Wait,
}

/// What a sequence of these ids does that holds `cached` of them. The last one is always computed: its logits are wanted.
pub(crate) fn share<'a>(ids: &[u32], cached: usize, peers: impl Iterator<Item = Peer<'a>>) -> Share {
    let wanted = &ids[..ids.len().saturating_sub(1)];
    let (mut best, mut held, mut soon) = (None, cached, 0);
    for peer in peers {
        let common = common(wanted, peer.ids);
        let has = common.min(peer.cached);
        // Of equal ones that with the lowest id: what is evicted later must not depend on the order of a map.
        if has > held || has == held && best.is_some_and(|best| peer.id < best) {
            (best, held) = (Some(peer.id), has);
        }
        if peer.is_computing {
            soon = soon.max(common);
        }
    }
    match best {
        _ if soon >= held + WORTH_WAITING => Share::Wait,
        Some(from) => Share::Copy { from, held },
        None => Share::Nothing,
    }
}

/// How many ids two sequences have in common at their beginning.
fn common(left: &[u32], right: &[u32]) -> usize {
    const RUN: usize = 32;
    // Run by run first: most of what is compared is equal, and equality of runs is fast.
    let runs = left.chunks_exact(RUN).zip(right.chunks_exact(RUN));
    let equal = RUN * runs.take_while(|(left, right)| left == right).count();
    equal + left[equal..].iter().zip(&right[equal..]).take_while(|(left, right)| left == right).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(id: u64, ids: &[u32], cached: usize, is_computing: bool) -> Peer<'_> {
        Peer::of(SequenceId(id), ids, cached, is_computing)
    }

    #[test]
    fn beginnings_are_compared_to_the_token() {
        let ids: Vec<u32> = (0..100).collect();
        for at in 0..100 {
            let mut other = ids.clone();
            other[at] = 1000;
            assert_eq!((common(&ids, &other), common(&ids, &ids[..at])), (at, at));
        }
        assert_eq!(common(&ids, &ids), 100);
    }

    #[test]
    fn the_longest_beginning_in_the_cache_is_taken_over_but_for_the_last_token() {
        let (ids, other) = ([1, 2, 3, 4, 5], [1, 2, 9]);
        let peers =
            || [peer(7, &other, 3, true), peer(9, &ids, 5, false), peer(8, &ids, 4, false)].into_iter();
        assert_eq!(share(&ids, 0, peers()), Share::Copy { from: SequenceId(8), held: 4 });
        assert_eq!(share(&ids[..4], 2, peers()), Share::Copy { from: SequenceId(8), held: 3 });
        assert_eq!(share(&ids, 4, peers()), Share::Nothing);
        assert_eq!(share(&[1], 0, peers()), Share::Nothing);
        assert_eq!(share(&[9, 1], 0, peers()), Share::Nothing);
    }

    #[test]
    fn one_waits_only_for_those_that_compute_and_for_enough() {
        let ids: Vec<u32> = (0..64).collect();
        let of = |cached, computes| share(&ids, 20, std::iter::once(peer(1, &ids, cached, computes)));
        assert_eq!(of(21, true), Share::Wait);
        assert_eq!(of(31, true), Share::Wait);
        assert_eq!(of(32, true), Share::Copy { from: SequenceId(1), held: 32 });
        assert_eq!(of(21, false), Share::Copy { from: SequenceId(1), held: 21 });
        assert_eq!(of(0, false), Share::Nothing);
        let short = &ids[..33];
        assert_eq!(share(short, 0, std::iter::once(peer(1, &ids, 0, true))), Share::Wait);
        assert_eq!(share(&ids[..32], 0, std::iter::once(peer(1, &ids, 0, true))), Share::Nothing);
    }
}
