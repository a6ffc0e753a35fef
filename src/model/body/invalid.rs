//! The errors of bodies: text that is not accepted, and stored bytes that are not text.

use crate::model::id::BlobId;

/// An error for text that is not a JSON object, or exceeds the limits of [`Body`](crate::Body).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not accepted: {reason}")]
pub struct InvalidBody {
    /// What is wrong, with line and column if it is a syntax error.
    pub reason: String,
}

/// Stored bytes that are not UTF-8, although their hash is their address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not UTF-8")]
pub(crate) struct NotUnicode {
    /// The address.
    pub(crate) blob: BlobId,
}
