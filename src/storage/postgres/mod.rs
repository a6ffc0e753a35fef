//! The index and the bodies of a store in a Postgres database. This folder contains every statement
//! in Postgres' SQL.
//!
//! A store has a schema of its own. Writers queue for a lock that belongs to their transaction;
//! readers take a snapshot and no lock. The statements of a commit are sent together.

#![expect(
    clippy::disallowed_types,
    reason = "this module knows SQL, and defines a backend"
)]

mod backend;
mod blobs;
mod change_mark;
mod columns;
mod connection;
mod credentials;
mod error;
mod index;
mod migrate;
mod pool;
mod runtime;
mod search;
mod secrets;
mod snapshot;
mod store_lock;
#[cfg(test)]
mod tests;
mod transaction;
mod url;
mod write_lock;

pub(crate) use self::blobs::PostgresBlobs;
pub(crate) use self::index::PostgresIndex;
pub(crate) use self::url::PostgresUrl;
