//! What a difference is made of.

use serde::Serialize;

use super::pointer::Pointer;
use super::text::Segment;
use crate::json::{Json, Tree};

/// One thing in which two bodies differ.
///
/// As JSON: `{kind, section, old_pointer, new_pointer, old, new, text}`, what does not apply left out.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Edit {
    /// What happened.
    pub kind: EditKind,
    /// The part of the body that it is in; none where the body is changed as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section: Option<Section>,
    /// Where it is in the old body; nowhere if it was added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_pointer: Option<Pointer>,
    /// Where it is in the new body; nowhere if it was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_pointer: Option<Pointer>,
    /// What was removed or changed, as it is written but for white space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Json>,
    /// What was added, or what something was changed to, as it is written but for white space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Json>,
    /// For a string that was changed to a string: what stayed, went and came, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Vec<Segment>>,
}

/// A part of a body: a message, a tool, or another member of it as a whole. The edits of one stand together.
///
/// As JSON: `{member, old_index, new_index}`, what does not apply left out.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Section {
    /// The body's member that it is, or is in.
    pub member: String,
    /// Of messages and tools, which one in the old body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_index: Option<usize>,
    /// Of messages and tools, which one in the new body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_index: Option<usize>,
}

/// What happened to a part of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EditKind {
    /// It is new. Everything below it is new too, and has no edits of its own.
    Added,
    /// It is gone, with everything below it.
    Removed,
    /// It is another value: a scalar, or something of another type.
    Changed,
    /// It is the same value, its numbers written in another way: `1.5` and `1.50`, `1` and `1.0`.
    Respelled,
    /// An item of a list stands before or after items that it stood after or before. That its index changed because
    /// others were added or removed is no move.
    Moved,
    /// It was moved, and edits of what is in it follow.
    MovedAndChanged,
}

impl EditKind {
    /// The kind as it stands in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Respelled => "respelled",
            Self::Moved => "moved",
            Self::MovedAndChanged => "moved_and_changed",
        }
    }

    /// Whether something was moved, changed or not.
    #[must_use]
    pub fn is_move(self) -> bool {
        matches!(self, Self::Moved | Self::MovedAndChanged)
    }
}

impl Edit {
    pub(super) fn within(self, section: Option<Section>) -> Self {
        Self { section, ..self }
    }

    pub(super) fn added(at: Pointer, new: &Tree<'_>) -> Self {
        Self {
            new_pointer: Some(at),
            new: Some(new.into()),
            ..Self::empty(EditKind::Added)
        }
    }

    pub(super) fn removed(at: Pointer, old: &Tree<'_>) -> Self {
        Self {
            old_pointer: Some(at),
            old: Some(old.into()),
            ..Self::empty(EditKind::Removed)
        }
    }

    pub(super) fn changed(from: Pointer, to: Pointer, old: &Tree<'_>, new: &Tree<'_>) -> Self {
        let text = match (old, new) {
            (Tree::String(old), Tree::String(new)) => {
                Some(super::text::compare(old.as_str(), new.as_str()))
            }
            _ => None,
        };
        let kind = match old.is_same(new) {
            true => EditKind::Respelled,
            false => EditKind::Changed,
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
