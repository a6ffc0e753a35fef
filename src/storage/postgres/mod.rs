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
mod columns;
mod connect;
mod connection;
mod credentials;
mod error;
mod history_end;
mod index;
mod migrate;
#[cfg(feature = "s3")]
mod objects;
mod planted_fault;
mod pool;
pub(in crate::storage) mod runtime;
mod search;
mod secrets;
mod self_check;
mod sent_steps;
mod snapshot;
mod store_lock;
#[cfg(test)]
mod tests;
mod transaction;
mod url;
mod watch;
mod write_lock;
mod write_step;

pub(crate) use self::blobs::PostgresBlobs;
pub(crate) use self::index::PostgresIndex;
#[cfg(feature = "s3")]
pub(crate) use self::objects::ObjectBlobs;
#[cfg(test)]
pub(crate) use self::tests::backends_of_this_run;
pub(crate) use self::url::PostgresUrl;
