//! Tools as models write them: the sandbox shows what plain CPython shows, and shares workers among most of them.

use crate::support::{Outcome, options};
use astra_sandbox::{
    EngineOptions, Isolation, Limits, Program, PythonEngine, ToolEngine, ToolSource, find_python,
};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs every tool as plain Python does and prints, per tool, the texts of its calls.
const PLAIN: &str = r#"
import json, pathlib, sys
out = {}
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.py")):
    case = json.loads(path.with_suffix(".json").read_text("utf-8"))
    space = {"__name__": "tool"}
    module = type(sys)("tool")
    module.__dict__.update(space)
    sys.modules["tool"] = module
    exec(compile(path.read_text("utf-8"), "<tool>", "exec", dont_inherit=True), module.__dict__)
    texts = []
    for call in case["calls"]:
        first = [] if case["state"] is None else [case["state"]]
        try:
            texts.append(str(module.__dict__[case["entry"]](*first, **call["arguments"])))
        except Exception as error:
            texts.append(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
    out[path.stem] = texts
    sys.modules["__kept__" + path.stem] = module
sys.__stdout__.write(json.dumps(out))
"#;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/tools-bench")
}

fn plainly() -> Outcome<Map<String, Value>> {
    let output = Command::new(find_python(None)?.path)
        .args(["-P", "-s", "-c", PLAIN])
        .arg(folder())
        .env_clear()
        .envs([("PYTHONHASHSEED", "0"), ("TZ", "UTC"), ("PYTHONUTF8", "1")])
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    // Tools may print; the last line is ours.
    let line = text.lines().last().ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    Ok(serde_json::from_str(line)?)
}

type Case = (String, Program, Vec<Map<String, Value>>);

fn tools() -> Outcome<Vec<Case>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder())? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "py") {
            continue;
        }
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        let case: Value = serde_json::from_slice(&std::fs::read(path.with_extension("json"))?)?;
        let tool = ToolSource {
            name: name.clone(),
            code: std::fs::read_to_string(&path)?.into(),
            entry: case["entry"].as_str().unwrap_or_default().to_owned(),
            isolation: Isolation::Shared,
        };
        let state = (!case["state"].is_null()).then(|| case["state"].to_string());
        let calls = case["calls"].as_array().into_iter().flatten();
        let calls = calls.filter_map(|call| call["arguments"].as_object().cloned()).collect();
        found.push((name, Program { tools: vec![tool], data: Vec::new(), state }, calls));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

/// Differences between the engine and plain Python, when every tool runs in `class`; and how many it admitted.
fn compare(class: Isolation) -> Outcome<(Vec<String>, usize, usize)> {
    let expected = plainly()?;
    let engine =
        PythonEngine::start(EngineOptions { return_text: true, limits: Limits::default(), ..options() })?;
    let (mut differences, mut admitted, mut count) = (Vec::new(), 0, 0);
    for (name, mut program, calls) in tools()? {
        count += 1;
        program.tools[0].isolation = class;
        let loaded = engine.load(&program)?;
        if loaded.rejections().is_empty() {
            admitted += 1;
        } else {
            println!("not admitted: {:?}", loaded.rejections());
        }
        let session = engine.open(&loaded, 3)?;
        for (number, arguments) in calls.iter().enumerate() {
            let outcome = engine.call(&session, &name, arguments)?;
            let shown = match &outcome.result {
                Ok(_) => outcome.text.unwrap_or_default(),
                Err(error) => error.message.clone(),
            };
            if Some(shown.as_str()) != expected[&name][number].as_str() {
                differences.push(format!("{name} call {number}: {shown} | {}", expected[&name][number]));
            }
        }
    }
    Ok((differences, admitted, count))
}

#[test]
fn bench_tools_give_the_text_of_plain_python_in_both_classes() {
    for class in [Isolation::Shared, Isolation::Private] {
        let (differences, admitted, count) = compare(class).unwrap();
        assert!(differences.is_empty(), "{class:?}: {}", differences.join("\n"));
        assert!(count >= 60, "{count} tools");
        assert!(admitted * 10 >= count * 9, "{admitted} of {count} admitted");
        println!("{class:?}: {count} tools equal to plain Python, {admitted} admitted to shared");
    }
}
