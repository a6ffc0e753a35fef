//! Tests of the fake as its users see it: over HTTP, and as a command.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test panics to report what failed"
)]

mod calls;
#[path = "../shared/clients.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "other tests share the file, and run the example projects"
)]
mod clients;
#[cfg(all(feature = "cli", unix))]
mod command;
mod completions;
mod control;
mod directory;
mod faults;
mod gateway;
mod litellm;
mod model_clients;
mod same;
mod support;
