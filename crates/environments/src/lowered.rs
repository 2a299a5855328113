//! What can be read off lowered calls: which goals depend on which, how deep they are, and what each call is given.

use crate::lower::{Field, Given, Lowered, Slot, Source, Tool};
use astra_protocol::{Topology, topology_of};
use serde_json::{Map, Value as Json, json};

impl Lowered {
    /// Steps whose values a step's call takes.
    pub(crate) fn parents(&self, step: usize) -> Vec<usize> {
        self.parents_of(&[self.steps[step].call])
    }

    /// Steps whose values the writing calls take.
    pub(crate) fn parents_of_writes(&self) -> Vec<usize> {
        self.parents_of(&self.writes)
    }

    /// Whether a step's call takes what a writing call made.
    pub(crate) fn follows_writes(&self, step: usize) -> bool {
        let inputs = &self.calls[self.steps[step].call].inputs;
        inputs.iter().any(|(_, given)| matches!(given, Given::Made(_)))
    }

    /// Topology and depth of the goals: the steps, and the writing calls as one.
    pub(crate) fn topology(&self) -> Option<(Topology, usize)> {
        let names: Vec<String> = (0..=self.steps.len()).map(|at| at.to_string()).collect();
        let state = names.last().map_or("", String::as_str);
        let named = |steps: Vec<usize>| steps.into_iter().map(|step| names[step].as_str());
        let mut nodes: Vec<(&str, Vec<&str>)> = (0..self.steps.len())
            .map(|at| {
                let after = self.follows_writes(at).then_some(state);
                (names[at].as_str(), named(self.parents(at)).chain(after).collect())
            })
            .collect();
        if !self.writes.is_empty() {
            nodes.push((state, named(self.parents_of_writes()).collect()));
        }
        topology_of(&nodes)
    }

    fn parents_of(&self, calls: &[usize]) -> Vec<usize> {
        let mut out: Vec<usize> = Vec::new();
        for (_, given) in calls.iter().flat_map(|call| &self.calls[*call].inputs) {
            let parents: &[usize] = match given {
                Given::Step(parent) => std::slice::from_ref(parent),
                Given::Chosen { steps, .. } => steps,
                Given::Literal(_) | Given::Field(_) | Given::Made(_) => &[],
            };
            for parent in parents {
                if !out.contains(parent) {
                    out.push(*parent);
                }
            }
        }
        out
    }

    /// The tools, in the order of their first use.
    pub(crate) fn tools(&self) -> Vec<Tool> {
        let mut tools = Vec::new();
        for call in &self.calls {
            if !tools.contains(&call.tool) {
                tools.push(call.tool);
            }
        }
        tools
    }

    /// The arguments of a call as a plain map of slots, for whoever spells them.
    pub(crate) fn arguments(
        &self,
        call: usize,
        spell: impl Fn(Slot) -> String,
        choice: impl Fn(Slot, &Json) -> Json,
        field: impl Fn(Field) -> String,
        reference: impl Fn(Source) -> String,
    ) -> Map<String, Json> {
        let inputs = &self.calls[call].inputs;
        inputs
            .iter()
            .map(|(slot, given)| {
                let json = match given {
                    Given::Literal(json) => choice(*slot, json),
                    Given::Field(one) => Json::String(field(*one)),
                    Given::Step(step) => json!({"$ref": reference(Source::Step(*step))}),
                    Given::Made(call) => json!({"$ref": reference(Source::Made(*call))}),
                    Given::Chosen { steps, value } => {
                        let sources: Vec<String> =
                            steps.iter().map(|step| reference(Source::Step(*step))).collect();
                        json!({"$ref": sources, "via": {"kind": "select"}, "value": value})
                    }
                };
                (spell(*slot), json)
            })
            .collect()
    }
}
