//! Help, settings, exit codes, streams: what every command shares.

use crate::world::World;

#[test]
fn help_goes_to_stdout_and_names_every_noun() {
    let said = World::new().unwrap().run(&["--help"]).unwrap().expect_code(0).unwrap();
    for noun in ["envs", "arenas", "eval", "train", "model", "report", "quickstart", "doctor"] {
        assert!(said.stdout.contains(&format!("\n  {noun}")), "{noun} is not in\n{}", said.stdout);
    }
    assert!(said.stderr.is_empty());
}

#[test]
fn every_verb_has_help_with_an_example() {
    let world = World::new().unwrap();
    for verb in
        ["check", "show", "explain", "new", "play", "solve", "import", "export", "prove", "stats", "bench"]
    {
        let said = world.run(&["arenas", verb, "--help"]).unwrap().expect_code(0).unwrap();
        assert!(said.stdout.contains("Example: astra arenas "), "{verb}");
    }
}

#[test]
fn a_mistake_in_the_arguments_exits_with_one() {
    let world = World::new().unwrap();
    let said = world.run(&["arenas", "chekc"]).unwrap().expect_code(1).unwrap();
    assert!(said.stderr.contains("similar subcommand exists: 'check'"), "{}", said.stderr);
    world.run(&[]).unwrap().expect_code(1).unwrap();
    world.run(&["arenas", "check"]).unwrap().expect_code(1).unwrap();
}

#[test]
fn settings_say_where_each_value_comes_from() {
    let world = World::new().unwrap();
    world.write("astra.toml", "seed = 2\n\n[episode]\nmax_turns = 5\nmax_calls = 6\n").unwrap();
    let arguments = ["--show-settings", "-c", "episode.max_calls=7", "--seed", "9"];
    let variables = [("ASTRA_EPISODE_MAX_TURNS", "8"), ("ASTRA_SEED", "3")];
    let said = world.run_with(&arguments, &variables, "").unwrap().expect_code(0).unwrap();
    let values: Vec<&str> =
        said.stdout.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    insta::assert_snapshot!(values.join("\n"), @r#"
    python = ""  # from default
    threads = 2  # from ASTRA_THREADS
    seed = 9  # from --seed
    accept_missing_protections = true  # from ASTRA_ACCEPT_MISSING_PROTECTIONS
    journal = "journal.sqlite"  # from default
    [sandbox]
    cpu_ms = 1000  # from default
    wall_ms = 3000  # from default
    memory_mib = 256  # from default
    output_kib = 256  # from default
    [episode]
    max_turns = 8  # from ASTRA_EPISODE_MAX_TURNS
    max_calls = 7  # from -c
    failure_rate = 0.0  # from default
    reward = "f1"  # from default
    "#);
}

#[test]
fn an_unknown_key_names_file_and_line_and_the_key_that_was_meant() {
    let world = World::new().unwrap();
    world.write("astra.toml", "seed = 1\n[episode]\nmax_turn = 3\n").unwrap();
    let said = world.run(&["doctor"]).unwrap().expect_code(1).unwrap();
    insta::assert_snapshot!(said.errors(&world), @r"
    error: [WORLD]/astra.toml:3: there is no setting `episode.max_turn`
    hint: did you mean `episode.max_turns`?
    hint: `astra --show-settings` lists them all
    ");
}

#[test]
fn impossible_values_are_refused_in_every_layer() {
    let world = World::new().unwrap();
    for arguments in [
        vec!["doctor", "--threads", "many"],
        vec!["doctor", "-c", "episode.failure_rate=1.5"],
        vec!["doctor", "-c", "nonsense"],
        vec!["doctor", "--config", "absent.toml"],
        vec!["arenas", "solve", "x", "--policy", "oracle", "--failure-rate", "2"],
    ] {
        let said = world.run(&arguments).unwrap().expect_code(1).unwrap();
        assert!(said.stderr.starts_with("error: "), "{arguments:?}: {}", said.stderr);
    }
    let said = world.run_with(&["doctor"], &[("ASTRA_SEDE", "1")], "").unwrap().expect_code(1).unwrap();
    assert!(said.stderr.contains("did you mean `ASTRA_SEED`?"), "{}", said.stderr);
}

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_astra"))
        .args(["arenas", "new", "--list"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty());
}

#[test]
fn the_doctor_finds_python_and_both_classes_work() {
    let world = World::new().unwrap();
    let said = world.run(&["doctor", "--json"]).unwrap().expect_code(0).unwrap();
    let report = said.last_json().unwrap();
    assert!(report["python"]["version"].as_str().unwrap().starts_with("3."));
    let calls = report["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 2);
    assert!(calls.iter().all(|call| call["works"] == true), "{calls:?}");
    assert!(!report["protections"].as_array().unwrap().is_empty());
}

#[test]
fn a_missing_or_old_python_is_a_clear_error_with_hints() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new().unwrap();
    let arena = world.good_arena().unwrap();
    world.write_lines("good.jsonl", &[arena]).unwrap();
    let said = world
        .run(&["arenas", "check", "good.jsonl", "--python", "/nonexistent"])
        .unwrap()
        .expect_code(1)
        .unwrap();
    insta::assert_snapshot!(said.stderr, @r"
    error: no Python interpreter found: tried /nonexistent
    hint: install CPython 3.11 or newer, or name an interpreter in the settings
    hint: name the interpreter with `--python PATH` or ASTRA_PYTHON
    ");
    world.write("old-python", "#!/bin/sh\necho 'Python 3.9.2'\n").unwrap();
    let old = world.path("old-python");
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o755)).unwrap();
    let old = old.display().to_string();
    let said =
        world.run(&["arenas", "check", "good.jsonl", "--python", &old]).unwrap().expect_code(1).unwrap();
    assert!(said.stderr.contains("3.9") && said.stderr.contains("hint: "), "{}", said.stderr);
    let said = world.run(&["doctor", "--python", &old]).unwrap().expect_code(1).unwrap();
    assert!(said.stdout.contains("none that can be used"), "{}", said.stdout);
}
