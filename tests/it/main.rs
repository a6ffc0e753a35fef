//! The store from outside: its API against a model, and each invariant by a test that fails without what keeps it.

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
#[cfg(target_os = "linux")]
mod btrfs;
#[cfg(unix)]
mod child;
mod clocks;
mod compare;
mod concurrency;
#[cfg(unix)]
mod damage;
mod formats;
mod freshness;
mod frozen;
mod history;
mod identity;
#[cfg(unix)]
mod links;
mod locks;
mod model;
#[cfg(unix)]
mod no_room;
mod numbering;
mod numbers;
#[cfg(unix)]
mod odd;
mod opening;
#[cfg(unix)]
mod owners;
mod packs;
#[cfg(unix)]
mod readers;
mod search;
mod support;
mod tampering;
#[cfg(unix)]
mod unwritable;
mod upkeep;
#[cfg(unix)]
mod waits;
mod watching;
mod yardstick;
