//! The tools that are measured: code, entry and calls, from the binary or from a folder.

use crate::Context;
use crate::embedded::BENCH_TOOLS;
use crate::engine::options;
use crate::failure::InputError;
use astra_sandbox::{Isolation, Program, PythonEngine, ToolEngine, ToolSource};
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use std::path::Path;
use std::sync::Arc;

/// One tool with its calls.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) code: Arc<str>,
    pub(super) entry: String,
    pub(super) state: Option<String>,
    pub(super) calls: Vec<Map<String, Json>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    entry: String,
    state: Option<Map<String, Json>>,
    calls: Vec<CallLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallLine {
    arguments: Map<String, Json>,
}

impl Case {
    fn new(name: &str, code: &str, description: &str) -> anyhow::Result<Self> {
        let Description { entry, state, calls } = serde_json::from_str(description)
            .map_err(|error| InputError::new(format!("bench tool `{name}.json`: {error}")))?;
        let calls = calls.into_iter().map(|call| call.arguments).collect();
        let state = state.map(|state| Json::Object(state).to_string());
        Ok(Self { name: name.to_owned(), code: code.into(), entry, state, calls })
    }

    /// The program of this tool. `mark` makes its source distinct from that of every other mark.
    pub(super) fn program(&self, isolation: Isolation, mark: Option<usize>) -> Program {
        let code =
            mark.map_or_else(|| Arc::clone(&self.code), |mark| format!("{}\n# {mark}\n", self.code).into());
        let tool = ToolSource { name: self.name.clone(), code, entry: self.entry.clone(), isolation };
        Program { tools: vec![tool], data: Vec::new(), state: self.state.clone() }
    }
}

/// The tools that the binary carries.
pub(super) fn embedded() -> anyhow::Result<Vec<Case>> {
    let text = |path: &str| {
        let found = BENCH_TOOLS.iter().find(|(name, _)| *name == path);
        found.and_then(|(_, bytes)| std::str::from_utf8(bytes).ok())
    };
    BENCH_TOOLS
        .iter()
        .filter_map(|(path, _)| path.strip_suffix(".json"))
        .filter_map(|name| Some((name, text(&format!("{name}.py"))?, text(&format!("{name}.json"))?)))
        .map(|(name, code, description)| Case::new(name, code, description))
        .collect()
}

/// The tools of a folder.
pub(super) fn read(folder: &Path) -> anyhow::Result<Vec<Case>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|kind| kind == "json") && path.with_extension("py").exists() {
            names.push(path);
        }
    }
    names.sort();
    if names.is_empty() {
        return Err(InputError::new(format!("`{}` holds no NAME.json with NAME.py", folder.display())).into());
    }
    names
        .iter()
        .map(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let code = std::fs::read_to_string(path.with_extension("py"))?;
            Case::new(&name, &code, &std::fs::read_to_string(path)?)
        })
        .collect()
}

/// Tool → why it is not admitted.
type Refused = Vec<(String, String)>;

/// The tools that the static gate admits to `shared`, and why it refuses the others.
pub(super) fn admitted(cases: &[Case], context: &Context) -> anyhow::Result<(Vec<Case>, Refused)> {
    let engine = PythonEngine::start(options(&context.settings, 0))?;
    let (mut admitted, mut refused) = (Vec::new(), Vec::new());
    for case in cases {
        let loaded = engine.load(&case.program(Isolation::Shared, None))?;
        match loaded.rejections().first() {
            None => admitted.push(case.clone()),
            Some(why) => refused.push((case.name.clone(), format!("line {}: {}", why.line, why.reason))),
        }
    }
    Ok((admitted, refused))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_carries_at_least_sixty_tools_with_calls() {
        let cases = embedded().unwrap();
        assert!(cases.len() >= 60, "{}", cases.len());
        assert!(cases.iter().all(|case| !case.calls.is_empty()));
    }
}
