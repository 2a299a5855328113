//! The arena as data: a task with executable tools, typed goals and gold calls.
//!
//! An [`ArenaSpec`] is one JSON line. It says what the agent sees (`prompt`, `tools`), what the tools compute from
//! (`data`, `state`), and what only the runtime knows (`gold`, `goals`, `answer`, `withheld`). Its id is the hash of
//! the semantic fields; `evidence` (what was measured) and `provenance` (where it comes from) do not enter it.

use crate::{ContentId, Message, ToolDoc, Topology, Value, content_id};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Version of the format that this code reads and writes.
pub const ARENA_VERSION: u32 = 1;

/// A task with executable tools, typed goals and a deterministic reward.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArenaSpec {
    /// Format version; 1.
    pub version: u32,
    /// ISO 639-1 code of the prompt's language.
    pub language: String,
    /// Subject area; tools of other domains may be mixed in as distractors.
    pub domain: String,
    /// Scenario type of the decomposition.
    pub topology: Topology,
    /// What the agent reads first: system and user messages.
    pub prompt: Vec<Message>,
    /// The final answer.
    pub answer: Value,
    /// False when a required tool was removed on purpose and the right behaviour is to say so.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub answerable: bool,
    /// Unanswerable arenas: values of the goals that lost their tool or depend on one that did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Value>,
    /// The arena's own tools.
    pub tools: Vec<ArenaTool>,
    /// Data that the tools compute from, at most 256 KiB an arena.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<DataRef>,
    /// Initial state, a JSON object, when tools change something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<serde_json::Map<String, Json>>,
    /// Calls that solve the arena, in replay order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gold: Vec<GoldCall>,
    /// What must be reached, predecessors first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub goals: Vec<Goal>,
    /// What was measured about the arena; not part of its id.
    #[serde(default)]
    pub evidence: Evidence,
    /// Where it comes from; not part of its id.
    #[serde(default)]
    pub provenance: Provenance,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
fn is_true(value: &bool) -> bool {
    *value
}

/// A tool with its Python source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArenaTool {
    /// What the agent sees.
    pub doc: ToolDoc,
    /// Python source; tools of one arena with equal source share one namespace.
    pub code: String,
    /// Function in `code` that is called with the arguments as keywords (and `state` first, when it takes one).
    pub entry: String,
    /// Isolation class decided when the arena was built.
    #[serde(default)]
    pub class: IsolationClass,
}

/// How tool code is kept apart from other episodes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum IsolationClass {
    /// A namespace in a worker that serves many episodes. A request: code that the static gate does not admit runs
    /// `private` whatever is asked.
    #[default]
    Shared,
    /// A process of its own per episode.
    Private,
}

/// A named, content-addressed data file beside the arena: `data/<blake3>.json.zst`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataRef {
    /// Name by which tool code asks for it.
    pub name: String,
    /// Hash of its uncompressed JSON bytes.
    pub blake3: ContentId,
}

/// A call that solves part of the arena.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GoldCall {
    /// Unique in the arena.
    pub id: String,
    /// Tool name.
    pub tool: String,
    /// Argument → literal, or an object with `$ref` (see [`Reference`]).
    pub arguments: serde_json::Map<String, Json>,
}

/// Where an argument that must be discovered comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// `call_id#/json/pointer` into the results of earlier gold calls.
    #[serde(rename = "$ref")]
    pub sources: RefSources,
    /// What tool-free step stands between the results and the argument.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
    /// The argument's literal value, when `via` stands between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Json>,
}

/// One source or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RefSources {
    /// The argument is this result field.
    One(String),
    /// The argument follows from these result fields.
    Many(Vec<String>),
}

/// A tool-free step between results and an argument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Via {
    /// Unit conversion: `source × factor + offset`.
    Unit {
        /// Multiplier.
        factor: f64,
        /// Added after multiplying.
        #[serde(default)]
        offset: f64,
        /// Decimal places kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        round: Option<u32>,
    },
    /// Date arithmetic on one source, or the days between two.
    Date {
        /// `add_days`, `year`, `month`, `day`, `days_between`.
        op: DateOp,
        /// Days for `add_days`.
        #[serde(default)]
        days: i64,
    },
    /// Arithmetic over the sources in order, then `operand` if there is one.
    Arithmetic {
        /// The operation.
        op: ArithmeticOp,
        /// Last operand, a constant of the question.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operand: Option<f64>,
        /// Decimal places kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        round: Option<u32>,
    },
    /// Common knowledge maps the source to the value; it cannot be recomputed.
    Lookup {
        /// What is looked up, in words.
        #[serde(default)]
        note: String,
    },
    /// A comparison of branches chooses the value.
    Select {
        /// How it is chosen, in words.
        #[serde(default)]
        note: String,
    },
}

/// Date operations of [`Via::Date`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DateOp {
    /// The day `days` later.
    AddDays,
    /// Its year.
    Year,
    /// Its month.
    Month,
    /// Its day of the month.
    Day,
    /// Absolute number of days between two sources.
    DaysBetween,
}

/// Operations of [`Via::Arithmetic`], folded from left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ArithmeticOp {
    /// Sum.
    Add,
    /// First minus the rest.
    Subtract,
    /// Product.
    Multiply,
    /// First divided by the rest.
    Divide,
    /// Arithmetic mean.
    Mean,
    /// Smallest.
    Min,
    /// Largest.
    Max,
}

/// One thing that the agent must reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Goal {
    /// Unique in the arena.
    pub id: String,
    /// The sub-question.
    pub question: String,
    /// Goals whose results it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    /// How it is credited.
    pub kind: GoalKind,
}

/// How a goal is credited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum GoalKind {
    /// A call to `tool` returns `value` at `path`.
    Returns {
        /// Tool name.
        tool: String,
        /// JSON Pointer into the result; empty for the whole result.
        #[serde(default)]
        path: String,
        /// What must stand there.
        value: Value,
        /// The gold call that reaches it. Goals that name the same call share it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gold: Option<String>,
        /// Arguments that decide the value, measured by the `fuzz` gate; empty means all of the gold call's.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        decisive: Vec<String>,
        /// Whether credit also needs the decisive arguments to equal gold. True unless measured otherwise.
        #[serde(default = "yes")]
        grounded: bool,
        /// How `value` is compared.
        #[serde(default, skip_serializing_if = "Comparator::is_equals")]
        comparator: Comparator,
    },
    /// When the episode is done, the state equals the state after the gold calls. At most one per arena.
    StateEquals {
        /// Gold calls that it needs.
        gold: Vec<String>,
    },
}

/// How a `Returns` goal compares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Comparator {
    /// The field at `path` is the value.
    #[default]
    Equals,
    /// Some leaf, or a whole token span of a text leaf, is the value. Only for arenas without gold calls.
    Contains,
}

impl Comparator {
    /// Whether this is the default.
    pub fn is_equals(&self) -> bool {
        *self == Self::Equals
    }
}

/// What was measured about an arena.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Version of the `CPython` that ran the gates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<String>,
    /// Gold call id → argument → other values that the generator knows to be plausible and wrong.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub alternatives: IndexMap<String, IndexMap<String, Vec<Json>>>,
    /// Gate → `passed`, `failed` or `not_applicable`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub gates: IndexMap<String, String>,
    /// Tool → why it is not admitted to the `shared` class.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub private_because: IndexMap<String, String>,
}

/// Where an arena comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Name of the arena for people, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Source of the facts (tables, package, data set) with its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Licence of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// What made it, with its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<String>,
    /// Seed that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Anything else worth keeping.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub extra: serde_json::Map<String, Json>,
}

/// Why a text is not an arena.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// The JSON does not have the shape of an arena.
    #[error("field `{field}`: {error}")]
    Shape {
        /// Path of the field.
        field: String,
        /// What is wrong there.
        error: serde_json::Error,
    },
    /// The version is not ours.
    #[error("field `version`: this is format version {found}, and only version {ARENA_VERSION} is read")]
    Version {
        /// The version found.
        found: u32,
    },
    /// A field contradicts another.
    #[error("field `{field}`: {error}")]
    Inconsistent {
        /// Path of the field.
        field: String,
        /// What is wrong there.
        error: String,
    },
}

impl ArenaSpec {
    /// Parses one JSON line and checks that its parts agree with each other.
    pub fn parse(line: &str) -> Result<Self, SpecError> {
        let mut reader = serde_json::Deserializer::from_str(line);
        let spec: Self = serde_path_to_error::deserialize(&mut reader).map_err(|error| SpecError::Shape {
            field: match error.path().to_string() {
                top if top == "." => "(top level)".to_owned(),
                path => path,
            },
            error: error.into_inner(),
        })?;
        reader.end().map_err(|error| SpecError::Shape { field: "(end of line)".into(), error })?;
        spec.check_consistency()?;
        Ok(spec)
    }

    /// Content id: blake3 of the RFC 8785 JSON of everything but evidence and provenance.
    pub fn id(&self) -> ContentId {
        let mut json = serde_json::to_value(self).unwrap_or(Json::Null);
        if let Some(fields) = json.as_object_mut() {
            fields.remove("evidence");
            fields.remove("provenance");
            // Measured by the gates, like evidence.
            for tool in fields.get_mut("tools").and_then(Json::as_array_mut).into_iter().flatten() {
                if let Some(tool) = tool.as_object_mut() {
                    tool.remove("class");
                }
            }
            for goal in fields.get_mut("goals").and_then(Json::as_array_mut).into_iter().flatten() {
                if let Some(kind) = goal.get_mut("kind").and_then(Json::as_object_mut) {
                    kind.remove("decisive");
                    kind.remove("grounded");
                }
            }
        }
        content_id(&json)
    }

    /// Whether it claims to be answerable but carries no gold calls that prove it.
    pub fn is_unproven(&self) -> bool {
        self.answerable && self.gold.is_empty()
    }

    /// The tool of this name.
    pub fn tool(&self, name: &str) -> Option<&ArenaTool> {
        self.tools.iter().find(|tool| tool.doc.name == name)
    }

    /// The gold call of this id.
    pub fn gold_call(&self, id: &str) -> Option<&GoldCall> {
        self.gold.iter().find(|call| call.id == id)
    }

    /// Longest path in the goals' DAG.
    pub fn hops(&self) -> usize {
        let nodes: Vec<(&str, Vec<&str>)> = self
            .goals
            .iter()
            .map(|goal| (goal.id.as_str(), goal.depends_on.iter().map(String::as_str).collect()))
            .collect();
        crate::topology_of(&nodes).map_or(0, |(_, depth)| depth)
    }

    /// All user-visible prompt text, joined.
    pub fn prompt_text(&self) -> String {
        self.prompt.iter().map(Message::content).collect::<Vec<_>>().join("\n")
    }
}

impl Reference {
    /// The reference that an argument is, `None` for a literal. `Err` says why a `$ref` object is malformed.
    pub fn of(argument: &Json) -> Option<Result<Self, String>> {
        argument.as_object().filter(|fields| fields.contains_key("$ref"))?;
        Some(serde_json::from_value::<Self>(argument.clone()).map_err(|error| error.to_string()).and_then(
            |found| {
                let several = matches!(found.sources, RefSources::Many(_));
                match (&found.via, &found.value) {
                    (None, None) if !several => Ok(found),
                    (Some(_), Some(_)) => Ok(found),
                    _ => Err("`$ref` with several sources needs `via` and `value` together".into()),
                }
            },
        ))
    }

    /// `(call id, JSON Pointer)` of each source.
    pub fn targets(&self) -> Vec<(&str, &str)> {
        let sources: &[String] = match &self.sources {
            RefSources::One(source) => std::slice::from_ref(source),
            RefSources::Many(sources) => sources,
        };
        sources.iter().map(|source| source.split_once('#').unwrap_or((source, ""))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec() -> Json {
        json!({
            "version": 1, "language": "en", "domain": "test", "topology": "multi_hop",
            "prompt": [{"role": "user", "content": "q"}],
            "answer": {"type": "number", "value": 2},
            "tools": [{"doc": {"name": "f", "description": "d", "parameters": {"type":"object","properties":{"x":{}}}},
                       "code": "def f(x): return x", "entry": "f"}],
            "gold": [{"id": "c1", "tool": "f", "arguments": {"x": 1}},
                     {"id": "c2", "tool": "f", "arguments": {"x": {"$ref": "c1#"}}}],
            "goals": [{"id": "g1", "question": "q1", "kind": {"type": "returns", "tool": "f", "value": {"type": "number", "value": 1}, "gold": "c1"}},
                      {"id": "g2", "question": "q2", "depends_on": ["g1"],
                       "kind": {"type": "returns", "tool": "f", "value": {"type": "number", "value": 2}, "gold": "c2"}}],
        })
    }

    fn error_of(change: impl FnOnce(&mut Json)) -> String {
        let mut json = spec();
        change(&mut json);
        ArenaSpec::parse(&json.to_string()).unwrap_err().to_string()
    }

    #[test]
    fn a_line_becomes_an_arena() {
        let arena = ArenaSpec::parse(&spec().to_string()).unwrap();
        assert_eq!(arena.hops(), 2);
        assert!(!arena.is_unproven());
        let GoalKind::Returns { grounded, .. } = &arena.goals[0].kind else { panic!("not a returns goal") };
        assert!(grounded, "grounding is the default");
        let again = ArenaSpec::parse(&serde_json::to_string(&arena).unwrap()).unwrap();
        assert_eq!(again, arena);
    }

    #[test]
    fn errors_name_the_field() {
        assert!(error_of(|j| j["colour"] = json!(1)).contains("colour"));
        assert!(error_of(|j| j["tools"][0]["entry"] = json!(7)).starts_with("field `tools[0].entry`"));
        assert!(error_of(|j| j["gold"][1]["arguments"]["x"] = json!({"$ref": "c9#/a"})).contains("c9"));
        assert!(error_of(|j| j["goals"][1]["depends_on"] = json!(["g9"])).contains("goals[1].depends_on"));
        assert!(error_of(|j| j["goals"][0]["kind"]["gold"] = json!("c9")).contains("goals[0].kind.gold"));
        assert!(
            error_of(|j| j["goals"][0]["kind"]["value"] = json!({"type": "text", "value": ""}))
                .contains("empty")
        );
        assert!(error_of(|j| j["version"] = json!(7)).contains("version 7"));
        assert!(error_of(|j| j["answerable"] = json!(false)).contains("no goals"));
        assert!(ArenaSpec::parse("{\"version\": 1").is_err());
    }

    #[test]
    fn the_id_ignores_what_was_measured() {
        let base = ArenaSpec::parse(&spec().to_string()).unwrap();
        let mut json = spec();
        json["provenance"] = json!({"source": "elsewhere"});
        json["evidence"] = json!({"python": "3.12.0"});
        json["tools"][0]["class"] = json!("shared");
        json["goals"][0]["kind"]["decisive"] = json!(["x"]);
        json["goals"][0]["kind"]["grounded"] = json!(false);
        assert_eq!(ArenaSpec::parse(&json.to_string()).unwrap().id(), base.id());
        json["goals"][0]["question"] = json!("another");
        assert_ne!(ArenaSpec::parse(&json.to_string()).unwrap().id(), base.id());
    }

    #[test]
    fn parameters_keep_their_bytes() {
        let line = spec().to_string().replace(r#""properties":{"x":{}}"#, r#""properties" : {"x":{ }}"#);
        let arena = ArenaSpec::parse(&line).unwrap();
        assert!(serde_json::to_string(&arena).unwrap().contains(r#""properties" : {"x":{ }}"#));
    }
}
