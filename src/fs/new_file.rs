//! A file for the user that is put in place completely and durably, or not at all.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use super::durable::flush_directory;

/// A file that is being written next to its destination.
#[derive(Debug)]
pub(crate) struct NewFile {
    file: NamedTempFile,
    place: PathBuf,
}

impl NewFile {
    /// Begins a file. An existing file at `place` stays until [`publish`](Self::publish).
    ///
    /// If `place` is a link, the link stays and its target is replaced.
    pub(crate) fn begin(place: &Path) -> io::Result<Self> {
        let place = fs::canonicalize(place).unwrap_or_else(|_| place.to_owned());
        let existing = permissions(&place)?;
        let mut builder = Builder::new();
        builder.prefix(".promptbook-");
        // Other users may read it like any new file: the process's umask reduces the permissions.
        #[cfg(unix)]
        builder.permissions(
            existing
                .clone()
                .unwrap_or_else(|| std::os::unix::fs::PermissionsExt::from_mode(0o666)),
        );
        let file = builder.tempfile_in(folder_of(&place))?;
        // A replaced file's permissions are kept, whether they came from the umask or were changed
        // since.
        #[cfg(unix)]
        if let Some(existing) = existing {
            file.as_file().set_permissions(existing)?;
        }
        Ok(Self { file, place })
    }

    /// Flushes the file and puts it in its place.
    ///
    /// If a file exists and `replace` is false, the file stays, and the error is
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists).
    pub(crate) fn publish(mut self, replace: bool) -> io::Result<()> {
        self.file.flush()?;
        self.file.as_file().sync_all()?;
        if replace {
            self.file.persist(&self.place)?
        } else {
            self.file.persist_noclobber(&self.place)?
        };
        flush_directory(folder_of(&self.place)).map_err(io::Error::other)
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Returns the permissions of the existing file, if there is one.
///
/// Fails for anything but a regular file, such as a device, a pipe, or a dangling link: it must not
/// be replaced.
fn permissions(place: &Path) -> io::Result<Option<Permissions>> {
    match fs::symlink_metadata(place) {
        Ok(existing) if existing.is_file() => Ok(Some(existing.permissions())),
        Ok(_) => Err(io::Error::new(
            ErrorKind::InvalidInput,
            "the existing file is not a regular file",
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the folder that contains a file.
pub(crate) fn folder_of(place: &Path) -> &Path {
    match place.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
