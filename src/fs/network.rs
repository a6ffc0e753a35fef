//! Network file systems, which are unsuitable for a store.

use std::path::Path;

/// Returns the kind of network file system that a path is on, if it is on one.
///
/// The numbers are from `linux/magic.h` and statfs(2).
#[cfg(target_os = "linux")]
pub(crate) fn network_filesystem(path: &Path) -> Option<String> {
    let kinds: [(u32, &str); 9] = [
        (0x6969, "NFS"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB2"),
        (0x517b, "SMB"),
        (0x0102_1997, "9P"),
        (0x00c3_6400, "Ceph"),
        (0x5346_414f, "AFS"),
        (0x7375_7245, "Coda"),
        (0x6573_5546, "FUSE"),
    ];
    let found = rustix::fs::statfs(path).ok()?.f_type;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // Magic numbers have 32 bits.
    let found = found as u32;
    let (_, name) = kinds.iter().find(|(magic, _)| *magic == found)?;
    Some((*name).to_owned())
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
