//! The file of a store's secrets: readable by its owner only, and not included in backups.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use crate::fs::owner::Owner;
use crate::fs::place::{flush_directory, remove};
use crate::storage::StorageResult;

/// The name of the file in a store's directory.
pub(crate) const NAME: &str = "secrets";

/// The name of the file while it is written. The next writer removes a file that an interrupted
/// process left.
const NEW: &str = "secrets.new";

/// The number of bytes that are read at most, far more than secrets need.
const MOST_BYTES: u64 = 64 * 1024;

/// Reads the secrets of a store; `None` if it has none.
///
/// If the file is not regular, or not text, the error is
/// [`InvalidData`](io::ErrorKind::InvalidData).
pub(crate) fn read_secrets(store: &Path) -> io::Result<Option<String>> {
    let file = match open(&store.join(NAME)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() {
        let reason = "it is not a regular file";
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    let mut text = String::new();
    file.take(MOST_BYTES).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// Writes the secrets of a store completely and durably, replacing existing ones.
///
/// The caller must hold the store's write lock. If this process is root, the file gets the owner of
/// the index.
pub(crate) fn write_secrets(store: &Path, index: &Path, text: &str) -> StorageResult<()> {
    let (new, path) = (store.join(NEW), store.join(NAME));
    remove(&new).map_err(crate::fs::io_error::failed("removing", &new))?;
    let written = create(&new).and_then(|mut file| {
        Owner::of(&[index, store]).give(&file)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &path)
    });
    if written.is_err() {
        // Leave no secret in a file that is never read.
        let _ = remove(&new);
    }
    written.map_err(crate::fs::io_error::failed("writing", &path))?;
    flush_directory(store)
}

/// Removes the secrets of a store.
pub(crate) fn remove_secrets(store: &Path) -> io::Result<()> {
    [NEW, NAME]
        .iter()
        .try_for_each(|name| remove(&store.join(name)))
}

/// Opens the file without following a link, and without waiting for the other end of a pipe.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(flags.bits().cast_signed());
    options.open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Creates a file that no other user may read and no other process has open.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn secrets_round_trip_and_only_the_owner_may_read_them() {
        let store = tempfile::tempdir().unwrap();
        assert_eq!(read_secrets(store.path()).unwrap(), None);
        // A file that a killed process may leave.
        fs::write(store.path().join(NEW), "left").unwrap();
        for text in ["first", "second"] {
            write_secrets(store.path(), store.path(), text).unwrap();
            assert_eq!(read_secrets(store.path()).unwrap().as_deref(), Some(text));
            let mode = fs::metadata(store.path().join(NAME)).unwrap().permissions();
            assert_eq!(mode.mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(store.path()).unwrap().count(), 1);
        remove_secrets(store.path()).unwrap();
        assert_eq!(fs::read_dir(store.path()).unwrap().count(), 0);
    }

    /// Otherwise a link could make the store change the owner of another file, or overwrite it.
    #[test]
    fn links_are_not_followed() {
        let (store, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let target = elsewhere.path().join("target");
        fs::write(&target, "theirs").unwrap();
        for name in [NAME, NEW] {
            symlink(&target, store.path().join(name)).unwrap();
        }
        assert!(read_secrets(store.path()).is_err());
        write_secrets(store.path(), store.path(), "ours").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "theirs");
        assert_eq!(read_secrets(store.path()).unwrap().as_deref(), Some("ours"));
    }

    #[test]
    fn anything_but_a_text_file_is_damaged() {
        let store = tempfile::tempdir().unwrap();
        let path = store.path().join(NAME);
        let refused = || read_secrets(store.path()).unwrap_err().kind();
        fs::write(&path, [0xff]).unwrap();
        assert_eq!(refused(), io::ErrorKind::InvalidData);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(refused(), io::ErrorKind::InvalidData);
        fs::remove_dir(&path).unwrap();
        let status = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(status.unwrap().success());
        assert_eq!(
            refused(),
            io::ErrorKind::InvalidData,
            "it waited for a writer"
        );
    }
}
