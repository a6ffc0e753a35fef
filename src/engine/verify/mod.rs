//! Verification of a store: checks every invariant, and reports each violation.

pub(crate) mod bodies;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) use self::run::{Depth, verify, verify_bodies, verify_damaged};
pub use self::run::{VerifyReport, Violation};
