//! Writing of the files of an export, never through a link.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::export_plan::{PlannedFile, TargetState};
use crate::fs::folder::Folder;
use crate::model::error::{FolderError, Result};
use crate::store::View;

/// Checks that no file is overwritten against the caller's will, and that no link is in the way.
pub(super) fn check_writable(
    planned: &[PlannedFile],
    folder: &Path,
    overwrite: bool,
) -> Result<()> {
    let all = || planned.iter().flat_map(PlannedFile::files);
    let differing: Vec<PathBuf> = all()
        .filter(|(_, state)| *state == TargetState::Differs)
        .map(|(file, _)| file.to_owned())
        .collect();
    if !differing.is_empty() && !overwrite {
        return Err(FolderError::Differ { files: differing }.into());
    }
    let mut links: Vec<PathBuf> = all()
        .filter(|(_, state)| *state != TargetState::Same)
        .filter_map(|(file, _)| link_in_path(folder, file))
        .collect();
    links.dedup();
    if links.is_empty() {
        Ok(())
    } else {
        Err(FolderError::Links { links }.into())
    }
}

/// Returns the symbolic link that is at the path of a file below the folder, or at a parent of it.
fn link_in_path(folder: &Path, file: &Path) -> Option<PathBuf> {
    let mut path = folder.to_owned();
    for part in file {
        path.push(part);
        if fs::symlink_metadata(&path).ok()?.is_symlink() {
            return Some(path);
        }
    }
    None
}

/// Writes the files of one prompt.
pub(super) fn write(view: &View, one: &PlannedFile, folder: &Path) -> Result<()> {
    if let Some((file, state)) = &one.name {
        write_path(folder, file, *state, one.prompt.name.as_str().as_bytes())?;
    }
    if one.state == TargetState::Same {
        return Ok(());
    }
    match &one.text {
        Some(text) => write_path(folder, &one.file, one.state, text.text.as_bytes()),
        None => {
            let body = view.resolve(one.version.id)?.body.clone();
            write_path(folder, &one.file, one.state, body.as_bytes())
        }
    }
}

fn write_path(folder: &Path, file: &Path, state: TargetState, bytes: &[u8]) -> Result<()> {
    write_file(folder, file, state, bytes).map_err(|source| {
        let path = folder.join(file);
        FolderError::Unwritable { path, source }.into()
    })
}

/// Writes a file below the folder that the user named.
///
/// Follows no symbolic link below the folder, because one may have been created since the check.
fn write_file(folder: &Path, file: &Path, state: TargetState, bytes: &[u8]) -> io::Result<()> {
    if state == TargetState::Same {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    let mut folder = Folder::open(folder)?;
    let mut parts = file.iter().peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_some() {
            folder = folder.make_child(part, false)?;
            continue;
        }
        let mut file = match state {
            // Never overwrites a file that was created since the check.
            TargetState::Missing => folder.create_new(part)?,
            _ => folder.open_to_replace(part)?,
        };
        file.write_all(bytes)?;
    }
    Ok(())
}
