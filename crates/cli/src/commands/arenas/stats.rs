//! `astra arenas stats`: what is in a set of arenas. Reads, counts, runs nothing.

use crate::Context;
use crate::failure::ExitStatus;
use crate::source::{name_of, place_of};
use crate::table::Table;
use astra_protocol::{ArenaSpec, ContentId, GoalKind, IsolationClass, Reference};
use astra_store::read_arenas;
use clap::Args;
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Arguments of `stats`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra arenas stats first-run/arenas")]
pub(crate) struct StatsArguments {
    /// Arenas: a .jsonl file, a hand-written .json file, or a folder of either
    path: PathBuf,
    /// List id, name and place of each arena instead
    #[arg(long)]
    list: bool,
}

#[derive(Debug, Default, Serialize)]
struct Statistics {
    arenas: usize,
    tools: usize,
    distinct_code: usize,
    gold_calls: usize,
    goals: usize,
    unproven: usize,
    with_state: usize,
    with_data: usize,
    topology: BTreeMap<String, usize>,
    hops: BTreeMap<String, usize>,
    language: BTreeMap<String, usize>,
    domain: BTreeMap<String, usize>,
    answerable: BTreeMap<String, usize>,
    class: BTreeMap<String, usize>,
    value_types: BTreeMap<String, usize>,
    answer_types: BTreeMap<String, usize>,
    decisive_arguments: BTreeMap<String, usize>,
    grounded: BTreeMap<String, usize>,
    arguments: BTreeMap<String, usize>,
}

/// Counts.
pub(crate) fn run(arguments: &StatsArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let mut statistics = Statistics::default();
    let mut codes = BTreeSet::new();
    let mut listed = Table::new(&["id", "name", "place"], 0..0);
    for stored in read_arenas(&arguments.path)? {
        let stored = stored?;
        if arguments.list && context.printer.json {
            let (id, name) = (stored.spec.id(), name_of(&stored.spec));
            context.printer.json(&json!({"id": id, "name": name, "place": place_of(&stored)}))?;
        } else if arguments.list {
            let id = stored.spec.id().short().to_owned();
            listed.row(vec![id, name_of(&stored.spec), place_of(&stored)]);
        }
        codes.extend(stored.spec.tools.iter().map(|tool| ContentId::of_bytes(tool.code.as_bytes())));
        statistics.add(&stored.spec);
    }
    statistics.distinct_code = codes.len();
    if arguments.list {
        if !context.printer.json {
            context.printer.data(listed.to_string())?;
        }
    } else if context.printer.json {
        context.printer.json(&statistics)?;
    } else {
        print(&serde_json::to_value(&statistics)?, context)?;
    }
    Ok(ExitStatus::Done)
}

fn count(map: &mut BTreeMap<String, usize>, key: impl Into<String>) {
    *map.entry(key.into()).or_default() += 1;
}

impl Statistics {
    fn add(&mut self, spec: &ArenaSpec) {
        self.arenas += 1;
        self.tools += spec.tools.len();
        self.gold_calls += spec.gold.len();
        self.goals += spec.goals.len();
        self.unproven += usize::from(spec.is_unproven());
        self.with_state += usize::from(spec.state.is_some());
        self.with_data += usize::from(!spec.data.is_empty());
        count(&mut self.topology, spec.topology.as_str());
        count(&mut self.hops, spec.hops().to_string());
        count(&mut self.language, &spec.language);
        count(&mut self.domain, &spec.domain);
        count(&mut self.answerable, if spec.answerable { "yes" } else { "no" });
        count(&mut self.answer_types, kind_of(&spec.answer));
        let is_shared = spec.tools.iter().all(|tool| tool.class == IsolationClass::Shared);
        count(&mut self.class, if is_shared { "shared" } else { "private" });
        for goal in &spec.goals {
            match &goal.kind {
                GoalKind::Returns { value, decisive, grounded, .. } => {
                    count(&mut self.value_types, kind_of(value));
                    count(&mut self.decisive_arguments, decisive.len().to_string());
                    count(&mut self.grounded, if *grounded { "yes" } else { "no" });
                }
                GoalKind::StateEquals { .. } => count(&mut self.value_types, "state"),
            }
        }
        for argument in spec.gold.iter().flat_map(|call| call.arguments.values()) {
            let kind = match Reference::of(argument) {
                None => "literal".to_owned(),
                Some(Ok(Reference { via: Some(via), .. })) => {
                    let via = serde_json::to_value(via).unwrap_or_default();
                    format!("reference via {}", via["kind"].as_str().unwrap_or("?"))
                }
                Some(Ok(_) | Err(_)) => "reference".to_owned(),
            };
            count(&mut self.arguments, kind);
        }
    }
}

/// The type's name as the files have it.
fn kind_of(value: &astra_protocol::Value) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json["type"].as_str().unwrap_or("?").to_owned()
}

fn print(statistics: &Json, context: &Context) -> anyhow::Result<()> {
    let mut table = Table::new(&["what", "count"], 0..0);
    for (name, value) in statistics.as_object().into_iter().flatten() {
        let text = match value {
            Json::Object(counts) => {
                counts.iter().map(|(key, count)| format!("{key} {count}")).collect::<Vec<_>>().join(", ")
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
                value.to_string()
            }
        };
        table.row(vec![name.replace('_', " "), text]);
    }
    context.printer.data(table.to_string())
}
