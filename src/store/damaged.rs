//! Stores that cannot be opened: what a directory contains, and verification of the damage.

#![expect(clippy::disallowed_types, reason = "it opens the files of a store")]

use std::path::Path;

use super::location::Location;
use super::{StoreOptions, VerifyOptions};
use crate::engine::{VerifyReport, Violation, verify_bodies, verify_damaged};
use crate::model::error::{Error, ErrorKind, Result};
use crate::model::id::OperationId;
use crate::model::progress::Reporter;
use crate::storage;
use crate::storage::StorageErrorKind as BackendKind;
use crate::storage::directory::BlobDirectory;
use crate::storage::sqlite::{IndexFile, OpenMode, Probe, SqliteIndex};

impl StoreOptions {
    /// Verifies the store in a directory, as [`Store::verify`](crate::Store::verify) does.
    ///
    /// If a store is too damaged to be opened, everything in it that can be read is verified.
    /// Nothing is changed.
    ///
    /// ```
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let path = directory.path();
    /// use promptbook::{Store, StoreOptions};
    ///
    /// drop(Store::create(path)?);
    /// let report = StoreOptions::new().verify(path)?;
    /// assert!(report.is_clean());
    ///
    /// std::fs::write(path.join("index.db"), [0; 8192]).unwrap();
    /// assert!(Store::open(path).is_err());
    /// let report = StoreOptions::new().verify(path)?;
    /// assert!(!report.is_clean());
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), except for errors of the kind [`Corrupt`](ErrorKind::Corrupt),
    /// which become violations in the report.
    pub fn verify(&self, path: impl AsRef<Path>) -> Result<VerifyReport> {
        self.verify_with(path, VerifyOptions::new())
    }

    /// Verifies the store in a directory as [`verify`](Self::verify) does, with options.
    ///
    /// A store that cannot be opened is always verified in full.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify); [`Cancelled`](Error::Cancelled). Nothing is changed.
    pub fn verify_with(
        &self,
        path: impl AsRef<Path>,
        mut options: VerifyOptions<'_>,
    ) -> Result<VerifyReport> {
        let path = path.as_ref();
        let opened = self.clone().read_only(true).open(path);
        match opened {
            Ok(store) => store.verify_with(options),
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                let (pins, progress) = (&options.pins, &mut options.progress);
                self.verify_unopened(&Location::of(path)?, &error, pins, progress)
            }
            Err(error) => Err(error),
        }
    }

    fn verify_unopened(
        &self,
        location: &Location,
        error: &Error,
        pins: &[OperationId],
        progress: &mut Reporter<'_>,
    ) -> Result<VerifyReport> {
        let mut report = VerifyReport::default();
        report.violations.push(Violation::Index {
            detail: match error {
                Error::Storage(error) => {
                    let reason = error.in_full();
                    let reason = reason.trim_start_matches("index: ");
                    format!("the store can't be opened: {reason}")
                }
                error => error.to_string(),
            },
        });
        let blobs = match BlobDirectory::open(location.directory()) {
            Ok(blobs) => blobs,
            Err(error) => {
                let detail = format!("no body can be read: {}", error.in_full());
                report.violations.push(Violation::Pack { detail });
                return Ok(report);
            }
        };
        // SQLite would delete a write-ahead log without an index.
        let index = match error {
            Error::IndexMissing { .. } => None,
            _ => SqliteIndex::open_damaged(location.index(), purpose(location), &self.locks).ok(),
        };
        match index {
            Some(index) => verify_damaged(&index, &blobs, pins, &mut report, progress)?,
            None => verify_bodies(&blobs, &mut report, progress)?,
        }
        Ok(report)
    }
}

fn purpose(location: &Location) -> OpenMode {
    let paths = [location.directory(), location.index()];
    match paths
        .iter()
        .all(|path| crate::fs::permissions::check_writable(path).is_ok())
    {
        true => OpenMode::Read,
        false => OpenMode::ReadUnwritable,
    }
}

/// Returns the error for a directory whose index this release cannot open.
///
/// The directory contains no store, or a damaged one.
pub(super) fn unopened(path: &Path, location: &Location, probed: Probe) -> Result<Error> {
    let (directory, index) = (location.directory(), location.index());
    let has_bodies = BlobDirectory::has_bodies(directory)?;
    let is_made = || -> Result<bool> {
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
            storage::StorageError::new(BackendKind::Corrupt, reason).into()
        }
        _ => Error::NotAStore { path: path.into() },
    })
}

/// Returns the error for a directory without an index.
pub(super) fn without_index(path: &Path, location: &Location) -> Result<Error> {
    Ok(match BlobDirectory::has_bodies(location.directory())? {
        true => index_lost(path),
        false => Error::NotAStore { path: path.into() },
    })
}

fn index_lost(path: &Path) -> Error {
    Error::IndexMissing {
        path: path.into(),
        left: "a directory of bodies",
    }
}
