//! The official `openai` Python client, in a virtual environment of its own under the target folder.

use crate::world::World;
use astra_testkit::{python_with, succeeded};
use std::path::Path;
use std::process::Command;

#[test]
fn the_official_python_client_understands_everything() {
    let python = python_with("openai==3.54.0", Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
    let world = World::new().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/openai_client.py");
    let output = Command::new(python).arg(script).arg(world.url("/v1")).output().unwrap();
    succeeded(&output, "the client").unwrap();
    world.wait_until_taken(0).unwrap();
}
