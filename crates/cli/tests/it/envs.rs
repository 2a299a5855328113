//! From tables to arenas, and quickstart.

use crate::world::{World, bytes_under};
use serde_json::Value as Json;

#[test]
fn the_same_seed_writes_the_same_bytes_whatever_the_threads() {
    let world = World::new().unwrap();
    for (out, threads) in [("one", "1"), ("two", "3")] {
        let arguments = [
            "envs",
            "from-tables",
            "chemistry",
            "--count",
            "6",
            "--seed",
            "5",
            "--out",
            out,
            "--threads",
            threads,
        ];
        world.run(&arguments).unwrap().expect_code(0).unwrap();
    }
    // Progress notes may stand in the order of work; what is read later may not differ.
    let artefacts = |out: &str| -> Vec<(String, Vec<u8>)> {
        let files = bytes_under(&world.path(out)).unwrap();
        files.into_iter().filter(|(name, _)| !name.starts_with(".stage")).collect()
    };
    assert_eq!(artefacts("one"), artefacts("two"));
    assert!(artefacts("one").iter().any(|(name, _)| name == "part-00000.jsonl"));
    let solved = world
        .run(&["arenas", "solve", "one", "--policy", "oracle", "--json"])
        .unwrap()
        .expect_code(0)
        .unwrap();
    assert_eq!(solved.last_json().unwrap()["f1"], 1.0);
}

#[test]
fn more_arenas_continue_where_fewer_ended() {
    let world = World::new().unwrap();
    let run = |count: &str, out: &str, resume: bool| {
        let mut arguments = vec!["envs", "from-tables", "chemistry", "--count", count, "--out", out];
        if resume {
            arguments.push("--resume");
        }
        world.run(&arguments).unwrap()
    };
    run("2", "grown", false).expect_code(0).unwrap();
    let refused = run("4", "grown", false).expect_code(1).unwrap();
    assert!(refused.stderr.contains("--resume"), "{}", refused.stderr);
    run("4", "grown", true).expect_code(0).unwrap();
    run("4", "whole", false).expect_code(0).unwrap();
    assert_eq!(world.read("grown/part-00000.jsonl").unwrap(), world.read("whole/part-00000.jsonl").unwrap());
    let other = world
        .run(&[
            "envs",
            "from-tables",
            "chemistry",
            "--count",
            "4",
            "--out",
            "grown",
            "--seed",
            "9",
            "--resume",
        ])
        .unwrap()
        .expect_code(1)
        .unwrap();
    assert!(other.stderr.contains("settings.seed"), "{}", other.stderr);
}

#[test]
fn tables_that_do_not_exist_name_the_shipped_ones() {
    let world = World::new().unwrap();
    let said = world.run(&["envs", "from-tables", "chemisty", "--out", "x"]).unwrap().expect_code(1).unwrap();
    assert!(said.stderr.contains("shipped groups: airports, browsers, chemistry"), "{}", said.stderr);
    std::fs::create_dir(world.path("bad")).unwrap();
    world.write("bad/towns.csv", "id,name,id\n1,a,2\n").unwrap();
    let said = world.run(&["envs", "from-tables", "bad", "--out", "x"]).unwrap().expect_code(1).unwrap();
    assert!(said.stderr.contains("towns.csv:1: column `id`"), "{}", said.stderr);
    let said =
        world.run(&["envs", "from-tables", "chemistry", "--explain-schema"]).unwrap().expect_code(0).unwrap();
    assert!(said.stdout.contains("elements: ") && said.stdout.contains(" -> elements"), "{}", said.stdout);
}

#[test]
fn groups_that_do_not_speak_the_wanted_language_are_named_and_left_out() {
    let world = World::new().unwrap();
    let rows: Vec<String> =
        ('A'..='Z').zip(1..).map(|(name, at)| format!("{at},{name}ville,{}", at * 137)).collect();
    let towns = format!("id,name,population\n{}\n", rows.join("\n"));
    for folder in ["towns", "both/towns", "deaf/here", "deaf/there"] {
        std::fs::create_dir_all(world.path(folder)).unwrap();
        world.write(&format!("{folder}/towns.csv"), &towns).unwrap();
    }
    std::fs::create_dir(world.path("both/calendar")).unwrap();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tables/chinese_calendar");
    for entry in std::fs::read_dir(shipped).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        world.write(&format!("both/calendar/{name}"), std::fs::read_to_string(&path).unwrap()).unwrap();
    }
    let run = |tables: &str, out: &str, code: i32| {
        let arguments = ["envs", "from-tables", tables, "--language", "zh", "--count", "2", "--out", out];
        world.run(&arguments).unwrap().expect_code(code).unwrap().stderr
    };
    let only = "the tables of `towns` have words in `en` only, and `zh` is wanted";
    let said = run("both", "left", 0);
    assert!(said.contains(&format!("warning: {only}; nothing is drawn from them")), "{said}");
    assert_eq!(world.read("left/part-00000.jsonl").unwrap().lines().count(), 2);
    let said = run("towns", "none", 1);
    assert!(said.contains(&format!("error: {only}\nhint: ask in a language")), "{said}");
    let said = run("deaf", "none", 1);
    assert!(said.contains("error: no group of tables is left: the tables of `here`"), "{said}");
    assert_eq!(said.matches("hint: ").count(), 1, "{said}");
}

#[test]
fn quickstart_writes_a_summary_and_a_report_that_stands_alone() {
    let world = World::new().unwrap();
    let arguments = ["quickstart", "--no-training", "--out", "run", "--count", "8"];
    let said = world.run(&arguments).unwrap().expect_code(0).unwrap();
    assert!(said.stdout.contains("oracle") && said.stdout.contains("report.html"), "{}", said.stdout);
    let summary: Json = serde_json::from_str(&world.read("run/summary.json").unwrap()).unwrap();
    let policies = &summary["policies"];
    for policy in ["oracle", "null", "random", "default", "dump"] {
        for field in ["f1", "recall", "precision", "calls", "n"] {
            assert!(policies[policy][field].is_number(), "{policy}.{field}: {policies}");
        }
    }
    assert_eq!((&policies["oracle"]["f1"], &policies["null"]["f1"]), (&Json::from(1.0), &Json::from(0.0)));
    assert_eq!(summary["funnel"]["accepted"], 8);
    let page = world.read("run/report.html").unwrap();
    assert!(page.contains("One episode") && page.contains("→"), "the conversation is missing");
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("<script"));
    let before = bytes_under(&world.path("run")).unwrap();
    std::fs::remove_file(world.path("run/report.html")).unwrap();
    world.run(&["report", "run"]).unwrap().expect_code(0).unwrap();
    assert_eq!(world.read("run/report.html").unwrap(), page);
    world.run(&arguments).unwrap().expect_code(0).unwrap();
    assert_eq!(bytes_under(&world.path("run")).unwrap(), before, "running again changes nothing");
    let said = world.run(&["report", "absent"]).unwrap().expect_code(1).unwrap();
    assert!(said.stderr.contains("summary.json") && said.stderr.contains("hint: "), "{}", said.stderr);
}

#[test]
fn quickstart_trains_and_measures_models_on_what_none_of_them_has_seen() {
    let world = World::new().unwrap();
    let arguments = ["quickstart", "--out", "run", "--count", "48", "--sft-steps", "1", "--grpo-steps", "1"];
    let said = world.run(&arguments).unwrap().expect_code(0).unwrap();
    let summary: Json = serde_json::from_str(&world.read("run/summary.json").unwrap()).unwrap();
    let policies = &summary["policies"];
    let episodes = policies["oracle"]["n"].as_u64().unwrap();
    assert!(episodes >= 6, "{policies}");
    for policy in ["base", "sft", "sft_more", "grpo"] {
        assert_eq!(policies[policy]["n"], episodes, "{policy}: {policies}");
        assert!(policies[policy]["f1"].is_f64(), "{policy}: {policies}");
    }
    assert_eq!(policies["oracle"]["f1"], 1.0);
    let compared = summary["training"]["comparisons"].as_array().unwrap();
    assert_eq!(compared.len(), 4);
    assert!(compared.iter().all(|one| one["arenas"] == episodes), "{compared:?}");
    for line in ["arenas split", "arenas solve", "train sft", "train grpo", "eval arenas"] {
        assert!(said.stderr.contains(&format!("$ astra {line} run/")), "{line}: {}", said.stderr);
    }
    let page = world.read("run/report.html").unwrap();
    assert!(page.contains("What training changed") && page.contains("before and after"));
    assert_eq!(page.matches("<svg").count(), 2);
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("<script"));
    std::fs::remove_file(world.path("run/report.html")).unwrap();
    world.run(&["report", "run"]).unwrap().expect_code(0).unwrap();
    assert_eq!(world.read("run/report.html").unwrap(), page);
}

#[test]
fn ctrl_c_ends_cleanly_and_resume_gives_the_bytes_of_an_unbroken_run() {
    let world = World::new().unwrap();
    let arguments =
        ["envs", "from-tables", "chemistry", "--count", "12", "--out", "broken", "--threads", "1"];
    let said =
        world.interrupt(&arguments, "broken/part-00000.jsonl").unwrap().expect_code(130).unwrap().stderr;
    assert!(said.contains("--resume"), "{said}");
    assert!(!world.path("broken/manifest.json").exists());
    let resume = [&arguments[..], &["--resume"]].concat();
    world.run(&resume).unwrap().expect_code(0).unwrap();
    let whole = ["envs", "from-tables", "chemistry", "--count", "12", "--out", "whole"];
    world.run(&whole).unwrap().expect_code(0).unwrap();
    assert_eq!(world.read("broken/part-00000.jsonl").unwrap(), world.read("whole/part-00000.jsonl").unwrap());
}
