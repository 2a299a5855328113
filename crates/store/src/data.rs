//! Content-addressed data files: `data/<blake3>.json.zst` beside the file that names them.
//!
//! The name is the hash of the uncompressed bytes, so a thousand arenas share one file, writing twice is harmless, and
//! a wrong byte is noticed on every read. Decompression is bounded before it starts: a small hostile file cannot grow
//! into memory. Does not know which arena uses what, and deletes nothing.

use crate::StoreError;
use crate::lines::temporary_name;
use astra_protocol::ContentId;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Most bytes of data that an arena may have, uncompressed.
pub const MAX_DATA_BYTES: usize = 256 << 10;

/// Room above the limit for a file whose sum with others is judged elsewhere (final line breaks and the like).
const SLACK_BYTES: usize = 4 << 10;

const COMPRESSION_LEVEL: i32 = 3;

/// Largest window a decompressor may allocate (2^23 = 8 MiB, what the format asks every reader to support).
const WINDOW_LOG_MAX: u32 = 23;

/// A folder of content-addressed data files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFolder {
    folder: PathBuf,
}

impl DataFolder {
    /// The data files in `folder` itself; it is created by the first [`DataFolder::put`].
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// The content of this hash, checked.
    pub fn get(&self, id: &ContentId) -> Result<Vec<u8>, StoreError> {
        let path = self.file(id)?;
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::MissingData { path });
            }
            Err(source) => return Err(StoreError::Io { action: "open", path, source }),
        };
        Self::decode(id, file, &path)
    }

    /// The content of this hash, checked, from its compressed form; `path` is where that came from.
    pub fn decode(id: &ContentId, compressed: impl Read, path: &Path) -> Result<Vec<u8>, StoreError> {
        let limit = MAX_DATA_BYTES + SLACK_BYTES;
        let bytes = decompress(compressed, limit)
            .map_err(|source| StoreError::CorruptData { path: path.to_owned(), source })?;
        if bytes.len() > limit {
            return Err(StoreError::DataTooLarge { what: format!("data file `{}`", path.display()) });
        }
        let found = ContentId::of_bytes(&bytes);
        if found == *id {
            Ok(bytes)
        } else {
            Err(StoreError::DataMismatch { path: path.to_owned(), found: found.0 })
        }
    }

    /// Stores `bytes` and says under which hash. A file that is there and intact is left alone; a broken one is
    /// replaced.
    pub fn put(&self, bytes: &[u8]) -> Result<ContentId, StoreError> {
        let id = ContentId::of_bytes(bytes);
        if bytes.len() > MAX_DATA_BYTES {
            return Err(StoreError::DataTooLarge { what: format!("data `{}`", id.short()) });
        }
        let path = self.file(&id)?;
        // Reading it back costs less than syncing every new file would, and heals what a power cut tore.
        if path.exists() && self.get(&id).is_ok() {
            return Ok(id);
        }
        std::fs::create_dir_all(&self.folder).map_err(StoreError::io("create", &self.folder))?;
        let temporary = temporary_name(&path);
        let write = || {
            File::create_new(&temporary)?.write_all(&compress(bytes)?)?;
            std::fs::rename(&temporary, &path)
        };
        write().map_err(|source| {
            let _ = std::fs::remove_file(&temporary);
            StoreError::Io { action: "write", path: path.clone(), source }
        })?;
        Ok(id)
    }

    /// Removes what writers left half done when they were killed. Only for a folder that nobody else writes.
    pub(crate) fn sweep(&self) -> Result<(), StoreError> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(StoreError::Io { action: "read", path: self.folder.clone(), source }),
        };
        for entry in entries {
            let path = entry.map_err(StoreError::io("read", &self.folder))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with('.') && name.ends_with(".tmp") {
                std::fs::remove_file(&path).map_err(StoreError::io("remove", &path))?;
            }
        }
        Ok(())
    }

    /// The id comes from a file that anybody may have written: it must not lead out of the folder.
    fn file(&self, id: &ContentId) -> Result<PathBuf, StoreError> {
        let is_hash = id.0.len() == 64 && id.0.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_hash {
            return Err(StoreError::BadContentId { id: id.0.clone() });
        }
        Ok(self.folder.join(format!("{id}.json.zst")))
    }
}

fn compress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressor = zstd::bulk::Compressor::new(COMPRESSION_LEVEL)?;
    compressor.include_checksum(true)?;
    compressor.compress(bytes)
}

/// At most `limit + 1` bytes, so that the caller can tell "too large" from "just fits".
fn decompress(compressed: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut decoder = zstd::stream::read::Decoder::new(compressed)?;
    decoder.window_log_max(WINDOW_LOG_MAX)?;
    let mut bytes = Vec::new();
    decoder.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, DataFolder) {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::at(folder.path().join("data"));
        (folder, data)
    }

    #[test]
    fn what_a_killed_writer_left_is_swept_and_nothing_else() {
        let (_folder, data) = folder();
        data.sweep().unwrap();
        let id = data.put(b"[1]").unwrap();
        let torn = temporary_name(&data.file(&id).unwrap());
        std::fs::write(&torn, b"torn").unwrap();
        data.sweep().unwrap();
        assert!(!torn.exists() && data.get(&id).unwrap() == b"[1]");
    }

    #[test]
    fn what_was_put_is_got_and_putting_twice_writes_once() {
        let (_keep, data) = folder();
        let id = data.put(b"[1,2,3]").unwrap();
        assert_eq!(data.get(&id).unwrap(), b"[1,2,3]");
        let path = data.file(&id).unwrap();
        let first = std::fs::read(&path).unwrap();
        assert_eq!(data.put(b"[1,2,3]").unwrap(), id);
        assert_eq!(std::fs::read(&path).unwrap(), first);
        assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn missing_corrupt_and_exchanged_files_are_told_apart() {
        let (_keep, data) = folder();
        let id = data.put(b"{\"rows\":[1,2,3,4,5,6,7,8]}").unwrap();
        let path = data.file(&id).unwrap();
        let good = std::fs::read(&path).unwrap();
        for end in 0..good.len() {
            std::fs::write(&path, &good[..end]).unwrap();
            let error = data.get(&id).unwrap_err();
            assert!(
                matches!(error, StoreError::CorruptData { .. } | StoreError::DataMismatch { .. }),
                "cut at {end}: {error}"
            );
        }
        std::fs::write(&path, b"not zstd at all").unwrap();
        assert!(matches!(data.get(&id), Err(StoreError::CorruptData { .. })));
        std::fs::write(&path, compress(b"other").unwrap()).unwrap();
        assert!(matches!(data.get(&id), Err(StoreError::DataMismatch { .. })));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(data.get(&id), Err(StoreError::MissingData { .. })));
    }

    #[test]
    fn putting_again_heals_a_torn_file() {
        let (_keep, data) = folder();
        let id = data.put(b"[true]").unwrap();
        std::fs::write(data.file(&id).unwrap(), b"").unwrap();
        assert_eq!(data.put(b"[true]").unwrap(), id);
        assert_eq!(data.get(&id).unwrap(), b"[true]");
    }

    #[test]
    fn a_small_file_that_grows_beyond_the_limit_is_refused() {
        let (_keep, data) = folder();
        let large = vec![b' '; 64 << 20];
        assert!(matches!(data.put(&large), Err(StoreError::DataTooLarge { .. })));
        let id = ContentId::of_bytes(&large);
        std::fs::create_dir_all(data.path()).unwrap();
        let packed = compress(&large).unwrap();
        assert!(packed.len() < 64 << 10);
        std::fs::write(data.file(&id).unwrap(), packed).unwrap();
        assert!(matches!(data.get(&id), Err(StoreError::DataTooLarge { .. })));
        let just_fits = vec![b' '; MAX_DATA_BYTES];
        assert_eq!(data.get(&data.put(&just_fits).unwrap()).unwrap(), just_fits);
    }

    #[test]
    fn an_id_cannot_lead_out_of_the_folder() {
        let (_keep, data) = folder();
        for id in ["", "../../etc/passwd", &"A".repeat(64), &format!("{}/", "a".repeat(63))] {
            assert!(matches!(data.get(&ContentId(id.to_owned())), Err(StoreError::BadContentId { .. })));
        }
    }
}
