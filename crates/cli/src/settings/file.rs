//! The settings file: TOML whose every key is known, read with the line of each value.

use super::models::{Models, TABLES};
use super::{Entry, Layers, SettingsError, checked, default_file, known};
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// The layer of the named file, else of `astra.toml` in the working folder, else nothing; and the models of that file.
pub(super) fn layer(layers: &Layers) -> Result<(Vec<Entry>, Models), SettingsError> {
    let named = layers.environment.iter().find(|(name, _)| name == crate::env::CONFIG);
    let file = layers
        .file
        .clone()
        .or_else(|| named.map(|(_, path)| path.into()))
        .or_else(|| default_file(layers.folder.as_deref()));
    let Some(file) = file else { return Ok((Vec::new(), Models::default())) };
    let bytes =
        std::fs::read(&file).map_err(|source| SettingsError::Unreadable { path: file.clone(), source })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..valid]);
        let message = "the file is not valid UTF-8".to_owned();
        SettingsError::BadFile { line: line_of(&before, valid), path: file.clone(), message }
    })?;
    let table = DeTable::parse(&text).map_err(|error| SettingsError::BadFile {
        path: file.clone(),
        line: error.span().map_or(1, |span| line_of(&text, span.start)),
        message: error.message().replace('\n', ", "),
    })?;
    let reader = Reader { file: &file, text: &text };
    let mut entries = Vec::new();
    reader.walk(table.get_ref(), "", &mut entries)?;
    Ok((entries, Models::read(&file, &text)?))
}

struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Reader<'_> {
    fn walk(&self, table: &DeTable<'_>, prefix: &str, entries: &mut Vec<Entry>) -> Result<(), SettingsError> {
        for (key, value) in table {
            let name = format!("{prefix}{}", key.get_ref());
            let place = format!("{}:{}", self.file.display(), line_of(self.text, key.span().start));
            if prefix.is_empty() && TABLES.contains(&name.as_str()) {
                continue;
            }
            let text = match value.get_ref() {
                DeValue::Table(inner) => {
                    self.walk(inner, &format!("{name}."), entries)?;
                    continue;
                }
                DeValue::String(text) => text.to_string(),
                DeValue::Boolean(flag) => flag.to_string(),
                DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) => {
                    self.text.get(value.span()).unwrap_or_default().replace('_', "")
                }
            };
            let key = known(&name, &place)?;
            entries.push(Entry { key, value: checked(key, &text, &place)?, origin: place });
        }
        Ok(())
    }
}

pub(super) fn line_of(text: &str, offset: usize) -> usize {
    1 + text.get(..offset).unwrap_or(text).matches('\n').count()
}
