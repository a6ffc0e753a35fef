//! What can go wrong, in the caller's terms.

pub(crate) mod kind;
pub(crate) mod types;

pub use self::kind::ErrorKind;
pub use self::types::{Error, Holder, Result, Unfrozen};
