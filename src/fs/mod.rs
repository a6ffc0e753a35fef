//! Durable file operations: flushes, renames, folders, temporary files, locks.
//!
//! No code outside this module and the blob directory renames or flushes files.

#![expect(
    clippy::disallowed_methods,
    reason = "this module makes files and their names durable"
)]

pub(crate) mod checksummed_file;
pub(crate) mod durable;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) mod file_watch;
pub(crate) mod flush;
pub(crate) mod folder;
pub(crate) mod identity;
pub(crate) mod io_error;
pub(crate) mod lock;
pub(crate) mod network;
pub(crate) mod new_file;
pub(crate) mod nocow;
pub(crate) mod owner;
pub(crate) mod permissions;
pub(crate) mod rewrite;
pub(crate) mod temporary;
pub(crate) mod text_file;
