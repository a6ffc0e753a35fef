//! The secrets of a server as values, and those of a store in memory.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::model::error::Error;

/// The secrets with which a store is served; see [`Store::secrets`](crate::Store::secrets).
///
/// They are not shown by `Debug`, and they do not serialise.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// The key that clients of the API must send.
    pub key: String,
    /// The key that signs the URLs of bodies.
    pub signing: String,
}

/// The text of the file that contains the secrets.
#[derive(Serialize, Deserialize)]
struct SecretsFile {
    key: String,
    signing: String,
}

impl Secrets {
    pub(super) fn from_json(text: &str) -> serde_json::Result<Self> {
        let SecretsFile { key, signing } = serde_json::from_str(text)?;
        Ok(Self { key, signing })
    }

    pub(super) fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(&SecretsFile {
            key: self.key.clone(),
            signing: self.signing.clone(),
        })
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(..)")
    }
}

/// The result of a request for the secrets of a store.
#[derive(Debug)]
pub enum SecretsResult {
    /// The store had secrets.
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
