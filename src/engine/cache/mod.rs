//! Caches of the engine: resolved specs and contracts.

mod attributes;
pub(crate) mod contracts;
pub(crate) mod resolved;
