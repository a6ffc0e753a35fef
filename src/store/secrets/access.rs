//! Access to the secrets of a store: they are read from the store, or created in it.

use std::io;
use std::path::Path;

#[cfg(feature = "postgres")]
use super::in_postgres;
use super::{Secrets, SecretsResult};
use crate::engine::Transactions as _;
use crate::fs::io_error::path_error;
use crate::model::error::{Error, Result};
use crate::storage;
use crate::storage::directory;
use crate::storage::directory::SECRETS;
use crate::store::handle::Store;
use crate::store::shared::StoreLocation;

impl Store {
    /// Returns the secrets with which the store is served, and creates them if there are none.
    ///
    /// The server of this crate uses them. A program that serves the store by other means, or that
    /// starts a server and calls it, gets the same key here. `make` is called if the store has no
    /// secrets. All handles and processes get the same ones.
    ///
    /// The file `secrets` of the store's directory contains them. Only its owner can read it, and
    /// no backup, bundle or other copy contains it.
    ///
    /// ```
    /// use promptbook::Store;
    /// use promptbook::maintenance::{Secrets, SecretsResult};
    ///
    /// let store = Store::in_memory()?;
    /// let make = || Secrets { key: "a random key".into(), signing: "another one".into() };
    /// assert!(matches!(store.secrets(make)?, SecretsResult::Made(_)));
    /// assert!(matches!(store.secrets(make)?, SecretsResult::Found(_)));
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Storage`](Error::Storage) if the file cannot be read or written, if it is damaged, or if
    /// another process held the write lock for too long. A failure leaves the file unchanged, or
    /// the store without one.
    pub fn secrets(&self, make: impl FnOnce() -> Secrets) -> Result<SecretsResult> {
        let index = match &self.shared().place {
            StoreLocation::Directory { location, .. } => location.index(),
            StoreLocation::Memory(memory) => return Ok(memory.secrets.get_or_make(make)),
            #[cfg(feature = "postgres")]
            StoreLocation::Postgres(index) => {
                return in_postgres::get_or_make(index, self.shared().read_only, make);
            }
            StoreLocation::Given { secrets } => return Ok(secrets.get_or_make(make)),
        };
        // The file is beside the index that a link leads to, as the lock is, so all stores with
        // this index have the same secrets.
        let directory = index.parent().unwrap_or(Path::new("/"));
        match read(directory)? {
            Some(kept) => return Ok(kept),
            None if self.shared().read_only => return Ok(SecretsResult::Withheld(Error::ReadOnly)),
            None => {}
        }
        self.shared().queue.exclusive(|deadline| {
            // The holder of the write lock creates the secrets. Nothing is written to the index.
            let turn = self.shared().begin(deadline)?;
            if let Some(kept) = read(directory)? {
                return Ok(kept);
            }
            let secrets = make();
            let text = secrets.to_json().map_err(io::Error::from);
            let text = text.map_err(path_error("writing", &directory.join(SECRETS)))?;
            directory::write_secrets(directory, index, &(text + "\n"))?;
            drop(turn);
            Ok(SecretsResult::Made(secrets))
        })
    }
}

fn read(directory: &Path) -> Result<Option<SecretsResult>> {
    let path = directory.join(SECRETS);
    let damaged = |because: Box<dyn std::error::Error + Send + Sync>| {
        let reason = format!(
            "{} is damaged; remove it, and the server makes new secrets",
            path.display()
        );
        storage::StorageError::new(storage::StorageErrorKind::Corrupt, reason).because(because)
    };
    match directory::read_secrets(directory) {
        Ok(None) => Ok(None),
        Ok(Some(text)) => match Secrets::from_json(&text) {
            Ok(secrets) => Ok(Some(SecretsResult::Found(secrets))),
            Err(error) => Err(damaged(error.into()).into()),
        },
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(damaged(error.into()).into())
        }
        Err(error) => {
            let denied = error.kind() == io::ErrorKind::PermissionDenied;
            let error = path_error("reading", &path)(error).into();
            if denied {
                Ok(Some(SecretsResult::Withheld(error)))
            } else {
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NewPrompt;
    use crate::store::StoreOptions;

    fn named(name: impl ToString) -> Secrets {
        Secrets {
            key: name.to_string(),
            signing: "signing".into(),
        }
    }

    fn found(store: &Store) -> Secrets {
        match store.secrets(|| panic!("the store has secrets")) {
            Ok(SecretsResult::Found(secrets)) => secrets,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn secrets_are_created_once_and_found_by_all_handles() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::create(place.path()).unwrap();
        let other = Store::open(place.path()).unwrap();
        let made = store.secrets(|| named("made once")).unwrap();
        assert!(matches!(&made, SecretsResult::Made(secrets) if *secrets == named("made once")));
        for store in [&store, &other, &Store::open(place.path()).unwrap()] {
            assert_eq!(found(store), named("made once"));
        }
        assert_eq!(
            store.stats().unwrap().operations,
            0,
            "creating secrets made an operation"
        );
        assert!(store.verify().unwrap().is_clean());
        assert!(!format!("{made:?} {store:?}").contains("made once"));
        let memory = Store::in_memory().unwrap();
        memory.secrets(|| named("memory")).unwrap();
        assert_eq!(found(&memory), named("memory"));
        assert!(!format!("{memory:?}").contains("signing"));
    }

    #[test]
    fn concurrent_requests_get_the_same_secrets() {
        let place = tempfile::tempdir().unwrap();
        Store::create(place.path()).unwrap();
        let stores: Vec<Store> = (0..8).map(|_| Store::open(place.path()).unwrap()).collect();
        let kept: Vec<SecretsResult> = std::thread::scope(|scope| {
            let asked: Vec<_> = stores
                .iter()
                .enumerate()
                .map(|(at, store)| scope.spawn(move || store.secrets(|| named(at))))
                .collect();
            let answers = asked.into_iter().map(|thread| thread.join().unwrap());
            answers.collect::<Result<_>>().unwrap()
        });
        let made = kept
            .iter()
            .filter(|kept| matches!(kept, SecretsResult::Made(_)));
        assert_eq!(made.count(), 1, "{kept:?}");
        let keys = kept.iter().map(|kept| match kept {
            SecretsResult::Found(secrets) | SecretsResult::Made(secrets) => secrets.key.clone(),
            SecretsResult::Withheld(error) => panic!("{error}"),
        });
        let mut keys: Vec<String> = keys.collect();
        keys.dedup();
        assert_eq!(keys.len(), 1, "{keys:?}");
    }

    #[test]
    fn a_read_only_store_finds_secrets_but_creates_none() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::create(place.path()).unwrap();
        let options = StoreOptions::new().read_only(true);
        let reader = options.open(place.path()).unwrap();
        let none = reader
            .secrets(|| panic!("a read-only store created secrets"))
            .unwrap();
        assert!(
            matches!(none, SecretsResult::Withheld(Error::ReadOnly)),
            "{none:?}"
        );
        store.secrets(|| named("kept")).unwrap();
        assert_eq!(found(&reader), named("kept"));
    }

    #[test]
    fn damaged_secrets_are_refused_and_not_replaced() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::create(place.path()).unwrap();
        for text in ["", "{}", "[]", r#"{"key": 1, "signing": "a"}"#] {
            std::fs::write(place.path().join(SECRETS), text).unwrap();
            let refused = store
                .secrets(|| panic!("damaged secrets were replaced"))
                .unwrap_err();
            assert!(
                refused.to_string().contains("damaged; remove it"),
                "{refused}"
            );
        }
    }

    /// No copy contains the text of the secrets, or their file.
    #[test]
    fn no_copy_contains_the_secrets() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let store = Store::create(at("store")).unwrap();
        let new = NewPrompt::new("p", r#"{"messages": []}"#);
        store.create_prompt(new).unwrap();
        let secrets = Secrets {
            key: "key-in-no-copy".into(),
            signing: "signing-in-no-copy".into(),
        };
        store.secrets(|| secrets).unwrap();
        store.backup(at("backup")).unwrap();
        store.backup(at("backup")).unwrap();
        Store::restore(at("backup"), at("restored")).unwrap();
        let bundle = std::fs::File::create(at("bundle")).unwrap();
        store.export_bundle(bundle).unwrap();
        drop(store);
        let mut files = Vec::new();
        let mut folders = vec![directory.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path)
                } else {
                    files.push(path)
                }
            }
        }
        let has = |path: &std::path::PathBuf| {
            let bytes = std::fs::read(path).unwrap();
            bytes.windows(10).any(|part| part == b"in-no-copy")
        };
        files.retain(has);
        assert_eq!(files, [at("store").join(SECRETS)]);
        let restored = Store::open(at("restored")).unwrap();
        let made = restored.secrets(|| named("new")).unwrap();
        assert!(matches!(made, SecretsResult::Made(_)), "{made:?}");
    }
}
