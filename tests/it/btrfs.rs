//! A store on btrfs, a copy-on-write file system: a full disk must be an error there, not a signal.
//!
//! The disk is a mounted image file, which requires root. Checks that a signal may end run in child
//! processes.

#![allow(clippy::print_stdout, reason = "it prints why a test is not run")]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use promptbook::{ErrorKind, NewVersion, Store, StoreOptions};
use rustix::fs::{IFlags, ioctl_getflags};
use tempfile::TempDir;

use crate::child::{command, directory, passes};
use crate::support::{body, commit, create, is_sound};

/// The size of the disk in bytes, of which btrfs uses half itself.
const SIZE: u64 = 160 * 1024 * 1024;

/// A small btrfs disk that is unmounted and removed when it is dropped.
struct Disk {
    directory: TempDir,
    is_mounted: bool,
}

impl Disk {
    /// Creates a disk. Returns `None`, and prints the reason, if this machine cannot mount one.
    fn new() -> Option<Self> {
        let knows_btrfs = || {
            fs::read_to_string("/proc/filesystems").is_ok_and(|known| known.contains("\tbtrfs\n"))
        };
        if !knows_btrfs() {
            let _ = Command::new("modprobe")
                .arg("btrfs")
                .stderr(Stdio::null())
                .status();
        }
        if !knows_btrfs() {
            println!("not run: the kernel has no btrfs");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let image = directory.path().join("image");
        File::create(&image).unwrap().set_len(SIZE).unwrap();
        let mut disk = Self {
            directory,
            is_mounted: false,
        };
        fs::create_dir(disk.path()).unwrap();
        let done = run(Command::new("mkfs.btrfs").arg("-q").arg(&image)).and_then(|()| {
            run(Command::new("mount")
                .args(["-o", "loop"])
                .arg(&image)
                .arg(disk.path()))
        });
        if let Err(why) = done {
            println!("not run: no disk with btrfs can be mounted: {why}");
            assert_ne!(
                std::env::var("CI").as_deref(),
                Ok("true"),
                "this test must run in CI"
            );
            return None;
        }
        disk.is_mounted = true;
        Some(disk)
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("disk")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted {
            // After a failure, a process may still have a file open.
            let unmounted = run(Command::new("umount").arg(self.path()));
            let _ = unmounted.or_else(|_| run(Command::new("umount").arg("-l").arg(self.path())));
        }
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!(
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        ))
    }
}

/// Fills all free space of the disk, to the last page.
fn fill(disk: &Path) {
    for (name, bytes) in [
        ("filler of megabytes", 1024 * 1024),
        ("filler of pages", 4096),
    ] {
        let mut file = File::create(disk.join(name)).unwrap();
        let block = vec![b'x'; bytes];
        while file.write_all(&block).is_ok() {}
        let _ = file.sync_all();
    }
    rustix::fs::sync();
}

fn make_room(disk: &Path) {
    for name in ["filler of megabytes", "filler of pages"] {
        fs::remove_file(disk.join(name)).unwrap();
    }
    rustix::fs::sync();
}

fn is_overwritten_in_place(path: &Path) -> bool {
    let flags = ioctl_getflags(File::open(path).unwrap()).unwrap();
    flags.contains(IFlags::NOCOW)
}

/// Returns a commit whose body needs additional space.
fn large() -> NewVersion {
    NewVersion::new("p", body("x".repeat(1024 * 1024)))
}

/// Runs a check on a store in a child process, so that a signal ends only the child.
fn check(test: &str, store: &Path) {
    passes(command(&std::env::current_exe().unwrap(), &[], test, store));
}

#[test]
fn a_full_disk_is_an_error_not_a_signal() {
    let Some(disk) = Disk::new() else { return };
    let place = disk.path().join("store");
    create(&Store::create(&place).unwrap(), "p");
    rustix::fs::sync();
    check("btrfs::fill_the_disk_under_an_open_store", &place);
    fill(&disk.path());
    for _ in 0..3 {
        check("btrfs::use_a_store_without_room", &place);
    }
    make_room(&disk.path());
    let store = Store::open(&place).unwrap();
    store.commit(large()).unwrap();
    store.checkpoint().unwrap();
    is_sound(&store);
}

#[test]
#[ignore = "run by the test above"]
fn fill_the_disk_under_an_open_store() {
    let place = directory();
    let disk = place.parent().unwrap();
    let store = Store::open(&place).unwrap();
    commit(&store, "p", "so that it is open for writing");
    fill(disk);
    without_room(&store);
    make_room(disk);
    commit(&store, "p", "the handle works again");
    is_sound(&store);
}

#[test]
#[ignore = "run by the test above, when the disk is full"]
fn use_a_store_without_room() {
    without_room(&Store::open(directory()).unwrap());
    let reader = StoreOptions::new().read_only(true).open(directory());
    assert!(reader.unwrap().resolve("p@production").is_ok());
}

/// Checks that reads succeed and that a change is refused because the disk is full.
fn without_room(store: &Store) {
    let versions = store.prompt("p").unwrap().versions;
    for _ in 0..3 {
        let refused = store.commit(large()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Full, "{refused:?}");
        assert!(store.resolve("p@production").is_ok());
        assert_eq!(store.prompt("p").unwrap().versions, versions);
        is_sound(store);
    }
}

/// As after a reboot that removed the shared memory file, or in a copy without it: SQLite creates
/// the file again, and the disk has no space for it.
#[test]
fn no_space_for_the_shm_file_is_reported_as_full() {
    let Some(disk) = Disk::new() else { return };
    let place = disk.path().join("store");
    create(&Store::create(&place).unwrap(), "p");
    fs::remove_file(place.join("index.db-shm")).unwrap();
    fill(&disk.path());
    check("btrfs::open_a_store_without_room", &place);
    make_room(&disk.path());
    is_sound(&Store::open(&place).unwrap());
}

#[test]
#[ignore = "run by the test above, when the disk is full"]
fn open_a_store_without_room() {
    let refused = Store::open(directory()).map(drop).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Full, "{refused:?}");
}

/// Bodies have btrfs checksums, which files that are overwritten in place don't have.
#[test]
fn only_the_index_is_overwritten_in_place() {
    let Some(disk) = Disk::new() else { return };
    let at = |name: &str| disk.path().join(name);
    let store = Store::create(at("store")).unwrap();
    let created = create(&store, "p");
    store.checkpoint().unwrap();
    store.backup(at("backup")).unwrap();
    Store::restore(at("backup"), at("restored")).unwrap();
    for name in ["store", "backup", "restored"] {
        let place = at(name);
        drop(Store::open(&place).unwrap().resolve("p").unwrap());
        assert!(
            is_overwritten_in_place(&place.join("index.db-shm")),
            "{name}"
        );
        let id = created.version.blob.to_string();
        let body = place.join("blobs").join(&id[..2]).join(&id[2..]);
        assert!(!is_overwritten_in_place(&body), "{name}");
    }
    assert!(is_overwritten_in_place(&at("store/index.db")));
    // In a directory that already contains other files, new files stay copy-on-write.
    fs::create_dir(at("shared")).unwrap();
    fs::write(at("shared/notes"), "theirs").unwrap();
    drop(Store::create(at("shared")).unwrap());
    assert!(!is_overwritten_in_place(&at("shared")));
}
