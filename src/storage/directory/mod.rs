//! Bodies in loose files and packs, and the directories that contain them.
//!
//! No other module renames or flushes files.
//!
//! ```text
//! blobs/ab/cdef…   a body under its address; the first two hex digits are the folder
//! blobs/packs/     files that contain many bodies, each named by its hash
//! tmp/             files that are being written; `gc` sweeps them
//! secrets          a server's secrets; not included in backups
//! blobs.lock       held during a checkpoint or garbage collection
//! blobs.gate       held while waiting for blobs.lock, so that a process that checkpoints in a loop
//!                  does not keep others out
//! ```
//!
//! Files that root creates in another user's store belong to that user.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this module makes bodies durable, and defines a backend"
)]

mod blob_directory;
pub(crate) mod copy;
mod copy_search;
mod loose;
mod packs;
mod removal;
pub(crate) mod secrets;

pub(crate) use self::blob_directory::BlobDirectory;
pub(crate) use self::secrets::{NAME as SECRETS, read_secrets, remove_secrets, write_secrets};
