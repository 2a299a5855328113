//! Gold calls, replayed by plain `python3` with a stand-in for the sandbox (`replay.py`): the generated code runs, and
//! every value stands where its goal says.

use super::shipped;
use astra_environments::{GenerateOptions, TableGroup, generate};
use std::io::Write as _;
use std::process::{Command, Stdio};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn replayed(group: &str, count: usize) -> Result<String> {
    let group = TableGroup::read(&shipped(group))?;
    let mut python = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/replay.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = python.stdin.take().ok_or("no pipe")?;
    for candidate in
        generate(&group, &GenerateOptions { seed: 21, stateful: 0, ..GenerateOptions::default() })?
            .take(count)
    {
        // An index without a candidate is counted elsewhere.
        let Ok(candidate) = candidate else { continue };
        if candidate.spec.state.is_some() || !candidate.spec.answerable {
            continue;
        }
        let data: Vec<&str> = candidate
            .data
            .iter()
            .map(|bytes| std::str::from_utf8(bytes))
            .collect::<std::result::Result<_, _>>()?;
        writeln!(input, "{}", serde_json::json!({"spec": candidate.spec, "data": data}))?;
    }
    drop(input);
    Ok(String::from_utf8(python.wait_with_output()?.stdout)?)
}

#[test]
fn gold_calls_return_what_the_goals_say() {
    for group in ["chemistry", "china_divisions", "currencies"] {
        let said = replayed(group, 150).unwrap();
        let count = said.strip_suffix(" replayed\n").and_then(|count| count.parse::<usize>().ok());
        assert!(count.is_some_and(|count| count >= 100), "{group}: {said}");
    }
}
