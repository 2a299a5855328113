//! A training example: ids with what the assistant wrote marked.

/// Ids of a conversation and where loss is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Example {
    /// Token ids.
    pub ids: Vec<u32>,
    /// True exactly on what the assistant wrote: its text, calls and the token that ends its turn.
    pub mask: Vec<bool>,
}

impl Example {
    /// Appends ids.
    pub(crate) fn push(&mut self, ids: &[u32], written: bool) {
        self.ids.extend_from_slice(ids);
        self.mask.resize(self.ids.len(), written);
    }
}
