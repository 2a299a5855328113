//! Adaptive batch filling: which groups make the batch of a step, as a pure state machine.
//!
//! A group whose rewards are all equal teaches nothing (its advantages are 0), so a step rolls out until `groups`
//! valid ones are there, at most [`MOST`] times as many in all. What is valid beyond that waits for the next step,
//! oldest first, at most `max_staleness` steps; what has waited longer is dropped and counted. Nothing else is ever
//! dropped, so slow groups are not lost for being slow. The state is a function of what was offered, in order: it
//! goes into checkpoints, and a run that was broken off fills the same batches.
//!
//! Knows neither models nor arenas, nor what a group holds.

use super::advantage::Verdict;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Groups rolled out in a step at most, for each group of the batch.
pub(crate) const MOST: usize = 8;
/// Steps in a row without a valid group after which there is no point in going on.
pub(crate) const BARREN: u64 = 3;

/// How batches are filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FillingRules {
    /// Valid groups a batch.
    pub groups: usize,
    /// Steps that a surplus group may wait; 0 is strictly on-policy.
    pub max_staleness: u64,
    /// Without it a step rolls out exactly `groups`, and those whose rewards are equal stay in the batch.
    pub adaptive: bool,
}

/// A group that waits, or is in a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Held<T> {
    /// Step in which it was rolled out.
    pub born: u64,
    /// The group.
    pub group: T,
}

/// The state between and within steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Filling<T> {
    rules: FillingRules,
    step: u64,
    /// Valid groups that wait, oldest first.
    held: VecDeque<Held<T>>,
    /// Groups without a difference that stay in the batch, where filling is off.
    flat: Vec<Held<T>>,
    now: Counts,
    /// Of the step before, for a guess at how many have to be rolled out.
    before: Counts,
    barren: u64,
}

/// Groups of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rolled out.
    pub rolled: usize,
    /// Of these, the valid ones.
    pub valid: usize,
    /// Dropped because they had waited too long.
    pub dropped: usize,
}

impl<T> Filling<T> {
    /// Nothing waits.
    pub fn new(rules: FillingRules) -> Self {
        Self {
            rules,
            step: 0,
            held: VecDeque::new(),
            flat: Vec::new(),
            now: Counts::default(),
            before: Counts::default(),
            barren: 0,
        }
    }

    /// Begins a step; groups that would be too old for it are dropped.
    pub fn begin(&mut self, step: u64) {
        self.step = step;
        self.before = std::mem::take(&mut self.now);
        while self.held.front().is_some_and(|held| step - held.born > self.rules.max_staleness) {
            self.held.pop_front();
            self.now.dropped += 1;
        }
    }

    /// Groups to roll out and offer next; 0 when the batch is as full as it gets.
    ///
    /// As many as are missing, more where few of the last groups were valid: all of them run at the same time, and
    /// a round of a few would leave the generator half empty.
    pub fn wanted(&self) -> usize {
        let FillingRules { groups, adaptive, .. } = self.rules;
        if !adaptive {
            return groups.saturating_sub(self.now.rolled);
        }
        let missing = groups.saturating_sub(self.held.len());
        let rolled = self.now.rolled + self.before.rolled + 1;
        let valid = self.now.valid + self.before.valid + 1;
        (missing * rolled).div_ceil(valid).min((MOST * groups).saturating_sub(self.now.rolled))
    }

    /// Takes a group that was rolled out in this step.
    pub fn offer(&mut self, group: T, verdict: Verdict) {
        self.now.rolled += 1;
        let held = Held { born: self.step, group };
        match verdict {
            Verdict::Valid => {
                self.now.valid += 1;
                self.held.push_back(held);
            }
            Verdict::Flat if !self.rules.adaptive => self.flat.push(held),
            Verdict::Flat | Verdict::Masked => {}
        }
    }

    /// Ends the step with its batch, oldest groups first; empty where there is nothing to learn from.
    pub fn take(&mut self) -> Vec<Held<T>> {
        let count = self.held.len().min(self.rules.groups);
        let mut batch: Vec<Held<T>> = self.held.drain(..count).collect();
        let flat = std::mem::take(&mut self.flat);
        if batch.is_empty() {
            self.barren += 1;
        } else {
            self.barren = 0;
            batch.extend(flat);
        }
        batch
    }

    /// What this step counted so far.
    pub fn counts(&self) -> Counts {
        self.now
    }

    /// Groups that wait.
    pub fn waiting(&self) -> usize {
        self.held.len()
    }

    /// How this is filled.
    pub fn rules(&self) -> FillingRules {
        self.rules
    }

    /// Steps in a row without a valid group.
    pub fn barren(&self) -> u64 {
        self.barren
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The rules said once more, over a plain list and without sharing a line: every group that was ever offered with
    /// its step, and what became of it.
    #[derive(Default)]
    struct Oracle {
        all: Vec<(u64, usize, Fate)>,
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Fate {
        Waiting,
        Used,
        Dropped,
    }

    impl Oracle {
        fn drop_old(&mut self, step: u64, bound: u64) -> usize {
            let mut dropped = 0;
            for (born, _, fate) in &mut self.all {
                if *fate == Fate::Waiting && *born + bound < step {
                    *fate = Fate::Dropped;
                    dropped += 1;
                }
            }
            dropped
        }

        fn take(&mut self, groups: usize) -> Vec<(u64, usize)> {
            let mut waiting: Vec<&mut (u64, usize, Fate)> =
                self.all.iter_mut().filter(|(_, _, fate)| *fate == Fate::Waiting).collect();
            waiting.sort_by_key(|(born, name, _)| (*born, *name));
            waiting
                .into_iter()
                .take(groups)
                .map(|(born, name, fate)| {
                    *fate = Fate::Used;
                    (*born, *name)
                })
                .collect()
        }

        fn waiting(&self) -> usize {
            self.all.iter().filter(|(_, _, fate)| *fate == Fate::Waiting).count()
        }
    }

    fn verdict(number: u8) -> Verdict {
        match number {
            0..4 => Verdict::Valid,
            4..7 => Verdict::Flat,
            _ => Verdict::Masked,
        }
    }

    proptest! {
        #[test]
        fn batches_are_those_of_the_oracle(
            groups in 1_usize..6,
            max_staleness in 0_u64..3,
            // How easy each step is: the share of eight groups that is valid, and what the draws are.
            steps in prop::collection::vec(prop::collection::vec(0_u8..8, 1..80), 1..12),
        ) {
            let mut filling = Filling::new(FillingRules { groups, max_staleness, adaptive: true });
            let mut oracle = Oracle::default();
            let (mut next, mut barren) = (0_usize, 0);
            for (step, draws) in (1_u64..).zip(&steps) {
                filling.begin(step);
                prop_assert_eq!(filling.counts().dropped, oracle.drop_old(step, max_staleness));
                let mut rolled = 0;
                loop {
                    let wanted = filling.wanted();
                    let full = oracle.waiting() >= groups || rolled == MOST * groups;
                    prop_assert_eq!(wanted == 0, full, "it rolls out until the batch is full or the bound is met");
                    if full {
                        break;
                    }
                    for _ in 0..wanted {
                        let verdict = verdict(draws[rolled % draws.len()]);
                        filling.offer(next, verdict);
                        if verdict == Verdict::Valid {
                            oracle.all.push((step, next, Fate::Waiting));
                        }
                        (next, rolled) = (next + 1, rolled + 1);
                    }
                    prop_assert!(rolled <= MOST * groups);
                }
                let batch: Vec<(u64, usize)> =
                    filling.take().into_iter().map(|held| (held.born, held.group)).collect();
                prop_assert_eq!(&batch, &oracle.take(groups));
                prop_assert!(batch.is_sorted(), "oldest first");
                prop_assert!(batch.iter().all(|(born, _)| step - born <= max_staleness));
                prop_assert_eq!(filling.waiting(), oracle.waiting(), "nothing is lost");
                barren = if batch.is_empty() { barren + 1 } else { 0 };
                prop_assert_eq!(filling.barren(), barren);
                // What is written into a checkpoint in between is what goes on.
                let text = serde_json::to_string(&filling).map_err(|error| TestCaseError::fail(error.to_string()))?;
                filling = serde_json::from_str(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
            }
        }
    }

    #[test]
    fn without_filling_a_step_is_what_was_rolled_out_once() {
        let mut filling = Filling::new(FillingRules { groups: 3, max_staleness: 1, adaptive: false });
        filling.begin(1);
        assert_eq!(filling.wanted(), 3);
        for (name, verdict) in [("a", Verdict::Flat), ("b", Verdict::Valid), ("c", Verdict::Masked)] {
            filling.offer(name, verdict);
        }
        assert_eq!(filling.wanted(), 0);
        let names: Vec<&str> = filling.take().into_iter().map(|held| held.group).collect();
        assert_eq!(names, ["b", "a"]);
        filling.begin(2);
        (0..3).for_each(|_| filling.offer("flat", Verdict::Flat));
        assert!(filling.take().is_empty(), "nothing but equal rewards is nothing to learn from");
        assert_eq!((filling.barren(), filling.waiting()), (1, 0));
    }

    #[test]
    fn more_are_rolled_out_at_a_time_where_few_were_valid() {
        let mut filling = Filling::new(FillingRules { groups: 4, max_staleness: 1, adaptive: true });
        filling.begin(1);
        assert_eq!(filling.wanted(), 4);
        (0..4).for_each(|at| filling.offer(at, if at == 0 { Verdict::Valid } else { Verdict::Flat }));
        assert_eq!(filling.wanted(), 8, "three are missing, and two of five were valid");
    }
}
