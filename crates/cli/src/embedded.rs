//! What the binary carries with it: the shipped tables, the bench tools, the nano base model, and the revision it was
//! built from.

use crate::failure::InputError;
use std::path::{Path, PathBuf};

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// Git revision of the code, if it was known when it was built.
pub(crate) fn revision() -> Option<String> {
    Some(env!("REVISION_OF_ASTRA")).filter(|revision| !revision.is_empty()).map(str::to_owned)
}

/// What the nano model has seen, in its folder.
pub(crate) const KEYS: &str = "train.keys";

/// The script that makes the nano model.
pub(crate) const NANO_RECIPE: &str = include_str!("../../../models/nano/make.sh");

/// The nano model's folder.
const NANO: [(&str, &[u8]); 6] = [
    ("config.json", include_bytes!("../../../models/nano/config.json")),
    ("generation_config.json", include_bytes!("../../../models/nano/generation_config.json")),
    ("model.safetensors", include_bytes!("../../../models/nano/model.safetensors")),
    ("tokenizer.json", include_bytes!("../../../models/nano/tokenizer.json")),
    ("tokenizer_config.json", include_bytes!("../../../models/nano/tokenizer_config.json")),
    (KEYS, include_bytes!("../../../models/nano/train.keys")),
];

/// Arenas made from knowledge, questions and domains: of another kind than those from tables.
const CORPUS: [(&str, &[u8]); 1] =
    [("part-00000.jsonl", include_bytes!("../../../corpus/arenas-v1/part-00000.jsonl"))];

/// Writes the nano model into `folder`, as far as it is not there.
pub(crate) fn unpack_nano(folder: &Path) -> anyhow::Result<()> {
    unpack(&NANO, folder)
}

/// Writes the worked corpus of arenas into `folder`, as far as it is not there.
pub(crate) fn unpack_corpus(folder: &Path) -> anyhow::Result<()> {
    unpack(&CORPUS, folder)
}

fn unpack(files: &[(&str, &[u8])], folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (name, content) in files {
        let path = folder.join(name);
        if std::fs::metadata(&path).is_ok_and(|found| found.len() == content.len() as u64) {
            continue;
        }
        std::fs::write(path, content)?;
    }
    Ok(())
}

/// Names of the shipped groups of tables.
pub(crate) fn table_groups() -> Vec<&'static str> {
    let mut groups: Vec<&str> = TABLES.iter().filter_map(|(path, _)| Some(path.split_once('/')?.0)).collect();
    groups.dedup();
    groups
}

/// Writes a shipped group of tables into `folder`, where the reader of tables finds it.
pub(crate) fn unpack_tables(group: &str, folder: &Path) -> anyhow::Result<PathBuf> {
    let files: Vec<_> =
        TABLES.iter().filter(|(path, _)| path.split_once('/').is_some_and(|(of, _)| of == group)).collect();
    if files.is_empty() {
        let groups = table_groups().join(", ");
        return Err(InputError::new(format!("there is no folder and no shipped group of tables `{group}`"))
            .hint(format!("shipped groups: {groups}"))
            .into());
    }
    let target = folder.join(group);
    std::fs::create_dir_all(&target)?;
    for (path, content) in files {
        std::fs::write(folder.join(path), content)?;
    }
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_group_has_tables_a_source_and_words() {
        let groups = table_groups();
        assert!(groups.len() >= 6, "{groups:?}");
        for group in groups {
            let files = || TABLES.iter().filter_map(|(path, _)| path.strip_prefix(group)?.strip_prefix('/'));
            let table = |file: &str| Path::new(file).extension().is_some_and(|kind| kind == "csv");
            let tables = files().filter(|file| table(file)).count();
            assert!(tables >= 3, "{group} has {tables} tables");
            assert!(files().any(|file| file == "SOURCE.md"), "{group} names no source");
            assert!(files().any(|file| file == "tables.toml"), "{group} has no words");
        }
    }

    #[test]
    fn the_scripts_that_made_the_tables_stay_outside() {
        let script = |path: &str| Path::new(path).extension().is_some_and(|kind| kind == "py");
        assert!(!TABLES.iter().any(|(path, _)| script(path)));
        let bytes: usize = TABLES.iter().map(|(_, content)| content.len()).sum();
        assert!(bytes <= 4 << 20, "{bytes} bytes of tables in the binary");
    }
}
