//! What an index is opened for, and how its connections are opened for that.

use std::path::Path;

use super::files;

/// What an index is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenMode {
    /// Reading and writing.
    Write,
    /// Reading, while other processes may write.
    Read,
    /// Reading, in a place that this process cannot write to.
    ReadUnwritable,
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionMode {
    /// For writing; the file is created if there is none.
    Create,
    Write,
    Read,
    /// Without SQLite's locks: this process cannot write, and the log is empty.
    /// [`LocklessState`](super::files::LocklessState) says whether what was read is valid.
    Immutable,
}

/// Returns how a connection is opened for a purpose.
pub(super) fn access(path: &Path, purpose: OpenMode) -> ConnectionMode {
    match purpose {
        OpenMode::Write => ConnectionMode::Write,
        OpenMode::Read => ConnectionMode::Read,
        // If there is a log, or another process uses the index, SQLite reads through the files that
        // were created for them.
        OpenMode::ReadUnwritable if files::is_in_use(path) => ConnectionMode::Read,
        OpenMode::ReadUnwritable => ConnectionMode::Immutable,
    }
}
