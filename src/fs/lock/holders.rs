//! The processes that hold a lock on a file, if the system reports them.

use std::fmt;
use std::path::Path;

/// A process that holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockHolder {
    /// The id of the process that took the lock.
    pub process: u32,
    /// Its name; `None` if it has ended and a process that it started has inherited the lock.
    pub name: Option<String>,
    /// Whether it is stopped, for example by Ctrl-Z.
    pub is_stopped: bool,
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { process, .. } = self;
        if *process == std::process::id() {
            return f.write_str("this process");
        }
        match (&self.name, self.is_stopped) {
            (Some(name), false) => write!(f, "process {process} ({name})"),
            (Some(name), true) => write!(f, "process {process} ({name}, stopped)"),
            (None, _) => write!(
                f,
                "process {process}, which has ended: a process that it started has inherited the lock"
            ),
        }
    }
}

/// Returns the processes that hold a lock on a file; none if the system does not report them.
#[cfg(target_os = "linux")]
pub(crate) fn holders(path: &Path) -> Vec<LockHolder> {
    use std::os::unix::fs::MetadataExt;

    let Ok(file) = std::fs::metadata(path) else {
        return Vec::new();
    };
    let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    let device = (rustix::fs::major(file.dev()), rustix::fs::minor(file.dev()));
    let mut found = processes(&locks, device, file.ino());
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(holder).collect()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn holders(_path: &Path) -> Vec<LockHolder> {
    Vec::new()
}

/// Parses lines of `/proc/locks`, such as `1: FLOCK  ADVISORY  WRITE 1234 fe:01:5678 0 EOF`.
///
/// Lines of waiting processes have an arrow after the number. Some file systems report another
/// device here than elsewhere. So if no line matches both device and inode, the inode decides.
#[cfg(target_os = "linux")]
fn processes(locks: &str, device: (u32, u32), inode: u64) -> Vec<u32> {
    let mut of_device = Vec::new();
    let mut of_others = Vec::new();
    for line in locks.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK" | "POSIX" | "OFDLCK", _, _, process, file, ..] = fields[..] else {
            continue;
        };
        let mut file = file.split(':');
        let mut hexadecimal = || u32::from_str_radix(file.next()?, 16).ok();
        let (major, minor) = (hexadecimal(), hexadecimal());
        if file.next().and_then(|number| number.parse().ok()) != Some(inode) {
            continue;
        }
        // A lock of an open file, and one taken outside of this container, has no process id.
        let Ok(process @ 1..) = process.parse::<u32>() else {
            continue;
        };
        if (major, minor) == (Some(device.0), Some(device.1)) {
            of_device.push(process)
        } else {
            of_others.push(process)
        }
    }
    if of_device.is_empty() {
        of_others
    } else {
        of_device
    }
}

#[cfg(target_os = "linux")]
fn holder(process: u32) -> LockHolder {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"));
    let status = status.unwrap_or_default();
    let field = |name: &str| {
        let mut fields = status.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = fields.find(|(field, _)| *field == name)?;
        Some(value.trim())
    };
    // A process that has ended stays listed until its parent waits for it.
    let state = field("State").filter(|state| !state.starts_with(['Z', 'X']));
    LockHolder {
        process,
        name: state.and(field("Name")).map(str::to_owned),
        is_stopped: state.is_some_and(|state| state.starts_with(['T', 't'])),
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    const LOCKS: &str = "\
1: POSIX  ADVISORY  WRITE 700 fe:01:42 120 120
2: FLOCK  ADVISORY  WRITE 701 fe:01:41 0 EOF
2: -> FLOCK  ADVISORY  WRITE 702 fe:01:41 0 EOF
3: FLOCK  ADVISORY  WRITE 703 00:2f:41 0 EOF
4: OFDLCK ADVISORY  READ -1 fe:01:42 0 EOF
5: FLOCK  ADVISORY  WRITE 0 fe:01:42 0 EOF
garbage
";

    #[test]
    fn holders_are_distinguished_from_waiters_and_from_holders_of_other_files() {
        assert_eq!(processes(LOCKS, (0xfe, 1), 41), [701]);
        assert_eq!(processes(LOCKS, (0, 0x2f), 41), [703]);
        assert_eq!(processes(LOCKS, (9, 9), 41), [701, 703]);
        assert_eq!(processes(LOCKS, (0xfe, 1), 42), [700]);
        assert_eq!(processes(LOCKS, (0xfe, 1), 43), [0; 0]);
        assert_eq!(processes("", (0xfe, 1), 41), [0; 0]);
    }

    #[test]
    fn a_lock_of_this_process_is_found() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(holders(file.path()), []);
        file.as_file().lock().unwrap();
        let found = holders(file.path());
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].process, std::process::id());
        assert!(found[0].name.is_some() && !found[0].is_stopped);
        assert_eq!(found[0].to_string(), "this process");
    }
}
