//! The file of a store's secrets: readable by its owner only, and not included in backups.

use std::io::{self, Read, Write};
use std::path::Path;

use crate::fs::folder::{Folder, Root};
use crate::fs::io_error::path_error;
use crate::fs::owner::Owner;
use crate::storage::StorageResult;

/// The name of the file in a store's directory.
pub(crate) const NAME: &str = "secrets";

/// The name of the file while it is written. The next writer removes a file that an interrupted
/// process left.
const NEW: &str = "secrets.new";

/// The number of bytes that are read at most, far more than secrets need.
const MAX_BYTES: u64 = 64 * 1024;

/// Reads the secrets of a store; `None` if it has none.
///
/// If the file is not regular, or not text, the error is
/// [`InvalidData`](io::ErrorKind::InvalidData).
pub(crate) fn read_secrets(store: &Path) -> io::Result<Option<String>> {
    let file = match Folder::open(store).and_then(|folder| folder.open_entry(NAME)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() {
        let reason = "it is not a regular file";
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// Writes the secrets of a store completely and durably, replacing existing ones.
///
/// The caller must hold the store's write lock. If this process is root, the file gets the owner of
/// the index.
pub(crate) fn write_secrets(store: &Path, index: &Path, text: &str) -> StorageResult<()> {
    let folder = Root::new(store).open()?.0;
    let (new, path) = (folder.path_of(NEW), folder.path_of(NAME));
    remove(&folder, NEW).map_err(path_error("removing", &new))?;
    let written = folder.create_private(NEW).and_then(|mut file| {
        Owner::of(&[index, store]).chown(&file)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        folder.rename(NEW, &folder, NAME)
    });
    if written.is_err() {
        // Leave no secret in a file that is never read.
        let _ = remove(&folder, NEW);
    }
    written.map_err(path_error("writing", &path))?;
    folder.flush().map_err(path_error("flushing", store))
}

/// Removes the secrets of a store.
pub(crate) fn remove_secrets(store: &Path) -> io::Result<()> {
    match Folder::open(store) {
        Ok(folder) => [NEW, NAME]
            .iter()
            .try_for_each(|name| remove(&folder, name)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes a file, if it exists.
fn remove(folder: &Folder, name: &str) -> io::Result<()> {
    match folder.remove_file(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
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
