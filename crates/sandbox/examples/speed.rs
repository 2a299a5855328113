//! CPU time of one warm call, host and worker together, in both isolation classes; then what a session costs.
#![expect(clippy::print_stdout, reason = "an example that prints its measurements")]

use astra_sandbox::{DataFile, EngineOptions, Isolation, Program, PythonEngine, ToolEngine, ToolSource};
use std::time::{Duration, Instant};

const CODE: &str = r#"
import json
from datetime import datetime

ORDERS = {"A-1": {"status": "shipped", "total": 120.5, "items": ["lamp", "desk"]},
          "A-2": {"status": "open", "total": 15.25, "items": ["pen"]}}


def order_status(order_id, verbose=False):
    """Looks an order up."""
    order = ORDERS.get(order_id)
    if order is None:
        return {"error": f"no order {order_id}"}
    answer = {"order_id": order_id, "status": order["status"], "total": round(order["total"] * 1.19, 2)}
    if verbose:
        answer["items"] = sorted(order["items"])
    return answer
"#;

fn own_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Memory of sessions that are each of a program of their own, with 8 KiB of data.
fn distinct(engine: &PythonEngine, count: u64) -> Result<(), Box<dyn std::error::Error>> {
    // A first session, so that the worker itself is not counted.
    let tool = ToolSource {
        name: "f".into(),
        code: "def f():\n    return 1\n".into(),
        entry: "f".into(),
        isolation: Isolation::Shared,
    };
    let _first = engine.open(&engine.load(&Program { tools: vec![tool], ..Program::default() })?, 0)?;
    let before = engine.statistics().resident_bytes;
    let rows: Vec<String> =
        (0..160).map(|row| format!("{{\"id\":{row},\"name\":\"entry number {row}\"}}")).collect();
    let json: std::sync::Arc<[u8]> = format!("[{}]", rows.join(",")).into_bytes().into();
    let mut opened = Vec::new();
    for number in 0..count {
        let code = format!("NUMBER = {number}\n{CODE}");
        let isolation = Isolation::Shared;
        let tool =
            ToolSource { name: "status".into(), code: code.into(), entry: "order_status".into(), isolation };
        let data = vec![DataFile { name: "rows".into(), json: json.clone() }];
        opened.push(engine.open(&engine.load(&Program { tools: vec![tool], data, state: None })?, number)?);
    }
    let grown = engine.statistics().resident_bytes.saturating_sub(before);
    println!(
        "{count} sessions of distinct programs, {} bytes of data each: {} KiB each",
        json.len(),
        grown / 1024 / count
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let calls: u32 = std::env::args().nth(1).map_or(Ok(20_000), |text| text.parse())?;
    let python = std::env::args().nth(2).map(Into::into);
    let engine =
        PythonEngine::start(EngineOptions { python, shared_workers: 1, ..EngineOptions::default() })?;
    println!("python {}, all protections: {}", engine.python_version(), engine.protections().complete());
    let arguments = serde_json::from_str(r#"{"order_id": "A-1", "verbose": true}"#)?;
    for isolation in [Isolation::Shared, Isolation::Private] {
        let tool =
            ToolSource { name: "status".into(), code: CODE.into(), entry: "order_status".into(), isolation };
        let program = engine.load(&Program { tools: vec![tool], ..Program::default() })?;
        let session = engine.open(&program, 1)?;
        for _ in 0..500 {
            engine.call(&session, "status", &arguments)?.result?;
        }
        let mut walls = Vec::new();
        let before = own_cpu() + engine.statistics().worker_cpu;
        let mut inside = Duration::ZERO;
        for _ in 0..calls {
            let outcome = engine.call(&session, "status", &arguments)?;
            outcome.result?;
            inside += outcome.cpu;
            walls.push(outcome.wall);
        }
        let spent = (own_cpu() + engine.statistics().worker_cpu).saturating_sub(before);
        walls.sort_unstable();
        println!(
            "{:?}: {:.1} us CPU a call (in the tool's worker, within the call: {:.1}), wall p50 {:?} p99 {:?}",
            program.isolation(),
            spent.as_secs_f64() * 1e6 / f64::from(calls),
            inside.as_secs_f64() * 1e6 / f64::from(calls),
            walls[walls.len() / 2],
            walls[walls.len() * 99 / 100],
        );
        let count: usize = if isolation == Isolation::Shared { 10_000 } else { 50 };
        let resident = engine.statistics().resident_bytes;
        let mut opened = Vec::new();
        let mut times = Vec::new();
        for seed in 0..count {
            let began = Instant::now();
            opened.push(engine.open(&program, seed as u64)?);
            times.push(began.elapsed());
        }
        times.sort_unstable();
        let grown = engine.statistics().resident_bytes.saturating_sub(resident);
        println!(
            "{:?}: {count} sessions opened, p50 {:?} p99 {:?}, {} KiB of worker memory each",
            program.isolation(),
            times[count / 2],
            times[count * 99 / 100],
            grown / 1024 / count as u64,
        );
    }
    drop(engine);
    distinct(&PythonEngine::start(EngineOptions { shared_workers: 1, ..EngineOptions::default() })?, 2000)?;
    Ok(())
}
