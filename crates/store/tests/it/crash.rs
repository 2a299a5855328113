//! Whatever a crash leaves behind, a resumed run ends with the bytes of an unbroken one.

use crate::world::{
    all_files, draw_numbers, files, map_numbers, numbers, options, records, restore, square, stage,
};
use astra_store::{Ended, Outcome, Silent, StoreError, run_stage};
use proptest::prelude::*;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tempfile::tempdir;

/// Files that a kill or a power cut may tear.
const TEARABLE: [&str; 5] =
    ["part-00000.jsonl", "part-00001.jsonl", "part-00002.jsonl", "rejected.jsonl", ".stage/progress.jsonl"];

#[test]
fn a_line_torn_at_any_byte_is_redone() {
    let whole = tempdir().unwrap();
    map_numbers(whole.path(), 13, 1).unwrap();
    let expected = files(whole.path()).unwrap();
    let left = all_files(whole.path()).unwrap();
    for name in TEARABLE {
        let length = left.get(name).unwrap().len();
        for end in 0..length {
            let torn = tempdir().unwrap();
            let mut crashed = left.clone();
            crashed.get_mut(name).unwrap().truncate(end);
            restore(torn.path(), &crashed).unwrap();
            let summary = map_numbers(torn.path(), 13, 2).unwrap();
            assert!(summary.resumed.done() < 13, "`{name}` cut at {end} went unnoticed");
            assert_eq!(files(torn.path()).unwrap(), expected, "`{name}` cut at {end}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn files_dropped_or_cut_anywhere_are_made_whole(
        harms in prop::collection::vec((0..TEARABLE.len(), prop::option::of(0.0..1.0_f64)), 1..4),
        workers in 1_usize..4,
        by_drawing in any::<bool>(),
    ) {
        let run = |path: &Path, workers| if by_drawing {
            draw_numbers(path, 11, workers)
        } else {
            map_numbers(path, 17, workers)
        };
        let whole = tempdir().unwrap();
        run(whole.path(), 1).unwrap();
        let mut left = all_files(whole.path()).unwrap();
        left.remove("manifest.json");
        for (at, keep) in harms {
            let Some(bytes) = left.get_mut(TEARABLE[at]) else { continue };
            match keep {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
                Some(share) => bytes.truncate((bytes.len() as f64 * share) as usize),
                None => drop(left.remove(TEARABLE[at])),
            }
        }
        let torn = tempdir().unwrap();
        restore(torn.path(), &left).unwrap();
        run(torn.path(), workers).unwrap();
        prop_assert_eq!(files(torn.path()).unwrap(), files(whole.path()).unwrap());
    }

    #[test]
    fn a_run_stopped_again_and_again_equals_an_unbroken_one(
        stops in prop::collection::vec(0_u64..8, 1..6),
        workers in 1_usize..4,
    ) {
        let whole = tempdir().unwrap();
        map_numbers(whole.path(), 20, 1).unwrap();
        let broken = tempdir().unwrap();
        for after in stops {
            let stop = AtomicBool::new(false);
            let calls = AtomicU64::new(0);
            let options = astra_store::StageOptions { stop: Some(&stop), ..options(broken.path(), workers) };
            let summary = run_stage(numbers(20), &stage(), &options, &mut Silent, |n| {
                if calls.fetch_add(1, Ordering::Relaxed) >= after {
                    stop.store(true, Ordering::Relaxed);
                }
                square(n)
            })
            .unwrap();
            prop_assert_eq!(summary.manifest.is_none(), summary.ended == Ended::Stopped);
        }
        map_numbers(broken.path(), 20, workers).unwrap();
        prop_assert_eq!(files(broken.path()).unwrap(), files(whole.path()).unwrap());
    }
}

/// Not a test of its own: the body of the child process that the next test lets die.
#[test]
#[ignore = "run by `a_process_that_dies_at_any_input_is_continued` as its child"]
fn child_that_dies() {
    let (Ok(out), Ok(at)) = (std::env::var("STORE_TEST_OUT"), std::env::var("STORE_TEST_DIES_AT")) else {
        return;
    };
    let dies_at: u64 = at.parse().unwrap();
    run_stage(numbers(30), &stage(), &options(Path::new(&out), 2), &mut Silent, |n| {
        if *n == dies_at {
            // No unwinding, no destructors, other threads in the middle of whatever they do: as a kill.
            std::process::abort();
        }
        square(n)
    })
    .unwrap();
}

#[test]
fn a_process_that_dies_at_any_input_is_continued() {
    let whole = tempdir().unwrap();
    map_numbers(whole.path(), 30, 1).unwrap();
    let broken = tempdir().unwrap();
    for dies_at in [0, 4, 11, 12, 26] {
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child_that_dies", "--ignored", "--nocapture"])
            .env("STORE_TEST_OUT", broken.path())
            .env("STORE_TEST_DIES_AT", dies_at.to_string())
            .output()
            .unwrap()
            .status;
        assert!(!status.success(), "the child was to die at {dies_at}");
        assert!(!broken.path().join("manifest.json").exists());
    }
    let summary = map_numbers(broken.path(), 30, 2).unwrap();
    assert!(summary.resumed.done() > 10, "{summary:?}");
    assert_eq!(files(broken.path()).unwrap(), files(whole.path()).unwrap());
}

#[test]
fn a_bad_input_ends_the_run_with_everything_before_it_written() {
    let folder = tempdir().unwrap();
    let bad = std::iter::once(Err(StoreError::EmptyFile { file: "x.jsonl".into() }));
    let inputs = numbers(6).chain(bad).chain(numbers(3));
    let error = run_stage(inputs, &stage(), &options(folder.path(), 2), &mut Silent, square).unwrap_err();
    assert!(matches!(error, StoreError::EmptyFile { .. }));
    assert_eq!(records(folder.path()).unwrap().len(), 4, "0, 1, 2 and 4");
    assert!(!folder.path().join("manifest.json").exists());
    let summary = map_numbers(folder.path(), 6, 1).unwrap();
    assert_eq!((summary.resumed.done(), summary.ended), (6, Ended::Complete));
}

#[test]
fn what_failed_is_tried_again_and_what_panics_is_a_failure() {
    let folder = tempdir().unwrap();
    let summary = run_stage(numbers(6), &stage(), &options(folder.path(), 2), &mut Silent, |n| {
        assert!(*n != 2, "two is too much");
        square(n)
    })
    .unwrap();
    assert_eq!((summary.tally.accepted, summary.tally.rejected, summary.tally.failed), (3, 1, 2));
    let failed = String::from_utf8(files(folder.path()).unwrap()["failed.jsonl"].clone()).unwrap();
    assert!(
        failed
            .contains(r#"{"id":"number-2","boundary":"us","error":"the worker panicked: two is too much"}"#)
    );
    assert!(failed.contains(r#""boundary":"sandbox""#), "{failed}");
    let calls = AtomicU64::new(0);
    let summary = run_stage(numbers(6), &stage(), &options(folder.path(), 2), &mut Silent, |n| {
        calls.fetch_add(1, Ordering::Relaxed);
        Outcome::Accepted(n * n)
    })
    .unwrap();
    assert_eq!(calls.into_inner(), 2, "only what failed");
    assert_eq!((summary.tally.accepted, summary.tally.rejected, summary.tally.failed), (5, 1, 0));
    assert!(!folder.path().join("failed.jsonl").exists());
}
