//! Irrelevant tools: bands, exclusions by paper and by trial, independence of order.

use crate::published::import;
use crate::worlds::towns;
use astra_arena::distractors::{Band, BandCounts, DistractorPool};
use astra_arena::embed::LexicalEmbedder;
use astra_arena::{AgentPlane, Arena, Episode, EpisodeOptions};
use astra_protocol::ToolHost;
use astra_testkit::{TestResult, arena_from, runtime};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::sync::Arc;

const MANY: BandCounts = BandCounts { high: 50, medium: 50, low: 50, any: 0 };

/// One arena with one tool, in a domain of its own.
fn stranger(name: &str, about: &str, code: &str) -> TestResult<Arc<Arena>> {
    let mut arena = towns();
    arena["domain"] = json!(format!("domain of {name}"));
    arena["topology"] = json!("single_hop");
    arena["evidence"] = json!({});
    let property =
        json!({"type": "object", "properties": {"name": {"type": "string", "description": "Full name."}}});
    arena["tools"] = json!([{"doc": {"name": name, "description": about, "parameters": property},
        "code": code.replace("NAME", name), "entry": name}]);
    arena["gold"] = json!([{"id": "c1", "tool": name, "arguments": {"name": "x"}}]);
    arena["goals"] = json!([{"id": "g1", "question": "q", "kind":
        {"type": "returns", "tool": name, "value": {"type": "text", "value": "nothing"}, "gold": "c1"}}]);
    Ok(arena_from(&arena)?)
}

const PLAIN: &str = "def NAME(name='x'):\n    return 'nothing'\n";

fn pool_arenas() -> TestResult<Vec<Arc<Arena>>> {
    let mut arenas = vec![
        stranger("find_village", "Looks a village up by its full name.", PLAIN)?,
        stranger("town_mayor", "Mayor of a town by its full name.", &format!("{PLAIN}# mayor\n"))?,
        stranger("bake_bread", "Recipe for sourdough bread with rye.", &format!("{PLAIN}# bread\n"))?,
        stranger(
            "oracle",
            "Says anything.",
            "def NAME(name='x'):\n    return {'rows': [{'id': 'R-58117'}]}\n",
        )?,
    ];
    for imported in import()?.arenas.into_iter().filter(|imported| imported.defects.is_empty()) {
        arenas.push(runtime().load(imported.spec, &[])?);
    }
    Ok(arenas)
}

fn names(arenas: &[Arc<Arena>], seed: u64, counts: BandCounts) -> TestResult<Vec<String>> {
    let pool = DistractorPool::new(arenas, Arc::new(LexicalEmbedder))?;
    let mixing = pool.sample(&runtime(), &arena_from(&towns())?, counts, seed)?;
    Ok(mixing.distractors.into_iter().map(|(_, name)| name).collect())
}

#[test]
fn near_tools_are_high_and_far_ones_low() {
    let arenas = pool_arenas().unwrap();
    let pool = DistractorPool::new(&arenas, Arc::new(LexicalEmbedder)).unwrap();
    let mixing = pool.sample(&runtime(), &arena_from(&towns()).unwrap(), MANY, 1).unwrap();
    let pick = |name: &str| mixing.report.picks.iter().find(|pick| pick.tool == name).unwrap();
    let village = pick("find_village");
    assert_eq!(village.band, Band::High);
    assert!(pick("bake_bread").normalised < pick("town_mayor").normalised);
    // A tool described in another script shares no word with ours.
    assert_eq!(pick("last_train").band, Band::Low);
    assert_eq!(village.nearest, "find_town");
    assert!(village.cosine < village.normalised, "the raw cosine stands beside the normalised one");
    assert!(mixing.report.small_pool && mixing.report.warnings()[0].contains("fewer than 50"));
    assert_eq!(mixing.report.eligible, pool.len());
    assert_eq!(mixing.report.embedder, "lexical-v1");
}

#[test]
fn a_tool_that_answers_a_goal_is_tried_out_and_left_out() {
    let arenas = pool_arenas().unwrap();
    let pool = DistractorPool::new(&arenas, Arc::new(LexicalEmbedder)).unwrap();
    let mixing = pool.sample(&runtime(), &arena_from(&towns()).unwrap(), MANY, 1).unwrap();
    assert_eq!(mixing.report.excluded.answers_goal, 1);
    assert!(mixing.distractors.iter().all(|(_, name)| name != "oracle"));
}

#[test]
fn relatives_are_left_out() {
    let relative = |change: &dyn Fn(&mut Json)| -> TestResult<Arc<Arena>> {
        let mut arena = towns();
        arena["domain"] = json!("elsewhere");
        for (tool, name) in [(0, "seek_town"), (1, "count_heads")] {
            arena["tools"][tool]["doc"]["name"] = json!(name);
            arena["gold"][tool]["tool"] = json!(name);
            arena["goals"][tool]["kind"]["tool"] = json!(name);
            let code = arena["tools"][tool]["code"].as_str().unwrap_or_default().to_owned();
            arena["tools"][tool]["code"] = json!(format!("{code}\n# another hand\n"));
        }
        change(&mut arena);
        Ok(arena_from(&arena)?)
    };
    let own = arena_from(&towns()).unwrap();
    let excluded = |other: Arc<Arena>| {
        let pool = DistractorPool::new(&[other], Arc::new(LexicalEmbedder)).unwrap();
        let counts = BandCounts::default();
        pool.sample(&runtime(), &own, counts, 1).unwrap().report.excluded
    };
    let strange = excluded(relative(&|_| {}).unwrap());
    assert_eq!((strange.same_name, strange.same_code, strange.same_domain, strange.same_data), (0, 0, 0, 0));
    assert_eq!(excluded(Arc::clone(&own)).same_name, 2);
    assert_eq!(excluded(relative(&|arena| arena["domain"] = json!("geography")).unwrap()).same_domain, 2);
    let code = towns()["tools"][0]["code"].clone();
    let copied = relative(&|arena| arena["tools"][0]["code"] = code.clone()).unwrap();
    assert_eq!(excluded(copied).same_code, 1);
}

#[test]
fn the_draw_depends_on_the_seed_and_not_on_the_order_given() {
    let mut arenas = pool_arenas().unwrap();
    let counts = BandCounts::banded(1, 2, 2);
    let first = names(&arenas, 5, counts).unwrap();
    arenas.reverse();
    arenas.push(Arc::clone(&arenas[0]));
    assert_eq!(names(&arenas, 5, counts).unwrap(), first);
    let draws: BTreeSet<Vec<String>> = (0..8).map(|seed| names(&arenas, seed, counts).unwrap()).collect();
    assert!(draws.len() > 1, "eight seeds, one draw");
}

#[test]
fn at_random_every_tool_comes_up_and_none_twice() {
    let arenas = pool_arenas().unwrap();
    let all: BTreeSet<String> = names(&arenas, 0, BandCounts::random(99)).unwrap().into_iter().collect();
    let banded: BTreeSet<String> = names(&arenas, 0, MANY).unwrap().into_iter().collect();
    assert_eq!(all, banded, "the same tools may be mixed in either way");
    let mut seen = BTreeSet::new();
    for seed in 0..64 {
        let drawn = names(&arenas, seed, BandCounts { any: 2, ..BandCounts::banded(1, 0, 0) }).unwrap();
        assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), 3, "{drawn:?}");
        seen.extend(drawn.into_iter().skip(1));
    }
    assert_eq!(seen, all);
}

#[test]
fn empty_bands_are_reported_and_give_nothing() {
    let pool = DistractorPool::new(&[], Arc::new(LexicalEmbedder)).unwrap();
    assert!(pool.is_empty());
    let mixing = pool.sample(&runtime(), &arena_from(&towns()).unwrap(), MANY, 1).unwrap();
    assert!(mixing.distractors.is_empty());
    assert_eq!(mixing.report.warnings().len(), 4);
}

#[test]
fn a_mixing_opens_an_episode_that_offers_it() {
    let arenas = pool_arenas().unwrap();
    let pool = DistractorPool::new(&arenas, Arc::new(LexicalEmbedder)).unwrap();
    let own = arena_from(&towns()).unwrap();
    let mixing = pool.sample(&runtime(), &own, BandCounts::banded(1, 1, 1), 3).unwrap();
    let count = mixing.distractors.len();
    assert_eq!(count, 3);
    let options = EpisodeOptions { distractors: mixing.distractors, ..EpisodeOptions::default() };
    let plane: AgentPlane = Episode::open(&runtime(), &own, options).unwrap().agent();
    assert_eq!(plane.tools().len(), 2 + count);
}
