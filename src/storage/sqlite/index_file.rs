//! What a file is that is to be opened as an index.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::error::SqliteResult;
use super::files::OpenFiles;
use super::open_mode::ConnectionMode;
use super::paths::{beside, file_size};
use super::{connection, schema};
use crate::storage::{StorageError, StorageErrorKind};

/// The kind of a file that is to be opened as an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IndexFile {
    /// No file, or one in which no write was ever completed.
    Nothing,
    /// Something other than a store's index.
    Foreign,
    /// An index of an unreleased build, in the format that the build gave this number.
    Unreleased(u32),
    /// An index of this format.
    Index(u32),
}

/// The kind of a file, the connection by which it was found, and the files that it opened.
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) found: IndexFile,
    pub(super) opened: Option<(Connection, OpenFiles)>,
    /// The reason if a file of [`IndexFile::Foreign`] could not be read.
    pub(crate) damage: Option<StorageError>,
}

/// The smallest page size in bytes.
const SMALLEST_DATABASE: u64 = 512;

/// The page size of a new index in bytes.
const PAGE: u64 = 4096;

/// Determines what a file is, without changing it.
pub(super) fn probe(path: &Path, access: ConnectionMode, limit: Duration) -> SqliteResult<Probe> {
    let alone = |found| Probe {
        found,
        opened: None,
        damage: None,
    };
    match file_size(path) {
        0 => return Ok(alone(IndexFile::Nothing)),
        // SQLite takes a file of a single byte for an empty database, and would overwrite it.
        1..SMALLEST_DATABASE => return Ok(alone(IndexFile::Foreign)),
        _ => {}
    }
    let probe = || -> SqliteResult<Probe> {
        let (connection, files) =
            connection::open_first(path, access, limit, connection::open_within)?;
        let found = connection::in_transaction(&connection, identify)?;
        let opened = Some((connection, files));
        Ok(Probe {
            found,
            opened,
            damage: None,
        })
    };
    match probe() {
        Err(error) if error.kind() == StorageErrorKind::Corrupt => Ok(Probe {
            damage: Some(error),
            ..alone(IndexFile::Foreign)
        }),
        identified => identified,
    }
}

fn identify(connection: &Connection) -> SqliteResult<IndexFile> {
    let application = schema::application_of(connection)?;
    Ok(match (application, schema::format_of(connection)?) {
        (schema::APPLICATION_ID, format) => IndexFile::Index(format),
        (schema::UNRELEASED_APPLICATION_ID, format) => IndexFile::Unreleased(format),
        // WAL mode was set, but the tables were not committed.
        (0, 0) if schema::is_empty(connection)? => IndexFile::Nothing,
        _ => IndexFile::Foreign,
    })
}

/// Checks whether a file begins like every SQLite database.
///
/// Only for a file that SQLite cannot open: closing it would release SQLite's locks on it.
pub(super) fn begins_as_database(path: &Path) -> bool {
    use std::io::Read;
    let mut start = [0; 16];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && &start == b"SQLite format 3\0"
}

/// Checks whether a file is one page that was never written.
///
/// A power cut may leave such a file of an index that was being created: if SQLite does not flush
/// directories, the journal that would remove the page may be lost. Only for the creator of an
/// index: closing the file releases SQLite's locks on it.
pub(super) fn is_unwritten(path: &Path) -> SqliteResult<bool> {
    if !(1..=PAGE).contains(&file_size(path)) || file_size(&beside(path, "-wal")) > 0 {
        return Ok(false);
    }
    let bytes = std::fs::read(path).map_err(|error| failed("reading", path, error))?;
    Ok(bytes.iter().all(|byte| *byte == 0))
}

/// Truncates such a file to an empty one.
pub(super) fn empty(path: &Path) -> SqliteResult<()> {
    let file = std::fs::File::options().write(true).open(path);
    let emptied = file.and_then(|file| file.set_len(0));
    emptied.map_err(|error| failed("emptying", path, error))
}

fn failed(doing: &str, path: &Path, error: std::io::Error) -> StorageError {
    StorageError::io(format!("{doing} {}", path.display()), error)
}
