//! Stores for tests, and access to their files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use promptbook::error::OpenError;
use promptbook::{
    BlobId, Bump, CreatedPrompt, NewPrompt, NewVersion, Store, StoreOptions, Version,
};
use tempfile::TempDir;

/// A directory for a store, removed when it is dropped.
pub struct Place(TempDir);

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn index(&self) -> PathBuf {
        self.path().join("index.db")
    }

    pub fn create(&self) -> Store {
        Store::create(self.path()).unwrap()
    }

    pub fn open(&self) -> Store {
        Store::open(self.path()).unwrap()
    }

    pub fn open_read_only(&self) -> Result<Store, OpenError> {
        StoreOptions::new().read_only(true).open(self.path())
    }

    /// Returns the file of a checkpointed body.
    pub fn body(&self, id: BlobId) -> PathBuf {
        let name = id.to_string();
        self.path().join("blobs").join(&name[..2]).join(&name[2..])
    }

    /// Runs a statement directly on the index, and returns the number of changed rows.
    pub fn sql(&self, statement: &str) -> usize {
        let connection = rusqlite::Connection::open(self.index()).unwrap();
        connection
            .pragma_update(None, "foreign_keys", false)
            .unwrap();
        connection.execute(statement, []).unwrap()
    }

    /// Checkpoints the WAL and removes it, as SQLite does when the last connection closes.
    pub fn checkpoint_wal(&self) {
        Self::checkpoint_wal_of(self.path());
    }

    /// Like [`checkpoint_wal`](Self::checkpoint_wal), for the store in a directory.
    pub fn checkpoint_wal_of(store: &Path) {
        let connection = rusqlite::Connection::open(store.join("index.db")).unwrap();
        let fold = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy: i64 = connection.query_row(fold, [], |row| row.get(0)).unwrap();
        assert_eq!(busy, 0, "another handle still has the store open");
        drop(connection);
        for suffix in ["-wal", "-shm"] {
            let file = store.join(format!("index.db{suffix}"));
            assert!(!file.exists(), "the log is still there: {}", file.display());
        }
    }
}

/// Returns a body that contains this text; all such bodies have the same contract.
pub fn body(text: impl std::fmt::Display) -> String {
    format!(r#"{{"model": "m",  "messages": [{{"role": "user", "content": "{text}"}}]}}"#)
}

/// Creates a prompt whose version 1.0 is in `production`.
pub fn create(store: &Store, name: &str) -> CreatedPrompt {
    store
        .create_prompt(NewPrompt::new(name, body(name)))
        .unwrap()
}

/// Commits a minor version.
pub fn commit(store: &Store, prompt: &str, text: impl std::fmt::Display) -> Version {
    let new = NewVersion::new(prompt, body(text));
    store.commit(new.bump(Bump::Minor)).unwrap()
}

/// Asserts that the store's invariants hold.
pub fn is_sound(store: &Store) {
    let report = store.verify().unwrap();
    assert!(report.is_clean(), "{:#?}", report.violations);
}

/// Returns the violations that `verify` finds, one line each.
pub fn violations(store: &Store) -> Vec<String> {
    let report = store.verify().unwrap();
    report.violations.iter().map(ToString::to_string).collect()
}

/// Stops threads when it is dropped, so that a failing test ends.
pub struct Done<'a>(pub &'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Copies the contents of a directory to another one.
pub fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
