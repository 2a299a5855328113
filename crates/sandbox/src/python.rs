//! Finding an interpreter: the given one, else `python3`, else `python3.14` down to `python3.11` on the PATH.
//! Asks each for its version; does not judge more than that, the zygote does.

use crate::SandboxError;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An interpreter that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PythonInfo {
    /// Where it is.
    pub path: PathBuf,
    /// Its version, as in `3.11.7`.
    pub version: String,
}

const NAMES: [&str; 5] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11"];
const OLDEST: (u32, u32) = (3, 11);

/// Finds CPython 3.11 or newer; `hint` is tried alone when given.
pub fn find_python(hint: Option<&Path>) -> Result<PythonInfo, SandboxError> {
    let search = std::env::var_os("PATH").unwrap_or_default();
    find_on(hint, &std::env::split_paths(&search).collect::<Vec<_>>())
}

fn find_on(hint: Option<&Path>, folders: &[PathBuf]) -> Result<PythonInfo, SandboxError> {
    let candidates: Vec<PathBuf> = match hint {
        Some(path) if path.components().count() > 1 => vec![path.to_owned()],
        Some(name) => folders.iter().map(|folder| folder.join(name)).collect(),
        None => NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).collect(),
    };
    let mut refused = None;
    for path in candidates.into_iter().filter(|path| path.is_file()) {
        match version_of(&path) {
            Ok(version) if is_new_enough(&version) => {
                return Ok(PythonInfo { path: behind_launchers(&path).unwrap_or(path), version });
            }
            Ok(found) => {
                refused.get_or_insert(SandboxError::PythonTooOld { path, found });
            }
            Err(reason) => {
                refused.get_or_insert(SandboxError::PythonUnusable { path, reason });
            }
        }
    }
    let tried = match hint {
        Some(path) => vec![path.display().to_string()],
        None => NAMES.iter().map(|&name| name.to_owned()).collect(),
    };
    Err(refused.unwrap_or(SandboxError::PythonMissing { tried }))
}

fn version_of(path: &Path) -> Result<String, String> {
    let output = Command::new(path)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("it does not start: {error}"))?;
    // Python 2 answers on stderr.
    let text =
        String::from_utf8_lossy(if output.stdout.is_empty() { &output.stderr } else { &output.stdout })
            .trim()
            .to_owned();
    match text.strip_prefix("Python ") {
        Some(version) if output.status.success() => Ok(version.trim().to_owned()),
        _ => Err(format!("`--version` answered `{}`", text.chars().take(80).collect::<String>())),
    }
}

/// The program itself when `path` is a script of a version manager, which would add to our empty environment.
fn behind_launchers(path: &Path) -> Option<PathBuf> {
    let output = Command::new(path)
        .args(["-I", "-S", "-c", "import sys; print(sys.executable)"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let real = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    (output.status.success() && real.is_file()).then_some(real)
}

fn is_new_enough(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| {
        part.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u32>().unwrap_or(0)
    });
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= OLDEST
}

#[cfg(test)]
mod tests {
    use super::is_new_enough;

    #[test]
    fn versions_compare_by_number() {
        for (version, enough) in [
            ("3.11.0", true),
            ("3.9.18", false),
            ("3.100.0", true),
            ("3.14.0rc1", true),
            ("2.7", false),
            ("", false),
        ] {
            assert_eq!(is_new_enough(version), enough, "{version}");
        }
    }
}
