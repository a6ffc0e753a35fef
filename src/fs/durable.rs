//! Durable changes of names: directories that are created, files that are replaced.

use std::fs::{self, File};
use std::path::Path;

use crate::fs::io_error::path_error;
use crate::storage::{StorageError, StorageErrorKind, StorageResult};

/// Creates a directory, and those above it that are missing.
///
/// Each new name is flushed, so that it survives a power cut.
pub(crate) fn prepare(path: &Path) -> StorageResult<()> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    match fs::create_dir(path) {
        Ok(()) => flush_directory(parent.unwrap_or(Path::new("."))),
        Err(_) if path.is_dir() => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let context = format!("{} is not a directory", path.display());
            Err(StorageError::new(StorageErrorKind::Io, context))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => match parent {
            Some(parent) if !parent.exists() => {
                prepare(parent)?;
                prepare(path)
            }
            _ => Err(path_error("creating", path)(error)),
        },
        Err(error) => Err(path_error("creating", path)(error)),
    }
}

/// Makes the names in a directory durable.
///
/// On systems where directories cannot be flushed (Windows), the file system does this itself.
pub(crate) fn flush_directory(path: &Path) -> StorageResult<()> {
    if cfg!(unix) {
        let directory = File::open(path).map_err(path_error("opening", path))?;
        directory.sync_all().map_err(path_error("flushing", path))?;
    }
    Ok(())
}

/// Flushes a file and puts it in the place of another, durably.
pub(crate) fn replace_durably(file: &Path, place: &Path) -> StorageResult<()> {
    let flushed = File::open(file).and_then(|file| file.sync_all());
    flushed.map_err(path_error("flushing", file))?;
    fs::rename(file, place).map_err(path_error("renaming a file to", place))?;
    place.parent().map_or(Ok(()), flush_directory)
}

/// Gives a file a second name, durably, in the place of another file of that name.
///
/// The file is not opened, because the system would drop the locks that this process has on it. Its
/// content must be durable already.
#[cfg(feature = "remote")]
pub(crate) fn link_durably(file: &Path, name: &Path) -> StorageResult<()> {
    let doing = || path_error("giving the index the second name", name);
    remove(name).map_err(doing())?;
    fs::hard_link(file, name).map_err(doing())?;
    name.parent().map_or(Ok(()), flush_directory)
}

/// Removes a file, if it exists.
pub(crate) fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
