//! The format `prompt-yml`: GitHub Models' `.prompt.yml`.
//!
//! Described in
//! [Storing prompts in GitHub repositories](https://docs.github.com/en/github-models/use-github-models/storing-prompts-in-github-repositories),
//! and read by [gh-models](https://github.com/github/gh-models/blob/main/pkg/prompt/prompt.go):
//! `name`, `description`, `model`, `modelParameters` (`maxTokens`, `temperature`, `topP`),
//! `responseFormat`, `jsonSchema` (JSON as a text), `messages`, `testData` and `evaluators`. A
//! variable is `{{name}}`.

use super::chat::{ChatParts, ShownMessage};
use super::content::{FormattedText, PromptContent};
use super::finding::FormatFinding;
use super::node::{FileNode, NodeMembers, NodeValue, take};
use super::own_member::{OWN_MEMBER, OwnMember};
use super::sections::{self, message_nodes, role_and_rest};
use super::unsupported::Unsupported;
use super::variables::{VariableReader, VariableSyntax, settle};
use super::{yaml_read, yaml_write};
use crate::json::{JsonTree, pretty};
use crate::model::body::Body;

const ROLES: &[&str] = &["system", "user", "assistant"];

/// The parameters of a model: their names in a body and in a file.
const PARAMETERS: &[(&str, &str)] = &[
    ("max_tokens", "maxTokens"),
    ("temperature", "temperature"),
    ("top_p", "topP"),
];

const SYNTAX: VariableSyntax = VariableSyntax::Mustache;

/// Reads a file.
pub(super) fn read(
    text: &str,
    unsupported: Unsupported,
) -> Result<PromptContent, Vec<FormatFinding>> {
    let yaml = yaml_read::read(text, 1).map_err(|finding| vec![finding])?;
    let mut findings = Vec::new();
    if let Some(line) = yaml.comments.first() {
        findings.push(stays("a comment", *line));
    }
    let (parts, unread) = parts(yaml.root, &mut findings).map_err(|finding| vec![finding])?;
    sections::content(parts, findings, unread, unsupported)
}

fn stays(what: &str, line: usize) -> FormatFinding {
    FormatFinding::stays(what, line)
}

/// Returns the body of a file in parts, and what its texts contain that is not carried.
fn parts(
    root: FileNode,
    findings: &mut Vec<FormatFinding>,
) -> Result<(ChatParts, Vec<FormatFinding>), FormatFinding> {
    let line = root.line;
    let NodeValue::Map(mut members) = root.value else {
        return Err(FormatFinding::new(
            line,
            "the file is not a mapping with messages",
        ));
    };
    let own = OwnMember::of(take(&mut members, OWN_MEMBER))?;
    let mut reader = VariableReader::new(SYNTAX, &own.types);
    let mut parts = ChatParts::default();
    let schema = take(&mut members, "jsonSchema");
    let mut response_format = None;
    for (name, node) in members {
        match name.as_str() {
            "model" => parts.rest.push((name, node)),
            "modelParameters" => parameters(node, &mut parts.rest, findings)?,
            "responseFormat" => response_format = Some(node),
            "messages" => parts.messages = Some(messages(node, &mut reader)?),
            other => findings.push(stays(other, node.line)),
        }
    }
    if let Some(format) = response_of(response_format, schema)? {
        parts.rest.push(("response_format".into(), format));
    }
    if parts.messages.is_none() && !own.is_there {
        return Err(FormatFinding::new(line, "the file has no messages"));
    }
    let unread = reader.findings;
    own.add_to(&mut parts)?;
    Ok((parts, unread))
}

fn parameters(
    node: FileNode,
    body: &mut NodeMembers,
    findings: &mut Vec<FormatFinding>,
) -> Result<(), FormatFinding> {
    let NodeValue::Map(members) = node.value else {
        return Err(FormatFinding::new(
            node.line,
            "modelParameters is not a mapping",
        ));
    };
    for (name, value) in members {
        match PARAMETERS.iter().find(|(_, file)| *file == name) {
            Some((body_name, _)) => body.push(((*body_name).to_owned(), value)),
            None => findings.push(stays(&format!("modelParameters.{name}"), value.line)),
        }
    }
    Ok(())
}

fn messages(
    node: FileNode,
    reader: &mut VariableReader<'_>,
) -> Result<Vec<ShownMessage>, FormatFinding> {
    let NodeValue::List(items) = node.value else {
        return Err(FormatFinding::new(node.line, "messages is not a list"));
    };
    let messages = items.into_iter().map(|item| {
        let line = item.line;
        let (role, mut members) = role_and_rest(item)?;
        // gh-models reads roles in any letter case.
        let lower = role.to_ascii_lowercase();
        let role = if ROLES.contains(&lower.as_str()) {
            lower
        } else {
            role
        };
        let content = take(&mut members, "content");
        let line = content.as_ref().map_or(line, |content| content.line);
        let text = match content.map(|content| content.value) {
            Some(NodeValue::Text(text)) => text,
            Some(NodeValue::Number(number)) => number,
            None | Some(NodeValue::Null) => String::new(),
            Some(_) => {
                return Err(FormatFinding::new(
                    line,
                    "the content of a message is not a text",
                ));
            }
        };
        let mut message = ShownMessage::new(role, reader.read(&text, line), line);
        message.more.with = members;
        Ok(message)
    });
    messages.collect()
}

/// Returns the member `response_format` of a body.
fn response_of(
    format: Option<FileNode>,
    schema: Option<FileNode>,
) -> Result<Option<FileNode>, FormatFinding> {
    let Some(format) = format else {
        return match schema {
            Some(schema) => {
                let text = "jsonSchema needs responseFormat: json_schema";
                Err(FormatFinding::new(schema.line, text))
            }
            None => Ok(None),
        };
    };
    let mut members = vec![("type".to_owned(), format.clone())];
    match (format.as_text(), schema) {
        (Some("json_schema"), Some(schema)) => {
            let text = schema
                .as_text()
                .filter(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
            let Some(text) = text else {
                let text = "jsonSchema is not a text of JSON";
                return Err(FormatFinding::new(schema.line, text));
            };
            members.push(("json_schema".into(), FileNode::of_json(&JsonTree::of(text))));
        }
        (Some("json_schema"), None) => {
            let text = "responseFormat: json_schema needs jsonSchema";
            return Err(FormatFinding::new(format.line, text));
        }
        (Some("text" | "json_object"), None) => {}
        (Some(_), Some(schema)) => {
            let text = "jsonSchema needs responseFormat: json_schema";
            return Err(FormatFinding::new(schema.line, text));
        }
        _ => {
            let text = "responseFormat is not text, json_object or json_schema";
            return Err(FormatFinding::new(format.line, text));
        }
    }
    Ok(Some(FileNode::map(members)))
}

/// Writes a body.
pub(super) fn write(
    body: &Body,
    unsupported: Unsupported,
) -> Result<FormattedText, Vec<FormatFinding>> {
    let mut parts = ChatParts::of(body, ROLES);
    let mut own = OwnMember::default();
    let mut members = NodeMembers::new();
    let mut parameters = NodeMembers::new();
    let mut response = NodeMembers::new();
    for (name, value) in std::mem::take(&mut parts.rest) {
        let parameter = PARAMETERS.iter().find(|(body, _)| *body == name);
        match (name.as_str(), &value.value, parameter) {
            ("model", NodeValue::Text(_), _) => members.push((name, value)),
            (_, NodeValue::Number(_), Some((_, file))) => {
                parameters.push(((*file).to_owned(), value));
            }
            ("response_format", _, _) => match shown_response(&value) {
                Some(shown) => response = shown,
                None => own.body.push((name, value)),
            },
            _ => own.body.push((name, value)),
        }
    }
    if !parameters.is_empty() {
        members.push(("modelParameters".into(), FileNode::map(parameters)));
    }
    members.append(&mut response);
    let mut findings = Vec::new();
    match &parts.messages {
        Some(messages) => {
            let list = message_nodes(messages, SYNTAX, &mut own.types, &mut findings);
            let list = FileNode::new(NodeValue::List(list));
            members.push(("messages".into(), list));
        }
        // The file says that it has no messages.
        None => own.is_there = true,
    }
    own.write_to(&mut members, &parts);
    let findings = settle(findings, unsupported)?;
    let mut text = String::new();
    yaml_write::write_members(&members, &mut text);
    Ok(FormattedText { text, findings })
}

/// Returns a response format as members of a file, if the format can express it.
fn shown_response(format: &FileNode) -> Option<NodeMembers> {
    let kind = format.get("type")?;
    let mut members = vec![("responseFormat".to_owned(), kind.clone())];
    match (kind.as_text()?, format.as_map()?.len()) {
        ("text" | "json_object", 1) => {}
        ("json_schema", 2) => {
            let schema = format.get("json_schema")?;
            schema.as_map()?;
            members.push((
                "jsonSchema".into(),
                FileNode::text(pretty(&schema.to_json())),
            ));
        }
        _ => return None,
    }
    Some(members)
}
