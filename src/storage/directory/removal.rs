//! Removal of a store's bodies, limited to the names that a store gives.

use std::io;
use std::path::Path;

use super::packs::is_pack_name;
use crate::fs::folder::{Folder, FolderEntry};

/// Removes `blobs/`, `tmp/` and the locks, except for entries that no store created.
///
/// A folder with such entries stays, and links are left alone.
pub(super) fn remove(store: &Path) -> io::Result<()> {
    let Some(store) = found(Folder::open(store))? else {
        return Ok(());
    };
    if let Some(tmp) = child(&store, "tmp")? {
        for name in tmp.names()? {
            if name.as_encoded_bytes().starts_with(b".tmp") {
                found(tmp.remove_all(&name))?;
            }
        }
        remove_if_empty(&store, "tmp")?;
    }
    if let Some(blobs) = child(&store, "blobs")? {
        for name in blobs.names()? {
            let is_ours: fn(&str) -> bool = match name.to_str() {
                Some("packs") => |name| is_pack_name(name.as_ref()),
                Some(name) if is_hex(name, 2) => |name| is_hex(name, 62),
                _ => continue,
            };
            if let Some(folder) = child(&blobs, &name)? {
                for name in folder.names()? {
                    if name.to_str().is_some_and(is_ours) {
                        found(folder.remove_file(&name))?;
                    }
                }
                remove_if_empty(&blobs, &name)?;
            }
        }
        remove_if_empty(&store, "blobs")?;
    }
    for lock in ["blobs.gate", "blobs.lock"] {
        found(store.remove_file(lock))?;
    }
    Ok(())
}

fn is_hex(name: &str, length: usize) -> bool {
    name.len() == length && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns the folder of this name, if there is one.
fn child(folder: &Folder, name: impl AsRef<std::ffi::OsStr>) -> io::Result<Option<Folder>> {
    let name = name.as_ref();
    match found(folder.entry(name))? {
        Some(FolderEntry::Folder) => found(folder.child(name)),
        _ => Ok(None),
    }
}

fn remove_if_empty(folder: &Folder, name: impl AsRef<std::ffi::OsStr>) -> io::Result<()> {
    match folder.remove_folder(name) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        other => found(other).map(drop),
    }
}

/// Turns the error of a missing file into `None`.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::model::clock;
    use crate::model::id::BlobId;
    use crate::storage::directory::blob_directory::BlobDirectory;
    use crate::storage::{Blobs, CompressionLevel, DeltaGroup};

    fn filled(store: &Path) {
        BlobDirectory::create(store).unwrap();
        let blobs = BlobDirectory::open(store).unwrap();
        for lock in ["blobs.lock", "blobs.gate"] {
            fs::write(store.join(lock), "").unwrap();
        }
        for body in [b"one", b"two"] {
            let id = BlobId::of(body);
            blobs.put(id, body).unwrap();
            let mut pack = blobs.pack(CompressionLevel::Fast).unwrap();
            pack.add(id, body, DeltaGroup(1), clock::system()).unwrap();
            drop(pack.finish().unwrap());
        }
        fs::create_dir(store.join("tmp/.tmpLeft")).unwrap();
        fs::write(store.join("tmp/.tmpLeft/index.db"), "half").unwrap();
    }

    #[test]
    fn everything_that_a_store_created_is_removed() {
        let place = tempfile::tempdir().unwrap();
        filled(place.path());
        remove(place.path()).unwrap();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
        remove(place.path()).unwrap();
        remove(&place.path().join("never was")).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn other_files_and_link_targets_are_kept() {
        use std::os::unix::fs::symlink;
        let place = tempfile::tempdir().unwrap();
        filled(place.path());
        let mine = [
            "notes.txt",
            "blobs/notes.txt",
            "blobs/packs/old.pack",
            "tmp/notes.txt",
        ];
        for name in mine {
            fs::write(place.path().join(name), "mine").unwrap();
        }
        let elsewhere = tempfile::tempdir().unwrap();
        let name = "0".repeat(62);
        fs::write(elsewhere.path().join(&name), "mine").unwrap();
        symlink(elsewhere.path(), place.path().join("blobs/zz")).unwrap();
        let ab = place.path().join("blobs/ab");
        let _ = fs::remove_dir_all(&ab);
        symlink(elsewhere.path(), &ab).unwrap();
        remove(place.path()).unwrap();
        for name in mine {
            assert!(place.path().join(name).exists(), "{name}");
        }
        assert!(elsewhere.path().join(name).exists());
        let left = fs::read_dir(place.path().join("blobs/packs")).unwrap();
        assert_eq!(left.count(), 1, "packs were left");
    }
}
