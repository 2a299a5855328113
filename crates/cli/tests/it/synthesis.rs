//! `astra envs decompose|check|build|merge|run` with a model that follows a script.

use crate::world::{Result, World, bytes_under};
use astra_testkit::synthesis::{right, stage_of};
use astra_testkit::{ModelServer, Reply, completion};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Texts that differ, so that their first questions do.
fn texts(world: &World, count: usize) -> Result<()> {
    let lines: Vec<Json> = (0..count)
        .map(|at| json!({"domain": format!("pharmacy {at}"), "knowledge_corpus": format!("Clinic {at} audits prescription RX-7708.")}))
        .collect();
    world.write_lines("texts.jsonl", &lines)
}

/// Answers as a good model does; the background says which text it was, so that later questions differ too.
fn good(request: &Json) -> String {
    let mut answer = right(stage_of(request));
    let prompt = request["messages"][0]["content"].as_str().unwrap_or_default();
    if let (Some(at), "decompose") = (prompt.find("Clinic "), stage_of(request)) {
        let number: String = prompt[at + 7..].chars().take_while(char::is_ascii_digit).collect();
        answer["background"] = json!(format!("Somebody at clinic number {number} audits antibiotics."));
    }
    answer.to_string()
}

fn settings(world: &World, url: &str, more: &str) -> Result<()> {
    let text = format!(
        "[models.all]\nbase_url = \"{url}\"\nmodel = \"scripted\"\nattempts = 2\ntimeout_s = 5\n{more}"
    );
    world.write("astra.toml", text)
}

const RUN: [&str; 5] = ["envs", "run", "texts.jsonl", "--out", "out"];

#[test]
fn texts_become_arenas_stage_by_stage_or_at_once_with_the_same_bytes() {
    let world = World::new().unwrap();
    texts(&world, 3).unwrap();
    let server = ModelServer::start(|request, _| Reply::Says(good(request))).unwrap();
    settings(&world, &server.url(), "").unwrap();
    let planned = world.run(&[&RUN[..], &["--dry-run"]].concat()).unwrap().expect_code(0).unwrap();
    let plan = "3 records, 3 to decompose; from there to arenas about 27 answers";
    assert!(planned.stdout.contains(plan), "{}", planned.stdout);
    assert_eq!(server.requests().len(), 0);
    let said = world.run(&RUN).unwrap().expect_code(0).unwrap();
    for stage in ["decompose", "check", "build", "merge"] {
        assert!(said.stdout.contains(&format!("{stage}: 3 of 3 records")), "{}", said.stdout);
    }
    let checked = world.run(&["arenas", "check", "out/arenas"]).unwrap();
    checked.expect_code(0).unwrap();
    let solved = ["arenas", "solve", "out/arenas", "--policy", "oracle", "--json"];
    let oracle = world.run(&solved).unwrap().expect_code(0).unwrap().last_json().unwrap();
    assert_eq!((&oracle["f1"], &oracle["n"]), (&json!(1.0), &json!(3)));
    let asked = server.requests().len();
    // Verb by verb, from the journal alone.
    for line in [
        &["envs", "decompose", "texts.jsonl", "--out", "a/1-decomposed"][..],
        &["envs", "check", "a/1-decomposed", "--out", "a/2-checked"],
        &["envs", "build", "a/2-checked", "--percentile", "50", "--out", "a/3-built"],
        &["envs", "merge", "a/3-built", "--out", "a/arenas"],
    ] {
        world.run(&[line, &["--offline"]].concat()).unwrap().expect_code(0).unwrap();
    }
    assert_eq!(server.requests().len(), asked);
    for part in ["1-decomposed", "2-checked", "3-built", "arenas"] {
        let file = format!("{part}/part-00000.jsonl");
        assert_eq!(
            world.read(&format!("a/{file}")).unwrap(),
            world.read(&format!("out/{file}")).unwrap(),
            "{part}"
        );
    }
    let funnel: Json = serde_json::from_str(&world.read("out/2-checked/summary.json").unwrap()).unwrap();
    assert_eq!(funnel["funnel"]["spent"]["verify"]["answers"], json!(3));
    assert!(bytes_under(&world.path("out/arenas")).unwrap().len() >= 2);
}

#[test]
fn batch_files_are_answered_in_rounds() {
    let world = World::new().unwrap();
    texts(&world, 2).unwrap();
    let model = "[models.hand]\nprovider = \"batch\"\nmodel = \"by-hand\"\nfolder = \"batch\"\n";
    world.write("astra.toml", model).unwrap();
    let mut rounds = 0;
    loop {
        let again: &[&str] = if rounds > 0 { &["--resume"] } else { &[] };
        let said = world.run(&[&RUN[..], again].concat()).unwrap();
        if said.code == Some(0) {
            break;
        }
        let said = said.expect_code(3).unwrap();
        assert!(said.stderr.contains("requests wait in batch/requests.jsonl"), "{}", said.stderr);
        let requests = world.read("batch/requests.jsonl").unwrap();
        let answers: Vec<Json> = requests
            .lines()
            .map(|line| serde_json::from_str::<Json>(line).unwrap())
            .map(|line| {
                let body = completion(&good(&line["body"]));
                json!({"custom_id": line["custom_id"], "response": {"status_code": 200, "body": body}, "error": null})
            })
            .collect();
        rounds += 1;
        world.write_lines(&format!("batch/answers-{rounds}.jsonl"), &answers).unwrap();
    }
    assert_eq!(rounds, 8, "one round a prompt, and the judges' two at once");
    assert!(!world.path("batch/requests.jsonl").exists());
    assert_eq!(world.read("out/arenas/part-00000.jsonl").unwrap().lines().count(), 2);
}

#[test]
fn whatever_the_endpoint_does_every_record_ends_and_the_counts_add_up() {
    let world = World::new().unwrap();
    texts(&world, 12).unwrap();
    let server = ModelServer::start(|request, before| {
        let stage = stage_of(request);
        let spoiled = |field: &str, value: Json| {
            let mut answer = right(stage);
            answer[field] = value;
            Reply::Says(answer.to_string())
        };
        match before % 17 {
            2 => Reply::Refuses(429, Some("0".to_owned()), "slow down".to_owned()),
            4 => Reply::Refuses(500, None, "oops".to_owned()),
            5 => Reply::BreaksOff,
            7 => Reply::Says(String::new()),
            8 => Reply::Body(vec![b'x'; 10 << 20]),
            10 => spoiled("completeness", json!("false")),
            11 => Reply::Says(right(if stage == "verify" { "necessity" } else { "verify" }).to_string()),
            13 => Reply::Hangs(Duration::from_mins(1)),
            14 => Reply::Says("{\"steps\": [".to_owned()),
            _ => Reply::Says(good(request)),
        }
    })
    .unwrap();
    settings(&world, &server.url(), "").unwrap();
    let said = world.run(&[&RUN[..], &["--tries", "2", "--threshold", "0.5"]].concat()).unwrap();
    assert!(matches!(said.code, Some(0 | 1)), "{}", said.stderr);
    let mut before = 12;
    for folder in ["1-decomposed", "2-checked", "3-built", "arenas"] {
        let summary: Json =
            serde_json::from_str(&world.read(&format!("out/{folder}/summary.json")).unwrap()).unwrap();
        let funnel = &summary["funnel"];
        let sum = |counts: &Json| -> u64 {
            let counts: BTreeMap<String, u64> = serde_json::from_value(counts.clone()).unwrap();
            counts.values().sum()
        };
        let accepted = funnel["accepted"].as_u64().unwrap();
        assert_eq!(accepted + sum(&funnel["rejected"]) + sum(&funnel["failed"]), before, "{funnel:#}");
        before = accepted;
    }
    if before > 0 {
        world.run(&["arenas", "check", "out/arenas"]).unwrap().expect_code(0).unwrap();
    }
}

#[test]
fn several_judgements_are_counted_and_half_is_not_enough() {
    // One record: a decomposition, three judgements of necessity, three of the work.
    for (against, quality, agreement) in [(&[5][..], 1.0, 20.0 / 21.0), (&[4, 6][..], 0.9375, 20.0 / 21.0)] {
        let world = World::new().unwrap();
        texts(&world, 1).unwrap();
        let server = ModelServer::start(move |request, before| {
            let mut answer = right(stage_of(request));
            if against.contains(&before) {
                answer["steps"][0]["atomicity"] = json!(false);
            }
            Reply::Says(answer.to_string())
        })
        .unwrap();
        settings(&world, &server.url(), "").unwrap();
        world.run(&["envs", "decompose", "texts.jsonl", "--out", "d"]).unwrap().expect_code(0).unwrap();
        let check = ["envs", "check", "d", "--judges", "3", "--out", "c"];
        let planned = world.run(&[&check[..], &["--dry-run"]].concat()).unwrap().expect_code(0).unwrap();
        assert!(planned.stdout.contains("check: 1 records, 1 to do, about 6 answers"), "{}", planned.stdout);
        world.run(&check).unwrap().expect_code(0).unwrap();
        assert_eq!(server.requests().len(), 7);
        let checked: Json = serde_json::from_str(&world.read("c/part-00000.jsonl").unwrap()).unwrap();
        let judgement = &checked["judgement"];
        assert_eq!((&judgement["quality"], &judgement["samples"]), (&json!(quality), &json!(3)));
        let agreed = judgement["agreement"].as_f64().unwrap();
        assert!((agreed - agreement).abs() < 0.04, "{agreed}");
        assert!(agreed < 1.0, "{agreed}");
        let built = ["envs", "build", "c", "--out", "b"];
        let built = world.run(&built).unwrap().expect_code(0).unwrap();
        let said = if quality < 1.0 { "1 rejected: quality" } else { "build: 1 of 1 records" };
        assert!(built.stdout.contains(said), "{}", built.stdout);
    }
}

#[test]
fn a_cap_ends_the_run_and_a_higher_one_continues_it_without_paying_again() {
    let world = World::new().unwrap();
    texts(&world, 6).unwrap();
    let server = ModelServer::start(|request, _| Reply::Says(good(request))).unwrap();
    let capped = |cap: u64| {
        settings(
            &world,
            &server.url(),
            &format!("concurrency = 1\nmax_tokens = {cap}\nsampling = {{ max_tokens = 1000 }}\n"),
        )
    };
    let decompose = ["envs", "decompose", "texts.jsonl", "--out", "d"];
    capped(500).unwrap();
    let refused = world.run(&decompose).unwrap().expect_code(1).unwrap();
    assert!(refused.stderr.contains("hint: raise `max_tokens`"), "{}", refused.stderr);
    assert_eq!(server.requests().len(), 0, "a request that could pass the cap never goes out");
    capped(4000).unwrap();
    let resume = [&decompose[..], &["--resume"]].concat();
    world.run(&resume).unwrap().expect_code(1).unwrap();
    let paid = server.requests().len();
    assert!((1..6).contains(&paid), "{paid}");
    capped(1_000_000).unwrap();
    world.run(&resume).unwrap().expect_code(0).unwrap();
    assert_eq!(server.requests().len(), 6);
    let summary: Json = serde_json::from_str(&world.read("d/summary.json").unwrap()).unwrap();
    assert_eq!(summary["funnel"]["accepted"], json!(6));
}

#[test]
fn folders_that_another_stage_wrote_are_refused_and_shards_are_read_together() {
    let world = World::new().unwrap();
    texts(&world, 4).unwrap();
    let server = ModelServer::start(|request, _| Reply::Says(good(request))).unwrap();
    settings(&world, &server.url(), "").unwrap();
    for shard in ["0/2", "1/2"] {
        let line = ["envs", "decompose", "texts.jsonl", "--out", "d", "--shard", shard];
        world.run(&line).unwrap().expect_code(0).unwrap();
    }
    let spent = |name: &str| -> Json { serde_json::from_str(&world.read(name).unwrap()).unwrap() };
    let of = |shard: &str| {
        spent(&format!("d/summary-{shard}-of-00002.json"))["funnel"]["accepted"].as_u64().unwrap()
    };
    assert_eq!(of("00000") + of("00001"), 4);
    let said = world.run(&["envs", "check", "d", "--out", "c"]).unwrap().expect_code(0).unwrap();
    assert!(said.stdout.contains("check: 4 of 4 records"), "{}", said.stdout);
    std::fs::create_dir(world.path("batch")).unwrap();
    for (verb, folder, why) in [
        ("check", "c", "this was made by `envs check`"),
        ("build", "d", "this was made by `envs decompose`"),
        ("merge", "nowhere", "there is no such folder"),
        ("merge", "batch", "there is no manifest.json here"),
    ] {
        let refused = world.run(&["envs", verb, folder, "--out", "x"]).unwrap().expect_code(1).unwrap();
        assert!(refused.stderr.contains(why) && refused.stderr.contains("hint: "), "{}", refused.stderr);
    }
    // What the journal lacks is said, with an example and a way on.
    texts(&world, 5).unwrap();
    let offline = ["envs", "decompose", "texts.jsonl", "--out", "e", "--offline"];
    let lacking = world.run(&offline).unwrap().expect_code(1).unwrap();
    assert!(
        lacking.stdout.contains("4 of 5 records") && lacking.stdout.contains("1 failed: provider: "),
        "{}",
        lacking.stdout
    );
    assert!(lacking.stderr.contains("without `--offline`"), "{}", lacking.stderr);
    // What failed is left out aloud, and no percentile is taken without it.
    let check = ["envs", "check", "e", "--out", "f"];
    let said = world.run(&check).unwrap().expect_code(0).unwrap();
    assert!(said.stderr.contains("1 records failed in e and are left out"), "{}", said.stderr);
    world.run(&["envs", "decompose", "texts.jsonl", "--out", "g"]).unwrap().expect_code(0).unwrap();
    world.run(&["envs", "check", "g", "--offline", "--out", "h"]).unwrap().expect_code(1).unwrap();
    let build = ["envs", "build", "h", "--percentile", "50", "--out", "x"];
    let refused = world.run(&build).unwrap().expect_code(1).unwrap();
    assert!(refused.stderr.contains("h: 1 records are not judged"), "{}", refused.stderr);
    // A shard that is still under way is not taken for a part of the result.
    std::fs::remove_file(world.path("d/manifest-00001-of-00002.json")).unwrap();
    let refused = world.run(&["envs", "check", "d", "--out", "x"]).unwrap().expect_code(1).unwrap();
    assert!(refused.stderr.contains("so a shard is unfinished"), "{}", refused.stderr);
}

#[test]
fn killed_again_and_again_it_ends_as_if_never_and_pays_for_nothing_twice() {
    const KILLS: usize = 10;
    const CONCURRENCY: usize = 4;
    let world = World::new().unwrap();
    texts(&world, 200).unwrap();
    let server = ModelServer::start(|request, _| Reply::Says(good(request))).unwrap();
    settings(&world, &server.url(), &format!("concurrency = {CONCURRENCY}\n")).unwrap();
    let whole = ["envs", "run", "texts.jsonl", "--out", "whole"];
    world.run_with(&whole, &[("ASTRA_JOURNAL", "other.sqlite")], "").unwrap().expect_code(0).unwrap();
    let paid = server.requests().len();
    assert!(paid > 4 * 200, "{paid}");
    let again = [&RUN[..], &["--resume"]].concat();
    for kill in 0..KILLS {
        // Moments spread over all stages, none of them at the same place between two answers.
        let until = paid + paid * (2 * kill + 1) / (2 * KILLS) + kill;
        let mut child = world.command(&again, &[]).stdin(std::process::Stdio::null()).spawn().unwrap();
        while server.requests().len() < until {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it was killed");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    world.run(&again).unwrap().expect_code(0).unwrap();
    for folder in ["1-decomposed", "2-checked", "3-built", "arenas"] {
        let file = format!("{folder}/part-00000.jsonl");
        assert_eq!(
            world.read(&format!("whole/{file}")).unwrap(),
            world.read(&format!("out/{file}")).unwrap(),
            "{folder}"
        );
    }
    // What was answered is in the journal and never asked again; only requests under way at a kill may be.
    let twice = server.requests().len() - 2 * paid;
    assert!(twice <= KILLS * CONCURRENCY, "{twice} requests were sent twice in {KILLS} kills");
}
