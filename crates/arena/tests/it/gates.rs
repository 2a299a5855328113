//! Each gate both ways: the sound arenas pass all of them, and one change fails exactly the gate it should.

use crate::worlds::{edit_code, orders, towns, unanswerable};
use astra_arena::gates::{Gate, GateReport, GateStatus};
use astra_protocol::{ArenaSpec, GoalKind};
use astra_testkit::{TestResult, gatekeeper};
use serde_json::{Value as Json, json};

fn check(arena: &Json) -> TestResult<GateReport> {
    Ok(gatekeeper().check(&ArenaSpec::parse(&arena.to_string())?, &[], &[])?)
}

/// The gates that a changed arena fails, with their reasons.
fn failed(mut arena: Json, change: impl FnOnce(&mut Json)) -> TestResult<Vec<(Gate, String)>> {
    change(&mut arena);
    Ok(check(&arena)?.failures().map(|(gate, reason)| (gate, reason.to_owned())).collect())
}

#[track_caller]
fn fails_only(gate: Gate, failures: &[(Gate, String)], words: &str) {
    assert!(!failures.is_empty(), "nothing failed");
    assert!(failures.iter().all(|(found, _)| *found == gate), "{failures:#?}");
    assert!(failures.iter().any(|(_, reason)| reason.contains(words)), "{failures:#?}");
}

#[test]
fn sound_arenas_pass_every_gate() {
    for (name, arena) in [("towns", towns()), ("orders", orders()), ("unanswerable", unanswerable())] {
        let report = check(&arena).unwrap();
        assert!(report.passed(), "{name}: {:#?}", report.failures().collect::<Vec<_>>());
    }
}

#[test]
fn what_was_measured_is_written_down() {
    let report = check(&towns()).unwrap();
    let GoalKind::Returns { decisive, grounded, .. } = &report.measured.goals[0].kind else {
        panic!("not returns")
    };
    assert_eq!((decisive.as_slice(), *grounded), (["name".to_owned()].as_slice(), false));
    assert_eq!(report.measured.evidence.gates["oracle"], "passed");
    let again = gatekeeper().check(&report.measured, &[], &[]).unwrap();
    assert!(again.passed());
    assert_eq!(again.measured, report.measured, "measuring twice writes the same");
    assert_eq!(report.measured.id(), ArenaSpec::parse(&towns().to_string()).unwrap().id());
}

#[test]
fn unanswerable_arenas_have_gates_that_do_not_apply() {
    let report = check(&unanswerable()).unwrap();
    for gate in [Gate::Fuzz, Gate::Dump, Gate::Dependency] {
        assert!(matches!(report.status(gate), Some(GateStatus::NotApplicable(_))), "{gate}");
    }
}

#[test]
fn schema_refuses_what_cannot_be_called() {
    let twins = failed(towns(), |a| {
        let twin = a["tools"][0].clone();
        a["tools"].as_array_mut().unwrap().push(twin);
    });
    fails_only(Gate::Schema, &twins.unwrap(), "two tools are named `find_town`");
    let broken = failed(towns(), |a| edit_code(a, "def find_town", "def find town"));
    fails_only(Gate::Schema, &broken.unwrap(), "does not load");
    let body = failed(towns(), |a| edit_code(a, "TOWNS = [", "raise RuntimeError('at import')\nTOWNS = ["));
    fails_only(Gate::Schema, &body.unwrap(), "at import");
    let entry = failed(towns(), |a| a["tools"][0]["entry"] = json!("seek_town"));
    fails_only(Gate::Schema, &entry.unwrap(), "seek_town");
    let signature = failed(towns(), |a| {
        a["tools"][0]["doc"]["parameters"]["properties"]["country"] = json!({"type": "string"});
    });
    fails_only(Gate::Schema, &signature.unwrap(), "no parameter `country`");
    let optional = failed(towns(), |a| a["tools"][1]["doc"]["parameters"]["required"] = json!([]));
    fails_only(Gate::Schema, &optional.unwrap(), "must require it");
    let invalid =
        failed(towns(), |a| a["tools"][0]["doc"]["parameters"]["properties"]["name"]["type"] = json!("text"));
    fails_only(Gate::Schema, &invalid.unwrap(), "not a valid JSON Schema");
}

#[test]
fn schema_refuses_code_that_reaches_for_the_system() {
    for attack in
        ["def nop(): import subprocess", "def nop(): from ctypes import CDLL", "import os\nos.system(\"id\")"]
    {
        let failures = failed(towns(), |a| edit_code(a, "TOWNS = [", &format!("{attack}\n\nTOWNS = [")));
        fails_only(Gate::Schema, &failures.unwrap(), "reaches for the system");
    }
    let absent = failed(towns(), |a| edit_code(a, "TOWNS = [", "import socket\n\nTOWNS = ["));
    fails_only(Gate::Schema, &absent.unwrap(), "does not load");
    let harmless = failed(towns(), |a| edit_code(a, "TOWNS = [", "import sys\n\nTOWNS = ["));
    assert!(harmless.unwrap().is_empty(), "what is only not admitted to `shared` runs `private`");
}

#[test]
fn oracle_refuses_gold_that_does_not_earn_one() {
    let wrong = failed(towns(), |a| {
        a["goals"][1]["kind"]["value"]["value"] = json!(48_214);
        a["answer"]["value"] = json!(48_214);
    })
    .unwrap();
    assert!(
        wrong.iter().any(|(gate, reason)| *gate == Gate::Oracle && reason.contains("48213")),
        "{wrong:#?}"
    );
    let idle = failed(towns(), |a| {
        let extra = json!({"id": "c3", "tool": "find_town", "arguments": {"name": "Stone Mill"}});
        a["gold"].as_array_mut().unwrap().push(extra);
    })
    .unwrap();
    assert!(
        idle.iter().any(|(gate, reason)| *gate == Gate::Oracle && reason.contains("belong to a goal")),
        "{idle:#?}"
    );
}

#[test]
fn oracle_refuses_a_distractor_that_answers() {
    let mut twin = towns();
    twin["tools"][1]["doc"]["name"] = json!("civic_register");
    twin["gold"][1]["tool"] = json!("civic_register");
    twin["goals"][1]["kind"]["tool"] = json!("civic_register");
    let home = astra_testkit::arena_from(&twin).unwrap();
    let spec = ArenaSpec::parse(&towns().to_string()).unwrap();
    let report = gatekeeper().check(&spec, &[], &[(home, "civic_register".to_owned())]).unwrap();
    let failures: Vec<_> = report.failures().map(|(gate, reason)| (gate, reason.to_owned())).collect();
    fails_only(Gate::Oracle, &failures, "distractor `civic_register` answers goal `g2`");
}

#[test]
fn null_refuses_a_goal_that_is_already_reached() {
    let failures = failed(orders(), |a| {
        a["gold"] =
            json!([{"id": "c1", "tool": "change_quantity", "arguments": {"order_id": "o-1", "quantity": 2}}]);
        a["goals"][0]["kind"]["gold"] = json!(["c1"]);
    })
    .unwrap();
    // The state is gold before anything was done: recall 1, although without calls precision and F1 stay 0.
    assert!(
        failures.iter().any(|(gate, reason)| *gate == Gate::Null && reason.contains("goal is reached")),
        "{failures:#?}"
    );
}

#[test]
fn fuzz_refuses_arguments_that_do_not_matter() {
    let failures = failed(towns(), |a| {
        edit_code(a, "if t[\"name\"].lower() == wanted", "if wanted");
        a["evidence"] = json!({});
    })
    .unwrap();
    assert!(
        failures.iter().any(|(gate, reason)| *gate == Gate::Fuzz && reason.contains("no decisive argument")),
        "{failures:#?}"
    );
}

#[test]
fn fuzz_refuses_what_default_arguments_answer() {
    let failures = failed(towns(), |a| {
        edit_code(
            a,
            "def town_census(register):",
            "def town_census(register=\"\"):\n    register = register or \"R-58117\"",
        );
        a["tools"][1]["doc"]["parameters"]["required"] = json!([]);
    })
    .unwrap();
    // Another call returns the value, so the goal is grounded and the lazy call earns nothing; what fails is a
    // spec that claims it is not.
    assert!(failures.is_empty(), "{failures:#?}");
    let failures = failed(towns(), |a| {
        edit_code(
            a,
            "def town_census(register):",
            "def town_census(register=\"\"):\n    register = register or \"R-58117\"",
        );
        a["tools"][1]["doc"]["parameters"]["required"] = json!([]);
        a["goals"][1]["kind"]["grounded"] = json!(false);
    });
    fails_only(Gate::Fuzz, &failures.unwrap(), "`grounded: false`");
    let guessed = failed(towns(), |a| {
        edit_code(a, "\"R-58117\"", "\"101\"");
        edit_code(a, "def town_census(register):", "def town_census(register=\"101\"):");
        a["tools"][1]["doc"]["parameters"]["required"] = json!([]);
        a["tools"][1]["doc"]["parameters"]["properties"]["register"]["default"] = json!("101");
        a["goals"][0]["kind"]["value"] = json!({"type": "text", "value": "101"});
    })
    .unwrap();
    assert!(
        guessed
            .iter()
            .any(|(gate, reason)| *gate == Gate::Fuzz && reason.contains("guessing reaches goal `g2`")),
        "{guessed:#?}"
    );
}

#[test]
fn fuzz_refuses_a_decisive_list_that_leaves_one_out() {
    let with_year = |a: &mut Json| {
        let code = "def town_census(register, year):\n    if year != 2021:\n        return {\"error\": \"no census in that year\"}";
        edit_code(a, "def town_census(register):", code);
        a["tools"][1]["doc"]["parameters"] = json!({"type": "object", "required": ["register", "year"], "properties": {
            "register": {"type": "string"}, "year": {"type": "integer", "minimum": 1990, "maximum": 2030}}});
        a["gold"][1]["arguments"]["year"] = json!(2021);
    };
    assert!(
        failed(towns(), with_year).unwrap().is_empty(),
        "all gold arguments are compared when none are recorded"
    );
    let failures = failed(towns(), |a| {
        with_year(a);
        a["goals"][1]["kind"]["decisive"] = json!(["register"]);
    });
    fails_only(Gate::Fuzz, &failures.unwrap(), "`decisive` lacks [\"year\"]");
}

#[test]
fn dump_refuses_one_call_for_two_gold_calls() {
    let failures = failed(towns(), |a| {
        // The second gold call differs only in an argument that no value depends on at its path.
        a["goals"] = json!([
            {"id": "g1", "question": "q", "kind": {"type": "returns", "tool": "find_town", "path": "/towns/0/register",
                "value": {"type": "text", "value": "R-58117"}, "gold": "c1"}},
            {"id": "g2", "question": "q", "kind": {"type": "returns", "tool": "find_town", "path": "/towns/0/name",
                "value": {"type": "text", "value": "Harbour Bay"}, "gold": "c2"}},
        ]);
        a["gold"] = json!([
            {"id": "c1", "tool": "find_town", "arguments": {"name": "Harbour Bay", "limit": 5}},
            {"id": "c2", "tool": "find_town", "arguments": {"name": "Harbour Bay", "limit": 6}},
        ]);
        a["evidence"]["alternatives"]["c2"] = a["evidence"]["alternatives"]["c1"].clone();
        a["prompt"][0]["content"] = json!("Tell me of the town by the sea.");
    })
    .unwrap();
    assert!(
        failures.iter().any(|(gate, reason)| *gate == Gate::Dump && reason.contains("one call answers")),
        "{failures:#?}"
    );
}

#[test]
fn dependency_refuses_an_edge_without_a_value() {
    let failures = failed(towns(), |a| a["gold"][1]["arguments"]["register"] = json!("R-58117")).unwrap();
    fails_only(Gate::Dependency, &failures, "no argument of its gold calls is a `$ref`");
    let in_prompt = failed(towns(), |a| {
        a["prompt"][0]["content"] =
            json!("How many people live in the town registered as R-58117, Harbour Bay?");
    })
    .unwrap();
    assert!(
        in_prompt
            .iter()
            .any(|(gate, reason)| *gate == Gate::Dependency && reason.contains("stands in the prompt"))
    );
}

#[test]
fn dependency_recomputes_what_stands_between() {
    let failures = failed(towns(), |a| {
        a["gold"][1]["arguments"]["register"] = json!({
            "$ref": ["c1#/towns/0/register"], "via": {"kind": "arithmetic", "op": "add", "operand": 1}, "value": "R-58117"});
    });
    fails_only(Gate::Dependency, &failures.unwrap(), "is not a number");
}

#[test]
fn leak_refuses_values_in_sight() {
    let described = failed(towns(), |a| {
        a["tools"][1]["doc"]["description"] = json!("Census figures, such as 48,213 people.");
    });
    fails_only(Gate::Leak, &described.unwrap(), "stands in the document of `town_census`");
    let error = failed(towns(), |a| {
        edit_code(
            a,
            "return {\"error\": \"no such register number\"}",
            "raise ValueError('unknown, try R-58117')",
        );
    });
    fails_only(Gate::Leak, &error.unwrap(), "an error text of `town_census`");
    let tool_name = failed(towns(), |a| {
        a["prompt"][0]["content"] = json!("Use find_town to see how many people live in Harbour Bay.");
    });
    fails_only(Gate::Leak, &tool_name.unwrap(), "tool name `find_town`");
    let withheld = failed(unanswerable(), |a| {
        a["tools"][0]["doc"]["description"] = json!("Looks up one of 48213 towns.");
    });
    fails_only(Gate::Leak, &withheld.unwrap(), "withheld");
}

#[test]
fn determinism_refuses_hash_order_and_entropy() {
    let hash_order = failed(towns(), |a| {
        edit_code(
            a,
            "return {\"towns\": hits[:limit]}",
            "return {\"towns\": hits[:limit], \"tags\": list({t[\"name\"] for t in TOWNS})}",
        );
    });
    fails_only(Gate::Determinism, &hash_order.unwrap(), "under hash seed");
    let entropy = failed(towns(), |a| {
        edit_code(
            a,
            "\"population\": town[\"population\"]",
            "\"population\": town[\"population\"] + __import__('random').randrange(2) * 0",
        );
        edit_code(a, "def town_census", "import random\n\n\ndef town_census");
        edit_code(a, "__import__('random').randrange(2) * 0", "random.randrange(1000)");
    })
    .unwrap();
    assert!(
        entropy.iter().any(|(gate, reason)| *gate == Gate::Determinism && reason.contains("episode seed")),
        "{entropy:#?}"
    );
}

#[test]
fn robust_refuses_crashes_and_host_paths() {
    let endless = failed(towns(), |a| {
        edit_code(
            a,
            "wanted = name.strip().lower()",
            "wanted = name.strip().lower()\n    while len(name) > 150 or name == \"x\":\n        pass",
        );
    });
    let endless = endless.unwrap();
    assert!(
        endless.iter().any(|(gate, reason)| *gate == Gate::Robust && reason.contains("_limit")),
        "{endless:#?}"
    );
    let path = failed(towns(), |a| {
        edit_code(
            a,
            "return {\"error\": \"no such register number\"}",
            "raise ValueError('not in /home/agent/towns.db')",
        );
    });
    fails_only(Gate::Robust, &path.unwrap(), "/home/agent/towns.db");
}

#[test]
fn isolation_refuses_sessions_that_meet() {
    // Admitted code cannot meet across sessions, so the gate is shown an engine that mixes two of them up.
    let report = crate::mixed_up::check(&towns()).unwrap();
    let failures: Vec<_> = report.failures().map(|(gate, reason)| (gate, reason.to_owned())).collect();
    assert!(
        failures.iter().any(|(gate, reason)| *gate == Gate::Isolation && reason.contains("beside it")),
        "{failures:#?}"
    );
}
