//! The members of two JSON objects side by side, for their comparison.

use crate::json::{JsonTree, TreeMembers};

/// Returns the members of two objects by name: the first object's, then those only in the second.
pub(super) fn union<'a>(
    base: &'a TreeMembers<'a>,
    new: &'a TreeMembers<'a>,
) -> impl Iterator<Item = (&'a str, Option<&'a JsonTree<'a>>, Option<&'a JsonTree<'a>>)> {
    let added = new.iter().filter(|(name, _)| !base.contains(name));
    base.iter()
        .map(|(name, value)| (name, Some(value), new.get(name)))
        .chain(added.map(|(name, value)| (name, None, Some(value))))
}

/// Returns whether both values are present and the same, or both are absent.
///
/// Numbers are compared by value.
pub(super) fn are_same(base: Option<&JsonTree<'_>>, new: Option<&JsonTree<'_>>) -> bool {
    match (base, new) {
        (Some(base), Some(new)) => base.is_same(new),
        (None, None) => true,
        _ => false,
    }
}
