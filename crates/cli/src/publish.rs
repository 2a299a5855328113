//! Publishing what passes the gates: the outcome of a gate report as the stage runner takes it, its progress on the
//! terminal, and the funnel read back from the folder, so that a resumed run tells the same story as an unbroken one.

use crate::gating::reasons;
use crate::printer::Printer;
use crate::repeats::NearRepeats;
use astra_arena::gates::GateReport;
use astra_protocol::{ArenaSpec, Boundary};
use astra_sandbox::DataFile;
use astra_store::{FieldError, Outcome, Progress, Summary, Tally, parse_json, read_records};
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

/// What the gates' report means for publication. The first failing gate stands before the first colon.
pub(crate) fn outcome(report: GateReport, data: &[DataFile]) -> Outcome<ArenaSpec> {
    if report.passed() {
        let data = data.iter().map(|file| file.json.to_vec()).collect();
        Outcome::AcceptedWithData { record: report.measured, data }
    } else {
        Outcome::Rejected { why: reasons(&report).join("; ") }
    }
}

/// An infrastructure failure as the stage runner takes it.
pub(crate) fn failed(error: &impl std::fmt::Display) -> Outcome<ArenaSpec> {
    Outcome::Failed { boundary: Boundary::Sandbox, error: error.to_string() }
}

/// What candidates became: how many were drawn, accepted, and refused by which gate first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Funnel {
    pub(crate) drawn: u64,
    pub(crate) accepted: u64,
    pub(crate) failed: u64,
    /// Refused candidates, under the first gate that refused them.
    pub(crate) rejected: BTreeMap<String, Refused>,
    /// Questions asked before, up to names; counted when a run is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) near_repeats: Option<NearRepeats>,
}

/// Candidates refused by one gate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refused {
    pub(crate) count: u64,
    /// The first of them: its index or id, and why.
    pub(crate) example: String,
}

#[derive(Debug, Deserialize)]
struct RejectedLine {
    id: String,
    why: String,
}

impl Funnel {
    /// The funnel of a published folder.
    pub(crate) fn read(folder: &Path, summary: &Summary) -> anyhow::Result<Self> {
        let mut funnel = Self {
            drawn: summary.tally.done(),
            accepted: summary.tally.accepted,
            failed: summary.tally.failed,
            rejected: BTreeMap::new(),
            near_repeats: None,
        };
        let file = folder.join("rejected.jsonl");
        if summary.tally.rejected == 0 || !file.exists() {
            return Ok(funnel);
        }
        for record in read_records(&file, parse_json::<RejectedLine> as fn(&str) -> Result<_, FieldError>)? {
            let RejectedLine { id, why } = record?.value;
            let (gate, reason) = why.split_once(": ").unwrap_or((&why, ""));
            let refused = funnel.rejected.entry(gate.to_owned()).or_default();
            refused.count += 1;
            if refused.example.is_empty() {
                refused.example = format!("candidate {id}: {reason}");
            }
        }
        Ok(funnel)
    }

    /// Writes it beside the manifest as `summary.json`.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(&serde_json::json!({"funnel": self}))?;
        std::fs::write(folder.join("summary.json"), text + "\n")?;
        Ok(())
    }

    /// One line for people, then one a gate.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "{} candidates drawn, {} accepted ({:.1} %)",
            self.drawn,
            self.accepted,
            100.0 * self.accepted as f64 / self.drawn.max(1) as f64
        )];
        for (gate, refused) in &self.rejected {
            let example = crate::table::brief(&refused.example, 140);
            lines.push(format!("  {:>5} refused by `{gate}`, e.g. {example}", refused.count));
        }
        if let Some(NearRepeats { prompt, shape, .. }) = &self.near_repeats {
            let (shapes, prompts) = (100.0 * shape.share, 100.0 * prompt.share);
            lines.push(format!(
                "  {shapes:.2} % ask what an earlier one of their source asks up to names, {prompts:.2} % in the same words"
            ));
        }
        if self.failed > 0 {
            lines.push(format!(
                "  {:>5} failed on our side (see failed.jsonl; `--resume` tries them again)",
                self.failed
            ));
        }
        lines
    }
}

/// The stage runner's progress as a line on the terminal.
#[derive(Debug)]
pub(crate) struct Bar {
    bar: ProgressBar,
    counts_accepted: bool,
}

impl Bar {
    /// For a generator: the goal is a number of accepted records.
    pub(crate) fn accepted(printer: Printer, what: &'static str) -> Self {
        Self { bar: printer.progress(0, what), counts_accepted: true }
    }

    /// For a map over inputs.
    pub(crate) fn done(printer: Printer, what: impl Into<Cow<'static, str>>) -> Self {
        Self { bar: printer.progress(0, what), counts_accepted: false }
    }

    fn show(&self, tally: &Tally) {
        self.bar.set_position(if self.counts_accepted { tally.accepted } else { tally.done() });
        self.bar.set_message(format!("{} rejected", tally.rejected));
    }
}

impl Progress for Bar {
    fn begin(&mut self, total: Option<u64>, resumed: &Tally) {
        self.bar.set_length(total.unwrap_or(0));
        self.show(resumed);
        self.bar.reset_eta();
    }

    fn update(&mut self, tally: &Tally) {
        self.show(tally);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
