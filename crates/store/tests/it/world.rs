//! A small deterministic stage, folders to run it in, and folders as values to compare.

use astra_protocol::Boundary;
use astra_store::{
    Existing, Generation, Input, Outcome, Silent, Stage, StageOptions, StoreError, Summary, generate,
    run_stage,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::error::Error;
use std::num::NonZeroUsize;
use std::path::Path;

pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Each fourth is rejected, each seventh fails, the rest become a record; some name a data file.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "workers take their input by reference")]
pub(crate) fn square(n: &u64) -> Outcome<Json> {
    match n {
        n if n % 4 == 3 => Outcome::Rejected { why: format!("fourth: {n} is three modulo four") },
        n if n % 7 == 5 => {
            Outcome::Failed { boundary: Boundary::Sandbox, error: format!("{n} broke its worker") }
        }
        n if n % 5 == 0 => Outcome::AcceptedWithData {
            record: json!({"n": n, "square": n * n, "text": "zażółć"}),
            data: vec![format!("[{n}]").into_bytes()],
        },
        n => Outcome::Accepted(json!({"n": n, "square": n * n})),
    }
}

pub(crate) fn stage() -> Stage {
    Stage::new("square", json!({"seed": 1}))
}

pub(crate) fn options(out: &Path, workers: usize) -> StageOptions<'static> {
    // Small parts, so that rolling is always part of the story.
    let concurrency = NonZeroUsize::new(workers).unwrap_or(NonZeroUsize::MIN);
    StageOptions { concurrency, part_bytes: 100, existing: Existing::Resume, ..StageOptions::new(out) }
}

pub(crate) fn numbers(count: u64) -> impl Iterator<Item = Result<Input<u64>, StoreError>> {
    (0..count).map(|n| Ok(Input { id: format!("number-{n}"), value: n }))
}

pub(crate) fn map_numbers(out: &Path, count: u64, workers: usize) -> Result<Summary, StoreError> {
    run_stage(numbers(count), &stage(), &options(out, workers), &mut Silent, square)
}

pub(crate) fn draw_numbers(out: &Path, count: u64, workers: usize) -> Result<Summary, StoreError> {
    let generation = Generation { count, give_up_after: 50 };
    generate(generation, &stage(), &options(out, workers), &mut Silent, |index| square(&index))
}

/// Every file under `folder` but the runner's private ones, with the manifest's time taken out.
pub(crate) fn files(folder: &Path) -> Result<Files, Box<dyn Error>> {
    let mut found = all_files(folder)?;
    found.retain(|name, _| !name.starts_with(".stage"));
    for (name, bytes) in &mut found {
        if name.starts_with("manifest") {
            let mut manifest: Json = serde_json::from_slice(bytes)?;
            manifest["created_at"] = Json::Null;
            *bytes = manifest.to_string().into_bytes();
        }
    }
    Ok(found)
}

/// Every file under `folder`.
pub(crate) fn all_files(folder: &Path) -> Result<Files, Box<dyn Error>> {
    let mut found = Files::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for entry in std::fs::read_dir(&current)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder)?.to_string_lossy().into_owned();
                found.insert(name, std::fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

/// Puts files back as they were.
pub(crate) fn restore(folder: &Path, files: &Files) -> Result<(), Box<dyn Error>> {
    for (name, bytes) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(path, bytes)?;
    }
    Ok(())
}

/// The records of all parts, in order.
pub(crate) fn records(folder: &Path) -> Result<Vec<Json>, Box<dyn Error>> {
    let mut out = Vec::new();
    for (name, bytes) in files(folder)? {
        if name.starts_with("part-") {
            for line in std::str::from_utf8(&bytes)?.lines() {
                out.push(serde_json::from_str(line)?);
            }
        }
    }
    Ok(out)
}
