//! Every format gives the same tables, and declared keys are believed before anything is guessed.

use astra_environments::TableGroup;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use rusqlite::Connection;
use serde_json::{Value as Json, json};
use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

const ROWS: [(i64, &str, f64, bool, &str); 4] = [
    (1, "Ada Quay", 2.5, true, "2001-02-03"),
    (2, "Bell Yard", 3.0, false, "2010-05-06"),
    (3, "Cork Lane", 0.125, true, "2011-07-08"),
    (4, "Dove Street", 7.75, false, "2012-01-01"),
];

/// What a program would learn about the only table of a file, without the file's name.
fn learned(path: &Path) -> Result<Json> {
    let group = TableGroup::read(path)?;
    let mut table = group.explain_json()["tables"][0].take();
    table.as_object_mut().ok_or("not an object")?.shift_remove("file");
    Ok(table)
}

fn comma_separated(separator: char) -> String {
    let mut out = String::from("id,name,length_km,is_open,built\n");
    for (id, name, length, open, built) in ROWS {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{id},{name},{length:?},{open},{built}");
    }
    out.replace(',', &separator.to_string())
}

fn objects() -> Vec<Json> {
    ROWS.iter()
        .map(|(id, name, length, open, built)| {
            json!({"id": id, "name": name, "length_km": length, "is_open": open, "built": built})
        })
        .collect()
}

fn parquet_file(path: &Path) -> Result {
    let schema = parse_message_type(
        "message streets { required int64 id; optional binary name (UTF8); required double length_km; \
         required boolean is_open; required int32 built (DATE); }",
    )?;
    let mut writer = SerializedFileWriter::new(File::create(path)?, Arc::new(schema), Arc::default())?;
    let mut group = writer.next_row_group()?;
    let ids: Vec<i64> = ROWS.iter().map(|row| row.0).collect();
    let names: Vec<ByteArray> = ROWS.iter().map(|row| ByteArray::from(row.1)).collect();
    let lengths: Vec<f64> = ROWS.iter().map(|row| row.2).collect();
    let open: Vec<bool> = ROWS.iter().map(|row| row.3).collect();
    // Days since 1970-01-01.
    let built = [11_356, 14_735, 15_163, 15_340];
    let mut column = group.next_column()?.ok_or("no column")?;
    column.typed::<Int64Type>().write_batch(&ids, None, None)?;
    column.close()?;
    let mut column = group.next_column()?.ok_or("no column")?;
    column.typed::<ByteArrayType>().write_batch(&names, Some(&[1; 4]), None)?;
    column.close()?;
    let mut column = group.next_column()?.ok_or("no column")?;
    column.typed::<DoubleType>().write_batch(&lengths, None, None)?;
    column.close()?;
    let mut column = group.next_column()?.ok_or("no column")?;
    column.typed::<BoolType>().write_batch(&open, None, None)?;
    column.close()?;
    let mut column = group.next_column()?.ok_or("no column")?;
    column.typed::<Int32Type>().write_batch(&built, None, None)?;
    column.close()?;
    group.close()?;
    writer.close()?;
    Ok(())
}

fn sqlite_file(path: &Path) -> Result {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "CREATE TABLE streets (id INTEGER PRIMARY KEY, name TEXT, length_km REAL, is_open BOOLEAN, built DATE)",
    )?;
    for (id, name, length, open, built) in ROWS {
        connection.execute("INSERT INTO streets VALUES (?, ?, ?, ?, ?)", (id, name, length, open, built))?;
    }
    Ok(())
}

#[test]
fn every_format_gives_the_same_table() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("a")).unwrap();
    let first = at("a/streets.csv");
    std::fs::write(&first, comma_separated(',')).unwrap();
    let expected = learned(&first).unwrap();
    assert_eq!(expected["columns"][4]["type"], "date");
    let columns = json!({
        "id": ROWS.map(|row| row.0), "name": ROWS.map(|row| row.1), "length_km": ROWS.map(|row| row.2),
        "is_open": ROWS.map(|row| row.3), "built": ROWS.map(|row| row.4),
    });
    let lines = objects().iter().map(Json::to_string).collect::<Vec<_>>().join("\n\n");
    let texts = [
        ("b/streets.csv", comma_separated(';')),
        ("c/streets.tsv", comma_separated('\t')),
        ("d/streets.json", Json::from(objects()).to_string()),
        ("e/streets.json", columns.to_string()),
        ("f/streets.json", json!({"count": 4, "streets": objects()}).to_string()),
        ("g/streets.jsonl", lines),
    ];
    for (name, text) in texts {
        std::fs::create_dir(at(name).parent().unwrap()).unwrap();
        std::fs::write(at(name), text).unwrap();
        let mut found = learned(&at(name)).unwrap();
        found["notes"] = json!([]);
        assert_eq!(found, expected, "{name}");
    }
    parquet_file(&at("streets.parquet")).unwrap();
    assert_eq!(learned(&at("streets.parquet")).unwrap(), expected);
    sqlite_file(&at("streets.db")).unwrap();
    assert_eq!(learned(&at("streets.db")).unwrap(), expected);
    assert!(!at("streets.db-wal").exists() && !at("streets.db-shm").exists(), "reading leaves no trace");
}

#[test]
fn a_parquet_file_cut_in_half_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("streets.parquet");
    parquet_file(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for length in [bytes.len() / 2, bytes.len() - 1, 3, 0] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let error = TableGroup::read(&path).unwrap_err();
        assert!(error.to_string().contains("streets.parquet: not a readable Parquet file"), "{error}");
    }
}

#[test]
fn columns_by_index_and_records_by_key_are_tables_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("streets.json");
    std::fs::write(&path, r#"{"name": {"0": "Ada Quay", "1": "Bell Yard"}, "lanes": {"0": 2, "1": 4}}"#)
        .unwrap();
    assert_eq!(learned(&path).unwrap()["rows"], 2);
    std::fs::write(
        &path,
        r#"{"aq": {"name": "Ada Quay", "lanes": 2}, "by": {"name": "Bell Yard", "tags": []}}"#,
    )
    .unwrap();
    let found = learned(&path).unwrap();
    assert_eq!((&found["key"], &found["rows"]), (&json!("key"), &json!(2)));
    assert_eq!(found["notes"], json!(["`tags` is left out: it holds lists or objects"]));
}

#[test]
fn a_folder_may_mix_formats_and_link_across_them() {
    let folder = tempfile::tempdir().unwrap();
    sqlite_file(&folder.path().join("streets.sqlite")).unwrap();
    std::fs::write(folder.path().join("houses.jsonl"), "{\"no\": \"12 A\", \"street_id\": 3}\n").unwrap();
    let explained = TableGroup::read(folder.path()).unwrap().explain();
    assert!(
        explained.contains("street_id: integer, 1 distinct -> streets (discovered, as street)"),
        "{explained}"
    );
}

#[test]
fn declared_keys_are_believed_and_composite_ones_noted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.sqlite3");
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE person (code TEXT PRIMARY KEY, name TEXT, boss TEXT REFERENCES person(code), photo BLOB);
             CREATE TABLE visit (day TEXT, seller TEXT REFERENCES person, PRIMARY KEY (day, seller));
             CREATE TABLE sale (n INTEGER PRIMARY KEY, d TEXT, s TEXT, FOREIGN KEY (d, s) REFERENCES visit(day, seller));
             INSERT INTO person VALUES ('p1', 'Ann Ames', NULL, x'00'), ('p2', 'Bob Bell', 'p1', NULL);
             INSERT INTO visit VALUES ('2001-01-01', 'p1'), ('2001-01-02', 'p2');
             INSERT INTO sale VALUES (7, '2001-01-01', 'p1');",
        )
        .unwrap();
    drop(connection);
    let explained = TableGroup::read(&path).unwrap().explain();
    insta::assert_snapshot!(explained, @r#"
    people; languages: en
    person: 2 rows, key code, label name (shop.sqlite3, table person)
      code: text, 2 distinct, key "code"
      name: text, 2 distinct, label "name"
      boss: text, 1 distinct, link "boss", not asked for
      note: `photo` is left out: it holds raw bytes
      note: `boss` refers to rows of the same table; such steps are not asked for
    sale: 1 rows, key n, label none (shop.sqlite3, table sale)
      n: integer, 1 distinct, key "n"
      d: date, 1 distinct, fact "d"
      s: text, 1 distinct, fact "s"
      note: the foreign key of several columns (d, s) to `visit` is not used
    visit: 2 rows, key none, label none (shop.sqlite3, table visit)
      day: date, 2 distinct, fact "day"
      seller: text, 2 distinct -> person (declared, as seller person), link "seller"
      note: the key of several columns (day, seller) is not used
    "#);
}

#[test]
fn chinese_headers_are_words_and_make_the_language() {
    let folder = tempfile::tempdir().unwrap();
    let cities = "城市编号,名称,人口（万人）\n1,北京,2189\n2,上海,2487\n3,广州,1874\n";
    std::fs::write(folder.path().join("城市.csv"), cities).unwrap();
    std::fs::write(folder.path().join("公园.csv"), "编号,名称,城市编号\n1,北海公园,1\n2,豫园,2\n").unwrap();
    let explained = TableGroup::read(folder.path()).unwrap().explain();
    let without_title: Vec<&str> = explained.lines().skip(1).collect();
    assert!(explained.lines().next().unwrap().ends_with("languages: zh"));
    insta::assert_snapshot!(without_title.join("\n"), @r#"
    公园: 2 rows, key 编号, label 名称 (公园.csv)
      编号: integer, 2 distinct, id "编号 / 编号"
      名称: text, 2 distinct, label "名称 / 名称"
      城市编号: integer, 2 distinct -> 城市 (discovered, as 城市), link "城市编号 / 城市编号"
    城市: 3 rows, key 城市编号, label 名称 (城市.csv)
      城市编号: integer, 3 distinct, id "城市编号 / 城市编号"
      名称: text, 3 distinct, label "名称 / 名称"
      人口_万人: integer, 3 distinct [万人], fact "人口 / 人口"
    "#);
}
