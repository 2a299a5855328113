//! Embeds what an installed binary must have without its source tree: the shipped tables, the bench tools, and the
//! git revision that manifests name. Writes plain `include_bytes!` lists, so that cargo sees every file change.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, error::Error, fs, process::Command};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../..").canonicalize()?;
    let mut code = String::new();
    // The folder of tables also holds the scripts that made them, which are of no use without the source tree.
    let embedded: [(&str, &str, &[&str]); 2] = [
        ("TABLES", "tables", &["csv", "md", "toml", "txt"]),
        ("BENCH_TOOLS", "corpus/tools-bench", &["csv", "json", "md", "py"]),
    ];
    for (name, folder, kinds) in embedded {
        let folder = root.join(folder);
        let mut files = Vec::new();
        collect(&folder, &folder, kinds, &mut files)?;
        files.sort();
        writeln!(
            code,
            "/// Path inside the folder → content.\npub(crate) static {name}: &[(&str, &[u8])] = &["
        )?;
        for (relative, path) in files {
            writeln!(code, "    ({relative:?}, include_bytes!({path:?})),")?;
        }
        writeln!(code, "];")?;
    }
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("embedded.rs"), code)?;
    // Not `ASTRA_…`: cargo hands this variable on to what it runs, where those are settings.
    println!("cargo:rustc-env=REVISION_OF_ASTRA={}", revision(&root).unwrap_or_default());
    // The log grows with every commit and check-out; without git there is nothing to watch.
    let log = root.join(".git/logs/HEAD");
    if log.exists() {
        println!("cargo:rerun-if-changed={}", log.display());
    }
    println!("cargo:rerun-if-changed=build.rs");
    Ok(())
}

fn collect(
    root: &Path,
    folder: &Path,
    kinds: &[&str],
    files: &mut Vec<(String, String)>,
) -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, kinds, files)?;
        } else if path.extension().and_then(|kind| kind.to_str()).is_some_and(|kind| kinds.contains(&kind)) {
            let relative = path.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
            files.push((relative, path.display().to_string()));
        }
    }
    Ok(())
}

fn revision(root: &Path) -> Option<String> {
    let output =
        Command::new("git").arg("-C").arg(root).args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
