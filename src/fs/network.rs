//! Network file systems, which are unsuitable for a store.

use std::path::Path;

/// Returns the kind of network file system that a path is on, if it is on one.
///
/// The numbers are from `linux/magic.h` and statfs(2).
#[cfg(target_os = "linux")]
pub(crate) fn network_filesystem(path: &Path) -> Option<String> {
    const FUSE: u32 = 0x6573_5546;
    let kinds: [(u32, &str); 8] = [
        (0x6969, "NFS"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB2"),
        (0x517b, "SMB"),
        (0x0102_1997, "9P"),
        (0x00c3_6400, "Ceph"),
        (0x5346_414f, "AFS"),
        (0x7375_7245, "Coda"),
    ];
    let found = rustix::fs::statfs(path).ok()?.f_type;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // Magic numbers have 32 bits.
    let found = found as u32;
    if found == FUSE {
        return not_local(fuse::mounted_type(path).as_deref());
    }
    let (_, name) = kinds.iter().find(|(magic, _)| *magic == found)?;
    Some((*name).to_owned())
}

/// Returns the name of a FUSE file system, unless its type is known to be local.
#[cfg(target_os = "linux")]
fn not_local(fuse_type: Option<&str>) -> Option<String> {
    match fuse_type {
        Some(local) if fuse::LOCAL.contains(&local) => None,
        Some(other) => Some(other.to_owned()),
        None => Some("FUSE".to_owned()),
    }
}

/// Types of FUSE file systems: the magic number is the same for all of them.
#[cfg(target_os = "linux")]
mod fuse {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    /// The types whose files are on a disk of this machine.
    ///
    /// `fuseblk` is the type of a block device, such as NTFS. The others show directories of this
    /// machine: joined, bound to another place, overlaid or encrypted.
    pub(super) const LOCAL: [&str; 9] = [
        "fuseblk",
        "fuse.bindfs",
        "fuse.cryfs",
        "fuse.encfs",
        "fuse.fuse-overlayfs",
        "fuse.gocryptfs",
        "fuse.mergerfs",
        "fuse.unionfs",
        "fuse.unionfs-fuse",
    ];

    /// Returns the type of the file system that a path is on, as the mount table names it.
    ///
    /// Returns `None` if the mount table cannot be read or does not contain the file system.
    pub(super) fn mounted_type(path: &Path) -> Option<String> {
        let device = fs::metadata(path).ok()?.dev();
        let device = (rustix::fs::major(device), rustix::fs::minor(device));
        let table = fs::read("/proc/self/mountinfo").ok()?;
        type_of_device(&String::from_utf8_lossy(&table), device).map(str::to_owned)
    }

    /// Returns the type of the file system on a device. All its mounts have the same type.
    ///
    /// The format is that of proc_pid_mountinfo(5): the third field is the device, and the type is
    /// the first field after a hyphen.
    pub(super) fn type_of_device(table: &str, device: (u32, u32)) -> Option<&str> {
        let device = format!("{}:{}", device.0, device.1);
        table.lines().find_map(|line| {
            let (mount, filesystem) = line.split_once(" - ")?;
            let is_it = mount.split(' ').nth(2) == Some(&*device);
            is_it.then(|| filesystem.split(' ').next()).flatten()
        })
    }
}

/// Returns `not local` for a file system that macOS does not report as local.
#[cfg(target_os = "macos")]
pub(crate) fn network_filesystem(path: &Path) -> Option<String> {
    let found = rustix::fs::statfs(path).ok()?;
    const LOCAL: u32 = 0x1000; // MNT_LOCAL of sys/mount.h
    (found.f_flags & LOCAL == 0).then(|| "not local".to_owned())
}

/// Returns `None`: other systems do not report the kind.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub(crate) fn network_filesystem(_path: &Path) -> Option<String> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    const TABLE: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
90 22 0:45 / /mnt/a\\040disk rw shared:2 - fuseblk /dev/sdb1 rw,user_id=0
91 22 0:46 / /mnt/pool rw - fuse.mergerfs a:b rw
92 22 0:47 / /mnt/remote rw shared:3 master:4 - fuse.sshfs host:/ rw
93 22 0:48 / /mnt/plain rw - fuse plain rw
94 22 0:49 / /mnt/host rw - virtiofs share rw
";

    #[test]
    fn a_fuse_file_system_is_judged_by_its_type() {
        for (minor, refused) in [
            (45, None),
            (46, None),
            (47, Some("fuse.sshfs")),
            (48, Some("fuse")),
            (49, Some("virtiofs")),
            (50, Some("FUSE")),
        ] {
            let found = fuse::type_of_device(TABLE, (0, minor));
            assert_eq!(not_local(found).as_deref(), refused, "{minor}");
        }
    }

    #[test]
    fn the_type_of_this_directory_is_found() {
        let place = tempfile::tempdir().unwrap();
        let found = fuse::mounted_type(place.path());
        assert!(found.is_some_and(|found| !found.is_empty()));
        assert_eq!(network_filesystem(place.path()), None);
    }
}
