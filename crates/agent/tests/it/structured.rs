use crate::world::{asking, in_turn, model, says};
use astra_agent::models::{AnswerSchema, Request, Structured, Unanswered};
use astra_testkit::{Reply, TestResult};
use serde_json::{Value as Json, json};
use std::sync::Arc;

fn verdict() -> TestResult<Structured> {
    let schema = json!({
        "type": "object", "required": ["id", "ok"], "additionalProperties": false,
        "properties": {"id": {"type": "string"}, "ok": {"type": "boolean"}},
    });
    Ok(Structured { schema: Arc::new(AnswerSchema::new("verdict", schema)?), tries: 3 })
}

fn check(answer: &Json) -> Result<bool, String> {
    match answer["id"].as_str() {
        Some("q1") => Ok(answer["ok"] == json!(true)),
        _ => Err(format!("`id` is {}: the question is `q1`", answer["id"])),
    }
}

#[test]
fn a_bad_answer_is_asked_for_again_with_what_is_wrong() {
    for (bad, why) in [
        ("", "the answer is empty"),
        ("Sure! It is fine.", "no JSON"),
        ("{\"id\": \"q1\", \"ok\": \"false\"}", "is not of type \"boolean\""),
        ("{\"id\": \"q7\", \"ok\": true}", "the question is `q1`"),
        ("{\"id\": \"q1\"}", "\"ok\" is a required property"),
        ("{\"id\": \"q1\", \"ok\": true, \"extra\": 1}", "extra"),
    ] {
        let server = in_turn(vec![says(bad), says("```json\n{\"id\": \"q1\", \"ok\": false}\n```")]).unwrap();
        let asking = asking().unwrap();
        let model = model(&server, &asking, |_| ()).unwrap();
        let said = verdict().unwrap().ask(&model, "judge", &Request::of("Is it?"), &|answer| check(&answer));
        assert!(!said.unwrap(), "{bad}");
        let requests = server.requests();
        let again = requests[1]["messages"].as_array().unwrap();
        assert_eq!((requests.len(), again.len()), (2, 3), "{bad}");
        assert!(again[2]["content"].as_str().unwrap().contains(why), "{why}: {}", again[2]);
        assert_eq!(requests[0]["response_format"]["json_schema"]["name"], "verdict");
    }
}

#[test]
fn after_the_last_try_it_is_rejected_and_no_answer_is_a_failure() {
    let server =
        in_turn(vec![says("no"), says("no"), says("no"), says("{\"id\": \"q1\", \"ok\": true}")]).unwrap();
    let asking = asking().unwrap();
    let model = model(&server, &asking, |_| ()).unwrap();
    let error = verdict()
        .unwrap()
        .ask(&model, "judge", &Request::of("Is it?"), &|answer| check(&answer))
        .unwrap_err();
    assert!(matches!(&error, Unanswered::Rejected { tries: 3, .. }), "{error}");
    assert_eq!((server.requests().len(), model.stages()["judge"].answers), (3, 3));
    // Asked again, the journal gives the same verdict without a request.
    let again = verdict()
        .unwrap()
        .ask(&model, "judge", &Request::of("Is it?"), &|answer| check(&answer))
        .unwrap_err();
    assert_eq!((again, server.requests().len()), (error, 3));
    let server = in_turn(vec![Reply::Refuses(400, None, "no".to_owned())]).unwrap();
    let model = crate::world::model(&server, &asking, |_| ()).unwrap();
    let error = verdict()
        .unwrap()
        .ask(&model, "judge", &Request::of("Is it?!"), &|answer| check(&answer))
        .unwrap_err();
    assert!(matches!(error, Unanswered::Failed(_)), "{error}");
}
