//! Repositories of the Hugging Face hub: the files of a plain model folder, at one revision.

use super::http::{Client, Download};
use super::{Endpoints, Watcher, is_gguf};
use crate::weights::{COMPANIONS, INDEX, SINGLE, is_shard, remove_model};
use crate::{FetchProblem, ModelError};
use serde::Deserialize;
use std::path::Path;

#[derive(Deserialize)]
struct Repository {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: String,
}

/// Fetches a repository; says where from.
pub(super) fn fetch(
    client: &Client,
    name: &str,
    dir: &Path,
    endpoints: &Endpoints,
    watcher: &mut dyn Watcher,
) -> Result<String, ModelError> {
    let hub = endpoints.hub.trim_end_matches('/');
    let token = endpoints.hub_token.as_deref();
    let address = format!("{hub}/api/models/{name}/revision/main?blobs=true");
    let failed = |what: &str| ModelError::Fetch {
        url: address.clone(),
        what: what.to_owned(),
        problem: FetchProblem::Unusable,
    };
    let repository: Repository = serde_json::from_value(client.json(&address, token, watcher)?)
        .map_err(|error| failed(&format!("not the description of a repository: {error}")))?;
    let sha = repository.sha.as_str();
    if sha.len() < 8 || !sha.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(failed("its revision is no hash"));
    }
    let files = chosen(&repository.siblings).map_err(|what| failed(&what))?;
    let io = |path: &Path, source| ModelError::Io { path: path.to_owned(), source };
    std::fs::create_dir_all(dir).map_err(|source| io(dir, source))?;
    let mut parts = Vec::new();
    for file in files {
        let download = Download {
            url: format!("{hub}/{name}/resolve/{sha}/{}", file.rfilename),
            token,
            name: file.rfilename.clone(),
            edition: sha[..8].to_owned(),
            sha256: file.lfs.as_ref().map(|lfs| lfs.sha256.clone()),
        };
        parts.push((client.download(&download, dir, watcher)?, dir.join(&file.rfilename)));
    }
    let names: Vec<String> =
        parts.iter().filter_map(|(_, to)| Some(to.file_name()?.to_string_lossy().into_owned())).collect();
    remove_model(dir, &names)?;
    for (part, to) in parts {
        std::fs::rename(&part, &to).map_err(|source| io(&to, source))?;
    }
    Ok(format!("{hub}/{name} at {sha}"))
}

/// The files of a model folder, `config.json` last.
fn chosen(siblings: &[Sibling]) -> Result<Vec<&Sibling>, String> {
    let named = |name: &str| siblings.iter().find(|file| file.rfilename == name);
    let mut files: Vec<&Sibling> =
        COMPANIONS.iter().chain(&["generation_config.json"]).filter_map(|name| named(name)).collect();
    if let Some(single) = named(SINGLE) {
        files.push(single);
    } else if let Some(index) = named(INDEX) {
        files.extend(siblings.iter().filter(|file| is_shard(&file.rfilename)));
        files.push(index);
    } else if let Some(gguf) = siblings.iter().find(|file| is_gguf(&file.rfilename)) {
        return Err(format!(
            "it holds no safetensors; fetch a GGUF such as `{}` and give its path",
            gguf.rfilename
        ));
    } else {
        return Err(format!("it holds neither {SINGLE} nor {INDEX}"));
    }
    files.push(named("config.json").ok_or("it holds no config.json")?);
    Ok(files)
}
