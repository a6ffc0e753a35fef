//! Durable file operations: flushes, renames, folders, temporary files, locks.
//!
//! No code outside this module and the blob directory renames or flushes files.

pub(crate) mod checksummed_file;
pub(crate) mod flush;
pub(crate) mod folder;
pub(crate) mod in_place;
pub(crate) mod io_error;
#[cfg(any(feature = "cli", feature = "server"))]
pub(crate) mod json_files;
pub(crate) mod lock;
#[cfg(feature = "cli")]
pub(crate) mod new_file;
pub(crate) mod owner;
pub(crate) mod place;
pub(crate) mod temporary;
