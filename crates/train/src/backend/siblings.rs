//! Which data of a pass are learned as one family, so that what they begin with goes through the model once.
//!
//! Rollouts of a group begin with the same prompt, and stand one behind the other. Among all ways of cutting the data
//! into runs of neighbours, the one that saves most tokens is taken: greedily, the few tokens that all tasks begin with
//! would cost a group its prompt. What is shared ends before the first sampled token, so it never carries a loss.

use super::Datum;
use std::ops::Range;

/// Shared tokens that make a family. Fewer are not worth the shorter blocks of attention.
const FEWEST: usize = 32;

/// Neighbouring data that begin alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Siblings {
    /// Which.
    pub(crate) data: Range<usize>,
    /// Tokens that are computed once for all of them; 0 for one alone. The last token that they have in common is not
    /// among them: what follows it differs, so each predicts from one of its own.
    pub(crate) trunk: usize,
}

impl Siblings {
    /// A datum by itself.
    fn alone(at: usize) -> Self {
        Self { data: at..at + 1, trunk: 0 }
    }

    /// Tokens that go through the model.
    pub(crate) fn tokens(&self, data: &[&Datum]) -> usize {
        let each = data[self.data.clone()].iter().map(|datum| datum.tokens() - self.trunk);
        self.trunk + each.sum::<usize>()
    }
}

/// Cuts data into families of at most `most` tokens. One that is longer is alone.
pub(crate) fn siblings(data: &[&Datum], most: usize) -> Vec<Siblings> {
    // What each has in common with the one before; a run has the least of these in common.
    let alike: Vec<usize> = data.windows(2).map(|pair| trunk(pair[0], pair[1])).collect();
    // For the first 0, 1, 2, … data: how many tokens the best cut saves, and the last family of it.
    let mut best: Vec<(usize, Siblings)> = vec![(0, Siblings { data: 0..0, trunk: 0 })];
    for end in 1..=data.len() {
        let mut choice = (best[end - 1].0, Siblings::alone(end - 1));
        let mut family = Siblings { data: end - 1..end, trunk: usize::MAX };
        let mut tokens = data[end - 1].tokens();
        for start in (0..end - 1).rev() {
            family = Siblings { data: start..end, trunk: family.trunk.min(alike[start]) };
            tokens += data[start].tokens();
            let saved = (end - start - 1) * family.trunk;
            // A longer run has no more in common, and is no shorter.
            if family.trunk < FEWEST || tokens - saved > most {
                break;
            }
            if best[start].0 + saved > choice.0 {
                choice = (best[start].0 + saved, family.clone());
            }
        }
        best.push(choice);
    }
    let (mut families, mut end) = (Vec::new(), data.len());
    while end > 0 {
        let family = best[end].1.clone();
        end = family.data.start;
        families.push(family);
    }
    families.reverse();
    families
}

/// How many tokens two data can share.
fn trunk(left: &Datum, right: &Datum) -> usize {
    let [left_ids, right_ids] =
        [left, right].map(|datum| datum.segments.iter().flat_map(|segment| &segment.ids));
    let common = left_ids.zip(right_ids).take_while(|(left, right)| left == right).count();
    common.min(read(left)).min(read(right)).saturating_sub(1)
}

/// Tokens before the first that was sampled.
fn read(datum: &Datum) -> usize {
    let before = datum.segments.iter().take_while(|segment| !segment.sampled || segment.ids.is_empty());
    before.map(|segment| segment.ids.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpo::loss::Flat;
    use astra_protocol::Segment;
    use proptest::prelude::*;

    /// Reads some ids in two segments, then writes some.
    fn datum(read: &[u32], written: &[u32]) -> Datum {
        let segment = |ids: &[u32], sampled: bool| Segment {
            ids: ids.to_vec(),
            sampled,
            logprobs: sampled.then(|| ids.iter().map(|id| -(*id as f32)).collect()),
            policy_version: 0,
        };
        let (first, second) = read.split_at(read.len() / 2);
        Datum {
            segments: vec![
                segment(first, false),
                segment(&[], true),
                segment(second, false),
                segment(written, true),
            ],
            advantage: written[0] as f32,
        }
    }

    fn cut(data: &[Datum], most: usize) -> Vec<(Range<usize>, usize)> {
        let data: Vec<&Datum> = data.iter().collect();
        siblings(&data, most).into_iter().map(|family| (family.data, family.trunk)).collect()
    }

    fn prompt(head: usize, tail: usize, name: u32) -> Vec<u32> {
        (0..head as u32).chain((0..tail as u32).map(|at| 1000 * name + at)).collect()
    }

    #[test]
    fn groups_share_their_prompts_even_where_all_begin_alike() {
        let of = |name: u32, writes: u32| datum(&prompt(40, 60, name), &[writes, 7]);
        let data = [of(1, 5), of(1, 6), of(1, 5), of(2, 5), of(3, 5), of(3, 6)];
        assert_eq!(cut(&data, 1000), [(0..3, 99), (3..4, 0), (4..6, 99)]);
        // One that is by itself joins its neighbours where only the beginning of all is to be had.
        assert_eq!(cut(&data[2..5], 1000), [(0..3, 39)]);
        assert_eq!(cut(&[], 1000), []);
    }

    #[test]
    fn what_is_shared_ends_before_the_first_sampled_token_and_is_worth_it() {
        let of = |read: usize, written: &[u32]| datum(&prompt(read, 0, 0), written);
        // All ids alike, but one had written some of them itself.
        assert_eq!(cut(&[of(50, &[50, 51]), of(52, &[52])], 1000), [(0..2, 49)]);
        assert_eq!(cut(&[of(33, &[1]), of(33, &[1])], 1000), [(0..2, 32)]);
        assert_eq!(cut(&[of(32, &[1]), of(32, &[1])], 1000), [(0..1, 0), (1..2, 0)]);
        let headless = Datum { advantage: 1.0, segments: of(40, &[1]).segments[3..].to_vec() };
        assert_eq!(cut(&[headless.clone(), headless], 1000), [(0..1, 0), (1..2, 0)]);
    }

    #[test]
    fn families_keep_to_the_limit() {
        let data = vec![datum(&prompt(50, 0, 0), &[1]); 5];
        // Each adds two tokens to the 49 that are shared.
        assert_eq!(cut(&data, 59), [(0..5, 49)]);
        assert_eq!(cut(&data, 54).iter().map(|(data, _)| data.len()).sum::<usize>(), 5);
        assert!(cut(&data, 54).iter().all(|(data, _)| data.len() <= 2));
        assert!(cut(&data, 52).iter().all(|(data, trunk)| data.len() == 1 && *trunk == 0));
    }

    proptest! {
        #[test]
        fn every_token_is_laid_out_once_where_it_belongs(
            shapes in proptest::collection::vec((0_u32..3, 1_usize..90, proptest::collection::vec(1_u32..9, 1..5)), 0..12),
            most in 40_usize..400,
        ) {
            let data: Vec<Datum> = shapes
                .iter()
                .map(|(name, read, written)| datum(&prompt(35, 60, *name)[..*read], written))
                .collect();
            let data: Vec<&Datum> = data.iter().collect();
            let families = siblings(&data, most);
            let flat = Flat::of(&data, &families).unwrap();
            prop_assert_eq!(flat.batch.families.len(), families.len());
            let (mut next, mut end) = (0, 0);
            for (family, laid) in families.iter().zip(&flat.batch.families) {
                prop_assert_eq!(family.data.start, next);
                next = family.data.end;
                prop_assert_eq!(laid.trunk.start, end);
                prop_assert!(family.data.len() == 1 || family.tokens(&data) <= most);
                let shared = if family.trunk > 0 { laid.trunk.clone() } else { 0..0 };
                prop_assert!(flat.sampled[shared.clone()].iter().all(|sampled| !sampled));
                let own = if family.trunk > 0 { laid.branches.clone() } else { vec![laid.trunk.clone()] };
                prop_assert_eq!(own.len(), family.data.len());
                for (datum, own) in data[family.data.clone()].iter().zip(own) {
                    end = own.end;
                    let all = || shared.clone().chain(own.clone());
                    let ids: Vec<u32> = datum.segments.iter().flat_map(|one| one.ids.clone()).collect();
                    prop_assert_eq!(all().map(|at| flat.batch.ids[at]).collect::<Vec<_>>(), ids);
                    // Whatever counts is predicted by a token of its own stretch.
                    prop_assert!(!flat.sampled[own.start]);
                    let sampled: Vec<f32> = own.clone().filter(|at| flat.sampled[*at]).map(|at| flat.logprobs[at]).collect();
                    prop_assert_eq!(Some(sampled), datum.segments[3].logprobs.clone());
                    prop_assert!(own.clone().all(|at| flat.advantages[at].to_bits() == datum.advantage.to_bits()));
                }
                prop_assert_eq!(family.tokens(&data), end - laid.trunk.start);
            }
            prop_assert_eq!((next, end), (data.len(), flat.batch.ids.len()));
        }
    }
}
