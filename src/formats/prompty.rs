//! The format `prompty`: `.prompty` files.
//!
//! Described by the [schema of its front matter](https://github.com/microsoft/prompty/blob/main/Prompty.yaml)
//! and, for version 2, by [its package](https://pypi.org/project/prompty/). The template is Jinja:
//! a line `system:` begins a message, and text before the first one is of the system.

use std::collections::BTreeMap;

use super::chat::ChatParts;
use super::content::{FormattedText, PromptContent};
use super::declared::{declare, take_declared};
use super::finding::FormatFinding;
use super::front_matter;
use super::node::{FileNode, NodeMembers, NodeValue, take};
use super::own_member::{OWN_MEMBER, OwnMember};
use super::sections::{self, TemplateSection};
use super::unsupported::Unsupported;
use super::variables::{VariableReader, VariableSyntax};
use crate::model::body::Body;

const ROLES: &[&str] = &[
    "system",
    "developer",
    "user",
    "assistant",
    "function",
    "tool",
];

/// Reads a file.
pub(super) fn read(
    text: &str,
    unsupported: Unsupported,
) -> Result<PromptContent, Vec<FormatFinding>> {
    let text = text.replace("\r\n", "\n");
    let one = |finding| vec![finding];
    let front = front_matter::cut(&text).map_err(one)?.ok_or_else(|| {
        let reason = "the file does not begin with front matter: a line ---, YAML, and a line ---";
        vec![FormatFinding::new(1, reason)]
    })?;
    let (mut members, mut findings) = (front.members, front.findings);
    let mut parts = ChatParts::default();
    let mut own = OwnMember::of(take(&mut members, OWN_MEMBER)).map_err(one)?;
    let mut types = std::mem::take(&mut own.types);
    let mut syntax = VariableSyntax::Jinja;
    for (name, node) in members {
        match name.as_str() {
            "model" => model(node, &mut parts.rest, &mut findings),
            "inputs" => inputs(node, &mut types, &mut findings),
            "template" => {
                if node.to_json().contains("mustache") {
                    syntax = VariableSyntax::Mustache;
                }
            }
            name => findings.push(stays(name, node.line)),
        }
    }
    let mut reader = VariableReader::new(syntax, &types);
    let messages = sections::messages(cut(front.rest, front.line), &mut reader);
    if messages.is_empty() && !own.is_there {
        let text = "the file has no message; write a text after the front matter";
        return Err(vec![FormatFinding::new(None, text)]);
    }
    parts.messages = (!messages.is_empty()).then_some(messages);
    let mut unread = reader.findings;
    unread.append(&mut files(front.rest, front.line));
    own.add_to(&mut parts).map_err(one)?;
    sections::content(parts, findings, unread, unsupported)
}

fn stays(what: &str, line: usize) -> FormatFinding {
    FormatFinding::stays(what, line)
}

/// Reads the model: its name, and the parameters, which are members of a body.
fn model(node: FileNode, body: &mut NodeMembers, findings: &mut Vec<FormatFinding>) {
    let members = match node.value {
        NodeValue::Map(members) => members,
        NodeValue::Text(_) => {
            body.push(("model".into(), node));
            return;
        }
        _ => return findings.push(stays("model", node.line)),
    };
    for (name, node) in members {
        match (name.as_str(), node.value) {
            ("api", NodeValue::Text(api)) if api == "chat" => {}
            ("id", value @ NodeValue::Text(_)) => {
                body.push(("model".into(), FileNode::new(value)));
            }
            // A parameter is a member of the request, as is an option of version 2.
            ("parameters" | "options", NodeValue::Map(parameters)) => body.extend(parameters),
            ("configuration", NodeValue::Map(configuration)) => {
                for (name, node) in configuration {
                    match name.as_str() {
                        "name" | "azure_deployment" => body.push(("model".into(), node)),
                        "type" if node.as_text() == Some("openai") => {}
                        name => {
                            let name = format!("model.configuration.{name}");
                            findings.push(stays(&name, node.line));
                        }
                    }
                }
            }
            (name, _) => findings.push(stays(&format!("model.{name}"), node.line)),
        }
    }
    // One name of a model is enough.
    if let Some(first) = take(body, "model") {
        while take(body, "model").is_some() {}
        body.insert(0, ("model".into(), first));
    }
}

/// Reads the inputs: a mapping of version 1, or a list of version 2.
fn inputs(node: FileNode, types: &mut BTreeMap<String, String>, findings: &mut Vec<FormatFinding>) {
    match node.value {
        NodeValue::Map(inputs) => {
            for (name, input) in inputs {
                match (&input.value, input.get("type")) {
                    (_, Some(kind)) => {
                        declare(types, findings, &name, kind);
                        others(&name, &input, &["type"], findings);
                    }
                    // A value is an example of its type.
                    (NodeValue::Number(_), _) => {
                        types.entry(name).or_insert("number".to_owned());
                    }
                    (NodeValue::Bool(_), _) => {
                        types.entry(name).or_insert("boolean".to_owned());
                    }
                    _ => findings.push(stays(&format!("the input {name}"), input.line)),
                }
            }
        }
        NodeValue::List(inputs) => {
            for input in inputs {
                match (
                    input.get("name").and_then(FileNode::as_text),
                    input.get("kind"),
                ) {
                    (Some(name), Some(kind)) => {
                        declare(types, findings, name, kind);
                        others(name, &input, &["name", "kind"], findings);
                    }
                    _ => findings.push(stays("an input", input.line)),
                }
            }
        }
        _ => findings.push(stays("inputs", node.line)),
    }
}

/// Reports the other members of an input.
fn others(name: &str, input: &FileNode, known: &[&str], findings: &mut Vec<FormatFinding>) {
    let members = input.as_map().into_iter().flatten();
    for (member, node) in members.filter(|(member, _)| !known.contains(&member.as_str())) {
        findings.push(stays(&format!("{member} of the input {name}"), node.line));
    }
}

/// Returns the images and files in a template, which become parts of a message.
fn files(text: &str, first_line: usize) -> Vec<FormatFinding> {
    let lines = text.split('\n').enumerate();
    let lines = lines.filter(|(_, line)| {
        line.trim_start().starts_with("![thread]")
            || line.split("![").skip(1).any(|rest| rest.contains("]("))
    });
    let found = lines.map(|(position, _)| {
        let text = "an image, a file or a thread has no place in a text";
        FormatFinding::new(first_line + position, text)
    });
    found.collect()
}

/// Cuts a template at the lines with a role.
fn cut(text: &str, first_line: usize) -> Vec<TemplateSection<'_>> {
    let mut sections = Vec::new();
    let (mut role, mut start, mut start_line) = ("system", 0, first_line);
    let (mut at, mut is_first) = (0, true);
    let mut push = |role, start: usize, end: usize, line, is_first: bool| {
        let section: &str = &text[start..end];
        if !is_first || !section.trim().is_empty() {
            sections.push(TemplateSection {
                role,
                text: section,
                line,
            });
        }
    };
    for (position, line) in text.split_inclusive('\n').enumerate() {
        if let Some(next) = role_of(line) {
            push(role, start, at, start_line, is_first);
            (role, start, is_first) = (next, at + line.len(), false);
            start_line = first_line + position + 1;
        }
        at += line.len();
    }
    push(role, start, text.len(), start_line, is_first);
    sections
}

/// Returns the role of a line such as `system:` or `# User:`, without attributes.
fn role_of(line: &str) -> Option<&'static str> {
    let line = line.trim();
    let line = line.strip_prefix('#').unwrap_or(line).trim_start();
    let name = line.strip_suffix(':')?.trim_end();
    let mut roles = ROLES.iter().copied();
    roles.find(|role| role.eq_ignore_ascii_case(name))
}

/// Writes a body.
pub(super) fn write(
    body: &Body,
    unsupported: Unsupported,
) -> Result<FormattedText, Vec<FormatFinding>> {
    let mut parts = ChatParts::of(body, ROLES);
    let mut own = OwnMember::default();
    let mut model = vec![("api".to_owned(), FileNode::text("chat"))];
    let mut parameters = NodeMembers::new();
    for (name, value) in std::mem::take(&mut parts.rest) {
        match (name.as_str(), &value.value) {
            ("model", NodeValue::Text(_)) => {
                let configuration = vec![
                    ("type".to_owned(), FileNode::text("openai")),
                    ("name".to_owned(), value),
                ];
                model.push(("configuration".into(), FileNode::map(configuration)));
            }
            ("model" | "messages", _) => own.body.push((name, value)),
            _ => parameters.push((name, value)),
        }
    }
    if !parameters.is_empty() {
        model.push(("parameters".into(), FileNode::map(parameters)));
    }
    let mut front = vec![("model".to_owned(), FileNode::map(model))];
    let mut findings = Vec::new();
    let template = sections::template(
        &mut parts,
        VariableSyntax::Jinja,
        &mut own.types,
        &mut findings,
        |role| format!("{role}:"),
    );
    let inputs = take_declared(&mut own.types)
        .into_iter()
        .map(|(name, kind)| {
            let kind = vec![("type".to_owned(), FileNode::text(kind))];
            (name, FileNode::map(kind))
        });
    let inputs: NodeMembers = inputs.collect();
    if !inputs.is_empty() {
        front.push(("inputs".into(), FileNode::map(inputs)));
    }
    own.is_there = parts.messages.is_none();
    own.write_to(&mut front, &parts);
    sections::finish(body, &front, &template, findings, unsupported, |text| {
        read(text, Unsupported::Refuse)
    })
}
