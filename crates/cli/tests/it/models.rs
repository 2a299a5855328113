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
fn settings_of_models_are_checked_when_they_are_read() {
    let world = World::new().unwrap();
    let said = world.run(&["doctor", "--models"]).unwrap().expect_code(1).unwrap();
    assert!(said.stderr.contains("no model is set up") && said.stderr.contains("hint: "), "{}", said.stderr);
    world.write("astra.toml", "[models.a]\nmodel = \"m\"\n").unwrap();
    let said = world.run(&["doctor"]).unwrap().expect_code(1).unwrap();
    assert!(said.stderr.contains("astra.toml:1: `models.a.base_url`"), "{}", said.stderr);
}
