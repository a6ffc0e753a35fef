//! The pieces of a changed text.

use serde::{Deserialize, Serialize};

/// A piece of a changed text.
///
/// The equal and removed pieces together are the old text; the equal and added pieces together are
/// the new text.
///
/// As JSON: `{kind, text}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Segment {
    /// The text or texts that contain the piece.
    pub kind: SegmentKind,
    /// The piece. It is not empty, and may span several lines.
    pub text: String,
}

/// The text or texts that contain a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentKind {
    /// The piece is in both texts.
    Equal,
    /// The piece is in the old text only.
    Removed,
    /// The piece is in the new text only.
    Added,
}
