//! The official `openai` Python client, in a virtual environment of its own under the target folder.

use crate::world::{Result, World};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The client that is tested against; the folder of its environment carries it, so that another one is installed anew.
const CLIENT: &str = "openai==3.54.0";

#[test]
fn the_official_python_client_understands_everything() {
    let python = environment().unwrap();
    let world = World::new().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/openai_client.py");
    let output = Command::new(python).arg(script).arg(world.url("/v1")).output().unwrap();
    expect(&output, "the client").unwrap();
    world.wait_until_taken(0).unwrap();
}

/// The interpreter of an environment in which the client is installed.
fn environment() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(CLIENT.replace("==", "-"));
    let python = folder.join("bin/python");
    let is_there = || {
        Command::new(&python)
            .args(["-c", "import openai"])
            .output()
            .is_ok_and(|output| output.status.success())
    };
    if !is_there() {
        let venv = Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder).output()?;
        expect(&venv, "`python3 -m venv`")?;
        let pip = Command::new(&python).args(["-m", "pip", "install", "--quiet", CLIENT]).output()?;
        expect(&pip, &format!("`pip install {CLIENT}`, which this test needs an index of packages for,"))?;
    }
    Ok(python)
}

fn expect(output: &Output, who: &str) -> Result<()> {
    let said = |bytes| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{who} failed with {}:\n{}{}", output.status, said(&output.stdout), said(&output.stderr))
        .into())
}
