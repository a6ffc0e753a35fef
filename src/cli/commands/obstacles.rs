//! Entries of a folder that are in the way of files to write: links, files and folders.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::error::{CommandResult, Failure};
use crate::cli::exit::Exit;
use crate::cli::text;

/// Checks that a path, at which a folder is to be, is not something else.
pub(super) fn check_folder(path: &Path) -> CommandResult {
    match fs::metadata(path) {
        Ok(found) if !found.is_dir() => {
            let message = format!("{} is not a folder", path.display());
            Err(Failure::new(Exit::Conflict, "not_a_folder", message).hint(
                "name a folder; promptbook export --bundle FILE writes the whole store to one file, \
                 and promptbook resolve SPEC the body of one version",
            ))
        }
        // If it does not exist, it is created.
        _ => Ok(()),
    }
}

/// Returns what prevents that a file below a folder is read or written, other than a link.
pub(super) fn obstacle(folder: &Path, file: &Path) -> Option<String> {
    let mut path = folder.to_owned();
    let mut parts = file.iter().peekable();
    while let Some(part) = parts.next() {
        path.push(part);
        let is_file = parts.peek().is_none();
        let found = fs::metadata(&path).ok()?;
        let wanted = if is_file && found.is_dir() {
            "is a folder, where a file would be written"
        } else if is_file && !found.is_file() {
            "is no regular file"
        } else if !is_file && !found.is_dir() {
            "is a file, where a folder would be created"
        } else {
            continue;
        };
        return Some(format!("{} {wanted}", path.display()));
    }
    None
}

/// Fails if there are obstacles.
pub(super) fn refuse_obstacles(mut obstacles: Vec<String>) -> CommandResult {
    obstacles.dedup();
    if obstacles.is_empty() {
        return Ok(());
    }
    let count = text::count(obstacles.len() as u64, "entry is", "entries are");
    let message = format!("{count} in the way, so nothing was written");
    Err(Failure::new(Exit::Conflict, "in_the_way", message)
        .details(obstacles)
        .hint("remove them, or export to another folder"))
}

/// Returns the symbolic link that is at the path of a file below the folder, or at a parent of it.
pub(super) fn link_in_path(folder: &Path, file: &Path) -> Option<PathBuf> {
    let mut path = folder.to_owned();
    for part in file {
        path.push(part);
        if fs::symlink_metadata(&path).ok()?.is_symlink() {
            return Some(path);
        }
    }
    None
}
