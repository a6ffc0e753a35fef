//! Checks before a store is opened or created, and the errors for a directory without a usable index.

#![expect(clippy::disallowed_types, reason = "it examines the files of a store")]

use std::path::Path;

use super::StoreOptions;
use super::location::Location;
use crate::model::error::{OpenError, Result};
use crate::storage::directory::BlobDirectory;
use crate::storage::sqlite;
use crate::storage::sqlite::{IndexFile, OpenMode, Probe, SqliteIndex};
use crate::storage::{StorageError, StorageErrorKind, StorageResult};

impl StoreOptions {
    /// Checks whether the store can be opened here, and in which mode.
    pub(super) fn admit(&self, path: &Path, location: &Location) -> Result<OpenMode, OpenError> {
        let (found, version) = sqlite::linked_version();
        let (least, needed) = sqlite::MINIMUM_VERSION;
        if found < least {
            return Err(OpenError::SqliteTooOld {
                found: version.into(),
                needed,
            });
        }
        refuse_lost(location)?;
        if !location.index().is_file() {
            return Err(without_index(path, location)?);
        }
        self.refuse_network(location)?;
        let mut files = location.directories().chain([location.index()]);
        let unwritable = files
            .find_map(|path| Some((path, crate::fs::permissions::check_writable(path).err()?)));
        match (self.read_only, unwritable) {
            (false, Some((path, source))) => Err(OpenError::NotWritable {
                path: path.into(),
                source,
            }),
            (false, None) => Ok(OpenMode::Write),
            (true, None) => Ok(OpenMode::Read),
            (true, Some(_)) => Ok(OpenMode::ReadUnwritable),
        }
    }

    pub(super) fn refuse_network(&self, location: &Location) -> Result<(), OpenError> {
        for path in location.directories() {
            if let Some(filesystem) = crate::fs::network::network_filesystem(path)
                && !self.allow_network
            {
                return Err(OpenError::NetworkFilesystem {
                    path: path.into(),
                    filesystem,
                });
            }
        }
        Ok(())
    }
}

/// Refuses a write-ahead log without its index.
///
/// It contains the only copy of some commits, and SQLite would delete it.
pub(super) fn refuse_lost(location: &Location) -> Result<(), OpenError> {
    if SqliteIndex::log_without_index(location.index()) {
        Err(OpenError::IndexMissing {
            path: location.directory().into(),
            left: "a write-ahead log",
        })
    } else {
        Ok(())
    }
}

/// Refuses an index with a format that this release does not read.
pub(super) fn readable(path: &Path, found: IndexFile) -> Result<IndexFile, OpenError> {
    match found {
        IndexFile::Unreleased(format) => Err(OpenError::UnreleasedFormat {
            path: path.into(),
            found: format,
        }),
        IndexFile::Index(format) if format > sqlite::FORMAT => Err(OpenError::NewerFormat {
            path: path.into(),
            found: format,
            supported: sqlite::FORMAT,
        }),
        found => Ok(found),
    }
}

/// Returns the error for a directory whose index this release cannot open.
///
/// The directory contains no store, or a damaged one.
pub(super) fn unopened(
    path: &Path,
    location: &Location,
    probed: Probe,
) -> Result<OpenError, OpenError> {
    let (directory, index) = (location.directory(), location.index());
    let has_bodies = BlobDirectory::has_bodies(directory)?;
    let is_made = || -> StorageResult<bool> {
        Ok(
            (BlobDirectory::exists(directory) || SqliteIndex::begins_as_index(index))
                && !SqliteIndex::is_unwritten(index)?,
        )
    };
    Ok(match (probed.found, probed.damage) {
        (IndexFile::Nothing, _) if has_bodies => index_lost(path),
        (IndexFile::Foreign, Some(damage)) if has_bodies || is_made()? => damage.into(),
        (IndexFile::Foreign, None) if has_bodies => {
            let reason = format!(
                "{} is not an index, but bodies of a store are beside it",
                index.display()
            );
            StorageError::new(StorageErrorKind::Corrupt, reason).into()
        }
        _ => OpenError::NotAStore { path: path.into() },
    })
}

/// Returns the error for a directory without an index.
pub(super) fn without_index(path: &Path, location: &Location) -> Result<OpenError, OpenError> {
    Ok(if BlobDirectory::has_bodies(location.directory())? {
        index_lost(path)
    } else {
        OpenError::NotAStore { path: path.into() }
    })
}

fn index_lost(path: &Path) -> OpenError {
    OpenError::IndexMissing {
        path: path.into(),
        left: "a directory of bodies",
    }
}
