//! Properties of the reward, on the real sandbox.

use crate::worlds::{orders, towns, unanswerable};
use astra_arena::{Arena, CallStatus, Episode, EpisodeOptions, EpisodeScore, RewardVariant};
use astra_protocol::{Message, Score, Stop, ToolCall, ToolHost};
use astra_testkit::{TestResult, arena_from, runtime};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::sync::{Arc, OnceLock};

/// Plays calls, one a turn, and a final message.
fn play(
    arena: &Arc<Arena>,
    options: EpisodeOptions,
    calls: &[(&str, Json)],
    said: &str,
) -> TestResult<EpisodeScore> {
    let episode = Episode::open(&runtime(), arena, options)?;
    for (at, (name, arguments)) in calls.iter().enumerate() {
        let call =
            ToolCall { id: format!("t{at}"), name: (*name).to_owned(), arguments: arguments.to_string() };
        pollster::block_on(episode.agent().call(&[call]))?;
    }
    Ok(episode.finish(&[Message::answer(said)], &Stop::Answered)?)
}

#[expect(clippy::unwrap_used, reason = "properties cannot return errors from their middle")]
fn score(arena: &Arc<Arena>, calls: &[(&str, Json)]) -> EpisodeScore {
    play(arena, EpisodeOptions::default(), calls, "").unwrap()
}

fn f1(score: &EpisodeScore) -> f64 {
    score.f1.measured().unwrap_or(f64::NAN)
}

/// Independent look-ups: keys `k0`… with values, two of which are equal; `k0` also serves a second goal (its `twin`),
/// and the last two gold calls are the same call.
#[expect(clippy::unwrap_used, reason = "properties cannot return errors from their middle")]
fn shelf() -> Arc<Arena> {
    static SHELF: OnceLock<Arc<Arena>> = OnceLock::new();
    Arc::clone(SHELF.get_or_init(|| {
        let read = |id: &str, key: &str| json!({"id": id, "tool": "read_entry", "arguments": {"key": key}});
        let goal = |id: &str, gold: &str, path: &str, value: i64| {
            json!({"id": id, "question": id, "kind": {"type": "returns", "tool": "read_entry", "path": path,
                "value": {"type": "number", "value": value}, "gold": gold}})
        };
        arena_from(&json!({
            "version": 1, "language": "en", "domain": "test", "topology": "parallel_single_hop",
            "prompt": [{"role": "user", "content": "Read the entries."}],
            "answer": {"type": "number", "value": 1},
            "tools": [
                {"doc": {"name": "read_entry", "description": "Reads.", "parameters": {"type": "object",
                    "required": ["key"], "properties": {"key": {"type": "string"}, "style": {"type": "string", "default": "plain"}}}},
                 "code": CODE, "entry": "read_entry", "class": "shared"},
                {"doc": {"name": "noise", "description": "Noise.", "parameters": {"type": "object", "properties": {}}},
                 "code": CODE, "entry": "noise", "class": "shared"},
            ],
            "gold": [read("a", "k0"), read("b", "k1"), read("c", "k2"), read("d", "k3"), read("e", "k3")],
            "goals": [
                goal("a1", "a", "/value", 100), goal("a2", "a", "/twin", 1100),
                goal("b", "b", "/value", 200), goal("c", "c", "/value", 200),
                goal("d", "d", "/value", 300), goal("e", "e", "/value", 300),
            ],
        }))
        .unwrap()
    }))
}

const CODE: &str = r#"
VALUES = {"k0": 100, "k1": 200, "k2": 200, "k3": 300, "k4": 400}


def read_entry(key, style="plain"):
    if key not in VALUES:
        raise KeyError("no such entry")
    return {"value": VALUES[key], "twin": VALUES[key] + 1000}


def noise():
    return {"value": 100}
"#;

fn read(key: &str) -> (&'static str, Json) {
    ("read_entry", json!({"key": key}))
}

fn gold() -> Vec<(&'static str, Json)> {
    ["k0", "k1", "k2", "k3", "k3"].into_iter().map(read).collect()
}

fn any_call() -> impl Strategy<Value = (&'static str, Json)> {
    prop_oneof![
        (0..6_u8).prop_map(|n| read(&format!("k{n}"))),
        (0..6_u8).prop_map(|n| ("read_entry", json!({"key": format!("k{n}"), "style": "plain"}))),
        Just(("noise", json!({}))),
        Just(("read_entry", json!({"key": 7}))),
        Just(("no_such_tool", json!({}))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rewards_lie_between_zero_and_one(calls in prop::collection::vec(any_call(), 0..12)) {
        let found = score(&shelf(), &calls);
        for part in [&found.f1, &found.recall, &found.precision, &found.reward] {
            let value = part.measured().unwrap();
            prop_assert!((0.0..=1.0).contains(&value), "{value}");
        }
        let sum: f64 = found.process.iter().sum();
        prop_assert!((sum - found.recall.measured().unwrap()).abs() < 1e-9, "process rewards sum to the recall");
        prop_assert_eq!(found.components.calls, calls.len());
    }

    #[test]
    fn goals_are_credited_at_most_once(calls in prop::collection::vec(any_call(), 0..12)) {
        let found = score(&shelf(), &calls);
        let mut goals: Vec<&str> = found.credits.iter().map(|credit| credit.goal.as_str()).collect();
        goals.sort_unstable();
        let all = goals.len();
        goals.dedup();
        prop_assert_eq!(goals.len(), all);
        prop_assert_eq!(all, found.components.credited);
        prop_assert!(found.components.gold_calls <= found.components.calls);
    }

    #[test]
    fn a_useless_call_never_raises_f1(
        calls in prop::collection::vec(any_call(), 0..8),
        at in any::<prop::sample::Index>(),
        useless in prop_oneof![Just(read("k4")), Just(read("k9")), Just(("noise", json!({}))), Just(("no_such_tool", json!({})))],
    ) {
        let before = f1(&score(&shelf(), &calls));
        let mut more = calls.clone();
        more.insert(at.index(calls.len() + 1), useless);
        prop_assert!(f1(&score(&shelf(), &more)) <= before);
    }

    #[test]
    fn order_does_not_matter_where_no_call_needs_another(
        calls in prop::collection::vec(any_call(), 0..8).prop_shuffle(),
        shuffled in Just(()).prop_perturb(|(), mut rng| rng.random::<u64>()),
    ) {
        let first = score(&shelf(), &calls);
        let mut again = calls.clone();
        let length = again.len().max(1);
        again.rotate_left(usize::try_from(shuffled % length as u64).unwrap());
        again.reverse();
        let second = score(&shelf(), &again);
        prop_assert_eq!(first.components, second.components);
    }
}

#[test]
fn the_oracle_earns_exactly_one() {
    let found = score(&shelf(), &gold());
    assert_eq!(found.f1, Score::Measured(1.0));
    assert_eq!((found.components.goals, found.components.credited, found.components.gold_calls), (6, 6, 5));
}

#[test]
fn one_call_serves_the_goals_of_its_gold_call_only() {
    let found = score(&shelf(), &[read("k0")]);
    let credited: Vec<&str> = found.credits.iter().map(|credit| credit.goal.as_str()).collect();
    assert_eq!(credited, ["a1", "a2"]);
    assert_eq!(found.components.gold_calls, 1);
}

#[test]
fn parallel_goals_of_equal_value_need_their_own_calls() {
    // k1 twice: the value of c is returned too, but with the arguments of b.
    let found = score(&shelf(), &[read("k1"), read("k1")]);
    let credited: Vec<&str> = found.credits.iter().map(|credit| credit.goal.as_str()).collect();
    assert_eq!(credited, ["b"]);
}

#[test]
fn equal_gold_calls_are_still_two_calls() {
    assert_eq!(score(&shelf(), &[read("k3")]).components.credited, 1);
    assert_eq!(score(&shelf(), &[read("k3"), read("k3")]).components.credited, 2);
    assert_eq!(score(&shelf(), &[read("k3"), read("k3"), read("k3")]).components.credited, 2);
}

#[test]
fn schema_defaults_are_filled_in_before_arguments_are_compared() {
    let spelled_out = ("read_entry", json!({"style": "plain", "key": " K1 "}));
    let found = score(&shelf(), &[("read_entry", json!({"key": "k1", "style": "plain"}))]);
    assert_eq!(found.components.credited, 1);
    assert_eq!(score(&shelf(), &[spelled_out]).components.credited, 0, "the tool itself did not know ` K1 `");
}

#[test]
fn a_state_goal_needs_its_calls_and_nothing_else() {
    let arena = arena_from(&orders()).unwrap();
    let placed = |episode: &Episode| -> TestResult<String> {
        let call = ToolCall {
            id: "1".into(),
            name: "place_order".into(),
            arguments: r#"{"product":"tea","quantity":3}"#.into(),
        };
        let answers = pollster::block_on(episode.agent().call(&[call]))?;
        let result: Json = serde_json::from_str(&answers[0].content)?;
        Ok(result["order_id"].as_str().unwrap_or_default().to_owned())
    };
    let change = |episode: &Episode, id: &str, quantity: u32| -> TestResult {
        let arguments = json!({"order_id": id, "quantity": quantity}).to_string();
        let call = ToolCall { id: format!("{id}{quantity}"), name: "change_quantity".into(), arguments };
        pollster::block_on(episode.agent().call(&[call]))?;
        Ok(())
    };
    let open = || {
        Episode::open(&runtime(), &arena, EpisodeOptions { seed: 5, ..EpisodeOptions::default() }).unwrap()
    };
    let done = |episode: &Episode| episode.finish(&[Message::answer("")], &Stop::Answered).unwrap();

    let episode = open();
    let id = placed(&episode).unwrap();
    change(&episode, &id, 7).unwrap();
    let score = done(&episode);
    assert_eq!(score.f1, Score::Measured(1.0));
    assert_eq!(score.components.gold_calls, 2, "several gold calls for one state goal");
    assert_eq!(score.process, [0.0, 0.0, 1.0], "the state is judged at the end");

    let episode = open();
    let id = placed(&episode).unwrap();
    change(&episode, &id, 5).unwrap();
    change(&episode, &id, 7).unwrap();
    assert!(f1(&done(&episode)) < 1.0 && f1(&done(&open())) == 0.0, "a detour costs precision");

    let episode = open();
    let id = placed(&episode).unwrap();
    change(&episode, &id, 7).unwrap();
    change(&episode, "o-1", 9).unwrap();
    assert_eq!(done(&episode).f1, Score::Measured(0.0), "collateral damage fails");
}

#[test]
fn variants_share_their_components() {
    let arena = arena_from(&towns()).unwrap();
    let calls = [("find_town", json!({"name": "Harbour Bay"})), ("find_town", json!({"name": "Stone Mill"}))];
    let reward = |variant| {
        let options = EpisodeOptions { variant, ..EpisodeOptions::default() };
        play(&arena, options, &calls, "It has 48,213 people.").unwrap().reward.measured().unwrap()
    };
    assert!((reward(RewardVariant::Recall) - 0.5).abs() < 1e-12);
    assert!((reward(RewardVariant::Precision) - 0.5).abs() < 1e-12);
    assert!((reward(RewardVariant::F1) - 0.5).abs() < 1e-12);
    assert!((reward(RewardVariant::F1Answer) - (0.7 * 0.5 + 0.3)).abs() < 1e-12);
}

#[test]
fn every_kind_of_wrong_call_counts_and_injected_ones_do_not() {
    let mut towns = towns();
    towns["tools"][0]["doc"]["parameters"]["additionalProperties"] = json!(false);
    let arena = arena_from(&towns).unwrap();
    let episode = Episode::open(&runtime(), &arena, EpisodeOptions::default()).unwrap();
    let calls: Vec<ToolCall> = [
        ("nope", "{}"),
        ("find_town", "{oops"),
        ("find_town", r#"{"name":3}"#),
        ("town_census", r#"{"register":"x"}"#),
        ("find_a_town", "{}"),
        ("find_town", r#"{"name":"x","town":"y"}"#),
    ]
    .iter()
    .enumerate()
    .map(|(at, (name, arguments))| ToolCall {
        id: at.to_string(),
        name: (*name).into(),
        arguments: (*arguments).into(),
    })
    .collect();
    let answers = pollster::block_on(episode.agent().call(&calls)).unwrap();
    assert!(answers[..3].iter().all(|answer| answer.is_error));
    assert!(answers[0].content.contains("unknown_tool") && answers[1].content.contains("not valid JSON"));
    // What was meant is proposed, from what the agent has been shown.
    assert!(!answers[0].content.contains("most similar"), "{}", answers[0].content);
    assert!(answers[4].content.contains("the most similar is `find_town`"), "{}", answers[4].content);
    assert!(answers[5].content.contains("`find_town` takes `name`"), "{}", answers[5].content);
    let score = episode.finish(&[Message::answer("")], &Stop::Answered).unwrap();
    assert_eq!((score.components.calls, score.components.invalid), (6, 5));

    let options = EpisodeOptions { failure_rate: 1.0, ..EpisodeOptions::default() };
    let episode = Episode::open(&runtime(), &arena, options).unwrap();
    let answers = pollster::block_on(episode.agent().call(&calls[3..4])).unwrap();
    assert!(answers[0].injected && episode.log()[0].status == CallStatus::Injected);
    let score = episode.finish(&[Message::answer("")], &Stop::Answered).unwrap();
    assert_eq!((score.components.calls, score.components.injected), (0, 1));
}

#[test]
fn only_an_honest_refusal_is_worth_something() {
    let arena = arena_from(&unanswerable()).unwrap();
    let worth = |calls: &[(&str, Json)], said: &str| {
        f1(&play(&arena, EpisodeOptions::default(), calls, said).unwrap()).to_bits() == 1.0_f64.to_bits()
    };
    let look = ("find_town", json!({"name": "Harbour Bay"}));
    assert!(worth(&[], "I cannot find census figures with these tools."));
    assert!(worth(std::slice::from_ref(&look), "No tool gives the population."));
    assert!(worth(
        std::slice::from_ref(&look),
        "Its register number is R-58117, but its population is not available."
    ));
    assert!(!worth(&[look.clone(), look.clone()], "I cannot tell."), "two calls");
    assert!(!worth(&[], "") && !worth(&[], "  …"), "nothing said");
    assert!(!worth(&[], "How many people live in Harbour Bay?"), "the prompt said back");
    assert!(!worth(&[], "About 48,213 people."), "the answer");
    assert!(!worth(&[], "Perhaps 50000 people, but I am not sure."), "an invented number");
}

#[test]
fn replaying_a_recorded_episode_gives_the_same_bytes() {
    let arena = arena_from(&orders()).unwrap();
    let options = EpisodeOptions { seed: 9, failure_rate: 0.3, ..EpisodeOptions::default() };
    let calls: Vec<ToolCall> = (0..8)
        .map(|n| ToolCall {
            id: n.to_string(),
            name: "place_order".into(),
            arguments: json!({"product": "tea", "quantity": n % 3 + 1}).to_string(),
        })
        .collect();
    let run = || {
        let episode = Episode::open(&runtime(), &arena, options.clone()).unwrap();
        let answers = pollster::block_on(episode.agent().call(&calls)).unwrap();
        (answers, episode.log(), episode.state_hash())
    };
    let (first, second) = (run(), run());
    assert_eq!(first, second);
    assert!(first.1.iter().all(|record| record.state_hash.is_some()), "a hash a step");
    assert!(first.0.iter().any(|answer| answer.injected) && first.0.iter().any(|answer| !answer.injected));
}
