//! Verification of a store: checks every invariant, and reports each violation.

pub(crate) mod bodies;
mod chain;
mod chain_replay;
mod environment_list;
pub(crate) mod replay;
pub(crate) mod report;
mod rows;
pub(crate) mod run;
mod sound;

pub use self::report::{VerifyReport, Violation};

pub(crate) use self::report::Depth;
pub(crate) use self::run::{verify, verify_bodies, verify_damaged};
