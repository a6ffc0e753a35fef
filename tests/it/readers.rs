//! Readers without write permission on a store that another user writes: they see every commit, or
//! fail.
#![allow(
    clippy::print_stdout,
    reason = "a reader answers on its standard output"
)]

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use promptbook::{NewVersion, Store, StoreOptions};
use tempfile::TempDir;

use crate::child::{command, copy_this, directory};
use crate::support::{Place, body, commit, create};
use crate::unwritable::{NOBODY, allow};

/// The reason why a reader may not write.
#[derive(Clone, Copy)]
enum WhyReadOnly {
    /// It runs as another user.
    OtherUser,
    /// It sees the directory through a read-only bind mount that other processes don't have.
    ReadOnlyMount,
}

/// A process that has a store open for reading and may not write to it.
struct Reader {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// The directory of the reader's binary, which the other user can reach.
    _reach: TempDir,
}

impl Reader {
    /// Starts a reader. Returns `None` if this process cannot start one, which is a failure in CI.
    fn start(store: &Path) -> Option<Self> {
        Self::start_as(store, WhyReadOnly::OtherUser)
    }

    fn start_as(store: &Path, because: WhyReadOnly) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            println!("not run: only root can start a reader as another user");
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"));
            return None;
        }
        let reach = tempfile::tempdir().unwrap();
        allow(reach.path(), 0o755);
        let copy = reach.path().join("reader");
        copy_this(&copy);
        let mount = r#"mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@""#;
        let store_text = store.to_str().unwrap_or_default();
        let wrapper = ["unshare", "--mount", "sh", "-c", mount, store_text];
        let mut command = match because {
            WhyReadOnly::OtherUser => {
                let mut command = command(&copy, &[], "readers::answer_reads", store);
                command.uid(NOBODY).gid(NOBODY);
                command
            }
            WhyReadOnly::ReadOnlyMount => command(&copy, &wrapper, "readers::answer_reads", store),
        };
        command.current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let ask = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut reader = Self {
            child,
            ask,
            answers,
            _reach: reach,
        };
        assert_eq!(reader.next("opened"), "");
        Some(reader)
    }

    /// Returns the rest of the next line of the reader that contains this word and a colon.
    fn next(&mut self, word: &str) -> String {
        for line in self.answers.by_ref().lines() {
            let line = line.unwrap();
            if let Some((_, rest)) = line.split_once(&format!("{word}:")) {
                return rest.trim().to_owned();
            }
        }
        panic!("the reader exited");
    }

    /// Returns what production resolves to: the version's number, or an error.
    fn ask(&mut self) -> String {
        self.ask.write_all(b"ask\n").unwrap();
        self.next("answer")
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "run by the tests below, as another user"]
fn answer_reads() {
    let store = StoreOptions::new()
        .read_only(true)
        .open(directory())
        .unwrap();
    println!("opened:");
    for _ in std::io::stdin().lock().lines() {
        let resolved = store.resolve("greeting@production");
        if resolved.is_ok() {
            assert!(store.verify().is_ok_and(|report| report.is_clean()));
        }
        match resolved {
            Ok(resolved) => println!("answer: {}", resolved.version.number),
            Err(error) => println!("answer: {error}"),
        }
    }
}

/// Creates a directory that another user can reach.
fn reachable() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    allow(directory.path(), 0o755);
    directory
}

/// Creates a store with 1.0 in production and no log beside its index, as an SQLite tool leaves it
/// that closes last.
fn without_log(path: &Path) {
    let store = Store::create(path).unwrap();
    create(&store, "greeting");
    store.checkpoint().unwrap();
    drop(store);
    Place::checkpoint_wal_of(path);
}

fn release(store: &Store, text: &str) -> String {
    let new = NewVersion::new("greeting", body(text));
    let environment: promptbook::EnvironmentName = "production".parse().unwrap();
    let version = store.commit(new.environment(environment)).unwrap();
    version.number.to_string()
}

/// Commits in several ways while a reader has the store open, and compares what the reader sees.
fn sees_every_commit(store: &Path, as_seen_by_the_reader: &Path) {
    if let Some(reader) = Reader::start(as_seen_by_the_reader) {
        answers_with_every_commit(store, reader);
    }
}

fn answers_with_every_commit(store: &Path, mut reader: Reader) {
    assert_eq!(reader.ask(), "1.0");
    assert_eq!(reader.ask(), "1.0", "second read");
    let writer = Store::open(store).unwrap();
    assert_eq!(reader.ask(), "1.0", "while a writer has the store open");
    for turn in 0..3 {
        let number = release(&writer, &format!("turn {turn}"));
        assert_eq!(reader.ask(), number, "turn {turn}");
    }
    drop(writer);
    assert_eq!(reader.ask(), "1.3", "after the writer closed the store");
    let number = release(&Store::open(store).unwrap(), "another writer");
    assert_eq!(reader.ask(), number);
}

#[test]
fn a_reader_without_a_log_sees_every_commit() {
    let place = reachable();
    without_log(place.path());
    sees_every_commit(place.path(), place.path());
}

#[test]
fn a_reader_through_a_read_only_mount_sees_every_commit() {
    let place = reachable();
    without_log(place.path());
    if let Some(reader) = Reader::start_as(place.path(), WhyReadOnly::ReadOnlyMount) {
        answers_with_every_commit(place.path(), reader);
    }
}

#[test]
fn a_reader_with_an_empty_log_sees_every_commit() {
    let place = reachable();
    without_log(place.path());
    fs::write(place.path().join("index.db-wal"), "").unwrap();
    sees_every_commit(place.path(), place.path());
}

#[test]
fn a_reader_with_a_log_sees_every_commit() {
    let place = reachable();
    without_log(place.path());
    let store = Store::open(place.path()).unwrap();
    commit(&store, "greeting", "in the log");
    let Some(mut reader) = Reader::start(place.path()) else {
        return;
    };
    assert_eq!(reader.ask(), "1.0");
    let number = release(&store, "and released");
    assert_eq!(reader.ask(), number);
}

/// Between two reads, a writer opens the store, checkpoints the WAL, and closes the store.
#[test]
fn a_commit_that_was_checkpointed_into_the_index_is_seen() {
    let place = reachable();
    without_log(place.path());
    let Some(mut reader) = Reader::start(place.path()) else {
        return;
    };
    assert_eq!(reader.ask(), "1.0");
    let writer = Store::open(place.path()).unwrap();
    let number = release(&writer, "folded in");
    writer.checkpoint().unwrap();
    drop(writer);
    Place::checkpoint_wal_of(place.path());
    let answer = reader.ask();
    assert!(
        answer == number || answer.contains("index.db-shm"),
        "neither the new version nor an error that names the file: {answer}"
    );
}

#[test]
fn a_reader_through_links_sees_every_commit() {
    let place = reachable();
    let at = |name: &str| place.path().join(name);
    without_log(&at("real"));
    fs::create_dir(at("data")).unwrap();
    fs::rename(at("real/index.db"), at("data/index.db")).unwrap();
    symlink("../data/index.db", at("real/index.db")).unwrap();
    fs::rename(at("real/blobs"), at("data/blobs")).unwrap();
    symlink("../data/blobs", at("real/blobs")).unwrap();
    symlink("real", at("link")).unwrap();
    sees_every_commit(&at("real"), &at("link"));
}

/// The log is beside the file that the link points to.
#[test]
fn an_index_by_a_link_is_read_with_its_log() {
    let place = reachable();
    let at = |name: &str| place.path().join(name);
    without_log(&at("real"));
    fs::create_dir(at("data")).unwrap();
    fs::rename(at("real/index.db"), at("data/index.db")).unwrap();
    symlink("../data/index.db", at("real/index.db")).unwrap();
    let number = release(&Store::open(at("real")).unwrap(), "in the log");
    let Some(mut reader) = Reader::start(&at("real")) else {
        return;
    };
    assert_eq!(reader.ask(), number);
}

#[test]
fn a_reader_of_unusual_paths_sees_every_commit() {
    let place = reachable();
    let odd: [&[u8]; 6] = [
        b"caf\xe9",
        b"file:store",
        b"a?b#c%41",
        b"with space\nand line",
        b"%00",
        "ünï".as_bytes(),
    ];
    for name in odd {
        let path: PathBuf = place.path().join(OsStr::from_bytes(name));
        without_log(&path);
        sees_every_commit(&path, &path);
    }
}

#[test]
fn a_relative_path_that_looks_like_a_uri_is_a_path() {
    let place = reachable();
    let run = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "readers::makes_a_store_of_that_name",
            "--ignored",
        ])
        .current_dir(place.path())
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
    assert!(place.path().join("file:store/index.db").exists());
}

#[test]
#[ignore = "run by the test above, in a directory of its own"]
fn makes_a_store_of_that_name() {
    create(&Store::create("file:store").unwrap(), "greeting");
    let store = Store::open("file:store").unwrap();
    assert_eq!(store.prompts().count().unwrap(), 1);
}
