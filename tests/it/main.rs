//! Integration tests of the store: its API against a model, and a test of each invariant that fails
//! without the code that ensures it.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test reaches around the store, to its files"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test they say what failed"
)]
#![allow(unreachable_pub, reason = "a test binary has no outside")]

mod backups;
mod batches;
mod bodies;
mod breaking;
#[cfg(target_os = "linux")]
mod btrfs;
mod cancelling;
#[cfg(unix)]
mod child;
mod clocks;
mod compare;
mod concurrency;
mod copies;
#[cfg(unix)]
mod damage;
mod environment_list;
mod folders;
mod formats;
mod freshness;
mod frozen;
mod groups;
mod history;
mod identity;
#[cfg(unix)]
mod links;
mod lists;
mod locks;
mod messages;
mod metered;
mod model;
#[cfg(unix)]
mod no_room;
mod numbering;
mod numbers;
#[cfg(unix)]
mod odd;
#[cfg(feature = "postgres")]
mod on_postgres;
mod opening;
#[cfg(unix)]
mod owners;
mod packs;
#[cfg(unix)]
mod readers;
mod records;
mod search;
mod support;
mod tampering;
mod third_party;
#[cfg(unix)]
mod unwritable;
mod upkeep;
#[cfg(unix)]
mod waits;
mod watching;
mod yardstick;
