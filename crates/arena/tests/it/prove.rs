//! Gold calls found for imported rows, by search and from traces, and what the gates say of them.

use crate::published::row;
use astra_arena::Runtime;
use astra_arena::prove::{FoundBy, GoalOutcome, Proof, ProveLimits, prove};
use astra_arena::published::{ImportOptions, export_row, import_row};
use astra_protocol::{ArenaSpec, Message, Stop, ToolCall, Topology, Trace, Usage};
use astra_testkit::{TestResult, gatekeeper, hand_written, runtime};
use serde_json::{Value as Json, json};

fn proved(spec: ArenaSpec, trace: Option<&Trace>) -> TestResult<Proof> {
    let runtime: Runtime = runtime();
    let arena = runtime.load(spec, &[])?;
    Ok(prove(&runtime, &arena, trace, ProveLimits::default())?)
}

fn promoted(number: usize) -> TestResult<ArenaSpec> {
    let proof = proved(row(number)?, None)?;
    proof.promoted.ok_or_else(|| format!("row {number}: {:?} {:#?}", proof.why_not, proof.goals).into())
}

/// `(tool, arguments)` of the gold calls.
fn gold(spec: &ArenaSpec) -> Vec<(&str, Json)> {
    spec.gold.iter().map(|call| (call.tool.as_str(), Json::Object(call.arguments.clone()))).collect()
}

#[test]
fn a_call_is_found_among_words_and_enum_members() {
    let spec = promoted(1).unwrap();
    assert_eq!(
        gold(&spec),
        [(
            "library_hours",
            json!({"library": "marrow lane library", "room": "reading_room", "weekday": "saturday"})
        )]
    );
    assert_eq!(spec.topology, Topology::SingleHop);
    assert_eq!(
        spec.provenance.extra["expected"]["g1"], "17:45",
        "the sentence stands in the goal, the answer here"
    );
}

#[test]
fn hops_become_references_and_give_the_topology() {
    let spec = promoted(2).unwrap();
    let restorer = json!({"restorer": {"$ref": "c1#/restored_by"}, "fields": ["workshop"]});
    assert_eq!(gold(&spec)[1], ("restorer_register", restorer), "`workshop` stands in the prompt");
    assert_eq!(spec.goals[1].depends_on, ["g1"]);
    assert_eq!(spec.topology, Topology::MultiHop);
    let chinese = promoted(4).unwrap();
    assert_eq!(
        gold(&chinese)[1],
        ("author_profile", json!({"name": {"$ref": "c1#/作者"}, "field": "出生年份"}))
    );
}

#[test]
fn parallel_branches_keep_their_own_references() {
    let spec = promoted(7).unwrap();
    assert_eq!(spec.topology, Topology::ParallelMultiHop);
    let elevations: Vec<Json> = gold(&spec)
        .into_iter()
        .filter(|(tool, _)| *tool == "town_elevation")
        .map(|(_, arguments)| arguments)
        .collect();
    assert_eq!(elevations, [json!({"town": {"$ref": "c1#/seat"}}), json!({"town": {"$ref": "c2#/seat"}})]);
    let two = promoted(3).unwrap();
    assert_eq!(two.topology, Topology::ParallelSingleHop);
    assert_eq!(two.gold.len(), 2);
}

#[test]
fn printed_numbers_are_found() {
    let loan = promoted(6).unwrap();
    assert_eq!(gold(&loan)[0].1, json!({"principal": 18000, "annual_rate_percent": 4.5, "months": 36}));
    let exported = export_row(&loan, &[]).unwrap();
    assert_eq!(exported.row.sub_qa_dict, [("loan_payment".to_owned(), vec![json!("535.44")])]);
}

#[test]
fn lists_and_dates_are_found() {
    assert_eq!(promoted(5).unwrap().gold.len(), 1);
    let weather = promoted(8).unwrap();
    assert_eq!(gold(&weather)[1].1, json!({"town": "dunmere", "day": {"$ref": "c1#/date"}}));
}

#[test]
fn sound_rows_pass_the_gates_once_proved() {
    for number in [2, 3, 4, 7] {
        let spec = promoted(number).unwrap();
        let report = gatekeeper().check(&spec, &[], &[]).unwrap();
        assert!(report.passed(), "row {number}: {:#?}", report.failures().collect::<Vec<_>>());
    }
}

#[test]
fn a_proved_arena_still_exports_its_first_answers() {
    for number in [1, 3, 5, 8] {
        let before = row(number).unwrap();
        let exported = export_row(&promoted(number).unwrap(), &[]).unwrap();
        let plain = export_row(&before, &[]).unwrap();
        assert_eq!(exported.row.sub_qa_dict, plain.row.sub_qa_dict, "row {number}");
        assert!(import_row(&exported.row, number, &ImportOptions::default()).unwrap().spec.is_unproven());
    }
}

#[test]
fn what_an_export_loses_is_found_again() {
    for name in ["freight_six_hops", "canteen_allergens", "hotel_terms", "library_due_dates"] {
        let (spec, data) = hand_written(name).unwrap();
        let row = export_row(&spec, &data).unwrap().row;
        let imported = import_row(&row, 1, &ImportOptions::default()).unwrap().spec;
        assert!(imported.gold.is_empty() && imported.goals.iter().all(|goal| goal.depends_on.is_empty()));
        let proof = proved(imported, None).unwrap();
        let again = proof.promoted.ok_or(proof.why_not).unwrap();
        assert_eq!(again.gold, spec.gold, "{name}");
        assert_eq!(again.topology, spec.topology, "{name}");
        let edges =
            |spec: &ArenaSpec| spec.goals.iter().map(|goal| goal.depends_on.len()).collect::<Vec<_>>();
        assert_eq!(edges(&again), edges(&spec), "{name}");
    }
}

#[test]
fn arguments_that_stand_nowhere_are_named() {
    let (spec, data) = hand_written("speaker_allowance").unwrap();
    let row = export_row(&spec, &data).unwrap().row;
    let imported = import_row(&row, 1, &ImportOptions::default()).unwrap().spec;
    let proof = proved(imported, None).unwrap();
    let last = proof.goals.iter().find(|goal| goal.tool == "country_allowance").unwrap();
    assert!(matches!(last.outcome, GoalOutcome::Found { invented: 1, .. }), "{last:?}");
    let again = proof.promoted.unwrap();
    assert_eq!(again.provenance.extra["unfounded_arguments"], json!({"c3": ["home_country"]}));
    assert!(!promoted(4).unwrap().provenance.extra.contains_key("unfounded_arguments"));
}

#[test]
fn random_answers_are_not_found() {
    let proof = proved(row(10).unwrap(), None).unwrap();
    assert!(proof.promoted.is_none());
    assert!(matches!(proof.goals[0].outcome, GoalOutcome::NotFound { after, .. } if after > 0));
    assert!(proof.calls <= ProveLimits::default().calls);
}

#[test]
fn defaults_that_answer_are_promoted_and_then_refused_by_fuzz() {
    let spec = promoted(11).unwrap();
    let report = gatekeeper().check(&spec, &[], &[]).unwrap();
    assert!(report.failures().any(|(gate, _)| gate.as_str() == "fuzz"), "{:#?}", report.outcomes);
}

#[test]
fn the_limit_of_calls_is_kept() {
    let runtime = runtime();
    let arena = runtime.load(row(10).unwrap(), &[]).unwrap();
    let proof = prove(&runtime, &arena, None, ProveLimits { calls: 7, settle: 2 }).unwrap();
    assert_eq!(proof.calls, 7);
    assert!(proof.why_not.is_some());
}

fn trace_of(calls: &[(&str, Json)]) -> Trace {
    let calls = calls.iter().enumerate().map(|(at, (tool, arguments))| ToolCall {
        id: format!("t{at}"),
        name: (*tool).to_owned(),
        arguments: arguments.to_string(),
    });
    Trace {
        task: String::new(),
        tools: Vec::new(),
        messages: vec![Message::calls(calls.collect()), Message::answer("done")],
        segments: Vec::new(),
        usage: Usage::default(),
        seed: 0,
        policy: "test".into(),
        injected: Vec::new(),
        stop: Stop::Answered,
    }
}

#[test]
fn a_trace_gives_its_calls() {
    let trace = trace_of(&[
        ("museum_object", json!({"museum": "Salt House", "object_name": "altar cloth"})),
        ("museum_object", json!({"museum": "Tollgate Museum", "object_name": "Altar cloth"})),
        ("no_such_tool", json!({})),
        ("restorer_register", json!({"restorer": "Ilse Varnholt"})),
    ]);
    let proof = proved(row(2).unwrap(), Some(&trace)).unwrap();
    for goal in &proof.goals {
        assert!(matches!(&goal.outcome, GoalOutcome::Found { by: FoundBy::Trace, .. }), "{goal:?}");
    }
    let spec = proof.promoted.unwrap();
    assert_eq!(spec.gold[0].arguments["object_name"], "Altar cloth");
    assert_eq!(spec.gold[1].arguments["restorer"], json!({"$ref": "c1#/restored_by"}));
    assert!(proof.calls < 100, "a full trace leaves little to search: {}", proof.calls);
}

#[test]
fn proved_arenas_are_left_alone() {
    let spec = promoted(3).unwrap();
    let proof = proved(spec, None).unwrap();
    assert!(proof.promoted.is_none() && proof.calls == 0);
    assert!(proof.why_not.unwrap().contains("already"));
}
