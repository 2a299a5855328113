//! The whole way: tables to published arenas, with every gate on.

use super::shipped;
use astra_environments::{GenerateOptions, Generator, TableGroup, publish};
use astra_store::{Existing, Silent, StageOptions, Summary, open_arenas};
use astra_testkit::gatekeeper;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn run(group: &str, count: u64, threads: usize, existing: Existing, out: &Path) -> Result<Summary> {
    let group = TableGroup::read(&shipped(group))?;
    let generator = Generator::new(&group, GenerateOptions { seed: 31, ..GenerateOptions::default() })?;
    let concurrency = NonZeroUsize::new(threads).ok_or("no threads")?;
    let options = StageOptions { concurrency, existing, ..StageOptions::new(out) };
    Ok(publish(&generator, &gatekeeper(), count, &options, &mut Silent)?)
}

/// Every file but the manifest, which holds the time.
fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    for folder in [folder.to_owned(), folder.join("data")] {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_file() && name != "manifest.json" {
                found.insert(name, std::fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

#[test]
fn nearly_every_candidate_passes_every_gate() {
    for group in ["chemistry", "time_zones"] {
        let out = tempfile::tempdir().unwrap();
        let summary = run(group, 24, 2, Existing::Refuse, out.path()).unwrap();
        assert_eq!(summary.tally.accepted, 24, "{group}: {:?}", summary.rejected_by);
        assert!(summary.tally.rejected <= 6, "{group}: {:?}", summary.rejected_by);
        assert_eq!(summary.tally.failed, 0);
        let arenas = open_arenas(out.path()).unwrap();
        assert_eq!(arenas.len(), 24);
        for arena in &arenas {
            assert!(
                arena.spec.evidence.private_because.is_empty(),
                "{:?}",
                arena.spec.evidence.private_because
            );
            assert!(arena.spec.evidence.gates.values().all(|status| status == "passed"));
            for file in &arena.spec.data {
                arena.data().get(&file.blake3).unwrap();
            }
        }
    }
}

#[test]
fn threads_and_resuming_change_no_byte() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    run("chemistry", 8, 1, Existing::Refuse, one.path()).unwrap();
    run("chemistry", 3, 2, Existing::Refuse, two.path()).unwrap();
    run("chemistry", 8, 2, Existing::Resume, two.path()).unwrap();
    assert_eq!(files(one.path()).unwrap(), files(two.path()).unwrap());
}
