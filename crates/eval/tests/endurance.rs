//! Ten thousand episodes, half of them abandoned, while workers are killed at random: no process or descriptor is left
//! over, and every finished episode's reward and text equal those of an undisturbed run.
//!
//! A binary of its own: it counts the descriptors of its process, and other tests would open some beside it.

use astra_arena::{Arena, Episode, EpisodeOptions, Runtime, hand};
use astra_eval::{BuiltinPolicy, builtin, play};
use astra_protocol::{IsolationClass, Trace, seeded_rng};
use astra_sandbox::{EngineOptions, PythonEngine};
use astra_testkit::{TestResult, hand_written};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

const EPISODES: usize = 10_000;
const SEEDS: usize = 3;
/// Abandoned episodes that stay open at a time.
const ABANDONED_OPEN: usize = 400;
const TIME_BETWEEN_KILLS: Duration = Duration::from_millis(25);

fn load(runtime: &Runtime) -> TestResult<Vec<Arc<Arena>>> {
    let mut arenas = Vec::new();
    for (at, written) in hand::all().iter().enumerate() {
        let (mut spec, data) = hand_written(written.name)?;
        // One runs in the private class, where a worker is one session.
        if at == 0 {
            spec.tools.iter_mut().for_each(|tool| tool.class = IsolationClass::Private);
        }
        arenas.push(runtime.load(spec, &data)?);
    }
    Ok(arenas)
}

fn oracle(runtime: &Runtime, arena: &Arc<Arena>, seed: usize) -> TestResult<(Trace, Option<f64>)> {
    let options = EpisodeOptions { seed: seed as u64, ..EpisodeOptions::default() };
    let policy = builtin(BuiltinPolicy::Oracle, runtime, arena, options.seed)?;
    let played = play(runtime, arena, policy.as_ref(), options, 32)?;
    Ok((played.trace, played.score.f1.measured()))
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map(Iterator::count).unwrap_or_default()
}

/// A zombie is a process that nobody waited for, so it counts too.
fn exists(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn ten_thousand_episodes_under_fire() {
    let before = descriptors();
    let engine = Arc::new(PythonEngine::start(EngineOptions::default()).unwrap());
    let runtime = Runtime::new(Arc::clone(&engine) as Arc<_>);
    let arenas = load(&runtime).unwrap();
    let expected: Vec<Vec<(Trace, Option<f64>)>> = arenas
        .iter()
        .map(|arena| (0..SEEDS).map(|seed| oracle(&runtime, arena, seed).unwrap()).collect())
        .collect();

    let (stop, stopped) = channel::<()>();
    let target = Arc::clone(&engine);
    let killer = std::thread::spawn(move || {
        use astra_protocol::draw_below;
        let mut rng = seeded_rng(0, "kills");
        let mut seen: Vec<u32> = Vec::new();
        let mut kills = 0_usize;
        while stopped.recv_timeout(TIME_BETWEEN_KILLS) == Err(RecvTimeoutError::Timeout) {
            let pids = target.statistics().pids;
            seen.extend(&pids);
            // The launcher is not a worker: when it goes, the engine is over.
            if let Some(pid) = pids.get(1 + draw_below(&mut rng, pids.len().saturating_sub(1).max(1)))
                && let Some(pid) = rustix::process::Pid::from_raw(i32::try_from(*pid).unwrap_or(0))
            {
                kills +=
                    usize::from(rustix::process::kill_process(pid, rustix::process::Signal::KILL).is_ok());
            }
        }
        (seen, kills)
    });

    let mut abandoned = VecDeque::new();
    for number in 0..EPISODES {
        let (at, seed) = (number % arenas.len(), (number / arenas.len()) % SEEDS);
        if number % 2 == 0 {
            let options = EpisodeOptions { seed: seed as u64, ..EpisodeOptions::default() };
            abandoned.push_back(Episode::open(&runtime, &arenas[at], options).unwrap());
            if abandoned.len() > ABANDONED_OPEN {
                abandoned.pop_front();
            }
        } else {
            let found = oracle(&runtime, &arenas[at], seed).unwrap();
            assert_eq!(found, expected[at][seed], "episode {number}");
            assert_eq!(found.1, Some(1.0));
        }
    }
    stop.send(()).unwrap();
    let (seen, kills) = killer.join().unwrap();
    let statistics = engine.statistics();
    println!("{kills} kills, {} respawns, {} rebuilds", statistics.respawns, statistics.rebuilds);
    assert!(kills > 10 && statistics.respawns > 10, "the workers were under fire");

    drop((abandoned, arenas, runtime, expected));
    Arc::into_inner(engine).unwrap();
    let left: Vec<u32> = seen.into_iter().filter(|pid| exists(*pid)).collect();
    assert!(left.is_empty(), "processes are left over: {left:?}");
    assert_eq!(descriptors(), before, "descriptors are left over");
}
