//! The two planes of an episode, and whose failure is whose.

use crate::worlds::{edit_code, towns};
use astra_arena::{Episode, EpisodeOptions};
use astra_protocol::{Boundary, Message, Score, Stop, ToolCall, ToolHost};
use astra_testkit::{TestResult, arena_from, runtime};
use serde_json::{Value as Json, json};

fn open(arena: &Json) -> TestResult<Episode> {
    Ok(Episode::open(&runtime(), &arena_from(arena)?, EpisodeOptions::default())?)
}

fn call(episode: &Episode, name: &str, arguments: &Json) -> TestResult<String> {
    let call = ToolCall { id: "1".into(), name: name.into(), arguments: arguments.to_string() };
    Ok(pollster::block_on(episode.agent().call(&[call]))?[0].content.clone())
}

#[test]
fn the_agent_sees_tools_and_nothing_of_goals_or_gold() {
    let episode = open(&towns()).unwrap();
    let seen = serde_json::to_string(episode.agent().tools()).unwrap();
    for secret in ["48213", "R-58117", "gold", "goals", "def find_town"] {
        assert!(!seen.contains(secret), "{secret} is in sight");
    }
}

#[test]
fn workers_never_hold_goals_gold_or_answers() {
    // Everything a worker is given is the program; nothing of what only the runtime may know is in it.
    let arena = arena_from(&towns()).unwrap();
    let program = format!("{:?}", arena.program());
    for secret in ["c2#", "How many people live", "decisive", "$ref"] {
        assert!(!program.contains(secret), "{secret} reaches the worker");
    }
}

#[test]
fn the_agent_cannot_reach_sandbox_internals_by_name() {
    let episode = open(&towns()).unwrap();
    for name in ["__init__", "reset", "state", "TOWNS", "", "find_town.__globals__"] {
        assert!(call(&episode, name, &json!({})).unwrap().contains("unknown_tool"), "{name}");
    }
    let dunder = call(&episode, "find_town", &json!({"__class__": "x", "name": "Harbour Bay"})).unwrap();
    assert!(dunder.contains("error"), "{dunder}");
}

#[test]
fn a_finished_episode_answers_no_more() {
    let episode = open(&towns()).unwrap();
    episode.finish(&[Message::answer("")], &Stop::Answered).unwrap();
    assert!(
        call(&episode, "find_town", &json!({"name": "Harbour Bay"})).unwrap().contains("episode is over")
    );
    assert!(episode.log().is_empty());
}

#[test]
fn a_failed_episode_is_masked_not_zero() {
    let episode = open(&towns()).unwrap();
    let stop = Stop::Failed { boundary: Boundary::Provider, error: "no answer".into() };
    let score = episode.finish(&[], &stop).unwrap();
    assert!(matches!(&score.reward, Score::Unjudged { why } if why.contains("no answer")));
    assert!(matches!(score.f1, Score::Unjudged { .. }) && matches!(score.answer, Score::Unjudged { .. }));
}

#[test]
fn a_call_that_reaches_a_limit_is_the_agents_and_the_episode_goes_on() {
    let mut arena = towns();
    edit_code(
        &mut arena,
        "wanted = name.strip().lower()",
        "wanted = name.strip().lower()\n    while wanted == \"spin\":\n        pass",
    );
    let episode = open(&arena).unwrap();
    let stuck = call(&episode, "find_town", &json!({"name": "spin"})).unwrap();
    assert!(stuck.contains("limit"), "{stuck}");
    assert!(call(&episode, "find_town", &json!({"name": "Harbour Bay"})).unwrap().contains("R-58117"));
    let score = episode.finish(&[Message::answer("")], &Stop::Answered).unwrap();
    assert_eq!((score.components.calls, score.components.credited), (2, 1));
}

#[test]
fn limits_of_an_episode_hold() {
    let limits = astra_arena::EpisodeLimits { max_calls: 1, max_result_bytes: 20 };
    let options = EpisodeOptions { limits, ..EpisodeOptions::default() };
    let episode = Episode::open(&runtime(), &arena_from(&towns()).unwrap(), options).unwrap();
    assert!(call(&episode, "find_town", &json!({"name": "Harbour Bay"})).unwrap().ends_with("[cut off]"));
    call(&episode, "find_town", &json!({"name": "Harbour Bay"})).unwrap();
    let score = episode.finish(&[Message::answer("")], &Stop::Answered).unwrap();
    assert_eq!((score.components.calls, score.components.invalid, score.components.credited), (2, 1, 1));
}
