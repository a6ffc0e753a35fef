//! Stores for tests, and access to their files.
//!
//! The tests run in directories and in memory. With `PROMPTBOOK_TEST_STORE=postgres` the same tests
//! run in schemas of a Postgres database, and with `PROMPTBOOK_TEST_STORE=s3` their bodies are in S3:
//! see `on_postgres`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use promptbook::error::OpenError;
use promptbook::{
    BlobId, Bump, CreatedPrompt, NewPrompt, NewVersion, Store, StoreOptions, Version,
};
use tempfile::TempDir;

/// The place of a store: a directory, removed when it is dropped, or a schema.
pub enum Place {
    Directory(TempDir),
    #[cfg(feature = "postgres")]
    Schema(String),
}

impl Place {
    pub fn new() -> Self {
        #[cfg(feature = "postgres")]
        if let Some(url) = crate::on_postgres::url_of_this_run() {
            return Self::Schema(url);
        }
        Self::Directory(tempfile::tempdir().unwrap())
    }

    /// Returns the directory. A test that calls it is not run on Postgres.
    pub fn path(&self) -> &Path {
        match self {
            Self::Directory(directory) => directory.path(),
            #[cfg(feature = "postgres")]
            Self::Schema(_) => panic!("this test needs a directory: list it in on_postgres.rs"),
        }
    }

    /// Returns the directory or the URL, for another process.
    pub fn name(&self) -> &Path {
        match self {
            Self::Directory(directory) => directory.path(),
            #[cfg(feature = "postgres")]
            Self::Schema(url) => Path::new(url),
        }
    }

    pub fn index(&self) -> PathBuf {
        self.path().join("index.db")
    }

    pub fn create(&self) -> Store {
        self.create_with(&StoreOptions::new())
    }

    pub fn create_with(&self, options: &StoreOptions) -> Store {
        match self {
            Self::Directory(directory) => options.create(directory.path()).unwrap(),
            #[cfg(feature = "postgres")]
            Self::Schema(url) => options.create_url(url).unwrap(),
        }
    }

    pub fn open(&self) -> Store {
        self.try_open(&StoreOptions::new()).unwrap()
    }

    pub fn open_read_only(&self) -> Result<Store, OpenError> {
        self.try_open(&StoreOptions::new().read_only(true))
    }

    /// Opens the store, or creates it if there is none.
    pub fn open_or_create_with(&self, options: &StoreOptions) -> Store {
        match self {
            Self::Directory(directory) => options.open_or_create(directory.path()).unwrap(),
            #[cfg(feature = "postgres")]
            Self::Schema(_) => match self.try_open(options) {
                Err(OpenError::NotAStore { .. }) => self.create_with(options),
                opened => opened.unwrap(),
            },
        }
    }

    pub fn try_open(&self, options: &StoreOptions) -> Result<Store, OpenError> {
        open_named(self.name(), options)
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

/// Opens the store that is named as [`Place::name`] does.
pub fn open_named(name: &Path, options: &StoreOptions) -> Result<Store, OpenError> {
    #[cfg(feature = "postgres")]
    if let Some(url) = name.to_str().filter(|name| name.starts_with("postgres://")) {
        return options.open_url(url);
    }
    options.open(name)
}

/// Returns a new store that ends with the test: in memory, or in a schema.
pub fn new_store() -> Store {
    new_store_with(&StoreOptions::new())
}

/// Returns such a store, created with options.
pub fn new_store_with(options: &StoreOptions) -> Store {
    #[cfg(feature = "postgres")]
    if let Some(url) = crate::on_postgres::url_of_this_run() {
        return options.create_url(&url).unwrap();
    }
    options.in_memory().unwrap()
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
