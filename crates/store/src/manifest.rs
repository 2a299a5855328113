//! What a stage was run with and what came out: `manifest.json`, written last.
//!
//! A folder with a manifest is complete. Two runs may continue each other only when their settings hash agrees: blake3
//! over the RFC 8785 form of stage name, settings, prompt versions and input ids. The manifest is the only artefact
//! that holds wall-clock time. What must *not* stop a resume (limits, worker counts, the wanted number of records, the
//! revision) stays out of [`Stage::settings`].

use crate::lines::{parse_json, write_whole};
use crate::runner::Tally;
use crate::{Shard, StoreError};
use astra_protocol::{ContentId, content_id};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Version of the manifest that this code reads and writes.
pub const MANIFEST_VERSION: u32 = 1;

/// Everything that shapes what a stage writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Name of the stage, e.g. `envs from-tables`.
    pub name: String,
    /// Resolved settings that change what is written, the seed among them.
    #[serde(default)]
    pub settings: Json,
    /// Prompt name → version (a hash of its text).
    #[serde(default)]
    pub prompts: BTreeMap<String, String>,
    /// Input name → content id.
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
}

impl Stage {
    /// A stage of this name with these settings.
    pub fn new(name: impl Into<String>, settings: Json) -> Self {
        Self { name: name.into(), settings, prompts: BTreeMap::new(), inputs: BTreeMap::new() }
    }

    /// Hash that two runs must share to continue each other.
    pub fn settings_hash(&self) -> ContentId {
        content_id(&self.to_json())
    }

    fn to_json(&self) -> Json {
        json!({
            "name": self.name, "settings": self.settings, "prompts": self.prompts, "inputs": self.inputs,
        })
    }

    /// `path: then → now` for everything that differs from `earlier`.
    pub(crate) fn changes_since(&self, earlier: &Self) -> Vec<String> {
        let (then, now) = (leaves(&earlier.to_json()), leaves(&self.to_json()));
        let paths: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
        let shown = |leaf: Option<&String>| leaf.map_or("absent".to_owned(), |text| format!("`{text}`"));
        paths
            .into_iter()
            .filter(|path| then.get(*path) != now.get(*path))
            .map(|path| format!("`{path}` was {} and is now {}", shown(then.get(path)), shown(now.get(path))))
            .collect()
    }
}

/// Dotted path → canonical text of each leaf.
fn leaves(json: &Json) -> BTreeMap<String, String> {
    fn walk(json: &Json, path: &str, out: &mut BTreeMap<String, String>) {
        match json {
            Json::Object(fields) if !fields.is_empty() => {
                for (name, value) in fields {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    walk(value, &path, out);
                }
            }
            Json::Null
            | Json::Bool(_)
            | Json::Number(_)
            | Json::String(_)
            | Json::Array(_)
            | Json::Object(_) => {
                out.insert(path.to_owned(), astra_protocol::canonical_json(json));
            }
        }
    }
    let mut out = BTreeMap::new();
    walk(json, "", &mut out);
    out
}

/// One part file as it was when the manifest was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// File name.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Hash of the bytes.
    pub blake3: ContentId,
}

/// A finished stage run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format version; 1.
    pub version: u32,
    /// What it was run with.
    pub stage: Stage,
    /// [`Stage::settings_hash`].
    pub settings_hash: ContentId,
    /// Which shard of the inputs, when not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// What became of the inputs.
    pub counts: Tally,
    /// First words of the reasons for rejection (up to the colon) → how many.
    pub rejected_by: BTreeMap<String, u64>,
    /// The parts, in order.
    pub parts: Vec<Part>,
    /// Git revision of the code, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// When it was written, RFC 3339.
    pub created_at: String,
}

impl Manifest {
    /// Content id of what the stage wrote, whatever its settings; the input id of the next stage.
    pub fn output_id(&self) -> ContentId {
        let parts: Vec<&str> = self.parts.iter().map(|part| part.blake3.0.as_str()).collect();
        content_id(&json!(parts))
    }

    /// Reads a manifest.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let manifest: Self = read_json(path)?;
        if manifest.version == MANIFEST_VERSION {
            return Ok(manifest);
        }
        let message = format!(
            "field `version`: this is manifest version {}, and only version {MANIFEST_VERSION} is read",
            manifest.version
        );
        Err(StoreError::Document { file: path.to_owned(), source: message.clone().into(), message })
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), StoreError> {
        write_json(path, self)
    }
}

/// Reads one pretty-printed JSON document of ours.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, StoreError> {
    let text = std::fs::read_to_string(path).map_err(StoreError::io("read", path))?;
    parse_json(&text).map_err(|error| StoreError::Document {
        file: path.to_owned(),
        message: error.to_string(),
        source: Box::new(error),
    })
}

/// Writes one pretty-printed JSON document, whole or not at all.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), StoreError> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|source| StoreError::Unserialisable { id: path.display().to_string(), source })?;
    text.push('\n');
    write_whole(path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage() -> Stage {
        let mut stage = Stage::new("tasks write", json!({"seed": 7, "styles": {"plain": 2, "curt": 1}}));
        stage.prompts.insert("write".into(), "v1".into());
        stage.inputs.insert("chains".into(), "abc".into());
        stage
    }

    #[test]
    fn the_hash_covers_name_settings_prompts_and_inputs_but_not_key_order() {
        let base = stage().settings_hash();
        let mut reordered = stage();
        reordered.settings = json!({"styles": {"curt": 1, "plain": 2}, "seed": 7});
        assert_eq!(reordered.settings_hash(), base);
        let changes: [fn(&mut Stage); 4] = [
            |stage| stage.name.push('x'),
            |stage| stage.settings["seed"] = json!(8),
            |stage| drop(stage.prompts.insert("write".into(), "v2".into())),
            |stage| drop(stage.inputs.remove("chains")),
        ];
        for change in changes {
            let mut changed = stage();
            change(&mut changed);
            assert_ne!(changed.settings_hash(), base, "{changed:?}");
        }
    }

    #[test]
    fn changes_are_named_by_their_path() {
        let mut now = stage();
        now.settings["styles"]["plain"] = json!(3);
        now.settings.as_object_mut().unwrap().remove("seed");
        now.prompts.insert("judge".into(), "v2".into());
        assert_eq!(
            now.changes_since(&stage()),
            [
                "`prompts.judge` was absent and is now `\"v2\"`",
                "`settings.seed` was `7` and is now absent",
                "`settings.styles.plain` was `2` and is now `3`",
            ]
        );
        assert!(stage().changes_since(&stage()).is_empty());
    }
}
