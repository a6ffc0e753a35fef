//! The files that locks are taken on, and their permissions.
//!
//! A user who can open a lock file can lock it, and block all writers. So only users who may write
//! the index can open its lock files: an index of mode 0644 has lock files of mode 0600, one of
//! mode 0664 has lock files of mode 0660. Readers take no lock.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::fs::io_error::path_error;
use crate::fs::owner::Owner;
use crate::storage::{StorageError, StorageResult};

/// Opens a lock file of an index, and creates it if it is missing.
pub(crate) fn open_lock(path: &Path, index: &Path) -> StorageResult<File> {
    let refused = |error: io::Error| match error.kind() {
        ErrorKind::PermissionDenied => {
            let reason = format!(
                "opening {}: only users who may write the index may open it",
                path.display()
            );
            StorageError::io(reason, error)
        }
        _ => path_error("opening", path)(error),
    };
    loop {
        match open(path) {
            Ok((file, found)) => {
                adjust(&file, &found, index);
                return Ok(file);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(refused(error)),
        }
        match make(path, index) {
            // Another process has created it meanwhile.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => return made.map_err(refused),
        }
    }
}

/// Opens an existing lock file. Refuses anything but a regular file: a link could lead anywhere.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<(File, Metadata)> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = File::options()
        .read(true)
        .write(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    let found = file.metadata()?;
    if found.is_file() {
        Ok((file, found))
    } else {
        Err(io::Error::new(
            ErrorKind::InvalidInput,
            "it is not a regular file",
        ))
    }
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let file = File::options().read(true).write(true).open(path)?;
    let found = file.metadata()?;
    Ok((file, found))
}

/// Creates the file under a temporary name, then gives it its own name.
///
/// So it has its owner and permissions from the moment at which its name exists.
fn make(path: &Path, index: &Path) -> io::Result<File> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let file = tempfile::Builder::new()
        .prefix(".lock-")
        .tempfile_in(folder)?;
    Owner::of(&[index, folder]).chown(file.as_file())?;
    share_group(file.as_file(), index);
    adjust(file.as_file(), &file.as_file().metadata()?, index);
    file.persist_noclobber(path).map_err(|error| error.error)
}

/// Gives a new file the index's group, if this user is in it. SQLite does the same for its log.
#[cfg(unix)]
fn share_group(file: &File, index: &Path) {
    use std::os::unix::fs::{MetadataExt, fchown};
    if let (Ok(found), Ok(index)) = (file.metadata(), std::fs::metadata(index))
        && found.gid() != index.gid()
    {
        // If this fails, the group gets no permissions.
        let _ = fchown(file, None, Some(index.gid()));
    }
}

#[cfg(not(unix))]
fn share_group(_file: &File, _index: &Path) {}

/// Sets the permissions that follow from those of the index, if this user may do so.
///
/// The permissions of the index or of the file may have changed. Root sets them for the owner of
/// the index, unless the file has several names: then it may be some other file.
#[cfg(unix)]
fn adjust(file: &File, found: &Metadata, index: &Path) {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let Ok(index) = std::fs::metadata(index) else {
        return;
    };
    let user = rustix::process::geteuid();
    let is_own = found.uid() == user.as_raw();
    let is_owners = user.is_root() && found.uid() == index.uid() && found.nlink() == 1;
    let mode = mode_for(index.mode(), found.gid() == index.gid());
    if (is_own || is_owners) && found.mode() & 0o777 != mode {
        // A file that cannot be adjusted works nevertheless.
        let _ = file.set_permissions(PermissionsExt::from_mode(mode));
    }
}

#[cfg(not(unix))]
fn adjust(_file: &File, _found: &Metadata, _index: &Path) {}

/// Returns the mode of a lock file.
///
/// Its owner has access, and each class that may write the index.
#[cfg(unix)]
fn mode_for(index: u32, same_group: bool) -> u32 {
    let group = if index & 0o020 != 0 && same_group {
        0o060
    } else {
        0
    };
    let others = if index & 0o002 != 0 { 0o006 } else { 0 };
    0o600 | group | others
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn users_who_may_write_the_index_may_open_its_locks() {
        let directory = tempfile::tempdir().unwrap();
        let [index, lock] = ["index.db", "write.lock"].map(|name| directory.path().join(name));
        fs::write(&index, "").unwrap();
        for (of_index, of_lock) in [
            (0o644, 0o600),
            (0o600, 0o600),
            (0o664, 0o660),
            (0o660, 0o660),
            (0o666, 0o666),
            (0o646, 0o606),
            (0o444, 0o600),
        ] {
            set(&index, of_index);
            open_lock(&lock, &index).unwrap();
            assert_eq!(mode(&lock), of_lock, "made for {of_index:o}");
            for old in [0o644, 0o600, 0o666] {
                set(&lock, old);
                open_lock(&lock, &index).unwrap();
                assert_eq!(mode(&lock), of_lock, "{old:o} adjusted for {of_index:o}");
            }
            fs::remove_file(&lock).unwrap();
        }
        assert_eq!(mode_for(0o664, false), 0o600, "another group");
        // Without an index, no other user needs the lock.
        fs::remove_file(&index).unwrap();
        open_lock(&lock, &index).unwrap();
        assert_eq!(mode(&lock), 0o600);
        let names = fs::read_dir(directory.path()).unwrap();
        assert_eq!(names.count(), 1, "files are left");
    }

    #[test]
    fn anything_but_a_regular_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("index.db"), "").unwrap();
        fs::write(at("secret"), "").unwrap();
        set(&at("secret"), 0o644);
        std::os::unix::fs::symlink(at("secret"), at("link")).unwrap();
        std::os::unix::fs::symlink(at("nowhere"), at("dangling")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for name in ["link", "dangling", "folder", "socket"] {
            let refused = open_lock(&at(name), &at("index.db")).unwrap_err();
            assert!(refused.to_string().contains(name), "{refused}");
        }
        drop(socket);
        assert_eq!(mode(&at("secret")), 0o644);
        assert!(!at("nowhere").exists());
    }
}
