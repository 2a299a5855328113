//! Memory of open episodes: every one of another arena, with its own code and 8 KiB of data of its own.

use super::cases::Case;
use super::processes;
use crate::Context;
use crate::engine::options;
use astra_sandbox::{DataFile, EngineOptions, Isolation, PythonEngine, ToolEngine};
use serde::Serialize;
use serde_json::json;

/// Data of each episode.
const DATA_BYTES: usize = 8 << 10;

/// Memory over the baseline with so many episodes open.
#[derive(Debug, Serialize)]
pub(super) struct Memory {
    episodes: usize,
    /// Proportional share of the sandbox's processes; absent where the kernel does not tell.
    sandbox_mib: Option<f64>,
    /// This process: compiled arenas and call logs.
    host_mib: Option<f64>,
    kib_per_episode: Option<f64>,
}

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |value: Option<f64>| value.map_or("?".to_owned(), |value| format!("{value:.1}"));
        write!(
            f,
            "{} open episodes of distinct arenas: sandbox {} MiB, this process {} MiB, {} KiB each",
            self.episodes,
            shown(self.sandbox_mib),
            shown(self.host_mib),
            shown(self.kib_per_episode)
        )
    }
}

/// Opens episodes up to each of the counts and reads the memory there.
pub(super) fn measure(
    isolation: Isolation,
    cases: &[Case],
    counts: &[usize],
    context: &Context,
) -> anyhow::Result<Vec<Memory>> {
    let engine = PythonEngine::start(EngineOptions { shared_workers: 1, ..options(&context.settings, 0) })?;
    if let Some(case) = cases.first() {
        // The workers are up and have served one session.
        engine.close(engine.open(&engine.load(&case.program(isolation, None))?, 0)?);
    }
    let baseline = (proportional(&engine), own());
    let mut open = Vec::new();
    let mut measured = Vec::new();
    let most = counts.last().copied().unwrap_or(0);
    let bar = context.printer.progress(most, "episodes");
    for at in 0..most {
        let case = &cases[at % cases.len()];
        let mut program = case.program(isolation, Some(at));
        program.data.push(DataFile { name: "rows".to_owned(), json: data(at).into() });
        let loaded = engine.load(&program)?;
        let session = engine.open(&loaded, at as u64)?;
        engine.call(&session, &case.name, &case.calls[0])?;
        open.push((loaded, session));
        bar.inc(1);
        if counts.contains(&open.len()) {
            measured.push(look(&engine, open.len(), baseline));
        }
    }
    bar.finish_and_clear();
    Ok(measured)
}

/// 8 KiB of JSON that no other episode has.
fn data(seed: usize) -> Vec<u8> {
    let row = |at: usize| json!({"id": seed * 1_000 + at, "name": format!("row {at} of {seed}")});
    let mut rows = Vec::new();
    let mut bytes = 2;
    for at in 0.. {
        let row = row(at);
        bytes += row.to_string().len() + 1;
        if bytes > DATA_BYTES {
            break;
        }
        rows.push(row);
    }
    json!(rows).to_string().into_bytes()
}

fn look(engine: &PythonEngine, episodes: usize, baseline: (Option<u64>, Option<u64>)) -> Memory {
    let over = |now: Option<u64>, before: Option<u64>| Some(now?.saturating_sub(before?) as f64);
    let sandbox = over(proportional(engine), baseline.0);
    let host = over(own(), baseline.1);
    Memory {
        episodes,
        sandbox_mib: sandbox.map(|kib| kib / 1024.0),
        host_mib: host.map(|kib| kib / 1024.0),
        kib_per_episode: sandbox.zip(host).map(|(sandbox, host)| (sandbox + host) / episodes as f64),
    }
}

/// Proportional set size of the sandbox's processes in KiB: pages that they share are counted once in all. `None`
/// where the kernel does not let us look.
fn proportional(engine: &PythonEngine) -> Option<u64> {
    let mut sum = 0;
    for pid in processes::of(engine) {
        match std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
            // A process that has ended since, or waits to be collected, holds no memory.
            Ok(text) => sum += kib(&text, "Pss:").unwrap_or(0),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return None,
            Err(_) => {}
        }
    }
    Some(sum)
}

/// Resident memory of this process.
fn own() -> Option<u64> {
    kib(&std::fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

/// `FIELD   123 kB` in a file of `/proc`.
fn kib(text: &str, field: &str) -> Option<u64> {
    text.lines().find(|line| line.starts_with(field))?.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_fill_eight_kib_and_differ() {
        let (first, second) = (data(1), data(2));
        assert!(first.len() <= DATA_BYTES && first.len() > DATA_BYTES - 100);
        assert_ne!(first, second);
        assert!(serde_json::from_slice::<serde_json::Value>(&first).is_ok());
    }
}
