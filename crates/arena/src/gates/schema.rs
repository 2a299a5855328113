//! `schema`: names, schemas, signatures, gold arguments; and that the code loads at all.

use super::Measurements;
use crate::arena::{Arena, ArenaError, properties, required};
use astra_protocol::ArenaSpec;
use astra_sandbox::{ParameterKind, SandboxError};
use std::collections::BTreeSet;

/// What is wrong with the documents themselves, before any code is loaded.
pub(crate) fn of_documents(spec: &ArenaSpec) -> Vec<String> {
    let mut failures = Vec::new();
    let mut seen = BTreeSet::new();
    for tool in &spec.tools {
        let name = &tool.doc.name;
        if !seen.insert(name) {
            failures.push(format!("two tools are named `{name}`"));
        }
        let valid = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || name.len() > 64 || !name.chars().all(valid) {
            failures.push(format!("tool name `{name}` is not 1–64 of letters, digits, `_` and `-`"));
        }
        match tool.doc.schema() {
            Err(error) => failures.push(format!("tool `{name}`: `parameters` is not JSON: {error}")),
            Ok(schema) => {
                if let Err(error) = jsonschema::meta::validate(&schema) {
                    failures.push(format!("tool `{name}`: `parameters` is not a valid JSON Schema: {error}"));
                } else if schema.get("type").and_then(serde_json::Value::as_str) != Some("object") {
                    failures.push(format!("tool `{name}`: `parameters` must be of type `object`"));
                }
                for missing in
                    required(&schema).filter(|name| properties(&schema).all(|(known, _)| known != name))
                {
                    failures.push(format!("tool `{name}`: required parameter `{missing}` is not described"));
                }
            }
        }
    }
    if spec.tools.is_empty() {
        failures.push("there are no tools".into());
    }
    failures
}

/// Why the code could not be loaded, in words.
pub(crate) fn load_failure(error: &ArenaError) -> String {
    match error {
        ArenaError::Sandbox(error) => format!("code does not load: {error}"),
        ArenaError::Spec(_)
        | ArenaError::Schema { .. }
        | ArenaError::MissingData { .. }
        | ArenaError::Embed(_) => error.to_string(),
    }
}

/// Where a tool's document and its entry function disagree.
pub(crate) fn of_signatures(arena: &Arena) -> Vec<String> {
    let mut failures = Vec::new();
    for (compiled, facts) in arena.tools.iter().zip(arena.loaded.tools()) {
        let name = &compiled.name;
        let open_ended = facts.parameters.iter().any(|known| known.kind == ParameterKind::VariableKeyword);
        let named = |property: &str| {
            facts.parameters.iter().any(|known| known.name == property && by_name(known.kind))
        };
        for (property, _) in properties(&compiled.schema) {
            if !open_ended && !named(property) {
                failures.push(format!("tool `{name}`: its function takes no parameter `{property}`"));
            }
        }
        let must_be_given = facts.parameters.iter().filter(|known| by_name(known.kind) && !known.has_default);
        for parameter in must_be_given.map(|known| known.name.as_str()) {
            let documented = properties(&compiled.schema).any(|(property, _)| property == parameter);
            if !documented {
                failures.push(format!(
                    "tool `{name}`: parameter `{parameter}` of its function is not in the schema"
                ));
            } else if !required(&compiled.schema).any(|known| known == parameter) {
                failures.push(format!(
                    "tool `{name}`: parameter `{parameter}` has no default, so the schema must require it"
                ));
            }
        }
        failures.extend(hostile(arena, name));
        if facts.takes_state && arena.spec.state.is_none() {
            failures.push(format!("tool `{name}` takes `state`, and the arena has none"));
        }
    }
    failures
}

/// Modules and functions that have no use in a tool: the sandbox always refuses processes, sockets and native memory.
const HOSTILE: [&str; 24] = [
    "subprocess",
    "socket",
    "ctypes",
    "multiprocessing",
    "pty",
    "mmap",
    "fcntl",
    "resource",
    "ssl",
    "http.client",
    "http.server",
    "urllib.request",
    "ftplib",
    "smtplib",
    "requests",
    "os.system",
    "os.popen",
    "os.fork",
    "os.exec",
    "os.spawn",
    "os.kill",
    "os._exit",
    "os.posix_spawn",
    "_thread",
];

/// Why a tool's code is taken for an attack rather than a tool.
fn hostile(arena: &Arena, tool: &str) -> Option<String> {
    let rejection = arena.loaded.rejections().iter().find(|rejection| {
        let mut named = rejection.reason.split('`').skip(1).step_by(2);
        rejection.tool == tool
            && named.any(|name| {
                HOSTILE.iter().any(|known| {
                    let inside = name.strip_prefix(known);
                    // `os.exec` stands for its whole family (`os.execve`); modules for what is in them.
                    inside.is_some_and(|rest| {
                        rest.is_empty() || rest.starts_with('.') || known.starts_with("os.")
                    })
                })
            })
    })?;
    Some(format!(
        "tool `{tool}`: line {} of its code reaches for the system ({}), which the sandbox always refuses",
        rejection.line, rejection.reason
    ))
}

/// Calls pass arguments by name only.
fn by_name(kind: ParameterKind) -> bool {
    match kind {
        ParameterKind::Ordinary | ParameterKind::KeywordOnly => true,
        ParameterKind::PositionalOnly
        | ParameterKind::VariablePositional
        | ParameterKind::VariableKeyword => false,
    }
}

/// Whether loading failed because of the tools' code or data, not because of the machine.
pub(crate) fn is_code_failure(error: &SandboxError) -> bool {
    match error {
        SandboxError::Compile { .. }
        | SandboxError::EntryMissing { .. }
        | SandboxError::Body { .. }
        | SandboxError::Input { .. } => true,
        SandboxError::PythonMissing { .. }
        | SandboxError::PythonTooOld { .. }
        | SandboxError::PythonUnusable { .. }
        | SandboxError::ProtectionMissing { .. }
        | SandboxError::UnknownTool { .. }
        | SandboxError::RebuildMismatch { .. }
        | SandboxError::ForeignSession
        | SandboxError::Worker { .. }
        | SandboxError::NotRebuilt { .. }
        | SandboxError::System { .. } => false,
    }
}

/// Gold calls whose references or arguments do not fit.
pub(crate) fn of_gold(arena: &Arena, measured: &Measurements) -> Vec<String> {
    let mut failures = Vec::new();
    for step in &measured.replay.steps {
        match &step.arguments {
            Err(error) => failures.push(format!("gold call `{}`: {error}", step.id)),
            Ok(arguments) => {
                let problems =
                    arena.compiled(&step.tool).map(|tool| tool.problems(arguments)).unwrap_or_default();
                failures.extend(problems.iter().map(|problem| format!("gold call `{}`: {problem}", step.id)));
            }
        }
    }
    failures
}
