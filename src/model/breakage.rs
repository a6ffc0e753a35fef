//! Breakages: the ways in which a body breaks callers of another.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::text_location::TextLocation;

/// One way in which a body breaks callers of the base. As text: the reason and its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Breakage {
    /// A description of the breakage.
    pub reason: String,
    /// The place in the new body, or in the base if the part was removed.
    pub place: TextLocation,
}

impl Breakage {
    pub(crate) fn new(reason: impl Into<String>, place: TextLocation) -> Self {
        Self {
            reason: reason.into(),
            place,
        }
    }
}

impl fmt::Display for Breakage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.place)
    }
}
