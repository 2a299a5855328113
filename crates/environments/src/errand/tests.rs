//! Errands from shipped tables: that the gates let them through, that what the user is told stands where the gold calls
//! return it, and how they read.

use super::{Act, Tell};
use crate::draw::Draw;
use crate::generate::{Candidate, GenerateOptions, Generator};
use crate::tables::{Language, TableGroup};
use astra_sandbox::DataFile;
use astra_testkit::{TestResult, gatekeeper};
use std::collections::BTreeMap;
use std::path::PathBuf;

fn shipped(name: &str) -> TestResult<TableGroup> {
    Ok(TableGroup::read(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tables").join(name))?)
}

fn drawn(group: &TableGroup, seed: u64, count: usize) -> TestResult<Vec<Candidate>> {
    let options = GenerateOptions { seed, stateful: 100, unanswerable: 0, ..GenerateOptions::default() };
    Ok(Generator::new(group, options)?.candidates().take(count).flatten().collect())
}

fn is_errand(candidate: &Candidate) -> bool {
    candidate.spec.state.is_some()
}

/// What the gates refuse, by gate and reason, and how many errands there were.
fn refused(candidates: &[Candidate]) -> TestResult<(usize, Vec<String>)> {
    let gates = gatekeeper();
    let mut why = Vec::new();
    let mut errands = 0;
    for candidate in candidates.iter().filter(|one| is_errand(one)) {
        errands += 1;
        let names = candidate.spec.data.iter().map(|file| &file.name);
        let files: Vec<DataFile> = names
            .zip(&candidate.data)
            .map(|(name, bytes)| DataFile { name: name.clone(), json: bytes.as_slice().into() })
            .collect();
        let report = gates.check(&candidate.spec, &files, &[])?;
        if let Some((gate, reason)) = report.failures().next() {
            why.push(format!("{gate}: {reason} IN {} | {}", candidate.spec.prompt_text(), candidate.spec.provenance.extra["shape"]));
        }
    }
    Ok((errands, why))
}

#[test]
fn nearly_every_errand_passes_every_gate() {
    for group in ["chemistry", "time_zones"] {
        let group = shipped(group).unwrap();
        let candidates = drawn(&group, 5, 120).unwrap();
        let (errands, why) = refused(&candidates).unwrap();
        let mut shapes: BTreeMap<String, usize> = BTreeMap::new();
        for candidate in &candidates {
            *shapes.entry(format!("{} {}", candidate.spec.topology, candidate.spec.hops())).or_default() += 1;
        }
        println!("{}: {errands} errands of {}, {} refused\n{shapes:?}\n{}", group.name, candidates.len(), why.len(), why.join("\n"));
        assert!(errands * 10 >= candidates.len() * 8, "{errands} errands");
        assert!(why.len() * 100 <= errands * 15, "{}", why.join("\n"));
    }
}
