//! check, show, explain, new, solve and stats on small sets of arenas.

use crate::world::{World, bytes_under};
use serde_json::{Value as Json, json};

/// A good arena and one whose gold does not reach its goal.
fn good_and_bad(world: &World) -> crate::world::Result<()> {
    let good = world.good_arena()?;
    let mut bad = good.clone();
    bad["goals"][0]["kind"]["value"] = json!({"type": "text", "value": "nothing like it"});
    bad["provenance"]["name"] = json!("bad_arena");
    world.write_lines("both.jsonl", &[good, bad])
}

#[test]
fn check_names_the_gate_that_fails_with_an_example() {
    let world = World::new().unwrap();
    good_and_bad(&world).unwrap();
    let said = world.run(&["arenas", "check", "both.jsonl"]).unwrap().expect_code(1).unwrap();
    let oracle = said.stdout.lines().find(|line| line.starts_with("oracle")).unwrap();
    let words: Vec<&str> = oracle.split_whitespace().collect();
    assert_eq!(words[..5], ["oracle", "1", "1", "0", "bad_arena:"], "{oracle}");
    assert!(said.stdout.contains("bad_arena (both.jsonl:2): oracle: "), "{}", said.stdout);
    assert!(said.stdout.contains("1 of 2 arenas pass every gate"));
}

#[test]
fn check_publishes_what_passes_and_keeps_the_reasons_of_the_rest() {
    let world = World::new().unwrap();
    good_and_bad(&world).unwrap();
    world.run(&["arenas", "check", "both.jsonl", "--out", "published"]).unwrap().expect_code(1).unwrap();
    let published = world.read("published/part-00000.jsonl").unwrap();
    let arena: Json = serde_json::from_str(published.trim()).unwrap();
    assert_eq!(arena["evidence"]["gates"]["oracle"], "passed");
    assert!(world.read("published/rejected.jsonl").unwrap().contains("oracle: "));
    let again =
        world.run(&["arenas", "check", "both.jsonl", "--out", "published"]).unwrap().expect_code(1).unwrap();
    assert!(
        again.stderr.contains("already holds output") && again.stderr.contains("--resume"),
        "{}",
        again.stderr
    );
    let said = world.run(&["arenas", "check", "published", "--write"]).unwrap().expect_code(1).unwrap();
    assert!(said.stderr.contains("a published data set"), "{}", said.stderr);
    world.run(&["arenas", "check", "published"]).unwrap().expect_code(0).unwrap();
}

#[test]
fn write_puts_measurements_into_a_document_and_keeps_its_code_reference() {
    let world = World::new().unwrap();
    world.run(&["arenas", "new", "mine", "--from", "buoy_reading"]).unwrap().expect_code(0).unwrap();
    let before: Json = serde_json::from_str(&world.read("mine.json").unwrap()).unwrap();
    world.run(&["arenas", "check", "mine.json", "--write"]).unwrap().expect_code(0).unwrap();
    let text = world.read("mine.json").unwrap();
    let after: Json = serde_json::from_str(&text).unwrap();
    assert_eq!(after["tools"][0]["code"], json!({"file": "mine.py"}));
    assert_eq!(after["tools"][0]["class"], "shared");
    assert!(!after["goals"][0]["kind"]["decisive"].as_array().unwrap().is_empty());
    assert_eq!(after["evidence"]["gates"]["oracle"], "passed");
    assert_eq!(after["evidence"]["alternatives"], before["evidence"]["alternatives"]);
    assert_eq!(after["prompt"], before["prompt"]);
    assert!(text.lines().count() > 20, "it stays pretty");
    world.run(&["arenas", "check", "mine.json", "--write"]).unwrap().expect_code(0).unwrap();
    assert_eq!(world.read("mine.json").unwrap(), text, "measuring twice changes nothing");
}

#[test]
fn new_does_not_overwrite_and_says_what_to_do_next() {
    let world = World::new().unwrap();
    let said = world.run(&["arenas", "new", "tram"]).unwrap().expect_code(0).unwrap();
    assert_eq!(said.stdout, "./tram.json\n./tram.py\n");
    assert!(said.stderr.contains("astra arenas check ./tram.json"), "{}", said.stderr);
    world.run(&["arenas", "check", "tram.json"]).unwrap().expect_code(0).unwrap();
    let said = world.run(&["arenas", "new", "tram"]).unwrap().expect_code(1).unwrap();
    assert!(said.stderr.contains("is there already"), "{}", said.stderr);
    let said = world.run(&["arenas", "new", "x", "--from", "buoy_readin"]).unwrap().expect_code(1).unwrap();
    assert!(said.stderr.contains("did you mean `buoy_reading`?"), "{}", said.stderr);
    world.run(&["arenas", "new", "../x"]).unwrap().expect_code(1).unwrap();
}

#[test]
fn show_hides_the_solution_until_it_is_asked_for() {
    let world = World::new().unwrap();
    let said = world.run(&["arenas", "show", "freight_six_hops"]).unwrap().expect_code(0).unwrap();
    assert!(said.stdout.contains("vessel_schedule(vessel: string)"), "{}", said.stdout);
    assert!(said.stdout.contains("└─ g2"), "{}", said.stdout);
    assert!(!said.stdout.contains("Marigold Strait") && !said.stdout.contains("gold calls"));
    let said = world.run(&["arenas", "show", "freight_six_hops", "--gold"]).unwrap().expect_code(0).unwrap();
    assert!(said.stdout.contains(r#"vessel_schedule({"vessel":"Marigold Strait"})"#), "{}", said.stdout);
    assert!(said.stdout.contains("vessel is c2#/vessel"), "{}", said.stdout);
    let said = world.run(&["arenas", "show", "freight_six_hop"]).unwrap().expect_code(1).unwrap();
    assert!(said.stderr.contains("did you mean `freight_six_hops`?"), "{}", said.stderr);
}

#[test]
fn explain_says_every_reason_and_finds_arenas_by_id_and_by_name() {
    let world = World::new().unwrap();
    good_and_bad(&world).unwrap();
    let said = world.run(&["arenas", "explain", "bad_arena", "both.jsonl"]).unwrap().expect_code(1).unwrap();
    assert!(said.stdout.contains("oracle       FAILED"), "{}", said.stdout);
    let listed =
        world.run(&["arenas", "stats", "both.jsonl", "--list", "--json"]).unwrap().expect_code(0).unwrap();
    let first: Json = serde_json::from_str(listed.stdout.lines().next().unwrap()).unwrap();
    let id = first["id"].as_str().unwrap();
    let said = world.run(&["arenas", "explain", &id[..10], "both.jsonl"]).unwrap().expect_code(0).unwrap();
    assert!(said.stdout.contains("oracle       passed"), "{}", said.stdout);
    world.run(&["arenas", "explain", "", "both.jsonl"]).unwrap().expect_code(1).unwrap();
    world.run(&["arenas", "explain", "nobody", "both.jsonl"]).unwrap().expect_code(1).unwrap();
}

#[test]
fn solve_ends_with_one_line_of_json_and_its_traces_can_be_explained() {
    let world = World::new().unwrap();
    let good = world.good_arena().unwrap();
    world.write_lines("good.jsonl", &[good]).unwrap();
    let arguments = ["arenas", "solve", "good.jsonl", "--policy", "oracle", "--json", "--out", "run"];
    let last = world.run(&arguments).unwrap().expect_code(0).unwrap().last_json().unwrap();
    assert_eq!((&last["f1"], &last["recall"], &last["precision"]), (&json!(1.0), &json!(1.0), &json!(1.0)));
    assert_eq!((&last["n"], &last["calls"]), (&json!(1), &json!(1.0)));
    let trace = ["arenas", "explain", "seed_arena", "good.jsonl", "--trace", "run/part-00000.jsonl"];
    let said = world.run(&trace).unwrap().expect_code(0).unwrap();
    assert!(said.stdout.contains("⇒ g1") && said.stdout.contains("reward 1.000"), "{}", said.stdout);
    let tampered = world.read("run/part-00000.jsonl").unwrap().replace("8.9", "9.9");
    world.write("tampered.jsonl", tampered).unwrap();
    let trace = ["arenas", "explain", "seed_arena", "good.jsonl", "--trace", "tampered.jsonl"];
    let said = world.run(&trace).unwrap().expect_code(1).unwrap();
    assert!(said.stdout.contains("DIFFERS"), "{}", said.stdout);
    for policy in ["null", "default", "dump"] {
        let last = world
            .run(&["arenas", "solve", "good.jsonl", "--policy", policy, "--json"])
            .unwrap()
            .expect_code(0)
            .unwrap()
            .last_json()
            .unwrap();
        assert_eq!(last["f1"], json!(0.0), "{policy}");
    }
}

#[test]
fn solving_twice_writes_the_same_bytes_also_with_injected_failures() {
    let world = World::new().unwrap();
    let good = world.good_arena().unwrap();
    world.write_lines("good.jsonl", &[good]).unwrap();
    for out in ["one", "two"] {
        let arguments = [
            "arenas",
            "solve",
            "good.jsonl",
            "--policy",
            "random",
            "--samples",
            "6",
            "--failure-rate",
            "0.3",
            "--out",
            out,
        ];
        world.run(&arguments).unwrap().expect_code(0).unwrap();
    }
    assert_eq!(bytes_under(&world.path("one")).unwrap(), bytes_under(&world.path("two")).unwrap());
}

#[test]
fn unproven_arenas_are_refused_without_the_flag() {
    let world = World::new().unwrap();
    let mut arena = world.good_arena().unwrap();
    arena["gold"] = json!([]);
    arena["evidence"] = json!({});
    let kind = arena["goals"][0]["kind"].as_object_mut().unwrap();
    kind.remove("gold");
    kind.insert("comparator".to_owned(), json!("contains"));
    kind.insert("path".to_owned(), json!(""));
    arena["goals"] = json!([arena["goals"][0]]);
    world.write_lines("unproven.jsonl", &[arena]).unwrap();
    let said = world
        .run(&["arenas", "solve", "unproven.jsonl", "--policy", "null"])
        .unwrap()
        .expect_code(1)
        .unwrap();
    assert!(
        said.stderr.contains("is unproven") && said.stderr.contains("--allow-unproven"),
        "{}",
        said.stderr
    );
    let allowed = ["arenas", "solve", "unproven.jsonl", "--policy", "null", "--allow-unproven", "--json"];
    assert_eq!(world.run(&allowed).unwrap().expect_code(0).unwrap().last_json().unwrap()["f1"], json!(0.0));
}

#[test]
fn stats_count_topologies_and_values() {
    let world = World::new().unwrap();
    good_and_bad(&world).unwrap();
    let said = world.run(&["arenas", "stats", "both.jsonl", "--json"]).unwrap().expect_code(0).unwrap();
    let counted = said.last_json().unwrap();
    assert_eq!(counted["arenas"], 2);
    assert_eq!(counted["topology"], json!({"single_hop": 2}));
    assert_eq!(counted["value_types"]["text"], 1);
    assert_eq!(counted["answerable"], json!({"yes": 2}));
}

#[test]
fn distractors_are_mixed_in_and_how_they_were_chosen_is_written() {
    let world = World::new().unwrap();
    let mut lines = Vec::new();
    for (at, hand) in ["buoy_reading", "freight_six_hops", "museum_crate"].iter().enumerate() {
        let name = format!("arena{at}");
        world.run(&["arenas", "new", &name, "--from", hand, "--out", "set"]).unwrap().expect_code(0).unwrap();
        lines.push(name);
    }
    let arguments =
        ["arenas", "solve", "set", "--policy", "oracle", "--distractors", "1,1,1", "--out", "run", "--json"];
    let said = world.run(&arguments).unwrap().expect_code(0).unwrap();
    assert_eq!(said.last_json().unwrap()["f1"], json!(1.0), "distractors do not disturb the oracle");
    assert!(said.stderr.contains("warning: distractors: the pool has"), "{}", said.stderr);
    let mixing = world.read("run/mixing.jsonl").unwrap();
    assert_eq!(mixing.lines().count(), lines.len());
    let first: Json = serde_json::from_str(mixing.lines().next().unwrap()).unwrap();
    assert!(first["mixing"]["picks"][0]["cosine"].is_number(), "{first}");
    let trace: Json =
        serde_json::from_str(world.read("run/part-00000.jsonl").unwrap().lines().next().unwrap()).unwrap();
    let offered = trace["tools"].as_array().unwrap();
    let picks = first["mixing"]["picks"].as_array().unwrap();
    assert!(picks.iter().all(|pick| offered.iter().any(|tool| tool["name"] == pick["tool"])), "{picks:?}");
}

#[test]
fn write_rewrites_a_file_of_lines_whole_or_not_at_all() {
    let world = World::new().unwrap();
    let good = world.good_arena().unwrap();
    world.write_lines("lines.jsonl", std::slice::from_ref(&good)).unwrap();
    world.run(&["arenas", "check", "lines.jsonl", "--write"]).unwrap().expect_code(0).unwrap();
    let measured: Json = serde_json::from_str(world.read("lines.jsonl").unwrap().trim()).unwrap();
    assert_eq!(measured["evidence"]["gates"]["fuzz"], "passed");
    assert_eq!(measured["prompt"], good["prompt"]);
    let broken = format!("{good}\n{{\"not\": \"an arena\"}}\n");
    world.write("broken.jsonl", &broken).unwrap();
    let said = world.run(&["arenas", "check", "broken.jsonl", "--write"]).unwrap().expect_code(1).unwrap();
    assert!(said.stderr.contains("left alone"), "{}", said.stderr);
    assert_eq!(world.read("broken.jsonl").unwrap(), broken);
}
