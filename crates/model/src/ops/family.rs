//! Who attends to whom: sequences that share their beginning, laid out so that it is computed once.
//!
//! One shared beginning with any number of continuations, not a tree of them: it is what rollouts of one prompt are, and
//! a block of queries then has at most two runs of keys.

use std::ops::Range;

/// Tokens that are read one after the other, and ways in which they go on.
///
/// A branch is read as if it stood right behind the trunk: its positions continue after it, and its tokens see the trunk
/// and what of their own branch comes before them. So what many sequences begin with is computed once. A family without
/// branches is a sequence like any other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Family {
    /// What all branches begin with.
    pub trunk: Range<usize>,
    /// How they go on. They lie one behind the other, the first right behind the trunk.
    pub branches: Vec<Range<usize>>,
}

impl Family {
    /// All its tokens.
    pub(crate) fn tokens(&self) -> Range<usize> {
        self.trunk.start..self.branches.last().unwrap_or(&self.trunk).end
    }

    /// Trunk and branches, each with how many tokens stand before it when it is read.
    pub(crate) fn stretches(&self) -> impl Iterator<Item = (usize, &Range<usize>)> {
        std::iter::once((0, &self.trunk)).chain(self.branches.iter().map(|branch| (self.trunk.len(), branch)))
    }
}
