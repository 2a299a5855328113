use crate::world::{asking, in_turn, model, says};
use astra_agent::models::{
    Asking, Journal, Model, ModelError, ModelSettings, Price, Provider, Request, Sampling,
};
use astra_protocol::Boundary;
use astra_testkit::{Reply, TestResult, completion};
use serde_json::{Value as Json, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn refuses(status: u16, retry_after: Option<&str>, body: &str) -> Reply {
    Reply::Refuses(status, retry_after.map(str::to_owned), body.to_owned())
}

#[test]
fn what_passes_is_tried_again_and_what_does_not_is_an_error() {
    for trouble in [
        refuses(429, Some("0"), "slow down"),
        refuses(429, None, ""),
        refuses(503, Some("Sun, 06 Nov 1994 08:49:37 GMT"), ""),
        refuses(500, None, "<html>oops</html>"),
        refuses(408, None, ""),
        Reply::Hangs(Duration::from_secs(30)),
        Reply::BreaksOff,
        Reply::Body(b"{\"choices\": []}".to_vec()),
        Reply::Body(b"not JSON".to_vec()),
        Reply::Body(vec![0xff; 100]),
        Reply::Body(vec![b' '; 10 << 20]),
    ] {
        let server = in_turn(vec![trouble.clone(), says("well")]).unwrap();
        let asking = asking().unwrap();
        let model = model(&server, &asking, |_| ()).unwrap();
        let answer = model.ask("s", &Request::of("q"));
        assert_eq!(answer.unwrap().content, "well", "{trouble:?}");
        assert_eq!((server.requests().len(), asking.journal.len().unwrap()), (2, 1), "{trouble:?}");
    }
    for (status, body, named) in [
        (400, "max_tokens is too large", "max_tokens is too large"),
        (401, "", "401"),
        (404, "no such model", "404"),
    ] {
        let server = in_turn(vec![refuses(status, None, body), says("never")]).unwrap();
        let asking = asking().unwrap();
        let error = model(&server, &asking, |_| ()).unwrap().ask("s", &Request::of("q")).unwrap_err();
        assert!(error.to_string().contains(named), "{error}");
        assert_eq!((error.boundary(), error.ends_the_run()), (Boundary::Provider, false));
        assert_eq!((server.requests().len(), asking.journal.len().unwrap()), (1, 0));
    }
}

#[test]
fn attempts_end_and_an_endpoint_that_wants_an_hour_is_not_waited_for() {
    let server = in_turn(vec![refuses(500, None, "broken")]).unwrap();
    let asking = asking().unwrap();
    let error = model(&server, &asking, |_| ()).unwrap().ask("s", &Request::of("q")).unwrap_err();
    assert!(matches!(&error, ModelError::Provider { what, .. } if what.contains("broken")), "{error}");
    assert_eq!(server.requests().len(), 4);
    let server = in_turn(vec![refuses(429, Some("3600"), "later")]).unwrap();
    let began = Instant::now();
    let error = model(&server, &asking, |_| ()).unwrap().ask("s", &Request::of("q")).unwrap_err();
    assert!(error.to_string().contains("later") && began.elapsed() < Duration::from_mins(1), "{error}");
    let nobody = ModelSettings { attempts: 2, ..ModelSettings::at("http://127.0.0.1:9/v1", "m") };
    let (model, _) = Model::open("teacher", nobody, None, asking).unwrap();
    let error = model.ask("s", &Request::of("q")).unwrap_err().to_string();
    assert!(error.contains("http://127.0.0.1:9/v1/chat/completions"), "{error}");
}

#[test]
fn retry_after_is_obeyed_by_everybody() {
    let server = in_turn(vec![refuses(429, Some("1"), ""), says("well")]).unwrap();
    let asking = asking().unwrap();
    let model = model(&server, &asking, |_| ()).unwrap();
    let began = Instant::now();
    model.ask("s", &Request::of("first")).unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn one_question_is_paid_once_whoever_asks() {
    let server = in_turn(vec![Reply::Hangs(Duration::from_millis(50))]).unwrap();
    let asking = asking().unwrap();
    let model = model(&server, &asking, |_| ()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(model.ask("s", &Request::of("q")).unwrap().content, "late"));
        }
    });
    assert_eq!(server.requests().len(), 1);
    let spent = model.spent();
    assert_eq!((spent.answers, spent.replayed, spent.input_tokens), (8, 7, 10));
    // Everything that shapes the answer makes another question.
    let others = [
        Request::of("p"),
        Request { sample: 1, ..Request::of("q") },
        Request { sampling: Sampling { temperature: Some(0.5), ..Sampling::default() }, ..Request::of("q") },
    ];
    for (at, other) in others.iter().enumerate() {
        assert!(!model.ask("s", other).unwrap().replayed);
        assert_eq!(server.requests().len(), at + 2);
    }
}

#[test]
fn a_journal_answers_offline_and_what_it_lacks_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.sqlite");
    let open = |offline| Asking {
        journal: Arc::new(Journal::open(&file).unwrap()),
        offline,
        stop: Arc::new(AtomicBool::new(false)),
    };
    let server = in_turn(vec![says("kept")]).unwrap();
    model(&server, &open(false), |_| ()).unwrap().ask("s", &Request::of("q")).unwrap();
    let offline = model(&server, &open(true), |settings| {
        settings.api_key_env = Some("NO_SUCH_KEY_IS_NEEDED_OFFLINE".to_owned());
    })
    .unwrap();
    let answer = offline.ask("s", &Request::of("q")).unwrap();
    assert!(answer.replayed && answer.content == "kept");
    let error = offline.ask("s", &Request::of("new")).unwrap_err();
    assert_eq!(error, ModelError::Unknown { model: "teacher".to_owned() });
    assert_eq!((server.requests().len(), offline.spent().cost), (1, 0.0));
}

#[test]
fn keys_travel_and_are_missed_by_name() {
    let server = in_turn(vec![says("well")]).unwrap();
    let asking = asking().unwrap();
    let unset = |settings: &mut ModelSettings| settings.api_key_env = Some("ASTRA_TEST_UNSET_KEY".to_owned());
    let error = model(&server, &asking, unset).unwrap_err();
    assert!(error.to_string().contains("`ASTRA_TEST_UNSET_KEY`"), "{error}");
    for (change, field) in [
        (
            Box::new(|settings: &mut ModelSettings| settings.base_url = "localhost".to_owned())
                as Box<dyn Fn(&mut _)>,
            "base_url",
        ),
        (Box::new(|settings: &mut ModelSettings| settings.attempts = 0), "attempts"),
        (Box::new(|settings: &mut ModelSettings| settings.price.output = f64::NAN), "price"),
        (Box::new(|settings: &mut ModelSettings| settings.provider = Provider::Batch), "folder"),
    ] {
        let error = model(&server, &asking, |settings| change(settings)).unwrap_err();
        assert!(error.to_string().contains(&format!("`models.teacher.{field}`")), "{error}");
    }
}

#[test]
fn caps_hold_before_the_request_goes_out() {
    let server = in_turn(vec![says("0123456789abcdef")]).unwrap();
    let asking = asking().unwrap();
    let model = model(&server, &asking, |settings| {
        settings.sampling.max_tokens = Some(20);
        settings.price = Price { input: 1e6, output: 1e6, cached: None };
        settings.max_cost = Some(150.0);
    })
    .unwrap();
    let answers = (0..20).map(|sample| model.ask("s", &Request { sample, ..Request::of("q") }));
    let errors: Vec<ModelError> = answers.filter_map(Result::err).collect();
    let spent = model.spent();
    assert!(spent.cost <= 150.0 && spent.answers > 0, "{spent:?}");
    assert_eq!(server.requests().len() as u64, spent.answers);
    assert!(errors[0].ends_the_run() && errors[0].to_string().contains("of 150 are spent"), "{}", errors[0]);
}

#[test]
fn a_stop_is_heard_while_waiting() {
    let server = in_turn(vec![refuses(429, Some("200"), "")]).unwrap();
    let asking = asking().unwrap();
    let model = model(&server, &asking, |_| ()).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| model.ask("s", &Request::of("q")));
        while server.requests().is_empty() {
            std::thread::yield_now();
        }
        asking.stop.store(true, Ordering::Relaxed);
        assert_eq!(waiting.join().unwrap().unwrap_err(), ModelError::Stopped);
    });
}

#[test]
fn batch_files_wait_and_then_answer() {
    let folder = tempfile::tempdir().unwrap();
    let batch = folder.path().join("batch");
    let settings = ModelSettings {
        provider: Provider::Batch,
        folder: Some(batch.clone()),
        ..ModelSettings::at("", "by-hand")
    };
    let asking = asking().unwrap();
    let ask = |questions: &[&str]| {
        let (model, imported) = Model::open("teacher", settings.clone(), None, asking.clone()).unwrap();
        let answers: Vec<_> = questions.iter().map(|q| model.ask("s", &Request::of(*q))).collect();
        let file = model.batch().unwrap().write().unwrap();
        (answers, file, imported)
    };
    let (answers, file, _) = ask(&["one", "two", "one"]);
    assert!(answers.iter().all(|answer| *answer == Err(ModelError::Waiting)));
    let requests = std::fs::read_to_string(file.unwrap()).unwrap();
    assert_eq!(requests.lines().count(), 2, "{requests}");
    answer_by_hand(&batch, &requests).unwrap();
    let (answers, file, imported) = ask(&["one", "two"]);
    assert_eq!((imported.new, imported.unusable_lines, file), (2, 0, None));
    let said: Vec<String> = answers.into_iter().map(|answer| answer.unwrap().content).collect();
    assert_eq!(said, ["re: one", "re: two"]);
}

/// Answers every request of a batch file.
fn answer_by_hand(folder: &Path, requests: &str) -> TestResult {
    let mut lines = Vec::new();
    for line in requests.lines() {
        let request: Json = serde_json::from_str(line)?;
        let body =
            completion(&format!("re: {}", request["body"]["messages"][0]["content"].as_str().unwrap_or("?")));
        let response = json!({"status_code": 200, "request_id": "r", "body": body});
        lines.push(
            json!({"id": "x", "custom_id": request["custom_id"], "response": response, "error": null})
                .to_string(),
        );
    }
    Ok(std::fs::write(folder.join("answers-1.jsonl"), lines.join("\n"))?)
}
