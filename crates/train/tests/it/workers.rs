//! Sandbox workers are killed while a model learns: what was lost is built again and nothing shows it; where it may not
//! be built again, the episodes that were there are masked and no others.
//!
//! The model is tiny and untrained. It calls tools all the same, because most of its vocabulary are calls, a token each.

use crate::bandit::options;
use crate::world::{Result, World as Folder};
use astra_arena::{Arena, Runtime, replay_gold};
use astra_model::{
    Chat, Config, EngineOptions as Generation, PolicySettings, Sampler, Sampling, TemplateChoice, Weights,
};
use astra_protocol::draw_below;
use astra_protocol::{IsolationClass, seeded_rng};
use astra_sandbox::{
    CallOutcome, EngineOptions, LoadedProgram, Program, PythonEngine, SandboxError, Session, ToolEngine,
};
use astra_testkit::{hand_written, runtime};
use astra_train::grpo::{
    ArenaEnvironment, Environment, Grpo, GrpoMetrics, GrpoSettings, GrpoWatch, PlaySettings, Rollout,
    StepTime, World,
};
use astra_train::{Ended, NativeBackend, NativeOptions};
use rand_chacha::ChaCha8Rng;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Map, Value, json};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Spellings of each call: JSON bears spaces, and calls shall be more frequent than bytes.
const SPELLINGS: usize = 64;

/// Hand-written arenas, two of them with state, on an engine. With `private`, one runs in the private class.
fn arenas(runtime: &Runtime, private: bool) -> Result<Vec<Arc<Arena>>> {
    let mut arenas = Vec::new();
    for (at, name) in ["coffee_stamps", "parts_bins", "buoy_reading"].into_iter().enumerate() {
        let (mut spec, data) = hand_written(name)?;
        if private && at == 0 {
            spec.tools.iter_mut().for_each(|tool| tool.class = IsolationClass::Private);
        }
        arenas.push(runtime.load(spec, &data)?);
    }
    Ok(arenas)
}

/// The gold calls of the arenas, as a model in the Hermes style writes them between its tags.
fn calls() -> Result<BTreeSet<String>> {
    let runtime = runtime();
    let mut calls = BTreeSet::new();
    for arena in &arenas(&runtime, false)? {
        for step in replay_gold(&runtime, arena, 0)?.steps {
            calls.insert(json!({"name": step.tool, "arguments": step.arguments?}).to_string());
        }
    }
    Ok(calls)
}

/// A chat whose vocabulary holds the calls, and weights for it.
fn caller(calls: &BTreeSet<String>) -> Result<(Chat, Weights)> {
    let folder = Folder::with_context(4, 4096)?;
    let path = folder.path("model/tokenizer.json");
    let mut tokenizer: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
    let config: Config = (**folder.weights()?.config()).clone();
    let added = tokenizer["added_tokens"].as_array_mut().ok_or("no added tokens")?;
    // Where the tags are tokens, the same letters within another token would be text.
    added.retain(|token| !token["content"].as_str().is_some_and(|content| content.contains("tool_call>")));
    let mut vocab_size = config.vocab_size;
    for call in calls {
        for spaces in 0..SPELLINGS {
            let content = format!("<tool_call>\n{}{call}\n</tool_call>", " ".repeat(spaces));
            added.push(json!({"id": vocab_size, "content": content, "special": false}));
            vocab_size += 1;
        }
    }
    std::fs::write(&path, tokenizer.to_string())?;
    let chat = Chat::load_with(&folder.path("model"), TemplateChoice::Hermes)?;
    Ok((chat, Weights::init(Config { vocab_size, ..config }, 3)))
}

thread_local! {
    /// Process number of the worker that holds the session which this thread opened last.
    static HOME: Cell<u32> = const { Cell::new(0) };
    /// Sessions of this thread's episode that were asked for something after their worker was killed.
    static LOST: Cell<u32> = const { Cell::new(0) };
}

/// One episode as it came out, and how many of its sessions were asked for something after their worker was killed.
#[derive(Debug)]
struct Played {
    rollout: Rollout,
    lost: u32,
}

/// What is left of a training run.
struct Run {
    /// By the seed of their tokens, of which no two episodes of a run share one.
    episodes: BTreeMap<u64, Played>,
    metrics: Vec<GrpoMetrics>,
    weights: Vec<u32>,
    ended: Ended,
}

/// Arenas whose episodes are written down, and some of which are masked whatever they come to.
struct Recorded<'a> {
    arenas: ArenaEnvironment<'a>,
    masked: &'a BTreeSet<u64>,
    episodes: Mutex<BTreeMap<u64, Played>>,
}

struct RecordedWorld<'a> {
    of: &'a Recorded<'a>,
    world: Box<dyn World + 'a>,
}

impl Environment for Recorded<'_> {
    fn tasks(&self) -> usize {
        self.arenas.tasks()
    }

    fn name(&self, task: usize) -> &str {
        self.arenas.name(task)
    }

    fn world(&self, task: usize, seed: u64) -> std::result::Result<Box<dyn World + '_>, String> {
        Ok(Box::new(RecordedWorld { of: self, world: self.arenas.world(task, seed)? }))
    }
}

impl World for RecordedWorld<'_> {
    fn play(&self, seed: u64, sampler: &Arc<dyn Sampler>) -> Rollout {
        LOST.set(0);
        let mut rollout = self.world.play(seed, sampler);
        let played = Played { rollout: rollout.clone(), lost: LOST.get() };
        assert!(lock(&self.of.episodes).insert(seed, played).is_none(), "two episodes of one seed");
        if self.of.masked.contains(&seed) {
            rollout.outcome = Err("masked by hand".to_owned());
        }
        rollout
    }
}

struct Quiet;

impl GrpoWatch for Quiet {
    fn began(&mut self, _: u64, _: u64) {}
    fn rolled_out(&mut self, _: usize, _: usize) {}
    fn stepped(&mut self, _: &GrpoMetrics) {}
}

/// Trains a few steps in the arenas; they must be on `runtime`.
fn train(runtime: &Runtime, arenas: &[Arc<Arena>], masked: &BTreeSet<u64>) -> Result<Run> {
    let (chat, weights) = caller(&calls()?)?;
    let engine = Generation { max_tokens_in_cache: 65_536, ..options().engine };
    let mut backend = NativeBackend::new(weights, NativeOptions { engine, ..options() })?;
    let environment = Recorded {
        arenas: ArenaEnvironment {
            runtime: runtime.clone(),
            arenas,
            pool: None,
            chat: Arc::new(chat),
            policy: PolicySettings { sampling: Sampling::at(1.0), max_turn_tokens: 4, strict: false },
            play: PlaySettings { max_turns: 6, ..PlaySettings::default() },
        },
        masked,
        episodes: Mutex::default(),
    };
    let settings = GrpoSettings {
        steps: 3,
        groups: 3,
        group_size: 4,
        lr: 1e-2,
        concurrency: 8,
        checkpoint_every: 9,
        ..GrpoSettings::default()
    };
    let folder = tempfile::tempdir()?;
    let ended = Grpo::open(&settings, &environment, &mut backend, folder.path())?
        .run(&AtomicBool::new(false), &mut Quiet)?;
    let mut metrics = Grpo::history(folder.path())?;
    for step in &mut metrics {
        step.time = StepTime::default();
    }
    let weights = backend.learner().weights().data().iter().map(|weight| weight.to_bits()).collect();
    let episodes = environment.episodes.into_inner()?;
    Ok(Run { episodes, metrics, weights, ended })
}

/// The same without anybody who kills.
fn undisturbed(masked: &BTreeSet<u64>) -> Result<Run> {
    let runtime = runtime();
    train(&runtime, &arenas(&runtime, false)?, masked)
}

/// What is asked of an engine.
#[derive(Clone, Copy, PartialEq)]
enum Request {
    Open,
    Call,
}

/// Stands at an engine's door and sees every request.
trait Doorman: Send + Sync {
    fn pass<T>(&self, engine: &PythonEngine, request: Request, act: impl FnOnce() -> T) -> T;
}

struct Door<D> {
    engine: Arc<PythonEngine>,
    doorman: Arc<D>,
}

impl<D: Doorman> ToolEngine for Door<D> {
    fn load(&self, program: &Program) -> std::result::Result<LoadedProgram, SandboxError> {
        self.engine.load(program)
    }

    fn open(&self, program: &LoadedProgram, seed: u64) -> std::result::Result<Session, SandboxError> {
        self.doorman.pass(&self.engine, Request::Open, || self.engine.open(program, seed))
    }

    fn call(
        &self,
        session: &Session,
        tool: &str,
        arguments: &Map<String, Value>,
    ) -> std::result::Result<CallOutcome, SandboxError> {
        self.doorman.pass(&self.engine, Request::Call, || self.engine.call(session, tool, arguments))
    }

    fn reset(&self, session: &Session) -> std::result::Result<(), SandboxError> {
        self.engine.reset(session)
    }

    fn close(&self, session: Session) {
        self.engine.close(session);
    }

    fn state(&self, session: &Session) -> Option<String> {
        self.engine.state(session)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic of one thread fails the test; the others may say what they saw.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn kill(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
}

/// Workers that may hold sessions: not the launcher, which comes first, and not the gate, which was there before any
/// session was opened.
fn workers(engine: &PythonEngine, gate: &[u32]) -> Vec<u32> {
    engine.statistics().pids.into_iter().skip(1).filter(|pid| !gate.contains(pid)).collect()
}

/// Wakes the killer at every so-many-th request. Counting requests instead of milliseconds makes a slow machine no more
/// dangerous than a fast one.
struct Alarm {
    requests: AtomicU64,
    wake: Mutex<Sender<()>>,
}

impl Doorman for Alarm {
    fn pass<T>(&self, _: &PythonEngine, _: Request, act: impl FnOnce() -> T) -> T {
        if self.requests.fetch_add(1, Ordering::Relaxed) % 5 == 4 {
            // Without a listener the training is over.
            let _ = lock(&self.wake).send(());
        }
        act()
    }
}

#[test]
fn workers_killed_at_random_change_neither_rewards_nor_weights() {
    let expected = undisturbed(&BTreeSet::new()).unwrap();
    let called: usize =
        expected.episodes.values().filter_map(|one| Some(one.rollout.outcome.as_ref().ok()?.calls)).sum();
    assert!(called > 5 * expected.episodes.len(), "the model calls tools: {called}");
    assert!(expected.metrics.iter().all(|step| step.update.is_some() && step.rollouts.masked == 0));

    let engine = EngineOptions { shared_workers: 2, ..EngineOptions::default() };
    let engine = Arc::new(PythonEngine::start(engine).unwrap());
    let gate = engine.statistics().pids;
    let (wake, woken) = channel();
    let alarm = Arc::new(Alarm { requests: AtomicU64::new(0), wake: Mutex::new(wake) });
    let door = Door { engine: Arc::clone(&engine), doorman: Arc::clone(&alarm) };
    let runtime = Runtime::new(Arc::new(door));
    let arenas = arenas(&runtime, true).unwrap();
    let killed = AtomicUsize::new(0);
    let disturbed = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut rng = seeded_rng(0, "kills");
            for () in woken {
                // Somewhere in the middle of what the training does meanwhile.
                (0..draw_below(&mut rng, 20_000)).for_each(|_| std::hint::spin_loop());
                let workers = workers(&engine, &gate);
                let open = engine.statistics().sessions > 0;
                if let Some(victim) = workers.get(draw_below(&mut rng, workers.len()))
                    && kill(*victim)
                    && open
                {
                    killed.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let run = train(&runtime, &arenas, &BTreeSet::new());
        // The killer goes home when nobody can wake it any more.
        *lock(&alarm.wake) = channel().0;
        run
    });
    let disturbed = disturbed.unwrap();
    let (killed, statistics) = (killed.into_inner(), engine.statistics());
    println!("{killed} kills, {} respawns, {} rebuilds", statistics.respawns, statistics.rebuilds);
    assert!(killed >= 20, "{killed} workers were killed while episodes were open");
    assert!(statistics.rebuilds >= 10, "{} sessions were built again", statistics.rebuilds);
    assert_eq!((disturbed.ended, expected.ended), (Ended::Complete, Ended::Complete));
    for (seed, played) in &disturbed.episodes {
        assert_eq!(played.rollout, expected.episodes[seed].rollout, "episode {seed}");
    }
    assert_eq!(disturbed.metrics, expected.metrics);
    assert_eq!(disturbed.weights, expected.weights, "the same bits");
}

/// Lets requests pass one by one and kills a worker between two of them, now and then. Where a session lives is known
/// without asking the engine: sessions go to the two workers in turns, and a worker shows when the first is opened in it.
struct Warden {
    gate: Vec<u32>,
    ledger: Mutex<Ledger>,
}

struct Ledger {
    opened: usize,
    /// The worker of each turn; 0 before its first session.
    homes: [u32; 2],
    killed: BTreeSet<u32>,
    until_next_kill: usize,
    rng: ChaCha8Rng,
}

impl Ledger {
    fn kill_now_and_then(&mut self) {
        if self.until_next_kill > 0 {
            self.until_next_kill -= 1;
            return;
        }
        let alive: Vec<u32> =
            self.homes.into_iter().filter(|pid| *pid != 0 && !self.killed.contains(pid)).collect();
        if let Some(victim) = alive.get(draw_below(&mut self.rng, alive.len()))
            && kill(*victim)
        {
            self.killed.insert(*victim);
            self.until_next_kill = 15 + draw_below(&mut self.rng, 50);
        }
    }
}

impl Doorman for Warden {
    fn pass<T>(&self, engine: &PythonEngine, request: Request, act: impl FnOnce() -> T) -> T {
        let mut ledger = lock(&self.ledger);
        ledger.kill_now_and_then();
        match request {
            Request::Call => {
                LOST.set(LOST.get() + u32::from(ledger.killed.contains(&HOME.get())));
                act()
            }
            Request::Open => {
                let before = workers(engine, &self.gate);
                let done = act();
                let mut after = workers(engine, &self.gate);
                after.retain(|pid| !before.contains(pid));
                ledger.opened += 1;
                let turn = ledger.opened % 2;
                let home = ledger.homes[turn];
                let is_homeless = home == 0 || ledger.killed.contains(&home);
                assert_eq!(after.len(), usize::from(is_homeless), "sessions go to the workers in turns");
                ledger.homes[turn] = after.first().copied().unwrap_or(home);
                HOME.set(ledger.homes[turn]);
                done
            }
        }
    }
}

#[test]
fn where_nothing_may_be_built_again_the_episodes_on_killed_workers_are_masked_and_no_others() {
    let engine = EngineOptions { shared_workers: 2, max_rebuilds: Some(0), ..EngineOptions::default() };
    let engine = Arc::new(PythonEngine::start(engine).unwrap());
    let ledger = Ledger {
        opened: 0,
        homes: [0; 2],
        killed: BTreeSet::new(),
        until_next_kill: 20,
        rng: seeded_rng(1, "kills"),
    };
    let warden = Arc::new(Warden { gate: engine.statistics().pids, ledger: Mutex::new(ledger) });
    let runtime = Runtime::new(Arc::new(Door { engine, doorman: Arc::clone(&warden) }));
    let disturbed = train(&runtime, &arenas(&runtime, false).unwrap(), &BTreeSet::new()).unwrap();
    assert_eq!(disturbed.ended, Ended::Complete);

    // An episode that lost its worker is played once more before it counts as masked.
    let lost = |times: u32| -> BTreeSet<u64> {
        disturbed.episodes.iter().filter(|(_, one)| one.lost == times).map(|(seed, _)| *seed).collect()
    };
    let (spared, again, masked) = (lost(0), lost(1), lost(2));
    let killed = lock(&warden.ledger).killed.len();
    println!("{killed} kills: {} spared, {} again, {} masked", spared.len(), again.len(), masked.len());
    assert!(killed >= 3 && !spared.is_empty() && !again.is_empty() && !masked.is_empty());
    assert_eq!(spared.len() + again.len() + masked.len(), disturbed.episodes.len());
    for (seed, Played { rollout, .. }) in &disturbed.episodes {
        let why = rollout.outcome.as_ref().err();
        assert_eq!(why.is_some(), masked.contains(seed), "episode {seed}: {why:?}");
        assert!(why.is_none_or(|why| why.contains("lost its worker")), "{why:?}");
    }
    let counted: usize = disturbed.metrics.iter().map(|step| step.rollouts.masked).sum();
    assert_eq!(counted, masked.len());

    // A run that nobody disturbs, in which these episodes are masked by hand, is the same run.
    let by_hand = undisturbed(&masked).unwrap();
    assert!(by_hand.episodes.keys().eq(disturbed.episodes.keys()));
    for seed in spared.iter().chain(&again) {
        assert_eq!(disturbed.episodes[seed].rollout, by_hand.episodes[seed].rollout, "episode {seed}");
    }
    assert_eq!(disturbed.metrics, by_hand.metrics);
    assert_eq!(disturbed.weights, by_hand.weights, "the same bits");
}
