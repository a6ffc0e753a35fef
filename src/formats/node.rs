//! The values of a file, with lines and with numbers as they are written.

use crate::json::{JsonTree, escape};

/// A value, and the line at which it begins.
#[derive(Clone, Debug)]
pub(super) struct FileNode {
    /// The line, from 1; of a text in several lines, that of the text's first line. It is 0 for a
    /// value that is from no file.
    pub(super) line: usize,
    pub(super) value: NodeValue,
}

/// The value of a [`FileNode`].
#[derive(Clone, Debug)]
pub(super) enum NodeValue {
    Null,
    Bool(bool),
    /// The text of a JSON number.
    Number(String),
    Text(String),
    List(Vec<FileNode>),
    Map(NodeMembers),
}

/// The members of an object, in order. No name occurs twice.
pub(super) type NodeMembers = Vec<(String, FileNode)>;

impl FileNode {
    /// Returns a value that is from no file.
    pub(super) fn new(value: NodeValue) -> Self {
        Self { line: 0, value }
    }

    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::new(NodeValue::Text(text.into()))
    }

    pub(super) fn map(members: NodeMembers) -> Self {
        Self::new(NodeValue::Map(members))
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.value {
            NodeValue::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn as_map(&self) -> Option<&NodeMembers> {
        match &self.value {
            NodeValue::Map(members) => Some(members),
            _ => None,
        }
    }

    /// Returns the member with this name, if the value is an object that has one.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        member(self.as_map()?, name)
    }

    /// Returns the value of JSON text that is known to be valid.
    pub(super) fn of_json(tree: &JsonTree<'_>) -> Self {
        Self::new(match tree {
            JsonTree::Null => NodeValue::Null,
            JsonTree::Bool(bool) => NodeValue::Bool(*bool),
            JsonTree::Number(number) => NodeValue::Number(number.text().to_owned()),
            JsonTree::String(text) => NodeValue::Text(text.as_str().to_owned()),
            JsonTree::Array(items) => NodeValue::List(items.iter().map(Self::of_json).collect()),
            JsonTree::Object(members) => {
                let members = members.iter();
                let members = members.map(|(name, value)| (name.to_owned(), Self::of_json(value)));
                NodeValue::Map(members.collect())
            }
        })
    }

    /// Returns the value as JSON text, without white space.
    pub(super) fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    fn write_json(&self, out: &mut String) {
        match &self.value {
            NodeValue::Null => out.push_str("null"),
            NodeValue::Bool(bool) => out.push_str(if *bool { "true" } else { "false" }),
            NodeValue::Number(number) => out.push_str(number),
            NodeValue::Text(text) => write_string(text, out),
            NodeValue::List(items) => {
                out.push('[');
                for (position, item) in items.iter().enumerate() {
                    out.push_str(if position > 0 { "," } else { "" });
                    item.write_json(out);
                }
                out.push(']');
            }
            NodeValue::Map(members) => {
                out.push('{');
                for (position, (name, value)) in members.iter().enumerate() {
                    out.push_str(if position > 0 { "," } else { "" });
                    write_string(name, out);
                    out.push(':');
                    value.write_json(out);
                }
                out.push('}');
            }
        }
    }
}

/// Returns the member with this name.
pub(super) fn member<'a>(members: &'a NodeMembers, name: &str) -> Option<&'a FileNode> {
    let mut found = members.iter().filter(|(other, _)| other == name);
    found.next().map(|(_, value)| value)
}

/// Removes and returns the member with this name.
pub(super) fn take(members: &mut NodeMembers, name: &str) -> Option<FileNode> {
    let at = members.iter().position(|(other, _)| other == name)?;
    Some(members.remove(at).1)
}

/// Sets a member, in its place if it exists.
pub(super) fn set(members: &mut NodeMembers, name: String, value: FileNode) {
    match members.iter_mut().find(|(other, _)| *other == name) {
        Some((_, old)) => *old = value,
        None => members.push((name, value)),
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    escape(text, out);
    out.push('"');
}
