//! Listing of the JSON files in a folder.

use std::fs::{self, DirEntry, FileType};
use std::io;
use std::path::{Path, PathBuf};

/// The ending of the files that are listed.
const ENDING: &str = ".json";

/// The JSON files in a folder, and the other entries.
#[derive(Debug, Default)]
#[cfg_attr(
    not(feature = "cli"),
    allow(dead_code, reason = "only the command names what it leaves out")
)]
pub(crate) struct JsonFiles {
    /// The paths below the folder, sorted.
    pub(crate) files: Vec<PathBuf>,
    /// The entries that are not JSON files, sorted by path. Hidden entries are not among them.
    pub(crate) left_out: Vec<LeftOut>,
}

/// An entry of a folder that is not listed as a JSON file.
#[cfg_attr(
    not(feature = "cli"),
    allow(dead_code, reason = "only the command names what it leaves out")
)]
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LeftOut {
    /// The path below the folder.
    pub(crate) file: PathBuf,
    /// The reason, which completes "it is …".
    pub(crate) reason: &'static str,
}

/// Lists all JSON files below a folder.
///
/// Symbolic links to folders are left out, because they can form cycles. Hidden files and folders
/// are skipped, and with them a store in the folder.
///
/// # Errors
///
/// The folder or file that cannot be read, and the reason.
pub(crate) fn json_files(folder: &Path) -> Result<JsonFiles, (PathBuf, io::Error)> {
    let mut listed = JsonFiles::default();
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
            } else if let Some(reason) = reason_to_leave_out(&entry, kind) {
                listed.left_out.push(LeftOut { file, reason });
            } else {
                listed.files.push(file);
            }
        }
    }
    listed.files.sort();
    listed.left_out.sort();
    Ok(listed)
}

/// Returns why an entry that is no folder is not a JSON file.
fn reason_to_leave_out(entry: &DirEntry, kind: FileType) -> Option<&'static str> {
    // This follows a link.
    match fs::metadata(entry.path()) {
        Err(_) if kind.is_symlink() => return Some("a link that leads nowhere"),
        Ok(found) if found.is_dir() => return Some("a link to a folder"),
        Ok(found) if !found.is_file() => return Some("not a regular file"),
        // Reading the file reports an error.
        _ => {}
    }
    let name = entry.file_name();
    let ending = name.as_encoded_bytes().iter().rev().take(ENDING.len());
    let ending: Vec<u8> = ending.rev().copied().collect();
    if ending == ENDING.as_bytes() {
        None
    } else if ending.eq_ignore_ascii_case(ENDING.as_bytes()) {
        Some("not named .json in lower case")
    } else {
        Some("not a .json file")
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
        let listed = json_files(place.path()).unwrap();
        let files: Vec<_> = listed.files.iter().map(|file| file.to_str()).collect();
        assert_eq!(
            files,
            [Some("a.json"), Some("other.json"), Some("team/b.json")]
        );
        let left_out = listed.left_out.iter();
        let left_out: Vec<_> = left_out
            .map(|left| (left.file.to_str().unwrap(), left.reason))
            .collect();
        assert_eq!(
            left_out,
            [
                ("UP.JSON", "not named .json in lower case"),
                ("gone.json", "a link that leads nowhere"),
                ("json", "not a .json file"),
                ("linked", "a link to a folder"),
                ("notes.md", "not a .json file"),
                ("socket.json", "not a regular file"),
            ]
        );
    }
}
