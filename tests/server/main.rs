//! Tests of the HTTP API from outside: what Helicone's clients see, and what must be impossible for
//! any client.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test panics to report what failed"
)]
#![allow(unreachable_pub, reason = "no other crate uses a test binary")]

mod access;
mod anything;
mod bodies;
mod body_urls;
mod client;
#[path = "../shared/clients.rs"]
#[allow(dead_code, reason = "only other tests run npm")]
mod clients;
mod connections;
mod cross_origin;
mod differences;
mod environments;
mod errors;
mod etags;
mod exchange;
mod hang_ups;
mod hostile;
mod inputs;
mod limits;
mod lists;
mod load;
#[path = "../shared/hostile.rs"]
mod names;
mod openapi;
mod paths;
mod prompts;
mod python;
mod scene;
mod search;
mod shapes;
mod upstream;
mod upstream_server;
mod versions;
