//! A policy's numbers over episodes, whole and by what kind of arena it was.
//!
//! Every interval resamples arenas, with all samples of an arena together. A number that nothing measured is absent,
//! never 0. Looking at many groups finds some that stand out by chance; nothing here corrects for that.

use crate::record::EpisodeRecord;
use crate::statistics::{
    Bootstrap, Cluster, Estimate, StatisticsError, bootstrap_mean, cluster_mean, group_by, pass_hat_k,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is measured of an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Trajectory-level F1; the refusal reward where the arena is unanswerable.
    F1,
    /// Recall over goals; answerable arenas only.
    Recall,
    /// Precision over calls; answerable arenas only.
    Precision,
    /// Whether the last message gives the answer; answerable arenas only.
    Answer,
    /// Share of calls that named an offered tool with arguments valid against its schema.
    Validity,
    /// Tool calls that count.
    Calls,
    /// Assistant turns.
    Turns,
    /// Tokens written; policies that count them only.
    OutputTokens,
}

impl Metric {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 8] = [
        Self::F1,
        Self::Recall,
        Self::Precision,
        Self::Answer,
        Self::Validity,
        Self::Calls,
        Self::Turns,
        Self::OutputTokens,
    ];

    /// The name in tables; in JSON words are joined by `_`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::F1 => "F1",
            Self::Recall => "recall",
            Self::Precision => "precision",
            Self::Answer => "answer",
            Self::Validity => "validity",
            Self::Calls => "calls",
            Self::Turns => "turns",
            Self::OutputTokens => "output tokens",
        }
    }

    /// What an episode adds: its value, or its valid calls over its calls. Nothing when it is masked or the question
    /// does not arise.
    pub(crate) fn of(self, episode: &EpisodeRecord) -> Option<Cluster> {
        if episode.is_masked() {
            return None;
        }
        let score = &episode.score;
        let count = |count: u64| Some(count as f64);
        let value = match self {
            Self::F1 => score.f1.measured(),
            Self::Recall => score.recall.measured(),
            Self::Precision => score.precision.measured(),
            Self::Answer => score.answer.measured(),
            Self::Validity => {
                let form = episode.form;
                let share = Cluster { sum: form.valid as f64, weight: form.judged as f64 };
                return (form.judged > 0).then_some(share);
            }
            Self::Calls => count(score.components.calls as u64),
            Self::Turns => count(episode.turns as u64),
            Self::OutputTokens if episode.usage.output_tokens == 0 => None,
            Self::OutputTokens => count(episode.usage.output_tokens),
        };
        value.map(|value| Cluster { sum: value, weight: 1.0 })
    }
}

/// By what episodes are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Topology of the arena.
    Topology,
    /// Its hops.
    Hops,
    /// Its language.
    Language,
    /// Whether its tools share a state.
    Stateful,
    /// Whether it has all the tools that it needs.
    Answerable,
}

impl Dimension {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Topology, Self::Hops, Self::Language, Self::Stateful, Self::Answerable];

    /// The group of an episode, and its place among the groups.
    fn of(self, episode: &EpisodeRecord) -> (usize, String) {
        let yes_first = |is: bool| (usize::from(!is), if is { "yes" } else { "no" }.to_owned());
        match self {
            Self::Topology => (episode.topology as usize, episode.topology.as_str().to_owned()),
            Self::Hops => (episode.hops, episode.hops.to_string()),
            Self::Language => (0, episode.language.clone()),
            Self::Stateful => yes_first(episode.stateful),
            Self::Answerable => yes_first(episode.answerable),
        }
    }
}

impl std::fmt::Display for Dimension {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Topology => "topology",
            Self::Hops => "hops",
            Self::Language => "language",
            Self::Stateful => "stateful",
            Self::Answerable => "answerable",
        })
    }
}

/// The chance that `k` episodes of an arena all succeed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PassHatK {
    /// How many must succeed.
    pub k: usize,
    /// Mean over arenas that have at least `k` scored episodes.
    #[serde(flatten)]
    pub estimate: Estimate,
}

/// Numbers over some episodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// Episodes scored.
    pub episodes: usize,
    /// Episodes masked because something other than the policy broke.
    pub masked: usize,
    /// Arenas with a scored episode.
    pub arenas: usize,
    /// What was measured, with 95 % intervals; `n` is the number of arenas that measured it.
    pub metrics: BTreeMap<Metric, Estimate>,
    /// pass^k for every k up to the number of samples.
    pub pass_hat_k: Vec<PassHatK>,
}

/// The episodes of one kind of arena.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// By what they are grouped.
    pub by: Dimension,
    /// What they have in common.
    pub value: String,
    /// Their numbers.
    #[serde(flatten)]
    pub measures: Measures,
}

/// Numbers over all episodes and over each kind of arena.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Over all.
    #[serde(flatten)]
    pub all: Measures,
    /// By topology, hops, language, stateful and answerable, one after the other.
    pub groups: Vec<Group>,
}

/// Sums up episodes. An episode succeeds when its F1 is at least `success`.
pub fn evaluate(episodes: &[EpisodeRecord], success: f64) -> Result<Evaluation, StatisticsError> {
    let mut groups = Vec::new();
    for by in Dimension::ALL {
        for ((_, value), members) in group_by(episodes, |episode| by.of(episode)) {
            groups.push(Group { by, value, measures: measure(&members, success)? });
        }
    }
    let all: Vec<&EpisodeRecord> = episodes.iter().collect();
    Ok(Evaluation { all: measure(&all, success)?, groups })
}

fn measure(episodes: &[&EpisodeRecord], success: f64) -> Result<Measures, StatisticsError> {
    let arenas = group_by(episodes.iter().copied().filter(|one| !one.is_masked()), |one| one.arena.clone());
    let mut metrics = BTreeMap::new();
    for metric in Metric::ALL {
        let clusters: Vec<Cluster> = arenas
            .values()
            .map(|samples| Cluster::total(samples.iter().filter_map(|episode| metric.of(episode))))
            .collect();
        if let Some(estimate) = cluster_mean(&clusters, Bootstrap::default())? {
            metrics.insert(metric, estimate);
        }
    }
    let scored = arenas.values().map(Vec::len).sum();
    Ok(Measures {
        episodes: scored,
        masked: episodes.len() - scored,
        arenas: arenas.len(),
        metrics,
        pass_hat_k: all_pass_hat_k(&arenas, success)?,
    })
}

fn all_pass_hat_k(
    arenas: &BTreeMap<String, Vec<&EpisodeRecord>>,
    success: f64,
) -> Result<Vec<PassHatK>, StatisticsError> {
    let succeeds = |one: &&&EpisodeRecord| one.score.f1.measured().is_some_and(|f1| f1 >= success);
    let tallies: Vec<(usize, usize)> =
        arenas.values().map(|samples| (samples.iter().filter(succeeds).count(), samples.len())).collect();
    let most = tallies.iter().map(|(_, trials)| *trials).max().unwrap_or(0);
    let mut all = Vec::new();
    for k in 1..=most {
        let chances: Vec<f64> =
            tallies.iter().filter_map(|(successes, trials)| pass_hat_k(*successes, *trials, k)).collect();
        if let Some(estimate) = bootstrap_mean(&chances, Bootstrap::default())? {
            all.push(PassHatK { k, estimate });
        }
    }
    Ok(all)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use astra_arena::{Components, RewardVariant};
    use astra_protocol::{Score, Stop, Topology, Usage};

    /// An answered episode of F1 `f1` with `calls` calls, all of them well-formed.
    pub(crate) fn episode(arena: &str, sample: usize, f1: Option<f64>, calls: usize) -> EpisodeRecord {
        let score = match f1 {
            Some(f1) => Score::Measured(f1),
            None => Score::Unjudged { why: "masked".into() },
        };
        EpisodeRecord {
            arena: arena.into(),
            sample,
            seed: 7 + sample as u64,
            policy: "p".into(),
            topology: Topology::MultiHop,
            hops: 2,
            language: "en".into(),
            stateful: false,
            answerable: true,
            stop: Stop::Answered,
            score: EpisodeScoreOf { score, calls }.build(),
            turns: calls + 1,
            form: crate::record::CallForm { judged: calls, valid: calls },
            usage: Usage::default(),
        }
    }

    struct EpisodeScoreOf {
        score: Score,
        calls: usize,
    }

    impl EpisodeScoreOf {
        fn build(self) -> astra_arena::EpisodeScore {
            let Self { score, calls } = self;
            astra_arena::EpisodeScore {
                reward: score.clone(),
                variant: RewardVariant::F1,
                f1: score.clone(),
                recall: score.clone(),
                precision: score.clone(),
                answer: score,
                components: Components { calls, ..Components::default() },
                credits: Vec::new(),
                process: Vec::new(),
                state_hash: None,
            }
        }
    }

    fn mean(measures: &Measures, metric: Metric) -> Option<f64> {
        measures.metrics.get(&metric).map(|estimate| estimate.mean)
    }

    #[test]
    fn masked_episodes_are_counted_and_measure_nothing() {
        let episodes = [episode("a", 0, Some(1.0), 2), episode("a", 1, None, 9), episode("b", 0, None, 9)];
        let all = evaluate(&episodes, 1.0).unwrap().all;
        assert_eq!((all.episodes, all.masked, all.arenas), (1, 2, 1));
        assert_eq!((mean(&all, Metric::F1), mean(&all, Metric::Calls)), (Some(1.0), Some(2.0)));
        let nothing = evaluate(&episodes[2..], 1.0).unwrap().all;
        assert_eq!((nothing.masked, nothing.metrics.len(), nothing.pass_hat_k.len()), (1, 0, 0));
    }

    #[test]
    fn validity_is_a_share_of_calls_and_tokens_are_absent_where_nobody_counts() {
        let mut episodes =
            [episode("a", 0, Some(0.0), 3), episode("b", 0, Some(0.0), 1), episode("c", 0, Some(0.0), 0)];
        episodes[0].form.valid = 0;
        let all = evaluate(&episodes, 1.0).unwrap().all;
        assert_eq!(mean(&all, Metric::Validity), Some(0.25));
        assert_eq!(all.metrics[&Metric::Validity].n, 2, "who makes no call makes no invalid one");
        assert_eq!(mean(&all, Metric::OutputTokens), None);
        episodes[1].usage.output_tokens = 40;
        assert_eq!(mean(&evaluate(&episodes, 1.0).unwrap().all, Metric::OutputTokens), Some(40.0));
    }

    #[test]
    fn pass_hat_k_goes_up_to_the_samples_and_success_has_a_threshold() {
        let f1 = [[1.0, 1.0, 0.5, 1.0], [0.5, 0.0, 0.0, 0.0]];
        let episodes: Vec<EpisodeRecord> = ["a", "b"]
            .iter()
            .zip(f1)
            .flat_map(|(arena, f1)| {
                f1.into_iter().enumerate().map(|(at, f1)| episode(arena, at, Some(f1), 1))
            })
            .collect();
        let means = |success: f64| -> Vec<f64> {
            let all = evaluate(&episodes, success).unwrap().all;
            all.pass_hat_k.iter().map(|one| one.estimate.mean).collect()
        };
        assert_eq!(means(1.0), [0.375, 0.25, 0.125, 0.0]);
        assert_eq!(means(0.5), [0.625, 0.5, 0.5, 0.5]);
    }

    #[test]
    fn every_dimension_divides_all_episodes() {
        let mut episodes: Vec<EpisodeRecord> =
            (0..12).map(|at| episode(&at.to_string(), 0, Some(1.0), 1)).collect();
        episodes[0].hops = 10;
        episodes[1].topology = Topology::SingleHop;
        episodes[2].stateful = true;
        episodes[3].language = "zh".into();
        episodes[4].answerable = false;
        let evaluation = evaluate(&episodes, 1.0).unwrap();
        for by in Dimension::ALL {
            let groups: Vec<&Group> = evaluation.groups.iter().filter(|group| group.by == by).collect();
            assert_eq!(groups.iter().map(|group| group.measures.episodes).sum::<usize>(), 12, "{by}");
            assert_eq!(groups.len(), 2, "{by}");
        }
        let hops: Vec<&str> = evaluation
            .groups
            .iter()
            .filter(|group| group.by == Dimension::Hops)
            .map(|group| group.value.as_str())
            .collect();
        assert_eq!(hops, ["2", "10"], "hops are numbers, not words");
    }
}
