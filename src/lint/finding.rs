//! [`Finding`], a fault that [`lint`](super::lint) found.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::text_location::TextLocation;

/// A fault of a body that is easily overlooked. As text: its place and its description.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// The kind of the fault.
    pub kind: FindingKind,
    /// A description of the fault.
    pub message: String,
    /// The place of the text that has the fault.
    pub place: TextLocation,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// The kind of a [`Finding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// A tag where nothing fills it. Strict rendering refuses the body.
    MisplacedTag,
    /// A text that begins like a tag and is none. Rendering leaves it.
    NearTag,
    /// A tag whose type is none of `string`, `number` and `boolean`. It takes any value.
    UnknownType,
    /// Characters that a reader cannot see.
    HiddenCharacters,
}

impl FindingKind {
    /// Returns whether strict rendering refuses a body that has the fault.
    #[must_use]
    pub fn is_error(self) -> bool {
        self == Self::MisplacedTag
    }

    /// Returns the kind as written in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MisplacedTag => "misplaced_tag",
            Self::NearTag => "near_tag",
            Self::UnknownType => "unknown_type",
            Self::HiddenCharacters => "hidden_characters",
        }
    }
}
