//! Candidates by index: pure, deterministic per (seed, index), safe to compute on any thread in any order.
//!
//! A candidate is drawn until one passes the cheap checks, at most a few times; the stage that publishes asks for
//! index 0, 1, 2, …, runs the gates, and stops when enough were accepted. Nothing here runs code or writes files.

use crate::Error;
use crate::assemble::{assemble, note};
use crate::draw::Draw;
use crate::plan;
use crate::routes::{Path, paths, reasons};
use crate::tables::TableGroup;
use astra_protocol::{ArenaSpec, Topology};

/// How often one index is drawn before it is given up.
const MAX_DRAWS: u32 = 24;

/// What to generate.
#[derive(Clone, Debug)]
pub struct GenerateOptions {
    /// Seed of everything drawn.
    pub seed: u64,
    /// Longest chain of dependent calls.
    pub max_hops: usize,
    /// Topologies to draw from; one named twice is drawn twice as often.
    pub topologies: Vec<Topology>,
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
        Self { seed: 0, max_hops: 3, topologies }
    }
}

/// An arena that has not met the gates yet.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its place in the sequence.
    pub index: u64,
    /// How many plans were drawn for it.
    pub draws: u32,
    /// The arena.
    pub spec: ArenaSpec,
    /// Uncompressed JSON bytes of `spec.data`, in the same order.
    pub data: Vec<Vec<u8>>,
}

/// An index for which no plan passed the cheap checks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("candidate {index}: none of {draws} drawn plans fits: {}", why.join("; "))]
pub struct Discarded {
    /// Its place in the sequence.
    pub index: u64,
    /// How many plans were drawn for it.
    pub draws: u32,
    /// Distinct reasons, in the order in which they came up.
    pub why: Vec<String>,
}

/// Draws candidates from one group of tables.
#[derive(Debug)]
pub struct Generator<'a> {
    group: &'a TableGroup,
    paths: Vec<Path>,
    options: GenerateOptions,
}

impl<'a> Generator<'a> {
    /// Finds every walk through the tables; an error says, table by table, why there is none.
    pub fn new(group: &'a TableGroup, options: GenerateOptions) -> Result<Self, Error> {
        let paths = paths(group, options.max_hops.saturating_sub(1));
        if paths.is_empty() || options.topologies.is_empty() {
            return Err(Error::NothingToAsk { group: group.name.clone(), reasons: reasons(group) });
        }
        Ok(Self { group, paths, options })
    }

    /// The tables that it draws from.
    pub fn group(&self) -> &TableGroup {
        self.group
    }

    /// What it was told to generate.
    pub fn options(&self) -> &GenerateOptions {
        &self.options
    }

    /// The candidate of one index.
    pub fn candidate(&self, index: u64) -> Result<Candidate, Discarded> {
        let stream = format!("{}/{index}", self.group.name);
        let seed = self.options.seed;
        let mut why: Vec<String> = Vec::new();
        let topology = Draw::new(seed, &stream).pick(&self.options.topologies).copied();
        for round in 0..MAX_DRAWS {
            let mut draw = Draw::new(seed, &format!("{stream}/{round}"));
            let drawn = topology
                .and_then(|topology| {
                    plan::draw(self.group, &self.paths, topology, self.options.max_hops, &mut draw)
                })
                .ok_or_else(|| "no rows fit the drawn shape".to_owned())
                .and_then(|plan| assemble(self.group, &plan, &format!("{seed}/{stream}/{round}"), &mut draw));
            match drawn {
                Ok(mut arena) => {
                    let draws = round + 1;
                    note(&mut arena.spec, seed, index, draws);
                    return Ok(Candidate { index, draws, spec: arena.spec, data: arena.data });
                }
                Err(reason) if why.contains(&reason) => {}
                Err(reason) => why.push(reason),
            }
        }
        Err(Discarded { index, draws: MAX_DRAWS, why })
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
