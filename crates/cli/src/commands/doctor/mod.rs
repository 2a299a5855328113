//! `astra doctor`: what this machine can do. Looks at everything before it says what is missing.

mod models;

use crate::Context;
use crate::engine::options;
use crate::failure::{self, ExitStatus};
use astra_sandbox::{
    EngineOptions, Isolation, Program, PythonEngine, Requirement, SandboxError, ToolEngine, ToolSource,
    find_python,
};
use clap::Args;
use serde::Serialize;
use std::time::Duration;

/// Warm calls whose median is shown.
const CALLS: usize = 200;

/// Arguments of `doctor`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra doctor")]
pub(crate) struct DoctorArguments {
    /// Ask every model of the settings one question instead
    #[arg(long)]
    models: bool,
}

#[derive(Debug, Serialize)]
struct Diagnosis {
    version: &'static str,
    revision: Option<String>,
    cores: usize,
    memory_mib: Option<u64>,
    python: Option<Python>,
    protections: Vec<Layer>,
    calls: Vec<Latency>,
    /// What keeps astra from working here; empty means that all is well.
    problems: Vec<String>,
    hints: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Python {
    path: String,
    version: String,
}

#[derive(Debug, Serialize)]
struct Layer {
    name: String,
    enforced: bool,
    why_not: Option<String>,
}

#[derive(Debug, Serialize)]
struct Latency {
    class: &'static str,
    works: bool,
    /// Wall time of a warm call, median.
    wall_us: Option<f64>,
    /// CPU time of the worker in it, median.
    cpu_us: Option<f64>,
    error: Option<String>,
}

/// Looks.
pub(crate) fn run(arguments: &DoctorArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    if arguments.models {
        return models::run(context);
    }
    let diagnosis = diagnose(context);
    if context.printer.json {
        context.printer.json(&diagnosis)?;
    } else {
        context.printer.data(describe(&diagnosis))?;
        diagnosis.hints.iter().for_each(|hint| context.printer.hint(hint));
    }
    Ok(ExitStatus::of_input(diagnosis.problems.is_empty()))
}

fn diagnose(context: &Context) -> Diagnosis {
    let mut diagnosis = Diagnosis {
        version: env!("CARGO_PKG_VERSION"),
        revision: crate::embedded::revision(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory_mib: memory_mib(),
        python: None,
        protections: Vec::new(),
        calls: Vec::new(),
        problems: Vec::new(),
        hints: Vec::new(),
    };
    match find_python(context.settings.python.as_deref()) {
        Ok(python) => {
            diagnosis.python =
                Some(Python { path: python.path.display().to_string(), version: python.version });
        }
        Err(error) => {
            diagnosis.refuse(&error);
            return diagnosis;
        }
    }
    // Started with what there is, so that every layer can be reported; what is missing is judged below.
    let lenient = EngineOptions { require: Requirement::AcceptMissing, ..options(&context.settings, 0) };
    let engine = match PythonEngine::start(lenient) {
        Ok(engine) => engine,
        Err(error) => {
            diagnosis.refuse(&error);
            return diagnosis;
        }
    };
    for layer in &engine.protections().layers {
        diagnosis.protections.push(Layer {
            name: layer.layer.clone(),
            enforced: layer.missing.is_none(),
            why_not: layer.missing.clone(),
        });
    }
    let missing = engine.protections().missing();
    if !missing.is_empty() && !context.settings.accept_missing_protections {
        diagnosis.refuse(&SandboxError::ProtectionMissing { missing });
    }
    for (class, isolation) in [("shared", Isolation::Shared), ("private", Isolation::Private)] {
        let latency = try_calls(&engine, class, isolation);
        if let Some(error) = &latency.error {
            diagnosis.problems.push(format!("a call in class `{class}` fails: {error}"));
        }
        diagnosis.calls.push(latency);
    }
    diagnosis
}

impl Diagnosis {
    fn refuse(&mut self, error: &SandboxError) {
        self.problems.push(error.to_string());
        self.hints
            .extend(failure::Hint::hints(error).into_iter().filter(|hint| !hint.contains("astra doctor")));
    }
}

fn try_calls(engine: &PythonEngine, class: &'static str, isolation: Isolation) -> Latency {
    match measure(engine, isolation) {
        Ok((wall, cpu)) => Latency {
            class,
            works: true,
            wall_us: Some(micros(wall)),
            cpu_us: Some(micros(cpu)),
            error: None,
        },
        Err(error) => Latency { class, works: false, wall_us: None, cpu_us: None, error: Some(error) },
    }
}

fn measure(engine: &PythonEngine, isolation: Isolation) -> Result<(Duration, Duration), String> {
    let text = |error: SandboxError| error.to_string();
    let tool = ToolSource {
        name: "add".to_owned(),
        code: "def add(a: int, b: int) -> dict:\n    return {\"sum\": a + b}\n".into(),
        entry: "add".to_owned(),
        isolation,
    };
    let program = engine.load(&Program { tools: vec![tool], ..Program::default() }).map_err(text)?;
    let session = engine.open(&program, 0).map_err(text)?;
    let arguments = serde_json::json!({"a": 19, "b": 23});
    let arguments = arguments.as_object().cloned().unwrap_or_default();
    let mut times = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let outcome = engine.call(&session, "add", &arguments).map_err(text)?;
        match &outcome.result {
            Ok(result) if result["sum"] == 42 => times.push((outcome.wall, outcome.cpu)),
            Ok(result) => return Err(format!("19 + 23 gave {result}")),
            Err(error) => return Err(error.to_string()),
        }
    }
    let median = |pick: fn(&(Duration, Duration)) -> Duration| {
        let mut sorted: Vec<Duration> = times.iter().map(pick).collect();
        sorted.sort();
        sorted[sorted.len() / 2]
    };
    Ok((median(|times| times.0), median(|times| times.1)))
}

fn micros(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e7).round() / 10.0
}

/// Total memory of the machine.
pub(crate) fn memory_mib() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? >> 10)
}

fn describe(diagnosis: &Diagnosis) -> String {
    let revision = diagnosis.revision.as_deref().map_or(String::new(), |revision| format!(" ({revision})"));
    let memory =
        diagnosis.memory_mib.map_or("unknown memory".to_owned(), |mib| format!("{mib} MiB of memory"));
    let mut lines = vec![
        format!("astra    {}{revision}", diagnosis.version),
        format!("machine  {} cores, {memory}", diagnosis.cores),
    ];
    match &diagnosis.python {
        Some(python) => lines.push(format!("python   {} at {}", python.version, python.path)),
        None => lines.push("python   none that can be used".to_owned()),
    }
    if !diagnosis.protections.is_empty() {
        lines.push("protections".to_owned());
    }
    for layer in &diagnosis.protections {
        let state = layer.why_not.as_ref().map_or("enforced".to_owned(), |why| format!("MISSING: {why}"));
        lines.push(format!("  {}: {state}", layer.name));
    }
    if !diagnosis.calls.is_empty() {
        lines.push("a warm call".to_owned());
    }
    for call in &diagnosis.calls {
        match (call.wall_us, call.cpu_us) {
            (Some(wall), Some(cpu)) => {
                lines.push(format!("  {}: {wall} µs, of which {cpu} µs CPU in the worker", call.class));
            }
            _ => lines.push(format!("  {}: FAILS: {}", call.class, call.error.as_deref().unwrap_or("?"))),
        }
    }
    if diagnosis.problems.is_empty() {
        lines.push("all is well".to_owned());
    } else {
        lines.push("problems".to_owned());
        lines.extend(diagnosis.problems.iter().map(|problem| format!("  {problem}")));
    }
    lines.join("\n")
}
