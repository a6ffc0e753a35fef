//! Proving the invariants on a store: every violation by name.

pub(crate) mod bodies;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) use self::run::{Depth, verify, verify_bodies, verify_damaged};
pub use self::run::{Report, Violation};
