//! What is read from CSV files, what is inferred about them, and how refusals read.

use super::shipped;
use astra_environments::{Error, GenerateOptions, Generator, TableGroup};
use astra_protocol::ArenaSpec;
use std::path::Path;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn folder(files: &[(&str, &[u8])]) -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes)?;
    }
    Ok(folder)
}

/// The refusal of one file `t.csv`, with the folder's path taken out, and its hints.
fn refusal(bytes: &[u8]) -> Result<(String, Vec<String>)> {
    let folder = folder(&[("t.csv", bytes)])?;
    match TableGroup::read(folder.path()) {
        Ok(group) => Err(format!("it was read: {}", group.explain()).into()),
        Err(error) => Ok((text(&error, folder.path()), error.hints())),
    }
}

fn text(error: &Error, folder: &Path) -> String {
    error.to_string().replace(&format!("{}/", folder.display()), "")
}

#[test]
fn shipped_chemistry_is_understood() {
    let explained = TableGroup::read(&shipped("chemistry")).unwrap().explain();
    for line in [
        "elements: 118 rows, key atomic_number, label name",
        "  group_number: integer, 18 distinct -> groups",
        "  series_id: integer, 10 distinct -> series",
        "  density_g_per_cm3: real, 115 distinct [g/cm³]",
        "  is_radioactive: bool, 2 distinct",
        "isotopes: 3557 rows, key isotope_id, label nuclide",
        "  atomic_number: integer, 118 distinct -> elements",
        "decay_modes: 4027 rows, key decay_mode_id, label none",
        "  isotope_id: integer, 2858 distinct -> isotopes",
    ] {
        assert!(explained.lines().any(|found| found.starts_with(line)), "`{line}` is not in:\n{explained}");
    }
}

#[test]
fn shipped_time_zones_are_understood_and_name_their_source() {
    let group = TableGroup::read(&shipped("time_zones")).unwrap();
    let explained = group.explain();
    for line in [
        "time_zones: 418 rows, key zone, label zone",
        "  country_code: text, 247 distinct -> countries",
        "  zone: text, 92 distinct -> time_zones",
    ] {
        assert!(explained.lines().any(|found| found.starts_with(line)), "`{line}` is not in:\n{explained}");
    }
    assert_eq!(group.title, "time zones of the world");
    assert!(group.source.unwrap().contains("tzdata"));
    assert!(group.license.unwrap().contains("public domain"));
}

#[test]
fn quotes_bom_and_empty_cells_are_read() {
    let files: [(&str, &[u8]); 2] = [
        ("shops.csv", b"\xEF\xBB\xBFShop Id,Name,Opened\n1,\"Smith, \"\"Sons\"\"\",2001-02-03\n2,\"two\nlines\",\n3,Corner,2010-05-06\n"),
        ("orders.csv", b"id,shop_id,total_eur\n1,1,2.50\n2,1,3\n3,3,\n"),
    ];
    let folder = folder(&files).unwrap();
    let explained = TableGroup::read(folder.path()).unwrap().explain();
    insta::assert_snapshot!(explained.lines().skip(1).collect::<Vec<_>>().join("\n"), @r#"
    orders: 3 rows, key id, label none (orders.csv)
      id: integer, 3 distinct, id "ID"
      shop_id: integer, 2 distinct -> shops (discovered, as shop), link "shop ID"
      total_eur: real, 2 distinct [euros], fact "total"
    shops: 3 rows, key shop_id, label name (shops.csv)
      shop_id: integer, 3 distinct, id "shop ID"
      name: text, 3 distinct, label "name"
      opened: date, 2 distinct, fact "opened"
    "#);
}

#[test]
fn row_numbers_of_statistics_programs_are_left_out() {
    let read = |bytes: &[u8]| {
        let folder = folder(&[("t.csv", bytes)]).unwrap();
        TableGroup::read(folder.path())
            .map(|group| group.explain())
            .map_err(|error| text(&error, folder.path()))
    };
    for head in ["", "\"\"", "Unnamed: 0", "rownames"] {
        let explained = read(format!("{head},name\n1,Anna\n2,Berta\n").as_bytes()).unwrap();
        assert!(explained.contains("is left out: it only numbers the rows"), "{explained}");
    }
    assert_eq!(read(b",name\n7,Anna\n2,Berta\n").unwrap_err(), "t.csv:1: column 1 has no name in the header");
}

#[test]
fn references_written_as_reals_are_links() {
    let files: [(&str, &[u8]); 2] =
        [("shops.csv", b"id,name\n1,Anna\n2,Berta\n"), ("sales.csv", b"no,shop_id\nA1,1.0\nA2,\nA3,2.0\n")];
    let folder = folder(&files).unwrap();
    let explained = TableGroup::read(folder.path()).unwrap().explain();
    assert!(explained.contains("shop_id: integer, 2 distinct -> shops"), "{explained}");
}

#[test]
fn codes_with_leading_zeros_stay_text() {
    let folder = folder(&[("t.csv", b"code,x\n007,1\n010,2\n")]).unwrap();
    assert!(TableGroup::read(folder.path()).unwrap().explain().contains("code: text"));
}

#[test]
fn na_is_nothing_among_numbers_and_a_code_among_texts() {
    let folder = folder(&[("t.csv", b"code,speed_kmh\nNA,NA\nDE,12\nFR,7.5\n")]).unwrap();
    let explained = TableGroup::read(folder.path()).unwrap().explain();
    assert!(explained.contains("code: text, 3 distinct"), "{explained}");
    assert!(explained.contains("speed_kmh: real, 2 distinct"), "{explained}");
}

#[test]
fn equal_numbers_without_a_telling_name_are_no_link() {
    let files: [(&str, &[u8]); 2] =
        [("a.csv", b"id,name\n1,Anna\n2,Berta\n3,Clara\n"), ("b.csv", b"id,rank\n10,1\n11,2\n12,3\n")];
    let folder = folder(&files).unwrap();
    let explained = TableGroup::read(folder.path()).unwrap().explain();
    assert!(!explained.contains("->"), "{explained}");
}

#[test]
fn refusals_name_file_line_and_column() {
    let said = |bytes: &[u8]| refusal(bytes).unwrap();
    insta::assert_snapshot!(said(b"a,b,A\n1,2,3\n").0, @"t.csv:1: column `a` stands in the header twice (columns 1 and 3)");
    insta::assert_snapshot!(said(b"a,,c\n1,2,3\n").0, @"t.csv:1: column 2 has no name in the header");
    insta::assert_snapshot!(said(b"a,b\n1,2\n\"x\ny\",2\n1,2,3\n").0, @"t.csv:5: the row has 3 cells, and the header has 2");
    insta::assert_snapshot!(said(b"a,b\n1,\xFF\n").0, @"t.csv:2: column `b` is not valid UTF-8");
    insta::assert_snapshot!(said(b"a,b\n").0, @"t.csv:2: the table has no rows");
    insta::assert_snapshot!(said(b"").0, @"t.csv:1: the table has no header");
    let huge = [b"a,b\n1,\"".as_slice(), "x".repeat(70_000).as_bytes(), b"\"\n"].concat();
    insta::assert_snapshot!(said(&huge).0, @"t.csv:2: column `b` holds a cell of more than 65536 bytes");
    for bytes in [b"a,b\n1\n".as_slice(), b"a,a\n1,2\n", b"\xFF\n1\n"] {
        assert!(!said(bytes).1.is_empty(), "every refusal comes with a hint");
    }
}

#[test]
fn folders_without_tables_are_refused() {
    let empty = folder(&[("notes.txt", b"hello")]).unwrap();
    let error = TableGroup::read(empty.path()).unwrap_err();
    assert!(matches!(error, Error::NoTables { .. }), "{error}");
    let missing = TableGroup::read(&empty.path().join("nowhere")).unwrap_err();
    assert!(matches!(missing, Error::Read { .. }), "{missing}");
}

#[test]
fn two_files_of_one_table_name_are_refused() {
    let folder = folder(&[("Big Towns.csv", b"a\n1\n"), ("big_towns.csv", b"a\n1\n")]).unwrap();
    let error = TableGroup::read(folder.path()).unwrap_err();
    assert_eq!(text(&error, folder.path()), "big_towns.csv: the table `big_towns` is also in Big Towns.csv");
}

fn nothing_but_rows_or_a_refusal(name: &str, bytes: &[u8]) -> Result {
    let folder = folder(&[(name, bytes)])?;
    match TableGroup::read(folder.path()) {
        Err(error) => assert!(error.to_string().contains(name) && !error.hints().is_empty(), "{error}"),
        Ok(group) => assert!(group.explain().contains(name)),
    }
    Ok(())
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]

    /// Whatever the bytes, reading ends in a table or in a refusal that names the file, and drawing never panics.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in "([a-c_ ]{1,3}(,[a-c\"é]{0,3}){0,2}\n){1,3}([0-9a-cNA\"\n.,é-]{0,6}[,\n]){0,40}") {
        let folder = folder(&[("t.csv", bytes.as_bytes())]).unwrap();
        match TableGroup::read(folder.path()) {
            Err(error) => assert!(error.to_string().contains("t.csv:") && !error.hints().is_empty(), "{error}"),
            Ok(group) => {
                let generator = Generator::new(&group, GenerateOptions::default());
                for found in generator.iter().flat_map(|generator| (0..3).flat_map(|index| generator.candidate(index))) {
                    let line = serde_json::to_string(&found.spec).unwrap();
                    assert_eq!(ArenaSpec::parse(&line).unwrap(), found.spec);
                }
            }
        }
    }

    /// Whatever stands in a JSON file, reading ends in a table or in a refusal that names the file.
    #[test]
    fn any_json_is_read_or_refused(text in "(\\[|\\{\"a\":)(\\{|\\}|\\[|\\]|,|:|[0-2]|null|\"[ab]\"|\n){0,24}") {
        nothing_but_rows_or_a_refusal("t.json", text.as_bytes()).unwrap();
        nothing_but_rows_or_a_refusal("t.jsonl", text.as_bytes()).unwrap();
    }

    /// A database with a hole in it is read or refused; it never brings the process down.
    #[test]
    fn damaged_databases_are_read_or_refused(at in 0_usize..16_384, length in 1_usize..512, byte in 0_u8..=255) {
        let path = tempfile::tempdir().unwrap();
        let file = path.path().join("t.db");
        let connection = rusqlite::Connection::open(&file).unwrap();
        connection.execute_batch("CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a(id)); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) INSERT INTO a SELECT i, 'Name ' || i FROM n; INSERT INTO b SELECT id, id FROM a;").unwrap();
        drop(connection);
        let mut bytes = std::fs::read(&file).unwrap();
        let at = at.min(bytes.len() - 1);
        let end = (at + length).min(bytes.len());
        bytes[at..end].fill(byte);
        nothing_but_rows_or_a_refusal("t.db", &bytes).unwrap();
    }

}

#[test]
fn tables_without_anything_to_ask_say_why() {
    let folder = folder(&[("facts.csv", b"id,flag\n1,true\n2,false\n3,true\n")]).unwrap();
    let group = TableGroup::read(folder.path()).unwrap();
    let error = Generator::new(&group, GenerateOptions::default()).unwrap_err();
    let said = error.to_string();
    assert!(said.contains("`facts` has no column of distinct names"), "{said}");
}
