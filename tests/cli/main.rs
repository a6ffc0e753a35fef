//! Tests of the `promptbook` command as its users run it: the real binary, in temporary
//! directories.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test reaches around the store, to its files"
)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test panics to report what failed"
)]

mod bundles;
mod clocks;
mod copies;
mod damage;
mod dangers;
mod demo;
mod differences;
mod edit;
mod environment_list;
mod environments;
mod failures;
mod folders;
mod formats;
mod freeze;
mod guide;
mod history;
mod hostile;
mod lint;
mod messages;
#[path = "../shared/hostile.rs"]
mod names;
mod numbers;
mod pairs;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "postgres")]
#[path = "../shared/postgres_server.rs"]
mod postgres_server;
mod prompts;
mod questions;
mod reading;
#[cfg(feature = "s3")]
#[path = "../shared/s3_server.rs"]
mod s3_server;
mod search;
mod shells;
mod status;
mod support;
mod templates;
mod upkeep;
mod versions;
mod waits;
