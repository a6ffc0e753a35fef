//! Tests of remotes: stores that pull from a fake of Helicone's service.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test panics to report what failed"
)]

#[cfg(all(feature = "cli", unix))]
mod command;
mod histories;
mod large;
mod pulling;
mod pushing;
mod service;
mod support;
