//! A thread that owns an engine, so that any number of episodes can write at the same time.
//!
//! Each asks for its turn and waits; all that are asked for are written together. Without turns the thread sleeps.
//! Everything that can go wrong with a turn is an error of that turn. Does not know tokens' meaning, like the engine.

use super::engine::Engine;
use super::guide::Guide;
use super::reply::{Pending, Reply, reply};
use super::sampler::Sampling;
use super::turns::{Broken, EngineLoad, Event, Finish, Limits, Sampled, SequenceId, TurnOptions};
use crate::{ModelError, Weights};
use astra_protocol::BoxFuture;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll};
use std::thread::JoinHandle;

/// Something that writes token sequences turn by turn: a [`Generator`] here, or an engine elsewhere.
pub trait Sampler: Send + Sync {
    /// Opens an empty sequence. Its tokens depend on `seed`, their positions and the weights alone.
    fn open(&self, seed: u64) -> Box<dyn Sequence>;
}

/// An open sequence of a [`Sampler`].
pub trait Sequence: Send + Sync {
    /// Appends ids and writes a turn after them.
    fn turn(
        &self,
        suffix: Vec<u32>,
        limits: Limits,
        sampling: Sampling,
    ) -> BoxFuture<'_, Result<Turn, ModelError>>;

    /// The same within what a guide allows. Engines that cannot be guided refuse.
    fn guided_turn(
        &self,
        _suffix: Vec<u32>,
        _limits: Limits,
        _sampling: Sampling,
        _guide: Box<dyn Guide>,
    ) -> BoxFuture<'_, Result<Turn, ModelError>> {
        Box::pin(std::future::ready(Err(ModelError::Guide {
            what: "this engine cannot be guided".to_owned(),
        })))
    }
}

impl Sampler for Generator {
    fn open(&self, seed: u64) -> Box<dyn Sequence> {
        Box::new(Self::open(self, seed))
    }
}

impl Sequence for OpenSequence {
    fn turn(
        &self,
        suffix: Vec<u32>,
        limits: Limits,
        sampling: Sampling,
    ) -> BoxFuture<'_, Result<Turn, ModelError>> {
        Box::pin(Self::turn(self, suffix, limits, sampling))
    }

    fn guided_turn(
        &self,
        suffix: Vec<u32>,
        limits: Limits,
        sampling: Sampling,
        guide: Box<dyn Guide>,
    ) -> BoxFuture<'_, Result<Turn, ModelError>> {
        let options = TurnOptions { guide: Some(guide), ..TurnOptions::default() };
        Box::pin(self.start(suffix, limits, sampling, options, None))
    }
}

/// Writes turns for many threads.
pub struct Generator {
    commands: Sender<Command>,
    next: AtomicU64,
    context: usize,
    thread: Option<JoinHandle<()>>,
}

/// A sequence that is open in a [`Generator`]; dropping it closes it.
pub struct OpenSequence {
    id: SequenceId,
    commands: Sender<Command>,
}

/// A turn that was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Ids written, the one that stopped it included.
    pub tokens: Vec<u32>,
    /// Their log-probabilities, as in [`super::Sampled`].
    pub logprobs: Vec<f32>,
    /// Why it ended.
    pub finish: Finish,
    /// Version of the weights that it began under.
    pub policy_version: u64,
}

/// A turn being written. Await it, or [`PendingTurn::wait`]; dropping it earlier cancels the turn.
pub struct PendingTurn {
    pending: Pending<Turn>,
    id: SequenceId,
    commands: Sender<Command>,
}

/// Who is told of each token, and the likeliest of its place if they were asked for; dropped when the turn has ended, for whatever reason.
type Watch = Option<Box<dyn FnMut(Sampled, Vec<Sampled>) + Send>>;

enum Command {
    Open {
        id: SequenceId,
        seed: u64,
    },
    Turn {
        id: SequenceId,
        suffix: Vec<u32>,
        limits: Limits,
        sampling: Sampling,
        options: TurnOptions,
        watch: Watch,
        reply: Reply<Turn>,
    },
    Cancel {
        id: SequenceId,
    },
    Close {
        id: SequenceId,
    },
    SetWeights {
        weights: Arc<Weights>,
        version: u64,
        reply: Reply<()>,
    },
    Load {
        reply: Reply<EngineLoad>,
    },
    End,
}

impl Generator {
    /// Starts the thread. `version` names the engine's weights in the turns written under them.
    pub fn new(engine: Engine, version: u64) -> Result<Self, ModelError> {
        let (commands, received) = channel();
        let context = engine.context();
        let server = Server { engine, version, turns: HashMap::new() };
        let thread = std::thread::Builder::new()
            .name("astra-generator".to_owned())
            .spawn(move || server.serve(&received))
            .map_err(|error| ModelError::Threads { count: 1, why: error.to_string() })?;
        Ok(Self { commands, next: AtomicU64::new(0), context, thread: Some(thread) })
    }

    /// Opens an empty sequence; its tokens are drawn from `seed`.
    pub fn open(&self, seed: u64) -> OpenSequence {
        let id = SequenceId(self.next.fetch_add(1, Ordering::Relaxed));
        // Where the thread has ended, the first turn says so.
        let _ = self.commands.send(Command::Open { id, seed });
        OpenSequence { id, commands: self.commands.clone() }
    }

    /// Takes other weights between two steps, and waits until they are in place. Open sequences are read anew.
    pub fn set_weights(&self, weights: Arc<Weights>, version: u64) -> Result<(), ModelError> {
        let (reply, pending) = reply();
        let _ = self.commands.send(Command::SetWeights { weights, version, reply });
        pending.wait()
    }

    /// How busy the engine is.
    pub fn load(&self) -> Result<EngineLoad, ModelError> {
        let (reply, pending) = reply();
        let _ = self.commands.send(Command::Load { reply });
        pending.wait()
    }

    /// Longest sequence.
    pub fn context(&self) -> usize {
        self.context
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl OpenSequence {
    /// Appends ids and writes a turn after them.
    pub fn turn(&self, suffix: Vec<u32>, limits: Limits, sampling: Sampling) -> PendingTurn {
        self.start(suffix, limits, sampling, TurnOptions::default(), None)
    }

    /// The same with more asked of it, telling of each token as it is written. `watch` runs on the generator's thread,
    /// where all sequences wait for it; it is dropped when the turn has ended, before the answer is there.
    pub fn turn_watched(
        &self,
        suffix: Vec<u32>,
        limits: Limits,
        sampling: Sampling,
        options: TurnOptions,
        watch: impl FnMut(Sampled, Vec<Sampled>) + Send + 'static,
    ) -> PendingTurn {
        self.start(suffix, limits, sampling, options, Some(Box::new(watch)))
    }

    fn start(
        &self,
        suffix: Vec<u32>,
        limits: Limits,
        sampling: Sampling,
        options: TurnOptions,
        watch: Watch,
    ) -> PendingTurn {
        let (reply, pending) = reply();
        // A command that cannot be sent drops its reply, which answers that the generator has ended.
        let _ = self.commands.send(Command::Turn {
            id: self.id,
            suffix,
            limits,
            sampling,
            options,
            watch,
            reply,
        });
        PendingTurn { pending, id: self.id, commands: self.commands.clone() }
    }
}

impl Drop for OpenSequence {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Close { id: self.id });
    }
}

impl PendingTurn {
    /// Blocks until the turn is written.
    pub fn wait(self) -> Result<Turn, ModelError> {
        self.pending.wait()
    }
}

impl Future for PendingTurn {
    type Output = Result<Turn, ModelError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.pending).poll(context)
    }
}

impl Drop for PendingTurn {
    fn drop(&mut self) {
        if self.pending.is_open() {
            let _ = self.commands.send(Command::Cancel { id: self.id });
        }
    }
}

/// What the thread holds.
struct Server {
    engine: Engine,
    version: u64,
    turns: HashMap<SequenceId, Writing>,
}

/// A turn under way.
struct Writing {
    turn: Turn,
    watch: Watch,
    reply: Reply<Turn>,
}

impl Server {
    fn serve(mut self, commands: &Receiver<Command>) {
        loop {
            if self.engine.is_idle() {
                match commands.recv() {
                    Ok(Command::End) | Err(_) => return,
                    Ok(command) => self.obey(command),
                }
            }
            for command in commands.try_iter() {
                if matches!(command, Command::End) {
                    return;
                }
                self.obey(command);
            }
            for event in self.engine.step() {
                self.record(event);
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Open { id, seed } => self.engine.open_as(id, seed),
            Command::Turn { id, suffix, limits, sampling, options, watch, reply } => {
                let began = self
                    .engine
                    .extend(id, &suffix)
                    .and_then(|()| self.engine.generate_with(id, limits, sampling, options));
                if let Err(error) = began {
                    drop(watch);
                    reply.send(Err(error));
                } else {
                    let turn = Turn {
                        tokens: Vec::new(),
                        logprobs: Vec::new(),
                        finish: Finish::Length,
                        policy_version: self.version,
                    };
                    self.turns.insert(id, Writing { turn, watch, reply });
                }
            }
            Command::Cancel { id } => {
                self.engine.cancel(id);
                self.turns.remove(&id);
            }
            Command::Close { id } => {
                self.engine.close(id);
                self.turns.remove(&id);
            }
            Command::SetWeights { weights, version, reply } => {
                let result = self.engine.set_weights(&weights);
                if result.is_ok() {
                    self.version = version;
                }
                reply.send(result);
            }
            Command::Load { reply } => reply.send(Ok(self.engine.load())),
            // The loop ends on it before it comes here.
            Command::End => {}
        }
    }

    fn record(&mut self, event: Event) {
        if let Some(broken) = event.broken {
            if let Some(writing) = self.turns.remove(&event.id) {
                writing.reply.send(Err(match broken {
                    Broken::Logits => ModelError::BrokenLogits,
                    Broken::Guide(what) => ModelError::Guide { what },
                }));
            }
            return;
        }
        let Some(writing) = self.turns.get_mut(&event.id) else { return };
        if let Some(sampled) = event.sampled {
            writing.turn.tokens.push(sampled.token);
            writing.turn.logprobs.push(sampled.logprob);
            if let Some(watch) = &mut writing.watch {
                watch(sampled, event.likeliest);
            }
        }
        if let Some(finish) = event.finished
            && let Some(Writing { mut turn, watch, reply }) = self.turns.remove(&event.id)
        {
            turn.finish = finish;
            drop(watch);
            reply.send(Ok(turn));
        }
    }
}
