//! A question decomposed into dependent steps, and the topology that follows from its DAG.

use crate::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A question with its answer and the steps that lead there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decomposition {
    /// The main question.
    pub question: String,
    /// Its answer.
    pub answer: Value,
    /// ISO 639-1 code.
    pub language: String,
    /// Subject area.
    pub domain: String,
    /// Computed from `steps`, not believed.
    pub topology: Topology,
    /// The steps, predecessors first.
    pub steps: Vec<Step>,
}

/// One sub-question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Unique in the decomposition.
    pub id: String,
    /// The sub-question.
    pub question: String,
    /// Its answer.
    pub answer: Value,
    /// Steps whose answers it needs.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// Whether it cannot be answered without a tool.
    pub needs_tool: bool,
}

/// The four scenario types of the paper (§2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Topology {
    /// One step.
    SingleHop,
    /// Several steps, none of which needs another.
    ParallelSingleHop,
    /// A chain.
    MultiHop,
    /// Several branches, at least one of which has depth.
    ParallelMultiHop,
}

impl Topology {
    /// The name used in files and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SingleHop => "single_hop",
            Self::ParallelSingleHop => "parallel_single_hop",
            Self::MultiHop => "multi_hop",
            Self::ParallelMultiHop => "parallel_multi_hop",
        }
    }
}

impl std::fmt::Display for Topology {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Topology and depth (hops on the longest path) of a DAG given as `(id, depends_on)`.
///
/// Edges to unknown ids are ignored; `None` when the graph is empty or has a cycle. A graph is a chain
/// (`multi_hop`) when every level of it holds exactly one step.
pub fn topology_of(nodes: &[(&str, Vec<&str>)]) -> Option<(Topology, usize)> {
    let known: BTreeSet<&str> = nodes.iter().map(|(id, _)| *id).collect();
    let mut level = vec![0_usize; nodes.len()];
    let index = |id: &str| nodes.iter().position(|(name, _)| *name == id);
    // Longest-path levels by relaxation: more rounds than nodes means a cycle.
    for round in 0..=nodes.len() {
        let mut changed = false;
        for (position, (_, depends_on)) in nodes.iter().enumerate() {
            for parent in depends_on.iter().filter(|id| known.contains(**id)) {
                let needed = index(parent).map_or(0, |at| level[at] + 1);
                if level[position] < needed {
                    level[position] = needed;
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
        if round == nodes.len() {
            return None;
        }
    }
    let depth = level.iter().max()? + 1;
    let topology = match (nodes.len(), depth) {
        (1, _) => Topology::SingleHop,
        (_, 1) => Topology::ParallelSingleHop,
        (count, depth) if count == depth => Topology::MultiHop,
        _ => Topology::ParallelMultiHop,
    };
    Some((topology, depth))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topology_follows_from_the_graph() {
        let t = |nodes: &[(&str, Vec<&str>)]| topology_of(nodes);
        assert_eq!(t(&[("a", vec![])]), Some((Topology::SingleHop, 1)));
        assert_eq!(t(&[("a", vec![]), ("b", vec![])]), Some((Topology::ParallelSingleHop, 1)));
        assert_eq!(
            t(&[("a", vec![]), ("b", vec!["a"]), ("c", vec!["a", "b"])]),
            Some((Topology::MultiHop, 3))
        );
        assert_eq!(
            t(&[("a", vec![]), ("b", vec![]), ("c", vec!["a", "b"])]),
            Some((Topology::ParallelMultiHop, 2))
        );
        assert_eq!(t(&[("a", vec!["b"]), ("b", vec!["a"])]), None, "a cycle has no topology");
        assert_eq!(t(&[]), None);
    }
}
