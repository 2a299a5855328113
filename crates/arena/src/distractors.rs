//! Irrelevant-tool mixing: tools of other arenas, in three bands of nearness (paper §3.3).
//!
//! Numbered differences from the paper:
//! 1) nearness is normalised over the tools that may be mixed into this arena, after the exclusions, so that "high"
//!    means "as confusable as it gets here" whatever the pool; the raw cosine stands beside it in the report;
//! 2) a tool is excluded for more than its domain: same name, same code, same data, and, tried out, when it returns
//!    the value of one of the arena's goals for the gold arguments.

use crate::arena::{Arena, ArenaError, Runtime, properties};
use crate::embed::{Compared, Embedder};
use crate::gates::answering_distractor;
use crate::gold::gold_for_seed;
use crate::published::UNKNOWN_DOMAIN;
use astra_protocol::{ContentId, draw_below, seeded_rng};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

/// A pool below this makes bands that mean little.
pub const SMALL_POOL: usize = 50;
/// Normalised nearness above which a tool is in the high band.
const HIGH: f64 = 0.85;
/// Normalised nearness from which a tool is in the medium band.
const MEDIUM: f64 = 0.4;

/// How many tools to take from each band, and how many from wherever they come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BandCounts {
    /// Normalised nearness above 0.85.
    pub high: usize,
    /// From 0.4 to 0.85.
    pub medium: usize,
    /// Below 0.4.
    pub low: usize,
    /// From the whole pool, however near: mixing at random, which the paper's bands are compared with.
    pub any: usize,
}

impl BandCounts {
    /// So many tools of high, medium and low nearness.
    pub fn banded(high: usize, medium: usize, low: usize) -> Self {
        Self { high, medium, low, any: 0 }
    }

    /// So many tools from the whole pool.
    pub fn random(any: usize) -> Self {
        Self { any, ..Self::default() }
    }
}

/// A band of nearness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    /// Above 0.85.
    High,
    /// From 0.4 to 0.85.
    Medium,
    /// Below 0.4.
    Low,
    /// All three: where tools are drawn at random.
    Any,
}

impl Band {
    fn of(nearness: f64) -> Self {
        if nearness > HIGH {
            Self::High
        } else if nearness >= MEDIUM {
            Self::Medium
        } else {
            Self::Low
        }
    }
}

/// Tools that may be mixed into other arenas' episodes.
pub struct DistractorPool {
    embedder: Arc<dyn Embedder>,
    tools: Vec<PoolTool>,
}

impl std::fmt::Debug for DistractorPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DistractorPool({} tools, {})", self.tools.len(), self.embedder.name())
    }
}

struct PoolTool {
    home: Arc<Arena>,
    name: String,
    code: ContentId,
    vector: Compared,
}

/// What to mix into an episode, and how it was chosen.
#[derive(Clone, Debug)]
pub struct Mixing {
    /// Home arena and tool name, as `EpisodeOptions` takes them.
    pub distractors: Vec<(Arc<Arena>, String)>,
    /// How they were chosen.
    pub report: MixingReport,
}

/// How distractors were chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MixingReport {
    /// Embedder that measured nearness.
    pub embedder: String,
    /// Tools in the pool.
    pub pool: usize,
    /// Whether the pool is smaller than [`SMALL_POOL`].
    pub small_pool: bool,
    /// Tools that may be mixed in, before trying them out.
    pub eligible: usize,
    /// Tools left out, by reason.
    pub excluded: Excluded,
    /// The bands: high, medium, low.
    pub bands: Vec<BandReport>,
    /// The tools taken, by band and then by draw.
    pub picks: Vec<Pick>,
}

/// Tools left out, each counted once, under the first reason that holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excluded {
    /// The arena has a tool of that name.
    pub same_name: usize,
    /// The arena has a tool of that code.
    pub same_code: usize,
    /// It belongs to an arena of the same domain.
    pub same_domain: usize,
    /// It computes from the same data.
    pub same_data: usize,
    /// Tried out, it returned the value of a goal.
    pub answers_goal: usize,
}

/// One band of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BandReport {
    /// Which.
    pub band: Band,
    /// Tools in it, before trying them out.
    pub available: usize,
    /// Tools asked for.
    pub wanted: usize,
    /// Tools taken.
    pub taken: usize,
}

/// One tool taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pick {
    /// Its name.
    pub tool: String,
    /// Its home arena.
    pub arena: ContentId,
    /// Its band.
    pub band: Band,
    /// The tool of this arena that it is nearest to.
    pub nearest: String,
    /// Nearness to that tool, min–max normalised over the eligible tools.
    pub normalised: f64,
    /// The raw cosine.
    pub cosine: f64,
}

impl MixingReport {
    /// What a person should know before trusting the bands.
    pub fn warnings(&self) -> Vec<String> {
        let mut out = Vec::new();
        if self.small_pool {
            out.push(format!("the pool has {} tools, fewer than {SMALL_POOL}: bands mean little", self.pool));
        }
        for band in self.bands.iter().filter(|band| band.wanted > 0) {
            if band.available == 0 {
                out.push(format!("band {:?} is empty", band.band).to_lowercase());
            } else if band.taken < band.wanted {
                out.push(
                    format!("band {:?} gave {} of {}", band.band, band.taken, band.wanted).to_lowercase(),
                );
            }
        }
        out
    }
}

impl DistractorPool {
    /// Pools every tool of the arenas. Of several tools of one name, the one of the smallest arena id stays, so the
    /// pool does not depend on the order given.
    pub fn new(arenas: &[Arc<Arena>], embedder: Arc<dyn Embedder>) -> Result<Self, ArenaError> {
        let mut ordered: Vec<&Arc<Arena>> = arenas.iter().collect();
        ordered.sort_by(|a, b| a.id().cmp(b.id()));
        let mut names: BTreeSet<&str> = BTreeSet::new();
        let mut pooled = Vec::new();
        for home in ordered {
            pooled.extend(
                home.spec().tools.iter().filter(|tool| names.insert(&tool.doc.name)).map(|tool| (home, tool)),
            );
        }
        pooled.sort_by(|(_, a), (_, b)| a.doc.name.cmp(&b.doc.name));
        let texts: Vec<String> =
            pooled.iter().map(|(home, tool)| description(home, &tool.doc.name)).collect();
        let vectors = embedder.embed(&texts)?;
        let tools = pooled.into_iter().zip(vectors).map(|((home, tool), vector)| PoolTool {
            home: Arc::clone(home),
            name: tool.doc.name.clone(),
            code: code_hash(&tool.code),
            vector: Compared::new(&vector),
        });
        Ok(Self { tools: tools.collect(), embedder })
    }

    /// Number of tools.
    pub fn len(&self) -> usize {
        self.tools.len()
    }

    /// Whether there is nothing to mix in.
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// Draws up to `counts` tools of each band for an episode of `arena`.
    pub fn sample(
        &self,
        runtime: &Runtime,
        arena: &Arc<Arena>,
        counts: BandCounts,
        seed: u64,
    ) -> Result<Mixing, ArenaError> {
        let mut excluded = Excluded::default();
        let codes: Vec<ContentId> = arena.spec().tools.iter().map(|tool| code_hash(&tool.code)).collect();
        let eligible: Vec<&PoolTool> =
            self.tools.iter().filter(|tool| excluded.admits(arena, &codes, tool)).collect();
        let ranked = self.rank(arena, &eligible)?;
        let gold =
            if arena.spec().gold.is_empty() { None } else { Some(gold_for_seed(runtime, arena, seed)?) };
        let mut rng = seeded_rng(seed, &format!("distractors {}", arena.id()));
        let mut mixing = Mixing { distractors: Vec::new(), report: MixingReport::default() };
        let mut wanted =
            vec![(Band::High, counts.high), (Band::Medium, counts.medium), (Band::Low, counts.low)];
        if counts.any > 0 {
            wanted.push((Band::Any, counts.any));
        }
        for (band, wanted) in wanted {
            let is_taken = |at: &usize| mixing.report.picks.iter().any(|pick| pick.tool == ranked[*at].tool);
            let mut open: Vec<usize> = (0..ranked.len())
                .filter(|at| band == Band::Any || ranked[*at].band == band)
                .filter(|at| !is_taken(at))
                .collect();
            let available = open.len();
            let mut taken = 0;
            while taken < wanted && !open.is_empty() {
                let at = open.swap_remove(draw_below(&mut rng, open.len()));
                let tool = eligible[at];
                if let Some(gold) = &gold
                    && answering_distractor(runtime, arena, gold, (&tool.home, &tool.name), seed)?.is_some()
                {
                    excluded.answers_goal += 1;
                    continue;
                }
                taken += 1;
                mixing.distractors.push((Arc::clone(&tool.home), tool.name.clone()));
                mixing.report.picks.push(ranked[at].clone());
            }
            mixing.report.bands.push(BandReport { band, available, wanted, taken });
        }
        mixing.report = MixingReport {
            embedder: self.embedder.name().to_owned(),
            pool: self.tools.len(),
            small_pool: self.tools.len() < SMALL_POOL,
            eligible: eligible.len(),
            excluded,
            ..mixing.report
        };
        Ok(mixing)
    }

    /// Each eligible tool with its nearness to the arena's nearest tool.
    fn rank(&self, arena: &Arena, eligible: &[&PoolTool]) -> Result<Vec<Pick>, ArenaError> {
        let names: Vec<&str> = arena.spec().tools.iter().map(|tool| tool.doc.name.as_str()).collect();
        let texts: Vec<String> = names.iter().map(|name| description(arena, name)).collect();
        let vectors = self.embedder.embed(&texts)?;
        let mut ranked: Vec<Pick> = eligible
            .iter()
            .map(|tool| Pick {
                tool: tool.name.clone(),
                arena: tool.home.id().clone(),
                band: Band::Low,
                nearest: String::new(),
                normalised: 0.0,
                cosine: 0.0,
            })
            .collect();
        for (name, vector) in names.iter().zip(&vectors) {
            let square = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
            let raw: Vec<f64> = eligible.iter().map(|tool| tool.vector.cosine(vector, square)).collect();
            let (least, most) = raw
                .iter()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), x| (least.min(*x), most.max(*x)));
            for (pick, raw) in ranked.iter_mut().zip(raw) {
                // All equally near: nothing tells them apart, and nothing is confusable more than the rest.
                let normalised = if most > least { (raw - least) / (most - least) } else { 0.0 };
                if pick.nearest.is_empty() || normalised > pick.normalised {
                    (pick.nearest, pick.normalised, pick.cosine) = ((*name).to_owned(), normalised, raw);
                    pick.band = Band::of(normalised);
                }
            }
        }
        Ok(ranked)
    }
}

impl Excluded {
    /// Whether a pool tool may be mixed into the arena by what is written about both; counts it when not.
    /// `codes` are the hashes of the arena's own tools.
    fn admits(&mut self, arena: &Arena, codes: &[ContentId], tool: &PoolTool) -> bool {
        let (ours, theirs) = (arena.spec(), tool.home.spec());
        let slot = if ours.tool(&tool.name).is_some() {
            &mut self.same_name
        } else if codes.contains(&tool.code) {
            &mut self.same_code
        } else if arena.id() == tool.home.id()
            || (ours.domain == theirs.domain && ours.domain != UNKNOWN_DOMAIN)
        {
            &mut self.same_domain
        } else if same_data(arena, &tool.home) {
            &mut self.same_data
        } else {
            return true;
        };
        *slot += 1;
        false
    }
}

fn same_data(arena: &Arena, other: &Arena) -> bool {
    let (ours, theirs) = (arena.spec(), other.spec());
    let source = ours.provenance.source.is_some()
        && ours.provenance.source == theirs.provenance.source
        && ours.domain == theirs.domain;
    source || ours.data.iter().any(|file| theirs.data.iter().any(|other| other.blake3 == file.blake3))
}

fn code_hash(code: &str) -> ContentId {
    ContentId::of_bytes(code.trim().as_bytes())
}

/// What is embedded: name, description, and the names and descriptions of the parameters.
fn description(arena: &Arena, name: &str) -> String {
    let doc = arena.spec().tool(name).map(|tool| &tool.doc);
    let mut text = doc.map_or_else(String::new, |doc| format!("{}\n{}", doc.name, doc.description));
    for (name, property) in arena.compiled(name).into_iter().flat_map(|tool| properties(&tool.schema)) {
        let about = property.get("description").and_then(Json::as_str).unwrap_or_default();
        let _ = write!(text, "\n{name} {about}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_have_the_borders_of_the_paper() {
        let bands = [1.0, 0.851, 0.85, 0.4, 0.399, 0.0].map(Band::of);
        assert_eq!(bands, [Band::High, Band::High, Band::Medium, Band::Medium, Band::Low, Band::Low]);
    }

    #[test]
    fn short_and_empty_bands_are_told() {
        let band = |band, available, taken| BandReport { band, available, wanted: 2, taken };
        let report = MixingReport {
            pool: 7,
            small_pool: true,
            bands: vec![band(Band::High, 0, 0), band(Band::Medium, 1, 1), band(Band::Low, 5, 2)],
            ..MixingReport::default()
        };
        let warnings = report.warnings();
        assert_eq!(warnings.len(), 3);
        assert!(warnings[0].contains("7 tools") && warnings[1].contains("high is empty"));
        assert!(warnings[2].contains("medium gave 1 of 2"));
    }
}
