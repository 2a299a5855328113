//! From a wish to tool calls: which tools there are, what each call is given, and what is read from its result.
//!
//! A call stands once however often it is needed: two branches that look up the same thing share it, and so do two
//! values that one record holds. What is read is a [`Step`], and one step is one goal; a step that takes another's value
//! names it, and that is the whole dependency graph. Names of tools, parameters and fields are the dialect's business.

use crate::errand::{DeskRead, DeskSlot, DeskTool};
use crate::question::draw::MAX_NAMES;
use crate::question::evaluate::Truth;
use crate::question::units::Dimension;
use crate::question::{Bound, Entity, Operation, Piece, Rows, Scalar, Test, Wish};
use crate::tables::Kind;
use serde_json::{Value as Json, json};

/// A tool of the arena. The derived order is no matter; equality is what makes two calls calls of one tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// Words → candidates with ids.
    Search { table: usize },
    /// Name → record.
    Find { table: usize },
    /// Id → record.
    Get { table: usize },
    /// Rows, narrowed, sorted, a page at a time, with their number.
    List { table: usize, of: Option<Of> },
    /// How many rows there are.
    Count { table: usize, of: Option<Of> },
    /// A statistic over a column of rows.
    Summary { table: usize, of: Option<Of> },
    /// A number in another unit.
    Convert { dimension: Dimension },
    /// Two numbers combined.
    Calculate,
    /// Days between two dates.
    Days,
    /// What a desk does with its entries.
    Desk(DeskTool),
}

/// Whose rows a tool takes: those that refer by this link to a row, which is given by id or by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Of {
    pub(crate) link: usize,
    pub(crate) by_name: bool,
}

/// What a parameter means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Words to search for.
    Query,
    /// The row, by id or name.
    Subject,
    /// Which field of a record.
    Property,
    /// A category or flag.
    Is(usize),
    /// A lower bound on a column.
    Min(usize),
    /// An upper bound.
    Max(usize),
    SortBy,
    Order,
    Limit,
    /// Column of a statistic.
    Metric,
    Statistic,
    /// Number to convert.
    Value,
    FromUnit,
    ToUnit,
    Operation,
    A,
    B,
    Desk(DeskSlot),
}

/// What a parameter is given.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Given {
    /// The user's word, or a choice.
    Literal(Json),
    /// A field of the records of this table, by column or (for a parent's id) by link; spelled by the dialect.
    Field(Field),
    /// The value of an earlier step.
    Step(usize),
    /// The id that an earlier writing call made.
    Made(usize),
    /// What a comparison of these steps' values chooses.
    Chosen { steps: Vec<usize>, value: Json },
}

/// A field of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Column(usize),
    /// The id of the row that this link leads to.
    Parent(usize),
}

/// What an argument refers to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// The value of a step.
    Step(usize),
    /// The id that a writing call made.
    Made(usize),
}

/// One call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) tool: Tool,
    pub(crate) inputs: Vec<(Slot, Given)>,
}

/// Where in a result a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// Id of the first candidate of a search.
    FirstId,
    /// A field of a record (or the one that was asked for).
    Field(Field),
    /// Id of the n-th listed row, from 0.
    ItemId(usize),
    /// Name of the n-th listed row, from 0.
    ItemName(usize),
    /// All listed rows.
    Items,
    /// Number of rows.
    Total,
    /// The computed number.
    Result,
    Desk(DeskRead),
}

/// A value read from a call's result: one goal.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) call: usize,
    pub(crate) read: Read,
    pub(crate) piece: Piece,
    /// What the tool returns there. For [`Read::Items`] the names.
    pub(crate) value: Json,
    /// The row that the call takes: `None` where it takes none.
    pub(crate) subject: Option<Entity>,
}

/// How tools of an arena are cut; the same question can be answered by different sets of tools.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    /// A named row is searched for, and its id taken from there.
    pub(crate) search: bool,
    /// A call reads one field of a record, and not the whole record.
    pub(crate) property: bool,
    /// What counts rows.
    pub(crate) counting: Counting,
}

/// What counts rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counting {
    /// A tool of its own.
    Count,
    /// The total that a list tells.
    List,
    /// A statistic.
    Summary,
}

/// The calls of a question.
#[derive(Debug)]
pub(crate) struct Lowered {
    pub(crate) calls: Vec<Call>,
    pub(crate) steps: Vec<Step>,
    /// Last step of each branch, in the order of the wish.
    pub(crate) ends: Vec<usize>,
    /// Calls that change the state, in order; one goal together.
    pub(crate) writes: Vec<usize>,
}

/// The row that a call takes.
enum Subject {
    Name { label: String, entity: Entity },
    Id { step: usize, entity: Entity },
}

/// Whose rows, the row that says so, and the inputs so far.
type Narrowed = (Option<Of>, Option<Entity>, Vec<(Slot, Given)>);

/// Writes calls.
pub(crate) struct Lowering<'a> {
    pub(crate) truth: Truth<'a>,
    cut: Cut,
    pub(crate) out: Lowered,
}

/// The calls of a wish; `None` when some value is not there, or when two branches meet in one call.
///
/// Where rows are listed or summarised anyway, they are also counted there: one value must not be had from two tools,
/// of which only one earns credit.
pub(crate) fn lower(truth: Truth<'_>, cut: Cut, wish: &Wish) -> Option<Lowered> {
    let first = lower_as(truth, cut, wish)?;
    let tools = first.tools();
    let clash = tools.iter().any(|tool| {
        tool.rows().is_some() && tools.iter().any(|other| other != tool && other.rows() == tool.rows())
    });
    if !clash {
        return Some(first);
    }
    let summary = tools.iter().any(|tool| matches!(tool, Tool::Summary { .. }));
    let counting =
        if summary && cut.counting != Counting::Summary { Counting::Summary } else { Counting::List };
    lower_as(truth, Cut { counting, ..cut }, wish)
}

fn lower_as(truth: Truth<'_>, cut: Cut, wish: &Wish) -> Option<Lowered> {
    let mut lowering = Lowering::new(truth, cut);
    match wish {
        Wish::Names(rows) => drop(lowering.names(rows)?),
        Wish::Common(a, b) => {
            lowering.names(a)?;
            lowering.names(b)?;
        }
        Wish::Errand(errand) => lowering.errand(errand)?,
        Wish::One(_) | Wish::Which { .. } | Wish::Fold { .. } | Wish::Each(_) => {
            for scalar in wish.scalars() {
                let step = lowering.scalar(scalar)?;
                lowering.out.ends.push(step);
            }
        }
    }
    let mut ends = lowering.out.ends.clone();
    ends.sort_unstable();
    ends.dedup();
    let distinct = wish.errand().is_some() || !lowering.out.repeats_itself();
    (distinct && ends.len() == lowering.out.ends.len()).then_some(lowering.out)
}

impl<'a> Lowering<'a> {
    pub(crate) fn new(truth: Truth<'a>, cut: Cut) -> Self {
        Self {
            truth,
            cut,
            out: Lowered { calls: Vec::new(), steps: Vec::new(), ends: Vec::new(), writes: Vec::new() },
        }
    }

    /// The step that finds a row's id; also where the user says its name.
    pub(crate) fn id(&mut self, entity: &Entity) -> Option<usize> {
        match self.subject_by(entity, true)? {
            Subject::Id { step, .. } => Some(step),
            Subject::Name { .. } => None,
        }
    }

    fn subject(&mut self, entity: &Entity) -> Option<Subject> {
        self.subject_by(entity, self.cut.search)
    }

    fn subject_by(&mut self, entity: &Entity, search: bool) -> Option<Subject> {
        let own = entity.clone();
        let piece = Piece::Row(entity.clone());
        match entity {
            Entity::Named { table, row } => {
                let label = self.truth.group.tables[*table].label_of(*row).to_owned();
                if !search {
                    return Some(Subject::Name { label, entity: own });
                }
                let call = Call {
                    tool: Tool::Search { table: *table },
                    inputs: vec![(Slot::Query, Given::Literal(label.into()))],
                };
                let step = self.step(call, Read::FirstId, piece, Some(own.clone()))?;
                Some(Subject::Id { step, entity: own })
            }
            Entity::Parent { link, of } => {
                let step = self.record(of, Field::Parent(*link), piece)?;
                Some(Subject::Id { step, entity: own })
            }
            Entity::Ranked { rows, by, largest, rank } => {
                let step = self.ranked(rows, (*by, *largest), Read::ItemId(rank.checked_sub(1)?), piece)?;
                Some(Subject::Id { step, entity: own })
            }
        }
    }

    /// The step that reads a field of a row's record.
    fn record(&mut self, of: &Entity, field: Field, piece: Piece) -> Option<usize> {
        let table = of.table(&self.truth.group.links);
        let subject = self.subject(of)?;
        let tool = match &subject {
            Subject::Name { .. } => Tool::Find { table },
            Subject::Id { .. } => Tool::Get { table },
        };
        let (entity, given) = subject.given();
        let mut inputs = vec![(Slot::Subject, given)];
        if self.cut.property {
            inputs.push((Slot::Property, Given::Field(field)));
        }
        self.step(Call { tool, inputs }, Read::Field(field), piece, Some(entity))
    }

    /// Inputs that narrow rows: whose they are, then the conditions.
    fn narrowed(&mut self, rows: &Rows) -> Option<Narrowed> {
        let mut inputs = Vec::new();
        let mut of = None;
        let mut subject = None;
        if let Some((link, entity)) = &rows.of {
            let found = self.subject(entity)?;
            of = Some(Of { link: *link, by_name: matches!(found, Subject::Name { .. }) });
            let (entity, given) = found.given();
            subject = Some(entity);
            inputs.push((Slot::Subject, given));
        }
        for condition in &rows.conditions {
            let bound = |this: &mut Self, bound: &Bound| match bound {
                Bound::Said(cell) => Some(Given::Literal(cell.json())),
                Bound::Found(scalar) => this.scalar(scalar).map(Given::Step),
            };
            let input = match &condition.test {
                Test::Is(cell) => (Slot::Is(condition.column), Given::Literal(cell.json())),
                Test::AtLeast(at) => (Slot::Min(condition.column), bound(self, at)?),
                Test::AtMost(at) => (Slot::Max(condition.column), bound(self, at)?),
            };
            inputs.push(input);
        }
        Some((of, subject, inputs))
    }

    /// The step that reads one item of a sorted list.
    fn ranked(
        &mut self,
        rows: &Rows,
        (by, largest): (usize, bool),
        read: Read,
        piece: Piece,
    ) -> Option<usize> {
        let (of, subject, mut inputs) = self.narrowed(rows)?;
        inputs.push((Slot::SortBy, Given::Field(Field::Column(by))));
        inputs.push((Slot::Order, Given::Literal(json!(if largest { "desc" } else { "asc" }))));
        self.step(Call { tool: Tool::List { table: rows.table, of }, inputs }, read, piece, subject)
    }

    /// The step that reads all names.
    fn names(&mut self, rows: &Rows) -> Option<usize> {
        let (of, subject, mut inputs) = self.narrowed(rows)?;
        inputs.push((Slot::Limit, Given::Literal(json!(MAX_NAMES + 3))));
        let call = Call { tool: Tool::List { table: rows.table, of }, inputs };
        let step = self.step(call, Read::Items, Piece::Rows(rows.clone()), subject)?;
        self.out.ends.push(step);
        Some(step)
    }

    /// The step that reads a value.
    pub(crate) fn scalar(&mut self, scalar: &Scalar) -> Option<usize> {
        let piece = Piece::Value(scalar.clone());
        match scalar {
            Scalar::Field { of, column } => self.record(of, Field::Column(*column), piece),
            Scalar::Name { of: Entity::Ranked { rows, by, largest, rank } } => {
                self.ranked(rows, (*by, *largest), Read::ItemName(rank.checked_sub(1)?), piece)
            }
            Scalar::Name { of } => {
                let label = self.truth.group.tables[of.table(&self.truth.group.links)].label?;
                self.record(of, Field::Column(label), piece)
            }
            Scalar::Count { rows } => {
                let (of, subject, mut inputs) = self.narrowed(rows)?;
                let table = rows.table;
                // Without a number there is nothing to summarise but the count.
                let numbers = self.truth.world.parts.get(&table).is_some_and(|part| {
                    let kind = |at: &usize| self.truth.group.tables[table].columns[*at].kind;
                    part.sortable.iter().any(|at| matches!(kind(at), Kind::Integer | Kind::Real))
                });
                let vain = self.cut.counting == Counting::Summary && !numbers;
                let counting = if vain { Counting::Count } else { self.cut.counting };
                let (tool, read) = match counting {
                    Counting::Count => (Tool::Count { table, of }, Read::Total),
                    Counting::List => (Tool::List { table, of }, Read::Total),
                    Counting::Summary => {
                        inputs.push((Slot::Statistic, Given::Literal(json!("count"))));
                        (Tool::Summary { table, of }, Read::Result)
                    }
                };
                self.step(Call { tool, inputs }, read, piece, subject)
            }
            Scalar::Aggregate { rows, statistic, column } => {
                let (of, subject, mut inputs) = self.narrowed(rows)?;
                inputs.push((Slot::Metric, Given::Field(Field::Column(*column))));
                inputs.push((Slot::Statistic, Given::Literal(json!(statistic.word()))));
                let call = Call { tool: Tool::Summary { table: rows.table, of }, inputs };
                self.step(call, Read::Result, piece, subject)
            }
            Scalar::Converted { of, from, to } => {
                let value = self.scalar(of)?;
                let inputs = vec![
                    (Slot::Value, Given::Step(value)),
                    (Slot::FromUnit, Given::Literal(json!(from.symbol))),
                    (Slot::ToUnit, Given::Literal(json!(to.symbol))),
                ];
                let call = Call { tool: Tool::Convert { dimension: from.dimension }, inputs };
                self.step(call, Read::Result, piece, None)
            }
            Scalar::Computed { operation, a, b } => {
                let (a, b) = (self.scalar(a)?, self.scalar(b)?);
                let (tool, mut inputs) = match operation {
                    Operation::Days => (Tool::Days, Vec::new()),
                    Operation::Difference | Operation::Ratio | Operation::Percent => {
                        (Tool::Calculate, vec![(Slot::Operation, Given::Literal(json!(operation.word())))])
                    }
                };
                inputs.extend([(Slot::A, Given::Step(a)), (Slot::B, Given::Step(b))]);
                if a == b { None } else { self.step(Call { tool, inputs }, Read::Result, piece, None) }
            }
        }
    }

    /// The step of this call and read; an equal one stands already when the same was read before.
    fn step(&mut self, call: Call, read: Read, piece: Piece, subject: Option<Entity>) -> Option<usize> {
        let value = self.truth.piece(&piece)?;
        let number = self.call(call);
        Some(self.read(number, read, piece, value, subject))
    }

    /// The number of this call; an equal one may stand already.
    pub(crate) fn call(&mut self, call: Call) -> usize {
        self.out.calls.iter().position(|known| *known == call).unwrap_or_else(|| {
            self.out.calls.push(call);
            self.out.calls.len() - 1
        })
    }

    /// The step that reads this of a call.
    pub(crate) fn read(
        &mut self,
        call: usize,
        read: Read,
        piece: Piece,
        value: Json,
        subject: Option<Entity>,
    ) -> usize {
        let known = self.out.steps.iter().position(|step| step.call == call && step.read == read);
        known.unwrap_or_else(|| {
            self.out.steps.push(Step { call, read, piece, value, subject });
            self.out.steps.len() - 1
        })
    }
}

impl Subject {
    fn given(self) -> (Entity, Given) {
        match self {
            Self::Name { label, entity } => (entity, Given::Literal(label.into())),
            Self::Id { step, entity } => (entity, Given::Step(step)),
        }
    }
}

#[cfg(test)]
mod tests;
