//! What is asked, as a tree: rows, conditions, numbers and names, and what a person wants done with them.
//!
//! One tree is evaluated over a [`World`](crate::world::World), lowered to gold calls, and said in a language; none of
//! these knows the others. Whatever needs a tool is an [`Entity`], [`Rows`] or [`Scalar`]; what a person does in the
//! head with the results (compare, add up, list) is the [`Wish`]. Depth is the number of dependent calls that lowering
//! makes of the tree, not the tree's own height: a record is read once, whatever is taken from it.

pub(crate) mod draw;
pub(crate) mod evaluate;
pub(crate) mod other;
pub(crate) mod shape;
pub(crate) mod units;

use crate::tables::Cell;
use units::Unit;

/// One row, by how it is found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Entity {
    /// The user says its name.
    Named {
        /// Its table.
        table: usize,
        /// Row of the source table.
        row: usize,
    },
    /// The row that another one refers to.
    Parent {
        /// The link, from child to parent.
        link: usize,
        /// The child.
        of: Box<Entity>,
    },
    /// First, second, … of some rows in the order of a column.
    Ranked {
        /// Among these.
        rows: Box<Rows>,
        /// Column of numbers or dates.
        by: usize,
        /// Whether the largest (latest) comes first.
        largest: bool,
        /// Place, from 1.
        rank: usize,
    },
}

/// Rows of one table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rows {
    /// Their table.
    pub(crate) table: usize,
    /// Only those that refer, by this link, to this row.
    pub(crate) of: Option<(usize, Entity)>,
    /// Only those that meet all of these.
    pub(crate) conditions: Vec<Condition>,
}

/// What a row must be like.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    /// Column of the rows' table.
    pub(crate) column: usize,
    /// What its cell must be.
    pub(crate) test: Test,
}

/// What a cell must be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    /// Just this category (text) or flag (bool).
    Is(Cell),
    /// A number of at least this, a date not before it.
    AtLeast(Bound),
    /// A number of at most this, a date not after it.
    AtMost(Bound),
}

/// Where a bound comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Bound {
    /// The user says it: a number, or a date as text `yyyy-mm-dd`.
    Said(Cell),
    /// It must be found first: "at least as heavy as the isotope Au-198". A `Field` of a `Named` row of any table whose
    /// column means the same (mostly the same table and column).
    Found(Box<Scalar>),
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar {
    /// A column of a row.
    Field {
        /// The row.
        of: Entity,
        /// The column.
        column: usize,
    },
    /// What a row is called; the row is never [`Entity::Named`].
    Name {
        /// The row.
        of: Entity,
    },
    /// How many rows there are.
    Count {
        /// The rows.
        rows: Rows,
    },
    /// A statistic over a column of rows; empty cells are left out.
    Aggregate {
        /// The rows.
        rows: Rows,
        /// Which one.
        statistic: Statistic,
        /// Column of numbers.
        column: usize,
    },
    /// A number in another unit, converted by a tool.
    Converted {
        /// The number; its column has the unit `from`.
        of: Box<Scalar>,
        /// The unit it has.
        from: &'static Unit,
        /// The unit that is wanted.
        to: &'static Unit,
    },
    /// Two values combined by a tool.
    Computed {
        /// How.
        operation: Operation,
        /// First operand.
        a: Box<Scalar>,
        /// Second operand.
        b: Box<Scalar>,
    },
}

/// A statistic that a tool computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Statistic {
    /// Rounded to four decimals.
    Sum,
    /// Rounded to four decimals.
    Mean,
    Min,
    Max,
}

/// What a calculator does with two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// `|a − b|` of two numbers.
    Difference,
    /// `a ÷ b`, rounded to four decimals.
    Ratio,
    /// `a` as percent of `b`, rounded to four decimals.
    Percent,
    /// Days between two dates, never negative.
    Days,
}

/// What the user wants to know or to have done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wish {
    /// One value.
    One(Scalar),
    /// Which of the named rows has the largest or smallest value. The scalars (2 to 4) have one shape and differ in the
    /// one [`Entity::Named`] from which each starts; the answer is that row's name.
    Which {
        /// One scalar a branch.
        of: Vec<Scalar>,
        /// Largest (latest) or smallest (earliest).
        largest: bool,
    },
    /// The sum, or for two branches the absolute difference, made in the head. Same shape, 2 to 4 branches.
    Fold {
        /// One scalar a branch.
        of: Vec<Scalar>,
        /// Sum or difference.
        fold: Fold,
    },
    /// Each value; shapes and starts may be the same (2 to 4 branches) or differ (2 branches).
    Each(Vec<Scalar>),
    /// The names of all of these rows.
    Names(Rows),
    /// The names that stand in both lists, which are rows of one table. Each list is fetched on its own.
    Common(Rows, Rows),
    /// Something is to be done.
    Errand(Box<crate::errand::Errand>),
}

/// What is done in the head with two or more numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fold {
    Sum,
    Difference,
}

/// The part of a question that one tool call answers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    /// Which row it is (its id is read).
    Row(Entity),
    /// A value.
    Value(Scalar),
    /// The list.
    Rows(Rows),
    /// What stands at a desk.
    Desk(crate::errand::DeskPiece),
}

impl Rows {
    /// The columns that no condition bounds: the lowest price of those of at least 20 is a silly question.
    pub(crate) fn unbounded(&self, columns: &[usize]) -> Vec<usize> {
        let bound = |at: &usize| self.conditions.iter().any(|condition| condition.column == *at);
        columns.iter().copied().filter(|at| !bound(at)).collect()
    }
}

impl Piece {
    /// The rows among which its call looks, where it looks among rows.
    pub(crate) fn rows(&self) -> Option<&Rows> {
        match self {
            Self::Row(Entity::Ranked { rows, .. })
            | Self::Value(Scalar::Name { of: Entity::Ranked { rows, .. } }) => Some(rows),
            Self::Value(Scalar::Count { rows } | Scalar::Aggregate { rows, .. }) | Self::Rows(rows) => {
                Some(rows)
            }
            Self::Value(_) | Self::Row(_) | Self::Desk(_) => None,
        }
    }

    /// The same, to be changed.
    pub(crate) fn rows_mut(&mut self) -> Option<&mut Rows> {
        match self {
            Self::Row(Entity::Ranked { rows, .. })
            | Self::Value(Scalar::Name { of: Entity::Ranked { rows, .. } }) => Some(rows),
            Self::Value(Scalar::Count { rows } | Scalar::Aggregate { rows, .. }) | Self::Rows(rows) => {
                Some(rows)
            }
            Self::Value(_) | Self::Row(_) | Self::Desk(_) => None,
        }
    }
}

impl Entity {
    /// Table of the row.
    pub(crate) fn table(&self, links: &[crate::tables::Link]) -> usize {
        match self {
            Self::Named { table, .. } => *table,
            Self::Parent { link, .. } => links[*link].parent,
            Self::Ranked { rows, .. } => rows.table,
        }
    }
}

impl Wish {
    /// What kind of wish it is, for statistics.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::One(_) => "value",
            Self::Which { .. } => "comparison",
            Self::Fold { fold: Fold::Sum, .. } => "sum in the head",
            Self::Fold { fold: Fold::Difference, .. } => "difference in the head",
            Self::Each(_) => "several values",
            Self::Names(_) => "names",
            Self::Common(..) => "intersection",
            Self::Errand(_) => "errand",
        }
    }

    /// What is to be done, where something is.
    pub(crate) fn errand(&self) -> Option<&crate::errand::Errand> {
        match self {
            Self::Errand(errand) => Some(errand),
            Self::One(_)
            | Self::Which { .. }
            | Self::Fold { .. }
            | Self::Each(_)
            | Self::Names(_)
            | Self::Common(..) => None,
        }
    }

    /// The scalars of all branches; none where rows are wanted.
    pub(crate) fn scalars(&self) -> &[Scalar] {
        match self {
            Self::One(scalar) => std::slice::from_ref(scalar),
            Self::Which { of, .. } | Self::Fold { of, .. } | Self::Each(of) => of,
            Self::Names(_) | Self::Common(..) | Self::Errand(_) => &[],
        }
    }
}
