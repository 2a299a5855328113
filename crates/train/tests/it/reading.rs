//! What is learned from: rows of several formats, and what is said of those that are not fit.

use crate::world::{Result, World, trace};
use astra_train::{Reading, Samples, TrainError};
use parquet::data_type::{ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int64Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::path::Path;
use std::sync::Arc;

#[test]
fn only_what_the_assistant_wrote_is_marked() {
    let world = World::new(3).unwrap();
    let chat = world.chat().unwrap();
    let samples = Samples::read(&[world.path("traces.jsonl")], &chat, Reading::up_to(256)).unwrap();
    let sample = &samples.samples[2];
    let marked: Vec<u32> =
        sample.ids.iter().zip(&sample.learned).filter(|(_, learned)| **learned).map(|(id, _)| *id).collect();
    let text = chat.tokenizer().decode(&marked);
    assert_eq!(text, "<tool_call>read_buoy{\"buoy\":2}<|im_end|>It is 2.<|im_end|>");
}

#[test]
fn what_is_too_long_is_reported_with_its_place_and_never_cut() {
    let world = World::new(3).unwrap();
    let chat = world.chat().unwrap();
    let all = Samples::read(&[world.path("traces.jsonl")], &chat, Reading::up_to(256)).unwrap();
    let longest = all.samples.iter().map(|sample| sample.ids.len()).max().unwrap();
    let long = trace(1).replace("How warm is", "Say please, if you can find the time for it, how warm is");
    let path = world.path("mixed.jsonl");
    std::fs::write(&path, format!("{}\n{long}\n", trace(0))).unwrap();
    let read = Samples::read(std::slice::from_ref(&path), &chat, Reading::up_to(longest)).unwrap();
    assert_eq!((read.samples.len(), read.skipped.len()), (1, 1));
    assert_eq!(read.skipped[0].place, format!("{}:2", path.display()));
    assert!(read.skipped[0].tokens > longest);
    let error = Samples::read(&[path], &chat, Reading::up_to(8)).unwrap_err();
    assert!(matches!(error, TrainError::NothingToLearn { read: 2, .. }), "{error}");
}

#[test]
fn a_row_that_is_no_conversation_ends_the_reading_with_file_line_and_field() {
    let world = World::new(1).unwrap();
    let chat = world.chat().unwrap();
    let path = world.path("bad.jsonl");
    let refused = |second: &str| -> Result<String> {
        std::fs::write(&path, format!("{}\n{second}\n", trace(0)))?;
        match Samples::read(std::slice::from_ref(&path), &chat, Reading::up_to(256)) {
            Ok(_) => Err("it was read".into()),
            Err(error) => Ok(error.to_string()),
        }
    };
    let place = format!("{}:2", path.display());
    for (row, named) in [
        (trace(1).replace("\"role\":\"user\"", "\"role\":\"owner\""), "messages[0].role"),
        (trace(1).replace("\"messages\"", "\"turns\""), "messages"),
        (trace(1).replace("\"name\":\"read_buoy\",\"arg", "\"nome\":\"x\",\"arg"), "messages[1]"),
        ("[1]".to_owned(), ""),
        (trace(1)[..40].to_owned(), ""),
    ] {
        let said = refused(&row).unwrap();
        assert!(said.contains(&place) && said.contains(named), "{said}");
    }
    std::fs::create_dir(world.path("empty")).unwrap();
    let error = Samples::read(&[world.path("empty")], &chat, Reading::up_to(256)).unwrap_err();
    assert!(matches!(error, TrainError::NoData { .. }) && !error.hints().is_empty());
    std::fs::write(world.path("cut.parquet"), b"PAR1").unwrap();
    let error = Samples::read(&[world.path("cut.parquet")], &chat, Reading::up_to(256)).unwrap_err();
    assert!(
        matches!(error, TrainError::Parquet { .. }) && error.to_string().contains("cut.parquet"),
        "{error}"
    );
}

/// One row: a question and an answer as a list of structs, tools as text.
fn write_parquet(path: &Path) -> Result<()> {
    let schema = "message row {
        required group messages (LIST) { repeated group list { required group element {
            required binary role (UTF8); optional binary content (UTF8); } } }
        required binary tools (UTF8);
        required fixed_len_byte_array(12) took (INTERVAL);
    }";
    let schema = Arc::new(parse_message_type(schema)?);
    let mut file = SerializedFileWriter::new(std::fs::File::create(path)?, schema, Arc::default())?;
    let mut group = file.next_row_group()?;
    let texts = |texts: &[&str]| texts.iter().map(|text| ByteArray::from(*text)).collect::<Vec<_>>();
    for (values, definitions, repetitions) in [
        (texts(&["user", "assistant"]), Some(vec![1, 1]), Some(vec![0, 1])),
        (texts(&["How warm is buoy 3?", "It is 3."]), Some(vec![2, 2]), Some(vec![0, 1])),
        (texts(&["[]"]), None, None),
    ] {
        let mut column = group.next_column()?.ok_or("the schema has four columns")?;
        column.typed::<ByteArrayType>().write_batch(
            &values,
            definitions.as_deref(),
            repetitions.as_deref(),
        )?;
        column.close()?;
    }
    // A type that nobody reads rows of; it is not among the columns of a trace.
    let mut column = group.next_column()?.ok_or("the schema has four columns")?;
    let took = FixedLenByteArray::from(vec![0; 12]);
    column.typed::<FixedLenByteArrayType>().write_batch(&[took], None, None)?;
    column.close()?;
    group.close()?;
    file.close()?;
    Ok(())
}

#[test]
fn nested_parquet_means_the_same_as_json_lines() {
    let world = World::new(1).unwrap();
    let chat = world.chat().unwrap();
    let messages =
        r#"[{"role":"user","content":"How warm is buoy 3?"},{"role":"assistant","content":"It is 3."}]"#;
    std::fs::write(world.path("one.jsonl"), format!("{{\"messages\":{messages},\"tools\":[]}}\n")).unwrap();
    let as_text = serde_json::json!({"messages": messages, "tools": "[]"});
    std::fs::write(world.path("text.jsonl"), format!("{as_text}\n")).unwrap();
    write_parquet(&world.path("one.parquet")).unwrap();
    let read =
        |name: &str| Samples::read(&[world.path(name)], &chat, Reading::up_to(256)).map(|read| read.samples);
    let expected = read("one.jsonl").unwrap();
    assert_eq!(read("one.parquet").unwrap(), expected);
    assert_eq!(read("text.jsonl").unwrap(), expected);
}

#[test]
fn a_column_of_another_type_is_an_error_and_so_is_a_file_without_traces() {
    let world = World::new(1).unwrap();
    let chat = world.chat().unwrap();
    let refused = |schema: &str| -> Result<String> {
        let path = world.path("odd.parquet");
        let schema = Arc::new(parse_message_type(schema)?);
        let mut file = SerializedFileWriter::new(std::fs::File::create(&path)?, schema, Arc::default())?;
        let mut group = file.next_row_group()?;
        let mut column = group.next_column()?.ok_or("the schema has a column")?;
        column.typed::<Int64Type>().write_batch(&[7], None, None)?;
        column.close()?;
        group.close()?;
        file.close()?;
        match Samples::read(&[path], &chat, Reading::up_to(256)) {
            Err(error @ TrainError::Parquet { .. }) => Ok(error.to_string()),
            other => Err(format!("{other:?}").into()),
        }
    };
    let said = refused("message row { required int64 messages (DECIMAL(18, 2)); }").unwrap();
    assert!(said.contains("odd.parquet") && said.contains("`messages`"), "{said}");
    let said = refused("message row { required int64 score; }").unwrap();
    assert!(said.contains("score"), "{said}");
}
