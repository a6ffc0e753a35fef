//! Files that are overwritten in place, on file systems that copy what they write.
//!
//! SQLite shares its `-shm` file between processes by mapping it. On btrfs each write of a page needs a new block, and if the
//! disk is full there is none: the process is ended by SIGBUS, even one that only reads. The attribute "no copy on write"
//! (`FS_NOCOW_FL`, `chattr +C`) has blocks overwritten, so that a page that was written once never needs room again.
//!
//! The attribute is inherited by the files that are made in a directory. btrfs keeps no checksums of such files, so that bodies,
//! which need no overwriting, go without it.

use std::path::Path;

/// Has new files in a directory overwritten in place, if there are none yet. Other file systems don't know the attribute, and
/// work without it; so does btrfs while the disk is not full.
pub(crate) fn overwrite_in_empty(directory: &Path) {
    let is_empty = std::fs::read_dir(directory).is_ok_and(|mut files| files.next().is_none());
    if is_empty {
        set_overwritten(directory, true);
    }
}

/// Has new files in a directory, and in new ones below, copied on write, as other files of the file system are.
pub(crate) fn copy_on_write(directory: &Path) {
    set_overwritten(directory, false);
}

#[cfg(target_os = "linux")]
fn set_overwritten(directory: &Path, overwritten: bool) {
    use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
    let Ok(directory) = std::fs::File::open(directory) else {
        return;
    };
    let Ok(flags) = ioctl_getflags(&directory) else {
        return;
    };
    if flags.contains(IFlags::NOCOW) != overwritten {
        // What a file system does not know, it refuses.
        let _ = ioctl_setflags(&directory, flags ^ IFlags::NOCOW);
    }
}

#[cfg(not(target_os = "linux"))]
fn set_overwritten(_directory: &Path, _overwritten: bool) {}
