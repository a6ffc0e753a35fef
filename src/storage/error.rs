//! What a backend may answer instead: a kind to act on, the detail as text and source.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// What a backend's methods return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of a backend. Several callers may be told of the same one.
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    context: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// What a caller can do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no room. Nothing was changed; the handle works again once there is.
    Full,
    /// The backend was opened for reading only.
    ReadOnly,
    /// Others held a lock for too long. Nothing was changed; trying again may help.
    Busy,
    /// What is stored contradicts itself.
    Corrupt,
    /// A flush failed, and whether the transaction took place is unknown.
    OutcomeUnknown,
    /// An earlier flush through this handle failed: it refuses all further work.
    Poisoned,
    /// The handle was opened by the process that this one was forked from, and would break its locks: it is to be opened
    /// anew here. Nothing was changed.
    Forked,
    /// The files were moved, removed or replaced while the handle had them open: it refuses all further work. Nothing was
    /// changed.
    Replaced,
    /// Reading or writing failed. Nothing was changed.
    Io,
    /// Anything else. Nothing was changed.
    Other,
}

impl ErrorKind {
    /// The kind of a failed system call.
    pub(crate) fn of_io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        match error.kind() {
            Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => Self::Full,
            Io::ReadOnlyFilesystem => Self::ReadOnly,
            _ => Self::Io,
        }
    }
}

impl Error {
    /// A failure of this kind; `context` says what was being done, with ids and paths.
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self {
            kind,
            context: context.into(),
            source: None,
        }
    }

    /// Keeps what caused the failure.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into().into());
        self
    }

    /// A failed system call; `context` says what was being done, with the path.
    pub fn io(context: impl Into<String>, source: std::io::Error) -> Self {
        Self::new(ErrorKind::of_io(&source), context).because(source)
    }

    /// What a caller can do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What went wrong, and behind it what that is because of, to the last.
    pub(crate) fn in_full(&self) -> String {
        std::iter::successors(self.source(), |&error| error.source())
            .fold(self.to_string(), |text, source| format!("{text}: {source}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
