//! Requests a second of the client against an endpoint that answers at once, with the journal on, and what it holds in
//! memory. `compare.py` runs it beside the official Python client.
//!
//! ```text
//! cargo bench -p astra-agent --bench client -- [REQUESTS] [THREADS]    measures; prints one JSON object
//! cargo bench -p astra-agent --bench client -- --serve                 only answers, and prints its address
//! ```

use astra_agent::models::{Asking, Journal, Model, ModelSettings, Request};
use astra_testkit::{ModelServer, Reply, TestResult};
use serde_json::{Value as Json, json};
use std::io::{BufRead, stdin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// Letters of a prompt, about what a judge reads.
const PROMPT: usize = 4000;

fn main() -> TestResult {
    // `cargo bench` adds an argument of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|one| one != "--bench").collect();
    let text = "yes ".repeat(100);
    let server = ModelServer::start_forgetful(move |_: &Json, _| Reply::Says(text.clone()))?;
    if arguments.first().is_some_and(|one| one == "--serve") {
        say(&json!(server.url()));
        // Until whoever started it closes its input.
        for line in stdin().lock().lines() {
            drop(line?);
        }
        return Ok(());
    }
    let number = |at: usize, default: u64| arguments.get(at).map_or(Ok(default), |text| text.parse::<u64>());
    let (requests, threads) = (number(0, 20_000)?, number(1, 64)?);
    let folder = tempfile::tempdir()?;
    let asking = Asking {
        journal: Arc::new(Journal::open(&folder.path().join("journal.sqlite"))?),
        offline: false,
        stop: Arc::new(AtomicBool::new(false)),
    };
    let url = arguments.get(2).cloned().unwrap_or_else(|| server.url());
    let mut settings = ModelSettings::at(url, "scripted");
    settings.concurrency = usize::try_from(threads)?;
    let (model, _) = Model::open("teacher", settings, None, asking)?;
    let filler = "x".repeat(PROMPT);
    let next = AtomicU64::new(0);
    let half = AtomicU64::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        if at >= requests {
                            return Ok::<(), String>(());
                        }
                        if at == requests / 2 {
                            half.store(resident_kib(), Ordering::Relaxed);
                        }
                        let request = Request::of(format!("{at} {filler}"));
                        model.ask("bench", &request).map_err(|error| error.to_string())?;
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().map_err(|_| "a worker panicked".to_owned())?)
    })?;
    let seconds = began.elapsed().as_secs_f64();
    say(&json!({
        "requests": requests, "seconds": seconds, "requests_per_s": requests as f64 / seconds,
        "resident_half_way_kib": half.load(Ordering::Relaxed), "resident_at_the_end_kib": resident_kib(),
        "journal_answers": model.spent().answers,
    }));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the measurement is its output")]
fn say(what: &Json) {
    println!("{what}");
}

/// Memory that this process holds; 0 where the system does not tell.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse().ok()).unwrap_or(0)
}
