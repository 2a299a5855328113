//! Named rows of numbers in a `.safetensors` file, for what is kept beside a model: optimiser state, adapters.

use super::safetensors::SafeFile;
use super::save::{io, write_header};
use crate::ModelError;
use serde_json::{Map, json};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Writes rows and flushes them to the disk. The file is not whole before this returns.
pub fn write_tensors(path: &Path, rows: &[(&str, &[f32])]) -> Result<(), ModelError> {
    let mut header = Map::new();
    let mut at = 0;
    for (name, numbers) in rows {
        let end = at + 4 * numbers.len();
        let entry = json!({"dtype": "F32", "shape": [numbers.len()], "data_offsets": [at, end]});
        header.insert((*name).to_owned(), entry);
        at = end;
    }
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path).map_err(io(path))?);
    let written = write_header(&mut out, header).and_then(|()| {
        rows.iter()
            .flat_map(|(_, numbers)| *numbers)
            .try_for_each(|number| out.write_all(&number.to_le_bytes()))
    });
    written.map_err(io(path))?;
    let file = out.into_inner().map_err(|error| io(path)(error.into_error()))?;
    file.sync_all().map_err(io(path))
}

/// Reads all rows of a file, in the order of their names.
pub fn read_tensors(path: &Path) -> Result<Vec<(String, Vec<f32>)>, ModelError> {
    let mut file = SafeFile::open(path)?;
    let names: Vec<(String, usize)> =
        file.tensors().iter().map(|(name, stored)| (name.clone(), stored.elements())).collect();
    let read = |(name, elements): (String, usize)| {
        let mut numbers = vec![0.0; elements];
        file.read(&name, &mut numbers)?;
        Ok((name, numbers))
    };
    names.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were_and_a_cut_file_is_refused() {
        let world = tempfile::tempdir().unwrap();
        let path = world.path().join("state.safetensors");
        write_tensors(&path, &[("b", &[1.5, -0.0, f32::MIN_POSITIVE]), ("a", &[]), ("c", &[3.0])]).unwrap();
        let read = read_tensors(&path).unwrap();
        let bits = |numbers: &[f32]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
        assert_eq!(read.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(bits(&read[1].1), bits(&[1.5, -0.0, f32::MIN_POSITIVE]));
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert!(matches!(read_tensors(&path), Err(ModelError::Malformed { .. })));
    }
}
