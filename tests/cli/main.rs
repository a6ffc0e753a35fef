//! The `promptbook` command, run as its users run it: the real binary, in temporary directories.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test they say what failed"
)]

mod demo;
mod environments;
mod failures;
mod folders;
mod prompts;
mod search;
mod support;
mod templates;
mod upkeep;
mod versions;
