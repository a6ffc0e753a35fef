//! Overwriting of files in place, on file systems that copy on write.
//!
//! SQLite shares its `-shm` file between processes by mapping it. On btrfs, each write of a page
//! needs a new block. If the disk is full, no block is left, and SIGBUS ends the process, even one
//! that only reads. The attribute "no copy on write" (`FS_NOCOW_FL`, `chattr +C`) makes btrfs
//! overwrite blocks, so that a page that was written once never needs space again.
//!
//! New files inherit the attribute from their directory. btrfs keeps no checksums of such files.
//! Bodies are never overwritten, so their folders do not have the attribute.

use std::path::Path;

/// Makes new files in a directory be overwritten in place, if the directory is empty.
///
/// Errors are ignored. Other file systems do not know the attribute and work without it; so does
/// btrfs while the disk is not full.
pub(crate) fn overwrite_in_empty(directory: &Path) {
    let is_empty = std::fs::read_dir(directory).is_ok_and(|mut files| files.next().is_none());
    if is_empty {
        set_overwritten(directory, true);
    }
}

/// Makes new files in a directory, and in new folders below it, be copied on write.
///
/// This is how other files of the file system are written.
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
        // A file system that does not know the attribute refuses it.
        let _ = ioctl_setflags(&directory, flags ^ IFlags::NOCOW);
    }
}

#[cfg(not(target_os = "linux"))]
fn set_overwritten(_directory: &Path, _overwritten: bool) {}
