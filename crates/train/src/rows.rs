//! Rows of traces as JSON objects, from JSON Lines or Parquet, each with its place.
//!
//! Parquet columns may be nested (lists of structs, as Hugging Face data sets have them) or hold JSON texts; both end
//! as the same object. Of Parquet only the columns of a trace are read, so that what else a data set holds costs
//! nothing and cannot be in the way. Knows nothing of messages.

use crate::TrainError;
use astra_store::read_records;
use parquet::basic::{ConvertedType, Repetition, Type as Physical};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field, Row};
use parquet::schema::types::Type;
use serde_json::{Map, Value as Json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Columns of a trace.
const COLUMNS: [&str; 2] = ["messages", "tools"];

/// One row.
#[derive(Clone, Debug)]
pub(crate) struct TraceRow {
    /// `FILE:LINE`, or `FILE: row N`.
    pub(crate) place: String,
    /// Its columns.
    pub(crate) fields: Map<String, Json>,
}

/// The files that a path means: itself, or the `part-*.jsonl`, `*.jsonl` or `*.parquet` of a folder, sorted.
pub(crate) fn files(path: &Path) -> Result<Vec<PathBuf>, TrainError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let io = |source| TrainError::Io { action: "list", path: path.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(io)? {
        let file = entry.map_err(io)?.path();
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        // Beside a data set's parts stand its rejected and failed records; they are no traces.
        let is_data = has_extension(&file, "parquet")
            || (has_extension(&file, "jsonl") && !["rejected.jsonl", "failed.jsonl"].contains(&&*name));
        if is_data {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(TrainError::NoData { path: path.to_owned() });
    }
    Ok(files)
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

/// Reads a file, row by row.
pub(crate) fn read(
    path: &Path,
    heard: &mut dyn FnMut(TraceRow) -> Result<(), TrainError>,
) -> Result<(), TrainError> {
    if has_extension(path, "parquet") {
        return read_parquet(path, heard);
    }
    for record in read_records(path, astra_store::parse_json::<Map<String, Json>>)? {
        let record = record?;
        heard(TraceRow { place: format!("{}:{}", path.display(), record.line), fields: record.value })?;
    }
    Ok(())
}

fn read_parquet(
    path: &Path,
    heard: &mut dyn FnMut(TraceRow) -> Result<(), TrainError>,
) -> Result<(), TrainError> {
    let malformed = |error: parquet::errors::ParquetError| TrainError::Parquet {
        path: path.to_owned(),
        message: error.to_string().trim_start_matches("Parquet error: ").to_owned(),
    };
    let file = std::fs::File::open(path).map_err(|source| TrainError::Io {
        action: "open",
        path: path.to_owned(),
        source,
    })?;
    let reader = SerializedFileReader::new(file).map_err(malformed)?;
    let wanted = projection(reader.metadata().file_metadata().schema())
        .map_err(|message| TrainError::Parquet { path: path.to_owned(), message })?;
    for (at, row) in reader.get_row_iter(Some(wanted)).map_err(malformed)?.enumerate() {
        let place = format!("{}: row {}", path.display(), at + 1);
        heard(TraceRow { place, fields: object(&row.map_err(malformed)?) })?;
    }
    Ok(())
}

/// The columns of a trace out of a file's.
fn projection(schema: &Type) -> Result<Type, String> {
    let fields = schema.get_fields();
    let wanted: Vec<Arc<Type>> =
        fields.iter().filter(|field| COLUMNS.contains(&field.name())).cloned().collect();
    if wanted.is_empty() {
        let names: Vec<&str> = fields.iter().map(|field| field.name()).collect();
        return Err(format!("none of its columns ({}) is `{}`", names.join(", "), COLUMNS.join("` or `")));
    }
    for field in &wanted {
        readable(field)?;
    }
    let group = Type::group_type_builder(schema.name()).with_fields(wanted).build();
    group.map_err(|error| error.to_string())
}

/// Refuses what the row reader answers with a panic.
fn readable(field: &Type) -> Result<(), String> {
    if field.is_group() {
        let kind = field.get_basic_info().converted_type();
        let is_map = matches!(kind, ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE);
        let inner = field.get_fields();
        let is_repeated = inner.first().is_some_and(|inner| {
            inner.get_basic_info().has_repetition()
                && inner.get_basic_info().repetition() == Repetition::REPEATED
        });
        if (is_map || kind == ConvertedType::LIST) && (inner.len() != 1 || !is_repeated) {
            return Err(format!("column `{}` is no list or map as the format has them", field.name()));
        }
        if is_map && !(inner[0].is_group() && matches!(inner[0].get_fields().len(), 1 | 2)) {
            return Err(format!("column `{}` is a map without keys and values", field.name()));
        }
        // Between a map and its keys stands a group that may be marked as a map itself.
        let inner = if is_map { inner[0].get_fields() } else { inner };
        return inner.iter().try_for_each(|inner| readable(inner));
    }
    let (physical, converted) = (field.get_physical_type(), field.get_basic_info().converted_type());
    let is_plain = match physical {
        Physical::BOOLEAN | Physical::FLOAT | Physical::DOUBLE => true,
        Physical::INT32 => matches!(
            converted,
            ConvertedType::NONE
                | ConvertedType::INT_8
                | ConvertedType::INT_16
                | ConvertedType::INT_32
                | ConvertedType::UINT_8
                | ConvertedType::UINT_16
                | ConvertedType::UINT_32
                | ConvertedType::DATE
                | ConvertedType::TIME_MILLIS
        ),
        Physical::INT64 => matches!(
            converted,
            ConvertedType::NONE
                | ConvertedType::INT_64
                | ConvertedType::UINT_64
                | ConvertedType::TIME_MICROS
                | ConvertedType::TIMESTAMP_MILLIS
                | ConvertedType::TIMESTAMP_MICROS
        ),
        Physical::BYTE_ARRAY => matches!(
            converted,
            ConvertedType::NONE
                | ConvertedType::UTF8
                | ConvertedType::ENUM
                | ConvertedType::JSON
                | ConvertedType::BSON
        ),
        Physical::FIXED_LEN_BYTE_ARRAY => converted == ConvertedType::NONE,
        Physical::INT96 => false,
    };
    if is_plain {
        return Ok(());
    }
    Err(format!("field `{}` is of type {physical} ({converted}), which no trace has", field.name()))
}

fn object(row: &Row) -> Map<String, Json> {
    // A struct column holds a key for every field that any row has; what is null here was not there.
    row.get_column_iter()
        .filter(|(_, field)| !matches!(field, Field::Null))
        .map(|(name, field)| (name.clone(), json(field)))
        .collect()
}

fn json(field: &Field) -> Json {
    match field {
        // A decimal was refused before a row was read.
        Field::Null | Field::Decimal(_) => Json::Null,
        Field::Bool(value) => Json::from(*value),
        Field::Byte(value) => Json::from(*value),
        Field::Short(value) => Json::from(*value),
        // Dates and times as the numbers that they are; as text, those out of range would be a panic.
        Field::Int(value) | Field::Date(value) | Field::TimeMillis(value) => Json::from(*value),
        Field::Long(value)
        | Field::TimeMicros(value)
        | Field::TimestampMillis(value)
        | Field::TimestampMicros(value) => Json::from(*value),
        Field::UByte(value) => Json::from(*value),
        Field::UShort(value) => Json::from(*value),
        Field::UInt(value) => Json::from(*value),
        Field::ULong(value) => Json::from(*value),
        Field::Float(value) => Json::from(f64::from(*value)),
        Field::Double(value) => Json::from(*value),
        Field::Str(text) => Json::from(text.clone()),
        Field::Bytes(bytes) => Json::from(String::from_utf8_lossy(bytes.data()).into_owned()),
        Field::Group(row) => Json::Object(object(row)),
        Field::ListInternal(list) => list.elements().iter().map(json).collect(),
        Field::MapInternal(map) => map
            .entries()
            .iter()
            .map(|(key, value)| (key.to_string().trim_matches('"').to_owned(), json(value)))
            .collect::<Map<_, _>>()
            .into(),
        Field::Float16(value) => Json::from(value.to_f64()),
    }
}
