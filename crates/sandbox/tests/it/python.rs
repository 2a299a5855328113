//! Finding Python, and saying clearly what is wrong when there is none to use.

use crate::support::Outcome;
use astra_sandbox::{EngineOptions, PythonEngine, SandboxError, find_python};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A script that answers as an interpreter of that version.
fn fake(folder: &Path, version: &str) -> Outcome<PathBuf> {
    let path = folder.join("python3");
    std::fs::write(&path, format!("#!/bin/sh\necho 'Python {version}'\n"))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

#[test]
fn a_missing_interpreter_is_named() {
    let error = find_python(Some(Path::new("/nowhere/python3"))).unwrap_err();
    assert!(error.to_string().contains("/nowhere/python3"), "{error}");
    assert!(!error.hints().is_empty());
}

#[test]
fn an_old_interpreter_is_refused_with_its_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = fake(folder.path(), "3.9.18").unwrap();
    let options = EngineOptions { python: Some(path.clone()), ..EngineOptions::default() };
    match PythonEngine::start(options) {
        Err(error @ SandboxError::PythonTooOld { .. }) => {
            let text = error.to_string();
            assert!(
                text.contains("3.9.18") && text.contains("3.11") && text.contains(path.to_str().unwrap())
            );
            assert!(!error.hints().is_empty());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn something_that_is_no_interpreter_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = fake(folder.path(), "3.12.0").unwrap();
    // It claims the right version, but does not behave.
    let options = EngineOptions { python: Some(path), ..EngineOptions::default() };
    assert!(matches!(PythonEngine::start(options), Err(SandboxError::PythonUnusable { .. })));
}
