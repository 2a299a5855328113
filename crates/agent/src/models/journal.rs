//! Every answer that was paid for, by the key of its request, in one `SQLite` file.
//!
//! An answer is stored before anybody sees it. The file may be shared by processes; where two asked the same at once, both
//! get the answer that was stored first. Written ahead (WAL), so that a killed process loses nothing that was stored.

use astra_protocol::ContentId;
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long another process may hold the file.
const PATIENCE: Duration = Duration::from_secs(30);

/// The journal.
#[derive(Debug)]
pub struct Journal {
    connection: Mutex<Connection>,
}

/// What is stored of an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) key: &'a ContentId,
    pub(super) model: &'a str,
    pub(super) stage: &'a str,
    /// Body of the request.
    pub(super) request: &'a str,
    /// Body of the response.
    pub(super) response: &'a str,
    pub(super) seconds: f64,
}

impl Journal {
    /// Opens the file, or makes it.
    pub fn open(path: &Path) -> Result<Self, String> {
        let problem = |error: rusqlite::Error| format!("{}: {error}", path.display());
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        Self::begin(Connection::open(path).map_err(problem)?).map_err(problem)
    }

    /// A journal that ends with the process.
    pub fn in_memory() -> Result<Self, String> {
        Connection::open_in_memory().and_then(Self::begin).map_err(|error| error.to_string())
    }

    fn begin(connection: Connection) -> rusqlite::Result<Self> {
        connection.busy_timeout(PATIENCE)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = NORMAL;
             PRAGMA wal_autocheckpoint = 16384;
             CREATE TABLE IF NOT EXISTS answers (
                 key TEXT PRIMARY KEY,
                 model TEXT NOT NULL,
                 stage TEXT NOT NULL,
                 request TEXT NOT NULL,
                 response TEXT NOT NULL,
                 seconds REAL NOT NULL
             ) STRICT, WITHOUT ROWID;",
        )?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// How many answers it holds.
    pub fn len(&self) -> Result<u64, String> {
        let count = self.lock().query_row("SELECT count(*) FROM answers", [], |row| row.get::<_, i64>(0));
        count.map(i64::unsigned_abs).map_err(|error| error.to_string())
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> Result<bool, String> {
        Ok(self.len()? == 0)
    }

    /// The response to a request.
    pub(super) fn find(&self, key: &ContentId) -> Result<Option<String>, String> {
        let connection = self.lock();
        let found = connection
            .prepare_cached("SELECT response FROM answers WHERE key = ?1")
            .and_then(|mut query| query.query_row([&key.0], |row| row.get(0)).optional());
        found.map_err(|error| error.to_string())
    }

    /// Stores a response, unless one is there. Whether it was new.
    pub(super) fn store(&self, entry: Entry<'_>) -> Result<bool, String> {
        let Entry { key, model, stage, request, response, seconds } = entry;
        let connection = self.lock();
        let stored = connection
            .prepare_cached(
                "INSERT INTO answers (key, model, stage, request, response, seconds) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (key) DO NOTHING",
            )
            .and_then(|mut insert| insert.execute(params![key.0, model, stage, request, response, seconds]));
        stored.map(|rows| rows > 0).map_err(|error| error.to_string())
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic elsewhere leaves the connection whole: each use is one statement.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_first_stays_and_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/journal.sqlite");
        let key = ContentId::of_bytes(b"q");
        let entry =
            Entry { key: &key, model: "m", stage: "s", request: "{}", response: "first", seconds: 0.5 };
        {
            let journal = Journal::open(&path).unwrap();
            assert!(journal.is_empty().unwrap() && journal.find(&key).unwrap().is_none());
            assert!(journal.store(entry).unwrap());
            let other = Journal::open(&path).unwrap();
            assert!(!other.store(Entry { response: "second", ..entry }).unwrap());
        }
        let journal = Journal::open(&path).unwrap();
        assert_eq!((journal.find(&key).unwrap().as_deref(), journal.len().unwrap()), (Some("first"), 1));
        assert!(Journal::open(Path::new("/proc/none/journal")).unwrap_err().contains("/proc/none"));
    }
}
