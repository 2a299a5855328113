//! TensorBoard event files, so that users watch runs in the tools that they have.
//!
//! Such a file is a row of records: length (u64), masked CRC-32C of the length, a protobuf `Event`, its masked CRC-32C.
//! Only scalars are written. The published writers drag in an image library; a message of this size is shorter to
//! declare than to depend on.

use prost::Message;
use serde_json::Value as Json;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

#[derive(Message)]
struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    /// First record only.
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Scalar>,
}

#[derive(Message)]
struct Scalar {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, tag = "2")]
    value: f32,
}

/// A file of events.
#[derive(Debug)]
pub(crate) struct EventFile {
    pub(crate) path: PathBuf,
    file: File,
}

impl EventFile {
    /// Begins a file in `folder`, in place of those that an earlier run left there: TensorBoard would show their steps
    /// beside those of this one.
    pub(crate) fn create(folder: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().contains("tfevents")) {
                std::fs::remove_file(path)?;
            }
        }
        let wall_time = now();
        // TensorBoard reads files in the order of the seconds in their names.
        let path = folder.join(format!("events.out.tfevents.{wall_time:010.0}.astra"));
        let mut events = Self { file: File::create(&path)?, path };
        let file_version = Some("brain.Event:2".to_owned());
        events.record(&Event { wall_time, step: 0, file_version, summary: None })?;
        Ok(events)
    }

    /// Adds the numbers of a step, each under its tag.
    pub(crate) fn scalars(
        &mut self,
        step: u64,
        values: impl IntoIterator<Item = (String, f64)>,
    ) -> std::io::Result<()> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a curve needs no more digits than the format has"
        )]
        let values = values.into_iter().map(|(tag, value)| Scalar { tag, value: value as f32 }).collect();
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        self.record(&Event { wall_time: now(), step, file_version: None, summary: Some(Summary { values }) })
    }

    fn record(&mut self, event: &Event) -> std::io::Result<()> {
        let body = event.encode_to_vec();
        let length = (body.len() as u64).to_le_bytes();
        let mut record = length.to_vec();
        record.extend(masked(&length).to_le_bytes());
        record.extend(&body);
        record.extend(masked(&body).to_le_bytes());
        // One write, so that a reader never sees half a record of a run that is killed between two.
        self.file.write_all(&record)
    }
}

/// The numbers of a line of metrics, each under its field's name in a group.
pub(crate) fn numbers<'a>(
    line: &'a Json,
    group: impl Fn(&str) -> Option<&'static str> + 'a,
) -> impl Iterator<Item = (String, f64)> + 'a {
    let fields = line.as_object().into_iter().flatten();
    fields.filter_map(move |(name, value)| Some((format!("{}/{name}", group(name)?), value.as_f64()?)))
}

fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// CRC-32C, rotated and shifted as TensorFlow does it, because sums of data that holds sums are weak.
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}
