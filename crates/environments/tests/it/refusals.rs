//! Bad input is refused with file, line and column, and a hint that says what to do.

use super::shipped;
use astra_environments::{Error, GenerateOptions, Generator, Language, TableGroup};
use rusqlite::Connection;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Message and hints of the refusal, without the folder's path.
fn refused(folder: &Path) -> Result<String> {
    match TableGroup::read(folder) {
        Ok(group) => Err(format!("it was read: {}", group.explain()).into()),
        Err(error) => Ok(said(&error, folder)),
    }
}

fn said(error: &Error, folder: &Path) -> String {
    let message = error.to_string().replace(&folder.display().to_string(), "DIR");
    std::iter::once(message)
        .chain(error.hints().into_iter().map(|hint| format!("hint: {hint}")))
        .collect::<Vec<_>>()
        .join("\n")
}

fn refusal(files: &[(&str, &[u8])]) -> Result<String> {
    let folder = tempfile::tempdir()?;
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes)?;
    }
    refused(folder.path())
}

#[test]
fn an_empty_folder() {
    insta::assert_snapshot!(refusal(&[]).unwrap(), @r"
    DIR: there is no table here
    hint: give a folder with one `.csv`, `.tsv`, `.json`, `.jsonl` or `.parquet` file per table, or one SQLite file (`.db`, `.sqlite`, `.sqlite3`)
    ");
}

#[test]
fn a_ragged_row() {
    insta::assert_snapshot!(refusal(&[("t.csv", b"a,b\n1,2\n1,2,3\n")]).unwrap(), @r"
    DIR/t.csv:3: the row has 3 cells, and the header has 2
    hint: quote cells that contain commas, quotes or line breaks
    ");
}

#[test]
fn a_key_that_comes_twice() {
    let mut rows = String::from("id,name\n");
    for id in 1..=300 {
        // Writing to a string cannot fail.
        let _ = writeln!(rows, "{},Row {id}", if id == 250 { 17 } else { id });
    }
    insta::assert_snapshot!(refusal(&[("towns.csv", rows.as_bytes())]).unwrap(), @r#"
    DIR/towns.csv:251: column `id` holds the key `17` a second time, first in line 18
    hint: give each row a key of its own, or name another column with `key = "…"` in tables.toml (`key = ""` for none)
    "#);
    insta::assert_snapshot!(refusal(&[("towns.csv", b"town_id,name\n1,Aa\n2,Bb\n2,Cc\n")]).unwrap(), @r#"
    DIR/towns.csv:4: column `town_id` holds the key `2` a second time, first in line 3
    hint: give each row a key of its own, or name another column with `key = "…"` in tables.toml (`key = ""` for none)
    "#);
}

#[test]
fn many_equal_ids_are_no_key_with_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("logs.csv"), "id,event\n1,a\n1,b\n2,a\n2,b\n3,a\n3,b\n").unwrap();
    assert!(TableGroup::read(folder.path()).unwrap().explain().contains("key none"));
}

#[test]
fn a_cell_of_two_hundred_megabytes() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, head: &[u8], tail: &[u8]| -> Result {
        let mut file = std::io::BufWriter::new(std::fs::File::create(folder.path().join(name))?);
        file.write_all(head)?;
        for _ in 0..200 << 6 {
            file.write_all(&[b'x'; 1 << 14])?;
        }
        file.write_all(tail)?;
        Ok(())
    };
    write("t.csv", b"id,name,remark\n1,a,b\n2,\"", b"\",c\n").unwrap();
    insta::assert_snapshot!(refused(folder.path()).unwrap(), @r"
    DIR/t.csv:3: column `name` holds a cell of more than 65536 bytes
    hint: look for a quote that is opened and never closed, or remove the column
    ");
    std::fs::remove_file(folder.path().join("t.csv")).unwrap();
    write("t.json", b"[{\"id\": 1, \"remark\": \"a\"},\n{\"id\": 2, \"remark\": \"", b"\"}]").unwrap();
    insta::assert_snapshot!(refused(folder.path()).unwrap(), @r"
    DIR/t.json:2: column `remark` holds a cell of more than 65536 bytes
    hint: look for a quote that is opened and never closed, or remove the column
    ");
    std::fs::remove_file(folder.path().join("t.json")).unwrap();
    let connection = Connection::open(folder.path().join("t.db")).unwrap();
    connection
        .execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, remark TEXT); INSERT INTO t VALUES (1, 'a'), (2, replace(hex(zeroblob(100000)), '0', 'x'))")
        .unwrap();
    insta::assert_snapshot!(refused(folder.path()).unwrap(), @r"
    DIR/t.db: table `t`: row 2: column `remark` holds a cell of more than 65536 bytes
    hint: look for a quote that is opened and never closed, or remove the column
    ");
}

#[test]
fn bytes_that_are_no_utf_8() {
    insta::assert_snapshot!(refusal(&[("t.csv", b"a,b\n1,x\n2,caf\xE9\n")]).unwrap(), @r"
    DIR/t.csv:3: column `b` is not valid UTF-8
    hint: convert the file, for example with `iconv -f LATIN1 -t UTF-8`
    ");
    insta::assert_snapshot!(refusal(&[("t.json", b"[{\"a\": 1},\n{\"a\": \"\xE9\"}]")]).unwrap(), @r"
    DIR/t.json:2: column `a` is not valid UTF-8
    hint: convert the file, for example with `iconv -f LATIN1 -t UTF-8`
    ");
}

#[test]
fn a_text_among_numbers() {
    let mut rows = String::from("id,height_m\n");
    for id in 1..=250 {
        let _ = writeln!(rows, "{id},{}", if id == 100 { "tall".to_owned() } else { format!("{id}.5") });
    }
    insta::assert_snapshot!(refusal(&[("trees.csv", rows.as_bytes())]).unwrap(), @r#"
    DIR/trees.csv:101: column `height_m` holds `tall`, and 249 of its 250 filled cells are numbers
    hint: mend the cell or leave it empty, or declare the column in tables.toml with `type = "text"`
    "#);
}

#[test]
fn keys_that_run_in_a_circle() {
    let parts = b"id,name,parent_id\n1,Wheel,3\n2,Bolt,1\n3,Car,2\n4,Door,3\n";
    let settings = b"[tables.parts.columns.parent_id]\nreferences = \"parts\"\n";
    insta::assert_snapshot!(refusal(&[("parts.csv", parts), ("tables.toml", settings)]).unwrap(), @r#"
    DIR/parts.csv:2: column `parent_id` closes a circle of references: `1` → `3` → `2` → `1`
    hint: mend the row, or say in tables.toml that the column refers to nothing with `references = ""`
    "#);
    insta::assert_snapshot!(refusal(&[("parts.csv", parts)]).unwrap(), @r#"
    DIR/parts.csv:2: column `parent_id` closes a circle of references: `1` → `3` → `2` → `1`
    hint: mend the row, or say in tables.toml that the column refers to nothing with `references = ""`
    "#);
    let a = b"id,name,b_id\n1,One,1\n2,Two,2\n3,Three,3\n";
    let b = b"id,name,a_id\n1,Uno,2\n2,Dos,1\n3,Tres,3\n";
    insta::assert_snapshot!(refusal(&[("a.csv", a), ("b.csv", b)]).unwrap(), @r#"
    DIR/b.csv:2: column `a_id` closes a circle of references: `1` → `2` → `1` (through `a`)
    hint: mend the row, or say in tables.toml that the column refers to nothing with `references = ""`
    "#);
}

#[test]
fn rows_that_are_their_own_parent_and_mutual_relations_are_no_circles() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("people.csv");
    let settings = "[tables.people.columns.of]\nreferences = \"people\"\n[tables.people.columns.spouse]\nreferences = \"people\"\n";
    std::fs::write(folder.path().join("tables.toml"), settings).unwrap();
    std::fs::write(&path, "id,name,of,spouse\n1,Anna,1,2\n2,Bert,1,1\n3,Carl,2,4\n4,Dora,3,3\n").unwrap();
    TableGroup::read(folder.path()).unwrap();
    std::fs::write(&path, "id,name,of,spouse\n1,Anna,2,\n2,Bert,1,\n").unwrap();
    assert!(matches!(TableGroup::read(folder.path()), Err(Error::Cyclic { .. })));
}

#[test]
fn circles_of_tables_without_circles_of_rows_are_opened() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
    write("staff.csv", "id,name,team_id,mentor_staff_id\n1,Anna,1,1\n2,Bob,1,1\n3,Cyril,2,2\n4,Dina,,2\n")
        .unwrap();
    write("teams.csv", "id,name,lead_staff_id\n1,Red,4\n2,Blue,1\n").unwrap();
    let explained = TableGroup::read(folder.path()).unwrap().explain();
    insta::assert_snapshot!(explained.lines().skip(1).collect::<Vec<_>>().join("\n"), @r#"
    staff: 4 rows, key id, label name (staff.csv)
      id: integer, 4 distinct, id "ID"
      name: text, 4 distinct, label "name"
      team_id: integer, 2 distinct -> teams (discovered, as team), link "team ID"
      mentor_staff_id: integer, 2 distinct, link "mentor staff ID", not asked for
      note: `mentor_staff_id` refers to rows of the same table; such steps are not asked for
    teams: 2 rows, key id, label name (teams.csv)
      id: integer, 2 distinct, id "ID"
      name: text, 2 distinct, label "name"
      lead_staff_id: integer, 2 distinct, link "lead staff ID", not asked for
      note: `lead_staff_id` is not followed to `staff`: other keys lead from there back to `teams`
    "#);
}

#[test]
fn a_sqlite_file_that_was_cut_in_half() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.sqlite");
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE towns (id INTEGER PRIMARY KEY, name TEXT);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
             INSERT INTO towns SELECT i, 'Town number ' || i FROM n;",
        )
        .unwrap();
    drop(connection);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    insta::assert_snapshot!(refused(folder.path()).unwrap(), @r#"
    DIR/t.sqlite: table `towns`: not a readable SQLite database: it is cut off, 65536 of 131072 bytes are there
    hint: copy the file again; `sqlite3 FILE ".recover"` saves what a damaged one still holds
    "#);
    std::fs::write(&path, &bytes[..700]).unwrap();
    insta::assert_snapshot!(refused(folder.path()).unwrap(), @r#"
    DIR/t.sqlite: not a readable SQLite database: it is cut off, 700 of 131072 bytes are there
    hint: copy the file again; `sqlite3 FILE ".recover"` saves what a damaged one still holds
    "#);
    std::fs::write(&path, b"id,name\n1,a\n").unwrap();
    insta::assert_snapshot!(refused(folder.path()).unwrap(), @r#"
    DIR/t.sqlite: not a readable SQLite database: file is not a database
    hint: copy the file again; `sqlite3 FILE ".recover"` saves what a damaged one still holds
    "#);
}

#[test]
fn a_parquet_file_that_was_cut_off() {
    insta::assert_snapshot!(refusal(&[("t.parquet", b"PAR1 and then nothing more")]).unwrap(), @r"
    DIR/t.parquet: not a readable Parquet file: Invalid Parquet file. Corrupt footer
    hint: write the file again, with snappy, zstd, gzip or no compression
    ");
}

#[test]
fn json_that_is_none() {
    insta::assert_snapshot!(refusal(&[("t.json", b"[{\"a\": 1},\n{\"a\" 2}]")]).unwrap(), @r"
    DIR/t.json:2: not a readable JSON table: expected `:` (column 6)
    hint: give one array of objects, one object per line (`.jsonl`), or an object of equally long columns
    ");
    insta::assert_snapshot!(refusal(&[("t.jsonl", b"{\"a\": 1}\n{\"a\": \n")]).unwrap(), @r"
    DIR/t.jsonl:3: not a readable JSON table: EOF while parsing a value (column 0)
    hint: give one array of objects, one object per line (`.jsonl`), or an object of equally long columns
    ");
    insta::assert_snapshot!(refusal(&[("t.json", b"[1, 2]")]).unwrap(), @r"
    DIR/t.json:1: not a readable JSON table: invalid type: integer `1`, expected an object for each row (column 3)
    hint: give one array of objects, one object per line (`.jsonl`), or an object of equally long columns
    ");
    insta::assert_snapshot!(refusal(&[("t.json", b"{\"a\": [1], \"b\": [1, 2]}")]).unwrap(), @r"
    DIR/t.json:1: not a readable JSON table: `a` has 1 values and `b` has 2 (column 23)
    hint: give one array of objects, one object per line (`.jsonl`), or an object of equally long columns
    ");
    insta::assert_snapshot!(refusal(&[("t.json", b"{\"a\": [{\"x\": 1}],\n\"b\": [{\"y\": 1}]}")]).unwrap(), @r"
    DIR/t.json:2: not a readable JSON table: `b` begins a second table (column 16)
    hint: give one array of objects, one object per line (`.jsonl`), or an object of equally long columns
    ");
    insta::assert_snapshot!(refusal(&[("t.json", b"[]")]).unwrap(), @r"
    DIR/t.json: the table has no rows
    hint: give the table column names and at least one row, or remove the file
    ");
}

#[test]
fn a_language_that_the_tables_do_not_have() {
    let group = TableGroup::read(&shipped("chinese_calendar")).unwrap();
    let options = GenerateOptions { languages: vec![Language::English], ..GenerateOptions::default() };
    let error = Generator::new(&group, options).unwrap_err();
    insta::assert_snapshot!(said(&error, Path::new("none")), @r"
    the tables of `chinese_calendar` have words in `zh` only, and `en` is wanted
    hint: ask in a language that the tables have, or add one to `languages` in tables.toml, with its words
    ");
}
