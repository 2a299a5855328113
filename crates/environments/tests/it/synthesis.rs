//! From a text to an arena with a model that answers well, and with one that does not.

use astra_agent::models::{Asking, Journal, Model, ModelSettings};
use astra_environments::Language;
use astra_environments::synthesis::{
    Asker, Builder, Checked, Decomposed, Dimension, Ended, Prompts, Source, SourceKind, Threshold, Wish,
    check, decompose, merge,
};
use astra_protocol::{ArenaSpec, Boundary, Topology};
use astra_testkit::synthesis::{STAGES, code, right, stage_of};
use astra_testkit::{ModelServer, Reply, TestResult, gatekeeper};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

/// A model whose answers `change` may spoil: stage, the right answer, how many answers of that stage came before.
fn model(
    change: impl Fn(&str, Json, usize) -> Json + Send + Sync + 'static,
) -> TestResult<(ModelServer, Model)> {
    let asked = Mutex::new(BTreeMap::<&str, usize>::new());
    let server = ModelServer::start(move |request, _| {
        let stage = stage_of(request);
        let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
        let before = asked.entry(stage).or_default();
        let answer = change(stage, right(stage), *before);
        *before += 1;
        Reply::Says(answer.as_str().map_or_else(|| answer.to_string(), str::to_owned))
    })?;
    let model = at(&server)?;
    Ok((server, model))
}

/// The model of an endpoint, with a journal of its own.
fn at(server: &ModelServer) -> TestResult<Model> {
    let asking = Asking {
        journal: Arc::new(Journal::in_memory()?),
        offline: false,
        stop: Arc::new(AtomicBool::new(false)),
    };
    let settings = ModelSettings { attempts: 1, ..ModelSettings::at(server.url(), "scripted") };
    Ok(Model::open("all", settings, None, asking)?.0)
}

fn source() -> Source {
    Source {
        kind: SourceKind::Knowledge,
        knowledge: "A clinic audits prescription RX-7708.".to_owned(),
        license: Some("CC0-1.0".to_owned()),
        ..Source::domain("pharmacy", Language::English)
    }
}

const WISH: Wish = Wish { min_hops: 2, max_hops: 3, topology: None };

/// Runs `of` with everything that asks this model.
fn with<T>(model: &Model, of: impl FnOnce(&Asker<'_>) -> T) -> TestResult<T> {
    let prompts = Prompts::load(None)?;
    Ok(of(&Asker::new([model, model, model], &prompts, 3, &|_| ())))
}

/// What every stage made.
#[derive(Debug)]
struct Whole {
    decomposed: Decomposed,
    checked: Checked,
    built: ArenaSpec,
    arena: ArenaSpec,
}

fn whole(model: &Model) -> TestResult<Result<Whole, Ended>> {
    with(model, |asker| {
        let decomposed = decompose(&source(), 0, WISH, asker)?;
        let checked = check(&decomposed, 1, asker)?;
        let gates = gatekeeper();
        let builder = Builder { asker, gates: &gates };
        let built = builder.build(&checked)?;
        let arena = merge(&built, &builder)?;
        Ok(Whole { decomposed, checked, built: built.arena, arena })
    })
}

#[test]
fn a_text_becomes_an_arena_whose_tools_are_merged() {
    let (server, model) = model(|_, answer, _| answer).unwrap();
    let Whole { decomposed, checked, built, arena } = whole(&model).unwrap().unwrap();
    assert_eq!(decomposed.source.kind, SourceKind::Knowledge);
    assert_eq!(decomposed.decomposition.topology, Topology::ParallelMultiHop);
    assert!((checked.judgement.quality - 1.0).abs() < 1e-12 && checked.judgement.samples == 1);
    assert_eq!((built.tools.len(), arena.tools.len()), (4, 3));
    assert_eq!((arena.gold.len(), arena.goals.len(), arena.hops()), (4, 4, 2));
    assert_eq!(arena.provenance.extra["merged"], json!({"clusters": 1}));
    assert_eq!(arena.provenance.license.as_deref(), Some("CC0-1.0"));
    assert!(arena.evidence.gates.values().all(|status| status != "failed"), "{:?}", arena.evidence.gates);
    assert!(arena.tools[0].doc.description.contains("Returns `pharmacist`"));
    assert_eq!(server.requests().len(), STAGES.len());
    // Everything again from the journal: the same bytes, and nothing is asked.
    let again = whole(&model).unwrap().unwrap().arena;
    assert_eq!(serde_json::to_string(&again).unwrap(), serde_json::to_string(&arena).unwrap());
    assert_eq!(server.requests().len(), STAGES.len());
}

#[test]
fn code_that_cheats_is_sent_back_with_what_the_gates_say_and_never_accepted() {
    let constant = |step: &str, body: &str| {
        let mut answer = code();
        for function in answer["functions"].as_array_mut().unwrap() {
            if function["step"] == json!(step) {
                function["code"] = json!(body);
            }
        }
        answer
    };
    let signature = "def capsule_price(medicine: str, as_of: str = \"2025-12-31\") -> dict:\n";
    for (cheat, told) in [
        (constant("s3", &format!("{signature}    return {{\"price\": 18.4, \"pack_size\": 12}}\n")), "fuzz"),
        (
            constant(
                "s3",
                &format!("{signature}    print(18.4)\n    return {{\"price\": 18.4, \"pack_size\": 12}}\n"),
            ),
            "fuzz",
        ),
        (constant("s3", &format!("{signature}    while True:\n        pass\n")), "oracle"),
        (
            constant("s3", &format!("import socket\n\n\n{signature}    return {{\"price\": 18.4}}\n")),
            "schema",
        ),
        (constant("s3", "def other_name(medicine: str) -> dict:\n    return {}\n"), "schema"),
        (constant("s3", "def capsule_price(:\n"), "schema"),
    ] {
        let spoiled = cheat.clone();
        let (server, cheater) =
            model(move |stage, answer, _| if stage == "code" { spoiled.clone() } else { answer }).unwrap();
        let ended = whole(&cheater).unwrap().unwrap_err();
        assert!(matches!(&ended, Ended::Rejected(why) if why.starts_with("code: ")), "{ended:?}");
        let requests = server.requests();
        let again = requests.iter().filter(|request| stage_of(request) == "code").nth(1).unwrap();
        let feedback = again["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap();
        assert!(feedback.contains(told), "{told} is not in {feedback}");
        // Shown what was wrong, a coder may put it right.
        let spoiled = cheat.clone();
        let (_server, learner) = model(
            move |stage, answer, before| {
                if stage == "code" && before == 0 { spoiled.clone() } else { answer }
            },
        )
        .unwrap();
        assert!(whole(&learner).unwrap().is_ok());
    }
}

#[test]
fn judges_decide_and_what_they_leave_out_is_no_verdict() {
    let spoiled = |stage: &'static str, change: fn(&mut Json)| {
        let (server, model) = model(move |asked, mut answer, _| {
            if asked == stage {
                change(&mut answer);
            }
            answer
        })
        .unwrap();
        let ended = with(&model, |asker| check(&decompose(&source(), 0, WISH, asker)?, 1, asker)).unwrap();
        (server.requests().len(), ended)
    };
    let (asked, ended) = spoiled("verify", |answer| drop(answer["steps"].as_array_mut().unwrap().pop()));
    assert!(
        matches!(&ended, Err(Ended::Rejected(why)) if why.starts_with("unjudged: verify: step `s4` is missing")),
        "{ended:?}"
    );
    assert_eq!(asked, 2 + 3, "the judge is asked again");
    let (_, ended) = spoiled("verify", |answer| answer["completeness"] = json!("true"));
    assert!(matches!(&ended, Err(Ended::Rejected(why)) if why.starts_with("unjudged: ")), "{ended:?}");
    let (_, ended) = spoiled("necessity", |answer| answer["steps"][0]["needs_tool"] = json!(false));
    assert!(
        matches!(&ended, Err(Ended::Rejected(why)) if why.starts_with("necessity: step `s1`")),
        "{ended:?}"
    );
    let (_, ended) = spoiled("verify", |answer| answer["steps"][1]["sequence"] = json!(false));
    let judgement = ended.unwrap().judgement;
    assert!((judgement.dimensions[&Dimension::Sequence] - 0.75).abs() < 1e-12);
    assert!((judgement.quality - (3.0 + 0.75) / 4.0).abs() < 1e-12);
    let (_, checked) = spoiled("verify", |answer| answer["steps"][1]["sequence"] = json!(false));
    let eligible = Threshold::Quality(0.95).over(&[]);
    assert!(eligible.problem(&checked.unwrap()).unwrap().starts_with("quality: 0.938 is below"));
    let (_, ended) = spoiled("verify", |answer| *answer = json!("I cannot judge this."));
    assert!(matches!(&ended, Err(Ended::Rejected(why)) if why.contains("no JSON")), "{ended:?}");
}

#[test]
fn documents_and_calls_are_checked_before_any_code_is_written() {
    for (stage, change, told) in [
        (
            "documents",
            (|a: &mut Json| a["tools"][0]["name"] = json!("Find")) as fn(&mut Json),
            "no name of lower_snake_case",
        ),
        (
            "documents",
            |a| a["tools"][1]["description"] = json!("Elm Court is an example."),
            "gives away the answer of step `s2`",
        ),
        ("documents", |a| a["tools"][1]["answer_field"] = json!("place"), "which is no result field"),
        (
            "documents",
            |a| a["tools"][1]["name"] = json!("find_dispenser"),
            "another tool is called `find_dispenser`",
        ),
        (
            "scale",
            |a| a["tools"][0]["parameters"][0]["name"] = json!("rx"),
            "its parameter `prescription` has to stay",
        ),
        ("scale", |a| a["tools"][0]["parameters"][1]["default"] = json!(7), "its default has to be a string"),
        (
            "calls",
            |a| a["calls"][1]["arguments"][0]["from"] = json!(["s2#/branch"]),
            "does not come after `s2`",
        ),
        ("calls", |a| a["calls"][1]["arguments"][0]["from"] = json!([]), "no argument is found by that step"),
        (
            "calls",
            |a| a["calls"][0]["alternatives"][0]["values"] = json!(["RX-1102"]),
            "no argument has 4 alternatives",
        ),
        (
            "calls",
            |a| a["request"] = json!("Was it Dora Kemble who dispensed RX-7708?"),
            "gives away the answer of step `s1`",
        ),
        (
            "calls",
            |a| a["request"] = json!("Is licence LC-77 the one that goes with RX-7708, please?"),
            "which has to be found",
        ),
        ("calls", |a| a["request"] = json!("Call find_dispenser for RX-7708, please."), "names the tool"),
    ] {
        let (server, model) = model(move |asked, mut answer, before| {
            if asked == stage && before == 0 {
                change(&mut answer);
            }
            answer
        })
        .unwrap();
        assert!(whole(&model).unwrap().is_ok(), "{stage}: {told}");
        let again = server.requests().into_iter().filter(|request| stage_of(request) == stage).nth(1);
        let feedback = again.unwrap()["messages"].as_array().unwrap().last().unwrap()["content"].to_string();
        assert!(feedback.contains(told), "{told} is not in {feedback}");
    }
}

#[test]
fn a_merge_that_fails_leaves_the_arena_as_it_was() {
    let (_server, model) = model(|stage, mut answer, _| {
        if stage == "merge" {
            answer["clusters"][0]["code"] = json!(
                "def capsule_price(medicine: str, as_of: str = \"x\") -> dict:\n    return {\"price\": 18.4, \"pack_size\": 1}\n"
            );
        }
        answer
    })
    .unwrap();
    let Whole { built, arena, .. } = whole(&model).unwrap().unwrap();
    assert_eq!(arena.tools, built.tools);
    assert!(arena.provenance.extra["merged"]["failed"].as_str().unwrap().starts_with("merge: "));
}

#[test]
fn who_broke_is_told_apart() {
    let server = ModelServer::start(|request, _| match stage_of(request) {
        "necessity" => Reply::Refuses(400, None, "no".to_owned()),
        stage => Reply::Says(right(stage).to_string()),
    })
    .unwrap();
    let model = at(&server).unwrap();
    let ended = whole(&model).unwrap().unwrap_err();
    assert!(matches!(ended, Ended::Failed(Boundary::Judge, _)), "{ended:?}");
}
