//! What can be read off lowered calls: which goals depend on which, how deep they are, and what each call is given.

use crate::errand::DeskTool;
use crate::lower::{Call, Field, Given, Lowered, Of, Slot, Source, Tool};
use crate::question::{Operation, Statistic};
use astra_protocol::{Topology, topology_of};
use serde_json::{Map, Value as Json, json};

impl Lowered {
    /// Whether two calls turn out to be the same once what they take is known: whoever does not repeat the call would
    /// miss a goal.
    pub(crate) fn repeats_itself(&self) -> bool {
        let given = |given: &Given| match given {
            Given::Literal(json) => Some(json.clone()),
            Given::Step(step) => Some(self.steps[*step].value.clone()),
            Given::Field(Field::Column(at)) => Some(json!(["column", at])),
            Given::Field(Field::Parent(at)) => Some(json!(["parent", at])),
            Given::Made(_) | Given::Chosen { .. } => None,
        };
        let known = |call: &Call| -> Vec<(Slot, Option<Json>)> {
            call.inputs.iter().map(|(slot, one)| (*slot, given(one))).collect()
        };
        let calls: Vec<_> = self.calls.iter().map(|call| (call.tool, known(call))).collect();
        (0..calls.len()).any(|at| calls[..at].contains(&calls[at]))
    }

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

impl Tool {
    /// The desk's tool, if it is one.
    pub(crate) fn of_desk(self) -> Option<DeskTool> {
        match self {
            Self::Desk(tool) => Some(tool),
            Self::Search { .. }
            | Self::Find { .. }
            | Self::Get { .. }
            | Self::List { .. }
            | Self::Count { .. }
            | Self::Summary { .. }
            | Self::Convert { .. }
            | Self::Calculate
            | Self::Days => None,
        }
    }
}

impl Tool {
    /// The table whose rows it returns or works on.
    pub(crate) fn table(self) -> Option<usize> {
        match self {
            Self::Search { table }
            | Self::Find { table }
            | Self::Get { table }
            | Self::List { table, .. }
            | Self::Count { table, .. }
            | Self::Summary { table, .. } => Some(table),
            Self::Convert { .. } | Self::Calculate | Self::Days | Self::Desk(_) => None,
        }
    }

    /// Which rows it lists, counts or summarises.
    pub(crate) fn rows(self) -> Option<(usize, Option<Of>)> {
        match self {
            Self::List { table, of } | Self::Count { table, of } | Self::Summary { table, of } => {
                Some((table, of))
            }
            Self::Search { .. }
            | Self::Find { .. }
            | Self::Get { .. }
            | Self::Convert { .. }
            | Self::Calculate
            | Self::Days
            | Self::Desk(_) => None,
        }
    }
}

impl Statistic {
    /// As the tools have it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

impl Operation {
    /// As the tools have it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Difference => "difference",
            Self::Ratio => "ratio",
            Self::Percent => "percent",
            Self::Days => "days",
        }
    }
}
