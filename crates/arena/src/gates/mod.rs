//! Gates: what makes an arena publishable (`docs/gates.md`).
//!
//! Ten checks, each of which can refuse an arena on its own. Nothing is believed that can be measured: gold calls are
//! replayed, wrong arguments are tried, replays are repeated under other hash seeds and episode seeds. Measuring
//! happens once (`measure.rs`); most gates are then pure judgements over what was measured.

mod dependency;
mod determinism;
mod fuzz;
mod leak;
mod measure;
mod oracle;
mod probes;
mod robust;
mod schema;
mod tries;

use crate::arena::{Arena, ArenaError, Runtime};
use astra_protocol::{ArenaSpec, Evidence, GoalKind, IsolationClass};
use astra_sandbox::{DataFile, Isolation};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub use dependency::recompute;
pub use probes::{default_calls, dump_calls, random_call};

pub(crate) use measure::Measurements;
pub(crate) use oracle::answering_distractor;
pub(crate) use schema::is_code_failure;

/// The gates, in the order they are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// Names, schemas, signatures; the code loads.
    Schema,
    /// The gold calls earn exactly 1.
    Oracle,
    /// Doing nothing earns 0.
    Null,
    /// Arguments matter, and guessing earns nothing.
    Fuzz,
    /// No one call answers everything.
    Dump,
    /// Steps really need each other.
    Dependency,
    /// What must be found stands nowhere in sight.
    Leak,
    /// Same calls, same bytes.
    Determinism,
    /// Bad arguments give errors, not crashes.
    Robust,
    /// Episodes do not see each other.
    Isolation,
}

impl Gate {
    /// All gates.
    pub const ALL: [Self; 10] = [
        Self::Schema,
        Self::Oracle,
        Self::Null,
        Self::Fuzz,
        Self::Dump,
        Self::Dependency,
        Self::Leak,
        Self::Determinism,
        Self::Robust,
        Self::Isolation,
    ];

    /// The name used in files and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::Oracle => "oracle",
            Self::Null => "null",
            Self::Fuzz => "fuzz",
            Self::Dump => "dump",
            Self::Dependency => "dependency",
            Self::Leak => "leak",
            Self::Determinism => "determinism",
            Self::Robust => "robust",
            Self::Isolation => "isolation",
        }
    }
}

impl std::fmt::Display for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a gate says of an arena.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateStatus {
    /// It passes.
    Passed,
    /// It does not; each reason names its subject.
    Failed(Vec<String>),
    /// The question does not arise for this kind of arena.
    NotApplicable(String),
}

impl GateStatus {
    fn from_failures(failures: Vec<String>) -> Self {
        if failures.is_empty() { Self::Passed } else { Self::Failed(failures) }
    }

    /// `passed`, `failed` or `not_applicable`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::NotApplicable(_) => "not_applicable",
        }
    }
}

/// What all gates say of an arena, and what was measured on the way.
#[derive(Clone, Debug, Serialize)]
pub struct GateReport {
    /// One outcome a gate, in the order of [`Gate::ALL`].
    pub outcomes: Vec<(Gate, GateStatus)>,
    /// The arena with what was measured written into it: `decisive`, `grounded`, tool classes, evidence.
    #[serde(skip)]
    pub measured: ArenaSpec,
}

impl GateReport {
    /// Whether no gate failed.
    pub fn passed(&self) -> bool {
        !self.outcomes.iter().any(|(_, status)| matches!(status, GateStatus::Failed(_)))
    }

    /// `(gate, reason)` of every failure.
    pub fn failures(&self) -> impl Iterator<Item = (Gate, &str)> {
        self.outcomes.iter().flat_map(|(gate, status)| {
            let reasons: &[String] = match status {
                GateStatus::Failed(reasons) => reasons,
                GateStatus::Passed | GateStatus::NotApplicable(_) => &[],
            };
            reasons.iter().map(|reason| (*gate, reason.as_str()))
        })
    }

    /// The outcome of one gate.
    pub fn status(&self, gate: Gate) -> Option<&GateStatus> {
        self.outcomes.iter().find(|(known, _)| *known == gate).map(|(_, status)| status)
    }
}

/// Checks arenas. Holds a runtime under hash seed 0, on which arenas are measured, and others for `determinism`.
#[derive(Clone, Debug)]
pub struct Gatekeeper {
    runtime: Runtime,
    other_hash_seeds: Vec<Runtime>,
    python: String,
}

/// An irrelevant tool offered beside an arena's own: its home arena and its name.
pub type Distractor = (Arc<Arena>, String);

impl Gatekeeper {
    /// A gatekeeper that measures on `runtime` (hash seed 0) and repeats replays on the others.
    pub fn new(runtime: Runtime, other_hash_seeds: Vec<Runtime>, python: impl Into<String>) -> Self {
        Self { runtime, other_hash_seeds, python: python.into() }
    }

    /// The runtime on which arenas are measured.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Runs all gates. `Err` is an infrastructure failure: it says nothing about the arena.
    pub fn check(
        &self,
        spec: &ArenaSpec,
        data: &[DataFile],
        distractors: &[Distractor],
    ) -> Result<GateReport, ArenaError> {
        let mut failures = schema::of_documents(spec);
        let arena = match self.load_and_open(spec, data) {
            Ok(arena) => arena,
            Err(ArenaError::Sandbox(error)) if !schema::is_code_failure(&error) => return Err(error.into()),
            Err(error) => {
                failures.push(schema::load_failure(&error));
                return Ok(self.unloadable(spec, &failures));
            }
        };
        failures.extend(schema::of_signatures(&arena));
        if !failures.is_empty() {
            return Ok(self.unloadable(spec, &failures));
        }
        let measurements = Measurements::take(&self.runtime, &arena)?;
        if !arena.depends_on_seed() {
            // Scores below compare with this replay, not with one of their own.
            let _ = arena.gold.set(Arc::new(measurements.replay.clone()));
        }
        let outcomes = Gate::ALL
            .into_iter()
            .map(|gate| Ok((gate, self.judge(gate, &arena, &measurements, distractors)?)))
            .collect::<Result<Vec<_>, ArenaError>>()?;
        let measured = self.write_measured(&arena, &measurements, &outcomes);
        Ok(GateReport { outcomes, measured })
    }

    /// Loads an arena and opens it once: module bodies run when a session opens.
    fn load_and_open(&self, spec: &ArenaSpec, data: &[DataFile]) -> Result<Arc<Arena>, ArenaError> {
        let arena = self.runtime.load(spec.clone(), data)?;
        self.runtime.engine().gather(&arena.loaded);
        let session = self.runtime.engine().open(&arena.loaded, 0)?;
        self.runtime.engine().close(session);
        Ok(arena)
    }

    fn judge(
        &self,
        gate: Gate,
        arena: &Arc<Arena>,
        measured: &Measurements,
        distractors: &[Distractor],
    ) -> Result<GateStatus, ArenaError> {
        let without_gold = arena.spec.gold.is_empty();
        let why = if arena.spec.answerable { "there are no gold calls" } else { "the arena is unanswerable" };
        let not_applicable = || Ok(GateStatus::NotApplicable(why.to_owned()));
        let failures = match gate {
            Gate::Oracle | Gate::Dump | Gate::Dependency if without_gold => return not_applicable(),
            Gate::Fuzz if !arena.spec.answerable => return not_applicable(),
            Gate::Schema => schema::of_gold(arena, measured),
            Gate::Oracle => oracle::gold_earns_one(&self.runtime, arena, measured, distractors)?,
            Gate::Null => oracle::nothing_earns_nothing(&self.runtime, arena)?,
            Gate::Fuzz => fuzz::guessing_earns_nothing(arena, measured),
            Gate::Dump => fuzz::no_call_answers_two(arena, measured),
            Gate::Dependency => dependency::steps_need_each_other(arena, measured),
            Gate::Leak => leak::nothing_in_sight(arena, measured),
            Gate::Determinism => {
                determinism::same_calls_same_bytes(&self.runtime, &self.other_hash_seeds, arena, measured)?
            }
            Gate::Robust => robust::errors_not_crashes(&self.runtime, arena)?,
            Gate::Isolation => determinism::episodes_do_not_meet(&self.runtime, arena, measured)?,
        };
        Ok(GateStatus::from_failures(failures))
    }

    /// The report of an arena that cannot be run: everything but `schema` has nothing to look at.
    fn unloadable(&self, spec: &ArenaSpec, failures: &[String]) -> GateReport {
        let outcomes: Vec<_> = Gate::ALL
            .into_iter()
            .map(|gate| match gate {
                Gate::Schema => (gate, GateStatus::from_failures(failures.to_vec())),
                Gate::Oracle
                | Gate::Null
                | Gate::Fuzz
                | Gate::Dump
                | Gate::Dependency
                | Gate::Leak
                | Gate::Determinism
                | Gate::Robust
                | Gate::Isolation => (gate, GateStatus::NotApplicable("`schema` failed".into())),
            })
            .collect();
        let mut measured = spec.clone();
        measured.evidence.gates = summary(&outcomes);
        measured.evidence.python = Some(self.python.clone());
        GateReport { outcomes, measured }
    }

    fn write_measured(
        &self,
        arena: &Arena,
        measurements: &Measurements,
        outcomes: &[(Gate, GateStatus)],
    ) -> ArenaSpec {
        let mut spec = ArenaSpec::clone(&arena.spec);
        for (goal, found) in spec.goals.iter_mut().zip(&measurements.goals) {
            if let GoalKind::Returns { decisive, grounded, gold: Some(_), .. } = &mut goal.kind {
                decisive.clone_from(&found.decisive);
                *grounded = found.grounded;
            }
        }
        let class = match arena.isolation() {
            Isolation::Shared => IsolationClass::Shared,
            Isolation::Private => IsolationClass::Private,
        };
        for tool in &mut spec.tools {
            tool.class = class;
        }
        let rejections = arena.loaded.rejections();
        spec.evidence = Evidence {
            python: Some(self.python.clone()),
            gates: summary(outcomes),
            private_because: rejections
                .iter()
                .map(|rejection| {
                    (rejection.tool.clone(), format!("line {}: {}", rejection.line, rejection.reason))
                })
                .collect(),
            alternatives: spec.evidence.alternatives,
        };
        spec
    }
}

fn summary(outcomes: &[(Gate, GateStatus)]) -> indexmap::IndexMap<String, String> {
    outcomes.iter().map(|(gate, status)| (gate.as_str().to_owned(), status.as_str().to_owned())).collect()
}
