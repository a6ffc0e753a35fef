//! Tests on a real Postgres server and a real S3 server.

mod backup;
mod cuts;
mod damage;
mod faults;
mod suite;
mod support;

pub(in crate::storage::postgres) use self::support::new_store;
