//! Helicone's HTTP API on a store.
//!
//! [`Server`] serves all 23 routes of [Helicone's Prompts 2025](https://docs.helicone.ai), so that
//! Helicone's clients work on a local store. [`Fake`] is a server for tests. [`Fixtures`] are the
//! prompts that a store or a fake is filled with.

mod answer;
mod app;
mod budget;
mod connections;
mod date;
mod descriptors;
mod edge;
mod error;
mod etag;
pub mod fake;
mod fixtures;
mod hosts;
mod idle;
mod kept;
mod keys;
mod listen;
mod options;
mod origin;
mod pages;
mod refusal;
mod request;
mod rest;
mod routes;
mod service;
mod signature;
mod wire;

pub use self::app::Limits;
pub use self::error::ServerError;
pub use self::fake::{Fake, FakeError, FakeOptions, Fault};
pub use self::fixtures::{Fixtures, FixturesError};
pub use self::options::ServerOptions;
pub use self::refusal::Status;
pub use self::service::{Running, Server};
