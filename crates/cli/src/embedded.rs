//! What the binary carries with it: the shipped tables, the bench tools, and the revision it was built from.

use crate::failure::InputError;
use std::path::{Path, PathBuf};

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// Git revision of the code, if it was known when it was built.
pub(crate) fn revision() -> Option<String> {
    Some(env!("REVISION_OF_ASTRA")).filter(|revision| !revision.is_empty()).map(str::to_owned)
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
