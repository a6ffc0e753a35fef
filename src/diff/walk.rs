//! The parallel walk over two bodies that records their differences.

use super::align::align;
use super::edit::{Edit, EditKind, Section};
use super::list::ListKind;
use super::pointer::Pointer;
use crate::json::{JsonTree, TreeMembers};

/// Maximum depth; deeper values are compared as a whole.
const MAX_DEPTH: usize = 128;

/// Maximum length of a pointer in bytes. A value with a longer one is compared as a whole, because
/// every pointer below it would repeat it.
const MAX_POINTER_BYTES: usize = 1024;

/// Maximum number of edits of a value. A value with more edits is changed as a whole.
const MAX_EDITS: usize = 50_000;

/// Returns the edits that turn the old body into the new one.
pub(super) fn edits(old: &JsonTree<'_>, new: &JsonTree<'_>) -> Vec<Edit> {
    let mut walk = DiffWalk { edits: Vec::new() };
    let at = WalkPosition {
        old: Pointer::default(),
        new: Pointer::default(),
        section: None,
        role: Role::Body,
        depth: 0,
    };
    walk.values(at, old, new);
    walk.edits
}

/// The role of a value in a body, which decides how it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Body,
    Messages,
    Message,
    Content,
    Tools,
    Other,
}

impl Role {
    fn of_member(self, name: &str) -> Self {
        match (self, name) {
            (Self::Body, "messages") => Self::Messages,
            (Self::Body, "tools" | "functions") => Self::Tools,
            (Self::Message, "content") => Self::Content,
            _ => Self::Other,
        }
    }

    fn of_item(self) -> Self {
        match self {
            Self::Messages => Self::Message,
            _ => Self::Other,
        }
    }

    fn list(self) -> ListKind {
        match self {
            Self::Messages => ListKind::Messages,
            Self::Tools => ListKind::Tools,
            Self::Content => ListKind::Parts,
            Self::Body | Self::Message | Self::Other => ListKind::Plain,
        }
    }
}

/// The current place of the walk in both bodies.
struct WalkPosition {
    old: Pointer,
    new: Pointer,
    section: Option<Section>,
    role: Role,
    depth: usize,
}

impl WalkPosition {
    fn member(&self, name: &str) -> Self {
        Self {
            old: self.old.member(name),
            new: self.new.member(name),
            section: self.section_of(name),
            role: self.role.of_member(name),
            depth: self.depth + 1,
        }
    }

    fn item(&self, old: usize, new: usize) -> Self {
        Self {
            old: self.old.item(old),
            new: self.new.item(new),
            section: self.section_at(Some(old), Some(new)),
            role: self.role.of_item(),
            depth: self.depth + 1,
        }
    }

    /// Returns the section that a member is, or is part of.
    fn section_of(&self, name: &str) -> Option<Section> {
        let whole = || Section {
            member: name.to_owned(),
            old_index: None,
            new_index: None,
        };
        self.section
            .clone()
            .or_else(|| (self.role == Role::Body).then(whole))
    }

    /// Returns the section that an item is, or is part of.
    fn section_at(&self, old: Option<usize>, new: Option<usize>) -> Option<Section> {
        let mut section = self.section.clone();
        if let Some(section) = &mut section
            && matches!(self.role, Role::Messages | Role::Tools)
        {
            (section.old_index, section.new_index) = (old, new);
        }
        section
    }

    fn may_descend(&self) -> bool {
        let longest = self.old.as_str().len().max(self.new.as_str().len());
        self.depth < MAX_DEPTH && longest <= MAX_POINTER_BYTES
    }
}

struct DiffWalk {
    edits: Vec<Edit>,
}

impl DiffWalk {
    fn values(&mut self, at: WalkPosition, old: &JsonTree<'_>, new: &JsonTree<'_>) {
        if old == new {
            return;
        }
        let before = self.edits.len();
        match (old, new) {
            (JsonTree::Object(old), JsonTree::Object(new)) if at.may_descend() => {
                self.members(&at, old, new);
            }
            (JsonTree::Array(old), JsonTree::Array(new)) if at.may_descend() => {
                self.items(&at, old, new)
            }
            _ => return self.changed(at, old, new),
        }
        if self.edits.len() - before > MAX_EDITS {
            self.edits.truncate(before);
            self.changed(at, old, new);
        }
    }

    fn changed(&mut self, at: WalkPosition, old: &JsonTree<'_>, new: &JsonTree<'_>) {
        let edit = Edit::changed(at.old, at.new, old, new);
        self.edits.push(edit.within(at.section));
    }

    /// Compares members in the order of the new object, followed by the removed ones.
    fn members(&mut self, at: &WalkPosition, old: &TreeMembers<'_>, new: &TreeMembers<'_>) {
        for (name, value) in new.iter() {
            match old.get(name) {
                Some(before) => self.values(at.member(name), before, value),
                None => {
                    let edit = Edit::added(at.new.member(name), value);
                    self.edits.push(edit.within(at.section_of(name)));
                }
            }
        }
        for (name, value) in old.iter().filter(|(name, _)| !new.contains(name)) {
            let edit = Edit::removed(at.old.member(name), value);
            self.edits.push(edit.within(at.section_of(name)));
        }
    }

    /// Compares items in the order of the new list. A removed item comes after its former
    /// predecessor, and before the item that replaced it.
    fn items(&mut self, at: &WalkPosition, old: &[JsonTree<'_>], new: &[JsonTree<'_>]) {
        let matches = align(at.role.list(), old, new);
        let mut of_new = vec![None; new.len()];
        let mut is_gone = vec![true; old.len()];
        for one in &matches {
            of_new[one.new] = Some(*one);
            is_gone[one.old] = false;
        }
        let mut gone = (0..old.len())
            .filter(|position| is_gone[*position])
            .peekable();
        let mut kept = matches.iter().filter(|one| !one.moved).peekable();
        for (position, value) in new.iter().enumerate() {
            let next_kept = kept.peek().map_or(old.len(), |one| one.old);
            while let Some(before) = gone.next_if(|gone| *gone < next_kept) {
                self.gone(at, before, &old[before]);
            }
            match of_new[position] {
                None => {
                    let edit = Edit::added(at.new.item(position), value);
                    let section = at.section_at(None, Some(position));
                    self.edits.push(edit.within(section));
                }
                Some(one) if one.moved => {
                    self.moved(at.item(one.old, one.new), &old[one.old], value);
                }
                Some(one) => {
                    kept.next();
                    self.values(at.item(one.old, one.new), &old[one.old], value);
                }
            }
        }
        for before in gone {
            self.gone(at, before, &old[before]);
        }
    }

    fn gone(&mut self, at: &WalkPosition, position: usize, value: &JsonTree<'_>) {
        let edit = Edit::removed(at.old.item(position), value);
        let section = at.section_at(Some(position), None);
        self.edits.push(edit.within(section));
    }

    fn moved(&mut self, at: WalkPosition, old: &JsonTree<'_>, new: &JsonTree<'_>) {
        let position = self.edits.len();
        let edit = Edit::moved(at.old.clone(), at.new.clone());
        self.edits.push(edit.within(at.section.clone()));
        self.values(at, old, new);
        if self.edits.len() > position + 1 {
            self.edits[position].kind = EditKind::MovedAndChanged;
        }
    }
}
