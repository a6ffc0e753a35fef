//! A body as a chat: messages that a format can show, and everything else.
//!
//! What a format cannot show of a message is in a member `promptbook` of the file:
//!
//! ```yaml
//! promptbook:
//!   messages:
//!     2:                     # the second message
//!       with: {name: bob}    # its other members
//!       without: content     # it has no content
//!       before: 1            # line ends before the text, which a reader of the file does not see
//!       after: 1
//! ```

use super::finding::FormatFinding;
use super::node::{FileNode, NodeMembers, NodeValue, set, take};
use crate::model::body::Body;

/// A body, cut into what a format shows and the rest.
#[derive(Debug, Default)]
pub(super) struct ChatParts {
    /// The messages; none if the format cannot show the member `messages`, or there is none.
    pub(super) messages: Option<Vec<ShownMessage>>,
    /// The other members of the body, and `messages` if it is not shown.
    pub(super) rest: NodeMembers,
}

/// A message whose role and text a format shows.
#[derive(Debug)]
pub(super) struct ShownMessage {
    pub(super) role: String,
    /// The text; none if the content is not a text, or absent.
    pub(super) text: Option<String>,
    /// The line of the text in a file that was read, or 0.
    pub(super) line: usize,
    /// What the format does not show.
    pub(super) more: MoreOfMessage,
    /// The value of the message, if it is none of a chat and was to be kept.
    pub(super) verbatim: Option<FileNode>,
}

/// What a format does not show of a message.
#[derive(Debug, Default)]
pub(super) struct MoreOfMessage {
    /// The members besides `role` and a content that is a text.
    pub(super) with: NodeMembers,
    /// Whether the message has no member `content`.
    pub(super) without_content: bool,
    /// The numbers of line ends before and after the text, if the format does not show them.
    pub(super) before: usize,
    pub(super) after: usize,
}

impl ChatParts {
    /// Cuts a body. Messages are shown only if all of them have one of these roles.
    pub(super) fn of(body: &Body, roles: &[&str]) -> Self {
        let root = FileNode::of_json(&body.as_ref().tree());
        let NodeValue::Map(mut rest) = root.value else {
            return Self::default();
        };
        let at = rest.iter().position(|(name, _)| name == "messages");
        let messages = at.and_then(|at| {
            let NodeValue::List(items) = &rest[at].1.value else {
                return None;
            };
            let shown: Option<Vec<ShownMessage>> = items
                .iter()
                .map(|item| ShownMessage::of(item, roles))
                .collect();
            // An empty list has no message that could be shown.
            shown.filter(|shown| !shown.is_empty())
        });
        if messages.is_some() {
            take(&mut rest, "messages");
        }
        Self { messages, rest }
    }

    /// Returns what the shown messages do not show, as the member `messages` of
    /// `promptbook`; none if they show everything.
    pub(super) fn more(&self) -> Option<FileNode> {
        let messages = self.messages.iter().flatten().enumerate();
        let more = messages.filter_map(|(position, message)| {
            let more = message.more.to_node()?;
            Some(((position + 1).to_string(), more))
        });
        let more: NodeMembers = more.collect();
        (!more.is_empty()).then(|| FileNode::map(more))
    }

    /// Adds what a file says about its messages besides their roles and texts.
    pub(super) fn add_more(&mut self, more: FileNode) -> Result<(), FormatFinding> {
        let line = more.line;
        let refused = |line, text: &str| Err(FormatFinding::new(line, text));
        let NodeValue::Map(members) = more.value else {
            return refused(line, "promptbook.messages is not a mapping");
        };
        for (position, node) in members {
            let line = node.line;
            let messages = self.messages.as_mut();
            let message = position.parse().ok().and_then(|position: usize| {
                let messages = messages?;
                messages.get_mut(position.checked_sub(1)?)
            });
            let Some(message) = message else {
                let text = format!(
                    "promptbook.messages names message {position}, which is not in the file"
                );
                return refused(line, &text);
            };
            message.more = MoreOfMessage::of_node(node)?;
        }
        Ok(())
    }

    /// Returns the body.
    pub(super) fn into_body(self) -> Result<Body, FormatFinding> {
        let mut members = self.rest;
        if let Some(messages) = self.messages {
            let messages = messages.into_iter().map(ShownMessage::into_node);
            let messages = FileNode::new(NodeValue::List(messages.collect()));
            set(&mut members, "messages".into(), messages);
        }
        let text = FileNode::map(members).to_json();
        Body::try_from(text).map_err(|error| FormatFinding::new(None, error.to_string()))
    }
}

impl ShownMessage {
    /// Returns a message with a text.
    pub(super) fn new(role: impl Into<String>, text: impl Into<String>, line: usize) -> Self {
        Self {
            role: role.into(),
            text: Some(text.into()),
            line,
            more: MoreOfMessage::default(),
            verbatim: None,
        }
    }

    /// Returns a message that is kept as it is.
    pub(super) fn verbatim(node: FileNode) -> Self {
        Self {
            verbatim: Some(node),
            ..Self::new("", "", 0)
        }
    }

    fn of(message: &FileNode, roles: &[&str]) -> Option<Self> {
        let mut with = message.as_map()?.clone();
        let role = take(&mut with, "role")?;
        let role = role
            .as_text()
            .filter(|role| roles.contains(role))?
            .to_owned();
        let content = message.get("content");
        let text = content.and_then(FileNode::as_text).map(str::to_owned);
        if text.is_some() {
            take(&mut with, "content");
        }
        Some(Self {
            role,
            text,
            line: 0,
            more: MoreOfMessage {
                with,
                without_content: content.is_none(),
                ..MoreOfMessage::default()
            },
            verbatim: None,
        })
    }

    /// Moves what a block of text does not show to the rest of the message: line ends around the
    /// text, and texts that an editor or git would change.
    pub(super) fn hide(&mut self) {
        let Some(text) = self.text.take() else {
            return;
        };
        if text.contains('\r') {
            let content = ("content".to_owned(), FileNode::text(text));
            self.more.with.insert(0, content);
            return;
        }
        let core = text.trim_matches('\n');
        if core.is_empty() {
            self.more.after = text.len();
        } else {
            self.more.before = text.len() - text.trim_start_matches('\n').len();
            self.more.after = text.len() - text.trim_end_matches('\n').len();
        }
        self.text = Some(core.to_owned());
    }

    fn into_node(self) -> FileNode {
        if let Some(node) = self.verbatim {
            return node;
        }
        let more = self.more;
        let mut members = vec![("role".to_owned(), FileNode::text(self.role))];
        if !more.without_content {
            let text = self.text.unwrap_or_default();
            let ends = |count| "\n".repeat(count);
            let text = format!("{}{text}{}", ends(more.before), ends(more.after));
            members.push(("content".to_owned(), FileNode::text(text)));
        }
        for (name, value) in more.with {
            set(&mut members, name, value);
        }
        FileNode::map(members)
    }
}

impl MoreOfMessage {
    fn to_node(&self) -> Option<FileNode> {
        let mut members = NodeMembers::new();
        let count = |count: usize| FileNode::new(NodeValue::Number(count.to_string()));
        if self.before > 0 {
            members.push(("before".into(), count(self.before)));
        }
        if self.after > 0 {
            members.push(("after".into(), count(self.after)));
        }
        if self.without_content {
            members.push(("without".into(), FileNode::text("content")));
        }
        if !self.with.is_empty() {
            members.push(("with".into(), FileNode::map(self.with.clone())));
        }
        (!members.is_empty()).then(|| FileNode::map(members))
    }

    fn of_node(node: FileNode) -> Result<Self, FormatFinding> {
        let line = node.line;
        let NodeValue::Map(members) = node.value else {
            let text = "a member of promptbook.messages is not a mapping";
            return Err(FormatFinding::new(line, text));
        };
        let mut more = Self::default();
        for (name, value) in members {
            let line = value.line;
            match (name.as_str(), value.value) {
                ("with", NodeValue::Map(with)) => more.with = with,
                ("without", NodeValue::Text(text)) if text == "content" => {
                    more.without_content = true;
                }
                ("before", NodeValue::Number(number)) => more.before = line_ends(&number, line)?,
                ("after", NodeValue::Number(number)) => more.after = line_ends(&number, line)?,
                (name, _) => {
                    let text = format!(
                        "{name} is no member of promptbook.messages; it has with, without, before \
                         and after"
                    );
                    return Err(FormatFinding::new(line, text));
                }
            }
        }
        Ok(more)
    }
}

fn line_ends(number: &str, line: usize) -> Result<usize, FormatFinding> {
    let count = number
        .parse()
        .ok()
        .filter(|count| *count <= Body::MAX_BYTES);
    count.ok_or_else(|| FormatFinding::new(line, "this is no number of line ends"))
}
