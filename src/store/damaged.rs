//! Verification of stores that cannot be opened.

#![expect(clippy::disallowed_types, reason = "it opens the files of a store")]

use std::path::Path;

use super::location::Location;
use super::{StoreOptions, VerifyOptions};
use crate::engine::{VerifyReport, Violation, verify_bodies, verify_damaged};
use crate::model::error::{ErrorKind, OpenError, Result};
use crate::model::id::OperationId;
use crate::model::progress::Reporter;
use crate::storage::directory::BlobDirectory;
use crate::storage::sqlite::{OpenMode, SqliteIndex};

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
    /// As [`verify`](Self::verify); [`Cancelled`](crate::Error::Cancelled). Nothing is changed.
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
            Err(error) => Err(error.into()),
        }
    }

    fn verify_unopened(
        &self,
        location: &Location,
        error: &OpenError,
        pins: &[OperationId],
        progress: &mut Reporter<'_>,
    ) -> Result<VerifyReport> {
        let mut report = VerifyReport::default();
        report.violations.push(Violation::Index {
            detail: match error {
                OpenError::Storage(error) => {
                    let reason = error.to_string();
                    let reason = reason.trim_start_matches("index: ");
                    format!("the store cannot be opened: {reason}")
                }
                error => error.to_string(),
            },
        });
        let blobs = match BlobDirectory::open(location.directory()) {
            Ok(blobs) => blobs,
            Err(error) => {
                let detail = format!("no body can be read: {error}");
                report.violations.push(Violation::Pack { detail });
                return Ok(report);
            }
        };
        // SQLite would delete a write-ahead log without an index.
        let index = match error {
            OpenError::IndexMissing { .. } => None,
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
    if paths
        .iter()
        .all(|path| crate::fs::permissions::check_writable(path).is_ok())
    {
        OpenMode::Read
    } else {
        OpenMode::ReadUnwritable
    }
}
