//! Garbage in: the message names file, line and field, the other records are still judged, the exit code is 1.

use crate::world::{Result, Said, World};
use serde_json::{Value as Json, json};

fn check(world: &World, name: &str) -> Result<Said> {
    world.run(&["arenas", "check", name])?.expect_code(1)
}

#[test]
fn an_unknown_field_is_named_and_the_other_lines_are_judged() {
    let world = World::new().unwrap();
    let good = world.good_arena().unwrap();
    let mut odd = good.clone();
    odd["extra"] = json!(1);
    world.write_lines("x.jsonl", &[good.clone(), odd, good]).unwrap();
    let said = check(&world, "x.jsonl").unwrap();
    assert!(said.stdout.contains("x.jsonl:2: field `extra`"), "{}", said.stdout);
    assert!(said.stdout.contains("2 of 3 arenas pass every gate"), "{}", said.stdout);
    assert!(said.stderr.contains("hint: "), "{}", said.stderr);
}

#[test]
fn a_truncated_file_and_bytes_that_are_no_text_are_named_by_line() {
    let world = World::new().unwrap();
    let good = world.good_arena().unwrap().to_string();
    world.write("cut.jsonl", format!("{good}\n{}", &good[..good.len() / 3])).unwrap();
    assert!(check(&world, "cut.jsonl").unwrap().stdout.contains("cut.jsonl:2: line 2 is cut off"));
    world.write("bytes.jsonl", [good.as_bytes(), b"\n{\"a\": \"\xff\"}\n"].concat()).unwrap();
    assert!(
        check(&world, "bytes.jsonl")
            .unwrap()
            .stdout
            .contains("bytes.jsonl:2: byte 8 of the line is not valid UTF-8")
    );
    world.write("empty.jsonl", "").unwrap();
    assert!(check(&world, "empty.jsonl").unwrap().stdout.contains("empty.jsonl:1: the file is empty"));
}

#[test]
fn wrong_types_and_contradictions_are_named_by_field() {
    let world = World::new().unwrap();
    let good = world.good_arena().unwrap();
    let edits: [(&str, Json, &str); 4] = [
        ("/goals/0/kind/tool", json!(7), "field `goals[0].kind"),
        ("/version", json!(2), "field `version`"),
        ("/gold/0/tool", json!("no_such_tool"), "there is no tool `no_such_tool`"),
        ("/answerable", json!(false), "an unanswerable arena has no goals"),
    ];
    for (pointer, value, expected) in edits {
        let mut bad = good.clone();
        match bad.pointer_mut(pointer) {
            Some(field) => *field = value,
            None => bad[&pointer[1..]] = value,
        }
        world.write_lines("bad.jsonl", &[bad]).unwrap();
        let said = check(&world, "bad.jsonl").unwrap();
        assert!(
            said.stdout.contains("bad.jsonl:1: ") && said.stdout.contains(expected),
            "{pointer}: {}",
            said.stdout
        );
    }
}

#[test]
fn hostile_code_fails_the_schema_gate_and_nothing_else_happens() {
    let world = World::new().unwrap();
    let good = world.good_arena().unwrap();
    let mut arenas = Vec::new();
    for attack in [
        "while True:\n    pass\n",
        "import os\nos._exit(0)\n",
        "import os\nos.kill(os.getppid(), 9)\n",
        "open('/etc/passwd').read()\n",
        "def broken(:\n",
    ] {
        let mut arena = good.clone();
        for tool in arena["tools"].as_array_mut().unwrap() {
            tool["code"] = json!(format!("{attack}{}", tool["code"].as_str().unwrap()));
        }
        arenas.push(arena);
    }
    arenas.push(good);
    world.write_lines("hostile.jsonl", &arenas).unwrap();
    let said = world.run(&["arenas", "check", "hostile.jsonl", "--json"]).unwrap().expect_code(1).unwrap();
    let lines: Vec<Json> = said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines[..5] {
        assert_eq!(line["gates"]["schema"], "failed", "{line}");
        assert!(line["failures"][0]["reason"].as_str().unwrap().contains("does not"), "{line}");
    }
    assert_eq!(lines[5]["passed"], true);
    assert_eq!(lines[6]["checked"], 6);
    assert_eq!(lines[6]["passed"], 1);
}

#[test]
fn paths_that_hold_no_arenas_say_so() {
    let world = World::new().unwrap();
    std::fs::create_dir(world.path("nothing")).unwrap();
    world.write("notes.txt", "x").unwrap();
    for path in ["absent", "nothing", "notes.txt"] {
        let said = check(&world, path).unwrap();
        assert!(said.stderr.starts_with("error: ") && said.stderr.contains(path), "{}", said.stderr);
        assert!(said.stderr.contains("hint: "), "{}", said.stderr);
    }
}
