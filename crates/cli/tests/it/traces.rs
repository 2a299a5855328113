//! The expert's traces for fine-tuning, and the split of arenas into what is learned and what is measured.

use crate::world::{World, bytes_under};
use serde_json::{Value as Json, json};

fn lines(text: &str) -> Vec<Json> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Hand-written arenas in one folder.
fn hand_written(world: &World, names: &[&str]) -> crate::world::Result<()> {
    for name in names {
        world.run(&["arenas", "new", name, "--from", name, "--out", "set"])?.expect_code(0)?;
    }
    Ok(())
}

/// Arenas that differ from a good one in what provenance says of them.
fn described(world: &World, described: &[Json]) -> crate::world::Result<Vec<Json>> {
    let good = world.good_arena()?;
    let arenas = described.iter().enumerate().map(|(at, extra)| {
        let mut arena = good.clone();
        let prompt = arena["prompt"][0]["content"].as_str().unwrap_or_default().to_owned();
        arena["prompt"][0]["content"] = json!(format!("{prompt} Note {at}."));
        arena["provenance"]["extra"] = extra.clone();
        arena
    });
    Ok(arenas.collect())
}

#[test]
fn the_expert_writes_lines_for_fine_tuning_from_perfect_episodes_only() {
    let world = World::new().unwrap();
    hand_written(&world, &["train_fares", "canteen_allergens", "clinic_appointments", "stargazing_permit"])
        .unwrap();
    let arguments = [
        "arenas",
        "solve",
        "set",
        "--policy",
        "expert",
        "--failure-rate",
        "0.2",
        "--distractors",
        "1,1,1",
        "--samples",
        "3",
        "--out",
        "run",
        "--sft",
        "sft/lines.jsonl",
        "--json",
    ];
    let said = world.run(&arguments).unwrap().expect_code(0).unwrap();
    assert_eq!(said.last_json().unwrap()["f1"], json!(1.0));
    assert!(said.stderr.contains("12 lines for fine-tuning"), "{}", said.stderr);
    let written = lines(&world.read("sft/lines.jsonl").unwrap());
    assert_eq!(written.len(), 12);
    for line in &written {
        assert_eq!(line["reward"], json!(1.0));
        assert!(line["id"].is_string() && line["tools"][0]["function"]["parameters"].is_object(), "{line}");
        let messages = line["messages"].as_array().unwrap();
        assert_eq!(messages.last().unwrap()["role"], "assistant");
        let asked: Vec<&Json> = messages
            .iter()
            .flat_map(|message| message["tool_calls"].as_array().into_iter().flatten())
            .collect();
        let answered = messages.iter().filter(|message| message["role"] == "tool").count();
        assert_eq!(asked.len(), answered);
    }
    let again = [&arguments[..8], &["1,1,1", "--samples", "3", "--sft", "again.jsonl"]].concat();
    world.run(&again).unwrap().expect_code(0).unwrap();
    assert_eq!(world.read("again.jsonl").unwrap(), world.read("sft/lines.jsonl").unwrap());
    let said = world
        .run(&["arenas", "solve", "set", "--policy", "null", "--sft", "none.jsonl"])
        .unwrap()
        .expect_code(0)
        .unwrap();
    assert!(said.stderr.contains("4 of 4 episodes are not in it"), "{}", said.stderr);
    assert!(said.stderr.contains("train_fares (its reward is 0.000)"), "{}", said.stderr);
    assert_eq!(world.read("none.jsonl").unwrap(), "");
}

#[test]
fn a_split_shares_nothing_and_repeats_itself() {
    let world = World::new().unwrap();
    world
        .run(&["envs", "from-tables", "chemistry", "--count", "20", "--seed", "5", "--out", "arenas"])
        .unwrap()
        .expect_code(0)
        .unwrap();
    for by in ["entity", "shape", "entity,shape"] {
        for out in ["one", "two"] {
            let out = format!("{by}-{out}");
            let arguments =
                ["arenas", "split", "arenas", "--by", by, "--held-out", "0.2", "--seed", "3", "--out", &out];
            let said = world.run(&arguments).unwrap().expect_code(0).unwrap();
            assert!(said.stdout.contains(" on both sides: 0;"), "{}", said.stdout);
        }
        let (one, two) = (world.path(&format!("{by}-one")), world.path(&format!("{by}-two")));
        assert_eq!(bytes_under(&one).unwrap(), bytes_under(&two).unwrap());
        let count =
            |side: &str| world.read(&format!("{by}-one/{side}/part-00000.jsonl")).unwrap().lines().count();
        assert_eq!((count("train"), count("held-out")), (16, 4), "{by}");
        assert!(world.path(&format!("{by}-one/held-out/manifest.json")).exists());
        let held_out = format!("{by}-one/held-out");
        let solved = ["arenas", "solve", &held_out, "--policy", "expert", "--json"];
        assert_eq!(
            world.run(&solved).unwrap().expect_code(0).unwrap().last_json().unwrap()["f1"],
            json!(1.0)
        );
    }
    let arguments = ["arenas", "split", "arenas", "--by", "shape", "--out", "shape-one"];
    let said = world.run(&arguments).unwrap().expect_code(1).unwrap();
    assert!(said.stderr.contains("already holds output"), "{}", said.stderr);
    let said = world
        .run(&["arenas", "split", "arenas", "--by", "source", "--out", "x"])
        .unwrap()
        .expect_code(1)
        .unwrap();
    assert!(said.stderr.contains("cannot be divided") && said.stderr.contains("hint: "), "{}", said.stderr);
    // What one model learned from is held out for nobody who knows its keys.
    let split = |seen: &str, by: &str, out: &str| {
        world.run(&[
            "arenas",
            "split",
            "arenas",
            "--by",
            by,
            "--held-out",
            "0.1",
            "--seen",
            seen,
            "--out",
            out,
        ])
    };
    split("shape-one/train.keys", "shape", "unseen").unwrap().expect_code(0).unwrap();
    let unseen = world.read("unseen/held-out/part-00000.jsonl").unwrap();
    let held_out = world.read("shape-one/held-out/part-00000.jsonl").unwrap();
    assert_eq!(unseen.lines().count(), 2);
    assert!(unseen.lines().all(|line| held_out.contains(line)), "{unseen}");
    // And what measures one set is learned from by nobody who spares its keys.
    let spare = ["--spare", "shape-one/held-out.keys", "--out", "spared", "--json"];
    let arguments =
        [&["arenas", "split", "arenas", "--by", "shape", "--held-out", "0.2"][..], &spare].concat();
    let counts = world.run(&arguments).unwrap().expect_code(0).unwrap().last_json().unwrap();
    assert_eq!((&counts["spared"], &counts["dropped"]), (&json!(4), &json!(0)));
    let kept =
        ["train", "held-out"].map(|side| world.read(&format!("spared/{side}/part-00000.jsonl")).unwrap());
    assert_eq!(kept.iter().map(|side| side.lines().count()).sum::<usize>(), 16);
    assert!(kept.iter().flat_map(|side| side.lines()).all(|line| !held_out.contains(line)));
    for (seen, by, said) in [
        ("shape-one/train.keys", "entity,shape", "has no keys by `entity`"),
        ("none", "shape", "none: No such file"),
        ("arenas/manifest.json", "shape", "manifest.json:1: does not begin with `keys by "),
    ] {
        let refused = split(seen, by, "refused").unwrap().expect_code(1).unwrap();
        assert!(refused.stderr.contains(said) && refused.stderr.contains("hint: "), "{}", refused.stderr);
    }
}

#[test]
fn slips_are_in_the_traces_and_not_learned() {
    let world = World::new().unwrap();
    let tables = ["envs", "from-tables", "chemistry", "--count", "12", "--seed", "5", "--out", "arenas"];
    world.run(&tables).unwrap().expect_code(0).unwrap();
    let solve = ["arenas", "solve", "arenas", "--slips", "0.5", "--sft", "traces.jsonl", "--policy"];
    let played = world.run(&[&solve[..], &["expert", "--json"]].concat()).unwrap().expect_code(0).unwrap();
    let f1 = played.last_json().unwrap()["f1"].as_f64().unwrap();
    assert!(f1 > 0.3 && f1 < 1.0, "slips cost calls: {f1}");
    let text = world.read("traces.jsonl").unwrap();
    assert_eq!(text.lines().count(), 12, "and keep no episode from being learned");
    assert!(text.contains("\"weight\":0") && text.contains("invalid_arguments"));
    let refused = world.run(&[&solve[..], &["oracle"]].concat()).unwrap().expect_code(1).unwrap();
    assert!(refused.stderr.contains("`--slips` is for `--policy expert`"), "{}", refused.stderr);
    let of = ["arenas", "solve", "arenas", "--slips-of", "oracle", "--sft", "x", "--policy", "expert"];
    let refused = world.run(&of).unwrap().expect_code(1).unwrap();
    assert!(refused.stderr.contains("`--slips-of oracle`: there is no `config.json`"), "{}", refused.stderr);
    let sure = ["arenas", "solve", "arenas", "--slips", "1", "--sft", "x", "--policy", "expert"];
    let refused = world.run(&sure).unwrap().expect_code(1).unwrap();
    assert!(refused.stderr.contains("expected a probability below 1"), "{}", refused.stderr);
}

#[test]
fn what_the_generator_recorded_decides_and_bridges_are_dropped() {
    let world = World::new().unwrap();
    // A chain of entities: one cluster, which only dropping can cut.
    let chain: Vec<Json> =
        (0..12).map(|at| json!({"entities": [format!("thing {at}"), format!("thing {}", at + 1)]})).collect();
    world.write_lines("chain.jsonl", &described(&world, &chain).unwrap()).unwrap();
    let arguments =
        ["arenas", "split", "chain.jsonl", "--by", "entity", "--held-out", "0.25", "--out", "cut", "--json"];
    let counts = world.run(&arguments).unwrap().expect_code(0).unwrap().last_json().unwrap();
    let [train, held, dropped] =
        [&counts["train"]["arenas"], &counts["held_out"]["arenas"], &counts["dropped"]]
            .map(|count| count.as_u64().unwrap());
    assert_eq!((train + held + dropped, &counts["overlap"]), (12, &json!(0)));
    assert!(held >= 3 && (1..=2).contains(&dropped), "{counts:?}");
    let shapes: Vec<Json> = (0..6).map(|at| json!({"shape": format!("shape {}", at % 3)})).collect();
    world.write_lines("shapes.jsonl", &described(&world, &shapes).unwrap()).unwrap();
    let arguments =
        ["arenas", "split", "shapes.jsonl", "--by", "shape", "--held-out", "0.3", "--out", "s", "--json"];
    let counts = world.run(&arguments).unwrap().expect_code(0).unwrap().last_json().unwrap();
    assert_eq!((&counts["held_out"]["arenas"], &counts["held_out"]["keys"]), (&json!(2), &json!(1)));
}

#[test]
fn stats_say_how_large_arenas_are_and_how_many_repeat() {
    let world = World::new().unwrap();
    let extra = [
        json!({"entities": ["KV-318"], "shape": "a", "kinds": ["lookup", "count"]}),
        json!({"entities": ["KV-318", "Note 1"], "shape": "b", "kinds": ["lookup"]}),
        json!({"entities": ["KV-318"], "shape": "a"}),
    ];
    let mut arenas = described(&world, &extra).unwrap();
    arenas[2]["prompt"] = arenas[0]["prompt"].clone();
    arenas[2]["prompt"][0]["content"] =
        json!(arenas[0]["prompt"][0]["content"].as_str().unwrap().replace("KV-318", "kv-318 "));
    world.write_lines("three.jsonl", &arenas).unwrap();
    let said = world.run(&["arenas", "stats", "three.jsonl", "--json"]).unwrap().expect_code(0).unwrap();
    let counted = said.last_json().unwrap();
    assert_eq!(counted["kinds"], json!({"count": 1, "lookup": 2}));
    assert_eq!(counted["hops_by_topology"], json!({"single_hop": {"1": 3}}));
    assert_eq!(counted["tools_per_arena"]["max"], 1);
    assert!(counted["estimated_prompt_tokens"]["median"].as_u64().unwrap() > 20);
    assert_eq!(
        (&counted["near_repeats_by_prompt"]["count"], &counted["near_repeats_by_shape"]["count"]),
        (&json!(1), &json!(1))
    );
    let said = world.run(&["arenas", "stats", "three.jsonl"]).unwrap().expect_code(0).unwrap();
    assert!(
        said.stdout.contains("near repeats by prompt") && said.stdout.contains("33.33 %"),
        "{}",
        said.stdout
    );
    assert!(said.stdout.contains("topology × hops"), "{}", said.stdout);
}
