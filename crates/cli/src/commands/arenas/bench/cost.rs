//! Time: warm calls, cold tools, sessions, resets, and a fresh process per call, in interleaved rounds.

use super::cases::Case;
use super::core::OneCore;
use super::{Effort, ProcessResult, Quantiles, processes};
use crate::Context;
use crate::engine::options;
use anyhow::Context as _;
use astra_sandbox::{EngineOptions, Isolation, Program, PythonEngine, PythonInfo, Session, ToolEngine};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Tools named as the slowest.
const SLOWEST: usize = 5;

/// What a class costs, without memory.
#[derive(Debug)]
pub(super) struct ClassCost {
    pub(super) isolation: Isolation,
    pub(super) cpu_us: f64,
    /// Of which this process.
    pub(super) host_us: f64,
    pub(super) wall: Quantiles,
    pub(super) slowest: Vec<(String, f64)>,
    pub(super) one_core: f64,
    pub(super) two_cores: f64,
    pub(super) cold_start_ms: f64,
    pub(super) cold_tool: Quantiles,
    pub(super) new_session: Quantiles,
    pub(super) reset: Quantiles,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Costs {
    pub(super) classes: Vec<ClassCost>,
    pub(super) process: ProcessResult,
}

/// What the rounds of a class gathered.
struct Gathered<'a> {
    isolation: Isolation,
    cases: &'a [Case],
    cpu_us: Vec<f64>,
    host_us: Vec<f64>,
    wall: Vec<f64>,
    /// Tool → wall time and number of its calls.
    by_tool: BTreeMap<String, (f64, f64)>,
    one_core: Vec<f64>,
    two_cores: Vec<f64>,
    cold_start_ms: Vec<f64>,
}

/// Measures classes and processes.
pub(super) fn measure(
    classes: &[(Isolation, &[Case])],
    python: &PythonInfo,
    effort: Effort,
    context: &Context,
) -> anyhow::Result<Costs> {
    let mut gathered: Vec<Gathered<'_>> = classes
        .iter()
        .map(|(isolation, cases)| Gathered {
            isolation: *isolation,
            cases,
            cpu_us: Vec::new(),
            host_us: Vec::new(),
            wall: Vec::new(),
            by_tool: BTreeMap::new(),
            one_core: Vec::new(),
            two_cores: Vec::new(),
            cold_start_ms: Vec::new(),
        })
        .collect();
    let all = classes.last().map_or::<&[Case], _>(&[], |(_, cases)| cases);
    let (mut process_cpu, mut process_wall) = (Vec::new(), Vec::new());
    let bar = context.printer.progress(effort.rounds * (classes.len() + 1), "rounds");
    for _ in 0..effort.rounds {
        for class in &mut gathered {
            class.round(effort, context)?;
            bar.inc(1);
        }
        let (cpu, walls) = fresh_processes(all, python)?;
        process_cpu.push(cpu);
        process_wall.extend(walls);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let classes =
        gathered.into_iter().map(|class| class.finish(effort, context)).collect::<Result<_, _>>()?;
    let cpu_us_per_call = median(&mut process_cpu);
    let process = ProcessResult {
        calls_per_cpu_s: 1e6 / cpu_us_per_call,
        cpu_us_per_call,
        call_wall_us: quantiles(&mut process_wall),
    };
    Ok(Costs { classes, process })
}

fn engine(workers: usize, context: &Context) -> anyhow::Result<PythonEngine> {
    let options = EngineOptions { shared_workers: workers, ..options(&context.settings, 0) };
    Ok(PythonEngine::start(options)?)
}

impl Gathered<'_> {
    fn round(&mut self, effort: Effort, context: &Context) -> anyhow::Result<()> {
        let core = OneCore::enter();
        let started = Instant::now();
        let one = engine(1, context)?;
        if let Some(case) = self.cases.first() {
            first_answer(&one, case, &case.program(self.isolation, None))?;
        }
        self.cold_start_ms.push(started.elapsed().as_secs_f64() * 1e3);
        let sessions = open_all(&one, self.isolation, self.cases)?;
        play(&one, &sessions, 1)?;
        let (host, sandbox, started) = (host_cpu(), sandbox_cpu(&one), Instant::now());
        let walls = play(&one, &sessions, effort.passes)?;
        let elapsed = started.elapsed();
        let (host, sandbox) = (host_cpu().saturating_sub(host), sandbox_cpu(&one).saturating_sub(sandbox));
        let calls = walls.len() as f64;
        self.cpu_us.push(micros(host + sandbox) / calls);
        self.host_us.push(micros(host) / calls);
        self.one_core.push(calls / elapsed.as_secs_f64());
        let names = std::iter::repeat_n(&sessions, effort.passes).flatten();
        let names = names.flat_map(|(_, case)| case.calls.iter().map(|_| &case.name));
        for (name, wall) in names.zip(&walls) {
            let (sum, count) = self.by_tool.entry(name.clone()).or_default();
            *sum += wall;
            *count += 1.0;
        }
        self.wall.extend(walls);
        drop(sessions);
        drop(one);
        drop(core);
        let two = engine(2, context)?;
        // Opened in turns: sessions go to workers in turns too, so each thread has a worker to itself and what is
        // measured is two cores at work, not two threads at one door.
        let mut halves = [Vec::new(), Vec::new()];
        for case in self.cases {
            let loaded = two.load(&case.program(self.isolation, None))?;
            for half in &mut halves {
                half.push((two.open(&loaded, 0)?, case));
            }
        }
        for half in &halves {
            play(&two, half, 1)?;
        }
        let started = Instant::now();
        let calls = std::thread::scope(|scope| {
            let threads: Vec<_> =
                halves.iter().map(|half| scope.spawn(|| play(&two, half, effort.passes))).collect();
            let mut calls = 0;
            for thread in threads {
                // A panic in the thread is a defect of ours; it shows as a missing count.
                calls += thread.join().map_err(|_| anyhow::anyhow!("a measuring thread panicked"))??.len();
            }
            Ok::<_, anyhow::Error>(calls)
        })?;
        self.two_cores.push(calls as f64 / started.elapsed().as_secs_f64());
        Ok(())
    }

    fn finish(mut self, effort: Effort, context: &Context) -> anyhow::Result<ClassCost> {
        let engine = engine(1, context)?;
        let mut cold = Vec::new();
        for (at, case) in self.cases.iter().enumerate() {
            // A mark per tool, so that no cache of this engine has seen its source.
            let started = Instant::now();
            first_answer(&engine, case, &case.program(self.isolation, Some(at)))?;
            cold.push(micros(started.elapsed()));
        }
        let loaded = self
            .cases
            .iter()
            .map(|case| engine.load(&case.program(self.isolation, None)))
            .collect::<Result<Vec<_>, _>>()?;
        let (mut opened, mut reset) = (Vec::new(), Vec::new());
        for at in 0..effort.sessions {
            let started = Instant::now();
            let session = engine.open(&loaded[at % loaded.len()], at as u64)?;
            if at >= loaded.len() {
                opened.push(micros(started.elapsed()));
            }
            let case = &self.cases[at % loaded.len()];
            engine.call(&session, &case.name, &case.calls[0])?;
            let started = Instant::now();
            engine.reset(&session)?;
            reset.push(micros(started.elapsed()));
            engine.close(session);
        }
        Ok(ClassCost {
            isolation: self.isolation,
            cpu_us: median(&mut self.cpu_us),
            host_us: median(&mut self.host_us),
            wall: quantiles(&mut self.wall),
            slowest: slowest(&self.by_tool),
            one_core: median(&mut self.one_core),
            two_cores: median(&mut self.two_cores),
            cold_start_ms: median(&mut self.cold_start_ms),
            cold_tool: quantiles(&mut cold),
            new_session: quantiles(&mut opened),
            reset: quantiles(&mut reset),
        })
    }
}

/// The tools whose calls take longest, with their mean wall time: a mean over tools is mostly theirs.
fn slowest(by_tool: &BTreeMap<String, (f64, f64)>) -> Vec<(String, f64)> {
    let mut means: Vec<_> = by_tool.iter().map(|(name, (sum, count))| (name.clone(), sum / count)).collect();
    means.sort_by(|a, b| b.1.total_cmp(&a.1));
    means.truncate(SLOWEST);
    means
}

fn first_answer(engine: &PythonEngine, case: &Case, program: &Program) -> anyhow::Result<()> {
    let session = engine.open(&engine.load(program)?, 0)?;
    engine.call(&session, &case.name, &case.calls[0])?;
    Ok(())
}

fn open_all<'a>(
    engine: &PythonEngine,
    isolation: Isolation,
    cases: &'a [Case],
) -> anyhow::Result<Vec<(Session, &'a Case)>> {
    cases
        .iter()
        .map(|case| {
            let loaded = engine.load(&case.program(isolation, None))?;
            Ok((engine.open(&loaded, 0)?, case))
        })
        .collect()
}

/// Makes every call of every tool `passes` times; gives the wall time of each, in microseconds.
fn play(engine: &PythonEngine, sessions: &[(Session, &Case)], passes: usize) -> anyhow::Result<Vec<f64>> {
    let mut walls = Vec::new();
    for _ in 0..passes {
        for (session, case) in sessions {
            for arguments in &case.calls {
                let started = Instant::now();
                engine.call(session, &case.name, arguments)?;
                walls.push(micros(started.elapsed()));
            }
        }
    }
    Ok(walls)
}

/// CPU time so far of this process.
fn host_cpu() -> Duration {
    let clock = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(clock.tv_sec).unwrap_or(0), u32::try_from(clock.tv_nsec).unwrap_or(0))
}

/// CPU time so far of the sandbox's processes.
fn sandbox_cpu(engine: &PythonEngine) -> Duration {
    processes::of(engine).into_iter().filter_map(scheduled).sum()
}

/// Time that a single-threaded process was on a CPU, to the nanosecond.
fn scheduled(pid: u32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// One fresh process for the first call of each tool: CPU microseconds a call, and the wall time of each.
fn fresh_processes(cases: &[Case], python: &PythonInfo) -> anyhow::Result<(f64, Vec<f64>)> {
    let _core = OneCore::enter();
    let before = children_cpu()?;
    let mut walls = Vec::new();
    for case in cases {
        let arguments = Json::Object(case.calls[0].clone()).to_string();
        let script = format!(
            "{}\nimport json as _json, sys as _sys\nprint(_json.dumps({}(**_json.loads(_sys.argv[1])), default=str))\n",
            case.code, case.entry
        );
        let started = Instant::now();
        let status = Command::new(&python.path)
            .args(["-I", "-c", &script, &arguments])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .context("could not start a fresh python process")?;
        walls.push(micros(started.elapsed()));
        // Some first calls raise on purpose; what matters is that Python ran.
        anyhow::ensure!(status.code().is_some(), "the process of `{}` was killed", case.name);
    }
    let spent = children_cpu()?.saturating_sub(before);
    Ok((spent.as_secs_f64() * 1e6 / walls.len().max(1) as f64, walls))
}

/// CPU time of children that were waited for, from the kernel's own count (ticks of mostly 10 ms).
fn children_cpu() -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    // The second field is the name in brackets and may hold anything; counting starts behind it.
    let fields: Vec<&str> = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let field = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok());
    let (user, system) = field(13).zip(field(14)).context("`/proc/self/stat` has another shape here")?;
    let ticks = rustix::param::clock_ticks_per_second().max(1);
    Ok(Duration::from_secs_f64((user + system) as f64 / ticks as f64))
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn median(values: &mut [f64]) -> f64 {
    quantiles(values).p50
}

/// Nearest-rank quantiles.
fn quantiles(values: &mut [f64]) -> Quantiles {
    values.sort_by(f64::total_cmp);
    let at = |percent: usize| values.get((values.len() * percent / 100).min(values.len().saturating_sub(1)));
    Quantiles { p50: at(50).copied().unwrap_or_default(), p99: at(99).copied().unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_ranks() {
        let mut values: Vec<f64> = (0..100).rev().map(f64::from).collect();
        let found = quantiles(&mut values);
        assert_eq!(format!("{} {}", found.p50, found.p99), "50 99");
        assert!(quantiles(&mut []).p50 < f64::EPSILON);
    }

    #[test]
    fn time_of_processes_can_be_read_here() {
        assert!(scheduled(std::process::id()).is_some());
        children_cpu().unwrap();
    }
}
