//! Folders that are written to, each opened relative to the one above it and never through a link.
//!
//! Whatever moves or removes a file does so in an open folder, by the file's name in it: a link that is put in the place of a
//! folder is refused, and never leads to files elsewhere. On systems without `openat` a link is looked for by its path first.

mod root;
#[cfg_attr(unix, path = "at.rs")]
#[cfg_attr(not(unix), path = "by_name.rs")]
mod system;

pub(crate) use self::root::{Entry, Root, is_removed};
pub(crate) use self::system::Folder;
