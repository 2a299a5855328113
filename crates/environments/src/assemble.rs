//! Assembles a plan into an arena: prompt, tools, data, gold calls, goals, answer, alternatives.
//!
//! What a gate would surely refuse is refused here first, for nothing: an answer or id that the prompt or a document
//! gives away, a call whose other arguments mostly return the same. The gates stay the judges; these checks only spare
//! them work, and run no code.

use crate::draw::Draw;
use crate::phrase::English;
use crate::plan::{Combine, Detail, Plan, Read, Step, Subject};
use crate::routes::End;
use crate::subset::{self, Subset};
use crate::tables::{Kind, TableGroup};
use crate::tools::{Calls, DIALECTS};
use astra_protocol::{
    ARENA_VERSION, ArenaSpec, ArenaTool, ContentId, DataRef, Evidence, Goal, GoalKind, GoldCall, Message,
    Provenance, Value, topology_of,
};
use indexmap::IndexMap;
use rust_decimal::Decimal;
use serde_json::{Map, Number, Value as Json, json};

/// At most 256 KiB of data an arena.
const MAX_DATA_BYTES: usize = 256 * 1024;
const ALTERNATIVES: usize = 8;
/// Share of the alternatives that must change a value for its argument to decide it.
const DECISIVE: f64 = 0.75;

/// An arena and the data files that it names, in the order of its `data`.
pub(crate) struct Assembled {
    pub(crate) spec: ArenaSpec,
    pub(crate) data: Vec<Vec<u8>>,
}

/// Builds the arena of a plan; `Err` says why it would not pass.
pub(crate) fn assemble(
    group: &TableGroup,
    plan: &Plan,
    namespace: &str,
    draw: &mut Draw,
) -> Result<Assembled, String> {
    let subset = subset::cut(group, plan, namespace, draw);
    let dialect = &DIALECTS[draw.below(DIALECTS.len())];
    let calls = Calls { group, subset: &subset, plan, dialect };
    let builder = Builder { calls };
    if plan.detail == Detail::Property
        && plan
            .steps
            .iter()
            .any(|step| builder.other_properties(step).is_some_and(|(_, others)| others.len() < 2))
    {
        return Err("a table has too few properties to choose from".into());
    }
    let values = plan.steps.iter().map(|step| builder.value(step)).collect::<Option<Vec<_>>>();
    let values = values.ok_or("a step has no value")?;
    let answer = builder.answer(&values)?;
    let alternatives = builder.alternatives(draw)?;
    let tools = builder.calls.tools().map_err(|error| error.to_string())?;
    if (0..tools.len()).any(|at| tools[..at].iter().any(|tool| tool.doc.name == tools[at].doc.name)) {
        return Err("two tools have the same name".into());
    }
    let english = English::new(group, plan, draw);
    let request = english.request(draw);
    if let Some(leak) = leak(&request, &values, &tools) {
        return Err(leak);
    }
    let goals = builder.goals(&values, &english);
    let nodes: Vec<(&str, Vec<&str>)> = goals
        .iter()
        .map(|goal| (goal.id.as_str(), goal.depends_on.iter().map(String::as_str).collect()))
        .collect();
    let (topology, _) = topology_of(&nodes).ok_or("the steps have no order")?;
    let (refs, data) = builder.data();
    if data.iter().map(Vec::len).sum::<usize>() > MAX_DATA_BYTES {
        return Err("the data is larger than 256 KiB".into());
    }
    let spec = ArenaSpec {
        version: ARENA_VERSION,
        language: "en".into(),
        domain: group.name.clone(),
        topology,
        prompt: vec![Message::User { content: request }],
        answer,
        answerable: true,
        withheld: Vec::new(),
        tools,
        data: refs,
        state: None,
        gold: builder.gold(),
        goals,
        evidence: Evidence { alternatives, ..Evidence::default() },
        provenance: Provenance {
            source: group.source.clone(),
            license: group.license.clone(),
            generator: Some(concat!("astra envs from-tables ", env!("CARGO_PKG_VERSION")).into()),
            ..Provenance::default()
        },
    };
    Ok(Assembled { spec, data })
}

/// What the prompt or a document would give away.
fn leak(request: &str, values: &[Value], tools: &[ArenaTool]) -> Option<String> {
    let documents: Vec<String> = tools
        .iter()
        .map(|tool| format!("{} {} {}", tool.doc.description, tool.doc.parameters.get(), tool.code))
        .collect();
    for value in values.iter().filter(|value| substantial(value)) {
        if value.mentioned_in(request) {
            return Some("a goal's value stands in the prompt".into());
        }
        if documents.iter().any(|text| value.mentioned_in(text)) {
            return Some("a goal's value stands in a tool's document".into());
        }
    }
    let said = astra_protocol::value::text::normalise(request);
    let named = tools.iter().find(|tool| {
        let words = tool.doc.name.replace('_', " ");
        words.contains(' ') && Value::text(words.as_str()).mentioned_in(&said)
    });
    named.map(|tool| format!("the prompt says the tool name `{}`", tool.doc.name))
}

/// Whether a value is long enough that finding it in a text is no accident.
fn substantial(value: &Value) -> bool {
    match value.to_json() {
        Json::Number(number) => number.to_string().chars().filter(char::is_ascii_digit).count() >= 3,
        Json::String(text) => text.chars().count() >= 4,
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => true,
    }
}

/// Reads the parts of an arena off a plan's calls.
struct Builder<'a> {
    calls: Calls<'a>,
}

impl Builder<'_> {
    fn group(&self) -> &TableGroup {
        self.calls.group
    }

    fn subset(&self) -> &Subset {
        self.calls.subset
    }

    fn plan(&self) -> &Plan {
        self.calls.plan
    }

    /// What a step reads, had it been called for this row.
    fn read(&self, step: &Step, row: usize) -> Json {
        let table = &self.group().tables[step.table];
        match &step.read {
            Read::Id => self.subset().id(step.table, row).map_or(Json::Null, Json::from),
            Read::Field(column) => table.columns[*column].cells[row].json(),
            Read::Parent(link) => {
                let link = &self.group().links[*link];
                let parent =
                    link.parents[row].and_then(|parent| self.subset().id(link.parent, parent as usize));
                parent.map_or(Json::Null, Json::from)
            }
            Read::Count { link, filter } => {
                json!(self.subset().count(self.group(), *link, row, filter.as_ref()))
            }
        }
    }

    fn value(&self, step: &Step) -> Option<Value> {
        let json = self.read(step, step.row);
        let dated = match step.read {
            Read::Field(column) => self.group().tables[step.table].columns[column].kind == Kind::Date,
            Read::Id | Read::Parent(_) | Read::Count { .. } => false,
        };
        let value = match (json.as_str(), dated) {
            (Some(text), true) => Value::Date { value: text.to_owned() },
            // Null becomes an empty text, which is a defect.
            _ => Value::from_json(&json),
        };
        value.defect().is_none().then_some(value)
    }

    fn answer(&self, values: &[Value]) -> Result<Value, String> {
        let plan = self.plan();
        let leaf = |branch: usize| &values[plan.leaf(branch)];
        let label = |branch: usize| self.group().tables[plan.path.start].label_of(plan.start(branch).row);
        let pair = || Ok::<_, String>((decimal(leaf(0))?, decimal(leaf(1))?));
        match plan.combine {
            Combine::Only => Ok(leaf(0).clone()),
            Combine::Which { larger } => {
                let first = match (leaf(0), leaf(1)) {
                    (Value::Date { value: a }, Value::Date { value: b }) => a.cmp(b),
                    _ => pair().map(|(a, b)| a.cmp(&b))?,
                };
                match (first, larger) {
                    (std::cmp::Ordering::Equal, _) => Err("the compared values are equal".into()),
                    (std::cmp::Ordering::Greater, true) | (std::cmp::Ordering::Less, false) => {
                        Ok(Value::text(label(0)))
                    }
                    (std::cmp::Ordering::Greater, false) | (std::cmp::Ordering::Less, true) => {
                        Ok(Value::text(label(1)))
                    }
                }
            }
            Combine::Difference => {
                let (a, b) = pair()?;
                if a == b { Err("the compared values are equal".into()) } else { number((a - b).abs()) }
            }
            Combine::Total => pair().and_then(|(a, b)| number(a + b)),
            Combine::Each => Ok(Value::Record {
                fields: (0..plan.branches.len()).map(|at| (label(at).to_owned(), leaf(at).clone())).collect(),
            }),
        }
    }

    /// Other values of each argument that a mistaken agent could give, and a check that they lead elsewhere.
    fn alternatives(&self, draw: &mut Draw) -> Result<IndexMap<String, IndexMap<String, Vec<Json>>>, String> {
        let mut out = IndexMap::new();
        for (at, step) in self.plan().steps.iter().enumerate() {
            let rows = self.other_rows(step, draw);
            let gold = self.read(step, step.row);
            let changed = rows.iter().filter(|row| self.read(step, **row) != gold).count();
            if rows.len() < 3 || (changed as f64) < DECISIVE * rows.len() as f64 {
                return Err("too few other arguments lead to another value".into());
            }
            let subject = |row: &usize| match step.subject {
                Subject::Named => Json::from(self.group().tables[step.table].label_of(*row)),
                Subject::Result(_) => self.subset().id(step.table, *row).map_or(Json::Null, Json::from),
            };
            let mut arguments = IndexMap::new();
            arguments.insert(self.calls.subject_argument(step), rows.iter().map(subject).collect());
            arguments.extend(self.other_properties(step));
            out.insert(call_id(at), arguments);
        }
        Ok(out)
    }

    /// Rows of the subset that could be meant instead; where children are counted, those that have some.
    fn other_rows(&self, step: &Step, draw: &mut Draw) -> Vec<usize> {
        let table = &self.group().tables[step.table];
        let Some(sub) = self.subset().tables.get(&step.table) else { return Vec::new() };
        let fits = |row: &usize| {
            *row != step.row
                && (step.subject != Subject::Named || table.nameable.binary_search(row).is_ok())
                && match &step.read {
                    Read::Count { link, .. } => self.subset().count(self.group(), *link, *row, None) > 0,
                    Read::Id | Read::Field(_) | Read::Parent(_) => true,
                }
        };
        let rows: Vec<usize> = sub.rows.keys().copied().filter(fits).collect();
        draw.sample(&rows, ALTERNATIVES)
    }

    fn other_properties(&self, step: &Step) -> Option<(String, Vec<Json>)> {
        let own = match step.read {
            Read::Field(column) => &self.group().tables[step.table].columns[column].name,
            Read::Parent(link) => &self.group().links[link].field,
            Read::Id | Read::Count { .. } => return None,
        };
        let names = self.calls.properties(step.table).into_iter().filter(|name| name != own);
        (self.plan().detail == Detail::Property).then(|| {
            (self.calls.dialect.property.0.to_owned(), names.take(ALTERNATIVES).map(Json::from).collect())
        })
    }

    fn gold(&self) -> Vec<GoldCall> {
        let plan = self.plan();
        let reference = |step: usize| format!("{}#{}", call_id(step), self.calls.path(&plan.steps[step]));
        plan.steps
            .iter()
            .enumerate()
            .map(|(at, step)| GoldCall {
                id: call_id(at),
                tool: self.calls.tool_name(Calls::kind(step)),
                arguments: self.calls.arguments(step, reference),
            })
            .collect()
    }

    fn goals(&self, values: &[Value], english: &English) -> Vec<Goal> {
        let steps = self.plan().steps.iter().enumerate();
        steps
            .map(|(at, step)| Goal {
                id: format!("g{}", at + 1),
                question: english.step_question(step),
                depends_on: match step.subject {
                    Subject::Named => Vec::new(),
                    Subject::Result(earlier) => vec![format!("g{}", earlier + 1)],
                },
                kind: GoalKind::Returns {
                    tool: self.calls.tool_name(Calls::kind(step)),
                    path: self.calls.path(step),
                    value: values[at].clone(),
                    gold: Some(call_id(at)),
                    decisive: Vec::new(),
                    grounded: true,
                    comparator: astra_protocol::Comparator::Equals,
                },
            })
            .collect()
    }

    /// The files that the plan's tools read.
    fn data(&self) -> (Vec<DataRef>, Vec<Vec<u8>>) {
        let mut tables: Vec<usize> = self.plan().steps.iter().map(|step| step.table).collect();
        if let End::Count { link, .. } = self.plan().end {
            tables.push(self.group().links[link].child);
        }
        tables.sort_unstable();
        tables.dedup();
        tables
            .into_iter()
            .map(|table| {
                let bytes = self.subset().bytes(self.group(), table);
                let name = self.group().tables[table].name.clone();
                (DataRef { name, blake3: ContentId::of_bytes(&bytes) }, bytes)
            })
            .unzip()
    }
}

fn call_id(step: usize) -> String {
    format!("c{}", step + 1)
}

fn decimal(value: &Value) -> Result<Decimal, String> {
    let Value::Number { value, .. } = value else { return Err("only numbers can be computed with".into()) };
    let text = value.to_string();
    let parsed = text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(&text));
    parsed.map_err(|_| format!("`{text}` has too many digits to compute with"))
}

/// An exact result. A model that rounds to the inputs' decimals gives the same digits.
fn number(result: Decimal) -> Result<Value, String> {
    let text = result.normalize().to_string();
    text.parse::<Number>().map(Value::number).map_err(|error| error.to_string())
}

/// Facts about a candidate that its consumers may want beside the arena.
pub(crate) fn note(spec: &mut ArenaSpec, seed: u64, index: u64, draws: u32) {
    spec.provenance.seed = Some(seed);
    let mut extra = Map::new();
    extra.insert("index".into(), index.into());
    extra.insert("draws".into(), draws.into());
    spec.provenance.extra = extra;
}
