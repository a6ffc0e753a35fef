//! The parts of a body that have their own origin, and the parts that two bodies have in common.

use std::collections::HashMap;

use super::align::{align, equal};
use super::list::ListKind;
use super::pointer::Pointer;
use crate::json::{JsonTree, TreeMembers};

/// A part of a body: a message, a tool, or another member of the body as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// An item of a member that is a list.
    Item(&'static str, usize),
    Member(String),
}

/// The members whose items are separate parts, and the kinds of these lists.
const LISTS: [(&str, ListKind); 2] = [("messages", ListKind::Messages), ("tools", ListKind::Tools)];

impl Part {
    /// Returns this part of a body, if the body has it.
    pub(crate) fn find<'t, 'a>(&self, body: &'t JsonTree<'a>) -> Option<&'t JsonTree<'a>> {
        match self {
            Self::Item(list, index) => body.get(list)?.as_array()?.get(*index),
            Self::Member(name) => body.get(name),
        }
    }

    /// Returns the part's place.
    pub(crate) fn pointer(&self) -> Pointer {
        match self {
            Self::Item(list, index) => Pointer::default().member(list).item(*index),
            Self::Member(name) => Pointer::default().member(name),
        }
    }
}

/// Returns the parts of a body, in order. A body that is not an object has none.
pub(crate) fn parts(body: &JsonTree<'_>) -> Vec<Part> {
    let mut parts = Vec::new();
    for (name, value) in body.as_object().into_iter().flat_map(TreeMembers::iter) {
        let list = LISTS.iter().find(|(list, _)| *list == name);
        match (list, value) {
            (Some((list, _)), JsonTree::Array(items)) if !items.is_empty() => {
                parts.extend((0..items.len()).map(|index| Part::Item(list, index)));
            }
            _ => parts.push(Part::Member(name.to_owned())),
        }
    }
    parts
}

/// Returns the parts of a body that an earlier one has too, changed or not, each with its earlier
/// part.
pub(crate) fn matched(before: &JsonTree<'_>, after: &JsonTree<'_>) -> HashMap<Part, Part> {
    let mut found = HashMap::new();
    for (list, sort) in LISTS {
        if let (Some(old), Some(new)) = (items(before, list), items(after, list)) {
            for one in align(sort, old, new) {
                found.insert(Part::Item(list, one.new), Part::Item(list, one.old));
            }
        }
    }
    for part in parts(after) {
        if matches!(&part, Part::Member(name) if before.get(name).is_some()) {
            found.insert(part.clone(), part);
        }
    }
    found
}

fn items<'t, 'a>(body: &'t JsonTree<'a>, list: &str) -> Option<&'t [JsonTree<'a>]> {
    body.get(list)?.as_array()
}

/// Returns the parts of a body that are equal in an earlier one, each with its earlier part.
/// Numbers must be written alike.
pub(crate) fn unchanged(before: &JsonTree<'_>, after: &JsonTree<'_>) -> HashMap<Part, Part> {
    let mut same = HashMap::new();
    for (list, sort) in LISTS {
        if let (Some(old), Some(new)) = (items(before, list), items(after, list)) {
            for one in equal(sort, old, new) {
                same.insert(Part::Item(list, one.new), Part::Item(list, one.old));
            }
        }
    }
    for part in parts(after) {
        if let Part::Member(name) = &part
            && before
                .get(name)
                .is_some_and(|old| Some(old) == after.get(name))
        {
            same.insert(part.clone(), part);
        }
    }
    same
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_moved_part_is_unchanged() {
        let message = |text: &str| json!({"role": "user", "content": text});
        let before =
            json!({"model": "m", "messages": [message("a"), message("b")], "tools": 1, "top_p": 1});
        let after = json!({"tools": 1, "messages": [message("b"), message("c"), message("a")], "top_p": 1.0});
        let (before, after) = (before.to_string(), after.to_string());
        let (before, after) = (JsonTree::of(&before), JsonTree::of(&after));
        let same = unchanged(&before, &after);
        let was = |list, index| same.get(&Part::Item(list, index)).cloned();
        assert_eq!(was("messages", 0), Some(Part::Item("messages", 1)));
        assert_eq!(was("messages", 1), None);
        assert_eq!(was("messages", 2), Some(Part::Item("messages", 0)));
        assert!(same.contains_key(&Part::Member("tools".into())));
        assert!(!same.contains_key(&Part::Member("top_p".into())));
        assert_eq!(parts(&after).len(), 5);
        for part in parts(&after) {
            assert!(part.find(&after).is_some(), "{part:?}");
        }
        assert_eq!(parts(&JsonTree::of("1")), []);
    }
}
