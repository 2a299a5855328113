//! Writing a model folder that `transformers` and vLLM open.
//!
//! Every file is written under another name, flushed to the disk and renamed; `config.json`, without which a folder is
//! no model, goes first and comes back last. A folder is therefore whole or not a model, whenever the writer dies.
//! Tokenizer files are copied as they are; this module does not look into them.

use super::load::{INDEX, SINGLE};
use super::{Tensor, Weights};
use crate::ModelError;
use half::bf16;
use serde_json::{Map, Value as Json, json};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Files beside the weights that belong to a model, the tokenizer itself first.
pub(crate) const COMPANIONS: [&str; 7] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
];
const GENERATION: &str = "generation_config.json";
/// Ending of a file that is being written.
pub(crate) const UNFINISHED: &str = ".part";

/// How numbers are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoredAs {
    /// As they are.
    #[default]
    F32,
    /// Rounded to the nearest bfloat16: half the size.
    Bf16,
}

/// How a model is written.
#[derive(Clone, Debug)]
pub struct SaveOptions {
    /// Format of the numbers.
    pub stored_as: StoredAs,
    /// Weights above this size are divided into files of at most this size (or of one tensor, where that is larger).
    pub shard_bytes: u64,
    /// Folder whose tokenizer and generation settings are copied.
    pub companions: Option<PathBuf>,
}

impl Default for SaveOptions {
    /// f32, shards of 5 GB, nothing copied.
    fn default() -> Self {
        Self { stored_as: StoredAs::F32, shard_bytes: 5_000_000_000, companions: None }
    }
}

impl StoredAs {
    fn width(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::Bf16 => 2,
        }
    }

    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::F32 => ("F32", "float32"),
            Self::Bf16 => ("BF16", "bfloat16"),
        }
    }
}

impl Weights {
    /// Writes `config.json`, the weights and `generation_config.json`, and copies what belongs to the tokenizer.
    /// Weights that are no finite numbers are refused before anything is touched.
    pub fn save(&self, dir: &Path, options: &SaveOptions) -> Result<(), ModelError> {
        let broken = |tensor: &&Tensor| !self.data[tensor.range.clone()].iter().all(|one| one.is_finite());
        if let Some(tensor) = self.layout.tensors().iter().find(broken) {
            let what = "holds a number that is not finite; such weights are not saved".to_owned();
            return Err(ModelError::Tensor { name: tensor.name.clone(), what });
        }
        std::fs::create_dir_all(dir).map_err(|source| ModelError::Io { path: dir.to_owned(), source })?;
        let mut folder = Unfinished::new(dir);
        self.write_weights(&mut folder, options)?;
        if let Some(from) = options.companions.as_deref() {
            for name in COMPANIONS.into_iter().chain([GENERATION]) {
                if from.join(name).exists() {
                    folder.write(name, &std::fs::read(from.join(name)).map_err(io(&from.join(name)))?)?;
                }
            }
        }
        if !folder.names.iter().any(|name| name == GENERATION) {
            folder.write(GENERATION, self.generation_config().as_bytes())?;
        }
        folder.write("config.json", self.config_json(options.stored_as).as_bytes())?;
        folder.finish()
    }

    fn write_weights(&self, folder: &mut Unfinished, options: &SaveOptions) -> Result<(), ModelError> {
        let width = options.stored_as.width();
        let shards = shards(self.layout.tensors(), width, options.shard_bytes);
        if let [tensors] = shards.as_slice() {
            return self.write_shard(folder, SINGLE, tensors, options.stored_as);
        }
        let mut places = Map::new();
        for (at, tensors) in shards.iter().enumerate() {
            let name = format!("model-{:05}-of-{:05}.safetensors", at + 1, shards.len());
            self.write_shard(folder, &name, tensors, options.stored_as)?;
            places.extend(tensors.iter().map(|tensor| (tensor.name.clone(), json!(name))));
        }
        let index =
            json!({"metadata": {"total_size": self.layout.len() as u64 * width}, "weight_map": places});
        folder.write(INDEX, format!("{index:#}\n").as_bytes())
    }

    fn write_shard(
        &self,
        folder: &mut Unfinished,
        name: &str,
        tensors: &[Tensor],
        stored_as: StoredAs,
    ) -> Result<(), ModelError> {
        let mut header = Map::new();
        header.insert("__metadata__".to_owned(), json!({"format": "pt"}));
        let mut at = 0;
        for tensor in tensors {
            let end = at + tensor.range.len() as u64 * stored_as.width();
            let entry =
                json!({"dtype": stored_as.names().0, "shape": tensor.shape, "data_offsets": [at, end]});
            header.insert(tensor.name.clone(), entry);
            at = end;
        }
        folder.stream(name, |out| {
            write_header(out, header)?;
            for number in tensors.iter().flat_map(|tensor| &self.data[tensor.range.clone()]) {
                match stored_as {
                    StoredAs::F32 => out.write_all(&number.to_le_bytes())?,
                    StoredAs::Bf16 => out.write_all(&bf16::from_f32(*number).to_le_bytes())?,
                }
            }
            Ok(())
        })
    }

    fn config_json(&self, stored_as: StoredAs) -> String {
        let text = self.config.to_json();
        match stored_as {
            StoredAs::F32 => text + "\n",
            StoredAs::Bf16 => {
                let float32 = format!("\"{}\"", StoredAs::F32.names().1);
                text.replace(&float32, &format!("\"{}\"", stored_as.names().1)) + "\n"
            }
        }
    }

    fn generation_config(&self) -> String {
        let mut json = json!({"_from_model_config": true});
        if let Some(id) = self.config.bos_token_id {
            json["bos_token_id"] = json!(id);
        }
        match self.config.eos_token_ids.as_slice() {
            [] => {}
            [id] => json["eos_token_id"] = json!(id),
            ids => json["eos_token_id"] = json!(ids),
        }
        format!("{json:#}\n")
    }
}

/// The length of the header and the header, up to where the numbers begin.
pub(super) fn write_header(out: &mut impl Write, header: Map<String, Json>) -> std::io::Result<()> {
    let mut header = Json::Object(header).to_string();
    // Readers that map the file want the numbers at a multiple of eight.
    header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(header.as_bytes())
}

/// Tensors in order, cut where the next one would exceed the limit.
fn shards(tensors: &[Tensor], width: u64, limit: u64) -> Vec<Vec<Tensor>> {
    let mut shards = vec![Vec::new()];
    let mut size = 0;
    for tensor in tensors {
        let bytes = tensor.range.len() as u64 * width;
        if size > 0 && size + bytes > limit {
            shards.push(Vec::new());
            size = 0;
        }
        size += bytes;
        if let Some(shard) = shards.last_mut() {
            shard.push(tensor.clone());
        }
    }
    shards
}

pub(super) fn io(path: &Path) -> impl Fn(std::io::Error) -> ModelError {
    move |source| ModelError::Io { path: path.to_owned(), source }
}

/// Files under their temporary names. What is not finished is removed.
#[derive(Debug)]
pub(crate) struct Unfinished {
    dir: PathBuf,
    names: Vec<String>,
}

impl Unfinished {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), names: Vec::new() }
    }

    fn temporary(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}{UNFINISHED}"))
    }

    pub(crate) fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), ModelError> {
        self.stream(name, |out| out.write_all(bytes))
    }

    fn stream(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
    ) -> Result<(), ModelError> {
        let path = self.temporary(name);
        self.names.push(name.to_owned());
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&path).map_err(io(&path))?);
        write(&mut out).map_err(io(&path))?;
        let file = out.into_inner().map_err(|error| io(&path)(error.into_error()))?;
        file.sync_all().map_err(io(&path))
    }

    /// Renames everything, in order of writing; what an earlier model left in the way goes first.
    pub(crate) fn finish(mut self) -> Result<(), ModelError> {
        remove_model(&self.dir, &self.names)?;
        for name in std::mem::take(&mut self.names) {
            let (from, to) = (self.temporary(&name), self.dir.join(&name));
            std::fs::rename(&from, &to).map_err(io(&to))?;
        }
        // The renames themselves; a file system that cannot flush a folder has nothing to flush.
        let _ = File::open(&self.dir).and_then(|dir| dir.sync_all());
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = std::fs::remove_file(self.temporary(name));
        }
    }
}

/// Takes away an older model's `config.json`, those of its weights that would be read beside or instead of new ones,
/// and, where a new tokenizer comes, what belonged to the old one: a chat template that stays would be believed.
pub(crate) fn remove_model(dir: &Path, new: &[String]) -> Result<(), ModelError> {
    let mut old = vec!["config.json".to_owned()];
    for entry in std::fs::read_dir(dir).map_err(io(dir))? {
        let name = entry.map_err(io(dir))?.file_name().to_string_lossy().into_owned();
        let is_weights = name == SINGLE || name == INDEX || is_shard(&name);
        if is_weights && !new.contains(&name) && new.iter().any(|name| name.contains("safetensors")) {
            old.push(name);
        }
    }
    if new.iter().any(|name| name == COMPANIONS[0]) {
        let companions = COMPANIONS.into_iter().chain([GENERATION]);
        old.extend(companions.filter(|name| !new.iter().any(|new| new == name)).map(str::to_owned));
    }
    for name in old {
        match std::fs::remove_file(dir.join(&name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(io(&dir.join(&name))(error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// `model-00001-of-00003.safetensors`.
pub(crate) fn is_shard(name: &str) -> bool {
    name.starts_with("model-") && name.ends_with(".safetensors") && super::load::is_plain_name(name)
}
