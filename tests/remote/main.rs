//! Tests of remotes: stores that pull from a fake of Helicone's service.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test panics to report what failed"
)]

mod bundles;
#[path = "../shared/clients.rs"]
#[allow(dead_code, unreachable_pub, reason = "other tests run other clients")]
mod clients;
#[cfg(all(feature = "cli", unix))]
mod command;
mod histories;
mod large;
mod pulling;
mod pushing;
mod rebase;
mod served;
mod service;
mod store_histories;
mod stores;
mod support;
