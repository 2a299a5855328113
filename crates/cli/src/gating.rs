//! Gates over many arenas: one verdict each, and the table of gates that sums them up.

use crate::source::{data_of, name_of, place_of};
use crate::table::{Table, brief};
use astra_arena::gates::{Gate, GateReport, GateStatus, Gatekeeper};
use astra_protocol::ArenaSpec;
use astra_sandbox::DataFile;
use astra_store::{StoreError, StoredArena};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

/// What became of one record.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// All gates ran.
    Judged { report: Box<GateReport>, spec: Box<ArenaSpec>, data: Vec<DataFile> },
    /// It is no arena, or its data are not there. The message names file, line and field.
    Unreadable { message: String, hints: Vec<String> },
    /// Our side failed; that says nothing about the arena.
    Broken { message: String },
}

/// One record after the gates.
#[derive(Debug)]
pub(crate) struct Gated {
    /// Where it stands.
    pub(crate) place: String,
    /// Its name, or the beginning of its id; absent when it could not be read.
    pub(crate) name: Option<String>,
    pub(crate) verdict: Verdict,
}

impl Gated {
    /// Whether it may be published.
    pub(crate) fn passed(&self) -> bool {
        matches!(&self.verdict, Verdict::Judged { report, .. } if report.passed())
    }

    /// `gate: reason` of each failure, or why nothing could be judged.
    pub(crate) fn reasons(&self) -> Vec<String> {
        match &self.verdict {
            Verdict::Judged { report, .. } => reasons(report),
            Verdict::Unreadable { message, .. } | Verdict::Broken { message } => vec![message.clone()],
        }
    }

    /// One line of `--json`.
    pub(crate) fn to_json(&self) -> Json {
        let mut line = json!({"place": self.place, "name": self.name, "passed": self.passed()});
        match &self.verdict {
            Verdict::Judged { report, spec, .. } => {
                let gates: Map<String, Json> = report
                    .outcomes
                    .iter()
                    .map(|(gate, status)| (gate.as_str().to_owned(), json!(status.as_str())))
                    .collect();
                let failures: Vec<Json> = report
                    .failures()
                    .map(|(gate, why)| json!({"gate": gate.as_str(), "reason": why}))
                    .collect();
                line["id"] = json!(spec.id());
                line["gates"] = Json::Object(gates);
                line["failures"] = json!(failures);
            }
            Verdict::Unreadable { message, .. } => line["unreadable"] = json!(message),
            Verdict::Broken { message } => line["broken"] = json!(message),
        }
        line
    }
}

/// `gate: reason` of each failure of a report.
pub(crate) fn reasons(report: &GateReport) -> Vec<String> {
    report.failures().map(|(gate, reason)| format!("{gate}: {reason}")).collect()
}

/// Runs all gates on a record as it was read.
pub(crate) fn judge(gatekeeper: &Gatekeeper, record: &Result<StoredArena, StoreError>) -> Gated {
    let unreadable = |place: String, name: Option<String>, error: &StoreError| {
        let verdict = Verdict::Unreadable { message: error.to_string(), hints: error.hints() };
        Gated { place, name, verdict }
    };
    let stored = match record {
        Ok(stored) => stored,
        Err(error) => return unreadable(String::new(), None, error),
    };
    let (place, name) = (place_of(stored), Some(name_of(&stored.spec)));
    let data = match data_of(stored) {
        Ok(data) => data,
        Err(error) => return unreadable(place, name, &error),
    };
    let verdict = match gatekeeper.check(&stored.spec, &data, &[]) {
        Ok(report) => Verdict::Judged { report: Box::new(report), spec: Box::new(stored.spec.clone()), data },
        Err(error) => Verdict::Broken { message: error.to_string() },
    };
    Gated { place, name, verdict }
}

/// How a gate did over many arenas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GateRow {
    pub(crate) gate: String,
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) not_applicable: usize,
    /// `arena: reason` of one failure.
    pub(crate) example: Option<String>,
}

/// Gate by gate over everything that was judged.
pub(crate) fn rows(gated: &[Gated]) -> Vec<GateRow> {
    let mut rows: Vec<GateRow> =
        Gate::ALL.iter().map(|gate| GateRow { gate: gate.to_string(), ..GateRow::default() }).collect();
    for one in gated {
        let Verdict::Judged { report, .. } = &one.verdict else { continue };
        for (gate, status) in &report.outcomes {
            let Some(row) = rows.iter_mut().find(|row| row.gate == gate.as_str()) else { continue };
            match status {
                GateStatus::Passed => row.passed += 1,
                GateStatus::NotApplicable(_) => row.not_applicable += 1,
                GateStatus::Failed(reasons) => {
                    row.failed += 1;
                    let name = one.name.as_deref().unwrap_or(&one.place);
                    let first = reasons.first().map_or("", String::as_str);
                    row.example.get_or_insert_with(|| format!("{name}: {first}"));
                }
            }
        }
    }
    rows
}

/// The table of gates for people.
pub(crate) fn table(rows: &[GateRow]) -> Table {
    let mut table = Table::new(&["gate", "passed", "failed", "n/a", "example of a failure"], 1..4);
    for row in rows {
        table.row(vec![
            row.gate.clone(),
            row.passed.to_string(),
            row.failed.to_string(),
            row.not_applicable.to_string(),
            row.example.as_deref().map(|example| brief(example, 160)).unwrap_or_default(),
        ]);
    }
    table
}
