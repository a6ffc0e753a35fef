//! Folders of a store for writing, each opened relative to its parent and never through a link.
//!
//! A file is moved or removed in an open folder, by its name in that folder. If a link replaces a
//! folder, it is refused and never leads to files elsewhere. On systems without `openat`, the path
//! is first checked for a link.

mod entry;
mod root;
#[cfg_attr(unix, path = "at.rs")]
#[cfg_attr(not(unix), path = "by_name.rs")]
mod system;

pub(crate) use self::entry::{FolderEntry, is_removed};
pub(crate) use self::root::Root;
pub(crate) use self::system::Folder;
