//! Tries in batches say what single sessions say, whatever happens in them.

use crate::support::{Outcome, arguments, engine, options, program};
use astra_sandbox::{
    CallOutcome, DataFile, EngineOptions, Isolation, LoadedProgram, Program, PythonEngine, SandboxError,
    Session, ToolEngine, Try,
};
use serde_json::{Map, Value, json};

/// The same engine without what it knows of batches.
struct OneByOne<'a>(&'a PythonEngine);

impl ToolEngine for OneByOne<'_> {
    fn load(&self, program: &Program) -> Result<LoadedProgram, SandboxError> {
        self.0.load(program)
    }

    fn open(&self, program: &LoadedProgram, seed: u64) -> Result<Session, SandboxError> {
        self.0.open(program, seed)
    }

    fn call(
        &self,
        session: &Session,
        tool: &str,
        arguments: &Map<String, Value>,
    ) -> Result<CallOutcome, SandboxError> {
        self.0.call(session, tool, arguments)
    }

    fn reset(&self, session: &Session) -> Result<(), SandboxError> {
        self.0.reset(session)
    }

    fn close(&self, session: Session) {
        self.0.close(session);
    }

    fn state(&self, session: &Session) -> Option<String> {
        self.0.state(session)
    }
}

/// What can be compared of an outcome: everything but times.
type Said = (Result<Value, String>, String, bool);

fn said(outcomes: Result<Vec<CallOutcome>, SandboxError>) -> Result<Vec<Said>, SandboxError> {
    let said = |outcome: CallOutcome| {
        let result = outcome.result.map_err(|error| format!("{:?}: {}", error.kind, error.message));
        (result, outcome.stdout, outcome.state_changed)
    };
    Ok(outcomes?.into_iter().map(said).collect())
}

/// Seed and calls of a try.
type Script = (u64, Vec<(&'static str, Map<String, Value>)>);

const TOOLS: &str = r#"
import random
from astra import data, new_id

count = 0

def step(state, by):
    global count
    count += by
    state["count"] = state.get("count", 0) + by
    print("at", count)
    return {"here": count, "state": state["count"], "id": new_id(state, "S", {"by": by})}

def spoil(name):
    rows = data("rows")
    rows.append({"name": name, "draw": random.random()})
    rows[0]["name"] = name
    return rows

def fail(how):
    if how == "raise":
        raise ValueError("no")
    if how == "loop":
        while True:
            pass
    if how == "print":
        print("x" * 10_000_000)
    if how == "sum":
        return sum(range(10 ** 12))
    if how == "nest":
        value = []
        for _ in range(200):
            value = [value]
        return value
    return {"wide": 10 ** 30, "count": count}
"#;

fn stateful() -> Program {
    let rows = DataFile {
        name: "rows".into(),
        json: br#"[{"name":"a","size":1.5},{"name":"b"}]"#.as_slice().into(),
    };
    Program {
        data: vec![rows],
        state: Some("{}".into()),
        ..program(TOOLS, &["step", "spoil", "fail"], Isolation::Shared)
    }
}

fn given(scripts: &[(u64, &[(&'static str, &str)])]) -> Outcome<Vec<Script>> {
    scripts
        .iter()
        .map(|(seed, calls)| {
            let calls = calls.iter().map(|(tool, text)| Ok((*tool, arguments(text)?)));
            Ok((*seed, calls.collect::<Outcome<Vec<_>>>()?))
        })
        .collect()
}

fn tries(scripts: &[Script]) -> Vec<Try<'_>> {
    scripts
        .iter()
        .map(|(seed, calls)| Try {
            seed: *seed,
            calls: calls.iter().map(|(tool, with)| (*tool, with)).collect(),
        })
        .collect()
}

const SCRIPTS: [(u64, &[(&str, &str)]); 13] = [
    (0, &[("step", r#"{"by": 1}"#)]),
    (0, &[("step", r#"{"by": 1}"#), ("step", r#"{"by": 2}"#)]),
    (7, &[("spoil", r#"{"name": "x"}"#), ("spoil", r#"{"name": "y"}"#)]),
    (0, &[("spoil", r#"{"name": "x"}"#)]),
    (0, &[("spoil", r#"{"name": "z"}"#)]),
    (0, &[("fail", r#"{"how": "raise"}"#), ("fail", r#"{"how": "wide"}"#)]),
    (0, &[("fail", r#"{"how": "print"}"#)]),
    (0, &[("step", r#"{"by": 4}"#), ("fail", r#"{"how": "loop"}"#), ("step", r#"{"by": 2}"#)]),
    (0, &[("step", r#"{"by": 4}"#), ("fail", r#"{"how": "nest"}"#), ("fail", r#"{"how": "wide"}"#)]),
    (0, &[("fail", r#"{"unknown": 1}"#)]),
    (0, &[("fail", r#"{"how": "sum"}"#)]),
    (0, &[("step", r#"{"by": "text"}"#)]),
    (3, &[("spoil", r#"{"name": "x"}"#)]),
];

#[test]
fn a_batch_says_what_single_sessions_say_limits_and_deaths_included() {
    let engine = engine().unwrap();
    let scripts = given(&SCRIPTS).unwrap();
    let single = engine.load(&stateful()).unwrap();
    let expected = said(OneByOne(&engine).try_all(&single, &tries(&scripts))).unwrap();
    let batched = engine.load(&stateful()).unwrap();
    let found = said(engine.try_all(&batched, &tries(&scripts))).unwrap();
    assert_eq!(found, expected);
    assert_eq!(batched.isolation(), single.isolation());
    assert_eq!(batched.isolation(), Isolation::Private, "one of the calls had to be killed");
    assert_eq!(engine.statistics().sessions, 0);
}

#[test]
fn a_neighbour_survives_the_death_of_a_batch() {
    let engine = engine().unwrap();
    let program = engine.load(&stateful()).unwrap();
    let neighbour = engine.open(&engine.load(&stateful()).unwrap(), 5).unwrap();
    engine.call(&neighbour, "step", &arguments(r#"{"by": 3}"#).unwrap()).unwrap();
    let deadly = given(&SCRIPTS[9..11]).unwrap();
    engine.try_all(&program, &tries(&deadly)).unwrap();
    let outcome = engine.call(&neighbour, "step", &arguments(r#"{"by": 1}"#).unwrap()).unwrap();
    assert_eq!(outcome.result.unwrap()["here"], 4);
}

#[test]
fn a_batch_is_several_frames_when_it_is_long() {
    let engine = engine().unwrap();
    let program = engine.load(&stateful()).unwrap();
    let long = "x".repeat(20_000);
    let calls: Vec<Map<String, Value>> = (0..300)
        .map(|number| json!({"name": format!("{number}{long}")}).as_object().cloned().unwrap())
        .collect();
    let tries: Vec<Try<'_>> =
        calls.iter().map(|call| Try { seed: 0, calls: vec![("spoil", call)] }).collect();
    let outcomes = engine.try_all(&program, &tries).unwrap();
    assert_eq!(outcomes.len(), calls.len());
    for (outcome, call) in outcomes.into_iter().zip(&calls) {
        assert_eq!(outcome.result.unwrap()[0]["name"], call["name"]);
    }
    assert_eq!(program.isolation(), Isolation::Shared);
}

#[test]
fn memory_that_a_try_keeps_is_noticed_in_a_batch_too() {
    let engine = engine().unwrap();
    let code = "kept = []\ndef keep(size):\n    kept.append(b'x' * size)\n    return len(kept)\n";
    let small = json!({"size": 10}).as_object().cloned().unwrap();
    let large = json!({"size": 60 << 20}).as_object().cloned().unwrap();
    let program = engine.load(&program(code, &["keep"], Isolation::Shared)).unwrap();
    let tries: Vec<Try<'_>> = [&small, &small, &large, &small]
        .into_iter()
        .map(|call| Try { seed: 0, calls: vec![("keep", call)] })
        .collect();
    for outcome in engine.try_all(&program, &tries[..2]).unwrap() {
        assert_eq!(outcome.result.unwrap(), 1);
    }
    assert_eq!(program.isolation(), Isolation::Shared);
    for outcome in engine.try_all(&program, &tries).unwrap() {
        assert_eq!(outcome.result.unwrap(), 1);
    }
    assert_eq!(program.isolation(), Isolation::Private);
}

#[test]
fn an_unknown_tool_is_an_error_in_a_batch_too() {
    let engine = engine().unwrap();
    let program = engine.load(&stateful()).unwrap();
    let none = Map::new();
    let tries = [Try { seed: 0, calls: vec![("nothing", &none)] }];
    let error = engine.try_all(&program, &tries).unwrap_err();
    assert!(matches!(error, SandboxError::UnknownTool { tool } if tool == "nothing"));
}

#[test]
fn an_adopted_program_runs_under_the_hash_seed_of_its_new_engine() {
    let code =
        "def order():\n    return ''.join({'alpha', 'beta', 'gamma', 'delta', 'epsilon'} | {'zeta'})\n";
    let first = engine().unwrap();
    let loaded = first.load(&program(code, &["order"], Isolation::Shared)).unwrap();
    let mut orders = std::collections::BTreeSet::new();
    for hash_seed in 0..4 {
        let engine = PythonEngine::start(EngineOptions { hash_seed, ..options() }).unwrap();
        let adopted = engine.adopt(&loaded).unwrap();
        let session = engine.open(&adopted, 0).unwrap();
        let outcome = engine.call(&session, "order", &Map::new()).unwrap();
        orders.insert(outcome.result.unwrap().as_str().unwrap().to_owned());
        assert_eq!(adopted.tools(), loaded.tools());
    }
    assert!(orders.len() > 1, "{orders:?}");
}
