//! The body of a version: JSON text, stored byte for byte.

pub(crate) mod document;
pub(crate) mod outline;
pub(crate) mod shape;

pub use self::document::Body;
pub(crate) use self::document::verbatim;
pub(crate) use self::outline::any_string;
pub(crate) use self::shape::BodySize;
