//! The published JSON Schema of arenas is what the code reads; values hold what they promise on any text.

mod values;

use astra_protocol::ArenaSpec;
use std::path::Path;

const PUBLISHED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/arena-spec.schema.json");

/// With `UPDATE_GOLDENS=1` in the environment the published file is rewritten instead.
#[test]
fn published_schema_is_the_code() {
    let schema = schemars::schema_for!(ArenaSpec);
    let mut text = serde_json::to_string_pretty(&schema).unwrap();
    text.push('\n');
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        std::fs::write(PUBLISHED, &text).unwrap();
    }
    let published = std::fs::read_to_string(Path::new(PUBLISHED)).unwrap_or_default();
    assert!(published == text, "docs/arena-spec.schema.json is stale: run with UPDATE_GOLDENS=1");
}
