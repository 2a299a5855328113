//! The expert is perfect, plans well, and says nothing that its trace has not shown.

use astra_arena::distractors::{BandCounts, DistractorPool};
use astra_arena::{Arena, RewardVariant, Runtime, embed::LexicalEmbedder, hand};
use astra_eval::{
    BuiltinPolicy, Company, PlayError, Played, Player, SlippingExpert, SolveOptions, sft_record, solve,
    unfit_for_sft,
};
use astra_protocol::{
    BoxFuture, GoalKind, Message, Policy, PolicyError, PolicyTurn, Reference, Stop, ToolCall, TurnRequest,
    Value, value::text,
};
use astra_testkit::{TestResult, hand_written_arena, runtime};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

fn arenas() -> TestResult<Vec<Arc<Arena>>> {
    hand::all().iter().map(|arena| hand_written_arena(arena.name)).collect()
}

fn run(options: &SolveOptions, pool: Option<&DistractorPool>) -> TestResult<Vec<Played>> {
    let stop = AtomicBool::new(false);
    let company = Company { pool, stop: &stop, on_done: &mut |_| {} };
    Ok(solve(&runtime(), &arenas()?, &BuiltinPolicy::Expert, options, company)?)
}

fn one(name: &str, options: &SolveOptions) -> TestResult<Played> {
    let arenas = [hand_written_arena(name)?];
    let stop = AtomicBool::new(false);
    let company = Company { pool: None, stop: &stop, on_done: &mut |_| {} };
    let mut played = solve(&runtime(), &arenas, &BuiltinPolicy::Expert, options, company)?;
    Ok(played.remove(0))
}

/// Tools called in each turn.
fn turns(played: &Played) -> Vec<Vec<&str>> {
    let calls = played.trace.messages.iter().filter_map(|message| match message {
        Message::Assistant { tool_calls, .. } if !tool_calls.is_empty() => Some(tool_calls),
        Message::Assistant { .. } | Message::System { .. } | Message::User { .. } | Message::Tool { .. } => {
            None
        }
    });
    calls.map(|calls| calls.iter().map(|call| call.name.as_str()).collect()).collect()
}

fn final_answer(played: &Played) -> &str {
    played.trace.messages.last().map_or("", Message::content)
}

#[test]
fn it_is_perfect_and_answers_in_the_users_language() {
    let options = SolveOptions { samples: 4, ..SolveOptions::default() };
    for played in run(&options, None).unwrap() {
        let spec = played.arena.spec();
        let name = spec.provenance.name.as_deref().unwrap_or_default();
        assert_eq!(unfit_for_sft(&played, false), None, "{name}: {:#?}", played.trace.messages);
        assert_eq!(played.score.f1.measured(), Some(1.0), "{name}");
        let chinese = final_answer(&played).chars().any(text::is_cjk);
        assert_eq!(chinese, spec.language == "zh", "{name}: {}", final_answer(&played));
    }
}

#[test]
fn slips_are_rejected_before_any_tool_runs_and_put_right() {
    let options = SolveOptions { samples: 6, ..SolveOptions::default() };
    let stop = AtomicBool::new(false);
    let company = Company { pool: None, stop: &stop, on_done: &mut |_| {} };
    let expert = SlippingExpert { slips: 0.5, student: None };
    let played = solve(&runtime(), &arenas().unwrap(), &expert, &options, company).unwrap();
    let (mut slips, mut given_up, mut kinds) = (0, 0, BTreeSet::<&str>::new());
    for one in &played {
        let rejected = one.log.iter().filter(|call| call.invalid()).count();
        assert_eq!(unfit_for_sft(one, false).is_some(), rejected > 0);
        // Half of a change is no change, so giving up there is not worth learning from.
        let is_half_done = rejected > 1 && one.arena.spec().state.is_some();
        let why = unfit_for_sft(one, true);
        assert!(why.is_none() || is_half_done, "{why:?}: {:#?}", one.trace.messages);
        slips += rejected;
        for call in one.log.iter().filter(|call| call.invalid()) {
            let told =
                ["no tool", "is a required property", "were unexpected", "was unexpected", "not valid JSON"];
            kinds.extend(told.iter().filter(|words| call.text.contains(**words)));
        }
        let line = sft_record(one);
        let unlearned = line["messages"].as_array().unwrap().iter().filter(|one| one["weight"] == 0).count();
        assert_eq!(unlearned, rejected, "{line:#}");
        // After one the right call follows, after two the end.
        for pair in one.log.windows(2).filter(|pair| pair[0].invalid() && pair[1].invalid()) {
            assert!(one.log.iter().all(|call| call.turn <= pair[1].turn), "{:#?}", one.trace.messages);
            given_up += 1;
        }
    }
    assert!(slips > played.len() / 2 && kinds.len() > 3, "{slips} slips: {kinds:?}");
    assert!(given_up > 10, "{given_up} of {} gave up", played.len());
}

/// Answers every turn with the same calls.
struct Student(Vec<ToolCall>);

impl Player for Student {
    fn name(&self) -> &'static str {
        "student"
    }

    fn identity(&self) -> Json {
        Json::Null
    }

    fn policy(&self, _: &Runtime, _: &Arc<Arena>, _: u64) -> Result<Box<dyn Policy>, PlayError> {
        Ok(Box::new(Self(self.0.clone())))
    }
}

impl Policy for Student {
    fn name(&self) -> &'static str {
        "student"
    }

    fn next_turn<'a>(&'a self, request: TurnRequest<'a>) -> BoxFuture<'a, Result<PolicyTurn, PolicyError>> {
        let thinks = |message: &Message| matches!(message, Message::Assistant { reasoning: Some(_), .. });
        assert!(request.turn == 0 && !request.messages.iter().any(thinks));
        let message =
            Message::Assistant { content: String::new(), reasoning: None, tool_calls: self.0.clone() };
        Box::pin(async move { Ok(PolicyTurn::from(message)) })
    }
}

#[test]
fn a_students_wrong_calls_are_put_right_where_it_would_make_them() {
    let call = |name: &str, arguments: &str| ToolCall {
        id: "call_1".to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    };
    let play = |calls: &[ToolCall]| {
        let stop = AtomicBool::new(false);
        let company = Company { pool: None, stop: &stop, on_done: &mut |_| {} };
        let expert = SlippingExpert { slips: 0.0, student: Some(Box::new(Student(calls.to_vec()))) };
        solve(&runtime(), &arenas().unwrap(), &expert, &SolveOptions::default(), company).unwrap()
    };
    let wrong = [call("malformed call", "{"), call("no_such_tool", r#"{"a":1}"#)];
    for one in &play(&wrong) {
        assert_eq!(unfit_for_sft(one, true), None, "{:#?}", one.trace.messages);
        // One before each turn of right ones; what cannot be read is no call that could be shown.
        let rejected: Vec<_> = one.log.iter().filter(|record| record.invalid()).collect();
        assert!(rejected.iter().all(|record| record.call.name == "no_such_tool"));
        let right: BTreeSet<usize> =
            one.log.iter().filter(|record| !record.invalid()).map(|record| record.turn).collect();
        assert_eq!(rejected.len(), right.len());
        assert!(matches!(one.score.recall.measured(), None | Some(1.0)));
    }
    // What would run is the student's own business.
    let station = call("find_station", r#"{"name":"Harbour"}"#);
    let fares = |one: &&Played| one.arena.spec().provenance.name.as_deref() == Some("train_fares");
    let played = play(&[station]);
    assert!(played.iter().find(fares).unwrap().log.iter().all(|record| !record.invalid()));
}

#[test]
fn failures_and_distractors_cost_nothing_but_turns() {
    let pool = DistractorPool::new(&arenas().unwrap(), Arc::new(LexicalEmbedder)).unwrap();
    let bands = Some(BandCounts::banded(2, 2, 2));
    let options = SolveOptions {
        failure_rate: 0.2,
        bands,
        seed: 3,
        samples: 4,
        variant: RewardVariant::F1Answer,
        ..SolveOptions::default()
    };
    let played = run(&options, Some(&pool)).unwrap();
    for one in &played {
        assert_eq!(unfit_for_sft(one, false), None, "{:#?}", one.trace.messages);
    }
    let failed: Vec<&Played> = played.iter().filter(|one| !one.trace.injected.is_empty()).collect();
    assert!(failed.len() > 10, "only {} episodes met a failure", failed.len());
    for one in failed {
        let at = one.trace.messages.iter().position(
            |message| matches!(message, Message::Tool { content, .. } if content.contains("unavailable")),
        );
        let next = one.trace.messages[at.unwrap()..].iter().find_map(|message| match message {
            Message::Assistant { reasoning, .. } => reasoning.as_deref(),
            Message::System { .. } | Message::User { .. } | Message::Tool { .. } => None,
        });
        let tool = &one.log.iter().find(|call| !call.counts()).unwrap().call.name;
        assert!(next.unwrap().contains(tool.as_str()), "the failure of {tool} is passed over: {next:?}");
    }
}

#[test]
fn calls_go_out_together_unless_one_needs_or_changes_what_another_reads() {
    let options = SolveOptions::default();
    let of = |name: &str| one(name, &options).unwrap();
    assert_eq!(turns(&of("train_fares")), [["find_station"; 2], ["ticket_fare"; 2]]);
    assert_eq!(turns(&of("freight_six_hops")).len(), 6);
    let orchard = of("orchard_fertilizer");
    assert_eq!(turns(&orchard).iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    let clinic = of("clinic_appointments");
    assert_eq!(turns(&clinic).iter().map(Vec::len).collect::<Vec<_>>(), [2, 1, 1, 1, 1], "writes go alone");
    let transfer = of("savings_transfer");
    let expected: [&[&str]; 4] =
        [&["find_account", "find_account"], &["account_balance"], &["transfer_money"], &["account_balance"]];
    assert_eq!(turns(&transfer), expected, "one reading before the transfer, one behind");
}

#[test]
fn a_service_that_stays_down_ends_the_episode_with_an_honest_word() {
    let options = SolveOptions { failure_rate: 1.0, ..SolveOptions::default() };
    let played = one("buoy_reading", &options).unwrap();
    assert_eq!(played.trace.stop, Stop::Answered);
    assert!(turns(&played).len() < 10, "{} attempts", turns(&played).len());
    assert!(final_answer(&played).contains("`read_buoy_log`"), "{}", final_answer(&played));
    assert!(unfit_for_sft(&played, false).unwrap().contains("reward is 0.000"));
}

/// Every value that only the gold knows, with the words for it.
fn hidden(arena: &Arena) -> Vec<Value> {
    let spec = arena.spec();
    let goals = spec.goals.iter().filter_map(|goal| match &goal.kind {
        GoalKind::Returns { value, .. } => Some(value.clone()),
        GoalKind::StateEquals { .. } => None,
    });
    let arguments = spec.gold.iter().flat_map(|call| call.arguments.values());
    let derived = arguments.filter_map(|argument| Reference::of(argument)?.ok()?.value);
    let all = goals.chain(derived.map(|value| Value::from_json(&value))).chain(spec.withheld.clone());
    all.filter(|value| !matches!(value, Value::Bool { .. })).collect()
}

#[test]
fn no_turn_names_a_value_that_its_trace_has_not_shown() {
    let options = SolveOptions { failure_rate: 0.2, samples: 8, ..SolveOptions::default() };
    let mut judged = 0;
    for played in run(&options, None).unwrap() {
        let hidden = hidden(&played.arena);
        let mut seen: String = played.trace.tools.iter().map(|tool| tool.description.as_str()).collect();
        let mut results: Vec<Json> = Vec::new();
        for message in &played.trace.messages {
            if let Message::Assistant { reasoning: Some(reasoning), tool_calls, content } = message {
                // What a call is made with may be said: it follows from what was seen.
                let calls: String = tool_calls.iter().map(|call| call.arguments.as_str()).collect();
                for value in hidden.iter().filter(|value| value.mentioned_in(reasoning)) {
                    let received = results.iter().any(|result| value.contained_in(result));
                    let known = received || value.mentioned_in(&seen) || value.mentioned_in(&calls);
                    let last = tool_calls.is_empty() && !content.is_empty() && played.arena.spec().answerable;
                    assert!(known || last, "{value:?} is said too early: {reasoning}");
                    judged += 1;
                }
            } else {
                seen.push('\n');
                seen.push_str(message.content());
                results.extend(serde_json::from_str::<Json>(message.content()));
            }
        }
    }
    assert!(judged > 200, "the expert says hardly anything: {judged}");
}

#[test]
fn refusals_name_what_is_missing_without_what_is_withheld() {
    let played = one("stargazing_permit", &SolveOptions::default()).unwrap();
    assert!(final_answer(&played).contains("What does the group permit for that cost"), "{played:?}");
    assert_eq!(turns(&played).len(), 0);
    let played = one("school_bus", &SolveOptions::default()).unwrap();
    assert!(final_answer(&played).contains("早上几点到"), "{}", final_answer(&played));
}

#[test]
fn a_line_for_training_has_the_chat_shape_and_repeats_itself() {
    let options = SolveOptions { seed: 5, ..SolveOptions::default() };
    let line = sft_record(&one("canteen_allergens", &options).unwrap());
    assert_eq!(line["reward"], 1.0);
    assert_eq!(line["tools"][0]["type"], "function");
    let messages = line["messages"].as_array().unwrap();
    assert_eq!(messages[0]["role"], "user");
    assert!(messages[1]["reasoning_content"].as_str().unwrap().chars().any(text::is_cjk));
    let id = &messages[1]["tool_calls"][0]["id"];
    assert_eq!(&messages[2]["tool_call_id"], id);
    assert!(id.as_str().unwrap().starts_with("call_"), "ids do not name gold calls");
    assert_eq!(line, sft_record(&one("canteen_allergens", &options).unwrap()));
}
