//! Listing of the JSON files in a folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Returns the paths of all JSON files below a folder, relative to it and sorted by name.
///
/// Symbolic links to folders are skipped, because they can form cycles. Hidden files and folders
/// are skipped, and with them a store in the folder.
///
/// # Errors
///
/// The folder or file that cannot be read, and the reason.
pub(crate) fn json_files(folder: &Path) -> Result<Vec<PathBuf>, (PathBuf, io::Error)> {
    let mut files = Vec::new();
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
            if kind.is_dir() {
                folders.push(below.join(name));
            } else if name.as_encoded_bytes().ends_with(b".json") && entry.path().is_file() {
                files.push(below.join(name));
            }
        }
    }
    files.sort();
    Ok(files)
}
