//! The secrets with which a store is served.
//!
//! They are in a file of their own in the store, and in no backup or bundle.

mod access;
#[cfg(feature = "postgres")]
mod in_postgres;
mod kept;

pub(super) use self::kept::InMemorySecrets;
pub use self::kept::{Secrets, SecretsResult};
