//! The whole way: tables to published arenas, with every gate on.

use super::shipped;
use astra_environments::{GenerateOptions, Generator, Publication, TableGroup, publish};
use astra_store::{Existing, Silent, StageOptions, Summary, open_arenas};
use astra_testkit::gatekeeper;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn run(groups: &[&str], count: u64, threads: usize, existing: Existing, out: &Path) -> Result<Summary> {
    let groups = groups
        .iter()
        .map(|group| TableGroup::read(&shipped(group)))
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let options = GenerateOptions { seed: 31, ..GenerateOptions::default() };
    let generators = groups
        .iter()
        .map(|group| Generator::new(group, options.clone()))
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let concurrency = NonZeroUsize::new(threads).ok_or("no threads")?;
    let options = StageOptions { concurrency, existing, ..StageOptions::new(out) };
    let publication = Publication { count, conditions: serde_json::Value::Null };
    Ok(publish(&generators, &gatekeeper(), &publication, &options, &mut Silent)?)
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
    let out = tempfile::tempdir().unwrap();
    let summary = run(&["chemistry", "time_zones"], 40, 2, Existing::Refuse, out.path()).unwrap();
    assert_eq!((summary.tally.accepted, summary.tally.failed), (40, 0), "{:?}", summary.rejected_by);
    assert!(summary.tally.rejected <= 6, "{:?}", summary.rejected_by);
    let arenas = open_arenas(out.path()).unwrap();
    let domains = |name: &str| arenas.iter().filter(|arena| arena.spec.domain == name).count();
    assert!(domains("chemistry") >= 15 && domains("time_zones") >= 15, "the groups take turns");
    for arena in &arenas {
        let evidence = &arena.spec.evidence;
        assert!(evidence.private_because.is_empty(), "{:?}", evidence.private_because);
        let fits =
            |status: &str| status == "passed" || (!arena.spec.answerable && status == "not_applicable");
        assert!(evidence.gates.len() == 10 && evidence.gates.values().all(|status| fits(status)));
        for file in &arena.spec.data {
            arena.data().get(&file.blake3).unwrap();
        }
    }
}

#[test]
fn threads_and_resuming_change_no_byte() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    run(&["chemistry"], 8, 1, Existing::Refuse, one.path()).unwrap();
    run(&["chemistry"], 3, 2, Existing::Refuse, two.path()).unwrap();
    run(&["chemistry"], 8, 2, Existing::Resume, two.path()).unwrap();
    assert_eq!(files(one.path()).unwrap(), files(two.path()).unwrap());
}

#[test]
fn other_settings_do_not_continue_a_run() {
    let out = tempfile::tempdir().unwrap();
    run(&["chemistry"], 2, 1, Existing::Refuse, out.path()).unwrap();
    let error = run(&["time_zones"], 3, 1, Existing::Resume, out.path()).unwrap_err();
    assert!(error.to_string().contains("groups"), "{error}");
}
