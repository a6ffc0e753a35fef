//! Permissions on the files of a store, and their owner if root works in the store.

#![allow(clippy::print_stderr, reason = "it prints why a test is not run")]

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use promptbook::maintenance::GcOptions;
use promptbook::{Store, StoreOptions};

use crate::child::{command, directory, passes, store};
use crate::support::{commit, create, is_sound};

/// A user other than root: `nobody` on every Unix.
const USER: u32 = 65534;
/// A second user.
const OTHER: u32 = 65533;
/// A user who is in none of the groups.
const STRANGER: u32 = 65532;

/// Checks whether this process can act for other users. If not, it prints that, and fails if `CI`
/// is `true`.
fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!is_ci, "this test must run in CI");
        eprintln!("not run: only root can act for other users");
    }
    is_root
}

/// A directory that belongs to a user, beside a copy of this binary that the user can run.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
        fs::copy(
            std::env::current_exe().unwrap(),
            directory.path().join("check"),
        )
        .unwrap();
        fs::create_dir(directory.path().join("home")).unwrap();
        chown(directory.path().join("home"), Some(USER), Some(USER)).unwrap();
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("home").join(name)
    }

    /// Runs a check as a user, on the store with this name.
    fn run(&self, user: u32, check: &str, name: &str) {
        let this = self.0.path().join("check");
        let mut command = command(&this, &[], check, &self.path(name));
        command.current_dir("/").uid(user).gid(user);
        passes(command);
    }

    /// Asserts that all files and directories of a store belong to the user.
    fn is_users(&self, name: &str) {
        each(&self.path(name), &mut |path| {
            let found = fs::symlink_metadata(path).unwrap();
            let owner = (found.uid(), found.gid());
            assert_eq!(
                owner,
                (USER, USER),
                "{} belongs to another user",
                path.display()
            );
        });
    }
}

fn each(path: &Path, look: &mut dyn FnMut(&Path)) {
    look(path);
    if fs::symlink_metadata(path).unwrap().is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            each(&entry.unwrap().path(), look);
        }
    }
}

/// Does everything that creates files, except a backup: commits, an import that makes a pack, a
/// checkpoint, a repack.
fn work_on_all(store: &Store, name: &str) {
    create(store, name);
    store.checkpoint().unwrap();
    let many = store.batch(|batch| {
        for number in 0..200 {
            let text = crate::support::body(format!("{name} {number} {}", "long ".repeat(50)));
            batch.commit(promptbook::NewVersion::new(name, text))?;
        }
        Ok(())
    });
    many.unwrap();
    let first = promptbook::Selector::Number("1.0".parse().unwrap());
    let moved = store.set_environment(name, "production", "latest");
    moved.unwrap();
    store
        .delete_version((store.prompt(name).unwrap().id, first))
        .unwrap();
    store
        .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
        .unwrap();
    store.repack().unwrap();
    is_sound(store);
}

#[test]
#[ignore = "run by the tests below, as the user"]
fn create_the_store() {
    drop(Store::create(directory()).unwrap());
}

#[test]
#[ignore = "run by the tests below, as the user"]
fn work_on_the_store_and_back_it_up() {
    let store = store();
    let name = format!("of the user {}", std::process::id());
    work_on_all(&store, &name);
    store.backup(directory().with_extension("backup")).unwrap();
}

#[test]
fn the_owner_can_continue_after_root() {
    if !is_root() {
        return;
    }
    for user_began in [false, true] {
        let home = Home::new();
        home.run(USER, "owners::create_the_store", "store");
        if user_began {
            home.run(USER, "owners::work_on_the_store_and_back_it_up", "store");
        }
        let store = Store::open(home.path("store")).unwrap();
        work_on_all(&store, "of root");
        store.backup(home.path("store.backup")).unwrap();
        drop(store);
        home.is_users("store");
        if user_began {
            home.is_users("store.backup");
        } else {
            // Root created that directory for itself.
            fs::remove_dir_all(home.path("store.backup")).unwrap();
        }
        home.run(USER, "owners::work_on_the_store_and_back_it_up", "store");
        home.is_users("store");
        home.is_users("store.backup");
    }
}

/// A store that root creates in a user's directory belongs to the user.
#[test]
fn a_store_in_a_users_directory_belongs_to_the_user() {
    if !is_root() {
        return;
    }
    let home = Home::new();
    for name in ["made", "restored"] {
        fs::create_dir(home.path(name)).unwrap();
        chown(home.path(name), Some(USER), Some(USER)).unwrap();
    }
    let store = Store::create(home.path("made")).unwrap();
    work_on_all(&store, "of root");
    let copied = Store::restore(home.path("made"), home.path("restored"));
    assert!(copied.unwrap().report.is_clean());
    drop(store);
    for name in ["made", "restored"] {
        home.is_users(name);
        home.run(USER, "owners::work_on_the_store_and_back_it_up", name);
        home.is_users(name);
    }
}

/// The control: the store itself can be read.
#[test]
#[ignore = "run by the test below, as a user who may only read"]
fn no_lock_can_be_opened() {
    let store = StoreOptions::new().read_only(true).open(directory());
    let store = store.unwrap();
    assert!(store.prompts().count().unwrap() > 0);
    store.export_bundle(std::io::sink()).unwrap();
    let mut locks = 0;
    for file in fs::read_dir(directory()).unwrap() {
        let path = file.unwrap().path();
        let is_lock = path
            .extension()
            .is_some_and(|kind| kind == "lock" || kind == "gate");
        let opened = [
            File::open(&path).is_ok(),
            File::options().write(true).open(&path).is_ok(),
        ];
        if is_lock {
            assert_eq!(opened, [false; 2], "{}", path.display());
            locks += 1;
        } else if path.is_file() {
            assert!(opened[0], "{} can't be read", path.display());
        }
    }
    assert_eq!(locks, 3);
}

#[test]
fn a_user_who_may_only_read_can_open_no_lock() {
    if !is_root() {
        return;
    }
    let home = Home::new();
    home.run(USER, "owners::create_the_store", "store");
    let store = Store::open(home.path("store")).unwrap();
    create(&store, "greeting");
    store.checkpoint().unwrap();
    drop(store);
    home.run(OTHER, "owners::no_lock_can_be_opened", "store");
    // Permissions that someone widened are restricted again by the next writer.
    for name in ["write.lock", "blobs.gate", "blobs.lock"] {
        let path = home.path("store").join(name);
        fs::set_permissions(path, PermissionsExt::from_mode(0o666)).unwrap();
    }
    let store = Store::open(home.path("store")).unwrap();
    commit(&store, "greeting", "again");
    store.checkpoint().unwrap();
    drop(store);
    home.run(OTHER, "owners::no_lock_can_be_opened", "store");
}

/// A group of users.
const GROUP: u32 = 60_001;

/// Members of a group that may write the index share its locks, whichever member created the files.
#[test]
fn members_of_a_group_share_the_locks() {
    if !is_root() {
        return;
    }
    let home = Home::new();
    home.run(USER, "owners::create_the_store", "store");
    for name in ["write.lock", "blobs.gate", "blobs.lock"] {
        let _ = fs::remove_file(home.path("store").join(name));
    }
    each(&home.path("store"), &mut |path| {
        chown(path, None, Some(GROUP)).unwrap();
        let mode = if path.is_dir() { 0o775 } else { 0o664 };
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    });
    let run = |user: u32, check: &str| {
        let member = [
            "setpriv",
            &format!("--reuid={user}"),
            &format!("--regid={user}"),
            &format!("--groups={GROUP}"),
        ];
        let this = home.0.path().join("check");
        let mut command = command(&this, &member, check, &home.path("store"));
        command.current_dir("/");
        passes(command);
    };
    for user in [OTHER, USER] {
        run(user, "owners::commit_and_checkpoint");
        for name in ["write.lock", "blobs.gate", "blobs.lock"] {
            let found = fs::metadata(home.path("store").join(name)).unwrap();
            let rights = (found.uid(), found.gid(), found.mode() & 0o777);
            assert_eq!(rights, (OTHER, GROUP, 0o660), "{name}");
        }
    }
    home.run(STRANGER, "owners::no_lock_can_be_opened", "store");
}

#[test]
#[ignore = "run by the test above, as members of a group"]
fn commit_and_checkpoint() {
    let store = store();
    let name = format!("of process {}", std::process::id());
    create(&store, &name);
    let checkpointed = store.checkpoint().unwrap();
    assert_eq!(checkpointed.bodies, 1);
}

/// The permissions of the locks follow those of the index, even for the owner.
#[test]
fn locks_have_the_write_permissions_of_the_index() {
    for (of_index, of_locks) in [(0o644, 0o600), (0o664, 0o660), (0o666, 0o666)] {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        drop(Store::create(directory.path()).unwrap());
        fs::set_permissions(path("index.db"), PermissionsExt::from_mode(of_index)).unwrap();
        let store = Store::open(directory.path()).unwrap();
        create(&store, "greeting");
        store.checkpoint().unwrap();
        for name in ["write.lock", "blobs.gate", "blobs.lock"] {
            let mode = fs::metadata(path(name)).unwrap().mode() & 0o777;
            assert_eq!(mode, of_locks, "{name} beside an index of {of_index:o}");
        }
    }
}
