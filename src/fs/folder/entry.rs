//! Kinds of entries in a folder, and the refusal of links.

use std::fs::File;
use std::io;
use std::path::Path;

/// The kind of an entry in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FolderEntry {
    Folder,
    Link,
    /// A file, or anything else that is neither a folder nor a link.
    File,
}

/// Returns the error for a link that is refused.
pub(super) fn is_a_link(path: &Path) -> io::Error {
    let path = path.display();
    let reason = format!("{path} is a link, and nothing is written or removed through links");
    io::Error::new(io::ErrorKind::InvalidInput, reason)
}

/// Checks whether a file has no name any more.
pub(crate) fn is_removed(file: &File) -> io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Ok(file.metadata()?.nlink() == 0)
    }
    // An open file cannot be removed.
    #[cfg(not(unix))]
    {
        let _ = file;
        Ok(false)
    }
}
