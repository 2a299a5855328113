//! Candidates by index: pure, deterministic per (seed, index), safe to compute on any thread in any order.
//!
//! A candidate is drawn until one passes the cheap checks, at most a few times; the stage that publishes asks for
//! index 0, 1, 2, …, runs the gates, and stops when enough were accepted. Nothing here runs code or writes files.

use crate::Error;
use crate::assemble::{Question, assemble, note};
use crate::draw::Draw;
use crate::ledger::Ledger;
use crate::lower::lower;
use crate::question::evaluate::Truth;
use crate::tables::{Language, TableGroup};
use crate::tools::{DIALECTS, Dialect, Toolbox};
use astra_protocol::{ArenaSpec, Topology};
use std::sync::{Mutex, PoisonError};

/// How often one question is put together before it is given up: each time in another dialect and other words.
const MAX_TRIES: u32 = 4;
/// Questions that are tried before tables are said to give none.
const TRIAL: u64 = 64;

/// What to generate.
#[derive(Clone, Debug)]
pub struct GenerateOptions {
    /// Seed of everything drawn.
    pub seed: u64,
    /// Shortest chain of dependent calls, for topologies that have chains.
    pub min_hops: usize,
    /// Longest chain of dependent calls; topologies that have chains have at least 2.
    pub max_hops: usize,
    /// Topologies to draw from; one named twice is drawn twice as often.
    pub topologies: Vec<Topology>,
    /// Languages to ask in, of those that the tables have words for.
    pub languages: Vec<Language>,
    /// Percentage of arenas from which a needed tool is taken away.
    pub unanswerable: usize,
    /// Percentage of arenas in which something is to be done, and not only found out.
    pub stateful: usize,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        let topologies = vec![
            Topology::SingleHop,
            Topology::ParallelSingleHop,
            Topology::MultiHop,
            Topology::MultiHop,
            Topology::ParallelMultiHop,
        ];
        let languages = vec![Language::English, Language::Chinese];
        Self { seed: 0, min_hops: 1, max_hops: 6, topologies, languages, unanswerable: 7, stateful: 15 }
    }
}

/// An arena that has not met the gates yet.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its place in the sequence.
    pub index: u64,
    /// How many questions were drawn for it.
    pub draws: u32,
    /// The arena.
    pub spec: ArenaSpec,
    /// Uncompressed JSON bytes of `spec.data`, in the same order.
    pub data: Vec<Vec<u8>>,
}

/// An index for which no question passed the cheap checks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("candidate {index}: none of {draws} drawn questions fits: {}", why.join("; "))]
pub struct Discarded {
    /// Its place in the sequence.
    pub index: u64,
    /// How many questions were drawn for it.
    pub draws: u32,
    /// Distinct reasons, in the order in which they came up.
    pub why: Vec<String>,
}

/// Draws candidates from one group of tables.
#[derive(Debug)]
pub struct Generator<'a> {
    group: &'a TableGroup,
    options: GenerateOptions,
    ledger: Mutex<Ledger>,
}

impl<'a> Generator<'a> {
    /// Draws a few questions to see that there are any; an error says, table by table, why there is none.
    pub fn new(group: &'a TableGroup, options: GenerateOptions) -> Result<Self, Error> {
        if !group.languages.iter().any(|language| options.languages.contains(language)) {
            let codes = |languages: &[Language]| {
                languages.iter().map(|one| one.code()).collect::<Vec<_>>().join(", ")
            };
            let (speaks, wanted) = (codes(&group.languages), codes(&options.languages));
            return Err(Error::OtherLanguage { group: group.name.clone(), speaks, wanted });
        }
        let nameable = group.tables.iter().any(|table| table.nameable.len() >= 4);
        let generator = Self { group, options, ledger: Mutex::default() };
        let asks = |index| generator.entry(index).chosen.is_ok();
        if !nameable || generator.options.topologies.is_empty() || !(0..TRIAL).any(asks) {
            return Err(Error::NothingToAsk { group: group.name.clone(), reasons: reasons(group) });
        }
        Ok(generator)
    }

    /// The tables that it draws from.
    pub fn group(&self) -> &TableGroup {
        self.group
    }

    /// What it was told to generate.
    pub fn options(&self) -> &GenerateOptions {
        &self.options
    }

    fn entry(&self, index: u64) -> crate::ledger::Entry {
        // A thread that panicked while drawing left whole entries behind it.
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.entry(self.group, &self.options, index)
    }

    /// The candidate of one index.
    pub fn candidate(&self, index: u64) -> Result<Candidate, Discarded> {
        let entry = self.entry(index);
        let seed = self.options.seed;
        let chosen = entry.chosen.map_err(|why| Discarded { index, draws: 0, why })?;
        let mut why: Vec<String> = Vec::new();
        let truth = Truth { group: self.group, world: &entry.world };
        let discarded = |why: Vec<String>| Discarded { index, draws: chosen.draws, why };
        let Some(lowered) = lower(truth, chosen.cut, &chosen.wish) else {
            return Err(discarded(vec!["the question has no calls".into()]));
        };
        for round in 0..MAX_TRIES {
            let mut draw = Draw::new(seed, &format!("{}/{index}/arena {round}", self.group.name));
            let toolbox = Toolbox {
                group: self.group,
                world: &entry.world,
                lowered: &lowered,
                cut: chosen.cut,
                dialect: Dialect(draw.below(DIALECTS)),
                errand: chosen.wish.errand(),
            };
            let question = Question {
                wish: &chosen.wish,
                toolbox,
                language: chosen.language,
                unanswerable: chosen.unanswerable,
            };
            match assemble(&question, &mut draw) {
                Ok(mut arena) => {
                    note(&mut arena.spec, seed, index, chosen.draws);
                    return Ok(Candidate { index, draws: chosen.draws, spec: arena.spec, data: arena.data });
                }
                Err(reason) if why.contains(&reason) => {}
                Err(reason) => why.push(reason),
            }
        }
        Err(discarded(why))
    }

    /// All candidates in order of their index; never ends.
    pub fn candidates(&self) -> impl Iterator<Item = Result<Candidate, Discarded>> + '_ {
        (0..).map(|index| self.candidate(index))
    }
}

/// Candidates from a group of tables in order of their index; never ends. See [`Generator`] for threads.
pub fn generate<'a>(
    group: &'a TableGroup,
    options: &GenerateOptions,
) -> Result<impl Iterator<Item = Result<Candidate, Discarded>> + use<'a>, Error> {
    let generator = Generator::new(group, options.clone())?;
    Ok((0..).map(move |index| generator.candidate(index)))
}

/// Why nothing can be asked, table by table.
fn reasons(group: &TableGroup) -> Vec<String> {
    let reason = |table: &crate::tables::Table| {
        if table.label.is_none() {
            format!("`{}` has no column of distinct names", table.name)
        } else if table.nameable.len() < 4 {
            format!("`{}` has fewer than 4 rows with a distinct name", table.name)
        } else {
            format!("`{}` has no column whose values differ enough to be asked for", table.name)
        }
    };
    group.tables.iter().map(reason).collect()
}
