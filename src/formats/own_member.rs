//! The member `promptbook` of a file: what its format has no place for.
//!
//! ```yaml
//! promptbook:
//!   types: {age: number}     # variables of another type than string
//!   messages: {…}            # see the module `chat`
//!   body: {seed: 1}          # members of the body
//! ```

use std::collections::BTreeMap;

use super::chat::ChatParts;
use super::finding::FormatFinding;
use super::node::{FileNode, NodeMembers, NodeValue, set};

/// The name of the member.
pub(super) const OWN_MEMBER: &str = "promptbook";

/// What a format has no place for.
#[derive(Debug, Default)]
pub(super) struct OwnMember {
    /// The types of variables, by their names.
    pub(super) types: BTreeMap<String, String>,
    messages: Option<FileNode>,
    pub(super) body: NodeMembers,
    /// Whether the file has the member.
    pub(super) is_there: bool,
}

impl OwnMember {
    /// Reads the member of a file.
    pub(super) fn of(node: Option<FileNode>) -> Result<Self, FormatFinding> {
        let Some(node) = node else {
            return Ok(Self::default());
        };
        let NodeValue::Map(members) = node.value else {
            return Err(FormatFinding::new(node.line, "promptbook is not a mapping"));
        };
        let mut own = Self {
            is_there: true,
            ..Self::default()
        };
        for (name, node) in members {
            let line = node.line;
            match (name.as_str(), node.value) {
                ("messages", value) => own.messages = Some(FileNode { line, value }),
                ("body", NodeValue::Map(members)) => own.body = members,
                ("types", NodeValue::Map(types)) => own.types = types_of(types)?,
                (name, _) => {
                    let text = format!(
                        "{name} is no member of promptbook; it has types, messages and body"
                    );
                    return Err(FormatFinding::new(line, text));
                }
            }
        }
        Ok(own)
    }

    /// Adds what it says about the messages and the other members of a body.
    pub(super) fn add_to(self, parts: &mut ChatParts) -> Result<(), FormatFinding> {
        if let Some(messages) = self.messages {
            parts.add_more(messages)?;
        }
        for (name, value) in self.body {
            if name == "messages" && parts.messages.is_some() {
                let text =
                    "the file has messages of its own and in promptbook.body; use one of them";
                return Err(FormatFinding::new(value.line, text));
            }
            set(&mut parts.rest, name, value);
        }
        Ok(())
    }

    /// Adds the member to those of a file, if there is anything in it.
    pub(super) fn write_to(&self, file: &mut NodeMembers, parts: &ChatParts) {
        let mut members = NodeMembers::new();
        let types = self.types.iter().filter(|(_, kind)| *kind != "string");
        let types = types.map(|(name, kind)| (name.clone(), FileNode::text(kind.clone())));
        let types: NodeMembers = types.collect();
        if !types.is_empty() {
            members.push(("types".into(), FileNode::map(types)));
        }
        if let Some(messages) = parts.more() {
            members.push(("messages".into(), messages));
        }
        if !self.body.is_empty() || self.is_there {
            members.push(("body".into(), FileNode::map(self.body.clone())));
        }
        if !members.is_empty() {
            file.push((OWN_MEMBER.into(), FileNode::map(members)));
        }
    }
}

fn types_of(types: NodeMembers) -> Result<BTreeMap<String, String>, FormatFinding> {
    let types = types.into_iter().map(|(name, kind)| match kind.value {
        NodeValue::Text(text) => Ok((name, text)),
        _ => {
            let text = format!("the type of {name} is not a text, such as number");
            Err(FormatFinding::new(kind.line, text))
        }
    });
    types.collect()
}
