//! `astra arenas bench`: what a tool call costs on this machine, against a fresh `python3` process per call.
//!
//! Both are measured in the same run on the same tools and the same interpreter, in interleaved rounds, so that a busy
//! machine slows them alike. CPU time counts this process and the sandbox's workers; ratios are of CPU time.

mod cases;
mod core;
mod cost;
mod memory;
mod processes;
mod stopping;

use crate::Context;
use crate::commands::doctor::memory_mib;
use crate::embedded::revision;
use crate::failure::ExitStatus;
use crate::table::Table;
use astra_sandbox::{Isolation, find_python};
use cases::Case;
use clap::Args;
use serde::Serialize;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `bench`.
#[derive(Args, Debug)]
#[command(after_help = "Example: astra arenas bench --json --quick")]
pub(crate) struct BenchArguments {
    /// Fewer rounds and sessions: a look, not a measurement
    #[arg(long)]
    quick: bool,
    /// Folder of tools (NAME.py with NAME.json) instead of the 66 that the binary carries
    #[arg(long, value_name = "DIR")]
    tools: Option<PathBuf>,
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
struct Effort {
    rounds: usize,
    /// Passes over all calls of all tools, a round.
    passes: usize,
    /// Sessions opened and reset for their times.
    sessions: usize,
    /// Open episodes whose memory is measured, shared then private.
    shared_episodes: &'static [usize],
    private_episodes: &'static [usize],
}

const FULL: Effort = Effort {
    rounds: 5,
    passes: 12,
    sessions: 1_000,
    shared_episodes: &[1_000, 10_000],
    private_episodes: &[100, 1_000],
};
const QUICK: Effort =
    Effort { rounds: 1, passes: 3, sessions: 100, shared_episodes: &[1_000], private_episodes: &[50] };

/// Half and 99 of 100 are faster than this, in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Quantiles {
    p50: f64,
    p99: f64,
}

/// What one way of calling tools costs.
#[derive(Debug, Serialize)]
struct ClassResult {
    /// Warm calls a second of CPU time, this process and workers together.
    calls_per_cpu_s: f64,
    /// How many times that of a fresh process per call.
    ratio_to_process: f64,
    cpu_us_per_call: f64,
    /// Of which this process; the rest is the sandbox's, the tools' own computing included.
    host_cpu_us_per_call: f64,
    call_wall_us: Quantiles,
    /// Tools with the longest calls, with the mean wall time of each in microseconds.
    slowest_tools: Vec<(String, f64)>,
    /// Warm calls a second, one thread and one worker.
    calls_per_s_one_core: f64,
    /// Warm calls a second, two threads with a worker each.
    calls_per_s_two_cores: f64,
    /// From nothing to the first answer.
    cold_start_ms: f64,
    /// Load, open and first call of a tool never seen before.
    cold_tool_us: Quantiles,
    /// A new session of a loaded tool.
    new_session_us: Quantiles,
    reset_us: Quantiles,
    memory: Vec<memory::Memory>,
    /// Worst time from a limit to the tool being stopped.
    limit_to_stopped_ms: f64,
    stopped: Vec<stopping::Stopped>,
    /// Tools measured in this class.
    tools: usize,
}

/// What a fresh process per call costs.
#[derive(Clone, Copy, Debug, Serialize)]
struct ProcessResult {
    calls_per_cpu_s: f64,
    cpu_us_per_call: f64,
    call_wall_us: Quantiles,
}

/// Measures.
pub(crate) fn run(arguments: &BenchArguments, context: &Context) -> anyhow::Result<ExitStatus> {
    let effort = if arguments.quick { QUICK } else { FULL };
    let cases = match &arguments.tools {
        Some(folder) => cases::read(folder)?,
        None => cases::embedded()?,
    };
    let python = find_python(context.settings.python.as_deref())?;
    context.printer.say(format!(
        "{} tools, CPython {}; nothing else should run now",
        cases.len(),
        python.version
    ));
    if cfg!(debug_assertions) {
        context
            .printer
            .warn("this is a debug build: its own share of the CPU time is several times too large");
    }
    let (shared_cases, refused) = cases::admitted(&cases, context)?;
    let costs = cost::measure(
        &[(Isolation::Shared, &shared_cases), (Isolation::Private, &cases)],
        &python,
        effort,
        context,
    )?;
    let mut results = Vec::new();
    for (cost, tools) in costs.classes.iter().zip([&shared_cases, &cases]) {
        results.push(finish(cost, tools, costs.process, effort, context)?);
    }
    let [shared, private] = results.as_slice() else {
        return Ok(ExitStatus::WeFailed);
    };
    if context.printer.json {
        context.printer.json(&json!({
            "shared": shared, "private": private, "process": costs.process, "tools": cases.len(),
            "not_admitted_to_shared": refused, "quick": arguments.quick, "debug_build": cfg!(debug_assertions),
            "machine": {
                "cores": std::thread::available_parallelism().map_or(1, usize::from), "memory_mib": memory_mib(),
                "python": python.version, "revision": revision(),
            },
        }))?;
    } else {
        context.printer.data(describe(shared, private, costs.process))?;
        for (tool, why) in refused {
            context.printer.detail(format!("{tool} is not admitted to shared: {why}"));
        }
    }
    Ok(ExitStatus::Done)
}

/// Adds what is measured once: memory and stopping.
fn finish(
    cost: &cost::ClassCost,
    cases: &[Case],
    process: ProcessResult,
    effort: Effort,
    context: &Context,
) -> anyhow::Result<ClassResult> {
    let episodes = match cost.isolation {
        Isolation::Shared => effort.shared_episodes,
        Isolation::Private => effort.private_episodes,
    };
    let stopped = stopping::measure(cost.isolation, context)?;
    let calls_per_cpu_s = 1e6 / cost.cpu_us;
    Ok(ClassResult {
        calls_per_cpu_s,
        ratio_to_process: calls_per_cpu_s / process.calls_per_cpu_s,
        cpu_us_per_call: cost.cpu_us,
        host_cpu_us_per_call: cost.host_us,
        call_wall_us: cost.wall,
        slowest_tools: cost.slowest.clone(),
        calls_per_s_one_core: cost.one_core,
        calls_per_s_two_cores: cost.two_cores,
        cold_start_ms: cost.cold_start_ms,
        cold_tool_us: cost.cold_tool,
        new_session_us: cost.new_session,
        reset_us: cost.reset,
        memory: memory::measure(cost.isolation, cases, episodes, context)?,
        limit_to_stopped_ms: stopped.iter().map(|one| one.over_ms).fold(0.0, f64::max),
        stopped,
        tools: cases.len(),
    })
}

fn describe(shared: &ClassResult, private: &ClassResult, process: ProcessResult) -> String {
    let mut table = Table::new(&["", "shared", "private", "process per call"], 1..4);
    let mut row = |what: &str, of: &dyn Fn(&ClassResult) -> String, process: String| {
        table.row(vec![what.to_owned(), of(shared), of(private), process]);
    };
    let both = |quantiles: Quantiles| format!("{:.0} / {:.0}", quantiles.p50, quantiles.p99);
    let none = String::new;
    row(
        "calls per second of CPU",
        &|class| format!("{:.0}", class.calls_per_cpu_s),
        format!("{:.0}", process.calls_per_cpu_s),
    );
    row("times a process per call", &|class| format!("{:.0}×", class.ratio_to_process), "1×".to_owned());
    row(
        "CPU of a warm call, µs",
        &|class| format!("{:.1}", class.cpu_us_per_call),
        format!("{:.0}", process.cpu_us_per_call),
    );
    row("of which this process, µs", &|class| format!("{:.1}", class.host_cpu_us_per_call), none());
    row("wall of a warm call, µs, p50 / p99", &|class| both(class.call_wall_us), both(process.call_wall_us));
    row("calls per second, one core", &|class| format!("{:.0}", class.calls_per_s_one_core), none());
    row("calls per second, two cores", &|class| format!("{:.0}", class.calls_per_s_two_cores), none());
    row("cold start to first answer, ms", &|class| format!("{:.1}", class.cold_start_ms), none());
    row("tool never seen: load to answer, µs", &|class| both(class.cold_tool_us), none());
    row("new session of a loaded tool, µs", &|class| both(class.new_session_us), none());
    row("reset, µs", &|class| both(class.reset_us), none());
    row("worst time from limit to stopped, ms", &|class| format!("{:.0}", class.limit_to_stopped_ms), none());
    let mut lines = vec![table.to_string()];
    let slowest: Vec<String> =
        shared.slowest_tools.iter().map(|(tool, us)| format!("{tool} {us:.0} µs")).collect();
    lines.push(format!("the slowest tools, mean of a call: {}", slowest.join(", ")));
    for (name, class) in [("shared", shared), ("private", private)] {
        for memory in &class.memory {
            lines.push(format!("{name}: {memory}"));
        }
        let worst = class.stopped.iter().max_by(|a, b| a.over_ms.total_cmp(&b.over_ms));
        if let Some(worst) = worst {
            lines.push(format!(
                "{name}: slowest to stop is `{}`, {:.0} ms over its limit",
                worst.attack, worst.over_ms
            ));
        }
    }
    lines.join("\n")
}
