//! Listing of the files of prompts in a folder and its subfolders.

use std::borrow::Cow;
use std::fs::{self, DirEntry, FileType};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The files in a folder that are accepted, and the other entries.
#[derive(Debug, Default)]
pub(crate) struct WalkedFolder {
    /// The paths below the folder, sorted.
    pub(crate) files: Vec<PathBuf>,
    /// The entries that are not accepted, sorted by path. Hidden entries are not among them.
    pub(crate) skipped: Vec<SkippedEntry>,
}

/// An entry of a folder that is no file of a prompt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SkippedEntry {
    /// The path below the folder.
    pub file: PathBuf,
    /// The reason.
    pub reason: Cow<'static, str>,
}

/// Lists all files below a folder that `refuse` gives no reason to skip.
///
/// Symbolic links to folders are skipped, because they can form cycles. Hidden files and folders
/// are ignored, and with them a store in the folder.
///
/// # Errors
///
/// The folder or file that cannot be read, and the reason.
pub(crate) fn walk(
    folder: &Path,
    refuse: impl Fn(&Path) -> Option<&'static str>,
) -> Result<WalkedFolder, (PathBuf, io::Error)> {
    let mut listed = WalkedFolder::default();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        // Joining an empty path would append a slash to the folder.
        let path = if below.as_os_str().is_empty() {
            folder.to_path_buf()
        } else {
            folder.join(&below)
        };
        for entry in fs::read_dir(&path).map_err(|error| (path.clone(), error))? {
            let entry = entry.map_err(|error| (path.clone(), error))?;
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let kind = entry.file_type().map_err(|error| (entry.path(), error))?;
            let file = below.join(name);
            if kind.is_dir() {
                folders.push(file);
            } else if let Some(reason) = unusable(&entry, kind).or_else(|| refuse(&file)) {
                listed.skipped.push(SkippedEntry {
                    file,
                    reason: reason.into(),
                });
            } else {
                listed.files.push(file);
            }
        }
    }
    listed.files.sort();
    listed.skipped.sort();
    Ok(listed)
}

/// Returns why an entry that is no folder cannot be read as a file.
fn unusable(entry: &DirEntry, kind: FileType) -> Option<&'static str> {
    // This follows a link.
    match fs::metadata(entry.path()) {
        Err(_) if kind.is_symlink() => Some("a link that leads nowhere"),
        Ok(found) if found.is_dir() => Some("a link to a folder"),
        Ok(found) if !found.is_file() => Some("not a regular file"),
        // Reading the file reports an error.
        _ => None,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn other_entries_are_left_out_with_a_reason() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::create_dir(at("team")).unwrap();
        for name in [
            "a.json",
            "team/b.json",
            "notes.md",
            "UP.JSON",
            ".c.json",
            "json",
        ] {
            fs::write(at(name), "{}").unwrap();
        }
        symlink(at("team"), at("linked")).unwrap();
        symlink(at("nothing"), at("gone.json")).unwrap();
        symlink(at("a.json"), at("other.json")).unwrap();
        let _socket = UnixListener::bind(at("socket.json")).unwrap();
        let listed = walk(place.path(), |file| {
            (file.extension() != Some("json".as_ref())).then_some("not JSON")
        })
        .unwrap();
        let files: Vec<_> = listed.files.iter().map(|file| file.to_str()).collect();
        assert_eq!(
            files,
            [Some("a.json"), Some("other.json"), Some("team/b.json")]
        );
        let skipped: Vec<_> = listed
            .skipped
            .iter()
            .map(|left| (left.file.to_str().unwrap(), &*left.reason))
            .collect();
        assert_eq!(
            skipped,
            [
                ("UP.JSON", "not JSON"),
                ("gone.json", "a link that leads nowhere"),
                ("json", "not JSON"),
                ("linked", "a link to a folder"),
                ("notes.md", "not JSON"),
                ("socket.json", "not a regular file"),
            ]
        );
    }
}
