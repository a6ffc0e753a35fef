//! Stores in Postgres when servers and connections fail, and what only such stores have.
//!
//! Servers are started by the tests. Between a store and its server there may be a proxy that cuts
//! connections. `PROMPTBOOK_CRASHES=1` tries as many failures as the check of each commit, `10` ten
//! times as many.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by a panic, and says what it tried"
)]
#![allow(unreachable_pub, reason = "a test binary has no outside")]

#[cfg(feature = "s3")]
mod copies;
mod cuts;
mod failover;
#[cfg(all(feature = "cli", feature = "s3", feature = "server"))]
mod gateway;
mod outages;
mod proxy;
#[cfg(all(feature = "cli", feature = "s3", feature = "server"))]
mod served;
mod statements;
mod support;
mod tls;
mod watching;

#[path = "../shared/ledgers.rs"]
mod ledgers;
#[path = "../shared/postgres_server.rs"]
mod postgres_server;
#[cfg(feature = "s3")]
#[path = "../shared/s3_proxy.rs"]
mod s3_proxy;
#[cfg(feature = "s3")]
#[path = "../shared/s3_server.rs"]
mod s3_server;
#[cfg(all(feature = "cli", feature = "s3", feature = "server"))]
#[allow(dead_code, reason = "the tests of the server need more of it")]
#[path = "../server/upstream_server.rs"]
mod upstream_server;
