//! Parsed JSON text that preserves the notation of numbers and strings.

use std::hash::{Hash, Hasher};

use super::cursor::JsonCursor;
use super::number::ExactNumber;
use super::text::JsonString;

/// A JSON value with exact equality.
///
/// The order of an object's members and the escapes of a string do not matter, but the notation of
/// a number does. [`ByValue`] compares numbers by value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum JsonTree<'a> {
    Null,
    Bool(bool),
    Number(ExactNumber<'a>),
    String(JsonString<'a>),
    Array(Vec<JsonTree<'a>>),
    Object(TreeMembers<'a>),
}

/// The members of an object, in order.
///
/// If a name is repeated, the last value counts, in the place of the first.
#[derive(Clone, Debug, Default)]
pub(crate) struct TreeMembers<'a> {
    list: Vec<(JsonString<'a>, JsonTree<'a>)>,
    /// The places in `list`, sorted by name, if there are more than [`MAX_LINEAR_MEMBERS`].
    by_name: Vec<usize>,
}

/// The maximum number of members of an object that is searched linearly.
const MAX_LINEAR_MEMBERS: usize = 8;

/// An array or an object whose end was not read yet.
enum OpenContainer<'a> {
    Array(Vec<JsonTree<'a>>),
    Object(Vec<(JsonString<'a>, JsonTree<'a>)>, JsonString<'a>),
}

impl<'a> JsonTree<'a> {
    /// Parses text that is known to be JSON. Text that is not JSON becomes null.
    pub(crate) fn of(text: &'a str) -> Self {
        Self::read(text).unwrap_or(Self::Null)
    }

    fn read(text: &'a str) -> Option<Self> {
        let mut cursor = JsonCursor::new(text);
        let mut open: Vec<OpenContainer<'a>> = Vec::new();
        loop {
            let mut value = match cursor.peek()? {
                b'{' => {
                    cursor.pass(b'{');
                    if !cursor.pass(b'}') {
                        open.push(OpenContainer::Object(Vec::new(), read_name(&mut cursor)?));
                        continue;
                    }
                    Self::Object(TreeMembers::default())
                }
                b'[' => {
                    cursor.pass(b'[');
                    if !cursor.pass(b']') {
                        open.push(OpenContainer::Array(Vec::new()));
                        continue;
                    }
                    Self::Array(Vec::new())
                }
                b'"' => Self::String(JsonString::read(cursor.string()?)?),
                _ => match cursor.word()? {
                    "null" => Self::Null,
                    "true" => Self::Bool(true),
                    "false" => Self::Bool(false),
                    number => Self::Number(ExactNumber::new(number)),
                },
            };
            // The value ends here, and so do all values that it is the last part of.
            loop {
                match open.pop() {
                    None => return Some(value),
                    Some(OpenContainer::Array(mut items)) => {
                        items.push(value);
                        if cursor.pass(b',') {
                            open.push(OpenContainer::Array(items));
                            break;
                        }
                        value = cursor.pass(b']').then_some(Self::Array(items))?;
                    }
                    Some(OpenContainer::Object(mut list, name)) => {
                        list.push((name, value));
                        if cursor.pass(b',') {
                            open.push(OpenContainer::Object(list, read_name(&mut cursor)?));
                            break;
                        }
                        let members = TreeMembers::new(list);
                        value = cursor.pass(b'}').then_some(Self::Object(members))?;
                    }
                }
            }
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text.as_str()),
            _ => None,
        }
    }

    pub(crate) fn as_array(&self) -> Option<&[JsonTree<'a>]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn as_object(&self) -> Option<&TreeMembers<'a>> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// Returns the member with this name, if the value is an object that has one.
    pub(crate) fn get(&self, name: &str) -> Option<&JsonTree<'a>> {
        self.as_object()?.get(name)
    }

    /// Returns whether both values are equal, with numbers compared by value.
    pub(crate) fn is_same(&self, other: &JsonTree<'_>) -> bool {
        match (self, other) {
            (JsonTree::Null, JsonTree::Null) => true,
            (JsonTree::Bool(one), JsonTree::Bool(other)) => one == other,
            (JsonTree::Number(one), JsonTree::Number(other)) => one.is_same(*other),
            (JsonTree::String(one), JsonTree::String(other)) => one.as_str() == other.as_str(),
            (JsonTree::Array(one), JsonTree::Array(other)) => {
                let mut pairs = one.iter().zip(other);
                one.len() == other.len() && pairs.all(|(one, other)| one.is_same(other))
            }
            (JsonTree::Object(one), JsonTree::Object(other)) => one.is_same(other),
            _ => false,
        }
    }

    /// Writes the value without white space, with numbers and strings in their existing notation.
    pub(crate) fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(bool) => out.push_str(if *bool { "true" } else { "false" }),
            Self::Number(number) => out.push_str(number.text()),
            Self::String(text) => text.write(out),
            Self::Array(items) => {
                out.push('[');
                for (position, item) in items.iter().enumerate() {
                    out.push_str(if position > 0 { "," } else { "" });
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (position, (name, value)) in members.list.iter().enumerate() {
                    out.push_str(if position > 0 { "," } else { "" });
                    name.write(out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    /// Returns the value's text without white space.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }
}

fn read_name<'a>(cursor: &mut JsonCursor<'a>) -> Option<JsonString<'a>> {
    let name = JsonString::read(cursor.string()?)?;
    cursor.pass(b':').then_some(name)
}

impl<'a> TreeMembers<'a> {
    pub(crate) fn new(mut list: Vec<(JsonString<'a>, JsonTree<'a>)>) -> Self {
        if list.len() <= MAX_LINEAR_MEMBERS {
            let mut position = 1;
            while position < list.len() {
                let (before, rest) = list.split_at_mut(position);
                match before.iter_mut().find(|(name, _)| *name == rest[0].0) {
                    Some(first) => {
                        std::mem::swap(first, &mut rest[0]);
                        list.remove(position);
                    }
                    None => position += 1,
                }
            }
            let by_name = Vec::new();
            return Self { list, by_name };
        }
        let mut by_name = sorted(&list);
        let is_repeated = |pair: &[usize]| list[pair[0]].0 == list[pair[1]].0;
        if by_name.windows(2).any(is_repeated) {
            list = without_repeated(list, &by_name);
            by_name = sorted(&list);
        }
        Self { list, by_name }
    }

    /// Returns the members with the notation of their names, without a copy.
    pub(crate) fn into_entries(self) -> Vec<(JsonString<'a>, JsonTree<'a>)> {
        self.list
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &JsonTree<'a>)> {
        self.entries().map(|(name, value)| (name.as_str(), value))
    }

    /// Returns the members with the notation of their names.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&JsonString<'a>, &JsonTree<'a>)> {
        self.list.iter().map(|(name, value)| (name, value))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&JsonTree<'a>> {
        let name_at = |at: usize| self.list[at].0.as_str();
        let at = if self.list.len() > MAX_LINEAR_MEMBERS {
            let found = self.by_name.binary_search_by(|at| name_at(*at).cmp(name));
            self.by_name[found.ok()?]
        } else {
            (0..self.list.len()).find(|at| name_at(*at) == name)?
        };
        Some(&self.list[at].1)
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Returns whether both have the same members, with numbers compared by value.
    pub(crate) fn is_same(&self, other: &TreeMembers<'_>) -> bool {
        let found = |(name, value): (&str, &JsonTree<'_>)| {
            other.get(name).is_some_and(|other| value.is_same(other))
        };
        self.len() == other.len() && self.iter().all(found)
    }

    /// Returns the places of the members, sorted by name.
    fn in_order(&self) -> Vec<usize> {
        if self.by_name.is_empty() {
            sorted(&self.list)
        } else {
            self.by_name.clone()
        }
    }
}

/// Returns the places of these members sorted by name; members of one name remain in order.
fn sorted(list: &[(JsonString<'_>, JsonTree<'_>)]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..list.len()).collect();
    // The sort is stable.
    places.sort_by(|one, other| list[*one].0.as_str().cmp(list[*other].0.as_str()));
    places
}

/// Removes each member that a later one of the same name replaces.
///
/// The later one takes the place of the first.
fn without_repeated<'a>(
    list: Vec<(JsonString<'a>, JsonTree<'a>)>,
    by_name: &[usize],
) -> Vec<(JsonString<'a>, JsonTree<'a>)> {
    let mut order: Vec<(usize, usize)> = Vec::with_capacity(list.len());
    for same in by_name.chunk_by(|one, other| list[*one].0 == list[*other].0) {
        if let [first, .., last] | [first @ last] = same {
            order.push((*first, *last));
        }
    }
    order.sort_unstable();
    let mut list: Vec<_> = list.into_iter().map(Some).collect();
    let kept = order.into_iter().filter_map(|(_, last)| list[last].take());
    kept.collect()
}

impl PartialEq for TreeMembers<'_> {
    fn eq(&self, other: &Self) -> bool {
        let found = |(name, value): (&str, &JsonTree<'_>)| other.get(name) == Some(value);
        self.len() == other.len() && self.iter().all(found)
    }
}

impl Eq for TreeMembers<'_> {}

impl Hash for TreeMembers<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for at in self.in_order() {
            self.list[at].hash(state);
        }
    }
}

/// A value whose equality is that of [`JsonTree::is_same`]: numbers are compared by value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByValue<'t, 'a>(pub(crate) &'t JsonTree<'a>);

impl PartialEq for ByValue<'_, '_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.is_same(other.0)
    }
}

impl Eq for ByValue<'_, '_> {}

impl Hash for ByValue<'_, '_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self.0).hash(state);
        match self.0 {
            JsonTree::Null => {}
            JsonTree::Bool(bool) => bool.hash(state),
            JsonTree::Number(number) => number.hash_value(state),
            JsonTree::String(text) => text.hash(state),
            JsonTree::Array(items) => items.iter().for_each(|item| ByValue(item).hash(state)),
            JsonTree::Object(members) => {
                for at in members.in_order() {
                    let (name, value) = &members.list[at];
                    name.hash(state);
                    ByValue(value).hash(state);
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
