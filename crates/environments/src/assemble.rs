//! Assembles a question into an arena: prompt, tools, data, gold calls, goals, answer, alternatives.
//!
//! What a gate would surely refuse is refused here first, for nothing: an answer or id that the prompt or a document
//! gives away, a call whose other arguments mostly return the same. The gates stay the judges; these checks only spare
//! them work, and run no code.

use crate::alternatives::alternatives;
use crate::draw::Draw;
use crate::errand::{Counter, DeskRead, DeskTool};
use crate::lower::{Lowered, Read, Source, Step, Tool};
use crate::phrase::Voice;
use crate::question::evaluate::Truth;
use crate::question::shape;
use crate::question::{Fold, Piece, Scalar, Wish};
use crate::tables::{Kind, Language, TableGroup};
use crate::tools::{Offer, Toolbox};
use astra_protocol::{
    ARENA_VERSION, ArenaSpec, ArenaTool, DataRef, Evidence, Goal, GoalKind, GoldCall, Message, Provenance,
    Value, topology_of,
};
use indexmap::IndexMap;
use rust_decimal::Decimal;
use serde_json::{Map, Number, Value as Json, json};
use std::cmp::Ordering;

/// At most 256 KiB of data an arena.
const MAX_DATA_BYTES: usize = 256 * 1024;

/// An arena and the data files that it names, in the order of its `data`.
pub(crate) struct Assembled {
    pub(crate) spec: ArenaSpec,
    pub(crate) data: Vec<Vec<u8>>,
}

/// A drawn question with its calls.
pub(crate) struct Question<'a> {
    pub(crate) wish: &'a Wish,
    pub(crate) toolbox: Toolbox<'a>,
    pub(crate) language: Language,
    /// Whether a tool that it needs is taken away.
    pub(crate) unanswerable: bool,
}

/// Builds the arena of a question; `Err` says why it would not pass.
pub(crate) fn assemble(question: &Question, draw: &mut Draw) -> Result<Assembled, String> {
    let toolbox = &question.toolbox;
    let lowered = toolbox.lowered;
    let builder = Builder { question, toolbox };
    let values = lowered.steps.iter().map(|step| builder.value(step)).collect::<Option<Vec<_>>>();
    let values = values.ok_or("a step has no value")?;
    let answer = builder.answer(&values)?;
    let alternatives = alternatives(toolbox, draw)?;
    let removed = if question.unanswerable { Some(builder.removed(draw)?) } else { None };
    let offers = builder.offers(removed, draw);
    if offers.is_empty() {
        return Err("no tool would be left".into());
    }
    let tools = offers.iter().map(|offer| toolbox.arena_tool(*offer)).collect::<Result<Vec<_>, _>>();
    let tools = tools.map_err(|error| error.to_string())?;
    check_names(&tools)?;
    let voice = Voice::new(toolbox.group, question.language, draw);
    let request = voice.request(question.wish, draw);
    if let Some(leak) = leak(&request, &values, &tools) {
        return Err(leak);
    }
    let goals = builder.goals(&values, &voice);
    let nodes: Vec<(&str, Vec<&str>)> = goals
        .iter()
        .map(|goal| (goal.id.as_str(), goal.depends_on.iter().map(String::as_str).collect()))
        .collect();
    let (topology, _) = topology_of(&nodes).ok_or("the steps have no order")?;
    let (refs, data) = builder.data(&offers);
    if data.iter().map(Vec::len).sum::<usize>() > MAX_DATA_BYTES {
        return Err("the data is larger than 256 KiB".into());
    }
    let mut spec = ArenaSpec {
        version: ARENA_VERSION,
        language: question.language.code().into(),
        domain: toolbox.group.name.clone(),
        topology,
        prompt: vec![Message::User { content: request }],
        answer,
        answerable: true,
        withheld: Vec::new(),
        tools,
        data: refs,
        state: toolbox.counter().map(|counter| counter.state()),
        gold: builder.gold(),
        goals,
        evidence: Evidence { alternatives, ..Evidence::default() },
        provenance: builder.provenance(),
    };
    if let Some(removed) = removed {
        spec.answerable = false;
        spec.withheld = builder.withheld(removed, &values);
        spec.gold.clear();
        spec.goals.clear();
        spec.evidence = Evidence::default();
    }
    Ok(Assembled { spec, data })
}

/// No two tools of a name, and no parameter twice in one signature.
fn check_names(tools: &[ArenaTool]) -> Result<(), String> {
    if (0..tools.len()).any(|at| tools[..at].iter().any(|tool| tool.doc.name == tools[at].doc.name)) {
        return Err("two tools have the same name".into());
    }
    for tool in tools {
        let signature =
            tool.code.split_once(&format!("def {}(", tool.entry)).and_then(|(_, rest)| rest.split_once("):"));
        let parameters: Vec<&str> = signature
            .map_or("", |(signature, _)| signature)
            .split(", ")
            .map(|parameter| parameter.split('=').next().unwrap_or_default())
            .collect();
        if (0..parameters.len()).any(|at| parameters[..at].contains(&parameters[at])) {
            return Err("two parameters of a tool have the same name".into());
        }
    }
    Ok(())
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

/// Reads the parts of an arena off a question's calls.
struct Builder<'a> {
    question: &'a Question<'a>,
    toolbox: &'a Toolbox<'a>,
}

impl Builder<'_> {
    fn group(&self) -> &TableGroup {
        self.toolbox.group
    }

    fn lowered(&self) -> &Lowered {
        self.toolbox.lowered
    }

    fn truth(&self) -> Truth<'_> {
        Truth { group: self.toolbox.group, world: self.toolbox.world }
    }

    fn value(&self, step: &Step) -> Option<Value> {
        let json = self.toolbox.value(step);
        let value = match (json.as_str(), self.dated(&step.piece)) {
            (Some(text), true) => Value::Date { value: text.to_owned() },
            // Null becomes an empty text, which is a defect.
            _ => Value::from_json(&json),
        };
        // In whichever order the agent had them listed.
        let value = match (step.read, value) {
            (Read::Items, Value::List { items }) => Value::Set { items },
            (_, value) => value,
        };
        value.defect().is_none().then_some(value)
    }

    fn dated(&self, piece: &Piece) -> bool {
        let links = &self.group().links;
        let column = match piece {
            Piece::Value(Scalar::Field { of, column }) => (of.table(links), *column),
            Piece::Value(Scalar::Aggregate { rows, column, .. }) => (rows.table, *column),
            Piece::Desk(piece) => return piece.dated(),
            Piece::Value(_) | Piece::Row(_) | Piece::Rows(_) => return false,
        };
        self.group().tables[column.0].columns[column.1].kind == Kind::Date
    }

    /// What the branches are called: the name that each starts from.
    fn branch_name(&self, scalar: &Scalar) -> Result<String, String> {
        let (table, row) =
            crate::question::other::start(scalar).ok_or("a branch starts from no named row")?;
        Ok(self.group().tables[table].label_of(row).to_owned())
    }

    fn answer(&self, values: &[Value]) -> Result<Value, String> {
        let ends: Vec<&Value> = self.lowered().ends.iter().map(|step| &values[*step]).collect();
        let names =
            |rows| -> Result<Vec<String>, String> { self.truth().names(rows).ok_or("no rows".into()) };
        let set = |names: Vec<String>| Value::Set { items: names.into_iter().map(Value::text).collect() };
        match self.question.wish {
            Wish::One(_) => ends.first().map(|value| (*value).clone()).ok_or("there is no end".into()),
            Wish::Which { of, largest } => {
                let mut best = 0;
                for at in 1..ends.len() {
                    let order = order(ends[at], ends[best])?;
                    if order == if *largest { Ordering::Greater } else { Ordering::Less } {
                        best = at;
                    }
                }
                if (0..ends.len()).any(|at| at != best && order(ends[at], ends[best]) == Ok(Ordering::Equal))
                {
                    return Err("the compared values are equal".into());
                }
                self.branch_name(&of[best]).map(Value::text)
            }
            Wish::Fold { fold, .. } => {
                let numbers = ends.iter().map(|value| decimal(value)).collect::<Result<Vec<_>, _>>()?;
                match (fold, numbers.as_slice()) {
                    (Fold::Sum, numbers) => number(numbers.iter().sum()),
                    (Fold::Difference, [a, b]) if a != b => number((a - b).abs()),
                    (Fold::Difference, _) => Err("the compared values are equal".into()),
                }
            }
            Wish::Each(of) => {
                let names =
                    of.iter().map(|scalar| self.branch_name(scalar)).collect::<Result<Vec<_>, _>>()?;
                let repeated = (0..names.len()).any(|at| names[..at].contains(&names[at]));
                if repeated {
                    return Ok(Value::List { items: ends.into_iter().cloned().collect() });
                }
                Ok(Value::Record { fields: names.into_iter().zip(ends.into_iter().cloned()).collect() })
            }
            Wish::Names(rows) => names(rows).map(set),
            Wish::Common(a, b) => {
                let (mut both, other) = (names(a)?, names(b)?);
                both.retain(|name| other.contains(name));
                Ok(set(both))
            }
            Wish::Errand(errand) => Ok(match (errand.told.as_str(), errand.told_a_date(self.group())) {
                (Some(day), true) => Value::Date { value: day.to_owned() },
                _ => Value::from_json(&errand.told),
            }),
        }
    }

    /// The tool that is taken away: one without which the last value cannot be had.
    fn removed(&self, draw: &mut Draw) -> Result<Tool, String> {
        // The user named the choices, so a refusal would repeat the answer.
        if matches!(self.question.wish, Wish::Which { .. }) {
            return Err("a comparison of named rows cannot be made unanswerable".into());
        }
        draw.pick(&self.lowered().tools()).copied().ok_or("there is no tool".into())
    }

    /// Values that can no longer be had, distinct.
    fn withheld(&self, removed: Tool, values: &[Value]) -> Vec<Value> {
        let lowered = self.lowered();
        let mut lost: Vec<bool> = Vec::new();
        for (at, step) in lowered.steps.iter().enumerate() {
            let own = lowered.calls[step.call].tool == removed;
            lost.push(own || lowered.parents(at).iter().any(|parent| lost[*parent]));
        }
        let mut withheld: Vec<Value> = Vec::new();
        for (value, _) in values.iter().zip(&lost).filter(|(_, lost)| **lost) {
            if !withheld.contains(value) {
                withheld.push(value.clone());
            }
        }
        withheld
    }

    /// The tools that are offered, in random order: those that are needed, and some beside them.
    fn offers(&self, removed: Option<Tool>, draw: &mut Draw) -> Vec<Offer> {
        let needed = self.lowered().tools();
        let desk: Vec<DeskTool> = needed.iter().filter_map(|tool| tool.of_desk()).collect();
        let search = self.toolbox.cut.search;
        let world = self.toolbox.world;
        let mut offers: Vec<Offer> =
            needed.iter().filter(|tool| Some(**tool) != removed).map(|tool| Offer::Full(*tool)).collect();
        if self.toolbox.counter().is_some() {
            offers.extend(Counter::others(&desk, draw).into_iter().map(|tool| Offer::Full(Tool::Desk(tool))));
        }
        let touched = self.toolbox.tables(&needed.iter().map(|tool| Offer::Full(*tool)).collect::<Vec<_>>());
        let named = |table: &usize| {
            self.group().tables[*table].label.is_some()
                && world
                    .parts
                    .get(table)
                    .is_some_and(|part| part.nameable.len() >= 4 && part.columns.len() >= 2)
        };
        if draw.percent(30)
            && let Some(table) = draw.pick(&touched.iter().copied().filter(named).collect::<Vec<_>>())
        {
            offers.push(Offer::Brief { table: *table });
        }
        let others: Vec<usize> =
            world.parts.keys().copied().filter(|table| !touched.contains(table)).filter(named).collect();
        let chance = if removed.is_some() { 100 } else { 40 };
        if draw.percent(chance)
            && let Some(table) = draw.pick(&others).copied()
        {
            let more = if search {
                vec![Tool::Search { table }, Tool::Get { table }]
            } else {
                vec![Tool::Find { table }]
            };
            offers.extend(more.into_iter().map(Offer::Full));
        }
        if offers.is_empty()
            && let Some(table) = touched.iter().copied().find(|table| named(table))
        {
            offers.push(Offer::Brief { table });
        }
        let count = offers.len();
        draw.sample(&offers, count)
    }

    fn gold(&self) -> Vec<GoldCall> {
        let lowered = self.lowered();
        let reference = |source: Source| match source {
            Source::Step(step) => {
                let step = &lowered.steps[step];
                format!("{}#{}", call_id(step.call), self.toolbox.path(step))
            }
            Source::Made(call) => {
                let path =
                    self.toolbox.counter().map(|counter| counter.path(DeskRead::Made)).unwrap_or_default();
                format!("{}#{path}", call_id(call))
            }
        };
        (0..lowered.calls.len())
            .map(|call| GoldCall {
                id: call_id(call),
                tool: self.toolbox.name(lowered.calls[call].tool),
                arguments: self.toolbox.arguments(call, reference),
            })
            .collect()
    }

    /// One goal a step, in order, and one for all writing calls before whatever is read of what they made.
    fn goals(&self, values: &[Value], voice: &Voice) -> Vec<Goal> {
        let lowered = self.lowered();
        let id = |step: usize| format!("g{}", step + 1);
        let state = id(lowered.steps.len());
        let goal = |at: usize| {
            let step = &lowered.steps[at];
            let mut depends_on: Vec<String> = lowered.parents(at).into_iter().map(id).collect();
            depends_on.extend(lowered.follows_writes(at).then(|| state.clone()));
            Goal {
                id: id(at),
                question: voice.piece(&step.piece),
                depends_on,
                kind: GoalKind::Returns {
                    tool: self.toolbox.name(lowered.calls[step.call].tool),
                    path: self.toolbox.path(step),
                    value: values[at].clone(),
                    gold: Some(call_id(step.call)),
                    decisive: Vec::new(),
                    grounded: true,
                    comparator: astra_protocol::Comparator::Equals,
                },
            }
        };
        let (after, before): (Vec<usize>, Vec<usize>) =
            (0..lowered.steps.len()).partition(|step| lowered.follows_writes(*step));
        let mut goals: Vec<Goal> = before.into_iter().map(goal).collect();
        if !lowered.writes.is_empty() {
            goals.push(Goal {
                id: state.clone(),
                question: voice.done().to_owned(),
                depends_on: lowered.parents_of_writes().into_iter().map(id).collect(),
                kind: GoalKind::StateEquals {
                    gold: lowered.writes.iter().map(|call| call_id(*call)).collect(),
                },
            });
        }
        goals.extend(after.into_iter().map(goal));
        goals
    }

    /// The files that the offered tools read.
    fn data(&self, offers: &[Offer]) -> (Vec<DataRef>, Vec<Vec<u8>>) {
        let parts = &self.toolbox.world.parts;
        let tables = self.toolbox.tables(offers);
        let read = tables.into_iter().filter_map(|table| Some((table, parts.get(&table)?)));
        read.map(|(table, part)| {
            let name = self.group().tables[table].name.clone();
            (DataRef { name, blake3: part.hash.clone() }, part.bytes.clone())
        })
        .unzip()
    }

    fn provenance(&self) -> Provenance {
        let (shape, named) = shape::of_wish(self.group(), self.question.wish);
        let entities: Vec<&str> =
            named.iter().map(|(table, row)| self.group().tables[*table].label_of(*row)).collect();
        let kinds: Vec<&str> = self.lowered().steps.iter().map(kind).collect();
        let extra =
            json!({"shape": shape, "entities": entities, "kinds": kinds, "wish": self.question.wish.kind()});
        Provenance {
            source: self.group().source.clone(),
            license: self.group().license.clone(),
            generator: Some(concat!("astra envs from-tables ", env!("CARGO_PKG_VERSION")).into()),
            extra: extra.as_object().cloned().unwrap_or_default(),
            ..Provenance::default()
        }
    }
}

/// What kind of step it is, for statistics.
fn kind(step: &Step) -> &'static str {
    match (&step.piece, step.read) {
        (_, Read::FirstId) => "search",
        (Piece::Row(crate::question::Entity::Ranked { .. }), _) => "ranking",
        (Piece::Row(_), _) => "hop",
        (Piece::Rows(_), _) => "list",
        (Piece::Desk(_), _) => "desk",
        (Piece::Value(scalar), _) => match scalar {
            Scalar::Name { of: crate::question::Entity::Ranked { .. } } => "ranking",
            Scalar::Field { .. } | Scalar::Name { .. } => "lookup",
            Scalar::Count { .. } => "count",
            Scalar::Aggregate { statistic, .. } => statistic.word(),
            Scalar::Converted { .. } => "unit",
            Scalar::Computed { operation, .. } => operation.word(),
        },
    }
}

/// Order of two numbers or dates.
fn order(a: &Value, b: &Value) -> Result<Ordering, String> {
    match (a, b) {
        (Value::Date { value: a }, Value::Date { value: b }) => Ok(a.cmp(b)),
        _ => Ok(decimal(a)?.cmp(&decimal(b)?)),
    }
}

pub(crate) fn call_id(call: usize) -> String {
    format!("c{}", call + 1)
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
    let mut extra: Map<String, Json> = std::mem::take(&mut spec.provenance.extra);
    extra.insert("index".into(), index.into());
    extra.insert("draws".into(), draws.into());
    spec.provenance.extra = extra;
}

/// Alternatives by call id and argument.
pub(crate) type Alternatives = IndexMap<String, IndexMap<String, Vec<Json>>>;
