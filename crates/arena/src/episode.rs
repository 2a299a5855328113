//! One episode of an arena: two handles on one session.
//!
//! [`Episode`] is the control plane: it opens, scores, hashes state and shows the log. [`AgentPlane`] is what a
//! policy gets: the tool list and calls, nothing else. Both meet in a locked state that only this file sees.

use crate::answer;
use crate::arena::{Arena, ArenaError, CompiledTool, Runtime};
use crate::call::{CallRecord, CallStatus, error_text, kind_name, readable};
use crate::gold::{gold_for_seed, state_hash};
use crate::reward::{Components, Credit, EpisodeScore, F1_ANSWER_LAMBDA, Ledger, RewardVariant};
use astra_protocol::{
    Boundary, BoxFuture, ContentId, HostError, Message, Score, Stop, ToolAnswer, ToolCall, ToolDoc, ToolHost,
    draw_below, draw_unit, parse_arguments, seeded_rng,
};
use astra_sandbox::{ErrorKind, SandboxError, Session};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Share of letter pairs in common (Sørensen–Dice) from which a tool's name is worth proposing for another.
const SIMILAR: f64 = 0.25;

/// Bounds of an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpisodeLimits {
    /// Calls that are run; further ones get an error, and count.
    pub max_calls: usize,
    /// Bytes of a result that the agent reads; the rest is cut off with a note.
    pub max_result_bytes: usize,
}

impl Default for EpisodeLimits {
    fn default() -> Self {
        Self { max_calls: 128, max_result_bytes: 64 * 1024 }
    }
}

/// How an episode is opened.
#[derive(Clone, Debug, Default)]
pub struct EpisodeOptions {
    /// Seed of clock, entropy, injected failures.
    pub seed: u64,
    /// Share of calls that fail by injection, in [0, 1]; the paper uses 0.2.
    pub failure_rate: f64,
    /// Bounds.
    pub limits: EpisodeLimits,
    /// Which reward the score reports.
    pub variant: RewardVariant,
    /// Irrelevant tools mixed in: arenas and the names of their tools, in the order offered.
    pub distractors: Vec<(Arc<Arena>, String)>,
}

/// The control plane of one episode.
#[derive(Debug)]
pub struct Episode {
    shared: Arc<Shared>,
}

/// The agent plane of one episode: list tools, call tools.
///
/// ```compile_fail
/// fn agent_plane_cannot_score(plane: &astra_arena::AgentPlane) {
///     plane.finish(&[], &astra_protocol::Stop::Answered);
/// }
/// ```
#[derive(Clone, Debug)]
pub struct AgentPlane {
    shared: Arc<Shared>,
}

struct Shared {
    runtime: Runtime,
    arena: Arc<Arena>,
    options: EpisodeOptions,
    /// What is offered: the arena's tools and the distractors, in a seeded order.
    docs: Vec<ToolDoc>,
    live: Mutex<Live>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "episode of {:?}, seed {}", self.arena, self.options.seed)
    }
}

struct Live {
    session: Option<Session>,
    /// Sessions of distractors' home arenas, opened at their first call.
    borrowed: Vec<(Arc<Arena>, Session)>,
    log: Vec<CallRecord>,
    turn: usize,
    failed: Option<String>,
}

impl Episode {
    /// Opens a fresh session of the arena.
    pub fn open(runtime: &Runtime, arena: &Arc<Arena>, options: EpisodeOptions) -> Result<Self, ArenaError> {
        let session = runtime.engine().open(&arena.loaded, options.seed)?;
        let docs = offered(arena, &options);
        let live =
            Live { session: Some(session), borrowed: Vec::new(), log: Vec::new(), turn: 0, failed: None };
        let shared = Shared {
            runtime: runtime.clone(),
            arena: Arc::clone(arena),
            options,
            docs,
            live: Mutex::new(live),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The arena.
    pub fn arena(&self) -> &Arc<Arena> {
        &self.shared.arena
    }

    /// The handle to give to a policy's loop.
    pub fn agent(&self) -> AgentPlane {
        AgentPlane { shared: Arc::clone(&self.shared) }
    }

    /// The calls so far.
    pub fn log(&self) -> Vec<CallRecord> {
        self.shared.lock().log.clone()
    }

    /// Hash of the arena's state now; absent in arenas without state.
    pub fn state_hash(&self) -> Option<ContentId> {
        let live = self.shared.lock();
        live.session.as_ref().and_then(|session| state_hash(&self.shared.runtime, session))
    }

    /// Ends the episode and scores it from its own log. `messages` are read for the final answer only.
    ///
    /// A failed episode (`stop` is `Failed`, or the sandbox broke) is masked: every score is unjudged.
    pub fn finish(&self, messages: &[Message], stop: &Stop) -> Result<EpisodeScore, SandboxError> {
        let (log, turns, final_state, failed) = {
            let mut live = self.shared.lock();
            let state = live.session.as_ref().and_then(|session| state_hash(&self.shared.runtime, session));
            live.close(&self.shared.runtime);
            (live.log.clone(), live.turn, state, live.failed.clone())
        };
        let failed = match (failed, stop) {
            (Some(error), _) => Some(error),
            (None, Stop::Failed { boundary, error }) => Some(format!("{boundary}: {error}")),
            (None, Stop::Answered | Stop::TurnLimit | Stop::TokenLimit) => None,
        };
        if let Some(why) = failed {
            return Ok(masked(&self.shared.options, &self.shared.arena, &log, &why));
        }
        let message = match messages.last() {
            Some(Message::Assistant { content, tool_calls, .. }) if tool_calls.is_empty() => content.as_str(),
            Some(_) | None => "",
        };
        let said = FinalTurn { message, stop, turns, state: final_state };
        score(&self.shared.runtime, &self.shared.arena, &self.shared.options, &log, &said)
    }
}

/// How an episode ended, as the score sees it.
pub(crate) struct FinalTurn<'a> {
    pub(crate) message: &'a str,
    pub(crate) stop: &'a Stop,
    pub(crate) turns: usize,
    pub(crate) state: Option<ContentId>,
}

/// Scores a log.
pub(crate) fn score(
    runtime: &Runtime,
    arena: &Arena,
    options: &EpisodeOptions,
    log: &[CallRecord],
    end: &FinalTurn<'_>,
) -> Result<EpisodeScore, SandboxError> {
    let calls = log.iter().filter(|record| record.counts()).count();
    let counts = tally(log, calls);
    if !arena.spec.answerable {
        let received: Vec<&str> = log.iter().map(|record| record.text.as_str()).collect();
        let honest = answer::is_honest_refusal(&arena.spec, calls, end.stop, end.message, &received);
        let reward = Score::Measured(f64::from(u8::from(honest)));
        let why = "the arena is unanswerable";
        return Ok(EpisodeScore {
            reward: reward.clone(),
            variant: options.variant,
            f1: reward,
            recall: Score::not_applicable(why),
            precision: Score::not_applicable(why),
            answer: Score::not_applicable(why),
            components: counts,
            credits: Vec::new(),
            process: vec![0.0; end.turns + 1],
            state_hash: end.state.clone(),
        });
    }
    let gold = gold_for_seed(runtime, arena, options.seed)?;
    let mut ledger = Ledger::new(arena, &gold);
    let mut credits = Vec::new();
    for (index, record) in log.iter().enumerate() {
        for goal in ledger.offer(index, record) {
            let goal = arena.spec.goals[goal].id.clone();
            credits.push(Credit { goal, call: Some(index), turn: record.turn });
        }
    }
    for goal in ledger.settle_state(end.state.as_ref()) {
        credits.push(Credit { goal: arena.spec.goals[goal].id.clone(), call: None, turn: end.turns });
    }
    let reached = ledger.components();
    let components = Components {
        goals: reached.goals,
        credited: reached.credited,
        gold_calls: reached.gold_calls,
        ..counts
    };
    let mut process = vec![0.0; end.turns + 1];
    for credit in &credits {
        process[credit.turn.min(end.turns)] += 1.0 / components.goals as f64;
    }
    let answered = *end.stop == Stop::Answered && answer::is_correct(&arena.spec, end.message);
    let answer = f64::from(u8::from(answered));
    let (f1, recall, precision) = (components.f1(), components.recall(), components.precision());
    let reward = match options.variant {
        RewardVariant::F1 => f1,
        RewardVariant::Recall => recall,
        RewardVariant::Precision => precision,
        RewardVariant::F1Answer => F1_ANSWER_LAMBDA.mul_add(f1, (1.0 - F1_ANSWER_LAMBDA) * answer),
    };
    Ok(EpisodeScore {
        reward: Score::Measured(reward),
        variant: options.variant,
        f1: Score::Measured(f1),
        recall: Score::Measured(recall),
        precision: Score::Measured(precision),
        answer: Score::Measured(answer),
        components,
        credits,
        process,
        state_hash: end.state.clone(),
    })
}

fn tally(log: &[CallRecord], calls: usize) -> Components {
    Components {
        calls,
        irrelevant: log.iter().filter(|record| record.distractor).count(),
        invalid: log.iter().filter(|record| record.invalid()).count(),
        injected: log.len() - calls,
        ..Components::default()
    }
}

fn masked(options: &EpisodeOptions, arena: &Arena, log: &[CallRecord], why: &str) -> EpisodeScore {
    let unjudged = || Score::Unjudged { why: why.to_owned() };
    let calls = log.iter().filter(|record| record.counts()).count();
    EpisodeScore {
        reward: unjudged(),
        variant: options.variant,
        f1: unjudged(),
        recall: unjudged(),
        precision: unjudged(),
        answer: unjudged(),
        components: Components { goals: arena.spec.goals.len(), ..tally(log, calls) },
        credits: Vec::new(),
        process: Vec::new(),
        state_hash: None,
    }
}

/// The arena's tools and the distractors in an order that the seed decides, so that position says nothing.
fn offered(arena: &Arena, options: &EpisodeOptions) -> Vec<ToolDoc> {
    let own = arena.spec.tools.iter().map(|tool| tool.doc.clone());
    let borrowed =
        options.distractors.iter().filter_map(|(home, name)| Some(home.spec.tool(name)?.doc.clone()));
    let mut docs: Vec<ToolDoc> = own.chain(borrowed).collect();
    if !options.distractors.is_empty() {
        let mut rng = seeded_rng(options.seed, "tool order");
        for at in (1..docs.len()).rev() {
            docs.swap(at, draw_below(&mut rng, at + 1));
        }
    }
    docs
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Live> {
        // A panic while holding the lock cannot leave a half-written record: records are pushed whole.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, call: &ToolCall) -> Result<ToolAnswer, SandboxError> {
        let mut live = self.lock();
        if live.session.is_none() {
            return Ok(refused(call, "ended", "the episode is over"));
        }
        let record = self.run(&mut live, call)?;
        let answer = ToolAnswer {
            tool_call_id: call.id.clone(),
            content: record.text.clone(),
            is_error: record.result.is_none(),
            injected: record.status == CallStatus::Injected,
        };
        live.log.push(record);
        Ok(answer)
    }

    fn run(&self, live: &mut Live, call: &ToolCall) -> Result<CallRecord, SandboxError> {
        let distractor =
            self.options.distractors.iter().find(|(_, name)| *name == call.name).map(|(home, _)| home);
        let own = self.arena.compiled(&call.name);
        let mut record = CallRecord {
            turn: live.turn,
            call: call.clone(),
            arguments: None,
            status: CallStatus::UnknownTool,
            result: None,
            text: String::new(),
            state_hash: None,
            distractor: own.is_none() && distractor.is_some(),
        };
        if live.log.len() >= self.options.limits.max_calls {
            record.status = CallStatus::OverLimit;
            let limit = self.options.limits.max_calls;
            record.text = error_text("call_limit", &format!("the episode's limit of {limit} calls is spent"));
        } else if self.injects(live.log.len()) {
            record.status = CallStatus::Injected;
            record.text = error_text("unavailable", "the service is temporarily unavailable, try again");
        } else if let Some(tool) = own.or_else(|| distractor.and_then(|home| home.compiled(&call.name))) {
            match checked_arguments(tool, &call.arguments) {
                Err(BadArguments { parsed, problem }) => {
                    record.status = CallStatus::InvalidArguments;
                    record.arguments = parsed;
                    record.text = error_text("invalid_arguments", &problem);
                }
                Ok(arguments) => {
                    self.execute(live, &mut record, arguments, distractor.filter(|_| own.is_none()))?;
                }
            }
        } else {
            record.text = error_text("unknown_tool", &self.not_offered(&call.name));
        }
        truncate(&mut record.text, self.options.limits.max_result_bytes);
        record.state_hash = live.session.as_ref().and_then(|session| state_hash(&self.runtime, session));
        Ok(record)
    }

    /// That there is no such tool, and which of those offered has the most similar name: all of it is known to whoever
    /// reads the tool documents.
    fn not_offered(&self, name: &str) -> String {
        let similar = |doc: &&ToolDoc| strsim::sorensen_dice(name, &doc.name);
        // Of equally similar ones the first.
        let nearest = self.docs.iter().rev().max_by(|left, right| similar(left).total_cmp(&similar(right)));
        match nearest.filter(|doc| similar(doc) >= SIMILAR) {
            Some(doc) => format!("there is no tool `{name}`; the most similar is `{}`", doc.name),
            None => format!("there is no tool `{name}`"),
        }
    }

    fn execute(
        &self,
        live: &mut Live,
        record: &mut CallRecord,
        arguments: Map<String, Json>,
        home: Option<&Arc<Arena>>,
    ) -> Result<(), SandboxError> {
        let engine = self.runtime.engine();
        if let Some(home) = home
            && !live.borrowed.iter().any(|(open, _)| Arc::ptr_eq(open, home))
        {
            live.borrowed.push((Arc::clone(home), engine.open(&home.loaded, self.options.seed)?));
        }
        let session = match home {
            Some(home) => {
                live.borrowed.iter().find(|(open, _)| Arc::ptr_eq(open, home)).map(|(_, session)| session)
            }
            None => live.session.as_ref(),
        };
        let Some(session) = session else { return Ok(()) };
        let outcome = engine.call(session, &record.call.name, &arguments)?;
        let (text, result) = readable(&outcome);
        record.text = text;
        record.arguments = Some(arguments);
        match result {
            Ok(value) => {
                record.status = CallStatus::Returned;
                record.result = Some(value);
            }
            Err(kind) => {
                record.status = match kind {
                    ErrorKind::Arguments => CallStatus::InvalidArguments,
                    ErrorKind::CallLimit => CallStatus::OverLimit,
                    ErrorKind::Exception
                    | ErrorKind::TimeLimit
                    | ErrorKind::CpuLimit
                    | ErrorKind::MemoryLimit
                    | ErrorKind::OutputLimit
                    | ErrorKind::RecursionLimit
                    | ErrorKind::NotJson
                    | ErrorKind::BadState
                    | ErrorKind::Crash
                    | ErrorKind::Denied
                    | ErrorKind::Protocol => CallStatus::Failed { kind: kind_name(kind).to_owned() },
                };
            }
        }
        Ok(())
    }

    /// Whether the call at this position of the log fails by injection.
    fn injects(&self, position: usize) -> bool {
        let rate = self.options.failure_rate;
        if rate <= 0.0 {
            return false;
        }
        draw_unit(&mut seeded_rng(self.options.seed, &format!("injected failure {position}"))) < rate
    }
}

impl Live {
    fn close(&mut self, runtime: &Runtime) {
        for session in
            self.session.take().into_iter().chain(self.borrowed.drain(..).map(|(_, session)| session))
        {
            runtime.engine().close(session);
        }
    }
}

/// Arguments that are no JSON object, or one that does not fit.
struct BadArguments {
    parsed: Option<Map<String, Json>>,
    problem: String,
}

/// Whether a call would be rejected before any tool runs, where these tools are offered.
pub fn is_rejected(tools: &[ToolDoc], call: &ToolCall) -> bool {
    let Some(doc) = tools.iter().find(|tool| tool.name == call.name) else { return true };
    // A document that is broken itself rejects nothing: its arena would not have been loaded.
    CompiledTool::new(doc).is_ok_and(|tool| checked_arguments(&tool, &call.arguments).is_err())
}

/// Parsed arguments that fit the schema, or the problem in words with what could be parsed.
fn checked_arguments(tool: &CompiledTool, text: &str) -> Result<Map<String, Json>, BadArguments> {
    let arguments = parse_arguments(text).map_err(|problem| BadArguments { parsed: None, problem })?;
    let problems = tool.problems(&arguments);
    if problems.is_empty() {
        Ok(arguments)
    } else {
        Err(BadArguments { parsed: Some(arguments), problem: problems.join("; ") })
    }
}

fn refused(call: &ToolCall, kind: &str, message: &str) -> ToolAnswer {
    ToolAnswer {
        tool_call_id: call.id.clone(),
        content: error_text(kind, message),
        is_error: true,
        injected: false,
    }
}

fn truncate(text: &mut String, limit: usize) {
    if text.len() > limit {
        let mut end = limit;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str("… [cut off]");
    }
}

impl ToolHost for AgentPlane {
    fn tools(&self) -> &[ToolDoc] {
        &self.shared.docs
    }

    fn call<'a>(&'a self, calls: &'a [ToolCall]) -> BoxFuture<'a, Result<Vec<ToolAnswer>, HostError>> {
        // The sandbox answers in tens of microseconds, so the call runs on the caller's thread.
        Box::pin(async move {
            let answers = calls.iter().map(|call| self.shared.answer(call)).collect::<Result<Vec<_>, _>>();
            let mut live = self.shared.lock();
            live.turn += 1;
            answers.map_err(|error| {
                live.failed = Some(error.to_string());
                HostError { boundary: Boundary::Sandbox, error: error.to_string() }
            })
        })
    }
}
