//! The format `promptfoo`: chat prompts of promptfoo, lists of messages in YAML or JSON.
//!
//! Described in [Chat conversations](https://www.promptfoo.dev/docs/configuration/chat). Texts are
//! Nunjucks templates. A list has no place for anything but messages.

use std::collections::BTreeMap;

use super::chat::{ChatParts, ShownMessage};
use super::content::{FormattedText, PromptContent};
use super::finding::FormatFinding;
use super::node::{FileNode, NodeValue, take};
use super::sections::{self, role_and_rest};
use super::unsupported::Unsupported;
use super::variables::{self, VariableReader, VariableSyntax, settle};
use super::{json_read, yaml_read, yaml_write};
use crate::model::body::Body;

const ROLES: &[&str] = &[
    "system",
    "developer",
    "user",
    "assistant",
    "function",
    "tool",
];

const SYNTAX: VariableSyntax = VariableSyntax::Jinja;

/// Reads a file.
pub(super) fn read(
    text: &str,
    unsupported: Unsupported,
) -> Result<PromptContent, Vec<FormatFinding>> {
    let one = |finding| vec![finding];
    let is_json = text.trim_start().starts_with(['[', '{']);
    let (root, comment) = if is_json {
        (json_read::read(text).map_err(one)?, None)
    } else {
        let yaml = yaml_read::read(text, 1).map_err(one)?;
        (yaml.root, yaml.comments.first().copied())
    };
    let line = root.line;
    let NodeValue::List(items) = root.value else {
        return Err(one(FormatFinding::new(
            line,
            "the file is not a list of messages",
        )));
    };
    let types = BTreeMap::new();
    let mut reader = VariableReader::new(SYNTAX, &types);
    let messages = items
        .into_iter()
        .map(|item| message(item, is_json, &mut reader));
    let messages: Vec<ShownMessage> = messages.collect::<Result<_, _>>().map_err(one)?;
    let parts = ChatParts {
        messages: Some(messages),
        ..ChatParts::default()
    };
    let comment = comment.map(|line| FormatFinding::stays("a comment", line));
    let unread = reader.findings;
    sections::content(parts, comment.into_iter().collect(), unread, unsupported)
}

fn message(
    item: FileNode,
    is_json: bool,
    reader: &mut VariableReader<'_>,
) -> Result<ShownMessage, FormatFinding> {
    let line = item.line;
    let (role, mut members) = role_and_rest(item)?;
    let content = take(&mut members, "content");
    let Some(text) = content.as_ref().and_then(FileNode::as_text) else {
        return Err(FormatFinding::new(
            line,
            "the content of a message is not a text",
        ));
    };
    let line = content.as_ref().map_or(line, |content| content.line);
    let before = reader.findings.len();
    let mut message = ShownMessage::new(role, reader.read(text, line), line);
    if is_json {
        // A text of JSON is in one line.
        for finding in &mut reader.findings[before..] {
            finding.line = Some(line);
        }
    }
    message.more.with = members;
    Ok(message)
}

/// Writes the messages of a body.
pub(super) fn write(
    body: &Body,
    unsupported: Unsupported,
) -> Result<FormattedText, Vec<FormatFinding>> {
    let parts = ChatParts::of(body, ROLES);
    let Some(messages) = &parts.messages else {
        let text = "a list of messages has no place for a body without messages of a chat";
        return Err(vec![FormatFinding::new(None, text)]);
    };
    let has_no_place = |what: String| {
        FormatFinding::new(None, format!("a list of messages has no place for {what}"))
    };
    let mut lost: Vec<FormatFinding> = parts
        .rest
        .iter()
        .map(|(name, _)| has_no_place(name.clone()))
        .collect();
    let mut types = BTreeMap::new();
    let mut findings = Vec::new();
    let list = messages.iter().enumerate().map(|(position, message)| {
        let text = message.text.as_deref().unwrap_or_default();
        if message.text.is_none() {
            lost.push(has_no_place(format!(
                "the content of message {}",
                position + 1
            )));
        }
        let (text, finding) = variables::write(text, SYNTAX, &mut types);
        findings.extend(finding);
        let mut members = vec![
            ("role".to_owned(), FileNode::text(message.role.clone())),
            ("content".to_owned(), FileNode::text(text)),
        ];
        let more = message
            .more
            .with
            .iter()
            .filter(|(name, _)| name != "content");
        members.extend(more.cloned());
        FileNode::map(members)
    });
    let list: Vec<FileNode> = list.collect();
    let typed = types.iter().filter(|(_, kind)| *kind != "string");
    lost.extend(typed.map(|(name, kind)| has_no_place(format!("the type {kind} of {name}"))));
    if unsupported == Unsupported::Refuse && !lost.is_empty() {
        return Err(lost);
    }
    let mut findings = settle(findings, unsupported)?;
    findings.append(&mut lost);
    let mut text = String::new();
    yaml_write::write_items(&list, &mut text);
    Ok(FormattedText { text, findings })
}
