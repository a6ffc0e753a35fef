//! [`OpenError`], the error of opening and creating a store.

use std::path::PathBuf;

use crate::model::invalid_argument::InvalidArgument;
use crate::storage::StorageError;

/// The error of opening or creating a store.
///
/// `?` converts it into an [`Error`](crate::Error), where it is the variant
/// [`Open`](crate::Error::Open), or [`Storage`](crate::Error::Storage) if the index or the blob
/// store failed. A program that handles the failures of opening apart, for example to create a
/// store or to show a dialog, matches this type.
///
/// ```
/// use promptbook::Store;
/// use promptbook::error::OpenError;
///
/// # let directory = tempfile::tempdir().unwrap();
/// # let directory = directory.path();
/// let store = match Store::open(directory) {
///     Err(OpenError::NotAStore { .. }) => Store::create(directory)?,
///     opened => opened?,
/// };
/// # Ok::<(), promptbook::Error>(())
/// ```
///
/// A failure changes nothing, except that creating a store may leave a directory and an unfinished
/// store, which the next call completes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The directory does not exist, or contains no store.
    ///
    /// [`Store::create`](crate::Store::create) creates one.
    #[error("{path} is not a promptbook store")]
    NotAStore {
        /// The directory that the call tried to open.
        path: PathBuf,
    },

    /// The directory already contains a store.
    #[error("{path} is a promptbook store already")]
    StoreExists {
        /// The directory.
        path: PathBuf,
    },

    /// The index is missing or empty, but its bodies or its log are in the directory.
    ///
    /// No new index is created over them. Restore the index, or move the rest away.
    #[error("{path} has no index, but {left} that belongs to one; restore the index")]
    IndexMissing {
        /// The store's directory.
        path: PathBuf,
        /// What the directory contains.
        left: &'static str,
    },

    /// A newer release of this crate wrote the store.
    #[error("{path} is of format {found}; this release reads up to {supported}")]
    NewerFormat {
        /// The store's directory.
        path: PathBuf,
        /// The format of the store.
        found: u32,
        /// The newest format that this release reads.
        supported: u32,
    },

    /// An unreleased build wrote the store, in a format that this release does not read.
    ///
    /// That build can export a bundle (`promptbook export --bundle FILE`), which this release
    /// imports into a new store.
    #[error(
        "{path} has the unreleased format {found}; export a bundle with the build that made it, and import that into a new store"
    )]
    UnreleasedFormat {
        /// The store's directory.
        path: PathBuf,
        /// The number that the build gave to its format.
        found: u32,
    },

    /// The directory is on a network file system.
    ///
    /// SQLite's shared memory does not work there, and its locks may not work either.
    /// [`StoreOptions::allow_network`](crate::StoreOptions::allow_network) opens the store
    /// nevertheless.
    #[error("{path} is on a network file system ({filesystem}), where a store is not safe")]
    NetworkFilesystem {
        /// The store's directory.
        path: PathBuf,
        /// The type of the file system.
        filesystem: String,
    },

    /// This process cannot write the store's files.
    ///
    /// [`StoreOptions::read_only`](crate::StoreOptions::read_only) opens the store for reading.
    #[error("{path} cannot be written: {source}")]
    NotWritable {
        /// The directory or file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },

    /// The linked SQLite can lose an acknowledged commit (the WAL-reset bug, fixed in 3.51.3).
    #[error("SQLite {found} can lose commits; {needed} or newer is needed")]
    SqliteTooOld {
        /// The linked version.
        found: String,
        /// The oldest version that is accepted.
        needed: &'static str,
    },

    /// A name of [`StoreOptions::environments`](crate::StoreOptions::environments) does not parse, or
    /// the list is not accepted. No store was created.
    #[error(transparent)]
    InvalidArgument(#[from] InvalidArgument),

    /// The index or the blob store failed.
    ///
    /// Causes are a lock that another process holds, a full disk, an I/O error, or a damaged index.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
