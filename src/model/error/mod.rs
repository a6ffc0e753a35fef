//! The error type of the public API.

pub(crate) mod kind;
pub(crate) mod types;

pub use self::kind::ErrorKind;
pub use self::types::{Error, FreezeProblem, Result, VersionLabel};
