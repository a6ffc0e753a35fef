//! Bodies as plain files or in packs, and the directories they lie in. No other code renames or flushes files.
//!
//! ```text
//! blobs/ab/cdef…   a body under its address, the first two hex digits as a folder
//! blobs/packs/     many bodies in one file, named by its hash
//! tmp/             files that are being written; swept by `gc`
//! secrets          what a server keeps for itself; in no backup
//! blobs.lock       held by the one who settles or collects
//! blobs.gate       held while one waits for blobs.lock: else one who settles again and again would keep others out
//! ```
//!
//! What root makes in another user's store belongs to that user.

mod blob_directory;
pub(crate) mod copy;
mod loose;
mod packs;
#[cfg(feature = "server")]
mod removal;
#[cfg(feature = "server")]
pub(crate) mod secrets;

pub(crate) use self::blob_directory::BlobDirectory;
#[cfg(feature = "server")]
pub(crate) use self::secrets::{NAME as SECRETS, read_secrets, remove_secrets, write_secrets};
