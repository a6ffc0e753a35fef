//! [`BodyDiff`], the difference of two bodies.

use serde::{Deserialize, Serialize};

use super::apply::{self, Mismatch};
use super::edit::Edit;
use super::walk;
use crate::json::Json;

/// The difference of two bodies.
///
/// As JSON: `{edits: [`[`Edit`]`]}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BodyDiff {
    /// The differences, in the order of the new body; a removed value appears at its old position.
    /// Empty if the bodies are equal.
    pub edits: Vec<Edit>,
}

/// Compares two bodies. Pass a [`Body`](crate::Body) by its `as_ref()`.
#[must_use]
pub fn diff(before: &Json, after: &Json) -> BodyDiff {
    BodyDiff {
        edits: walk::edits(&before.tree(), &after.tree()),
    }
}

impl BodyDiff {
    /// Returns whether the bodies are equal.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Applies the difference to the old body, and returns the new one.
    ///
    /// The result equals the new body, and its numbers are written as there. Its members may be in
    /// another order. It contains no white space.
    ///
    /// All edits apply at the same time: pointers refer to the old body and to the new one, not to
    /// a state in between. Added and moved items of a list get the positions of their new pointers,
    /// and all others keep their order.
    ///
    /// # Errors
    ///
    /// [`Mismatch`] if an edit does not fit, because `before` is another body. Values that no edit
    /// refers to are not checked.
    pub fn apply(&self, before: &Json) -> Result<Json, Mismatch> {
        apply::apply(&self.edits, before)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
