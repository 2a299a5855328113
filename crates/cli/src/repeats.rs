//! How many arenas are the same question as an earlier one of their source, up to the names in it.

use astra_eval::{masked_prompt, shape, source};
use astra_protocol::{ArenaSpec, ContentId};
use astra_store::read_arenas;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;

/// Arenas that repeat an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Repeats {
    pub(crate) count: usize,
    /// Of all arenas.
    pub(crate) share: f64,
    #[serde(skip)]
    known: BTreeSet<ContentId>,
}

impl Repeats {
    pub(crate) fn add(&mut self, source: &str, text: &str) {
        let key = ContentId::of_bytes(format!("{source}\n{text}").as_bytes());
        self.count += usize::from(!self.known.insert(key));
    }

    /// Sets the share among `arenas`.
    pub(crate) fn among(&mut self, arenas: usize) {
        self.share = self.count as f64 / arenas.max(1) as f64;
    }
}

/// Repeats by what the user reads and by what is asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct NearRepeats {
    /// The prompt with names masked.
    pub(crate) prompt: Repeats,
    /// The recorded shape of the question.
    pub(crate) shape: Repeats,
    #[serde(skip)]
    arenas: usize,
}

impl NearRepeats {
    pub(crate) fn add(&mut self, spec: &ArenaSpec) {
        self.arenas += 1;
        self.prompt.add(source(spec), &masked_prompt(spec));
        self.shape.add(source(spec), &shape(spec));
        self.prompt.among(self.arenas);
        self.shape.among(self.arenas);
    }

    /// Counts over a data set.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let mut repeats = Self::default();
        for stored in read_arenas(folder)? {
            repeats.add(&stored?.spec);
        }
        Ok(repeats)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeat_counts_within_its_source_only() {
        let mut repeats = Repeats::default();
        for (source, text) in [("a", "x"), ("b", "x"), ("a", "x"), ("a", "y"), ("a", "x")] {
            repeats.add(source, text);
        }
        repeats.among(5);
        assert_eq!((repeats.count, repeats.share.to_string().as_str()), (2, "0.4"));
    }
}
