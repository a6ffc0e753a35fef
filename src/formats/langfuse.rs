//! The format `langfuse`: prompts as [Langfuse's API](https://langfuse.com/docs/prompt-management/data-model)
//! returns them.
//!
//! A file is one version, `{name, version, type, prompt, config, labels, tags, commitMessage}`, or a
//! list of the versions of one prompt. `prompt` is a text, or a list of messages and
//! [placeholders](https://langfuse.com/docs/prompt-management/features/message-placeholders). The members
//! of `config` are members of the body, and the labels are environments. A variable is `{{name}}`.

use super::chat::{ChatParts, ShownMessage};
use super::content::{FormattedText, PromptContent, PromptFileVersion};
use super::finding::FormatFinding;
use super::json_read;
use super::node::{FileNode, NodeMembers, NodeValue, take};
use super::own_member::{OWN_MEMBER, OwnMember};
use super::sections::message_nodes;
use super::unsupported::Unsupported;
use super::variables::{VariableReader, VariableSyntax, settle};
use crate::json::pretty;
use crate::model::id::EnvironmentName;
use crate::model::version_number::VersionNumber;

const ROLES: &[&str] = &[
    "system",
    "developer",
    "user",
    "assistant",
    "tool",
    "function",
];

const SYNTAX: VariableSyntax = VariableSyntax::Mustache;

/// The label of the newest version, which Langfuse sets itself.
const NEWEST: &str = "latest";

/// The begin of a reference to another prompt in a text.
const REFERENCE: &str = "@@@langfusePrompt:";

/// Reads a file.
pub(super) fn read(
    text: &str,
    unsupported: Unsupported,
) -> Result<PromptContent, Vec<FormatFinding>> {
    let root = json_read::read(text).map_err(|finding| vec![finding])?;
    let line = root.line;
    let versions = match root.value {
        NodeValue::List(items) => items,
        _ => vec![root],
    };
    let (mut found, mut tags, mut findings, mut unread) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut name: Option<String> = None;
    for node in versions {
        let line = node.line;
        let read = version(node, &mut findings, &mut unread).map_err(|finding| vec![finding])?;
        if name.as_ref().is_some_and(|name| *name != read.name) {
            let text = "the file has versions of several prompts; write each prompt to a file";
            return Err(vec![FormatFinding::new(line, text)]);
        }
        name = Some(read.name);
        found.push((read.number, line, read.version));
        tags = read.tags;
    }
    if found.is_empty() {
        return Err(vec![FormatFinding::new(line, "the file has no version")]);
    }
    found.sort_by_key(|(number, ..)| *number);
    if let Some(pair) = found.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        let text = format!("version {} is there twice", pair[1].0);
        return Err(vec![FormatFinding::new(pair[1].1, text)]);
    }
    findings.append(&mut settle(unread, unsupported)?);
    findings.sort_by_key(|finding| finding.line);
    Ok(PromptContent {
        versions: found.into_iter().map(|(_, _, version)| version).collect(),
        tags,
        findings,
        is_verbatim: false,
    })
}

struct ReadVersion {
    name: String,
    number: u32,
    tags: Vec<String>,
    version: PromptFileVersion,
}

fn version(
    node: FileNode,
    findings: &mut Vec<FormatFinding>,
    unread: &mut Vec<FormatFinding>,
) -> Result<ReadVersion, FormatFinding> {
    let line = node.line;
    let NodeValue::Map(mut members) = node.value else {
        return Err(FormatFinding::new(line, "a version is not an object"));
    };
    let required = |node: Option<FileNode>, what: &str| {
        node.ok_or_else(|| FormatFinding::new(line, format!("a version has no {what}")))
    };
    let name = required(take(&mut members, "name"), "name")?;
    let name = name
        .as_text()
        .map(str::to_owned)
        .ok_or_else(|| FormatFinding::new(name.line, "the name is not a text"))?;
    let number = required(take(&mut members, "version"), "version")?;
    let number = match &number.value {
        NodeValue::Number(text) => text.parse().ok(),
        _ => None,
    }
    .ok_or_else(|| FormatFinding::new(number.line, "the version is not a number"))?;
    let prompt = required(take(&mut members, "prompt"), "prompt")?;
    let labels = names(take(&mut members, "labels"), "labels")?;
    let tags = names(take(&mut members, "tags"), "tags")?;
    let message = take(&mut members, "commitMessage");
    let message = message.and_then(|message| message.as_text().map(str::to_owned));
    take(&mut members, "type");
    let mut config = match take(&mut members, "config").map(|node| (node.line, node.value)) {
        None | Some((_, NodeValue::Null)) => NodeMembers::new(),
        Some((_, NodeValue::Map(config))) => config,
        Some((line, _)) => return Err(FormatFinding::new(line, "config is not an object")),
    };
    for (name, node) in members {
        let is_new = |finding: &FormatFinding| !finding.text.starts_with(&format!("{name} stays"));
        if !matches!(node.value, NodeValue::Null) && findings.iter().all(is_new) {
            findings.push(FormatFinding::stays(&name, node.line));
        }
    }
    let own = OwnMember::of(take(&mut config, OWN_MEMBER))?;
    let mut reader = VariableReader::new(SYNTAX, &own.types);
    let mut parts = ChatParts::default();
    match prompt.value {
        NodeValue::Text(text) => {
            let line = prompt.line;
            let text = convert(&mut reader, &text, line);
            parts.messages = Some(vec![ShownMessage::new("user", text, line)]);
            let text = "a prompt of type text becomes a message of the user";
            findings.push(FormatFinding::new(line, text));
        }
        NodeValue::List(items) => {
            let messages = items.into_iter().map(|item| message_of(item, &mut reader));
            let messages: Vec<ShownMessage> = messages.collect::<Result<_, _>>()?;
            // A body without messages, or with others than chat messages, is in the config.
            parts.messages = (!messages.is_empty() || !own.is_there).then_some(messages);
        }
        _ => {
            let text = "the prompt is neither a text nor a list of messages";
            return Err(FormatFinding::new(prompt.line, text));
        }
    }
    if let Some(messages) = take(&mut config, "messages") {
        let text =
            "config.messages has no place in a body, which has messages of its own; rename it";
        return Err(FormatFinding::new(messages.line, text));
    }
    parts.rest = config;
    unread.append(&mut reader.findings);
    own.add_to(&mut parts)?;
    let body = parts.into_body().map_err(|finding| FormatFinding {
        line: finding.line.or(Some(line)),
        ..finding
    })?;
    Ok(ReadVersion {
        name,
        number,
        tags: tags.into_iter().map(|(tag, _)| tag).collect(),
        version: PromptFileVersion {
            body,
            number: Some(VersionNumber::new(number, 0)),
            message: Some(message.unwrap_or_else(|| format!("Langfuse version {number}"))),
            environments: Some(environments(labels)?),
        },
    })
}

/// Returns the texts of a list, with their lines.
fn names(node: Option<FileNode>, what: &str) -> Result<Vec<(String, usize)>, FormatFinding> {
    let Some(node) = node else {
        return Ok(Vec::new());
    };
    let NodeValue::List(items) = node.value else {
        return Err(FormatFinding::new(
            node.line,
            format!("{what} is not a list"),
        ));
    };
    let names = items.into_iter().map(|item| match item.value {
        NodeValue::Text(text) => Ok((text, item.line)),
        _ => {
            let text = format!("one of the {what} is not a text");
            Err(FormatFinding::new(item.line, text))
        }
    });
    names.collect()
}

fn environments(labels: Vec<(String, usize)>) -> Result<Vec<EnvironmentName>, FormatFinding> {
    let labels = labels.into_iter().filter(|(label, _)| label != NEWEST);
    let environments = labels.map(|(label, line)| {
        label
            .parse::<EnvironmentName>()
            .map_err(|error| FormatFinding::new(line, error.to_string()))
    });
    environments.collect()
}

fn message_of(
    node: FileNode,
    reader: &mut VariableReader<'_>,
) -> Result<ShownMessage, FormatFinding> {
    let line = node.line;
    if node.get("type").and_then(FileNode::as_text) == Some("placeholder") {
        let name = node
            .get("name")
            .and_then(FileNode::as_text)
            .unwrap_or_default();
        let text = format!("the placeholder {name} stands for messages, which a body cannot");
        reader.findings.push(FormatFinding::new(line, text));
        return Ok(ShownMessage::verbatim(node));
    }
    let NodeValue::Map(mut members) = node.value else {
        return Err(FormatFinding::new(line, "a message is not an object"));
    };
    let role = take(&mut members, "role").and_then(|role| role.as_text().map(str::to_owned));
    let Some(role) = role else {
        return Err(FormatFinding::new(line, "a message has no role"));
    };
    let content = take(&mut members, "content");
    let Some(text) = content.as_ref().and_then(FileNode::as_text) else {
        let line = content.map_or(line, |content| content.line);
        return Err(FormatFinding::new(
            line,
            "the content of a message is not a text",
        ));
    };
    if members
        .iter()
        .any(|(name, node)| name == "type" && node.as_text() == Some("chatmessage"))
    {
        take(&mut members, "type");
    }
    let line = content.as_ref().map_or(line, |content| content.line);
    let mut message = ShownMessage::new(role, convert(reader, text, line), line);
    message.more.with = members;
    Ok(message)
}

/// Returns a text with tags. All of it is in one line of the file.
fn convert(reader: &mut VariableReader<'_>, text: &str, line: usize) -> String {
    let before = reader.findings.len();
    let converted = reader.read(text, line);
    if text.contains(REFERENCE) {
        let text = "the text refers to another prompt, which a body can only by the id of a prompt";
        reader.findings.push(FormatFinding::new(line, text));
    }
    for finding in &mut reader.findings[before..] {
        finding.line = Some(line);
    }
    converted
}

/// Writes the versions of a prompt, oldest first.
pub(super) fn write(
    name: &str,
    content: &PromptContent,
    unsupported: Unsupported,
) -> Result<FormattedText, Vec<FormatFinding>> {
    let mut findings = Vec::new();
    let versions = content
        .versions
        .iter()
        .enumerate()
        .map(|(position, version)| {
            version_node(name, position + 1, version, &content.tags, &mut findings)
        });
    let mut versions: Vec<FileNode> = versions.collect();
    let root = match (versions.pop(), versions.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            versions.extend(last);
            FileNode::new(NodeValue::List(versions))
        }
    };
    let findings = settle(findings, unsupported)?;
    let text = pretty(&root.to_json()).trim_end().to_owned() + "\n";
    Ok(FormattedText { text, findings })
}

fn version_node(
    name: &str,
    number: usize,
    version: &PromptFileVersion,
    tags: &[String],
    findings: &mut Vec<FormatFinding>,
) -> FileNode {
    let mut parts = ChatParts::of(&version.body, ROLES);
    let mut own = OwnMember::default();
    let mut config = NodeMembers::new();
    for (name, value) in std::mem::take(&mut parts.rest) {
        if name == "messages" || name == OWN_MEMBER {
            own.body.push((name, value));
        } else {
            config.push((name, value));
        }
    }
    let shown = parts.messages.as_deref().unwrap_or_default();
    let messages = message_nodes(shown, SYNTAX, &mut own.types, findings);
    own.is_there = parts.messages.is_none();
    own.write_to(&mut config, &parts);
    let list = |texts: &mut dyn Iterator<Item = String>| {
        FileNode::new(NodeValue::List(texts.map(FileNode::text).collect()))
    };
    let labels = version.environments.iter().flatten();
    let message = version
        .message
        .clone()
        .filter(|message| !message.is_empty());
    FileNode::map(vec![
        ("name".into(), FileNode::text(name)),
        (
            "version".into(),
            FileNode::new(NodeValue::Number(number.to_string())),
        ),
        ("type".into(), FileNode::text("chat")),
        ("prompt".into(), FileNode::new(NodeValue::List(messages))),
        ("config".into(), FileNode::map(config)),
        (
            "labels".into(),
            list(&mut labels.map(|label| label.as_str().to_owned())),
        ),
        ("tags".into(), list(&mut tags.iter().cloned())),
        (
            "commitMessage".into(),
            message.map_or(FileNode::new(NodeValue::Null), FileNode::text),
        ),
    ])
}
