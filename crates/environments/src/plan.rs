//! Draws one question as a DAG of steps over the tables.
//!
//! A step is one tool call and the one value that is read from its result; steps are in replay order, and a step that
//! takes an earlier step's result names it. Branches share a shape and differ in their rows; what a person then does
//! with the branches' values (compare, subtract, list) is [`Combine`] and needs no tool. New kinds of step (filter,
//! ranking, writing) are new [`Read`]s; more branches are more of the same.

use crate::draw::Draw;
use crate::routes::{End, Path, answerable, filters};
use crate::tables::{Cell, Kind, TableGroup};
use astra_protocol::Topology;

/// How a row is reached from its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// One tool takes the name and returns the record.
    ByName,
    /// A search returns candidates, and another tool takes the id.
    BySearch,
}

/// How records are returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The whole record.
    Record,
    /// One property of it, named in the call.
    Property,
}

/// What a step starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The name that the user said.
    Named,
    /// The id that an earlier step found.
    Result(usize),
}

/// What a step reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// The id of the row.
    Id,
    /// A column of it.
    Field(usize),
    /// The id of the row that it refers to.
    Parent(usize),
    /// How many rows refer to it.
    Count { link: usize, filter: Option<Filter> },
}

/// Only rows with this value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) column: usize,
    pub(crate) value: FilterValue,
}

/// A value that splits rows into kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FilterValue {
    Bool(bool),
    Text(String),
}

/// One call and what is read from it.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) table: usize,
    pub(crate) row: usize,
    pub(crate) subject: Subject,
    pub(crate) read: Read,
}

/// What becomes of the branches' values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Combine {
    /// There is one branch, and its value is the answer.
    Only,
    /// The name of the branch with the larger (or smaller) value.
    Which { larger: bool },
    /// The absolute difference.
    Difference,
    /// The sum.
    Total,
    /// Each value, by the name of its branch.
    Each,
}

/// A question.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) path: Path,
    pub(crate) end: End,
    pub(crate) filter: Option<Filter>,
    pub(crate) access: Access,
    pub(crate) detail: Detail,
    pub(crate) combine: Combine,
    pub(crate) steps: Vec<Step>,
    /// Steps of each branch, first to last.
    pub(crate) branches: Vec<Vec<usize>>,
}

/// Draws a plan of this topology with at most `max_hops` dependent calls; `None` when this draw led nowhere.
pub(crate) fn draw(
    group: &TableGroup,
    paths: &[Path],
    topology: Topology,
    max_hops: usize,
    draw: &mut Draw,
) -> Option<Plan> {
    let parallel = matches!(topology, Topology::ParallelSingleHop | Topology::ParallelMultiHop);
    let chained = matches!(topology, Topology::MultiHop | Topology::ParallelMultiHop);
    let access = if chained && draw.percent(50) { Access::BySearch } else { Access::ByName };
    let search = usize::from(access == Access::BySearch);
    let depth = if chained { 2 + draw.below(max_hops.saturating_sub(1).max(1)) } else { 1 };
    let fitting: Vec<&Path> = paths.iter().filter(|path| path.hops.len() + 1 + search == depth).collect();
    let path = draw_path(group, &fitting, draw)?.clone();
    let end = draw_end(group, &path, draw)?;
    let filter = draw_filter(group, &end, draw);
    let combine = if parallel { draw_combine(group, &path, &end, draw) } else { Combine::Only };
    let detail = if draw.percent(65) { Detail::Record } else { Detail::Property };
    let mut plan =
        Plan { path, end, filter, access, detail, combine, steps: Vec::new(), branches: Vec::new() };
    for _ in 0..if parallel { 2 } else { 1 } {
        let rows = (0..24).find_map(|_| draw_rows(group, &plan, draw))?;
        add_branch(&mut plan, group, &rows);
    }
    Some(plan)
}

/// A path, those from tables of many names more often: a table of ten rows has ten questions of a kind to give.
fn draw_path<'a>(group: &TableGroup, fitting: &[&'a Path], draw: &mut Draw) -> Option<&'a Path> {
    let weight = |path: &Path| {
        let bits = group.tables[path.start].nameable.len().checked_ilog2().unwrap_or(0) as usize;
        1 + bits * bits
    };
    let mut left = draw.below(fitting.iter().map(|path| weight(path)).sum());
    fitting.iter().copied().find(|path| {
        let here = left < weight(path);
        left = left.saturating_sub(weight(path));
        here
    })
}

fn draw_end(group: &TableGroup, path: &Path, draw: &mut Draw) -> Option<End> {
    let count = path.fields.is_empty() || (!path.counts.is_empty() && draw.percent(35));
    if !count {
        return draw.pick(&path.fields).map(|column| End::Field(*column));
    }
    let link = *draw.pick(&path.counts)?;
    let filters = filters(group, group.links[link].child);
    let filter = if draw.percent(40) { draw.pick(&filters).copied() } else { None };
    Some(End::Count { link, filter })
}

fn draw_filter(group: &TableGroup, end: &End, draw: &mut Draw) -> Option<Filter> {
    let End::Count { link, filter: Some(column) } = end else { return None };
    let cells = &group.tables[group.links[*link].child].columns[*column].cells;
    let value = (0..16).find_map(|_| match draw.pick(cells)? {
        Cell::Bool(value) => Some(FilterValue::Bool(*value)),
        Cell::Text(value) => Some(FilterValue::Text(value.to_string())),
        Cell::Empty | Cell::Number(_) => None,
    })?;
    Some(Filter { column: *column, value })
}

fn draw_combine(group: &TableGroup, path: &Path, end: &End, draw: &mut Draw) -> Combine {
    let which = |draw: &mut Draw| Combine::Which { larger: draw.percent(60) };
    match end {
        End::Count { .. } => match draw.below(4) {
            0 => which(draw),
            1 => Combine::Difference,
            2 => Combine::Total,
            _ => Combine::Each,
        },
        End::Field(column) => {
            let table = path.hops.last().map_or(path.start, |link| group.links[*link].parent);
            match (group.tables[table].columns[*column].kind, draw.below(3)) {
                (Kind::Integer | Kind::Real | Kind::Date, 0) => which(draw),
                (Kind::Integer | Kind::Real, 1) => Combine::Difference,
                _ => Combine::Each,
            }
        }
    }
}

/// The rows of one branch, start to end: all of them there, none of them in an earlier branch.
fn draw_rows(group: &TableGroup, plan: &Plan, draw: &mut Draw) -> Option<Vec<usize>> {
    let mut row = *draw.pick(&group.tables[plan.path.start].nameable)?;
    let mut table = plan.path.start;
    let mut rows = vec![row];
    for hop in &plan.path.hops {
        row = group.links[*hop].parents[row]? as usize;
        table = group.links[*hop].parent;
        rows.push(row);
    }
    let used = plan.steps.iter().any(|step| step.table == table && step.row == row)
        || plan.steps.iter().any(|step| step.table == plan.path.start && step.row == rows[0])
        || plan.branches.iter().any(|branch| {
            let earlier: Vec<(usize, usize)> =
                branch.iter().map(|at| (plan.steps[*at].table, plan.steps[*at].row)).collect();
            let mut tables = vec![plan.path.start];
            tables.extend(plan.path.hops.iter().map(|hop| group.links[*hop].parent));
            tables.iter().zip(&rows).any(|(table, row)| earlier.contains(&(*table, *row)))
        });
    let there = match &plan.end {
        End::Field(column) => {
            let cell = &group.tables[table].columns[*column].cells[row];
            !cell.is_empty() && cell.text().is_none_or(answerable)
        }
        End::Count { link, .. } => group.links[*link].children[row].len() >= 2,
    };
    (there && !used).then_some(rows)
}

/// Appends the steps that lead along `rows`.
fn add_branch(plan: &mut Plan, group: &TableGroup, rows: &[usize]) {
    let mut branch = Vec::new();
    let mut subject = Subject::Named;
    let mut push = |plan: &mut Plan, table, row, subject, read| {
        plan.steps.push(Step { table, row, subject, read });
        branch.push(plan.steps.len() - 1);
        Subject::Result(plan.steps.len() - 1)
    };
    let mut table = plan.path.start;
    if plan.access == Access::BySearch {
        subject = push(plan, table, rows[0], subject, Read::Id);
    }
    for (hop, row) in plan.path.hops.clone().into_iter().zip(rows) {
        subject = push(plan, table, *row, subject, Read::Parent(hop));
        table = group.links[hop].parent;
    }
    let read = match plan.end {
        End::Field(column) => Read::Field(column),
        End::Count { link, .. } => Read::Count { link, filter: plan.filter.clone() },
    };
    push(plan, table, rows[rows.len() - 1], subject, read);
    plan.branches.push(branch);
}

impl Plan {
    /// The named row of a branch.
    pub(crate) fn start(&self, branch: usize) -> &Step {
        &self.steps[self.branches[branch][0]]
    }

    /// The last step of a branch.
    pub(crate) fn leaf(&self, branch: usize) -> usize {
        self.branches[branch].last().copied().unwrap_or(0)
    }

    /// Table of the last row.
    pub(crate) fn end_table(&self, group: &TableGroup) -> usize {
        self.path.hops.last().map_or(self.path.start, |link| group.links[*link].parent)
    }
}

impl FilterValue {
    pub(crate) fn cell(&self) -> Cell {
        match self {
            Self::Bool(value) => Cell::Bool(*value),
            Self::Text(value) => Cell::Text(value.as_str().into()),
        }
    }
}
