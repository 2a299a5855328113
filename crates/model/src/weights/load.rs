//! A model folder as Hugging Face lays it out: `config.json` and the weights, in one file or in shards with an index.
//!
//! What the configuration promises is held against what the files hold before memory is taken for it, so that a
//! careless or hostile folder costs an error and not the machine. Tensors that are missing, superfluous or of another
//! shape are errors; two kinds of superfluous ones are known to be harmless and accepted (see [`harmless`]).

use super::safetensors::SafeFile;
use super::{Layout, Weights};
use crate::{Config, ModelError};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// File name of unsharded weights.
pub(crate) const SINGLE: &str = "model.safetensors";
/// File name of the index of sharded weights.
pub(crate) const INDEX: &str = "model.safetensors.index.json";
/// Longest text file of a model folder that is read.
pub(crate) const LONGEST_TEXT: u64 = 256 << 20;
const EMBEDDING: &str = "model.embed_tokens.weight";
const HEAD: &str = "lm_head.weight";

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// A folder whose files agree with each other and with its configuration, down to the last shape; numbers unread.
struct Folder {
    config: Config,
    files: Vec<SafeFile>,
}

impl Weights {
    /// Reads a folder with `config.json` and `model.safetensors` (or shards and their index) in F32, F16 or BF16.
    pub fn load(dir: &Path) -> Result<Self, ModelError> {
        let Folder { config, mut files } = Folder::open(dir)?;
        let mut weights = Self::zeros(config);
        let layout = std::sync::Arc::clone(&weights.layout);
        for file in &mut files {
            let names: Vec<String> = file.tensors().keys().cloned().collect();
            for name in names {
                if let Some(tensor) = layout.tensor(&name) {
                    file.read(&name, &mut weights.data[tensor.range.clone()])?;
                }
            }
        }
        // A tied model may carry its head as well, which then has to be what it is tied to. Both files may come
        // before the other, so this waits until all are read.
        if layout.tensor(HEAD).is_none()
            && let Some(file) = files.iter_mut().find(|file| file.tensors().contains_key(HEAD))
        {
            let embedding = &weights.data[layout.embedding()];
            let mut head = vec![0.0; embedding.len()];
            file.read(HEAD, &mut head)?;
            if head.iter().zip(embedding).any(|(one, other)| one.to_bits() != other.to_bits()) {
                let what =
                    format!("tensor `{HEAD}` differs from `{EMBEDDING}` although config.json ties them");
                return Err(ModelError::Malformed { path: file.path().to_owned(), what });
            }
        }
        Ok(weights)
    }

    /// Whether [`Weights::load`] would find a whole model in a folder; reads headers only.
    pub fn check(dir: &Path) -> Result<Config, ModelError> {
        Ok(Folder::open(dir)?.config)
    }
}

impl Folder {
    fn open(dir: &Path) -> Result<Self, ModelError> {
        let config = Config::from_json(&read_text(&dir.join("config.json"))?)?;
        let files = open_weights(dir)?;
        let offered = files.iter().flat_map(|file| {
            file.tensors().iter().map(|(name, stored)| (name.as_str(), stored.shape.as_slice(), file.path()))
        });
        agree(&config, offered)?;
        Ok(Self { config, files })
    }
}

/// The text of a file of bounded size.
pub(crate) fn read_text(path: &Path) -> Result<String, ModelError> {
    let io = |source| ModelError::Io { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    std::fs::File::open(path).map_err(io)?.take(LONGEST_TEXT + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > LONGEST_TEXT {
        let what = format!("longer than {LONGEST_TEXT} bytes, which no text file of a model is");
        return Err(ModelError::Malformed { path: path.to_owned(), what });
    }
    String::from_utf8(bytes)
        .map_err(|error| ModelError::Malformed { path: path.to_owned(), what: format!("not UTF-8: {error}") })
}

/// The one file, or the files that the index names.
fn open_weights(dir: &Path) -> Result<Vec<SafeFile>, ModelError> {
    let (single, index) = (dir.join(SINGLE), dir.join(INDEX));
    if single.exists() || !index.exists() {
        return Ok(vec![SafeFile::open(&single)?]);
    }
    let malformed = |path: &Path, what: String| ModelError::Malformed { path: path.to_owned(), what };
    let Index { weight_map } = serde_json::from_str(&read_text(&index)?)
        .map_err(|error| malformed(&index, format!("not an index of weights: {error}")))?;
    let mut files = BTreeMap::new();
    for (name, file) in &weight_map {
        if !is_plain_name(file) {
            return Err(malformed(
                &index,
                format!("tensor `{name}` is said to be in `{file}`, which is no file name"),
            ));
        }
        if !files.contains_key(file) {
            files.insert(file.clone(), SafeFile::open(&dir.join(file))?);
        }
    }
    for (name, file) in &weight_map {
        if !files.get(file).is_some_and(|open| open.tensors().contains_key(name)) {
            return Err(malformed(
                &dir.join(file),
                format!("tensor `{name}` is missing, which the index says is here"),
            ));
        }
    }
    for file in files.values() {
        if let Some(name) = file.tensors().keys().find(|name| !weight_map.contains_key(*name)) {
            return Err(malformed(file.path(), format!("tensor `{name}` is not in the index")));
        }
    }
    Ok(files.into_values().collect())
}

/// A name of a file in the same folder, and nothing that leads elsewhere.
pub(crate) fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0', ':'])
}

/// Holds what files offer (name, shape, file) against the configuration.
pub(super) fn agree<'a>(
    config: &Config,
    offered: impl Iterator<Item = (&'a str, &'a [u64], &'a Path)>,
) -> Result<(), ModelError> {
    let offered: Vec<_> = offered.collect();
    let numbers =
        offered.iter().map(|(_, shape, _)| shape.iter().map(|size| u128::from(*size)).product::<u128>());
    affordable(config, numbers.sum(), offered.len())?;
    let layout = Layout::of(config);
    let mut missing: std::collections::BTreeSet<&str> =
        layout.tensors().iter().map(|tensor| tensor.name.as_str()).collect();
    for (name, shape, path) in offered {
        let malformed = |what: String| ModelError::Malformed { path: path.to_owned(), what };
        let expected = match layout.tensor(name) {
            Some(tensor) => &tensor.shape,
            None => match harmless(name, &layout) {
                Some(expected) => expected,
                None => {
                    return Err(malformed(format!(
                        "tensor `{name}` has no place in this model (see config.json)"
                    )));
                }
            },
        };
        if !expected.is_empty() && !expected.iter().map(|size| *size as u64).eq(shape.iter().copied()) {
            return Err(malformed(format!(
                "tensor `{name}` has shape {shape:?}, config.json makes it {expected:?}"
            )));
        }
        if layout.tensor(name).is_some() && !missing.remove(name) {
            return Err(malformed(format!("tensor `{name}` is there twice")));
        }
    }
    match missing.first() {
        None => Ok(()),
        Some(name) => Err(ModelError::Tensor {
            name: (*name).to_owned(),
            what: format!("missing from the weights ({} of {} are)", missing.len(), layout.tensors().len()),
        }),
    }
}

/// Superfluous tensors that change nothing: the head of a tied model (compared with the embedding when it is read),
/// and rotary frequencies, which older files carry and everybody computes. The shape they must have; empty is any.
fn harmless<'a>(name: &str, layout: &'a Layout) -> Option<&'a [usize]> {
    if name == HEAD {
        return layout.tensor(EMBEDDING).map(|tensor| tensor.shape.as_slice());
    }
    name.ends_with(".self_attn.rotary_emb.inv_freq").then_some(&[])
}

/// Refuses a configuration that describes more than the files can hold, before a layout is made of it.
fn affordable(config: &Config, numbers: u128, tensors: usize) -> Result<(), ModelError> {
    let [vocab, hidden, inner, layers, heads, kv_heads, head_dim] = [
        config.vocab_size,
        config.hidden_size,
        config.intermediate_size,
        config.layers,
        config.heads,
        config.kv_heads,
        config.head_dim,
    ]
    .map(|size| size as u128);
    // Every factor is at most 2^24 (checked by `Config`), so that the largest product is below 2^100.
    let layer = hidden * (head_dim * (2 * heads + 2 * kv_heads) + 3 * inner);
    let described = vocab * hidden + layers * layer;
    if described > numbers || config.layers > tensors {
        let what = format!(
            "config.json describes at least {described} numbers in {layers} layers, the files hold {numbers} in {tensors} tensors"
        );
        return Err(ModelError::Tensor { name: "(all)".to_owned(), what });
    }
    Ok(())
}
