//! The secrets of a server as values, and those of a store in memory.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::model::error::Error;

/// The secrets of a store.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Secrets {
    /// The key that clients of the API must send.
    pub(crate) key: String,
    /// The key that signs URLs.
    pub(crate) signing: String,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(..)")
    }
}

/// The result of a request for the secrets of a store.
#[derive(Debug)]
pub(crate) enum SecretsResult {
    Found(Secrets),
    /// The store had no secrets, and these are new.
    Made(Secrets),
    /// This process may not read the secrets, or there are none and it cannot create any.
    Withheld(Error),
}

/// The secrets of a store in memory.
#[derive(Debug, Default)]
pub(in crate::store) struct InMemorySecrets(Mutex<Option<Secrets>>);

impl InMemorySecrets {
    pub(super) fn get_or_make(&self, make: impl FnOnce() -> Secrets) -> SecretsResult {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some(secrets) => SecretsResult::Found(secrets.clone()),
            None => SecretsResult::Made(kept.insert(make()).clone()),
        }
    }

    /// Copies the secrets for a copy of the store.
    pub(in crate::store) fn fork(&self) -> Self {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Self(Mutex::new(kept.clone()))
    }
}
