//! The files of a store's remotes, which a backup contains and a removal removes.
//!
//! The feature `remote` writes and reads them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use crate::fs::durable::prepare;
use crate::fs::new_file::NewFile;

/// The folder in a store's directory.
pub(crate) const FOLDER: &str = "remotes";

/// The contents of the files of all remotes.
#[derive(Debug, Default)]
pub(super) struct RemoteFiles(BTreeMap<OsString, Vec<u8>>);

impl RemoteFiles {
    /// Reads the files of a store.
    ///
    /// A backup reads them before it copies the index. What they say of the remotes is then in the
    /// copy, which may be newer, and never older.
    pub(super) fn read(store: &Path) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        for name in names(&store.join(FOLDER))? {
            let bytes = fs::read(store.join(FOLDER).join(&name))?;
            files.insert(name, bytes);
        }
        Ok(Self(files))
    }

    /// Writes the files to a copy of the store, and removes others there.
    pub(super) fn write(&self, store: &Path) -> io::Result<()> {
        let folder = store.join(FOLDER);
        if !self.0.is_empty() {
            prepare(&folder).map_err(io::Error::other)?;
        }
        for (name, bytes) in &self.0 {
            let mut file = NewFile::begin(&folder.join(name))?;
            file.write_all(bytes)?;
            file.publish(true)?;
        }
        let others = names(&folder)?.into_iter();
        let mut others = others.filter(|name| !self.0.contains_key(name));
        others.try_for_each(|name| fs::remove_file(folder.join(name)))
    }
}

/// Removes the files of a store.
pub(super) fn remove(store: &Path) -> io::Result<()> {
    let folder = store.join(FOLDER);
    // What a link leads to is not the store's.
    match fs::symlink_metadata(&folder) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return fs::remove_file(&folder),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    for entry in fs::read_dir(&folder)? {
        fs::remove_file(entry?.path())?;
    }
    fs::remove_dir(&folder)
}

/// Returns the names of the files in a folder, without hidden ones such as the lock.
fn names(folder: &Path) -> io::Result<Vec<OsString>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let is_hidden = name.as_encoded_bytes().starts_with(b".");
        if entry.file_type()?.is_file() && !is_hidden {
            names.push(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    #[test]
    fn a_backup_contains_the_remotes_and_a_removal_removes_them() {
        let place = tempfile::tempdir().unwrap();
        let (at, backup) = (place.path().join("store"), place.path().join("backup"));
        let store = Store::create(&at).unwrap();
        store.backup(&backup).unwrap();
        assert!(!backup.join(FOLDER).exists());
        fs::create_dir(at.join(FOLDER)).unwrap();
        for name in [".lock", "origin", "other"] {
            fs::write(at.join(FOLDER).join(name), name).unwrap();
        }
        store.backup(&backup).unwrap();
        fs::remove_file(at.join(FOLDER).join("other")).unwrap();
        store.backup(&backup).unwrap();
        let restored = place.path().join("restored");
        Store::restore(&backup, &restored).unwrap();
        for copy in [backup, restored] {
            assert_eq!(names(&copy.join(FOLDER)).unwrap(), ["origin"]);
            assert_eq!(
                fs::read(copy.join(FOLDER).join("origin")).unwrap(),
                b"origin"
            );
        }
        drop(store);
        Store::remove(&at).unwrap();
        assert!(!at.join(FOLDER).exists());
    }
}
