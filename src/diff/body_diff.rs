//! TODO

use super::Edit;
use super::Mismatch;
use crate::diff::apply;
use crate::diff::walk;
use serde::Serialize;

use crate::json::Json;

/// The difference of two bodies.
///
/// As JSON: `{edits: [`[`Edit`]`]}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct BodyDiff {
    /// Where the bodies differ, in the order of the new one; what was removed stands where it was. None if they are
    /// equal.
    pub edits: Vec<Edit>,
}

/// Compares two bodies. A [`Body`](crate::Body) is passed by its `as_ref()`.
#[must_use]
pub fn diff(before: &Json, after: &Json) -> BodyDiff {
    BodyDiff {
        edits: walk::edits(&before.tree(), &after.tree()),
    }
}

impl BodyDiff {
    /// Whether the bodies are equal.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Makes the new body of the old one. It equals the new body, its numbers written as there; its members may stand in
    /// another order. It has no white space.
    ///
    /// All edits count together: pointers are those of the old body and of the new one as they are, not of anything
    /// between. Items of a list that are added or moved stand where their new pointers say, and all others keep their
    /// order.
    ///
    /// # Errors
    ///
    /// [`Mismatch`] where an edit does not fit: it is another body. What no edit is about is not looked at.
    pub fn apply(&self, before: &Json) -> Result<Json, Mismatch> {
        apply::apply(&self.edits, before)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
