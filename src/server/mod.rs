//! Helicone's HTTP API on a store.
