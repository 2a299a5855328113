//! How long a tool that will not stop goes on after its limit.

use crate::Context;
use crate::engine::options;
use astra_sandbox::{
    EngineOptions, ErrorKind, Isolation, Limits, Program, PythonEngine, ToolEngine, ToolSource,
};
use serde::Serialize;
use serde_json::Map;
use std::sync::Arc;
use std::time::Duration;

/// CPU limit under which the attacks run; the wall limit lies above it.
const CPU: Duration = Duration::from_millis(300);
const WALL: Duration = Duration::from_millis(600);

/// Name, the limit that it meets, code. All are admitted to `shared`.
const ATTACKS: &[(&str, Duration, &str)] = &[
    ("endless loop", CPU, "def attack():\n    while True:\n        pass\n"),
    (
        "loop that swallows every exception",
        CPU,
        "def attack():\n    while True:\n        try:\n            while True:\n                pass\n        except BaseException:\n            pass\n",
    ),
    ("huge power", CPU, "def attack():\n    return 7 ** (10 ** 9)\n"),
    ("sum in C", CPU, "def attack():\n    return sum(range(10 ** 12))\n"),
    (
        "catastrophic regex",
        CPU,
        "import re\ndef attack():\n    return bool(re.match(r'(a+)+$', 'a' * 64 + 'b'))\n",
    ),
    (
        "string repeated",
        CPU,
        "def attack():\n    text = 'x'\n    while True:\n        text = (text * 2)[:1000000]\n",
    ),
];

/// One attack.
#[derive(Debug, Serialize)]
pub(super) struct Stopped {
    pub(super) attack: &'static str,
    /// The error that the agent reads.
    error: String,
    /// Time from the limit to the answer.
    pub(super) over_ms: f64,
}

/// Runs the attacks.
pub(super) fn measure(isolation: Isolation, context: &Context) -> anyhow::Result<Vec<Stopped>> {
    let limits = Limits { cpu: CPU, wall: WALL, ..options(&context.settings, 0).limits };
    let engine =
        PythonEngine::start(EngineOptions { limits, shared_workers: 1, ..options(&context.settings, 0) })?;
    let mut stopped = Vec::new();
    for (attack, limit, code) in ATTACKS {
        let tool = ToolSource {
            name: "attack".to_owned(),
            code: Arc::from(*code),
            entry: "attack".to_owned(),
            isolation,
        };
        let loaded = engine.load(&Program { tools: vec![tool], ..Program::default() })?;
        let session = engine.open(&loaded, 0)?;
        let outcome = engine.call(&session, "attack", &Map::new())?;
        let error = outcome.result.err().map(|error| error.kind);
        let limits = [ErrorKind::TimeLimit, ErrorKind::CpuLimit, ErrorKind::MemoryLimit];
        anyhow::ensure!(error.is_some_and(|kind| limits.contains(&kind)), "`{attack}` ended with {error:?}");
        let over = outcome.wall.saturating_sub(*limit);
        let error = error.map_or(String::new(), |kind| format!("{kind:?}"));
        stopped.push(Stopped { attack, error, over_ms: over.as_secs_f64() * 1e3 });
    }
    Ok(stopped)
}
