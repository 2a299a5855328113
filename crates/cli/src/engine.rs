//! Starting the sandbox from settings: one engine to play on, two more under other hash seeds for the gates.

use crate::Context;
use crate::settings::Settings;
use astra_arena::Runtime;
use astra_arena::gates::Gatekeeper;
use astra_sandbox::{EngineOptions, Limits, PythonEngine, Requirement};
use std::sync::Arc;

/// Hash seeds under which `determinism` repeats replays.
const OTHER_HASH_SEEDS: [u32; 2] = [1, 2];

/// An engine with the runtime over it.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    pub(crate) python: Arc<PythonEngine>,
    pub(crate) runtime: Runtime,
}

/// The options that settings mean.
pub(crate) fn options(settings: &Settings, hash_seed: u32) -> EngineOptions {
    let limits = Limits {
        wall: settings.sandbox.wall,
        cpu: settings.sandbox.cpu,
        memory_bytes: settings.sandbox.memory_bytes,
        output_bytes: settings.sandbox.output_bytes,
        ..Limits::default()
    };
    EngineOptions {
        python: settings.python.clone(),
        limits,
        hash_seed,
        shared_workers: settings.threads.get(),
        require: if settings.accept_missing_protections {
            Requirement::AcceptMissing
        } else {
            Requirement::All
        },
        ..EngineOptions::default()
    }
}

/// Starts the engine that plays.
pub(crate) fn start(context: &Context) -> anyhow::Result<Engine> {
    let python = Arc::new(PythonEngine::start(options(&context.settings, 0))?);
    for missing in python.protections().missing() {
        context.printer.warn(format!("not enforced on this system: {missing}"));
    }
    context.printer.detail(format!("sandbox: CPython {}", python.python_version()));
    Ok(Engine { runtime: Runtime::new(python.clone()), python })
}

/// Starts the engines of the gates.
pub(crate) fn gatekeeper(context: &Context) -> anyhow::Result<(Engine, Gatekeeper)> {
    let engine = start(context)?;
    let mut others = Vec::new();
    for hash_seed in OTHER_HASH_SEEDS {
        let options = EngineOptions { shared_workers: 1, ..options(&context.settings, hash_seed) };
        others.push(Runtime::new(Arc::new(PythonEngine::start(options)?)));
    }
    let gatekeeper = Gatekeeper::new(engine.runtime.clone(), others, engine.python.python_version());
    Ok((engine, gatekeeper))
}
