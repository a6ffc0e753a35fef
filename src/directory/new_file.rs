//! A file for the user: in its place wholly and durably, or not at all.

use std::io::{self, Write};
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
    /// Begins a file; what is in its place stays until it is published.
    pub(crate) fn begin(place: &Path) -> io::Result<Self> {
        let mut builder = Builder::new();
        builder.prefix(".promptbook-");
        // Others may read it as any other file: the process's mask takes what is to be taken.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        Ok(Self {
            file: builder.tempfile_in(folder_of(place))?,
            place: place.to_owned(),
        })
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

/// The folder that a file is in.
pub(crate) fn folder_of(place: &Path) -> &Path {
    match place.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
