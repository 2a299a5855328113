//! The hand-written arenas of `corpus/arenas-hand/`, embedded: fixtures for tests, examples for people, and what
//! `astra arenas new` starts from.

use astra_protocol::ArenaSpec;
use astra_sandbox::DataFile;
use astra_store::{DataFolder, DocumentError, StoreError, parse_document};
use include_dir::{Dir, include_dir};
use std::path::Path;

static FOLDER: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../corpus/arenas-hand");

/// A hand-written arena as it stands in its files.
#[derive(Clone, Copy, Debug)]
pub struct HandArena {
    /// File name without extension.
    pub name: &'static str,
    /// Text of the `.json` file.
    pub json: &'static str,
}

/// All hand-written arenas, by name.
pub fn all() -> Vec<HandArena> {
    let mut found: Vec<HandArena> = FOLDER
        .files()
        .filter(|file| file.path().extension().is_some_and(|extension| extension == "json"))
        .filter_map(|file| {
            Some(HandArena { name: file.path().file_stem()?.to_str()?, json: file.contents_utf8()? })
        })
        .collect();
    found.sort_by_key(|arena| arena.name);
    found
}

/// The hand-written arena of this name.
pub fn find(name: &str) -> Option<HandArena> {
    all().into_iter().find(|arena| arena.name == name)
}

/// Text of a code file that hand-written arenas name.
pub fn code(file: &str) -> Option<&'static str> {
    FOLDER.get_file(Path::new(file))?.contents_utf8()
}

impl HandArena {
    /// The arena, with its code brought in.
    pub fn spec(&self) -> Result<ArenaSpec, DocumentError> {
        parse_document(self.json, |file| {
            code(file).map(str::to_owned).ok_or_else(|| "does not exist".to_owned())
        })
    }

    /// Its data files, uncompressed.
    pub fn data(&self, spec: &ArenaSpec) -> Result<Vec<DataFile>, StoreError> {
        spec.data
            .iter()
            .map(|wanted| {
                let path = format!("data/{}.json.zst", wanted.blake3);
                let compressed = FOLDER.get_file(&path).map(include_dir::File::contents).unwrap_or_default();
                let json = DataFolder::decode(&wanted.blake3, compressed, Path::new(&path))?;
                Ok(DataFile { name: wanted.name.clone(), json: json.into() })
            })
            .collect()
    }

    /// Names of the code files that the arena brings in.
    pub fn code_files(&self) -> Vec<String> {
        let json: serde_json::Value = serde_json::from_str(self.json).unwrap_or_default();
        let mut files: Vec<String> = json["tools"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|tool| Some(tool["code"]["file"].as_str()?.to_owned()))
            .collect();
        files.dedup();
        files
    }
}
