//! Walks two bodies at once and notes where they differ.

use super::align::{List, align};
use super::edit::{Edit, EditKind, Section};
use super::pointer::Pointer;
use crate::json::{Members, Tree};

/// Below so many levels, values are compared as wholes.
const DEEPEST: usize = 128;

/// So does a value whose pointer has more bytes, as those below it would have them all once more.
const LONGEST_POINTER: usize = 1024;

/// A value with more edits than these is changed as a whole.
const MOST_EDITS: usize = 50_000;

/// The edits that make one body of the other.
pub(super) fn edits(old: &Tree<'_>, new: &Tree<'_>) -> Vec<Edit> {
    let mut walk = Walk { edits: Vec::new() };
    let at = At {
        old: Pointer::default(),
        new: Pointer::default(),
        section: None,
        spot: Spot::Body,
        depth: 0,
    };
    walk.values(at, old, new);
    walk.edits
}

/// What a value is in a body, as far as it tells how it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spot {
    Body,
    Messages,
    Message,
    Content,
    Tools,
    Other,
}

impl Spot {
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

    fn list(self) -> List {
        match self {
            Self::Messages => List::Messages,
            Self::Tools => List::Tools,
            Self::Content => List::Parts,
            Self::Body | Self::Message | Self::Other => List::Plain,
        }
    }
}

/// Where the walk is, in both bodies.
struct At {
    old: Pointer,
    new: Pointer,
    section: Option<Section>,
    spot: Spot,
    depth: usize,
}

impl At {
    fn member(&self, name: &str) -> Self {
        Self {
            old: self.old.member(name),
            new: self.new.member(name),
            section: self.section_of(name),
            spot: self.spot.of_member(name),
            depth: self.depth + 1,
        }
    }

    fn item(&self, old: usize, new: usize) -> Self {
        Self {
            old: self.old.item(old),
            new: self.new.item(new),
            section: self.section_at(Some(old), Some(new)),
            spot: self.spot.of_item(),
            depth: self.depth + 1,
        }
    }

    /// The section that a member is, or is in.
    fn section_of(&self, name: &str) -> Option<Section> {
        let whole = || Section {
            member: name.to_owned(),
            old_index: None,
            new_index: None,
        };
        self.section
            .clone()
            .or_else(|| (self.spot == Spot::Body).then(whole))
    }

    /// The section that an item is, or is in.
    fn section_at(&self, old: Option<usize>, new: Option<usize>) -> Option<Section> {
        let mut section = self.section.clone();
        if let Some(section) = &mut section
            && matches!(self.spot, Spot::Messages | Spot::Tools)
        {
            (section.old_index, section.new_index) = (old, new);
        }
        section
    }

    fn goes_on(&self) -> bool {
        let longest = self.old.as_str().len().max(self.new.as_str().len());
        self.depth < DEEPEST && longest <= LONGEST_POINTER
    }
}

struct Walk {
    edits: Vec<Edit>,
}

impl Walk {
    fn values(&mut self, at: At, old: &Tree<'_>, new: &Tree<'_>) {
        if old == new {
            return;
        }
        let before = self.edits.len();
        match (old, new) {
            (Tree::Object(old), Tree::Object(new)) if at.goes_on() => {
                self.members(&at, old, new);
            }
            (Tree::Array(old), Tree::Array(new)) if at.goes_on() => self.items(&at, old, new),
            _ => return self.changed(at, old, new),
        }
        if self.edits.len() - before > MOST_EDITS {
            self.edits.truncate(before);
            self.changed(at, old, new);
        }
    }

    fn changed(&mut self, at: At, old: &Tree<'_>, new: &Tree<'_>) {
        let edit = Edit::changed(at.old, at.new, old, new);
        self.edits.push(edit.within(at.section));
    }

    /// In the order of the new object, then what is gone.
    fn members(&mut self, at: &At, old: &Members<'_>, new: &Members<'_>) {
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

    /// In the order of the new list; what is gone comes after what it stood after, and before what came in its place.
    fn items(&mut self, at: &At, old: &[Tree<'_>], new: &[Tree<'_>]) {
        let matches = align(at.spot.list(), old, new);
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

    fn gone(&mut self, at: &At, position: usize, value: &Tree<'_>) {
        let edit = Edit::removed(at.old.item(position), value);
        let section = at.section_at(Some(position), None);
        self.edits.push(edit.within(section));
    }

    fn moved(&mut self, at: At, old: &Tree<'_>, new: &Tree<'_>) {
        let position = self.edits.len();
        let edit = Edit::moved(at.old.clone(), at.new.clone());
        self.edits.push(edit.within(at.section.clone()));
        self.values(at, old, new);
        if self.edits.len() > position + 1 {
            self.edits[position].kind = EditKind::MovedAndChanged;
        }
    }
}
