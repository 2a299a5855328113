//! Evaluations of whole players over the hand-written arenas.

use crate::yardsticks::arenas;
use astra_arena::{Arena, Runtime};
use astra_eval::{
    BuiltinPolicy, Company, EpisodeRecord, Metric, PlayError, Played, Player, SolveOptions, Verdict, compare,
    evaluate, play_sample, solve,
};
use astra_protocol::{
    Boundary, BoxFuture, Message, Policy, PolicyError, PolicyTurn, ToolCall, TurnRequest, Usage,
};
use astra_testkit::{TestResult, hand_written_arena, runtime};
use serde_json::{Value as Json, json};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

fn records(player: &dyn Player, options: &SolveOptions) -> TestResult<Vec<EpisodeRecord>> {
    Ok(run(player, &arenas()?, options)?.iter().map(EpisodeRecord::of).collect())
}

fn run(player: &dyn Player, arenas: &[Arc<Arena>], options: &SolveOptions) -> TestResult<Vec<Played>> {
    let stop = AtomicBool::new(false);
    let company = Company { pool: None, stop: &stop, on_done: &mut |_| {} };
    Ok(solve(&runtime(), arenas, player, options, company)?)
}

/// A player of our own: what its policies do is a function.
struct Made<F> {
    make: F,
    concurrency: Option<NonZeroUsize>,
}

impl<F: Fn() -> Box<dyn Policy> + Send + Sync> Player for Made<F> {
    fn name(&self) -> &'static str {
        "made"
    }
    fn identity(&self) -> Json {
        json!("made")
    }
    fn policy(&self, _: &Runtime, _: &Arc<Arena>, _: u64) -> Result<Box<dyn Policy>, PlayError> {
        Ok((self.make)())
    }
    fn concurrency(&self) -> Option<NonZeroUsize> {
        self.concurrency
    }
}

/// In the buoy's arena one well-formed call, one to a tool that is not there, one whose arguments are no JSON and one
/// whose arguments do not fit; then silence.
struct Clumsy;

impl Policy for Clumsy {
    fn name(&self) -> &'static str {
        "clumsy"
    }
    fn next_turn<'a>(&'a self, request: TurnRequest<'a>) -> BoxFuture<'a, Result<PolicyTurn, PolicyError>> {
        let call = |name: &str, arguments: &str| ToolCall {
            id: String::new(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        };
        let message = if request.turn == 0 {
            let good = r#"{"buoy_code": "KV-318", "day": "2024-03-14", "quantity": "salinity"}"#;
            let name = request.tools.first().map_or("", |tool| tool.name.as_str());
            let bad = r#"{"buoy_code": "KV-318", "day": "2024-03-14", "quantity": "mood"}"#;
            let calls = [(name, good), ("no_such_tool", "{}"), (name, "{not json"), (name, bad)];
            Message::calls(calls.into_iter().map(|(name, arguments)| call(name, arguments)).collect())
        } else {
            Message::answer("")
        };
        let usage = Usage { input_tokens: 10, output_tokens: 4 };
        Box::pin(async move { Ok(PolicyTurn { usage, ..PolicyTurn::from(message) }) })
    }
}

#[test]
fn calls_that_are_not_well_formed_lower_the_validity() {
    let arena = hand_written_arena("buoy_reading").unwrap();
    let player = Made { make: || Box::new(Clumsy) as Box<dyn Policy>, concurrency: None };
    let played = run(&player, &[arena], &SolveOptions::default()).unwrap();
    let record = EpisodeRecord::of(&played[0]);
    assert_eq!((record.form.judged, record.form.valid), (4, 1), "{:?}", played[0].log);
    assert_eq!((record.turns, record.usage.output_tokens), (2, 8));
    let measured = evaluate(&[record], 1.0).unwrap().all.metrics;
    assert!((measured[&Metric::Validity].mean - 0.25).abs() < f64::EPSILON);
    assert!((measured[&Metric::OutputTokens].mean - 8.0).abs() < f64::EPSILON);
}

#[test]
fn the_oracle_is_better_than_chance_and_not_than_itself() {
    let options = SolveOptions { samples: 2, seed: 4, ..SolveOptions::default() };
    let oracle = records(&BuiltinPolicy::Oracle, &options).unwrap();
    let random = records(&BuiltinPolicy::Random, &options).unwrap();
    let comparison = compare(&oracle, &random).unwrap();
    assert_eq!((comparison.verdict, comparison.unpaired), (Verdict::Better, 0));
    assert_eq!(comparison.pairs, oracle.len());
    assert_eq!(compare(&random, &oracle).unwrap().verdict, Verdict::Worse);
    assert_eq!(compare(&oracle, &oracle).unwrap().verdict, Verdict::NoDifferenceShown);
    let all = evaluate(&oracle, 1.0).unwrap().all;
    assert!((all.metrics[&Metric::Validity].mean - 1.0).abs() < f64::EPSILON);
    assert_eq!(all.pass_hat_k.iter().map(|one| one.estimate.mean).collect::<Vec<_>>(), [1.0, 1.0]);
    assert!(!all.metrics.contains_key(&Metric::OutputTokens), "nobody counted tokens");
}

#[test]
fn a_record_survives_its_line() {
    let options = SolveOptions { failure_rate: 0.2, ..SolveOptions::default() };
    for record in records(&BuiltinPolicy::Random, &options).unwrap() {
        let line = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<EpisodeRecord>(&line).unwrap(), record);
    }
}

#[test]
fn an_episode_alone_equals_the_same_one_in_a_run() {
    let arena = hand_written_arena("train_fares").unwrap();
    let options = SolveOptions { samples: 3, failure_rate: 0.3, ..SolveOptions::default() };
    let all = run(&BuiltinPolicy::Random, std::slice::from_ref(&arena), &options).unwrap();
    let alone = play_sample(&runtime(), &arena, &BuiltinPolicy::Random, &options, None, 2).unwrap();
    assert_eq!((alone.trace, alone.sample), (all[2].trace.clone(), 2));
}

/// Waits until as many episodes as were promised stand at the same point.
struct Meeting(Arc<Barrier>);

impl Policy for Meeting {
    fn name(&self) -> &'static str {
        "meeting"
    }
    fn next_turn<'a>(&'a self, _: TurnRequest<'a>) -> BoxFuture<'a, Result<PolicyTurn, PolicyError>> {
        self.0.wait();
        Box::pin(async { Ok(Message::answer("here").into()) })
    }
}

#[test]
fn a_player_gets_the_concurrency_that_it_asks_for() {
    // With fewer than five episodes at a time the barrier would never open.
    let barrier = Arc::new(Barrier::new(5));
    let make = || Box::new(Meeting(Arc::clone(&barrier))) as Box<dyn Policy>;
    let player = Made { make, concurrency: NonZeroUsize::new(5) };
    let options = SolveOptions { threads: 1, samples: 5, ..SolveOptions::default() };
    let played = run(&player, &[hand_written_arena("buoy_reading").unwrap()], &options).unwrap();
    assert_eq!(played.len(), 5);
}

/// Breaks at its first turn.
struct Broken;

impl Policy for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }
    fn next_turn<'a>(&'a self, _: TurnRequest<'a>) -> BoxFuture<'a, Result<PolicyTurn, PolicyError>> {
        Box::pin(async { Err(PolicyError { boundary: Boundary::Provider, error: "no answer".into() }) })
    }
}

#[test]
fn a_masked_episode_is_tried_again_by_a_fresh_policy_and_then_counted() {
    let made = AtomicUsize::new(0);
    let make = || {
        made.fetch_add(1, Ordering::Relaxed);
        Box::new(Broken) as Box<dyn Policy>
    };
    let player = Made { make, concurrency: None };
    let arena = hand_written_arena("buoy_reading").unwrap();
    let played = run(&player, &[arena], &SolveOptions::default()).unwrap();
    assert_eq!(made.load(Ordering::Relaxed), 2);
    let all = evaluate(&[EpisodeRecord::of(&played[0])], 1.0).unwrap().all;
    assert_eq!((all.masked, all.episodes, all.metrics.len()), (1, 0, 0));
}
