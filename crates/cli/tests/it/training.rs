//! From arenas to a model that plays them: traces, a model of our own, fine-tuning, evaluation, by the binary alone.

use crate::world::{Result, World};
use serde_json::Value as Json;

/// A model of this width, depth and inner width whose vocabulary the traces gave.
fn fresh(world: &World, [hidden, layers, ffn]: [&str; 3]) -> Result<()> {
    let shape = ["--hidden", hidden, "--layers", layers, "--heads", "2", "--kv-heads", "1", "--ffn", ffn];
    let text =
        ["model", "init", "--out", "model", "--text", "traces.jsonl", "--vocab", "400", "--context", "4096"];
    world.run(&[&text[..], &shape].concat())?.expect_code(0)?;
    Ok(())
}

/// Traces of a few arenas, and a tiny model whose vocabulary they gave.
fn prepare(world: &World) -> Result<()> {
    for arguments in [
        &["envs", "from-tables", "chemistry", "--count", "8", "--seed", "5", "--out", "arenas"][..],
        &["arenas", "solve", "arenas", "--policy", "expert", "--sft", "traces.jsonl"],
    ] {
        world.run(arguments)?.expect_code(0)?;
    }
    fresh(world, ["32", "2", "64"])
}

#[test]
fn a_model_is_made_trained_measured_and_compared() {
    let world = World::new().unwrap();
    prepare(&world).unwrap();
    let train = [
        "train",
        "sft",
        "traces.jsonl",
        "--model",
        "model",
        "--out",
        "run",
        "--steps",
        "12",
        "--batch",
        "4",
        "--lr",
        "3e-3",
        "--validate",
        "traces.jsonl",
        "--validate-every",
        "6",
        "--json",
    ];
    let said = world.run(&train).unwrap().expect_code(0).unwrap();
    let summary = said.last_json().unwrap();
    let loss = |when: &str| summary[when]["mean"].as_f64().unwrap();
    assert!(loss("last_loss") < loss("first_loss"), "{summary:?}");
    assert_eq!((&summary["steps"], &summary["samples"]), (&Json::from(12), &Json::from(8)));
    assert!(summary["validation_loss"].is_f64());
    assert_eq!(world.read("run/metrics.jsonl").unwrap().lines().count(), 12);
    assert!(!world.path("run/checkpoints").exists(), "the model stands in their place");
    let weights = std::fs::read(world.path("run/model/model.safetensors")).unwrap();
    let again = world.run(&train).unwrap().expect_code(0).unwrap();
    assert_eq!(again.last_json().unwrap(), summary, "the same command again has nothing to do");
    assert_eq!(std::fs::read(world.path("run/model/model.safetensors")).unwrap(), weights);
    let evaluated =
        world.run(&["eval", "arenas", "arenas", "--policy", "run/model", "--limit", "4", "--json"]);
    let measured = evaluated.unwrap().expect_code(0).unwrap().last_json().unwrap();
    assert!(Json::from(measured.clone()).to_string().contains("validity"), "{measured:?}");
    assert!(measured["policy"]["turns"]["turns"].as_u64().unwrap() >= 4, "{measured:?}");
    let strict =
        ["eval", "arenas", "arenas", "--policy", "run/model", "--limit", "4", "--strict-calls", "--json"];
    let strict = world.run(&strict).unwrap().expect_code(0).unwrap().last_json().unwrap();
    let turns = &strict["policy"]["turns"];
    let [malformed, cut, overflowed] =
        ["malformed", "cut", "overflowed"].map(|count| turns[count].as_u64().unwrap());
    assert!(malformed <= cut + overflowed, "only what was cut is malformed: {turns}");
    let solved = world
        .run(&["arenas", "solve", "arenas", "--policy", "run/model", "--limit", "4", "--json"])
        .unwrap()
        .expect_code(0)
        .unwrap();
    assert_eq!(solved.last_json().unwrap()["n"], Json::from(4), "nothing is masked");
}

#[test]
fn a_model_is_played_with_the_template_that_it_was_trained_with() {
    let world = World::new().unwrap();
    prepare(&world).unwrap();
    let train = [
        "train",
        "sft",
        "traces.jsonl",
        "--model",
        "model",
        "--template",
        "hermes",
        "--out",
        "run",
        "--steps",
        "1",
        "--max-tokens",
        "4096",
    ];
    world.run(&train).unwrap().expect_code(0).unwrap();
    let template = |file: &str| -> Result<Json> {
        Ok(serde_json::from_str::<Json>(&world.read(file)?)?["astra_template"].clone())
    };
    assert_eq!(template("model/tokenizer_config.json").unwrap(), "compact");
    assert_eq!(template("run/model/tokenizer_config.json").unwrap(), "hermes");
}

#[test]
fn what_cannot_be_trained_is_refused_before_it_begins() {
    let world = World::new().unwrap();
    prepare(&world).unwrap();
    for (arguments, named) in [
        (&["none.jsonl", "--model", "model", "--steps", "2"][..], "none.jsonl"),
        (&["traces.jsonl", "--model", "nowhere", "--steps", "2"], "`nowhere` is no model"),
        (&["traces.jsonl", "--model", "model", "--steps", "0"], "at least one step"),
        (&["traces.jsonl", "--model", "model", "--epochs=-1"], "--epochs -1"),
        (&["traces.jsonl", "--model", "model", "--steps", "2", "--max-tokens", "8192"], "context of 4096"),
        (&["traces.jsonl", "--model", "model", "--steps", "2", "--max-tokens", "4"], "longer than 4 tokens"),
        (&["traces.jsonl", "--model", "model", "--steps", "2", "--lr=-1"], "--lr -1"),
        (&["traces.jsonl", "--model", "model", "--steps", "2", "--beta2", "1"], "--beta2 1"),
        (
            &["traces.jsonl", "--model", "model", "--steps", "2", "--beta2", "0.9999999999"],
            "below 1 is needed",
        ),
        (&["traces.jsonl", "--model", "model", "--steps", "2", "--final-lr=nan"], "--final-lr NaN"),
        (&["traces.jsonl", "--model", "model", "--steps", "2", "--weight-decay=-1"], "--weight-decay -1"),
        (
            &["traces.jsonl", "--model", "model", "--steps", "2", "--lora", "2", "--lora-alpha", "0"],
            "--lora-alpha 0",
        ),
    ] {
        let all = [&["train", "sft", "--out", "run"], arguments].concat();
        let said = world.run(&all).unwrap();
        assert!(said.stderr.contains(named), "{arguments:?}: {}", said.stderr);
        assert!(matches!(said.code, Some(1 | 2)), "{arguments:?}: {:?}", said.code);
    }
    let first = ["train", "sft", "traces.jsonl", "--model", "model", "--out", "run", "--steps", "2"];
    world.run(&first).unwrap().expect_code(0).unwrap();
    let other = ["train", "sft", "traces.jsonl", "--model", "model", "--out", "run", "--steps", "3"];
    let said = world.run(&other).unwrap().expect_code(1).unwrap();
    assert!(said.stderr.contains("steps") && said.stderr.contains("hint: "), "{}", said.stderr);
}

#[test]
fn a_model_is_not_written_over_and_a_foreign_tokenizer_is_refused() {
    let world = World::new().unwrap();
    world.write("text.txt", "a buoy and another buoy\n".repeat(20)).unwrap();
    let init = |out| {
        let shape = ["--hidden", "16", "--layers", "1", "--heads", "2", "--kv-heads", "1", "--ffn", "16"];
        [&["model", "init", "--text", "text.txt", "--out", out, "--vocab"][..], &["270"], &shape].concat()
    };
    world.run(&init("model")).unwrap().expect_code(0).unwrap();
    let weights = std::fs::read(world.path("model/model.safetensors")).unwrap();
    let said = world.run(&[&init("model")[..], &["--seed", "9"]].concat()).unwrap().expect_code(1).unwrap();
    assert!(
        said.stderr.contains("holds a model already") && said.stderr.contains("hint: "),
        "{}",
        said.stderr
    );
    assert_eq!(std::fs::read(world.path("model/model.safetensors")).unwrap(), weights);
    let get = ["model", "get", "some.gguf", "--out", "model"];
    let said = world.run(&get).unwrap().expect_code(1).unwrap();
    assert!(said.stderr.contains("holds a model already"), "{}", said.stderr);
    let mut tokenizer: Json = serde_json::from_str(&world.read("model/tokenizer.json").unwrap()).unwrap();
    tokenizer["added_tokens"].as_array_mut().unwrap().last_mut().unwrap()["id"] = Json::from(4000);
    world.write("model/tokenizer.json", tokenizer.to_string()).unwrap();
    let solve = ["eval", "arenas", "nowhere", "--policy", "model"];
    let said = world.run(&solve).unwrap().expect_code(1).unwrap();
    assert!(
        said.stderr.contains("tokenizer.json") && said.stderr.contains("`vocab_size`"),
        "{}",
        said.stderr
    );
    std::fs::remove_file(world.path("model/tokenizer.json")).unwrap();
    let said = world.run(&solve).unwrap().expect_code(1).unwrap();
    assert!(
        said.stderr.contains("hint: ") && said.stderr.contains("`tokenizer.json` is not there"),
        "{}",
        said.stderr
    );
}

#[test]
fn a_run_that_is_killed_and_started_again_ends_with_the_bytes_of_one_that_was_not() {
    let world = World::new().unwrap();
    prepare(&world).unwrap();
    let train = |out| {
        let shape = ["--steps", "40", "--batch", "4", "--checkpoint-every", "3", "--lr", "3e-3"];
        let validation = ["--validate", "traces.jsonl", "--validate-every", "10"];
        [&["train", "sft", "traces.jsonl", "--model", "model", "--out", out][..], &shape, &validation]
            .concat()
    };
    world.run(&train("unbroken")).unwrap().expect_code(0).unwrap();
    let killed = world.kill(&train("broken"), "broken/checkpoints/step-00000006").unwrap();
    assert_eq!(killed.code, None, "{}", killed.stderr);
    assert!(!world.path("broken/model").exists() && world.path("broken/checkpoints").exists());
    let said = world.run(&train("broken")).unwrap().expect_code(0).unwrap();
    assert!(said.stderr.contains("continuing after step "), "{}", said.stderr);
    for file in ["model/model.safetensors", "model/tokenizer.json", "model/config.json", "settings.json"] {
        let bytes = |run: &str| std::fs::read(world.path(&format!("{run}/{file}"))).unwrap();
        assert!(bytes("broken") == bytes("unbroken"), "{file}");
    }
    let without_time = |run: &str| -> Vec<Json> {
        let text = world.read(&format!("{run}/metrics.jsonl")).unwrap();
        let mut lines: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for line in &mut lines {
            line["tokens_per_second"] = Json::Null;
        }
        lines
    };
    assert_eq!(without_time("broken"), without_time("unbroken"));
}

/// Two arenas that cannot be answered, where even a model that knows nothing is right now and then, and such a model.
fn prepare_unanswerable(world: &World) -> Result<()> {
    for arguments in [
        &["arenas", "new", "bus", "--from", "school_bus", "--out", "arenas"][..],
        &["arenas", "new", "permit", "--from", "stargazing_permit", "--out", "arenas"],
        &["arenas", "solve", "arenas", "--policy", "expert", "--sft", "traces.jsonl"],
    ] {
        world.run(arguments)?.expect_code(0)?;
    }
    fresh(world, ["16", "1", "32"])
}

const GRPO: [&str; 21] = [
    "train",
    "grpo",
    "arenas",
    "--model",
    "model",
    "--steps",
    "4",
    "--groups",
    "2",
    "--group-size",
    "6",
    "--max-turn-tokens",
    "3",
    "--lr",
    "3e-3",
    "--logit-scale-lr",
    "0.01",
    "--checkpoint-every",
    "1",
    "--json",
    "--out",
];

#[test]
fn a_model_learns_from_its_own_episodes_and_a_run_that_was_stopped_ends_as_one_that_was_not() {
    let world = World::new().unwrap();
    prepare_unanswerable(&world).unwrap();
    let run = |folder: &'static str| [&GRPO[..], &[folder]].concat();
    let summary = world.run(&run("whole")).unwrap().expect_code(0).unwrap().last_json().unwrap();
    assert_eq!((&summary["steps"], &summary["masked"]), (&Json::from(4), &Json::from(0)));
    assert!(summary["first_reward"]["mean"].is_f64() && summary["generation_share"].is_f64(), "{summary:?}");
    let history = world.read("whole/metrics.jsonl").unwrap();
    assert_eq!(history.lines().count(), 4);
    let first: Json = serde_json::from_str(history.lines().next().unwrap()).unwrap();
    for field in ["reward", "turns", "calls", "response_tokens", "valid_ratio", "age", "loss", "entropy"] {
        assert!(first[field].is_f64(), "{field}: {first}");
    }
    assert!(!world.path("whole/checkpoints").exists(), "the model stands in their place");
    let weights = |folder: &str| std::fs::read(world.path(&format!("{folder}/model/model.safetensors")));
    assert_ne!(weights("whole").unwrap(), std::fs::read(world.path("model/model.safetensors")).unwrap());
    let again = world.run(&run("whole")).unwrap().expect_code(0).unwrap();
    assert_eq!(again.last_json().unwrap(), summary, "the same command again has nothing to do");

    let said = world.interrupt(&run("broken"), "broken/metrics.jsonl").unwrap();
    assert!(matches!(said.code, Some(0 | 130)), "{said:?}");
    world.run(&run("broken")).unwrap().expect_code(0).unwrap();
    assert_eq!(weights("broken").unwrap(), weights("whole").unwrap(), "the same bits");
    let other = [&run("whole")[..], &["--lr", "1e-3"]].concat();
    assert!(world.run(&other).unwrap().code != Some(0), "an option cannot be given twice");
    let other = [&run("whole")[..], &["--max-staleness", "0"]].concat();
    let said = world.run(&other).unwrap().expect_code(1).unwrap();
    assert!(said.stderr.contains("max_staleness"), "{}", said.stderr);
}

#[test]
fn arenas_from_tables_and_from_language_models_train_and_evaluate_together() {
    let world = World::new().unwrap();
    prepare_unanswerable(&world).unwrap();
    let tables = ["envs", "from-tables", "chemistry", "--count", "4", "--seed", "5", "--out", "tables"];
    world.run(&tables).unwrap().expect_code(0).unwrap();
    let corpus =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/arenas-v1/part-00000.jsonl");
    let written = std::fs::read_to_string(corpus).unwrap();
    let two: Vec<&str> = written.lines().take(2).collect();
    world.write("written.jsonl", two.join("\n") + "\n").unwrap();
    let mixed = ["arenas", "tables", "written.jsonl"];
    let solve = ["--policy", "oracle", "--distractors", "1,1,1", "--sft", "traces.jsonl"];
    let solve = [&["arenas", "solve"], &mixed[..], &solve[..]].concat();
    world.run(&solve).unwrap().expect_code(0).unwrap();
    assert_eq!(world.read("traces.jsonl").unwrap().lines().count(), 8);
    let sft = ["--model", "model", "--steps", "2", "--max-tokens", "4096", "--out", "sft", "--json"];
    let sft = [&["train", "sft", "traces.jsonl"][..], &sft[..]].concat();
    let summary = world.run(&sft).unwrap().expect_code(0).unwrap().last_json().unwrap();
    assert_eq!(summary["samples"], Json::from(8), "{summary:?}");
    let mut grpo = [&GRPO[..], &["grpo", "--distractors", "1,1,1"]].concat();
    grpo[6] = "2";
    grpo.splice(2..3, mixed);
    let summary = world.run(&grpo).unwrap().expect_code(0).unwrap().last_json().unwrap();
    assert_eq!((&summary["steps"], &summary["masked"]), (&Json::from(2), &Json::from(0)), "{summary:?}");
    let eval = ["--policy", "grpo/model", "--distractors", "1,1,1", "--max-turn-tokens", "3", "--json"];
    let eval = [&["eval", "arenas"], &mixed[..], &eval[..]].concat();
    let measured = world.run(&eval).unwrap().expect_code(0).unwrap().last_json().unwrap();
    assert_eq!(measured["policy"]["episodes"], Json::from(8));
}

#[test]
fn what_never_or_always_succeeds_is_nothing_to_learn_from() {
    let world = World::new().unwrap();
    prepare(&world).unwrap();
    let all = [
        "train",
        "grpo",
        "arenas",
        "--model",
        "model",
        "--steps",
        "9",
        "--groups",
        "1",
        "--group-size",
        "2",
        "--max-turn-tokens",
        "4",
        "--out",
        "run",
    ];
    let said = world.run(&all).unwrap().expect_code(1).unwrap();
    assert!(said.stderr.contains("3 steps in a row") && said.stderr.contains("hint: "), "{}", said.stderr);
    for (extra, named) in [
        (&["--group-size", "1"][..], "group_size"),
        (&["--temperature", "0"], "temperature"),
        (&["--logit-scale-lr", "0"], "--logit-scale-lr"),
        (&["--steps", "0"], "at least one step"),
        (&["--distractors", "1,2"], "one or three whole numbers"),
        (&["--reward", "speed"], "episode.reward"),
        (&["--failure-rate", "2"], "--failure-rate"),
    ] {
        let mut arguments: Vec<&str> = vec!["train", "grpo", "arenas", "--model", "model", "--out", "other"];
        if extra[0] != "--steps" {
            arguments.extend(["--steps", "2"]);
        }
        let said = world.run(&[&arguments[..], extra].concat()).unwrap().expect_code(1).unwrap();
        assert!(said.stderr.contains(named), "{extra:?}: {}", said.stderr);
        let _ = std::fs::remove_dir_all(world.path("other"));
    }
}

#[test]
fn ablations_train_measure_and_compare_every_variant_and_continue_where_they_were() {
    let world = World::new().unwrap();
    prepare_unanswerable(&world).unwrap();
    let sft =
        ["train", "sft", "traces.jsonl", "--model", "model", "--steps", "2", "--batch", "1", "--out", "sft"];
    world.run(&sft).unwrap().expect_code(0).unwrap();
    let files =
        ["train", "ablate", "arenas", "--held-out", "arenas", "--model", "sft/model", "--out", "runs"];
    let optional = ["--base", "model", "--traces", "traces.jsonl", "--seeds", "1,2", "--steps", "2"];
    let small = ["--", "--groups", "1", "--group-size", "4", "--max-turn-tokens", "3"];
    let all = [&files[..], &optional, &small].concat();
    let said = world.run(&all).unwrap().expect_code(0).unwrap();
    assert!(said.stderr.contains("$ astra train grpo arenas --model sft/model --steps 2"), "{}", said.stderr);
    assert!(said.stderr.contains("18 of 18: sft-more, seed 2"), "{}", said.stderr);
    assert_eq!(said.stdout, world.read("runs/ablations.md").unwrap());
    let summary: Json = serde_json::from_str(&world.read("runs/summary.json").unwrap()).unwrap();
    let questions = summary["questions"].as_array().unwrap();
    let arms: Vec<usize> = questions.iter().map(|one| one["rows"].as_array().unwrap().len()).collect();
    assert_eq!(arms, [3, 3, 2, 2, 3]);
    for question in questions {
        let name = question["question"].as_str().unwrap();
        assert!(world.read(&format!("runs/{name}.svg")).unwrap().starts_with("<svg "));
        assert!(said.stdout.contains(&format!("({name}.svg)")));
        let rows = question["rows"].as_array().unwrap();
        assert!(rows.iter().all(|row| row["means"]["f1"]["n"] == 2), "{question}");
        assert!(rows[1..].iter().all(|row| row["differences"]["calls"]["mean"].is_f64()), "{question}");
    }
    assert_eq!(questions[0]["directions"].as_array().unwrap().len(), 5);
    let again = world.run(&all).unwrap().expect_code(0).unwrap();
    assert!(!again.stderr.contains("step 1 "), "everything is there: {}", again.stderr);
    assert_eq!(again.stdout, said.stdout);
    let longer = [&files[..], &["--questions", "reward", "--steps", "3"], &small].concat();
    let refused = world.run(&longer).unwrap().expect_code(1).unwrap();
    assert!(refused.stderr.contains("grpo.steps"), "{}", refused.stderr);
    for (extra, named) in [
        (&["--questions", "start"][..], "the question `start` needs `--base`"),
        (&["--questions", "control"], "the question `control` needs `--traces`"),
        (&["--seeds", "1,1"], "names one seed twice"),
    ] {
        let said = world.run(&[&files[..], extra].concat()).unwrap().expect_code(1).unwrap();
        assert!(said.stderr.contains(named), "{}", said.stderr);
    }
}
