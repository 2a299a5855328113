use crate::world::World;
use astra_testkit::{ModelServer, Reply, TestResult};
use serde_json::{Value as Json, json};

fn answers(text: &'static str) -> TestResult<ModelServer> {
    ModelServer::start(move |_: &Json, _| Reply::Says(text.to_owned()))
}

fn settings(url: &str) -> String {
    format!(
        "seed = 3\n[models.good]\nbase_url = \"{url}\"\nmodel = \"m\"\nattempts = 1\napi_key_env = \"MY_KEY\"\n\n\
         [models.away]\nprovider = \"batch\"\nmodel = \"n\"\nfolder = \"batch\"\n\n[roles]\njudge = \"good\"\n"
    )
}

#[test]
fn the_doctor_asks_every_model() {
    let world = World::new().unwrap();
    let server = answers("The sum: {\"sum\": 42}").unwrap();
    world.write("astra.toml", settings(&server.url())).unwrap();
    let key = [("MY_KEY", "secret-7")];
    let said = world.run_with(&["doctor", "--models"], &key, "").unwrap().expect_code(0).unwrap();
    assert!(
        said.stdout.contains("good (judge): works in ") && said.stdout.contains(" tokens read"),
        "{}",
        said.stdout
    );
    assert!(said.stdout.contains("away (no role): works; batch files in batch"), "{}", said.stdout);
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0]["response_format"]["type"], "json_schema");
    // Nobody learns the key from what is said, and without it nothing is sent.
    let shown = world.run_with(&["--show-settings"], &key, "").unwrap().expect_code(0).unwrap();
    assert!(shown.stdout.contains("[models.good]") && !shown.stdout.contains("secret-7"), "{}", shown.stdout);
    let said = world.run(&["doctor", "--models", "--json"]).unwrap().expect_code(1).unwrap();
    let good: Json = said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).nth(1).unwrap();
    assert_eq!((&good["model"], &good["works"]), (&json!("good"), &json!(false)));
    assert!(good["said"].as_str().unwrap().contains("`MY_KEY`"), "{good}");
    let wrong = answers("{\"sum\": 41}").unwrap();
    world.write("astra.toml", settings(&wrong.url())).unwrap();
    let said = world.run_with(&["doctor", "--models"], &key, "").unwrap().expect_code(1).unwrap();
    assert!(said.stdout.contains("good (judge): FAILS; 19 + 23 gave 41 (after 2 tries)"), "{}", said.stdout);
}

#[test]
fn a_model_that_embeds_measures_how_near_tools_are_and_is_asked_for_each_once() {
    let world = World::new().unwrap();
    // Vectors that say which letters a text has.
    let server = ModelServer::start(|request: &Json, _| {
        let texts = request["input"].as_array().cloned().unwrap_or_default();
        let data: Vec<Json> = (0..)
            .zip(&texts)
            .map(|(index, text): (usize, &Json)| {
                let text = text.as_str().unwrap_or_default();
                let letters: Vec<usize> = ('a'..='z').map(|letter| text.matches(letter).count()).collect();
                json!({"index": index, "embedding": letters})
            })
            .collect();
        Reply::Body(json!({"data": data, "usage": {"prompt_tokens": texts.len()}}).to_string().into_bytes())
    })
    .unwrap();
    let models = format!(
        "[models.vectors]\nbase_url = \"{}\"\nmodel = \"letters\"\nattempts = 1\n[roles]\nembedder = \"vectors\"\n",
        server.url()
    );
    world.write("astra.toml", models).unwrap();
    let said = world.run(&["doctor", "--models"]).unwrap();
    // The only model plays the other roles too, and this one cannot talk.
    assert!(said.stdout.contains("vectors (teacher, coder, judge, embedder): FAILS"), "{}", said.stdout);
    let more = "[models.other]\nprovider = \"journal\"\nmodel = \"n\"\n";
    world.write("astra.toml", format!("{more}{}", world.read("astra.toml").unwrap())).unwrap();
    let said = world.run(&["doctor", "--models"]).unwrap().expect_code(0).unwrap();
    assert!(said.stdout.contains("vectors (embedder): works in "), "{}", said.stdout);
    let tables =
        ["envs", "from-tables", "--count", "12", "--seed", "5", "--language", "en", "--out", "arenas"];
    world.run(&tables).unwrap().expect_code(0).unwrap();
    let asked = server.requests().len();
    let solve = |out: &'static str| {
        ["arenas", "solve", "arenas", "--policy", "oracle", "--distractors", "1,1,1", "--out", out]
    };
    world.run(&solve("one")).unwrap().expect_code(0).unwrap();
    let texts = |from: usize| -> Vec<String> {
        let requests = server.requests().split_off(from);
        let texts =
            requests.iter().flat_map(|request| request["input"].as_array().cloned().unwrap_or_default());
        texts.map(|text| text.to_string()).collect()
    };
    let mut sent = texts(asked);
    let count = sent.len();
    sent.sort();
    sent.dedup();
    assert!(count > 12 && sent.len() == count, "{count} texts, {} of them different", sent.len());
    let report = world.read("one/mixing.jsonl").unwrap();
    assert!(report.lines().count() == 12 && report.contains("\"embedder\":\"letters\""), "{report}");
    let after = server.requests().len();
    world.run(&solve("two")).unwrap().expect_code(0).unwrap();
    assert_eq!(server.requests().len(), after, "the journal knows them all");
    assert_eq!(world.read("two/mixing.jsonl").unwrap(), report);
    drop(server);
    let more = ["envs", "from-tables", "--count", "12", "--seed", "6", "--language", "zh", "--out", "others"];
    world.run(&more).unwrap().expect_code(0).unwrap();
    let gone = ["arenas", "solve", "others", "--policy", "oracle", "--distractors", "1"];
    let said = world.run(&gone).unwrap().expect_code(1).unwrap();
    assert!(said.stderr.contains("gave no answer"), "{}", said.stderr);
}

#[test]
fn settings_of_models_are_checked_when_they_are_read() {
    let world = World::new().unwrap();
    let said = world.run(&["doctor", "--models"]).unwrap().expect_code(1).unwrap();
    assert!(said.stderr.contains("no model is set up") && said.stderr.contains("hint: "), "{}", said.stderr);
    world.write("astra.toml", "[models.a]\nmodel = \"m\"\n").unwrap();
    let said = world.run(&["doctor"]).unwrap().expect_code(1).unwrap();
    assert!(said.stderr.contains("astra.toml:1: `models.a.base_url`"), "{}", said.stderr);
}
