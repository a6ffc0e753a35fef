//! Secrets that a store keeps for those who serve it.

use super::Store;
use crate::error::Result;

impl Store {
    /// The secret of this name, which the store keeps: made, where there is none, in the transaction that looks again, so
    /// that all processes have the same.
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](crate::Error::ReadOnly) where there is none and none can be kept; [`Backend`](crate::Error::Backend).
    pub(crate) fn secret(&self, name: &str, make: impl FnOnce() -> String) -> Result<String> {
        let kept = self.look(|snapshot| Ok(snapshot.secret(name)?))?;
        match kept {
            Some(secret) => Ok(secret),
            None => self.batch(|batch| batch.writer().secret(name, make)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::store::StoreOptions;

    #[test]
    fn a_secret_is_made_once_and_kept_in_the_store() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::create(place.path()).unwrap();
        let other = Store::open(place.path()).unwrap();
        let made = store.secret("signing", || "first".into()).unwrap();
        assert_eq!(made, "first");
        for store in [&store, &other, &Store::open(place.path()).unwrap()] {
            let kept = store.secret("signing", || panic!("there is one"));
            assert_eq!(kept.unwrap(), "first");
        }
        assert_eq!(store.secret("other", || "second".into()).unwrap(), "second");
        assert_eq!(store.stats().unwrap().operations, 0, "it is no operation");
        assert!(store.verify(|_| ()).unwrap().is_clean());
    }

    #[test]
    fn all_who_ask_at_once_get_the_same_secret() {
        let place = tempfile::tempdir().unwrap();
        Store::create(place.path()).unwrap();
        let stores: Vec<Store> = (0..8).map(|_| Store::open(place.path()).unwrap()).collect();
        let mut secrets: Vec<String> = std::thread::scope(|scope| {
            let asked: Vec<_> = stores
                .iter()
                .enumerate()
                .map(|(at, store)| scope.spawn(move || store.secret("signing", || at.to_string())))
                .collect();
            let answers = asked.into_iter().map(|thread| thread.join().unwrap());
            answers.collect::<Result<_>>().unwrap()
        });
        secrets.dedup();
        assert_eq!(secrets.len(), 1, "{secrets:?}");
    }

    #[test]
    fn a_store_that_is_only_read_gives_the_secret_that_it_has() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::create(place.path()).unwrap();
        let reader = StoreOptions::new()
            .read_only(true)
            .open(place.path())
            .unwrap();
        let none = reader.secret("signing", || "never".into());
        assert!(matches!(none, Err(Error::ReadOnly)), "{none:?}");
        store.secret("signing", || "kept".into()).unwrap();
        let kept = reader.secret("signing", || "never".into());
        assert_eq!(kept.unwrap(), "kept");
    }
}
