//! Caches of the engine: resolved specs and contracts.

pub(crate) mod contracts;
pub(crate) mod resolved;
