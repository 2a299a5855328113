//! Credit and reward: which call reached which goal, and what that is worth (paper §4.2, eq. 30–31).
//!
//! Numbered differences from the paper:
//! 1) precision is min(1, m/c), m the distinct gold calls of the credited goals, instead of n̂/(c+ε): the paper's form
//!    exceeds 1 when one call reaches two goals and never reaches 1 when a goal needs several calls;
//! 2) "solved" is defined: a call to the goal's tool returns the typed value at the goal's path, at most one goal a
//!    call, and with the gold arguments where other arguments return the value too;
//! 3) unanswerable arenas reward an honest refusal.
//!
//! Everything here is a pure function of the episode's own log.

use crate::arena::{Arena, CompiledTool};
use crate::call::{CallRecord, same_arguments};
use crate::gold::GoldReplay;
use astra_protocol::{Comparator, ContentId, Goal, GoalKind, Score};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use std::collections::BTreeSet;

/// Weight of F1 in [`RewardVariant::F1Answer`].
pub(crate) const F1_ANSWER_LAMBDA: f64 = 0.7;

/// Which number the trainer sees. Components are recorded for all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RewardVariant {
    /// Trajectory-level F1 of recall and precision.
    #[default]
    F1,
    /// Recall only (ablation).
    Recall,
    /// Precision only (ablation).
    Precision,
    /// `λ·F1 + (1−λ)·[answer correct]`, λ = 0.7.
    F1Answer,
}

/// What the reward is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Components {
    /// n: goals.
    pub goals: usize,
    /// n̂: credited goals.
    pub credited: usize,
    /// m: distinct gold calls of the credited goals.
    pub gold_calls: usize,
    /// c: calls that count.
    pub calls: usize,
    /// Calls to distractor tools.
    pub irrelevant: usize,
    /// Calls that were wrong in themselves: unknown tool, arguments that do not fit, over the limit.
    pub invalid: usize,
    /// Injected failures, which do not count.
    pub injected: usize,
}

impl Components {
    /// r = n̂/n.
    pub fn recall(&self) -> f64 {
        if self.goals == 0 { 0.0 } else { self.credited as f64 / self.goals as f64 }
    }

    /// p = min(1, m/c), 0 without calls.
    pub fn precision(&self) -> f64 {
        if self.calls == 0 { 0.0 } else { (self.gold_calls as f64 / self.calls as f64).min(1.0) }
    }

    /// 2pr/(p+r), 0 without credit.
    pub fn f1(&self) -> f64 {
        let (recall, precision) = (self.recall(), self.precision());
        if self.credited == 0 || recall + precision == 0.0 {
            return 0.0;
        }
        // Exactly 1 for the oracle: 2·1·1/(1+1) has no rounding.
        2.0 * precision * recall / (precision + recall)
    }
}

/// A goal that was reached, and by what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// Goal id.
    pub goal: String,
    /// Index of the call in the log; absent for a goal that the final state reached.
    pub call: Option<usize>,
    /// Assistant turn in which it was reached; the number of turns for the final state.
    pub turn: usize,
}

/// The score of an episode with everything it is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpisodeScore {
    /// The number of the chosen variant; unjudged when the episode is masked.
    pub reward: Score,
    /// Which variant that is.
    pub variant: RewardVariant,
    /// Trajectory-level F1; for unanswerable arenas the refusal reward.
    pub f1: Score,
    /// Recall over goals.
    pub recall: Score,
    /// Precision over calls.
    pub precision: Score,
    /// Whether the final message gives the answer (1 or 0); not applicable to unanswerable arenas.
    pub answer: Score,
    /// Counts.
    pub components: Components,
    /// Which call credited which goal.
    pub credits: Vec<Credit>,
    /// Increment of recall at each assistant turn, then at the end of the episode; sums to the recall.
    pub process: Vec<f64>,
    /// Hash of the final state; absent in arenas without state.
    pub state_hash: Option<ContentId>,
}

/// Credit over the calls of an episode, given one by one in the order they ran.
pub(crate) struct Ledger<'a> {
    arena: &'a Arena,
    gold: &'a GoldReplay,
    credited: Vec<Option<usize>>,
}

impl<'a> Ledger<'a> {
    pub(crate) fn new(arena: &'a Arena, gold: &'a GoldReplay) -> Self {
        Self { arena, gold, credited: vec![None; arena.spec.goals.len()] }
    }

    /// Offers a call; returns the goals (by position) that it is credited for.
    ///
    /// Among the goals that it reaches, the one whose gold arguments it has wins, else the first in dependency
    /// order; goals that share the winner's gold call and are reached too come with it.
    pub(crate) fn offer(&mut self, index: usize, record: &CallRecord) -> Vec<usize> {
        let (Some(arguments), Some(result)) = (&record.arguments, &record.result) else { return Vec::new() };
        if record.distractor {
            return Vec::new();
        }
        let open: Vec<usize> = reachable(self.arena, self.gold, &record.call.name, arguments, result)
            .into_iter()
            .filter(|goal| self.credited[*goal].is_none())
            .collect();
        let exact = open.iter().copied().find(|goal| {
            let compiled = self.arena.compiled(&record.call.name);
            gold_of(&self.arena.spec.goals[*goal])
                .and_then(|id| self.gold.arguments(id))
                .zip(compiled)
                .is_some_and(|(gold, tool)| {
                    let (gold, seen) = (tool.with_defaults(gold), tool.with_defaults(arguments));
                    gold.len() == seen.len() && same_arguments(&gold, &seen, gold.keys())
                })
        });
        let Some(winner) = exact.or_else(|| open.first().copied()) else { return Vec::new() };
        let shared = gold_of(&self.arena.spec.goals[winner]);
        let taken: Vec<usize> = open
            .into_iter()
            .filter(|goal| {
                *goal == winner || (shared.is_some() && gold_of(&self.arena.spec.goals[*goal]) == shared)
            })
            .collect();
        for goal in &taken {
            self.credited[*goal] = Some(index);
        }
        taken
    }

    /// Credits the state goal, if there is one and the final state is the gold one.
    pub(crate) fn settle_state(&mut self, final_state: Option<&ContentId>) -> Vec<usize> {
        let position =
            self.arena.spec.goals.iter().position(|goal| matches!(goal.kind, GoalKind::StateEquals { .. }));
        match position {
            Some(goal) if final_state.is_some() && final_state == self.gold.final_state.as_ref() => {
                self.credited[goal] = Some(usize::MAX);
                vec![goal]
            }
            Some(_) | None => Vec::new(),
        }
    }

    /// n, n̂ and m so far.
    pub(crate) fn components(&self) -> Components {
        let goals = &self.arena.spec.goals;
        let mut distinct: BTreeSet<&str> = BTreeSet::new();
        let mut without_gold = 0;
        let mut credited = 0;
        for (goal, _) in goals.iter().zip(&self.credited).filter(|(_, credit)| credit.is_some()) {
            credited += 1;
            match &goal.kind {
                GoalKind::Returns { gold: Some(id), .. } => {
                    distinct.insert(id);
                }
                GoalKind::Returns { gold: None, .. } => without_gold += 1,
                GoalKind::StateEquals { gold } => distinct.extend(gold.iter().map(String::as_str)),
            }
        }
        Components {
            goals: goals.len(),
            credited,
            gold_calls: distinct.len() + without_gold,
            ..Components::default()
        }
    }
}

/// Gold call of a `Returns` goal.
pub(crate) fn gold_of(goal: &Goal) -> Option<&str> {
    match &goal.kind {
        GoalKind::Returns { gold, .. } => gold.as_deref(),
        GoalKind::StateEquals { .. } => None,
    }
}

/// Goals (by position, dependency order) that a returned call reaches, credited or not.
pub(crate) fn reachable(
    arena: &Arena,
    gold: &GoldReplay,
    tool: &str,
    arguments: &Map<String, Json>,
    result: &Json,
) -> Vec<usize> {
    let goals = arena.spec.goals.iter().enumerate();
    goals.filter(|(_, goal)| reaches(arena, gold, goal, tool, arguments, result)).map(|(at, _)| at).collect()
}

fn reaches(
    arena: &Arena,
    gold_replay: &GoldReplay,
    goal: &Goal,
    called: &str,
    arguments: &Map<String, Json>,
    result: &Json,
) -> bool {
    let GoalKind::Returns { tool, gold, decisive, grounded, .. } = &goal.kind else { return false };
    if tool != called || !value_stands(goal, result) {
        return false;
    }
    let Some(id) = gold else { return true };
    if !grounded {
        return true;
    }
    let (Some(wanted), Some(compiled)) = (gold_replay.arguments(id), arena.compiled(called)) else {
        return false;
    };
    is_grounded(compiled, decisive, wanted, arguments)
}

/// Whether the decisive arguments (all of gold's when none are recorded) equal gold, defaults filled in.
pub(crate) fn is_grounded(
    tool: &CompiledTool,
    decisive: &[String],
    wanted: &Map<String, Json>,
    seen: &Map<String, Json>,
) -> bool {
    let (full_wanted, full_seen) = (tool.with_defaults(wanted), tool.with_defaults(seen));
    if decisive.is_empty() {
        same_arguments(&full_wanted, &full_seen, wanted.keys())
    } else {
        same_arguments(&full_wanted, &full_seen, decisive)
    }
}

/// Whether a goal's value stands at its path in a result.
pub(crate) fn value_stands(goal: &Goal, result: &Json) -> bool {
    match &goal.kind {
        GoalKind::Returns { path, value, comparator, .. } => {
            result.pointer(path).is_some_and(|seen| match comparator {
                Comparator::Equals => value.matches(seen),
                Comparator::Contains => value.contained_in(seen),
            })
        }
        GoalKind::StateEquals { .. } => false,
    }
}
