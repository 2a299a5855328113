//! Nothing that a tool of the shared class can name leads out of its session.

use crate::support::Outcome;
use astra_sandbox::find_python;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

fn walk() -> Outcome<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(find_python(None)?.path)
        .arg("-S")
        .arg(root.join("tests/it/walk.py"))
        .arg(root.join("src/python"))
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    serde_json::from_str(&text).map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned().into())
}

#[test]
fn no_admitted_attribute_leads_to_a_module_or_to_something_shared_and_mutable() {
    let found = walk().unwrap();
    assert!(found["walked"].as_u64().unwrap() > 2000, "{found}");
    let problems: Vec<&str> =
        found["problems"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
