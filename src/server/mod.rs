//! Helicone's HTTP API on a store.
//!
//! [`Server`] serves all 23 routes of [Helicone's Prompts 2025](https://docs.helicone.ai), so that
//! Helicone's clients work on a local store. It also serves the routes of Helicone's AI Gateway, which
//! merge stored prompts into requests for models: [`ServerOptions::upstream`] names the server that
//! answers them. [`Fake`](fake::Fake) is a server for tests. [`Fixtures`] are the
//! prompts that a store or a fake is filled with.

mod api_error;
mod app;
mod base_url;
mod budget;
mod connections;
mod date;
mod descriptors;
mod drain;
mod dto;
mod early_errors;
mod error;
mod etag;
pub mod fake;
mod fixtures;
mod gateway;
mod hosts;
mod idle;
mod keys;
mod listen;
mod middleware;
mod options;
mod pages;
mod request;
mod response;
mod response_cache;
mod routes;
mod service;
mod signature;
mod site;
mod streaming;
mod upstream;

pub use self::api_error::StatusMode;
pub use self::app::Limits;
pub use self::error::ServerError;
pub use self::fixtures::{Fixtures, FixturesError};
pub use self::gateway::GatewayGeneration;
pub use self::options::ServerOptions;
pub use self::service::{Server, ServerHandle};
