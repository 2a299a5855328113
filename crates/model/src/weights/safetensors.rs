//! Reading `.safetensors` files: a length, a JSON header that names every tensor, the numbers.
//!
//! Read here rather than with the crate of that name because that one wants the whole file as one slice (a memory map
//! or a second copy) and its errors name neither file nor tensor. A header is believed in nothing: lengths are held
//! against the file before anything is allocated.

use super::encoding::Encoding;
use crate::ModelError;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The format's own bound on the header.
const LONGEST_HEADER: u64 = 100_000_000;

/// A tensor of an open file.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    encoding: Encoding,
    pub(super) shape: Vec<u64>,
    at: u64,
}

impl Stored {
    /// How many numbers it has.
    pub(super) fn elements(&self) -> usize {
        // Held against the file's length when it was opened, so the product fits.
        self.shape.iter().product::<u64>() as usize
    }
}

/// An open file whose header was found consistent with its length.
#[derive(Debug)]
pub(super) struct SafeFile {
    path: PathBuf,
    file: File,
    tensors: BTreeMap<String, Stored>,
}

#[derive(serde::Deserialize)]
struct HeaderEntry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// The tensors by name, read as what they are: a tree of JSON would take many times the memory of the text.
struct Header(BTreeMap<String, HeaderEntry>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object with an entry for every tensor")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut tensors = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let entry = map
                .next_value()
                .map_err(|error| A::Error::custom(format!("header of tensor `{name}`: {error}")))?;
            if tensors.contains_key(&name) {
                return Err(A::Error::custom(format!("tensor `{name}` stands there twice")));
            }
            tensors.insert(name, entry);
        }
        Ok(Header(tensors))
    }
}

impl SafeFile {
    pub(super) fn open(path: &Path) -> Result<Self, ModelError> {
        let io = |source| ModelError::Io { path: path.to_owned(), source };
        let malformed = |what: String| ModelError::Malformed { path: path.to_owned(), what };
        let mut file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        if len < 8 {
            return Err(malformed(format!(
                "{len} bytes are no safetensors file, which begins with a length of 8"
            )));
        }
        let mut prefix = [0; 8];
        file.read_exact(&mut prefix).map_err(io)?;
        let header_len = u64::from_le_bytes(prefix);
        if header_len > (len - 8).min(LONGEST_HEADER) {
            let what = format!(
                "the header says that it is {header_len} bytes long, the file has {len}: cut off, or not safetensors"
            );
            return Err(malformed(what));
        }
        let mut header = String::new();
        let read = (&file).take(header_len).read_to_string(&mut header);
        read.map_err(|error| malformed(format!("the header is not text: {error}")))?;
        let Header(header) = serde_json::from_str(&header)
            .map_err(|error| malformed(format!("the header is not one of safetensors: {error}")))?;
        let data_at = 8 + header_len;
        let tensors = entries(header, data_at, len).map_err(malformed)?;
        Ok(Self { path: path.to_owned(), file, tensors })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn tensors(&self) -> &BTreeMap<String, Stored> {
        &self.tensors
    }

    /// Fills `out`, whose length is that of the tensor's shape.
    pub(super) fn read(&mut self, name: &str, out: &mut [f32]) -> Result<(), ModelError> {
        let Some(stored) = self.tensors.get(name) else {
            return Err(ModelError::Malformed {
                path: self.path.clone(),
                what: format!("tensor `{name}` is missing"),
            });
        };
        stored.encoding.read(&mut self.file, &self.path, stored.at, out)
    }
}

/// The header's tensors; an error where they do not tile the data of a file of `len` bytes.
fn entries(
    header: BTreeMap<String, HeaderEntry>,
    data_at: u64,
    len: u64,
) -> Result<BTreeMap<String, Stored>, String> {
    let mut tensors = BTreeMap::new();
    let mut ranges = Vec::new();
    for (name, entry) in header {
        let encoding = match entry.dtype.as_str() {
            "F32" => Encoding::F32,
            "F16" => Encoding::F16,
            "BF16" => Encoding::Bf16,
            other => {
                return Err(format!("tensor `{name}` is stored as {other}; F32, F16 and BF16 can be read"));
            }
        };
        let (start, end) = entry.data_offsets;
        let elements = entry.shape.iter().try_fold(1u64, |product, size| product.checked_mul(*size));
        let bytes = elements.and_then(|elements| encoding.bytes(elements, 1));
        if start > end || bytes != Some(end - start) {
            let (shape, kind) = (&entry.shape, &entry.dtype);
            return Err(format!(
                "tensor `{name}` of shape {shape:?} in {kind} cannot lie in bytes {start}..{end}"
            ));
        }
        if end > len - data_at {
            let data = len - data_at;
            return Err(format!(
                "tensor `{name}` ends at byte {end} of the data, of which there are {data}: cut off?"
            ));
        }
        ranges.push((start, end, name.clone()));
        tensors.insert(name, Stored { encoding, shape: entry.shape, at: data_at + start });
    }
    ranges.sort();
    let mut reached = 0;
    for (start, end, name) in ranges {
        if start != reached {
            return Err(format!(
                "tensor `{name}` begins at byte {start} of the data where {reached} is expected"
            ));
        }
        reached = end;
    }
    if reached == len - data_at {
        Ok(tensors)
    } else {
        Err(format!("{} bytes behind the last tensor belong to none", len - data_at - reached))
    }
}
