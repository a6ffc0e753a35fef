//! Creation of durable directories, identity of files, and file systems unsuitable for a store.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::fs::io_error::failed;
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
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => match parent {
            Some(parent) if !parent.exists() => {
                prepare(parent)?;
                prepare(path)
            }
            _ => Err(failed("creating", path)(error)),
        },
        Err(error) => Err(failed("creating", path)(error)),
    }
}

/// Makes the names in a directory durable.
///
/// On systems where directories cannot be flushed (Windows), the file system does this itself.
pub(crate) fn flush_directory(path: &Path) -> StorageResult<()> {
    if cfg!(unix) {
        let directory = File::open(path).map_err(failed("opening", path))?;
        directory.sync_all().map_err(failed("flushing", path))?;
    }
    Ok(())
}

/// A directory that must not be replaced while a store in it is open.
///
/// Another process may move it away and put another directory in its place. The open index would
/// move along, but files that are written by name would not.
#[derive(Clone, Debug)]
pub(crate) struct DirectoryIdentity {
    path: PathBuf,
    was: Option<(u64, u64)>,
}

impl DirectoryIdentity {
    pub(crate) fn of(path: &Path) -> StorageResult<Self> {
        let found = fs::metadata(path).map_err(failed("inspecting", path))?;
        let was = identity(&found);
        let path = path.to_owned();
        Ok(Self { path, was })
    }

    /// Fails if the path leads to another directory, or to none.
    pub(crate) fn holds(&self) -> StorageResult<()> {
        match fs::metadata(&self.path) {
            Ok(found) if identity(&found) == self.was => Ok(()),
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(failed("inspecting", &self.path)(error))
            }
            _ => {
                let path = self.path.display();
                let reason = format!("{path} was moved or replaced while the store in it was open");
                Err(StorageError::new(StorageErrorKind::Replaced, reason))
            }
        }
    }
}

/// Returns what distinguishes a file from another that takes its place, if the system has it.
#[cfg(unix)]
pub(crate) fn identity(found: &fs::Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((found.dev(), found.ino()))
}

/// Returns `None`: on these systems, open files cannot be moved.
#[cfg(not(unix))]
pub(crate) fn identity(_found: &fs::Metadata) -> Option<(u64, u64)> {
    None
}

/// Flushes a file and puts it in the place of another, durably.
pub(crate) fn put_in_place(file: &Path, place: &Path) -> StorageResult<()> {
    let flushed = File::open(file).and_then(|file| file.sync_all());
    flushed.map_err(failed("flushing", file))?;
    fs::rename(file, place).map_err(failed("renaming a file to", place))?;
    place.parent().map_or(Ok(()), flush_directory)
}

/// Removes a file, if it exists.
#[cfg(feature = "server")]
pub(crate) fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Fails unless this process may write to a file or directory.
///
/// The file is not opened, because closing a database's file would drop SQLite's locks on it.
#[cfg(unix)]
pub(crate) fn writable(path: &Path) -> std::io::Result<()> {
    Ok(rustix::fs::access(path, rustix::fs::Access::WRITE_OK)?)
}

/// Fails if a file or directory is marked as read-only.
#[cfg(not(unix))]
pub(crate) fn writable(path: &Path) -> std::io::Result<()> {
    match fs::metadata(path)?.permissions().readonly() {
        true => Err(std::io::ErrorKind::PermissionDenied.into()),
        false => Ok(()),
    }
}

/// Returns the kind of network file system that a path is on, if it is on one.
///
/// The numbers are from `linux/magic.h` and statfs(2).
#[cfg(target_os = "linux")]
pub(crate) fn network_filesystem(path: &Path) -> Option<String> {
    let kinds: [(u32, &str); 9] = [
        (0x6969, "NFS"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB2"),
        (0x517b, "SMB"),
        (0x0102_1997, "9P"),
        (0x00c3_6400, "Ceph"),
        (0x5346_414f, "AFS"),
        (0x7375_7245, "Coda"),
        (0x6573_5546, "FUSE"),
    ];
    let found = rustix::fs::statfs(path).ok()?.f_type;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // Magic numbers have 32 bits.
    let found = found as u32;
    let (_, name) = kinds.iter().find(|(magic, _)| *magic == found)?;
    Some((*name).to_owned())
}

/// Returns `not local` for a file system that macOS does not report as local.
#[cfg(target_os = "macos")]
pub(crate) fn network_filesystem(path: &Path) -> Option<String> {
    let found = rustix::fs::statfs(path).ok()?;
    const LOCAL: u32 = 0x1000; // MNT_LOCAL of sys/mount.h
    (found.f_flags & LOCAL == 0).then(|| "not local".to_owned())
}

/// Returns `None`: other systems do not report the kind.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub(crate) fn network_filesystem(_path: &Path) -> Option<String> {
    None
}
