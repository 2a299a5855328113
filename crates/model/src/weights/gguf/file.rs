//! The GGUF container, versions 2 and 3, little-endian: metadata, a directory of tensors, their blocks.
//!
//! The parser counts down the bytes that are left and takes no length on trust, so that garbage ends in an error that
//! names what was being read. It knows the container only; what the keys mean stands in the neighbouring files.

use crate::ModelError;
use crate::weights::encoding::Encoding;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// Most dimensions that the format allows.
const MOST_DIMENSIONS: u32 = 4;
/// Alignment of tensor data where the file does not say.
const ALIGNMENT: u64 = 32;

/// A value of the metadata. Widths are not kept; arrays of fractions are read over, nothing here needs one.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Whole(i128),
    Fraction(f64),
    Bool(bool),
    Text(String),
    Texts(Vec<String>),
    Wholes(Vec<i64>),
    Other,
}

/// A tensor of the directory.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Outermost first, as everywhere but in this format.
    pub(super) shape: Vec<u64>,
    encoding: Encoding,
    at: u64,
}

/// An open file whose directory was found consistent with its length.
#[derive(Debug)]
pub(super) struct Gguf {
    pub(super) path: PathBuf,
    file: File,
    pub(super) metadata: BTreeMap<String, Value>,
    pub(super) tensors: BTreeMap<String, Entry>,
}

impl Gguf {
    pub(super) fn open(path: &Path) -> Result<Self, ModelError> {
        let io = |source| ModelError::Io { path: path.to_owned(), source };
        let malformed = |what: String| ModelError::Malformed { path: path.to_owned(), what };
        let file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        let mut input = Input { reader: BufReader::with_capacity(1 << 16, &file), position: 0, len };
        let (metadata, tensors) = parse(&mut input).map_err(malformed)?;
        Ok(Self { path: path.to_owned(), file, metadata, tensors })
    }

    /// Fills `out`, whose length is that of the tensor's shape.
    pub(super) fn read(&mut self, name: &str, out: &mut [f32]) -> Result<(), ModelError> {
        let Some(entry) = self.tensors.get(name) else {
            return Err(self.malformed(format!("tensor `{name}` is missing")));
        };
        entry.encoding.read(&mut self.file, &self.path, entry.at, out)
    }

    pub(super) fn malformed(&self, what: String) -> ModelError {
        ModelError::Malformed { path: self.path.clone(), what }
    }

    /// A text of the metadata.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.metadata.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A whole number that fits `T`; an error where the key holds anything else, `None` where it is absent.
    pub(super) fn whole<T: TryFrom<i128>>(&self, key: &str) -> Result<Option<T>, ModelError> {
        match self.metadata.get(key) {
            None => Ok(None),
            Some(Value::Whole(number)) if T::try_from(*number).is_ok() => Ok(T::try_from(*number).ok()),
            Some(other) => {
                Err(self.malformed(format!("`{key}` is {}, expected a whole number", brief(other))))
            }
        }
    }

    /// A number.
    pub(super) fn number(&self, key: &str) -> Result<Option<f64>, ModelError> {
        match self.metadata.get(key) {
            None => Ok(None),
            Some(Value::Fraction(number)) if number.is_finite() => Ok(Some(*number)),
            Some(Value::Whole(number)) => Ok(Some(*number as f64)),
            Some(other) => Err(self.malformed(format!("`{key}` is {}, expected a number", brief(other)))),
        }
    }
}

fn brief(value: &Value) -> String {
    format!("{value:?}").chars().take(60).collect()
}

type Parsed = (BTreeMap<String, Value>, BTreeMap<String, Entry>);

fn parse(input: &mut Input<impl Read>) -> Result<Parsed, String> {
    if &input.bytes::<4>("the magic number")? != b"GGUF" {
        return Err("not a GGUF file: it does not begin with `GGUF`".to_owned());
    }
    let version = input.u32("the version")?;
    if !matches!(version, 2 | 3) {
        return Err(format!("GGUF version {version:#x}; 2 and 3 little-endian can be read"));
    }
    // Least bytes: name length, dimensions, one size, type, place; key length, type, one byte.
    let tensor_count = input.count("the number of tensors", 8 + 4 + 4 + 8)?;
    let key_count = input.count("the number of metadata keys", 8 + 4 + 1)?;
    let mut metadata = BTreeMap::new();
    for _ in 0..key_count {
        let key = input.text("a metadata key")?;
        let kind = input.u32(&key)?;
        let value = input.value(&key, kind)?;
        if metadata.insert(key.clone(), value).is_some() {
            return Err(format!("metadata key `{key}` is there twice"));
        }
    }
    let mut tensors = BTreeMap::new();
    for _ in 0..tensor_count {
        let name = input.text("a tensor's name")?;
        let entry = input.entry(&name)?;
        if tensors.insert(name.clone(), entry).is_some() {
            return Err(format!("tensor `{name}` is there twice"));
        }
    }
    let alignment = match metadata.get("general.alignment") {
        None => ALIGNMENT,
        Some(Value::Whole(alignment @ 1..=1_048_576)) => alignment.unsigned_abs() as u64,
        Some(other) => return Err(format!("`general.alignment` is {}", brief(other))),
    };
    place(&mut tensors, input.position.next_multiple_of(alignment), input.len)?;
    Ok((metadata, tensors))
}

/// Makes places absolute; an error where a tensor is outside of the file or overlaps another.
fn place(tensors: &mut BTreeMap<String, Entry>, data_at: u64, len: u64) -> Result<(), String> {
    let mut ranges = Vec::new();
    for (name, entry) in tensors {
        let bytes = entry.bytes().unwrap_or(u64::MAX);
        let start = data_at.saturating_add(entry.at);
        let end = start.saturating_add(bytes);
        if end > len {
            return Err(format!("tensor `{name}` ends at byte {end} of a file of {len}: cut off?"));
        }
        entry.at = start;
        ranges.push((start, end, name));
    }
    ranges.sort();
    match ranges.windows(2).find(|pair| pair[0].1 > pair[1].0) {
        None => Ok(()),
        Some(pair) => Err(format!("tensors `{}` and `{}` overlap", pair[0].2, pair[1].2)),
    }
}

impl Entry {
    fn bytes(&self) -> Option<u64> {
        let elements = self.shape.iter().try_fold(1u64, |product, size| product.checked_mul(*size))?;
        self.encoding.bytes(elements, *self.shape.last()?)
    }
}

/// What is left to parse, counted.
struct Input<R> {
    reader: R,
    position: u64,
    len: u64,
}

impl<R: Read> Input<R> {
    fn left(&self) -> u64 {
        self.len - self.position
    }

    fn fill(&mut self, bytes: &mut [u8], what: &str) -> Result<(), String> {
        if bytes.len() as u64 > self.left() {
            return Err(format!("the file ends within `{what}`"));
        }
        self.reader.read_exact(bytes).map_err(|error| format!("could not read `{what}`: {error}"))?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn bytes<const N: usize>(&mut self, what: &str) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        self.fill(&mut bytes, what)?;
        Ok(bytes)
    }

    fn u32(&mut self, what: &str) -> Result<u32, String> {
        self.bytes(what).map(u32::from_le_bytes)
    }

    fn u64(&mut self, what: &str) -> Result<u64, String> {
        self.bytes(what).map(u64::from_le_bytes)
    }

    /// A number of things of at least `least` bytes each; refused where the file has no room for them.
    fn count(&mut self, what: &str, least: u64) -> Result<usize, String> {
        let count = self.u64(what)?;
        if count.checked_mul(least).is_none_or(|bytes| bytes > self.left()) {
            return Err(format!(
                "`{what}` says {count}, which does not fit into the {} bytes left",
                self.left()
            ));
        }
        usize::try_from(count).map_err(|_| format!("`{what}` says {count}, too many for this machine"))
    }

    fn text(&mut self, what: &str) -> Result<String, String> {
        let len = self.count(what, 1)?;
        let mut bytes = vec![0; len];
        self.fill(&mut bytes, what)?;
        String::from_utf8(bytes).map_err(|_| format!("`{what}` is not UTF-8"))
    }

    fn value(&mut self, key: &str, kind: u32) -> Result<Value, String> {
        Ok(match kind {
            6 => Value::Fraction(f64::from(f32::from_le_bytes(self.bytes(key)?))),
            7 => Value::Bool(self.bytes::<1>(key)?[0] != 0),
            8 => Value::Text(self.text(key)?),
            9 => self.array(key)?,
            12 => Value::Fraction(f64::from_le_bytes(self.bytes(key)?)),
            whole => Value::Whole(self.whole(key, whole)?),
        })
    }

    fn whole(&mut self, key: &str, kind: u32) -> Result<i128, String> {
        Ok(match kind {
            0 => u8::from_le_bytes(self.bytes(key)?).into(),
            1 => i8::from_le_bytes(self.bytes(key)?).into(),
            2 => u16::from_le_bytes(self.bytes(key)?).into(),
            3 => i16::from_le_bytes(self.bytes(key)?).into(),
            4 => u32::from_le_bytes(self.bytes(key)?).into(),
            5 => i32::from_le_bytes(self.bytes(key)?).into(),
            10 => u64::from_le_bytes(self.bytes(key)?).into(),
            11 => i64::from_le_bytes(self.bytes(key)?).into(),
            other => return Err(format!("`{key}` has a value of unknown type {other}")),
        })
    }

    fn array(&mut self, key: &str) -> Result<Value, String> {
        match self.u32(key)? {
            8 => {
                let count = self.count(key, 8)?;
                (0..count).map(|_| self.text(key)).collect::<Result<_, _>>().map(Value::Texts)
            }
            // Arrays of arrays exist in the format and in no model of this family.
            9 => Err(format!("`{key}` is an array of arrays")),
            kind @ (6 | 7 | 12) => {
                let width = [4, 1, 8][(kind as usize - 6).min(2)];
                let mut left = self.count(key, width)? as u64 * width;
                let mut buffer = [0; 4096];
                while left > 0 {
                    let piece = left.min(buffer.len() as u64) as usize;
                    self.fill(&mut buffer[..piece], key)?;
                    left -= piece as u64;
                }
                Ok(Value::Other)
            }
            kind => {
                let width = match kind {
                    0 | 1 => 1,
                    2 | 3 => 2,
                    4 | 5 => 4,
                    _ => 8,
                };
                let count = self.count(key, width)?;
                let mut numbers = Vec::new();
                for _ in 0..count {
                    let number = self.whole(key, kind)?;
                    numbers.push(i64::try_from(number).map_err(|_| format!("`{key}` holds {number}"))?);
                }
                Ok(Value::Wholes(numbers))
            }
        }
    }

    fn entry(&mut self, name: &str) -> Result<Entry, String> {
        let dimensions = self.u32(name)?;
        if dimensions == 0 || dimensions > MOST_DIMENSIONS {
            return Err(format!(
                "tensor `{name}` has {dimensions} dimensions, expected 1 to {MOST_DIMENSIONS}"
            ));
        }
        let mut shape = (0..dimensions).map(|_| self.u64(name)).collect::<Result<Vec<_>, _>>()?;
        shape.reverse();
        let kind = self.u32(name)?;
        let encoding = match kind {
            0 => Encoding::F32,
            1 => Encoding::F16,
            3 => Encoding::Q4_1,
            8 => Encoding::Q8_0,
            14 => Encoding::Q6K,
            30 => Encoding::Bf16,
            other => {
                return Err(format!(
                    "tensor `{name}` is stored as {}; F32, F16, BF16, Q8_0, Q4_1 and Q6_K can be read",
                    type_name(other)
                ));
            }
        };
        let entry = Entry { shape, encoding, at: self.u64(name)? };
        match entry.bytes() {
            Some(_) => Ok(entry),
            None => Err(format!(
                "tensor `{name}` of shape {:?} cannot be stored as {}",
                entry.shape,
                type_name(kind)
            )),
        }
    }
}

/// The format's own names, for messages.
fn type_name(kind: u32) -> String {
    let name = match kind {
        0 => "F32",
        1 => "F16",
        2 => "Q4_0",
        3 => "Q4_1",
        6 => "Q5_0",
        7 => "Q5_1",
        8 => "Q8_0",
        10 => "Q2_K",
        11 => "Q3_K",
        12 => "Q4_K",
        13 => "Q5_K",
        14 => "Q6_K",
        30 => "BF16",
        other => return format!("type {other}"),
    };
    name.to_owned()
}
