//! Published rows in and out: the sample with its known defects, both file formats, code that runs alone.

use astra_arena::gates::Gate;
use astra_arena::hand;
use astra_arena::published::{
    Defect, Import, ImportOptions, PublishedError, PublishedRow, export_row, import_published, import_row,
    read_published, write_published,
};
use astra_protocol::{ArenaSpec, GoalKind, value::text};
use astra_testkit::{TestResult, gatekeeper, hand_written, runtime};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(crate) fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/published-sample/rows.jsonl")
}

fn options() -> ImportOptions {
    ImportOptions { source: "sample".into(), ..ImportOptions::default() }
}

pub(crate) fn import() -> TestResult<Import> {
    Ok(import_published(&sample(), &options(), Some(&runtime()))?)
}

/// An imported row of the sample.
pub(crate) fn row(number: usize) -> TestResult<ArenaSpec> {
    let rows = import_published(&sample(), &options(), None)?.arenas;
    let found = rows.into_iter().find(|imported| imported.row == number);
    Ok(found.ok_or_else(|| format!("row {number} is not an arena"))?.spec)
}

fn rows() -> TestResult<Vec<PublishedRow>> {
    Ok(read_published(&sample())?.map(|row| row.map(|(_, row)| row)).collect::<Result<_, _>>()?)
}

#[test]
fn every_row_of_the_sample_becomes_an_arena_and_defects_are_named() {
    let import = import().unwrap();
    assert_eq!(import.rejected, []);
    assert_eq!(import.arenas.len(), 12);
    let defects: Vec<(usize, String)> = import
        .arenas
        .iter()
        .flat_map(|imported| imported.defects.iter().map(|defect| (imported.row, Defect::to_string(defect))))
        .collect();
    assert_eq!(defects.len(), 2, "{defects:?}");
    assert_eq!(defects[0], (9, "schema: two tools are named `ticket_price`".to_owned()));
    assert_eq!(defects[1].0, 12);
    assert!(defects[1].1.starts_with("schema: code does not load: tool `venue_capacity`"), "{defects:?}");
    for imported in &import.arenas {
        assert!(imported.spec.is_unproven());
        assert_eq!(ArenaSpec::parse(&serde_json::to_string(&imported.spec).unwrap()).unwrap(), imported.spec);
    }
}

#[test]
fn the_gates_name_the_known_defects() {
    for (number, gate, words) in [
        (9, Gate::Schema, "two tools are named `ticket_price`"),
        (10, Gate::Determinism, "TXN-8F3A1C77D2"),
        (11, Gate::Fuzz, "closing_price"),
        (12, Gate::Schema, "does not load"),
    ] {
        let report = gatekeeper().check(&row(number).unwrap(), &[], &[]).unwrap();
        let failures: Vec<(Gate, &str)> = report.failures().collect();
        assert!(
            failures.iter().any(|(found, reason)| *found == gate && reason.contains(words)),
            "{number}: {failures:#?}"
        );
    }
    let sound = gatekeeper().check(&row(2).unwrap(), &[], &[]).unwrap();
    assert!(sound.passed(), "{:#?}", sound.failures().collect::<Vec<_>>());
}

#[test]
fn both_formats_give_the_same_rows_back() {
    let rows = rows().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for name in ["rows.jsonl", "rows.parquet"] {
        let path = folder.path().join(name);
        write_published(&path, &rows).unwrap();
        let again: Vec<PublishedRow> = read_published(&path)
            .unwrap()
            .map(|row| row.map(|(_, row)| row).unwrap())
            .map(|mut row| {
                // An absent text column of Parquet is null.
                row.extra.retain(|_, value| !value.is_null());
                row
            })
            .collect();
        assert_eq!(again, rows, "{name}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing partial is left behind");
}

#[test]
fn broken_rows_are_rejected_by_row_and_column_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let good = std::fs::read_to_string(sample()).unwrap();
    let first = good.lines().next().unwrap();
    let mut bytes = format!("{first}\n\n{{\"prompt\": []}}\n[1]\n{{\"torn\n").into_bytes();
    bytes.extend(b"\"\xff\"\n");
    bytes.extend(first.replace("sub_qa_dict", "subqa").as_bytes());
    bytes.push(b'\n');
    bytes.extend(first.as_bytes());
    std::fs::write(&path, bytes).unwrap();
    let import = import_published(&path, &ImportOptions::default(), None).unwrap();
    assert_eq!(import.arenas.iter().map(|imported| imported.row).collect::<Vec<_>>(), [1, 8]);
    let rejected: Vec<(usize, Option<&str>)> =
        import.rejected.iter().map(|rejected| (rejected.row, rejected.column.as_deref())).collect();
    assert_eq!(
        rejected,
        [(3, Some("tool_schema")), (4, None), (5, None), (6, None), (7, Some("sub_qa_dict"))]
    );
    assert!(
        import.rejected[3].reason.contains("rows.jsonl`, row 6")
            && import.rejected[3].reason.contains("UTF-8")
    );
}

#[test]
fn files_that_are_not_rows_are_errors_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        read_published(&path).map(|_| ()).unwrap_err()
    };
    for error in [write("rows.csv", b"a,b"), write("rows.parquet", b"PAR1 this is no parquet file PAR1")] {
        assert!(matches!(error, PublishedError::File { .. }), "{error}");
        assert_eq!(error.hints().len(), 1);
    }
    let missing = read_published(&folder.path().join("none.jsonl")).map(|_| ()).unwrap_err();
    assert!(missing.to_string().contains("none.jsonl"));
}

/// What calls `[code, entry, arguments]` answer under plain `python3`.
fn plain_python(calls: &[Json]) -> TestResult<Vec<Json>> {
    const RUN: &str = "import json, sys\n\
        def run(code, entry, arguments):\n\
        \x20   space = {'__name__': 'tool'}\n\
        \x20   exec(code, space)\n\
        \x20   return space[entry](**arguments)\n\
        print(json.dumps([run(*call) for call in json.load(sys.stdin)]))";
    let mut child =
        Command::new("python3").args(["-c", RUN]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child.stdin.take().ok_or("no standard input")?.write_all(json!(calls).to_string().as_bytes())?;
    let output = child.wait_with_output()?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[test]
fn exported_code_runs_alone_with_its_data() {
    let mut with_data = 0;
    let (mut calls, mut wanted): (Vec<Json>, Vec<Json>) = (Vec::new(), Vec::new());
    for arena in hand::all() {
        let (spec, data) = hand_written(arena.name).unwrap();
        if spec.state.is_some() || !spec.answerable {
            assert!(
                matches!(export_row(&spec, &data), Err(PublishedError::Refused { .. })),
                "{}",
                arena.name
            );
            continue;
        }
        let exported = export_row(&spec, &data).unwrap();
        with_data += usize::from(!spec.data.is_empty());
        let arena = runtime().load(spec.clone(), &data).unwrap();
        let replay = astra_arena::replay_gold(&runtime(), &arena, 0).unwrap();
        let again = import_row(&exported.row, 1, &ImportOptions::default()).unwrap();
        assert_eq!(again.defects, [], "{}", spec.prompt_text());
        assert_eq!(again.spec.prompt, spec.prompt);
        let docs = |spec: &ArenaSpec| spec.tools.iter().map(|tool| tool.doc.clone()).collect::<Vec<_>>();
        assert_eq!(docs(&again.spec), docs(&spec));
        for step in &replay.steps {
            let tool = again.spec.tool(&step.tool).unwrap();
            calls.push(json!([tool.code, tool.entry, step.arguments.as_ref().unwrap()]));
            wanted.push(step.result.clone().unwrap());
        }
    }
    assert_eq!(plain_python(&calls).unwrap(), wanted);
    assert!(with_data > 0, "no hand-written arena has data");
}

#[test]
fn what_the_format_cannot_carry_is_said() {
    let (spec, data) = hand::all()
        .into_iter()
        .map(|arena| hand_written(arena.name).unwrap())
        .find(|(spec, _)| spec.answerable && spec.state.is_none() && !spec.data.is_empty())
        .unwrap();
    let exported = export_row(&spec, &data).unwrap();
    for words in ["gold calls", "paths", "data files"] {
        assert!(exported.notes.iter().any(|note| note.contains(words)), "{words}: {:?}", exported.notes);
    }
    assert!(export_row(&spec, &[]).unwrap_err().to_string().contains("is missing"));
}

#[test]
fn import_of_export_keeps_prompt_tools_code_and_answers() {
    for (number, row) in rows().unwrap().iter().enumerate() {
        if number + 1 == 9 {
            continue; // Two tools of one name share one entry of `tool_dict`.
        }
        let spec = import_row(row, number + 1, &ImportOptions::default()).unwrap().spec;
        let exported = export_row(&spec, &[]).unwrap();
        assert_eq!(exported.row.prompt, row.prompt);
        assert_eq!(exported.row.tool_schema, row.tool_schema);
        assert_eq!(exported.row.tool_dict, row.tool_dict);
        assert_eq!(exported.row.sub_qa_dict, row.sub_qa_dict);
        let again = import_row(&exported.row, number + 1, &ImportOptions::default()).unwrap().spec;
        assert_eq!(again, spec);
    }
}

/// An expected answer of any shape that published rows have.
fn answer() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        "[a-zA-Z0-9 ,.$%:年月日-]{1,12}".prop_map(Json::String),
        any::<i32>().prop_map(Json::from),
        (-1e6..1e6_f64).prop_map(|x| json!((x * 100.0).round() / 100.0)),
        any::<bool>().prop_map(Json::Bool),
        "[0-9]{1,3}(,[0-9]{3}){0,2}".prop_map(Json::String),
    ];
    leaf.prop_recursive(1, 6, 4, |leaf| prop::collection::vec(leaf, 1..4).prop_map(Json::Array))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_expected_answers_survive_the_round_trip(
        answers in prop::collection::vec(answer(), 1..5),
        content in "\\PC{1,40}",
        code in "\\PC{0,40}",
    ) {
        let line = json!({
            "prompt": [{"role": "user", "content": content}],
            "tool_schema": json!([{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}]).to_string(),
            "tool_dict": json!({"f": format!("def f():\n    return 1\n# {code}")}).to_string(),
            "sub_qa_dict": json!({"f": answers}).to_string(),
        });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        std::fs::write(&path, line.to_string()).unwrap();
        let (_, row) = read_published(&path).unwrap().next().unwrap().unwrap();
        let sayable = answers.iter().all(|answer| match answer {
            Json::String(said) => !text::normalise(said).is_empty(),
            Json::Array(items) => items.iter().all(|item| item.as_str().is_none_or(|said| !text::normalise(said).is_empty())),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => true,
        });
        prop_assume!(sayable);
        let imported = import_row(&row, 1, &ImportOptions::default()).unwrap();
        prop_assert_eq!(imported.spec.goals.len(), answers.len());
        let exported = export_row(&imported.spec, &[]).unwrap().row;
        prop_assert_eq!(&exported.sub_qa_dict, &row.sub_qa_dict);
        prop_assert_eq!(&exported.prompt, &row.prompt);
        let parquet = folder.path().join("rows.parquet");
        write_published(&parquet, std::slice::from_ref(&exported)).unwrap();
        let (_, back) = read_published(&parquet).unwrap().next().unwrap().unwrap();
        prop_assert_eq!(back.sub_qa_dict, row.sub_qa_dict);
        prop_assert_eq!(back.tool_dict, exported.tool_dict);
    }

    #[test]
    fn guessed_values_still_match_what_they_came_from(expected in answer()) {
        let row = json!({"f": [expected]});
        let line = json!({
            "prompt": "[{\"role\": \"user\", \"content\": \"q\"}]",
            "tool_schema": "[{\"type\": \"function\", \"function\": {\"name\": \"f\"}}]",
            "tool_dict": "{\"f\": \"def f(): pass\"}",
            "sub_qa_dict": row.to_string(),
        });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        std::fs::write(&path, line.to_string()).unwrap();
        let (_, row) = read_published(&path).unwrap().next().unwrap().unwrap();
        if let Ok(imported) = import_row(&row, 1, &ImportOptions::default()) {
            let GoalKind::Returns { value, .. } = &imported.spec.goals[0].kind else { panic!("not returns") };
            prop_assert!(value.contained_in(&expected), "{value:?} {expected}");
        }
    }

    #[test]
    fn no_line_makes_the_reader_panic(line in "\\PC{0,80}") {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        std::fs::write(&path, &line).unwrap();
        let outcomes: Vec<_> = read_published(&path).unwrap().collect();
        prop_assert!(outcomes.len() <= 1 && outcomes.iter().all(Result::is_err));
    }
}
