//! The edits of a difference.

use serde::{Deserialize, Deserializer, Serialize};

use super::pointer::Pointer;
use super::segment::Segment;
use crate::json::{Json, JsonTree};

/// One difference between two bodies.
///
/// As JSON: `{kind, section, old_pointer, new_pointer, old, new, text}`, without the members that
/// do not apply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Edit {
    /// The kind of the edit.
    pub kind: EditKind,
    /// The part of the body that contains the edit. `None` if the body is changed as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section: Option<Section>,
    /// The place in the old body. `None` if the value was added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_pointer: Option<Pointer>,
    /// The place in the new body. `None` if the value was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_pointer: Option<Pointer>,
    /// The value that was removed or changed, as it is written, but without white space.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub old: Option<Json>,
    /// The value that was added, or the value after the change, as it is written, but without white
    /// space.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub new: Option<Json>,
    /// If a string was changed to a string: the equal, removed and added pieces, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Vec<Segment>>,
}

/// A part of a body: a message, a tool, or another member as a whole. Its edits are adjacent.
///
/// As JSON: `{member, old_index, new_index}`, without the members that do not apply.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Section {
    /// The name of the body's member that is this part, or that contains it.
    pub member: String,
    /// The index of a message or tool in the old body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_index: Option<usize>,
    /// The index of a message or tool in the new body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_index: Option<usize>,
}

/// The kind of an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EditKind {
    /// The value is new. Everything below it is new too, and has no edits of its own.
    Added,
    /// The value was removed, with everything below it.
    Removed,
    /// The value was replaced by another one, of the same type or of another.
    Changed,
    /// The value is the same, but its numbers are written in another way: `1.5` and `1.50`, `1` and
    /// `1.0`.
    Reformatted,
    /// The order of a list's item relative to others changed. An index that changed only because
    /// other items were added or removed is not a move.
    Moved,
    /// The item was moved, and edits of its contents follow.
    MovedAndChanged,
}

/// Reads a member that is there, whose value may be null.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    reader: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(reader).map(Some)
}

impl EditKind {
    /// Returns the kind as it appears in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Reformatted => "reformatted",
            Self::Moved => "moved",
            Self::MovedAndChanged => "moved_and_changed",
        }
    }

    /// Returns whether the value was moved, changed or not.
    #[must_use]
    pub fn is_move(self) -> bool {
        matches!(self, Self::Moved | Self::MovedAndChanged)
    }
}

impl Edit {
    pub(super) fn within(self, section: Option<Section>) -> Self {
        Self { section, ..self }
    }

    pub(super) fn added(at: Pointer, new: &JsonTree<'_>) -> Self {
        Self {
            new_pointer: Some(at),
            new: Some(new.into()),
            ..Self::empty(EditKind::Added)
        }
    }

    pub(super) fn removed(at: Pointer, old: &JsonTree<'_>) -> Self {
        Self {
            old_pointer: Some(at),
            old: Some(old.into()),
            ..Self::empty(EditKind::Removed)
        }
    }

    pub(super) fn changed(
        from: Pointer,
        to: Pointer,
        old: &JsonTree<'_>,
        new: &JsonTree<'_>,
    ) -> Self {
        let text = match (old, new) {
            (JsonTree::String(old), JsonTree::String(new)) => {
                Some(super::text::compare(old.as_str(), new.as_str()))
            }
            _ => None,
        };
        let kind = if old.is_same(new) {
            EditKind::Reformatted
        } else {
            EditKind::Changed
        };
        Self {
            old_pointer: Some(from),
            new_pointer: Some(to),
            old: Some(old.into()),
            new: Some(new.into()),
            text,
            ..Self::empty(kind)
        }
    }

    pub(super) fn moved(from: Pointer, to: Pointer) -> Self {
        Self {
            old_pointer: Some(from),
            new_pointer: Some(to),
            ..Self::empty(EditKind::Moved)
        }
    }

    fn empty(kind: EditKind) -> Self {
        Self {
            kind,
            section: None,
            old_pointer: None,
            new_pointer: None,
            old: None,
            new: None,
            text: None,
        }
    }
}
