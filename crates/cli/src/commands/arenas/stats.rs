//! `astra arenas stats`: what is in a set of arenas. Reads, counts, runs nothing.
//!
//! Tokens are estimated from characters: which tokenizer a model has is not known here, and a guess that says so is
//! better than a number that looks exact. Near-repeats are counted within a source, where they come from.

use crate::Context;
use crate::failure::ExitStatus;
use crate::repeats::{NearRepeats, Repeats};
use crate::source::{name_of, place_of};
use crate::table::Table;
use astra_eval::recorded_shape;
use astra_protocol::value::text::is_cjk;
use astra_protocol::{ArenaSpec, ContentId, GoalKind, IsolationClass, Reference};
use astra_store::read_arenas;
use clap::Args;
use serde::{Serialize, Serializer};
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
    unanswerable: usize,
    source: BTreeMap<String, usize>,
    /// Kinds of steps, as the generator recorded them; an arena has several.
    kinds: BTreeMap<String, usize>,
    /// Topology → hops → arenas.
    hops_by_topology: BTreeMap<String, BTreeMap<usize, usize>>,
    tools_per_arena: Spread,
    /// Estimated from characters, not counted by a tokenizer.
    estimated_prompt_tokens: Spread,
    /// Estimated from characters, not counted by a tokenizer.
    estimated_tool_document_tokens: Spread,
    /// As `near_repeats_by_prompt` and `near_repeats_by_shape`, flat as all the other numbers.
    #[serde(flatten, serialize_with = "flat")]
    near_repeats: NearRepeats,
    /// Arenas whose shape the generator recorded; the shapes of the others are read off.
    shapes_recorded: usize,
}

fn flat<S: Serializer>(repeats: &NearRepeats, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Flat<'a> {
        near_repeats_by_prompt: &'a Repeats,
        near_repeats_by_shape: &'a Repeats,
    }
    let NearRepeats { prompt, shape, .. } = repeats;
    Flat { near_repeats_by_prompt: prompt, near_repeats_by_shape: shape }.serialize(serializer)
}

/// How a number is spread over arenas.
#[derive(Debug, Default, Serialize)]
struct Spread {
    min: usize,
    median: usize,
    max: usize,
    #[serde(skip)]
    all: Vec<usize>,
}

impl Spread {
    fn settle(&mut self) {
        self.all.sort_unstable();
        self.min = self.all.first().copied().unwrap_or(0);
        self.max = self.all.last().copied().unwrap_or(0);
        self.median = self.all.get(self.all.len() / 2).copied().unwrap_or(0);
    }
}

/// Tokens of a text, roughly: four characters each, or one Chinese character.
fn estimated_tokens(text: &str) -> usize {
    let (wide, narrow): (Vec<char>, Vec<char>) = text.chars().partition(|letter| is_cjk(*letter));
    wide.len() + narrow.len().div_ceil(4)
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
    statistics.settle();
    if arguments.list {
        if !context.printer.json {
            context.printer.data(listed.to_string())?;
        }
    } else if context.printer.json {
        context.printer.json(&statistics)?;
    } else {
        print(&statistics, context)?;
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
        self.add_extent(spec);
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

    /// How large it is, where it comes from, and whether it was there before.
    fn add_extent(&mut self, spec: &ArenaSpec) {
        self.unanswerable += usize::from(!spec.answerable);
        count(&mut self.source, spec.provenance.source.as_deref().unwrap_or("not said"));
        let kinds = spec.provenance.extra.get("kinds").and_then(Json::as_array);
        for kind in kinds.into_iter().flatten().filter_map(Json::as_str) {
            count(&mut self.kinds, kind);
        }
        let hops = self.hops_by_topology.entry(spec.topology.to_string()).or_default();
        *hops.entry(spec.hops()).or_default() += 1;
        self.tools_per_arena.all.push(spec.tools.len());
        self.estimated_prompt_tokens.all.push(estimated_tokens(&spec.prompt_text()));
        let documents = spec.tools.iter().map(|tool| {
            let doc = &tool.doc;
            estimated_tokens(&doc.name)
                + estimated_tokens(&doc.description)
                + estimated_tokens(doc.parameters.get())
        });
        self.estimated_tool_document_tokens.all.push(documents.sum());
        self.near_repeats.add(spec);
        self.shapes_recorded += usize::from(recorded_shape(spec).is_some());
    }

    fn settle(&mut self) {
        self.tools_per_arena.settle();
        self.estimated_prompt_tokens.settle();
        self.estimated_tool_document_tokens.settle();
    }
}

/// The type's name as the files have it.
fn kind_of(value: &astra_protocol::Value) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json["type"].as_str().unwrap_or("?").to_owned()
}

fn print(statistics: &Statistics, context: &Context) -> anyhow::Result<()> {
    let mut table = Table::new(&["what", "count"], 0..0);
    let fields = serde_json::to_value(statistics)?;
    for (name, value) in fields.as_object().into_iter().flatten() {
        let text = match value {
            // These two stand below, or in words.
            Json::Object(_) if name == "hops_by_topology" => continue,
            Json::Object(repeats) if name.starts_with("near_repeats") => {
                let share = 100.0 * repeats["share"].as_f64().unwrap_or(0.0);
                format!("{} ({share:.2} % of the arenas)", repeats["count"])
            }
            Json::Object(counts) => {
                counts.iter().map(|(key, count)| format!("{key} {count}")).collect::<Vec<_>>().join(", ")
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
                value.to_string()
            }
        };
        table.row(vec![name.replace('_', " "), text]);
    }
    context.printer.data(table.to_string())?;
    context.printer.data(matrix(&statistics.hops_by_topology).to_string())
}

/// Topologies down, hops across.
fn matrix(counts: &BTreeMap<String, BTreeMap<usize, usize>>) -> Table {
    let hops: BTreeSet<usize> = counts.values().flat_map(BTreeMap::keys).copied().collect();
    let mut headings = vec!["topology × hops".to_owned()];
    headings.extend(hops.iter().map(ToString::to_string));
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let mut table = Table::new(&headings, 1..headings.len());
    for (topology, by_hops) in counts {
        let cells = hops.iter().map(|hops| by_hops.get(hops).map_or("–".to_owned(), ToString::to_string));
        table.row([vec![topology.clone()], cells.collect()].concat());
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_estimated_by_script() {
        assert_eq!(estimated_tokens("four char"), 3);
        assert_eq!(estimated_tokens("几点到站"), 4);
    }

    #[test]
    fn hops_stand_in_their_column() {
        let counts = BTreeMap::from([
            ("chain".to_owned(), BTreeMap::from([(2, 7), (3, 1)])),
            ("one".to_owned(), BTreeMap::from([(1, 5)])),
        ]);
        let shown = matrix(&counts).to_string();
        assert_eq!(
            shown.lines().nth(1).unwrap().split_whitespace().collect::<Vec<_>>(),
            ["chain", "–", "7", "1"]
        );
    }
}
