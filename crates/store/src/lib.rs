//! Artefacts on disk: what a stage writes, the next one reads, and a person can open.
//!
//! * [`read_records`] and [`RecordWriter`]: JSON Lines with errors that name file, line and field.
//! * [`read_arenas`], [`open_arenas`], [`check_arenas`]: arenas from datasets, files and hand-written folders.
//! * [`DataFolder`]: content-addressed data files beside them.
//! * [`Stage`] and [`Manifest`]: what a run is made of, and when one may continue another.
//! * [`run_stage`] and [`generate`]: the one stage runner; bounded, ordered, resumable after a kill at any moment.
//! * [`RunFolder`]: where one command puts its files.
//!
//! Nothing here knows what a record means or talks to a person; the layouts are drawn in the docs of `dataset` and
//! `output`. All of it is synchronous: disks gain nothing from an executor.

mod data;
mod dataset;
mod engine;
mod error;
mod lines;
mod manifest;
mod options;
mod output;
mod run_folder;
mod runner;
mod session;

pub use data::{DataFolder, MAX_DATA_BYTES};
pub use dataset::{
    ArenaRecords, DocumentError, StoredArena, arena_files, check_arenas, open_arenas, parse_document,
    read_arenas, read_traces,
};
pub use error::{ParseFailure, StoreError};
pub use lines::{FieldError, Record, RecordWriter, Records, parse_json, read_records};
pub use manifest::{MANIFEST_VERSION, Manifest, Part, Stage, write_json};
pub use options::{Existing, Shard, StageOptions};
pub use run_folder::{RunFolder, RunSettings};
pub use runner::{
    Ended, Generation, Input, Outcome, Plan, Progress, Silent, Summary, Tally, generate, plan_stage,
    run_stage,
};
