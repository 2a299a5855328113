//! Reads published rows from JSONL or Parquet, one at a time.
//!
//! A broken row is an error in the stream and the next row still comes: data sets of thousands of rows hold a few
//! that nobody can read. What ends the stream early is the file itself breaking off.

use super::row::{COLUMNS, hint};
use super::{PublishedError, PublishedRow};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use serde_json::{Map, Number, Value as Json};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Longest JSONL line; a row is a prompt and some tools, not a library.
const LINE_BYTES: u64 = 64 * 1024 * 1024;

/// What can be done about a Parquet file that we cannot read.
const PARQUET_HINT: &str = "write the file again with snappy, zstd or no compression";

/// The rows of a file with their numbers, from 1 (line numbers in JSONL).
pub struct PublishedRows {
    file: String,
    row: usize,
    source: Source,
}

impl std::fmt::Debug for PublishedRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublishedRows({}, row {})", self.file, self.row)
    }
}

enum Source {
    Lines(BufReader<File>),
    Records(Box<RowIter<'static>>),
    Ended,
}

/// Opens a `.jsonl` or `.parquet` file of published rows.
pub fn read_published(path: &Path) -> Result<PublishedRows, PublishedError> {
    let file = path.display().to_string();
    let open = || File::open(path).map_err(|source| PublishedError::Io { file: file.clone(), source });
    let source = match path.extension().and_then(|extension| extension.to_str()) {
        Some("jsonl" | "json") => Source::Lines(BufReader::new(open()?)),
        Some("parquet") => Source::Records(Box::new(records(&file, open()?)?)),
        Some(_) | None => {
            return Err(PublishedError::File {
                file,
                error: "the name ends neither in `.jsonl` nor in `.parquet`".into(),
                hint: "rename the file, or convert it to one of the two".into(),
            });
        }
    };
    Ok(PublishedRows { file, row: 0, source })
}

fn records(file: &str, open: File) -> Result<RowIter<'static>, PublishedError> {
    let broken = |error: String, hint: String| PublishedError::File { file: file.to_owned(), error, hint };
    let unreadable = |error: parquet::errors::ParquetError| {
        broken(format!("it is not a readable Parquet file: {error}"), PARQUET_HINT.into())
    };
    let reader = SerializedFileReader::new(open).map_err(unreadable)?;
    let schema = reader.metadata().file_metadata().schema();
    let names: Vec<&str> = schema.get_fields().iter().map(|field| field.name()).collect();
    if let Some(missing) = COLUMNS.iter().find(|column| !names.contains(*column)) {
        let error = format!("column `{missing}` is missing; the columns are {}", names.join(", "));
        return Err(broken(error, format!("`{missing}` is {}", hint(missing))));
    }
    Ok(RowIter::from_file_into(Box::new(reader)))
}

impl Iterator for PublishedRows {
    type Item = Result<(usize, PublishedRow), PublishedError>;

    fn next(&mut self) -> Option<Self::Item> {
        let columns = match self.columns()? {
            Ok(columns) => columns,
            Err(error) => return Some(Err(error)),
        };
        let row = PublishedRow::from_columns(columns).map_err(|wrong| PublishedError::Column {
            file: self.file.clone(),
            row: self.row,
            column: wrong.column,
            error: wrong.error,
            hint: format!("it should be {}", hint(wrong.column)),
        });
        Some(row.map(|row| (self.row, row)))
    }
}

impl PublishedRows {
    fn columns(&mut self) -> Option<Result<Map<String, Json>, PublishedError>> {
        loop {
            let next = match &mut self.source {
                Source::Ended => return None,
                Source::Lines(reader) => line(reader),
                Source::Records(rows) => match rows.next()? {
                    Ok(row) => Next::Columns(of_record(&row)),
                    Err(error) => Next::Broken(error.to_string()),
                },
            };
            match next {
                Next::End => return None,
                Next::Blank => self.row += 1,
                Next::Columns(columns) => {
                    self.row += 1;
                    return Some(Ok(columns));
                }
                Next::Bad(error) => {
                    self.row += 1;
                    return Some(Err(self.record(error)));
                }
                Next::Broken(error) => {
                    self.row += 1;
                    let broken = self.record(error);
                    self.source = Source::Ended;
                    return Some(Err(broken));
                }
            }
        }
    }

    fn record(&self, error: String) -> PublishedError {
        PublishedError::Record {
            file: self.file.clone(),
            row: self.row,
            error,
            hint: match self.source {
                Source::Lines(_) => "each row is one JSON object on one line, in UTF-8",
                Source::Records(_) | Source::Ended => PARQUET_HINT,
            }
            .to_owned(),
        }
    }
}

/// What the file gave next.
enum Next {
    End,
    Blank,
    Columns(Map<String, Json>),
    /// This row cannot be read; the next one may.
    Bad(String),
    /// Nothing more can be read.
    Broken(String),
}

fn line(reader: &mut BufReader<File>) -> Next {
    let mut bytes = Vec::new();
    match reader.by_ref().take(LINE_BYTES).read_until(b'\n', &mut bytes) {
        Err(error) => return Next::Broken(error.to_string()),
        Ok(0) => return Next::End,
        Ok(read) if read as u64 == LINE_BYTES && bytes.last() != Some(&b'\n') => {
            return Next::Broken(format!("the line is longer than {LINE_BYTES} bytes"));
        }
        Ok(_) => {}
    }
    let Ok(text) = std::str::from_utf8(&bytes) else { return Next::Bad("the line is not UTF-8".into()) };
    let text = text.trim_start_matches('\u{FEFF}').trim();
    if text.is_empty() {
        return Next::Blank;
    }
    match serde_json::from_str::<Json>(text) {
        Ok(Json::Object(columns)) => Next::Columns(columns),
        Ok(_) => Next::Bad("the line is not a JSON object".into()),
        Err(error) => Next::Bad(format!("the line is not JSON: {error}")),
    }
}

fn of_record(row: &Row) -> Map<String, Json> {
    row.get_column_iter().map(|(name, field)| (name.clone(), of_field(field))).collect()
}

/// Plain JSON of a Parquet field. Binary columns without a string annotation are text when they are UTF-8.
fn of_field(field: &Field) -> Json {
    match field {
        Field::Str(text) => Json::String(text.clone()),
        Field::Bytes(bytes) => {
            std::str::from_utf8(bytes.data()).map_or(Json::Null, |text| Json::String(text.to_owned()))
        }
        Field::Bool(value) => Json::Bool(*value),
        Field::Int(value) => Json::from(*value),
        Field::Long(value) => Json::from(*value),
        Field::Float(value) => float(f64::from(*value)),
        Field::Double(value) => float(*value),
        Field::Group(row) => Json::Object(of_record(row)),
        Field::ListInternal(list) => Json::Array(list.elements().iter().map(of_field).collect()),
        // The four columns are text and lists of text; nobody reads columns of these types.
        Field::Null
        | Field::Byte(_)
        | Field::Short(_)
        | Field::UByte(_)
        | Field::UShort(_)
        | Field::UInt(_)
        | Field::ULong(_)
        | Field::Float16(_)
        | Field::Decimal(_)
        | Field::Date(_)
        | Field::TimeMillis(_)
        | Field::TimeMicros(_)
        | Field::TimestampMillis(_)
        | Field::TimestampMicros(_)
        | Field::MapInternal(_) => Json::Null,
    }
}

fn float(value: f64) -> Json {
    Number::from_f64(value).map_or(Json::Null, Json::Number)
}
