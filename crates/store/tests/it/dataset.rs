//! Arenas in every form that people and stages write them.

use astra_protocol::{Message, Stop, Trace, Usage};
use astra_store::{
    DataFolder, RecordWriter, StoreError, check_arenas, open_arenas, parse_document, read_arenas, read_traces,
};
use serde_json::{Value as Json, json};
use std::path::Path;
use tempfile::tempdir;

/// A valid arena whose question is `question`.
fn arena(question: &str) -> Json {
    json!({
        "version": 1, "language": "en", "domain": "test", "topology": "single_hop",
        "prompt": [{"role": "user", "content": question}],
        "answer": {"type": "number", "value": 2},
        "tools": [{"doc": {"name": "f", "description": "d",
                           "parameters": {"type": "object", "properties": {"x": {}}}},
                   "code": "def f(x):\n    return x\n", "entry": "f"}],
        "gold": [{"id": "c1", "tool": "f", "arguments": {"x": 2}}],
        "goals": [{"id": "g1", "question": "q", "kind": {
            "type": "returns", "tool": "f", "value": {"type": "number", "value": 2}, "gold": "c1"}}],
    })
}

fn hand_written(code: &Json) -> String {
    let mut json = arena("hand");
    json["tools"][0]["code"] = code.clone();
    format!("{json:#}")
}

fn questions(path: &Path) -> Result<Vec<String>, StoreError> {
    let question =
        |message: &Message| serde_json::to_value(message).ok()?["content"].as_str().map(str::to_owned);
    Ok(open_arenas(path)?.iter().filter_map(|arena| question(&arena.spec.prompt[0])).collect())
}

#[test]
fn parts_are_read_in_name_order_with_file_line_and_data_folder() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("part-00001.jsonl"), format!("{}\n", arena("c"))).unwrap();
    let two = format!("{}\n{}\n", arena("a"), arena("b"));
    std::fs::write(folder.path().join("part-00000.jsonl"), two).unwrap();
    for other in ["rejected.jsonl", "failed.jsonl", "manifest.json", "notes.jsonl"] {
        std::fs::write(folder.path().join(other), "{\"id\": \"x\"}\n").unwrap();
    }
    assert_eq!(questions(folder.path()).unwrap(), ["a", "b", "c"]);
    let second = read_arenas(folder.path()).unwrap().nth(1).unwrap().unwrap();
    assert!(second.file.ends_with("part-00000.jsonl"));
    assert_eq!((second.line, second.data_dir), (2, folder.path().join("data")));
}

#[test]
fn a_bad_line_is_named_and_hides_no_other() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("some.jsonl");
    let mut wrong = arena("b");
    wrong["tools"][0]["entry"] = json!(7);
    std::fs::write(&file, format!("{}\n{wrong}\n{}\n{{\"version\": 1, \"la", arena("a"), arena("c")))
        .unwrap();
    let results = check_arenas(folder.path()).unwrap();
    let errors: Vec<String> =
        results.iter().filter_map(|result| Some(result.as_ref().err()?.to_string())).collect();
    assert_eq!((results.len(), errors.len()), (4, 2));
    assert!(errors[0].contains("some.jsonl:2: field `tools[0].entry`: invalid type"), "{errors:?}");
    assert!(errors[1].ends_with("some.jsonl:4: line 4 is cut off"), "{errors:?}");
    assert!(open_arenas(&file).is_err());
}

#[test]
fn hand_written_arenas_bring_their_code_from_files() {
    let folder = tempdir().unwrap();
    std::fs::create_dir(folder.path().join("code")).unwrap();
    std::fs::write(folder.path().join("code/f.py"), "def f(x):\n    return x\n").unwrap();
    let file = folder.path().join("one.json");
    std::fs::write(&file, hand_written(&json!({"file": "code/f.py"}))).unwrap();
    std::fs::write(folder.path().join("two.json"), format!("{:#}", arena("inline"))).unwrap();
    assert_eq!(questions(folder.path()).unwrap(), ["hand", "inline"]);
    let found = open_arenas(&file).unwrap().remove(0);
    assert_eq!((found.spec.tools[0].code.as_str(), found.line), ("def f(x):\n    return x\n", 1));
    assert!(!found.spec.tools[0].doc.parameters.get().contains('\n'), "it can stand on one line");
}

#[test]
fn code_files_cannot_be_taken_from_outside_the_folder() {
    let above = tempdir().unwrap();
    let folder = above.path().join("arenas");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(above.path().join("secret.py"), "x = 1").unwrap();
    std::os::unix::fs::symlink("../secret.py", folder.join("link.py")).unwrap();
    let absolute = above.path().join("secret.py");
    let names = ["../secret.py", "link.py", "", ".", "a/../../secret.py", absolute.to_str().unwrap()];
    for name in names {
        std::fs::write(folder.join("one.json"), hand_written(&json!({"file": name}))).unwrap();
        let error = open_arenas(&folder).unwrap_err();
        assert!(matches!(error, StoreError::CodeFile { .. }), "`{name}`: {error}");
        assert!(error.to_string().contains("field `tools[0].code`"), "{error}");
        assert!(error.to_string().contains("leads out"), "{error}");
    }
    std::fs::write(folder.join("one.json"), hand_written(&json!({"file": "missing.py"}))).unwrap();
    assert!(open_arenas(&folder).unwrap_err().to_string().contains("`missing.py` cannot be read"));
}

#[test]
fn errors_in_hand_written_arenas_name_line_or_field() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("one.json");
    let error_of = |text: &str| {
        std::fs::write(&file, text).unwrap();
        open_arenas(&file).unwrap_err().to_string()
    };
    assert!(error_of("{\n  \"version\": 1,\n  oops\n}").contains("one.json:3: "));
    assert!(error_of(" \n").contains("one.json:1: the file is empty"));
    let mut wrong = arena("a");
    wrong["goals"][0]["kind"]["gold"] = json!("c9");
    assert!(
        error_of(&format!("{wrong:#}")).ends_with("field `goals[0].kind.gold`: there is no gold call `c9`")
    );
    wrong["goals"] = json!(7);
    let message = error_of(&format!("{wrong:#}"));
    assert!(message.ends_with("field `goals`: invalid type: integer `7`, expected a sequence"), "{message}");
    std::fs::write(&file, b"{\n \"a\": \"\xff\"}").unwrap();
    assert!(open_arenas(&file).unwrap_err().to_string().contains("one.json:2: byte 8 of the line"));
    assert!(error_of(&hand_written(&json!({"path": "f.py"}))).contains("field `tools[0].code`"));
    assert!(error_of(&hand_written(&json!({"file": "f.py", "more": 1}))).contains("field `tools[0].code`"));
    let parsed = parse_document(&hand_written(&json!({"file": "f.py"})), |name| Ok(format!("# {name}")));
    assert_eq!(parsed.unwrap().tools[0].code, "# f.py");
}

#[test]
fn a_path_without_arenas_is_an_error_with_a_hint() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("readme.txt"), "x").unwrap();
    std::fs::write(folder.path().join("rejected-00000-of-00002.jsonl"), "{}\n").unwrap();
    let empty = folder.path().join("part-00000.jsonl");
    for (path, kind) in [
        (folder.path().to_owned(), "holds no arenas"),
        (folder.path().join("readme.txt"), "neither"),
        (folder.path().join("nothing"), "could not open"),
    ] {
        let error = read_arenas(&path).unwrap_err();
        assert!(error.to_string().contains(kind), "{error}");
        assert!(!error.hints().is_empty());
    }
    std::fs::write(&empty, "").unwrap();
    assert!(
        open_arenas(folder.path()).unwrap_err().to_string().contains("part-00000.jsonl:1: the file is empty")
    );
}

#[test]
fn data_files_are_found_beside_the_file_that_names_them() {
    let folder = tempdir().unwrap();
    let id = DataFolder::at(folder.path().join("data")).put(b"[1]").unwrap();
    let mut with_data = arena("a");
    with_data["data"] = json!([{"name": "rows", "blake3": id}]);
    std::fs::write(folder.path().join("x.jsonl"), format!("{with_data}\n")).unwrap();
    let found = open_arenas(folder.path()).unwrap().remove(0);
    assert_eq!(found.data().get(&found.spec.data[0].blake3).unwrap(), b"[1]");
}

#[test]
fn traces_are_written_and_read_back() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("traces.jsonl");
    let trace = Trace {
        task: "t".into(),
        tools: Vec::new(),
        messages: Vec::new(),
        segments: Vec::new(),
        usage: Usage::default(),
        seed: 3,
        policy: "oracle".into(),
        injected: Vec::new(),
        stop: Stop::TurnLimit,
    };
    let mut writer = RecordWriter::create(&file).unwrap();
    writer.write(&trace).unwrap();
    writer.finish().unwrap();
    let read: Vec<Trace> = read_traces(&file).unwrap().map(|record| record.unwrap().value).collect();
    assert_eq!(read, [trace]);
}
