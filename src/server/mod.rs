//! Helicone's HTTP API on a store.

mod fixtures;

pub use fixtures::{Fixtures, FixturesError};
