//! Workers die, hosts die: sessions go on, and nothing is left behind.

use crate::support::{Outcome, arguments, call, engine, load, options, program, value};
use astra_sandbox::{
    EngineOptions, Isolation, LoadedProgram, PythonEngine, SandboxError, Session, ToolEngine,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const CODE: &str = "
import random, uuid
history = []
def step(state, n):
    history.append(n)
    state['sum'] = state.get('sum', 0) + n
    print(n)
    return [list(history), random.random(), str(uuid.uuid4())]
";

fn stateful(engine: &PythonEngine, isolation: Isolation) -> Result<LoadedProgram, SandboxError> {
    let mut program = program(CODE, &["step"], isolation);
    program.state = Some("{}".to_owned());
    engine.load(&program)
}

fn alive(pid: u32) -> bool {
    // A zombie that its parent has not yet collected does not run any more.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|text| text.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z')))
}

fn wait_until(mut done: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(10) {
        if done() {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Descendants of a process, by its children lists.
fn descendants(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut todo = vec![pid];
    while let Some(pid) = todo.pop() {
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(child) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            let Ok(text) = std::fs::read_to_string(format!("/proc/{child}/stat")) else { continue };
            let parent = text
                .rsplit_once(')')
                .and_then(|(_, rest)| rest.split_ascii_whitespace().nth(1)?.parse().ok());
            if parent == Some(pid) && !found.contains(&child) {
                found.push(child);
                todo.push(child);
            }
        }
    }
    found
}

fn steps(engine: &PythonEngine, session: &Session, from: u64, to: u64) -> Outcome<Vec<Value>> {
    (from..to).map(|n| value(engine, session, "step", &json!({ "n": n }).to_string())).collect()
}

#[test]
fn a_killed_worker_is_rebuilt_with_equal_results() {
    let engine = engine().unwrap();
    for class in [Isolation::Shared, Isolation::Private] {
        let loaded = stateful(&engine, class).unwrap();
        let undisturbed = engine.open(&loaded, 9).unwrap();
        let expected = steps(&engine, &undisturbed, 0, 10).unwrap();
        let disturbed = engine.open(&loaded, 9).unwrap();
        let mut got = steps(&engine, &disturbed, 0, 4).unwrap();
        let launcher = engine.statistics().pids[0];
        // Every worker at once; the zygote itself is the launcher's child and stays.
        for zygote in descendants(launcher).into_iter().take(1) {
            for worker in descendants(zygote) {
                kill(worker);
                assert!(wait_until(|| !alive(worker)));
            }
        }
        got.extend(steps(&engine, &disturbed, 4, 5).unwrap());
        got.extend(steps(&engine, &disturbed, 5, 10).unwrap());
        assert_eq!(got, expected, "{class:?}");
        assert_eq!(engine.state(&disturbed), engine.state(&undisturbed));
    }
    assert!(engine.statistics().rebuilds >= 1);
}

#[test]
fn a_session_fails_when_its_worker_is_lost_more_often_than_it_may_be_built_again() {
    let kill_all = |engine: &PythonEngine| {
        for pid in engine.statistics().pids.into_iter().skip(1) {
            kill(pid);
        }
    };
    let classes = [Isolation::Shared, Isolation::Private];
    for (class, called) in classes.into_iter().flat_map(|class| [(class, 0), (class, 2)]) {
        let engine = PythonEngine::start(EngineOptions { max_rebuilds: Some(1), ..options() }).unwrap();
        let loaded = stateful(&engine, class).unwrap();
        let session = engine.open(&loaded, 9).unwrap();
        steps(&engine, &session, 0, called).unwrap();
        kill_all(&engine);
        steps(&engine, &session, called, called + 1).unwrap();
        kill_all(&engine);
        let state = engine.state(&session);
        for _ in 0..2 {
            let failed = engine.call(&session, "step", &arguments(r#"{"n": 9}"#).unwrap());
            assert!(matches!(failed, Err(SandboxError::NotRebuilt { rebuilds: 1 })), "{class:?}: {failed:?}");
        }
        assert_eq!(engine.state(&session), state, "what lies with the host is not lost");
        engine.reset(&session).unwrap();
        steps(&engine, &session, 0, 1).unwrap();
        steps(&engine, &engine.open(&loaded, 9).unwrap(), 0, 1).unwrap();
    }
}

#[test]
fn calls_that_are_undone_need_no_leave_to_build_the_session_again() {
    let engine = PythonEngine::start(EngineOptions { max_rebuilds: Some(0), ..options() }).unwrap();
    let endless = "def f(n=0):\n    while n: pass\n    return n\n";
    for class in [Isolation::Shared, Isolation::Private] {
        let loaded = load(&engine, endless, &["f"], class).unwrap();
        let session = engine.open(&loaded, 1).unwrap();
        let stopped = call(&engine, &session, "f", r#"{"n": 1}"#).unwrap().result.unwrap_err();
        assert!(stopped.kind.rolls_back(), "{class:?}: {stopped:?}");
        assert_eq!(value(&engine, &session, "f", "{}").unwrap(), 0);
    }
}

#[test]
fn a_death_of_its_own_is_blamed_at_once_and_a_kill_from_outside_never() {
    let engine = engine().unwrap();
    // Deep nesting in C overflows the stack of the process.
    let fatal = "import itertools\ndef f(deep=True):\n    x = iter(())\n    for _ in range(300000 if deep else 1): x = itertools.chain(x)\n    return list(x)\n";
    for class in [Isolation::Shared, Isolation::Private] {
        let loaded = load(&engine, fatal, &["f"], class).unwrap();
        let session = engine.open(&loaded, 1).unwrap();
        let before = engine.statistics().respawns;
        let error = call(&engine, &session, "f", "{}").unwrap().result.unwrap_err();
        assert_eq!(error.kind, astra_sandbox::ErrorKind::Crash, "{class:?}");
        assert_eq!(engine.statistics().respawns, before + 1, "{class:?}: it was tried once");
        assert_eq!(loaded.isolation(), Isolation::Private);
        assert_eq!(value(&engine, &session, "f", r#"{"deep": false}"#).unwrap(), json!([]));
    }
    for class in [Isolation::Shared, Isolation::Private] {
        let loaded = stateful(&engine, class).unwrap();
        let session = engine.open(&loaded, 1).unwrap();
        for number in 0..5 {
            // Whoever is alive, workers held by sessions among them; the launcher comes first.
            for pid in engine.statistics().pids.into_iter().skip(1) {
                kill(pid);
            }
            assert!(
                call(&engine, &session, "step", &json!({ "n": number }).to_string()).unwrap().result.is_ok()
            );
        }
        assert_eq!(loaded.isolation(), class);
    }
}

#[test]
fn a_body_that_kills_its_worker_moves_to_the_private_class() {
    let engine = engine().unwrap();
    let fatal = "import itertools\nx = iter(())\nfor _ in range(300000): x = itertools.chain(x)\ny = list(x)\ndef f(): return 1\n";
    let loaded = load(&engine, fatal, &["f"], Isolation::Shared).unwrap();
    assert_eq!(loaded.isolation(), Isolation::Shared);
    assert!(matches!(engine.open(&loaded, 1), Err(SandboxError::Body { .. })));
    assert_eq!(loaded.isolation(), Isolation::Private);
    assert!(matches!(engine.open(&loaded, 1), Err(SandboxError::Body { .. })));
}

#[test]
fn two_thousand_sessions_with_kills_leave_nothing() {
    let engine = engine().unwrap();
    let loaded = stateful(&engine, Isolation::Shared).unwrap();
    let alone = load(&engine, "import sys\ndef f():\n    return 1\n", &["f"], Isolation::Shared).unwrap();
    let reference: Vec<_> = {
        let session = engine.open(&loaded, 3).unwrap();
        steps(&engine, &session, 0, 3).unwrap()
    };
    let descriptors = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let before = descriptors();
    let launcher = engine.statistics().pids[0];
    let mut kept: Vec<Session> = Vec::new();
    for number in 0..2000_u32 {
        let session = engine.open(&loaded, 3).unwrap();
        if number % 3 == 0 {
            assert_eq!(steps(&engine, &session, 0, 3).unwrap(), reference);
        }
        if number % 50 == 0 {
            let private = engine.open(&alone, 1).unwrap();
            assert_eq!(value(&engine, &private, "f", "{}").unwrap(), 1);
        }
        kept.push(session);
        if kept.len() > 40 {
            // Half are abandoned, half are closed.
            drop(kept.swap_remove((number as usize * 7) % 40));
        }
        if number % 200 == 199 {
            let zygote = descendants(launcher)[0];
            let workers = descendants(zygote);
            kill(workers[number as usize % workers.len()]);
        }
    }
    drop(kept);
    let statistics = engine.statistics();
    assert_eq!(statistics.sessions, 0);
    assert!(wait_until(|| descendants(launcher).len() <= 1 + 1 + 1 + statistics.pooled_workers));
    assert!(descriptors() <= before + 16, "{} descriptors, {before} before", descriptors());
    drop(engine);
    assert!(wait_until(|| !alive(launcher)));
}

#[test]
fn sessions_go_to_the_workers_in_turns_whatever_is_loaded_in_between() {
    let engine = PythonEngine::start(EngineOptions { shared_workers: 3, ..options() }).unwrap();
    let mut sessions = Vec::new();
    for opened in 1..=3 {
        let loaded = stateful(&engine, Isolation::Shared).unwrap();
        sessions.push(engine.open(&loaded, 1).unwrap());
        assert_eq!(engine.statistics().shared_workers, opened);
        stateful(&engine, Isolation::Shared).unwrap();
    }
}

#[test]
fn threads_share_an_engine_and_meet_only_their_own_sessions() {
    let engine = engine().unwrap();
    let programs =
        [stateful(&engine, Isolation::Shared).unwrap(), stateful(&engine, Isolation::Private).unwrap()];
    let expected = steps(&engine, &engine.open(&programs[0], 4).unwrap(), 0, 12).unwrap();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..6)
            .map(|number| {
                let (engine, program) = (&engine, &programs[number % 2]);
                scope.spawn(move || {
                    let session = engine.open(program, 4).unwrap();
                    steps(engine, &session, 0, 12).unwrap()
                })
            })
            .collect();
        for worker in workers {
            assert_eq!(worker.join().unwrap(), expected);
        }
    });
}

#[test]
fn a_closed_engine_leaves_no_process() {
    let engine = engine().unwrap();
    let loaded = stateful(&engine, Isolation::Private).unwrap();
    let session = engine.open(&loaded, 1).unwrap();
    steps(&engine, &session, 0, 1).unwrap();
    let launcher = engine.statistics().pids[0];
    let family = descendants(launcher);
    assert!(family.len() >= 3, "{family:?}");
    drop(session);
    drop(engine);
    for pid in family {
        assert!(wait_until(|| !alive(pid)), "{pid} lives on");
    }
}

/// Not a test of its own: the host that the next one kills.
#[test]
#[ignore = "run by the test below"]
fn host_with_endless_tools() {
    let mut long = options();
    long.limits.wall = Duration::from_mins(10);
    long.limits.cpu = Duration::from_mins(10);
    let engine = PythonEngine::start(long).unwrap();
    let code = "def f():\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass\n";
    let loaded = load(&engine, code, &["f"], Isolation::Private).unwrap();
    let session = engine.open(&loaded, 1).unwrap();
    println!("launcher {}", engine.statistics().pids[0]);
    let _ = call(&engine, &session, "f", "{}");
}

#[test]
fn a_killed_host_takes_everything_with_it() {
    use std::io::{BufRead, BufReader};
    let mut host = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "life::host_with_endless_tools", "--nocapture"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let launcher: u32 = BufReader::new(host.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.split_once("launcher ")?.1.trim().parse().ok())
        .unwrap();
    let busy = || descendants(launcher).len() >= 3;
    assert!(wait_until(busy), "the host has its workers");
    let family = descendants(launcher);
    host.kill().unwrap();
    host.wait().unwrap();
    for pid in family.into_iter().chain([launcher]) {
        assert!(wait_until(|| !alive(pid)), "{pid} survived its host");
    }
}

/// Not a test of its own: the host that the next one stops and continues.
#[test]
#[ignore = "run by the test below"]
fn host_that_starts_engines() {
    for number in 0..6 {
        let engine = PythonEngine::start(options()).unwrap();
        let loaded = load(&engine, "def f():\n    return 1\n", &["f"], Isolation::Shared).unwrap();
        let session = engine.open(&loaded, number).unwrap();
        assert_eq!(call(&engine, &session, "f", "{}").unwrap().result, Ok(json!(1)));
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the moments of the signals are what the test is about")]
fn a_host_that_is_stopped_and_continued_starts_its_engines() {
    // A machine that is frozen and thawed interrupts waiting system calls in the same way.
    let mut host = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "life::host_that_starts_engines"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = i32::try_from(host.id()).ok().and_then(Pid::from_raw).unwrap();
    while host.try_wait().unwrap().is_none() {
        for signal in [Signal::STOP, Signal::CONT] {
            let _ = kill_process(pid, signal);
            std::thread::sleep(Duration::from_millis(3));
        }
    }
    let output = host.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
