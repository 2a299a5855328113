//! A temporary folder in which the binary runs, and what it said there.

use serde_json::{Map, Value as Json};
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A folder of its own, deleted at the end.
pub(crate) struct World {
    folder: tempfile::TempDir,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { folder: tempfile::tempdir()? })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<()> {
        Ok(std::fs::write(self.path(name), content)?)
    }

    pub(crate) fn read(&self, name: &str) -> Result<String> {
        Ok(std::fs::read_to_string(self.path(name))?)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Said> {
        self.run_with(arguments, &[], "")
    }

    /// Runs with environment variables and a stdin.
    pub(crate) fn run_with(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
        stdin: &str,
    ) -> Result<Said> {
        let mut command = self.command(arguments, variables);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        if let Some(mut input) = child.stdin.take() {
            // A command that does not read its input closes it early; that is no failure.
            let _ = input.write_all(stdin.as_bytes());
        }
        Said::of(child.wait_with_output()?)
    }

    /// Runs and interrupts as Ctrl-C does as soon as `file` holds something; by then the handler is installed.
    pub(crate) fn interrupt(&self, arguments: &[&str], file: &str) -> Result<Said> {
        let mut command = self.command(arguments, &[]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let file = self.path(file);
        while std::fs::metadata(&file).map_or(0, |file| file.len()) == 0 && child.try_wait()?.is_none() {
            std::thread::yield_now();
        }
        let child_id = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(child_id, rustix::process::Signal::INT)?;
        Said::of(child.wait_with_output()?)
    }

    /// Runs and kills without a word as soon as `path` is there.
    pub(crate) fn kill(&self, arguments: &[&str], path: &str) -> Result<Said> {
        let mut command = self.command(arguments, &[]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let path = self.path(path);
        while !path.exists() && child.try_wait()?.is_none() {
            std::thread::yield_now();
        }
        child.kill()?;
        Said::of(child.wait_with_output()?)
    }

    pub(crate) fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_astra"));
        command.args(arguments).current_dir(self.folder.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ASTRA_") {
                command.env_remove(name);
            }
        }
        // Containers without user namespaces lack some protections; what is enforced is the sandbox's own test.
        command
            .env("ASTRA_ACCEPT_MISSING_PROTECTIONS", "1")
            .env("ASTRA_THREADS", "2")
            .envs(variables.iter().copied());
        command
    }

    /// A hand-written arena that passes every gate, as one JSON object with its code inside.
    pub(crate) fn good_arena(&self) -> Result<Json> {
        let said = self.run(&["arenas", "new", "seed_arena", "--from", "buoy_reading", "--out", "seed"])?;
        if said.code != Some(0) && !self.path("seed/seed_arena.json").exists() {
            return Err(said.stderr.into());
        }
        let mut arena: Json = serde_json::from_str(&self.read("seed/seed_arena.json")?)?;
        let code = self.read("seed/seed_arena.py")?;
        for tool in arena["tools"].as_array_mut().ok_or("no tools")? {
            tool["code"] = Json::from(code.as_str());
        }
        Ok(arena)
    }

    /// Writes arenas as one JSON Lines file.
    pub(crate) fn write_lines(&self, name: &str, arenas: &[Json]) -> Result<()> {
        let lines: Vec<String> = arenas.iter().map(ToString::to_string).collect();
        self.write(name, lines.join("\n") + "\n")
    }
}

impl Said {
    fn of(output: Output) -> Result<Self> {
        Ok(Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }

    /// The last line of stdout as a JSON object.
    pub(crate) fn last_json(&self) -> Result<Map<String, Json>> {
        let line = self.stdout.lines().last().ok_or_else(|| format!("no output; stderr: {}", self.stderr))?;
        Ok(serde_json::from_str(line)?)
    }

    /// Fails with everything that was said unless the exit code is this one.
    pub(crate) fn expect_code(self, code: i32) -> Result<Self> {
        if self.code == Some(code) {
            Ok(self)
        } else {
            Err(format!("expected exit {code}: {self:#?}").into())
        }
    }

    /// stderr with the world's folder taken out.
    pub(crate) fn errors(&self, world: &World) -> String {
        let folder = world.folder.path().display().to_string();
        self.stderr.replace(&folder, "[WORLD]")
    }
}

/// Every file under a folder with its bytes, except what the clock wrote.
pub(crate) fn bytes_under(folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next)? {
            let path = entry?.path();
            let name = path.strip_prefix(folder)?.display().to_string();
            if path.is_dir() {
                folders.push(path);
            } else if !name.contains("manifest") && !name.contains("lock") {
                files.push((name, std::fs::read(&path)?));
            }
        }
    }
    files.sort();
    Ok(files)
}
