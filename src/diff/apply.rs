//! Application of edits to the old body.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::edit::{Edit, EditKind};
use super::pointer::Pointer;
use crate::json::{Json, JsonString, JsonTree, TreeMembers};

/// The error that a difference was applied to a body other than the one it was computed from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the difference is of another body: the value at {:?} does not match", pointer.as_str())]
pub struct Mismatch {
    /// The place at which the body differs.
    pub pointer: Pointer,
}

/// Returns the new body.
pub(super) fn apply(edits: &[Edit], before: &Json) -> Result<Json, Mismatch> {
    let before = before.tree();
    let (mut old, mut new) = (PatchNode::default(), PatchNode::default());
    for edit in edits {
        // Only moves are looked up on both sides. Changes are identified by their old pointer.
        let (in_old, in_new) = match edit.kind {
            EditKind::Added => (None, edit.new_pointer.as_ref()),
            EditKind::Removed | EditKind::Changed | EditKind::Reformatted => {
                (edit.old_pointer.as_ref(), None)
            }
            EditKind::Moved | EditKind::MovedAndChanged => {
                (edit.old_pointer.as_ref(), edit.new_pointer.as_ref())
            }
        };
        if let Some(pointer) = in_old {
            old.put(pointer, edit);
        }
        if let Some(pointer) = in_new {
            new.put(pointer, edit);
        }
    }
    match new.edit {
        // An edit never adds the whole body.
        Some(edit) => Err(mismatch(Some(edit))),
        None => Ok((&build(&before, &old, &new, &PatchNode::default())?).into()),
    }
}

/// The edits of a value and of the values below it, by their pointers in one of the bodies.
#[derive(Default)]
struct PatchNode<'a> {
    /// The edit of the value, other than a move.
    edit: Option<&'a Edit>,
    moved: Option<&'a Edit>,
    below: BTreeMap<Cow<'a, str>, PatchNode<'a>>,
}

impl<'a> PatchNode<'a> {
    fn put(&mut self, pointer: &'a Pointer, edit: &'a Edit) {
        let mut node = self;
        for token in pointer.tokens() {
            node = node.below.entry(token).or_default();
        }
        if edit.kind.is_move() {
            node.moved = Some(edit);
        } else {
            node.edit = Some(edit);
        }
    }

    fn is(&self, kind: EditKind) -> bool {
        self.edit.is_some_and(|edit| edit.kind == kind)
    }
}

fn mismatch(edit: Option<&Edit>) -> Mismatch {
    let pointer = edit.and_then(|edit| edit.old_pointer.as_ref().or(edit.new_pointer.as_ref()));
    Mismatch {
        pointer: pointer.cloned().unwrap_or_default(),
    }
}

/// Returns any edit of a value or of the values below it, to report one that does not fit.
fn any<'a>(node: &PatchNode<'a>) -> Option<&'a Edit> {
    let below = || node.below.values().find_map(any);
    node.edit.or(node.moved).or_else(below)
}

/// Returns the value that replaces this one, if the edit changes it.
fn replaced<'a>(
    edit: Option<&'a Edit>,
    value: &JsonTree<'a>,
) -> Result<Option<JsonTree<'a>>, Mismatch> {
    let Some(edit) = edit else {
        return Ok(None);
    };
    match edit.kind {
        EditKind::Changed | EditKind::Reformatted => {
            check(Some(edit), value)?;
            Ok(edit.new.as_ref().map(Json::tree))
        }
        _ => Err(mismatch(Some(edit))),
    }
}

/// Builds the value of the new body from the old value, its edits by both pointers, and an empty
/// node.
fn build<'a>(
    value: &JsonTree<'a>,
    old: &PatchNode<'a>,
    new: &PatchNode<'a>,
    nothing: &PatchNode<'a>,
) -> Result<JsonTree<'a>, Mismatch> {
    if let Some(new) = replaced(old.edit, value)? {
        return Ok(new);
    }
    match value {
        _ if old.below.is_empty() && new.below.is_empty() => Ok(value.clone()),
        JsonTree::Object(members) => object(members, old, new, nothing).map(JsonTree::Object),
        JsonTree::Array(items) => array(items, old, new, nothing).map(JsonTree::Array),
        _ => Err(mismatch(any(old).or_else(|| any(new)))),
    }
}

fn object<'a>(
    members: &TreeMembers<'a>,
    old: &PatchNode<'a>,
    new: &PatchNode<'a>,
    nothing: &PatchNode<'a>,
) -> Result<TreeMembers<'a>, Mismatch> {
    let strangers = old.below.iter().find(|(name, _)| !members.contains(name));
    if let Some((_, node)) = strangers {
        return Err(mismatch(any(node)));
    }
    let mut built = Vec::with_capacity(members.len());
    for (name, value) in members.entries() {
        let before = old.below.get(name.as_str()).unwrap_or(nothing);
        let after = new.below.get(name.as_str()).unwrap_or(nothing);
        if before.is(EditKind::Removed) {
            check(before.edit, value)?;
        } else {
            built.push((name.clone(), build(value, before, after, nothing)?));
        }
    }
    for (name, node) in &new.below {
        if let Some(edit) = node.edit {
            // An added member must not exist in the old object, unless it is also removed.
            let is_fresh = || {
                let removed = |node: &PatchNode| node.is(EditKind::Removed);
                !members.contains(name) || old.below.get(name).is_some_and(removed)
            };
            let Some(fresh) = edit.new.as_ref().filter(|_| is_fresh()) else {
                return Err(mismatch(Some(edit)));
            };
            built.push((JsonString::New(name.clone()), fresh.tree()));
        }
    }
    Ok(TreeMembers::new(built))
}

/// Checks that the value that an edit removes or changes is the one in the old body.
fn check(edit: Option<&Edit>, value: &JsonTree<'_>) -> Result<(), Mismatch> {
    match edit.and_then(|edit| edit.old.as_ref()) {
        Some(old) if old.tree() == *value => Ok(()),
        _ => Err(mismatch(edit)),
    }
}

/// Builds a list: added and moved items get the positions of their edits; all others fill the
/// remaining positions in order.
fn array<'a>(
    items: &[JsonTree<'a>],
    old: &PatchNode<'a>,
    new: &PatchNode<'a>,
    nothing: &PatchNode<'a>,
) -> Result<Vec<JsonTree<'a>>, Mismatch> {
    let before = numbered(old, items.len())?;
    let (mut removed, mut stays) = (0, vec![true; items.len()]);
    for (position, node) in &before {
        if node.is(EditKind::Removed) {
            check(node.edit, &items[*position])?;
            removed += 1;
        }
        stays[*position] = !node.is(EditKind::Removed) && node.moved.is_none();
    }
    let nodes = new.below.values();
    let added = nodes.filter(|node| node.edit.is_some()).count();
    let length = items.len() - removed + added;
    let after = numbered(new, length)?;
    let item = |from: usize, to: usize| {
        let before = before.get(&from).copied().unwrap_or(nothing);
        let after = after.get(&to).copied().unwrap_or(nothing);
        build(&items[from], before, after, nothing)
    };

    let mut staying = (0..items.len()).filter(|position| stays[*position]);
    let mut built = Vec::with_capacity(length);
    for position in 0..length {
        let node = after.get(&position).copied().unwrap_or(nothing);
        built.push(match (node.edit, node.moved) {
            (Some(edit), _) => {
                let fresh = edit.new.as_ref().map(Json::tree);
                fresh.ok_or_else(|| mismatch(Some(edit)))?
            }
            (None, Some(edit)) => {
                let from = origin(edit).filter(|from| *from < items.len());
                item(from.ok_or_else(|| mismatch(Some(edit)))?, position)?
            }
            (None, None) => {
                let from = staying.next();
                item(from.ok_or_else(|| mismatch(any(new)))?, position)?
            }
        });
    }
    match staying.next() {
        None => Ok(built),
        Some(_) => Err(mismatch(any(new))),
    }
}

/// Returns the position that an item was moved from.
fn origin(edit: &Edit) -> Option<usize> {
    let pointer = edit.old_pointer.as_ref()?;
    pointer.tokens().last()?.parse().ok()
}

/// Returns the nodes below by position. Every position must exist in the list.
fn numbered<'a, 'b>(
    node: &'b PatchNode<'a>,
    length: usize,
) -> Result<BTreeMap<usize, &'b PatchNode<'a>>, Mismatch> {
    let numbered = node.below.iter().map(|(token, node)| {
        let position = token.parse().ok().filter(|position| *position < length);
        position
            .map(|position| (position, node))
            .ok_or_else(|| mismatch(any(node)))
    });
    numbered.collect()
}
