//! The worked corpus: made again from its answers, with nobody asked.

use crate::world::World;
use serde_json::{Value as Json, json};
use std::path::PathBuf;

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../corpus/arenas-v1")
}

/// Arenas without the version of the Python that measured them.
fn arenas(text: &str) -> Vec<Json> {
    let mut arenas: Vec<Json> =
        text.lines().map(|line| serde_json::from_str(line).unwrap_or(Json::Null)).collect();
    for arena in &mut arenas {
        arena["evidence"]["python"] = Json::Null;
    }
    arenas
}

#[test]
fn the_worked_corpus_is_made_again_offline_and_holds() {
    let world = World::new().unwrap();
    let (inputs, answers) = (corpus().join("inputs.jsonl"), corpus().join("answers"));
    let settings = format!(
        "[models.batch]\nprovider = \"batch\"\nmodel = \"batch\"\nstructure = \"prompt\"\nfolder = {:?}\n",
        answers.display().to_string()
    );
    world.write("astra.toml", settings).unwrap();
    let inputs = inputs.display().to_string();
    for out in ["one", "two"] {
        // The second run has a journal of its own, so that nothing of the first is left.
        let journal = format!("{out}.sqlite");
        let line = [
            "envs",
            "run",
            &inputs,
            "--min-hops",
            "2",
            "--max-hops",
            "4",
            "--threshold",
            "0.9",
            "--out",
            out,
            "--offline",
        ];
        let said = world.run_with(&line, &[("ASTRA_JOURNAL", &journal)], "").unwrap();
        said.expect_code(0).unwrap();
    }
    let [one, two] = ["one", "two"].map(|out| world.read(&format!("{out}/arenas/part-00000.jsonl")).unwrap());
    assert_eq!(one, two);
    let shipped = std::fs::read_to_string(corpus().join("part-00000.jsonl")).unwrap();
    assert_eq!(arenas(&one), arenas(&shipped));
    assert!(shipped.lines().count() >= 18);
    for (policy, least, most) in [
        ("oracle", 1.0, 1.0),
        ("null", 0.0, 0.0),
        ("dump", 0.0, 0.05),
        ("default", 0.0, 0.05),
        ("random", 0.0, 0.05),
    ] {
        let line = ["arenas", "solve", "one/arenas", "--policy", policy, "--json"];
        let f1 = world.run(&line).unwrap().expect_code(0).unwrap().last_json().unwrap()["f1"].clone();
        let f1 = f1.as_f64().unwrap();
        assert!((least..=most).contains(&f1), "{policy}: {f1}");
    }
    let lines: Vec<Json> = shipped.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|arena| arena["provenance"]["license"] == json!("Apache-2.0")));
    assert!(
        ["en", "zh"].iter().all(|language| lines.iter().any(|arena| arena["language"] == json!(language)))
    );
}
