//! Messages in files: their texts in a template, each after a mark with its role, or in a list.

use std::collections::BTreeMap;

use super::chat::{ChatParts, ShownMessage};
use super::content::{FormattedText, PromptContent};
use super::finding::FormatFinding;
use super::front_matter::FENCE;
use super::node::{FileNode, NodeMembers, NodeValue, take};
use super::unsupported::Unsupported;
use super::variables::{self, VariableReader, VariableSyntax, settle};
use super::yaml_write;
use crate::formats::is_equal;
use crate::model::body::Body;

/// The text of a message in a template.
pub(super) struct TemplateSection<'a> {
    pub(super) role: &'a str,
    pub(super) text: &'a str,
    /// The line at which the text begins.
    pub(super) line: usize,
}

/// Returns the messages of a template. Line ends around a text do not belong to it.
pub(super) fn messages(
    sections: Vec<TemplateSection<'_>>,
    reader: &mut VariableReader<'_>,
) -> Vec<ShownMessage> {
    let messages = sections.into_iter().map(|section| {
        let core = section.text.trim_matches('\n');
        let before = section.text.len() - section.text.trim_start_matches('\n').len();
        let line = section.line + if core.is_empty() { 0 } else { before };
        ShownMessage::new(section.role, reader.read(core, line), line)
    });
    messages.collect()
}

/// Returns the content of a file, or an error with what it contains that is not carried.
pub(super) fn content(
    parts: ChatParts,
    mut findings: Vec<FormatFinding>,
    unread: Vec<FormatFinding>,
    unsupported: Unsupported,
) -> Result<PromptContent, Vec<FormatFinding>> {
    findings.append(&mut settle(unread, unsupported)?);
    findings.sort_by_key(|finding| finding.line);
    let body = parts.into_body().map_err(|finding| vec![finding])?;
    let mut content = PromptContent::of_body(body, false);
    content.findings = findings;
    Ok(content)
}

/// Returns the role of a message in a list, and its other members.
pub(super) fn role_and_rest(item: FileNode) -> Result<(String, NodeMembers), FormatFinding> {
    let line = item.line;
    let NodeValue::Map(mut members) = item.value else {
        return Err(FormatFinding::new(line, "a message is not a mapping"));
    };
    let role = take(&mut members, "role").and_then(|role| role.as_text().map(str::to_owned));
    role.map(|role| (role, members))
        .ok_or_else(|| FormatFinding::new(line, "a message has no role"))
}

/// Returns messages as a list of roles and texts.
///
/// What the format reads differently is added to the findings.
pub(super) fn message_nodes(
    messages: &[ShownMessage],
    syntax: VariableSyntax,
    types: &mut BTreeMap<String, String>,
    findings: &mut Vec<FormatFinding>,
) -> Vec<FileNode> {
    let nodes = messages.iter().map(|message| {
        let text = message.text.as_deref().unwrap_or_default();
        let (text, finding) = variables::write(text, syntax, types);
        findings.extend(finding);
        FileNode::map(vec![
            ("role".to_owned(), FileNode::text(message.role.clone())),
            ("content".to_owned(), FileNode::text(text)),
        ])
    });
    nodes.collect()
}

/// Returns the template of messages. `mark` returns the text that begins a message of a role.
///
/// What the format reads differently is added to the findings.
pub(super) fn template(
    parts: &mut ChatParts,
    syntax: VariableSyntax,
    types: &mut BTreeMap<String, String>,
    findings: &mut Vec<FormatFinding>,
    mark: impl Fn(&str) -> String,
) -> String {
    let mut out = String::new();
    for (position, message) in parts.messages.iter_mut().flatten().enumerate() {
        message.hide();
        let text = message.text.as_deref().unwrap_or_default();
        let (text, finding) = variables::write(text, syntax, types);
        findings.extend(finding);
        out.push_str(if position > 0 { "\n" } else { "" });
        out.push_str(&format!("{}\n", mark(&message.role)));
        if !text.is_empty() {
            out.push_str(&format!("{text}\n"));
        }
    }
    out
}

/// Returns the text of a file, if it is read as the body that it was written from.
pub(super) fn finish(
    body: &Body,
    front: &NodeMembers,
    template: &str,
    mut findings: Vec<FormatFinding>,
    unsupported: Unsupported,
    read: impl Fn(&str) -> Result<PromptContent, Vec<FormatFinding>>,
) -> Result<FormattedText, Vec<FormatFinding>> {
    let mut text = format!("{FENCE}\n");
    yaml_write::write_members(front, &mut text);
    text.push_str(&format!("{FENCE}\n{template}"));
    let is_same = read(&text).is_ok_and(|content| {
        let newest = content.versions.last();
        newest.is_some_and(|newest| is_equal(&newest.body, body))
    });
    if !is_same && findings.is_empty() {
        let finding = "a text has a line that this format reads as the beginning of a message";
        findings.push(FormatFinding::new(None, finding));
    }
    let findings = settle(findings, unsupported)?;
    Ok(FormattedText { text, findings })
}
