//! Order, shards, limits, generators, and which runs may continue which.

use crate::world::{draw_numbers, files, map_numbers, numbers, options, records, square, stage};
use astra_protocol::{Boundary, ContentId};
use astra_store::{
    Ended, Existing, Generation, Input, Manifest, Outcome, Plan, Progress, Shard, Silent, Stage,
    StageOptions, StoreError, Tally, generate, plan_stage, run_stage,
};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::tempdir;

#[test]
fn output_is_in_input_order_whatever_the_number_of_workers() {
    let (one, many) = (tempdir().unwrap(), tempdir().unwrap());
    map_numbers(one.path(), 60, 1).unwrap();
    // Uneven work, so that results come back out of order.
    run_stage(numbers(60), &stage(), &options(many.path(), 4), &mut Silent, |n| {
        let spins = if n % 3 == 0 { 20_000 } else { 1 };
        std::hint::black_box((0..spins).fold(0_u64, |sum, i| sum ^ i));
        square(n)
    })
    .unwrap();
    let files = files(one.path()).unwrap();
    assert_eq!(files, crate::world::files(many.path()).unwrap());
    assert!(files.contains_key("part-00003.jsonl"), "parts are rolled");
    let ns: Vec<u64> =
        records(one.path()).unwrap().iter().map(|record| record["n"].as_u64().unwrap()).collect();
    assert!(ns.is_sorted() && ns.len() > 30);
    assert_eq!(files.keys().filter(|name| name.starts_with("data/")).count(), 7);
}

#[test]
fn the_manifest_says_what_was_done_with_what() {
    let folder = tempdir().unwrap();
    let summary = map_numbers(folder.path(), 12, 1).unwrap();
    let manifest = Manifest::read(&folder.path().join("manifest.json")).unwrap();
    assert_eq!(summary.manifest.as_ref(), Some(&manifest));
    assert_eq!(manifest.settings_hash, stage().settings_hash());
    assert_eq!(manifest.counts, Tally { accepted: 8, rejected: 3, failed: 1 });
    assert_eq!(manifest.rejected_by.get("fourth"), Some(&3));
    let first = &manifest.parts[0];
    let bytes = std::fs::read(folder.path().join(&first.name)).unwrap();
    assert_eq!((first.bytes, &first.blake3), (bytes.len() as u64, &ContentId::of_bytes(&bytes)));
    let rejected = String::from_utf8(files(folder.path()).unwrap()["rejected.jsonl"].clone()).unwrap();
    assert_eq!(
        rejected.lines().next().unwrap(),
        r#"{"id":"number-3","why":"fourth: 3 is three modulo four"}"#
    );
}

#[test]
fn a_finished_run_resumed_does_nothing() {
    let folder = tempdir().unwrap();
    run_stage(numbers(3), &stage(), &options(folder.path(), 1), &mut Silent, square).unwrap();
    let before = crate::world::all_files(folder.path()).unwrap();
    let summary =
        run_stage(numbers(3), &stage(), &options(folder.path(), 1), &mut Silent, |_| -> Outcome<u64> {
            panic!("nothing is left to do")
        })
        .unwrap();
    assert_eq!(summary.tally, summary.resumed);
    assert_eq!(crate::world::all_files(folder.path()).unwrap(), before, "not even the time changes");
}

#[test]
fn earlier_output_is_never_overwritten_unasked() {
    let folder = tempdir().unwrap();
    map_numbers(folder.path(), 3, 1).unwrap();
    let fresh = StageOptions { existing: Existing::Refuse, ..options(folder.path(), 1) };
    let error = run_stage(numbers(3), &stage(), &fresh, &mut Silent, square).unwrap_err();
    assert!(matches!(error, StoreError::OutputExists { .. }) && error.hints()[0].contains("--resume"));
    // Parts that no run of ours accounts for: somebody's data.
    std::fs::remove_dir_all(folder.path().join(".stage")).unwrap();
    let before = files(folder.path()).unwrap();
    for existing in [Existing::Refuse, Existing::Resume] {
        let options = StageOptions { existing, ..options(folder.path(), 1) };
        let error = run_stage(numbers(3), &stage(), &options, &mut Silent, square).unwrap_err();
        assert!(matches!(error, StoreError::FolderNotEmpty { .. }), "{error}");
    }
    assert_eq!(files(folder.path()).unwrap(), before);
}

#[test]
fn a_resume_with_other_settings_is_refused_by_name() {
    let folder = tempdir().unwrap();
    map_numbers(folder.path(), 3, 1).unwrap();
    let before = files(folder.path()).unwrap();
    let other = Stage::new("square", json!({"seed": 2}));
    let error = run_stage(numbers(3), &other, &options(folder.path(), 1), &mut Silent, square).unwrap_err();
    assert!(error.to_string().ends_with("`settings.seed` was `1` and is now `2`"), "{error}");
    assert!(error.hints()[0].contains("settings.seed"));
    let sharded = StageOptions { shard: Some(Shard::new(0, 2).unwrap()), ..options(folder.path(), 1) };
    let error = run_stage(numbers(3), &stage(), &sharded, &mut Silent, square).unwrap_err();
    assert!(error.to_string().contains("`shards` was `1` and is now `2`"), "{error}");
    assert_eq!(files(folder.path()).unwrap(), before);
}

#[test]
fn two_runs_cannot_write_to_one_folder() {
    let folder = tempdir().unwrap();
    let path = folder.path().to_owned();
    run_stage(numbers(1), &stage(), &options(&path, 1), &mut Silent, |n| {
        let second = map_numbers(&path, 1, 1);
        assert!(matches!(second, Err(StoreError::Busy { .. })), "{second:?}");
        Outcome::Accepted(*n)
    })
    .unwrap();
    assert_eq!(records(folder.path()).unwrap().len(), 1, "the assertion inside held");
}

#[test]
fn a_limit_can_be_raised_and_the_bytes_are_those_of_one_run() {
    let (steps, whole) = (tempdir().unwrap(), tempdir().unwrap());
    for limit in [5, 3, 11] {
        let options = StageOptions { limit: Some(limit), ..options(steps.path(), 2) };
        run_stage(numbers(30), &stage(), &options, &mut Silent, square).unwrap();
    }
    map_numbers(whole.path(), 11, 1).unwrap();
    assert_eq!(files(steps.path()).unwrap(), files(whole.path()).unwrap());
}

#[test]
fn a_repeated_id_is_rejected_once_and_stays_so() {
    let folder = tempdir().unwrap();
    let inputs = || ["a", "b", "a", "a"].into_iter().map(|id| Ok(Input { id: id.to_owned(), value: id }));
    for _ in 0..2 {
        let summary = run_stage(inputs(), &stage(), &options(folder.path(), 2), &mut Silent, |id| {
            Outcome::Accepted(*id)
        })
        .unwrap();
        assert_eq!(summary.tally, Tally { accepted: 2, rejected: 2, failed: 0 });
        assert_eq!(summary.rejected_by.get("repeated id"), Some(&2));
    }
}

#[test]
fn a_plan_changes_nothing_and_counts_what_is_left() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("new");
    let plan = plan_stage(numbers(9), &options(&out, 1)).unwrap();
    assert_eq!(plan, Plan { inputs: 9, decided: 0, to_do: 9 });
    assert!(!out.exists());
    map_numbers(&out, 6, 1).unwrap();
    let plan = plan_stage(numbers(9), &options(&out, 1)).unwrap();
    assert_eq!(plan, Plan { inputs: 9, decided: 5, to_do: 4 }, "what failed counts as left");
}

fn sharded(out: &Path, index: u32, of: u32) -> Result<StageOptions<'static>, StoreError> {
    Ok(StageOptions { shard: Some(Shard::new(index, of)?), ..options(out, 2) })
}

#[test]
fn shards_of_one_folder_give_the_records_of_one_run() {
    let (folder, whole) = (tempdir().unwrap(), tempdir().unwrap());
    for index in 0..3 {
        let options = sharded(folder.path(), index, 3).unwrap();
        run_stage(numbers(40), &stage(), &options, &mut Silent, square).unwrap();
    }
    map_numbers(whole.path(), 40, 1).unwrap();
    let set = |path: &Path| -> BTreeSet<String> {
        records(path).unwrap().iter().map(ToString::to_string).collect()
    };
    assert_eq!(set(folder.path()), set(whole.path()));
    assert_eq!(records(folder.path()).unwrap().len(), records(whole.path()).unwrap().len());
    assert!(folder.path().join("manifest-00002-of-00003.json").exists());
}

proptest! {
    #[test]
    fn shards_are_a_disjoint_cover(id in ".*", of in 1_u32..40) {
        let holders = (0..of).filter(|index| Shard::new(*index, of).unwrap().holds(&id)).count();
        prop_assert_eq!(holders, 1);
    }

    #[test]
    fn a_generator_stops_at_exactly_its_count(count in 0_u64..30, workers in 1_usize..5) {
        let folder = tempdir().unwrap();
        let summary = draw_numbers(folder.path(), count, workers).unwrap();
        prop_assert_eq!(summary.ended, Ended::Complete);
        let drawn: Vec<u64> =
            records(folder.path()).unwrap().iter().map(|record| record["n"].as_u64().unwrap()).collect();
        let expected: Vec<u64> = (0..)
            .filter(|n| matches!(square(n), Outcome::Accepted(_) | Outcome::AcceptedWithData { .. }))
            .take(usize::try_from(count).unwrap())
            .collect();
        prop_assert_eq!(drawn, expected);
    }
}

#[test]
fn a_generators_count_can_be_raised() {
    let (steps, whole) = (tempdir().unwrap(), tempdir().unwrap());
    for count in [4, 13] {
        draw_numbers(steps.path(), count, 3).unwrap();
    }
    draw_numbers(whole.path(), 13, 1).unwrap();
    // Growing tries again what failed before; here it fails again, so nothing differs.
    assert_eq!(files(steps.path()).unwrap(), files(whole.path()).unwrap());
}

#[test]
fn a_generator_without_success_gives_up_and_wastes_little() {
    let folder = tempdir().unwrap();
    let calls = AtomicU64::new(0);
    let generation = Generation { count: 5, give_up_after: 20 };
    let summary = generate(generation, &stage(), &options(folder.path(), 3), &mut Silent, |index| {
        calls.fetch_add(1, Ordering::Relaxed);
        if index < 2 { Outcome::Accepted(index) } else { Outcome::Rejected { why: "no: never".into() } }
    })
    .unwrap();
    assert_eq!(summary.ended, Ended::Exhausted);
    assert_eq!(summary.tally, Tally { accepted: 2, rejected: 20, failed: 0 });
    assert!(calls.into_inner() <= 22 + 12, "no more than the look-ahead is drawn in vain");
}

#[test]
fn a_generators_draws_can_be_limited() {
    let folder = tempdir().unwrap();
    let options = StageOptions { limit: Some(6), ..options(folder.path(), 2) };
    let generation = Generation { count: 50, give_up_after: 50 };
    let summary = generate(generation, &stage(), &options, &mut Silent, |index| square(&index)).unwrap();
    assert_eq!((summary.ended, summary.tally.done()), (Ended::Exhausted, 6));
}

#[test]
fn a_generators_shards_share_the_count() {
    let folder = tempdir().unwrap();
    for index in 0..3 {
        let options = sharded(folder.path(), index, 3).unwrap();
        let generation = Generation { count: 10, give_up_after: 50 };
        generate(generation, &stage(), &options, &mut Silent, Outcome::Accepted).unwrap();
    }
    let drawn: BTreeSet<u64> =
        records(folder.path()).unwrap().iter().map(|record| record.as_u64().unwrap()).collect();
    assert_eq!(drawn, (0..10).collect());
}

#[test]
fn progress_hears_every_input_and_where_it_began() {
    #[derive(Default)]
    struct Heard {
        begun: Option<(Option<u64>, u64)>,
        tallies: Vec<u64>,
    }
    impl Progress for Heard {
        fn begin(&mut self, total: Option<u64>, resumed: &Tally) {
            self.begun = Some((total, resumed.done()));
        }
        fn update(&mut self, tally: &Tally) {
            self.tallies.push(tally.done());
        }
    }
    let folder = tempdir().unwrap();
    map_numbers(folder.path(), 3, 1).unwrap();
    let mut heard = Heard::default();
    run_stage(numbers(5), &stage(), &options(folder.path(), 2), &mut heard, square).unwrap();
    assert_eq!((heard.begun, heard.tallies), (Some((Some(5), 3)), vec![4, 5]));
}

#[test]
fn a_record_that_cannot_be_json_is_our_failure() {
    let folder = tempdir().unwrap();
    let bad = |_: &u64| Outcome::Accepted(std::collections::BTreeMap::from([((1, 2), 3)]));
    run_stage(numbers(1), &stage(), &options(folder.path(), 1), &mut Silent, bad).unwrap();
    let failed = String::from_utf8(files(folder.path()).unwrap()["failed.jsonl"].clone()).unwrap();
    assert!(failed.contains(&format!(r#""boundary":"{}""#, Boundary::Us)), "{failed}");
}
