//! What tests of several crates share: one engine a test binary, and the hand-written arenas on it.
//!
//! A development tool: no crate that ships depends on it.

mod model_server;
pub mod synthesis;

pub use model_server::{ModelServer, Reply, completion};

use astra_arena::gates::Gatekeeper;
use astra_arena::{Arena, ArenaError, Runtime, hand};
use astra_protocol::ArenaSpec;
use astra_sandbox::{DataFile, EngineOptions, PythonEngine, SandboxError};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, OnceLock};

/// A test's failure: helpers return it, so that only `#[test]` functions unwrap.
pub type TestResult<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// The engine of this test binary, under hash seed 0, with its Python version.
pub fn runtime() -> Runtime {
    engines()[0].clone()
}

/// A gatekeeper over this test binary's engines (hash seeds 0, 1 and 2).
pub fn gatekeeper() -> Gatekeeper {
    let engines = engines();
    Gatekeeper::new(engines[0].clone(), engines[1..].to_vec(), "test")
}

#[expect(clippy::expect_used, reason = "a machine without a usable Python cannot run these tests at all")]
fn engines() -> &'static [Runtime] {
    static ENGINES: OnceLock<Vec<Runtime>> = OnceLock::new();
    ENGINES.get_or_init(|| {
        let start = |hash_seed| -> Result<Runtime, SandboxError> {
            let engine = PythonEngine::start(EngineOptions { hash_seed, ..EngineOptions::default() })?;
            Ok(Runtime::new(Arc::new(engine)))
        };
        (0..3).map(start).collect::<Result<_, _>>().expect("the sandbox starts")
    })
}

/// A hand-written arena with its data.
pub fn hand_written(name: &str) -> TestResult<(ArenaSpec, Vec<DataFile>)> {
    let arena = hand::find(name).ok_or_else(|| format!("there is no hand-written arena `{name}`"))?;
    let spec = arena.spec()?;
    let data = arena.data(&spec)?;
    Ok((spec, data))
}

/// A hand-written arena, compiled.
pub fn hand_written_arena(name: &str) -> TestResult<Arc<Arena>> {
    let (spec, data) = hand_written(name)?;
    Ok(runtime().load(spec, &data)?)
}

/// An arena from JSON, compiled.
pub fn arena_from(json: &serde_json::Value) -> Result<Arc<Arena>, ArenaError> {
    runtime().load(ArenaSpec::parse(&json.to_string())?, &[])
}

/// The interpreter of a virtual environment in which a package from the Python index is installed; `folder` is the
/// test's `CARGO_TARGET_TMPDIR`.
///
/// The environment's name carries the package (`name==version`), so that another version is installed anew.
pub fn python_with(package: &str, folder: &Path) -> TestResult<PathBuf> {
    let folder = folder.join(package.replace("==", "-"));
    let python = folder.join("bin/python");
    // Written last: an installation that was broken off has none.
    let done = folder.join("installed");
    if !done.exists() {
        let venv = Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder).output()?;
        succeeded(&venv, "`python3 -m venv`")?;
        let pip = Command::new(&python).args(["-m", "pip", "install", "--quiet", package]).output()?;
        succeeded(
            &pip,
            &format!("`pip install {package}`, which this test needs an index of packages for,"),
        )?;
        std::fs::write(&done, "")?;
    }
    Ok(python)
}

/// What a program printed; an error with everything that it said where it failed.
pub fn succeeded(output: &Output, who: &str) -> TestResult<String> {
    let said = |bytes| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(said(&output.stdout));
    }
    Err(format!("{who} failed with {}:\n{}{}", output.status, said(&output.stdout), said(&output.stderr))
        .into())
}
