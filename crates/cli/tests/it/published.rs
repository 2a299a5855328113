//! The published RL format there and back, and proving what came in.

use crate::world::World;
use serde_json::{Value as Json, json};

const CODE: &str = "STOCK = {'bolt': 1240, 'nut': 387, 'washer': 5521, 'rivet': 918, 'screw': 2764}\n\
    def stock_level(part: str) -> dict:\n    if part not in STOCK:\n        return {'error': 'unknown part'}\n    \
    return {'part': part, 'in_stock': STOCK[part]}\n";

fn row(code: &str, names: &[&str]) -> Json {
    let tools: Vec<Json> = names
        .iter()
        .map(|name| {
            json!({"type": "function", "function": {"name": name, "description": "Pieces of a part in stock.",
                "parameters": {"type": "object", "properties": {"part": {"type": "string"}}, "required": ["part"]}}})
        })
        .collect();
    json!({
        "prompt": [{"role": "user", "content": "How many pieces of the part called washer do we have left?"}],
        "tool_schema": json!(tools).to_string(),
        "tool_dict": json!({"stock_level": code}).to_string(),
        "sub_qa_dict": json!({"stock_level": ["5521"]}).to_string(),
    })
}

fn import(world: &World) -> crate::world::Result<crate::world::Said> {
    world.run(&["arenas", "import", "--format", "astra-rl", "rows.jsonl", "--out", "imported"])
}

#[test]
fn defects_are_named_and_no_row_is_lost() {
    let world = World::new().unwrap();
    let rows = [
        row(CODE, &["stock_level"]),
        row(CODE, &["stock_level", "stock_level"]),
        row("def x(:", &["stock_level"]),
    ];
    world.write_lines("rows.jsonl", &rows).unwrap();
    let said = import(&world).unwrap().expect_code(0).unwrap();
    assert!(said.stdout.contains("two tools are named `stock_level`"), "{}", said.stdout);
    assert!(said.stdout.contains("does not compile"), "{}", said.stdout);
    assert!(said.stdout.contains("3 rows imported"), "{}", said.stdout);
}

#[test]
fn an_imported_row_is_proven_by_search_and_then_solved() {
    let world = World::new().unwrap();
    world.write_lines("rows.jsonl", &[row(CODE, &["stock_level"])]).unwrap();
    import(&world).unwrap().expect_code(0).unwrap();
    world.run(&["arenas", "solve", "imported", "--policy", "oracle"]).unwrap().expect_code(1).unwrap();
    let said =
        world.run(&["arenas", "prove", "imported", "--out", "proven"]).unwrap().expect_code(0).unwrap();
    assert!(said.stdout.contains("proven"), "{}", said.stdout);
    let solved = world
        .run(&["arenas", "solve", "proven", "--policy", "oracle", "--json"])
        .unwrap()
        .expect_code(0)
        .unwrap();
    assert_eq!(solved.last_json().unwrap()["f1"], 1.0);
}

#[test]
fn export_and_import_keep_prompt_and_tools() {
    let world = World::new().unwrap();
    let good = world.good_arena().unwrap();
    world.write_lines("good.jsonl", std::slice::from_ref(&good)).unwrap();
    for file in ["rows.jsonl", "rows.parquet"] {
        world
            .run(&["arenas", "export", "--format", "astra-rl", "good.jsonl", "--out", file])
            .unwrap()
            .expect_code(0)
            .unwrap();
        let out = format!("back-{file}");
        world
            .run(&["arenas", "import", "--format", "astra-rl", file, "--out", &out])
            .unwrap()
            .expect_code(0)
            .unwrap();
        let text = world.read(&format!("{out}/part-00000.jsonl")).unwrap();
        let back: Json = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(back["prompt"], good["prompt"], "{file}");
        assert_eq!(back["tools"][0]["doc"]["name"], good["tools"][0]["doc"]["name"], "{file}");
    }
}

#[test]
fn a_file_that_is_not_in_the_format_names_row_and_column() {
    let world = World::new().unwrap();
    let mut bad = row(CODE, &["stock_level"]);
    bad["tool_schema"] = json!("not json");
    world.write_lines("rows.jsonl", &[bad]).unwrap();
    let said = import(&world).unwrap();
    let words = format!("{}{}", said.stdout, said.stderr);
    assert_eq!(said.code, Some(1), "{words}");
    assert!(words.contains("tool_schema"), "{words}");
    world.write("rows.txt", "x").unwrap();
    let said = world
        .run(&["arenas", "import", "--format", "astra-rl", "rows.txt", "--out", "o"])
        .unwrap()
        .expect_code(1)
        .unwrap();
    assert!(said.stderr.contains("hint: "), "{}", said.stderr);
}
