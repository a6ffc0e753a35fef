//! The lists of a body, and how their items are identified.

use crate::json::JsonTree;

/// The kind of a list, which decides how its items are identified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListKind {
    /// Messages of a chat.
    Messages,
    /// Tools, or functions, as they were called before.
    Tools,
    /// Parts of a message's content.
    Parts,
    /// Any other list.
    Plain,
}

impl ListKind {
    /// Returns the name of the member that contains an item's sort.
    pub(super) fn sort_member(self) -> Option<&'static str> {
        match self {
            Self::Messages => Some("role"),
            Self::Parts | Self::Tools => Some("type"),
            Self::Plain => None,
        }
    }

    /// Checks whether two items are of the same sort.
    pub(super) fn same_sort(self, old: &JsonTree<'_>, new: &JsonTree<'_>) -> bool {
        match self.sort_member() {
            Some(member) => are_objects(old, new) && old.get(member) == new.get(member),
            None => are_objects(old, new) || (old.as_array().is_some() && new.as_array().is_some()),
        }
    }

    /// Returns the name that identifies an item, if it has one.
    pub(super) fn name<'t>(self, item: &'t JsonTree<'_>) -> Option<&'t str> {
        match self {
            Self::Tools => {
                let function = item.get("function").unwrap_or(item);
                function.get("name")?.as_str()
            }
            Self::Messages | Self::Parts | Self::Plain => None,
        }
    }
}

fn are_objects(old: &JsonTree<'_>, new: &JsonTree<'_>) -> bool {
    old.as_object().is_some() && new.as_object().is_some()
}

/// Returns the name of a tool: that of its function, or its own.
#[cfg(feature = "cli")]
pub(crate) fn tool_name(tool: &serde_json::Value) -> Option<&str> {
    let function = tool.get("function").unwrap_or(tool);
    function.get("name")?.as_str()
}
