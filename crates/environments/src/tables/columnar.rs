//! Reads a Parquet file through its rows; nested columns and raw bytes are left out with a note.
//!
//! The row interface costs some speed and spares us every physical type: dates, timestamps and decimals come out as
//! people write them. A file that was cut off has no footer, so it is refused before anything is read.

use super::Kind;
use super::raw::{Growing, MAX_CELL_BYTES, RawTable, stem};
use crate::error::{Error, Place};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use std::fs::File;
use std::path::Path;

pub(super) fn read(path: &Path) -> Result<RawTable, Error> {
    let malformed = |error: ParquetError| {
        let message = error.to_string();
        let message = message.strip_prefix("Parquet error: ").unwrap_or(&message).to_owned();
        Error::Malformed { place: Place::file(path), format: "Parquet file", message }
    };
    let file = File::open(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let reader = SerializedFileReader::new(file).map_err(malformed)?;
    let mut rows = Growing::new(path);
    let mut texts = std::collections::BTreeSet::new();
    for row in reader.get_row_iter(None).map_err(malformed)? {
        let row = row.map_err(malformed)?;
        for (header, field) in row.get_column_iter() {
            let column = rows.column(header, 1)?;
            if matches!(field, Field::Str(_)) {
                texts.insert(column);
            }
            let Some(text) = text(field) else {
                rows.nest(column);
                continue;
            };
            if text.len() > MAX_CELL_BYTES {
                let place = rows.origin.row(rows.rows);
                return Err(Error::HugeCell { place, column: header.clone(), limit: MAX_CELL_BYTES });
            }
            rows.set(column, &text);
        }
        rows.rows += 1;
    }
    for column in texts {
        rows.hint(column, Kind::Text);
    }
    rows.finish(&stem(path))
}

/// A cell as people write it; nothing for what is no single value.
fn text(field: &Field) -> Option<String> {
    match field {
        Field::Null => Some(String::new()),
        Field::Str(text) => Some(text.clone()),
        Field::Float16(value) => Some(float(f64::from(f32::from(*value)))),
        // The shortest digits that mean this 32-bit number, not the 64-bit one next to it.
        Field::Float(value) => Some(if value.is_finite() { format!("{value:?}") } else { String::new() }),
        Field::Double(value) => Some(float(*value)),
        Field::TimestampMillis(_) | Field::TimestampMicros(_) => {
            let text = field.to_string();
            // A zone and a fraction that say nothing are not worth asking for.
            Some(text.trim_end_matches(" +00:00").trim_end_matches(".000").to_owned())
        }
        Field::Decimal(_) => Some(field.to_string().trim_matches('"').to_owned()),
        Field::Bytes(_) | Field::Group(_) | Field::ListInternal(_) | Field::MapInternal(_) => None,
        Field::Bool(_)
        | Field::Byte(_)
        | Field::Short(_)
        | Field::Int(_)
        | Field::Long(_)
        | Field::UByte(_)
        | Field::UShort(_)
        | Field::UInt(_)
        | Field::ULong(_)
        | Field::Date(_)
        | Field::TimeMillis(_)
        | Field::TimeMicros(_) => Some(field.to_string()),
    }
}

fn float(value: f64) -> String {
    if value.is_finite() { format!("{value:?}") } else { String::new() }
}
