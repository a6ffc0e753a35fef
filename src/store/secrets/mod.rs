//! The secrets of a server.
//!
//! They are in a file of their own in the store, and in no backup or bundle.

mod access;
mod kept;

pub(super) use self::kept::InMemorySecrets;
pub(crate) use self::kept::{Secrets, SecretsResult};
