//! Writes published rows as JSONL or Parquet, to a temporary file that is renamed when it is whole.

use super::{PublishedError, PublishedRow};
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use serde_json::{Map, Value as Json, json};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

/// The Parquet layout; `answer` is our one extra column, null where the last expected answer is the answer.
const SCHEMA: &str = "message row {
    required group prompt (LIST) { repeated group list { required group element {
        required binary role (STRING); required binary content (STRING); } } }
    required binary tool_schema (STRING);
    required binary tool_dict (STRING);
    required binary sub_qa_dict (STRING);
    optional binary answer (STRING);
}";

/// Rows that go into memory together.
const ROW_GROUP: usize = 1024;

/// Writes rows to a `.jsonl` or `.parquet` file. Of the other columns only `answer` is written.
pub fn write_published(path: &Path, rows: &[PublishedRow]) -> Result<(), PublishedError> {
    let file = path.display().to_string();
    let failed = |source: std::io::Error| PublishedError::Io { file: file.clone(), source };
    let partial = path.with_extension("partial");
    let open = || File::create(&partial).map_err(failed);
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("jsonl") => write_lines(open()?, rows).map_err(failed)?,
        Some("parquet") => {
            write_parquet(open()?, rows).map_err(|error| failed(std::io::Error::other(error)))?;
        }
        Some(_) | None => {
            return Err(PublishedError::File {
                file,
                error: "the name ends neither in `.jsonl` nor in `.parquet`".into(),
                hint: "name the file `….jsonl` or `….parquet`".into(),
            });
        }
    }
    std::fs::rename(&partial, path).map_err(failed)
}

fn answer(row: &PublishedRow) -> Option<&str> {
    row.extra.get("answer").and_then(Json::as_str)
}

fn write_lines(file: File, rows: &[PublishedRow]) -> std::io::Result<()> {
    let mut out = BufWriter::new(file);
    for row in rows {
        let messages: Vec<Json> =
            row.prompt_columns().map(|(role, content)| json!({"role": role, "content": content})).collect();
        let mut columns = Map::new();
        columns.insert("prompt".into(), Json::Array(messages));
        columns.insert("tool_schema".into(), Json::String(row.tool_schema_text()));
        columns.insert("tool_dict".into(), Json::String(row.tool_dict_text()));
        columns.insert("sub_qa_dict".into(), Json::String(row.sub_qa_dict_text()));
        if let Some(answer) = answer(row) {
            columns.insert("answer".into(), Json::String(answer.to_owned()));
        }
        writeln!(out, "{}", Json::Object(columns))?;
    }
    out.into_inner()?.sync_all()
}

fn write_parquet(file: File, rows: &[PublishedRow]) -> Result<(), ParquetError> {
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let properties =
        WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
    for chunk in rows.chunks(ROW_GROUP) {
        let mut group = writer.next_row_group()?;
        let (mut roles, mut contents, mut levels) = (Vec::new(), Vec::new(), (Vec::new(), Vec::new()));
        for row in chunk {
            for (at, (role, content)) in row.prompt_columns().enumerate() {
                roles.push(role.to_owned());
                contents.push(content.to_owned());
                levels.0.push(1);
                levels.1.push(i16::from(at > 0));
            }
            if row.prompt.is_empty() {
                // An empty list has one entry that is not defined.
                levels.0.push(0);
                levels.1.push(0);
            }
        }
        column(&mut group, &roles, Some(&levels.0), Some(&levels.1))?;
        column(&mut group, &contents, Some(&levels.0), Some(&levels.1))?;
        for text in
            [PublishedRow::tool_schema_text, PublishedRow::tool_dict_text, PublishedRow::sub_qa_dict_text]
        {
            column(&mut group, &chunk.iter().map(text).collect::<Vec<_>>(), None, None)?;
        }
        let present: Vec<i16> = chunk.iter().map(|row| i16::from(answer(row).is_some())).collect();
        let answers: Vec<String> = chunk.iter().filter_map(|row| answer(row).map(str::to_owned)).collect();
        column(&mut group, &answers, Some(&present), None)?;
        group.close()?;
    }
    writer.close()?;
    Ok(())
}

/// Writes the next column of the row group.
fn column(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: &[String],
    definition: Option<&[i16]>,
    repetition: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let mut writer =
        group.next_column()?.ok_or_else(|| ParquetError::General("the schema has fewer columns".into()))?;
    let values: Vec<ByteArray> = values.iter().map(|text| ByteArray::from(text.as_str())).collect();
    writer.typed::<ByteArrayType>().write_batch(&values, definition, repetition)?;
    writer.close()
}
