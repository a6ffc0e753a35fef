//! Errors of a backend: a kind that the caller acts on, with the details as text and source.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::model::causes::causes_after;
use crate::model::verified_bytes::HashMismatch;

/// The result of a backend's methods.
pub type StorageResult<T, E = StorageError> = std::result::Result<T, E>;

/// A failure of a backend. Clones report one failure to several callers.
///
/// As text: what was being done, followed by the cause.
#[derive(Clone, Debug)]
pub struct StorageError {
    kind: StorageErrorKind,
    context: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// The kind of a failure, which decides what a caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorageErrorKind {
    /// The disk or a quota is full.
    ///
    /// Nothing was changed; the handle works again once there is space.
    Full,
    /// The backend was opened for reading only. Nothing was changed.
    ReadOnly,
    /// Another thread or process held a lock for too long.
    ///
    /// Nothing was changed; a retry may succeed.
    Busy,
    /// The stored data contradicts itself.
    Corrupt,
    /// A flush failed, and whether the transaction was committed is unknown.
    OutcomeUnknown,
    /// An earlier flush through this handle failed. The handle refuses all further work.
    Poisoned,
    /// The handle was opened by the parent of this process, before a fork.
    ///
    /// Using it would break the parent's locks. Nothing was changed; open a new handle in this
    /// process.
    Forked,
    /// The files were moved, removed or replaced while the handle had them open.
    ///
    /// Nothing was changed. The handle refuses all further work.
    Replaced,
    /// Reading or writing failed. Nothing was changed.
    Io,
    /// Any other failure. Nothing was changed.
    Other,
}

impl StorageErrorKind {
    /// Returns the kind of a failed system call.
    pub(crate) fn of_io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        match error.kind() {
            Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => Self::Full,
            Io::ReadOnlyFilesystem => Self::ReadOnly,
            _ => Self::Io,
        }
    }
}

impl StorageError {
    /// Creates an error. `context` says what was being done, with ids and paths.
    pub fn new(kind: StorageErrorKind, context: impl Into<String>) -> Self {
        Self {
            kind,
            context: context.into(),
            source: None,
        }
    }

    /// Adds the error that caused this failure.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into().into());
        self
    }

    /// Creates an error for a failed system call.
    ///
    /// `context` says what was being done, with the path.
    pub fn io(context: impl Into<String>, source: std::io::Error) -> Self {
        Self::new(StorageErrorKind::of_io(&source), context).because(source)
    }

    /// Returns the kind, which decides what a caller can do about the failure.
    #[must_use]
    pub fn kind(&self) -> StorageErrorKind {
        self.kind
    }

    /// Returns the limit that a failure of the kind [`Full`](StorageErrorKind::Full) reached.
    fn limit(&self) -> String {
        let io = self.source().and_then(|source| source.downcast_ref());
        match io.map(|error: &std::io::Error| (error.kind(), error)) {
            Some((std::io::ErrorKind::StorageFull, _)) | None => {
                "no space left on the device".into()
            }
            Some((_, error)) => error.to_string(),
        }
    }

    /// Returns the mismatch if the failure is a body with another hash.
    pub(crate) fn hash_mismatch(&self) -> Option<&HashMismatch> {
        self.source()?.downcast_ref()
    }
}

impl From<HashMismatch> for StorageError {
    fn from(mismatch: HashMismatch) -> Self {
        let context = format!("body {} is damaged", mismatch.id);
        Self::new(StorageErrorKind::Corrupt, context).because(mismatch)
    }
}

/// Writes what was being done, and why it failed.
impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind == StorageErrorKind::Full {
            // SQLite and the systems have different texts for it.
            return write!(f, "{}: {}", self.limit(), self.context);
        }
        f.write_str(&causes_after(self.context.clone(), self.source()))
    }
}

impl StdError for StorageError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
