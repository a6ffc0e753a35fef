//! A file for the user: in its place wholly and durably, or not at all.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use super::place::flush_directory;

/// A file that is being written beside its place.
#[derive(Debug)]
pub(crate) struct NewFile {
    file: NamedTempFile,
    place: PathBuf,
}

impl NewFile {
    /// Begins a file; what is in its place stays until it is published. A link stays too: the file goes where it leads.
    pub(crate) fn begin(place: &Path) -> io::Result<Self> {
        let place = fs::canonicalize(place).unwrap_or_else(|_| place.to_owned());
        let there = permissions(&place)?;
        let mut builder = Builder::new();
        builder.prefix(".promptbook-");
        // Others may read it as any other file: the process's mask takes what is to be taken.
        #[cfg(unix)]
        builder.permissions(
            there
                .clone()
                .unwrap_or_else(|| std::os::unix::fs::PermissionsExt::from_mode(0o666)),
        );
        let file = builder.tempfile_in(folder_of(&place))?;
        // What is replaced was made by the mask, or changed since: either way it stays.
        #[cfg(unix)]
        if let Some(there) = there {
            file.as_file().set_permissions(there)?;
        }
        Ok(Self { file, place })
    }

    /// Flushes the file and puts it in its place. Unless it is to `replace` what is there, a file that is there is left, and
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) answered.
    pub(crate) fn publish(mut self, replace: bool) -> io::Result<()> {
        self.file.flush()?;
        self.file.as_file().sync_all()?;
        match replace {
            true => self.file.persist(&self.place)?,
            false => self.file.persist_noclobber(&self.place)?,
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

/// Those of the file that is there. A device, a pipe, or a link that leads nowhere is not to be replaced.
fn permissions(place: &Path) -> io::Result<Option<Permissions>> {
    match fs::symlink_metadata(place) {
        Ok(there) if there.is_file() => Ok(Some(there.permissions())),
        Ok(_) => Err(io::Error::new(
            ErrorKind::InvalidInput,
            "what is there is no regular file",
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The folder that a file is in.
pub(crate) fn folder_of(place: &Path) -> &Path {
    match place.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
