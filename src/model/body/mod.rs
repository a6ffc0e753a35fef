//! The body of a version: JSON text, stored byte for byte.

pub(crate) mod document;
pub(crate) mod invalid;
pub(crate) mod outline;
pub(crate) mod shape;

pub use self::document::Body;
pub(crate) use self::document::verbatim;
pub use self::invalid::InvalidBody;
pub(crate) use self::invalid::NotUnicode;
pub(crate) use self::shape::BodySize;
