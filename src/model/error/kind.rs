//! The kinds of errors: what a caller can do about an error, without a list of all variants.

use std::io;

use serde::{Deserialize, Serialize};

use super::folder_error::FolderError;
use super::open_error::OpenError;
use super::variants::Error;
use crate::fs::checksummed_file::FileError;
use crate::model::breakage::Breakage;
use crate::storage;

/// The class of an [`Error`], by what a caller can do about it.
///
/// Exit codes and HTTP statuses follow from it.
///
/// ```
/// use promptbook::{ErrorKind, Store};
///
/// let store = Store::in_memory()?;
/// let error = store.resolve("greeting").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// assert!(!error.is_retryable());
/// # Ok::<(), promptbook::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The named prompt, version, environment, operation or body does not exist.
    NotFound,
    /// The name of a prompt is not unique. Use an id instead.
    Ambiguous,
    /// An argument or a file is malformed, or exceeds a limit.
    Invalid,
    /// The store is not in the expected state, or already contains something in the way.
    ///
    /// Read the current state before the call is repeated.
    Conflict,
    /// The bump rules do not allow the version or the move, the environment list does not contain
    /// the environment, or no version number is left.
    Refused,
    /// The stored data is damaged.
    Corrupt,
    /// A body cannot be rendered or frozen with the given inputs and partials.
    Unrenderable,
    /// Another thread or process held a lock for too long.
    ///
    /// Nothing was changed, and the same call may succeed later.
    Busy,
    /// The disk or a quota is full.
    ///
    /// Nothing was changed, and the same call succeeds once there is space.
    Full,
    /// The store was opened for reading only, or this process cannot write its files.
    ReadOnly,
    /// Whether the change took place is unknown. Open the store again and check.
    OutcomeUnknown,
    /// The caller cancelled the call.
    Cancelled,
    /// The handle can no longer be used. Open the store again.
    ///
    /// An earlier flush failed, the store's files were moved or replaced, or this process is a fork
    /// of the process that opened the store. Nothing was changed.
    Unavailable,
    /// Anything else, such as a failed read or write, or an unsupported format or file system.
    Other,
}

impl Error {
    /// Returns the class of the error, by what a caller can do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Open(error) => error.kind(),
            Self::PromptNotFound { .. }
            | Self::BodyNotFound { .. }
            | Self::VersionNotFound { .. }
            | Self::EnvironmentNotFound { .. }
            | Self::MismatchedVersion { .. }
            | Self::InputsNotFound { .. }
            | Self::OperationNotFound { .. }
            | Self::PositionNotFound { .. }
            | Self::BodyCollected { .. } => ErrorKind::NotFound,
            Self::AmbiguousPrompt { .. } => ErrorKind::Ambiguous,
            Self::InvalidArgument(_) | Self::InvalidBody { .. } | Self::WithinBatch => {
                ErrorKind::Invalid
            }
            Self::MismatchedBackup { .. }
            | Self::MismatchedCopy { .. }
            | Self::NameTaken { .. }
            | Self::PromptIdTaken { .. }
            | Self::VersionIdTaken { .. }
            | Self::Conflict { .. }
            | Self::MergeConflict { .. }
            | Self::BundleGap { .. }
            | Self::BundleDiverged { .. }
            | Self::UndoBlocked { .. }
            | Self::EnvironmentInUse { .. }
            | Self::ClockInDoubt { .. }
            | Self::AlreadyUndone { .. } => ErrorKind::Conflict,
            Self::Breaking { .. }
            | Self::BreakingMove { .. }
            | Self::EnvironmentNotListed { .. }
            | Self::NoBase { .. }
            | Self::NumbersExhausted { .. } => ErrorKind::Refused,
            Self::CorruptBody { .. } => ErrorKind::Corrupt,
            Self::Render { .. } | Self::Freeze { .. } | Self::HeliconeRender(_) => {
                ErrorKind::Unrenderable
            }
            Self::ReadOnly => ErrorKind::ReadOnly,
            Self::OutcomeUnknown { .. } => ErrorKind::OutcomeUnknown,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::Poisoned => ErrorKind::Unavailable,
            Self::File(error) => of_file(error),
            Self::Folder(error) => of_folder(error),
            Self::Storage(error) => error.kind().into(),
        }
    }

    /// Returns whether the same call, unchanged and through the same handle, may succeed later.
    ///
    /// This is true for the kinds [`Busy`](ErrorKind::Busy) and [`Full`](ErrorKind::Full). Nothing
    /// was changed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.kind().is_retryable()
    }

    /// Returns each way in which a refused version would break callers.
    ///
    /// The slice is empty for every error except [`Breaking`](Error::Breaking) and
    /// [`BreakingMove`](Error::BreakingMove).
    #[must_use]
    pub fn breakages(&self) -> &[Breakage] {
        match self {
            Self::Breaking { reasons, .. } | Self::BreakingMove { reasons, .. } => reasons,
            _ => &[],
        }
    }
}

impl OpenError {
    /// Returns the class of the error, by what a caller can do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotAStore { .. } => ErrorKind::NotFound,
            Self::StoreExists { .. } => ErrorKind::Conflict,
            Self::InvalidArgument(_) => ErrorKind::Invalid,
            Self::IndexMissing { .. } => ErrorKind::Corrupt,
            Self::NotWritable { .. } => ErrorKind::ReadOnly,
            Self::NewerFormat { .. }
            | Self::UnreleasedFormat { .. }
            | Self::NetworkFilesystem { .. }
            | Self::SqliteTooOld { .. } => ErrorKind::Other,
            Self::Storage(error) => error.kind().into(),
        }
    }

    /// Returns whether the same call may succeed later: the kind is [`Busy`](ErrorKind::Busy) or
    /// [`Full`](ErrorKind::Full).
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.kind().is_retryable()
    }
}

impl ErrorKind {
    fn is_retryable(self) -> bool {
        matches!(self, Self::Busy | Self::Full)
    }
}

fn of_folder(error: &FolderError) -> ErrorKind {
    match error {
        FolderError::Unreadable { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            ErrorKind::NotFound
        }
        FolderError::Unreadable { source, .. } | FolderError::Unwritable { source, .. } => {
            storage::StorageErrorKind::of_io(source).into()
        }
        FolderError::Uncarried { .. } => ErrorKind::Invalid,
        FolderError::Files { is_breaking, .. } => {
            if *is_breaking {
                ErrorKind::Refused
            } else {
                ErrorKind::Invalid
            }
        }
        FolderError::Differ { .. }
        | FolderError::Links { .. }
        | FolderError::InTheWay { .. }
        | FolderError::NotAFolder { .. } => ErrorKind::Conflict,
    }
}

fn of_file(error: &FileError) -> ErrorKind {
    match error {
        FileError::Foreign { .. } | FileError::Malformed { .. } => ErrorKind::Invalid,
        FileError::Unsealed { .. } | FileError::Altered { .. } | FileError::Converted { .. } => {
            ErrorKind::Corrupt
        }
        FileError::Unreadable { source, .. }
        | FileError::Reading { source, .. }
        | FileError::Writing { source, .. } => storage::StorageErrorKind::of_io(source).into(),
        FileError::NewerFormat { .. } => ErrorKind::Other,
    }
}

impl From<storage::StorageErrorKind> for ErrorKind {
    fn from(kind: storage::StorageErrorKind) -> Self {
        match kind {
            storage::StorageErrorKind::Full => Self::Full,
            storage::StorageErrorKind::ReadOnly => Self::ReadOnly,
            storage::StorageErrorKind::Busy => Self::Busy,
            storage::StorageErrorKind::Corrupt => Self::Corrupt,
            storage::StorageErrorKind::OutcomeUnknown => Self::OutcomeUnknown,
            storage::StorageErrorKind::Poisoned
            | storage::StorageErrorKind::Forked
            | storage::StorageErrorKind::Replaced => Self::Unavailable,
            storage::StorageErrorKind::Io | storage::StorageErrorKind::Other => Self::Other,
        }
    }
}
