//! A disk that fills up: a file system in memory of limited size or, if none can be mounted, files
//! of limited size.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::place;
use crate::soak::Round;

/// The size of the file system, in KiB.
const SIZE: u64 = 48 * 1024;

/// The disk of one store, which is full at times.
pub enum Disk {
    None,
    /// A separate file system.
    Mounted(PathBuf),
    /// A limit on the size of files of the processes that use the store.
    Limited,
}

impl Disk {
    pub fn at(path: &Path, is_wanted: bool) -> Self {
        if !is_wanted {
            return Self::None;
        }
        fs::create_dir_all(path).unwrap();
        let size = format!("size={SIZE}k");
        let mount = ["-t", "tmpfs", "-o", &size, "promptbook-soak"];
        if run(Command::new("mount").args(mount).arg(path)) {
            return Self::Mounted(path.to_owned());
        }
        if place::can_limit_files() {
            return Self::Limited;
        }
        place::not_run(
            "full disks: no file system can be mounted, and sizes of files can't be limited",
        );
        Self::None
    }

    pub fn words(&self) -> &'static str {
        match self {
            Self::None => "not tried",
            Self::Mounted(_) => "a tmpfs of 48 MiB",
            Self::Limited => "files of limited size (RLIMIT_FSIZE)",
        }
    }

    /// Returns the wrapper command that limits a process's files, or an empty list.
    pub fn wrapper(&self, seed: u64) -> Vec<String> {
        match self {
            Self::Limited => place::file_limit(128 * 1024 + seed % (2 << 20)),
            Self::None | Self::Mounted(_) => Vec::new(),
        }
    }

    /// Fills the disk almost or entirely, and frees it again, until the round is over.
    pub fn fill(&self, round: &Round<'_>) {
        let Self::Mounted(path) = self else { return };
        let mut rng = round.rng(1);
        while !round.is_over() {
            let left = [0, 64, 256, 2000][rng.usize(..4)];
            let ballast = File::create(path.join("ballast"));
            if let Ok(mut ballast) = ballast {
                while room(path) > left && ballast.write_all(&[1; 16 * 1024]).is_ok() {}
            }
            round.count(|tally| tally.fills += 1);
            std::thread::sleep(Duration::from_millis(rng.u64(5..300)));
            self.empty();
            std::thread::sleep(Duration::from_millis(rng.u64(5..300)));
        }
    }

    pub fn empty(&self) {
        if let Self::Mounted(path) = self {
            let _ = fs::remove_file(path.join("ballast"));
        }
    }

    pub fn is_half_full(&self) -> bool {
        matches!(self, Self::Mounted(path) if room(path) < SIZE / 2)
    }

    /// Copies the files to the directory beneath, because the file system is unmounted at the end.
    pub fn keep(&self) {
        if let Self::Mounted(path) = self {
            let kept = path.with_file_name("kept of full");
            let _ = run(Command::new("cp").arg("-a").arg(path).arg(kept));
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Self::Mounted(path) = self {
            let _ = run(Command::new("umount").arg("-l").arg(path));
        }
    }
}

/// Returns the free space in KiB.
fn room(path: &Path) -> u64 {
    rustix::fs::statvfs(path).map_or(0, |found| found.f_bavail * found.f_frsize / 1024)
}

fn run(command: &mut Command) -> bool {
    let ran = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    ran.is_ok_and(|status| status.success())
}
