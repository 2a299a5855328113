//! Which question each index asks, decided in order, so that few of them are the same up to names.
//!
//! Drawing is cheap beside judging. Whoever wants index i makes the ledger draw up to i, under one lock; what is drawn
//! depends on tables, options and the indices before, never on timing or on what the gates say, so a resumed run finds
//! the same questions. Worlds are cut here too: a batch of indices shares one.

use crate::draw::Draw;
use crate::generate::GenerateOptions;
use crate::lower::{Counting, Cut, lower};
use crate::question::Wish;
use crate::question::draw::Asker;
use crate::question::evaluate::Truth;
use crate::question::shape;
use crate::tables::{Language, TableGroup};
use crate::world::{self, Layout, World};
use astra_protocol::Topology;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Indices that share a world.
const BATCH: u64 = 16;
/// Ways in which worlds choose the columns that they show.
const LAYOUTS: u64 = 4;
/// Worlds that are kept.
const KEPT: usize = 6;
/// How often one index is drawn before it is given up.
const MAX_DRAWS: u32 = 200;
/// Draws in which the drawn depth is insisted on.
const STUBBORN: u32 = 120;
/// Of these, how often an errand is drawn where one is wanted.
const ERRAND_DRAWS: u32 = 140;
/// Share of the questions that may repeat the shape of an earlier one, in percent.
const MAX_REPEATS: u64 = 3;
/// Draws after which a repeated shape is taken, where the share allows.
const PATIENCE: u32 = 60;

/// What an index asks.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    pub(crate) wish: Wish,
    pub(crate) cut: Cut,
    pub(crate) language: Language,
    pub(crate) unanswerable: bool,
    pub(crate) draws: u32,
}

/// A question in its world.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) world: Arc<World>,
    /// `Err` holds the reasons why there is none.
    pub(crate) chosen: Result<Chosen, Vec<String>>,
}

/// The questions so far.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    chosen: Vec<Result<Chosen, Vec<String>>>,
    worlds: BTreeMap<u64, Arc<World>>,
    seen: HashSet<u128>,
    repeats: u64,
}

impl Ledger {
    /// The question of an index.
    pub(crate) fn entry(&mut self, group: &TableGroup, options: &GenerateOptions, index: u64) -> Entry {
        while (self.chosen.len() as u64) <= index {
            let next = self.chosen.len() as u64;
            let world = self.world(group, options, next / BATCH);
            let chosen = self.choose(group, options, &world, next);
            self.chosen.push(chosen);
        }
        let world = self.world(group, options, index / BATCH);
        let at = usize::try_from(index).unwrap_or(usize::MAX);
        let chosen = self.chosen.get(at).cloned().unwrap_or_else(|| Err(Vec::new()));
        Entry { world, chosen }
    }

    fn world(&mut self, group: &TableGroup, options: &GenerateOptions, number: u64) -> Arc<World> {
        if let Some(world) = self.worlds.get(&number) {
            return Arc::clone(world);
        }
        let name = format!("{}/{}/{number}", options.seed, group.name);
        let mut draw = Draw::new(options.seed, &format!("{}/world {number}", group.name));
        let layout = Layout { seed: options.seed, number: number % LAYOUTS };
        let world = Arc::new(world::cut(group, &name, layout, &mut draw));
        self.worlds.insert(number, Arc::clone(&world));
        while self.worlds.len() > KEPT {
            self.worlds.pop_first();
        }
        world
    }

    fn choose(
        &mut self,
        group: &TableGroup,
        options: &GenerateOptions,
        world: &World,
        index: u64,
    ) -> Result<Chosen, Vec<String>> {
        let stream = format!("{}/{index}", group.name);
        let mut draw = Draw::new(options.seed, &stream);
        let topology = draw.pick(&options.topologies).copied().unwrap_or(Topology::SingleHop);
        let languages: Vec<Language> =
            group.languages.iter().copied().filter(|one| options.languages.contains(one)).collect();
        let language = draw.pick(&languages).copied().unwrap_or(Language::English);
        let unanswerable = draw.percent(options.unanswerable);
        let wanted = depth(options, &mut draw);
        let stateful = draw.percent(options.stateful);
        // An errand without its tools is another kind of task, which is not asked here.
        let unanswerable = unanswerable && !stateful;
        let mut why: Vec<String> = Vec::new();
        for round in 0..MAX_DRAWS {
            let mut draw = Draw::new(options.seed, &format!("{stream}/{round}"));
            // Where the wanted depth is hard to find, any depth will do.
            let depth = if round < STUBBORN { wanted } else { depth(options, &mut draw) };
            // Tables that fit no desk are asked about instead.
            let errand = (stateful && round < ERRAND_DRAWS).then_some(language);
            let drawn = draw_one(group, world, (topology, depth, errand), &mut draw);
            let reason = match drawn {
                None => "no rows fit the drawn shape",
                Some((wish, _)) if unanswerable && matches!(wish, Wish::Which { .. }) => {
                    "a comparison of named rows cannot be made unanswerable"
                }
                Some((wish, cut)) => {
                    let (shape, _) = shape::of_wish(group, &wish);
                    let key = key(&shape);
                    let fresh = !self.seen.contains(&key);
                    let allowed =
                        round >= PATIENCE && self.repeats * 100 < self.seen.len() as u64 * MAX_REPEATS;
                    if fresh || allowed {
                        self.repeats += u64::from(!fresh);
                        self.seen.insert(key);
                        return Ok(Chosen { wish, cut, language, unanswerable, draws: round + 1 });
                    }
                    "the question was asked before, of other names"
                }
            };
            if !why.iter().any(|known| known == reason) {
                why.push(reason.to_owned());
            }
        }
        Err(why)
    }
}

fn key(shape: &str) -> u128 {
    let hash = blake3::hash(shape.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_bytes()[..16]);
    u128::from_le_bytes(bytes)
}

/// One draw: a wish of the topology, and how its tools are cut.
fn draw_one(
    group: &TableGroup,
    world: &World,
    (topology, depth, errand): (Topology, usize, Option<Language>),
    draw: &mut Draw,
) -> Option<(Wish, Cut)> {
    let chained = matches!(topology, Topology::MultiHop | Topology::ParallelMultiHop);
    let counting = [Counting::Count, Counting::List, Counting::Summary];
    let cut = Cut {
        search: chained && draw.percent(55),
        property: draw.percent(35),
        counting: *draw.pick(&counting)?,
    };
    let depth = if chained { depth } else { 1 };
    let truth = Truth { group, world };
    let asker = Asker { truth, search: cut.search };
    let wish = match errand {
        Some(language) => {
            let plain = matches!(topology, Topology::SingleHop | Topology::MultiHop);
            Wish::Errand(Box::new(crate::errand::draw(&asker, language, (plain, depth), draw)?))
        }
        None => asker.wish(topology, depth, draw)?,
    };
    let lowered = lower(truth, cut, &wish)?;
    let (found, hops) = lowered.topology()?;
    let fits = found == topology && hops == depth;
    let sayable = group.languages.iter().all(|language| crate::phrase::sayable(group, &wish, *language));
    (fits && sayable).then_some((wish, cut))
}

/// Longest chain of calls: short ones more often, each of them often enough to be learnt.
fn depth(options: &GenerateOptions, draw: &mut Draw) -> usize {
    const WEIGHTS: [usize; 5] = [28, 26, 20, 15, 11];
    let least = options.min_hops.max(2);
    let most = options.max_hops.max(least);
    let weight = |depth: usize| WEIGHTS.get(depth - 2).copied().unwrap_or(6);
    let mut left = draw.below((least..=most).map(weight).sum());
    (least..=most)
        .find(|depth| {
            let here = left < weight(*depth);
            left = left.saturating_sub(weight(*depth));
            here
        })
        .unwrap_or(least)
}
